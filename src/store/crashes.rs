//! What processes died of while they resolved a batch: which records are read one at a time, and which is
//! held since it killed whoever read it, so often and alone.
//!
//! A process that was killed from outside dies like one that a record killed. It is told apart by dying
//! again and again with the same record, and no other, in hand. Records are read one at a time then, each
//! marked first, and written in chunks as ever, so that a machine that is often switched off goes on at
//! its pace. Only a chunk whose writing somebody did not survive is written in smaller ones.

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
    /// Somebody died with this one alone in hand: it is taken alone.
    pub suspect: Option<i64>,
    /// And of this one so many that it is held without being read.
    pub deadly: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Marks {
    resolving: bool,
    careful_to: i64,
    reading: i64,
    writing_to: i64,
    writing: i64,
    crashed_at: i64,
    crashes: i64,
}

/// Notes that a batch is being resolved, and says what the deaths before advise. `ahead` is how many
/// records a process that is not careful has in hand.
pub async fn begin(database: &Database, batch: &BatchRow, ahead: i64) -> Result<Care, StoreError> {
    let at = batch.resolved_to;
    let mut transaction = database.begin().await?;
    let sql = "SELECT resolving, careful_to, reading, writing_to, writing, crashed_at, crashes \
               FROM batch WHERE id = $1";
    let found: Vec<Marks> = transaction.fetch(sql, cells![batch.id]).await?;
    let Some(mut marks) = found.into_iter().next() else { return Ok(Care::default()) };
    if marks.resolving && marks.reading > at {
        // It died of that record, or with it.
        marks.crashes = if marks.crashed_at == marks.reading { marks.crashes + 1 } else { 1 };
        marks.crashed_at = marks.reading;
    } else if marks.resolving && marks.writing_to > at {
        marks.writing = (marks.writing / SMALLER).max(1);
    } else if marks.resolving && at >= marks.careful_to {
        let sql =
            "SELECT id FROM source_record WHERE batch_id = $1 AND id > $2 ORDER BY id LIMIT $3";
        let rows: Vec<(i64,)> = transaction.fetch(sql, cells![batch.id, at, ahead]).await?;
        marks.careful_to = rows.last().map_or(at, |(id,)| *id);
    }
    let sql = "UPDATE batch SET resolving = TRUE, careful_to = $2, reading = 0, writing = $3, \
               crashed_at = $4, crashes = $5 WHERE id = $1";
    let Marks { careful_to, writing, crashed_at, crashes, .. } = marks;
    let cells = cells![batch.id, careful_to, writing, crashed_at, crashes];
    transaction.execute(sql, cells).await?;
    transaction.commit().await?;
    let suspect = (crashed_at > at).then_some(crashed_at);
    Ok(Care {
        careful_to,
        small_to: marks.writing_to,
        small: writing,
        suspect,
        deadly: suspect.filter(|_| crashes >= DEATHS_MAX),
    })
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
