//! The rows of one sheet, each written as a row of CSV as it goes by. What a sheet says of its own size is not
//! looked at, and a row that is not there costs nothing, whatever its number.

use std::io::Read;

use super::held::{Fault, fault_of};
use super::strings::{Strings, rich_text, unescape};
use super::styles::Shown;
use super::value::{self, Epoch};
use super::walk::{Piece, Walk, attributes};
use super::{damaged, refuse};
use crate::connector::format::csv::RowSource;
use crate::connector::format::{CutError, FormatError};

/// The last row and the last column that a sheet can have (ECMA-376; XFD).
const ROWS_MAX: u64 = 1_048_576;
const COLUMNS_MAX: u32 = 16_384;
/// The longest text that stands for an error: `#GETTING_DATA`.
const ERROR_MAX: usize = 20;

/// What cells lean on.
pub struct Around<'w> {
    pub strings: &'w Strings,
    pub styles: &'w [Shown],
    pub epoch: Epoch,
}

/// What is asked of the rows.
#[derive(Debug, Clone, Copy)]
pub struct Wanted {
    /// The row with the names of the columns; without it the first that holds anything.
    pub header_row: Option<u64>,
    /// The names are said elsewhere, and there are so many.
    pub columns: Option<usize>,
    pub record_bytes_max: usize,
    /// All rows together may come to so much, bytes: one text may stand in very many cells.
    pub bytes_max: u64,
}

pub struct CellRows<'w, R: Read> {
    walk: Walk<R>,
    around: Around<'w>,
    wanted: Wanted,
    /// How many columns every row has; none before the header.
    width: Option<usize>,
    number: u64,
    /// The cells of the row that hold anything, and their texts end to end.
    cells: Vec<Cell>,
    texts: String,
    line: String,
    value: String,
    given: u64,
    is_ended: bool,
}

struct Cell {
    /// From 0.
    column: u32,
    from: usize,
    to: usize,
}

impl<'w, R: Read> CellRows<'w, R> {
    /// The rows of the sheet that `walk` goes through.
    pub fn new(mut walk: Walk<R>, around: Around<'w>, wanted: Wanted) -> Result<Self, CutError> {
        loop {
            match walk.next()? {
                Piece::Open(tag) if tag.local_name().as_ref() == "sheetData" => break,
                Piece::End => return Err(damaged(walk.part(), "there are no rows in it")),
                _ => {}
            }
        }
        Ok(CellRows {
            walk,
            around,
            wanted,
            width: wanted.columns,
            number: 0,
            cells: Vec::new(),
            texts: String::new(),
            line: String::new(),
            value: String::new(),
            given: 0,
            is_ended: false,
        })
    }

    /// Reads the next row that there is, into its cells. False behind the last.
    fn read_row(&mut self) -> Result<bool, CutError> {
        let mut said = None;
        loop {
            match self.walk.next()? {
                Piece::Open(tag) if tag.local_name().as_ref() == "row" => {
                    attributes(&tag, "the sheet", |name, value| {
                        if name == "r" {
                            said = Some(value.parse::<u64>().unwrap_or_default());
                        }
                    })?;
                    break;
                }
                Piece::Open(_) => self.walk.skip()?,
                Piece::Close(_) | Piece::End => {
                    self.walk.drain()?;
                    return Ok(false);
                }
                _ => {}
            }
        }
        let number = said.unwrap_or(self.number + 1);
        if number <= self.number || number > ROWS_MAX {
            let cause = format!("behind row {} stands one that cannot stand there", self.number);
            return Err(damaged(self.walk.part(), cause));
        }
        self.number = number;
        self.cells.clear();
        self.texts.clear();
        self.read_cells()?;
        Ok(true)
    }

    fn read_cells(&mut self) -> Result<(), CutError> {
        let mut next = 0;
        loop {
            let cell = match self.walk.next()? {
                Piece::Open(tag) if tag.local_name().as_ref() == "c" => About::of(&tag)?,
                Piece::Open(_) => {
                    self.walk.skip()?;
                    continue;
                }
                Piece::Close(_) | Piece::End => return Ok(()),
                _ => continue,
            };
            let column = match &cell.name {
                None => next,
                Some(name) => match place(name) {
                    Some((column, row)) if column >= next && row == self.number => column,
                    _ => return Err(self.broken("a cell stands where it cannot")),
                },
            };
            if column >= COLUMNS_MAX {
                return Err(self.broken("it has more columns than a sheet can have"));
            }
            next = column + 1;
            self.read_cell(&cell, column)?;
        }
    }

