//! Fixed-width extracts as their definitions say them.

use proptest::prelude::{any, prop_assert_eq, proptest};

use crate::connector::format::layout::Layout;
use crate::connector::format::trying::{cut, faults, layout, read};
use crate::connector::format::{Raw, RecordSink, Stopped};

/// The layout that the council's nightly accounts come in, one line each.
const ACCOUNTS: &str = r#"
format = "fixed_width"
encoding = "windows-1252"
line_length = 200
type = "1-1"
record = "D"
key = "account_ref"
count = "T.records"
[lines.H]
role = "header"
fields = { extract = "2-10" }
[lines.D]
fields = { account_ref = "2-9", check = "10", property_ref = "12-23", liable_name = "24-55", addr1 = "56-75", addr2 = "76-95", addr3 = "96-111", addr4 = "112-127", postcode = "128-135", uprn = "136-147", band = "148", paymeth = "149-153", liable_count = "154", status = "155-161", balance_pence = "162-172", stage = "173-175", occupied = "176-183", vacated = "184-191" }
[lines.T]
role = "trailer"
fields = { records = "2-9", total = "10-22" }
[[sums]]
of = "balance_pence"
declared = "T.total"
as = "integer_pence"
"#;

const EXTRACT: [&str; 5] = [
    "HCTAXEXT 20260401021502EXAMPLE MBC         000042",
    "D990000017 000012345   TESTBERRY,MS ARDEN              12 FICTION ROAD     SAMPLEHAM                                           SK99 1AA100099900001DDDM011CURRENT+0000085500BIL2026040129991231",
    "D990000025 000012346   FAKELEY,MR B & MRS C            FLAT 2              9 PRETEND STREET    SAMPLEHAM                       SK991AB 000099900002BCASHM2CURRENT-0000001250RM12025070129991231",
    "D99000003X 000012399   EXORS OF BRAMBLE DECD           3 NOWHERE CLOSE                                                                             ACASHM1OLD    +0000000000   2020010120260214",
    "T00000003+000000084250",
];

fn extract(lines: &[&str], end: &str) -> String {
    lines.iter().map(|line| format!("{line:200}{end}")).collect()
}

/// Accounts of several lines each, and what is paid side by side on one.
const LINES: &str = r#"
format = "fixed_width"
type = "1-2"
record = "01"
key = "ref"
count = "99.accounts"
[lines.00]
role = "header"
fields = { extract = "3-12" }
[lines.01]
fields = { ref = "3-6", street = "7-16" }
[lines.02]
list = "persons"
same = { ref = "3-6" }
fields = { surname = "7-16", role = "17" }
[lines.04]
list = "instalments"
same = { ref = "3-6" }
from = 7
width = 8
times = 3
fields = { due = "1-4", amount = "5-8" }
[lines.99]
role = "trailer"
fields = { accounts = "3-6" }
"#;

fn with_lines(lines: &[&str]) -> String {
    let end = format!("99{:04}", lines.iter().filter(|line| line.starts_with("01")).count());
    let all = ["00CTAX      "].iter().chain(lines).copied().chain([end.as_str()]);
    all.map(|line| format!("{line}\n")).collect()
}

const ONE: &str = "010001HIGH ST   ";
const PERSON: &str = "020001TESTBERRY L";
const FALSE: &str = "020009FAKELEY   L";
const PAID: &str = "04000104010100        06010120";
const TWO: &str = "010002LOW ST    ";

#[test]
fn the_nightly_layout_is_read_with_its_totals() {
    for end in ["\r\n", "\n", "\r"] {
        let seen = cut(&layout(ACCOUNTS), extract(&EXTRACT, end)).unwrap();
        assert_eq!(seen.keys(), ["99000001", "99000002", "99000003"]);
        assert_eq!(seen.totals, ["records 3 = 3", "pence in `balance_pence` 84250 = 84250"]);
    }
    let record = read(&layout(ACCOUNTS), &format!("{:200}", EXTRACT[2])).unwrap();
    assert_eq!(
        record,
        "account_ref = 99000002\ncheck = 5\nproperty_ref = 000012346\n\
         liable_name = FAKELEY,MR B & MRS C\naddr1 = FLAT 2\naddr2 = 9 PRETEND STREET\n\
         addr3 = SAMPLEHAM\naddr4 = \npostcode = SK991AB\nuprn = 000099900002\nband = B\n\
         paymeth = CASHM\nliable_count = 2\nstatus = CURRENT\nbalance_pence = -0000001250\n\
         stage = RM1\noccupied = 20250701\nvacated = 29991231\n"
    );
}

