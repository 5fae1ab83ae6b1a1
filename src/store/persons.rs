//! Whose accounts and keys those of a name are, where somebody said so.

use super::database::{Database, StoreError, cells};

/// The owners that accounts and keys of that name have, in whatever state they are.
pub async fn owners(database: &Database, name: &str) -> Result<Vec<String>, StoreError> {
    let sql = "SELECT owner FROM staff WHERE name = $1 AND owner IS NOT NULL \
               UNION SELECT owner FROM api_key WHERE name = $1 AND owner IS NOT NULL";
    let rows: Vec<(String,)> = database.fetch(sql, cells![name.to_owned()]).await?;
    Ok(rows.into_iter().map(|(owner,)| owner).collect())
}

/// Who said to be opening a break-glass account the last time; nobody where it never was.
pub async fn opener(database: &Database, account: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT person FROM staff_alert WHERE kind = 'opened' AND name = $1 ORDER BY id DESC LIMIT 1";
    let rows: Vec<(String,)> = database.fetch(sql, cells![account.to_owned()]).await?;
    Ok(rows.into_iter().map(|(person,)| person).find(|person| !person.is_empty()))
}
