//! Events of the CRM as records: each call is one, known by its case. One that cannot be read is a row that is kept
//! and held, with why: the CRM posts it once, and an answer that refuses it is how it would be lost.

use std::io::Read;
use std::sync::Arc;

use super::event::{self, BYTES_MAX};
use crate::connector::format::encoding::Encoding;
use crate::connector::format::gzip::Compression;
use crate::connector::format::layout::Layout;
use crate::connector::format::xml::parse;
use crate::connector::format::{CutError, Format, FormatError, Raw, RecordSink, Total};
use crate::connector::soap::envelope::way;
use crate::record::document::{Document, Path};

/// How an event is laid out. A mapping reads it from its root: `case/status`.
pub fn layout(not_cards: Vec<String>) -> Layout {
    Layout {
        format: Arc::new(Events),
        // What it is not is told as such, and kept.
        encoding: Encoding::Utf8,
        compression: Compression::None,
        unpacked_bytes_max: BYTES_MAX as u64,
        not_cards,
    }
}

struct Events;

impl Format for Events {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        let mut bytes = Vec::new();
        // One more than may be: what is longer is told by whoever reads it.
        input.take(BYTES_MAX as u64 + 1).read_to_end(&mut bytes)?;
        let text = event::bare(&bytes);
        let raw = Raw { bytes: text, context: b"", context_at: 0 };
        match event::read(text) {
            Ok(event) => sink.record(&event.id, raw)?,
            Err(fault) => sink.unreadable(fault.code, fault.cause, raw)?,
        }
        Ok(Vec::new())
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        parse::parse(record, into)
    }

    fn sound(&self, record: &str) -> Result<(), FormatError> {
        let told = |fault: event::Fault| FormatError {
            code: fault.code,
            cause: fault.cause,
            place: "in the event".to_owned(),
        };
        event::read(record.as_bytes()).map(|_| ()).map_err(told)
    }

    fn key(&self) -> Vec<Path> {
        vec![way("case/@id")]
    }

    /// Whatever it says that it sends.
    fn content_types(&self) -> &'static [&'static str] {
        &[""]
    }

    fn encoding_code(&self) -> &'static str {
        "event.encoding"
    }
}
