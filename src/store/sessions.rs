//! Sessions of the screens, as rows: begun, looked up at each request, ended; what a session may see unmasked
//! for a while, and what its searches found.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, Transaction, cells};
use crate::record::personal::unprinted;

/// A session and its person.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SessionRow {
    pub digest: String,
    pub token: String,
    pub begun_ms: i64,
    pub seen_ms: i64,
    pub staff_id: i64,
    pub name: String,
    pub roles: String,
    pub sources: String,
    pub paused: bool,
    /// When it ends in any case, of a break-glass account's; and the alert that its opening raised.
    pub until_ms: Option<i64>,
    pub alert_id: Option<i64>,
}

unprinted!(SessionRow);

impl SessionRow {
    /// Its person, as the audit log has them: what is done by a break-glass account is marked so.
    fn actor(&self) -> String {
        let door = if self.alert_id.is_some() { "break-glass" } else { "staff" };
        format!("{door}:{}", self.name)
    }
}

/// Which sessions are alive: begun after that, seen after that, and not at their end now.
pub type Alive = (i64, i64, i64);

/// Begins one, unless that very code was used meanwhile. Part of it is the line of the audit log, and that the
/// code is used up.
pub async fn begin(
    database: &Database,
    session: &SessionRow,
    (version, step): (i64, i64),
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET last_step = $2, signed_in_ms = $3 \
               WHERE id = $1 AND last_step < $2 AND version = $4 AND disabled_ms IS NULL \
               AND person IS NULL AND glass_networks IS NULL";
    let cells = cells![session.staff_id, step, session.begun_ms, version];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    begun(transaction, session, (version, None)).await
}

/// Begins one of somebody whom the provider let in, unless they were changed or disabled meanwhile.
pub async fn begin_of_provider(
    database: &Database,
    session: &SessionRow,
    version: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff SET signed_in_ms = $2 \
               WHERE id = $1 AND version = $3 AND disabled_ms IS NULL AND person IS NOT NULL";
    let cells = cells![session.staff_id, session.begun_ms, version];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    begun(transaction, session, (version, Some("provider"))).await
}

/// Part of what begins one.
pub(super) async fn keep(
    transaction: &mut Transaction,
    session: &SessionRow,
    version: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO staff_session (digest, staff_id, version, token, begun_ms, seen_ms, until_ms, alert_id) \
               VALUES ($1, $2, $3, $4, $5, $5, $6, $7)";
    let cells = cells![
        session.digest.clone(),
        session.staff_id,
        version,
        session.token.clone(),
        session.begun_ms,
        session.until_ms,
        session.alert_id,
    ];
    transaction.execute(sql, cells).await?;
    Ok(())
}

