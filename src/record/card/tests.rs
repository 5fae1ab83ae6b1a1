//! What is a card number in a record, what is not, and that the quick look misses nothing.

use proptest::prelude::{Strategy, prop_assert, prop_oneof, proptest};

use super::*;
use crate::record::document::SpaceId;

/// A row of these values under the names `c0`, `c1` and so on.
fn row(values: &[&str]) -> Document {
    let mut document = Document::default();
    document.begin("");
    assert!(document.open("row", SpaceId::NONE));
    for (place, value) in values.iter().enumerate() {
        document.leaf(&format!("c{place}"), value);
    }
    document.close();
    document
}

/// What is found in a row: for each number the texts it stands in.
fn found(values: &[&str]) -> Vec<Vec<String>> {
    let document = row(values);
    let all = Scanner::default().find(&document, &|_| false);
    let text =
        |(node, at): &(NodeId, std::ops::Range<usize>)| document.text(*node)[at.clone()].to_owned();
    all.iter().map(|found| found.parts.iter().map(text).collect()).collect()
}

/// The row as CSV and as XML: nothing is quoted, since nothing needs it.
fn written(values: &[&str]) -> [String; 3] {
    let tag = |(place, value): (usize, &&str)| format!("<Note{place}>{value}</Note{place}>");
    let property = |(place, value): (usize, &&str)| format!("\"note{place}\": \"{value}\"");
    [
        values.join(","),
        format!("<A>{}</A>", values.iter().enumerate().map(tag).collect::<String>()),
        values.iter().enumerate().map(property).collect::<Vec<_>>().join(",\n"),
    ]
}

#[test]
fn b45_a_number_in_one_value_is_found_however_it_is_written() {
    for text in [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "4111.1111.1111.1111",
        "4111 - 1111 - 1111 - 1111",
        "4111\u{a0}1111\u{2011}1111\u{2009}1111",
        "411111 1111111111",
        "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
        "4111\n1111\n1111\n1111",
        "3782 822463 10005",
        "3056 930902 5904",
        "30569309025904",
        "6759 6498 2643 8453",
        "6200 0000 0000 0000 000",
    ] {
        for around in [("", ""), ("rang, card ", " exp 12/28"), ("Card:", ";"), ("x", " 123 12/28")]
        {
            let value = format!("{}{text}{}", around.0, around.1);
            // A letter before it: Diners Club's is then the end of an IBAN, and one digit a name's.
            if around.0 == "x" && (text.starts_with("30") || text.starts_with("4 1")) {
                continue;
            }
            assert_eq!(found(&[&value]), [[text]], "{value}");
        }
    }
    let two = "4111 1111 1111 1111 5555 5555 5555 4444";
    assert_eq!(found(&[two]), [["4111 1111 1111 1111"], ["5555 5555 5555 4444"]]);
}

#[test]
fn b45_a_number_across_neighbouring_values_is_found() {
    for (values, parts) in [
        (vec!["4111 1111", "1111 1111"], vec!["4111 1111", "1111 1111"]),
        (vec!["41111111", "11111111"], vec!["41111111", "11111111"]),
        (vec!["4111", "1111", "1111", "1111"], vec!["4111", "1111", "1111", "1111"]),
        (vec!["411111111111", "1111"], vec!["411111111111", "1111"]),
        (vec!["paid by 4111 1111 11", "11 1111 exp 12/28"], vec!["4111 1111 11", "11 1111"]),
        (vec!["  4111-1111  ", "1111-1111"], vec!["4111-1111", "1111-1111"]),
        (vec!["37828224", "6310005"], vec!["37828224", "6310005"]),
        (vec!["Arden", "4111 1111", "1111 1111", "Flat 4"], vec!["4111 1111", "1111 1111"]),
    ] {
        assert_eq!(found(&values), std::slice::from_ref(&parts), "{values:?}");
    }
}

#[test]
fn b45_numbers_of_other_kinds_are_no_alarm() {
    for values in [
        // One digit is wrong; no scheme begins so; it is longer than any.
        vec!["4111 1111 1111 1112"],
        vec!["1234567812345670"],
        vec!["41111111111111110000"],
        // Telephones, days and times, UPRNs, postcodes, National Insurance numbers.
        vec!["07700 900123 or 01632 960001", "+44 7700 900123"],
        vec!["2026-04-01T02:30:00.000Z", "20260401023000", "1764115200000"],
        vec!["100099900001", "100099900002", "SK99 1AB", "QQ 12 34 56 A"],
        // Lloyds' sort codes begin as Diners Club's cards do.
        vec!["30-90-12", "12345676"],
        vec!["309012", "12345676"],
        vec!["30-90-12 12345676", "GB29LOYD30901212345676", "GB29 LOYD 3090 1212 3456 76"],
        // Amounts and days beside each other, and one beside a text.
        vec!["4111.11", "1111.11", "1111.11"],
        vec!["4111.11 1111.11 1111"],
        vec!["23042026", "31122999"],
        vec!["4111 1111", "", "1111 1111"],
        vec!["4111 1111 paid", "1111 1111"],
        vec!["4111 1111 1111 1", "111"],
        vec!["550e8400-e29b-41d4-a716-446655440000"],
        vec!["Flat 4", "11 Fiction Road", "11111 Town", "111111"],
    ] {
        assert_eq!(found(&values), [[""; 0]; 0], "{values:?}");
    }
}

