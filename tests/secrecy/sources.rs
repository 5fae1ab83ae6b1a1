//! Our own log lines, as they stand in the sources: a fixed sentence, and fields that may be written. A
//! field that is not in the table would be left out without a word.

use std::fs;
use std::path::Path;

use viaduct::app::logging::FIELDS;

const LEVELS: [&str; 5] = ["error!(", "warn!(", "info!(", "debug!(", "trace!("];

#[test]
fn our_lines_are_fixed_sentences_with_fields_of_the_table() {
    let mut calls = Vec::new();
    collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut calls);
    assert!(calls.len() > 10, "the log lines were not found: {calls:?}");
    let faults: Vec<String> = calls.iter().filter_map(|(place, call)| fault(place, call)).collect();
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
    for (call, wanted) in [
        ("batch.id = 7, %error, \"a sentence\"", None),
        ("name = 7, \"a sentence\"", Some("`name`")),
        ("?facts, \"a sentence\"", Some("`facts`")),
        ("\"a sentence about {name}\"", Some("fixed sentence")),
        ("\"a sentence about {}\", name", Some("fixed sentence")),
    ] {
        let found = fault("here", call);
        assert_eq!(found.is_some(), wanted.is_some(), "{call}");
        assert!(wanted.is_none_or(|wanted| found.unwrap().contains(wanted)), "{call}");
    }
}

/// What stands between the brackets of each call, and where it is.
fn collect(folder: &Path, calls: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, calls);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        // The logging's own tests say what must not come out.
        if path.ends_with("logging/tests.rs") {
            continue;
        }
        for level in LEVELS {
            for (at, _) in text.match_indices(&format!("tracing::{level}")) {
                let inside = &text[at + "tracing::".len() + level.len()..];
                let ends = [inside.find(");"), inside.find("),")];
                let end = ends.into_iter().flatten().min().unwrap_or(inside.len());
                let line = text[..at].lines().count() + 1;
                calls.push((format!("{}:{line}", path.display()), inside[..end].to_owned()));
            }
        }
    }
}

fn fault(place: &str, call: &str) -> Option<String> {
    let (fields, sentence) = call.split_once('"')?;
    if sentence.contains('{') {
        return Some(format!("{place}: a log line is a fixed sentence, and values are fields"));
    }
    let names = fields.split(',').map(|field| {
        let name = field.split('=').next().unwrap_or(field);
        name.trim().trim_start_matches(['%', '?'])
    });
    let unknown = |name: &&str| !name.is_empty() && FIELDS.iter().all(|field| field.name != *name);
    let names: Vec<&str> = names.filter(unknown).collect();
    let name = names.first()?;
    Some(format!("{place}: the field `{name}` is not in the table of app/logging, and is left out"))
}
