//! What must be known to make a delivery anew, or to send it once more: of which change it tells, whether
//! an attempt at it was never answered, what was made after it, and the payment that went with it.
//!
//! Such deliveries are made beside the ingest. The two keep off each other, and whoever comes later gives
//! higher numbers: of one resident's deliveries, what was made later stays later in line.

use std::collections::{HashMap, HashSet};

use super::database::{StoreError, Transaction, cells};
use super::ids::Ids;
use super::outbox;
use super::unknowns::SEND_AGAIN;
use crate::record::personal::unprinted;

/// Keeps those away who resolve records, until the transaction ends; gives numbers for so many deliveries,
/// above all that were given.
pub async fn alone(transaction: &mut Transaction, count: usize) -> Result<Ids, StoreError> {
    transaction.execute("UPDATE hub SET made_to = made_to WHERE id = 1", vec![]).await?;
    let ids = Ids::within(transaction, count).await?;
    let sql = "UPDATE hub SET made_to = $1 WHERE id = 1";
    transaction.execute(sql, cells![ids.end() - 1]).await?;
    Ok(ids)
}

/// Keeps those away who make deliveries anew, until the transaction ends; has the next so many numbers be
/// above theirs.
pub async fn behind(
    transaction: &mut Transaction,
    ids: &mut Ids,
    count: usize,
) -> Result<(), StoreError> {
    let sql = match transaction {
        Transaction::Postgres(_) => "SELECT made_to FROM hub WHERE id = 1 FOR SHARE",
        // There is one who writes.
        Transaction::Sqlite(..) => "SELECT made_to FROM hub WHERE id = 1",
    };
    let rows: Vec<(i64,)> = transaction.fetch(sql, vec![]).await?;
    let made_to = rows.first().map_or(0, |(made_to,)| *made_to);
    ids.pass(transaction, made_to, count).await
}

/// The change that a delivery tells of, and the system that brought it.
#[derive(Clone, sqlx::FromRow)]
pub struct Occasion {
    pub delivery_id: i64,
    pub event_id: Option<i64>,
    /// account or resident
    pub subject: Option<String>,
    pub subject_id: Option<i64>,
    pub kind: Option<String>,
    /// JSON
    pub changes: Option<String>,
    pub source: Option<String>,
}

/// Of each of these deliveries the change that it tells of.
pub async fn occasions(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<HashMap<i64, Occasion>, StoreError> {
    let before = "SELECT d.id AS delivery_id, e.id AS event_id, e.subject, e.subject_id, e.kind, e.changes, \
         s.name AS source FROM delivery d LEFT JOIN change_event e ON e.id = d.change_event_id \
         LEFT JOIN batch b ON b.id = d.batch_id LEFT JOIN source s ON s.id = b.source_id \
         WHERE d.id IN";
    let rows: Vec<Occasion> = transaction.fetch_for(before, ids, "").await?;
    Ok(rows.into_iter().map(|row| (row.delivery_id, row)).collect())
}

/// Those of which an attempt was never answered, so that it may have taken effect; unless a person has said
/// since that it did not.
pub async fn unanswered(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<HashSet<i64>, StoreError> {
    let before = format!(
        "SELECT a.delivery_id FROM delivery_attempt a WHERE a.outcome IN ('interrupted', \
         'delivery.unknown') AND NOT EXISTS (SELECT 1 FROM audit w \
         WHERE w.target = 'delivery ' || CAST(a.delivery_id AS TEXT) AND w.action = '{SEND_AGAIN}' \
         AND w.at_ms >= a.ended_ms) AND a.delivery_id IN"
    );
    let rows: Vec<(i64,)> = transaction.fetch_for(&before, ids, "").await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Of each of these deliveries, where there is one, the newest of the same mapping about the same, which
/// says what is so now.
pub async fn newer(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<HashMap<i64, i64>, StoreError> {
    // A payment stands in no line.
    let (that, end) = outbox::by_message(transaction.is_postgres());
    let before = format!(
        "SELECT d.id, MAX(n.id) FROM delivery d JOIN delivery n \
         ON n.id {that} o.resident_id = d.resident_id AND o.delivery_id > d.id {end} \
         AND n.mapping = d.mapping AND n.subject_id = d.subject_id \
         WHERE d.subject_id <> 0 AND n.in_line > 0 \
         AND n.state NOT IN ('dismissed', 'replaced') AND d.id IN"
    );
    let rows: Vec<(i64, i64)> = transaction.fetch_for(&before, ids, "GROUP BY d.id").await?;
    Ok(rows.into_iter().collect())
}

/// A payment that is not over, and the message that was made with it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct PaymentOf {
    pub message_id: i64,
    pub id: i64,
    pub fence: i64,
    /// Nobody has opened its link.
    pub is_untouched: bool,
}

/// The payments that go with these messages and are not over.
pub async fn payments(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<Vec<PaymentOf>, StoreError> {
    let before = "SELECT d.id AS message_id, p.id, p.fence, \
         (p.state = 'offered' AND p.intents = 0) AS is_untouched FROM delivery d \
         JOIN delivery p ON p.resident_id = d.resident_id AND p.mapping = d.mapping \
         AND p.change_event_id = d.change_event_id AND p.batch_id = d.batch_id \
         AND p.subject_id = d.subject_id WHERE d.in_line > 0 AND p.in_line = 0 AND p.id > d.id \
         AND p.settled_ms IS NULL AND d.id IN";
    // A payer who opens a link in this very moment waits, and is sent on to the new one.
    let after = match transaction {
        Transaction::Postgres(_) => "ORDER BY p.id FOR UPDATE OF p",
        Transaction::Sqlite(..) => "ORDER BY p.id",
    };
    transaction.fetch_for(before, ids, after).await
}

/// Ends payments that nobody has begun, each since that delivery was made in its place: number, fence,
/// the other's number.
pub async fn end_payments(
    transaction: &mut Transaction,
    payments: &[(i64, i64, i64)],
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "WITH v (id, fence, by_id, now_ms) AS ({rows}) \
         UPDATE delivery SET state = 'replaced', since_ms = v.now_ms, settled_ms = v.now_ms, \
         fence = delivery.fence + 1, cause_code = 'delivery.remade', \
         cause = 'delivery ' || CAST(v.by_id AS TEXT) || ' was made in its place' \
         FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence \
         AND delivery.state = 'offered' RETURNING delivery.id";
    let rows = payments.iter().flat_map(|(id, fence, by)| cells![*id, *fence, *by, now_ms]);
    let ended: Vec<(i64,)> = transaction.fetch_with(sql, 4, rows.collect()).await?;
    match ended.len() == payments.len() {
        true => Ok(()),
        false => Err(StoreError::Conflict("a payment was begun meanwhile".to_owned())),
    }
}

unprinted!(Occasion);
