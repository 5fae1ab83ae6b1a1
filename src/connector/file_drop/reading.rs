//! One file through its layers: its own bytes are digested, unpacked, made UTF-8, and cut into records.

use std::fs::File;
use std::io::{Read, Seek};

use crate::connector::channel::{ConnectorError, ReadEnd};
use crate::connector::content::ContentDigest;
use crate::connector::format::gzip::Compression;
use crate::connector::format::layout::{CutEnd, Layout};
use crate::connector::format::zip::{self, Inside};
use crate::connector::format::{CutError, RecordSink};

/// Reads a file to its end. `name` is what people call it.
pub fn read(
    file: File,
    name: &str,
    layout: &Layout,
    sink: &mut dyn RecordSink,
) -> Result<ReadEnd, ConnectorError> {
    let mut input = Digested { file, digest: ContentDigest::new() };
    let unreadable = |error| unavailable(format!("{name} cannot be read: {error}"));
    let is_archive = layout.compression == Compression::Detect && zip::is_named(name);
    let cut = match is_archive || layout.format.sheets().is_some() {
        true => cut_archive(&mut input, layout, sink),
        false => layout.cut(&mut input, name, sink),
    };
    let end = cut.map_err(|error| match error {
        CutError::Format(fault) => ConnectorError::Malformed(fault),
        CutError::Read(error) => unreadable(error),
        CutError::Stopped => stopped(),
    })?;
    // What the format did not look at is part of the content all the same.
    std::io::copy(&mut input, &mut std::io::sink()).map_err(unreadable)?;
    Ok(ReadEnd {
        totals: end.totals,
        content_digest: input.digest.finish(),
        encoding: end.encoding.to_owned(),
        looks_utf8: end.looks_utf8,
        cursor: None,
    })
}

/// An archive is read from its end, and so is a workbook, which is one: all of it is digested first.
fn cut_archive(
    input: &mut Digested,
    layout: &Layout,
    sink: &mut dyn RecordSink,
) -> Result<CutEnd, CutError> {
    std::io::copy(input, &mut std::io::sink())?;
    input.file.rewind()?;
    let end = match layout.format.sheets() {
        Some(sheets) => layout.cut_workbook(sheets, &mut input.file, sink),
        None => {
            let inside = Inside::open(&mut input.file, layout.unpacked_bytes_max)?;
            layout.cut_unpacked(inside, sink)
        }
    };
    // Nothing of it is digested once more.
    input.file.seek(std::io::SeekFrom::End(0))?;
    end
}

/// Whoever took the records took no more.
pub fn stopped() -> ConnectorError {
    unavailable("whoever took the records stopped".to_owned())
}

pub fn unavailable(cause: String) -> ConnectorError {
    ConnectorError::Unavailable { cause, retry_after_ms: None }
}

/// A file whose content is digested as it is read.
struct Digested {
    file: File,
    digest: ContentDigest,
}

impl Read for Digested {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let read = self.file.read(into)?;
        self.digest.update(&into[..read]);
        Ok(read)
    }
}
