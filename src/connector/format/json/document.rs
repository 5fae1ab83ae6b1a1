//! Records cut out of a JSON document: the items of one list somewhere in it, in memory bounded by one
//! of them.
//!
//! What stands around the list is gathered, and parsed when all is read. Inside a record only brackets
//! and quotes are looked at: that is enough to know where it ends.

use std::io::Read;

use memchr::memchr2;

use super::parse::opening;
use super::{Gathered, JsonFormat};
use crate::connector::format::encoding::not_text;
use crate::connector::format::stream::Stream;
use crate::connector::format::{CutError, FormatError, RecordSink};
use crate::record::document::DEPTH_MAX;

/// What may stand around the records, bytes.
const AROUND_MAX: usize = 1 << 20;
/// How deep a record may be nested before its end is not looked for any more. One that is nested more
/// than it may be, and less than this, is held by itself.
const OPEN_MAX: usize = 100_000;

/// Cuts one document.
pub struct Cutter<'f> {
    format: &'f JsonFormat,
    /// Names from the root to the list.
    way: &'f [String],
    around: Vec<u8>,
    /// Brackets that are open around the records, and how far the way leads to each.
    open: Vec<(u8, Option<usize>)>,
    /// The name that stands before the next value.
    name: Option<Vec<u8>>,
    /// The list was met.
    met: bool,
    closed: bool,
}

/// What was found at the beginning of a value.
enum Begun {
    /// It is the list of records.
    Records,
    Other,
}

impl<'f> Cutter<'f> {
    pub fn new(format: &'f JsonFormat, way: &'f [String]) -> Self {
        Cutter {
            format,
            way,
            around: Vec::new(),
            open: Vec::new(),
            name: None,
            met: false,
            closed: false,
        }
    }

