//! The API over HTTP: lets a call in, hands it on, and answers in JSON. Bodies, times and calls at once are
//! bounded. Of a call the log has its route, its status and its key's number, and none of its words.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{ConnectInfo, MatchedPath, RawPathParams, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use tokio::sync::Semaphore;
use tracing::Instrument;

use super::Hub;
use super::call::{Answer, Call, Caller};
use super::door::Door;
use super::keyring::Keys;
use super::limits::{Limits, Rate};
use super::problem::{Kind, Problem};
use super::routes::{self, ROOT, ROUTES, Route};
use crate::web::body;
use crate::web::request::Numbered;

/// What a body may hold.
const BODY_BYTES_MAX: usize = 1 << 20;
/// For how long a caller waits for an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Calls that are worked on at once, of all callers together.
const AT_ONCE: usize = 32;
/// What a key may call, and the machine itself without keys.
pub const CALLS: Rate = Rate { at_once: 600, each_ms: 100 };
/// What an address may get wrong.
pub const FAILURES: Rate = Rate { at_once: 20, each_ms: 3_000 };

const REASON: HeaderName = HeaderName::from_static("reason");
const NOWHERE: &str = "/api/{*rest}";
const REASON_CHARS_MAX: usize = 500;

struct Api {
    hub: Arc<dyn Hub>,
    door: Door,
    calls: Limits<Option<i64>>,
    failures: Limits<IpAddr>,
    at_once: Semaphore,
}

/// Every route there is.
pub fn router(hub: Arc<dyn Hub>, door: Door) -> Router {
    let api = Api {
        hub,
        door,
        calls: Limits::new(CALLS),
        failures: Limits::new(FAILURES),
        at_once: Semaphore::new(AT_ONCE),
    };
    let routes = routes::paths()
        .into_iter()
        .fold(Router::new(), |router, path| router.route(&format!("{ROOT}{path}"), any(answer)));
    routes.route(NOWHERE, any(answer)).with_state(Arc::new(api))
}

async fn answer(
    State(api): State<Arc<Api>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    path: MatchedPath,
    params: Result<RawPathParams, RawPathParamsRejection>,
    request: Request,
) -> Response {
    let numbered = Numbered::begin();
    let (parts, body) = request.into_parts();
    let method = parts.method.to_string();
    let params = params.as_ref().ok().and_then(|params| params.iter().next());
    let asked = Asked {
        peer: api.door.caller_address(peer.ip(), &parts.headers),
        path: path.as_str().strip_prefix(ROOT).unwrap_or(NOWHERE),
        id: params.map(|(_, id)| id.to_owned()).unwrap_or_default(),
        parts,
    };
    let mut key = None;
    // An error's span, so that what is logged beneath it has the number at every level.
    let span = tracing::error_span!("call", request.id = numbered.id);
    let done = api.perform(asked, body, &mut key).instrument(span.clone()).await;
    let response = match done {
        Ok(Answer { json, begun }) => {
            let status = if begun { StatusCode::ACCEPTED } else { StatusCode::OK };
            let kind = HeaderValue::from_static("application/json");
            (status, [(header::CONTENT_TYPE, kind)], json.to_string()).into_response()
        }
        Err(problem) => problem.response(&numbered.id),
    };
    let response = numbered.on(response);
    let _entered = span.enter();
    tracing::info!(
        http.method = method,
        http.route = path.as_str(),
        http.status = response.status().as_u16(),
        key.id = key,
        duration_ms = numbered.took_ms(),
        "a call was answered"
    );
    response
}

/// A call before it is let in.
struct Asked<'a> {
    peer: IpAddr,
    path: &'a str,
    id: String,
    parts: Parts,
}

