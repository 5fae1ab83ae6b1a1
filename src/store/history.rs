//! What became different about a resident, in order of time, and because of which record.

use super::database::{Database, StoreError, cells};
use super::statement::places;
use crate::record::personal::unprinted;

/// A change, and what it came with.
#[derive(Clone, sqlx::FromRow)]
pub struct Event {
    pub id: i64,
    pub batch_id: i64,
    pub record_id: i64,
    /// account or resident
    pub subject: String,
    pub subject_id: i64,
    pub kind: String,
    pub changes: Option<String>,
    pub at_ms: i64,
    pub job: Option<String>,
    pub origin: Option<String>,
    /// Whether the batch may have told anybody.
    pub sends: Option<bool>,
    pub mapping: Option<String>,
    pub mapping_version: Option<i64>,
    pub source: Option<String>,
    /// What the source calls the record.
    pub reference: Option<String>,
}

unprinted!(Event);

const EVENT: &str = "SELECT e.id, e.batch_id, e.record_id, e.subject, e.subject_id, e.kind, \
    e.changes, e.at_ms, b.job, b.origin, b.sends, b.mapping, b.mapping_version, s.name AS source, \
    r.key AS reference FROM change_event e LEFT JOIN batch b ON b.id = e.batch_id \
    LEFT JOIN source s ON s.id = b.source_id LEFT JOIN source_record r ON r.id = e.record_id ";

/// What happened to these, which are residents and accounts, before `before`: the newest first.
pub async fn events(
    database: &Database,
    subjects: &[i64],
    before: i64,
    most: i64,
) -> Result<Vec<Event>, StoreError> {
    let sql = format!(
        "{EVENT} WHERE e.id < $1 AND e.subject_id IN ({}) ORDER BY e.id DESC LIMIT $2",
        places(3, subjects.len())
    );
    let mut cells = cells![before, most];
    cells.extend(subjects.iter().copied().map(Into::into));
    database.fetch(&sql, cells).await
}

/// The change of that number.
pub async fn event(database: &Database, id: i64) -> Result<Option<Event>, StoreError> {
    let sql = format!("{EVENT} WHERE e.id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// A change in the order of all.
#[derive(Clone, sqlx::FromRow)]
pub struct Change {
    pub id: i64,
    pub batch_id: i64,
    /// account or resident
    pub subject: String,
    pub subject_id: i64,
    pub kind: String,
    pub changes: Option<String>,
    pub at_ms: i64,
}

unprinted!(Change);

/// Changes beyond that number, the first first, as far as none can come below them any more. Each run has numbers of its
/// own to give, and those of a batch may lie below what others wrote long before it is closed. They lie above the batch's
/// own number, and above all that was given when it was released: so nothing above a batch that is released and not
/// closed is told yet. One that is being read changes nothing; one that was left is taken up again, or released by nobody.
pub async fn changes(
    database: &Database,
    after: i64,
    most: i64,
) -> Result<Vec<Change>, StoreError> {
    // The sign has the few that are released looked at, and not all batches in the order of their numbers.
    let sql = "SELECT e.id, e.batch_id, e.subject, e.subject_id, e.kind, e.changes, e.at_ms \
               FROM change_event e WHERE e.id > $1 AND e.id < COALESCE((SELECT MIN(+b.id) FROM batch b \
               WHERE b.state = 'released'), 9223372036854775807) ORDER BY e.id LIMIT $2";
    database.fetch(sql, cells![after, most]).await
}

/// Who is named on these accounts: account and resident.
pub async fn residents_of(
    database: &Database,
    accounts: &[i64],
) -> Result<Vec<(i64, i64)>, StoreError> {
    let before = "SELECT DISTINCT source_key_id, resident_id FROM party WHERE resident_id IS NOT NULL \
                  AND source_key_id IN";
    database.fetch_for(before, accounts, "ORDER BY source_key_id, resident_id", vec![]).await
}
