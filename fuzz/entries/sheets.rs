//! A workbook whose rows and texts are anything: each row reads the same again, with the key that the cut found or as
//! held as it was, and nothing of it grows beyond its limits.

use flate2::Crc;

use super::input::Input;
use super::trying::{cut, key_of, layout, path};

/// Stands between the rows and the texts that cells name.
const BETWEEN: u8 = 0x02;
const SETTINGS: [&str; 4] = [
    "",
    "header_row = 2\n",
    "columns = [\"ref\", \"a\", \"b\"]\n",
    "trailer = { marker = \"T\", count_column = 2 }\nsums = [{ of = \"a\", as = \"number_pounds\" }]\n",
];
const STYLES: &str = "<s><numFmts><numFmt numFmtId='164' formatCode='[h]:mm'/></numFmts><cellXfs><xf/><xf numFmtId='14'/>\
                      <xf numFmtId='22'/><xf numFmtId='20'/><xf numFmtId='164'/></cellXfs></s>";
const RELATIONS: &str = "<R><Relationship Id='a' Type='/worksheet' Target='a'/><Relationship Type='/sharedStrings' Target='b'/>\
                         <Relationship Type='/styles' Target='c'/></R>";

pub fn sheets(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let settings = input.pick(&SETTINGS);
    let longest = input.pick(&[1_024, 8_192, 1_048_576]);
    let from_1904 = input.flag();
    let portions = input.portions();
    let text = input.stretched();
    let (rows, strings) = match text.iter().position(|byte| *byte == BETWEEN) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (&text[..], &b""[..]),
    };
    let workbook = format!(
        "<w><workbookPr date1904='{}'/><sheets><sheet name='A' id='a'/></sheets></w>",
        u8::from(from_1904)
    );
    let archive = archive(&[
        ("_rels/.rels", b"<R><Relationship Type='/officeDocument' Target='w'/></R>"),
        ("_rels/w.rels", RELATIONS.as_bytes()),
        ("w", workbook.as_bytes()),
        ("a", &[b"<x><sheetData>", rows, b"</sheetData></x>"].concat()),
        ("b", &[b"<x>", strings, b"</x>"].concat()),
        ("c", STYLES.as_bytes()),
    ]);
    let settings = format!("format = \"xlsx\"\nkey = \"ref\"\n{settings}");
    let layout = layout(&settings, longest);
    let columns = [path("ref")];
    let key = |record: &_| key_of(record, &columns).map(|key| key.trim_matches('/').to_owned());
    let (seen, _) = cut(&*layout.format, &archive, portions, &key);
    for row in seen.rows {
        let within = row.bytes.len() <= longest;
        assert!(within, "a row of {} bytes", row.bytes.len());
    }
}

/// Files one behind another, as they are.
fn archive(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    let number = |number: usize| (number as u32).to_le_bytes();
    for (name, content) in parts {
        let mut crc = Crc::new();
        crc.update(content);
        let mut about = vec![0; 8];
        about.extend(crc.sum().to_le_bytes());
        about.extend(number(content.len()));
        about.extend(number(content.len()));
        about.extend((name.len() as u16).to_le_bytes());
        about.extend([0; 2]);
        list.extend(b"PK\x01\x02\x14\0\x14\0");
        list.extend(&about);
        list.extend([0; 10]);
        list.extend(number(out.len()));
        list.extend(name.as_bytes());
        out.extend(b"PK\x03\x04\x14\0");
        out.extend(&about);
        out.extend(name.as_bytes());
        out.extend(*content);
    }
    let end = [number(list.len()), number(out.len())].concat();
    out.extend(list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([parts.len() as u8, 0, parts.len() as u8, 0]);
    out.extend(end);
    out.extend([0; 2]);
    out
}
