//! What processes died of while they resolved a batch: which records are read one at a time, and which is
//! held since it killed whoever read it, so often and alone.
//!
//! A process that was killed from outside dies like one that a record killed. It is told apart by dying
//! again and again with the same record, and no other, in hand. Records are read one at a time then, each
//! marked first, and written in chunks as ever, so that a machine that is often switched off goes on at
//! its pace. Only a chunk whose writing somebody did not survive is written in smaller ones, down to one
//! record. A mark stands for no longer than the reading: else a record that has a death to its name would be
//! in hand at the next by chance.

use super::batches::BatchRow;
use super::database::{Cell, Database, StoreError, cells};

/// Alone in hand at so many deaths, a record is held.
pub const DEATHS_MAX: i64 = 3;

/// So many times smaller are the chunks in which one is written whose writer died.
const SMALLER: i64 = 8;

/// How a batch is gone about after what happened to those before us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Care {
    /// Records up to this one are read one at a time.
    pub careful_to: i64,
    /// Up to this one they are written in chunks of so many.
    pub small_to: i64,
    pub small: i64,
    /// So many died of this one that it is held without being read.
    pub deadly: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Marks {
    resolving: bool,
    careful_to: i64,
    reading: i64,
    writing_to: i64,
    writing: i64,
    small_to: i64,
    small: i64,
    crashed_at: i64,
    crashes: i64,
}

impl Marks {
    /// The record that whoever died had alone in hand.
    fn alone(&self, at: i64) -> Option<i64> {
        match self.writing {
            _ if self.reading > at => Some(self.reading),
            1 if self.writing_to > at => Some(self.writing_to),
            _ => None,
        }
    }
}

/// Notes that a batch is being resolved, and says what the deaths before advise. `ahead` is how many
/// records a process that is not careful has in hand.
pub async fn begin(database: &Database, batch: &BatchRow, ahead: i64) -> Result<Care, StoreError> {
    let at = batch.resolved_to;
    let mut transaction = database.begin().await?;
    let sql = "SELECT resolving, careful_to, reading, writing_to, writing, small_to, small, \
               crashed_at, crashes FROM batch WHERE id = $1";
    let found: Vec<Marks> = transaction.fetch(sql, cells![batch.id]).await?;
    let Some(mut marks) = found.into_iter().next() else { return Ok(Care::default()) };
    if let (true, Some(record)) = (marks.resolving, marks.alone(at)) {
        // It died of that record, or with it.
        marks.crashes = if marks.crashed_at == record { marks.crashes + 1 } else { 1 };
        marks.crashed_at = record;
    } else if marks.resolving && marks.writing_to > at {
        marks.small = (marks.writing / SMALLER).max(1);
        marks.small_to = marks.writing_to;
    } else if marks.resolving && at >= marks.careful_to {
        let sql =
            "SELECT id FROM source_record WHERE batch_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        let rows: Vec<(i64,)> = transaction.fetch(sql, cells![batch.id, at, ahead]).await?;
        marks.careful_to = rows.last().map_or(at, |(id,)| *id);
    }
    let Marks { careful_to, small_to, small, crashed_at, crashes, .. } = marks;
    let sql = "UPDATE batch SET resolving = TRUE, reading = 0, writing = 0, writing_to = 0, \
               careful_to = $2, small_to = $3, small = $4, crashed_at = $5, crashes = $6 \
               WHERE id = $1";
    let cells = cells![batch.id, careful_to, small_to, small, crashed_at, crashes];
    transaction.execute(sql, cells).await?;
    transaction.commit().await?;
    let is_deadly = crashed_at > at && crashes >= DEATHS_MAX;
    Ok(Care { careful_to, small_to, small, deadly: is_deadly.then_some(crashed_at) })
}

/// Notes which record is about to be read.
pub async fn reading(database: &Database, batch_id: i64, record: i64) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET reading = $2 WHERE id = $1";
    note(database, sql, cells![batch_id, record]).await
}

/// Notes that so many records, up to that one, are about to be written, and none is being read.
pub async fn writing(
    database: &Database,
    batch_id: i64,
    many: i64,
    last: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET reading = 0, writing = $2, writing_to = $3 WHERE id = $1";
    note(database, sql, cells![batch_id, many, last]).await
}

/// Notes that nobody resolves it any more, and nobody died.
pub async fn end(database: &Database, batch_id: i64) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET resolving = FALSE, reading = 0, writing_to = 0 WHERE id = $1";
    note(database, sql, cells![batch_id]).await
}

async fn note(database: &Database, sql: &str, cells: Vec<Cell>) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}
