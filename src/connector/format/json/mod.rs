//! JSON: records one a line, or the items of a list somewhere in a document.
//!
//! The cut finds where a record ends and its key, and parses nothing else; a record that did not
//! change is never read further.

mod document;
mod parse;
mod settings;

use std::io::Read;

use self::document::Cutter;
use self::parse::{parse, value_length};
use super::encoding::{Encoding, not_text};
use super::lines::Lines;
use super::sum::{Sum, amount};
use super::{CutError, Format, FormatError, Raw, RecordSink, Total};
use crate::record::document::{Document, Only, Path};
use crate::record::value::pence::{Pence, PenceFormat};

/// How a JSON extract is laid out.
#[derive(Debug, Clone)]
pub struct JsonFormat {
    pub records: Records,
    /// From the record to the parts of its key.
    pub key: Vec<Path>,
    /// From the root to the number of records that the extract declares.
    pub count: Option<Path>,
    pub sums: Vec<JsonSum>,
    /// What their text is said to be written in.
    pub said: Encoding,
    pub record_bytes_max: usize,
}

/// Where the records are.
#[derive(Debug, Clone)]
pub enum Records {
    /// One object a line. A line whose first property has one of these names is the extract's
    /// header or trailer.
    Lines { apart: Vec<String> },
    /// The items of the list at this place, by names from the root; none where the root is the
    /// list.
    Document { at: Vec<String> },
}

/// An amount that an extract declares of its records. Where there is one, every record is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonSum {
    /// From the root to the declared sum.
    pub declared: Path,
    /// From the record to what is added up; all of them, where there are several.
    pub of: Path,
    pub format: PenceFormat,
    /// How the declared sum is written.
    pub declared_format: PenceFormat,
}

impl Format for JsonFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        let mut gathered = Gathered::new(self);
        match &self.records {
            Records::Lines { apart } => self.cut_lines(apart, input, &mut gathered, sink)?,
            Records::Document { at } => {
                let around = Cutter::new(self, at).cut(input, &mut gathered, sink)?;
                let mut document = Document::default();
                // The root is a list where the records are its items: it declares nothing.
                if !at.is_empty() {
                    parse(&around, &mut document).map_err(|fault| FormatError {
                        place: "outside the records".to_owned(),
                        ..fault
                    })?;
                }
                gathered.declare(&document)?;
            }
        }
        Ok(gathered.totals()?)
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["json"]
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        parse(record, into)
    }

    fn key(&self) -> Vec<Path> {
        self.key.clone()
    }

    fn is_list(&self) -> bool {
        matches!(&self.records, Records::Document { at } if at.is_empty())
    }

    fn said(&self) -> Encoding {
        self.said
    }

    fn encoding_code(&self) -> &'static str {
        "json.encoding"
    }
}

impl JsonFormat {
    fn cut_lines(
        &self,
        apart: &[String],
        input: &mut dyn Read,
        gathered: &mut Gathered<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let mut lines = Lines::new(input, self.record_bytes_max);
        while let Some(line) = lines.next()? {
            if line.overlong {
                gathered.too_long(sink)?;
                continue;
            }
            let bytes = lines.bytes(line.from, line.to).trim_ascii();
            if bytes.is_empty() {
                continue;
            }
            if first_name(bytes)
                .is_some_and(|name| apart.iter().any(|apart| apart.as_bytes() == name))
            {
                let mut document = Document::default();
                let place = || format!("line {}", line.number);
                let text = std::str::from_utf8(bytes).map_err(|_| FormatError {
                    code: "json.encoding",
                    cause: not_text(self.said, bytes),
                    place: place(),
                })?;
                parse(text, &mut document)
                    .map_err(|fault| FormatError { place: place(), ..fault })?;
                gathered.declare(&document)?;
                continue;
            }
            gathered.give(bytes, sink)?;
        }
        Ok(())
    }
}

/// What is counted and added up while records go by.
struct Gathered<'f> {
    format: &'f JsonFormat,
    records: u64,
    declared_count: Option<i64>,
    sums: Vec<Sum>,
    declared_sums: Vec<Option<Pence>>,
    parsed: Document,
    key: String,
}

impl<'f> Gathered<'f> {
    fn new(format: &'f JsonFormat) -> Self {
        Gathered {
            format,
            records: 0,
            declared_count: None,
            sums: vec![Sum::default(); format.sums.len()],
            declared_sums: vec![None; format.sums.len()],
            parsed: Document::default(),
            key: String::new(),
        }
    }

    /// Gives a record, or holds it where it is none.
    fn give(&mut self, bytes: &[u8], sink: &mut dyn RecordSink) -> Result<(), CutError> {
        self.records += 1;
        let raw = Raw { bytes, context: b"", context_at: 0 };
        let Ok(text) = std::str::from_utf8(bytes) else {
            let cause = not_text(self.format.said, bytes);
            self.miss(&cause);
            return Ok(sink.unreadable("json.encoding", cause, raw)?);
        };
        if self.sums.is_empty() && bytes.last() == Some(&b'}') && self.quick_key(bytes) {
            return Ok(sink.record(self.key.trim_matches('/'), raw)?);
        }
        if let Err(fault) = parse(text, &mut self.parsed) {
            let cause = format!("{} ({})", fault.cause, fault.place);
            self.miss(&cause);
            return Ok(sink.unreadable(fault.code, cause, raw)?);
        }
        for (sum, of) in self.sums.iter_mut().zip(&self.format.sums) {
            sum.add(of.name(), of.amount(&self.parsed), self.records);
        }
        self.key.clear();
        for (at, path) in self.format.key.iter().enumerate() {
            if at > 0 {
                self.key.push('/');
            }
            let root = self.parsed.root();
            match root.map(|root| self.parsed.find_only(root, path)) {
                Some(Only::One(node)) => self.key.push_str(self.parsed.text(node).trim()),
                Some(Only::Several) => {
                    let cause = "the record has more than one key".to_owned();
                    return Ok(sink.unreadable("json.duplicate", cause, raw)?);
                }
                Some(Only::Nothing) | None => {}
            }
        }
        Ok(sink.record(self.key.trim_matches('/'), raw)?)
    }

