//! Bytes into records, and a record's bytes into a `Document`: one file for each format.

pub mod csv;
pub mod encoding;

pub mod fixed_width;
pub mod gzip;

pub mod json;
pub mod layout;
mod lines;
pub mod settings;
pub mod sheet;
mod stream;
pub mod sum;
#[cfg(test)]
mod trying;
pub mod version;
pub mod xml;
pub mod zip;

use self::encoding::Encoding;
use self::sheet::SheetFormat;
use crate::record::document::{Document, Only, Path, Step};
use crate::record::personal::unprinted;

/// One record as it was cut out, and what it needs from around it to be read alone.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    /// The record's own bytes, as the system gave them.
    pub bytes: &'a [u8],
    /// Namespace declarations, or a header line, that the record leans on.
    pub context: &'a [u8],
    /// Where in `bytes` the context is to be put so that the record stands alone.
    pub context_at: usize,
}

impl Raw<'_> {
    /// Writes the record so that it can be read by itself.
    pub fn write_alone(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.bytes[..self.context_at]);
        out.extend_from_slice(self.context);
        out.extend_from_slice(&self.bytes[self.context_at..]);
    }
}

/// Takes what a format cuts out of a stream.
pub trait RecordSink: Send {
    /// A record and its key. An empty key means that the record has none.
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped>;
    /// A row that cannot be a record; it is kept and held under `code`.
    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped>;
    /// A record whose key is sound and that cannot be read all the same, since a part of it is bad: it
    /// is kept and held under `code`, and can be told by its key.
    fn unsound(
        &mut self,
        _key: &str,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.unreadable(code, cause, raw)
    }
    /// Nothing more comes, whether the stream ended well or not. Called on the thread that cuts.
    fn finish(&mut self) -> Result<(), Stopped> {
        Ok(())
    }
}

/// Whoever takes the records wants no more: there is nothing to tell the reader beyond that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stopped;

/// Why a stream cannot be read as its format. The whole extract is held.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {cause} ({place})")]
pub struct FormatError {
    pub code: &'static str,
    pub cause: String,
    pub place: String,
}

/// How the cutting of a stream ended.
#[derive(Debug)]
pub enum CutError {
    Format(FormatError),
    Read(std::io::Error),
    Stopped,
}

impl From<FormatError> for CutError {
    fn from(error: FormatError) -> Self {
        CutError::Format(error)
    }
}

/// A reader between the file and the format (gzip, an encoding) says what it refuses inside an
/// `io::Error`: it comes out as what it is.
impl From<std::io::Error> for CutError {
    fn from(error: std::io::Error) -> Self {
        error.downcast().map_or_else(CutError::Read, CutError::Format)
    }
}

impl From<Stopped> for CutError {
    fn from(_: Stopped) -> Self {
        CutError::Stopped
    }
}

/// A total that an extract declares of itself, and what was counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Total {
    pub name: String,
    /// As declared, or `None` where the extract should declare it and does not.
    pub declared: Option<i64>,
    pub counted: i64,
}

impl Total {
    /// Whether the extract said of itself what we counted.
    pub fn agrees(&self) -> bool {
        self.declared == Some(self.counted)
    }
}

/// A format with its settings: cuts a stream into records, and reads one record.
pub trait Format: Send + Sync {
    /// Cuts `input` into records, in memory bounded by one record. Gives the totals it declares.
    fn cut(
        &self,
        input: &mut dyn std::io::Read,
        sink: &mut dyn RecordSink,
    ) -> Result<Vec<Total>, CutError>;

    /// Reads one record that stands alone.
    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError>;

    /// Whether a record that was kept and held could be cut as one now, beyond what reading it says.
    fn sound(&self, _record: &str) -> Result<(), FormatError> {
        Ok(())
    }

    /// The parts of a record that may be there or not, by the words of its definition: types of line.
    fn parts(&self) -> Vec<&str> {
        Vec::new()
    }

