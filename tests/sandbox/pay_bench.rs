//! GOV.UK Pay's sandbox on loopback, with a clock of its own. Nothing here waits for real time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};
use viaduct::sandbox::govuk_pay::state::{Account, Webhook};
use viaduct::sandbox::govuk_pay::{COUNCIL_KEY, PaySandbox};
use viaduct::sandbox::serving::Running;

/// 22 November 2026, 12:00 UTC.
pub const NOON_MS: i64 = 1_795_348_800_000;

pub struct PayBench {
    pub sandbox: PaySandbox,
    pub running: Running,
    pub client: reqwest::Client,
    clock_ms: Arc<AtomicI64>,
    /// What stands between a client and the sandbox, if anything does.
    pub before: Option<String>,
}

impl PayBench {
    pub async fn open() -> Self {
        Self::with(false, Vec::new()).await
    }

    pub async fn with(live: bool, webhooks: Vec<Webhook>) -> Self {
        let clock_ms = Arc::new(AtomicI64::new(NOON_MS));
        let hands = Arc::clone(&clock_ms);
        let account = Account { api_key: COUNCIL_KEY.to_owned(), live, webhooks };
        let clock = Arc::new(move || hands.load(Ordering::SeqCst));
        let sandbox = PaySandbox::new(vec![account], clock);
        // Webhooks are told only when the test says so.
        let running = Running::start(sandbox.router(), 0).await.expect("a free port");
        Self { sandbox, running, client: super::bench::client(), clock_ms, before: None }
    }

    /// Writes every request that it is sent to a file.
    pub async fn recording(path: &std::path::Path) -> Self {
        let bench = Self::open().await;
        // Another handle on the same one: it records too.
        bench.sandbox.clone().with_requests(path).expect("a file");
        bench
    }

    /// For what must happen in time.
    pub async fn on_the_wall_clock() -> Self {
        let sandbox = PaySandbox::council(Arc::new(|| chrono::Utc::now().timestamp_millis()), None);
        let running = Running::start(sandbox.router(), 0).await.expect("a free port");
        let clock_ms = Arc::new(AtomicI64::new(0));
        Self { sandbox, running, client: super::bench::client(), clock_ms, before: None }
    }

    /// Where a client is to call.
    pub fn front(&self) -> &str {
        self.before.as_deref().unwrap_or(&self.running.url)
    }

    pub fn later_ms(&self, ms: i64) {
        self.clock_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.running.url)
    }

    pub async fn send(&self, request: reqwest::RequestBuilder) -> (u16, Value) {
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let body = answer.text().await.expect("a body");
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }

    pub async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        self.send(self.client.post(self.url(path)).bearer_auth(COUNCIL_KEY).json(body)).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.send(self.client.get(self.url(path)).bearer_auth(COUNCIL_KEY)).await
    }

    /// A payment of £145.00, with these differences.
    pub async fn pay(&self, differences: &Value) -> Value {
        let (status, body) = self.post("/v1/payments", &order(differences)).await;
        assert_eq!(status, 201, "{body}");
        // One second has fifteen creations.
        self.later_ms(100);
        body
    }

    pub async fn payer(&self, payment: &Value, does: &str) {
        let id = payment["payment_id"].as_str().expect("an id");
        let path = format!("/sandbox/payments/{id}/payer");
        let (status, body) = self.post(&path, &json!({ "does": does })).await;
        assert_eq!(status, 200, "{body}");
    }

    pub async fn control(&self, path: &str, body: &Value) {
        let (status, body) = self.send(self.client.put(self.url(path)).json(body)).await;
        assert_eq!(status, 204, "{body}");
    }
}

/// What is sent to create a payment; null takes a field away.
pub fn order(differences: &Value) -> Value {
    let mut order = json!({
        "amount": 14_500,
        "reference": "9900000001",
        "description": "Council Tax",
        "return_url": "https://service.example.com/paid",
    });
    for (name, value) in differences.as_object().into_iter().flatten() {
        match value {
            Value::Null => order.as_object_mut().and_then(|order| order.remove(name)),
            value => {
                order.as_object_mut().and_then(|order| order.insert(name.clone(), value.clone()))
            }
        };
    }
    order
}
