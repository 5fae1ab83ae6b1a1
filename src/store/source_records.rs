//! Source records: staged, released, and read again; and what each source said last.

use super::database::{Database, Insert, StoreError, Transaction, cells};
use crate::record::personal::unprinted;

/// What a source said last under one key.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct KnownKey {
    pub key_digest: i64,
    pub digest: i64,
    pub id: i64,
}

/// How a staged record stands to what was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// It cannot be a record; it is kept to be seen.
    Unreadable,
    New,
    Changed,
    /// It was gone, and is there again.
    Returned,
    /// A newer one of its key is known: it is kept, and nothing more.
    Older,
}

impl Change {
    /// As the table has it.
    pub fn number(self) -> i64 {
        match self {
            Change::Unreadable => 0,
            Change::New => 1,
            Change::Changed => 2,
            Change::Returned => 3,
            Change::Older => 4,
        }
    }
}

/// A record on its way into the store.
pub struct Staged {
    pub id: i64,
    pub source_key_id: i64,
    pub change: Change,
    pub key: String,
    pub key_digest: i64,
    pub digest: i64,
    pub payload: Vec<u8>,
}

/// A staged record, to be resolved.
#[derive(sqlx::FromRow)]
pub struct StagedRow {
    pub id: i64,
    pub source_key_id: i64,
    pub change: i64,
    pub dictionary_id: i64,
    pub payload: Vec<u8>,
}

impl StagedRow {
    /// Whether nothing was known under its key before.
    pub fn is_new(&self) -> bool {
        self.change == Change::New.number()
    }

    /// Whether it was gone before.
    pub fn is_returned(&self) -> bool {
        self.change == Change::Returned.number()
    }
}

const STAGE: Insert = Insert {
    table: "source_record",
    columns: "id,batch_id,source_key_id,change,key,key_digest,digest,dictionary_id,payload",
    after: "",
};

/// Everything known of a source, ordered by the digest of its key.
pub async fn known(database: &Database, source_id: i64) -> Result<Vec<KnownKey>, StoreError> {
    let sql = "SELECT key_digest, digest, id FROM source_key WHERE source_id = $1";
    let mut known: Vec<KnownKey> = database.fetch(sql, cells![source_id]).await?;
    known.sort_unstable_by_key(|key| key.key_digest as u64);
    Ok(known)
}

/// Stages records of a batch that is being read. Nothing sees them until the batch is released.
pub async fn stage(
    transaction: &mut Transaction,
    batch_id: i64,
    dictionary_id: i64,
    records: Vec<Staged>,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(records.len() * 9);
    for record in records {
        rows.extend(cells![
            record.id,
            batch_id,
            record.source_key_id,
            record.change.number(),
            record.key,
            record.key_digest,
            record.digest,
            dictionary_id,
            record.payload,
        ]);
    }
    transaction.insert(STAGE, rows).await?;
    Ok(())
}

/// Notes of staged records that a newer one of their key came behind them in their own batch.
pub async fn outdate(transaction: &mut Transaction, records: &[i64]) -> Result<(), StoreError> {
    if records.is_empty() {
        return Ok(());
    }
    let older = Change::Older.number();
    let sql = format!("UPDATE source_record SET change = {older} WHERE id IN");
    transaction.fetch_for::<(i64,)>(&sql, records, " RETURNING id").await?;
    Ok(())
}

/// Makes what a batch staged the last word of its source. Part of the releasing transaction.
/// Records are numbered after their batch, so its own number keeps each search on the primary key.
pub async fn release(
    transaction: &mut Transaction,
    batch_id: i64,
    source_id: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO source_key (id, source_id, key, key_digest, digest, record_id) \
               SELECT source_key_id, $2, key, key_digest, digest, id FROM source_record \
               WHERE id > $1 AND batch_id = $1 AND change = 1 ORDER BY id";
    transaction.execute(sql, cells![batch_id, source_id]).await?;
    let sql = "UPDATE source_key SET digest = r.digest, record_id = r.id, gone_ms = NULL, \
               gone_batch = NULL FROM source_record r \
               WHERE r.id > $1 AND r.batch_id = $1 AND r.change IN (2, 3) AND source_key.id = r.source_key_id";
    transaction.execute(sql, cells![batch_id]).await?;
    Ok(())
}

/// Marks keys that a full extract no longer holds. Nothing is deleted; a return is seen as a
/// change.
pub async fn mark_gone(
    transaction: &mut Transaction,
    batch_id: i64,
    keys: &[i64],
    now_ms: i64,
) -> Result<(), StoreError> {
    for some in keys.chunks(1024) {
        let size = some.len().next_power_of_two();
        let places: Vec<String> = (3..3 + size).map(|place| format!("${place}")).collect();
        let sql = format!(
            "UPDATE source_key SET gone_ms = $1, gone_batch = $2, digest = 0 WHERE id IN ({})",
            places.join(",")
        );
        let mut cells = cells![now_ms, batch_id];
        let last = some.last().copied().into_iter().cycle();
        cells.extend(some.iter().copied().chain(last).take(size).map(Into::into));
        transaction.execute(&sql, cells).await?;
    }
    Ok(())
}

