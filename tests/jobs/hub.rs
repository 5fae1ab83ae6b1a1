//! A hub with one resident and a platform to send to, on a clock that only the test moves: waiting
//! moves it too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use tempfile::TempDir;
use viaduct::connector::govuk_notify::GovukNotify;
use viaduct::connector::govuk_notify::settings::GovukNotifySettings;
use viaduct::definition::reader::{Span, Spanned};
use viaduct::definition::secret::{Secret, SecretReference};
use viaduct::job::clock::Clock;
use viaduct::job::deliver::{Deliver, Report, deliver};
use viaduct::job::error::JobError;
use viaduct::job::ingest::{Bench, Watch};
use viaduct::record::delivery::{Channel, Content, Message};
use viaduct::sandbox::govuk_notify::council::{EMAIL_MOVED_HOME, LIVE_SECRET, SERVICE_ID};
use viaduct::store::database::{Cell, Database};
use viaduct::store::ids::Ids;
use viaduct::store::outbox::{self, Place};

use crate::sandbox;
use crate::support::postgres;

pub const RESIDENT: i64 = 7;
/// The numbers of others begin behind it.
pub const NEIGHBOURS: i64 = 1_000;
pub const MINUTE_MS: i64 = 60_000;
pub const DAY_MS: i64 = 24 * 60 * MINUTE_MS;

/// The test's clock. The platform's moves with it.
struct TestClock {
    hands: AtomicI64,
    platform: Arc<sandbox::bench::Bench>,
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

pub struct Hub {
    pub bench: Bench,
    pub platform: Arc<sandbox::bench::Bench>,
    pub job: Deliver,
    /// Where the database is, for a second process.
    pub url: String,
    _dir: TempDir,
}

impl Hub {
    /// One on each database.
    pub async fn both() -> Vec<Hub> {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let url = postgres::hub_file(dir.path()).await;
        let sqlite = Hub::open(url, dir).await;
        let dir = tempfile::tempdir().expect("a temporary directory");
        vec![sqlite, Hub::open(postgres::hub_database().await, dir).await]
    }

    async fn open(url: String, dir: TempDir) -> Hub {
        let platform = Arc::new(sandbox::bench::Bench::council().await);
        let hands = AtomicI64::new(platform.now_s() * 1_000);
        let clock = Arc::new(TestClock { hands, platform: Arc::clone(&platform) });
        let database = Database::open(&url).await.expect("a database");
        let (ids, watch) = (Ids::new(), Arc::new(Watch::default()));
        let bench = Bench { database, clock, ids, watch };
        let notify = notify(&platform, &bench.clock, LIVE_SECRET);
        let mut job = Deliver::new("notify", "notify", notify);
        // Everybody here lives at example.com.
        job.production = false;
        // Nobody sets anything going beside a test, and its clock runs fast.
        job.notice_ms = i64::MAX;
        let hub = Hub { bench, platform, job, url, _dir: dir };
        let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
                   VALUES ($1, 1, 0, 0, $2)";
        hub.execute(sql, vec![Cell::Int(RESIDENT), Cell::Word("{\"kind\":\"person\"}")]).await;
        hub
    }

    pub async fn execute(&self, sql: &str, cells: Vec<Cell>) {
        let mut transaction = self.bench.database.begin().await.expect("a transaction");
        transaction.execute(sql, cells).await.expect(sql);
        transaction.commit().await.expect("a commit");
    }

    /// Deliveries, waiting, numbered from 1, each to a resident of its own; the first to the resident.
    pub async fn wait_for(&self, count: i64) {
        for id in 2..=count {
            let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
                       VALUES ($1, 1, 0, 0, $2) ON CONFLICT (id) DO NOTHING";
            let cells = vec![Cell::Int(NEIGHBOURS + id), Cell::Word("{\"kind\":\"person\"}")];
            self.execute(sql, cells).await;
        }
        let ids = (1..=count).map(|id| (id, if id == 1 { RESIDENT } else { NEIGHBOURS + id }));
        self.waiting(ids, "pat@example.com", false, Place::default()).await;
    }

    pub async fn wait_for_to(&self, ids: impl Iterator<Item = i64>, to: &str, needs_consent: bool) {
        self.waiting(ids.map(|id| (id, RESIDENT)), to, needs_consent, Place::default()).await;
    }

    /// Deliveries, each with its number and its resident.
    pub async fn waiting(
        &self,
        ids: impl Iterator<Item = (i64, i64)>,
        to: &str,
        needs_consent: bool,
        place: Place,
    ) {
        let fields = [("first_name", "Pat"), ("account", "1"), ("postcode", "SW1A 1AA")];
        let message = Message {
            channel: Channel::Email,
            template: "moved_home".to_owned(),
            to: Some(to.to_owned()),
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        };
        let mut transaction = self.bench.database.begin().await.expect("a transaction");
        for (id, resident_id) in ids {
            let new = outbox::New {
                id,
                event_id: 1,
                batch_id: 1,
                resident_id,
                destination: "notify",
                mapping: "moved_home",
                mapping_version: 1,
                purpose: "council_tax_service",
                needs_consent,
                collection: true,
                account_id: None,
                reference: format!("r-{id}"),
                composed: Ok(Content::Message(message.clone())),
                now_ms: self.now_ms(),
            };
            outbox::Rows::of(new, place).write(&mut transaction).await.expect("a delivery");
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

    /// State, code of the cause, attempts that count, intents.
    pub async fn row(&self, id: i64) -> (String, Option<String>, i64, i64) {
        let sql = "SELECT state, cause_code, attempts, intents FROM delivery WHERE id = $1";
        let rows = self.bench.database.fetch(sql, vec![Cell::Int(id)]).await.expect(sql);
        rows.into_iter().next().expect("the delivery is there")
    }

    pub async fn state(&self, id: i64) -> (String, Option<String>) {
        let (state, code, ..) = self.row(id).await;
        (state, code)
    }

    /// How often each reference was accepted by the platform.
    pub async fn sent(&self) -> BTreeMap<String, usize> {
        let mut sent = BTreeMap::new();
        for message in self.platform.ledger().await {
            let reference = message["reference"].as_str().expect("a reference").to_owned();
            *sent.entry(reference).or_default() += 1;
        }
        sent
    }

    /// That so many were accepted, each once.
    pub async fn sent_once(&self, count: i64) {
        let wanted = (1..=count).map(|id| (format!("r-{id}"), 1)).collect();
        assert_eq!(self.sent().await, wanted);
    }
}

/// The platform as a caller with this key sees it.
pub fn notify(
    platform: &sandbox::bench::Bench,
    clock: &Arc<dyn Clock>,
    secret: &str,
) -> Arc<GovukNotify> {
    let url = platform.running.url.clone();
    let at = Span::default();
    let settings = GovukNotifySettings {
        allows_test_ranges: true,
        base_url: Spanned { value: url.clone(), at },
        api_key: Spanned { value: SecretReference::Stored("NOTIFY_API_KEY".to_owned()), at },
        templates: BTreeMap::from([("moved_home".to_owned(), EMAIL_MOVED_HOME.to_owned())]),
        requests_per_minute: 3_000,
        timeout_ms: 30_000,
    };
    let key = Secret::new(format!("the-hub-{SERVICE_ID}-{secret}"));
    let clock = Arc::clone(clock);
    let clock = Arc::new(move || clock.now_ms());
    Arc::new(GovukNotify::open(settings, &url, &key, clock).expect("a client"))
}
