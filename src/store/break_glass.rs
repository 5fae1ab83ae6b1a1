//! Break-glass accounts, as rows: made and taken away, opened for an hour, and locked after wrong tries. They are rows
//! of `staff` that have networks; that they are an administrator while they are open is a matter of their session.

use serde_json::json;

use super::alerts::{self, AlertRow};
use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};
use super::sessions::{self, Alive, SessionRow};
use super::staff::{By, StaffRow};

/// What came of it that one was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    Kept,
    NameTaken,
    /// So many are there as there may be.
    Full,
}

/// Keeps one, unless so many are there already.
pub async fn add(
    database: &Database,
    id: i64,
    (name, owner, networks): (&str, &str, &str),
    by: By<'_>,
    most: i64,
) -> Result<Added, StoreError> {
    let mut transaction = database.begin_durable().await?;
    // The log's end is held from here on: of two who add at once the second counts the first's.
    let details = json!({ "break_glass": true, "owner": owner, "networks": networks });
    by.put_down(&mut transaction, "added", name, Some(details)).await?;
    let sql =
        "SELECT COUNT(*) FROM staff WHERE glass_networks IS NOT NULL AND withdrawn_ms IS NULL";
    let there: Vec<(i64,)> = transaction.fetch(sql, vec![]).await?;
    if there.iter().any(|(there,)| *there >= most) {
        return Ok(Added::Full);
    }
    let sql = "INSERT INTO staff (id, name, roles, sources, last_step, created_by, created_ms, version, paused, \
               owner, glass_networks) VALUES ($1, $2, '', '', -1, $3, $4, 1, FALSE, $5, $6) \
               ON CONFLICT (name) DO NOTHING";
    let cells = cells![
        id,
        name.to_owned(),
        by.actor.to_owned(),
        by.now_ms,
        Some(owner.to_owned()).filter(|owner| !owner.is_empty()),
        networks.to_owned(),
    ];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(Added::NameTaken);
    }
    transaction.commit().await?;
    Ok(Added::Kept)
}

/// Takes one away for good, and ends what it has open. Says whether it was there.
pub async fn withdraw(database: &Database, row: &StaffRow, by: By<'_>) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET withdrawn_ms = $2, withdrawn_by = $3, version = version + 1 \
               WHERE id = $1 AND withdrawn_ms IS NULL";
    let cells = cells![row.id, by.now_ms, by.actor.to_owned()];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    by.put_down(&mut transaction, "withdrawn", &row.name, None).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Whether there are any that were not withdrawn.
pub async fn any(database: &Database) -> Result<bool, StoreError> {
    let sql =
        "SELECT id FROM staff WHERE glass_networks IS NOT NULL AND withdrawn_ms IS NULL LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, vec![]).await?;
    Ok(!rows.is_empty())
}

/// Somebody tried one and knew its password or its code not: after so many tries without one that was right it is
/// locked, and the alert of that is raised. While it is open nobody's guesses end it. Says whether it is locked by
/// this one.
pub async fn failed(
    database: &Database,
    row: &StaffRow,
    alert: &AlertRow,
    most: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET glass_failures = glass_failures + 1 WHERE id = $1 AND disabled_ms IS NULL \
               AND withdrawn_ms IS NULL AND NOT EXISTS (SELECT 1 FROM staff_session s WHERE s.staff_id = staff.id \
               AND s.ended_ms IS NULL AND s.version = staff.version AND s.until_ms > $2) RETURNING glass_failures";
    let tries: Vec<(i64,)> = transaction.fetch(sql, cells![row.id, alert.at_ms]).await?;
    let locked = tries.iter().any(|(tries,)| *tries >= most);
    if locked {
        let sql = "UPDATE staff SET disabled_ms = $2, version = version + 1 WHERE id = $1";
        transaction.execute(sql, cells![row.id, alert.at_ms]).await?;
        let by = By { actor: "hub", reason: Some(&alert.reason), now_ms: alert.at_ms };
        let details = json!({ "alert": alert.id, "from": alert.place });
        by.put_down(&mut transaction, "locked", &row.name, Some(details)).await?;
        alerts::raise(&mut transaction, alert).await?;
    }
    transaction.commit().await?;
    Ok(locked)
}

/// What came of it that one was to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opened {
    Yes,
    /// That very code was used meanwhile, or the account was changed.
    Stale,
    /// It is open since then, and ends then, UTC milliseconds.
    Before(i64, i64),
}

/// Opens one. Part of it are the session, the alert and the line of the audit log, and that the code is used up.
pub async fn open(
    database: &Database,
    session: &SessionRow,
    alert: &AlertRow,
    (version, step): (i64, i64),
    (begun_after_ms, seen_after_ms, now_ms): Alive,
) -> Result<Opened, StoreError> {
    let mut transaction = database.begin_durable().await?;
    // Of two who open it at once the second waits here.
    let sql = "UPDATE staff SET last_step = $2, signed_in_ms = $3, glass_failures = 0 \
               WHERE id = $1 AND last_step < $2 AND version = $4 AND disabled_ms IS NULL \
               AND withdrawn_ms IS NULL AND glass_networks IS NOT NULL";
    let cells = cells![session.staff_id, step, now_ms, version];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(Opened::Stale);
    }
    let sql = "SELECT begun_ms, until_ms FROM staff_session WHERE staff_id = $1 AND ended_ms IS NULL \
               AND version = $2 AND begun_ms > $3 AND seen_ms > $4 AND until_ms > $5";
    let cells = cells![session.staff_id, version, begun_after_ms, seen_after_ms, now_ms];
    let open: Vec<(i64, i64)> = transaction.fetch(sql, cells).await?;
    if let Some((since_ms, until_ms)) = open.into_iter().next() {
        return Ok(Opened::Before(since_ms, until_ms));
    }
    sessions::keep(&mut transaction, session, version).await?;
    alerts::raise(&mut transaction, alert).await?;
    let actor = format!("break-glass:{}", session.name);
    let details = json!({
        "alert": alert.id, "person": alert.person, "from": alert.place, "until_ms": alert.until_ms,
    });
    let entry = Entry {
        actor: &actor,
        action: "opened",
        target: format!("staff {}", session.name),
        reason: Some(&alert.reason),
        details: Some(details.to_string()),
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(Opened::Yes)
}
