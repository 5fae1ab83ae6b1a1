//! The sandbox's own controls, which the CRM does not have: faults, the clock, another user's work, events,
//! and what was written. They ask for no token.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::events;
use super::state::{Case, Shared};
use crate::sandbox::faults::Orders;

type App = State<Arc<Shared>>;

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/faults", put(arm))
        .route("/sandbox/behaviour", put(behave))
        .route("/sandbox/clock", post(move_clock))
        .route("/sandbox/tokens/forget", post(forget))
        .route("/sandbox/cases/{id}", put(put_case).get(show_case).delete(drop_case))
        .route("/sandbox/cases/{id}/event", post(tell))
        .route("/sandbox/individuals/{id}", get(show_individual))
        .route("/sandbox/ledger", get(ledger))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    token_calls: Option<u32>,
    token_ms: Option<i64>,
    faults_as_200: Option<bool>,
    written_over: Option<u32>,
    events_to: Option<String>,
    document_ms: Option<u64>,
    unnumbered: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Ahead {
    ms: i64,
}

/// What another user does to a case, which is made where there is none.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByHand {
    person: Option<String>,
    status: Option<String>,
    title: Option<String>,
    description: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listener {
    url: String,
    /// In place of the event; what comes is not always what was meant.
    body: Option<String>,
}

async fn arm(State(shared): App, Json(orders): Json<Orders>) -> StatusCode {
    shared.memory().faults.arm(orders);
    StatusCode::NO_CONTENT
}

async fn behave(State(shared): App, Json(wanted): Json<Wanted>) -> StatusCode {
    let mut memory = shared.memory();
    let behaviour = &mut memory.behaviour;
    behaviour.token_calls = wanted.token_calls.unwrap_or(behaviour.token_calls);
    behaviour.token_ms = wanted.token_ms.unwrap_or(behaviour.token_ms);
    behaviour.faults_as_200 = wanted.faults_as_200.unwrap_or(behaviour.faults_as_200);
    behaviour.written_over = wanted.written_over.unwrap_or(behaviour.written_over);
    behaviour.document_ms = wanted.document_ms.unwrap_or(behaviour.document_ms);
    behaviour.unnumbered = wanted.unnumbered.or(behaviour.unnumbered.take());
    behaviour.events_to = wanted.events_to.or(behaviour.events_to.take());
    StatusCode::NO_CONTENT
}

async fn move_clock(State(shared): App, Json(ahead): Json<Ahead>) -> Json<Value> {
    shared.move_on(ahead.ms);
    Json(json!({ "now": shared.now() }))
}

async fn forget(State(shared): App) -> StatusCode {
    shared.memory().forget_tokens();
    StatusCode::NO_CONTENT
}

async fn put_case(
    State(shared): App,
    Path(id): Path<String>,
    Json(hand): Json<ByHand>,
) -> StatusCode {
    let now = shared.now();
    let mut memory = shared.memory();
    let new = || Case {
        status: "Open".to_owned(),
        title: "Enquiry".to_owned(),
        classification: ["Revenues", "Council Tax", "Enquiry"].map(str::to_owned),
        opened: now.clone(),
        ..Case::default()
    };
    let case = memory.cases.entry(id).or_insert_with(new);
    case.person = hand.person.or(case.person.take());
    case.closed = match hand.status.as_deref() {
        Some("Closed") => Some(now.clone()),
        _ => case.closed.take(),
    };
    case.status = hand.status.unwrap_or_else(|| case.status.clone());
    case.title = hand.title.unwrap_or_else(|| case.title.clone());
    case.description = hand.description.unwrap_or_else(|| case.description.clone());
    case.modified = now;
    StatusCode::NO_CONTENT
}

/// It goes, while it is still listed.
async fn drop_case(State(shared): App, Path(id): Path<String>) -> StatusCode {
    let mut memory = shared.memory();
    let Some(case) = memory.cases.remove(&id) else { return StatusCode::NOT_FOUND };
    memory.gone.insert(id, case);
    StatusCode::NO_CONTENT
}

async fn show_case(State(shared): App, Path(id): Path<String>) -> Result<Json<Value>, StatusCode> {
    let memory = shared.memory();
    let case = memory.cases.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    let notes: Vec<Value> = (case.notes.iter())
        .map(|note| json!({ "text": note.text, "documents": note.documents }))
        .collect();
    Ok(Json(json!({
        "status": case.status,
        "title": case.title,
        "description": case.description,
        "person": case.person,
        "form": case.form,
        "event_code": case.event_code,
        "notes": notes,
    })))
}

async fn show_individual(
    State(shared): App,
    Path(id): Path<String>,
) -> Result<Json<Value>, StatusCode> {
    let memory = shared.memory();
    let found = memory.individuals.get(&id).ok_or(StatusCode::NOT_FOUND)?;
    let contacts = |all: &[super::state::Contact]| -> Vec<Value> {
        all.iter().map(|one| json!({ "value": one.value, "preferred": one.preferred })).collect()
    };
    let postals: Vec<Value> = (found.postals.iter())
        .map(
            |one| json!({ "uprn": one.uprn, "postcode": one.postcode, "preferred": one.preferred }),
        )
        .collect();
    Ok(Json(json!({
        "postals": postals,
        "phones": contacts(&found.phones),
        "emails": contacts(&found.emails),
    })))
}

/// Posts the event of a case's end to an address, now.
async fn tell(
    State(shared): App,
    Path(id): Path<String>,
    Json(listener): Json<Listener>,
) -> Result<Json<Value>, StatusCode> {
    let body = {
        let memory = shared.memory();
        let case = memory.cases.get(&id).ok_or(StatusCode::NOT_FOUND)?;
        listener.body.unwrap_or_else(|| events::closed(&id, case))
    };
    Ok(Json(json!({ "answered": events::post(&listener.url, &body).await })))
}

/// Everything that was written, oldest first, and how often anybody called.
async fn ledger(State(shared): App) -> Json<Value> {
    let memory = shared.memory();
    Json(json!({
        "count": memory.ledger().len(),
        "done": memory.ledger(),
        "calls": memory.calls,
        "logins": memory.logins,
        "refused": memory.refused,
        "documents": memory.documents.len(),
    }))
}