impl Api {
    async fn perform(
        self: &Arc<Api>,
        asked: Asked<'_>,
        body: Body,
        key: &mut Option<i64>,
    ) -> Result<Answer, Problem> {
        let Asked { peer, path, id, parts } = asked;
        self.door.must_be_ours(&parts.headers)?;
        let caller = self.caller(&parts.headers, peer).await?;
        *key = caller.key;
        let route = find(path, parts.method.as_str())?;
        caller.must(route.scope)?;
        let reason = reason(&parts.headers)?;
        let body = match route.method {
            "GET" => Vec::new(),
            _ => read(&parts.headers, body).await?,
        };
        let query = parts.uri.query().unwrap_or_default().to_owned();
        self.work(Call { verb: route.verb, id, caller, reason, query, body }).await
    }

    async fn caller(&self, headers: &HeaderMap, peer: IpAddr) -> Result<Caller, Problem> {
        let now_ms = self.hub.clock().now_ms();
        let often = |again_s: u32| {
            let what = "too many calls came at once: come back after `Retry-After` seconds";
            Problem::new(Kind::TooOften, what).again(again_s)
        };
        match self.door.caller(&*self.hub, headers, peer, Keys::AsTheyStand).await {
            Ok(caller) => self.calls.take(caller.key, now_ms).map(|()| caller).map_err(often),
            Err(problem) if problem.kind == Kind::Unavailable => Err(problem),
            Err(problem) => match self.failures.take(peer, now_ms) {
                Ok(()) => Err(problem),
                Err(again_s) => Err(often(again_s)),
            },
        }
    }

    /// What was begun goes on, whether or not its caller still waits.
    async fn work(self: &Arc<Api>, call: Call) -> Result<Answer, Problem> {
        let api = Arc::clone(self);
        let working = tokio::spawn(
            async move {
                let Ok(_turn) = api.at_once.try_acquire() else {
                    let what = "too much is asked at once: come back in a moment";
                    return Err(Problem::new(Kind::Unavailable, what).again(1));
                };
                api.hub.answer(call).await
            }
            .in_current_span(),
        );
        match tokio::time::timeout(PATIENCE, working).await {
            Ok(Ok(done)) => done,
            Ok(Err(_)) => {
                let what = "it broke off: the log says where, under the number in `request`";
                Err(Problem::new(Kind::Broken, what))
            }
            Err(_) => {
                let what = "no answer within 30 seconds. What was asked for goes on: look what became of \
                            it before it is asked for again, or ask by the command line";
                Err(Problem::new(Kind::Unavailable, what).again(60))
            }
        }
    }
}

/// The route, or which methods there are.
fn find(path: &str, method: &str) -> Result<&'static Route, Problem> {
    let there: Vec<&Route> = ROUTES.iter().filter(|route| route.path == path).collect();
    if there.is_empty() {
        let what = "there is no such route: docs/api.md lists those there are";
        return Err(Problem::new(Kind::NotThere, what));
    }
    there.iter().find(|route| route.method == method).copied().ok_or_else(|| {
        let methods = there.iter().map(|route| route.method).collect::<Vec<_>>().join(", ");
        let what = format!("this route is taken by {methods}");
        Problem { allow: Some(methods), ..Problem::new(Kind::NotSo, what) }
    })
}

/// Why values are to be shown.
fn reason(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(value) = headers.get(REASON) else { return Ok(None) };
    let text = std::str::from_utf8(value.as_bytes()).map(str::trim).unwrap_or_default();
    if text.chars().count() > REASON_CHARS_MAX || text.chars().any(char::is_control) {
        let what = "the header `Reason` is one line of at most 500 characters";
        return Err(Problem::new(Kind::Words, what));
    }
    Ok(Some(text.to_owned()).filter(|text| !text.is_empty()))
}

/// The body, which must say that it is JSON: no form of a web page can.
async fn read(headers: &HeaderMap, body: Body) -> Result<Vec<u8>, Problem> {
    if !body::kind(headers).eq_ignore_ascii_case("application/json") {
        let what = "send JSON, and say so: `Content-Type: application/json`";
        return Err(Problem::new(Kind::NotJson, what));
    }
    body::whole(headers, body, BODY_BYTES_MAX, "a body has at most one megabyte").await
}
