//! What `kind = "file_drop"` can be told, and how it is read from a definition.

use std::path::Path as FilePath;
use std::sync::Arc;

use super::FileDrop;
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{Kind, Limits, Settings, Surroundings};
use crate::connector::format::Format;
use crate::connector::format::csv::{CsvFormat, Trailer};
use crate::connector::format::xml::XmlFormat;
use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Key, key, word};
use crate::definition::table::{Table, Variant};
use crate::record::document::{Path, Step};

pub const KIND: Kind = Kind {
    name: "file_drop",
    doc: "A folder into which a system drops its extracts: each file is read once, when it has \
          stopped growing, and moved when it is safely stored.",
    read: |settings, limits| Some(Arc::new(FileDropSettings::read(settings, limits)?)),
};

/// The settings of a drop folder.
#[derive(Debug, Clone)]
pub struct FileDropSettings {
    /// Where files are dropped; `${NAME}` is taken from the environment when it is opened.
    pub directory: Spanned<String>,
    /// Which files, as in a shell: `ctax-*.xml`.
    pub pattern: String,
    /// Subfolder for files that were read.
    pub processed: String,
    /// Subfolder for files that wait for a person.
    pub held: String,
    /// For how long neither size nor time may change before a file is read.
    pub settle_ms: u64,
    /// `full` or `delta`.
    pub extract: Extract,
    pub format: FormatSettings,
}

/// How the files are laid out.
#[derive(Debug, Clone)]
pub enum FormatSettings {
    Xml(XmlFormat),
    Csv(CsvFormat),
}

impl FormatSettings {
    /// The format, ready to read.
    pub fn open(&self) -> Box<dyn Format> {
        match self {
            FormatSettings::Xml(format) => Box::new(format.clone()),
            FormatSettings::Csv(format) => Box::new(format.clone()),
        }
    }
}

const DIRECTORY: Key = key(
    "directory",
    "The folder that files are dropped into. `${NAME}` is taken from the environment.",
)
.example("directory = \"${REVENUES_DROP}\"");
const PATTERN: Key =
    key("pattern", "Which files, as in a shell: `*` and `?`. Others are left where they are.")
        .example("pattern = \"ctax-*.xml\"");
const PROCESSED: Key =
    key("processed", "Where a file goes when it is safely stored, in that folder.");
const HELD: Key = key("held", "Where a file goes that waits for a person, in that folder.");
const SETTLE: Key = key(
    "settle_ms",
    "For how long, in milliseconds, neither a file's size nor its time may change before it is read.",
);
const EXTRACT: Key = key("extract", "Whether a file holds everything, or only what changed.")
    .needed("write `extract = \"full\"` if a record that is absent is gone, or `\"delta\"`");
const FORMAT: Key = key("format", "How the files are laid out.")
    .needed("write `format = \"xml\"` or `format = \"csv\"`");

impl FileDropSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<FileDropSettings> {
        let record_bytes_max = limits.record_bytes_max as usize;
        let directory = settings.need_text(DIRECTORY);
        let pattern = settings.need_text(PATTERN);
        let processed = settings.text_or(PROCESSED, "processed");
        let held = settings.text_or(HELD, "held");
        let settle = settings.whole_or(SETTLE, 0..=600_000, 1_000);
        let extracts = [
            word("full", "A record that is absent is gone at its source.", Extract::Full),
            word("delta", "A record that is absent says nothing.", Extract::Delta),
        ];
        let extract = settings.choice(EXTRACT, &extracts);
        let xml = |table: &Table<'_>| read_xml(table, record_bytes_max).map(FormatSettings::Xml);
        let csv = |table: &Table<'_>| read_csv(table, record_bytes_max).map(FormatSettings::Csv);
        let format = settings.variant(
            FORMAT,
            &[
                Variant { word: "xml", doc: "One element for each record.", read: &xml },
                Variant {
                    word: "csv",
                    doc: "One row for each record, by a header row.",
                    read: &csv,
                },
            ],
        );
        Some(FileDropSettings {
            directory: directory?,
            pattern: pattern?.value,
            processed: processed.trim_end_matches('/').to_owned(),
            held: held.trim_end_matches('/').to_owned(),
            settle_ms: settle as u64,
            extract: extract?.value,
            format: format?,
        })
    }
}

impl Settings for FileDropSettings {
    fn format(&self) -> Option<Box<dyn Format>> {
        Some(self.format.open())
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = around
            .expand(&self.directory.value)
            .and_then(|directory| FileDrop::open(self, FilePath::new(&directory)));
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }
}

