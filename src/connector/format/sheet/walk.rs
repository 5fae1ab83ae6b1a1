//! Walks through the XML of one part of a workbook, with a bound on each piece of it and on how deep it goes.
//!
//! Names are told without their prefixes: a part is of one kind, and programs choose different ones.

use std::borrow::Cow;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use quick_xml::XmlVersion;
use quick_xml::events::{BytesEnd, BytesStart, Event};
use quick_xml::reader::Reader;

use super::damaged;
use crate::connector::format::gzip::{BUFFER, refuse};
use crate::connector::format::xml::parse::{DOCTYPE, allowed};
use crate::connector::format::{CutError, FormatError};

/// A tag, or a text without markup, is no longer than this, bytes. A cell holds 32,767 characters at most.
const PIECE_BYTES_MAX: u64 = 1 << 20;
/// So deep elements may be nested.
const DEPTH_MAX: usize = 64;

pub struct Walk<R: Read> {
    reader: Reader<Paced<R>>,
    buffer: Vec<u8>,
    depth: usize,
    /// What the part is called in the archive.
    part: String,
}

/// What comes next.
pub enum Piece<'w> {
    Open(BytesStart<'w>),
    Close(BytesEnd<'w>),
    Text(Cow<'w, str>),
    /// A comment, or an instruction to somebody else.
    Other,
    End,
}

impl<R: Read> Walk<R> {
    pub fn new(input: R, part: &str) -> Self {
        let paced = Paced { input: BufReader::with_capacity(BUFFER, input), of_piece: 0 };
        let mut reader = Reader::from_reader(paced);
        reader.config_mut().expand_empty_elements = true;
        Walk { reader, buffer: Vec::new(), depth: 0, part: part.to_owned() }
    }

    /// The next piece; an element without content is opened and closed.
    pub fn next(&mut self) -> Result<Piece<'_>, CutError> {
        self.buffer.clear();
        self.reader.get_mut().of_piece = 0;
        let event = match self.reader.read_event_into(&mut self.buffer) {
            Ok(event) => event,
            Err(error) => return Err(said(error, &self.part)),
        };
        Ok(match event {
            Event::Start(tag) => {
                self.depth += 1;
                if self.depth > DEPTH_MAX {
                    let cause = format!("elements are nested more than {DEPTH_MAX} deep");
                    return Err(damaged(&self.part, cause));
                }
                Piece::Open(tag)
            }
            Event::End(tag) => {
                self.depth -= 1;
                Piece::Close(tag)
            }
            Event::Text(text) => Piece::Text(text.xml10_content()),
            Event::CData(text) => Piece::Text(text.xml10_content()),
            Event::GeneralRef(reference) => {
                let letter = reference.resolve_char_ref().ok().flatten();
                let known = || quick_xml::escape::resolve_predefined_entity(&reference);
                match letter.map(String::from).or_else(|| known().map(str::to_owned)) {
                    Some(text) => Piece::Text(Cow::Owned(text)),
                    None => {
                        return Err(damaged(&self.part, "a reference to nothing that is known"));
                    }
                }
            }
            Event::DocType(_) => {
                let (code, cause) = ("xml.doctype", DOCTYPE.to_owned());
                return Err(FormatError { code, cause, place: self.part.clone() }.into());
            }
            Event::Eof if self.depth > 0 => {
                return Err(damaged(&self.part, "it ends before its root does"));
            }
            Event::Eof => Piece::End,
            _ => Piece::Other,
        })
    }

    /// Passes over the element that was opened last, with all that is in it.
    pub fn skip(&mut self) -> Result<(), CutError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            self.next()?;
        }
        Ok(())
    }

    /// Adds the text of the element that was opened last, without that of elements in it.
    pub fn text(&mut self, into: &mut String) -> Result<(), CutError> {
        let outside = self.depth - 1;
        while self.depth > outside {
            let is_own = self.depth == outside + 1;
            let Piece::Text(text) = self.next()? else { continue };
            if is_own && text.chars().all(allowed) {
                into.push_str(&text);
            } else if is_own {
                return Err(damaged(&self.part, "a character that XML does not allow"));
            }
        }
        Ok(())
    }

    /// Reads what is left without looking at it, so that the whole part is known to have come as it was packed.
    pub fn drain(&mut self) -> Result<(), CutError> {
        io::copy(&mut self.reader.get_mut().input, &mut io::sink())?;
        Ok(())
    }

    /// What the part is called, for whoever finds a fault in it.
    pub fn part(&self) -> &str {
        &self.part
    }
}

/// Gives every attribute of a tag: its name without a prefix, and its value.
pub fn attributes(
    tag: &BytesStart<'_>,
    part: &str,
    mut each: impl FnMut(&str, &str),
) -> Result<(), CutError> {
    for attribute in tag.attributes().with_checks(false) {
        let bad = || damaged(part, "an attribute cannot be read");
        let attribute = attribute.map_err(|_| bad())?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| bad())?;
        each(attribute.key.local_name().as_ref(), &value);
    }
    Ok(())
}

/// What a reader below refused comes out as what it is; whatever else is wrong, the part is damaged.
fn said(error: quick_xml::Error, part: &str) -> CutError {
    match error {
        quick_xml::Error::Io(error) => match Arc::try_unwrap(error) {
            Ok(error) => error.into(),
            Err(_) => damaged(part, "it cannot be read"),
        },
        _ => damaged(part, "it is no well-formed XML"),
    }
}

/// Counts the bytes of one piece, which the reader above keeps whole.
struct Paced<R: Read> {
    input: BufReader<R>,
    of_piece: u64,
}

impl<R: Read> Read for Paced<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.input.read(into)
    }
}

impl<R: Read> BufRead for Paced<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.of_piece > PIECE_BYTES_MAX {
            let cause = format!("a tag or a text in it is longer than {PIECE_BYTES_MAX} bytes");
            return Err(refuse("sheet.damaged", cause, 0));
        }
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.of_piece += amount as u64;
        self.input.consume(amount);
    }
}
