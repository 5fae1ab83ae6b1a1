//! What the cut finds, and what it refuses.

use super::trailer::SumTotal;
use super::*;
use crate::connector::format::encoding::{Decoded, Encoding};
use crate::connector::format::{Stopped, trying};
use crate::record::document::{Path, Step};
use crate::record::value::pence::PenceFormat;

#[derive(Default)]
struct Kept(Vec<(String, String)>);

impl RecordSink for Kept {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        let mut alone = Vec::new();
        raw.write_alone(&mut alone);
        self.0.push((key.to_owned(), String::from_utf8_lossy(&alone).into_owned()));
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.push((format!("!{code}"), String::new()));
        Ok(())
    }
}

/// Gives a few bytes at a time, so that every row is once cut in two.
struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = self.0.len().min(self.1).min(into.len());
        into[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

fn format() -> CsvFormat {
    CsvFormat {
        header: None,
        delimiter: b',',
        key: vec!["ref".to_owned()],
        required: Vec::new(),
        groups: Vec::new(),
        trailer: Some(Trailer {
            marker: "TRAILER".to_owned(),
            count_column: Some(2),
            sums: Vec::new(),
        }),
        said: Encoding::Unsaid,
        record_bytes_max: 4096,
    }
}

fn people() -> CsvFormat {
    let groups = vec![("persons".to_owned(), "p{n}_".to_owned())];
    CsvFormat { groups, trailer: None, ..format() }
}

type Cut = Result<(Vec<(String, String)>, Vec<Total>), String>;

fn cut(text: impl AsRef<[u8]>) -> Cut {
    cut_by(&format(), text.as_ref())
}

fn cut_by(format: &CsvFormat, bytes: &[u8]) -> Cut {
    let mut results = [1, 3, 4096].map(|step| {
        let mut kept = Kept::default();
        match format.cut(&mut Drip(bytes, step), &mut kept) {
            Ok(totals) => Ok((kept.0, totals)),
            Err(CutError::Format(fault)) => Err(format!("{} {}", fault.code, fault.place)),
            Err(other) => Err(format!("{other:?}")),
        }
    });
    assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "it matters how it drips");
    std::mem::replace(&mut results[0], Err(String::new()))
}

fn keys(cut: &Cut) -> Vec<&str> {
    cut.as_ref().unwrap().0.iter().map(|(key, _)| key.as_str()).collect()
}

#[test]
fn b25_quirk_50_line_ends_marks_and_blank_lines_do_not_matter() {
    let rows = ["ref,a", "1,\"x, \"\"y\"\"\"", "2,z", "TRAILER,2"];
    let plain = cut(rows.join("\n")).unwrap();
    assert_eq!(plain.0[0], ("1".into(), "ref,a\n1,\"x, \"\"y\"\"\"".into()));
    assert_eq!(plain.1, [Total { name: "records".into(), declared: Some(2), counted: 2 }]);
    for text in [
        rows.join("\r\n"),
        rows.join("\r"),
        rows.join("\n") + "\n\n\r\n",
        rows.join("\r\n") + "\r\n  \r\n \t ",
        rows.join("\n\n"),
        format!("{}\r{}\r\n{}\n{}\r", rows[0], rows[1], rows[2], rows[3]),
        format!("\u{feff}{}", rows.join("\n")),
    ] {
        assert_eq!(cut(&text).unwrap(), plain, "{text:?}");
    }
}

