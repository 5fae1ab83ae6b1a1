//! What `format = "csv"` can be told.

use super::CsvFormat;
use super::trailer::{SumTotal, Trailer};
use crate::connector::format::encoding::Encoding;
use crate::connector::format::settings;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;

const KEY: Key = key("key", "The column, or columns, that make a row the same row tomorrow.")
    .needed("name the column that makes a row the same row tomorrow")
    .example("key = \"claim_ref\"");
const REQUIRED: Key = key(
    "required",
    "Columns without which the extract is held whole, beside those of key, groups and sums: a column \
     that was renamed must not empty a field of everybody.",
)
.example("required = [\"surname\", \"postcode\"]");
const COLUMNS: Key =
    key("columns", "For a file without a header row: the names of its columns, in their order.")
        .example("columns = [\"account_ref\", \"surname\", \"postcode\"]");
const DELIMITER: Key = key("delimiter", "What stands between two columns.");
const GROUPS: Key = key(
    "groups",
    "Repeated columns that are a list: the list's name, and how its columns begin. `{n}` is the \
     number.",
)
.example("groups = { persons = \"p{n}_\" }");
const TRAILER: Key = key("trailer", "How the last row is known, and what it declares.")
    .example("trailer = { marker = \"TRAILER\", count_column = 2 }");
const MARKER: Key = key(
    "marker",
    "What the first column says in the last row; `{count}` in it is the number of rows, as in \
     `{count} rows`.",
);
const COUNT_COLUMN: Key = key(
    "count_column",
    "Which column of the last row, from 1, says how many rows there are. Where it does not agree, \
     nothing is released.",
);

impl CsvFormat {
    /// Reads the settings; faults are told to the file.
    pub fn settings(table: &Table<'_>, record_bytes_max: usize) -> Option<CsvFormat> {
        CsvFormat::settings_by(table, record_bytes_max, read_delimiter)
    }

    /// Reads the settings of rows that somebody writes for us, so that nothing is said of what stands between columns.
    pub fn settings_of_cells(table: &Table<'_>, record_bytes_max: usize) -> Option<CsvFormat> {
        CsvFormat::settings_by(table, record_bytes_max, |_| b',')
    }

    fn settings_by(
        table: &Table<'_>,
        record_bytes_max: usize,
        read_delimiter: fn(&Table<'_>) -> u8,
    ) -> Option<CsvFormat> {
        let columns = table.texts(KEY);
        let required = table.texts(REQUIRED).unwrap_or_default();
        let delimiter = read_delimiter(table);
        Some(CsvFormat {
            header: read_columns(table, delimiter),
            delimiter,
            groups: read_groups(table),
            trailer: read_trailer(table),
            key: columns?.into_iter().map(|column| column.value).collect(),
            required: required.into_iter().map(|column| column.value).collect(),
            said: Encoding::Unsaid,
            record_bytes_max,
        })
    }
}

/// The header row that a file without one would have.
fn read_columns(table: &Table<'_>, delimiter: u8) -> Option<String> {
    let columns = table.texts(COLUMNS)?;
    let mut cells: Vec<String> = Vec::new();
    for column in columns {
        let name = column.value.trim();
        let fault = match name {
            "" => Some("a column without a name"),
            _ if name.chars().any(char::is_control) => Some("a name is one line of text"),
            _ => None,
        };
        let cell = format!("\"{}\"", name.replace('"', "\"\""));
        let twice = cells.iter().any(|known| known.eq_ignore_ascii_case(&cell));
        if let Some(what) = fault.or(twice.then_some("two columns have the same name")) {
            let help = Some("name every column once, in their order".to_owned());
            table.error(column.at, what, "not a name", help);
        }
        cells.push(cell);
    }
    Some(cells.join(&char::from(delimiter).to_string()))
}

fn read_trailer(table: &Table<'_>) -> Option<Trailer> {
    let trailer = table.table(TRAILER).map(|trailer| {
        let marker = trailer.need_text(MARKER.needed("say what its first column says"));
        let column = trailer.whole(COUNT_COLUMN, 1..=10_000);
        trailer.finish();
        (marker, column.map(|column| column.value as usize))
    });
    let declared = key(
        "declared",
        "Which column of the last row, from 1, declares it; the same one where absent.",
    );
    let sums = settings::sums(table, "The column that is added up.", declared);
    let mut totals = Vec::new();
    for sum in sums {
        let place = sum.declared.map(|text| {
            let number = text.value.parse().ok().filter(|number| *number > 0);
            if number.is_none() {
                let help = Some("write the column's number from 1: `declared = \"15\"`".to_owned());
                table.error(text.at, "not a column's number", "a number from 1", help);
            }
            number
        });
        let declared_column = match place {
            Some(None) => continue,
            Some(number) => number,
            None => None,
        };
        if trailer.is_none() {
            let help =
                Some("say how the last row is known: `trailer = { marker = \"…\" }`".to_owned());
            table.error(
                sum.of.at,
                "a sum is declared by a last row",
                "there is no `trailer`",
                help,
            );
        }
        totals.push(SumTotal {
            column: sum.of.value,
            declared_column,
            format: sum.format,
            declared_format: sum.declared_format,
        });
    }
    let (marker, count_column) = trailer?;
    Some(Trailer { marker: marker?.value, count_column, sums: totals })
}

fn read_delimiter(table: &Table<'_>) -> u8 {
    let written = table.text_or(DELIMITER, ",");
    match written.as_bytes() {
        [one] if *one != b'"' && !one.is_ascii_alphanumeric() => *one,
        _ => {
            let at = table.at_value("delimiter");
            let help = Some("write `delimiter = \"|\"`, or `\"\\t\"` for a tab".to_owned());
            table.error(at, "a delimiter is one character", "not one character", help);
            b','
        }
    }
}

fn read_groups(table: &Table<'_>) -> Vec<(String, String)> {
    const REMEDY: &str = "write `persons = \"p{n}_\"` for p1_surname, p2_surname …";
    let mut groups = Vec::new();
    let written = table.named_texts(GROUPS, REMEDY);
    for (list, pattern) in written {
        if pattern.value.contains("{n}") {
            groups.push((list.value, pattern.value));
        } else {
            let what = "a group is a column pattern with `{n}`";
            table.error(pattern.at, what, "no `{n}`", Some(REMEDY.to_owned()));
        }
    }
    groups
}
