//! What expressions give, and what is refused before one runs.

use std::time::Instant;

use super::*;

/// Runs an expression over a record of three fields.
fn run(text: &str, wanted: Wanted) -> Result<Outcome, String> {
    let expression = compile(text, Scope::Source, wanted).map_err(|fault| fault.what)?;
    let found = expression.run(|_, slot| {
        let path = slot.path().map(|path| path.text.as_str());
        Ok(match (slot, path) {
            (Slot::Text(_), Some("Status")) => Given::Text("Open".to_owned()),
            (Slot::Text(_), Some("Balance")) => Given::Text("120".to_owned()),
            (Slot::Text(_), Some("Long")) => Given::Text("a".repeat(50_000)),
            (Slot::Text(_), _) => Given::Text(String::new()),
            (Slot::Texts(_), Some("Many")) => Given::Texts(vec![String::new(); TEXTS_MAX + 1]),
            (Slot::Texts(_), _) => Given::Texts(vec!["SPD".to_owned(), "EMP".to_owned()]),
            (Slot::Count(_), _) => Given::Whole(2),
            _ => Given::Absent,
        })
    });
    found.map_err(|failure| failure.code.to_owned())
}

fn holds(text: &str) -> Result<bool, String> {
    run(text, Wanted::Condition).map(|outcome| outcome == Outcome::Flag(true))
}

fn gives(text: &str) -> Result<String, String> {
    run(text, Wanted::Text).map(|outcome| match outcome {
        Outcome::Text(text) => text,
        Outcome::Flag(flag) => flag.to_string(),
        Outcome::Absent => "-".to_owned(),
    })
}

