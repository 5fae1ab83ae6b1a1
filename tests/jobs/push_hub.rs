//! A hub with residents and the systems that are told by HTTP, of each kind. Waiting moves the clock of
//! both.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;
use viaduct::connector::channel::{ConnectorError, Destination};
use viaduct::connector::definition::{self, Surroundings};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;
use viaduct::job::clock::Clock;
use viaduct::job::deliver::{Deliver, Report, deliver};
use viaduct::job::error::JobError;
use viaduct::job::ingest::{Bench, Watch};
use viaduct::record::delivery::{Content, Form, Push};
use viaduct::sandbox::receiver::Receiver;
use viaduct::sandbox::serving::Running;
use viaduct::store::database::{Cell, Database};
use viaduct::store::ids::Ids;
use viaduct::store::outbox;

use crate::sandbox::bench::client;
use crate::support::postgres;

pub const SECOND_MS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60 * SECOND_MS;
pub const HOUR_MS: i64 = 60 * MINUTE_MS;
pub const DAY_MS: i64 = 24 * HOUR_MS;
/// 26 November 2026, 12:00 UTC.
const NOON_MS: i64 = 1_795_694_400_000;

pub const KEYED: &str = "url = \"URL/keyed\"\nidempotency = \"key\"\n";
pub const ASKED: &str = "url = \"URL/asked\"\nidempotency = \"ask\"\n\
                         status_url = \"URL/asked/{reference}\"\n";
pub const PLAIN: &str = "url = \"URL/plain\"\nidempotency = \"none\"\n";

struct TestClock(Arc<AtomicI64>);

#[async_trait]
impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }

    async fn pause(&self, ms: i64) {
        self.0.fetch_add(ms, Ordering::SeqCst);
    }
}

pub struct PushHub {
    pub bench: Bench,
    pub job: Deliver,
    running: Running,
    _dir: TempDir,
}

