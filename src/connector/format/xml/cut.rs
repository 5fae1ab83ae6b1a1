//! Finds the records in a stream of XML without parsing them.
//!
//! A scan from `<` to `<` that knows tags, quotes, comments, CDATA and processing instructions, keeps
//! the names of open elements to see that they match, and remembers the namespaces in scope where a
//! record begins. Memory: one buffer, grown to the longest record.

use std::io::Read;

use memchr::{memchr, memchr2_iter, memmem};

use super::XmlFormat;
use super::parse::{self, DOCTYPE};
use super::token::{Kind, Token, attribute, each_attribute, name_of, start_tag_of, token};
use crate::connector::format::encoding::not_text;
use crate::connector::format::sum::Sum;
use crate::connector::format::{CutError, FormatError, Raw, RecordSink};
use crate::record::document::{DEPTH_MAX, Document, Only, Path, Step};

/// How much is read at a time, bytes.
const BUFFER: usize = 1 << 18;
/// What may stand around the records (header, trailer), bytes.
const AROUND_MAX: usize = 1 << 20;
/// How long the namespace declarations around a record may be, all together, bytes: each record is kept
/// with those it leans on.
const DECLARED_MAX: usize = 8_192;
/// How long one tag may be, with all its attributes, bytes.
const TAG_MAX: usize = 1 << 20;

/// What the cut saw when the stream ended as it should.
pub struct End {
    pub records: u64,
    /// The extract without its records: a small document of header and trailer.
    pub around: String,
    /// What was added up for each of the format's sums.
    pub sums: Vec<Sum>,
}

/// Cuts the stream into records.
pub fn cut(
    format: &XmlFormat,
    input: &mut dyn Read,
    sink: &mut dyn RecordSink,
) -> Result<End, CutError> {
    let mut cutter = Cutter::new(format);
    let mut buffer = Buffer { bytes: vec![0; BUFFER], at: 0, end: 0, before: 0, finished: false };
    loop {
        match token(&buffer.bytes[buffer.at..buffer.end], buffer.finished) {
            Token::More => {
                cutter.let_go(&mut buffer)?;
                if buffer.finished {
                    break;
                }
                let keep = cutter.record_from.unwrap_or(buffer.at);
                let moved = buffer.fill(input, keep, format.record_bytes_max)?;
                cutter.record_from = cutter.record_from.map(|from| from - moved);
            }
            Token::Some { kind, text, end } => {
                cutter.take(kind, text, end, &buffer, sink)?;
                buffer.at += end;
            }
        }
    }
    cutter.finish(&buffer)
}

struct Buffer {
    bytes: Vec<u8>,
    at: usize,
    end: usize,
    /// Bytes of the stream before this buffer.
    before: u64,
    finished: bool,
}

impl Buffer {
    /// Drops what lies before `keep`, reads behind the rest at least as much again: a long record is
    /// looked through a few times, and not once for every small read. Gives by how much bytes moved.
    fn fill(&mut self, input: &mut dyn Read, keep: usize, most: usize) -> std::io::Result<usize> {
        self.bytes.copy_within(keep..self.end, 0);
        self.end -= keep;
        self.at -= keep;
        self.before += keep as u64;
        if self.end == self.bytes.len() {
            let most = most.max(self.end) + BUFFER;
            self.bytes.resize((self.bytes.len() * 2).min(most), 0);
        }
        let kept = self.end;
        while !self.finished && self.end < self.bytes.len() && self.end < (kept * 2).max(1) {
            match input.read(&mut self.bytes[self.end..]) {
                Ok(0) => self.finished = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(keep)
    }
}

struct Cutter<'f> {
    format: &'f XmlFormat,
    tag_max: usize,
    /// Names of the open elements, end to end, and where each begins.
    names: Vec<u8>,
    starts: Vec<usize>,
    /// How many leading steps of the record's path the open elements fit.
    fitted: usize,
    /// Where in the buffer the record began that we are in.
    record_from: Option<usize>,
    /// That record is longer than it may be, and is not kept any more.
    overlong: bool,
    /// Where in the record its own start tag's name ends.
    name_end: usize,
    /// Namespaces declared outside records: prefix, address, depth.
    scope: Vec<(String, String, usize)>,
    /// The declarations that a record leans on, as they are written into it.
    context: Vec<u8>,
    context_depth: usize,
    around: String,
    records: u64,
    root_closed: bool,
    sums: Vec<Sum>,
    parsed: Document,
    alone: Vec<u8>,
}

impl<'f> Cutter<'f> {
    fn new(format: &'f XmlFormat) -> Self {
        Cutter {
            format,
            tag_max: TAG_MAX.min(format.record_bytes_max),
            names: Vec::new(),
            starts: Vec::new(),
            fitted: 0,
            record_from: None,
            overlong: false,
            name_end: 0,
            scope: Vec::new(),
            context: Vec::new(),
            context_depth: usize::MAX,
            around: String::new(),
            records: 0,
            root_closed: false,
            sums: vec![Sum::default(); format.sums.len()],
            parsed: Document::default(),
            alone: Vec::new(),
        }
    }

