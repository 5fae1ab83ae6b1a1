//! Rows of a stream, found by a strict scan: a lenient reader lets one unclosed quote swallow the rest
//! of a file in silence. What is inside a row is not looked at here.

use std::io::Read;

use memchr::{memchr, memchr3};

use super::{RowSource, refuse};
use crate::connector::format::CutError;

const BUFFER: usize = 1 << 18;

/// Rows without their line ends, whichever those are. Blank rows are passed over.
pub struct Rows<'r> {
    input: &'r mut dyn Read,
    delimiter: u8,
    most: usize,
    buffer: Vec<u8>,
    at: usize,
    end: usize,
    finished: bool,
    /// Rows so far; the header is row 1.
    number: u64,
}

impl<'r> Rows<'r> {
    /// The rows of `input`, none longer than `most` bytes.
    pub fn new(input: &'r mut dyn Read, delimiter: u8, most: usize) -> Self {
        Rows {
            input,
            delimiter,
            most,
            buffer: vec![0; BUFFER],
            at: 0,
            end: 0,
            finished: false,
            number: 0,
        }
    }
}

impl RowSource for Rows<'_> {
    fn next(&mut self) -> Result<Option<(&[u8], u64)>, CutError> {
        loop {
            // So much shows how a row ends that is as long as it may be. More is not looked at, so that it
            // does not matter how much was read.
            let seen = (self.end - self.at).min(self.most + 2);
            let last = self.finished && self.at + seen == self.end;
            let full = seen == self.most + 2;
            match row_end(&self.buffer[self.at..self.at + seen], self.delimiter, last) {
                Found::Row { length, next } => {
                    let from = self.at;
                    self.at += next;
                    self.number += 1;
                    if length > self.most {
                        return Err(self.too_long(self.number));
                    }
                    let row = &self.buffer[from..from + length];
                    if memchr(0, row).is_some() {
                        return Err(refuse("csv.char", nul(row), self.number).into());
                    }
                    if !self.is_blank(from, length) {
                        return Ok(Some((&self.buffer[from..from + length], self.number)));
                    }
                }
                Found::BadQuote => {
                    let cause = "a quoted field goes on behind its closing quote";
                    return Err(refuse("csv.quote", cause, self.number + 1).into());
                }
                Found::More { .. } if last && seen == 0 => return Ok(None),
                Found::More { quoted: Some(resume) } if last || full => {
                    return Err(self.unclosed(resume));
                }
                Found::More { quoted: None } if full => {
                    return Err(self.too_long(self.number + 1));
                }
                Found::More { .. } => self.fill()?,
            }
        }
    }
}

impl Rows<'_> {
    /// Blanks alone are no row. A tab between fields is no blank.
    fn is_blank(&self, from: usize, length: usize) -> bool {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t') && *byte != self.delimiter;
        self.buffer[from..from + length].iter().all(blank)
    }

    /// Drops what was given and reads at least as much again as was kept, so that a long row is looked
    /// through a few times and not once for every small read.
    fn fill(&mut self) -> std::io::Result<()> {
        self.buffer.copy_within(self.at..self.end, 0);
        self.end -= self.at;
        self.at = 0;
        if self.end == self.buffer.len() {
            let most = (self.most + BUFFER).max(self.end + BUFFER);
            self.buffer.resize((self.buffer.len() * 2).min(most), 0);
        }
        let kept = self.end;
        while !self.finished && self.end < self.buffer.len() && self.end < (kept * 2).max(1) {
            match self.input.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.finished = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn too_long(&self, row: u64) -> CutError {
        let cause = format!("the row is longer than {} bytes", self.most);
        refuse("csv.size", cause, row).into()
    }

    /// A quoted field that goes on and on: too long if it is closed somewhere; else the quote is wrong.
    /// What is looked through is not kept.
    fn unclosed(&mut self, resume: usize) -> CutError {
        let row = self.number + 1;
        self.at += resume;
        loop {
            let rest = &self.buffer[self.at..self.end];
            match close_quote(rest, 0, self.delimiter, self.finished) {
                Quote::Closed(_) => return self.too_long(row),
                Quote::Bad => break,
                Quote::Open(_) if self.finished => break,
                Quote::Open(resume) => {
                    self.at += resume;
                    if let Err(error) = self.fill() {
                        return error.into();
                    }
                }
            }
        }
        refuse("csv.quote", "a quote is opened and never closed", row).into()
    }
}

/// Where a row ends, or why that cannot be said.
pub enum Found {
    Row {
        length: usize,
        /// Where the next row begins.
        next: usize,
    },
    /// More is needed; where a quoted field is open, from where to look for its end.
    More {
        quoted: Option<usize>,
    },
    BadQuote,
}

/// Where the first row ends. A quote counts only where a field begins.
pub fn row_end(bytes: &[u8], delimiter: u8, finished: bool) -> Found {
    let mut at = 0;
    loop {
        let Some(found) = memchr3(b'"', b'\n', b'\r', &bytes[at..]).map(|found| at + found) else {
            return match finished && !bytes.is_empty() {
                true => Found::Row { length: bytes.len(), next: bytes.len() },
                false => Found::More { quoted: None },
            };
        };
        match bytes[found] {
            b'\n' => return Found::Row { length: found, next: found + 1 },
            b'\r' => match bytes.get(found + 1) {
                Some(b'\n') => return Found::Row { length: found, next: found + 2 },
                None if !finished => return Found::More { quoted: None },
                _ => return Found::Row { length: found, next: found + 1 },
            },
            _ if found == 0 || bytes[found - 1] == delimiter => {
                match close_quote(bytes, found + 1, delimiter, finished) {
                    Quote::Closed(next) => at = next,
                    Quote::Open(resume) => return Found::More { quoted: Some(resume) },
                    Quote::Bad => return Found::BadQuote,
                }
            }
            _ => at = found + 1,
        }
    }
}

enum Quote {
    /// Closed; the field ends here.
    Closed(usize),
    /// Not closed so far; look on from here.
    Open(usize),
    Bad,
}

/// Where a quoted field ends, whose text goes on at `from`.
fn close_quote(bytes: &[u8], from: usize, delimiter: u8, last: bool) -> Quote {
    let mut at = from;
    loop {
        let Some(quote) = memchr(b'"', &bytes[at..]).map(|found| at + found) else {
            return Quote::Open(bytes.len());
        };
        match bytes.get(quote + 1) {
            Some(b'"') => at = quote + 2,
            Some(next) if *next == delimiter || matches!(next, b'\r' | b'\n') => {
                return Quote::Closed(quote + 1);
            }
            Some(_) => return Quote::Bad,
            None if last => return Quote::Closed(quote + 1),
            None => return Quote::Open(quote),
        }
    }
}

fn nul(row: &[u8]) -> &'static str {
    let zeros = row.iter().filter(|byte| **byte == 0).count();
    match zeros > row.len() / 3 {
        true => "every other byte is zero: is it UTF-16? Then write `encoding = \"utf-16\"`",
        false => "the row holds a zero byte, which is no text",
    }
}
