//! Repeating: what a system was told is told to it once more, byte for byte, under a new reference. It is a
//! person's decision on systems alone: nobody is written to twice, and nobody is asked to pay twice.

use super::Making;
use crate::record::delivery::{Content, Push, State};
use crate::store::again;
use crate::store::bulk::Verdict;
use crate::store::database::{StoreError, Transaction};
use crate::store::deliveries::Delivery;
use crate::store::outbox::{New, Place};

pub(super) async fn judge(
    transaction: &mut Transaction,
    rows: &[&Delivery],
    mark: &str,
    now_ms: i64,
) -> Result<(Vec<Verdict>, Making), StoreError> {
    let mut ids = again::alone(transaction, rows.len()).await?;
    let (mut making, mut verdicts) = (Making::default(), Vec::with_capacity(rows.len()));
    for row in rows {
        let push = match pushed(row) {
            Ok(push) => push,
            Err(why) => {
                verdicts.push(Verdict::left(why));
                continue;
            }
        };
        let id = ids.take();
        let new = New {
            id,
            event_id: row.change_event_id,
            batch_id: row.batch_id,
            resident_id: row.resident_id,
            destination: &row.destination,
            mapping: &row.mapping,
            mapping_version: row.mapping_version,
            purpose: &row.purpose,
            needs_consent: row.needs_consent,
            collection: row.collection,
            account_id: row.account_id,
            reference: format!("{mark}{id}"),
            // The receiver counts from now for how long it keeps the new key.
            composed: Ok(Content::Push(Push { composed_ms: now_ms, ..push })),
            now_ms,
        };
        // It says what was so once: it takes nobody's place, and nobody takes its.
        let place = Place { again_of: Some(row.id), ..Place::default() };
        making.deliveries.rows.add(new, place);
        verdicts.push(Verdict::Repeated { by: id });
    }
    Ok((verdicts, making))
}

/// What the system was told; or why it is not told once more.
fn pushed(row: &Delivery) -> Result<Push, &'static str> {
    let taken = [State::Accepted, State::Delivered].map(State::word);
    if !taken.contains(&row.state.as_str()) {
        return Err("the system has not had it");
    }
    match Content::from_json(&row.message) {
        Some(Content::Push(push)) => Ok(push),
        Some(Content::Message(_)) => Err("it is a message: nobody is written to twice"),
        Some(Content::Payment(_)) => Err("it is a payment: nobody is asked to pay twice"),
        None => Err("there is nothing in it to send"),
    }
}
