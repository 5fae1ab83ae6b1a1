//! A hub with one resident who is asked to pay, and GOV.UK Pay's sandbox. Waiting moves both clocks,
//! unless the hub is on the machine's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tempfile::TempDir;
use viaduct::app::clock::MachineClock;
use viaduct::connector::channel::Destination;
use viaduct::connector::definition::Patience;
use viaduct::connector::govuk_pay::GovukPay;
use viaduct::connector::govuk_pay::client::PayClient;
use viaduct::definition::secret::Secret;
use viaduct::job::clock::Clock;
use viaduct::job::deliver::{Deliver, Report, deliver};
use viaduct::job::ingest::{Bench, Watch};
use viaduct::record::delivery::{Content, Payment};
use viaduct::record::payment_link::LinkKey;
use viaduct::sandbox::govuk_pay::COUNCIL_KEY;
use viaduct::store::database::{Cell, Database};
use viaduct::store::ids::Ids;
use viaduct::store::outbox;
use viaduct::web::page::Page;
use viaduct::web::pay::{self, Answer, Desk};

use crate::sandbox::pay_bench::{NOON_MS, PayBench};
use crate::support::postgres;

pub const RESIDENT: i64 = 7;
pub const MINUTE_MS: i64 = 60_000;
/// As a connector that says nothing but `search_lag = "1m"`.
pub const LAG_MS: i64 = MINUTE_MS;
pub const AMOUNT: i64 = 14_500;

struct TestClock {
    hands: AtomicI64,
    platform: Arc<PayBench>,
}

#[async_trait]
impl Clock for TestClock {
    fn now_ms(&self) -> i64 {
        self.hands.load(Ordering::SeqCst)
    }

    async fn pause(&self, ms: i64) {
        self.hands.fetch_add(ms, Ordering::SeqCst);
        self.platform.later_ms(ms);
    }
}

pub struct PayHub {
    pub bench: Bench,
    pub platform: Arc<PayBench>,
    pub job: Deliver,
    pub key: LinkKey,
    _dir: TempDir,
}

