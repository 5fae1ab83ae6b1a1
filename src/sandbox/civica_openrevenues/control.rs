//! The sandbox's own controls, which the system does not have.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::state::{Behaviour, Shared};
use crate::sandbox::faults::Orders;

type App = State<Arc<Shared>>;

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/faults", put(arm))
        .route("/sandbox/behaviour", put(behave))
        .route("/sandbox/sessions/forget", post(forget))
        .route("/sandbox/ledger", get(ledger))
        .route("/sandbox/people.csv", get(people))
}

/// A fault's `path` is held against the operation's name.
async fn arm(State(shared): App, Json(orders): Json<Orders>) -> StatusCode {
    shared.memory().faults.arm(orders);
    StatusCode::NO_CONTENT
}

/// What is not said is as usual.
async fn behave(State(shared): App, Json(behaviour): Json<Behaviour>) -> StatusCode {
    shared.memory().behaviour = behaviour;
    StatusCode::NO_CONTENT
}

async fn forget(State(shared): App) -> StatusCode {
    shared.memory().sessions.clear();
    StatusCode::NO_CONTENT
}

/// What was asked, how often.
async fn ledger(State(shared): App) -> Json<Value> {
    let memory = shared.memory();
    Json(json!({
        "calls": memory.counts.calls,
        "sign_ins": memory.counts.sign_ins,
        "refused": memory.counts.refused,
        "sessions": memory.sessions.len(),
    }))
}

/// Who there is, as an extract would list them.
async fn people(State(shared): App) -> String {
    let rows = shared.people().into_iter().map(|(person, account)| format!("{person},{account}\n"));
    std::iter::once("person_ref,account_ref\n".to_owned()).chain(rows).collect()
}