    /// Stops keeping a record that is too long: it is looked through to its end, and held. What is too
    /// long in one piece is refused.
    fn let_go(&mut self, buffer: &mut Buffer) -> Result<(), FormatError> {
        let most = self.format.record_bytes_max;
        let Some(from) = self.record_from.filter(|from| buffer.end - from > most) else {
            if buffer.end - buffer.at > most {
                let cause = format!("something is longer than {most} bytes");
                return Err(refuse("xml.size", cause, buffer, self));
            }
            return Ok(());
        };
        self.overlong = true;
        let rest = &buffer.bytes[buffer.at..buffer.end];
        buffer.at += memchr(b'<', rest).unwrap_or(rest.len());
        if buffer.end - buffer.at > most {
            let cause = format!("a tag or a section is longer than {most} bytes");
            return Err(refuse("xml.size", cause, buffer, self));
        }
        debug_assert!(from <= buffer.at, "a record begins before what is in it");
        self.record_from = Some(buffer.at);
        Ok(())
    }

    fn take(
        &mut self,
        kind: Kind,
        text: usize,
        end: usize,
        buffer: &Buffer,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let from = buffer.at;
        let tag = &buffer.bytes[from + text..from + end];
        self.not_too_long(text, end, buffer)?;
        if self.record_from.is_none() {
            self.outside(&buffer.bytes[from..from + text], tag, kind, buffer)?;
        }
        match kind {
            Kind::Start | Kind::Empty | Kind::End if tag.len() > self.tag_max => {
                let cause = format!("a tag is longer than {} bytes", self.tag_max);
                return Err(refuse("xml.size", cause, buffer, self).into());
            }
            Kind::Start | Kind::Empty => {
                let name = name_of(&tag[1..]);
                self.open(name, tag, from + text, buffer)?;
                if kind == Kind::Empty {
                    self.shut(name, from + end, buffer, sink)?;
                }
            }
            Kind::End => {
                let name = tag[2..tag.len() - 1].trim_ascii_end();
                self.shut(name, from + end, buffer, sink)?;
            }
            Kind::Doctype => {
                let html = tag.get(..14).is_some_and(|tag| tag.eq_ignore_ascii_case(HTML));
                let cause = if html { HTML_PAGE } else { DOCTYPE };
                return Err(refuse("xml.doctype", cause, buffer, self).into());
            }
            Kind::Aside | Kind::CData | Kind::Tail => {}
        }
        Ok(())
    }

    /// Refuses here what is refused where it comes in small pieces: it must not matter how it is read.
    fn not_too_long(&self, text: usize, end: usize, buffer: &Buffer) -> Result<(), FormatError> {
        let piece = if self.record_from.is_some() { end - text } else { end };
        let most = self.format.record_bytes_max;
        if piece > most {
            let cause = format!("something is longer than {most} bytes");
            return Err(refuse("xml.size", cause, buffer, self));
        }
        Ok(())
    }

