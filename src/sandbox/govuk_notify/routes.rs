//! The addresses the platform answers at, and what every request goes through: a fault that may
//! strike it, and the question of who is calling. What is answered is decided elsewhere.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::Value;

use crate::sandbox::faults::Strike;
use crate::sandbox::govuk_notify::answer::{self, Refusal};
use crate::sandbox::govuk_notify::send::Call;
use crate::sandbox::govuk_notify::state::Shared;
use crate::sandbox::govuk_notify::{auth, control, read, send, templates, uuid};
use crate::sandbox::serving::Line;

/// Room for a long e-mail or a letter's document in base64.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;

type App = State<Arc<Shared>>;

pub fn router(shared: Arc<Shared>) -> Router {
    let platform = Router::new()
        .route("/v2/notifications", get(list))
        .route("/v2/notifications/{id}", get(read_one).post(send_one))
        .route("/v2/notifications/{id}/pdf", get(read_pdf))
        .route("/v2/templates", get(list_templates))
        .route("/v2/template/{id}", get(read_template))
        .route("/v2/template/{id}/version/{version}", get(read_version))
        .route("/v2/template/{id}/preview", post(preview))
        .route("/v2/received-text-messages", get(received))
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), strike));
    platform
        .merge(control::router())
        .fallback(|| async { answer::no_such_route() })
        .method_not_allowed_fallback(|| async { answer::wrong_method() })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::map_response(trace))
        .with_state(shared)
}

async fn send_one(
    State(shared): App,
    Path(channel): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answered(
        StatusCode::CREATED,
        with_caller(&shared, &headers, |call| {
            // The platform trips over a channel it does not know before it can say so.
            let channel =
                read::channel_of(&channel).ok_or_else(|| Refusal::internal("KeyError"))?;
            send::send(call, channel, &body)
        }),
    )
}

async fn read_one(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(StatusCode::OK, with_caller(&shared, &headers, |call| read::one(call, &id)))
}

async fn read_pdf(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match with_caller(&shared, &headers, |call| read::pdf(call, &id)) {
        Ok(pdf) => ([(header::CONTENT_TYPE, "application/pdf")], pdf).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn list(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = read::query_of(&uri);
    answered(StatusCode::OK, with_caller(&shared, &headers, |call| read::list(call, query)))
}

async fn list_templates(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = read::query_of(&uri);
    answered(StatusCode::OK, with_caller(&shared, &headers, |call| templates::all(call, query)))
}

async fn read_template(State(shared): App, Path(id): Path<String>, headers: HeaderMap) -> Response {
    answered(StatusCode::OK, with_caller(&shared, &headers, |call| templates::one(call, &id, None)))
}

async fn read_version(
    State(shared): App,
    Path((id, version)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    // A version that is not a number is not an address at all.
    if version.is_empty() || !version.bytes().all(|digit| digit.is_ascii_digit()) {
        return answer::no_such_route();
    }
    let version = version.parse().unwrap_or(u32::MAX);
    answered(
        StatusCode::OK,
        with_caller(&shared, &headers, |call| templates::one(call, &id, Some(version))),
    )
}

async fn preview(
    State(shared): App,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    answered(
        StatusCode::OK,
        with_caller(&shared, &headers, |call| templates::preview(call, &id, &body)),
    )
}

async fn received(State(shared): App, uri: Uri, headers: HeaderMap) -> Response {
    let query = read::query_of(&uri);
    answered(StatusCode::OK, with_caller(&shared, &headers, |call| read::received(call, query)))
}

/// Finds out who is calling, and lets them.
fn with_caller<T>(
    shared: &Shared,
    headers: &HeaderMap,
    act: impl FnOnce(&Call<'_>) -> Result<T, Refusal>,
) -> Result<T, Refusal> {
    let now_us = shared.now_us();
    let now_s = now_us.div_euclid(1_000_000);
    let (service, key) = auth::identify(headers, &shared.services, now_s)?;
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    act(&Call { shared, service, key, root: format!("http://{host}/"), now_us })
}

fn answered(status: StatusCode, outcome: Result<Value, Refusal>) -> Response {
    match outcome {
        Ok(body) => (status, Json(body)).into_response(),
        Err(refusal) => refusal.into_response(),
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
        Some(Strike::Status(status, error)) => fault(status, error.as_deref()).into_response(),
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

/// What the platform's own people ask for when something went wrong.
async fn trace(mut response: Response) -> Response {
    if let Ok(id) = HeaderValue::from_str(&uuid::random().replace('-', "")) {
        response.headers_mut().insert("X-B3-TraceId", id);
    }
    response
}

/// What the platform answers with a status, when it is in that state.
fn fault(status: u16, error: Option<&str>) -> Refusal {
    let code = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let (usual, message) = match (status, error) {
        (429, Some("TooManyRequestsError")) => {
            ("TooManyRequestsError", "Exceeded send limits (email: 250000) for today")
        }
        (429, _) => (
            "RateLimitError",
            "Exceeded rate limit for key type LIVE of 3000 requests per 60 seconds",
        ),
        (504, _) => ("EventletTimeout", "Timeout serving request"),
        (403, _) => ("AuthError", "Error: Your system clock must be accurate to within 30 seconds"),
        (400, _) => ("BadRequestError", "An error occurred"),
        _ => ("Exception", "Internal server error"),
    };
    Refusal::new(code, error.unwrap_or(usual), message)
}
