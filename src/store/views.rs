//! Lists that staff keep under a name: the words that a list is cut by, for one person or for everybody.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct SavedView {
    pub id: i64,
    /// work-orders, messages
    pub list: String,
    pub name: String,
    /// JSON
    pub filter: String,
    /// A name without the door: `kim`.
    pub owner: String,
    pub shared: bool,
    pub made_ms: i64,
}

const VIEW: &str = "SELECT id, list, name, filter, owner, shared, made_ms FROM saved_view";

/// Those of a list that somebody has: their own, and everybody's.
pub async fn of(
    database: &Database,
    list: &str,
    owner: &str,
    most: i64,
) -> Result<Vec<SavedView>, StoreError> {
    let sql = format!(
        "{VIEW} WHERE list = $1 AND (shared OR owner = $2) ORDER BY shared, name, id LIMIT $3"
    );
    database.fetch(&sql, cells![list.to_owned(), owner.to_owned(), most]).await
}

/// The one of that number.
pub async fn of_id(database: &Database, id: i64) -> Result<Option<SavedView>, StoreError> {
    Ok(database.fetch(&format!("{VIEW} WHERE id = $1"), cells![id]).await?.into_iter().next())
}

/// Keeps one. False where its owner has one of that name, or `most` of them.
pub async fn keep(
    database: &Database,
    view: &SavedView,
    (actor, most): (&str, i64),
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let SavedView { list, name, filter, owner, .. } = view.clone();
    let sql = "INSERT INTO saved_view (id, list, name, filter, owner, shared, made_ms) \
               SELECT $1, $2, $3, $4, $5, $6, $7 \
               WHERE (SELECT COUNT(*) FROM saved_view WHERE list = $2 AND owner = $5) < $8 \
               ON CONFLICT (list, owner, name) DO NOTHING";
    let cells = cells![view.id, list, name, filter, owner, view.shared, view.made_ms, most];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let entry = entry(actor, "kept a view", view);
    audit::write(&mut transaction, &entry, view.made_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// Has one no more. False where it is gone already.
pub async fn remove(
    database: &Database,
    view: &SavedView,
    actor: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    if transaction.execute("DELETE FROM saved_view WHERE id = $1", cells![view.id]).await? == 0 {
        return Ok(false);
    }
    audit::write(&mut transaction, &entry(actor, "removed a view", view), now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

fn entry<'a>(actor: &'a str, action: &'a str, view: &SavedView) -> Entry<'a> {
    let shared = if view.shared { "shared" } else { "personal" };
    Entry {
        actor,
        action,
        target: format!("view {} of {}", view.id, view.list),
        reason: None,
        details: Some(format!("{{\"kind\":\"{shared}\"}}")),
    }
}
