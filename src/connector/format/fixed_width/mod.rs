//! Fixed width: lines whose values stand in columns, one or several of them a record.
//!
//! A line is known by the columns that hold its type. One type begins a record; details follow it
//! and are items of its lists; a header and a trailer stand around them all. What is on the columns
//! between fields is nobody's, and is not looked at.

mod cut;
pub mod lines;
mod settings;

use std::io::Read;

use self::cut::Cutter;
use self::lines::{ANY, Columns, Cut, LineType, Place, Role};
use super::encoding::Encoding;
use super::{CutError, Format, FormatError, RecordSink, Total, by_name};
use crate::record::document::{Document, NODES_MAX, Path, SpaceId};
use crate::record::value::pence::PenceFormat;

/// How a fixed-width extract is laid out.
#[derive(Debug, Clone)]
pub struct FixedWidthFormat {
    pub columns: Columns,
    /// How many columns every line has; `None` where only its fields must be there.
    pub line_length: Option<usize>,
    /// Blanks at a line's end may have been dropped.
    pub padded: bool,
    /// Which columns hold the line's type; `None` where every line is a record.
    pub line_type: Option<Place>,
    /// The types of line; just one begins a record.
    pub lines: Vec<LineType>,
    /// The fields of the record's own line that together make its key.
    pub key: Vec<String>,
    pub count: Option<Count>,
    pub sums: Vec<FixedWidthSum>,
    /// What their text is said to be written in.
    pub said: Encoding,
    pub record_bytes_max: usize,
}

/// A number that the extract declares of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    pub declared: Declared,
    /// Every line is counted, header and trailer among them, and not the records.
    pub lines: bool,
}

/// A field on the header or the trailer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Declared {
    /// The type of that line.
    pub line: String,
    pub place: Place,
}

/// An amount that the extract declares of its records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FixedWidthSum {
    pub declared: Declared,
    /// The field that is added up, and where it stands on the record's own line.
    pub of: String,
    pub place: Place,
    pub format: PenceFormat,
    /// How the declared sum is written.
    pub declared_format: PenceFormat,
}

impl Format for FixedWidthFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        Cutter::new(self).cut(input, sink)
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["text/plain"]
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        into.begin(record);
        into.repeats_as("fixed.duplicate");
        // One element in another is not too deep.
        let _root = into.open("record", SpaceId::NONE);
        for (number, line) in (1..).zip(record.split(['\n', '\r'])) {
            if line.trim().is_empty() {
                continue;
            }
            // Whether it is as wide as it should be was looked at when it was cut; by itself, in a
            // test case, it may have lost the blanks at its end.
            let line = self.typed(line, number)?;
            self.fill(&line, into).ok_or_else(|| self.halved(number))?;
            if into.is_full() {
                let cause = format!("the record holds more than {NODES_MAX} values");
                return Err(refuse("fixed.size", cause, number));
            }
        }
        into.close();
        Ok(())
    }

    fn sound(&self, record: &str) -> Result<(), FormatError> {
        Cutter::new(self).sound(record)
    }

    fn parts(&self) -> Vec<&str> {
        let details = self.lines.iter().filter(|line| line.role == Role::Detail);
        details.map(|line| line.mark.as_str()).collect()
    }

    fn parts_in(&self, record: &str) -> Vec<&str> {
        let lines = record.split(['\n', '\r']).filter(|line| !line.trim().is_empty());
        let kinds = lines.filter_map(|line| self.kind_of(&Cut::new(line, self.columns)));
        kinds.map(|kind| kind.mark.as_str()).collect()
    }

    fn key(&self) -> Vec<Path> {
        self.key.iter().map(|name| by_name(name)).collect()
    }

    fn values_touch(&self) -> bool {
        true
    }

    fn said(&self) -> Encoding {
        self.said
    }

    fn encoding_code(&self) -> &'static str {
        "fixed.encoding"
    }
}

/// A line, and what it is.
struct Typed<'l, 'f> {
    line: Cut<'l>,
    kind: &'f LineType,
}

