//! What people decided about batches that were held whole.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};

/// A decision about a held batch.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Decision {
    pub decided_as: String,
    pub decided_by: String,
    pub decided_why: String,
    /// UTC milliseconds
    pub decided_ms: i64,
}

/// The content is taken as it is when it comes again.
pub const ACCEPTED: &str = "accepted";
/// Nobody waits for it any more.
pub const REFUSED: &str = "refused";

/// Writes the decision; whoever decided first is not written over. Gives what stands now, if the batch
/// is one that was held.
pub async fn decide(
    database: &Database,
    batch_id: i64,
    decision: &Decision,
) -> Result<Option<Decision>, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE batch SET decided_as = $2, decided_by = $3, decided_why = $4, \
               decided_ms = $5 WHERE id = $1 AND state = 'held' AND decided_as IS NULL";
    let cells = cells![
        batch_id,
        decision.decided_as.clone(),
        decision.decided_by.clone(),
        decision.decided_why.clone(),
        decision.decided_ms,
    ];
    if transaction.execute(sql, cells).await? > 0 {
        let entry = Entry {
            actor: &decision.decided_by,
            action: match decision.decided_as.as_str() {
                ACCEPTED => "accepted",
                _ => "refused",
            },
            target: format!("batch {batch_id}"),
            reason: Some(&decision.decided_why),
            details: None,
        };
        audit::write(&mut transaction, &entry, decision.decided_ms).await?;
    }
    let sql = "SELECT decided_as, decided_by, decided_why, decided_ms FROM batch \
               WHERE id = $1 AND decided_as IS NOT NULL";
    let stands: Vec<Decision> = transaction.fetch(sql, cells![batch_id]).await?;
    transaction.commit().await?;
    Ok(stands.into_iter().next())
}

/// The decision about that batch, if there is one.
pub async fn of_batch(database: &Database, batch_id: i64) -> Result<Option<Decision>, StoreError> {
    let sql = "SELECT decided_as, decided_by, decided_why, decided_ms FROM batch \
               WHERE id = $1 AND decided_as IS NOT NULL";
    Ok(database.fetch(sql, cells![batch_id]).await?.into_iter().next())
}

/// Who accepted this very content of the source, if somebody did.
pub async fn acceptance(
    database: &Database,
    source_id: i64,
    content_digest: &str,
) -> Result<Option<Decision>, StoreError> {
    let sql = "SELECT decided_as, decided_by, decided_why, decided_ms FROM batch \
               WHERE source_id = $1 AND content_digest = $2 AND decided_as = 'accepted' \
               ORDER BY id DESC LIMIT 1";
    let cells = cells![source_id, content_digest.to_owned()];
    Ok(database.fetch(sql, cells).await?.into_iter().next())
}
