//! What `kind = "file_drop"` can be told, and how it is read from a definition.

use crate::connector::channel::Extract;
use crate::connector::format::Format;
use crate::connector::format::csv::CsvFormat;
use crate::connector::format::csv::trailer::Trailer;
use crate::connector::format::encoding::Encoding;
use crate::connector::format::gzip::{Compression, UNPACKED_BYTES_MAX};
use crate::connector::format::xml::XmlFormat;
use crate::definition::reader::{File, Spanned};
use crate::definition::table::{Table, Value};
use crate::record::document::{Path, Step};

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
    /// What the files' text is written in.
    pub encoding: Encoding,
    /// How the files are packed.
    pub compression: Compression,
    /// A file that unpacks to more is refused.
    pub unpacked_bytes_max: u64,
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

impl FileDropSettings {
    /// Reads `[settings]` and `[limits]`; faults are told to the file.
    pub fn read(settings: Table<'_>, limits: Option<&Table<'_>>) -> Option<FileDropSettings> {
        let record_bytes_max = limits
            .and_then(|limits| limits.whole("record_bytes_max", 1_024..=67_108_864))
            .map_or(1_048_576, |most| most.value as usize);
        let directory = settings.need_text("directory");
        let pattern = settings.need_text("pattern");
        let text = |key: &str, otherwise: &str| {
            settings.text(key).map_or_else(|| otherwise.to_owned(), |text| text.value)
        };
        let processed = text("processed", "processed");
        let held = text("held", "held");
        let settle = settings.whole("settle_ms", 0..=600_000).map_or(1_000, |ms| ms.value);
        let extracts = [("full", Extract::Full), ("delta", Extract::Delta)];
        let extract = settings.choice("extract", &extracts);
        if !settings.has("extract") {
            let remedy =
                "write `extract = \"full\"` if a record that is absent is gone, or `\"delta\"`";
            settings.missing("extract", remedy);
        }
        let formats = [("xml", true), ("csv", false)];
        let format = settings.choice("format", &formats).map(|format| format.value);
        if !settings.has("format") {
            settings.missing("format", "write `format = \"xml\"` or `format = \"csv\"`");
        }
        let format = match format {
            Some(true) => read_xml(&settings, record_bytes_max).map(FormatSettings::Xml),
            Some(false) => read_csv(&settings, record_bytes_max).map(FormatSettings::Csv),
            None => {
                settings.leave_unread();
                None
            }
        };
        settings.finish();
        Some(FileDropSettings {
            directory: directory?,
            pattern: pattern?.value,
            processed: processed.trim_end_matches('/').to_owned(),
            held: held.trim_end_matches('/').to_owned(),
            settle_ms: settle as u64,
            extract: extract?.value,
            format: format?,
            encoding: Encoding::default(),
            compression: Compression::default(),
            unpacked_bytes_max: UNPACKED_BYTES_MAX,
        })
    }
}

fn read_xml(settings: &Table<'_>, record_bytes_max: usize) -> Option<XmlFormat> {
    let mut namespaces = Vec::new();
    if let Some(table) = settings.table("namespaces") {
        for (prefix, value) in table.entries() {
            match value {
                Value::Text(uri) => namespaces.push((prefix.value, uri.value)),
                other => table.error(other.at(), "a namespace is an address", "not text", None),
            }
        }
    }
    let file = settings.file();
    let path = |text: Option<Spanned<String>>| read_path(file, &text?, &namespaces);
    let record = path(settings.need_text("record"));
    let key = path(settings.need_text("key"));
    let count = settings.text("count");
    let count = count.map(|count| path(Some(count)));
    Some(XmlFormat {
        record: record?,
        key: key?,
        count: match count {
            Some(path) => Some(path?),
            None => None,
        },
        sums: Vec::new(),
        namespaces,
        record_bytes_max,
    })
}

fn read_csv(settings: &Table<'_>, record_bytes_max: usize) -> Option<CsvFormat> {
    let delimiter = settings.text("delimiter");
    let delimiter = match delimiter.as_ref().map(|text| text.value.as_bytes()) {
        None => b',',
        Some([one]) if *one != b'"' && !one.is_ascii_alphanumeric() => *one,
        Some(_) => {
            let at = delimiter.as_ref().map_or(settings.at(), |text| text.at);
            let help = Some("write `delimiter = \"|\"`, or `\"\\t\"` for a tab".to_owned());
            settings.error(at, "a delimiter is one character", "not one character", help);
            b','
        }
    };
    let key = settings.texts("key");
    if !settings.has("key") {
        settings.missing("key", "name the column that makes a row the same row tomorrow");
    }
    let mut groups = Vec::new();
    if let Some(table) = settings.table("groups") {
        for (list, value) in table.entries() {
            match value {
                Value::Text(pattern) if pattern.value.contains("{n}") => {
                    groups.push((list.value, pattern.value));
                }
                other => {
                    let help =
                        Some("write `persons = \"p{n}_\"` for p1_surname, p2_surname …".to_owned());
                    table.error(
                        other.at(),
                        "a group is a column pattern with `{n}`",
                        "no `{n}`",
                        help,
                    );
                }
            }
        }
    }
    let trailer = settings.table("trailer").and_then(|table| {
        let marker = table.need_text("marker");
        let column = table.whole("count_column", 1..=10_000).map_or(2, |column| column.value);
        table.finish();
        let count_column = Some(column as usize);
        Some(Trailer { marker: marker?.value, count_column, sums: Vec::new() })
    });
    Some(CsvFormat {
        delimiter,
        key: key?.into_iter().map(|column| column.value).collect(),
        required: Vec::new(),
        groups,
        trailer,
        record_bytes_max,
    })
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
