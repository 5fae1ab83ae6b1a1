//! `GET /health`: whether this node is up, and how its database answers. For whoever watches the machine: it
//! needs no key, says two words and nothing of what is in the database, and costs one look a second at most.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::sync::Mutex;

use super::api::Hub;
use crate::store::reach::{self, Reach};

/// What was seen is believed for so long.
const FRESH: Duration = Duration::from_secs(1);

struct Health {
    hub: Arc<dyn Hub>,
    seen: Mutex<Option<(Instant, Reach)>>,
}

pub fn router(hub: Arc<dyn Hub>) -> Router {
    let health = Arc::new(Health { hub, seen: Mutex::default() });
    Router::new().route("/health", get(answer)).with_state(health)
}

async fn answer(State(health): State<Arc<Health>>) -> Response {
    // Whoever asks meanwhile waits for the same look.
    let mut seen = health.seen.lock().await;
    let reach = match *seen {
        Some((at, reach)) if at.elapsed() < FRESH => reach,
        _ => {
            let reach = reach::look(health.hub.database()).await;
            *seen = Some((Instant::now(), reach));
            reach
        }
    };
    let (status, up, database) = match reach {
        Reach::Answers => (StatusCode::OK, "up", "answers"),
        Reach::Slow => (StatusCode::OK, "up", "slow"),
        Reach::Away => (StatusCode::SERVICE_UNAVAILABLE, "down", "away"),
    };
    (status, Json(json!({ "status": up, "database": database }))).into_response()
}