fn read_xml(settings: &Table<'_>, record_bytes_max: usize) -> Option<XmlFormat> {
    let namespaces = settings.named_texts(
        key(
            "namespaces",
            "Prefixes for paths here and in mappings, and the namespaces they stand for. A path without \
             a prefix matches by local name.",
        )
        .example("namespaces = { c = \"urn:example:ctax:extract:1\" }"),
        "write `namespaces = { c = \"urn:…\" }`",
    );
    let namespaces: Vec<(String, String)> =
        namespaces.into_iter().map(|(prefix, uri)| (prefix.value, uri.value)).collect();
    let file = settings.file();
    let path = |text: Option<Spanned<String>>| read_path(file, &text?, &namespaces);
    let record = path(
        settings.need_text(
            key("record", "The way from the root to the element that is one record.")
                .example("record = \"/c:CouncilTaxExtract/c:Account\""),
        ),
    );
    let one_key = path(
        settings.need_text(
            key("key", "What makes a record the same record tomorrow: a path from the record.")
                .example("key = \"@ref\""),
        ),
    );
    let count = settings.text(
        key(
            "count",
            "The way from the root to the number of records that the extract declares. Where it does not \
             agree, nothing is released.",
        )
        .example("count = \"/c:CouncilTaxExtract/c:Trailer/@accounts\""),
    );
    let count = count.map(|count| path(Some(count)));
    Some(XmlFormat {
        record: record?,
        key: one_key?,
        count: match count {
            Some(path) => Some(path?),
            None => None,
        },
        namespaces,
        record_bytes_max,
    })
}

fn read_csv(settings: &Table<'_>, record_bytes_max: usize) -> Option<CsvFormat> {
    let delimiter = read_delimiter(settings);
    let columns = settings.texts(
        key("key", "The column, or columns, that make a row the same row tomorrow.")
            .needed("name the column that makes a row the same row tomorrow")
            .example("key = \"claim_ref\""),
    );
    let groups = read_groups(settings);
    let doc = "How the last row is known, and what it declares.";
    let trailer = settings.table(key("trailer", doc)).and_then(|table| {
        let marker = table.need_text(key("marker", "What the first column says in the last row."));
        let column = table.whole_or(
            key("count_column", "Which column, from 1, says how many rows there are."),
            1..=10_000,
            2,
        );
        table.finish();
        Some(Trailer { marker: marker?.value, count_column: column as usize })
    });
    Some(CsvFormat {
        delimiter,
        key: columns?.into_iter().map(|column| column.value).collect(),
        groups,
        trailer,
        record_bytes_max,
    })
}

fn read_delimiter(settings: &Table<'_>) -> u8 {
    let written = settings.text_or(key("delimiter", "What stands between two columns."), ",");
    match written.as_bytes() {
        [one] if *one != b'"' && !one.is_ascii_alphanumeric() => *one,
        _ => {
            let at = settings.at_value("delimiter");
            let help = Some("write `delimiter = \"|\"`, or `\"\\t\"` for a tab".to_owned());
            settings.error(at, "a delimiter is one character", "not one character", help);
            b','
        }
    }
}

fn read_groups(settings: &Table<'_>) -> Vec<(String, String)> {
    const REMEDY: &str = "write `persons = \"p{n}_\"` for p1_surname, p2_surname …";
    let doc = "Repeated columns that are a list: the list's name, and how its columns begin. `{n}` is the \
               number.";
    let mut groups = Vec::new();
    let written = settings
        .named_texts(key("groups", doc).example("groups = { persons = \"p{n}_\" }"), REMEDY);
    for (list, pattern) in written {
        if pattern.value.contains("{n}") {
            groups.push((list.value, pattern.value));
        } else {
            let what = "a group is a column pattern with `{n}`";
            settings.error(pattern.at, what, "no `{n}`", Some(REMEDY.to_owned()));
        }
    }
    groups
}

/// `/c:CouncilTaxExtract/c:Account`, `@ref`
fn read_path(file: &File, text: &Spanned<String>, namespaces: &[(String, String)]) -> Option<Path> {
    let mut steps = Vec::new();
    for part in text.value.trim_start_matches('/').split('/') {
        let (attribute, part) = match part.strip_prefix('@') {
            Some(rest) => (true, rest),
            None => (false, part),
        };
        let (space, name) = match part.split_once(':') {
            Some((prefix, name)) => match namespaces.iter().find(|(known, _)| known == prefix) {
                Some((_, uri)) => (Some(uri.clone()), name),
                None => {
                    let what = format!("no namespace is declared for the prefix `{prefix}`");
                    let help = format!("add `{prefix}` to `namespaces`");
                    file.error(text.at, what, "not declared", Some(help));
                    return None;
                }
            },
            None => (None, part),
        };
        if name.is_empty() {
            let help = Some("write names between slashes: `/Extract/Account`".to_owned());
            file.error(text.at, "a path has a part without a name", "empty", help);
            return None;
        }
        steps.push(Step::new(space, name.to_owned(), attribute));
    }
    Some(Path { up: 0, steps })
}
