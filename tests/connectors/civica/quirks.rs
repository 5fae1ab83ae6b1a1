//! What OpenRevenues does that nobody would expect, by the numbers of the sheet of quirks. What is worked out
//! of texts alone (8, 10, 11, 12, 13, 16) is tested beside its code as well.

use std::sync::Arc;

use chrono::NaiveDate;
use viaduct::connector::channel::ConnectorError;
use viaduct::connector::civica_openrevenues::OpenRevenues;
use viaduct::connector::civica_openrevenues::fault::Fault;
use viaduct::connector::civica_openrevenues::lookup::{Composed, Lookup};
use viaduct::connector::civica_openrevenues::operations::Payments;
use viaduct::connector::civica_openrevenues::people::Unit;
use viaduct::connector::civica_openrevenues::settings::{Module, Parts};
use viaduct::sandbox::civica_openrevenues::state::SignedOut;

use super::Bench;

const ALL: Parts = Parts {
    transactions: true,
    instalments: true,
    properties: true,
    documents: true,
    payments: true,
};

fn november() -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 11, 26).unwrap()
}

fn lookup(open: &OpenRevenues, module: Module, today: NaiveDate) -> Lookup {
    Lookup { sessions: Arc::clone(open.sessions()), module, parts: ALL, today, known: None }
}

/// The only record of one person.
async fn only(open: &OpenRevenues, module: Module, person: &str) -> Composed {
    let records = all(&lookup(open, module, november()), person).await.unwrap();
    assert_eq!(records.len(), 1, "{person}");
    records.into_iter().next().unwrap()
}

async fn all(lookup: &Lookup, person: &str) -> Result<Vec<Composed>, ConnectorError> {
    let unit = Unit { account: None, people: vec![person.to_owned()] };
    lookup.of(&unit).await.map(|found| found.records).map_err(Fault::of_poll)
}

/// Whoever is liable first for the account of that number.
fn liable(number: u32) -> String {
    format!("99{:07}", number * 4 + 1)
}

fn account(number: u32) -> String {
    format!("99{number:07}")
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
    let rest = text.split_once(from).unwrap_or_else(|| panic!("no {from} in {text}")).1;
    rest.split_once(to).unwrap().0
}

#[tokio::test]
async fn quirk_01_a_sign_in_is_taken_by_5_and_a_person_by_words() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    // Even households are told in the one wording, odd ones in the other.
    for number in [0, 1] {
        assert!(open.sessions().pin(&liable(number)).await.unwrap().is_some(), "{number}");
    }
    // Whoever is not there is not there: nobody signs in again for it.
    assert!(open.sessions().pin("990099999").await.unwrap().is_none());
    let counts = bench.sandbox.counts();
    assert!(counts.sign_ins <= 3 && counts.refused == 0, "{counts:?}");
    assert!(open.sessions().is_up().await.unwrap());
}

#[tokio::test]
async fn quirk_02_what_takes_no_account_answers_for_the_one_that_was_looked_at() {
    let bench = Bench::of(30).await;
    let open = bench.open("sessions = 1");
    for number in [3, 4, 3, 5] {
        let record = only(&open, Module::CouncilTax, &liable(number)).await;
        assert_eq!(record.key, format!("{}/{}", liable(number), account(number)));
        let place = between(&record.text, "<Property", "</Property>");
        assert!(place.contains(&format!("<PlaceRef>{:09}</PlaceRef>", number + 1)), "{place}");
    }
    assert_eq!(bench.sandbox.counts().sign_ins, 1, "one session served them all in turn");
}

#[tokio::test]
async fn quirk_04_a_session_that_is_over_is_signed_in_once_more() {
    for how in [
        SignedOut::LoggedInFalse,
        SignedOut::Html,
        SignedOut::Another,
        SignedOut::SoapFault,
        SignedOut::Nothing,
    ] {
        let bench = Bench::of(30).await;
        let whole = only(&bench.open(""), Module::CouncilTax, &liable(6)).await;
        // Person, list, account and ledger; then, on the next, person, account, and the rest.
        bench.sandbox.behave(|behaviour| {
            behaviour.calls_max = Some(6);
            behaviour.signed_out = how;
        });
        let open = bench.open("sessions = 1");
        let record = only(&open, Module::CouncilTax, &liable(6)).await;
        assert!(record == whole, "{how:?}: {}\n{}", record.text, whole.text);
        // A third sign-in in one lookup is none of ours.
        bench.sandbox.behave(|behaviour| behaviour.calls_max = Some(3));
        let before = bench.sandbox.counts().sign_ins;
        let open = bench.open("sessions = 1");
        let error = all(&lookup(&open, Module::CouncilTax, november()), &liable(6)).await;
        match error {
            Err(ConnectorError::Unavailable { cause, .. }) => {
                assert!(cause.contains("after a new sign-in"), "{how:?}: {cause}");
            }
            other => panic!("{how:?}: {other:?}"),
        }
        assert_eq!(bench.sandbox.counts().sign_ins - before, 2, "{how:?}");
    }
}

