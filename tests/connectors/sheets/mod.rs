//! Workbooks: the values of one sheet's cells, read as CSV is; and what is refused or held of them (B36).

mod limits;
mod walk;
pub mod workbook;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};

use viaduct::app::context::surroundings;
use viaduct::connector::channel::{ConnectorError, Source};
use viaduct::connector::definition::{self, ConnectorDefinition};
use viaduct::connector::format::{CutError, FormatError, Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;
use viaduct::record::document::Document;

use self::workbook::{Book, sheet};

/// What came of a workbook: of each row its key, or `!code`, and its own text; behind them its totals.
type Rows = Result<Vec<(String, String)>, FormatError>;

struct Seen(Arc<Mutex<Vec<(String, String)>>>, Arc<Mutex<Vec<String>>>);

impl Seen {
    fn put(&self, key: &str, raw: Raw<'_>) {
        let mut alone = Vec::new();
        raw.write_alone(&mut alone);
        self.1.lock().unwrap().push(String::from_utf8(alone).expect("what is kept is text"));
        let own = String::from_utf8(raw.bytes.to_vec()).expect("a row is text");
        self.0.lock().unwrap().push((key.to_owned(), own));
    }
}

impl RecordSink for Seen {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        self.put(key, raw);
        Ok(())
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.put(&format!("!{code} {cause}"), raw);
        Ok(())
    }

    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.put(&format!("{key} !{code} {cause}"), raw);
        Ok(())
    }
}

fn defined(directory: &Path, more: &str) -> ConnectorDefinition {
    let text = format!(
        "kind = \"file_drop\"\nsystem = \"revenues\"\n[settings]\ndirectory = \"{}\"\npattern = \"*\"\n\
         settle_ms = 0\nformat = \"xlsx\"\nkey = \"ref\"\nextract = \"full\"\n{more}",
        directory.display()
    );
    let file = File::parse("connectors/drop.toml", text);
    let definition = definition::read(&file, "drop", KINDS);
    definition.unwrap_or_else(|| panic!("{:#?}", file.into_diagnostics()))
}

/// Reads a workbook from a drop folder, and as whoever is sent one reads it: it must not matter. What is kept of each
/// row says the same when it is read again.
async fn read(content: &[u8], settings: &str) -> Rows {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("accounts.xlsx"), content).unwrap();
    let definition = defined(folder.path(), settings);
    let around = surroundings(HashMap::new());
    let source: Arc<dyn Source> = definition.settings.source(&around).unwrap().unwrap();
    let origin = source.look(None).await.unwrap().remove(0);
    let (rows, kept) = (Arc::default(), Arc::default());
    let sink = Seen(Arc::clone(&rows), Arc::clone(&kept));
    let (_, end) = source.read(&origin, Box::new(sink)).await;
    let dropped = match end {
        Ok(end) => {
            assert_eq!((end.content_digest.len(), end.encoding.as_str()), (64, "utf-8"));
            assert!(end.totals.iter().all(|total| total.agrees()), "{:?}", end.totals);
            Ok(rows.lock().unwrap().clone())
        }
        Err(ConnectorError::Malformed(fault)) => Err(fault),
        Err(other) => panic!("{other}"),
    };
    let mut document = Document::default();
    for ((key, row), kept) in rows.lock().unwrap().iter().zip(kept.lock().unwrap().iter()) {
        let again = source.format().read(kept, &mut document).map_err(|fault| fault.code);
        let code = key.split_once('!').and_then(|(_, told)| told.split(' ').next());
        assert_eq!(again.err(), code, "{row}");
    }
    let sent: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
    let mut sink = Seen(Arc::clone(&sent), Arc::default());
    let layout = definition.settings.layout().expect("it has a layout");
    let streamed = match layout.cut(&mut &*content, "the body", &mut sink) {
        Ok(_) => Ok(sent.lock().unwrap().clone()),
        Err(CutError::Format(fault)) => Err(fault),
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(dropped, streamed, "it matters how it comes");
    dropped
}

async fn refused(content: &[u8], settings: &str) -> (&'static str, String) {
    let fault = read(content, settings).await.expect_err("it is refused");
    (fault.code, fault.to_string())
}

/// Number formats of the cells' styles, as `s="0"`, `s="1"` and so on name them.
const STYLES: [u32; 8] = [0, 14, 22, 20, 46, 2, 164, 165];

