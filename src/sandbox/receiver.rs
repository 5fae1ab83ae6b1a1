//! Systems that are told by HTTP, of the three kinds there are: at `/keyed` one that does what comes under
//! one key once, at `/asked` one that can be asked by reference and does everything it is told, at
//! `/plain` one that does everything and knows nothing.
//!
//! What it did is appended to a ledger, and is on disk before the caller hears of it: what it did twice
//! stands there twice. It checks no signature; whoever reads the ledger can.

use std::collections::{HashMap, VecDeque};
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::path::Path as FilePath;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::faults::{Faults, Orders, Strike};
use super::serving::{Clock, Line, Running};
use crate::record::moment::Moment;

/// The systems. Cloning gives another handle on the same ones.
#[derive(Clone)]
pub struct Receiver(Arc<Shared>);

struct Shared {
    memory: Mutex<Memory>,
    clock: Clock,
}

#[derive(Default)]
struct Memory {
    ledger: Vec<Value>,
    file: Option<File>,
    /// What was done under a key, and what was answered.
    done: HashMap<String, (Bytes, Value)>,
    faults: Faults,
    answers: VecDeque<Answered>,
    busy: Option<Busy>,
    refusals: Option<Refusals>,
    calls: u64,
    answers_lost: u64,
    too_early: u64,
    /// When the first was told to come back later, and when.
    told: Option<(i64, i64)>,
}

/// An answer that is given in place of the system's own, whatever it says.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Answered {
    status: u16,
    #[serde(default)]
    headers: HashMap<String, String>,
    #[serde(default)]
    body: String,
    /// Whether the thing is done all the same.
    #[serde(default)]
    happens: bool,
    #[serde(default = "once")]
    times: u32,
}

/// Until then everybody is told to slow down.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Busy {
    until_ms: i64,
    /// How long each is told to wait; none where nothing is said.
    seconds: Option<i64>,
    #[serde(default)]
    as_a_date: bool,
}

/// What is never taken, however often it comes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refusals {
    /// Whatever has this in its body.
    holds: String,
    status: u16,
}

impl Receiver {
    pub fn new(clock: Clock) -> Receiver {
        Receiver(Arc::new(Shared { memory: Mutex::default(), clock }))
    }

    /// Appends everything that is done to a file as well, one JSON object a line.
    pub fn with_ledger(self, path: &FilePath) -> io::Result<Receiver> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        self.0.memory().file = Some(file);
        Ok(self)
    }

    pub fn router(&self) -> Router {
        Router::new()
            .route("/keyed", any(told))
            .route("/asked", any(told))
            .route("/plain", any(told))
            .route("/asked/{reference}", get(asked))
            .route("/sandbox/faults", put(arm))
            .route("/sandbox/answers", put(answer_so))
            .route("/sandbox/busy", put(be_busy))
            .route("/sandbox/refusals", put(refuse))
            .route("/sandbox/ledger", get(ledger))
            .with_state(Arc::clone(&self.0))
    }

    /// Serves them on loopback until dropped.
    pub async fn serve(&self, port: u16) -> io::Result<Running> {
        Running::start(self.router(), port).await
    }
}

impl Shared {
    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Does what was told, and has it on disk.
    fn accept(&mut self, entry: Value) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(format!("{entry}\n").as_bytes())?;
            file.sync_data()?;
        }
        self.ledger.push(entry);
        Ok(())
    }

    /// The answer that stands in for the system's own, if any is left.
    fn stand_in(&mut self) -> Option<Answered> {
        let next = self.answers.front_mut()?;
        next.times = next.times.saturating_sub(1);
        let answer = next.clone();
        if answer.times == 0 {
            self.answers.pop_front();
        }
        Some(answer)
    }

    /// What a caller hears of something that is never taken.
    fn refused(&self, body: &Bytes) -> Option<Response> {
        let refusals = self.refusals.as_ref()?;
        let found = String::from_utf8_lossy(body).contains(&refusals.holds);
        found.then(|| StatusCode::from_u16(refusals.status).unwrap_or_default().into_response())
    }

    /// What a caller hears while there is too much to do.
    fn too_busy(&mut self, now_ms: i64) -> Option<Response> {
        if let Some((at_ms, until_ms)) = self.told
            && at_ms < now_ms
            && now_ms < until_ms
        {
            self.too_early += 1;
        }
        let busy = self.busy.clone().filter(|busy| now_ms < busy.until_ms)?;
        let mut answer = StatusCode::TOO_MANY_REQUESTS.into_response();
        if let Some(seconds) = busy.seconds {
            let until_ms = now_ms.saturating_add(seconds.saturating_mul(1_000));
            self.told = Some((now_ms, until_ms));
            let said = match busy.as_a_date {
                true => Moment(until_ms).http_date(),
                false => seconds.to_string(),
            };
            if let Ok(value) = said.parse() {
                answer.headers_mut().insert("retry-after", value);
            }
        }
        Some(answer)
    }
}

