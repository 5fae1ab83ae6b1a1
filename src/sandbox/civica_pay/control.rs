//! The sandbox's own controls, which the platform does not have.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::notifying;
use super::state::{Does, Shared};
use crate::sandbox::faults::Orders;

type App = State<Arc<Shared>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payer {
    does: Does,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    tells_baskets: bool,
}

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/faults", put(arm))
        .route("/sandbox/behaviour", put(behave))
        .route("/sandbox/ledger", get(ledger))
        .route("/sandbox/baskets/{reference}/payer", post(payer))
}

async fn arm(State(shared): App, Json(orders): Json<Orders>) -> StatusCode {
    shared.memory().faults.arm(orders);
    StatusCode::NO_CONTENT
}

async fn behave(State(shared): App, Json(wanted): Json<Wanted>) -> StatusCode {
    shared.memory().tells_baskets = wanted.tells_baskets;
    StatusCode::NO_CONTENT
}

/// Where somebody is to be told, they are told before this is answered: once, whatever they say.
async fn payer(
    State(shared): App,
    Path(reference): Path<String>,
    Json(payer): Json<Payer>,
) -> StatusCode {
    let told = {
        let mut memory = shared.memory();
        if !memory.payer(&reference, payer.does) {
            return StatusCode::NOT_FOUND;
        }
        notifying::of(&memory, &reference)
    };
    if let Some((url, body)) = told {
        notifying::post(&url, &body).await;
    }
    StatusCode::NO_CONTENT
}

/// Every basket that was made, and every attempt to pay one, oldest first.
async fn ledger(State(shared): App) -> Json<Value> {
    let memory = shared.memory();
    let baskets: Vec<Value> = memory
        .baskets
        .iter()
        .map(|one| {
            json!({
                "basket": one.reference, "transaction": one.transaction, "amount": one.amount,
                "account": one.account, "notify": one.notify,
            })
        })
        .collect();
    let attempts: Vec<Value> = memory
        .attempts
        .iter()
        .map(|one| json!({ "basket": one.basket, "status": one.status, "amount": one.amount }))
        .collect();
    Json(json!({ "baskets": baskets, "attempts": attempts }))
}
