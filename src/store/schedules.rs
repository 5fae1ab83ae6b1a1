//! Schedules that stand still, and slots of them that are passed over, as rows. What a slot is, `queue` has.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// A job whose schedule stands still.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Pause {
    pub job: String,
    pub actor: String,
    pub reason: String,
    pub since_ms: i64,
}

/// A slot that was or will be passed over.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Missed {
    pub job: String,
    pub slot_ms: i64,
    /// `paused` or `skipped`
    pub why: String,
}

/// Every schedule that stands still.
pub async fn paused(database: &Database) -> Result<Vec<Pause>, StoreError> {
    database.fetch("SELECT job, actor, reason, since_ms FROM job_pause ORDER BY job", vec![]).await
}

/// Has one stand still, or go on where it stood still. Says whether it was otherwise.
pub async fn turn(
    database: &Database,
    job: &str,
    (goes_on, actor, reason): (bool, &str, &str),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let changed = match goes_on {
        true => {
            let sql = "DELETE FROM job_pause WHERE job = $1";
            transaction.execute(sql, cells![job.to_owned()]).await?
        }
        false => {
            let sql = "INSERT INTO job_pause (job, actor, reason, since_ms) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (job) DO NOTHING";
            let cells = cells![job.to_owned(), actor.to_owned(), reason.to_owned(), now_ms];
            transaction.execute(sql, cells).await?
        }
    };
    if changed == 0 {
        return Ok(false);
    }
    let entry = Entry {
        actor,
        action: if goes_on { "resumed" } else { "paused" },
        target: format!("job {job}"),
        reason: Some(reason),
        details: None,
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// A slot came while its schedule stood still: it is passed over, and not made up for.
pub async fn pass_over(
    database: &Database,
    job: &str,
    slot_ms: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO schedule_slot (job, slot_ms, fired_ms, why) VALUES ($1, $2, $3, 'paused') \
               ON CONFLICT (job, slot_ms) DO NOTHING";
    let mut transaction = database.begin().await?;
    transaction.execute(sql, cells![job.to_owned(), slot_ms, now_ms]).await?;
    transaction.commit().await
}

/// Has a slot that is still to come passed over. Says whether nobody had a hand on it.
pub async fn skip(
    database: &Database,
    (job, slot_ms): (&str, i64),
    (actor, reason): (&str, &str),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO schedule_slot (job, slot_ms, fired_ms, why) VALUES ($1, $2, $3, 'skipped') \
               ON CONFLICT (job, slot_ms) DO NOTHING";
    if transaction.execute(sql, cells![job.to_owned(), slot_ms, now_ms]).await? == 0 {
        return Ok(false);
    }
    let entry = Entry {
        actor,
        action: "skipped",
        target: format!("job {job}"),
        reason: Some(reason),
        details: Some(serde_json::json!({ "slot_ms": slot_ms }).to_string()),
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Slots after that instant that were or will be passed over, the newest first.
pub async fn missed(database: &Database, after_ms: i64) -> Result<Vec<Missed>, StoreError> {
    let sql = "SELECT job, slot_ms, why FROM schedule_slot WHERE why IS NOT NULL AND slot_ms > $1 \
               ORDER BY slot_ms DESC LIMIT 200";
    database.fetch(sql, cells![after_ms]).await
}