    /// Adds a cell's text to those of the row, where it has any.
    fn read_cell(&mut self, cell: &About, column: u32) -> Result<(), CutError> {
        let from = self.texts.len();
        let (mut is_formula, mut has_value) = (false, false);
        self.value.clear();
        loop {
            match self.walk.next()? {
                Piece::Open(tag) => match tag.local_name().as_ref() {
                    "v" => {
                        has_value = true;
                        self.walk.text(&mut self.value)?;
                    }
                    "is" => {
                        has_value = true;
                        rich_text(&mut self.walk, &mut self.value)?;
                    }
                    "f" => {
                        is_formula = true;
                        self.walk.skip()?;
                    }
                    _ => self.walk.skip()?,
                },
                Piece::Close(_) => break,
                _ => {}
            }
        }
        // A formula that gives a text may give an empty one.
        let is_missing = match cell.kind {
            Kind::Formula => !has_value,
            _ => self.value.is_empty(),
        };
        let done = match is_missing {
            true if is_formula => Err(Fault::Formula),
            true => Ok(()),
            false => self.take_value(cell)?,
        };
        if let Err(fault) = done {
            let value: String = match fault {
                Fault::Error => error_of(&self.value),
                Fault::Digits => self.value.clone(),
                Fault::Formula | Fault::Date => String::new(),
            };
            self.texts.truncate(from);
            self.texts.push_str(&fault.stands_for(&name_of(column, self.number), &value));
        }
        let to = self.texts.len();
        if to > self.wanted.record_bytes_max {
            return Err(self.too_long());
        }
        if to > from {
            self.cells.push(Cell { column, from, to });
        }
        Ok(())
    }

    /// Adds what the value of a cell comes to; a fault where it comes to nothing that is told.
    fn take_value(&mut self, cell: &About) -> Result<Result<(), Fault>, CutError> {
        match cell.kind {
            Kind::Shared => {
                let text = self.value.trim().parse().ok();
                match text.and_then(|number| self.around.strings.get(number)) {
                    Some(text) => self.texts.push_str(text),
                    None => return Err(self.broken("a cell names a text that is not there")),
                }
            }
            Kind::Formula => {
                unescape(&mut self.value, 0);
                self.texts.push_str(&self.value);
            }
            Kind::Text => self.texts.push_str(&self.value),
            Kind::Flag => match self.value.trim() {
                "1" | "true" => self.texts.push_str("TRUE"),
                "0" | "false" => self.texts.push_str("FALSE"),
                _ => return Err(self.broken("a cell that is true or false is neither")),
            },
            Kind::Error => return Ok(Err(Fault::Error)),
            Kind::Number => {
                let Some(number) = value::parse(self.value.trim()) else {
                    return Err(self.broken("a cell that is a number is none"));
                };
                let shown = self.around.styles.get(cell.style).copied().unwrap_or_default();
                return Ok(value::print(number, shown, self.around.epoch, &mut self.texts));
            }
        }
        Ok(Ok(()))
    }

    /// Takes the row as the header: its names, which spreadsheets break over lines, are one line each.
    fn take_header(&mut self) -> Result<(), CutError> {
        if let Some(row) = self.wanted.header_row.filter(|row| *row != self.number) {
            let cause = format!("row {row}, where the header should stand, is empty");
            return Err(refuse("csv.header", cause, row).into());
        }
        let mut names = String::new();
        for cell in &mut self.cells {
            let name = &self.texts[cell.from..cell.to];
            if let Some((code, cause)) = fault_of(name) {
                return Err(refuse(code, cause, self.number).into());
            }
            cell.from = names.len();
            for (place, word) in name.split_whitespace().enumerate() {
                if place > 0 {
                    names.push(' ');
                }
                names.push_str(word);
            }
            cell.to = names.len();
        }
        self.texts = names;
        self.width = Some(self.filled());
        Ok(())
    }