#[tokio::test]
async fn quirk_04_a_session_that_nobody_used_is_signed_in_anew() {
    let bench = Bench::of(30).await;
    let open = bench.open("sessions = 1");
    only(&open, Module::CouncilTax, &liable(6)).await;
    bench.later(21 * 60_000);
    only(&open, Module::CouncilTax, &liable(7)).await;
    bench.sandbox.forget_sessions();
    only(&open, Module::CouncilTax, &liable(8)).await;
    assert_eq!(bench.sandbox.counts().sign_ins, 3);
}

#[tokio::test]
async fn quirk_05_blanks_go_and_a_reference_is_spelt_one_way() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    let tax = only(&open, Module::CouncilTax, &liable(6)).await;
    let benefit = only(&open, Module::Benefits, &liable(6)).await;
    assert!(tax.text.contains(&format!("CtaxActRef=\"{}\"", account(6))));
    assert!(benefit.text.contains(&format!("CTX CtaxActRef=\"{}\"", account(6))));
    assert!(benefit.text.contains(&format!("OnAct=\"N\" CtaxActRef=\"{}\"", account(6))));
    for record in [&tax, &benefit] {
        assert!(!record.text.contains("CtxActRef") && !record.text.contains("CTXActRef"));
        assert!(!record.text.contains(" \"") && !record.text.contains("> "), "{}", record.text);
    }
    assert!(tax.key.ends_with(&account(6)) && !benefit.key.contains(' '), "{}", benefit.key);
}

#[tokio::test]
async fn quirk_06_one_name_has_two_shapes_and_may_hold_an_error() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    let record = only(&open, Module::Benefits, &liable(3)).await;
    assert!(record.text.contains("ClaimNumber=\"9800003\""), "{}", record.text);
    assert!(record.text.contains("<HBClaimRef>9800003</HBClaimRef>"), "{}", record.text);
    bench.sandbox.behave(|behaviour| behaviour.errs_at = Some("9800003".to_owned()));
    let record = only(&open, Module::Benefits, &liable(3)).await;
    assert_eq!(record.fault.map(|(code, _)| code), Some("civica.error"));
    // Nobody else is held for it.
    assert_eq!(only(&open, Module::Benefits, &liable(6)).await.fault, None);
}

#[tokio::test]
async fn quirk_07_an_element_in_the_plural_is_one_property() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    // No list, one, and two of which one was left long ago.
    for (number, now, before) in [(12, 0, 0), (1, 1, 0), (5, 1, 1)] {
        let text = only(&open, Module::CouncilTax, &liable(number)).await.text;
        let found = (text.matches("<Property ").count(), text.matches("<OtherProperty").count());
        assert_eq!(found, (now, before), "{number}: {text}");
    }
    let text = only(&open, Module::CouncilTax, &liable(5)).await.text;
    assert!(between(&text, "<OtherProperty", "</OtherProperty>").contains("1 Earlier Street"));
}

#[tokio::test]
async fn quirk_08_instalments_are_what_is_owed_and_an_entry_goes_its_way() {
    let bench = Bench::of(30).await;
    let text = only(&bench.open(""), Module::CouncilTax, &liable(1)).await.text;
    let first = between(&text, "<Instalment ", "/>");
    let amount = between(first, "AmountDue=\"-", "\"");
    assert!(first.contains(&format!("owed=\"{amount}\"")), "{first}");
    let entry = |kind: &str| {
        let entries = text.split("<Transaction ").skip(1);
        let mut found = entries.filter(|one| one.contains(kind));
        found.next().unwrap_or_else(|| panic!("no {kind} in {text}")).to_owned()
    };
    assert!(entry("TranType=\"Charge\"").contains("direction=\"debit\""));
    assert!(entry("TranType=\"PAYMENTS\"").contains("direction=\"credit\""));
    let untyped = text.split("<Transaction ").skip(1).find(|one| !one.contains("TranType"));
    assert!(untyped.is_some_and(|one| one.contains("direction=\"unknown\"")), "{text}");
}

#[tokio::test]
async fn quirk_09_two_equal_payments_of_one_day_are_two() {
    let bench = Bench::of(30).await;
    let text = only(&bench.open(""), Module::CouncilTax, &liable(1)).await.text;
    let mut payments: Vec<(&str, &str)> = text
        .split("<Transaction ")
        .skip(1)
        .filter(|one| one.contains("PAYMENTS"))
        .map(|one| (between(one, "NumericEquiv=\"", "\""), between(one, "<Amount>", "</Amount>")))
        .collect();
    let many = payments.len();
    payments.sort_unstable();
    payments.dedup();
    assert!(many >= 3 && payments.len() == many - 1, "{payments:?}");
}

