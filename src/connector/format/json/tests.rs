//! JSON extracts as their definitions say them.

use proptest::prelude::{Just, Strategy, any, prop_assert_eq, prop_oneof, proptest};

use super::property;
use crate::connector::format::layout::Layout;
use crate::connector::format::trying::{cut, layout, read};

const LINES: &str = r#"
format = "json_lines"
key = "ref"
apart = ["trailer"]
"#;

const DOCUMENT: &str = r#"
format = "json"
record = "/data/accounts"
key = "ref"
count = "/meta/records"
"#;

fn lines() -> Layout {
    layout(LINES)
}

fn document() -> Layout {
    layout(DOCUMENT)
}

fn wrapped(records: &str) -> String {
    let many = records.matches("\"ref\"").count();
    format!(
        "{{\"meta\":{{\"records\":{many},\"note\":\"a ] and }} and \\\"\"}},\n \"data\": {{\"accounts\": [{records}], \"more\":[1,[2]]}}}}"
    )
}

#[test]
fn lines_and_documents_give_the_same_records() {
    let one = r#"{"ref":"1","name":"a ] \" } b"}"#;
    let two = r#"{"other":[{"ref":"no"}],"ref":2}"#;
    let seen = cut(&lines(), format!("\u{FEFF}{one}\r\n\r\n  {two}")).unwrap();
    assert_eq!(seen.keys(), ["1", "2"]);
    assert_eq!(seen.rows[0].1, one);
    let many = cut(&document(), wrapped(&format!(" {one} ,\n{two}"))).unwrap();
    assert_eq!(many.rows, seen.rows);
    assert_eq!(many.totals, ["records 3 = 2"]);
    let root = layout("format = \"json\"\nrecord = \"/\"\nkey = \"ref\"");
    assert_eq!(cut(&root, format!("[{one},{two}]\n")).unwrap().rows, seen.rows);
    assert_eq!(cut(&root, " [ ] ").unwrap().keys(), [""; 0]);
}

#[test]
fn a_record_becomes_a_tree() {
    let record = r#"{"ref":"1","gone":null,"paid":true,"balance":-12.50,"person":{"surname":"Test\u0062erry"},
        "persons":[{"id":1},{"id":2}],"tags":["a","b"],"grid":[[1,2],[3]],"none":[],"odd":{}}"#;
    assert_eq!(
        read(&lines(), record).unwrap(),
        "ref = 1\npaid = true\nbalance = -12.50\nperson\nperson/surname = Testberry\n\
         persons\npersons/id = 1\npersons\npersons/id = 2\ntags = a\ntags = b\n\
         grid\ngrid/item = 1\ngrid/item = 2\ngrid\ngrid/item = 3\nodd = \n"
    );
}

