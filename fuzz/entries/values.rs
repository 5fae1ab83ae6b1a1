//! Values: each read from any text, and what was read reads the same again.

use viaduct::connector::govuk_notify::key::ApiKey;
use viaduct::definition::secret::{self, Secret, SecretReference};
use viaduct::definition::table::duration_ms;
use viaduct::record::facts::Facts;
use viaduct::record::schema::{ACCOUNT, PARTY};
use viaduct::record::value::date::{DateFormat, is_open_ended, is_placeholder, parse_date};
use viaduct::record::value::email::Email;
use viaduct::record::value::nino::Nino;
use viaduct::record::value::pence::{Pence, PenceFormat};
use viaduct::record::value::phone::Phone;
use viaduct::record::value::postcode::Postcode;
use viaduct::record::value::uprn::Uprn;

use super::input::Input;

pub fn values(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let which = input.byte() % 10;
    let text = input.text();
    match which {
        0 => dates(&text),
        1 => pence(&text),
        2 => again(&text, Nino::parse, |nino| nino.as_str().to_owned()),
        3 => again(&text, Phone::parse, |phone| phone.as_str().to_owned()),
        4 => again(&text, Email::parse, |email| email.as_str().to_owned()),
        5 => again(&text, Postcode::parse, |postcode| {
            let whole = format!("{} {}", postcode.outward(), postcode.inward());
            assert_eq!(postcode.as_str(), whole);
            whole
        }),
        6 => again(&text, Uprn::parse, |uprn| uprn.value().to_string()),
        7 => settings(&text),
        8 => facts(&text),
        _ => {
            let Ok(format) = DateFormat::new(&text) else { return };
            let _ = parse_date("2026-04-01 01/04/2026", &[format]);
        }
    }
}

/// What is printed of a value reads as that value.
fn again<T: PartialEq + std::fmt::Debug, E: std::fmt::Debug>(
    text: &str,
    parse: impl Fn(&str) -> Result<T, E>,
    print: impl Fn(&T) -> String,
) {
    let Ok(value) = parse(text) else { return };
    let printed = print(&value);
    let again = parse(&printed).unwrap_or_else(|error| panic!("not read again: {error:?}"));
    assert_eq!(print(&again), printed, "printed and read, it is another");
}

fn dates(text: &str) {
    let (format, day) = text.split_once('\n').unwrap_or(("%d/%m/%Y", text));
    let formats: Vec<DateFormat> = [format, "%Y-%m-%d", "%d-%b-%Y %H:%M:%S.%f"]
        .iter()
        .filter_map(|one| DateFormat::new(one).ok())
        .collect();
    let Ok(date) = parse_date(day, &formats) else { return };
    let iso = DateFormat::new("%Y-%m-%d").expect("it has a year, a month and a day");
    assert_eq!(parse_date(&date.to_string(), &[iso]), Ok(date));
    assert!(!(is_open_ended(date) && is_placeholder(date)));
}

fn pence(text: &str) {
    for format in PenceFormat::ALL {
        let Ok(pence) = Pence::parse(text, format) else { continue };
        let written = pence.value().to_string();
        assert_eq!(Pence::parse(&written, PenceFormat::IntegerPence), Ok(pence));
        let _ = pence.checked_add(pence);
    }
}

fn settings(text: &str) {
    let _ = duration_ms(text);
    let _ = SecretReference::parse(text);
    let _ = secret::is_secret_name(text);
    let _ = secret::has_password_in_address(text);
    let names = secret::variables(text);
    if let Ok(expanded) = secret::expand(text, &|name| Some(format!("<{name}>"))) {
        assert!(names.iter().all(|name| expanded.contains(&format!("<{name}>"))));
    }
    if let Ok(key) = ApiKey::parse(&Secret::new(text)) {
        assert_eq!(key.token(1).split('.').count(), 3);
    }
}

fn facts(text: &str) {
    for table in [ACCOUNT, PARTY] {
        let Some(facts) = Facts::from_json(text, table) else { continue };
        // It may be none of ours: what it was read as is written, and from then on stays.
        let written = facts.to_json(table);
        let again = Facts::from_json(&written, table).expect("what was written is read");
        assert_eq!(again.to_json(table), written, "written and read, they are others");
        assert!(again.differences(&again, table).is_empty());
    }
}