type App = State<Arc<Shared>>;

/// Somebody tells one of the systems something.
async fn told(
    State(shared): App,
    ConnectInfo(line): ConnectInfo<Line>,
    method: Method,
    uri: axum::http::Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if method != Method::POST && method != Method::PUT {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let system = uri.path().trim_start_matches('/').to_owned();
    let now_ms = (shared.clock)();
    let (strike, stand_in) = {
        let mut memory = shared.memory();
        memory.calls += 1;
        if let Some(answer) = memory.too_busy(now_ms) {
            return answer;
        }
        if let Some(answer) = memory.refused(&body) {
            return answer;
        }
        (memory.faults.strike(&Method::POST, uri.path()), memory.stand_in())
    };
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
    if let Some(answer) = stand_in {
        if answer.happens {
            let _ = done(&shared, &system, &method, &headers, &body, now_ms);
        }
        return as_said(answer);
    }
    let answer = done(&shared, &system, &method, &headers, &body, now_ms);
    if strike == Some(Strike::LoseAnswer) {
        shared.memory().answers_lost += 1;
        line.cut();
    }
    answer
}

/// Does it, as a system of that kind does.
fn done(
    shared: &Shared,
    system: &str,
    method: &Method,
    headers: &HeaderMap,
    body: &Bytes,
    now_ms: i64,
) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let key = header("idempotency-key").map(|key| key.trim_matches('"').to_owned());
    let mut memory = shared.memory();
    if system == "keyed" {
        let Some(key) = &key else { return StatusCode::BAD_REQUEST.into_response() };
        match memory.done.get(key) {
            Some((before, _)) if before != body => {
                return StatusCode::UNPROCESSABLE_ENTITY.into_response();
            }
            Some((_, answer)) => return Json(answer.clone()).into_response(),
            None => {}
        }
    }
    let answer = json!({ "id": memory.ledger.len() + 1 });
    let entry = json!({
        "system": system,
        "method": method.as_str(),
        "key": key,
        "id": header("webhook-id"),
        "timestamp": header("webhook-timestamp"),
        "signature": header("webhook-signature"),
        "authorization": header("authorization"),
        "content_type": header("content-type"),
        "body": String::from_utf8_lossy(body),
        "at_ms": now_ms,
    });
    if memory.accept(entry).is_err() {
        return StatusCode::INSUFFICIENT_STORAGE.into_response();
    }
    if let Some(key) = key.filter(|_| system == "keyed") {
        memory.done.insert(key, (body.clone(), answer.clone()));
    }
    (StatusCode::CREATED, Json(answer)).into_response()
}

fn as_said(answer: Answered) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or_default();
    let mut response = (status, answer.body).into_response();
    for (name, value) in &answer.headers {
        let name = axum::http::HeaderName::try_from(name.as_str());
        if let (Ok(name), Ok(value)) = (name, value.parse()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

/// Somebody asks whether a reference is known.
async fn asked(
    State(shared): App,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(reference): Path<String>,
) -> Response {
    let strike = shared.memory().faults.strike(&Method::GET, "/asked/");
    match strike {
        Some(Strike::Status(status, _)) => {
            return StatusCode::from_u16(status).unwrap_or_default().into_response();
        }
        Some(Strike::LoseAnswer | Strike::LoseRequest) => line.cut(),
        Some(Strike::Slow { ms }) => tokio::time::sleep(Duration::from_millis(ms)).await,
        None => {}
    }
    let memory = shared.memory();
    let of_it = |entry: &&Value| entry["system"] == "asked" && entry["id"] == reference.as_str();
    match memory.ledger.iter().find(of_it) {
        Some(entry) => Json(json!({ "id": entry["id"] })).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn arm(State(shared): App, Json(orders): Json<Orders>) -> StatusCode {
    shared.memory().faults.arm(orders);
    StatusCode::NO_CONTENT
}

async fn answer_so(State(shared): App, Json(answers): Json<VecDeque<Answered>>) -> StatusCode {
    shared.memory().answers = answers;
    StatusCode::NO_CONTENT
}

async fn be_busy(State(shared): App, Json(busy): Json<Busy>) -> StatusCode {
    shared.memory().busy = Some(busy);
    StatusCode::NO_CONTENT
}

async fn refuse(State(shared): App, Json(refusals): Json<Refusals>) -> StatusCode {
    shared.memory().refusals = Some(refusals).filter(|refusals| !refusals.holds.is_empty());
    StatusCode::NO_CONTENT
}

/// Everything that was done, oldest first, and how often anybody called.
async fn ledger(State(shared): App) -> Json<Value> {
    let memory = shared.memory();
    Json(json!({
        "count": memory.ledger.len(),
        "done": memory.ledger,
        "calls": memory.calls,
        "answers_lost": memory.answers_lost,
        "too_early": memory.too_early,
    }))
}

fn once() -> u32 {
    1
}