/// What a batch marked gone: source key and its last record.
pub async fn gone_in(database: &Database, batch_id: i64) -> Result<Vec<(i64, i64)>, StoreError> {
    let sql = "SELECT id, record_id FROM source_key WHERE gone_batch = $1 ORDER BY id";
    database.fetch(sql, cells![batch_id]).await
}

/// The next staged records of a batch behind `after`, up to `last`: so many at most, and no more than
/// one that goes beyond so many bytes.
pub async fn staged(
    database: &Database,
    batch_id: i64,
    mut after: i64,
    last: i64,
    most: i64,
    bytes_max: usize,
) -> Result<Vec<StagedRow>, StoreError> {
    let lengths = "SELECT id, CAST(LENGTH(payload) AS BIGINT) FROM source_record \
                   WHERE batch_id = $1 AND change IN (1, 2, 3) AND id > $2 AND id <= $3 \
                   ORDER BY id LIMIT $4";
    let rows = "SELECT id, source_key_id, change, dictionary_id, payload FROM source_record \
                WHERE batch_id = $1 AND change IN (1, 2, 3) AND id > $2 AND id <= $3 ORDER BY id";
    // A batch's records lie together, a new one every other number. A short range keeps this cheap even
    // where the planner knows nothing of the table yet and would sort all that is left.
    let mut range = 2 * most;
    loop {
        let to = last.min(after + range);
        let found: Vec<(i64, i64)> =
            database.fetch(lengths, cells![batch_id, after, to, most]).await?;
        if let Some(end) = fitting(&found, bytes_max as i64) {
            return database.fetch(rows, cells![batch_id, after, end]).await;
        }
        if to >= last {
            return Ok(Vec::new());
        }
        (after, range) = (to, range * 8);
    }
}

/// The last of the rows that fit into so many bytes; the first always does.
fn fitting(rows: &[(i64, i64)], bytes_max: i64) -> Option<i64> {
    let mut bytes = 0;
    let fits = rows.iter().take_while(|(_, length)| {
        let fits = bytes < bytes_max;
        bytes += length;
        fits
    });
    fits.last().map(|(id, _)| *id)
}

/// The records that keys stand on now, with whether the key is marked gone.
#[derive(sqlx::FromRow)]
pub struct LastRecord {
    pub source_key_id: i64,
    pub gone: bool,
    /// Whether it was read with the mapping as it is now.
    pub same_mapping: bool,
    pub dictionary_id: i64,
    pub payload: Vec<u8>,
}

/// What sources said last under these keys.
pub async fn last_of(
    transaction: &mut Transaction,
    keys: &[i64],
    mapping_version: i64,
) -> Result<Vec<LastRecord>, StoreError> {
    let before = format!(
        "SELECT k.id AS source_key_id, k.gone_ms IS NOT NULL AS gone, r.dictionary_id, r.payload, \
         b.mapping_version = {mapping_version} AS same_mapping FROM source_key k \
         JOIN source_record r ON r.id = k.record_id JOIN batch b ON b.id = r.batch_id WHERE k.id IN"
    );
    transaction.fetch_for(&before, keys, "").await
}

/// Brings digests up to date where bytes changed and meaning did not.
pub async fn restate(
    transaction: &mut Transaction,
    digests: &[(i64, i64)],
) -> Result<(), StoreError> {
    for some in digests.chunks(1024) {
        let size = some.len().next_power_of_two();
        let rows: Vec<String> =
            (0..size).map(|row| format!("(${},${})", 2 * row + 1, 2 * row + 2)).collect();
        let sql = format!(
            "WITH v (id, digest) AS (VALUES {}) UPDATE source_key SET digest = v.digest FROM v \
             WHERE source_key.id = v.id",
            rows.join(",")
        );
        let last = some.last().copied().into_iter().cycle();
        let filled = some.iter().copied().chain(last).take(size);
        let cells = filled.flat_map(|(id, digest)| cells![id, digest]).collect();
        transaction.execute(&sql, cells).await?;
    }
    Ok(())
}

/// The dictionary that a source's records are compressed with, if it has one.
pub async fn dictionary_of(
    database: &Database,
    source_id: i64,
) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT id, bytes FROM dictionary WHERE source_id = $1 ORDER BY id DESC LIMIT 1";
    Ok(database.fetch(sql, cells![source_id]).await?.into_iter().next())
}

/// Every dictionary of a source: records cannot be read without theirs.
pub async fn dictionaries(
    database: &Database,
    source_id: i64,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT id, bytes FROM dictionary WHERE source_id = $1";
    database.fetch(sql, cells![source_id]).await
}

/// The dictionary of that number, as a list of one; 0 is none.
pub async fn dictionary(database: &Database, id: i64) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    database.fetch("SELECT id, bytes FROM dictionary WHERE id = $1", cells![id]).await
}

/// Keeps a dictionary, before the first record that needs it.
pub async fn keep_dictionary(
    transaction: &mut Transaction,
    id: i64,
    source_id: i64,
    bytes: Vec<u8>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO dictionary (id, source_id, bytes) VALUES ($1, $2, $3)";
    transaction.execute(sql, cells![id, source_id, bytes]).await?;
    Ok(())
}

unprinted!(Staged, StagedRow, LastRecord);
