//! CSV: rows cut out of a stream, and one row read into a `Document` by its header.
//!
//! A row's end is found by a strict scan of our own, since a lenient reader lets one unclosed quote
//! swallow the rest of a file in silence; its fields are then read by csv-core. Repeated column
//! groups (`p1_surname`, `p2_surname`) become lists, as the connector's definition says.

use std::cell::RefCell;
use std::io::Read;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};
use memchr::memchr3;

use super::{CutError, Format, FormatError, Raw, RecordSink, Total};
use crate::record::document::{Document, SpaceId};

const BUFFER: usize = 1 << 18;
const COLUMNS_MAX: usize = 10_000;

/// How a CSV extract is laid out.
#[derive(Debug, Clone)]
pub struct CsvFormat {
    pub delimiter: u8,
    /// The columns that together make the key.
    pub key: Vec<String>,
    /// List name and column pattern, e.g. `("persons", "p{n}_")`.
    pub groups: Vec<(String, String)>,
    pub trailer: Option<Trailer>,
    pub record_bytes_max: usize,
}

/// How the last row is known, and where it says how many rows there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trailer {
    /// What the first column says in the trailer.
    pub marker: String,
    /// Which column holds the count, from 1.
    pub count_column: usize,
}

/// A header line read once: which column goes where.
#[derive(Debug, Default)]
struct Header {
    line: String,
    columns: Vec<Column>,
    key: Vec<usize>,
    /// For each item of each list, its columns: list name, number, places.
    items: Vec<(String, String, Vec<usize>)>,
}

#[derive(Debug)]
struct Column {
    name: String,
    in_group: bool,
}

/// What is reused from row to row.
struct Scratch {
    reader: Reader,
    header: Header,
    text: Vec<u8>,
    ends: Vec<usize>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        reader: Reader::new(),
        header: Header::default(),
        text: vec![0; 1 << 14],
        ends: vec![0; 64],
    });
}

impl Format for CsvFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        let mut rows = Rows::new(self, input);
        let Some(line) = rows.next()? else {
            return Err(refuse("csv.header", "the file has no header row", 1).into());
        };
        let line = std::str::from_utf8(line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line))
            .map_err(|_| refuse("csv.encoding", "the header is not UTF-8", 1))?;
        let mut scratch = Scratch {
            reader: self.reader(),
            header: Header::default(),
            text: vec![0; 1 << 14],
            ends: vec![0; 64],
        };
        self.read_header(line, &mut scratch)?;
        let context = format!("{line}\n");
        let (mut counted, mut declared) = (0, None);
        while let Some(row) = rows.next()? {
            let raw = Raw { bytes: row, context: context.as_bytes(), context_at: 0 };
            let fields = scratch.fields(row);
            if let Some(trailer) = &self.trailer
                && fields > 0
                && scratch.field(0) == trailer.marker.as_bytes()
            {
                let count = (trailer.count_column <= fields)
                    .then(|| scratch.field(trailer.count_column - 1))
                    .and_then(|field| std::str::from_utf8(field).ok()?.trim().parse().ok());
                declared = Some(count);
                continue;
            }
            counted += 1;
            if declared.is_some() {
                let cause = "a row stands after the trailer";
                return Err(refuse("csv.trailer", cause, rows.number).into());
            }
            self.give(&scratch, fields, raw, sink)?;
        }
        let total = |declared| Total { name: "records".to_owned(), declared, counted };
        Ok(self.trailer.iter().map(|_| total(declared.flatten())).collect())
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        let (line, row) = record
            .split_once('\n')
            .ok_or_else(|| refuse("csv.width", "the row stands without its header", 1))?;
        SCRATCH.with_borrow_mut(|scratch| {
            if scratch.header.line != line {
                scratch.reader = self.reader();
                self.read_header(line, scratch)?;
            }
            let fields = scratch.fields(row.as_bytes());
            if fields != scratch.header.columns.len() {
                return Err(refuse("csv.width", width(fields, &scratch.header), 1));
            }
            scratch.fill(record, into);
            Ok(())
        })
    }

    fn share(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }
}

impl CsvFormat {
    fn reader(&self) -> Reader {
        ReaderBuilder::new().delimiter(self.delimiter).build()
    }

