//! The header row: which column is which, by name, whatever their order and whichever their case.

use std::collections::{HashMap, HashSet};

use super::fields::Fields;
use super::{CsvFormat, refuse};
use crate::connector::format::FormatError;

pub const COLUMNS_MAX: usize = 10_000;
/// How long a column's name may be, bytes: every row is kept with its header.
const NAME_MAX: usize = 500;

/// A header row read once: which column goes where.
#[derive(Debug, Default)]
pub struct Header {
    pub columns: Vec<Column>,
    pub items: Vec<Item>,
}

#[derive(Debug)]
pub struct Column {
    /// As it is written here, and in a list's item as it is called there.
    pub name: String,
    pub in_group: bool,
    /// In lower case, as it stands in the header.
    known_as: String,
}

/// An item of a list, and the columns that make it.
#[derive(Debug)]
pub struct Item {
    pub list: String,
    pub number: String,
    pub places: Vec<usize>,
}

impl Header {
    /// Reads a header row that was already found to be one.
    pub fn read(
        line: &str,
        format: &CsvFormat,
        fields: &mut Fields,
    ) -> Result<Header, FormatError> {
        fields.read(line.as_bytes());
        if fields.count() > COLUMNS_MAX {
            let cause = format!("the header has more than {COLUMNS_MAX} columns");
            return Err(refuse("csv.size", cause, 1));
        }
        let mut columns: Vec<Column> = Vec::with_capacity(fields.count());
        let mut known = HashMap::new();
        for place in 0..fields.count() {
            if fields.get(place).len() > NAME_MAX {
                let column = place + 1;
                let cause = format!(
                    "the name of column {column} is longer than {NAME_MAX} bytes: is there no header row?"
                );
                return Err(refuse("csv.header", cause, 1));
            }
            let name = String::from_utf8_lossy(fields.get(place)).trim().to_owned();
            let known_as = name.to_ascii_lowercase();
            // Columns are counted and not named: where the header is missing, its names are people's.
            if !name.is_empty()
                && let Some(first) = known.insert(known_as.clone(), place + 1)
            {
                let cause = format!("columns {first} and {} have the same name", place + 1);
                return Err(refuse("csv.header", cause, 1));
            }
            columns.push(Column { name, in_group: false, known_as });
        }
        let mut header = Header { columns, items: Vec::new() };
        for (list, pattern) in &format.groups {
            header.group(list, pattern)?;
        }
        Ok(header)
    }

    /// Whether everything is there that this extract cannot be read without.
    pub fn check(&self, format: &CsvFormat) -> Result<(), FormatError> {
        let sums = format.trailer.iter().flat_map(|trailer| &trailer.sums);
        let needed = format.key.iter().chain(&format.required).chain(sums.map(|sum| &sum.column));
        let (mut missing, mut told) = (Vec::new(), HashSet::new());
        for name in needed {
            if self.place(name).is_none() && told.insert(name.to_ascii_lowercase()) {
                missing.push(format!("`{name}`"));
            }
        }
        for (list, pattern) in &format.groups {
            if !self.items.iter().any(|item| item.list == *list) {
                missing.push(format!("`{pattern}…`"));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        let (what, are) = if missing.len() == 1 { ("column", "is") } else { ("columns", "are") };
        let cause = format!(
            "the {what} {} {are} missing: was one renamed, or is there no header row?",
            missing.join(", ")
        );
        Err(refuse("csv.header", cause, 1))
    }

    /// Where the column of that name stands.
    pub fn place(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.known_as.eq_ignore_ascii_case(name.trim()))
    }

    /// Sorts columns like `p2_surname` into the items of their list.
    fn group(&mut self, list: &str, pattern: &str) -> Result<(), FormatError> {
        let pattern = pattern.to_ascii_lowercase();
        let Some((before, after)) = pattern.split_once("{n}") else { return Ok(()) };
        let mut items: HashMap<u32, Vec<usize>> = HashMap::new();
        let mut names = HashSet::new();
        for (place, column) in self.columns.iter_mut().enumerate() {
            let Some(rest) = column.known_as.strip_prefix(before) else { continue };
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let (Ok(number), Some(name)) =
                (rest[..digits].parse::<u32>(), rest[digits..].strip_prefix(after))
            else {
                continue;
            };
            if !names.insert((number, name.to_owned())) {
                let cause = format!("column {} stands twice in item {number}", place + 1);
                return Err(refuse("csv.header", cause, 1));
            }
            column.name = column.name[column.name.len() - name.len()..].to_owned();
            column.in_group = true;
            items.entry(number).or_default().push(place);
        }
        let mut items: Vec<(u32, Vec<usize>)> = items.into_iter().collect();
        items.sort_unstable();
        self.items.extend(items.into_iter().map(|(number, places)| Item {
            list: list.to_owned(),
            number: number.to_string(),
            places,
        }));
        Ok(())
    }
}
