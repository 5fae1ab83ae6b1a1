//! A file through its layers, as a drop folder reads it: unpacked, made UTF-8, cut.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use viaduct::connector::format::layout::CutEnd;

use super::input::{Drip, Input};
use super::trying::{Seen, end_of, layout};

const FORMATS: [&str; 5] = [
    "format = \"csv\"\nkey = \"k\"\n",
    "format = \"json_lines\"\nkey = \"k\"\n",
    "format = \"json\"\nrecord = \"/\"\nkey = \"k\"\n",
    "format = \"xml\"\nrecord = \"/e/r\"\nkey = \"@k\"\n",
    "format = \"fixed_width\"\nkey = \"k\"\n[lines.D]\nfields = { k = \"1-3\" }\n",
];
const ENCODINGS: [&str; 8] =
    ["", "detect", "utf-8", "utf-16", "utf-16le", "utf-16be", "iso-8859-1", "windows-1252"];

pub fn layers(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let format = input.pick(&FORMATS);
    let encoding = input.pick(&ENCODINGS);
    let compression = input.pick(&["detect", "none", "gzip"]);
    let name = input.pick(&["a.txt", "a.gz", "é.gz", ""]);
    let (wrap, pack) = (input.byte() % 4, input.flag());
    let portions = input.portions();
    let text = input.stretched();
    let (format, fields) = format.split_once("[lines").unwrap_or((format, ""));
    let fields = if fields.is_empty() { String::new() } else { format!("[lines{fields}") };
    let layout_of = |encoding: &str, compression: &str| {
        let encoding = match encoding {
            "" => String::new(),
            encoding => format!("encoding = \"{encoding}\"\n"),
        };
        let rest = format!("compression = \"{compression}\"\nunpacked_bytes_max = 1_000_000\n");
        layout(&format!("{format}{encoding}{rest}{fields}"), 8_192)
    };
    let file = packed(&written(&text, wrap), pack);
    let cut =
        |layout: &viaduct::connector::format::layout::Layout, name: &str, mut input: Drip<'_>| {
            let mut seen = Seen::default();
            let end = end_of(layout.cut(&mut input, name, &mut seen));
            (seen, end)
        };
    let layout = layout_of(encoding, compression);
    let (seen, end) = cut(&layout, name, Drip::whole(&file));
    let dripped = cut(&layout, name, Drip::new(&file, portions));
    assert!(seen == dripped.0 && end == dripped.1, "{end:?} {:?}: pieces matter", dripped.1);
    // What was written in another way and packed is cut as it is without.
    let Some(encoding) =
        [None, Some("utf-16le"), Some("utf-16be"), Some("utf-8")][usize::from(wrap)]
    else {
        return;
    };
    // A mark of its own, and one with a zero behind it, which is another mark, say something else.
    let marked = text.starts_with(b"\xEF\xBB\xBF") || text.starts_with(b"\0");
    if std::str::from_utf8(&text).is_err() || marked || text.is_empty() {
        return;
    }
    let totals = |end: Result<CutEnd, &'static str>| end.map(|end| end.totals);
    let (seen, end) =
        cut(&layout_of(encoding, if pack { "gzip" } else { "none" }), "a.txt", Drip::whole(&file));
    let (plain, plain_end) = cut(&layout_of("utf-8", "none"), "a.txt", Drip::whole(&text));
    assert_eq!(totals(end), totals(plain_end), "{encoding} is cut as UTF-8 is not");
    assert!(seen == plain, "{encoding} is cut as UTF-8 is not");
}

/// The text in another encoding, with its mark.
fn written(text: &[u8], wrap: u8) -> Vec<u8> {
    let letters = String::from_utf8_lossy(text);
    let units = || std::iter::once(0xFEFF).chain(letters.encode_utf16());
    match wrap {
        1 => units().flat_map(u16::to_le_bytes).collect(),
        2 => units().flat_map(u16::to_be_bytes).collect(),
        3 => [b"\xEF\xBB\xBF", text].concat(),
        _ => text.to_vec(),
    }
}

/// Packed in two members, or as it is.
fn packed(text: &[u8], pack: bool) -> Vec<u8> {
    if !pack {
        return text.to_vec();
    }
    let (one, two) = text.split_at(text.len() / 2);
    let member = |part: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(part).expect("memory takes everything");
        packer.finish().expect("memory takes everything")
    };
    [member(one), member(two)].concat()
}
