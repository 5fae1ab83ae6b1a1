//! What stands between a hub and a system that speaks HTTP: it passes everything on, until it is told to behave as
//! systems do on their bad days. It knows nothing of what it carries.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use futures_util::stream;
use viaduct::sandbox::serving::Running;

use crate::sandbox::bench::client;

/// Nobody's answer is longer than this in these tests.
const BODY_MAX: usize = 8 << 20;
/// Of an answer without end so much is given at most: whoever takes all of it has no limit.
const ENDLESS_PIECES: usize = 4_096;
const PIECE: usize = 64 << 10;

/// How it behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Honest,
    /// It answers with this, and passes nothing on.
    Says(u16, &'static str),
    /// The first half of each answer, and the connection is gone.
    Half,
    /// It passes on, and never answers.
    Swallows,
    /// One letter of each answer is a byte that UTF-8 does not have.
    Torn,
    /// An answer that does not end.
    Endless,
    /// Its clock is a day ahead.
    Skewed,
}

struct Behind {
    url: String,
    manner: Mutex<Manner>,
    calls: AtomicUsize,
}

pub struct Front {
    pub running: Running,
    behind: Arc<Behind>,
}

impl Front {
    pub async fn before(url: &str) -> Front {
        let behind = Arc::new(Behind {
            url: url.to_owned(),
            manner: Mutex::new(Manner::Honest),
            calls: AtomicUsize::new(0),
        });
        let router = Router::new().fallback(pass).with_state(Arc::clone(&behind));
        Front { running: Running::start(router, 0).await.expect("a free port"), behind }
    }

    pub fn behave(&self, manner: Manner) {
        *self.behind.manner.lock().unwrap() = manner;
    }

    /// The calls since this was last asked.
    pub fn calls(&self) -> usize {
        self.behind.calls.swap(0, Ordering::SeqCst)
    }

    /// `127.0.0.1:12345`
    pub fn host(&self) -> &str {
        self.running.url.trim_start_matches("http://")
    }
}

async fn pass(State(behind): State<Arc<Behind>>, request: Request) -> Response {
    behind.calls.fetch_add(1, Ordering::SeqCst);
    let manner = *behind.manner.lock().unwrap();
    if let Manner::Says(status, body) = manner {
        let answer = Response::builder().status(status).header(header::RETRY_AFTER, "7");
        return answer.header(header::CONTENT_TYPE, "text/html").body(Body::from(body)).unwrap();
    }
    if manner == Manner::Endless {
        let piece = Bytes::from(vec![b' '; PIECE]);
        let pieces = (0..ENDLESS_PIECES).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
        return Response::new(Body::from_stream(stream::iter(pieces)));
    }
    let mut answer = passed(&behind, request).await;
    match manner {
        Manner::Swallows => std::future::pending().await,
        Manner::Skewed => {
            let ahead = chrono::Utc::now() + Duration::from_secs(86_400);
            let said = ahead.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
            answer.headers_mut().insert(header::DATE, HeaderValue::from_str(&said).unwrap());
            answer
        }
        Manner::Half | Manner::Torn => {
            let (parts, body) = answer.into_parts();
            let body = to_bytes(body, BODY_MAX).await.unwrap().to_vec();
            let body = if manner == Manner::Half { half(&body) } else { Body::from(torn(body)) };
            Response::from_parts(parts, body)
        }
        _ => answer,
    }
}

async fn passed(behind: &Behind, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let body = to_bytes(body, BODY_MAX).await.unwrap();
    parts.headers.remove(header::HOST);
    let asked = client().request(parts.method, format!("{}{path}", behind.url));
    let answer = asked.headers(parts.headers).body(body).send().await.expect("the system is there");
    let mut response = Response::builder().status(answer.status());
    for (name, value) in answer.headers() {
        if name != header::TRANSFER_ENCODING {
            response = response.header(name, value);
        }
    }
    response.body(Body::from(answer.bytes().await.expect("a body"))).unwrap()
}

/// As long as it was said to be, and broken off in the middle.
fn half(body: &[u8]) -> Body {
    let first = Bytes::copy_from_slice(&body[..body.len() / 2]);
    let broken = std::io::Error::other("the connection is gone");
    Body::from_stream(stream::iter([Ok(first), Err(broken)]))
}

/// The letter behind the last `>` or `"` before a letter, in the middle or behind it: within a text, and in no name.
fn torn(mut body: Vec<u8>) -> Vec<u8> {
    let is_text = |pair: &[u8]| matches!(pair[0], b'>' | b'"') && pair[1].is_ascii_uppercase();
    if let Some(at) = body.windows(2).rposition(is_text) {
        body[at + 1] = 0xe9;
    }
    body
}
