//! The platform's addresses: baskets, the payer's page, and the query beside them.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;

use super::state::Shared;
use super::{baskets, control, query};
use crate::sandbox::faults::Strike;
use crate::sandbox::serving::Line;

type App = State<Arc<Shared>>;

pub fn router(shared: Arc<Shared>) -> Router {
    let api = "/TransportableBasket/api/BasketApi";
    Router::new()
        .route(&format!("{api}/CreateImmediatePaymentBasket"), post(asked))
        .route(&format!("{api}/RetrieveBasketSecurityDetails"), post(asked))
        .route("/QueryAuthRequests/Service1.asmx", post(asked))
        .route("/estore/default/Remote/Fetch", get(fetch))
        .merge(control::router())
        .with_state(shared)
}

async fn asked(
    State(shared): App,
    ConnectInfo(line): ConnectInfo<Line>,
    uri: Uri,
    body: String,
) -> Response {
    let strike = shared.memory().faults.strike(&Method::POST, uri.path());
    match strike {
        Some(Strike::Status(status, _)) => {
            return StatusCode::from_u16(status).unwrap_or_default().into_response();
        }
        Some(Strike::Slow { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        Some(Strike::LoseRequest) => {
            line.cut();
            return StatusCode::NO_CONTENT.into_response();
        }
        Some(Strike::LoseAnswer) | None => {}
    }
    let answer = answer(&shared, uri.path(), &body);
    if strike == Some(Strike::LoseAnswer) {
        line.cut();
    }
    answer
}

fn answer(shared: &Shared, path: &str, body: &str) -> Response {
    let mut memory = shared.memory();
    if path.starts_with("/Query") {
        let page = query::answer(&memory, body);
        return ([("content-type", "text/xml; charset=utf-8")], page).into_response();
    }
    let said: Value = serde_json::from_str(body).unwrap_or_default();
    let answer = match path.ends_with("Details") {
        true => baskets::security(&memory, &said),
        false => baskets::create(&mut memory, &said),
    };
    axum::Json(answer).into_response()
}

/// The payer's page, for whoever has the basket's token.
async fn fetch(State(shared): App, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let said = |name: &str| {
        let found = form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name);
        found.map(|(_, value)| value.into_owned()).unwrap_or_default()
    };
    let (reference, token) = (said("basketreference"), said("baskettoken"));
    let memory = shared.memory();
    let found = memory.baskets.iter().find(|one| one.reference == reference && one.token == token);
    match found {
        Some(basket) => {
            let page = format!(
                "<!DOCTYPE html><title>Pay</title><p>£{} for {}. Nothing is paid here: \
                 POST /sandbox/baskets/{}/payer</p>",
                basket.amount, basket.account, basket.reference
            );
            Html(page).into_response()
        }
        None => (StatusCode::NOT_FOUND, "There is no such basket").into_response(),
    }
}
