//! The program that knows the contract: in place of the platform, or in front of the sandbox.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use viaduct::sandbox::serving::Running;

use crate::sandbox::bench::client;

const CONTRACT: &str = "tests/contracts/govuk-pay/publicapi_spec.json";
/// Long enough for a busy machine; nothing waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(120);

/// One thing that the contract does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// `request.body.amount`
    pub place: String,
    pub says: String,
}

/// What went through a proxy.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub calls: usize,
    pub violations: Vec<Violation>,
}

/// The running program; dropped, it ends.
pub struct Prism {
    pub url: String,
    _child: Child,
    _front: Option<Running>,
}

impl Prism {
    /// In place of the platform.
    pub async fn mock() -> Prism {
        let (child, url) = start(&["mock"], &[]).await;
        Prism { url, _child: child, _front: None }
    }

    /// In front of a sandbox. Before it stands a listener of ours, that writes down what it has to say and
    /// hands on the sandbox's own answers.
    pub async fn before(sandbox: &str) -> (Prism, Arc<Mutex<Seen>>) {
        let (child, inner) = start(&["proxy"], &[sandbox]).await;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let router = Router::new().fallback(pass_on).with_state((inner, Arc::clone(&seen)));
        let front = Running::start(router, 0).await.expect("a free port");
        let prism = Prism { url: front.url.clone(), _child: child, _front: Some(front) };
        (prism, seen)
    }
}

async fn start(verb: &[&str], upstream: &[&str]) -> (Child, String) {
    let root = env!("CARGO_MANIFEST_DIR");
    let script = format!("{root}/scripts/prism.sh");
    let done = std::process::Command::new(script).output().expect("scripts/prism.sh can be run");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "scripts/prism.sh failed: {said}");
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let mut child = Command::new("node")
        .arg(".prism/node_modules/.bin/prism")
        .args(verb)
        .args(["-h", "127.0.0.1", "-p", &port.to_string(), CONTRACT])
        .args(upstream)
        .current_dir(root)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .expect("node runs");
    let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let listening = async {
        while let Some(line) = lines.next_line().await.expect("lines of text") {
            if line.contains("Prism is listening") {
                return true;
            }
        }
        false
    };
    let up = tokio::time::timeout(DEADLINE, listening).await;
    assert!(matches!(up, Ok(true)), "prism did not start");
    // It goes on talking, and somebody has to listen.
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
    (child, format!("http://127.0.0.1:{port}"))
}

/// What an answer of the program says against the request, or against the answer.
pub fn violations(answer: &reqwest::Response) -> Vec<Violation> {
    let Some(header) = answer.headers().get("sl-violations") else { return Vec::new() };
    let list: Vec<Value> = serde_json::from_slice(header.as_bytes()).expect("a list of violations");
    let place = |one: &Value| {
        let parts = one["location"].as_array().into_iter().flatten();
        let text = |part: &Value| part.as_str().map_or_else(|| part.to_string(), str::to_owned);
        parts.map(text).collect::<Vec<_>>().join(".")
    };
    list.iter()
        .map(|one| Violation {
            place: place(one),
            says: one["message"].as_str().unwrap_or_default().to_owned(),
        })
        .collect()
}

async fn pass_on(
    State((inner, seen)): State<(String, Arc<Mutex<Seen>>)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.expect("a whole body");
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let url = format!("{inner}{path}");
    let mut asked = match parts.method {
        Method::POST => client().post(url).body(body),
        _ => client().get(url),
    };
    for name in ["authorization", "content-type", "idempotency-key"] {
        if let Some(value) = parts.headers.get(name) {
            asked = asked.header(name, value);
        }
    }
    let answer = asked.send().await.expect("an answer");
    let status = StatusCode::from_u16(answer.status().as_u16()).expect("a status");
    {
        let mut seen = seen.lock().expect("nobody panicked");
        seen.calls += 1;
        seen.violations.extend(violations(&answer));
    }
    let bytes = answer.bytes().await.expect("a whole body");
    (status, Body::from(bytes)).into_response()
}
