//! JSON, one record a line and as a document, beside another reader of JSON.

use serde_json::Value;

use super::input::Input;
use super::trying::{Seen, cut, key_of, layout, nothing_vanished, path};
use viaduct::record::document::{Document, Path};

const KEYS: [(&str, &[&str]); 3] =
    [("\"k\"", &["k"]), ("[\"k\", \"o/n\"]", &["k", "o/n"]), ("\"o/k\"", &["o/k"])];
const SUM: &str = "[[sums]]\nof = \"v\"\ndeclared = \"/t/s\"\nas = \"decimal_pounds\"\n";
/// What serde_json reads and a record may not be.
const STRICTER: [&str; 6] =
    ["json.duplicate", "json.char", "json.number", "json.size", "json.depth", "json.malformed"];

pub fn lines(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (key, ways) = input.pick(&KEYS);
    let apart = input.pick(&["", "", "apart = [\"t\"]\n", "apart = [\"t\"]\ncount = \"/t/n\"\n"]);
    let sum = input.pick(&["", "", SUM]);
    let longest = input.pick(&[1_024, 8_192, 1_048_576]);
    let portions = input.portions();
    let text = input.stretched();
    let settings = format!("format = \"json_lines\"\nkey = {key}\n{apart}{sum}");
    let layout = layout(&settings, longest);
    let ways = paths(ways);
    let (seen, end) = cut(&*layout.format, &text, portions, &|record| self::key(record, &ways));
    if end.is_ok() && apart.is_empty() {
        let blank =
            |gap: &[u8]| gap.iter().all(u8::is_ascii_whitespace) || *gap == *b"\xEF\xBB\xBF";
        nothing_vanished(&seen, &text, &blank);
    }
    compare(&*layout.format, &seen);
}

pub fn document(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let way = input.pick(&["/", "/d", "/d/r"]);
    let (key, ways) = input.pick(&KEYS);
    let count = input.pick(&["", "count = \"/n\"\n"]);
    let sum = input.pick(&["", "", SUM]);
    let longest = input.pick(&[1_024, 8_192, 1_048_576]);
    let portions = input.portions();
    let text = input.stretched();
    let settings = format!("format = \"json\"\nrecord = \"{way}\"\nkey = {key}\n{count}{sum}");
    let layout = layout(&settings, longest);
    let ways = paths(ways);
    let (seen, end) = cut(&*layout.format, &text, portions, &|record| self::key(record, &ways));
    compare(&*layout.format, &seen);
    let Ok(whole) = serde_json::from_slice::<Value>(&text) else { return };
    match (end, whole.pointer(way.trim_end_matches('/'))) {
        (Ok(_), Some(Value::Array(items))) => {
            assert_eq!(seen.rows.len(), items.len(), "the cut finds other records");
        }
        (Ok(_), _) => panic!("records are found where there is no list"),
        (Err(code), Some(Value::Array(_))) => {
            let known = [
                "json.duplicate",
                "json.size",
                "json.depth",
                "file.total_unsure",
                "json.number",
                "json.char",
            ];
            assert!(known.contains(&code), "{code}, and yet it is JSON");
        }
        (Err(_), _) => {}
    }
}

/// What we read another reader of JSON reads; what it reads we read, or say why not.
fn compare(format: &dyn viaduct::connector::format::Format, seen: &Seen) {
    let mut document = Document::default();
    for row in seen.rows.iter().take(50) {
        let Ok(text) = std::str::from_utf8(&row.bytes) else { continue };
        let theirs = serde_json::from_str::<Value>(text);
        match (format.read(text, &mut document), &theirs) {
            (Ok(()), Err(fault)) => {
                // It makes numbers of digits, which we keep; and its depth is another.
                let said = fault.to_string();
                let other = ["number out of range", "recursion limit"];
                assert!(other.iter().any(|other| said.contains(other)), "{said}");
            }
            (Err(fault), Ok(Value::Object(_))) => {
                assert!(STRICTER[..5].contains(&fault.code), "{fault}, and yet it is JSON");
            }
            (Err(fault), Ok(_)) => assert!(STRICTER.contains(&fault.code), "{fault}"),
            _ => {}
        }
    }
}

fn key(record: &Document, ways: &[Path]) -> Option<String> {
    key_of(record, ways).map(|key| key.trim_matches('/').to_owned())
}

fn paths(ways: &[&str]) -> Vec<Path> {
    ways.iter().map(|way| path(way)).collect()
}
