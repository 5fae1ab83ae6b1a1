//! Fixed width: cut, and each record's lines read by their types.

use viaduct::record::document::Document;

use super::input::Input;
use super::trying::{cut, key_of, layout, nothing_vanished, path, read};

/// One line a record; several lines a record; a header and a trailer around them; any other line.
const LINES: [&str; 5] = [
    "key = \"k\"\n[lines.D]\nfields = { k = \"1-3\", v = \"4-8\" }\n",
    "key = [\"k\", \"v\"]\n[lines.D]\nfields = { k = \"1-2\", v = \"3-8\" }\n",
    "key = \"k\"\ntype = \"1\"\nrecord = \"D\"\n[lines.D]\nfields = { k = \"2-4\", v = \"5-8\" }\n\
     [lines.P]\nlist = \"p\"\nsame = { k = \"2-4\" }\nfields = { n = \"5-8\" }\n\
     [lines.R]\nlist = \"q\"\nfrom = 2\nwidth = 4\ntimes = 3\nfields = { a = \"1-2\", b = \"4\" }\n\
     [lines.X]\nfields = { w = \"2-9\" }\n",
    "key = \"k\"\ntype = \"1\"\nrecord = \"D\"\ncount = \"T.n\"\n[lines.D]\n\
     fields = { k = \"2-4\", v = \"5-8\" }\n[lines.H]\nrole = \"header\"\nfields = { d = \"2-9\" }\n\
     [lines.T]\nrole = \"trailer\"\nfields = { n = \"2-4\", s = \"5-9\" }\n\
     [[sums]]\nof = \"v\"\ndeclared = \"T.s\"\nas = \"integer_pence\"\n",
    "key = \"k\"\ntype = \"1-2\"\nrecord = \"01\"\n[lines.01]\nfields = { k = \"3-5\" }\n\
     [lines.\"*\"]\nlist = \"rest\"\nfields = { a = \"1-9\" }\n",
];
const LENGTHS: [&str; 4] = ["", "line_length = 9\n", "line_length = 14\n", "line_length = 1000\n"];

pub fn fixed_width(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let which = usize::from(input.byte()) % LINES.len();
    let lines = LINES[which];
    let length = input.pick(&LENGTHS);
    // A line must have room for its fields, or the settings are refused.
    let length = if which == 2 && length == LENGTHS[1] { LENGTHS[2] } else { length };
    let columns = input.pick(&["characters", "bytes"]);
    let short = input.pick(&["held", "padded"]);
    let longest = input.pick(&[1_024, 8_192, 1_048_576]);
    let portions = input.portions();
    let text = input.stretched();
    let settings = format!(
        "format = \"fixed_width\"\ncolumns = \"{columns}\"\nshort_lines = \"{short}\"\n{length}{lines}"
    );
    let layout = layout(&settings, longest);
    let format = &*layout.format;
    let key: Vec<_> = if which == 1 { vec![path("k"), path("v")] } else { vec![path("k")] };
    let key = |record: &Document| key_of(record, &key).map(|key| key.trim_matches('/').to_owned());
    let (seen, end) = cut(format, &text, portions, &key);
    let mut document = Document::default();
    for row in seen.rows.iter().filter(|row| row.code.is_none()) {
        let text = std::str::from_utf8(&row.bytes).expect("a record that is not held is text");
        if let Err(fault) = read(format, text, &mut document) {
            assert!(
                fault.cause.contains("cut a character in two"),
                "cut, and then refused: {fault}"
            );
        }
    }
    // Neither header nor trailer: every line is a record's.
    if end.is_ok() && which != 3 {
        let blank =
            |gap: &[u8]| gap.iter().all(u8::is_ascii_whitespace) || *gap == *b"\xEF\xBB\xBF";
        nothing_vanished(&seen, &text, &blank);
    }
}
