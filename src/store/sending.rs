//! How deliveries leave: claimed with the intent written first, asked after, settled once.
//!
//! Only the holder of a destination's lease claims, and the claim renews that lease in the same
//! commit: there are never two senders. Every outcome names the fence it was claimed with; a writer
//! that comes late changes nothing.

use std::collections::HashSet;

use super::database::{Cell, Database, StoreError, Transaction, cells, places};
use super::leases::{self, Lease};
use super::outbox::NEVER_MS;
use crate::record::delivery::State;
use crate::record::personal::unprinted;

/// A delivery whose intent is written: it is ours to send.
#[derive(Clone, sqlx::FromRow)]
pub struct ClaimedRow {
    pub id: i64,
    pub resident_id: i64,
    pub purpose: String,
    pub needs_consent: bool,
    pub collection: bool,
    pub account_id: Option<i64>,
    pub reference: String,
    /// JSON
    pub message: String,
    pub attempts: i64,
    pub intents: i64,
    pub fence: i64,
    pub doubt_until_ms: Option<i64>,
}

/// A delivery that the platform is asked about.
#[derive(Clone, sqlx::FromRow)]
pub struct PendingRow {
    pub id: i64,
    pub reference: String,
    /// JSON
    pub message: String,
    pub platform_id: Option<String>,
    pub since_ms: i64,
    pub attempts: i64,
    pub intents: i64,
    pub polls: i64,
    pub fence: i64,
    /// When its first intent was written, and its last.
    pub first_intent_ms: i64,
    pub intent_ms: i64,
    pub doubt_until_ms: Option<i64>,
}

/// How a delivery stands after a send, a question or a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub id: i64,
    pub intents: i64,
    pub fence: i64,
    pub state: State,
    pub next_ms: i64,
    /// The attempt was never made: it does not count.
    pub give_back: bool,
    pub platform_id: Option<String>,
    pub platform_status: Option<String>,
    pub code: Option<String>,
    pub cause: Option<String>,
    /// Until then the attempt that is given up may turn up all the same. None leaves it as it was.
    pub doubt_until_ms: Option<i64>,
}

/// A question that brought nothing new: it is put again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postponed {
    pub id: i64,
    pub fence: i64,
    pub next_ms: i64,
    pub platform_status: Option<String>,
}

/// When the next delivery is due, in each state that goes on by itself (UTC milliseconds).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Due {
    pub waiting_ms: Option<i64>,
    pub unknown_ms: Option<i64>,
    pub accepted_ms: Option<i64>,
    pub offered_ms: Option<i64>,
}

/// Takes what is waiting and due, and writes the intent to send each, in one commit that is on disk
/// before anything is sent. `until_ms` is the lease's new end.
pub async fn claim(
    database: &Database,
    lease: &Lease,
    destination: &str,
    now_ms: i64,
    until_ms: i64,
    limit: i64,
) -> Result<Vec<ClaimedRow>, StoreError> {
    // The state is looked at twice: a person may have taken the row back in between.
    let sql = "UPDATE delivery SET state = 'sending', since_ms = $1, attempts = attempts + 1, \
               intents = intents + 1, fence = fence + 1, polls = 0 \
               WHERE state = 'waiting' AND id IN (SELECT id FROM delivery \
               WHERE destination = $2 AND state = 'waiting' AND settled_ms IS NULL \
               AND next_ms <= $1 ORDER BY next_ms, id LIMIT $3) \
               RETURNING id, resident_id, purpose, needs_consent, collection, account_id, reference, \
               message, attempts, intents, fence, doubt_until_ms";
    let mut transaction = database.begin_durable().await?;
    leases::renew(&mut transaction, lease, until_ms).await?;
    let cells = cells![now_ms, destination.to_owned(), limit];
    let mut rows: Vec<ClaimedRow> = transaction.fetch(sql, cells).await?;
    rows.sort_by_key(|row| row.id);
    let sql = "INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms) VALUES";
    for some in rows.chunks(ROWS_AT_ONCE) {
        let sql = format!("{sql} {}", tuples(some.len(), 3));
        let cells = some.iter().flat_map(|row| cells![row.id, row.intents, now_ms]);
        transaction.execute(&sql, cells.collect()).await?;
    }
    transaction.commit().await?;
    Ok(rows)
}

