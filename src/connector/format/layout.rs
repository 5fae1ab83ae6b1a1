//! How files are laid out, as a definition says it: what they are packed with, what their text is
//! written in, and the format that cuts them. Every connector that is given files reads these settings
//! here, so that they are written the same whichever door the files come in by.

use std::io::{Read, Seek};
use std::sync::Arc;

use super::csv::CsvFormat;
use super::encoding::{Decoded, Encoding};
use super::fixed_width::FixedWidthFormat;
use super::gzip::{Compression, UNPACKED_BYTES_MAX, Unpacked};
use super::json::JsonFormat;
use super::sheet::SheetFormat;
use super::xml::XmlFormat;
use super::{CutError, Format, FormatError, RecordSink, Total};
use crate::definition::shape::{Key, key, word};
use crate::definition::table::{Table, Variant};

/// How the files of one connector are laid out.
#[derive(Clone)]
pub struct Layout {
    pub format: Arc<dyn Format>,
    /// What their text is written in.
    pub encoding: Encoding,
    pub compression: Compression,
    /// A file that has more bytes, or unpacks to more, is refused.
    pub unpacked_bytes_max: u64,
    /// Fields whose numbers look like those of payment cards, and are not.
    pub not_cards: Vec<String>,
}

impl std::fmt::Debug for Layout {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Layout({:?}, {:?})", self.encoding, self.compression)
    }
}

const FORMAT: Key = key("format", "How the files are laid out.").needed(
    "write `format = \"xml\"`, `\"csv\"`, `\"xlsx\"`, `\"fixed_width\"`, `\"json_lines\"` or `\"json\"`",
);
const ENCODING: Key = key(
    "encoding",
    "What the text is written in. Where nothing is said, the mark at a file's beginning says it, else \
     what XML declares of itself, else it is UTF-8. A record whose bytes the encoding does not have is \
     held by itself.",
)
.example("encoding = \"windows-1252\"");
const COMPRESSION: Key = key(
    "compression",
    "How the files are packed. One that unpacks to far more than it should is held.",
);
const UNPACKED_MAX: Key = key(
    "unpacked_bytes_max",
    "A file that has more bytes, or unpacks to more, is held whole. A workbook unpacks to 1,000,000,000 at most, \
     whatever is said here.",
);

pub const NOT_CARDS: Key = key(
    "not_cards",
    "Fields whose numbers may look like those of payment cards, and are not: an element, attribute, column \
     or property by its own name. A row that holds a card number in any other field is held, its digits \
     masked. What identifies a record is never taken for one.",
)
.example("not_cards = [\"mandate_ref\"]");

/// What is known of a file that was cut to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutEnd {
    pub totals: Vec<Total>,
    /// What the text was read as: `utf-8`.
    pub encoding: &'static str,
    /// It was read as its definition says, and looks as if it were UTF-8.
    pub looks_utf8: bool,
}