    fn give(
        &self,
        scratch: &Scratch,
        fields: usize,
        raw: Raw<'_>,
        sink: &mut dyn RecordSink,
    ) -> Result<(), CutError> {
        let header = &scratch.header;
        if fields != header.columns.len() {
            return Ok(sink.unreadable("csv.width", width(fields, header), raw)?);
        }
        let mut key = String::new();
        for (place, column) in header.key.iter().enumerate() {
            let Ok(part) = std::str::from_utf8(scratch.field(*column)) else {
                let cause = "the key's bytes are not UTF-8".to_owned();
                return Ok(sink.unreadable("csv.encoding", cause, raw)?);
            };
            if place > 0 {
                key.push('/');
            }
            key.push_str(part.trim());
        }
        Ok(sink.record(key.trim_matches('/'), raw)?)
    }

    fn read_header(&self, line: &str, scratch: &mut Scratch) -> Result<(), FormatError> {
        let fields = scratch.fields(line.as_bytes());
        if fields > COLUMNS_MAX {
            let cause = format!("the header has more than {COLUMNS_MAX} columns");
            return Err(refuse("csv.size", cause, 1));
        }
        let mut header = Header { line: line.to_owned(), ..Header::default() };
        for place in 0..fields {
            let name = String::from_utf8_lossy(scratch.field(place)).trim().to_owned();
            if header.columns.iter().any(|column| column.name == name) {
                return Err(refuse("csv.header", format!("the column `{name}` stands twice"), 1));
            }
            header.columns.push(Column { name, in_group: false });
        }
        self.group(&mut header);
        for wanted in &self.key {
            let place = header.columns.iter().position(|column| column.name == *wanted);
            header.key.push(place.ok_or_else(|| {
                refuse("csv.header", format!("the key column `{wanted}` is missing"), 1)
            })?);
        }
        scratch.header = header;
        Ok(())
    }

    /// Sorts columns like `p2_surname` into the items of their lists.
    fn group(&self, header: &mut Header) {
        for (list, pattern) in &self.groups {
            let Some((before, after)) = pattern.split_once("{n}") else { continue };
            let mut items: Vec<(u32, String, Vec<usize>)> = Vec::new();
            for (place, column) in header.columns.iter_mut().enumerate() {
                let Some(rest) = column.name.strip_prefix(before) else { continue };
                let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
                let (Ok(number), Some(name)) =
                    (rest[..digits].parse::<u32>(), rest[digits..].strip_prefix(after))
                else {
                    continue;
                };
                let name = name.to_owned();
                column.name = name;
                column.in_group = true;
                match items.iter_mut().find(|(known, ..)| *known == number) {
                    Some((.., places)) => places.push(place),
                    None => items.push((number, number.to_string(), vec![place])),
                }
            }
            items.sort_by_key(|(number, ..)| *number);
            let named = items.into_iter().map(|(_, number, places)| (list.clone(), number, places));
            header.items.extend(named);
        }
    }
}

impl Scratch {
    /// Reads a row's fields and gives how many there are.
    fn fields(&mut self, row: &[u8]) -> usize {
        self.reader.reset();
        let (mut read, mut written, mut ended) = (0, 0, 0);
        loop {
            let (result, took, wrote, ends) = self.reader.read_record(
                &row[read..],
                &mut self.text[written..],
                &mut self.ends[ended..],
            );
            read += took;
            written += wrote;
            ended += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record | ReadRecordResult::End => return ended,
            }
        }
    }

    fn field(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    fn fill(&self, record: &str, into: &mut Document) {
        into.begin(record);
        let _root = into.open("row", SpaceId::NONE);
        let text = |place| String::from_utf8_lossy(self.field(place));
        for (place, column) in self.header.columns.iter().enumerate() {
            if !column.in_group {
                into.leaf(&column.name, &text(place));
            }
        }
        for (list, number, places) in &self.header.items {
            if places.iter().all(|place| self.field(*place).trim_ascii().is_empty()) {
                continue;
            }
            let _item = into.open(list, SpaceId::NONE);
            into.attribute("n", SpaceId::NONE, number);
            for place in places {
                into.leaf(&self.header.columns[*place].name, &text(*place));
            }
            into.close();
        }
        into.close();
    }
}

