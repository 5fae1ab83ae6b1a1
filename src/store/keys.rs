//! Keys of the API, as rows: a key's digest and what it allows. What that means is `access`'s business.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// A key's row.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct KeyRow {
    pub id: i64,
    pub name: String,
    pub environment: String,
    /// SHA-256 of the whole key, hexadecimal.
    pub digest: String,
    /// `read,act`
    pub scopes: String,
    /// `10.1.0.0/16,…`; empty: from anywhere.
    pub networks: String,
    pub created_by: String,
    pub created_ms: i64,
    pub expires_ms: i64,
    pub revoked_ms: Option<i64>,
    /// Whose it is, where that was said.
    pub owner: Option<String>,
}

const COLUMNS: &str = "id, name, environment, digest, scopes, networks, created_by, created_ms, \
                       expires_ms, revoked_ms, owner";

/// Keeps a key, unless its name has so many live ones already. Says whether it is kept.
pub async fn add(database: &Database, key: &KeyRow, live_max: i64) -> Result<bool, StoreError> {
    let now_ms = key.created_ms;
    let mut transaction = database.begin_durable().await?;
    let entry = Entry {
        actor: &key.created_by,
        action: "added",
        target: format!("key {}", key.id),
        reason: None,
        details: Some(
            serde_json::json!({
                "name": key.name, "environment": key.environment, "scopes": key.scopes,
                "networks": key.networks, "expires_ms": key.expires_ms, "owner": key.owner,
            })
            .to_string(),
        ),
    };
    // The log's end is held from here on: of two who add at once the second counts the first's.
    audit::write(&mut transaction, &entry, now_ms).await?;
    let sql = "SELECT COUNT(*) FROM api_key WHERE name = $1 AND revoked_ms IS NULL \
               AND expires_ms > $2";
    let live: Vec<(i64,)> = transaction.fetch(sql, cells![key.name.clone(), now_ms]).await?;
    if live.iter().any(|(live,)| *live >= live_max) {
        return Ok(false);
    }
    let sql =
        format!("INSERT INTO api_key ({COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,NULL,$10)");
    let cells = cells![
        key.id,
        key.name.clone(),
        key.environment.clone(),
        key.digest.clone(),
        key.scopes.clone(),
        key.networks.clone(),
        key.created_by.clone(),
        now_ms,
        key.expires_ms,
        key.owner.clone(),
    ];
    transaction.execute(&sql, cells).await?;
    transaction.commit().await?;
    Ok(true)
}

/// The key of that number.
pub async fn find(database: &Database, id: i64) -> Result<Option<KeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM api_key WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// Every key there ever was, the newest first.
pub async fn all(database: &Database) -> Result<Vec<KeyRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM api_key ORDER BY id DESC");
    database.fetch(&sql, vec![]).await
}

/// Whether keys are in use at all: one that was not revoked is there, and be it over. A door that was shut
/// does not open by itself when the last key's time has come.
pub async fn any_in_use(database: &Database) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM api_key WHERE revoked_ms IS NULL LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, vec![]).await?;
    Ok(!rows.is_empty())
}

/// Whether somebody could show a key now.
pub async fn any_live(database: &Database, now_ms: i64) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM api_key WHERE revoked_ms IS NULL AND expires_ms > $1 LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![now_ms]).await?;
    Ok(!rows.is_empty())
}

/// Revokes those of these keys that are not revoked yet. Gives their numbers.
pub async fn revoke(
    database: &Database,
    ids: &[i64],
    actor: &str,
    now_ms: i64,
) -> Result<Vec<i64>, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let mut revoked = Vec::new();
    for id in ids {
        let sql = "UPDATE api_key SET revoked_ms = $2 WHERE id = $1 AND revoked_ms IS NULL";
        if transaction.execute(sql, cells![*id, now_ms]).await? == 0 {
            continue;
        }
        let entry = Entry {
            actor,
            action: "revoked",
            target: format!("key {id}"),
            reason: None,
            details: None,
        };
        audit::write(&mut transaction, &entry, now_ms).await?;
        revoked.push(*id);
    }
    transaction.commit().await?;
    Ok(revoked)
}
