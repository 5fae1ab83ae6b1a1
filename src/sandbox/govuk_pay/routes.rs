//! The addresses the platform answers at, and what every request goes through: a fault that may strike
//! it, the firewall, the question of who is calling, and how often they did.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use super::calls::Call;
use super::limits::Class;
use super::problem::Problem;
use super::search::Query;
use super::state::Shared;
use super::{check, control, payer};
use crate::sandbox::faults::Strike;
use crate::sandbox::serving::Line;

/// The largest body the platform takes, bytes.
const BODY_BYTES_MAX: usize = 1 << 20;

type App = State<Arc<Shared>>;

pub fn router(shared: Arc<Shared>) -> Router {
    let platform = Router::new()
        .route("/v1/payments", get(search_payments).post(create))
        .route("/v1/payments/{id}", get(payment))
        .route("/v1/payments/{id}/events", get(events))
        .route("/v1/payments/{id}/cancel", post(cancel))
        .route("/v1/payments/{id}/capture", post(capture))
        .route("/v1/payments/{id}/refunds", get(refunds).post(refund))
        .route("/v1/payments/{id}/refunds/{refund}", get(one_refund))
        .route("/v1/refunds", get(search_refunds))
        .route("/v1/agreements", get(search_agreements).post(create_agreement))
        .route("/v1/agreements/{id}", get(agreement))
        .route("/v1/agreements/{id}/cancel", post(cancel_agreement))
        .route("/v1/disputes", get(search_disputes))
        .route("/v1/auth", post(authorise))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), guard))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), strike));
    platform.merge(control::router()).merge(payer::router()).with_state(shared)
}

/// Answers a call with what it gives.
fn answered(
    shared: &Shared,
    headers: &HeaderMap,
    class: Class,
    status: StatusCode,
    act: impl FnOnce(&Call<'_>) -> Result<Value, Problem>,
) -> Response {
    match with_caller(shared, headers, class, act) {
        Ok(Value::Null) => status.into_response(),
        Ok(body) => (status, Json(body)).into_response(),
        Err(refusal) => *refusal,
    }
}

/// Finds out who is calling, and lets them.
fn with_caller<T>(
    shared: &Shared,
    headers: &HeaderMap,
    class: Class,
    act: impl FnOnce(&Call<'_>) -> Result<T, Problem>,
) -> Result<T, Box<Response>> {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let key = bearer.and_then(|bearer| bearer.strip_prefix("Bearer "));
    let account = shared.accounts.iter().position(|one| Some(one.api_key.as_str()) == key);
    // Not one of the platform's usual objects: nobody is to read it.
    let stranger = "Credentials are required to access this resource.";
    let stranger = || Box::new((StatusCode::UNAUTHORIZED, stranger).into_response());
    let account = account.ok_or_else(stranger)?;
    let now_ms = shared.now_ms();
    let taken = shared.memory().limits.take(account, class, now_ms);
    let refused = |problem: Problem| Box::new(problem.into_response());
    taken.map_err(refused)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let root = format!("http://{host}");
    act(&Call { shared, account, root: &root, now_ms }).map_err(refused)
}

async fn create(State(shared): App, headers: HeaderMap, body: Bytes) -> Response {
    let made = with_caller(&shared, &headers, Class::Create, |call| {
        let key = headers.get("Idempotency-Key").map(|value| value.as_bytes());
        call.create(check::idempotency_key(key)?, &body)
    });
    match made {
        Ok((new, body)) => {
            let status = if new { StatusCode::CREATED } else { StatusCode::OK };
            let place = body["_links"]["self"]["href"].as_str().unwrap_or_default().to_owned();
            let headers = [
                (header::LOCATION, place),
                (header::PRAGMA, "no-cache".to_owned()),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ];
            (status, headers, Json(body)).into_response()
        }
        Err(refusal) => *refusal,
    }
}

async fn payment(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.payment(&id))
}

async fn events(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.events(&id))
}

async fn cancel(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(&shared, &headers, Class::OtherPost, StatusCode::NO_CONTENT, |call| {
        call.cancel(&id).map(|()| Value::Null)
    })
}