impl FixedWidthFormat {
    /// The type of line that begins a record.
    fn record_line(&self) -> Option<&LineType> {
        self.lines.iter().find(|line| line.role == Role::Record)
    }

    fn has(&self, role: Role) -> bool {
        self.lines.iter().any(|line| line.role == role)
    }

    /// What a line is by its type, whether or not it is as it should be.
    fn kind_of(&self, line: &Cut<'_>) -> Option<&LineType> {
        let Some(place) = self.line_type else { return self.record_line() };
        let mark = line.get(place)?;
        let named = |name: &str| self.lines.iter().find(|line| line.mark == name);
        named(mark).filter(|_| mark != ANY).or_else(|| named(ANY))
    }

    /// What a line is whose bytes are no text: its type can be known where what stands before it
    /// is.
    fn kind_of_bytes(&self, bytes: &[u8]) -> Option<&LineType> {
        let sound = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default(),
        };
        let line = Cut::new(sound, self.columns);
        match self.line_type {
            Some(place) if line.columns() < place.to => None,
            _ => self.kind_of(&line),
        }
    }

    /// A line of a known type.
    fn typed<'l>(&self, text: &'l str, number: u64) -> Result<Typed<'l, '_>, FormatError> {
        let line = Cut::new(text, self.columns);
        match self.kind_of(&line) {
            Some(kind) => Ok(Typed { line, kind }),
            None => {
                let cause = "the line is of no type that `lines` names";
                Err(refuse("fixed.type", cause.to_owned(), number))
            }
        }
    }

    /// A line of a known type and of the right width.
    fn line<'l>(&self, text: &'l str, number: u64) -> Result<Typed<'l, '_>, FormatError> {
        let Typed { line, kind } = self.typed(text, number)?;
        let (found, wanted) = (line.columns(), kind.columns());
        let unlike = match self.line_length {
            Some(length) if found > length || (found < length && !self.padded) => Some(length),
            None if found < wanted && !self.padded => Some(wanted),
            _ => None,
        };
        match unlike {
            Some(wanted) => {
                let at_least = if self.line_length.is_some() { "" } else { "at least " };
                let cause = format!("the line has {found} columns, not {at_least}{wanted}");
                Err(refuse("fixed.width", cause, number))
            }
            None => Ok(Typed { line, kind }),
        }
    }

    /// Adds what a line says. `None` where its columns cut a character in two.
    fn fill(&self, typed: &Typed<'_, '_>, into: &mut Document) -> Option<()> {
        let Some(list) = &typed.kind.list else {
            for field in &typed.kind.fields {
                leaf(&field.name, field.place, &typed.line, into)?;
            }
            return Some(());
        };
        let columns = typed.line.columns();
        // Behind the line's end every item is blank, however many there would be room for.
        let items = typed.kind.items().take_while(|item| item.begins() <= columns);
        for (number, item) in (1..).zip(items) {
            let blank = |(_, place)| typed.line.get(place).is_some_and(str::is_empty);
            if typed.kind.repeat.is_some() && item.fields().all(blank) {
                continue;
            }
            let _item = into.open(list, SpaceId::NONE);
            if typed.kind.repeat.is_some() {
                into.attribute("n", SpaceId::NONE, &number.to_string());
            }
            for (name, place) in item.fields() {
                leaf(name, place, &typed.line, into)?;
            }
            into.close();
        }
        Some(())
    }

    fn halved(&self, number: u64) -> FormatError {
        let cause =
            "a field's columns cut a character in two: is `columns = \"characters\"` meant?";
        refuse("fixed.width", cause.to_owned(), number)
    }
}

/// Adds what a line says in these columns.
fn leaf(name: &str, place: Place, line: &Cut<'_>, into: &mut Document) -> Option<()> {
    let text = line.get(place)?;
    match line.fills(place, text) {
        true => into.full_leaf(name, text),
        false => into.leaf(name, text),
    }
    Some(())
}

fn refuse(code: &'static str, cause: String, line: u64) -> FormatError {
    FormatError { code, cause, place: format!("line {line}") }
}

#[cfg(test)]
mod tests;
