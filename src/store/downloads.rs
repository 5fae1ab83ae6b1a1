//! Files that somebody had made of a list, as rows: for a day, and for them alone. That one was made and that it was
//! fetched stands in the audit log with its filter and its rows, written with it.

use serde_json::json;

use super::audit::{self, Entry};
use super::database::{Database, StoreError, Transaction, cells};

/// One that is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    pub id: i64,
    pub staff_id: i64,
    /// As whom the audit log has them.
    pub actor: &'a str,
    pub what: &'a str,
    pub filter: &'a str,
    pub name: &'a str,
}

/// One as it stands, without its content.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Download {
    pub id: i64,
    pub what: String,
    pub filter: String,
    pub name: String,
    pub state: String,
    pub row_count: i64,
    pub is_cut: bool,
    pub made_ms: i64,
}

pub const MAKING: &str = "making";
pub const READY: &str = "ready";
pub const FAILED: &str = "failed";

/// Begins one, unless that person has one in the making since that instant. Says whether it was begun.
pub async fn begin(
    database: &Database,
    wish: &Wish<'_>,
    (now_ms, since_ms): (i64, i64),
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO download (id, staff_id, what, filter, name, state, row_count, is_cut, made_ms) \
               SELECT $1, $2, $3, $4, $5, 'making', 0, FALSE, $6 WHERE NOT EXISTS \
               (SELECT 1 FROM download WHERE staff_id = $2 AND state = 'making' AND made_ms > $7)";
    let cells = cells![
        wish.id,
        wish.staff_id,
        wish.what.to_owned(),
        wish.filter.to_owned(),
        wish.name.to_owned(),
        now_ms,
        since_ms,
    ];
    let begun = transaction.execute(sql, cells).await? > 0;
    transaction.commit().await?;
    Ok(begun)
}

/// It is ready. Part of it is the line of the audit log.
pub async fn finish(
    database: &Database,
    wish: &Wish<'_>,
    (content, rows, is_cut): (String, i64, bool),
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE download SET state = 'ready', content = $2, row_count = $3, is_cut = $4 \
               WHERE id = $1 AND state = 'making'";
    if transaction.execute(sql, cells![wish.id, content, rows, is_cut]).await? == 0 {
        return Ok(());
    }
    let details = json!({ "filter": wish.filter, "rows": rows, "cut": is_cut }).to_string();
    let entry = Entry {
        actor: wish.actor,
        action: "exported",
        target: format!("list {}", wish.what),
        reason: None,
        details: Some(details),
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await
}

/// It was not to be.
pub async fn fail(database: &Database, id: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE download SET state = 'failed' WHERE id = $1 AND state = 'making'";
    transaction.execute(sql, cells![id]).await?;
    transaction.commit().await
}

/// Somebody's, the newest first, made after that instant.
pub async fn of_person(
    database: &Database,
    staff_id: i64,
    after_ms: i64,
) -> Result<Vec<Download>, StoreError> {
    let sql = "SELECT id, what, filter, name, state, row_count, is_cut, made_ms FROM download \
               WHERE staff_id = $1 AND made_ms > $2 ORDER BY made_ms DESC, id DESC LIMIT 50";
    database.fetch(sql, cells![staff_id, after_ms]).await
}

/// Fetches one that is ready and theirs, made after that instant: its name and its content. Part of it is the line of
/// the audit log.
pub async fn fetch(
    database: &Database,
    (id, staff_id, actor): (i64, i64, &str),
    (now_ms, after_ms): (i64, i64),
) -> Result<Option<(String, String)>, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "SELECT name, content, what, filter, row_count FROM download \
               WHERE id = $1 AND staff_id = $2 AND made_ms > $3 AND state = 'ready'";
    let rows: Vec<(String, Option<String>, String, String, i64)> =
        transaction.fetch(sql, cells![id, staff_id, after_ms]).await?;
    let Some((name, Some(content), what, filter, rows)) = rows.into_iter().next() else {
        return Ok(None);
    };
    let entry = Entry {
        actor,
        action: "downloaded",
        target: format!("list {what}"),
        reason: None,
        details: Some(json!({ "filter": filter, "rows": rows }).to_string()),
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(Some((name, content)))
}

/// Takes away what was made for somebody who may see other things now, and gives up what is being made.
pub(super) async fn take_away(
    transaction: &mut Transaction,
    staff_id: i64,
) -> Result<(), StoreError> {
    let sql = "DELETE FROM download WHERE staff_id = $1";
    transaction.execute(sql, cells![staff_id]).await.map(|_| ())
}

/// Forgets what was made before that instant.
pub async fn forget(database: &Database, before_ms: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    transaction.execute("DELETE FROM download WHERE made_ms < $1", cells![before_ms]).await?;
    transaction.commit().await
}
