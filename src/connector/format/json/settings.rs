//! What `format = "json_lines"` and `format = "json"` can be told.

use super::{JsonFormat, JsonSum, Records};
use crate::connector::format::encoding::Encoding;
use crate::connector::format::settings;
use crate::definition::reader::Spanned;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;
use crate::record::document::{Path, Step};

const KEY: Key = key(
    "key",
    "The property, or properties, that make a record the same record tomorrow: paths from the record.",
)
.needed("name the property that makes a record the same record tomorrow")
.example("key = \"account_ref\"");
const COLUMNS: Key = key(
    "key",
    "The column, or columns, that make a record the same record tomorrow. No two rows have the same.",
)
.needed("name the column that makes a record the same record tomorrow")
.example("key = [\"account_ref\", \"account_cd\"]");
const RECORD: Key = key(
    "record",
    "The way from the root to the list whose items are the records; `/` where the root is the list.",
)
.needed("say where the list of records is")
.example("record = \"/data/accounts\"");
const APART: Key = key(
    "apart",
    "A line whose first property has one of these names is the extract's header or trailer.",
)
.example("apart = [\"trailer\"]");
const COUNT: Key = key(
    "count",
    "The way from the root to the number of records that the extract declares; in JSON lines, from the \
     header or trailer. Where it does not agree, nothing is released.",
)
.example("count = \"/trailer/records\"");

impl JsonFormat {
    /// Reads the settings of JSON lines; faults are told to the file.
    pub fn settings_of_lines(table: &Table<'_>, record_bytes_max: usize) -> Option<JsonFormat> {
        let apart = table.texts(APART).unwrap_or_default();
        let apart = apart.into_iter().map(|name| name.value).collect();
        common(table, Some(Records::Lines { apart }), record_bytes_max)
    }

    /// Reads the settings of a database's rows, which are lines of JSON with a column for each property.
    pub fn settings_of_rows(table: &Table<'_>, record_bytes_max: usize) -> Option<JsonFormat> {
        let columns = table.texts(COLUMNS)?;
        let path =
            |name: Spanned<String>| Path { up: 0, steps: vec![Step::new(None, name.value, false)] };
        Some(JsonFormat {
            records: Records::Lines { apart: Vec::new() },
            key: columns.into_iter().map(path).collect(),
            count: None,
            sums: Vec::new(),
            said: Encoding::Unsaid,
            record_bytes_max,
        })
    }

    /// Reads the settings of a JSON document; faults are told to the file.
    pub fn settings_of_document(table: &Table<'_>, record_bytes_max: usize) -> Option<JsonFormat> {
        let way = table.need_text(RECORD);
        let names = way.map(|way| -> Vec<String> {
            let names = way.value.split('/').filter(|name| !name.is_empty());
            names.map(str::to_owned).collect()
        });
        common(table, names.map(|at| Records::Document { at }), record_bytes_max)
    }
}

fn common(
    table: &Table<'_>,
    records: Option<Records>,
    record_bytes_max: usize,
) -> Option<JsonFormat> {
    let path = |text: &Spanned<String>| -> Option<Path> { settings::path(table.file(), text, &[]) };
    let all = |paths: Vec<Spanned<String>>| -> Option<Vec<Path>> {
        // Every one is looked at, so that every fault is told.
        let read: Vec<Option<Path>> = paths.iter().map(path).collect();
        read.into_iter().collect()
    };
    let key_paths = table.texts(KEY);
    let key_paths = key_paths.and_then(all);
    let count = table.text(COUNT).map(|text| path(&text));
    let declared = key("declared", "The way from the root to the declared sum, as for `count`.")
        .needed("say where the sum is declared")
        .example("declared = \"/trailer/balance\"");
    let sums = settings::sums(table, "What is added up: a path from the record.", declared);
    let sums: Vec<Option<JsonSum>> = sums
        .into_iter()
        .map(|sum| {
            let declared = sum.declared.and_then(|text| path(&text));
            Some(JsonSum {
                declared: declared?,
                of: path(&sum.of)?,
                format: sum.format,
                declared_format: sum.declared_format,
            })
        })
        .collect();
    Some(JsonFormat {
        records: records?,
        key: key_paths?,
        count: match count {
            Some(path) => Some(path?),
            None => None,
        },
        sums: sums.into_iter().collect::<Option<_>>()?,
        said: Encoding::Unsaid,
        record_bytes_max,
    })
}