    /// Keeps what stands around the records, and refuses what may not stand there.
    fn outside(
        &mut self,
        text: &[u8],
        tag: &[u8],
        kind: Kind,
        buffer: &Buffer,
    ) -> Result<(), CutError> {
        // A mark is none but at the very beginning, and nothing stands behind it before the root.
        let begins = buffer.before + buffer.at as u64 == 0;
        let marked = text.strip_prefix(b"\xEF\xBB\xBF").filter(|_| begins);
        let blank = marked.unwrap_or(text).trim_ascii().is_empty();
        if self.starts.is_empty() {
            let late = self.root_closed && matches!(kind, Kind::Start | Kind::Empty | Kind::End);
            if !blank || late || kind == Kind::CData {
                let (code, cause) = match self.root_closed {
                    true => ("xml.trailing", "something stands after the root element"),
                    false => ("xml.malformed", "something stands before the root element"),
                };
                return Err(refuse(code, cause, buffer, self).into());
            }
        }
        // Of a DOCTYPE only its beginning is here, and it is refused.
        let left = matches!(kind, Kind::Aside | Kind::Doctype) || self.begins_record(kind, tag);
        let tag = if left { b"" } else { tag };
        if self.around.len() + text.len() + tag.len() > AROUND_MAX {
            let cause = format!("more than {AROUND_MAX} bytes stand outside the records");
            return Err(refuse("xml.size", cause, buffer, self).into());
        }
        for part in [if blank { b"" } else { text }, tag] {
            let part = std::str::from_utf8(part).map_err(|_| {
                refuse("xml.encoding", not_text(self.format.said, part), buffer, self)
            })?;
            self.around.push_str(part);
        }
        Ok(())
    }

    fn begins_record(&self, kind: Kind, tag: &[u8]) -> bool {
        matches!(kind, Kind::Start | Kind::Empty)
            && self.fitted + 1 == self.format.record.steps.len()
            && self.starts.len() == self.fitted
            && self.fits(name_of(&tag[1..]), tag)
    }

    fn open(
        &mut self,
        name: &[u8],
        tag: &[u8],
        from: usize,
        buffer: &Buffer,
    ) -> Result<(), CutError> {
        if self.starts.len() >= DEPTH_MAX {
            let cause = format!("elements are nested more than {DEPTH_MAX} deep");
            return Err(refuse("xml.depth", cause, buffer, self).into());
        }
        if name.is_empty() {
            return Err(refuse("xml.malformed", "a tag without a name", buffer, self).into());
        }
        if self.record_from.is_none() {
            let depth = self.starts.len();
            if depth == 0 && !self.fits(name, tag) {
                return Err(refuse("xml.root", self.strange_root(name), buffer, self).into());
            }
            if depth == self.fitted && self.fits(name, tag) {
                self.fitted += 1;
                if self.fitted == self.format.record.steps.len() {
                    self.record_from = Some(from);
                    self.name_end = 1 + name.len();
                }
            }
            if self.record_from.is_none() && memmem::find(tag, b"xmlns").is_some() {
                self.declare(tag, depth + 1);
                let bytes: usize =
                    self.scope.iter().map(|(prefix, uri, _)| prefix.len() + uri.len() + 10).sum();
                if bytes > DECLARED_MAX {
                    let cause = format!(
                        "the namespaces declared around the records take more than {DECLARED_MAX} bytes"
                    );
                    return Err(refuse("xml.size", cause, buffer, self).into());
                }
            }
        }
        self.starts.push(self.names.len());
        self.names.extend_from_slice(name);
        Ok(())
    }

    fn shut(
        &mut self,
        name: &[u8],
        end: usize,
        buffer: &Buffer,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let Some(start) = self.starts.pop() else {
            return Err(refuse("xml.malformed", "an end tag without a start", buffer, self).into());
        };
        if &self.names[start..] != name {
            let cause = "an end tag does not match the start tag before it";
            return Err(refuse("xml.malformed", cause, buffer, self).into());
        }
        self.names.truncate(start);
        let depth = self.starts.len();
        if depth < self.fitted {
            self.fitted = depth;
            if let Some(from) = self.record_from.take() {
                self.records += 1;
                self.emit(from, end, buffer, sink)?;
            }
        }
        while self.scope.last().is_some_and(|(.., at)| *at > depth) {
            self.scope.pop();
            self.context_depth = usize::MAX;
        }
        self.root_closed |= depth == 0;
        Ok(())
    }

