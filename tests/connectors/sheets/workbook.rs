//! Workbooks of the tests' own, part by part, as far as they may be odd.

use std::fmt::Write as _;

use crate::connectors::zipped::{Entry, archive, entry};

#[derive(Clone)]
pub struct Sheet {
    /// As XML writes it.
    pub name: String,
    /// What stands between `<sheetData>` and its end.
    pub rows: String,
    pub state: &'static str,
    pub kind: &'static str,
}

pub fn sheet(name: &str, rows: &str) -> Sheet {
    Sheet { name: name.to_owned(), rows: rows.to_owned(), state: "visible", kind: "worksheet" }
}

#[derive(Clone, Default)]
pub struct Book<'b> {
    pub sheets: Vec<Sheet>,
    /// What stands between `<si>` and its end.
    pub strings: &'b [&'b str],
    /// The number formats of the styles: 164 is a date of the workbook's own, 165 none.
    pub styles: &'b [u32],
    pub from_1904: bool,
    /// Relations of the workbook beside those of its sheets: kind and target, written as they are.
    pub more_relations: &'b str,
    /// Parts beside those that it needs.
    pub more: Vec<Entry>,
}

const RELATIONS: &str = "http://schemas.openxmlformats.org/package/2006/relationships";
const OFFICE: &str = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
const MAIN: &str = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";

impl Book<'_> {
    pub fn parts(&self) -> Vec<Entry> {
        let (mut sheets, mut relations) = (String::new(), self.more_relations.to_owned());
        let mut parts = vec![entry("[Content_Types].xml", b"<Types/>")];
        let head = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";
        for (place, sheet) in self.sheets.iter().enumerate() {
            let number = place + 1;
            let (name, state, kind) = (&sheet.name, sheet.state, sheet.kind);
            let _ = write!(
                sheets,
                "<sheet name=\"{name}\" sheetId=\"{number}\" state=\"{state}\" r:id=\"rId{number}\"/>"
            );
            let _ = write!(
                relations,
                "<Relationship Id=\"rId{number}\" Type=\"{OFFICE}/{kind}\" Target=\"worksheets/sheet{number}.xml\"/>"
            );
            // What it says of its size is not so.
            let text = format!(
                "{head}<worksheet xmlns=\"{MAIN}\"><dimension ref=\"A1:XFD1048576\"/><cols><col min=\"1\" max=\"16384\"/></cols>\
                 <sheetData>{}</sheetData><mergeCells count=\"1\"><mergeCell ref=\"A2:B2\"/></mergeCells></worksheet>",
                sheet.rows
            );
            parts.push(entry(&format!("xl/worksheets/sheet{number}.xml"), text.as_bytes()));
        }
        if !self.strings.is_empty() {
            let _ = write!(
                relations,
                "<Relationship Id=\"strings\" Type=\"{OFFICE}/sharedStrings\" Target=\"/xl/sharedStrings.xml\"/>"
            );
            let all: String = self.strings.iter().map(|text| format!("<si>{text}</si>")).collect();
            let text = format!(
                "{head}<sst xmlns=\"{MAIN}\" count=\"4000000000\" uniqueCount=\"4000000000\">{all}</sst>"
            );
            parts.push(entry("xl/sharedStrings.xml", text.as_bytes()));
        }
        if !self.styles.is_empty() {
            let _ = write!(
                relations,
                "<Relationship Id=\"styles\" Type=\"{OFFICE}/styles\" Target=\"styles.xml\"/>"
            );
            let all: String =
                self.styles.iter().map(|format| format!("<xf numFmtId=\"{format}\"/>")).collect();
            let text = format!(
                "{head}<styleSheet xmlns=\"{MAIN}\"><numFmts count=\"2\"><numFmt numFmtId=\"164\" formatCode=\"[$-809]dd mmmm yyyy;@\"/>\
                 <numFmt numFmtId=\"165\" formatCode=\"&quot;day &quot;0\"/></numFmts><cellStyleXfs><xf numFmtId=\"14\"/></cellStyleXfs>\
                 <cellXfs count=\"{}\">{all}</cellXfs></styleSheet>",
                self.styles.len()
            );
            parts.push(entry("xl/styles.xml", text.as_bytes()));
        }
        let text = format!(
            "{head}<workbook xmlns=\"{MAIN}\" xmlns:r=\"{OFFICE}\"><workbookPr date1904=\"{}\"/><sheets>{sheets}</sheets></workbook>",
            u8::from(self.from_1904)
        );
        parts.push(entry("xl/workbook.xml", text.as_bytes()));
        let text =
            format!("{head}<Relationships xmlns=\"{RELATIONS}\">{relations}</Relationships>");
        parts.push(entry("xl/_rels/workbook.xml.rels", text.as_bytes()));
        let text = format!(
            "{head}<Relationships xmlns=\"{RELATIONS}\"><Relationship Id=\"rId1\" Type=\"{OFFICE}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
        );
        parts.push(entry("_rels/.rels", text.as_bytes()));
        parts.extend(self.more.iter().cloned());
        parts
    }

    pub fn made(&self) -> Vec<u8> {
        archive(&self.parts())
    }
}
