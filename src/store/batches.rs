//! Batches: the rows of one file or call, from the first byte to the closing of the account.

use std::collections::BTreeSet;

use super::database::{Database, StoreError, Transaction, cells};
use crate::record::batch::Counts;

/// A batch as it stands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BatchRow {
    pub id: i64,
    pub source_id: i64,
    pub job: String,
    pub origin: String,
    pub origin_mark: String,
    pub state: String,
    pub cause_code: Option<String>,
    pub cause: Option<String>,
    pub mapping_version: i64,
    pub sends: bool,
    pub rows_in: i64,
    pub published: i64,
    pub unchanged: i64,
    pub held: i64,
    pub filtered: i64,
    pub records_new: i64,
    pub records_changed: i64,
    pub records_unchanged: i64,
    pub records_gone: i64,
    pub residents_created: i64,
    pub residents_changed: i64,
    pub changes: i64,
    pub resolved_to: i64,
    pub last_record: i64,
    pub started_ms: i64,
    /// What the text was read as.
    pub encoding: Option<String>,
}

/// What begins the mark of a replay, where another batch has its file's.
const REPLAY: &str = "replay|";

impl BatchRow {
    /// Whether it is of stored records that were read again.
    pub fn is_replay(&self) -> bool {
        self.origin_mark.starts_with(REPLAY)
    }
}

/// The mark of a replay: there is none like it.
pub fn replay_mark(batch_id: i64) -> String {
    format!("{REPLAY}{batch_id}")
}

const COLUMNS: &str = "id, source_id, job, origin, origin_mark, state, cause_code, cause, \
    mapping_version, sends, rows_in, published, unchanged, held, filtered, records_new, \
    records_changed, records_unchanged, records_gone, residents_created, residents_changed, \
    changes, resolved_to, last_record, started_ms, encoding";

/// What a batch is opened with.
#[derive(Debug, Clone)]
pub struct Opening<'a> {
    pub id: i64,
    pub source_id: i64,
    pub job: &'a str,
    pub origin: &'a str,
    pub origin_mark: &'a str,
    pub mapping: &'a str,
    pub mapping_version: i64,
    pub sends: bool,
    pub now_ms: i64,
}

/// The number of the source of that name; a new source gets one.
pub async fn source_id(database: &Database, name: &str, new_id: i64) -> Result<i64, StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO source (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    transaction.execute(sql, cells![new_id, name.to_owned()]).await?;
    let sql = "SELECT id FROM source WHERE name = $1";
    let rows: Vec<(i64,)> = transaction.fetch(sql, cells![name.to_owned()]).await?;
    transaction.commit().await?;
    rows.first().map(|(id,)| *id).ok_or(StoreError::Corrupt {
        table: "source",
        column: "name",
        id: new_id,
    })
}

/// Opens a batch for what is about to be read.
pub async fn open(database: &Database, opening: Opening<'_>) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO batch (id, source_id, job, origin, origin_mark, state, mapping, \
               mapping_version, sends, started_ms) VALUES ($1,$2,$3,$4,$5,'reading',$6,$7,$8,$9)";
    let cells = cells![
        opening.id,
        opening.source_id,
        opening.job.to_owned(),
        opening.origin.to_owned(),
        opening.origin_mark.to_owned(),
        opening.mapping.to_owned(),
        opening.mapping_version,
        opening.sends,
        opening.now_ms,
    ];
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}

/// The batch of that number.
pub async fn get(database: &Database, id: i64) -> Result<Option<BatchRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM batch WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// The newest batches, of one job or all.
pub async fn newest(
    database: &Database,
    job: Option<&str>,
    most: i64,
) -> Result<Vec<BatchRow>, StoreError> {
    let Some(job) = job else {
        let sql = format!("SELECT {COLUMNS} FROM batch ORDER BY id DESC LIMIT $1");
        return database.fetch(&sql, cells![most]).await;
    };
    // Told as a stretch of the index: where it is told as equal, PostgreSQL goes through all batches, from the newest on.
    let sql = format!(
        "SELECT {COLUMNS} FROM batch WHERE job >= $1 AND job <= $1 ORDER BY job DESC, id DESC LIMIT $2"
    );
    database.fetch(&sql, cells![job.to_owned(), most]).await
}

/// When batches were closed since then, how many rows each had, and how many of them were held: of so many of the
/// newest batches.
pub async fn closed(
    database: &Database,
    since_ms: i64,
    most: i64,
) -> Result<Vec<(i64, i64, i64)>, StoreError> {
    let sql = "SELECT closed_ms, rows_in, held FROM (SELECT state, closed_ms, rows_in, held FROM batch \
               ORDER BY id DESC LIMIT $2) newest WHERE state = 'closed' AND closed_ms >= $1";
    database.fetch(sql, cells![since_ms, most]).await
}