/// Takes over from a sender who is gone: nobody knows what became of what was in its hands, so it
/// is asked after; and what it may still have to say is too late. Gives how many those are.
pub async fn recover(
    database: &Database,
    lease: &Lease,
    destination: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<u64, StoreError> {
    let mut transaction = database.begin().await?;
    leases::renew(&mut transaction, lease, until_ms).await?;
    let sql = "UPDATE delivery SET fence = fence + 1 \
               WHERE destination = $1 AND state = 'unknown' AND settled_ms IS NULL";
    transaction.execute(sql, cells![destination.to_owned()]).await?;
    let sql = "UPDATE delivery SET state = 'unknown', since_ms = $2, next_ms = $2, \
               fence = fence + 1, polls = 0 \
               WHERE destination = $1 AND state = 'sending' AND settled_ms IS NULL";
    let found = transaction.execute(sql, cells![destination.to_owned(), now_ms]).await?;
    transaction.commit().await?;
    Ok(found)
}

/// Deliveries of a state, `unknown`, `accepted` or `offered`, that it is time to ask about.
pub async fn pending(
    database: &Database,
    destination: &str,
    state: State,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<PendingRow>, StoreError> {
    let sql = "SELECT d.id, d.reference, d.message, d.platform_id, d.since_ms, d.attempts, \
               d.intents, d.polls, d.fence, d.doubt_until_ms, \
               COALESCE(f.intent_ms, d.created_ms) AS first_intent_ms, \
               COALESCE(a.intent_ms, d.created_ms) AS intent_ms FROM delivery d \
               LEFT JOIN delivery_attempt f ON f.delivery_id = d.id AND f.attempt = 1 \
               LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.attempt = d.intents \
               WHERE d.destination = $1 AND d.state = $2 AND d.settled_ms IS NULL \
               AND d.next_ms <= $3 ORDER BY d.next_ms, d.id LIMIT $4";
    database.fetch(sql, cells![destination.to_owned(), state.word(), now_ms, limit]).await
}

/// When something is due next.
pub async fn next_due(database: &Database, destination: &str) -> Result<Due, StoreError> {
    let least = |state: &str| {
        format!(
            "(SELECT MIN(next_ms) FROM delivery WHERE destination = $1 AND state = '{state}' \
             AND settled_ms IS NULL AND next_ms < $2) AS {state}_ms"
        )
    };
    let states = ["waiting", "unknown", "accepted", "offered"].map(least);
    let sql = format!("SELECT {}", states.join(", "));
    let cells = cells![destination.to_owned(), NEVER_MS];
    let rows: Vec<Due> = database.fetch(&sql, cells).await?;
    Ok(rows.into_iter().next().unwrap_or_default())
}

/// Deliveries that wait because something stopped them: why, how many, and when the first is due.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Stopped {
    pub state: String,
    pub cause: String,
    pub many: i64,
    pub next_ms: i64,
}

/// Why deliveries of a destination wait, the most frequent cause first.
pub async fn stopped(
    database: &Database,
    destination: &str,
    most: i64,
) -> Result<Vec<Stopped>, StoreError> {
    let sql = "SELECT state, cause, COUNT(*) AS many, MIN(next_ms) AS next_ms FROM delivery \
               WHERE destination = $1 AND state IN ('waiting', 'unknown') AND cause IS NOT NULL \
               AND settled_ms IS NULL GROUP BY state, cause ORDER BY many DESC, state, cause \
               LIMIT $2";
    database.fetch(sql, cells![destination.to_owned(), most]).await
}

/// Writes how deliveries stand, in one commit; gives those that were still the writer's to settle.
pub async fn settle(
    database: &Database,
    settled: &[Settled],
    now_ms: i64,
) -> Result<HashSet<i64>, StoreError> {
    let mut transaction = database.begin().await?;
    let mut changed = HashSet::new();
    for some in settled.chunks(ROWS_AT_ONCE) {
        changed.extend(settle_some(&mut transaction, some, now_ms).await?);
        let closed: Vec<&Settled> = some.iter().filter(|one| changed.contains(&one.id)).collect();
        close_attempts(&mut transaction, &closed, now_ms).await?;
    }
    transaction.commit().await?;
    Ok(changed)
}

/// Writes when questions are put again.
pub async fn postpone(database: &Database, postponed: &[Postponed]) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    for some in postponed.chunks(ROWS_AT_ONCE) {
        let sql = format!(
            "WITH v (id, fence, next_ms, word) AS (VALUES {}) \
             UPDATE delivery SET next_ms = v.next_ms, polls = delivery.polls + 1, \
             platform_status = COALESCE(v.word, delivery.platform_status) \
             FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence \
             AND delivery.state IN ('unknown', 'accepted', 'offered')",
            tuples(some.len(), 4)
        );
        let cells = some
            .iter()
            .flat_map(|one| cells![one.id, one.fence, one.next_ms, one.platform_status.clone()]);
        transaction.execute(&sql, cells.collect()).await?;
    }
    transaction.commit().await
}

