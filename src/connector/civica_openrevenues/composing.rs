//! What a lookup learnt, as one record. The system's own names are kept for its own values; what we worked
//! out stands in attributes that begin small.

use chrono::NaiveDate;

use super::ledger::{self, Direction};
use super::reply::{Reply, is_yes};
use super::writing::{REFERENCE, Writing};
use crate::record::document::NodeId;

/// A person as the account list shows them, with the best of each number.
pub fn person(writing: &mut Writing, accounts: &Reply) {
    writing.open("Person");
    if let Some(name) = accounts.find("PersonName") {
        writing.inside(accounts, name, &[]);
    }
    if let Some(details) = accounts.find("PersonalDetails") {
        let is_numberless = accounts
            .find("PersonName")
            .is_none_or(|name| accounts.text_below(name, "NINo").is_empty());
        if is_numberless {
            writing.said("NINo", accounts.text_below(details, "NINo"));
        }
        writing.said("TelephoneNumber", first(accounts, "TelephoneNumber"));
        writing.said("MobileNumber", first(accounts, "MobileNumber"));
        writing.said("Email", email(accounts));
    }
    if let Some(addresses) = accounts.find("ExternalAddresses")
        && accounts.elements(addresses).next().is_some()
    {
        writing.open("ExternalAddresses").content_of(accounts, addresses, &[]).close();
    }
    writing.close();
}

/// The one with the lowest priority number; those without come last.
fn first<'r>(reply: &'r Reply, name: &str) -> &'r str {
    let all = reply.all(name).into_iter().filter(|node| !reply.text(*node).is_empty());
    let best = all.min_by_key(|node| priority(reply.attribute(*node, "Priority")));
    best.map_or("", |node| reply.text(node))
}

fn email(reply: &Reply) -> &str {
    let contacts = reply.all("contact_type").into_iter().filter(|node| {
        let kind = reply.attribute(*node, "contact_type");
        kind.eq_ignore_ascii_case("email") || kind.eq_ignore_ascii_case("e-mail")
    });
    let best = contacts.min_by_key(|node| priority(reply.attribute(*node, "priority")));
    best.map_or("", |node| match reply.attribute(node, "details") {
        "" => reply.text(node),
        details => details,
    })
}

fn priority(text: &str) -> u32 {
    text.parse().unwrap_or(u32::MAX)
}

/// The account as its list shows it: status, balance and address.
pub fn of_list(writing: &mut Writing, accounts: &Reply, row: NodeId) {
    writing.content_of(accounts, row, &[]);
}

/// The account itself and its years: the one that money of this day belongs to as `Year`, the rest as
/// `OtherYear`, the newest first. The order that they came in says nothing.
pub fn detail(writing: &mut Writing, detail: &Reply, today: NaiveDate) -> Option<i32> {
    let node = detail.find("CtaxDetails")?;
    writing.open("Details").inside(detail, node, &["FinancialDetails"]).close();
    let mut years: Vec<(i32, NodeId)> = detail
        .all("RecYrTotals")
        .into_iter()
        .filter_map(|node| Some((detail.attribute(node, "Year").parse().ok()?, node)))
        .collect();
    years.sort_by_key(|(year, _)| std::cmp::Reverse(*year));
    let now = ledger::year_of_money(today);
    let at = years.iter().position(|(year, _)| *year <= now).or(years.len().checked_sub(1))?;
    let (current, node) = years.remove(at);
    // What is owed from the years before it, which the system does not add up.
    let before = years.iter().filter(|(year, _)| *year < current);
    let owed = before.filter_map(|(_, node)| {
        ledger::pence(detail.text_below(*node, "BalanceOutstanding")).map(|pence| pence.value())
    });
    let arrears = owed.fold(0i64, i64::saturating_add);
    writing.open("Year").attribute("arrears", &ledger::pounds(arrears));
    year(writing, detail, node);
    for (_, node) in years {
        writing.open("OtherYear");
        year(writing, detail, node);
    }
    Some(current)
}

/// A year's sums, with the stage that it came to last.
fn year(writing: &mut Writing, detail: &Reply, node: NodeId) {
    if let Some(paid) = ledger::paid(detail.text_below(node, "TotalPayments")) {
        writing.attribute("paid", &paid);
    }
    if let Some(arrangement) = ledger::arrangement(detail.text_below(node, "SparNo")) {
        writing.attribute("arrangement", arrangement);
    }
    let summaries = detail.elements(node).filter(|one| detail.name(*one) == "RecYrSummary");
    let stages = summaries.filter_map(|summary| detail.below(summary, "Stage"));
    // The last of those of one day, as they stand.
    let latest = stages.max_by_key(|stage| ledger::day(detail.attribute(*stage, "StageDate")));
    if let Some(stage) = latest {
        writing.attribute("stage", detail.attribute(stage, "StageCode"));
    }
    writing.content_of(detail, node, &[]).close();
}