#[tokio::test]
async fn quirk_10_the_last_stage_is_the_last_by_its_day() {
    let bench = Bench::of(60).await;
    let open = bench.open("");
    // As texts 12-03-2026 comes behind 02/06/2026.
    let mut stages = Vec::new();
    for number in 0..60 {
        let text = only(&open, Module::CouncilTax, &liable(number)).await.text;
        stages.push(between(&text, "stage=\"", "\"").to_owned());
    }
    assert!(stages.iter().any(|stage| stage != "BIL"), "{stages:?}");
}

#[tokio::test]
async fn quirk_11_money_turns_in_april_and_a_bill_of_march_is_the_next_years() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    let in_march = NaiveDate::from_ymd_opt(2026, 3, 31).unwrap();
    for (today, year, other) in [(november(), "2026", "2025"), (in_march, "2025", "2026")] {
        let records = all(&lookup(&open, Module::CouncilTax, today), &liable(1)).await.unwrap();
        let text = &records[0].text;
        assert!(between(text, "<Year ", ">").contains(&format!("Year=\"{year}\"")), "{text}");
        assert!(between(text, "<OtherYear ", ">").contains(&format!("Year=\"{other}\"")), "{text}");
        assert!(
            text.contains("<Document year=\"2026\" id=\"DOC0000010\" datecreated=\"12/03/2026\"")
        );
        assert!(
            text.contains("<Document year=\"2025\" id=\"DOC0000011\" datecreated=\"02/10/2025\"")
        );
    }
}

#[tokio::test]
async fn quirk_13_no_arrangement_however_it_is_written_is_none() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    for (number, arrangement) in [(0, None), (1, None), (2, None), (3, Some("7"))] {
        let text = only(&open, Module::CouncilTax, &liable(number)).await.text;
        let year = between(&text, "<Year ", ">");
        let found =
            year.split_once("arrangement=\"").map(|(_, rest)| rest.split_once('"').unwrap().0);
        assert_eq!(found, arrangement, "{number}");
    }
}

#[tokio::test]
async fn quirk_14_a_list_that_is_left_out_and_a_document_without_bytes_are_empty() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    let mut pinned = open.sessions().pin(&liable(3)).await.unwrap().unwrap();
    assert_eq!(
        pinned.payments(Payments::HousingBenefit).await.unwrap().all("PaymentDetails").len(),
        1
    );
    let none = pinned.payments(Payments::CouncilTaxSupport).await.unwrap();
    assert_eq!(none.all("PaymentDetails").len(), 0);
    assert_eq!(pinned.documents().await.unwrap().all("Document").len(), 2);
    let pdf = pinned.document("DOC0000030").await.unwrap();
    assert!(pdf.is_some_and(|bytes| bytes.starts_with(b"%PDF")));
    assert_eq!(pinned.document("DOC0000101").await.unwrap(), None);
    // And a year's sums alone.
    let mut selected = pinned.select(&account(3)).await.unwrap();
    let year = selected.year(2025).await.unwrap();
    assert_eq!(year.all("RecYrTotals").len(), 1);
    // A person without any account.
    let record = only(&open, Module::CouncilTax, &bench.sandbox.accountless()).await;
    assert!(record.text.contains("found=\"no_account\""), "{}", record.text);
}

#[tokio::test]
async fn quirk_15_a_record_has_no_session_no_query_and_no_whole_bank_number() {
    let bench = Bench::of(30).await;
    let open = bench.open("");
    let mut masked = 0;
    for number in 0..12 {
        for module in [Module::CouncilTax, Module::Benefits] {
            let text = only(&open, module, &liable(number)).await.text;
            for furniture in
                ["EX0SESSION", "outputtype", "StandardInfo", "QueryString", "sessionId"]
            {
                assert!(!text.contains(furniture), "{furniture} in {text}");
            }
            if let Some((_, rest)) = text.split_once("BankActNumber=\"") {
                masked += 1;
                assert!(rest.starts_with("****") && rest[4..8].parse::<u32>().is_ok(), "{text}");
            }
        }
    }
    assert!(masked > 0);
}

#[tokio::test]
async fn the_same_facts_give_the_same_bytes_under_whatever_root() {
    let bench = Bench::of(30).await;
    let before = only(&bench.open(""), Module::CouncilTax, &liable(1)).await;
    bench.later(3_600_000);
    bench.sandbox.behave(|behaviour| behaviour.wrapper = Some("Portal".to_owned()));
    let after = only(&bench.open(""), Module::CouncilTax, &liable(1)).await;
    assert!(before.text.contains("<Details>"), "{}", before.text);
    assert!(before == after, "{}\n{}", before.text, after.text);
}
