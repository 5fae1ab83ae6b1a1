//! CSV: rows cut out of a stream, and one row read into a `Document` by its header.
//!
//! Repeated column groups (`p1_surname`, `p2_surname`) become lists, as the connector's definition
//! says. Columns are known by name; nothing is made of their order.

mod fields;
mod header;
mod rows;
mod settings;
pub mod trailer;

use std::cell::RefCell;
use std::io::Read;

use self::fields::Fields;
use self::header::{COLUMNS_MAX, Header};
use self::rows::{Found, Rows, row_end};
use self::trailer::{Tally, Trailer};
use super::encoding::{Encoding, not_text};
use super::{CutError, Format, FormatError, Raw, RecordSink, Total, by_name};
use crate::record::document::{Document, Path, SpaceId};

/// Where rows come from: a text in which they are found, or whatever writes them.
pub trait RowSource {
    /// The next row, without its line's end, and its number; `None` behind the last. None is blank.
    fn next(&mut self) -> Result<Option<(&[u8], u64)>, CutError>;
}

/// How a CSV extract is laid out. Names of columns count whatever their case.
#[derive(Debug, Clone)]
pub struct CsvFormat {
    pub delimiter: u8,
    /// The columns that together make the key.
    pub key: Vec<String>,
    /// Columns without which the extract is refused, beside those of key, groups and totals.
    pub required: Vec<String>,
    /// List name and column pattern, e.g. `("persons", "p{n}_")`.
    pub groups: Vec<(String, String)>,
    pub trailer: Option<Trailer>,
    /// The header row of a file that has none, as the definition gives it.
    pub header: Option<String>,
    /// What their text is said to be written in.
    pub said: Encoding,
    pub record_bytes_max: usize,
}

impl CsvFormat {
    /// How many columns the definition names; none where a header row names them.
    pub fn columns_said(&self) -> Option<usize> {
        let mut fields = Fields::new(self.delimiter);
        self.header.as_ref().map(|line| {
            fields.read(line.as_bytes());
            fields.count()
        })
    }

    /// Cuts rows into records, wherever the rows come from.
    pub fn cut_rows(
        &self,
        rows: &mut dyn RowSource,
        sink: &mut dyn RecordSink,
    ) -> Result<Vec<Total>, CutError> {
        let line = match &self.header {
            Some(line) => line.clone(),
            None => header_row(rows, self.said)?,
        };
        let context = format!("{line}\n");
        let mut fields = Fields::new(self.delimiter);
        let header = Header::read(&line, self, &mut fields)?;
        header.check(self)?;
        let key: Vec<usize> = self.key.iter().filter_map(|name| header.place(name)).collect();
        let mut tally =
            self.trailer.as_ref().map(|trailer| Tally::new(trailer, &header, self.said));
        let mut begun = self.header.is_none();
        while let Some((row, number)) = rows.next()? {
            let row = if begun { row } else { without_mark(row) };
            begun = true;
            fields.read(row);
            if fields.count() > COLUMNS_MAX {
                let cause = format!("the row has more than {COLUMNS_MAX} columns");
                return Err(refuse("csv.size", cause, number).into());
            }
            if let Some(tally) = &mut tally
                && tally.take(&fields, &header, number)?
            {
                continue;
            }
            let raw = Raw { bytes: row, context: context.as_bytes(), context_at: 0 };
            give(&fields, &header, (&key, self.said), raw, sink)?;
        }
        if !begun {
            return Err(refuse("csv.header", "the file has no rows", 1).into());
        }
        Ok(tally.map(Tally::totals).transpose()?.unwrap_or_default())
    }
}

