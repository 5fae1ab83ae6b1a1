//! Every kind of bad input that is known, by its id, and what must happen. What can be tried at a parser
//! is tried beside it; here is what needs the whole hub, on both databases, and the list.

mod cards;
mod definitions;
mod keys;
mod memory;
mod records;
mod values;

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;

use serde_json::Value;

use crate::support::hub::TestHub;

/// Ids that have a test each: files and what is in them, values, databases, names in a folder, definitions.
const IDS: [RangeInclusive<u32>; 4] = [1..=35, 37..=48, 54..=56, 71..=73];

#[test]
fn every_bad_input_has_a_test_by_its_id() {
    let mut found = BTreeSet::new();
    for folder in ["src", "tests"] {
        look_through(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    let wanted = IDS.into_iter().flatten();
    let missing: Vec<u32> = wanted.filter(|id| !found.contains(id)).collect();
    assert!(missing.is_empty(), "no test is named for {missing:?}");
}

/// Notes the ids of tests: `fn b7_…`, and `b7_… => …` where one becomes two.
fn look_through(folder: &Path, found: &mut BTreeSet<u32>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            look_through(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.extend(text.lines().filter_map(id_of));
        }
    }
}

fn id_of(line: &str) -> Option<u32> {
    let line = line.trim_start().trim_start_matches("async ");
    let name = match line.strip_prefix("fn ") {
        Some(rest) => rest,
        None if line.contains(" => super::") => line,
        None => return None,
    };
    name.strip_prefix('b')?.split_once('_')?.0.parse().ok()
}

#[test]
fn ids_are_found_where_tests_are_named() {
    for (line, id) in [
        ("fn b7_an_extract() {", Some(7)),
        ("    async fn b45_a_number() {", Some(45)),
        ("    b9_a_declared => super::encoding,", Some(9)),
        ("// b8_ is tried elsewhere", None),
        ("fn balance_is() {", None),
    ] {
        assert_eq!(id_of(line), id, "{line}");
    }
}

/// A council tax extract of these accounts.
fn extract(accounts: &[String]) -> Vec<u8> {
    let (all, many) = (accounts.concat(), accounts.len());
    format!(
        "<CouncilTaxExtract xmlns=\"urn:example:ctax:extract:1\">{all}\
         <Trailer accounts=\"{many}\"/></CouncilTaxExtract>"
    )
    .into_bytes()
}

/// An account with one person, and elements of the test's own in each.
fn account(number: usize, person: &str, more: &str) -> String {
    let surname = if person.contains("<Surname>") { "" } else { "<Surname>Testberry</Surname>" };
    let balance = match more.contains("<Outstanding>") {
        true => "",
        false => "<Balance><Outstanding>10.00</Outstanding></Balance>",
    };
    format!(
        "<Account ref=\"99{number:08}\"><Status>OPEN</Status><LiablePersons><Person seq=\"1\" \
         role=\"PRIMARY\">{surname}{person}</Person></LiablePersons>{more}{balance}</Account>"
    )
}

/// A CRM export of these contacts.
fn contacts(contacts: &[Value]) -> Vec<u8> {
    let export = serde_json::json!({ "contacts": contacts, "count": contacts.len() });
    serde_json::json!({ "export": export }).to_string().into_bytes()
}

async fn count(hub: &TestHub, from: &str) -> usize {
    hub.text(&format!("SELECT CAST(COUNT(*) AS TEXT) FROM {from}")).await.parse().unwrap()
}

/// What is held: code and cause of each, in the order it came.
async fn held(hub: &TestHub) -> Vec<[String; 2]> {
    let rows = hub.rows("SELECT code, cause FROM dead_letter ORDER BY record_id, id").await;
    rows.into_iter().map(|row| [row[0].clone(), row[1].clone()]).collect()
}

/// Values of one field of all that has it, in the order it came: `party` or `account`.
async fn facts(hub: &TestHub, table: &str, field: &str) -> Vec<String> {
    let rows = hub.rows(&format!("SELECT facts FROM {table} ORDER BY id")).await;
    let read = |row: &Vec<String>| {
        let facts: Value = serde_json::from_str(&row[0]).unwrap();
        Some(match facts.get(field)? {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
    };
    rows.iter().filter_map(read).collect()
}
