//! Bytes into records, and a record's bytes into a `Document`: one file for each format.

pub mod csv;
pub mod encoding;

pub mod fixed_width;
pub mod gzip;

pub mod json;
pub mod layout;
mod lines;
mod settings;
mod stream;
mod sum;
#[cfg(test)]
mod trying;
pub mod xml;

use crate::record::document::Document;
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

    /// Whether a record's values stand directly behind one another, with nothing between them.
    fn values_touch(&self) -> bool {
        false
    }

    /// The code of a text, or of a record, whose bytes its encoding does not have.
    fn encoding_code(&self) -> &'static str {
        "file.encoding"
    }

    /// The encoding that a text declares of itself in its first characters, as XML does.
    fn declared_encoding(&self, _head: &str) -> Option<String> {
        None
    }

    /// What a namespace prefix in a path stands for.
    fn namespace(&self, _prefix: &str) -> Option<&str> {
        None
    }
}

unprinted!(Raw<'_>);