    /// Finds the key without parsing, where each part is a plain property of the record itself.
    /// False where it takes a parser to say.
    fn quick_key(&mut self, bytes: &[u8]) -> bool {
        self.key.clear();
        for (at, path) in self.format.key.iter().enumerate() {
            if at > 0 {
                self.key.push('/');
            }
            let [step] = path.steps.as_slice() else { return false };
            let Some(value) = property(bytes, step.name.as_bytes()) else { return false };
            let plain = match value {
                [b'"', text @ .., b'"'] if !text.contains(&b'\\') => text,
                [b'-' | b'0'..=b'9', ..] => value,
                _ => return false,
            };
            let Ok(text) = std::str::from_utf8(plain) else { return false };
            self.key.push_str(text.trim());
        }
        true
    }

    fn too_long(&mut self, sink: &mut dyn RecordSink) -> Result<(), CutError> {
        self.records += 1;
        let raw = Raw { bytes: b"", context: b"", context_at: 0 };
        let cause = format!("the record is longer than {} bytes", self.format.record_bytes_max);
        self.miss(&cause);
        Ok(sink.unreadable("json.size", cause, raw)?)
    }

    /// What a bad record adds to the sums cannot be known.
    fn miss(&mut self, cause: &str) {
        self.sums.iter_mut().for_each(|sum| sum.miss(self.records, cause));
    }

    /// Notes what stands around the records.
    fn declare(&mut self, around: &Document) -> Result<(), FormatError> {
        let find = |path: &Path| match around.root().map(|root| around.find_only(root, path)) {
            Some(Only::One(node)) => Ok(Some(around.text(node).trim())),
            Some(Only::Several) => Err(FormatError {
                code: "json.duplicate",
                cause: "what the extract declares of itself stands in it twice".to_owned(),
                place: "outside the records".to_owned(),
            }),
            Some(Only::Nothing) | None => Ok(None),
        };
        if let Some(text) = self.format.count.as_ref().map(find).transpose()?.flatten() {
            self.declared_count = text.parse().ok();
        }
        for (sum, declared) in self.format.sums.iter().zip(&mut self.declared_sums) {
            if let Some(text) = find(&sum.declared)? {
                *declared = Pence::parse(text, sum.declared_format).ok();
            }
        }
        Ok(())
    }

    fn totals(&self) -> Result<Vec<Total>, FormatError> {
        let mut totals = Vec::new();
        if self.format.count.is_some() {
            totals.push(Total {
                name: "records".to_owned(),
                declared: self.declared_count,
                counted: self.records as i64,
            });
        }
        for ((of, sum), declared) in
            self.format.sums.iter().zip(&self.sums).zip(&self.declared_sums)
        {
            totals.push(sum.total(of.name(), "record", *declared)?);
        }
        Ok(totals)
    }
}

impl JsonSum {
    /// What people call it.
    fn name(&self) -> &str {
        self.of.steps.last().map_or("the record", |step| step.name.as_str())
    }

    /// What one record adds; nothing where an amount cannot be read.
    fn amount(&self, record: &Document) -> Option<Pence> {
        let nodes = record.find_all(record.root()?, &self.of);
        nodes.into_iter().try_fold(Pence::ZERO, |sum, node| {
            sum.checked_add(amount(record.text(node), self.format)?)
        })
    }
}

/// The name of an object's first property, where it has no escape.
fn first_name(object: &[u8]) -> Option<&[u8]> {
    let rest = object.strip_prefix(b"{")?.trim_ascii_start().strip_prefix(b"\"")?;
    let end = memchr::memchr2(b'"', b'\\', rest).filter(|end| rest[*end] == b'"')?;
    Some(&rest[..end])
}

/// The value of an object's own property, by its brackets and quotes alone. `None` where it is not
/// there or a parser is needed to say.
fn property<'b>(object: &'b [u8], name: &[u8]) -> Option<&'b [u8]> {
    let mut rest = object.strip_prefix(b"{")?;
    loop {
        rest = rest.trim_ascii_start();
        let inside = rest.strip_prefix(b"\"")?;
        let end = memchr::memchr2(b'"', b'\\', inside).filter(|end| inside[*end] == b'"')?;
        let value = inside[end + 1..].trim_ascii_start().strip_prefix(b":")?.trim_ascii_start();
        let length = value_length(value)?;
        if inside[..end] == *name {
            return Some(&value[..length]);
        }
        rest = value[length..].trim_ascii_start().strip_prefix(b",")?;
    }
}

#[cfg(test)]
mod tests;