    /// Cuts the document, and gives what stands around its records: the document with the list empty.
    pub fn cut(
        mut self,
        input: &mut dyn Read,
        gathered: &mut Gathered<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<String, CutError> {
        let mut stream = Stream::new(input);
        while let Some(byte) = self.next_byte(&mut stream)? {
            let end = if byte == b'"' { self.text(&mut stream)? } else { 1 };
            let token = stream.rest()[..end].to_vec();
            stream.pass(end);
            if self.closed && !byte.is_ascii_whitespace() {
                let cause = "something stands after the document";
                return Err(refuse("json.trailing", cause, stream.place() - 1).into());
            }
            self.keep(&token, stream.place())?;
            if let Begun::Records = self.take(byte, &token, stream.place())? {
                self.records(&mut stream, gathered, sink)?;
                self.around.push(b']');
                self.open.pop();
                self.closed |= self.open.is_empty();
            }
        }
        let place = stream.place();
        if !self.open.is_empty() || !self.closed {
            let cause = "the document ends too early: it was cut off";
            return Err(refuse("json.malformed", cause, place).into());
        }
        if !self.met {
            let cause =
                format!("there is no list at `/{}`: is it an error message?", self.way.join("/"));
            return Err(refuse("json.root", &cause, place).into());
        }
        let around = String::from_utf8(self.around);
        let said = self.format.said;
        let cause = |error: std::string::FromUtf8Error| not_text(said, error.as_bytes());
        Ok(around.map_err(|error| refuse("json.encoding", &cause(error), 0))?)
    }

    /// The next byte, still ahead; `None` at the end.
    fn next_byte(&self, stream: &mut Stream<'_>) -> Result<Option<u8>, CutError> {
        while stream.rest().is_empty() && !stream.is_finished() {
            stream.fill(None)?;
        }
        Ok(stream.rest().first().copied())
    }

    /// How long the text is that begins here.
    fn text(&self, stream: &mut Stream<'_>) -> Result<usize, CutError> {
        loop {
            if let Some(length) = super::parse::value_length(stream.rest()) {
                return Ok(length);
            }
            if stream.rest().len() > AROUND_MAX {
                return Err(too_much_around(stream.place()).into());
            }
            if stream.is_finished() {
                let cause = "a text is not closed: was the document cut off?";
                return Err(refuse("json.malformed", cause, stream.place()).into());
            }
            stream.fill(None)?;
        }
    }

    fn keep(&mut self, bytes: &[u8], place: u64) -> Result<(), FormatError> {
        if self.around.len() + bytes.len() > AROUND_MAX {
            return Err(too_much_around(place));
        }
        self.around.extend_from_slice(bytes);
        Ok(())
    }

    /// Follows the way to the list. Whether all of it is JSON is seen when it is parsed.
    fn take(&mut self, byte: u8, token: &[u8], place: u64) -> Result<Begun, FormatError> {
        match byte {
            b'"' => {
                let text = &token[1..token.len() - 1];
                self.name = Some(text.to_vec());
                self.closed |= self.open.is_empty();
            }
            b'{' | b'[' => {
                if self.open.len() >= DEPTH_MAX {
                    let cause = format!("brackets are nested more than {DEPTH_MAX} deep");
                    return Err(refuse("json.depth", &cause, place));
                }
                let led = self.led();
                let here = led == Some(self.way.len());
                self.open.push((byte, led));
                self.name = None;
                if here && byte == b'[' {
                    if std::mem::replace(&mut self.met, true) {
                        let cause = "the list of records stands in the document twice";
                        return Err(refuse("json.duplicate", cause, place));
                    }
                    return Ok(Begun::Records);
                }
            }
            b'}' | b']' => {
                let wanted = if byte == b'}' { b'{' } else { b'[' };
                if self.open.pop().is_none_or(|(open, _)| open != wanted) {
                    let cause = "a closing bracket does not match the one it closes";
                    return Err(refuse("json.malformed", cause, place));
                }
                self.name = None;
                self.closed |= self.open.is_empty();
            }
            b',' => self.name = None,
            byte if byte.is_ascii_whitespace() || byte == b':' => {}
            _ => {
                self.closed |=
                    self.open.is_empty() && !matches!(byte, b'-' | b'0'..=b'9' | b'a'..=b'z')
            }
        }
        Ok(Begun::Other)
    }

    /// How far along the way the value is that begins here.
    fn led(&self) -> Option<usize> {
        let Some((bracket, led)) = self.open.last() else { return Some(0) };
        let led = (*led)?;
        let name = self.name.as_deref().filter(|_| *bracket == b'{')?;
        (self.way.get(led).map(String::as_bytes) == Some(name)).then_some(led + 1)
    }

    /// The items of the list, up to its closing bracket.
    fn records(
        &mut self,
        stream: &mut Stream<'_>,
        gathered: &mut Gathered<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let (mut first, mut wants) = (true, false);
        loop {
            let Some(byte) = self.next_byte(stream)? else {
                let cause = "the document ends within its records: it was cut off";
                return Err(refuse("json.malformed", cause, stream.place()).into());
            };
            match byte {
                b' ' | b'\t' | b'\r' | b'\n' => stream.pass(1),
                b']' if !wants => {
                    stream.pass(1);
                    return Ok(());
                }
                b',' if !first && !wants => {
                    stream.pass(1);
                    wants = true;
                }
                b',' | b']' | b'}' | b':' => {
                    let cause = "a record is missing between two commas";
                    return Err(refuse("json.malformed", cause, stream.place()).into());
                }
                _ if first || wants => {
                    self.record(stream, gathered, sink)?;
                    (first, wants) = (false, false);
                }
                _ => {
                    let cause = "a comma is missing between two records";
                    return Err(refuse("json.malformed", cause, stream.place()).into());
                }
            }
        }
    }

    /// One item, whatever it is.
    fn record(
        &mut self,
        stream: &mut Stream<'_>,
        gathered: &mut Gathered<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let most = self.format.record_bytes_max as u64;
        let from = stream.place();
        let mut kept = Some(from);
        let mut scan = Scan::default();
        loop {
            let (length, done) = scan.go_on(stream.rest(), stream.place())?;
            stream.pass(length);
            if stream.place() - from > most {
                kept = None;
            }
            if done || (scan.scalar && stream.is_finished()) {
                break;
            }
            if stream.is_finished() {
                let cause = "the document ends within a record: it was cut off";
                return Err(refuse("json.malformed", cause, from).into());
            }
            stream.fill(kept)?;
        }
        match kept {
            Some(from) => {
                let to = stream.place();
                gathered.give(stream.bytes(from, to), sink)
            }
            None => gathered.too_long(sink),
        }
    }
}

/// Finds where a value ends, piece by piece.
#[derive(Default)]
struct Scan {
    open: Vec<u8>,
    in_text: bool,
    escaped: bool,
    /// It is no object, list or text: it ends before the next comma, bracket or blank.
    scalar: bool,
    begun: bool,
}

impl Scan {
    /// How far the value goes in this piece, and whether that is its end.
    fn go_on(&mut self, piece: &[u8], place: u64) -> Result<(usize, bool), FormatError> {
        let mut at = 0;
        if !self.begun
            && let Some(first) = piece.first()
        {
            self.begun = true;
            self.scalar = !matches!(first, b'"' | b'{' | b'[');
        }
        if self.scalar {
            let end = piece.iter().position(|byte| b",]} \t\r\n".contains(byte));
            return Ok((end.unwrap_or(piece.len()), end.is_some()));
        }
        let mut opens = opening(piece, 0);
        while at < piece.len() {
            if self.in_text {
                if std::mem::take(&mut self.escaped) {
                    at += 1;
                    continue;
                }
                match memchr2(b'"', b'\\', &piece[at..]) {
                    None => return Ok((piece.len(), false)),
                    Some(found) => {
                        self.escaped = piece[at + found] == b'\\';
                        self.in_text = self.escaped;
                        at += found + 1;
                    }
                }
                if !self.in_text && self.open.is_empty() {
                    return Ok((at, true));
                }
                continue;
            }
            if at > opens {
                opens = opening(piece, at);
            }
            if let Some(found) = memchr2(b'}', b']', &piece[at..opens]) {
                let byte = piece[at + found];
                at += found + 1;
                let wanted = if byte == b'}' { b'{' } else { b'[' };
                if self.open.pop() != Some(wanted) {
                    let cause = "a closing bracket in a record does not match the one it closes";
                    return Err(refuse("json.malformed", cause, place + at as u64));
                }
                if self.open.is_empty() {
                    return Ok((at, true));
                }
                continue;
            }
            match piece.get(opens) {
                None => return Ok((piece.len(), false)),
                Some(b'"') => self.in_text = true,
                Some(bracket) if self.open.len() < OPEN_MAX => self.open.push(*bracket),
                Some(_) => {
                    let cause = "brackets are nested far too deep";
                    return Err(refuse("json.depth", cause, place + opens as u64));
                }
            }
            at = opens + 1;
        }
        Ok((at, false))
    }
}

fn too_much_around(place: u64) -> FormatError {
    let cause = format!("more than {AROUND_MAX} bytes stand outside the records");
    refuse("json.size", &cause, place)
}

fn refuse(code: &'static str, cause: &str, place: u64) -> FormatError {
    FormatError { code, cause: cause.to_owned(), place: format!("byte {place}") }
}