#[test]
fn lines_of_several_types_make_one_record() {
    let seen = cut(&layout(LINES), with_lines(&[ONE, PERSON, PAID, TWO])).unwrap();
    assert_eq!(seen.keys(), ["0001", "0002"]);
    assert_eq!(seen.totals, ["records 2 = 2"]);
    assert_eq!(seen.rows[0].1, [ONE, PERSON, PAID].join("\n"));
    assert_eq!(
        read(&layout(LINES), &seen.rows[0].1).unwrap(),
        "ref = 0001\nstreet = HIGH ST\npersons\npersons/surname = TESTBERRY\npersons/role = L\n\
         instalments\ninstalments/@n = 1\ninstalments/due = 0401\ninstalments/amount = 0100\n\
         instalments\ninstalments/@n = 3\ninstalments/due = 0601\ninstalments/amount = 0120\n"
    );
}

#[test]
fn b29_a_line_of_the_wrong_width_holds_its_record_and_no_other() {
    let exact = layout(ACCOUNTS);
    for (change, wanted) in [("", "!fixed.width"), ("2 and more", "!fixed.width")] {
        let mut lines: Vec<String> = EXTRACT.iter().map(|line| format!("{line:200}")).collect();
        lines[2] = match change {
            "" => lines[2][..199].to_owned(),
            more => format!("{}{more}", lines[2]),
        };
        lines[4] = format!("{:200}", "T00000003+000000085500");
        let seen = cut(&exact, lines.join("\r\n"));
        // The amount on it is not known, so that the sum cannot be checked.
        assert_eq!(seen, Err("file.total_unsure (line 3)".to_owned()), "{wanted}");
        let unsummed = layout(&ACCOUNTS[..ACCOUNTS.find("[[sums]]").unwrap()]);
        let seen = cut(&unsummed, lines.join("\r\n")).unwrap();
        assert_eq!(seen.keys(), ["99000001", wanted, "99000003"]);
    }
    // Without a length, a line must hold its fields; where blanks may be missing, not even that.
    let short = with_lines(&[ONE, &PERSON[..12], TWO]);
    assert_eq!(cut(&layout(LINES), &short).unwrap().keys(), ["!fixed.width", "0002"]);
    let padded = layout(&format!("short_lines = \"padded\"\n{LINES}"));
    assert_eq!(cut(&padded, &short).unwrap().keys(), ["0001", "0002"]);
}

#[test]
fn b29_columns_are_characters_or_bytes_as_the_layout_says() {
    let accented = "020001T\u{e9}STBERRY L".to_owned();
    let characters = layout(LINES);
    let seen = cut(&characters, with_lines(&[ONE, &accented])).unwrap();
    let record = read(&characters, &seen.rows[0].1).unwrap();
    assert!(record.contains("surname = T\u{e9}STBERRY\n"), "{record}");
    assert!(record.contains("role = L\n"), "{record}");
    let bytes = layout(&format!("columns = \"bytes\"\n{LINES}"));
    let seen = cut(&bytes, with_lines(&[ONE, &accented])).unwrap();
    let record = read(&bytes, &seen.rows[0].1).unwrap();
    assert!(record.contains("surname = T\u{e9}STBERRY\npersons/role = \n"), "{record}");
    // The surname's last column is the first half of a character.
    let halved = "020001TESTBERRY\u{e9}L";
    let seen = cut(&bytes, with_lines(&[ONE, halved])).unwrap();
    assert_eq!(read(&bytes, &seen.rows[0].1), Err("fixed.width"));
}

#[test]
fn what_is_no_text_holds_its_record() {
    let utf8 = layout(LINES);
    for (person, wanted) in [
        (b"020001TEST\xFFERRYL".as_slice(), "!fixed.encoding"),
        (b"020001TEST\0BERRYL", "!fixed.char"),
        (b"0\xFF0001TESTBERRYL", "!fixed.encoding"),
    ] {
        let text = with_lines(&[ONE, "PERSON", TWO]);
        let at = text.find("PERSON").unwrap();
        let bytes = [&text.as_bytes()[..at], person, &text.as_bytes()[at + 6..]].concat();
        assert_eq!(cut(&utf8, bytes).unwrap().keys(), [wanted, "0002"]);
    }
}

