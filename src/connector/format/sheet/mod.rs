//! Sheets of workbooks (.xlsx, .xlsm): the values of one sheet's cells, written as rows of CSV, which are then cut,
//! kept and read as CSV is (docs/decisions/0021).
//!
//! Values only: nothing is worked out, no link is followed, no macro is looked at, and what a sheet only shows (colours,
//! rounding, leading zeros) is not there.

mod held;
mod rows;
mod strings;
mod styles;
mod value;
mod walk;
mod workbook;

use std::io::{Cursor, Read, Seek};

use self::held::{fault_of, is_held};
use self::rows::{Around, CellRows, Wanted};
use self::workbook::Workbook;
use super::csv::CsvFormat;
use super::encoding::Encoding;
use super::gzip;
use super::{CutError, Format, FormatError, Raw, RecordSink, Stopped, Total};
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;
use crate::record::document::{Document, Path};

/// All of a workbook together may unpack to so much, bytes, and its rows may come to so much.
pub const WORKBOOK_BYTES_MAX: u64 = 1_000_000_000;
/// A workbook that comes otherwise than as a file is held whole in memory while it is read: packed it has so many bytes
/// at most.
const HELD_BYTES_MAX: u64 = 50_000_000;

const SHEET: Key = key(
    "sheet",
    "The name of the sheet that is read, whichever its case. Where nothing is said, the workbook must have one sheet \
     that can be seen.",
)
.example("sheet = \"Accounts\"");
const HEADER_ROW: Key = key(
    "header_row",
    "Which row has the names of the columns, as the sheet numbers it; what stands above is passed over. Where nothing \
     is said, the first row that holds anything.",
)
.example("header_row = 3");

/// Which sheet of a workbook is read, and how its rows are laid out.
#[derive(Debug, Clone)]
pub struct SheetFormat {
    pub csv: CsvFormat,
    /// The sheet's name; where absent, the only one that can be seen.
    sheet: Option<String>,
    /// The row with the names of the columns, from 1.
    header_row: Option<u64>,
}

impl SheetFormat {
    /// Reads the settings; faults are told to the file.
    pub fn settings(table: &Table<'_>, record_bytes_max: usize) -> Option<SheetFormat> {
        let csv = CsvFormat::settings_of_cells(table, record_bytes_max);
        let sheet = table.text(SHEET).map(|sheet| sheet.value);
        let header_row = table.whole(HEADER_ROW, 1..=1_048_576);
        if let Some(row) = &header_row
            && table.has("columns")
        {
            let what = "`columns` is for a sheet without a header row";
            let help = Some("keep `header_row` or `columns`, and take the other out".to_owned());
            table.error(row.at, what, "there is none to be numbered", help);
        }
        let csv = CsvFormat { said: Encoding::Utf8, ..csv? };
        Some(SheetFormat { csv, sheet, header_row: header_row.map(|row| row.value as u64) })
    }

    /// Cuts the sheet of a workbook into records. It may unpack to so many bytes.
    pub fn cut_workbook<R: Read + Seek>(
        &self,
        input: &mut R,
        bytes_max: u64,
        sink: &mut dyn RecordSink,
    ) -> Result<Vec<Total>, CutError> {
        let bytes_max = bytes_max.min(WORKBOOK_BYTES_MAX);
        let mut workbook = Workbook::open(input, bytes_max)?;
        let part = workbook.sheet(self.sheet.as_deref())?;
        let (strings, styles) = (workbook.strings()?, workbook.styles()?);
        let around = Around { strings: &strings, styles: &styles, epoch: workbook.epoch };
        let wanted = Wanted {
            header_row: self.header_row,
            columns: self.csv.columns_said(),
            record_bytes_max: self.csv.record_bytes_max,
            bytes_max,
        };
        let mut rows = CellRows::new(workbook.walk(&part, bytes_max)?, around, wanted)?;
        self.csv.cut_rows(&mut rows, &mut Sound { sink })
    }

    /// The same of one that comes as a stream, which is held whole.
    pub fn cut_stream(
        &self,
        input: &mut dyn Read,
        bytes_max: u64,
        sink: &mut dyn RecordSink,
    ) -> Result<Vec<Total>, CutError> {
        let mut whole = Vec::new();
        input.take(HELD_BYTES_MAX + 1).read_to_end(&mut whole)?;
        if whole.len() as u64 > HELD_BYTES_MAX {
            let cause = format!(
                "a workbook that does not come as a file has {HELD_BYTES_MAX} bytes at most"
            );
            return Err(gzip::refuse("file.size", cause, HELD_BYTES_MAX).into());
        }
        self.cut_workbook(&mut Cursor::new(whole), bytes_max, sink)
    }
}

impl Format for SheetFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        self.cut_stream(input, WORKBOOK_BYTES_MAX, sink)
    }

    /// A row for one of whose cells it is held stays what it is.
    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        match fault_of(record) {
            Some((code, cause)) => Err(FormatError { code, cause, place: "the row".to_owned() }),
            None => self.csv.read(record, into),
        }
    }

    fn key(&self) -> Vec<Path> {
        self.csv.key()
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["spreadsheetml"]
    }

    fn said(&self) -> Encoding {
        self.csv.said()
    }

    fn encoding_code(&self) -> &'static str {
        self.csv.encoding_code()
    }

    fn sheets(&self) -> Option<&SheetFormat> {
        Some(self)
    }
}

/// Holds a row in which a cell has no value that could be told.
struct Sound<'s> {
    sink: &'s mut dyn RecordSink,
}

impl RecordSink for Sound<'_> {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        // What was written from texts is text.
        match std::str::from_utf8(raw.bytes).ok().and_then(fault_of) {
            None => self.sink.record(key, raw),
            Some((code, cause)) if is_held(key) => self.sink.unreadable(code, cause, raw),
            Some((code, cause)) => self.sink.unsound(key, code, cause, raw),
        }
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.sink.unreadable(code, cause, raw)
    }

    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.sink.unsound(key, code, cause, raw)
    }

    fn finish(&mut self) -> Result<(), Stopped> {
        self.sink.finish()
    }
}

fn damaged(part: &str, cause: impl Into<String>) -> CutError {
    let cause = format!("the workbook is damaged: {}", cause.into());
    FormatError { code: "sheet.damaged", cause, place: part.to_owned() }.into()
}

fn refuse(code: &'static str, cause: String, row: u64) -> FormatError {
    FormatError { code, cause, place: format!("row {row} of the sheet") }
}