#[test]
fn b23_an_unclosed_quote_never_swallows_the_file() {
    let head = "ref,a\n1,x\n";
    for (rest, told) in [
        ("2,\"y\n3,z\n", "csv.quote row 3"),
        ("2,\"y\n3,\"z\"\n", "csv.quote row 3"),
        ("2,\"y\"z\n", "csv.quote row 3"),
        ("2,\"y\"", "csv.trailer"),
        ("2,5\" pipe\n", ""),
    ] {
        match cut(format!("{head}{rest}")) {
            Err(fault) => assert_eq!(fault, told, "{rest}"),
            Ok((records, _)) => assert_eq!(records[1].0, "2", "{rest}"),
        }
    }
    // Far more rows than a field may be long, with and without quotes of their own.
    for field in ["Testberry", "\"Testberry, Arden\""] {
        let mut text = "ref,a\n".to_owned();
        for row in 2..=100_000 {
            let quote = if row == 10 { "\"" } else { "" };
            text.push_str(&format!("{row},{quote}{field}\n"));
        }
        let mut kept = Kept::default();
        match format().cut(&mut text.as_bytes(), &mut kept) {
            Err(CutError::Format(fault)) => {
                assert_eq!((fault.code, fault.place.as_str()), ("csv.quote", "row 10"));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(kept.0.len(), 8);
    }
}

#[test]
fn b24_a_row_of_another_width_is_held_alone() {
    let told = cut("ref,a\n1,x\n2\n3,y,z\nTRAILER,3\n");
    assert_eq!(keys(&told), ["1", "!csv.width", "!csv.width"]);
    assert!(told.unwrap().1[0].agrees());
}

#[test]
fn a_trailer_stands_last_and_once() {
    assert_eq!(cut("ref,a\nTRAILER,0\n1,x\n").unwrap_err(), "csv.trailer row 3");
    assert_eq!(cut("ref,a\nTRAILER,0\n\nTRAILER,0\n").unwrap_err(), "csv.trailer row 4");
    for (trailer, declared) in [("TRAILER,1", Some(1)), ("TRAILER,one", None), ("TRAILER", None)] {
        let (_, totals) = cut(format!("ref,a\n1,x\n{trailer}\n")).unwrap();
        assert_eq!((totals[0].declared, totals[0].counted), (declared, 1), "{trailer}");
    }
    let half_written = cut("ref,a\n1,x\n").unwrap().1;
    assert_eq!((half_written[0].declared, half_written[0].agrees()), (None, false));
}

#[test]
fn b26_columns_are_known_by_name_whatever_their_order_and_case() {
    let format = people();
    let mut documents = Vec::new();
    for text in [
        "ref,Surname,p1_name,p1_role\n7,Bramble,Ann,A",
        "P1_ROLE, surname ,REF,P1_Name\nA,Bramble,7,Ann",
    ] {
        let told = cut_by(&format, text.as_bytes());
        assert_eq!(keys(&told), ["7"]);
        let mut document = Document::default();
        format.read(&told.unwrap().0[0].1, &mut document).unwrap();
        let root = document.root().unwrap();
        let find = |names: &[&str]| {
            let step = |name: &&str| Step::new(None, (*name).to_owned(), false);
            let steps = names.iter().map(step).collect();
            document.text(document.find(root, &Path { up: 0, steps }).unwrap())
        };
        assert_eq!(find(&["Surname"]), "Bramble");
        assert_eq!(find(&["persons", "name"]), "Ann");
        documents.push(document);
    }
    assert!(documents[0].says_the_same_as(&documents[1]));
    let mut other = Document::default();
    format.read("ref,Surname,p1_name,p1_role\n7,Bramble,Ann,B", &mut other).unwrap();
    assert!(!documents[0].says_the_same_as(&other));
}

#[test]
fn b26_a_header_with_a_column_missing_or_twice_is_refused() {
    let required = CsvFormat {
        required: vec!["Balance".to_owned()],
        trailer: Some(Trailer { sums: vec![balance()], ..Trailer::default() }),
        ..people()
    };
    for text in [
        "",
        "\n\n",
        "reference,balance,p1_name",
        "ref,p1_name",
        "ref,balance,name",
        "ref,balance,REF,p1_name",
        "ref,balance,p1_name,P1_Name",
        "ref,balance,p1_name,p01_name",
        "99000001,855.00,TESTBERRY",
    ] {
        let told = cut_by(&required, format!("{text}\n1,1.00,x\n").as_bytes());
        assert!(told.as_ref().is_err_and(|fault| fault.contains("csv.header")), "{text}: {told:?}");
    }
    let told = cut_by(&required, b"Ref,BALANCE,p1_name,,\n1,1.00,x,,\n");
    assert_eq!(keys(&told), ["1"]);
    let mut kept = Kept::default();
    let Err(CutError::Format(fault)) = required.cut(&mut "99000001,x\n".as_bytes(), &mut kept)
    else {
        panic!("it was taken")
    };
    assert!(
        fault.cause.starts_with("the columns `ref`, `Balance`, `p{n}_…` are missing"),
        "{fault}"
    );
    assert!(!fault.to_string().contains("99000001"), "{fault}");
}

#[test]
fn b27_windows_1252_and_utf_16_are_decoded_and_a_byte_without_meaning_holds_its_row() {
    let read = |bytes: &[u8], said| {
        let mut kept = Kept::default();
        let format = CsvFormat { trailer: None, ..format() };
        format.cut(&mut Decoded::new(bytes, said, &format), &mut kept).unwrap();
        kept.0
    };
    let rows = read(b"ref,a\r\n\xC9,\xA3 caf\xE9\r\n\x81,x\r\n", Encoding::Windows1252);
    assert_eq!(rows[0], ("É".to_owned(), "ref,a\nÉ,£ café".to_owned()));
    assert_eq!(rows[1].0, "!csv.encoding");
    let wide: Vec<u8> = "\u{feff}ref,a\né,£\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(read(&wide, Encoding::Unsaid)[0].0, "é");
}

#[test]
fn b28_zero_bytes_and_what_is_too_long_are_refused() {
    assert_eq!(cut("ref,a\n1,x\0y\n").unwrap_err(), "csv.char row 2");
    assert_eq!(cut("r\0e\0f\0\n\0").unwrap_err(), "csv.char row 1");
    let wide = format!("ref,a\n1,x\n2{}\n", ",".repeat(1_000_000));
    let long = format!("ref,a\n1,x\n2,{}\n", "x".repeat(50_000));
    let quoted = format!("ref,a\n1,x\n2,\"{}\"\n3,y\n", "x".repeat(50_000));
    let lines = format!("ref,a\n1,x\n2,\"{}\"\n3,y\n", "x\"\"\n".repeat(50_000));
    for (text, most) in [(&wide, 2_000_000), (&long, 4096), (&quoted, 4096), (&lines, 4096)] {
        let format = CsvFormat { record_bytes_max: most, ..format() };
        assert_eq!(cut_by(&format, text.as_bytes()).unwrap_err(), "csv.size row 3");
    }
    let header = format!("ref{}\n", ",c".repeat(1_000_000));
    let format = CsvFormat { record_bytes_max: 4_000_000, ..format() };
    assert_eq!(cut_by(&format, header.as_bytes()).unwrap_err(), "csv.size row 1");
}

#[test]
fn a_column_has_a_name_and_not_an_essay() {
    // Every row is kept with its header: a short row must not become a long one.
    let header = format!("ref,{}\n1,2\n", "x".repeat(501));
    let told = cut(&header).unwrap_err();
    assert_eq!(told, "csv.header row 1");
    assert!(cut(format!("ref,{}\n1,2\nTRAILER,1\n", "x".repeat(500))).is_ok());
}

#[test]
fn what_is_too_long_is_so_however_it_is_read() {
    // The portions of `cut_by` agree, or it says so.
    let (long, end) = ("x".repeat(5_000), "x".repeat(4_093));
    for (row, told) in [
        (format!("1,\"{long}\",\"y\"z\n"), "csv.size row 2"),
        (format!("1,\"{long}\"z\n"), "csv.quote row 2"),
        (format!("1,\"{long}"), "csv.quote row 2"),
        (format!("1,{end}xx\r\n"), "csv.size row 2"),
        (format!("1,{end}\"\"\"\n"), "csv.size row 2"),
    ] {
        assert_eq!(cut(format!("ref,a\n{row}")).unwrap_err(), told, "{:.20}", row);
    }
    assert!(cut(format!("ref,a\n1,{end}x\r\nTRAILER,1\r\n")).is_ok());
}

fn balance() -> SumTotal {
    let format = PenceFormat::DecimalPounds;
    SumTotal {
        column: "balance".to_owned(),
        declared_column: None,
        format,
        declared_format: format,
    }
}

/// The reference extract, as the flat-file page has it.
const EXTRACT: &str = "account_ref,check,property_ref,liable_name,addr1,addr2,addr3,addr4,postcode,\
uprn,band,paymeth,liable_count,status,balance,stage,occupied,vacated\r\n\
99000001,7,000012345,\"TESTBERRY,MS ARDEN\",12 FICTION ROAD,SAMPLEHAM,,,SK99 1AA,100099900001,D,\
DDM01,1,CURRENT,855.00,BIL,01/04/2026,31/12/2999\r\n\
99000002,5,000012346,\"FAKELEY,MR B & MRS C\",FLAT 2,9 PRETEND STREET,SAMPLEHAM,,SK991AB,\
000099900002,B,CASHM,2,CURRENT,-12.50,RM1,01/07/2025,31/12/2999\r\n\
99000003,X,000012399,EXORS OF BRAMBLE DECD,3 NOWHERE CLOSE,,,,,,A,CASHM,1,OLD,0.00,,01/01/2020,\
14/02/2026\r\n\
\"3 rows\",,,,,,,,,,,,,,842.50,,,\r\n";

fn accounts(sums: Vec<SumTotal>) -> CsvFormat {
    CsvFormat {
        key: vec!["account_ref".to_owned(), "check".to_owned()],
        trailer: Some(Trailer { marker: "{count} rows".to_owned(), count_column: None, sums }),
        ..format()
    }
}

#[test]
fn b30_rows_and_pence_are_counted_against_the_trailer() {
    let format = accounts(vec![balance()]);
    let total = |name: &str, declared, counted| Total { name: name.to_owned(), declared, counted };
    let told = cut_by(&format, EXTRACT.as_bytes());
    assert_eq!(keys(&told), ["99000001/7", "99000002/5", "99000003/X"]);
    let right = [total("records", Some(3), 3), total("pence in `balance`", Some(84250), 84250)];
    assert_eq!(told.unwrap().1, right);
    for (from, to, totals) in [
        ("-12.50", "-12.51", [right[0].clone(), total("pence in `balance`", Some(84250), 84249)]),
        ("842.50", "", [right[0].clone(), total("pence in `balance`", None, 84250)]),
        (",0.00,", ",,", right.clone()),
        ("3 rows", "4 rows", [total("records", Some(4), 3), right[1].clone()]),
    ] {
        let told = cut_by(&format, EXTRACT.replace(from, to).as_bytes()).unwrap();
        assert_eq!(told.1, totals, "{from} -> {to}");
    }
    let elsewhere = SumTotal { declared_column: Some(2), ..balance() };
    let moved = EXTRACT.replace(",842.50,,,", ",,,,").replace("\"3 rows\",,", "3 rows,842.50,");
    let told = cut_by(&accounts(vec![elsewhere]), moved.as_bytes()).unwrap();
    assert_eq!(told.1, right);
}

#[test]
fn b30_an_amount_that_cannot_be_read_spoils_the_total_and_says_so() {
    let format = accounts(vec![balance()]);
    for (from, to, place) in [
        ("-12.50", "12.5O", "row 3"),
        ("0.00", "#N/A", "row 4"),
        (",SAMPLEHAM,,,SK99", ",SAMPLEHAM,,SK99", "row 2"),
        ("855.00", "999999999999999999999.00", "row 2"),
    ] {
        let text = EXTRACT.replace(from, to);
        let told = cut_by(&format, text.as_bytes()).unwrap_err();
        assert_eq!(told, format!("file.total_unsure {place}"), "{to}");
    }
}

#[test]
fn repeated_columns_become_a_list_without_its_empty_items() {
    let mut document = Document::default();
    let record = "ref,p1_name,p1_role,p2_name,p2_role,p3_name,p3_role\n7,Ann,A,,,\"B, C\",D";
    people().read(record, &mut document).unwrap();
    let root = document.root().unwrap();
    let step = |name: &str, attribute| Step::new(None, name.into(), attribute);
    let people = document.find_all(root, &Path { up: 0, steps: vec![step("persons", false)] });
    let said: Vec<(&str, &str)> = people
        .iter()
        .map(|person| {
            let text = |name, attribute| {
                let path = Path { up: 0, steps: vec![step(name, attribute)] };
                document.text(document.find(*person, &path).unwrap())
            };
            (text("n", true), text("name", false))
        })
        .collect();
    assert_eq!(said, [("1", "Ann"), ("3", "B, C")]);
}

#[test]
fn a_row_is_read_by_its_own_header_and_layout() {
    let mut document = Document::default();
    let record = "ref,\"rent\naccount\"\n7,\"two\nlines\"";
    CsvFormat { trailer: None, ..format() }.read(record, &mut document).unwrap();
    let root = document.root().unwrap();
    let names: Vec<&str> = document.children(root).map(|child| document.name(child)).collect();
    assert_eq!(names, ["ref", "rent\naccount"]);
    // The same line means something else to a format with groups.
    let grouped = "ref,p1_name\n7,Ann";
    format().read(grouped, &mut document).unwrap();
    let children = |document: &Document| document.children(document.root().unwrap()).count();
    let plain =
        document.name(document.children(document.root().unwrap()).last().unwrap()).to_owned();
    people().read(grouped, &mut document).unwrap();
    let last = document.children(document.root().unwrap()).last().unwrap();
    assert_eq!(
        (plain.as_str(), document.name(last), children(&document)),
        ("p1_name", "persons", 2)
    );
    for alone in ["", "ref,a"] {
        let fault = format().read(alone, &mut document).unwrap_err();
        assert_eq!(fault.code, "csv.width");
    }
}

#[test]
fn a_file_without_a_header_row_has_the_columns_that_its_definition_names() {
    let settings = "format = \"csv\"\nkey = \"ref\"\ncolumns = [\"ref\", \"the, name\"]\n\
                    trailer = { marker = \"END\", count_column = 2 }\n";
    let layout = trying::layout(settings);
    let seen =
        trying::cut(&layout, "\u{feff}A1,Testberry\r\nA2,\"Bramble\"\r\nA3\r\nEND,3\r\n").unwrap();
    assert_eq!(seen.keys(), ["A1", "A2", "!csv.width"]);
    assert_eq!(seen.totals, ["records 3 = 3"]);
    // As it is cut, and as a person writes a case.
    for record in ["\"ref\",\"the, name\"\nA1,Testberry", "A1,Testberry"] {
        assert_eq!(
            trying::read(&layout, record).unwrap(),
            "ref = A1\nthe, name = Testberry\n",
            "{record}"
        );
    }
    assert_eq!(trying::cut(&layout, ""), Err("file.empty (at its beginning)".to_owned()));
    let twice = settings.replace("the, name", "REF");
    assert_eq!(trying::faults(&twice).unwrap_err(), ["two columns have the same name"]);
}
