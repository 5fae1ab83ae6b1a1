//! Alerts that somebody has seen. What an alert is about, and since when it is so, is its name: when it comes another
//! time it is another.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// One that somebody has seen.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Seen {
    /// `late|ingest-crm|1790000000000`
    pub alert: String,
    pub seen_by: String,
    pub why: String,
    /// UTC milliseconds
    pub at_ms: i64,
    pub until_ms: i64,
}

/// So many are kept.
const SEEN_MAX: i64 = 1_000;

/// Those that somebody has seen and that are not over.
pub async fn seen(database: &Database, now_ms: i64) -> Result<Vec<Seen>, StoreError> {
    let sql = "SELECT alert, seen_by, why, at_ms, until_ms FROM alert_seen WHERE until_ms > $1 \
               ORDER BY at_ms LIMIT $2";
    database.fetch(sql, cells![now_ms, SEEN_MAX]).await
}

/// Somebody has seen it. What is over is forgotten.
pub async fn acknowledge(database: &Database, seen: &Seen) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    transaction.execute("DELETE FROM alert_seen WHERE until_ms <= $1", cells![seen.at_ms]).await?;
    let sql = "INSERT INTO alert_seen (alert, seen_by, why, at_ms, until_ms) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (alert) DO UPDATE SET seen_by = excluded.seen_by, why = excluded.why, \
               at_ms = excluded.at_ms, until_ms = excluded.until_ms";
    let Seen { alert, seen_by, why, at_ms, until_ms } = seen.clone();
    transaction.execute(sql, cells![alert.clone(), seen_by, why, at_ms, until_ms]).await?;
    let entry = Entry {
        actor: &seen.seen_by,
        action: "acknowledged",
        target: format!("alert {alert}"),
        reason: Some(&seen.why),
        details: None,
    };
    audit::write(&mut transaction, &entry, at_ms).await?;
    transaction.commit().await
}