    /// Which of them a record has.
    fn parts_in(&self, _record: &str) -> Vec<&str> {
        Vec::new()
    }

    /// From a record to the parts of its key.
    fn key(&self) -> Vec<Path>;

    /// What a content type must have in it for a body to be read so: `json`.
    fn content_types(&self) -> &'static [&'static str];

    /// Whether a whole input is a list of records and nothing else, so that one alone may be put into one.
    fn is_list(&self) -> bool {
        false
    }

    /// Whether a record's values stand directly behind one another, with nothing between them.
    fn values_touch(&self) -> bool {
        false
    }

    /// The code of a text, or of a record, whose bytes its encoding does not have.
    fn encoding_code(&self) -> &'static str {
        "file.encoding"
    }

    /// What the definition says of the encoding of its files.
    fn said(&self) -> Encoding {
        Encoding::Unsaid
    }

    /// The encoding that a text declares of itself in its first characters, as XML does.
    fn declared_encoding(&self, _head: &str) -> Option<String> {
        None
    }

    /// The format as one of workbooks, where it is: those are read from more places than their beginning.
    fn sheets(&self) -> Option<&SheetFormat> {
        None
    }

    /// What a namespace prefix in a path stands for.
    fn namespace(&self, _prefix: &str) -> Option<&str> {
        None
    }
}

/// The key of a record that was read, as the cut makes it; none where it has none, or several.
pub fn key_of(format: &dyn Format, record: &Document) -> Option<String> {
    let mut parts = Vec::new();
    for path in format.key() {
        match record.find_only(record.root()?, &path) {
            Only::Nothing => parts.push(""),
            Only::One(node) => parts.push(record.text(node).trim()),
            Only::Several => return None,
        }
    }
    let key = parts.join("/");
    let key = key.trim_matches('/');
    (!key.is_empty()).then(|| key.to_owned())
}

/// The way to a value that stands under this name in the record itself.
fn by_name(name: &str) -> Path {
    Path { up: 0, steps: vec![Step::new(None, name.to_owned(), false)] }
}

unprinted!(Raw<'_>);

#[cfg(test)]
mod tests {
    use super::key_of;
    use super::trying::{cut, layout};
    use crate::record::document::Document;

    #[test]
    fn a_record_that_is_read_has_the_key_that_the_cut_gave_it() {
        let fixed = "format = \"fixed_width\"\nrecord = \"D\"\ntype = \"1-1\"\n\
                     key = [\"ref\", \"part\"]\n[lines.D]\n\
                     fields = { ref = \"2-5\", part = \"6-7\" }\n";
        for (settings, file) in [
            ("format = \"xml\"\nrecord = \"/E/A\"\nkey = \"@ref\"", "<E><A ref=\" 7 \"/></E>"),
            (
                "format = \"xml\"\nrecord = \"/E/A\"\nkey = \"B/C\"",
                "<E><A><B><C>7 </C></B></A></E>",
            ),
            ("format = \"csv\"\nkey = [\"Ref\", \"part\"]", "ref,part\n7, 8\n"),
            ("format = \"csv\"\nkey = [\"ref\", \"part\"]", "ref,part\n7,\n"),
            ("format = \"json_lines\"\nkey = [\"a/b\", \"c\"]", "{\"a\":{\"b\":7},\"c\":\"x \"}\n"),
            (fixed, "D   7 8\n"),
        ] {
            let layout = layout(settings);
            let seen = cut(&layout, file).unwrap_or_else(|fault| panic!("{file}: {fault}"));
            let (key, record) = &seen.rows[0];
            // A row of a table is kept with its header.
            let alone = match file.split_once('\n') {
                Some((header, _)) if settings.contains("csv") => format!("{header}\n{record}"),
                _ => record.clone(),
            };
            let mut document = Document::default();
            layout.format.read(&alone, &mut document).unwrap_or_else(|fault| panic!("{fault}"));
            assert_eq!(key_of(&*layout.format, &document).as_deref(), Some(key.as_str()), "{file}");
        }
    }
}
