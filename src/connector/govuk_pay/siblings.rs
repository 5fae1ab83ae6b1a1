//! Payments of one delivery. There is one, unless a create went unanswered and was repeated: then every
//! other that turns up is cancelled while it is open. One that was paid is never cancelled; two that were
//! paid are a matter for a person.

use serde_json::Value;

use super::client::{Moved, PayClient};
use super::{DELIVERY, answer, receipt};
use crate::connector::answering;
use crate::connector::channel::{ConnectorError, Question, Receipt, Standing, Status};

/// The platform's clock may be behind ours when it writes down when a payment was made.
const CLOCKS_APART_MS: i64 = 600_000;

/// Every payment of the delivery that a search finds, each as it stands now: a search tells old news.
pub async fn find(
    client: &PayClient,
    question: &Question,
    payer_reference: &str,
) -> Result<Vec<Value>, ConnectorError> {
    let from_ms = question.first_intent_ms - CLOCKS_APART_MS;
    let mut ids: Vec<String> = client
        .search(payer_reference, from_ms)
        .await?
        .iter()
        .filter(|one| one["metadata"][DELIVERY].as_str() == Some(question.reference.as_str()))
        .filter_map(|one| one["payment_id"].as_str().map(str::to_owned))
        .collect();
    // The one that we know of is one of them, found or not.
    if let Some(known) = &question.platform_id
        && !ids.contains(known)
    {
        ids.push(known.clone());
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        found.push(client.payment(&id).await?);
    }
    Ok(found)
}

/// Cancels all but one of those that are open, or all of them where one was paid. Gives the one that
/// counts; none where there is none at all.
pub async fn leave_one_open(
    client: &PayClient,
    question: &Question,
    mut found: Vec<Value>,
) -> Result<Option<Receipt>, ConnectorError> {
    // The furthest on first; of two as far, the one that we know of; of two such, the older.
    found.sort_by_key(|payment| {
        let is_known = payment["payment_id"].as_str() == question.platform_id.as_deref();
        let created = payment["created_date"].as_str().unwrap_or_default().to_owned();
        (std::cmp::Reverse(progress(payment)), !is_known, created)
    });
    // The first is paid, or open, or none is. To cancel takes time, in which one more may be paid.
    for spare in found.iter_mut().skip(1) {
        if progress(spare) > LAPSED && progress(spare) < PAID {
            *spare = close(client, spare).await?;
        }
    }
    let paid = |payment: &&Value| progress(payment) == PAID;
    if let Some(first) = found.first().filter(|first| !paid(first))
        && progress(first) > LAPSED
        && found.iter().any(|other| paid(&other))
    {
        found[0] = close(client, &found[0]).await?;
    }
    let ids: Vec<String> = found
        .iter()
        .filter(paid)
        .filter_map(|payment| payment["payment_id"].as_str().map(str::to_owned))
        .collect();
    let counts = found.iter().find(paid).or(found.first()).and_then(receipt);
    Ok(counts.map(|receipt| match ids.len() {
        0 | 1 => receipt,
        _ => {
            let status = Status { word: "paid_twice".to_owned(), stands: Standing::Doubled(ids) };
            Receipt { status, ..receipt }
        }
    }))
}

const LAPSED: u8 = 0;
const PAID: u8 = 9;

/// How far a payment has come.
fn progress(payment: &Value) -> u8 {
    match answer::status(payment) {
        Some(Status { stands: Standing::Delivered, .. }) => PAID,
        Some(Status { stands: Standing::Lapsed, .. }) => LAPSED,
        Some(Status { word, .. }) => match word.as_str() {
            "created" => 1,
            "started" => 2,
            "submitted" => 3,
            "capturable" => 4,
            _ => 5,
        },
        None => 1,
    }
}

/// Cancels a payment, and gives it as it stands afterwards: cancelled, or what somebody made of it first.
async fn close(client: &PayClient, payment: &Value) -> Result<Value, ConnectorError> {
    let id = payment["payment_id"].as_str().unwrap_or_default();
    let after = match client.cancel(id).await? {
        Moved::Otherwise(after) => after,
        Moved::Done(_) => client.payment(id).await?,
    };
    match progress(&after) {
        LAPSED | PAID => Ok(after),
        _ => Err(answering::unavailable("a payment to spare is still open".to_owned(), None)),
    }
}
