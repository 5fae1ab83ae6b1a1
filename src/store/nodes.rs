//! The nodes that work here, as each says of itself with every beat, and what stands in their names: leases, bulk
//! actions, the last slot of each schedule. How long a node has been silent is told by the database's clock alone:
//! theirs may be off.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// A node, as it said with its last beat.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct NodeRow {
    pub name: String,
    pub version: String,
    pub address: String,
    /// By its own clock, UTC milliseconds.
    pub began_ms: i64,
    /// Its last beat by its own clock, and by the database's.
    pub beat_ms: i64,
    pub heard_ms: i64,
    /// Since when it takes nothing new, who said so and why.
    pub drain_ms: Option<i64>,
    pub drain_by: Option<String>,
    pub drain_why: Option<String>,
    /// The database's clock as this was read.
    pub now_ms: i64,
}

/// What a node says of itself.
#[derive(Debug, Clone)]
pub struct Beat<'a> {
    pub name: &'a str,
    pub version: &'a str,
    pub address: &'a str,
    pub began_ms: i64,
    pub now_ms: i64,
}

/// The database's clock, UTC milliseconds.
fn clock(database: &Database) -> &'static str {
    match database.is_postgres() {
        true => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)",
        false => "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    }
}

/// Says that a node is there. Of those that were silent for longer than `told_ms` nothing is told any more.
pub async fn beat(database: &Database, beat: Beat<'_>, told_ms: i64) -> Result<(), StoreError> {
    let sql = format!(
        "INSERT INTO node (name, version, address, began_ms, beat_ms, heard_ms) \
         VALUES ($1, $2, $3, $4, $5, {}) ON CONFLICT (name) DO UPDATE SET \
         beat_ms = excluded.beat_ms, heard_ms = excluded.heard_ms",
        clock(database)
    );
    let cells = cells![
        beat.name.to_owned(),
        beat.version.to_owned(),
        beat.address.to_owned(),
        beat.began_ms,
        beat.now_ms,
    ];
    let mut transaction = database.begin().await?;
    transaction.execute(&sql, cells).await?;
    let sql = format!("DELETE FROM node WHERE heard_ms < {} - $1", clock(database));
    transaction.execute(&sql, cells![told_ms]).await?;
    transaction.commit().await
}

/// Whether somebody said that a node is to take nothing new.
pub async fn is_drained(database: &Database, name: &str) -> Result<bool, StoreError> {
    let sql = "SELECT name FROM node WHERE name = $1 AND drain_ms IS NOT NULL";
    let rows: Vec<(String,)> = database.fetch(sql, cells![name.to_owned()]).await?;
    Ok(!rows.is_empty())
}

/// Has a node take nothing new, or again. Says whether it was otherwise.
pub async fn turn(
    database: &Database,
    name: &str,
    (drained, actor, reason): (bool, &str, &str),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let (sql, cells) = match drained {
        true => (
            "UPDATE node SET drain_ms = $2, drain_by = $3, drain_why = $4 \
             WHERE name = $1 AND drain_ms IS NULL",
            cells![name.to_owned(), now_ms, actor.to_owned(), reason.to_owned()],
        ),
        false => (
            "UPDATE node SET drain_ms = NULL, drain_by = NULL, drain_why = NULL \
             WHERE name = $1 AND drain_ms IS NOT NULL",
            cells![name.to_owned()],
        ),
    };
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let entry = Entry {
        actor,
        action: if drained { "drained" } else { "resumed" },
        target: format!("node {name}"),
        reason: Some(reason),
        details: None,
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// A node has ended as it should: nobody misses it.
pub async fn leave(database: &Database, name: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    transaction.execute("DELETE FROM node WHERE name = $1", cells![name.to_owned()]).await?;
    transaction.commit().await
}

/// All that are known, whoever began last first.
pub async fn all(database: &Database) -> Result<Vec<NodeRow>, StoreError> {
    let sql = format!(
        "SELECT name, version, address, began_ms, beat_ms, heard_ms, drain_ms, drain_by, drain_why, {} AS now_ms FROM node \
         ORDER BY began_ms DESC, name LIMIT 200",
        clock(database)
    );
    database.fetch(&sql, vec![]).await
}

/// A lease that somebody has, or had last and never gave back.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct LeaseRow {
    pub name: String,
    pub holder: String,
    pub fence: i64,
    /// By the clock of whoever took it.
    pub until_ms: i64,
}

/// Leases that were not given back.
pub async fn leases(database: &Database) -> Result<Vec<LeaseRow>, StoreError> {
    let sql = "SELECT name, holder, fence, until_ms FROM lease WHERE until_ms > 0 ORDER BY name LIMIT 500";
    database.fetch(sql, vec![]).await
}

/// A batch that is being read or resolved.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UnderWay {
    pub id: i64,
    pub job: String,
    pub origin: String,
}

/// Batches that are not at their end, of the newest.
pub async fn batches(database: &Database) -> Result<Vec<UnderWay>, StoreError> {
    let sql = "SELECT id, job, origin FROM (SELECT id, job, origin, state FROM batch ORDER BY id DESC LIMIT 500) newest \
               WHERE state IN ('reading', 'released') ORDER BY id LIMIT 20";
    database.fetch(sql, vec![]).await
}

/// A bulk action that goes on.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Working {
    pub id: i64,
    pub action: String,
    pub items: i64,
    /// None where nobody has begun with it.
    pub worked_by: Option<String>,
    pub moved_ms: i64,
}

/// Bulk actions that go on.
pub async fn bulk(database: &Database) -> Result<Vec<Working>, StoreError> {
    let sql = "SELECT id, action, items, worked_by, moved_ms FROM bulk WHERE state = 'running' ORDER BY id LIMIT 100";
    database.fetch(sql, vec![]).await
}

/// Puts down who works on a bulk action.
pub async fn works_on(database: &Database, bulk: i64, name: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE bulk SET worked_by = $2 WHERE id = $1";
    transaction.execute(sql, cells![bulk, name.to_owned()]).await?;
    transaction.commit().await
}

/// The last slot of a job's schedule that was run.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Fired {
    pub slot_ms: i64,
    /// None where that was before nodes said so.
    pub fired_by: Option<String>,
}

/// When a job's schedule was last fired, and by whom.
pub async fn fired(database: &Database, job: &str) -> Result<Option<Fired>, StoreError> {
    let sql = "SELECT slot_ms, fired_by FROM schedule_slot WHERE job = $1 AND why IS NULL \
               ORDER BY slot_ms DESC LIMIT 1";
    Ok(database.fetch(sql, cells![job.to_owned()]).await?.into_iter().next())
}
