//! Rows as they come, poured into the sink as lines of JSON, a block at a time: memory holds one block and one
//! row, whatever the length of the answer. While a block is taken, no row is asked for.

use std::pin::pin;
use std::sync::Arc;

use futures_util::{Stream, StreamExt};
use xxhash_rust::xxh3::xxh3_128;

use super::column::{self, Column};
use super::{Question, fault};
use crate::connector::channel::{ConnectorError, Extract, ReadEnd};
use crate::connector::content::ContentDigest;
use crate::connector::ending;
use crate::connector::format::FormatError;
use crate::connector::taking::Taking;

/// So many bytes of rows are taken at once.
const BLOCK_BYTES: usize = 262_144;
/// The code of a row that is held for a value that is too long.
const CELL: &str = "sql.cell";

/// Where rows are poured.
pub struct Pouring {
    taking: Option<Taking>,
    cell_bytes_max: usize,
    lines: Vec<u8>,
    rows: u64,
    /// Adds up the digests of rows: the same rows have the same, in whatever order they come.
    sum: u128,
    end: ReadEnd,
}

/// What a cell held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cell {
    Written,
    /// It is longer than it may be, and was not written.
    TooLong,
}

impl Pouring {
    pub fn new(taking: Taking, cell_bytes_max: usize) -> Pouring {
        Pouring {
            taking: Some(taking),
            cell_bytes_max,
            lines: Vec::new(),
            rows: 0,
            sum: 0,
            end: ReadEnd::default(),
        }
    }

    /// Pours rows to their end. `cell` writes the value in a column as JSON.
    pub async fn all<R>(
        &mut self,
        question: &Question<'_>,
        columns: &[Column],
        rows: impl Stream<Item = Result<R, sqlx::Error>> + Send,
        cell: impl Fn(&R, usize, &mut Vec<u8>) -> Result<Cell, sqlx::Error> + Sync,
    ) -> Result<(), ConnectorError> {
        let mut rows = pin!(rows);
        let names: Vec<Vec<u8>> = (columns.iter().enumerate())
            .map(|(place, column)| {
                let mut name = vec![if place == 0 { b'{' } else { b',' }];
                column::quote(column.name.as_bytes(), &mut name);
                name.push(b':');
                name
            })
            .collect();
        let mut line = Vec::new();
        loop {
            let over = {
                let Some(row) = question.within(rows.next()).await? else { break };
                let row = row.map_err(fault::of)?;
                line.clear();
                let mut over = None;
                for (place, name) in names.iter().enumerate() {
                    line.extend_from_slice(name);
                    if cell(&row, place, &mut line).map_err(fault::of)? == Cell::TooLong {
                        line.extend_from_slice(b"null");
                        over = Some(place);
                    }
                }
                line.push(b'}');
                over
            };
            self.rows += 1;
            self.sum = self.sum.wrapping_add(xxh3_128(&line));
            match over {
                None => {
                    self.lines.extend_from_slice(&line);
                    self.lines.push(b'\n');
                    if self.lines.len() >= BLOCK_BYTES {
                        self.flush().await?;
                    }
                }
                Some(place) => self.hold(&columns[place].name, &line).await?,
            }
        }
        self.flush().await
    }

    async fn flush(&mut self) -> Result<(), ConnectorError> {
        if self.lines.is_empty() {
            return Ok(());
        }
        let block = Arc::new(std::mem::take(&mut self.lines));
        let name = format!("the rows up to row {}", self.rows);
        let (taking, cut) = self.taken().cut(name, block).await;
        self.taking = Some(taking);
        self.end.encoding = cut
            .map_err(|error| ending::cut_off(error, "a part of the answer"))?
            .encoding
            .to_owned();
        Ok(())
    }

    async fn hold(&mut self, column: &str, line: &[u8]) -> Result<(), ConnectorError> {
        self.flush().await?;
        let most = self.cell_bytes_max;
        let cause = format!(
            "the value in `{column}` is longer than {most} bytes and was left where it is; \
             `cell_bytes_max` may be more, or the query may cut it"
        );
        let (taking, held) = self.taken().hold(line.to_vec(), CELL, cause).await;
        self.taking = Some(taking);
        held.map_err(|error| ending::cut_off(error, "a part of the answer"))
    }

    fn taken(&mut self) -> Taking {
        self.taking.take().expect("it is put back wherever it is taken")
    }

    /// What was said when it came to its end, or did not.
    pub async fn finish(
        mut self,
        asked: Result<(), ConnectorError>,
        extract: Extract,
        after: Option<&str>,
    ) -> (Taking, Result<ReadEnd, ConnectorError>) {
        let taking = self.taken();
        let mut end = self.end;
        if let Err(error) = asked {
            return (taking, Err(error));
        }
        if self.rows == 0 && extract == Extract::Full {
            let cause = "the query gave no row".to_owned();
            let place = "at its end".to_owned();
            let nothing = FormatError { code: "file.empty", cause, place };
            return (taking, Err(ConnectorError::Malformed(nothing)));
        }
        let mut digest = ContentDigest::new();
        digest.update(&self.rows.to_le_bytes());
        digest.update(&self.sum.to_le_bytes());
        end.content_digest = digest.finish();
        end.cursor = taking.newest(after);
        (taking, Ok(end))
    }
}