impl PayHub {
    /// One on each database.
    pub async fn both() -> Vec<PayHub> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = postgres::hub_file(dir.path()).await;
        let sqlite = PayHub::open(url, dir, false).await;
        let dir = tempfile::tempdir().expect("a temporary directory");
        vec![sqlite, PayHub::open(postgres::hub_database().await, dir, false).await]
    }

    /// On SQLite and the machine's clock: for what must happen in time.
    pub async fn in_real_time() -> PayHub {
        let dir = tempfile::tempdir().expect("a temporary directory");
        PayHub::open(postgres::hub_file(dir.path()).await, dir, true).await
    }

    async fn open(url: String, dir: TempDir, real: bool) -> PayHub {
        let platform = match real {
            true => Arc::new(PayBench::on_the_wall_clock().await),
            false => Arc::new(PayBench::open().await),
        };
        let clock: Arc<dyn Clock> = match real {
            true => Arc::new(MachineClock),
            false => {
                let hands = AtomicI64::new(NOON_MS);
                Arc::new(TestClock { hands, platform: Arc::clone(&platform) })
            }
        };
        let database = Database::open(&url).await.expect("a database");
        let (ids, watch) = (Ids::new(), Arc::new(Watch::default()));
        let bench = Bench { database, clock, ids, watch };
        let mut job = Deliver::new("pay", "pay", pay_client(&platform, COUNCIL_KEY));
        job.patience = patience();
        if !real {
            job.notice_ms = i64::MAX;
        }
        let key = LinkKey::new("a secret of the tests");
        let hub = PayHub { bench, platform, job, key, _dir: dir };
        let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
                   VALUES ($1, 1, 0, 0, $2)";
        let facts = "{\"kind\":\"person\",\"name.family\":\"Testberry\"}";
        hub.execute(sql, vec![Cell::Int(RESIDENT), Cell::Word(facts)]).await;
        hub
    }

    pub async fn execute(&self, sql: &str, cells: Vec<Cell>) {
        let mut transaction = self.bench.database.begin().await.expect("a transaction");
        transaction.execute(sql, cells).await.expect(sql);
        transaction.commit().await.expect("a commit");
    }

    /// Offers a payment of £145.00 for the account of that number.
    pub async fn offer(&self, id: i64, account_id: i64) {
        self.offer_to(RESIDENT, id, account_id).await;
    }

    /// Makes another resident, who is liable for the account beside the first.
    pub async fn beside(&self, resident: i64, account_id: i64) {
        let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
                   VALUES ($1, 1, 0, 0, $2)";
        let facts = "{\"kind\":\"person\",\"name.family\":\"Fakeley\"}";
        self.execute(sql, vec![Cell::Int(resident), Cell::Word(facts)]).await;
        for owes in [RESIDENT, resident] {
            let sql = "INSERT INTO party (id, source_key_id, resident_id, key, role, record_id, \
                       mapping_version, at_ms, facts) VALUES ($1, $2, $3, '1', 'liable', 1, 1, 0, '{}')";
            let id = owes + 1_000 * account_id;
            let cells = vec![Cell::Int(id), Cell::Int(account_id), Cell::Int(owes)];
            self.execute(sql, cells).await;
        }
    }

    /// The same to that resident.
    pub async fn offer_to(&self, resident: i64, id: i64, account_id: i64) {
        let payment = Payment {
            amount_pence: AMOUNT,
            // Several accounts of one payer may have one reference: it is not unique.
            reference: format!("990000000{}", account_id % 10),
            description: "Council Tax arrears".to_owned(),
            link: format!("https://pay.example.com/pay/{}", self.key.token(id)),
            account_id: Some(account_id),
        };
        let new = outbox::New {
            id,
            event_id: 1,
            batch_id: 1,
            resident_id: resident,
            destination: "pay",
            mapping: "arrears_reminder",
            mapping_version: 1,
            purpose: "council_tax_collection",
            needs_consent: false,
            collection: true,
            account_id: None,
            reference: format!("r-{id}"),
            composed: Ok(Content::Payment(payment)),
            now_ms: self.now_ms(),
        };
        let mut transaction = self.bench.database.begin().await.expect("a transaction");
        outbox::Rows::of(new, outbox::Place::default())
            .write(&mut transaction)
            .await
            .expect("a delivery");
        transaction.commit().await.expect("a commit");
    }

    pub fn now_ms(&self) -> i64 {
        self.bench.clock.now_ms()
    }

    pub async fn later(&self, ms: i64) {
        self.bench.clock.pause(ms).await;
    }

    pub async fn run(&self) -> Report {
        deliver(&self.job, &self.bench, 0).await.expect("a run")
    }

    /// Opens the link of a delivery.
    pub async fn visit(&self, id: i64) -> Answer {
        // Two payers do not come in the same tenth of a second: the platform takes fifteen in one.
        self.later(100).await;
        pay::open(self, &self.key.token(id)).await.expect("an answer")
    }

    /// The page that whoever opens the link is shown.
    pub async fn shown(&self, id: i64) -> Page {
        match self.visit(id).await {
            Answer::Show(page) => page,
            other => panic!("{other:?}"),
        }
    }

    /// State, code and cause, the platform's name for it.
    pub async fn row(&self, id: i64) -> (String, Option<String>, Option<String>, Option<String>) {
        let sql = "SELECT state, cause_code, cause, platform_id FROM delivery WHERE id = $1";
        let rows = self.bench.database.fetch(sql, vec![Cell::Int(id)]).await.expect(sql);
        rows.into_iter().next().expect("the delivery is there")
    }

    pub async fn state(&self, id: i64) -> String {
        self.row(id).await.0
    }

    /// The payments of a delivery on the platform, oldest first: name and state.
    pub async fn payments(&self, id: i64) -> Vec<(String, String)> {
        let reference = format!("r-{id}");
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        (self.ledger().await.iter())
            .filter(|one| one["metadata"]["delivery"] == reference.as_str())
            .map(|one| (text(&one["payment_id"]), text(&one["status"])))
            .collect()
    }

    pub async fn states(&self, id: i64) -> Vec<String> {
        self.payments(id).await.into_iter().map(|(_, state)| state).collect()
    }

    pub async fn ledger(&self) -> Vec<Value> {
        let (_, ledger) = self.platform.get("/sandbox/ledger").await;
        ledger["payments"].as_array().expect("a list").clone()
    }

    /// What the payer of that payment does.
    pub async fn payer(&self, payment_id: &str, does: &str) {
        self.platform.payer(&json!({ "payment_id": payment_id }), does).await;
    }

    pub async fn arm(&self, faults: Value) {
        self.platform.control("/sandbox/faults", &json!({ "next": faults })).await;
    }

    pub async fn lag(&self, ms: i64) {
        self.platform.control("/sandbox/behaviour", &json!({ "search_lag_ms": ms })).await;
    }
}

#[async_trait]
impl Desk for PayHub {
    fn database(&self) -> &Database {
        &self.bench.database
    }

    fn clock(&self) -> &dyn Clock {
        &*self.bench.clock
    }

    fn key(&self) -> &LinkKey {
        &self.key
    }

    fn destination(&self, name: &str) -> Option<Arc<dyn Destination>> {
        (name == "pay").then(|| Arc::clone(&self.job.destination))
    }

    async fn deliver(&self, _destination: &str) {
        // What stops the job is told where the job is run; whoever opened the link sees a page.
        let _ = deliver(&self.job, &self.bench, 0).await;
    }
}

fn patience() -> Patience {
    Patience {
        not_found_ms: LAG_MS,
        forgets_ms: i64::MAX / 4,
        doubt_ms: 90 * MINUTE_MS + 2 * LAG_MS,
        poll_ms: 2_000,
        poll_longest_ms: 10 * MINUTE_MS,
        run_ms: 0,
    }
}

/// The platform as a caller with this key sees it.
pub fn pay_client(platform: &PayBench, key: &str) -> Arc<GovukPay> {
    Arc::new(GovukPay::new(client_at(&platform.running.url, key)))
}

pub fn client_at(url: &str, key: &str) -> PayClient {
    let (key, clock) = (Secret::new(key), Arc::new(|| NOON_MS));
    PayClient::open(url, &key, Duration::from_secs(5), 1_000, clock).expect("a client")
}
