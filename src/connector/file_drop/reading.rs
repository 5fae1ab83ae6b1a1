//! One file through its layers: its own bytes are digested, unpacked, made UTF-8, and cut into records.

use std::fs::File;
use std::io::Read;

use crate::connector::channel::{ConnectorError, ReadEnd};
use crate::connector::format::encoding::{Decoded, Encoding};
use crate::connector::format::gzip::{Compression, Unpacked};
use crate::connector::format::{CutError, Format, FormatError, RecordSink, Total};

/// What stands between a file's bytes and its format.
#[derive(Debug, Clone, Copy)]
pub struct Layers {
    pub encoding: Encoding,
    pub compression: Compression,
    pub unpacked_bytes_max: u64,
}

/// Reads a file to its end. `name` is what people call it.
pub fn read(
    file: File,
    name: &str,
    layers: Layers,
    format: &dyn Format,
    sink: &mut dyn RecordSink,
) -> Result<ReadEnd, ConnectorError> {
    let digest = ring::digest::Context::new(&ring::digest::SHA256);
    let mut input = Digested { file, digest };
    let unreadable = |error| unavailable(format!("{name} cannot be read: {error}"));
    let (totals, encoding) =
        cut(&mut input, name, layers, format, sink).map_err(|error| match error {
            CutError::Format(fault) => ConnectorError::Malformed(fault),
            CutError::Read(error) => unreadable(error),
            CutError::Stopped => stopped(),
        })?;
    // What the format did not look at is part of the content all the same.
    std::io::copy(&mut input, &mut std::io::sink()).map_err(unreadable)?;
    let digest = input.digest.finish();
    let content_digest = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(ReadEnd { totals, content_digest, encoding: encoding.to_owned() })
}

/// Whoever took the records took no more.
pub fn stopped() -> ConnectorError {
    unavailable("whoever took the records stopped".to_owned())
}

pub fn unavailable(cause: String) -> ConnectorError {
    ConnectorError::Unavailable { cause, retry_after_ms: None }
}

fn cut(
    input: &mut Digested,
    name: &str,
    layers: Layers,
    format: &dyn Format,
    sink: &mut dyn RecordSink,
) -> Result<(Vec<Total>, &'static str), CutError> {
    let unpacked = Unpacked::open(input, layers.compression, name, layers.unpacked_bytes_max)?;
    let mut text = Decoded::new(unpacked, layers.encoding, format);
    match format.cut(&mut text, sink) {
        Ok(totals) => Ok((totals, text.used())),
        // Whatever the format says of nothing, this says it better.
        Err(CutError::Format(fault)) if text.taken() == 0 && fault.code != "archive.damaged" => {
            let cause = "the file is empty".to_owned();
            let place = "at its beginning".to_owned();
            Err(FormatError { code: "file.empty", cause, place }.into())
        }
        Err(other) => Err(other),
    }
}

/// A file whose content is digested as it is read.
struct Digested {
    file: File,
    digest: ring::digest::Context,
}

impl Read for Digested {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.digest.update(&into[..read]);
        Ok(read)
    }
}
