//! What the lines of a fixed-width extract are: their types, and where on them the fields stand.

use crate::record::personal::unprinted;
use std::borrow::Cow;

/// How columns are counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Columns {
    #[default]
    Characters,
    /// Bytes of UTF-8: what a system means that writes UTF-8 and counts bytes.
    Bytes,
}

/// Columns from one to another, both from 1 and both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub from: usize,
    pub to: usize,
}

impl Place {
    /// Reads `2-10`, or `148` for one column.
    pub fn parse(text: &str) -> Option<Place> {
        let number = |text: &str| -> Option<usize> {
            let text = text.trim();
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits
                .then(|| text.parse().ok())
                .flatten()
                .filter(|number| (1..=100_000).contains(number))
        };
        let (from, to) = match text.split_once(['-', '–']) {
            Some((from, to)) => (number(from)?, number(to)?),
            None => (number(text)?, number(text)?),
        };
        (from <= to).then_some(Place { from, to })
    }

    fn moved(self, columns: usize) -> Place {
        Place { from: self.from + columns, to: self.to + columns }
    }
}

/// A value on a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub place: Place,
}

/// What a type of line is to its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Begins a record.
    Record,
    /// Belongs to the record before it.
    Detail,
    /// Stands once, before every record.
    Header,
    /// Stands once, behind every record.
    Trailer,
}

/// Items that stand side by side on one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeat {
    /// The column where the first begins, from 1.
    pub from: usize,
    pub width: usize,
    pub times: usize,
}

/// One type of line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineType {
    /// What its type columns say; `*` is any line that no other type is.
    pub mark: String,
    pub role: Role,
    /// The list whose item a line is; where there is none, its fields are the record's own.
    pub list: Option<String>,
    /// Where it says the same as the record's own field of that name.
    pub same: Vec<Field>,
    pub repeat: Option<Repeat>,
    pub fields: Vec<Field>,
}

/// Any line that no other type is.
pub const ANY: &str = "*";

impl LineType {
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// How many columns a line needs to hold every field whole.
    pub fn columns(&self) -> usize {
        let most = self.fields.iter().map(|field| field.place.to).max().unwrap_or(0);
        let most = self.repeat.map_or(most, |repeat| repeat.from - 1 + repeat.width * repeat.times);
        self.same.iter().map(|field| field.place.to).max().unwrap_or(0).max(most)
    }

    /// The places of its fields, once for each item where it repeats.
    pub fn items(&self) -> impl Iterator<Item = Item<'_>> {
        let times = self.repeat.map_or(1, |repeat| repeat.times);
        (0..times).map(move |number| {
            let columns = self.repeat.map_or(0, |repeat| repeat.from - 1 + repeat.width * number);
            Item { fields: &self.fields, columns }
        })
    }
}

/// One item of a line: its fields, and by how many columns they are moved.
#[derive(Debug, Clone, Copy)]
pub struct Item<'f> {
    fields: &'f [Field],
    columns: usize,
}

impl<'f> Item<'f> {
    /// The column before its first.
    pub fn begins(self) -> usize {
        self.columns
    }

    pub fn fields(self) -> impl Iterator<Item = (&'f str, Place)> {
        self.fields.iter().map(move |field| (field.name.as_str(), field.place.moved(self.columns)))
    }
}

/// A line whose columns can be reached.
#[derive(Clone)]
pub struct Cut<'l> {
    text: &'l str,
    /// Where each character begins; nothing where every character is a byte, or bytes are counted.
    starts: Cow<'l, [u32]>,
    plain: bool,
}

impl<'l> Cut<'l> {
    pub fn new(text: &'l str, columns: Columns) -> Self {
        let plain = columns == Columns::Bytes || text.is_ascii();
        let starts = match plain {
            true => Cow::Borrowed([].as_slice()),
            false => text.char_indices().map(|(start, _)| start as u32).collect(),
        };
        Cut { text, starts, plain }
    }

    /// How many columns it has.
    pub fn columns(&self) -> usize {
        if self.plain { self.text.len() } else { self.starts.len() }
    }

    /// What stands there without the blanks around it; nothing beyond the line's end. `None` where the
    /// columns cut a character in two.
    pub fn get(&self, place: Place) -> Option<&'l str> {
        let at = |columns: usize| match self.plain {
            true => columns.min(self.text.len()),
            false => self.starts.get(columns).map_or(self.text.len(), |start| *start as usize),
        };
        Some(self.text.get(at(place.from - 1)..at(place.to))?.trim())
    }

    /// Whether a text that stands there fills the columns to a letter in the last: of a name more may
    /// have been cut off. Codes of a few letters are as long as they are meant to be.
    pub fn fills(&self, place: Place, text: &str) -> bool {
        const SHORT: usize = 4;
        let width = place.to + 1 - place.from;
        width > SHORT
            && text.len() >= width
            && text.ends_with(char::is_alphabetic)
            && (if self.plain { text.len() } else { text.chars().count() }) == width
    }
}

unprinted!(Cut<'_>);
