//! Keys that say nothing, and a key that everybody has: nobody is linked by them, it costs no more than
//! other rows do, and a person is told.

use serde_json::{Value, json};

use super::count;
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    b47_a_key_that_says_nothing_links_nobody => super::junk,
    b48_ten_thousand_rows_of_one_person_stay_cheap => super::one_person,
    b48_a_few_rows_of_one_person_are_that_person => super::a_few,
}

/// A hub in which a person's number at the benefits system is enough to know them by.
async fn by_reference(on: On) -> TestHub {
    let mut hub = TestHub::open(on).await;
    let rule = "[\"nino\", \"birth_date\", \"name.family\"]";
    hub.edit("mappings/resident.toml", rule, "[\"reference\"]");
    hub.edit("connectors/benefits.toml", "extract   = \"full\"", "extract   = \"delta\"");
    hub.reload().await;
    hub
}

/// Claims of one person each, by their references.
fn claims<'r>(first: usize, references: impl Iterator<Item = &'r str>) -> Vec<u8> {
    let mut text = "claim_ref,claim_status,p1_ref,p1_role,p1_surname\n".to_owned();
    let mut many = 0;
    for (number, reference) in references.enumerate() {
        text.push_str(&format!("99{:08},Live,{reference},CLAIMANT,Testberry\n", first + number));
        many += 1;
    }
    text.push_str(&format!("TRAILER,{many},,,\n"));
    text.into_bytes()
}

fn note(report: &Value) -> (&str, &str) {
    let batch = &report["batches"][0];
    (batch["cause_code"].as_str().unwrap_or("-"), batch["cause"].as_str().unwrap_or("-"))
}

async fn junk(on: On) {
    let hub = by_reference(on).await;
    let words = ["UNKNOWN", "0", "N/A", "999999999", "unknown", "  ", "XXX", "-"];
    let references = words.iter().copied().cycle().take(800).chain(["B1", "B1", "B2"]);
    hub.drop_file("benefits", "claims-1.csv", &claims(0, references));
    let report = hub.run("ingest-benefits").await;
    assert_eq!(report["total"]["published"], json!(803), "none is refused");
    assert_eq!(report["total"]["residents_created"], json!(802));
    let (code, cause) = note(&report);
    assert_eq!(code, "match.keys_unused");
    assert!(cause.starts_with("700 parties have a key that says nothing"), "{cause}");
    // Kept as they were given.
    assert_eq!(count(&hub, "party WHERE facts LIKE '%999999999%'").await, 100);
}

async fn one_person(on: On) {
    let hub = by_reference(on).await;
    let timed = async |first: usize, name: &str, references: Vec<String>| {
        let references = references.iter().map(String::as_str);
        hub.drop_file("benefits", name, &claims(first, references));
        let began = std::time::Instant::now();
        let report = hub.run("ingest-benefits").await;
        (began.elapsed(), report)
    };
    let own = (0..10_000).map(|number| format!("B{number:07}")).collect();
    let (usual, report) = timed(0, "claims-1.csv", own).await;
    assert_eq!(note(&report).0, "-");
    let (crowded, report) = timed(10_000, "claims-2.csv", vec!["S1".to_owned(); 10_000]).await;
    let (code, cause) = note(&report);
    assert_eq!(code, "match.keys_unused");
    assert!(cause.starts_with("10000 parties share a key with too many others"), "{cause}");
    assert_eq!(report["total"]["published"], json!(10_000));
    assert_eq!(report["total"]["residents_created"], json!(10_000));
    // A hundredfold work would be ten thousand times ten thousand; what one more costs is the same.
    // A busy machine may make one of the two slower by itself.
    assert!(crowded < usual * 12, "{crowded:?} where other rows take {usual:?}");
    // It is known tomorrow too, when they come a few at a time.
    let (_, report) = timed(20_000, "claims-3.csv", vec!["S1".to_owned(); 5]).await;
    assert_eq!(report["total"]["residents_created"], json!(5));
    assert!(note(&report).1.starts_with("5 parties"), "{report:#}");
    let indexed = count(&hub, "match_key WHERE digest IN (SELECT digest FROM match_key GROUP BY digest HAVING COUNT(*) > 1)").await;
    assert!((101..=202).contains(&indexed), "{indexed} rows of one key");
}

async fn a_few(on: On) {
    let hub = by_reference(on).await;
    for (night, many) in [(0, 60), (1, 40)] {
        let references = vec!["L1"; many];
        let name = format!("claims-{night}.csv");
        hub.drop_file("benefits", &name, &claims(night * 100, references.into_iter()));
        let report = hub.run("ingest-benefits").await;
        assert_eq!(note(&report).0, "-");
    }
    assert_eq!((count(&hub, "resident").await, count(&hub, "party").await), (1, 100));
}
