//! What senders have in hand: one row for each batch of deliveries, on disk before the first of them is
//! sent, and gone in the commit that writes what became of them.
//!
//! A delivery's own row stays as it was meanwhile: whoever would change one that waits takes hold of the row
//! first and then looks here (`in_hand`); and whoever claims takes hold of it before it is written here.

use super::database::{Database, StoreError, Transaction, cells};

/// A batch whose intent is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    pub destination: String,
    /// Of the sender's lease.
    pub fence: i64,
    /// Of the sender's batches.
    pub number: i64,
}

/// The numbers of the deliveries that are in anybody's hands, as a question to stand behind `IN`.
pub fn in_hand(is_postgres: bool) -> &'static str {
    match is_postgres {
        true => "(SELECT unnest(i.ids) FROM delivery_intent i)",
        false => "(SELECT one.value FROM delivery_intent i, json_each(i.ids) one)",
    }
}

/// The same of a destination, whose name is `$2`. That so few are meant is seen by PostgreSQL too, which makes room
/// for all that it expects.
pub fn in_hand_at(is_postgres: bool) -> &'static str {
    match is_postgres {
        true => "(SELECT unnest(i.ids) FROM delivery_intent i WHERE i.destination = $2)",
        false => {
            "(SELECT one.value FROM delivery_intent i, json_each(i.ids) one \
             WHERE i.destination = $2)"
        }
    }
}

/// The deliveries that are in anybody's hands, `id`, each with when the intent was written, `intent_ms`, as a
/// question to stand behind `FROM`.
pub fn each_in_hand(is_postgres: bool) -> &'static str {
    match is_postgres {
        true => "(SELECT unnest(i.ids) AS id, i.intent_ms FROM delivery_intent i)",
        false => {
            "(SELECT each.value AS id, i.intent_ms FROM delivery_intent i, json_each(i.ids) each)"
        }
    }
}

/// A delivery's state as people are told it: one that waits, by its row, and is in somebody's hands, is
/// being sent.
pub fn state(is_postgres: bool) -> String {
    let in_hand = in_hand(is_postgres);
    format!("CASE WHEN state = 'waiting' AND id IN {in_hand} THEN 'sending' ELSE state END")
}

/// Writes the intent to send these.
pub async fn put(
    transaction: &mut Transaction,
    intent: &Intent,
    ids: &[i64],
    now_ms: i64,
) -> Result<(), StoreError> {
    // As JSON, which PostgreSQL reads as an array once, here.
    let list = match transaction.is_postgres() {
        true => "CAST(translate($5, '[]', '{}') AS BIGINT[])",
        false => "$5",
    };
    let sql = format!(
        "INSERT INTO delivery_intent (destination, fence, number, intent_ms, ids) VALUES ($1, $2, $3, $4, {list})"
    );
    let ids = serde_json::json!(ids).to_string();
    let cells = cells![intent.destination.clone(), intent.fence, intent.number, now_ms, ids];
    transaction.execute(&sql, cells).await.map(|_| ())
}

/// What became of a batch is written.
pub async fn end(transaction: &mut Transaction, intent: &Intent) -> Result<(), StoreError> {
    let sql = "DELETE FROM delivery_intent WHERE destination = $1 AND fence = $2 AND number = $3";
    let cells = cells![intent.destination.clone(), intent.fence, intent.number];
    transaction.execute(sql, cells).await.map(|_| ())
}

/// Takes away what senders of a destination left behind: deliveries' numbers, and when the intent to send
/// each was written.
pub async fn take_over(
    transaction: &mut Transaction,
    destination: &str,
) -> Result<Vec<(i64, i64)>, StoreError> {
    let list = if transaction.is_postgres() { "CAST(to_json(ids) AS TEXT)" } else { "ids" };
    let sql = format!(
        "DELETE FROM delivery_intent WHERE destination = $1 RETURNING number, intent_ms, {list}"
    );
    let rows: Vec<(i64, i64, String)> =
        transaction.fetch(&sql, cells![destination.to_owned()]).await?;
    let mut found = Vec::new();
    for (number, intent_ms, list) in rows {
        let ids: Vec<i64> = serde_json::from_str(&list).map_err(|_| StoreError::Corrupt {
            table: "delivery_intent",
            column: "ids",
            id: number,
        })?;
        found.extend(ids.into_iter().map(|id| (id, intent_ms)));
    }
    found.sort_unstable();
    Ok(found)
}

/// When the intent was written to send one, where it is in somebody's hands.
pub async fn since_ms(database: &Database, delivery: i64) -> Result<Option<i64>, StoreError> {
    let sql = match database.is_postgres() {
        true => "SELECT intent_ms FROM delivery_intent WHERE $1 = ANY(ids)",
        false => {
            "SELECT intent_ms FROM delivery_intent \
             WHERE $1 IN (SELECT one.value FROM json_each(ids) one)"
        }
    };
    let rows: Vec<(i64,)> = database.fetch(sql, cells![delivery]).await?;
    Ok(rows.into_iter().next().map(|(intent_ms,)| intent_ms))
}