/// A cell in column B of row 2, and what is told of it: the row's second field, or why the row is held.
#[tokio::test]
async fn b36_each_kind_of_cell_is_its_value_and_nothing_else() {
    let one = "!sheet.formula cell B2 has a formula that was never worked out: open the workbook, let it calculate, and save it";
    let digits = "!sheet.digits cell B2 is a number of more than 15 digits, of which a spreadsheet does not keep the last: \
                  format the column as text, and enter it again";
    let error = |what| {
        format!("!sheet.error the formula in cell B2 ends in {what}: mend it in the workbook")
    };
    let date = "!sheet.date cell B2 is shown as a date or a time and is none: enter it again, or format it as what it is";
    for (cell, wanted) in [
        // Texts, wherever they stand.
        (r#"t="s"><v>1</v>"#, "Testberry"),
        (r#"t="s"><v>2</v>"#, "rich and plain"),
        (r#"t="s"><v>3</v>"#, "\"two\nlines, \"\"quoted\"\"\""),
        (r#"t="s"><v>4</v>"#, "Tom & <b>"),
        (r#"t="inlineStr"><is><t xml:space="preserve"> O&apos;Fakeley </t></is>"#, " O'Fakeley "),
        (r#"t="inlineStr"><is><r><t>Fake</t></r><r><rPr><b/></rPr><t>ley</t></r></is>"#, "Fakeley"),
        (r#"t="inlineStr"><is><t><![CDATA[a<b]]></t></is>"#, "a<b"),
        (r#"t="inlineStr"><is><t>&#10004; caf&#233;</t></is>"#, "\u{2714} caf\u{e9}"),
        (r#"t="inlineStr"><is><t>=1+1</t></is>"#, "=1+1"),
        (r#"t="inlineStr"><is><t>0012</t></is>"#, "0012"),
        // Numbers.
        ("><v>42</v>", "42"),
        (r#"t="n"><v>-12.5</v>"#, "-12.5"),
        ("><v>855.10000000000002</v>", "855.1"),
        ("><v>1.1E-5</v>", "0.000011"),
        ("><v>9.900000017E9</v>", "9900000017"),
        ("><v>1000000000000000</v>", digits),
        ("><v>4929123456789012</v>", digits),
        (r#"s="5"><v>46082</v>"#, "46082"),
        (r#"s="99"><v>46082</v>"#, "46082"),
        // Days and times.
        (r#"s="1"><v>46082</v>"#, "2026-03-01"),
        (r#"s="1"><v>46082.25</v>"#, "2026-03-01T06:00:00"),
        (r#"s="2"><v>46082</v>"#, "2026-03-01T00:00:00"),
        (r#"s="3"><v>0.75</v>"#, "18:00:00"),
        (r#"s="4"><v>1.5</v>"#, "36:00:00"),
        (r#"s="6"><v>59</v>"#, "1900-02-28"),
        (r#"s="6"><v>61</v>"#, "1900-03-01"),
        (r#"s="7"><v>46082</v>"#, "46082"),
        (r#"s="1"><v>60</v>"#, date),
        (r#"s="1"><v>0</v>"#, date),
        (r#"s="1"><v>-3</v>"#, date),
        (r#"t="d" s="1"><v>2026-03-01</v>"#, "2026-03-01"),
        // Formulas are what they came to.
        ("><f>1+1</f><v>2</v>", "2"),
        (r#"s="1"><f>TODAY()</f><v>46082</v>"#, "2026-03-01"),
        (r#"t="str"><f>A1&amp;"x"</f><v>refx</v>"#, "refx"),
        (r#"t="str"><f>""</f><v></v>"#, ""),
        (r#"t="b"><f>A1=A1</f><v>1</v>"#, "TRUE"),
        ("><f>1+1</f>", one),
        ("><f>1+1</f><v></v>", one),
        (r#"t="str"><f>A1</f>"#, one),
        (r#"><f t="shared" si="0"/>"#, one),
        (r#"t="e"><f>B9</f><v>#REF!</v>"#, &error("#REF!")),
        (r#"t="e"><v>#N/A</v>"#, &error("#N/A")),
        (r#"t="e"><v>Testberry, 12</v>"#, &error("#ERROR!")),
        (r#"t="str"><f>WEBSERVICE("http://192.0.2.7/")</f><v>kept</v>"#, "kept"),
        (r#"t="str"><f>[1]Sheet1!A1</f><v>of another</v>"#, "of another"),
        // What is true or false, and what is empty.
        (r#"t="b"><v>0</v>"#, "FALSE"),
        (">", ""),
        (r#"s="1">"#, ""),
        ("><v/>", ""),
        (r#"t="inlineStr"><is/>"#, ""),
    ] {
        let rows = format!(
            r#"<row r="1"><c r="A1" t="inlineStr"><is><t>ref</t></is></c><c r="B1" t="s"><v>0</v></c></row>
               <row r="2"><c r="A2"><v>7</v></c><c r="B2" {cell}</c></row>"#
        );
        let strings = [
            "<t>value</t>",
            "<t>Testberry</t>",
            "<r><rPr><b/></rPr><t>rich </t></r><r><t>and plain</t></r><rPh sb=\"0\" eb=\"1\"><t>said</t></rPh>",
            "<t>two_x000A_lines, \"quoted\"</t>",
            "<t>Tom &amp; &lt;b&gt;</t>",
        ];
        let book = Book {
            sheets: vec![sheet("Accounts", &rows)],
            strings: &strings,
            styles: &STYLES,
            ..Book::default()
        };
        let rows = read(&book.made(), "").await.unwrap_or_else(|fault| panic!("{cell}: {fault}"));
        let [(key, row)] = rows.as_slice() else { panic!("{cell}: {rows:?}") };
        match wanted.strip_prefix('!') {
            None => {
                assert_eq!((key.as_str(), row.as_str()), ("7", &*format!("7,{wanted}")), "{cell}")
            }
            Some(held) => assert_eq!(*key, format!("7 !{held}"), "{cell}"),
        }
    }
}

#[tokio::test]
async fn b36_days_are_counted_from_1904_where_the_workbook_says_so() {
    let rows = r#"<row r="1"><c t="inlineStr"><is><t>ref</t></is></c><c t="inlineStr"><is><t>on</t></is></c></row>
                  <row r="2"><c><v>1</v></c><c s="1"><v>44620</v></c></row>
                  <row r="3"><c><v>2</v></c><c s="1"><v>0</v></c></row>"#;
    for (from_1904, wanted) in
        [(true, ["1,2026-03-01", "2,1904-01-01"]), (false, ["1,2022-02-28", "2,\u{1A}date B3 "])]
    {
        let book =
            Book { sheets: vec![sheet("A", rows)], styles: &STYLES, from_1904, ..Book::default() };
        let rows = read(&book.made(), "").await.unwrap();
        let told: Vec<&str> = rows.iter().map(|(_, row)| row.as_str()).collect();
        assert_eq!(told, wanted);
    }
}

/// Cells with texts, from A1: rows are parted by `|`, cells by `,`; an empty one is not there.
fn texts(rows: &str) -> String {
    let row = |(number, cells): (usize, &str)| {
        let cell = |(column, text): (usize, &str)| {
            let name = char::from(b'A' + column as u8);
            let number = number + 1;
            match text {
                "" => String::new(),
                text => {
                    format!("<c r=\"{name}{number}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
                }
            }
        };
        let cells: String = cells.split(',').enumerate().map(cell).collect();
        format!("<row r=\"{}\">{cells}</row>", number + 1)
    };
    rows.split('|').enumerate().map(row).collect()
}

fn told(rows: Rows) -> Vec<String> {
    let rows = rows.unwrap_or_else(|fault| panic!("{fault}"));
    rows.into_iter().map(|(key, row)| format!("{key}: {row}")).collect()
}

#[tokio::test]
async fn b36_a_row_is_as_wide_as_the_header_and_an_empty_one_is_none() {
    for (rows, settings, wanted) in [
        // Cells that are merged: the value stands in the first of them.
        ("ref,a,b|1,x,|2,,y", "", vec!["1: 1,x,", "2: 2,,y"]),
        ("ref,a,b|1|| ,  |3,,z|", "", vec!["1: 1,,", "3: 3,,z"]),
        // What goes further than the header is nothing, or too much.
        (
            "ref,a|1,x, |2,x,,y",
            "",
            vec!["1: 1,x", "!csv.width the row has 4 fields and the header 2: 2,x,,y"],
        ),
        // Titles above the header; a name that is broken over lines.
        ("Accounts of March||ref, long\nname |1,x", "header_row = 3", vec!["1: 1,x"]),
        ("||ref,a|1,x", "", vec!["1: 1,x"]),
        ("1,x|2", "columns = [\"ref\", \"a\", \"b\"]", vec!["1: 1,x,", "2: 2,,"]),
        // A trailer, and what it declares.
        (
            "ref,a|1,2.5|2,3|TOTAL,2,,5.50",
            "trailer = { marker = \"TOTAL\", count_column = 2 }\n\
             sums = [{ of = \"a\", as = \"number_pounds\", declared = \"4\" }]",
            vec!["1: 1,2.5", "2: 2,3"],
        ),
        ("ref,a|1,\u{3a9} \u{1F600}", "", vec!["1: 1,\u{3a9} \u{1F600}"]),
    ] {
        let book = Book { sheets: vec![sheet("A", &texts(rows))], ..Book::default() };
        assert_eq!(told(read(&book.made(), settings).await), wanted, "{rows} {settings}");
    }
    for (rows, settings, wanted) in [
        (
            "ref,a||1,x",
            "header_row = 2",
            "csv.header: row 2, where the header should stand, is empty",
        ),
        ("name,a|1,x", "", "csv.header: the column `ref` is missing"),
        ("ref,a,a|1,x", "", "csv.header: columns 2 and 3 have the same name"),
        (" |", "", "csv.header: the file has no header row"),
    ] {
        let book = Book { sheets: vec![sheet("A", &texts(rows))], ..Book::default() };
        let (_, said) = refused(&book.made(), settings).await;
        assert!(said.starts_with(wanted), "{rows} {settings}: {said}");
    }
    // A heading that is a formula without a value names no column.
    let rows = "<row r=\"1\"><c r=\"A1\"><f>X</f></c></row>";
    let book = Book { sheets: vec![sheet("A", rows)], ..Book::default() };
    let (code, said) = refused(&book.made(), "").await;
    assert!(code == "sheet.formula" && said.contains("cell A1"), "{said}");
}

#[tokio::test]
async fn b36_one_sheet_is_read_and_where_that_is_not_clear_the_sheets_are_named() {
    let [one, two] = ["ref,a|1,x", "ref,a|2,y"].map(texts);
    let (plain, other) = (sheet("Accounts", &one), sheet("Notes &amp; more", &two));
    let hidden = workbook::Sheet { state: "hidden", ..other.clone() };
    let very = workbook::Sheet { state: "veryHidden", ..other.clone() };
    let chart = workbook::Sheet { kind: "chartsheet", ..other.clone() };
    let made = |sheets: &[&workbook::Sheet]| {
        let sheets = sheets.iter().map(|sheet| (*sheet).clone()).collect();
        Book { sheets, ..Book::default() }.made()
    };
    for (sheets, settings, wanted) in [
        (vec![&plain, &other], "sheet = \"Accounts\"", "1: 1,x"),
        (vec![&plain, &other], "sheet = \" notes & MORE\"", "2: 2,y"),
        (vec![&plain, &hidden], "", "1: 1,x"),
        (vec![&very, &plain], "", "1: 1,x"),
        (vec![&chart, &plain], "", "1: 1,x"),
        (vec![&plain, &hidden], "sheet = \"Notes & more\"", "2: 2,y"),
    ] {
        assert_eq!(told(read(&made(&sheets), settings).await), [wanted], "{settings}");
    }
    let both = "say which is meant, `sheet = \"…\"`; there are `Accounts`, `Notes & more`";
    for (sheets, settings, wanted) in [
        (vec![&plain, &other], "", format!("the workbook has 2 sheets: {both}")),
        (vec![&plain, &other], "sheet = \"March\"", format!("there is no sheet `March` in the workbook: {both}")),
        (
            vec![&hidden],
            "",
            "every sheet of the workbook is hidden: say which is meant, `sheet = \"…\"`; there are `Notes & more` (hidden)"
                .to_owned(),
        ),
    ] {
        let (code, said) = refused(&made(&sheets), settings).await;
        assert!(code == "sheet.name" && said.contains(&wanted), "{said}");
    }
}

#[test]
fn what_a_workbook_says_itself_is_not_said_in_its_connector() {
    for (settings, wanted) in [
        ("encoding = \"utf-8\"", "a workbook says itself what it is written in"),
        (
            "compression = \"gzip\"",
            "a workbook is packed in its own way, and is not read from gzip",
        ),
        ("delimiter = \";\"", "`delimiter` is not known here"),
        ("header_row = 0", "`header_row` is out of range"),
        ("header_row = 2\ncolumns = [\"ref\"]", "`columns` is for a sheet without a header row"),
    ] {
        let text = format!(
            "kind = \"file_drop\"\nsystem = \"revenues\"\n[settings]\ndirectory = \"/drop\"\npattern = \"*\"\n\
             format = \"xlsx\"\nkey = \"ref\"\nextract = \"full\"\n{settings}\n"
        );
        let file = File::parse("connectors/drop.toml", text);
        definition::read(&file, "drop", KINDS);
        let told: Vec<String> =
            file.into_diagnostics().into_iter().map(|fault| fault.what).collect();
        assert!(told.len() == 1 && told[0].starts_with(wanted), "{settings}: {told:?}");
    }
}
