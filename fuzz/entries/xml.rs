//! XML: cut, each record read, and the whole read at once beside it.

use viaduct::record::document::{Document, Path, Step};

use super::input::Input;
use super::trying::{Seen, cut, key_of, layout, path};

const SPACES: &str = "namespaces = { c = \"u\" }\n";
/// The way to a record, as settings say it, and its first step and the others.
const RECORDS: [(&str, &[&str]); 4] = [
    ("/e/r", &["e", "r"]),
    ("/c:e/c:r", &["c:e", "c:r"]),
    ("/a/b/r", &["a", "b", "r"]),
    ("/r", &["r"]),
];
const KEYS: [&str; 4] = ["@k", "k", "o/k", "@c:k"];
const TOTALS: [&str; 4] = [
    "",
    "count = \"/e/t/@n\"\n",
    "count = \"/e/n\"\n",
    "count = \"/e/t/@n\"\n[[sums]]\nof = \"v\"\ndeclared = \"/e/t/@s\"\nas = \"decimal_pounds\"\n",
];
/// Why an extract is refused though it is one sound document of XML.
const REFUSED_ALTHOUGH_XML: [&str; 6] =
    ["xml.root", "xml.size", "xml.duplicate", "file.total_unsure", "xml.depth", "xml.trailing"];

pub fn xml(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let (record, steps) = input.pick(&RECORDS);
    let (key, totals) = (input.pick(&KEYS), input.pick(&TOTALS));
    let longest = input.pick(&[1_024, 8_192, 1_048_576]);
    let portions = input.portions();
    let text = input.stretched();
    let settings =
        format!("format = \"xml\"\n{SPACES}record = \"{record}\"\nkey = \"{key}\"\n{totals}");
    let layout = layout(&settings, longest);
    let format = &*layout.format;
    let key = [spaced(key.split('/'))];
    let (seen, end) = cut(format, &text, portions, &|record| key_of(record, &key));
    let mut whole = Document::default();
    let Ok(text) = std::str::from_utf8(&text) else { return };
    if format.read(text, &mut whole).is_err() {
        return;
    }
    match end {
        Err(code) => {
            assert!(REFUSED_ALTHOUGH_XML.contains(&code), "{code}, and yet it is XML");
        }
        Ok(_) => agrees(&seen, &whole, steps, &key[0]),
    }
}

/// The cut finds the elements that the reader of the whole finds, with their keys.
fn agrees(seen: &Seen, whole: &Document, steps: &[&str], key: &Path) {
    let root = whole.root().expect("what was read has a root");
    let way = spaced(steps.iter().copied());
    let fits = whole.name(root) == way.steps[0].name
        && way.steps[0].space.as_deref().is_none_or(|space| space == whole.space(root));
    let below = Path { up: 0, steps: way.steps[1..].to_vec() };
    let records = if fits { whole.find_all(root, &below) } else { Vec::new() };
    assert_eq!(seen.rows.len(), records.len(), "the cut finds other records than the reader");
    for (row, record) in seen.rows.iter().zip(records) {
        let found = whole.find_all(record, key);
        match (row.code, found.as_slice()) {
            (Some(code), _) => assert!(
                ["xml.size", "xml.duplicate", "xml.depth"].contains(&code),
                "{code}, and yet it is XML"
            ),
            (None, [one]) => assert_eq!(row.key, whole.text(*one).trim()),
            (None, []) => assert_eq!(row.key, ""),
            (None, _) => {}
        }
    }
}

fn spaced<'s>(steps: impl Iterator<Item = &'s str>) -> Path {
    let step = |step: Step| match step.name.split_once(':') {
        Some(("c", name)) => Step::new(Some("u".to_owned()), name.to_owned(), step.attribute),
        _ => step,
    };
    let steps = steps.flat_map(|text| path(text).steps).map(step);
    Path { up: 0, steps: steps.collect() }
}
