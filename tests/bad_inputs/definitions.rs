//! Definitions that nobody means, or that somebody means ill: refused where they stand, and the rest of
//! the files is still checked.

use std::time::{Duration, Instant};

use crate::definitions::with;

/// What is said of a definition: every line of the report.
fn told(place: &str, text: &str) -> String {
    let began = Instant::now();
    let catalogue = with(place, text);
    assert!(began.elapsed() < Duration::from_secs(5), "{text:.80}");
    assert!(catalogue.has_errors(), "{text:.80} was taken");
    assert!(catalogue.connectors.contains_key("notify"), "the rest is not checked any more");
    catalogue.report()
}

#[test]
fn b71_a_schedule_that_nobody_can_mean_is_refused_where_it_stands() {
    let long = "0,".repeat(100_000);
    for (schedule, why) in [
        ("0 0 1--100000000 * *", "`-100000000` is not a day of the month"),
        ("0 0 1-100000000 * *", "goes from 1 to 31"),
        ("*/0 * * * *", "a step of 0 in the minute never moves on"),
        ("@reboot", "a start of the program is none"),
        ("0 0 31 2 *", "never runs"),
        ("0 30 2 * * *", "6 fields: seconds and years are not used"),
        ("0 30 2 * * * 2027", "7 fields: seconds and years are not used"),
        ("* * * * * * * *", "8 fields where there are five"),
        ("0-59/1-1 * * * *", "is no step for the minute"),
        (long.as_str(), "at most 200 characters"),
    ] {
        let job = format!(
            "action = \"ingest\"\nconnector = \"revenues\"\nmapping = \"ctax_account\"\n\
             schedule = \"{schedule}\"\ntimezone = \"Europe/London\"\noverlap = \"skip\"\n"
        );
        let told = told("jobs/ingest-revenues.toml", &job);
        assert!(told.contains(why), "{schedule:.40}: {told:.600}");
        assert!(told.contains("jobs/ingest-revenues.toml:4:12"), "{told:.600}");
    }
}

#[test]
fn b72_a_pattern_or_a_template_never_comes_from_data() {
    for expression in [
        "text(\\\"Status\\\").matches(text(\\\"Pattern\\\"))",
        "text(\\\"a\\\").matches(\\\"(a{1000}){1000}\\\")",
        "texts(\\\"a\\\").all(x, texts(\\\"b\\\").all(y, x == y))",
        "[1].map(x, x) == []",
    ] {
        let mapping = format!(
            "language = 1\nsource = \"revenues\"\n[[filter]]\nwhen = \"{expression}\"\nbecause = \"x\"\n\
             [account]\nkind = \"council_tax\"\n[account.fields]\n\"status\" = {{ from = \"Status\" }}\n"
        );
        let told = told("mappings/inbound/ctax_account.toml", &mapping);
        assert!(told.contains("mappings/inbound/ctax_account.toml:4:"), "{told}");
    }
}

const CONNECTOR: &str = "kind = \"govuk_notify\"\nsystem = \"notify\"\n[settings]\n\
    base_url = \"https://notify.example.com\"\napi_key = \"secret:NOTIFY_API_KEY\"\n";

#[test]
fn b73_a_definition_that_is_wrong_is_refused_with_its_line() {
    let place = "connectors/other.toml";
    for (from, to, what, line) in [
        ("system = ", "sistem = ", "`sistem` is not known here", ":2:1"),
        ("[settings]\n", "system = \"x\"\n[settings]\n", "the same name is given twice", ":3:1"),
        ("secret:NOTIFY_API_KEY", "abc-123-very-secret", "a secret is written in clear", ":5:11"),
        ("https://notify", "https://user:hunter2@notify", "a secret is written in clear", ":4:12"),
        ("\"notify\"", "\"not\u{1}ify\"", "an invisible control character", ":2:14"),
        ("system = \"notify\"", "system = &notify", "must stand in quotes", ":2:10"),
        ("system = \"notify\"", "system = *notify", "must stand in quotes", ":2:10"),
    ] {
        let text = CONNECTOR.replacen(from, to, 1);
        assert_ne!(text, CONNECTOR);
        let told = told(place, &text);
        assert!(told.contains(what), "{to}: {told}");
        assert!(told.contains(&format!("{place}{line}")), "{to}: {told}");
        assert!(!told.contains("very-secret") && !told.contains("hunter2"), "{told}");
    }
    // A tab is a blank like another.
    let tabs = CONNECTOR.replace(" = ", "\t=\t").replace("\nsystem", "\n\tsystem");
    assert!(!with(place, &tabs).has_errors(), "{}", with(place, &tabs).report());
}

#[test]
fn b73_a_file_that_would_grow_or_is_none_is_refused_and_the_rest_is_checked() {
    let large = format!("a = \"{}\"\n", "x".repeat(10_000_000));
    let deep = format!("a = {}", "[".repeat(100_000));
    let tables = format!("[{}a]", "a.".repeat(100_000));
    // What other languages' aliases would make of it: here they are no words of the language.
    let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
    for (text, what) in [
        (large.as_str(), "this file has 10.1 MB; a definition has at most 1 MB"),
        (&deep, "unclosed array"),
        (&tables, ""),
        (bomb, "`=` is missing after `a`"),
        ("\0\0\0", ""),
        ("<xml/>", ""),
        ("\u{feff}", ""),
    ] {
        let told = told("jobs/ingest-revenues.toml", text);
        assert!(told.contains(what), "{text:.40}: {told:.400}");
        assert!(told.len() < 100_000, "{} bytes", told.len());
    }
}