    /// How far the row goes: to its last cell with more than blanks in it.
    fn filled(&self) -> usize {
        let last = self.cells.iter().rev().find(|cell| !self.text(cell).trim().is_empty());
        last.map_or(0, |cell| cell.column as usize + 1)
    }

    fn text(&self, cell: &Cell) -> &str {
        &self.texts[cell.from..cell.to]
    }

    /// Writes the row with as many fields as it must have, or has.
    fn write(&mut self) -> Result<(), CutError> {
        let fields = self.filled().max(self.width.unwrap_or_default());
        let mut line = std::mem::take(&mut self.line);
        line.clear();
        let mut cells = self.cells.iter().peekable();
        for column in 0..fields {
            if column > 0 {
                line.push(',');
            }
            if let Some(cell) = cells.next_if(|cell| cell.column as usize == column) {
                quote(self.text(cell), &mut line);
            }
        }
        self.line = line;
        if self.line.len() > self.wanted.record_bytes_max {
            return Err(self.too_long());
        }
        self.given += self.line.len() as u64;
        if self.given > self.wanted.bytes_max {
            let cause = format!("the rows come to more than {} bytes", self.wanted.bytes_max);
            return Err(refuse("archive.limit", cause, self.number).into());
        }
        Ok(())
    }

    fn too_long(&self) -> CutError {
        let cause = format!("the row is longer than {} bytes", self.wanted.record_bytes_max);
        refuse("csv.size", cause, self.number).into()
    }

    fn broken(&self, cause: &str) -> CutError {
        let place = format!("row {} of the sheet", self.number);
        FormatError {
            code: "sheet.damaged",
            cause: format!("the workbook is damaged: {cause}"),
            place,
        }
        .into()
    }
}

impl<R: Read> RowSource for CellRows<'_, R> {
    /// Numbered as the sheet numbers it. A row without a value is passed over.
    fn next(&mut self) -> Result<Option<(&[u8], u64)>, CutError> {
        while !self.is_ended {
            if !self.read_row()? {
                self.is_ended = true;
                break;
            }
            let is_above = self.wanted.header_row.is_some_and(|first| self.number < first);
            if is_above || self.filled() == 0 {
                continue;
            }
            if self.width.is_none() {
                self.take_header()?;
            }
            self.write()?;
            return Ok(Some((self.line.as_bytes(), self.number)));
        }
        Ok(None)
    }
}

/// What a cell says of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Number,
    /// The number of a text that stands elsewhere.
    Shared,
    /// A text in the cell itself.
    Text,
    /// The text that a formula gives.
    Formula,
    Flag,
    Error,
}

struct About {
    name: Option<String>,
    style: usize,
    kind: Kind,
}

impl About {
    fn of(tag: &quick_xml::events::BytesStart<'_>) -> Result<About, CutError> {
        let mut about = About { name: None, style: 0, kind: Kind::Number };
        let mut is_known = true;
        attributes(tag, "the sheet", |name, value| match name {
            "r" => about.name = Some(value.to_owned()),
            "s" => about.style = value.parse().unwrap_or(usize::MAX),
            "t" => {
                let kind = match value {
                    "n" => Some(Kind::Number),
                    "s" => Some(Kind::Shared),
                    // A day as ISO 8601 has it stands as it is told.
                    "inlineStr" | "d" => Some(Kind::Text),
                    "str" => Some(Kind::Formula),
                    "b" => Some(Kind::Flag),
                    "e" => Some(Kind::Error),
                    _ => None,
                };
                is_known = kind.is_some();
                about.kind = kind.unwrap_or(Kind::Number);
            }
            _ => {}
        })?;
        match is_known {
            true => Ok(about),
            false => Err(damaged("the sheet", "a cell is of a kind that nobody knows")),
        }
    }
}

/// Column, from 0, and row, from 1, of a cell by its name: `C7`.
fn place(name: &str) -> Option<(u32, u64)> {
    let letters = name.bytes().take_while(u8::is_ascii_uppercase).count();
    if !(1..=3).contains(&letters) {
        return None;
    }
    let of_letter = |all, letter| all * 26 + u32::from(letter - b'A') + 1;
    let column = name.bytes().take(letters).fold(0, of_letter);
    let digits = &name[letters..];
    let row = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok());
    Some((column - 1, row.flatten()?))
}

