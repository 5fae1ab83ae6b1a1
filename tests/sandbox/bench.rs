//! A sandbox on loopback with a clock of its own, and a caller who signs tokens. Nothing here waits
//! for real time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::NotifySandbox;
use viaduct::sandbox::govuk_notify::council::SERVICE_ID;
use viaduct::sandbox::govuk_notify::service::{KeyKind, Service};
use viaduct::sandbox::serving::Clock;
use viaduct::sandbox::serving::Running;

/// 22 November 2026, 12:00 UTC.
const NOON_MS: i64 = 1_795_348_800_000;

pub struct Bench {
    pub sandbox: NotifySandbox,
    pub running: Running,
    pub client: reqwest::Client,
    service: Service,
    clock_ms: Arc<AtomicI64>,
}

impl Bench {
    pub async fn council() -> Self {
        Self::of(Service::council()).await
    }

    pub async fn of(service: Service) -> Self {
        Self::of_all(vec![service]).await
    }

    /// Calls are made as the first service.
    pub async fn of_all(services: Vec<Service>) -> Self {
        let clock_ms = Arc::new(AtomicI64::new(NOON_MS));
        let hands = Arc::clone(&clock_ms);
        Self::with_clock(services, clock_ms, Arc::new(move || hands.load(Ordering::SeqCst))).await
    }

    /// Receipts are told only when the test says so.
    pub async fn with_receipts_on_request(service: Service) -> Self {
        let bench = Self::of(service).await;
        let running = Running::start(bench.sandbox.router(), 0).await.expect("a free port");
        Self { running, ..bench }
    }

    /// For callers whose clock is not ours to set.
    pub async fn on_the_wall_clock() -> Self {
        let clock_ms = Arc::new(AtomicI64::new(NOON_MS));
        let wall = Arc::new(|| chrono::Utc::now().timestamp_millis());
        Self::with_clock(vec![Service::council()], clock_ms, wall).await
    }

    async fn with_clock(services: Vec<Service>, clock_ms: Arc<AtomicI64>, clock: Clock) -> Self {
        let service = services[0].clone();
        let sandbox = NotifySandbox::new(services, clock);
        let running = sandbox.serve(0).await.expect("a free port");
        Self { sandbox, running, client: client(), service, clock_ms }
    }

    pub fn later_ms(&self, ms: i64) {
        self.clock_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn now_s(&self) -> i64 {
        self.clock_ms.load(Ordering::SeqCst) / 1_000
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url)
    }

    /// A token as a caller with this kind of key makes it.
    pub fn token(&self, kind: KeyKind) -> String {
        let key = self.service.keys.iter().find(|key| key.kind == kind && !key.revoked);
        let claims = json!({"iss": self.service.id, "iat": self.now_s()});
        signed(&json!({"typ": "JWT", "alg": "HS256"}), &claims, &key.expect("such a key").secret)
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.post_as(KeyKind::Live, path, body).await
    }

    pub async fn post_as(&self, kind: KeyKind, path: &str, body: &Value) -> (u16, Value) {
        self.post_raw(kind, path, body.to_string()).await
    }

    pub async fn post_raw(&self, kind: KeyKind, path: &str, body: String) -> (u16, Value) {
        let request = self.client.post(self.url(path)).bearer_auth(self.token(kind)).body(body);
        read(request.send().await.expect("an answer")).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.get_as(KeyKind::Live, path).await
    }

    pub async fn get_as(&self, kind: KeyKind, path: &str) -> (u16, Value) {
        let request = self.client.get(self.url(path)).bearer_auth(self.token(kind));
        read(request.send().await.expect("an answer")).await
    }

    pub async fn with_token(&self, token: Option<&str>) -> (u16, Value) {
        let mut request = self.client.get(self.url("/v2/notifications"));
        if let Some(token) = token {
            request = request.header("Authorization", token);
        }
        read(request.send().await.expect("an answer")).await
    }

    pub async fn arm(&self, faults: &Value) {
        let request = self.client.put(self.url("/sandbox/faults")).json(faults);
        assert_eq!(request.send().await.expect("an answer").status(), 204);
    }

    pub async fn ledger(&self) -> Vec<Value> {
        let request = self.client.get(self.url("/sandbox/ledger"));
        let (_, body) = read(request.send().await.expect("an answer")).await;
        body["messages"].as_array().expect("a list").clone()
    }
}

/// The message of the only error.
pub fn error(body: &Value) -> (&str, &str) {
    let errors = body["errors"].as_array().expect("errors");
    assert_eq!(errors.len(), 1, "{body}");
    let text = |name: &str| errors[0][name].as_str().expect("text");
    (text("error"), text("message"))
}

pub fn signed(header: &Value, claims: &Value, secret: &str) -> String {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let text = format!(
        "{}.{}",
        encode(header.to_string().as_bytes()),
        encode(claims.to_string().as_bytes())
    );
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let signature = encode(hmac::sign(&key, text.as_bytes()).as_ref());
    format!("{text}.{signature}")
}

pub fn claims(iat: i64) -> Value {
    json!({"iss": SERVICE_ID, "iat": iat})
}

pub fn client() -> reqwest::Client {
    static TLS: OnceLock<()> = OnceLock::new();
    TLS.get_or_init(|| {
        // Another test may have installed it first, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
    let stays = reqwest::redirect::Policy::none();
    reqwest::Client::builder().no_proxy().redirect(stays).build().expect("a client")
}

async fn read(response: reqwest::Response) -> (u16, Value) {
    let status = response.status().as_u16();
    let bytes = response.bytes().await.expect("a whole body");
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}
