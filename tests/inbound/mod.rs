//! Systems that call us, over HTTP on loopback and on both databases: what they bring is kept once, on disk
//! before the answer, read in its order, and believed only where it shows who it is from.

mod calls;
mod events;
mod hostile;
mod left_begun;
mod proofs;
mod together;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use viaduct::access::actor::Actor;
use viaduct::access::scope::Allowed;
use viaduct::app::api::Api;
use viaduct::app::clock::MachineClock;
use viaduct::app::context::{Context, surroundings};
use viaduct::app::inbox::FrontDesk;
use viaduct::app::keys::{self as made, New};
use viaduct::app::worker::Doorbell;
use viaduct::job::clock::Clock;
use viaduct::store::audit;
use viaduct::store::queue::QueuePool;
use viaduct::web::server::Listening;

use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub};

const DEADLINE: Duration = Duration::from_secs(60);
pub const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
pub const SECRET_OLD: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
pub const PAY_SECRET: &str = "an invented secret of a webhook";
pub const CLOUDS_SECRET: &str = "an invented word that both know";

/// The machine's clock, so much ahead.
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now_ms(&self) -> i64 {
        MachineClock.now_ms() + self.0.load(Ordering::Relaxed)
    }
}

/// A hub that is called.
pub struct Called {
    pub hub: TestHub,
    pub context: Arc<Context>,
    pub url: String,
    desk: Arc<FrontDesk>,
    serving: JoinHandle<()>,
}

impl Drop for Called {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

pub struct Seen {
    pub status: u16,
    pub json: Value,
    pub headers: reqwest::header::HeaderMap,
}

impl Seen {
    pub fn detail(&self) -> &str {
        self.json["detail"].as_str().unwrap_or_default()
    }
}

impl Called {
    pub async fn open(on: On) -> Called {
        Called::of(TestHub::open_with(on, Path::new("tests/inbound/hub")).await).await
    }

    /// The process ends, and another begins on what it left.
    pub async fn again(self) -> Called {
        self.serving.abort();
        self.desk.end().await;
        let mut this = self;
        let (context, url, desk, serving) = Called::begin(&this.hub).await;
        (this.context, this.url, this.desk, this.serving) = (context, url, desk, serving);
        this
    }

    async fn of(hub: TestHub) -> Called {
        let (context, url, desk, serving) = Called::begin(&hub).await;
        Called { hub, context, url, desk, serving }
    }

    async fn begin(hub: &TestHub) -> (Arc<Context>, String, Arc<FrontDesk>, JoinHandle<()>) {
        let mut context = hub.context.on(hub.context.database.clone());
        let secrets = [
            ("EVENTS_SECRET", SECRET),
            ("EVENTS_SECRET_OLD", SECRET_OLD),
            ("PAY_WEBHOOK", PAY_SECRET),
            ("CLOUDS_SECRET", CLOUDS_SECRET),
            ("PAY_API_KEY", "api_test_invented"),
            ("BASKETS_PASSWORD", "not-a-real-password"),
        ];
        let secrets = secrets.map(|(name, value)| (name.to_owned(), value.to_owned()));
        context.around = surroundings(HashMap::from(secrets));
        context.clock = Arc::new(Ahead(AtomicI64::new(0)));
        let context = Arc::new(context);
        let doorbell = Doorbell::open(QueuePool::open(&context.database).await.unwrap()).await;
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = listening.url();
        let api = Arc::new(Api::new(Arc::clone(&context), doorbell.unwrap()));
        let desk = Arc::new(FrontDesk::open(&context, &Handle::current()));
        let reception = Arc::clone(&desk);
        let serving = listening.serve_with_api(Arc::clone(&context) as _, api, reception, vec![]);
        (context, url, desk, serving)
    }

    pub fn now_ms(&self) -> i64 {
        self.context.clock.now_ms()
    }

    /// A key that may do that: `source:housing:write`.
    pub async fn key(&self, name: &str, words: &[&str]) -> String {
        let new = New {
            name: name.to_owned(),
            scope: words.iter().map(|word| word.parse::<Allowed>().unwrap()).collect(),
            network: Vec::new(),
            expires: 30,
            owner: None,
            environment: "test".to_owned(),
        };
        let me = Actor::user("kim");
        let made = made::add(&self.context.database, &new, &me, self.now_ms()).await.unwrap();
        made.0["secret"].as_str().unwrap().to_owned()
    }

    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        client().request(method.parse().unwrap(), format!("{}/in/{path}", self.url))
    }

    /// Pushes JSON with a key and a name.
    pub async fn push(&self, to: &str, key: &str, name: &str, body: &str) -> Seen {
        let request = self.request("POST", to).header("content-type", "application/json");
        let request = request.header("idempotency-key", name).body(body.to_owned());
        seen(if key.is_empty() { request } else { request.bearer_auth(key) }).await
    }

    /// Waits until everything is read and resolved.
    pub async fn until_read(&self) {
        let began = Instant::now();
        let left = "SELECT CAST((SELECT COUNT(*) FROM inbox_post WHERE taken_ms IS NULL) + \
                    (SELECT COUNT(*) FROM batch WHERE state NOT IN ('closed', 'abandoned')) AS TEXT)";
        while self.count(left).await > 0 {
            assert!(began.elapsed() < DEADLINE, "what came in was never read");
            tokio::task::yield_now().await;
        }
    }

    pub async fn count(&self, sql: &str) -> u64 {
        self.hub.text(sql).await.parse().unwrap()
    }

    pub async fn audit(&self) -> Vec<(String, String, String)> {
        let lines = audit::newest(&self.context.database, i64::MAX, 1_000).await.unwrap();
        lines.into_iter().map(|line| (line.actor, line.action, line.target)).collect()
    }
}

pub async fn seen(request: reqwest::RequestBuilder) -> Seen {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a text");
    let json = serde_json::from_str(&text).unwrap_or(Value::String(text));
    Seen { status, json, headers }
}

/// Sends a request so often on one connection; gives how often it was accepted.
pub async fn one_after_another(host: String, request: String, times: usize) -> usize {
    let (mut read, mut write) = TcpStream::connect(host).await.unwrap().into_split();
    let sending = tokio::spawn(async move {
        for _ in 0..times {
            write.write_all(request.as_bytes()).await.unwrap();
        }
        write
    });
    let (mut all, mut some) = (Vec::new(), [0; 16 << 10]);
    let answers = |all: &[u8]| String::from_utf8_lossy(all).matches("HTTP/1.1 ").count();
    while answers(&all) < times {
        let many = read.read(&mut some).await.unwrap();
        assert!(many > 0, "{}", String::from_utf8_lossy(&all));
        all.extend_from_slice(&some[..many]);
    }
    drop(sending.await.unwrap());
    String::from_utf8_lossy(&all).matches("HTTP/1.1 20").count()
}