#[test]
fn a_line_that_belongs_to_no_record_is_held() {
    let lines = layout(LINES);
    // Of another account: the record before it is in doubt.
    let seen = cut(&lines, with_lines(&[ONE, FALSE, TWO])).unwrap();
    assert_eq!(seen.keys(), ["!fixed.orphan", "0002"]);
    assert!(seen.causes[0].contains("another `ref`"), "{:?}", seen.causes);
    let seen = cut(&lines, with_lines(&[PERSON, ONE])).unwrap();
    assert_eq!(seen.keys(), ["!fixed.orphan", "0001"]);
    // Of no type that is known, it may be anything that was said of the record before it.
    let seen = cut(&lines, with_lines(&[ONE, "050001NEW LINE  ", TWO])).unwrap();
    assert_eq!(seen.keys(), ["!fixed.type", "0002"]);
    // Where every line is a record, it is a row of its own.
    let seen = cut(
        &layout(ACCOUNTS),
        extract(
            &[EXTRACT[0], EXTRACT[1], "X9", EXTRACT[2], EXTRACT[3], "T00000004+000000084250"],
            "\n",
        ),
    );
    assert_eq!(seen, Err("file.total_unsure (line 3)".to_owned()));
}

#[test]
fn a_record_that_was_held_is_told_by_its_key_and_is_no_sounder_by_itself() {
    let lines = layout(LINES);
    let mut held = Held::default();
    lines.cut(&mut with_lines(&[ONE, FALSE, TWO]).as_bytes(), "tried.txt", &mut held).unwrap();
    assert_eq!(held.0, ["0001", "0002"]);
    let sound =
        |lines: &[&str]| layout(LINES).format.sound(&lines.join("\n")).map_err(|fault| fault.code);
    assert_eq!(sound(&[ONE, PERSON, PAID]), Ok(()));
    assert!(read(&lines, &[ONE, FALSE].join("\n")).is_ok(), "it reads as if it were one");
    assert_eq!(sound(&[ONE, FALSE]), Err("fixed.orphan"));
    assert_eq!(sound(&[ONE, TWO]), Err("fixed.orphan"));
    assert_eq!(sound(&[PERSON]), Err("fixed.orphan"));
    assert_eq!(sound(&[&ONE[..8]]), Err("fixed.width"));
}

/// The keys of what is given, held or not.
#[derive(Default)]
struct Held(Vec<String>);

impl RecordSink for Held {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.push(key.to_owned());
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.push(format!("!{code}"));
        Ok(())
    }

    fn unsound(
        &mut self,
        key: &str,
        _: &'static str,
        _: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.record(key, raw)
    }
}

#[test]
fn header_and_trailer_frame_the_extract() {
    let lines = layout(LINES);
    let whole = with_lines(&[ONE, TWO]);
    let headless = whole.split_once('\n').unwrap().1;
    assert_eq!(cut(&lines, headless), Err("fixed.header (line 1)".to_owned()));
    let cut_off = &whole[..whole.find("99").unwrap()];
    assert_eq!(cut(&lines, cut_off), Err("fixed.trailer (line 3)".to_owned()));
    let wrong = whole.replace("990002", "990007");
    assert_eq!(cut(&lines, wrong).unwrap().totals, ["records 7 = 2"]);
    assert_eq!(cut(&lines, format!("{whole}{ONE}\n")), Err("fixed.trailer (line 5)".to_owned()));
    assert_eq!(
        cut(&lines, whole.replace(TWO, "00CTAX      ")),
        Err("fixed.header (line 3)".to_owned())
    );
    for behind in ["   \n\n", "\x1a", "\n\x1a\r\n"] {
        let text = format!("{whole}{behind}");
        assert_eq!(cut(&lines, text).unwrap().keys(), ["0001", "0002"], "{behind:?}");
    }
    // Only behind the trailer, and only by itself.
    assert!(cut(&lines, format!("{whole}\x1aX")).is_err());
    assert!(cut(&lines, format!("\x1a\n{whole}")).is_err());
    let every = layout(&format!("count_of = \"lines\"\n{LINES}"));
    assert_eq!(cut(&every, whole).unwrap().totals, ["lines 2 = 4"]);
}

#[test]
fn a_record_that_is_too_long_is_held_without_its_bytes() {
    let lines = layout(LINES);
    let people = vec![PERSON; 10_000];
    let all: Vec<&str> = [ONE].into_iter().chain(people).chain([TWO]).collect();
    let seen = cut(&lines, with_lines(&all)).unwrap();
    assert_eq!(seen.keys(), ["!fixed.size", "0002"]);
    let wide = format!("{PERSON}{}", "x".repeat(200_000));
    let seen = cut(&lines, with_lines(&[ONE, &wide, PERSON, TWO])).unwrap();
    assert_eq!(seen.keys(), ["!fixed.size", "0002"]);
}