impl Format for CsvFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        self.cut_rows(&mut Rows::new(input, self.delimiter, self.record_bytes_max), sink)
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["csv", "text/plain"]
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        // A row that was cut out stands with its header; one that a person wrote may not.
        if let Some(line) = self.header.as_ref().filter(|line| !record.starts_with(line.as_str())) {
            return self.read(&format!("{line}\n{record}"), into);
        }
        let alone = || refuse("csv.width", "the row stands without its header", 1);
        // A name in the header may be quoted, and go over several lines.
        let Found::Row { length, next } = row_end(record.as_bytes(), self.delimiter, true) else {
            return Err(alone());
        };
        let (line, row) = (&record[..length], &record[next..]);
        if next == length {
            return Err(alone());
        }
        LAST.with_borrow_mut(|last| {
            if !last.as_ref().is_some_and(|last| last.is_for(line, self)) {
                *last = Some(Last::new(line, self)?);
            }
            let Some(Last { header, fields, .. }) = last else { return Err(alone()) };
            fields.read(row.as_bytes());
            if fields.count() != header.columns.len() {
                return Err(refuse("csv.width", width(fields, header), 1));
            }
            fill(header, fields, record, into);
            Ok(())
        })
    }

    fn key(&self) -> Vec<Path> {
        self.key.iter().map(|name| by_name(name)).collect()
    }

    fn said(&self) -> Encoding {
        self.said
    }

    fn encoding_code(&self) -> &'static str {
        "csv.encoding"
    }
}

fn header_row(rows: &mut dyn RowSource, said: Encoding) -> Result<String, CutError> {
    let Some((line, number)) = rows.next()? else {
        return Err(refuse("csv.header", "the file has no header row", 1).into());
    };
    let line = without_mark(line);
    let line = std::str::from_utf8(line)
        .map_err(|_| refuse("csv.encoding", not_text(said, line), number))?;
    Ok(line.to_owned())
}

/// The first row without a byte order mark.
fn without_mark(row: &[u8]) -> &[u8] {
    row.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(row)
}

/// The header that was read last: a thousand rows in a row have the same one.
struct Last {
    line: String,
    delimiter: u8,
    groups: Vec<(String, String)>,
    header: Header,
    fields: Fields,
}

thread_local! {
    static LAST: RefCell<Option<Last>> = const { RefCell::new(None) };
}

impl Last {
    fn new(line: &str, format: &CsvFormat) -> Result<Last, FormatError> {
        let mut fields = Fields::new(format.delimiter);
        let header = Header::read(line, format, &mut fields)?;
        let (delimiter, groups) = (format.delimiter, format.groups.clone());
        Ok(Last { line: line.to_owned(), delimiter, groups, header, fields })
    }

    fn is_for(&self, line: &str, format: &CsvFormat) -> bool {
        self.line == line && self.delimiter == format.delimiter && self.groups == format.groups
    }
}

fn give(
    fields: &Fields,
    header: &Header,
    (key_places, said): (&[usize], Encoding),
    raw: Raw<'_>,
    sink: &mut dyn RecordSink,
) -> Result<(), CutError> {
    if fields.count() != header.columns.len() {
        return Ok(sink.unreadable("csv.width", width(fields, header), raw)?);
    }
    let mut key = String::new();
    for (place, column) in key_places.iter().enumerate() {
        let Some(part) = fields.text(*column) else {
            return Ok(sink.unreadable("csv.encoding", not_text(said, raw.bytes), raw)?);
        };
        if place > 0 {
            key.push('/');
        }
        key.push_str(part);
    }
    Ok(sink.record(key.trim_matches('/'), raw)?)
}

fn fill(header: &Header, fields: &Fields, record: &str, into: &mut Document) {
    into.begin(record);
    into.is_a_row();
    // One element in another is not too deep.
    let _root = into.open("row", SpaceId::NONE);
    let text = |place| String::from_utf8_lossy(fields.get(place));
    for (place, column) in header.columns.iter().enumerate() {
        if !column.in_group && !column.name.is_empty() {
            into.leaf(&column.name, &text(place));
        }
    }
    for item in &header.items {
        if item.places.iter().all(|place| fields.get(*place).trim_ascii().is_empty()) {
            continue;
        }
        let _item = into.open(&item.list, SpaceId::NONE);
        into.attribute("n", SpaceId::NONE, &item.number);
        for place in &item.places {
            into.leaf(&header.columns[*place].name, &text(*place));
        }
        into.close();
    }
    into.close();
}

fn width(fields: &Fields, header: &Header) -> String {
    format!("the row has {} fields and the header {}", fields.count(), header.columns.len())
}

fn refuse(code: &'static str, cause: impl Into<String>, row: u64) -> FormatError {
    FormatError { code, cause: cause.into(), place: format!("row {row}") }
}

#[cfg(test)]
mod tests;
