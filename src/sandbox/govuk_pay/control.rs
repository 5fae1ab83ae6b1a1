//! The sandbox's own controls, which the platform does not have: faults, the payer's choice, lag, the
//! clock, and what was accepted. They ask for no key.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::payer::{self, Does};
use super::routes::query_of;
use super::state::{Shared, Webhook, moment};
use crate::sandbox::faults::Orders;

type App = State<Arc<Shared>>;

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/faults", put(arm))
        .route("/sandbox/behaviour", put(behave))
        .route("/sandbox/clock", post(move_clock))
        .route("/sandbox/ledger", get(ledger))
        .route("/sandbox/webhooks", get(webhooks))
        .route("/sandbox/payments/{id}/payer", post(payer_does))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    search_lag_ms: Option<i64>,
    agreement_ms: Option<i64>,
    webhooks_twice: Option<bool>,
    webhooks_out_of_order: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ahead {
    ms: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payer {
    does: Does,
}

async fn arm(State(shared): App, Json(orders): Json<Orders>) -> StatusCode {
    shared.memory().faults.arm(orders);
    StatusCode::NO_CONTENT
}

async fn behave(State(shared): App, Json(wanted): Json<Wanted>) -> StatusCode {
    let mut memory = shared.memory();
    let behaviour = &mut memory.behaviour;
    behaviour.search_lag_ms = wanted.search_lag_ms.unwrap_or(behaviour.search_lag_ms);
    behaviour.agreement_ms = wanted.agreement_ms.unwrap_or(behaviour.agreement_ms);
    behaviour.webhooks_twice = wanted.webhooks_twice.unwrap_or(behaviour.webhooks_twice);
    behaviour.webhooks_out_of_order =
        wanted.webhooks_out_of_order.unwrap_or(behaviour.webhooks_out_of_order);
    StatusCode::NO_CONTENT
}

async fn move_clock(State(shared): App, Json(ahead): Json<Ahead>) -> Json<Value> {
    shared.move_on(ahead.ms);
    Json(json!({ "now": moment(shared.now_ms()) }))
}

/// Every payment that was accepted, oldest first; `?reference=` gives those of one reference.
async fn ledger(State(shared): App, uri: Uri) -> Json<Value> {
    let query = query_of(&uri);
    let wanted = query.iter().find(|(name, _)| name == "reference").map(|(_, value)| value);
    let memory = shared.memory();
    let payments: Vec<Value> = memory
        .payments
        .iter()
        .filter(|payment| wanted.is_none_or(|wanted| payment.order.reference == *wanted))
        .map(|payment| {
            json!({
                "payment_id": payment.id,
                "reference": payment.order.reference,
                "amount": payment.order.amount,
                "metadata": payment.order.metadata,
                "status": payment.stage().word(),
                "refunded": payment.refunded(),
                "created_date": moment(payment.created_ms),
            })
        })
        .collect();
    Json(json!({ "count": payments.len(), "payments": payments }))
}

async fn webhooks(State(shared): App) -> Json<Value> {
    Json(json!({ "attempts": shared.memory().courier.told() }))
}

async fn payer_does(
    State(shared): App,
    Path(id): Path<String>,
    Json(payer): Json<Payer>,
) -> Result<Json<Value>, StatusCode> {
    let stage = payer::act(&shared, &id, payer.does).ok_or(StatusCode::NOT_FOUND)?;
    Ok(Json(json!({ "status": stage.word() })))
}

/// Where an account's events are told.
pub fn webhook(url: &str, secret: &str) -> Webhook {
    Webhook { url: url.to_owned(), secret: secret.to_owned() }
}
