//! What those who look after people and after information have to know of, until somebody has written what they think
//! of it: a break-glass account that was opened or locked, and a link to set somebody's password anew. What may be
//! reviewed by whom is not looked at here.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, Transaction, cells};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AlertRow {
    pub id: i64,
    /// opened, locked, invited
    pub kind: String,
    /// The account.
    pub name: String,
    /// Who did it, as far as is known.
    pub person: String,
    pub reason: String,
    /// The address that it came from; empty where it came by a command.
    pub place: String,
    /// UTC milliseconds, as are the others.
    pub at_ms: i64,
    /// When what was opened ends.
    pub until_ms: Option<i64>,
    pub reviewed_ms: Option<i64>,
    pub reviewed_by: Option<String>,
    pub review: Option<String>,
}

const COLUMNS: &str =
    "id, kind, name, person, reason, place, at_ms, until_ms, reviewed_ms, reviewed_by, review";

/// Raises one. Part of the transaction of what it tells of.
pub async fn raise(transaction: &mut Transaction, alert: &AlertRow) -> Result<(), StoreError> {
    let sql = "INSERT INTO staff_alert (id, kind, name, person, reason, place, at_ms, until_ms) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let cells = cells![
        alert.id,
        alert.kind.clone(),
        alert.name.clone(),
        alert.person.clone(),
        alert.reason.clone(),
        alert.place.clone(),
        alert.at_ms,
        alert.until_ms,
    ];
    transaction.execute(sql, cells).await?;
    Ok(())
}

/// Those that nobody has written about, the newest first.
pub async fn open(database: &Database, most: i64) -> Result<Vec<AlertRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM staff_alert WHERE reviewed_ms IS NULL ORDER BY id DESC LIMIT $1"
    );
    database.fetch(&sql, cells![most]).await
}

/// All there are, the newest first.
pub async fn newest(database: &Database, most: i64) -> Result<Vec<AlertRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff_alert ORDER BY id DESC LIMIT $1");
    database.fetch(&sql, cells![most]).await
}

/// The one of that number.
pub async fn find(database: &Database, id: i64) -> Result<Option<AlertRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM staff_alert WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// Keeps what somebody wrote about one. Says whether nobody had before.
pub async fn review(
    database: &Database,
    id: i64,
    (actor, words): (&str, &str),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE staff_alert SET reviewed_ms = $2, reviewed_by = $3, review = $4 \
               WHERE id = $1 AND reviewed_ms IS NULL";
    let cells = cells![id, now_ms, actor.to_owned(), words.to_owned()];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let entry = Entry {
        actor,
        action: "reviewed",
        target: format!("alert {id}"),
        reason: Some(words),
        details: None,
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}
