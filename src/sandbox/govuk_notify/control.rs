//! The sandbox's own controls, which the platform does not have: arm faults, count what was
//! accepted, pretend that a resident sent a text. They ask for no key.

use std::sync::Arc;

use axum::Json;
use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::routing::{get, post, put};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::sandbox::faults::Orders;
use crate::sandbox::govuk_notify::read::query_of;
use crate::sandbox::govuk_notify::state::{ReceivedText, Shared};
use crate::sandbox::govuk_notify::uuid;

pub fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/sandbox/faults", put(arm))
        .route("/sandbox/ledger", get(ledger).delete(reset))
        .route("/sandbox/receipts", get(receipts))
        .route("/sandbox/received-text-messages", post(receive))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Incoming {
    /// Needed only where there is more than one service.
    #[serde(default)]
    service_id: Option<String>,
    user_number: String,
    notify_number: String,
    content: String,
}

async fn arm(State(shared): State<Arc<Shared>>, Json(orders): Json<Orders>) -> StatusCode {
    shared.memory().faults.arm(orders);
    StatusCode::NO_CONTENT
}

/// Every accepted message, oldest first; `?reference=` gives those of one reference.
async fn ledger(State(shared): State<Arc<Shared>>, uri: Uri) -> Json<Value> {
    let query = query_of(&uri);
    let wanted =
        query.iter().find(|(name, _)| name == "reference").map(|(_, value)| value.as_str());
    let memory = shared.memory();
    let messages: Vec<&Value> = memory
        .ledger()
        .iter()
        .filter(|entry| wanted.is_none_or(|reference| entry["reference"] == reference))
        .collect();
    Json(json!({"count": messages.len(), "messages": messages}))
}

async fn reset(State(shared): State<Arc<Shared>>) -> StatusCode {
    shared.memory().reset();
    StatusCode::NO_CONTENT
}

async fn receipts(State(shared): State<Arc<Shared>>) -> Json<Value> {
    Json(json!({"attempts": shared.memory().courier.told()}))
}

async fn receive(
    State(shared): State<Arc<Shared>>,
    Json(incoming): Json<Incoming>,
) -> Result<(StatusCode, Json<Value>), StatusCode> {
    let service = match &incoming.service_id {
        Some(id) => shared.services.iter().find(|service| service.id == *id),
        None => shared.services.first(),
    };
    let service_id = service.ok_or(StatusCode::NOT_FOUND)?.id.clone();
    let now_us = shared.now_us();
    let mut memory = shared.memory();
    let text = ReceivedText {
        id: uuid::random(),
        service_id,
        user_number: incoming.user_number,
        notify_number: incoming.notify_number,
        content: incoming.content,
        created_us: memory.fresh_instant(now_us),
    };
    let answer = json!({"id": text.id});
    memory.received.push(text);
    Ok((StatusCode::CREATED, Json(answer)))
}