async fn begun(
    mut transaction: Transaction,
    session: &SessionRow,
    (version, door): (i64, Option<&str>),
) -> Result<bool, StoreError> {
    let now_ms = session.begun_ms;
    keep(&mut transaction, session, version).await?;
    let actor = session.actor();
    let entry = Entry {
        actor: &actor,
        action: "signed in",
        target: format!("staff {}", session.name),
        reason: None,
        details: door.map(|door| serde_json::json!({ "by": door }).to_string()),
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The session of that digest while it lives. That of a break-glass account is an administrator's.
pub async fn find(
    database: &Database,
    digest: &str,
    (begun_after_ms, seen_after_ms, now_ms): Alive,
) -> Result<Option<SessionRow>, StoreError> {
    let sql = "SELECT s.digest, s.token, s.begun_ms, s.seen_ms, s.staff_id, p.name, \
               CASE WHEN s.alert_id IS NULL THEN p.roles ELSE 'administrator' END AS roles, \
               p.sources, p.paused, s.until_ms, s.alert_id \
               FROM staff_session s JOIN staff p ON p.id = s.staff_id \
               WHERE s.digest = $1 AND s.ended_ms IS NULL AND s.version = p.version \
               AND p.disabled_ms IS NULL AND p.withdrawn_ms IS NULL AND s.begun_ms > $2 AND s.seen_ms > $3 \
               AND COALESCE(s.until_ms, $4 + 1) > $4";
    let cells = cells![digest.to_owned(), begun_after_ms, seen_after_ms, now_ms];
    Ok(database.fetch(sql, cells).await?.into_iter().next())
}

/// Its person did something.
pub async fn seen(database: &Database, digest: &str, now_ms: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE staff_session SET seen_ms = $2 WHERE digest = $1";
    transaction.execute(sql, cells![digest.to_owned(), now_ms]).await?;
    transaction.commit().await
}

/// Its person signed out.
pub async fn end(database: &Database, session: &SessionRow, now_ms: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff_session SET ended_ms = $2 WHERE digest = $1 AND ended_ms IS NULL";
    transaction.execute(sql, cells![session.digest.clone(), now_ms]).await?;
    for sql in [
        "DELETE FROM staff_shown WHERE session = $1",
        "DELETE FROM staff_search WHERE session = $1",
    ] {
        transaction.execute(sql, cells![session.digest.clone()]).await?;
    }
    let actor = session.actor();
    let entry = Entry {
        actor: &actor,
        action: "signed out",
        target: format!("staff {}", session.name),
        reason: None,
        details: None,
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await
}

/// Sessions of each person that may still be alive: person, and how many.
pub async fn live(
    database: &Database,
    (begun_after_ms, seen_after_ms, now_ms): Alive,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let sql = "SELECT s.staff_id, COUNT(*) FROM staff_session s JOIN staff p ON p.id = s.staff_id \
               WHERE s.ended_ms IS NULL AND s.version = p.version AND p.disabled_ms IS NULL \
               AND s.begun_ms > $1 AND s.seen_ms > $2 AND COALESCE(s.until_ms, $3 + 1) > $3 GROUP BY s.staff_id";
    database.fetch(sql, cells![begun_after_ms, seen_after_ms, now_ms]).await
}

/// Whether the session that raised an alert is still alive.
pub async fn is_open(
    database: &Database,
    alert_id: i64,
    (begun_after_ms, seen_after_ms, now_ms): Alive,
) -> Result<bool, StoreError> {
    let sql = "SELECT s.staff_id FROM staff_session s JOIN staff p ON p.id = s.staff_id \
               WHERE s.alert_id = $1 AND s.ended_ms IS NULL AND s.version = p.version \
               AND p.disabled_ms IS NULL AND p.withdrawn_ms IS NULL \
               AND s.begun_ms > $2 AND s.seen_ms > $3 AND s.until_ms > $4";
    let cells = cells![alert_id, begun_after_ms, seen_after_ms, now_ms];
    let rows: Vec<(i64,)> = database.fetch(sql, cells).await?;
    Ok(!rows.is_empty())
}

/// Forgets what has been over for long: sessions begun before then, with what hung on them.
pub async fn forget(database: &Database, begun_before_ms: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    for sql in [
        "DELETE FROM staff_shown WHERE until_ms < $1",
        "DELETE FROM staff_search WHERE made_ms < $1",
        "DELETE FROM staff_session WHERE begun_ms < $1",
        "DELETE FROM staff_way WHERE made_ms < $1",
    ] {
        transaction.execute(sql, cells![begun_before_ms]).await?;
    }
    transaction.commit().await
}

/// Remembers that a browser was sent to the provider, and where it was going.
pub async fn send_away(
    database: &Database,
    digest: &str,
    next: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO staff_way (digest, next, made_ms) VALUES ($1, $2, $3)";
    transaction.execute(sql, cells![digest.to_owned(), next.to_owned(), now_ms]).await?;
    transaction.commit().await
}

/// It came back: where it was going, if it was sent away after that instant. It comes back once.
pub async fn came_back(
    database: &Database,
    digest: &str,
    after_ms: i64,
) -> Result<Option<String>, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "DELETE FROM staff_way WHERE digest = $1 RETURNING next, made_ms";
    let rows: Vec<(String, i64)> = transaction.fetch(sql, cells![digest.to_owned()]).await?;
    transaction.commit().await?;
    let found = rows.into_iter().find(|(_, made_ms)| *made_ms > after_ms);
    Ok(found.map(|(next, _)| next))
}

/// What a session may see unmasked, until then and why.
pub async fn show(
    database: &Database,
    session: &str,
    target: &str,
    (reason, until_ms): (&str, i64),
) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO staff_shown (session, target, reason, until_ms) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (session, target) DO UPDATE SET reason = $3, until_ms = $4";
    let cells = cells![session.to_owned(), target.to_owned(), reason.to_owned(), until_ms];
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}

/// Masks it again.
pub async fn hide(database: &Database, session: &str, target: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "DELETE FROM staff_shown WHERE session = $1 AND target = $2";
    transaction.execute(sql, cells![session.to_owned(), target.to_owned()]).await?;
    transaction.commit().await
}

/// Why a session may see it unmasked now, and until when, if it may.
pub async fn shown(
    database: &Database,
    session: &str,
    target: &str,
    now_ms: i64,
) -> Result<Option<(String, i64)>, StoreError> {
    let sql = "SELECT reason, until_ms FROM staff_shown WHERE session = $1 AND target = $2 AND until_ms > $3";
    let cells = cells![session.to_owned(), target.to_owned(), now_ms];
    Ok(database.fetch(sql, cells).await?.into_iter().next())
}

/// Keeps what a search found.
pub async fn keep_search(
    database: &Database,
    (token, session, what): (&str, &str, &'static str),
    found: &[i64],
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO staff_search (token, session, what, found, made_ms) VALUES ($1, $2, $3, $4, $5)";
    let found = serde_json::json!(found).to_string();
    let cells = cells![token.to_owned(), session.to_owned(), what, found, now_ms];
    transaction.execute(sql, cells).await?;
    transaction.commit().await
}

/// What a search of that session found.
pub async fn search(
    database: &Database,
    (token, session, what): (&str, &str, &'static str),
) -> Result<Option<Vec<i64>>, StoreError> {
    let sql = "SELECT found FROM staff_search WHERE token = $1 AND session = $2 AND what = $3";
    let rows: Vec<(String,)> =
        database.fetch(sql, cells![token.to_owned(), session.to_owned(), what]).await?;
    Ok(rows.into_iter().next().and_then(|(found,)| serde_json::from_str(&found).ok()))
}
