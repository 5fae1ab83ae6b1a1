//! The reference layout of nightly flat files (fixed width, `H`, `D` and `T` lines) as a live feed, with
//! TOML alone.

use std::path::Path;

use chrono::NaiveDate;
use serde_json::json;
use viaduct::catalogue::{cases, load::load};
use viaduct::connector::kinds::KINDS;

use crate::support::hub::{On, TestHub, on_both};

const FOLDER: &str = "tests/definitions/section8";

on_both! {
    the_fixed_width_layout_is_a_live_feed => super::live_feed,
}

fn sample() -> String {
    let place = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    std::fs::read_to_string(place.join("connectors/academy.sample.txt")).unwrap()
}

#[test]
fn its_definitions_and_their_cases_pass() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER);
    let catalogue = load(&root, KINDS);
    assert!(catalogue.diagnostics.is_empty(), "{}", catalogue.report());
    let report = cases::run(&root, &catalogue, NaiveDate::from_ymd_opt(2026, 11, 26).unwrap());
    assert_eq!(report.failed(), 0, "{}", report.text());
    assert_eq!(report.json()["cases"].as_array().unwrap().len(), 4);
}

async fn live_feed(on: On) {
    let hub = TestHub::open_with(on, Path::new(FOLDER)).await;
    hub.drop_file("revenues", "CTAXEXT1.txt", sample().as_bytes());
    let first = hub.run("ingest-academy").await;
    assert_eq!(first["total"]["published"], json!(3));
    assert_eq!(first["total"]["residents_created"], json!(4));
    let parties = hub.rows("SELECT facts FROM party ORDER BY id").await;
    assert_eq!(parties.len(), 4);
    let couple: Vec<bool> =
        parties.iter().map(|facts| facts[0].contains("\"name.family\":\"Fakeley\"")).collect();
    assert_eq!(couple.iter().filter(|is| **is).count(), 2, "{parties:?}");
    let accounts = hub.rows("SELECT facts FROM account ORDER BY id").await;
    let balance = |pence: &str| {
        accounts.iter().filter(|facts| facts[0].contains(&format!("\"balance\":{pence}"))).count()
    };
    // What two people owe together is owed once.
    assert_eq!([balance("85500"), balance("-1250"), balance("0")], [1, 1, 1], "{accounts:?}");

    // A trailer that disagrees by a penny: nothing of the file counts.
    let wrong = sample().replace("+000000084250", "+000000084251");
    hub.drop_file("revenues", "CTAXEXT2.txt", wrong.as_bytes());
    let held = hub.run("ingest-academy").await;
    assert_eq!(held["batches"][0]["state"], json!("held"));
    assert_eq!(held["batches"][0]["cause_code"], json!("file.total"));

    // A code that nobody listed holds its row, and the others go on.
    let changed = sample().replace("RM1", "ZZZ").replace("FICTION ROAD ", "FICTION LANE ");
    hub.drop_file("revenues", "CTAXEXT3.txt", changed.as_bytes());
    let third = hub.run("ingest-academy").await;
    assert_eq!(third["total"]["held"], json!(1));
    assert_eq!(third["total"]["records"]["changed"], json!(2));
    let letters = hub.rows("SELECT code, field FROM dead_letter WHERE code = 'code_unknown'").await;
    assert_eq!(letters, [["code_unknown", "account stage"]]);
}