/// What a cell is called.
fn name_of(column: u32, row: u64) -> String {
    let (mut letters, mut rest) = (Vec::new(), column + 1);
    while rest > 0 {
        let letter = (rest - 1) % 26;
        letters.push(char::from(b'A' + letter as u8));
        rest = (rest - 1) / 26;
    }
    letters.iter().rev().chain(&row.to_string().chars().collect::<Vec<_>>()).collect()
}

/// The text that stands for an error, of which there are a few.
fn error_of(value: &str) -> String {
    let value = value.trim();
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "#/!?_".contains(letter);
    match value.starts_with('#') && value.len() <= ERROR_MAX && value.chars().all(is_plain) {
        true => value.to_owned(),
        false => "#ERROR!".to_owned(),
    }
}

/// Writes a field so that it is read as this text.
fn quote(text: &str, into: &mut String) {
    if !text.contains([',', '"', '\n', '\r']) {
        return into.push_str(text);
    }
    into.push('"');
    for (place, part) in text.split('"').enumerate() {
        if place > 0 {
            into.push_str("\"\"");
        }
        into.push_str(part);
    }
    into.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_called_as_a_sheet_calls_them() {
        for (name, column, row) in
            [("A1", 0, 1), ("Z9", 25, 9), ("AA10", 26, 10), ("XFD1048576", 16_383, 1_048_576)]
        {
            assert_eq!(place(name), Some((column, row)), "{name}");
            assert_eq!(name_of(column, row), name);
        }
        for name in ["", "1", "A", "a1", "AAAA1", "A1B", "A-1", "$A$1"] {
            assert_eq!(place(name), None, "{name}");
        }
    }

    /// As many rows as a sheet can have, made as they are read; in all but the first and the last are blanks alone.
    struct Sheet {
        number: u64,
        made: Vec<u8>,
        at: usize,
    }

    impl Read for Sheet {
        fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
            if self.at == self.made.len() && self.number <= ROWS_MAX + 1 {
                let number = self.number;
                self.made = match number {
                    0 => b"<x><dimension ref='A1:XFD1048576'/><sheetData>".to_vec(),
                    1 | ROWS_MAX => {
                        format!("<row r='{number}'><c><v>{number}</v></c></row>").into()
                    }
                    2..ROWS_MAX => format!(
                        "<row r='{number}'><c t='str'><v> </v></c><c r='XFD{number}'/></row>"
                    )
                    .into(),
                    _ => b"</sheetData></x>".to_vec(),
                };
                (self.number, self.at) = (number + 1, 0);
            }
            let some = (self.made.len() - self.at).min(into.len());
            into[..some].copy_from_slice(&self.made[self.at..self.at + some]);
            self.at += some;
            Ok(some)
        }
    }

    #[test]
    fn b36_of_a_million_empty_rows_nothing_is_kept() {
        let sheet = Sheet { number: 0, made: Vec::new(), at: 0 };
        let strings = Strings::default();
        let around = Around { strings: &strings, styles: &[], epoch: Epoch::Of1900 };
        let wanted =
            Wanted { header_row: None, columns: None, record_bytes_max: 1_000, bytes_max: 1_000 };
        let mut rows = CellRows::new(Walk::new(sheet, "a"), around, wanted).expect("it is a sheet");
        let mut told = Vec::new();
        while let Some((row, number)) = rows.next().expect("it is sound") {
            told.push((String::from_utf8_lossy(row).into_owned(), number));
        }
        assert_eq!(told, [("1".to_owned(), 1), ("1048576".to_owned(), ROWS_MAX)]);
        let cells = rows.cells.capacity() * size_of::<Cell>();
        let kept = cells + rows.texts.capacity() + rows.line.capacity() + rows.value.capacity();
        assert!(kept < 1_000, "{kept} bytes are kept");
    }

    #[test]
    fn a_field_is_quoted_where_it_would_be_read_otherwise() {
        for (text, wanted) in [
            ("plain text", "plain text"),
            ("a,b", "\"a,b\""),
            ("say \"yes\"", "\"say \"\"yes\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("\"", "\"\"\"\""),
        ] {
            let mut written = String::new();
            quote(text, &mut written);
            assert_eq!(written, wanted);
        }
    }
}
