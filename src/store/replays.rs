//! Stored records that are read again: which they are, and their staging in a batch of their own.
//!
//! What a source said is staged once more under a number of its own, so that all that follows is as
//! for a record that has just come. Which of them may be is decided by `job/replay`.

use super::database::{Database, StoreError, Transaction, cells};

/// An open letter and how its row stands.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct HeldRow {
    pub letter_id: i64,
    pub record_id: i64,
    /// 0 where the row has no key that is known.
    pub source_key_id: i64,
    pub change: i64,
    pub code: String,
    /// The newest record of its key.
    pub newest: Option<i64>,
    /// Whether its source has the key no more.
    pub gone: bool,
}

/// Which open letters are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letters {
    pub code: Option<String>,
    /// These alone, unless there are none.
    pub ids: Vec<i64>,
    /// Only rows that no key tells apart.
    pub nameless: bool,
}

impl Letters {
    /// The condition, and its values from place `$first` on.
    fn sql(&self, first: usize) -> (String, Vec<super::database::Cell>) {
        let mut sql = String::from("d.settled_ms IS NULL");
        let mut values = Vec::new();
        if let Some(code) = &self.code {
            sql.push_str(&format!(" AND d.code = ${first}"));
            values.extend(cells![code.clone()]);
        }
        if !self.ids.is_empty() {
            let ids: Vec<String> = self.ids.iter().map(i64::to_string).collect();
            sql.push_str(&format!(" AND d.id IN ({})", ids.join(",")));
        }
        if self.nameless {
            sql.push_str(" AND d.source_key_id = 0");
        }
        (sql, values)
    }
}

/// The jobs that the letters' rows came by, and whether their batches told anybody; with how many.
pub async fn jobs_of(
    database: &Database,
    letters: &Letters,
    job: Option<&str>,
) -> Result<Vec<(String, bool, i64)>, StoreError> {
    let (condition, mut values) = letters.sql(1);
    let mut sql = format!(
        "SELECT b.job, b.sends, COUNT(*) FROM dead_letter d JOIN batch b ON b.id = d.batch_id \
         WHERE {condition}"
    );
    if let Some(job) = job {
        sql.push_str(&format!(" AND b.job = ${}", values.len() + 1));
        values.extend(cells![job.to_owned()]);
    }
    sql.push_str(" GROUP BY b.job, b.sends ORDER BY b.job, b.sends");
    database.fetch(&sql, values).await
}

/// The next open letters behind `after` of rows that came by a job, in batches that told people or
/// did not.
pub async fn held_rows(
    database: &Database,
    letters: &Letters,
    job: &str,
    sends: Option<bool>,
    after: i64,
    most: i64,
) -> Result<Vec<HeldRow>, StoreError> {
    let (condition, values) = letters.sql(4);
    let sends = match sends {
        Some(true) => " AND b.sends",
        Some(false) => " AND NOT b.sends",
        None => "",
    };
    let sql = format!(
        "SELECT d.id AS letter_id, d.record_id, d.source_key_id, d.code, r.change, \
         k.record_id AS newest, k.gone_ms IS NOT NULL AS gone FROM dead_letter d \
         JOIN batch b ON b.id = d.batch_id JOIN source_record r ON r.id = d.record_id \
         LEFT JOIN source_key k ON k.id = d.source_key_id \
         WHERE d.id > $1 AND b.job = $2{sends} AND {condition} ORDER BY d.id LIMIT $3"
    );
    let mut cells = cells![after, job.to_owned(), most];
    cells.extend(values);
    database.fetch(&sql, cells).await
}

/// The next records behind `after` that are the last word of a source, gone ones left out: the
/// record, its change, and whether it is held.
pub async fn present_rows(
    database: &Database,
    source_id: i64,
    after: i64,
    most: i64,
) -> Result<Vec<(i64, i64, bool)>, StoreError> {
    // A cross join is one that SQLite does not turn round: it would look at every key for each
    // page.
    let sql = "SELECT r.id, r.change, EXISTS (SELECT 1 FROM dead_letter d \
               WHERE d.source_key_id = k.id AND d.settled_ms IS NULL) \
               FROM source_record r CROSS JOIN source_key k \
               WHERE k.id = r.source_key_id AND k.record_id = r.id AND r.id > $1 \
               AND k.source_id = $2 AND k.gone_ms IS NULL ORDER BY r.id LIMIT $3";
    database.fetch(sql, cells![after, source_id, most]).await
}

/// One record as it was given: its dictionary and its payload.
pub async fn payload(
    database: &Database,
    record_id: i64,
) -> Result<Option<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT dictionary_id, payload FROM source_record WHERE id = $1";
    Ok(database.fetch(sql, cells![record_id]).await?.into_iter().next())
}

/// Whether a source has ever known something by this key.
pub async fn is_known(database: &Database, source_id: i64, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM source_key WHERE source_id = $1 AND key = $2";
    let found: Vec<(i64,)> = database.fetch(sql, cells![source_id, key.to_owned()]).await?;
    Ok(!found.is_empty())
}

/// A record that is staged once more: its new number, the number it has, and its change.
#[derive(Debug, Clone, Copy)]
pub struct Again {
    pub id: i64,
    pub record_id: i64,
    pub change: i64,
}

/// Stages records of known keys once more. The digest is the key's own: the next extract that says
/// the same is unchanged.
pub async fn stage(
    transaction: &mut Transaction,
    batch_id: i64,
    records: &[Again],
) -> Result<(), StoreError> {
    for some in records.chunks(512) {
        let rows: Vec<String> = (0..some.len())
            .map(|row| format!("(${},${},${})", 3 * row + 2, 3 * row + 3, 3 * row + 4))
            .collect();
        let sql = format!(
            "WITH v (id, record_id, change) AS (VALUES {}) INSERT INTO source_record \
             (id, batch_id, source_key_id, change, key, key_digest, digest, dictionary_id, \
               payload) \
             SELECT v.id, $1, k.id, v.change, k.key, k.key_digest, k.digest, r.dictionary_id, \
             r.payload FROM v JOIN source_record r ON r.id = v.record_id \
             JOIN source_key k ON k.id = r.source_key_id",
            rows.join(",")
        );
        let mut cells = cells![batch_id];
        cells.extend(some.iter().flat_map(|one| cells![one.id, one.record_id, one.change]));
        transaction.execute(&sql, cells).await?;
    }
    Ok(())
}

/// A row that was held without a key and has one now.
#[derive(Debug, Clone)]
pub struct Named {
    pub id: i64,
    pub record_id: i64,
    pub source_key_id: i64,
    pub key: String,
    pub key_digest: i64,
}

/// Stages it as a new record. Its digest is nobody's: the next extract compares what it says.
pub async fn stage_named(
    transaction: &mut Transaction,
    batch_id: i64,
    named: &Named,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO source_record \
               (id, batch_id, source_key_id, change, key, key_digest, digest, dictionary_id, \
               payload) \
               SELECT $1, $2, $3, 1, $4, $5, 1, dictionary_id, payload FROM source_record \
               WHERE id = $6";
    let cells = cells![
        named.id,
        batch_id,
        named.source_key_id,
        named.key.clone(),
        named.key_digest,
        named.record_id,
    ];
    transaction.execute(sql, cells).await?;
    Ok(())
}
