//! What processes died of while they resolved a batch: which records are taken one by one, and which is
//! held since it killed whoever read it, so often and alone.
//!
//! A process that was killed from outside dies like one that a record killed. It is told apart by dying
//! again and again with the same record, and no other, in hand.

use super::batches::BatchRow;
use super::database::{Database, StoreError, cells};

/// Alone in hand at so many deaths, a record is held.
pub const DEATHS_MAX: i64 = 3;

/// How a batch is gone about after what happened to those before us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Care {
    /// Records up to this one are taken one by one.
    pub careful_to: i64,
    /// This one is held without being read.
    pub deadly: Option<i64>,
}

#[derive(sqlx::FromRow)]
struct Marks {
    resolving: bool,
    careful_to: i64,
    crashed_at: i64,
    crashes: i64,
}

/// Notes that a batch is being resolved, and says what the deaths before advise. `ahead` is how many
/// records a process that is not careful has in hand.
pub async fn begin(database: &Database, batch: &BatchRow, ahead: i64) -> Result<Care, StoreError> {
    let at = batch.resolved_to;
    let mut transaction = database.begin().await?;
    let sql = "SELECT resolving, careful_to, crashed_at, crashes FROM batch WHERE id = $1";
    let found: Vec<Marks> = transaction.fetch(sql, cells![batch.id]).await?;
    let Some(mut marks) = found.into_iter().next() else { return Ok(Care::default()) };
    let next = "SELECT id FROM source_record WHERE batch_id = $1 AND id > $2 ORDER BY id LIMIT $3";
    let mut deadly = None;
    if marks.resolving && at < marks.careful_to {
        // It died of the next record, or with it.
        marks.crashes = if marks.crashed_at == at { marks.crashes + 1 } else { 1 };
        marks.crashed_at = at;
        if marks.crashes >= DEATHS_MAX {
            let rows: Vec<(i64,)> = transaction.fetch(next, cells![batch.id, at, 1_i64]).await?;
            deadly = rows.first().map(|(id,)| *id);
            marks.crashes = 0;
        }
    } else if marks.resolving {
        let rows: Vec<(i64,)> = transaction.fetch(next, cells![batch.id, at, ahead]).await?;
        marks.careful_to = rows.last().map_or(at, |(id,)| *id);
    }
    let sql = "UPDATE batch SET resolving = TRUE, careful_to = $2, crashed_at = $3, crashes = $4 \
               WHERE id = $1";
    let cells = cells![batch.id, marks.careful_to, marks.crashed_at, marks.crashes];
    transaction.execute(sql, cells).await?;
    transaction.commit().await?;
    Ok(Care { careful_to: marks.careful_to, deadly })
}

/// Notes that nobody resolves it any more, and nobody died.
pub async fn end(database: &Database, batch_id: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE batch SET resolving = FALSE WHERE id = $1";
    transaction.execute(sql, cells![batch_id]).await?;
    transaction.commit().await
}