async fn capture(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(&shared, &headers, Class::Capture, StatusCode::NO_CONTENT, |call| {
        call.capture(&id).map(|()| Value::Null)
    })
}

async fn refund(
    State(shared): App,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answered(&shared, &headers, Class::OtherPost, StatusCode::ACCEPTED, |call| {
        call.refund(&id, &body)
    })
}

async fn refunds(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.refunds(&id))
}

async fn one_refund(
    State(shared): App,
    Path((id, refund)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.one_refund(&id, &refund))
}

async fn search_payments(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = query_of(&uri);
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.search_payments(&query))
}

async fn search_refunds(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = query_of(&uri);
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.search_refunds(&query))
}

async fn search_agreements(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = query_of(&uri);
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.search_agreements(&query))
}

async fn search_disputes(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = query_of(&uri);
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.search_disputes(&query))
}

async fn create_agreement(State(shared): App, headers: HeaderMap, body: Bytes) -> Response {
    answered(&shared, &headers, Class::OtherPost, StatusCode::CREATED, |call| {
        call.create_agreement(&body)
    })
}

async fn agreement(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(&shared, &headers, Class::Read, StatusCode::OK, |call| call.agreement(&id))
}

async fn cancel_agreement(
    State(shared): App,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    answered(&shared, &headers, Class::OtherPost, StatusCode::NO_CONTENT, |call| {
        call.cancel_agreement(&id).map(|()| Value::Null)
    })
}

async fn authorise(State(shared): App, body: Bytes) -> Response {
    match Call::authorise(&shared, &body) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(problem) => problem.into_response(),
    }
}

/// The words of an address behind its question mark.
pub fn query_of(uri: &Uri) -> Query {
    let query = uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

/// The firewall, which looks before anybody asks who is calling.
async fn guard(State(shared): App, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, BODY_BYTES_MAX).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let key = parts.headers.get("Idempotency-Key").and_then(|value| value.to_str().ok());
    let headers: Vec<(&str, &str)> = key.map(|key| ("Idempotency-Key", key)).into_iter().collect();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    shared.memory().note(parts.method.as_str(), path, &headers, &bytes);
    if blocked(&parts.method, &parts.headers, &bytes) {
        let why =
            "Request blocked by firewall rules. Consult API documentation for more information.";
        return Problem::new(400, "P0920", why).into_response();
    }
    next.run(Request::from_parts(parts, Body::from(bytes))).await
}

fn blocked(method: &Method, headers: &HeaderMap, body: &[u8]) -> bool {
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let takes = text(header::ACCEPT).unwrap_or("*/*");
    if !takes.contains("json") && !takes.contains("*/*") && !takes.contains("application/*") {
        return true;
    }
    if method != Method::POST {
        return false;
    }
    let is_json =
        text(header::CONTENT_TYPE).is_some_and(|kind| kind.starts_with("application/json"));
    !is_json || body.is_empty() || serde_json::from_slice(body).is_ok_and(|body| suspicious(&body))
}

/// Characters that no honest value needs, as the firewall sees it.
fn suspicious(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains(['`', '"', '\\', '|']),
        Value::Array(items) => items.iter().any(suspicious),
        Value::Object(map) => map.values().any(suspicious),
        _ => false,
    }
}

/// Lets an armed fault have its way with the request.
async fn strike(State(shared): App, request: Request, next: Next) -> Response {
    let line = request.extensions().get::<ConnectInfo<Line>>().map(|info| info.0.clone());
    let cut = || {
        if let Some(line) = &line {
            line.cut();
        }
        // Seen only where the router is called without a connection, as in a unit test.
        StatusCode::IM_A_TEAPOT.into_response()
    };
    let struck = shared.memory().faults.strike(request.method(), request.uri().path());
    match struck {
        None => next.run(request).await,
        Some(Strike::Status(status, _)) => Problem::ordered(status).into_response(),
        Some(Strike::LoseRequest) => cut(),
        Some(Strike::LoseAnswer) => {
            next.run(request).await;
            cut()
        }
        Some(Strike::Slow { ms }) => {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            next.run(request).await
        }
    }
}
