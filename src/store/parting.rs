//! What goes with residents that a person parts: older numbers, holds and deliveries go back to whom they were of, and
//! what was composed while two people were taken for one does not leave before somebody looked at it.

use super::database::{Cell, StoreError, Transaction, cells};
use super::intents;
use super::matching::Led;
use super::outbox;

/// The code of what was sent on a view that was wrong, and waits to be told anew.
pub const CORRECTION: &str = "identity.correction";
/// The code of what was composed while two people were taken for one.
pub const PARTED: &str = "identity.parted";

/// What would leave as it was composed: it waits, or it is held and a person may release it. Corrections are composed
/// anew by themselves, and of what nobody answered a person says first what became of it.
const MAY_LEAVE: &str = "(delivery.state = 'waiting' OR (delivery.state = 'held' \
    AND COALESCE(delivery.cause_code, '') NOT IN ('identity.correction', 'identity.parted', 'delivery.unknown')))";

/// Leads back what an act led on: to the resident that it was of before.
pub async fn lead_back(
    transaction: &mut Transaction,
    led: &Led,
    from: i64,
    to: i64,
) -> Result<(), StoreError> {
    for (table, column, ids) in
        [("resident", "merged_into", &led.residents), ("hold", "resident_id", &led.holds)]
    {
        let sql = format!(
            "WITH v (id, was, is_now) AS ({{rows}}) UPDATE {table} SET {column} = v.is_now FROM v \
             WHERE {table}.id = v.id AND {table}.{column} = v.was RETURNING {table}.id"
        );
        let cells = ids.iter().flat_map(|id| cells![*id, from, to]).collect();
        transaction.fetch_with::<(i64,)>(&sql, 3, cells).await?;
    }
    let deliveries: Vec<_> = led.deliveries.iter().map(|id| (*id, from, to)).collect();
    outbox::give(transaction, &deliveries).await?;
    Ok(())
}

/// Gives what is not settled, tells of these accounts and was made behind that number to another resident.
pub async fn move_open(
    transaction: &mut Transaction,
    accounts: &[i64],
    from: i64,
    to: i64,
    since: i64,
) -> Result<(), StoreError> {
    let lock = if transaction.is_postgres() { "FOR NO KEY UPDATE OF delivery" } else { "" };
    let sql = format!(
        "WITH v (account_id, was, is_now, since) AS ({{rows}}) SELECT delivery.id, v.was, v.is_now \
         FROM v JOIN delivery ON delivery.account_id = v.account_id AND delivery.resident_id = v.was \
         AND delivery.settled_ms IS NULL AND delivery.id > v.since ORDER BY delivery.id {lock}"
    );
    let cells = accounts.iter().flat_map(|account| cells![*account, from, to, since]).collect();
    let open: Vec<(i64, i64, i64)> = transaction.fetch_with(&sql, 4, cells).await?;
    outbox::give(transaction, &open).await?;
    Ok(())
}

/// How one is held for this reason. Its mark goes: what a person releases is theirs.
const HOLD: &str = "state = 'held', parted = FALSE, since_ms = v.now_ms, fence = delivery.fence + 1, cause_code = 'identity.parted', \
    cause = 'it was composed while two people were taken for one' \
    || COALESCE('; before that: ' || delivery.cause, '')";

/// Holds what waits for these residents and was made behind that number, unless a sender has it in hand. What is held
/// already, by the gate or since a platform refused it, is held for this reason from now on: that its hold is lifted, or
/// the refusal mended, does not make it right. What is on its way, or nobody knows of, is marked (`hold_back`).
pub async fn hold_waiting(
    transaction: &mut Transaction,
    residents: &[i64],
    since: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let lock =
        if transaction.is_postgres() { "ORDER BY id FOR NO KEY UPDATE" } else { "ORDER BY id" };
    let before = "SELECT id FROM delivery WHERE settled_ms IS NULL AND resident_id IN";
    let found: Vec<(i64,)> = transaction.fetch_for(before, residents, lock).await?;
    let wanted: Vec<i64> = found.into_iter().map(|(id,)| id).filter(|id| *id > since).collect();
    // A payment waits for its payer, and tells them of no more than their account.
    let sql = "WITH v (id) AS ({rows}) UPDATE delivery SET parted = TRUE FROM v WHERE delivery.id = v.id \
               AND delivery.settled_ms IS NULL AND delivery.in_line > 0 RETURNING delivery.id";
    let cells = wanted.iter().flat_map(|id| cells![*id]).collect();
    transaction.fetch_with::<(i64,)>(sql, 1, cells).await?;
    let sql = format!(
        "WITH v (id, now_ms) AS ({{rows}}) UPDATE delivery SET {HOLD} FROM v \
         WHERE delivery.id = v.id AND {MAY_LEAVE} AND delivery.id NOT IN {} \
         RETURNING delivery.id",
        intents::in_hand(transaction.is_postgres())
    );
    let cells = wanted.iter().flat_map(|id| cells![*id, now_ms]).collect();
    transaction.fetch_with::<(i64,)>(&sql, 2, cells).await?;
    Ok(())
}

/// Holds those of these that have come back and were on their way when two were parted: they wait again, or something
/// holds them that may end. Nobody had a hand on them since: they are as this transaction has just written them.
pub async fn hold_back(
    transaction: &mut Transaction,
    ids: impl Iterator<Item = i64>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let cells: Vec<Cell> = ids.flat_map(|id| cells![id, now_ms]).collect();
    if cells.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "WITH v (id, now_ms) AS ({{rows}}) UPDATE delivery SET {HOLD} FROM v \
         WHERE delivery.id = v.id AND delivery.parted AND {MAY_LEAVE} RETURNING delivery.id"
    );
    transaction.fetch_with::<(i64,)>(&sql, 2, cells).await?;
    Ok(())
}

/// Ends those corrections that nobody approved yet, since what they correct was right after all.
pub async fn drop_corrections(
    transaction: &mut Transaction,
    queued: &[i64],
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "WITH v (id, now_ms) AS ({rows}) UPDATE delivery SET state = 'dismissed', since_ms = v.now_ms, \
               settled_ms = v.now_ms, fence = delivery.fence + 1, \
               cause = 'the act that it corrects was taken back' FROM v \
               WHERE delivery.id = v.id AND delivery.state = 'held' RETURNING delivery.id";
    let cells = queued.iter().flat_map(|id| cells![*id, now_ms]).collect();
    transaction.fetch_with::<(i64,)>(sql, 2, cells).await?;
    Ok(())
}

/// Whether something was made for a resident behind that number, corrections aside.
pub async fn was_told(
    transaction: &mut Transaction,
    resident: i64,
    since: i64,
) -> Result<bool, StoreError> {
    let (that, end) = outbox::by_message(transaction.is_postgres());
    let sql = format!(
        "SELECT id FROM delivery WHERE id {that} o.resident_id = $1 AND o.delivery_id > $2 {end} \
         AND COALESCE(cause_code, '') <> 'identity.correction' LIMIT 1"
    );
    let found: Vec<(i64,)> = transaction.fetch(&sql, cells![resident, since]).await?;
    Ok(!found.is_empty())
}
