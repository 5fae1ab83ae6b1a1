use std::sync::{Arc, Mutex};

use super::line::LINE_BYTES_MAX;
use super::*;

/// What is written while `work` runs, at every level.
fn logged(format: Format, work: impl FnOnce()) -> String {
    let all: Arc<Mutex<Vec<u8>>> = Arc::default();
    let sink = Arc::clone(&all);
    let lines = Lines::new(format, move |line: &[u8]| sink.lock().unwrap().extend(line));
    let subscriber = tracing_subscriber::registry().with(lines);
    tracing::subscriber::with_default(subscriber, work);
    let all = all.lock().unwrap().clone();
    String::from_utf8(all).unwrap()
}

fn json(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
}

#[test]
fn a_line_says_what_is_allowed_and_nothing_else() {
    let work = || {
        let span = tracing::info_span!("s", job = "ingest-revenues", name = "Testberry");
        let _in = span.enter();
        tracing::warn!(
            batch.id = 7,
            code = "file.total",
            nino = "QQ123456A",
            "a batch needs a look"
        );
    };
    let text = logged(Format::Text, work);
    let line = text.split_once(' ').unwrap().1;
    let wanted = " WARN viaduct::app::logging::tests a batch needs a look batch.id=7 \
                  code=file.total job=ingest-revenues\n";
    assert_eq!(line, wanted);
    let line = json(&logged(Format::Json, work));
    let names: Vec<&String> = line.as_object().unwrap().keys().collect();
    let wanted = ["time", "level", "target", "message", "batch.id", "code", "job"];
    assert_eq!(names, wanted);
    assert!(line["time"].as_str().unwrap().ends_with('Z'), "{line}");
}

#[test]
fn of_other_crates_only_allowed_numbers_pass() {
    let text = logged(Format::Json, || {
        let span = tracing::info_span!(target: "apalis", "task", job = "Testberry", attempt = 1);
        let _in = span.enter();
        tracing::debug!(target: "sqlx::query", rows_returned = 3_u64, rows_affected = "Testberry",
            summary = "Testberry", error = "Testberry", "Testberry says {}", "Testberry");
        tracing::debug!(target: "viaduct_like", code = "Testberry", "Testberry");
    });
    assert!(!text.contains("Testberry"), "{text}");
    let lines: Vec<Value> = text.lines().map(json).collect();
    assert_eq!(lines[0]["rows_returned"], 3);
    assert_eq!(lines[0].as_object().unwrap().len(), 4, "{text}");
    assert_eq!(lines[1].as_object().unwrap().len(), 3, "{text}");
}

#[test]
fn a_value_cannot_break_out_of_its_line() {
    let evil = "x\n2026-11-26T00:00:00.000Z ERROR viaduct all is lost\r\u{1b}[2J\u{9b}31m\0\u{2028}\u{202e} code=y \"";
    for format in [Format::Text, Format::Json] {
        let text = logged(format, || {
            tracing::error!(error = evil, cause = %evil, "{evil}");
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        let unseen = text.trim_end().chars().filter(|letter| letter.is_control()).count();
        assert_eq!(unseen, 0, "{text:?}");
        assert!(!text.contains(['\u{2028}', '\u{202e}']), "{text:?}");
        if format == Format::Json {
            assert_eq!(json(&text)["error"], evil);
        }
    }
}

#[test]
fn a_line_is_never_longer_than_the_limit() {
    let long = "é\u{1b}\"".repeat(300_000);
    for format in [Format::Text, Format::Json] {
        let text = logged(format, || {
            let all = tracing::error_span!("s", job = long, lease = long, panic.at = long);
            let _in = all.enter();
            tracing::error!(error = long, cause = %long, code = ?long, counts = long, "{long}");
        });
        assert_eq!(text.lines().count(), 1);
        assert!(text.len() <= LINE_BYTES_MAX, "{}", text.len());
        assert!(text.len() > LINE_BYTES_MAX / 2, "{}", text.len());
        if format == Format::Json {
            assert_eq!(json(&text)["cut"], true);
        } else {
            assert!(text.ends_with(" cut=true\n"), "{text}");
        }
    }
    let short = logged(Format::Json, || tracing::error!(error = "é".repeat(600), "a sentence"));
    assert!(json(&short)["error"].as_str().unwrap().ends_with("é… (cut)"), "{short}");
}

#[test]
fn the_page_lists_the_fields_of_the_table() {
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/logging.md"));
    let page = page.expect("docs/logging.md is there");
    assert!(page.contains(&page_table()), "docs/logging.md must have:\n{}", page_table());
}

#[test]
fn what_is_asked_for_is_understood_or_said() {
    assert!(Format::from_word("json") == Ok(Format::Json) && Format::from_word("").is_ok());
    assert!(Format::from_word("xml").unwrap_err().contains("`text` or `json`"));
    assert!(begin(Some("viaduct=loud"), None).unwrap_err().contains("`warn,viaduct=debug`"));
}
