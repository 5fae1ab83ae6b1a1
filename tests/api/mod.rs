//! The API, over HTTP on loopback and on both databases: who is let in, what each may ask, and what is
//! written of it.

mod changes;
mod door;
mod keys;
mod openapi;
mod routes;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use viaduct::access::actor::Actor;
use viaduct::access::grant;
use viaduct::access::scope::{Allowed, Scope};
use viaduct::app::api::Api;
use viaduct::app::clock::MachineClock;
use viaduct::app::context::Context;
use viaduct::app::inbox::FrontDesk;
use viaduct::app::keys::{self as made, New};
use viaduct::app::worker::Doorbell;
use viaduct::job::clock::Clock;
use viaduct::store::audit;
use viaduct::store::database::Database;
use viaduct::store::queue::QueuePool;
use viaduct::web::server::Listening;

use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub};
use crate::walk::arrivals::{extract, some};

const DAY_MS: i64 = 24 * 3_600_000;
/// Long enough for a busy machine; nothing waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(60);

/// A clock that a test moves on.
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A hub that answers the API.
struct Served {
    hub: TestHub,
    url: String,
    hands: Arc<Hands>,
    _serving: Serving,
}

/// Ends with the test.
struct Serving(tokio::task::JoinHandle<()>);

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// An answer.
#[derive(Debug)]
struct Seen {
    status: u16,
    json: Value,
    headers: axum::http::HeaderMap,
}

impl Seen {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn detail(&self) -> &str {
        self.json["detail"].as_str().unwrap_or_default()
    }
}

impl Served {
    async fn open(on: On) -> Served {
        Served::of(TestHub::open(on).await).await
    }

    async fn of(hub: TestHub) -> Served {
        let hands = Arc::new(Hands(AtomicI64::new(MachineClock.now_ms())));
        let clock = Arc::clone(&hands) as Arc<dyn Clock>;
        Served { hands, ..Served::with_clock(hub, clock, &[]).await }
    }

    /// With something in front of it that is called by these names.
    async fn behind(on: On, names: &[&str]) -> Served {
        let hub = TestHub::open(on).await;
        Served::with_clock(hub, Arc::new(MachineClock), names).await
    }

    /// On a clock that moves by itself.
    async fn with_clock(hub: TestHub, clock: Arc<dyn Clock>, names: &[&str]) -> Served {
        let hands = Arc::new(Hands(AtomicI64::new(MachineClock.now_ms())));
        let mut context = hub.context.on(hub.context.database.clone());
        context.clock = clock;
        let context: Arc<Context> = Arc::new(context);
        let pool = QueuePool::open(&context.database).await.unwrap();
        let doorbell = Doorbell::open(pool).await.unwrap();
        let listening = Listening::on("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let url = listening.url();
        let api = Arc::new(Api::new(Arc::clone(&context), doorbell));
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let front_desk = Arc::new(FrontDesk::open(&context, &tokio::runtime::Handle::current()));
        let serving = listening.serve_with_api(context, api, front_desk, names);
        Served { hub, url, hands, _serving: Serving(serving) }
    }

    fn database(&self) -> &Database {
        &self.hub.context.database
    }

    fn later(&self, ms: i64) {
        self.hands.0.fetch_add(ms, Ordering::Relaxed);
    }

    /// A key of these scopes; gives its text.
    async fn key(&self, name: &str, scopes: &[Scope]) -> String {
        self.key_from(name, scopes, &[]).await
    }

    async fn key_from(&self, name: &str, scopes: &[Scope], networks: &[&str]) -> String {
        let scopes = scopes.iter().copied().map(Allowed::Scope).collect();
        self.key_with(name, scopes, networks).await
    }

    async fn key_with(&self, name: &str, scope: Vec<Allowed>, networks: &[&str]) -> String {
        let new = New {
            name: name.to_owned(),
            scope,
            network: networks.iter().map(|text| grant::network(text).unwrap()).collect(),
            expires: 30,
            owner: None,
            environment: "test".to_owned(),
        };
        let (me, now_ms) = (Actor::user("kim"), self.hands.now_ms());
        let (json, _) = made::add(self.database(), &new, &me, now_ms).await.unwrap();
        json["secret"].as_str().unwrap().to_owned()
    }

    fn request(&self, method: &str, path: &str, key: &str) -> reqwest::RequestBuilder {
        let method = method.parse().unwrap();
        let request = client().request(method, format!("{}/api/v1{path}", self.url));
        if key.is_empty() { request } else { request.bearer_auth(key) }
    }

    async fn get(&self, path: &str, key: &str) -> Seen {
        seen(self.request("GET", path, key)).await
    }

    async fn post(&self, path: &str, key: &str, body: Value) -> Seen {
        seen(self.request("POST", path, key).json(&body)).await
    }

    /// Asks until what is begun in the background has come to that; the deadline is for what never does.
    async fn until(&self, path: &str, key: &str, done: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let seen = self.get(path, key).await;
            if seen.status == 200 && done(&seen.json) {
                return seen.json;
            }
            assert!(began.elapsed() < DEADLINE, "{path} never came to it: {seen:?}");
            // Nobody's store of calls is emptied by our impatience.
            self.later(200);
        }
    }

    /// Lines of the audit log, the first first: actor, action, target.
    async fn audit(&self) -> Vec<(String, String, String)> {
        let mut lines = audit::newest(self.database(), i64::MAX, 1_000).await.unwrap();
        lines.reverse();
        lines.into_iter().map(|line| (line.actor, line.action, line.target)).collect()
    }
}

async fn seen(request: reqwest::RequestBuilder) -> Seen {
    let answer = request.send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    let json = serde_json::from_str(&text).unwrap_or(Value::Null);
    Seen { status, json, headers }
}

/// With a batch taken, rows held, and a short extract that is held whole. Gives that one's number.
async fn worked(on: On) -> (TestHub, i64) {
    let hub = TestHub::open(on).await;
    let mut accounts = some(30);
    accounts[3] = accounts[3].replace("OPEN", "LIMBO");
    hub.drop_file("revenues", "ctax-1.xml", &extract(&accounts));
    hub.run("ingest-revenues").await;
    hub.drop_file("revenues", "ctax-2.xml", &extract(&some(3)));
    let report = hub.run("ingest-revenues").await;
    assert_eq!(report["batches"][0]["state"], json!("held"));
    let batch = report["batches"][0]["batch"].as_i64().unwrap();
    (hub, batch)
}
