//! The CRM: people who once rang or wrote, as a document of JSON.
//!
//! It knows one household in eight, mostly by how to reach them; a National Insurance number only where
//! one was asked for. What it calls a UPRN is sometimes its own number of the property.

use std::io::{self, Write};

use serde_json::json;

use super::chance::{Chance, falls_on};
use super::people::{Home, Person, mobile};
use super::{Council, Tonight, Truth, run_date};

/// One account in eight has somebody who rang or wrote.
const ACCOUNTS_PER_CONTACT: u32 = 8;

pub(super) fn write(council: &Council, night: u32, out: &mut dyn Write) -> io::Result<Truth> {
    let mut truth = Truth::default();
    write!(
        out,
        "{{\"export\":{{\"system\":\"crm\",\"run\":\"{}\",\"contacts\":[",
        run_date(night)
    )?;
    for index in 0..council.accounts_on(night).div_ceil(ACCOUNTS_PER_CONTACT) {
        let account = index * ACCOUNTS_PER_CONTACT;
        let born = council.born_on(account);
        if born > night {
            continue;
        }
        let contact = contact_on(council, account, night);
        let tonight = match born == night {
            true => Tonight::New,
            false if contact == contact_on(council, account, night - 1) => Tonight::Nothing,
            false => Tonight::Changed,
        };
        let comma = if truth.rows > 0 { "," } else { "" };
        write!(out, "{comma}\n{contact}")?;
        truth.count(tonight);
    }
    writeln!(out, "\n],\"count\":{}}}}}", truth.rows)?;
    Ok(truth)
}

/// One contact as it stands on one night.
fn contact_on(council: &Council, account: u32, night: u32) -> serde_json::Value {
    let person = Person::new(council.seed, account, 0);
    let home = Home::new(council.seed, u64::from(account));
    let mut chance = Chance::of(council.seed, "contact", &[u64::from(account)]);
    let nino = chance.one_in(2).then_some(person.nino);
    let own_number = chance.one_in(12);
    let uprn = if own_number { format!("P{account:07}") } else { home.uprn.to_string() };
    let wishes = chance.pick(&["email", "sms", "letter"]);
    let mut email = (!chance.one_in(4)).then_some(person.email);
    let mut number = person.mobile;
    for past in council.born_on(account) + 1..=night {
        if falls_on(council.seed, "contact changed", past, account / ACCOUNTS_PER_CONTACT, 50) {
            let place = [u64::from(past), u64::from(account)];
            let mut chance = Chance::of(council.seed, "contact event", &place);
            match chance.one_in(2) {
                true => email = Some(format!("contact{account}.n{past}@example.com")),
                false => {
                    let last = number.get(8..).and_then(|digits| digits.parse().ok()).unwrap_or(0);
                    number = mobile(last + 1 + chance.below(998));
                }
            }
        }
    }
    json!({
        "contactId": format!("CRM{account:07}"),
        "name": { "title": person.title, "forename": person.forename, "surname": person.surname },
        "dateOfBirth": person.born.to_string(),
        "nino": nino,
        "email": email,
        "mobile": number,
        "wishes": { "channel": wishes, "mayContact": !chance.one_in(20) },
        "address": {
            "uprn": uprn,
            "line1": home.line_1,
            "line2": home.line_2,
            "town": home.town,
            "postcode": home.postcode,
        },
    })
}