/// Rows of a stream, without their line ends. Blank rows are passed over.
struct Rows<'r> {
    input: &'r mut dyn Read,
    delimiter: u8,
    most: usize,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    finished: bool,
    /// The row last given, from 1; the header is row 1.
    number: u64,
}

impl<'r> Rows<'r> {
    fn new(format: &CsvFormat, input: &'r mut dyn Read) -> Self {
        Rows {
            input,
            delimiter: format.delimiter,
            most: format.record_bytes_max,
            buffer: vec![0; BUFFER],
            at: 0,
            end: 0,
            finished: false,
            number: 0,
        }
    }

    fn next(&mut self) -> Result<Option<&[u8]>, CutError> {
        loop {
            match row_end(&self.buffer[self.at..self.end], self.delimiter, self.finished) {
                Found::Row { length, next } => {
                    let from = self.at;
                    self.at += next;
                    self.number += 1;
                    if length > self.most {
                        let cause = format!("the row is longer than {} bytes", self.most);
                        return Err(refuse("csv.size", cause, self.number).into());
                    }
                    if length > 0 {
                        return Ok(Some(&self.buffer[from..from + length]));
                    }
                }
                Found::BadQuote => {
                    let cause = "a quoted field goes on behind its closing quote";
                    return Err(refuse("csv.quote", cause, self.number + 1).into());
                }
                Found::More { .. } if self.finished && self.at == self.end => return Ok(None),
                Found::More { quoted } => {
                    if self.finished || self.end - self.at > self.most {
                        let (code, cause) = match quoted {
                            true => ("csv.quote", "a quote is opened and never closed"),
                            false => ("csv.size", "the row is too long"),
                        };
                        return Err(refuse(code, cause, self.number + 1).into());
                    }
                    self.fill()?;
                }
            }
        }
    }