#[test]
fn b15_depth_is_bounded() {
    let nested = |depth: usize| format!("{{\"ref\":{}1{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&lines(), &nested(127)).is_ok());
    assert_eq!(read(&lines(), &nested(128)), Err("json.depth"));
    let objects = |depth: usize| format!("{}1{}", "{\"a\":".repeat(depth), "}".repeat(depth));
    assert!(read(&lines(), &objects(128)).is_ok());
    assert_eq!(read(&lines(), &objects(129)), Err("json.depth"));
    let brackets = "[".repeat(50_000);
    assert_eq!(
        cut(&lines(), format!("{{\"ref\":1}}\n{brackets}\n")).unwrap().keys(),
        ["1", "!json.depth"]
    );
    assert_eq!(cut(&document(), "[".repeat(200_000)), Err("json.depth (byte 129)".to_owned()));
    let inside = wrapped(&"[".repeat(200_000));
    assert!(cut(&document(), inside).unwrap_err().starts_with("json.depth"));
}

/// This took minutes, where what closes was looked for anew behind every bracket.
#[test]
fn b15_what_closes_is_found_in_one_pass() {
    let closes = format!("{}1{}", "[".repeat(90_000), "]".repeat(90_000));
    let digits = ",1".repeat(2_000_000);
    let long = wrapped(&format!("{{\"ref\":1,\"n\":[{closes}{digits}]}},{{\"ref\":2}}"));
    assert_eq!(cut(&document(), long).unwrap().keys(), ["!json.size", "2"]);
    let braces = format!("{}1{}", "{\"a\":".repeat(90_000), "}".repeat(90_000));
    let long = wrapped(&format!("{{\"ref\":1,\"n\":[{braces}{digits}]}},{{\"ref\":2}}"));
    assert_eq!(cut(&document(), long).unwrap().keys(), ["!json.size", "2"]);
    let closes = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
    let many = format!("{{\"n\":[{closes}{digits}],\"ref\":7}}");
    assert_eq!(property(many.as_bytes(), b"ref"), Some(b"7".as_slice()));
}

#[test]
fn b19_values_without_names_are_bounded_too() {
    let ones = |many: usize| format!("{{\"ref\":[1{}]}}", ",1".repeat(many));
    assert!(read(&lines(), &ones(900_000)).is_ok());
    assert_eq!(read(&lines(), &ones(1_000_000)), Err("json.size"));
}

#[test]
fn b16_a_name_that_stands_twice_holds_its_record() {
    for record in [
        r#"{"ref":1,"amount":1,"amount":9}"#,
        r#"{"ref":1,"amount":1,"am\u006funt":9}"#,
        r#"{"ref":1,"in":{"a":1,"b":2,"a":1}}"#,
    ] {
        assert_eq!(read(&lines(), record), Err("json.duplicate"), "{record}");
    }
    let many: String = (0..100).map(|number| format!("\"n{number}\":1,")).collect();
    assert_eq!(read(&lines(), &format!("{{{many}\"n7\":2}}")), Err("json.duplicate"));
    assert!(read(&lines(), &format!("{{{many}\"in\":{{\"n7\":2}}}}")).is_ok());
    let twice = wrapped("").replace("\"more\"", "\"accounts\"");
    assert!(cut(&document(), twice).unwrap_err().starts_with("json.duplicate"));
}

#[test]
fn b17_digits_stay_as_they_were_written() {
    for number in ["12345678901234567890123", "1.10", "0", "0.0", "-1", "-0.01", "1e3", "1E-2"] {
        assert_eq!(
            read(&lines(), &format!("{{\"n\":{number}}}")).unwrap(),
            format!("n = {number}\n")
        );
    }
    for number in [
        "1e400", "NaN", "-0", "-0.00", "-0e1", "01", "1.", ".5", "1e", "+1", "0x1", "Infinity",
        "1_0",
    ] {
        let found = read(&lines(), &format!("{{\"n\":{number}}}"));
        assert!(matches!(found, Err("json.number" | "json.malformed")), "{number}: {found:?}");
    }
    for number in ["1e400", "NaN", "-0"] {
        assert_eq!(read(&lines(), &format!("{{\"n\":{number}}}")), Err("json.number"), "{number}");
    }
}

#[test]
fn b19_unknown_names_are_no_fault_and_too_many_are() {
    assert!(read(&lines(), r#"{"ref":1,"whatever":{"new":[1]}}"#).is_ok());
    let many: String = (0..100_000).map(|number| format!("\"n{number}\":1,")).collect();
    assert_eq!(read(&lines(), &format!("{{{many}\"ref\":2}}")), Err("json.size"));
}

#[test]
fn b20_what_is_no_character_holds_its_record() {
    for text in [r"\ud800", r"\udc00", r"\ud800\u0041", r"\ud800x", "a\tb", "a\u{1}b", r"\u0000"] {
        assert_eq!(read(&lines(), &format!("{{\"n\":\"{text}\"}}")), Err("json.char"), "{text:?}");
    }
    assert_eq!(read(&lines(), r#"{"n":"\ud83d\ude00\t\/"}"#).unwrap(), "n = \u{1F600}\t/\n");
    for text in [r"\x41", r"\u12", r"\u+123", "\\"] {
        assert_eq!(
            read(&lines(), &format!("{{\"n\":\"{text}\"}}")),
            Err("json.malformed"),
            "{text:?}"
        );
    }
}

#[test]
fn b21_one_broken_line_is_held_and_the_others_go_on() {
    let mut all: Vec<String> = (0..10_000).map(|number| format!("{{\"ref\":{number}}}")).collect();
    all[77] = "{\"ref\":77".to_owned();
    let seen = cut(&lines(), all.join("\n")).unwrap();
    assert_eq!(seen.rows.len(), 10_000);
    assert_eq!(seen.rows[77].0, "!json.malformed");
    assert_eq!(seen.keys().iter().filter(|key| key.starts_with('!')).count(), 1);
    assert!(seen.causes[0].contains("cut off"), "{:?}", seen.causes);
    let utf8 = [b"{\"ref\":1,\"n\":\"\xff\"}\n".as_slice(), b"{\"ref\":2}"].concat();
    assert_eq!(cut(&lines(), utf8).unwrap().keys(), ["!json.encoding", "2"]);
    assert_eq!(cut(&lines(), "7\n[]\n\"a\"\nnull").unwrap().keys(), ["!json.malformed"; 4]);
}

#[test]
fn b22_what_never_ends_is_held_within_its_size() {
    let endless = format!("{{\"ref\":1}}\n{{\"ref\":2,\"n\":\"{}", "x".repeat(3_000_000));
    assert_eq!(cut(&lines(), endless).unwrap().keys(), ["1", "!json.size"]);
    let long = wrapped(&format!("{{\"ref\":1,\"n\":\"{}\"}},{{\"ref\":2}}", "x".repeat(3_000_000)));
    assert_eq!(cut(&document(), long).unwrap().keys(), ["!json.size", "2"]);
    let around = format!("{{\"note\":\"{}\"}}", "x".repeat(3_000_000));
    assert!(cut(&document(), around).unwrap_err().starts_with("json."));
}

#[test]
fn a_document_that_is_cut_off_or_broken_is_refused_whole() {
    let whole = wrapped("{\"ref\":1},{\"ref\":2}");
    assert_eq!(cut(&document(), &whole).unwrap().totals, ["records 2 = 2"]);
    for end in 1..whole.len() {
        let found = cut(&document(), &whole.as_bytes()[..end]);
        assert!(
            found.as_ref().is_err_and(|fault| fault.starts_with("json.malformed")),
            "{end} {found:?}"
        );
    }
    for (from, to, wanted) in [
        ("},{\"ref\":2", "} {\"ref\":2", "json.malformed"),
        ("},{\"ref\":2", "},,{\"ref\":2", "json.malformed"),
        ("{\"ref\":2}", "{\"ref\":2}]", "json.malformed"),
        ("{\"ref\":2}", "{\"ref\":[2}", "json.malformed"),
        ("\"accounts\"", "\"acounts\"", "json.root"),
        ("\"meta\":", "\"meta\"", "json.malformed"),
        ("{\"ref\":2},", "", ""),
    ] {
        let found = cut(&document(), whole.replace(from, to));
        assert!(
            wanted.is_empty() || found.as_ref().is_err_and(|fault| fault.starts_with(wanted)),
            "{from} {found:?}"
        );
    }
    let trailing = format!("{whole} {{}}");
    assert!(cut(&document(), trailing).unwrap_err().starts_with("json.trailing"));
    assert_eq!(
        cut(&document(), wrapped("{\"ref\":1},7,{\"ref\":2}")).unwrap().keys(),
        ["1", "!json.malformed", "2"]
    );
    assert!(cut(&document(), r#"{"error":"no"}"#).unwrap_err().starts_with("json.root"));
    assert!(cut(&document(), "<html>").is_err());
}

#[test]
fn totals_are_added_up_to_the_penny() {
    let sums =
        "[[sums]]\nof = \"balance\"\nas = \"number_pounds\"\ndeclared = \"/trailer/balance\"\n";
    let summed = layout(&format!("count = \"/trailer/records\"\n{LINES}{sums}"));
    let text = "{\"ref\":1,\"balance\":855.0}\n{\"ref\":2,\"balance\":-12.5}\n{\"trailer\":{\"records\":2,\"balance\":842.5}}\n";
    assert_eq!(
        cut(&summed, text).unwrap().totals,
        ["records 2 = 2", "pence in `balance` 84250 = 84250"]
    );
    assert_eq!(
        cut(&summed, text.replace("855.0", "\"#N/A\"")),
        Err("file.total_unsure (record 1)".to_owned())
    );
    let cut_off = &text[..text.find("{\"trailer\"").unwrap()];
    assert_eq!(cut(&summed, cut_off).unwrap().totals[0], "records ? = 2");
}

/// A text that is written with escapes here and there.
fn written() -> impl Strategy<Value = String> {
    "[a-c\"\\\\\n\u{e9}\u{1F600}{}\\[\\],:]{0,6}"
        .prop_map(|text: String| serde_json::to_string(&text).unwrap())
}

fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        written(),
        Just("null".to_owned()),
        Just("true".to_owned()),
        (0..1000_u32).prop_map(|number| number.to_string())
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3)
                .prop_map(|items| format!("[{}]", items.join(" ,"))),
            proptest::collection::vec((written(), inner), 0..3).prop_map(|pairs| {
                let pairs: Vec<String> =
                    pairs.into_iter().map(|(name, value)| format!("{name} : {value}")).collect();
                format!("{{{}}}", pairs.join(","))
            }),
        ]
    })
}

proptest! {
    #[test]
    fn the_quick_key_is_what_the_parser_finds(before in proptest::collection::vec((written(), value()), 0..3), key in value()) {
        let pairs: String = before.into_iter().map(|(name, value)| format!("{name}:{value},")).collect();
        let record = format!("{{{pairs}\"ref\":{key}}}");
        if let Some(found) = property(record.as_bytes(), b"ref") {
            prop_assert_eq!(found, key.as_bytes());
        }
    }

    #[test]
    fn what_serde_reads_is_read_and_what_it_refuses_is_refused(value in value()) {
        let record = format!("{{\"ref\":{value}}}");
        let known = serde_json::from_str::<serde_json::Value>(&record).is_ok();
        let found = read(&lines(), &record);
        // A name twice is refused here and not there.
        proptest::prop_assert!(known && (found.is_ok() || found == Err("json.duplicate")), "{} {:?}", record, found);
        let broken = record.replacen(['"', ':'], "", 1);
        if serde_json::from_str::<serde_json::Value>(&broken).is_err() {
            proptest::prop_assert!(read(&lines(), &broken).is_err(), "{}", broken);
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[\\[\\]{}:,\"\\\\a0-]{0,60}") {
        let _ = cut(&lines(), &bytes);
        let _ = cut(&document(), &bytes);
        let _ = cut(&lines(), &text);
        let _ = cut(&document(), wrapped(&text));
        let _ = read(&lines(), &text);
    }
}
