//! The trailer: how the last row is known, what it declares, and what the rows come to.

use super::fields::Fields;
use super::header::Header;
use super::{refuse, width};
use crate::connector::format::encoding::{Encoding, not_text};
use crate::connector::format::sum::{Sum, amount};
use crate::connector::format::{FormatError, Total};
use crate::record::value::pence::{Pence, PenceFormat};

/// How the last row is known, and what it says of the rows before it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trailer {
    /// What its first column says: `TRAILER`, or with the number of rows in it `{count} rows`.
    pub marker: String,
    /// Which column holds the number of rows, from 1.
    pub count_column: Option<usize>,
    pub sums: Vec<SumTotal>,
}

/// An amount that the trailer declares for a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SumTotal {
    /// The column that is added up.
    pub column: String,
    /// Where in the trailer its sum stands, from 1; where nothing is said, in the same place.
    pub declared_column: Option<usize>,
    pub format: PenceFormat,
    /// How the declared sum is written.
    pub declared_format: PenceFormat,
}

/// Where the number of rows stands in a marker.
const COUNT: &str = "{count}";

/// What is counted and added up while rows go by.
pub struct Tally<'f> {
    trailer: &'f Trailer,
    said: Encoding,
    rows: i64,
    sums: Vec<Column<'f>>,
    /// The trailer was met; and its number of rows, where it could be read.
    met: Option<Option<i64>>,
}

struct Column<'f> {
    of: &'f SumTotal,
    place: usize,
    sum: Sum,
    declared: Option<Pence>,
}

impl<'f> Tally<'f> {
    /// For the rows below a header that has every column.
    pub fn new(trailer: &'f Trailer, header: &Header, said: Encoding) -> Tally<'f> {
        let sum = |of: &'f SumTotal| {
            let place = header.place(&of.column)?;
            Some(Column { of, place, sum: Sum::default(), declared: None })
        };
        let sums = trailer.sums.iter().filter_map(sum).collect();
        Tally { trailer, said, rows: 0, sums, met: None }
    }

    /// Takes the next row. True where it is the trailer and not a record.
    pub fn take(
        &mut self,
        fields: &Fields,
        header: &Header,
        row: u64,
    ) -> Result<bool, FormatError> {
        let Some(marked) = self.trailer.marked(fields) else {
            if self.met.is_some() {
                return Err(refuse("csv.trailer", "a row stands after the trailer", row));
            }
            self.rows += 1;
            let said = self.said;
            self.sums.iter_mut().for_each(|column| column.add(fields, header, (row, said)));
            return Ok(false);
        };
        if self.met.is_some() {
            return Err(refuse("csv.trailer", "a second trailer stands after the first", row));
        }
        let column =
            self.trailer.count_column.and_then(|column| fields.text(column.checked_sub(1)?));
        self.met = Some(marked.or_else(|| count(column?)));
        for sum in &mut self.sums {
            let place =
                sum.of.declared_column.map_or(Some(sum.place), |column| column.checked_sub(1));
            let text = place.and_then(|place| fields.text(place));
            sum.declared = text.and_then(|text| Pence::parse(text, sum.of.declared_format).ok());
        }
        Ok(true)
    }

    /// What was declared and what was counted.
    pub fn totals(self) -> Result<Vec<Total>, FormatError> {
        let mut totals = Vec::new();
        // A trailer that is not there is a file that was cut off, whatever it would have said.
        if self.trailer.counts() || self.met.is_none() {
            let declared = self.met.flatten();
            totals.push(Total { name: "records".to_owned(), declared, counted: self.rows });
        }
        // Of amounts that nobody declares, none need be readable.
        if self.met.is_some() {
            for column in &self.sums {
                totals.push(column.sum.total(&column.of.column, "row", column.declared)?);
            }
        }
        Ok(totals)
    }
}

impl Column<'_> {
    fn add(&mut self, fields: &Fields, header: &Header, (row, said): (u64, Encoding)) {
        // In a row that is too short or too long, nobody knows which field is which.
        if fields.count() != header.columns.len() {
            return self.sum.miss(row, &width(fields, header));
        }
        match fields.text(self.place) {
            Some(text) => self.sum.add(&self.of.column, amount(text, self.of.format), row),
            None => self.sum.miss(row, &not_text(said, fields.get(self.place))),
        }
    }
}

impl Trailer {
    fn counts(&self) -> bool {
        self.count_column.is_some() || self.marker.contains(COUNT)
    }

    /// Whether a row is the trailer, and the number of rows that its marker says.
    fn marked(&self, fields: &Fields) -> Option<Option<i64>> {
        let first = fields.text(0)?;
        match self.marker.split_once(COUNT) {
            None => (first == self.marker.trim()).then_some(None),
            Some((before, after)) => {
                let rest = first.strip_prefix(before.trim_start())?;
                let digits = rest.strip_suffix(after.trim_end())?;
                count(digits.trim()).map(Some)
            }
        }
    }
}

/// A number of rows: digits and nothing else.
fn count(text: &str) -> Option<i64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}
