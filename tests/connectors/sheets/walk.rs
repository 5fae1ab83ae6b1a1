//! Workbooks that another program wrote, and one night of them through the whole hub.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::{read, told};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Has openpyxl write the workbook of that name.
fn written(which: &str, to: &Path) {
    let made = Command::new("sh").arg(format!("{ROOT}/scripts/python.sh")).status();
    assert!(made.expect("a shell").success(), "scripts/python.sh could not make .venv");
    let wrote = Command::new(format!("{ROOT}/.venv/bin/python"))
        .arg(format!("{ROOT}/tests/connectors/sheets/write.py"))
        .args([which.as_ref(), to.as_os_str()])
        .output()
        .expect("python runs");
    assert!(wrote.status.success(), "{}", String::from_utf8_lossy(&wrote.stderr));
}

#[tokio::test(flavor = "multi_thread")]
async fn b36_what_openpyxl_writes_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kinds.xlsx");
    tokio::task::block_in_place(|| written("kinds", &file));
    let content = std::fs::read(&file).unwrap();
    let rows = told(read(&content, "sheet = \"Accounts\"\nheader_row = 2").await);
    assert_eq!(
        rows,
        [
            "9900000017: 9900000017,855.1,1984-02-29,2026-03-01T18:30:00,07:45:00,TRUE,\"12, Fiction Road\nSampleham\"",
            "9900000025: 9900000025,-12.5,1900-02-28,,36:00:00,FALSE,merged",
            "9900000033 !sheet.formula cell B5 has a formula that was never worked out: open the workbook, let it \
             calculate, and save it: 9900000033,\u{1A}formula B5 ,,,,,",
            "A0012: A0012,0.3,,,,,",
        ]
    );
    let from_1904 = folder.path().join("from_1904.xlsx");
    tokio::task::block_in_place(|| written("from_1904", &from_1904));
    let rows = told(read(&std::fs::read(&from_1904).unwrap(), "").await);
    assert_eq!(rows, ["1: 1,2026-03-01"]);
}

fn viaduct(folder: &Path, words: &[&str]) -> (i32, String) {
    let done = Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .current_dir(folder)
        .args(words)
        .env_remove("VIADUCT_DATABASE")
        .env_remove("VIADUCT_DEFINITIONS")
        .env("COUNCIL_TAX_DROP", folder.join("drop"))
        .output()
        .unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    (done.status.code().unwrap(), if said.is_empty() { errors.into_owned() } else { said })
}

fn edit(folder: &Path, file: &str, changes: &[(&str, &str)]) {
    let path: PathBuf = folder.join(file);
    let mut text = std::fs::read_to_string(&path).unwrap();
    for (from, to) in changes {
        assert!(text.contains(from), "{file} does not hold {from}");
        text = text.replace(from, to);
    }
    std::fs::write(path, text).unwrap();
}

#[test]
fn b36_a_workbook_is_checked_tried_and_taken_as_any_extract() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path();
    let (code, said) = viaduct(place, &["init", ".", "--format", "csv"]);
    assert_eq!(code, 0, "{said}");
    edit(
        place,
        "connectors/council_tax.toml",
        &[("format    = \"csv\"", "format    = \"xlsx\""), (".csv", ".xlsx")],
    );
    edit(
        place,
        "mappings/inbound/council_tax.toml",
        &[
            ("date = \"%d/%m/%Y\"", "date = \"%Y-%m-%d\""),
            ("\"decimal_pounds\"", "\"number_pounds\""),
        ],
    );
    edit(
        place,
        "mappings/inbound/council_tax.test.toml",
        &[
            ("01/04/2021", "2021-04-01"),
            ("31/12/2999", "2999-12-31"),
            ("29/02/1984", "1984-02-29"),
            ("855.00", "855"),
        ],
    );
    std::fs::create_dir(place.join("drop")).unwrap();
    std::fs::remove_file(place.join("connectors/council_tax.sample.csv")).unwrap();
    written("council_tax", &place.join("connectors/council_tax.sample.xlsx"));
    let (code, said) = viaduct(place, &["check", "."]);
    assert!(code == 0 && said.contains("No errors in 8 files."), "{said}");
    let (code, said) = viaduct(place, &["test", "."]);
    assert!(code == 0 && said.contains("2 of 2 cases passed."), "{said}");
    let (code, said) = viaduct(place, &["try", "council_tax"]);
    assert!(code == 0 && said.contains("Record 3 of 3 · key 9900000033 · published"), "{said}");
    assert!(said.contains("2021-04-01") && said.contains("85500"), "{said}");

    written("council_tax", &place.join("drop/council-tax-1.xlsx"));
    let run = |words: &[&str]| -> Value {
        let (_, said) = viaduct(place, words);
        serde_json::from_str(&said).unwrap_or_else(|_| panic!("{said}"))
    };
    let report = run(&["run", "ingest-council-tax", "--json"]);
    assert_eq!(report["total"]["published"], json!(3), "{report:#}");
    let found = run(&[
        "resident",
        "search",
        "--name",
        "Testberry",
        "--show",
        "--reason",
        "a test",
        "--json",
    ]);
    let text = found.to_string();
    assert!(text.contains("1984-02-29") && text.contains("Arden"), "{found:#}");

    // Next night one balance is a formula that nobody worked out. Read again, it is held all the same.
    written("council_tax_next", &place.join("drop/council-tax-2.xlsx"));
    let report = run(&["run", "ingest-council-tax", "--json"]);
    assert_eq!(
        (&report["total"]["published"], &report["total"]["held"]),
        (&json!(0), &json!(1)),
        "{report:#}"
    );
    assert_eq!(report["total"]["unchanged"], json!(2), "{report:#}");
    let replayed = run(&["replay", "--code", "sheet.formula", "--json"]);
    assert_eq!(replayed["total"]["published"], json!(0), "{replayed:#}");
    let why = &replayed["left"][0]["why"];
    assert!(why.as_str().is_some_and(|why| why.contains("no sound record")), "{replayed:#}");
    let held = run(&["held", "--json"]);
    assert_eq!(held["rows"][0]["code"], json!("sheet.formula"), "{held:#}");

    // One that is locked, or old.
    std::fs::write(
        place.join("drop/council-tax-3.xlsx"),
        [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1],
    )
    .unwrap();
    let report = run(&["run", "ingest-council-tax", "--json"]);
    assert_eq!(report["batches"][0]["cause_code"], json!("file.type"), "{report:#}");
}