/// Batches of a source that a stop left half done, oldest first.
pub async fn unfinished(database: &Database, source_id: i64) -> Result<Vec<BatchRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM batch WHERE source_id = $1 AND state IN ('reading', 'released') \
         ORDER BY id"
    );
    database.fetch(&sql, cells![source_id]).await
}

/// Jobs whose batches a stop left half done.
pub async fn unfinished_jobs(database: &Database) -> Result<Vec<String>, StoreError> {
    // Few at a time: told apart here, they are found without a look at all the others in the order of their jobs.
    let sql = "SELECT job FROM batch WHERE state IN ('reading', 'released')";
    let rows: Vec<(String,)> = database.fetch(sql, vec![]).await?;
    let jobs: BTreeSet<String> = rows.into_iter().map(|(job,)| job).collect();
    Ok(jobs.into_iter().collect())
}

/// The batch that was last made of exactly this origin, if there is one that counts.
pub async fn of_origin(
    database: &Database,
    source_id: i64,
    origin_mark: &str,
) -> Result<Option<BatchRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM batch WHERE source_id = $1 AND origin_mark = $2 \
         AND state <> 'abandoned' ORDER BY id DESC LIMIT 1"
    );
    Ok(database.fetch(&sql, cells![source_id, origin_mark.to_owned()]).await?.into_iter().next())
}

/// The extract that was accepted last.
pub async fn last_accepted(database: &Database, source_id: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT id FROM batch WHERE source_id = $1 AND state IN ('released', 'closed') \
               AND content_digest IS NOT NULL ORDER BY id DESC LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source_id]).await?;
    Ok(rows.into_iter().next().map(|(id,)| id))
}

/// The batch that was accepted last with this very content, if there is one.
pub async fn of_content(
    database: &Database,
    source_id: i64,
    digest: &str,
) -> Result<Option<BatchRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM batch WHERE source_id = $1 AND content_digest = $2 \
         AND state IN ('released', 'closed') ORDER BY id DESC LIMIT 1"
    );
    Ok(database.fetch(&sql, cells![source_id, digest.to_owned()]).await?.into_iter().next())
}

/// The batch that was last accepted under this name, if there is one.
pub async fn of_name(
    database: &Database,
    source_id: i64,
    origin: &str,
) -> Result<Option<BatchRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM batch WHERE source_id = $1 AND origin = $2 \
         AND state IN ('released', 'closed') ORDER BY id DESC LIMIT 1"
    );
    Ok(database.fetch(&sql, cells![source_id, origin.to_owned()]).await?.into_iter().next())
}

/// Whether anything of this source was ever accepted.
pub async fn any_accepted(database: &Database, source_id: i64) -> Result<bool, StoreError> {
    let sql =
        "SELECT id FROM batch WHERE source_id = $1 AND state IN ('released','closed') LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source_id]).await?;
    Ok(!rows.is_empty())
}

/// How a batch ends that is not released.
#[derive(Debug, Clone)]
pub struct Ending<'a> {
    /// `held`, `abandoned` or `duplicate`.
    pub state: &'static str,
    pub code: Option<&'a str>,
    pub cause: Option<&'a str>,
    pub content_digest: Option<&'a str>,
    pub encoding: Option<&'a str>,
    pub now_ms: i64,
}

/// Ends a batch without releasing it: what was staged of it goes, its row stays and says why.
pub async fn end(
    database: &Database,
    batch_id: i64,
    ending: Ending<'_>,
    counts: &Counts,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    transaction.execute("DELETE FROM dead_letter WHERE batch_id = $1", cells![batch_id]).await?;
    transaction
        .execute("DELETE FROM source_record WHERE id > $1 AND batch_id = $1", cells![batch_id])
        .await?;
    let sql = "UPDATE batch SET state = $2, cause_code = $3, cause = $4, content_digest = $5, \
               closed_ms = $6, rows_in = $7, held = $8, unchanged = $9, encoding = $10 \
               WHERE id = $1";
    let cells = cells![
        batch_id,
        ending.state,
        ending.code.map(str::to_owned),
        ending.cause.map(str::to_owned),
        ending.content_digest.map(str::to_owned),
        ending.now_ms,
        counts.rows_in,
        counts.held,
        counts.unchanged,
        ending.encoding.map(str::to_owned),
    ];
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}

