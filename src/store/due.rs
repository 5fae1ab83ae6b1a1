//! What is due at a destination, and why the rest waits.

use super::database::{Database, StoreError, cells};
use super::outbox::NEVER_MS;

/// When the next delivery is due, in each state that goes on by itself (UTC milliseconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    pub waiting_ms: Option<i64>,
    pub unknown_ms: Option<i64>,
    pub accepted_ms: Option<i64>,
    pub offered_ms: Option<i64>,
    /// Of payments that were made, and are to be looked at once more.
    pub recheck_ms: Option<i64>,
}

/// When something is due next. Of those that wait, only what comes due after that time.
pub async fn next_due(
    database: &Database,
    destination: &str,
    waiting_after_ms: i64,
) -> Result<Due, StoreError> {
    let least = |state: &str| {
        let after = if state == "waiting" { "AND next_ms > $3" } else { "" };
        format!(
            "(SELECT MIN(next_ms) FROM delivery WHERE destination = $1 AND state = '{state}' \
             AND settled_ms IS NULL AND next_ms < $2 {after}) AS {state}_ms"
        )
    };
    let states = ["waiting", "unknown", "accepted", "offered"].map(least);
    let sql = format!(
        "SELECT {}, (SELECT MIN(recheck_ms) FROM delivery WHERE destination = $1 \
         AND recheck_ms IS NOT NULL) AS recheck_ms",
        states.join(", ")
    );
    let cells = cells![destination.to_owned(), NEVER_MS, waiting_after_ms];
    let rows: Vec<Due> = database.fetch(&sql, cells).await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Deliveries that wait because something stopped them: why, how many, and when the first is due.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Stopped {
    pub state: String,
    pub cause: String,
    pub many: i64,
    pub next_ms: i64,
}

/// Why deliveries of a destination wait, the most frequent cause first.
pub async fn stopped(
    database: &Database,
    destination: &str,
    most: i64,
) -> Result<Vec<Stopped>, StoreError> {
    let sql = "SELECT state, cause, COUNT(*) AS many, MIN(next_ms) AS next_ms FROM delivery \
               WHERE destination = $1 AND state IN ('waiting', 'unknown') AND cause IS NOT NULL \
               AND settled_ms IS NULL GROUP BY state, cause ORDER BY many DESC, state, cause \
               LIMIT $2";
    database.fetch(sql, cells![destination.to_owned(), most]).await
}
