//! The same accounts in every format: what the hub then knows is the same.

use std::path::Path;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    four_formats_give_the_same_accounts_and_residents => super::the_same,
}

const FORMATS: [(&str, &str); 4] =
    [("xml", "xml"), ("csv", "csv"), ("fixed_width", "dat"), ("json_lines", "jsonl")];

/// Everything that the hub knows, but for numbers of its own.
async fn known(on: On, job: &str, end: &str) -> Vec<Vec<Vec<String>>> {
    let mut hub = TestHub::open_with(on, Path::new("benches/formats/definitions")).await;
    let drop = hub.drop_folder("revenues");
    let variables = [("BENCH_DROP".to_owned(), drop.display().to_string())].into();
    hub.context.around = viaduct::app::context::surroundings(variables);
    let name = format!("ctax-25.{end}");
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats");
    hub.drop_file("revenues", &name, &std::fs::read(fixtures.join(&name)).unwrap());
    let report = hub.run(job).await;
    assert_eq!(report["total"]["published"], 25, "{report:#}");
    let mut known = Vec::new();
    for sql in [
        "SELECT k.key, a.kind, a.facts, a.issues FROM account a JOIN source_key k ON k.id = a.id \
         ORDER BY k.key",
        "SELECT k.key, p.key, p.role, p.facts, p.issues FROM party p \
         JOIN source_key k ON k.id = p.source_key_id ORDER BY k.key, p.key",
        "SELECT facts, provenance FROM resident ORDER BY facts",
    ] {
        known.push(hub.rows(sql).await);
    }
    known
}

async fn the_same(on: On) {
    let xml = known(on, "xml", "xml").await;
    assert_eq!(xml[0].len(), 25);
    assert!(xml[1].len() > 25);
    for (job, end) in &FORMATS[1..] {
        let found = known(on, job, end).await;
        for (what, (mine, theirs)) in found.iter().zip(&xml).enumerate() {
            assert_eq!(mine.len(), theirs.len(), "{job} {what}");
            for (mine, theirs) in mine.iter().zip(theirs) {
                assert_eq!(mine, theirs, "{job}");
            }
        }
    }
}