/// The entries of a ledger by their numbers, each once. Two that are alike but for their number are two.
pub fn transactions(writing: &mut Writing, reply: &Reply) {
    let mut entries: Vec<(u64, NodeId)> = Vec::new();
    for node in reply.all("Transaction") {
        let number = reply.attribute(node, "Number");
        let again = |(_, known): &(u64, NodeId)| {
            !number.is_empty() && reply.attribute(*known, "Number") == number
        };
        if !entries.iter().any(again) {
            entries.push((number.parse().unwrap_or(u64::MAX), node));
        }
    }
    entries.sort_by_key(|(number, _)| *number);
    writing.open("Transactions");
    for (_, node) in entries {
        let kind = reply.attribute(node, "TranType");
        let direction = Direction::of(kind, reply.text_below(node, "Amount"));
        writing.open("Transaction").attribute("direction", direction.word());
        writing.content_of(reply, node, &[]).close();
    }
    writing.close();
}

/// A plan of instalments, each with what is to be paid of it, without the sign.
pub fn instalments(writing: &mut Writing, reply: &Reply) {
    writing.open("Instalments");
    writing.said("PaymentMethod", reply.find("PaymentMethod").map_or("", |node| reply.text(node)));
    for (number, node) in (1..).zip(reply.all("Instalment")) {
        writing.open("Instalment").attribute("number", &format!("{number}"));
        if let Some(owed) = ledger::owed(reply.attribute(node, "AmountDue")) {
            writing.attribute("owed", &owed);
        }
        writing.content_of(reply, node, &[]).close();
    }
    writing.close();
}

/// The property that is the account's now as `Property`, the rest as `OtherProperty`. Each element
/// `Places` is one, whatever its name says.
pub fn properties(writing: &mut Writing, reply: &Reply) {
    let all = reply.all("Places");
    let is_current = |node: &NodeId| {
        let status = reply.text_below(*node, "PropertyStatus");
        status.eq_ignore_ascii_case("current") || is_yes(status)
    };
    let current = all.iter().position(is_current).or((all.len() == 1).then_some(0));
    for (at, node) in all.into_iter().enumerate() {
        writing.open(if Some(at) == current { "Property" } else { "OtherProperty" });
        let town = ["Address5", "Address4", "Address3", "Address2"]
            .into_iter()
            .map(|name| reply.text_below(node, name))
            .find(|line| !line.is_empty());
        if let Some(town) = town {
            writing.attribute("town", town);
        }
        writing.content_of(reply, node, &[]).close();
    }
}

/// Bills and letters that belong to one of these references, with the financial year of a bill. Whether
/// somebody looked at one is no news.
pub fn documents(writing: &mut Writing, reply: &Reply, of: &[&str]) {
    for node in reply.all("Document") {
        let reference = reply.text_below(node, "Ref1");
        if !of.contains(&reference) {
            continue;
        }
        writing.open("Document");
        let is_bill = reply.attribute(node, "type").eq_ignore_ascii_case("bill");
        if let Some(day) = ledger::day(reply.attribute(node, "datecreated")).filter(|_| is_bill) {
            writing.attribute("year", &ledger::year_of_bill(day).to_string());
        }
        writing.content_of(reply, node, &["downloaded"]).close();
    }
}

/// What was paid of a benefit: the list is left out where there was nothing.
pub fn payments(writing: &mut Writing, name: &'static str, reply: &Reply) {
    writing.open(name);
    for node in reply.all("PaymentDetails") {
        writing.open("PaymentDetails").content_of(reply, node, &[]).close();
    }
    writing.close();
}

/// A claim as its own reply has it.
pub fn claim(writing: &mut Writing, reply: &Reply) {
    if let Some(node) = reply.find("HBClaimDetails") {
        writing.open("Details").inside(reply, node, &["Error"]).close();
    }
}

/// The reference that an account's row of a list has.
pub fn reference_of(accounts: &Reply, row: NodeId) -> &str {
    accounts.attribute(row, REFERENCE)
}
