//! The fields of one row, by csv-core, in memory that is used again for the next row.

use crate::record::personal::unprinted;
use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::header::COLUMNS_MAX;

/// A row's fields.
pub struct Fields {
    reader: Reader,
    text: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Fields {
    pub fn new(delimiter: u8) -> Fields {
        Fields {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            text: vec![0; 1 << 14],
            ends: vec![0; 64],
            count: 0,
        }
    }

    /// Reads a row that was already found to be one, in place of the row before.
    pub fn read(&mut self, row: &[u8]) {
        self.reader.reset();
        let (mut read, mut written, mut ended) = (0, 0, 0);
        self.count = loop {
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
                ReadRecordResult::Record | ReadRecordResult::End => break ended,
            }
            // Whoever asked refuses so many: their ends alone would be eight times the row.
            if ended > COLUMNS_MAX {
                break ended;
            }
        };
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The field at a place that is there.
    pub fn get(&self, place: usize) -> &[u8] {
        let start = if place == 0 { 0 } else { self.ends[place - 1] };
        &self.text[start..self.ends[place]]
    }

    /// The text of a field, without blanks around it, where it is there and is text.
    pub fn text(&self, place: usize) -> Option<&str> {
        (place < self.count)
            .then(|| std::str::from_utf8(self.get(place)).ok())
            .flatten()
            .map(str::trim)
    }
}

unprinted!(Fields);
