//! Dead letters: work that stopped, with the place and the cause. Screens call it "held".

use super::database::{Insert, StoreError, Transaction, cells};

/// A row set aside for a person.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: i64,
    pub batch_id: i64,
    pub record_id: i64,
    pub source_key_id: i64,
    /// receive, map or deliver
    pub stage: &'static str,
    pub code: String,
    pub field: Option<String>,
    /// Without the value itself: causes are shown to people who may not see it.
    pub cause: String,
}

const PUT: Insert = Insert {
    table: "dead_letter",
    columns: "id,batch_id,record_id,source_key_id,stage,code,field,cause,created_ms",
    after: "",
};

/// Sets rows aside.
pub async fn put(
    transaction: &mut Transaction,
    letters: Vec<DeadLetter>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(letters.len() * 9);
    for letter in letters {
        rows.extend(cells![
            letter.id,
            letter.batch_id,
            letter.record_id,
            letter.source_key_id,
            letter.stage,
            letter.code,
            letter.field,
            letter.cause,
            now_ms,
        ]);
    }
    transaction.insert(PUT, rows).await
}

/// Settles what was held under these keys: a newer record of theirs was published.
pub async fn settle(
    transaction: &mut Transaction,
    source_keys: &[i64],
    now_ms: i64,
) -> Result<(), StoreError> {
    let before = "SELECT id FROM dead_letter WHERE settled_ms IS NULL AND source_key_id IN";
    let open: Vec<(i64,)> = transaction.fetch_for(before, source_keys, "").await?;
    for (id,) in open {
        let sql = "UPDATE dead_letter SET settled_ms = $2 WHERE id = $1";
        transaction.execute(sql, cells![id, now_ms]).await?;
    }
    Ok(())
}
