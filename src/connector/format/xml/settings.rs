//! What `format = "xml"` can be told.

use super::{XmlFormat, XmlSum};
use crate::connector::format::encoding::Encoding;
use crate::connector::format::settings;
use crate::definition::reader::Spanned;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;

const NAMESPACES: Key = key(
    "namespaces",
    "Prefixes for paths here and in mappings, and the namespaces they stand for. A path without \
     a prefix matches by local name.",
)
.example("namespaces = { c = \"urn:example:ctax:extract:1\" }");
const RECORD: Key = key("record", "The way from the root to the element that is one record.")
    .needed("say which element is one record")
    .example("record = \"/c:CouncilTaxExtract/c:Account\"");
const KEY: Key =
    key("key", "What makes a record the same record tomorrow: a path from the record.")
        .needed("say what makes a record the same record tomorrow")
        .example("key = \"@ref\"");
const COUNT: Key = key(
    "count",
    "The way from the root to the number of records that the extract declares. Where it does not \
     agree, nothing is released.",
)
.example("count = \"/c:CouncilTaxExtract/c:Trailer/@accounts\"");

impl XmlFormat {
    /// Reads the settings; faults are told to the file.
    pub fn settings(table: &Table<'_>, record_bytes_max: usize) -> Option<XmlFormat> {
        let namespaces = table.named_texts(NAMESPACES, "write `namespaces = { c = \"urn:…\" }`");
        let namespaces: Vec<(String, String)> =
            namespaces.into_iter().map(|(prefix, uri)| (prefix.value, uri.value)).collect();
        let path = |text: &Spanned<String>| settings::path(table.file(), text, &namespaces);
        let record = table.need_text(RECORD).and_then(|text| path(&text));
        let one_key = table.need_text(KEY).and_then(|text| path(&text));
        let count = table.text(COUNT).map(|text| path(&text));
        let declared = key("declared", "The way from the root to the declared sum.")
            .needed("say where the sum is declared")
            .example("declared = \"/c:CouncilTaxExtract/c:Trailer/@balance\"");
        let sums = settings::sums(table, "What is added up: a path from the record.", declared);
        let sums = sums.into_iter().map(|sum| {
            let declared = sum.declared.and_then(|text| path(&text));
            Some(XmlSum {
                declared: declared?,
                of: path(&sum.of)?,
                format: sum.format,
                declared_format: sum.declared_format,
            })
        });
        let sums: Vec<Option<XmlSum>> = sums.collect();
        Some(XmlFormat {
            record: record?,
            key: one_key?,
            count: match count {
                Some(path) => Some(path?),
                None => None,
            },
            sums: sums.into_iter().collect::<Option<_>>()?,
            namespaces,
            said: Encoding::Unsaid,
            record_bytes_max,
        })
    }
}
