//! Holds that come as records of an extract: each is put down, changed or lifted in the transaction that
//! settles its chunk, by the same verbs as every other.
//!
//! A record that says that it is over lifts what it brought, unless another still brings it. A record that
//! does not come lifts nothing: a row that is missing must never set collection going.

use super::{Came, Doing, Stored, end_one, put, settle, tell};
use crate::record::fragment::HoldFragment;
use crate::record::hold::Wanted;
use crate::store::database::{StoreError, Transaction};
use crate::store::hold_feed;
use crate::store::hold_matching;
use crate::store::holds;
use crate::store::ids::Ids;

/// Who lifts and puts down what a feed says.
pub const ACTOR: &str = "hub";
/// Why one is lifted.
const OVER: &str = "its system says that it is over";

/// Settles the holds of a chunk's records, in their order; each with the number of its record's key.
pub async fn take(
    transaction: &mut Transaction,
    doing: Doing<'_>,
    holds: &[(i64, HoldFragment)],
    ids: &mut Ids,
) -> Result<(), StoreError> {
    let (mut stored, mut to_match) = (Vec::new(), Vec::new());
    for (key, hold) in holds {
        if hold.lifted && is_lifted(transaction, *key, hold, doing.now_ms).await? {
            continue;
        }
        let done = put(transaction, doing, &hold.wanted, ids.take(), Some(*key)).await?;
        if done.came != Came::Same {
            let who = hold.wanted.who.clone();
            to_match.push(hold_matching::Wanted { id: done.id, who });
        }
        stored.push(done);
    }
    settle(transaction, doing, &stored, &to_match).await?;
    // When it is known whom they name: what they kept back is judged again.
    for (key, hold) in holds.iter().filter(|(_, hold)| hold.lifted) {
        lift(transaction, doing, *key, &hold.wanted).await?;
    }
    warn_of_others(transaction, holds, &stored, doing.now_ms).await?;
    tell(doing, &stored);
    Ok(())
}

/// Whether the very hold was lifted before: then there is nothing to put down.
async fn is_lifted(
    transaction: &mut Transaction,
    key: i64,
    hold: &HoldFragment,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let brought = hold_feed::of_record(transaction, key).await?;
    let who = hold.wanted.who.json();
    Ok(brought.iter().any(|row| {
        row.kind == hold.wanted.kind
            && row.reference == hold.wanted.reference
            && row.who.as_deref() == Some(who.as_str())
            && (row.lifted_by.is_some() || row.is_over(now_ms))
    }))
}

/// Lifts the hold that a record says is over, where nobody lifted it yet and no other record still says it.
/// What the record brought for somebody else, before it named these, stays.
async fn lift(
    transaction: &mut Transaction,
    doing: Doing<'_>,
    key: i64,
    wanted: &Wanted,
) -> Result<(), StoreError> {
    let Some(reference) = &wanted.reference else { return Ok(()) };
    let same = holds::same(transaction, &wanted.kind, reference, &wanted.who).await?;
    let Some(row) = same else { return Ok(()) };
    let is_over = hold_feed::over(transaction, row.id, key).await?;
    if is_over && row.lifted_by.is_none() && !row.is_over(doing.now_ms) {
        end_one(transaction, doing, &row, OVER, false).await?;
        tracing::info!(hold.id = row.id, door = doing.door, "a hold was lifted by its feed");
    }
    Ok(())
}

/// A record that names somebody else than before puts down another hold: the first stays until a person
/// has looked.
async fn warn_of_others(
    transaction: &mut Transaction,
    holds: &[(i64, HoldFragment)],
    stored: &[Stored],
    now_ms: i64,
) -> Result<(), StoreError> {
    let added = stored.iter().filter(|done| done.came == Came::Added).map(|done| done.id);
    let added: Vec<i64> = added.collect();
    if added.is_empty() {
        return Ok(());
    }
    for (key, _) in holds.iter().filter(|(_, hold)| !hold.lifted) {
        let brought = hold_feed::of_record(transaction, *key).await?;
        if !brought.iter().any(|row| added.contains(&row.id)) {
            continue;
        }
        for row in brought.iter().filter(|row| !added.contains(&row.id) && !row.is_over(now_ms)) {
            tracing::warn!(
                hold.id = row.id,
                "the record of a hold says something else now: the hold before stays until it is lifted"
            );
        }
    }
    Ok(())
}
