//! What is large, broken, locked or leads elsewhere: refused as what it is, before it costs anything.

use std::fmt::Write as _;

use super::workbook::{Book, sheet};
use super::{read, refused, texts, told};
use crate::connectors::zipped::{Entry, archive, entry};

const GOOD: &str = "ref,a|1,x";

fn book(rows: &str) -> Book<'static> {
    Book { sheets: vec![sheet("A", rows)], ..Book::default() }
}

/// The workbook with one part in another's place.
fn with(part: &str, content: &[u8]) -> Vec<u8> {
    let mut parts = Book { strings: &["<t>x</t>"], styles: &[0], ..book(&texts(GOOD)) }.parts();
    let found =
        parts.iter_mut().find(|one| one.name == part.as_bytes()).expect("there is such a part");
    found.content = content.to_vec();
    archive(&parts)
}

#[tokio::test]
async fn b36_links_macros_and_what_is_embedded_are_not_looked_at() {
    let outside = "http://192.0.2.7/";
    let relation = format!(
        "<Relationship Id=\"rId1\" Type=\"x/externalLinkPath\" Target=\"{outside}\" TargetMode=\"External\"/>"
    );
    let more = [
        ("xl/externalLinks/externalLink1.xml", b"<no xml".as_slice()),
        ("xl/externalLinks/_rels/externalLink1.xml.rels", relation.as_bytes()),
        ("xl/worksheets/_rels/sheet1.xml.rels", b"<no xml"),
        ("xl/embeddings/package.zip", b"PK\x03\x04"),
        ("xl/vbaProject.bin", b"\xD0\xCF\x11\xE0"),
        ("customXml/item1.xml", b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>"),
    ];
    let more = more.map(|(name, content)| entry(name, content)).to_vec();
    let relations = format!(
        "<Relationship Id=\"e1\" Type=\"x/sharedStrings\" Target=\"{outside}\" TargetMode=\"External\"/>\
         <Relationship Id=\"e2\" Type=\"x/externalLink\" Target=\"externalLinks/externalLink1.xml\"/>\
         <Relationship Id=\"e3\" Type=\"x/styles\" Target=\"../../../etc/passwd\"/>"
    );
    let good = Book { more, more_relations: &relations, ..book(&texts(GOOD)) };
    assert_eq!(told(read(&good.made(), "").await), ["1: 1,x"]);
    // A text that would stand outside is one that is not there.
    let row = "<row r=\"1\"><c r=\"A1\" t=\"s\"><v>0</v></c></row>";
    let leans = Book { sheets: vec![sheet("A", row)], ..good };
    let (code, said) = refused(&leans.made(), "").await;
    assert!(code == "sheet.damaged" && said.contains("row 1 of the sheet"), "{said}");
}

#[tokio::test]
async fn b36_a_million_rows_that_are_not_there_cost_nothing() {
    let header = texts("ref,a");
    let last = "<row r=\"1048576\"><c r=\"XFD1048576\" s=\"1\"/><c r=\"B1048576\"/></row>";
    // Cells stand in their order.
    let (code, _) = refused(&book(&format!("{header}{last}")).made(), "").await;
    assert_eq!(code, "sheet.damaged");
    let last =
        "<row r=\"1048576\"><c r=\"A1048576\"><v>9</v></c><c r=\"XFD1048576\" s=\"1\"/></row>";
    assert_eq!(told(read(&book(&format!("{header}{last}")).made(), "").await), ["9: 9,"]);
    let mut rows = header.clone();
    for number in 2..1_048_576 {
        let _ = write!(rows, "<row r=\"{number}\" spans=\"1:2\" ht=\"15\"/>");
    }
    let many = book(&format!("{rows}{last}")).made();
    assert_eq!(told(read(&many, "").await), ["9: 9,"]);
    for (row, wanted) in [
        ("<row r=\"1048577\"/>", "behind row 1 stands one that cannot stand there"),
        ("<row r=\"1\"/>", "behind row 1 stands one that cannot stand there"),
        ("<row r=\"x\"/>", "behind row 1 stands one that cannot stand there"),
        ("<row r=\"99999999999999999999\"/>", "behind row 1 stands one that cannot stand there"),
        ("<row r=\"2\"><c r=\"XFE2\"/></row>", "more columns than a sheet can have"),
        ("<row r=\"2\"><c r=\"A3\"/></row>", "a cell stands where it cannot"),
        ("<row r=\"2\"><c r=\"B2\"/><c r=\"A2\"/></row>", "a cell stands where it cannot"),
        ("<row r=\"2\"><c r=\"A2\"/><c r=\"A2\"/></row>", "a cell stands where it cannot"),
    ] {
        let (code, said) = refused(&book(&format!("{header}{row}")).made(), "").await;
        assert!(code == "sheet.damaged" && said.contains(wanted), "{row}: {said}");
    }
}

#[tokio::test]
async fn b36_the_size_of_a_sheet_is_capped() {
    // One text in very many cells.
    let long = format!("<t>{}</t>", "x".repeat(30_000));
    let cells = "<c t=\"s\"><v>1</v></c>".repeat(1_000);
    let rows = format!("<row><c t=\"s\"><v>0</v></c></row><row>{cells}</row>");
    let strings = ["<t>ref</t>", long.as_str()];
    let wide = Book { strings: &strings, ..book(&rows) }.made();
    let (code, said) = refused(&wide, "").await;
    assert!(code == "csv.size" && said.contains("row 2 of the sheet"), "{said}");
    let rows: String = (0..200).map(|_| "<row><c t=\"s\"><v>1</v></c></row>").collect();
    let rows = format!("<row><c t=\"s\"><v>0</v></c></row>{rows}");
    let tall = Book { strings: &strings, ..book(&rows) }.made();
    let (code, said) = refused(&tall, "unpacked_bytes_max = 1_000_000").await;
    assert!(
        code == "archive.limit" && said.contains("the rows come to more than 1000000 bytes"),
        "{said}"
    );
    assert_eq!(read(&tall, "").await.unwrap().len(), 200);
    // What the archive says of itself, before anything is unpacked.
    let nothing = vec![b' '; 60_000_000];
    let said = |bytes| {
        let mut parts = Book { strings: &strings, ..book(&texts(GOOD)) }.parts();
        let found = parts.iter_mut().find(|part| part.name == b"xl/sharedStrings.xml").unwrap();
        found.said = Some(bytes);
        archive(&parts)
    };
    let many = (0..100_000).map(|number| entry(&format!("xl/{number}.xml"), b"x")).collect();
    for (why, content, settings, wanted) in [
        ("ratio", with("xl/worksheets/sheet1.xml", &nothing), "", "archive.limit"),
        (
            "whole",
            with("xl/styles.xml", &nothing[..2_000_000]),
            "unpacked_bytes_max = 1_000_000",
            "archive.limit",
        ),
        ("100,000 parts", Book { more: many, ..book(&texts(GOOD)) }.made(), "", "archive.limit"),
        ("said to be more", said(1_100_000_000), "", "archive.limit"),
        ("said to be less", said(10), "", "archive.damaged"),
    ] {
        assert_eq!(refused(&content, settings).await.0, wanted, "{why}");
    }
}

#[tokio::test]
async fn b36_what_is_no_sound_workbook_is_refused_as_what_it_is() {
    let good = book(&texts(GOOD)).made();
    let mut old = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    old.resize(8_192, 0);
    let parts = |change: fn(&mut Vec<Entry>)| {
        let mut parts = book(&texts(GOOD)).parts();
        change(&mut parts);
        archive(&parts)
    };
    let deep = "<x>".repeat(100_000);
    let long = format!("<worksheet a=\"{}\">", "x".repeat(2_000_000));
    let sheet = "xl/worksheets/sheet1.xml";
    let cell = |cell: &str| {
        with(
            sheet,
            format!("<worksheet><sheetData><row r=\"1\">{cell}</row></sheetData></worksheet>")
                .as_bytes(),
        )
    };
    for (why, content, wanted) in [
        (
            "xls, or a password",
            old,
            "file.type: it is an old workbook (.xls), or one with a password",
        ),
        ("csv", b"ref,a\n1,x\n".to_vec(), "file.type: it is no workbook"),
        ("nothing", Vec::new(), "file.empty"),
        (
            "zip",
            archive(&[entry("claims.csv", b"ref\n1\n")]),
            "file.type: it is a zip archive, and there is no workbook",
        ),
        ("cut off", good[..good.len() / 2].to_vec(), "archive.damaged"),
        ("locked", parts(|parts| parts[1].flags = 1), "file.type: the archive is encrypted"),
        ("leads out", parts(|parts| parts[1].name = b"../x".to_vec()), "archive.path"),
        ("a part twice", parts(|parts| parts.push(parts[1].clone())), "archive.path"),
        (
            "no sheet",
            parts(|parts| drop(parts.remove(1))),
            "sheet.damaged: the workbook is damaged: it is named",
        ),
        (
            "xlsb",
            with(
                "_rels/.rels",
                b"<R><Relationship Type=\"x/officeDocument\" Target=\"xl/workbook.bin\"/></R>",
            ),
            "file.type: it is a binary workbook",
        ),
        ("no xml", with(sheet, b"nothing"), "sheet.damaged"),
        (
            "no rows",
            with(sheet, b"<worksheet/>"),
            "sheet.damaged: the workbook is damaged: there are no rows",
        ),
        ("cut in a row", with(sheet, b"<worksheet><sheetData><row r=\"1\">"), "sheet.damaged"),
        ("crossed", with(sheet, b"<worksheet><sheetData><row></c></row>"), "sheet.damaged"),
        ("doctype", with("xl/workbook.xml", b"<!DOCTYPE w [<!ENTITY a 'b'>]><w/>"), "xml.doctype"),
        ("an entity", cell("<c t=\"inlineStr\"><is><t>&bomb;</t></is></c>"), "sheet.damaged"),
        (
            "deep",
            with(sheet, deep.as_bytes()),
            "sheet.damaged: the workbook is damaged: elements are nested",
        ),
        ("long", with(sheet, long.as_bytes()), "sheet.damaged: a tag or a text in it is longer"),
        ("a zero", cell("<c t=\"inlineStr\"><is><t>\0</t></is></c>"), "sheet.damaged"),
        ("our own mark", cell("<c t=\"inlineStr\"><is><t>\u{1A}</t></is></c>"), "sheet.damaged"),
        ("no number", cell("<c><v>Testberry</v></c>"), "sheet.damaged"),
        ("no text", cell("<c t=\"s\"><v>7</v></c>"), "sheet.damaged"),
        ("no kind", cell("<c t=\"x\"><v>7</v></c>"), "sheet.damaged"),
        ("neither", cell("<c t=\"b\"><v>7</v></c>"), "sheet.damaged"),
    ] {
        let (_, said) = refused(&content, "").await;
        assert!(said.starts_with(wanted), "{why}: {said}");
        assert!(!said.contains("Testberry"), "{said}");
    }
}