    fn emit(
        &mut self,
        from: usize,
        end: usize,
        buffer: &Buffer,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let bytes = &buffer.bytes[from..end];
        if std::mem::take(&mut self.overlong) || bytes.len() > self.format.record_bytes_max {
            let most = self.format.record_bytes_max;
            let raw = Raw { bytes: b"", context: b"", context_at: 0 };
            let cause = format!("the record is longer than {most} bytes");
            self.sums.iter_mut().for_each(|sum| sum.miss(self.records, &cause));
            return Ok(sink.unreadable("xml.size", cause, raw)?);
        }
        let own = memmem::find(start_tag_of(bytes), b"xmlns").is_some();
        if self.context_depth != self.scope.len() || own {
            self.context = self.declarations(if own { start_tag_of(bytes) } else { b"" });
            self.context_depth = if own { usize::MAX } else { self.scope.len() };
        }
        let raw = Raw { bytes, context: &self.context, context_at: self.name_end };
        let suspect = may_be_forbidden(bytes);
        if !suspect
            && self.sums.is_empty()
            && let Some(key) = plain_key(&self.format.key, start_tag_of(bytes))
        {
            return Ok(sink.record(key.trim(), raw)?);
        }
        self.alone.clear();
        raw.write_alone(&mut self.alone);
        let read = match std::str::from_utf8(&self.alone) {
            Ok(text) => parse::parse(text, &mut self.parsed),
            Err(_) => {
                Err(refuse("xml.encoding", not_text(self.format.said, &self.alone), buffer, self))
            }
        };
        match read {
            // Not a doubtful record but no XML: whoever wrote it wrote the rest of it too.
            Err(fault) if suspect && fault.code == "xml.char" => {
                Err(refuse(fault.code, fault.cause, buffer, self).into())
            }
            Err(fault) => {
                self.sums.iter_mut().for_each(|sum| sum.miss(self.records, &fault.cause));
                Ok(sink.unreadable(fault.code, fault.cause, raw)?)
            }
            Ok(()) => {
                for (sum, of) in self.sums.iter_mut().zip(&self.format.sums) {
                    sum.add(of.name(), of.amount(&self.parsed), self.records);
                }
                let root = self.parsed.root();
                let key = match root.map(|root| self.parsed.find_only(root, &self.format.key)) {
                    Some(Only::One(node)) => self.parsed.text(node).trim(),
                    Some(Only::Several) => {
                        let cause = "the record has more than one key".to_owned();
                        return Ok(sink.unreadable(self.parsed.repeated_code(), cause, raw)?);
                    }
                    Some(Only::Nothing) | None => "",
                };
                Ok(sink.record(key, raw)?)
            }
        }
    }

    /// Why this is not the extract that was asked for, but perhaps an answer in its place.
    fn strange_root(&self, name: &[u8]) -> String {
        let local = name.rsplit(|byte| *byte == b':').next().unwrap_or_default();
        let wanted = self.format.record.steps.first().map_or("", |step| step.name.as_str());
        let found = match local {
            _ if local == wanted.as_bytes() => "is of another namespace".to_owned(),
            b"Envelope" => "is a SOAP message: is it a fault?".to_owned(),
            _ if local.eq_ignore_ascii_case(b"html") => HTML_PAGE.to_owned(),
            _ => "is another one: is it an error message?".to_owned(),
        };
        format!("the root element is not `{wanted}`: it {found}")
    }

    fn fits(&self, name: &[u8], tag: &[u8]) -> bool {
        let Some(step) = self.format.record.steps.get(self.fitted) else { return false };
        let colon = memchr(b':', name);
        let local = colon.map_or(name, |at| &name[at + 1..]);
        local == step.name.as_bytes() && self.space_fits(step, &name[..colon.unwrap_or(0)], tag)
    }