#[test]
fn a_line_that_is_too_long_leaves_the_record_before_it_alone() {
    let plain =
        layout("format = \"fixed_width\"\nkey = \"a\"\n[lines.D]\nfields = { a = \"1-2\" }");
    let text = format!("01x\n{}\n02y\n", "z".repeat(600_000));
    let seen = cut(&plain, text).unwrap();
    assert_eq!(seen.keys(), ["01", "!fixed.size", "02"]);
    assert_eq!(seen.rows[0].1, "01x");
}

#[test]
fn many_short_lines_are_not_many_more_values() {
    let wide: String = (0..60).map(|n| format!("f{n} = \"{}\", ", n + 2)).collect();
    let lines = format!(
        "format = \"fixed_width\"\nshort_lines = \"padded\"\ntype = \"1\"\nrecord = \"D\"\nkey = \"a\"\n\
         [lines.D]\nfields = {{ a = \"2\" }}\n[lines.W]\nlist = \"w\"\nfields = {{ {wide} }}\n\
         [lines.R]\nlist = \"r\"\nfrom = 2\nwidth = 2\ntimes = 10_000\nfields = {{ b = \"1\", c = \"2\" }}"
    );
    let layout = layout(&lines);
    assert_eq!(read(&layout, &format!("D1{}", "\nW".repeat(40_000))), Err("fixed.size"));
    // Room for ten thousand items costs nothing where none is there.
    assert!(read(&layout, &format!("D1{}", "\nR".repeat(40_000))).is_ok());
}

#[test]
fn a_layout_that_cannot_be_meant_is_told() {
    let told = |from: &str, to: &str| -> Vec<String> {
        let text = LINES.replacen(from, to, 1);
        assert_ne!(text, LINES, "{from} is there");
        faults(&text).expect_err(to)
    };
    for (from, to, wanted) in [
        ("record = \"01\"", "record = \"1\"", "`lines` names no type `1`"),
        ("key = \"ref\"", "key = \"reff\"", "line `01` has no field `reff`"),
        ("99.accounts", "02.surname", "`02.surname` is no field of a header or a trailer"),
        ("due = \"1-4\"", "due = \"4-1\"", "`4-1` are no columns"),
        ("amount = \"5-8\"", "amount = \"5-9\"", "`amount` ends beyond its item of 8 columns"),
        ("width = 8\n", "", "items side by side need three numbers"),
        ("type = \"1-2\"\n", "", "there are several types of line and no `type`"),
        ("surname = \"7-16\"", "surnam = \"7-16\", ref2 = \"1\"", ""),
        (
            "same = { ref = ",
            "same = { rif = ",
            "`same` of line `02` names `rif`, which the record's own line has not",
        ),
    ] {
        if wanted.is_empty() {
            assert!(faults(&LINES.replacen(from, to, 1)).is_ok());
        } else {
            assert!(told(from, to).iter().any(|fault| fault == wanted), "{:?}", told(from, to));
        }
    }
    let short = ACCOUNTS.replace("line_length = 200", "line_length = 180");
    assert_eq!(faults(&short).unwrap_err(), ["a field of line `D` ends at column 191"]);
    assert!(faults("format = \"fixed_width\"\nkey = \"a\"").is_err());
}

#[test]
fn one_type_of_line_needs_no_name() {
    let plain = layout(
        "format = \"fixed_width\"\nkey = [\"a\", \"b\"]\n[lines.row]\nfields = { a = \"1-2\", b = \"3\" }",
    );
    assert_eq!(cut(&plain, "01x\n02y\n").unwrap().keys(), ["01/x", "02/y"]);
    let rest = layout(
        "format = \"fixed_width\"\ntype = \"1-3\"\nrecord = \"*\"\nkey = \"a\"\n[lines.HDR]\nrole = \"header\"\n[lines.\"*\"]\nfields = { a = \"1-2\" }",
    );
    assert_eq!(cut(&rest, "HDR\n01x\n02y\n").unwrap().keys(), ["01", "02"]);
}

fn lines_layout() -> Layout {
    layout(LINES)
}

proptest! {
    #[test]
    fn no_bytes_panic_and_none_is_lost(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = cut(&lines_layout(), &bytes);
        let text = String::from_utf8_lossy(&bytes);
        let _ = read(&lines_layout(), &text);
    }

    #[test]
    fn every_line_is_in_a_row(kinds in proptest::collection::vec(0usize..5, 0..12)) {
        let known = [ONE, PERSON, PAID, FALSE, "07??"];
        let lines: Vec<&str> = kinds.iter().map(|kind| known[*kind]).collect();
        let seen = cut(&lines_layout(), with_lines(&lines)).unwrap();
        let given: Vec<&str> = seen.rows.iter().flat_map(|(_, text)| text.split('\n')).collect();
        prop_assert_eq!(given, lines);
    }
}