    fn fill(&mut self) -> std::io::Result<()> {
        self.buffer.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        match self.input.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.finished = true,
            Ok(read) => self.end += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

enum Found {
    Row { length: usize, next: usize },
    More { quoted: bool },
    BadQuote,
}

/// Where the first row ends. A quote counts only where a field begins.
fn row_end(bytes: &[u8], delimiter: u8, finished: bool) -> Found {
    let mut at = 0;
    loop {
        let Some(found) = memchr3(b'"', b'\n', b'\r', &bytes[at..]).map(|found| at + found) else {
            return match finished && !bytes.is_empty() {
                true => Found::Row { length: bytes.len(), next: bytes.len() },
                false => Found::More { quoted: false },
            };
        };
        match bytes[found] {
            b'\n' => return Found::Row { length: found, next: found + 1 },
            b'\r' => match bytes.get(found + 1) {
                Some(b'\n') => return Found::Row { length: found, next: found + 2 },
                None if !finished => return Found::More { quoted: false },
                _ => return Found::Row { length: found, next: found + 1 },
            },
            _ if found == 0 || bytes[found - 1] == delimiter => {
                match close_quote(bytes, found, delimiter, finished) {
                    Ok(Some(next)) => at = next,
                    Ok(None) => return Found::More { quoted: true },
                    Err(()) => return Found::BadQuote,
                }
            }
            _ => at = found + 1,
        }
    }
}

/// Where a quoted field that opens at `open` ends.
fn close_quote(bytes: &[u8], open: usize, delimiter: u8, last: bool) -> Result<Option<usize>, ()> {
    let mut at = open + 1;
    loop {
        let Some(quote) = memchr::memchr(b'"', &bytes[at..]).map(|found| at + found) else {
            return Ok(None);
        };
        match bytes.get(quote + 1) {
            Some(b'"') => at = quote + 2,
            Some(next) if *next == delimiter || matches!(next, b'\r' | b'\n') => {
                return Ok(Some(quote + 1));
            }
            Some(_) => return Err(()),
            None if last => return Ok(Some(quote + 1)),
            None => return Ok(None),
        }
    }
}

fn width(fields: usize, header: &Header) -> String {
    format!("the row has {fields} fields and the header {}", header.columns.len())
}

fn refuse(code: &'static str, cause: impl Into<String>, row: u64) -> FormatError {
    FormatError { code, cause: cause.into(), place: format!("row {row}") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::format::Stopped;
    use crate::record::document::{Path, Step};

    #[derive(Default)]
    struct Kept(Vec<(String, String)>);

    impl RecordSink for Kept {
        fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
            let mut alone = Vec::new();
            raw.write_alone(&mut alone);
            self.0.push((key.to_owned(), String::from_utf8(alone).unwrap()));
            Ok(())
        }

        fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
            self.0.push((format!("!{code}"), String::new()));
            Ok(())
        }
    }

    fn format() -> CsvFormat {
        CsvFormat {
            delimiter: b',',
            key: vec!["ref".to_owned()],
            groups: vec![("persons".to_owned(), "p{n}_".to_owned())],
            trailer: Some(Trailer { marker: "TRAILER".to_owned(), count_column: 2 }),
            record_bytes_max: 4096,
        }
    }

    type Cut = Result<(Vec<(String, String)>, Vec<Total>), String>;

    fn cut(text: &str) -> Cut {
        let mut kept = Kept::default();
        match format().cut(&mut text.as_bytes(), &mut kept) {
            Ok(totals) => Ok((kept.0, totals)),
            Err(CutError::Format(fault)) => Err(format!("{} {}", fault.code, fault.place)),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn line_ends_marks_and_blank_lines_do_not_matter() {
        let rows = ["ref,a", "1,\"x, \"\"y\"\"\"", "2,z", "TRAILER,2"];
        let plain = cut(&rows.join("\n")).unwrap();
        assert_eq!(plain.0[0], ("1".into(), "ref,a\n1,\"x, \"\"y\"\"\"".into()));
        assert_eq!(plain.1, [Total { name: "records".into(), declared: Some(2), counted: 2 }]);
        for text in [rows.join("\r\n"), rows.join("\r"), rows.join("\n") + "\n\n\r\n"] {
            assert_eq!(cut(&text).unwrap(), plain, "{text:?}");
        }
        assert_eq!(cut(&format!("\u{feff}{}", rows.join("\n"))).unwrap(), plain);
    }

    #[test]
    fn a_quote_never_swallows_the_file() {
        let head = "ref,a\n1,x\n";
        assert_eq!(cut(&format!("{head}2,\"y\n3,z\n")).unwrap_err(), "csv.quote row 3");
        assert_eq!(cut(&format!("{head}2,\"y\n3,\"z\"\n")).unwrap_err(), "csv.quote row 3");
        assert_eq!(cut(&format!("{head}2,\"y\"z\n")).unwrap_err(), "csv.quote row 3");
        assert_eq!(cut(&format!("{head}2,5\" pipe\n")).unwrap().0[1].0, "2");
    }

    #[test]
    fn a_header_must_make_sense() {
        assert_eq!(cut("").unwrap_err(), "csv.header row 1");
        assert_eq!(cut("a,b\n1,2\n").unwrap_err(), "csv.header row 1");
        assert_eq!(cut("ref,a,a\n").unwrap_err(), "csv.header row 1");
    }

    #[test]
    fn a_row_of_another_width_is_held_alone() {
        let (records, totals) = cut("ref,a\n1,x\n2\n3,y,z\nTRAILER,3\n").unwrap();
        let keys: Vec<&str> = records.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["1", "!csv.width", "!csv.width"]);
        assert!(totals[0].agrees());
        assert_eq!(cut("ref,a\nTRAILER,0\n1,x\n").unwrap_err(), "csv.trailer row 3");
    }

    #[test]
    fn repeated_columns_become_a_list_without_its_empty_items() {
        let mut document = Document::default();
        let record = "ref,p1_name,p1_role,p2_name,p2_role,p3_name,p3_role\n7,Ann,A,,,\"B, C\",D";
        format().read(record, &mut document).unwrap();
        let root = document.root().unwrap();
        let step = |name: &str, attribute| Step::new(None, name.into(), attribute);
        let people = document.find_all(root, &Path { up: 0, steps: vec![step("persons", false)] });
        let said: Vec<(&str, &str)> = people
            .iter()
            .map(|person| {
                let text = |name, attribute| {
                    let path = Path { up: 0, steps: vec![step(name, attribute)] };
                    document.text(document.find(*person, &path).unwrap())
                };
                (text("n", true), text("name", false))
            })
            .collect();
        assert_eq!(said, [("1", "Ann"), ("3", "B, C")]);
    }
}