    fn space_fits(&self, step: &Step, prefix: &[u8], tag: &[u8]) -> bool {
        let Some(wanted) = &step.space else { return true };
        let name =
            [b"xmlns".as_slice(), if prefix.is_empty() { b"" } else { b":" }, prefix].concat();
        if let Some(own) = attribute(tag, &name) {
            return is_address(own, wanted);
        }
        let known = self.scope.iter().rev().find(|(known, ..)| known.as_bytes() == prefix);
        known.is_some_and(|(_, uri, _)| is_address(uri.as_bytes(), wanted))
    }

    fn declare(&mut self, tag: &[u8], depth: usize) {
        each_attribute(tag, |name, value| {
            let prefix = match name.strip_prefix(b"xmlns") {
                Some(b"") => b"".as_slice(),
                Some(rest) if rest.starts_with(b":") => &rest[1..],
                _ => return,
            };
            let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
            self.scope.push((text(prefix), text(value), depth));
        });
        self.context_depth = usize::MAX;
    }

    /// The declarations in scope that a record's own tag does not make itself.
    fn declarations(&self, own: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut done: Vec<&str> = Vec::new();
        for (prefix, uri, _) in self.scope.iter().rev() {
            let name =
                if prefix.is_empty() { "xmlns".to_owned() } else { format!("xmlns:{prefix}") };
            if !done.contains(&prefix.as_str()) && attribute(own, name.as_bytes()).is_none() {
                let quote = if uri.contains('"') { '\'' } else { '"' };
                out.extend_from_slice(format!(" {name}={quote}{uri}{quote}").as_bytes());
            }
            done.push(prefix);
        }
        out
    }

    fn finish(self, buffer: &Buffer) -> Result<End, CutError> {
        let rest = &buffer.bytes[buffer.at..buffer.end];
        if !self.root_closed || !rest.trim_ascii().is_empty() {
            let cause = "the extract ends before its root element does: is it complete?";
            return Err(refuse("xml.malformed", cause, buffer, &self).into());
        }
        Ok(End { records: self.records, around: self.around, sums: self.sums })
    }
}

const HTML: &[u8] = b"<!DOCTYPE html";
const HTML_PAGE: &str = "is an HTML page: is it a sign-in page?";

/// Whether something stands in a record that may be a character XML does not have. A comment or a CDATA
/// section may hold what looks like one: whoever parses the record says.
fn may_be_forbidden(record: &[u8]) -> bool {
    memchr2_iter(0, b'&', record).any(|at| {
        let Some(digits) = record[at..].strip_prefix(b"&#") else { return record[at] == 0 };
        let (radix, digits) = match digits.first() {
            Some(b'x') => (16, &digits[1..]),
            _ => (10, digits),
        };
        let end = memchr(b';', digits).unwrap_or(digits.len());
        let digits = std::str::from_utf8(&digits[..end]).unwrap_or_default();
        let number = u32::from_str_radix(digits, radix).ok();
        !number.and_then(char::from_u32).is_some_and(parse::allowed)
    })
}

/// The key, where it is an attribute of the record itself and can be taken as it is written.
fn plain_key<'r>(key: &Path, tag: &'r [u8]) -> Option<&'r str> {
    let [step] = key.steps.as_slice() else { return None };
    if !step.attribute || key.up > 0 || step.space.is_some() {
        return None;
    }
    let plain = |value: &&[u8]| !value.iter().any(|byte| b"&\t\n\r".contains(byte));
    let value = attribute(tag, step.name.as_bytes()).filter(plain)?;
    std::str::from_utf8(value).ok()
}

/// Whether a namespace declaration, as it is written, names this address.
fn is_address(written: &[u8], wanted: &str) -> bool {
    if !written.contains(&b'&') {
        return written == wanted.as_bytes();
    }
    let text = String::from_utf8_lossy(written);
    quick_xml::escape::unescape(&text).is_ok_and(|address| address == wanted)
}

fn refuse(
    code: &'static str,
    cause: impl Into<String>,
    buffer: &Buffer,
    cutter: &Cutter<'_>,
) -> FormatError {
    let byte = buffer.before + buffer.at as u64;
    let place = format!("near byte {byte}, after {} records", cutter.records);
    FormatError { code, cause: cause.into(), place }
}