/// What is known of the content of a batch that is released.
#[derive(Debug, Clone, Copy)]
pub struct Content<'a> {
    /// Of the file; a replay has none.
    pub digest: Option<&'a str>,
    pub encoding: Option<&'a str>,
    /// Code and sentence for a person to look at, though the batch was taken.
    pub note: Option<(&'static str, &'a str)>,
    /// How far a system that was asked told us.
    pub cursor: Option<&'a str>,
}

/// Nothing came: a batch that was opened for it is not there any more.
pub async fn forget(database: &Database, batch_id: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "DELETE FROM batch WHERE id = $1 AND state = 'reading'";
    transaction.execute(sql, cells![batch_id]).await?;
    transaction.commit().await
}

/// How far a system that is asked has told us, by what was last taken from it.
pub async fn cursor(database: &Database, source_id: i64) -> Result<Option<String>, StoreError> {
    let sql = "SELECT cursor FROM batch WHERE source_id = $1 AND cursor IS NOT NULL \
               AND state IN ('released', 'closed') ORDER BY id DESC LIMIT 1";
    let rows: Vec<(String,)> = database.fetch(sql, cells![source_id]).await?;
    Ok(rows.into_iter().next().map(|(cursor,)| cursor))
}

/// Writes the counts of the reading and releases the batch. Part of the releasing transaction.
pub async fn release(
    transaction: &mut Transaction,
    batch_id: i64,
    content: Content<'_>,
    counts: &Counts,
    last_record: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET state = 'released', content_digest = $2, released_ms = $3, \
               rows_in = $4, unchanged = $5, held = $6, records_new = $7, records_changed = $8, \
               records_unchanged = $9, records_gone = $10, last_record = $11, resolved_to = id, \
               encoding = $12, cause_code = $13, cause = $14, filtered = $15, cursor = $16 \
               WHERE id = $1 AND state = 'reading'";
    let cells = cells![
        batch_id,
        content.digest.map(str::to_owned),
        now_ms,
        counts.rows_in,
        counts.unchanged,
        counts.held,
        counts.records_new,
        counts.records_changed,
        counts.records_unchanged,
        counts.records_gone,
        last_record,
        content.encoding.map(str::to_owned),
        content.note.map(|(code, _)| code.to_owned()),
        content.note.map(|(_, cause)| cause.to_owned()),
        counts.filtered,
        content.cursor.map(str::to_owned),
    ];
    match transaction.execute(sql, cells).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("batch {batch_id} is not being read any more"))),
    }
}

/// Notes on a batch what a person should look at; behind what is noted already.
pub async fn note(
    database: &Database,
    batch_id: i64,
    code: &str,
    cause: &str,
) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE batch SET cause_code = COALESCE(cause_code, $2), \
               cause = CASE WHEN cause IS NULL THEN $3 ELSE cause || '; ' || $3 END WHERE id = $1";
    let cells = cells![batch_id, code.to_owned(), cause.to_owned()];
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}

/// What one chunk added to the batch.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    pub resolved_to: i64,
    pub published: i64,
    pub held: i64,
    pub filtered: i64,
    pub residents_created: i64,
    pub residents_changed: i64,
    pub changes: i64,
}

/// Moves the batch's watermark. Part of the chunk's transaction: both happen, or neither.
pub async fn advance(
    transaction: &mut Transaction,
    batch: &BatchRow,
    progress: Progress,
) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET resolved_to = $2, published = published + $3, held = held + $4, \
               filtered = filtered + $5, residents_created = residents_created + $6, \
               residents_changed = residents_changed + $7, changes = changes + $8 \
               WHERE id = $1 AND resolved_to < $2";
    let cells = cells![
        batch.id,
        progress.resolved_to,
        progress.published,
        progress.held,
        progress.filtered,
        progress.residents_created,
        progress.residents_changed,
        progress.changes,
    ];
    match transaction.execute(sql, cells).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("batch {} was resolved by somebody else", batch.id))),
    }
}

/// Closes a batch whose counts agree, and adds what its closing brought.
pub async fn close(
    transaction: &mut Transaction,
    batch_id: i64,
    gone_changes: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE batch SET state = 'closed', closed_ms = $2, changes = changes + $3 \
               WHERE id = $1 AND state = 'released' \
               AND rows_in = published + unchanged + held + filtered";
    match transaction.execute(sql, cells![batch_id, now_ms, gone_changes]).await? {
        1 => Ok(()),
        _ => Err(StoreError::Conflict(format!("the counts of batch {batch_id} do not agree"))),
    }
}