impl PushHub {
    /// One on each database, each with systems of its own; the settings name them as `URL`.
    pub async fn both(settings: &str) -> Vec<PushHub> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = postgres::hub_file(dir.path()).await;
        let sqlite = PushHub::open(url, dir, settings).await;
        let dir = tempfile::tempdir().expect("a temporary directory");
        vec![sqlite, PushHub::open(postgres::hub_database().await, dir, settings).await]
    }

    async fn open(url: String, dir: TempDir, settings: &str) -> PushHub {
        let hands = Arc::new(AtomicI64::new(NOON_MS));
        let (clock, theirs) = (Arc::new(TestClock(Arc::clone(&hands))), Arc::clone(&hands));
        let receiver = Receiver::new(Arc::new(move || theirs.load(Ordering::SeqCst)));
        let running = receiver.serve(0).await.expect("a free port");
        let database = Database::open(&url).await.expect("a database");
        let (ids, watch) = (Ids::new(), Arc::new(Watch::default()));
        let bench = Bench { database, clock, ids, watch };
        let text = settings.replace("URL", &running.url);
        let (destination, patience) = open(&text, &running.url, around(hands)).expect("a system");
        let mut job = Deliver::new("orders", "orders", destination);
        job.patience = patience;
        job.retry.attempts = 40;
        // Nobody sets anything going beside a test, and its clock runs fast.
        job.notice_ms = i64::MAX;
        PushHub { bench, job, running, _dir: dir }
    }

    pub async fn execute(&self, sql: &str, cells: Vec<Cell>) {
        let mut transaction = self.bench.database.begin().await.expect("a transaction");
        transaction.execute(sql, cells).await.expect(sql);
        transaction.commit().await.expect("a commit");
    }

    /// Pushes that wait, numbered from 1, each of another resident.
    pub async fn wait_for(&self, count: i64) {
        let mut transaction = self.bench.database.begin().await.expect("a transaction");
        let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
                   VALUES ($1, 1, 0, 0, $2)";
        for id in 1..=count {
            let cells = vec![Cell::Int(id), Cell::Word("{\"kind\":\"person\"}")];
            transaction.execute(sql, cells).await.expect(sql);
            let push = Push {
                event: "account.arrears_changed".to_owned(),
                key: id,
                version: 1,
                composed_ms: self.now_ms(),
                form: Form::Json,
                body: json!({ "account": id, "name": "Testberry" }).to_string(),
            };
            let new = outbox::New {
                id,
                event_id: 1,
                batch_id: 1,
                resident_id: id,
                destination: "orders",
                mapping: "arrears",
                mapping_version: 1,
                purpose: "council_tax_service",
                needs_consent: false,
                collection: false,
                account_id: None,
                reference: format!("r-{id}"),
                composed: Ok(Content::Push(push)),
                now_ms: self.now_ms(),
            };
            outbox::Rows::of(new, outbox::Place::default())
                .write(&mut transaction)
                .await
                .expect("a delivery");
        }
        transaction.commit().await.expect("a commit");
    }

    pub async fn run(&self, patience_ms: i64) -> Report {
        self.try_run(patience_ms).await.expect("a run")
    }

    pub async fn try_run(&self, patience_ms: i64) -> Result<Report, JobError> {
        deliver(&self.job, &self.bench, patience_ms).await
    }

    pub fn now_ms(&self) -> i64 {
        self.bench.clock.now_ms()
    }

    pub async fn later(&self, ms: i64) {
        self.bench.clock.pause(ms).await;
    }

    /// State and code of each delivery, and how many are so.
    pub async fn states(&self) -> BTreeMap<(String, String), i64> {
        let sql = "SELECT state, COALESCE(cause_code, '') AS code, COUNT(*) AS many FROM delivery \
                   GROUP BY state, COALESCE(cause_code, '')";
        let rows: Vec<(String, String, i64)> =
            self.bench.database.fetch(sql, vec![]).await.expect(sql);
        rows.into_iter().map(|(state, code, many)| ((state, code), many)).collect()
    }

    /// How many deliveries have come to their end at the receiver.
    pub async fn delivered(&self) -> i64 {
        let all = self.states().await;
        all.iter().filter(|((state, _), _)| state == "delivered").map(|(_, many)| many).sum()
    }

    pub async fn control(&self, path: &str, orders: &Value) {
        let url = format!("{}/sandbox/{path}", self.running.url);
        let answer = client().put(url).json(orders).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 204);
    }

    /// What the receiver says of itself: `done`, `calls`, `too_early`.
    pub async fn receiver(&self) -> Value {
        let url = format!("{}/sandbox/ledger", self.running.url);
        let answer = client().get(url).send().await.expect("an answer");
        serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
    }

    /// How often each reference was done, and with which body.
    pub async fn done(&self) -> BTreeMap<String, usize> {
        let mut done = BTreeMap::new();
        for entry in self.receiver().await["done"].as_array().expect("a list") {
            let id = entry["id"].as_str().expect("an id").to_owned();
            let body: Value =
                serde_json::from_str(entry["body"].as_str().expect("a body")).expect("JSON");
            assert_eq!(id, format!("r-{}", body["account"]), "a body went under another's name");
            *done.entry(id).or_default() += 1;
        }
        done
    }

    /// That so many were done, each once.
    pub async fn done_once(&self, count: i64) {
        let wanted = (1..=count).map(|id| (format!("r-{id}"), 1)).collect();
        assert_eq!(self.done().await, wanted);
    }
}

/// Opens a system by what its connector says; it may be called at this address.
pub fn open(
    settings: &str,
    url: &str,
    around: Surroundings,
) -> Result<(Arc<dyn Destination>, definition::Patience), ConnectorError> {
    let host = url.trim_start_matches("http://");
    let allow =
        if settings.contains("allow") { String::new() } else { format!("allow = [\"{host}\"]\n") };
    let text = format!(
        "kind = \"http_push\"\nsystem = \"orders\"\n[settings]\nrequests_per_second = 100_000\n\
         {allow}{settings}"
    );
    let file = File::parse("connectors/orders.toml", text);
    let connector = definition::read(&file, "orders", KINDS).expect("a connector");
    assert!(!file.has_errors(), "{:?}", file.into_diagnostics());
    let settings = connector.settings;
    let opened = settings.destination(&around).expect("a system that is told")?;
    Ok((opened, settings.patience()))
}

/// Where every name leads to this machine, and every secret is the same.
pub fn around(hands: Arc<AtomicI64>) -> Surroundings {
    Surroundings {
        variable: Arc::new(|_| Some("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned())),
        now: Arc::new(move || hands.load(Ordering::SeqCst)),
        lookup: Arc::new(|_| Box::pin(async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) })),
        listening: Vec::new(),
        inbox: None,
    }
}