#[test]
fn a_value_that_is_let_off_is_not_looked_at_and_stands_between() {
    let document = row(&["4111111111111111", "4111 1111", "x", "1111 1111"]);
    let let_off = |name: &'static str| {
        let document = &document;
        move |node| document.name(node) == name
    };
    let mut scanner = Scanner::default();
    assert_eq!(scanner.find(&document, &|_| false).len(), 1);
    assert!(scanner.find(&document, &let_off("c0")).is_empty());
    assert_eq!(scanner.find(&document, &let_off("c2")).len(), 1);
}

#[test]
fn numbers_of_accounts_that_count_up_give_no_alarm() {
    // A plain number beside another one is taken for half a card where both are eight digits and pass:
    // that is what `not_cards` is for. Of other lengths none is.
    for (first, second) in [(10, 6), (6, 10), (9, 7), (7, 9), (5, 11)] {
        let start = 4 * 10_u64.pow(first - 1);
        let second = "7".repeat(second as usize);
        for number in start..start + 1_000 {
            assert!(found(&[&number.to_string(), &second]).is_empty(), "{number} {second}");
        }
    }
}

#[test]
fn bytes_that_are_no_record_are_masked_all_the_same() {
    let mask = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        let found = Scanner::default().mask(&mut bytes);
        (found, String::from_utf8(bytes).unwrap())
    };
    let x = |text: &str| text.replace('#', "XXXX");
    for (text, wanted, is_found) in [
        ("99,Ann,4111 1111 1111 1111,7", "99,Ann,# # # #,7", true),
        ("<N>4111 1111</N><N>1111 1111</N>", "<N># #</N><N># #</N>", false),
        ("D00041111111111111111000000085500", "D########X", false),
        ("99000001,2026-04-01,855.00", "99000001,2026-04-01,855.00", false),
    ] {
        let (found, masked) = mask(text);
        assert_eq!(found, is_found, "{text}");
        if !wanted.contains("########X") {
            assert_eq!(masked, x(wanted), "{text}");
        } else {
            assert!(!masked.bytes().any(|byte| byte.is_ascii_digit()), "{masked}");
        }
    }
}

#[test]
fn the_quick_look_lets_most_records_pass() {
    let mut scanner = Scanner::default();
    for record in [
        "<Account ref=\"9900000042\"><Status>OPEN</Status><UPRN>100099900001</UPRN><Paid>855.00</Paid>\
         <Due date=\"2026-04-01\">85.50</Due><Due date=\"2026-05-01\">85.50</Due></Account>",
        "99012346,Live,01/04/2026,31/12/2999,90.00,B1,CLAIMANT,TESTBERRY,29/02/1984,N,07700900123",
    ] {
        assert!(!scanner.may_hold(record.as_bytes()), "{record}");
    }
    for record in ["<N>&#52;111</N>", "<N>4<!-- -->111</N>", "{\"n\":\"\\u0034111\"}"] {
        assert!(scanner.may_hold(record.as_bytes()), "{record}");
    }
}

/// Values with digits, marks and words, in which a card turns up often enough.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[0-9 .-]{0,20}",
        "[a-zA-Z_0-9 ]{0,12}",
        proptest::sample::select(vec![
            "4111 1111",
            "1111 1111",
            "4111",
            "1111",
            "41111111",
            "11111111",
            "5555 5555 5555 4444",
            "4111111111111111",
            "note 4111-1111",
            "378282246310005",
            "",
            "Flat 4",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(2_000))]
    #[test]
    fn the_quick_look_misses_nothing(values in proptest::collection::vec(value(), 1..6)) {
        let values: Vec<&str> = values.iter().map(String::as_str).collect();
        if !found(&values).is_empty() {
            for text in written(&values) {
                prop_assert!(Scanner::default().may_hold(text.as_bytes()), "{}", text);
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let mut scanner = Scanner::default();
        let _ = scanner.may_hold(&bytes);
        let mut bytes = bytes;
        let _ = scanner.mask(&mut bytes);
    }
}