pub(super) const ROWS_AT_ONCE: usize = 64;

async fn settle_some(
    transaction: &mut Transaction,
    settled: &[Settled],
    now_ms: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!(
        "WITH v (id, fence, state, since_ms, next_ms, back, platform_id, word, code, cause, \
         settled_ms, doubt_until_ms) AS (VALUES {}) \
         UPDATE delivery SET state = v.state, since_ms = v.since_ms, next_ms = v.next_ms, \
         attempts = delivery.attempts - v.back, polls = 0, \
         platform_id = COALESCE(v.platform_id, delivery.platform_id), \
         platform_status = COALESCE(v.word, delivery.platform_status), \
         cause_code = v.code, cause = v.cause, settled_ms = v.settled_ms, \
         doubt_until_ms = COALESCE(v.doubt_until_ms, delivery.doubt_until_ms) \
         FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence \
         AND delivery.state IN ('sending', 'unknown', 'accepted', 'offered') \
         RETURNING delivery.id",
        tuples(settled.len(), 12)
    );
    let cells: Vec<Cell> = settled
        .iter()
        .flat_map(|one| {
            cells![
                one.id,
                one.fence,
                one.state.word(),
                now_ms,
                one.next_ms,
                i64::from(one.give_back),
                one.platform_id.clone(),
                one.platform_status.clone(),
                one.code.clone(),
                one.cause.clone(),
                one.state.is_settled().then_some(now_ms),
                one.doubt_until_ms,
            ]
        })
        .collect();
    let changed: Vec<(i64,)> = transaction.fetch(&sql, cells).await?;
    Ok(changed.into_iter().map(|(id,)| id).collect())
}

/// The story of each attempt: when it ended, and how.
async fn close_attempts(
    transaction: &mut Transaction,
    settled: &[&Settled],
    now_ms: i64,
) -> Result<(), StoreError> {
    if settled.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "WITH v (id, attempt, ended_ms, outcome, cause) AS (VALUES {}) \
         UPDATE delivery_attempt SET ended_ms = v.ended_ms, outcome = v.outcome, cause = v.cause \
         FROM v WHERE delivery_attempt.delivery_id = v.id \
         AND delivery_attempt.attempt = v.attempt",
        tuples(settled.len(), 5)
    );
    let cells = settled.iter().flat_map(|one| {
        let outcome = one.code.clone().unwrap_or_else(|| one.state.word().to_owned());
        cells![one.id, one.intents, now_ms, outcome, one.cause.clone()]
    });
    transaction.execute(&sql, cells.collect()).await?;
    Ok(())
}

/// `($1,$2),($3,$4)`
pub(super) fn tuples(rows: usize, width: usize) -> String {
    let row = |row: usize| format!("({})", places(1 + row * width, width));
    (0..rows).map(row).collect::<Vec<_>>().join(",")
}

unprinted!(ClaimedRow, PendingRow);
