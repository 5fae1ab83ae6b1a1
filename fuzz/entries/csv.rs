//! CSV: cut, and each row read by its header.

use super::input::Input;
use super::trying::{cut, key_of, layout, nothing_vanished, path};

const DELIMITERS: [char; 5] = [',', '|', ';', '\t', ' '];
const KEYS: [(&str, &[&str]); 3] =
    [("\"k\"", &["k"]), ("[\"k\", \"n\"]", &["k", "n"]), ("\"p\"", &["p"])];
const GROUPS: [&str; 3] = ["", "groups = { q = \"p{n}_\" }\n", "groups = { q = \"p{n}\" }\n"];
const TRAILERS: [&str; 5] = [
    "",
    "",
    "trailer = { marker = \"T\", count_column = 2 }\n",
    "trailer = { marker = \"{count} rows\" }\n",
    "trailer = { marker = \"T\" }\n[[sums]]\nof = \"v\"\ndeclared = \"2\"\nas = \"decimal_pounds\"\n",
];

/// Rows alone, with names of ours.
const HEADERLESS: &str = "columns = [\"k\", \"n\", \"p\", \"v\"]\n";

pub fn csv(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let delimiter = input.pick(&DELIMITERS);
    let (key, columns) = input.pick(&KEYS);
    let (groups, trailer) = (input.pick(&GROUPS), input.pick(&TRAILERS));
    let (longest, header) =
        input.pick(&[(1_024, ""), (8_192, ""), (1_048_576, ""), (8_192, HEADERLESS)]);
    let portions = input.portions();
    let text = input.stretched();
    let delimiter = delimiter.escape_default();
    let settings = format!(
        "format = \"csv\"\ndelimiter = \"{delimiter}\"\nkey = {key}\n{header}{groups}{trailer}"
    );
    let layout = layout(&settings, longest);
    let columns: Vec<_> = columns.iter().map(|column| path(column)).collect();
    // A key's column may stand in a group, and is called otherwise there.
    let key = |record: &_| key_of(record, &columns).map(|key| key.trim_matches('/').to_owned());
    let (seen, end) =
        cut(&*layout.format, &text, portions, &|record| key(record).filter(|_| groups.is_empty()));
    if end.is_ok() && trailer.is_empty() {
        nothing_vanished(&seen, &text, &|gap| gap.iter().all(u8::is_ascii_whitespace));
    }
}