#[test]
fn conditions_over_a_record() {
    for (text, wanted) in [
        (r#"text("Status") == "Open""#, true),
        (r#"text("Status").lower() == "open" && int(text("Balance")) > 100"#, true),
        (r#"int(text("Balance")) > 120 || text("Nothing") != """#, false),
        (r#"text("Status") in ["Open", "New"]"#, true),
        (r#"!(text("Status") in ["Shut"])"#, true),
        (r#"texts("Code").exists(code, code == "EMP")"#, true),
        (r#"texts("Code").all(code, code.size() == 3)"#, true),
        (r#"count("Code") == 2 && text("Nothing").size() == 0"#, true),
        (r#"text("Status").matches("^O.*n$")"#, true),
        (r#"text("Status").startsWith("O") ? count("Code") > 1 : false"#, true),
        // The name of a loop's variable is the writer's own.
        (r#"texts("Code").exists(v0, v0 == text("Status"))"#, false),
    ] {
        assert_eq!(holds(text), Ok(wanted), "{text}");
    }
}

#[test]
fn texts_from_a_record() {
    for (text, wanted) in [
        (r#"text("Status") + "/" + text("Balance")"#, "Open/120"),
        (r#"int(text("Balance")) * 2"#, "240"),
        (r#"string(count("Code")) + "!""#, "2!"),
        (r#"text("Nothing") == "" ? "none" : text("Nothing")"#, "none"),
        (r#"text("Status") == "Open""#, "true"),
    ] {
        assert_eq!(gives(text).as_deref(), Ok(wanted), "{text}");
    }
    assert_eq!(gives(r#"int(text("Status"))"#), Err("expression.failed".to_owned()));
    assert_eq!(gives(r#"1 / (count("Code") - 2)"#), Err("expression.failed".to_owned()));
}

#[test]
fn what_cannot_be_meant_is_told_before_it_runs() {
    for (text, wanted) in [
        ("text(\"Status\")", "a condition says yes or no, and this is a text"),
        ("text(\"Balance\") > 5", "a text is compared with a whole number"),
        ("status == \"x\"", "there is no `status` here"),
        ("text(Status) == \"\"", "`text` takes one path, in quotes"),
        (
            "text(\"/Status\") == \"\"",
            "`/Status` is not a path: begins at the record, not at the document",
        ),
        ("tekst(\"Status\") == \"\"", "there is no function `tekst` here"),
        ("text(\"a\").sized() == 1", "there is no function `sized` here"),
        ("text(\"a\").lower(1) == \"\"", "`lower` takes 0 values"),
        ("int(5) == 5", "`int` takes a text, and this is a whole number"),
        ("1 + \"a\" == 2", "`+` cannot be done with a whole number and a text"),
        ("\"a\" in 5", "a text cannot be in a whole number"),
        ("1.5 + 2 > 3.0", "`+` cannot be done with a decimal number and a whole number"),
        ("true ? 1 : \"a\"", "one side of `?:` is a whole number and the other a text"),
        ("!5", "yes or no is needed here, and this is a whole number"),
        ("[1, \"a\"] == [1]", "the items of a list are all of one type"),
        ("null == null", "`null` says nothing here"),
        ("{\"a\": 1}.a == 1", "only a name has parts, such as `resident.contact.email`"),
        ("texts(\"a\").map(x, x) == []", "of loops there are `exists` and `all`"),
        ("texts(\"a\").exists(x, texts(\"b\").all(y, y == x))", "a loop in a loop is not allowed"),
        ("texts(\"a\").exists(x, x)", "yes or no is needed here, and this is a text"),
        (
            "text(\"a\").matches(text(\"b\"))",
            "a pattern is written here, in quotes: it never comes from a record",
        ),
        ("text(\"a\").matches(\"(\")", "the pattern cannot be used: error: unclosed group"),
        ("pounds(5) == \"\"", "there is no function `pounds` here"),
    ] {
        assert_eq!(holds(text), Err(wanted.to_owned()), "{text}");
    }
    for text in ["", "text(", "a b", "\"", "text(\"a\") ==", "1 == 1; 2"] {
        let fault = holds(text).unwrap_err();
        assert!(fault.starts_with("the expression cannot be read"), "{text}: {fault}");
    }
}

#[test]
fn a_fault_is_placed_where_it_stands() {
    let place = |text: &str| {
        let fault = compile(text, Scope::Account, Wanted::Condition).unwrap_err();
        fault.place.map(|(from, to)| text[from..to].to_owned())
    };
    let at = place("account.arrears > 5 && account.arears > 1").unwrap();
    assert!(at.contains("arears"), "{at}");
    assert!(
        place("\"é\" == \"é\" && acount.paid > 1").unwrap().contains("acount"),
        "counted in bytes"
    );
}

#[test]
fn what_is_absent_is_neither_more_nor_less() {
    let run = |text: &str, wanted: Wanted, arrears: Given| {
        let expression = compile(text, Scope::Account, wanted).map_err(|fault| fault.what)?;
        let run = expression.run(|_, slot| {
            Ok(match slot {
                Slot::Account(_) => arrears.clone(),
                Slot::Was(_) => Given::Whole(10),
                Slot::Is(_) => Given::Whole(25),
                _ => Given::Absent,
            })
        });
        run.map_err(|failure| failure.code.to_owned())
    };
    let (yes, no) = (Ok(Outcome::Flag(true)), Ok(Outcome::Flag(false)));
    for (text, absent, five) in [
        ("account.arrears > 4", &no, &yes),
        ("account.arrears == 0", &no, &no),
        ("account.arrears != 5", &no, &no),
        ("!(account.arrears > 4)", &yes, &no),
        ("has(account.arrears)", &no, &yes),
        ("has(account.arrears) && account.arrears + 1 == 6", &no, &yes),
        ("has(resident.contact.email) || account.arrears in [5]", &no, &yes),
        ("change.paid.new - change.paid.old > 10", &yes, &yes),
    ] {
        assert_eq!(run(text, Wanted::Condition, Given::Absent), *absent, "{text}");
        assert_eq!(run(text, Wanted::Condition, Given::Whole(5)), *five, "{text}");
    }
    let text = |text: &str, given: Given| run(text, Wanted::Text, given);
    assert_eq!(text("account.arrears", Given::Absent), Ok(Outcome::Absent));
    assert_eq!(
        text("pounds(account.arrears)", Given::Whole(123_450)),
        Ok(Outcome::Text("£1,234.50".into()))
    );
    assert_eq!(text("pounds(account.arrears)", Given::Absent), Ok(Outcome::Absent));
    assert_eq!(
        text("has(account.arrears) ? pounds(account.arrears) : \"nothing\"", Given::Absent),
        Ok(Outcome::Text("nothing".into()))
    );
    for (expression, wanted) in [
        ("account.arears > 1", "`arears` is not a field of the account"),
        ("account > 1", "`account` is no value"),
        ("change.paid > 1", "`change.paid` is no value"),
        ("account.payment.sort_code == \"\"", "bank details are never sent"),
        ("text(\"a\") == \"\"", "there is no function `text` here"),
    ] {
        assert_eq!(run(expression, Wanted::Condition, Given::Absent), Err(wanted.to_owned()));
    }
    let of_resident = compile("account.arrears > 1", Scope::Resident, Wanted::Condition);
    assert_eq!(of_resident.unwrap_err().what, "a resident's event has no account to speak of");
}

#[test]
fn b72_nothing_runs_for_ever_or_grows_without_end() {
    // A pattern that makes a backtracking matcher try for ever.
    let began = Instant::now();
    assert_eq!(holds(r#"text("Long").matches("^(a+)+$")"#), Ok(true));
    assert_eq!(holds(r#"(text("Long") + "b").matches("^(a+)+$")"#), Ok(false));
    assert!(began.elapsed().as_secs() < 5, "it takes a time that grows with the text only");
    assert!(holds(r#"text("a").matches("(a{1000}){1000}")"#).unwrap_err().contains("too large"));
    // A text that grows.
    let long = ["text(\"Long\")"; 20].join(" + ");
    assert_eq!(gives(&long), Err("expression.limit".to_owned()));
    let long = vec!["text(\"Long\")"; 400].join(" + ");
    assert!(gives(&long).is_err());
    assert_eq!(holds("texts(\"Many\").exists(x, x == \"\")"), Err("expression.limit".to_owned()));
    // Depth.
    for depth in [30, 900, 1_900, 100_000] {
        for (open, close) in
            [("(", ")"), ("[", "]"), ("!(", ")"), ("size(", ")"), ("true?", ":true")]
        {
            let deep = format!("{}true{}", open.repeat(depth), close.repeat(depth));
            assert!(holds(&deep).is_err(), "{depth} {open}");
            assert!(holds(&open.repeat(depth)).is_err(), "{depth} {open}");
        }
        let _ = holds(&format!("{}true", "!".repeat(depth)));
        let _ = gives(&format!("{}1", "-".repeat(depth)));
    }
    let deepest = ["1"; 39].join(" + ");
    assert_eq!(gives(&deepest), Ok("39".to_owned()));
    for (part, sign) in [("true", " && "), ("1", "+"), ("true", "||")] {
        assert!(run(&vec![part; 390].join(sign), Wanted::Text).is_err());
    }
}

proptest::proptest! {
    #[test]
    fn no_text_panics(text in "[a-z0-9\"'()\\[\\]{}!&|<>=+*/%?:., \\\\]{0,60}") {
        for wanted in [Wanted::Condition, Wanted::Text] {
            let _ = run(&text, wanted);
        }
    }
}
