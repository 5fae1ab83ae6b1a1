//! Codes that were added at the screens, until the file of their list has them: asked for by one person, and taken
//! once another has said yes.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// A code that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Addition {
    pub id: i64,
    /// As mappings name it: `codes/account_status.csv`.
    pub list: String,
    pub code: String,
    pub value: String,
    pub asked_by: String,
    pub why: String,
    pub asked_ms: i64,
    /// What it would do to what waits: JSON; none while nobody has looked.
    pub impact: Option<String>,
    pub decided_by: Option<String>,
    pub decided_ms: Option<i64>,
    pub decided_why: Option<String>,
    pub taken: bool,
}

const ADDITION: &str = "SELECT id, list, code, value, asked_by, why, asked_ms, impact, decided_by, decided_ms, \
     decided_why, taken FROM code_addition";

/// Those that count: what is read next is read with them.
pub async fn taken(database: &Database) -> Result<Vec<Addition>, StoreError> {
    database.fetch(&format!("{ADDITION} WHERE taken ORDER BY id"), vec![]).await
}

/// All, the newest first.
pub async fn all(database: &Database, most: i64) -> Result<Vec<Addition>, StoreError> {
    database.fetch(&format!("{ADDITION} ORDER BY id DESC LIMIT $1"), cells![most]).await
}

/// The one of that number.
pub async fn of_id(database: &Database, id: i64) -> Result<Option<Addition>, StoreError> {
    let sql = format!("{ADDITION} WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// Somebody asks for one. False where that code waits or counts already.
pub async fn ask(database: &Database, new: &Addition) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO code_addition (id, list, code, value, asked_by, why, asked_ms, taken, standing) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, FALSE, $8) ON CONFLICT (standing) DO NOTHING";
    let (list, code, value) = (new.list.clone(), new.code.clone(), new.value.clone());
    let standing = standing(new);
    let (by, why) = (new.asked_by.clone(), new.why.clone());
    let cells = cells![new.id, list, code, value, by, why, new.asked_ms, standing];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    let entry = entry("asked for a code", new, (&new.asked_by, &new.why));
    audit::write(&mut transaction, &entry, new.asked_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// What keeps the same code from being asked for twice at once.
fn standing(addition: &Addition) -> String {
    format!("{}\n{}", addition.list, addition.code)
}

/// Somebody else says yes or no, once. False where somebody did before.
pub async fn decide(
    database: &Database,
    addition: &Addition,
    taken: bool,
    (who, why): (&str, &str),
    now_ms: i64,
) -> Result<bool, StoreError> {
    let mut transaction = database.begin_durable().await?;
    // Its own asker does not say yes, whichever way they come.
    let sets = if taken { "taken = TRUE" } else { "standing = NULL" };
    let sql = format!(
        "UPDATE code_addition SET {sets}, decided_by = $2, decided_why = $3, decided_ms = $4 \
         WHERE id = $1 AND decided_ms IS NULL AND asked_by <> $2"
    );
    let cells = cells![addition.id, who.to_owned(), why.to_owned(), now_ms];
    if transaction.execute(&sql, cells).await? == 0 {
        return Ok(false);
    }
    let action = if taken { "approved a code" } else { "refused a code" };
    audit::write(&mut transaction, &entry(action, addition, (who, why)), now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// On a copy of the database, where nobody is asked: it counts.
pub async fn suppose(database: &Database, id: i64) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    transaction.execute("UPDATE code_addition SET taken = TRUE WHERE id = $1", cells![id]).await?;
    transaction.commit().await
}

/// What it would do, as far as it was looked at.
pub async fn put_impact(database: &Database, id: i64, impact: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "UPDATE code_addition SET impact = $2 WHERE id = $1";
    transaction.execute(sql, cells![id, impact.to_owned()]).await?;
    transaction.commit().await
}

fn entry<'e>(action: &'e str, addition: &Addition, (actor, why): (&'e str, &'e str)) -> Entry<'e> {
    let details = serde_json::json!({ "code": addition.code, "means": addition.value });
    Entry {
        actor,
        action,
        target: format!("code list {}", addition.list),
        reason: Some(why),
        details: Some(details.to_string()),
    }
}
