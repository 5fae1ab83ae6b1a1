//! How each destination stands: its circuit, its pace, what it had today, and whether a person paused it.
//! The holder of its lease writes all but the pause, and so what is counted is counted for all nodes.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, Transaction, cells};
use super::leases::Lease;
use super::ringing;

/// A row of `destination`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DestinationRow {
    pub name: String,
    /// closed, open, halted
    pub circuit: String,
    pub code: Option<String>,
    pub cause: Option<String>,
    pub failures: i64,
    pub opened: i64,
    pub opened_ms: Option<i64>,
    pub probe_ms: i64,
    /// Thousandths.
    pub permits: i64,
    pub filled_ms: i64,
    pub day: i64,
    pub emails: i64,
    pub texts: i64,
    pub letters: i64,
    pub paused_ms: Option<i64>,
    pub paused_by: Option<String>,
    pub paused_why: Option<String>,
}

const COLUMNS: &str = "name, circuit, code, cause, failures, opened, opened_ms, probe_ms, permits, \
    filled_ms, day, emails, texts, letters, paused_ms, paused_by, paused_why";

impl DestinationRow {
    /// One of which nothing is known yet.
    pub fn fresh(name: &str) -> DestinationRow {
        DestinationRow {
            name: name.to_owned(),
            circuit: "closed".to_owned(),
            code: None,
            cause: None,
            failures: 0,
            opened: 0,
            opened_ms: None,
            probe_ms: 0,
            permits: 0,
            filled_ms: 0,
            day: 0,
            emails: 0,
            texts: 0,
            letters: 0,
            paused_ms: None,
            paused_by: None,
            paused_why: None,
        }
    }
}

/// How a destination stands.
pub async fn get(database: &Database, name: &str) -> Result<Option<DestinationRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM destination WHERE name = $1");
    Ok(database.fetch(&sql, cells![name.to_owned()]).await?.into_iter().next())
}

/// Since when a person has paused it (UTC milliseconds), if one has.
pub async fn paused_ms(
    transaction: &mut Transaction,
    name: &str,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT paused_ms FROM destination WHERE name = $1";
    let rows: Vec<(Option<i64>,)> = transaction.fetch(sql, cells![name.to_owned()]).await?;
    Ok(rows.into_iter().next().and_then(|(since_ms,)| since_ms))
}

/// How all of them stand.
pub async fn all(database: &Database) -> Result<Vec<DestinationRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM destination ORDER BY name");
    database.fetch(&sql, vec![]).await
}

/// Writes how it stands, but for the pause; nothing where the lease is another's by now.
pub async fn save(
    database: &Database,
    lease: &Lease,
    row: &DestinationRow,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO destination (name, circuit, code, cause, failures, opened, opened_ms, \
               probe_ms, permits, filled_ms, day, emails, texts, letters) \
               SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14 \
               FROM lease WHERE lease.name = $15 AND lease.fence = $16 \
               ON CONFLICT (name) DO UPDATE SET circuit = excluded.circuit, \
               code = excluded.code, cause = excluded.cause, failures = excluded.failures, \
               opened = excluded.opened, opened_ms = excluded.opened_ms, \
               probe_ms = excluded.probe_ms, permits = excluded.permits, \
               filled_ms = excluded.filled_ms, day = excluded.day, emails = excluded.emails, \
               texts = excluded.texts, letters = excluded.letters";
    let cells = cells![
        row.name.clone(),
        row.circuit.clone(),
        row.code.clone(),
        row.cause.clone(),
        row.failures,
        row.opened,
        row.opened_ms,
        row.probe_ms,
        row.permits,
        row.filled_ms,
        row.day,
        row.emails,
        row.texts,
        row.letters,
        lease.name.clone(),
        lease.fence,
    ];
    let mut transaction = database.begin().await?;
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}

/// Stops everything that would leave for a destination, until a person lets it go on.
pub async fn pause(
    database: &Database,
    name: &str,
    by: &str,
    why: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO destination (name, circuit, failures, opened, probe_ms, permits, \
               filled_ms, day, emails, texts, letters, paused_ms, paused_by, paused_why) \
               VALUES ($1, 'closed', 0, 0, 0, 0, 0, 0, 0, 0, 0, $2, $3, $4) \
               ON CONFLICT (name) DO UPDATE SET paused_ms = excluded.paused_ms, \
               paused_by = excluded.paused_by, paused_why = excluded.paused_why";
    let mut transaction = database.begin_durable().await?;
    let cells = cells![name.to_owned(), now_ms, by.to_owned(), why.to_owned()];
    transaction.execute(sql, cells).await?;
    write_down(&mut transaction, "paused", name, by, why, now_ms).await?;
    transaction.commit().await
}

/// Lets it go on, and has a halted one tried again. False where there was nothing to be lifted.
pub async fn resume(
    database: &Database,
    name: &str,
    by: &str,
    why: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE destination SET paused_ms = NULL, paused_by = NULL, paused_why = NULL, \
               circuit = CASE circuit WHEN 'closed' THEN circuit ELSE 'open' END, probe_ms = 0 \
               WHERE name = $1 AND (paused_ms IS NOT NULL OR circuit <> 'closed')";
    let mut transaction = database.begin_durable().await?;
    if transaction.execute(sql, cells![name.to_owned()]).await? == 0 {
        return Ok(false);
    }
    write_down(&mut transaction, "resumed", name, by, why, now_ms).await?;
    ringing::ring(&mut transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Has one tried at once at a destination that is left alone: what becomes of it decides. False where it is not left
/// alone, or paused besides.
pub async fn probe(
    database: &Database,
    name: &str,
    by: &str,
    why: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE destination SET probe_ms = 0 \
               WHERE name = $1 AND circuit = 'open' AND paused_ms IS NULL";
    let mut transaction = database.begin_durable().await?;
    if transaction.execute(sql, cells![name.to_owned()]).await? == 0 {
        return Ok(false);
    }
    write_down(&mut transaction, "probed", name, by, why, now_ms).await?;
    ringing::ring(&mut transaction).await?;
    transaction.commit().await?;
    Ok(true)
}

async fn write_down(
    transaction: &mut Transaction,
    action: &str,
    name: &str,
    actor: &str,
    why: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let target = format!("destination {name}");
    let entry = Entry { actor, action, target, reason: Some(why), details: None };
    audit::write(transaction, &entry, now_ms).await
}
