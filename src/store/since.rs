//! What a run added: everything with a number that was handed out since a moment. Numbers only
//! grow.
//!
//! Whoever asks says how many of each kind they want; how many there are is counted.

use super::database::{Database, StoreError, cells};

/// The first number that was not handed out yet.
pub async fn next_number(database: &Database) -> Result<i64, StoreError> {
    let sql = "SELECT next FROM id_block WHERE name = 'all'";
    let rows: Vec<(i64,)> = database.fetch(sql, vec![]).await?;
    Ok(rows.first().map_or(1, |(next,)| *next))
}

/// How things stood before a run.
#[derive(Debug, Clone, Copy)]
pub struct Before {
    /// The first number that was not handed out.
    pub number: i64,
    /// Rows that waited.
    pub held: i64,
    /// The last line of the audit log.
    pub audit: i64,
}

/// How things stand now.
pub async fn before(database: &Database) -> Result<Before, StoreError> {
    let number = next_number(database).await?;
    let (held, _) = letters(database, number).await?;
    let end: Vec<(i64,)> =
        database.fetch("SELECT last FROM audit_end WHERE id = 1", vec![]).await?;
    Ok(Before { number, held, audit: end.first().map_or(0, |(last,)| *last) })
}

/// What became of holds since that line of the audit log, with how many: added, changed, lifted.
pub async fn hold_counts(
    database: &Database,
    audit: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT action, COUNT(*) FROM audit WHERE id > $1 AND target LIKE 'hold %' \
               GROUP BY action ORDER BY action";
    database.fetch(sql, cells![audit]).await
}

/// The first holds that were put down since that number.
pub async fn holds(database: &Database, since: i64, most: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM hold WHERE id >= $1 ORDER BY id LIMIT $2";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![since, most]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// A change, and whose it is.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct EventRow {
    pub subject: String,
    pub subject_id: i64,
    pub kind: String,
    /// Field by field, what was and what is: JSON.
    pub changes: Option<String>,
    /// Of an account: the source that knows it, and by what.
    pub source: Option<String>,
    pub key: Option<String>,
    /// Of a resident: the facts as they are now, JSON.
    pub facts: Option<String>,
}

/// Changes, by subject and kind, with how many.
pub async fn event_counts(
    database: &Database,
    since: i64,
) -> Result<Vec<(String, String, i64)>, StoreError> {
    let sql = "SELECT subject, kind, COUNT(*) FROM change_event WHERE id >= $1 \
               GROUP BY subject, kind ORDER BY subject, kind";
    database.fetch(sql, cells![since]).await
}

/// The first changes, in the order they were made.
pub async fn events(
    database: &Database,
    since: i64,
    most: i64,
) -> Result<Vec<EventRow>, StoreError> {
    let sql = "SELECT e.subject, e.subject_id, e.kind, e.changes, s.name AS source, k.key, r.facts \
               FROM change_event e \
               LEFT JOIN source_key k ON k.id = e.subject_id AND e.subject = 'account' \
               LEFT JOIN source s ON s.id = k.source_id \
               LEFT JOIN resident r ON r.id = e.subject_id AND e.subject = 'resident' \
               WHERE e.id >= $1 ORDER BY e.id LIMIT $2";
    database.fetch(sql, cells![since, most]).await
}

/// A party that was found to be somebody who is known.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LinkRow {
    pub resident_id: i64,
    pub source: String,
    pub key: String,
    pub role: String,
    /// The resident's facts as they are now, JSON.
    pub facts: String,
}

const LINKED: &str = "FROM party p JOIN source_key k ON k.id = p.source_key_id \
    JOIN source s ON s.id = k.source_id JOIN resident r ON r.id = p.resident_id \
    WHERE p.id >= $1 AND EXISTS \
    (SELECT 1 FROM party o WHERE o.resident_id = p.resident_id AND o.id < p.id)";

/// How many parties were linked to a resident who was there before them.
pub async fn links_count(database: &Database, since: i64) -> Result<i64, StoreError> {
    let sql = format!("SELECT COUNT(*) {LINKED}");
    let rows: Vec<(i64,)> = database.fetch(&sql, cells![since]).await?;
    Ok(rows.first().map_or(0, |(count,)| *count))
}

/// The first of them.
pub async fn links(database: &Database, since: i64, most: i64) -> Result<Vec<LinkRow>, StoreError> {
    let sql = format!(
        "SELECT p.resident_id, s.name AS source, k.key, p.role, r.facts {LINKED} \
         ORDER BY p.id LIMIT $2"
    );
    database.fetch(&sql, cells![since, most]).await
}

/// How many letters are open that were open then, and how many are open since.
pub async fn letters(database: &Database, since: i64) -> Result<(i64, i64), StoreError> {
    // Two counts, since PostgreSQL makes a wider number of a sum.
    let sql = "SELECT COUNT(CASE WHEN id < $1 THEN 1 END), COUNT(CASE WHEN id >= $1 THEN 1 END) \
               FROM dead_letter WHERE settled_ms IS NULL";
    let rows: Vec<(i64, i64)> = database.fetch(sql, cells![since]).await?;
    Ok(rows.first().copied().unwrap_or_default())
}

/// How many of the letters that are open since are about keys whose last letter before is superseded
/// by them: what waited waits still.
pub async fn still_waiting(database: &Database, since: i64) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM dead_letter n WHERE n.id >= $1 AND n.settled_ms IS NULL \
               AND n.source_key_id <> 0 AND 'superseded' = \
               (SELECT o.settled_as FROM dead_letter o WHERE o.source_key_id = n.source_key_id \
               AND o.id < $1 ORDER BY o.id DESC LIMIT 1)";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![since]).await?;
    Ok(rows.first().map_or(0, |(count,)| *count))
}

/// A delivery that was made.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DeliveryRow {
    pub id: i64,
    pub resident_id: i64,
    pub destination: String,
    pub mapping: String,
    pub purpose: String,
    pub needs_consent: bool,
    pub collection: bool,
    pub account_id: Option<i64>,
    pub reference: String,
    /// What is to be sent: JSON.
    pub message: String,
    pub state: String,
    pub cause_code: Option<String>,
    pub cause: Option<String>,
    /// The resident's facts as they are now, JSON.
    pub facts: Option<String>,
}

/// The next deliveries behind `after`.
pub async fn deliveries(
    database: &Database,
    after: i64,
    most: i64,
) -> Result<Vec<DeliveryRow>, StoreError> {
    let sql = "SELECT d.id, d.resident_id, d.destination, d.mapping, d.purpose, d.needs_consent, \
               d.collection, d.account_id, d.reference, COALESCE(m.message, '') AS message, d.state, d.cause_code, d.cause, r.facts FROM delivery d \
               LEFT JOIN delivery_message m ON m.delivery_id = d.id \
               LEFT JOIN resident r ON r.id = d.resident_id WHERE d.id > $1 ORDER BY d.id LIMIT $2";
    database.fetch(sql, cells![after, most]).await
}