impl Layout {
    /// Reads the settings of the files' layout; faults are told to the file. A record longer than
    /// `record_bytes_max` is held.
    pub fn read(settings: &Table<'_>, record_bytes_max: usize) -> Option<Layout> {
        let encoding = settings.choice(
            ENCODING,
            &[
                word("detect", "As where nothing is said; if nothing says it, UTF-8 or Windows-1252 by its bytes.", Encoding::Detect),
                word("utf-8", "", Encoding::Utf8),
                word("utf-16", "By its mark; little-endian where it has none.", Encoding::Utf16),
                word("utf-16le", "", Encoding::Utf16Le),
                word("utf-16be", "", Encoding::Utf16Be),
                word("iso-8859-1", "", Encoding::Iso8859_1),
                word("windows-1252", "What most Windows systems of the council write.", Encoding::Windows1252),
            ],
        );
        let encoding = encoding.map_or(Encoding::Unsaid, |encoding| encoding.value);
        let compression = settings.choice_or(
            COMPRESSION,
            word("detect", "Whatever a file's first bytes say.", Compression::Detect),
            &[
                word(
                    "none",
                    "As they are, whatever their first bytes look like.",
                    Compression::None,
                ),
                word("gzip", "Always gzip; what is not is held.", Compression::Gzip),
            ],
        );
        let unpacked = settings.whole_or(
            UNPACKED_MAX,
            1_000_000..=1_000_000_000_000,
            UNPACKED_BYTES_MAX as i64,
        );
        let said = encoding;
        let xml = |table: &Table<'_>| {
            let format = XmlFormat::settings(table, record_bytes_max);
            shared(format.map(|format| XmlFormat { said, ..format }))
        };
        let csv = |table: &Table<'_>| {
            let format = CsvFormat::settings(table, record_bytes_max);
            shared(format.map(|format| CsvFormat { said, ..format }))
        };
        let sheet = |table: &Table<'_>| shared(SheetFormat::settings(table, record_bytes_max));
        let fixed = |table: &Table<'_>| {
            let format = FixedWidthFormat::settings(table, record_bytes_max);
            shared(format.map(|format| FixedWidthFormat { said, ..format }))
        };
        let json =
            |format: Option<JsonFormat>| shared(format.map(|format| JsonFormat { said, ..format }));
        let lines =
            |table: &Table<'_>| json(JsonFormat::settings_of_lines(table, record_bytes_max));
        let document =
            |table: &Table<'_>| json(JsonFormat::settings_of_document(table, record_bytes_max));
        let format = settings.variant(
            FORMAT,
            &[
                Variant { word: "xml", doc: "One element for each record.", read: &xml },
                Variant {
                    word: "csv",
                    doc: "One row for each record, by a header row.",
                    read: &csv,
                },
                Variant {
                    word: "xlsx",
                    doc: "One row of a workbook's sheet for each record, by a header row. Values only: dates are \
                          `2026-03-01` or `2026-03-01T12:00:00`, a formula is what it came to.",
                    read: &sheet,
                },
                Variant {
                    word: "fixed_width",
                    doc: "Values on fixed columns; one line for each record, or lines of several types.",
                    read: &fixed,
                },
                Variant { word: "json_lines", doc: "One JSON object a line.", read: &lines },
                Variant {
                    word: "json",
                    doc: "A JSON document; the records are the items of one list in it.",
                    read: &document,
                },
            ],
        );
        let not_cards = settings.texts(NOT_CARDS).unwrap_or_default();
        if format.as_ref().is_some_and(|format| format.sheets().is_some()) {
            says_itself(settings, compression);
        }
        Some(Layout {
            format: format?,
            encoding,
            compression,
            unpacked_bytes_max: unpacked as u64,
            not_cards: not_cards.into_iter().map(|name| name.value).collect(),
        })
    }

    /// Reads what is said of rows that a database gives, which are kept as one JSON object a line: `key`
    /// names columns.
    pub fn of_rows(settings: &Table<'_>, record_bytes_max: usize) -> Option<Layout> {
        let format = JsonFormat::settings_of_rows(settings, record_bytes_max);
        let not_cards = settings.texts(NOT_CARDS).unwrap_or_default();
        Some(Layout {
            format: Arc::new(JsonFormat { said: Encoding::Utf8, ..format? }),
            encoding: Encoding::Utf8,
            compression: Compression::None,
            unpacked_bytes_max: UNPACKED_BYTES_MAX,
            not_cards: not_cards.into_iter().map(|name| name.value).collect(),
        })
    }

    /// Cuts a file into records through its layers: unpacked, made UTF-8, cut. `name` is what people
    /// call the file.
    pub fn cut(
        &self,
        input: &mut dyn Read,
        name: &str,
        sink: &mut dyn RecordSink,
    ) -> Result<CutEnd, CutError> {
        if let Some(sheets) = self.format.sheets() {
            return sheets.cut_stream(input, self.unpacked_bytes_max, sink).map(of_text);
        }
        let unpacked = Unpacked::open(input, self.compression, name, self.unpacked_bytes_max)?;
        self.cut_unpacked(unpacked, sink)
    }

    /// The same with a workbook, which is not read from its beginning to its end.
    pub fn cut_workbook<R: Read + Seek>(
        &self,
        sheets: &SheetFormat,
        input: &mut R,
        sink: &mut dyn RecordSink,
    ) -> Result<CutEnd, CutError> {
        sheets.cut_workbook(input, self.unpacked_bytes_max, sink).map(of_text)
    }

    /// The same with what is unpacked already, by whoever held it to its limits.
    pub fn cut_unpacked(
        &self,
        unpacked: impl Read,
        sink: &mut dyn RecordSink,
    ) -> Result<CutEnd, CutError> {
        let mut text = Decoded::new(unpacked, self.encoding, &*self.format);
        match self.format.cut(&mut text, sink) {
            Ok(totals) => {
                Ok(CutEnd { totals, encoding: text.used(), looks_utf8: text.looks_utf8() })
            }
            // Whatever the format says of nothing, this says it better.
            Err(CutError::Format(fault))
                if text.taken() == 0 && !fault.code.starts_with("archive.") =>
            {
                let cause = "the file is empty".to_owned();
                let place = "at its beginning".to_owned();
                Err(FormatError { code: "file.empty", cause, place }.into())
            }
            Err(other) => Err(other),
        }
    }
}

/// The end of what comes out as UTF-8 however it was written.
fn of_text(totals: Vec<Total>) -> CutEnd {
    CutEnd { totals, encoding: "utf-8", looks_utf8: false }
}

/// Tells settings that say of a workbook what it says itself.
fn says_itself(settings: &Table<'_>, compression: Compression) {
    if settings.has("encoding") {
        let help = Some("take `encoding` out".to_owned());
        let what = "a workbook says itself what it is written in";
        settings.error(settings.at_value("encoding"), what, "nothing reads this", help);
    }
    if compression == Compression::Gzip {
        let help = Some("take `compression` out".to_owned());
        let what = "a workbook is packed in its own way, and is not read from gzip";
        settings.error(settings.at_value("compression"), what, "not for workbooks", help);
    }
}

fn shared<F: Format + 'static>(format: Option<F>) -> Option<Arc<dyn Format>> {
    format.map(|format| Arc::new(format) as Arc<dyn Format>)
}
