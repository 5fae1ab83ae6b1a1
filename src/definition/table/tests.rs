//! What a table says when it is asked.

use super::*;
use crate::definition::shape::{key, word};

fn told(file: File) -> Vec<String> {
    let tell = |one: &crate::definition::diagnostic::Diagnostic| match &one.help {
        Some(help) => format!("{}; {help}", one.what),
        None => format!("{}; {}", one.what, one.label),
    };
    file.into_diagnostics().iter().map(tell).collect()
}

fn file(text: &str) -> File {
    File::parse("x.toml", text.to_owned())
}

#[test]
fn a_key_that_nobody_reads_is_unknown_with_a_guess() {
    let file = file("nane = \"x\"\nzzz = 1\nowner = \"y\"\n");
    let table = file.root();
    assert!(table.text("name").is_none());
    assert!(table.text("owner").is_some());
    table.finish();
    assert_eq!(
        told(file),
        [
            "`nane` is not known here; did you mean `name`?",
            "`zzz` is not known here; known here: `name`, `owner`",
        ]
    );
}

#[test]
fn a_wrong_type_is_told_with_what_it_is() {
    let file = file("a = 1\nb = \"x\"\nc = [\"x\", 2]\nd = 70000\ne = 2026-01-01\nf = 1.5\n");
    let table = file.root();
    assert!(table.text("a").is_none());
    assert!(table.flag("b").is_none());
    assert_eq!(table.texts("c").map(|texts| texts.len()), Some(1));
    assert!(table.whole("d", 1..=65_535).is_none());
    assert!(table.text("e").is_none());
    assert_eq!(table.decimal("f", 0.0..=2.0).map(|number| number.value), Some(1.5));
    table.finish();
    assert_eq!(
        told(file),
        [
            "`a` must be text in double quotes; this is a whole number",
            "`b` must be `true` or `false`; this is text",
            "every item of this list must be text in double quotes; this is a whole number",
            "`d` is out of range; write a number from 1 to 65535",
            "`e` must be text in double quotes; this is a date without quotes",
        ]
    );
}

#[test]
fn what_is_needed_and_absent_is_told_unless_its_line_could_not_be_read() {
    let file = file("empty = \" \"\nlost \n");
    let table = file.root();
    for key in ["gone", "empty", "lost"] {
        assert!(table.need_text(key).is_none());
    }
    assert_eq!(
        told(file),
        [
            "`lost` has no value; write `lost = \"…\"`",
            "`gone` is missing; add `gone = \"…\"`",
            "`empty` is empty; needs a value",
        ]
    );
}

#[test]
fn one_table_counts_as_a_list_of_one() {
    for (text, count) in [("[m]\na = 1\n", 1), ("[[m]]\n[[m]]\n", 2), ("", 0)] {
        let file = file(text);
        assert_eq!(file.root().tables("m").len(), count);
    }
}

#[test]
fn choices_suggest() {
    let file = file("overlap = \"skp\"\n");
    let words = [word("skip", "", 1), word("wait", "", 2)];
    assert!(file.root().choice("overlap", &words).is_none());
    assert_eq!(told(file), ["`overlap` cannot be `skp`; did you mean `skip`?"]);
}

#[test]
fn the_same_asking_reads_a_file_and_describes_it() {
    fn read(table: &Table<'_>) -> Option<(String, i64, Option<i64>)> {
        let name = table.need_text(key("name", "What it is called."));
        let many = table.whole_or(key("many", "How many."), 1..=9_000, 1_500);
        let at = |table: &Table<'_>| table.whole(key("at", "Where."), 0..=5).map(|at| at.value);
        let none = |_: &Table<'_>| Some(0);
        let variants = [
            Variant { word: "here", doc: "Here.", read: &at },
            Variant { word: "nowhere", doc: "Not at all.", read: &none },
        ];
        let place = table.variant(key("place", "Which place."), &variants);
        Some((name?.value, many, place))
    }
    let shape = shape_of(read);
    let said: Vec<_> = shape
        .keys
        .iter()
        .map(|one| (one.key.name, one.usual.as_deref(), one.key.remedy.is_some(), one.only))
        .collect();
    assert_eq!(
        said,
        [
            ("name", None, true, None),
            ("many", Some("1500"), false, None),
            ("place", None, false, None),
            ("at", None, false, Some(("place", "here"))),
        ]
    );
    let file = file("name = \"x\"\nplace = \"here\"\nat = 3\n");
    let table = file.root();
    assert_eq!(read(&table), Some(("x".to_owned(), 1_500, Some(3))));
    table.finish();
    assert!(!file.has_errors());
    for (text, what) in [
        ("place = \"here\"\nat = 9\n", "`name` is missing; add `name = \"…\"`"),
        (
            "name = \"x\"\nplace = \"nowhere\"\nat = 1\n",
            "`at` is not known here; known here: `many`, `name`, `place`",
        ),
    ] {
        let file = File::parse("x.toml", text.to_owned());
        let table = file.root();
        let _ = read(&table);
        table.finish();
        assert_eq!(told(file)[0], what, "{text}");
    }
}

#[test]
fn lengths_of_time() {
    for (text, ms) in [
        ("90s", Some(90_000)),
        ("15m", Some(900_000)),
        ("2h", Some(7_200_000)),
        ("7d", Some(604_800_000)),
        ("250ms", Some(250)),
        ("", None),
        ("h", None),
        ("2 h", None),
        ("-1h", None),
        ("9999999999999999999h", None),
        ("999999d", None),
    ] {
        assert_eq!(duration_ms(text), ms, "{text}");
    }
}

#[test]
fn entries_come_in_the_order_written() {
    let file = file("b = 1\na = \"x\"\n[c]\n");
    let table = file.root();
    let keys: Vec<String> = table.entries().into_iter().map(|(key, _)| key.value).collect();
    assert_eq!(keys, ["b", "a", "c"]);
    table.finish();
    assert!(!file.has_errors());
}

#[test]
fn a_setting_that_holds_its_secret_is_refused() {
    let file = file("api_key = \"secret:notify\"\nother = \"hunter2\"\n");
    let table = file.root();
    assert!(table.secret("api_key").is_some());
    assert!(table.secret("other").is_none());
    let told = file.into_diagnostics();
    assert_eq!(told.len(), 1);
    assert!(!told[0].to_string().contains("hunter2"));
}
