//! Civica OpenRevenues, against its sandbox: the client alone, and polls of a real hub on both databases.

mod failing;
mod lookups;
mod polls;
mod quirks;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use viaduct::connector::civica_openrevenues::OpenRevenues;
use viaduct::connector::civica_openrevenues::settings::CivicaSettings;
use viaduct::connector::definition::{Limits, Surroundings};
use viaduct::definition::reader::File;
use viaduct::sandbox::civica_openrevenues::{CivicaSandbox, PASSWORD, USER};
use viaduct::sandbox::council::Council;
use viaduct::sandbox::serving::Running;

use crate::support::hub::{On, TestHub};

/// Noon on 26 November 2026, UTC milliseconds.
pub const NOON_MS: i64 = 1_795_694_400_000;

/// A system that is up, and a clock that both sides go by.
pub struct Bench {
    pub sandbox: CivicaSandbox,
    pub running: Running,
    pub clock: Arc<AtomicI64>,
}

impl Bench {
    /// A council of so many accounts.
    pub async fn of(accounts: u32) -> Bench {
        let clock = Arc::new(AtomicI64::new(NOON_MS));
        let now = Arc::clone(&clock);
        let council = Council::new(7, accounts);
        let sandbox = CivicaSandbox::new(council, Arc::new(move || now.load(Ordering::SeqCst)));
        let running = sandbox.serve(0).await.unwrap();
        Bench { sandbox, running, clock }
    }

    pub fn host(&self) -> &str {
        self.running.url.trim_start_matches("http://")
    }

    pub fn url(&self) -> String {
        format!("{}/openrevenues", self.running.url)
    }

    pub fn later(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    /// What is found where the hub runs, with that password.
    pub fn around(&self, password: &Arc<std::sync::Mutex<String>>) -> Surroundings {
        let (clock, password) = (Arc::clone(&self.clock), Arc::clone(password));
        Surroundings {
            variable: Arc::new(move |name| {
                Some(match name {
                    "PASSWORD" => password.lock().unwrap().clone(),
                    other => other.to_owned(),
                })
            }),
            now: Arc::new(move || clock.load(Ordering::SeqCst)),
            lookup: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
            listening: Vec::new(),
            inbox: None,
        }
    }

    /// The settings of a client, with these beside.
    pub fn settings(&self, more: &str) -> CivicaSettings {
        let text = format!(
            "[settings]\nurl = \"{}\"\nallow = [\"{}\"]\nuser = \"{USER}\"\npassword = \"secret:PASSWORD\"\n\
             requests_per_second = 10_000\n{more}\n[settings.people]\ndirectory = \"/tmp\"\n\
             pattern = \"people.csv\"\nformat = \"csv\"\nkey = \"person_ref\"\n",
            self.url(),
            self.host()
        );
        let file = File::parse("connectors/openrevenues.toml", text);
        let table = file.root().table("settings").unwrap();
        let settings = CivicaSettings::read(&table, &Limits::default());
        table.finish();
        settings.unwrap_or_else(|| panic!("{:?}", file.into_diagnostics()))
    }

    /// A client of council tax, with these settings beside.
    pub fn open(&self, more: &str) -> OpenRevenues {
        let password = Arc::new(std::sync::Mutex::new(PASSWORD.to_owned()));
        let settings = self.settings(&format!("module = \"council_tax\"\n{more}"));
        OpenRevenues::open(settings, &self.around(&password)).unwrap()
    }
}

/// A hub that asks it, with the repository's own definitions.
pub struct Stage {
    pub hub: TestHub,
    pub bench: Bench,
}

impl Stage {
    pub async fn open(on: On, accounts: u32) -> Stage {
        let bench = Bench::of(accounts).await;
        let mut hub = TestHub::open(on).await;
        std::fs::create_dir_all(hub.drop_folder("openrevenues")).unwrap();
        hub.more = vec![
            ("OPENREVENUES_URL".to_owned(), bench.url()),
            ("OPENREVENUES_HOST".to_owned(), bench.host().to_owned()),
            ("OPENREVENUES_USER".to_owned(), USER.to_owned()),
            ("OPENREVENUES_PASSWORD".to_owned(), PASSWORD.to_owned()),
            (
                "OPENREVENUES_PEOPLE".to_owned(),
                hub.drop_folder("openrevenues").display().to_string(),
            ),
        ];
        let fast = "people_per_poll = 500\n";
        for file in ["connectors/openrevenues.toml", "connectors/openrevenues_benefits.toml"] {
            hub.edit(file, fast, &format!("{fast}requests_per_second = 10_000\n"));
        }
        let mut stage = Stage { hub, bench };
        stage.reload().await;
        stage
    }

    /// Reads the definitions again, and goes by the system's clock.
    pub async fn reload(&mut self) {
        self.hub.reload().await;
        self.set_variables();
    }

    pub fn set_variables(&mut self) {
        let mut around = viaduct::app::context::surroundings(self.hub.variables());
        let clock = Arc::clone(&self.bench.clock);
        around.now = Arc::new(move || clock.load(Ordering::SeqCst));
        self.hub.context.around = around;
    }

    /// Runs a job, a second after the last.
    pub async fn poll(&self, job: &str) -> serde_json::Value {
        self.bench.later(1_000);
        self.hub.run(job).await
    }

    pub async fn try_poll(&self, job: &str) -> Result<viaduct::app::report::RunReport, String> {
        self.bench.later(1_000);
        self.hub.try_run(job).await
    }

    /// Drops a list of these people, each with an account.
    pub fn list(&self, people: &[(String, String)]) {
        let rows: String =
            people.iter().map(|(person, account)| format!("{person},{account}\n")).collect();
        let text = format!("person_ref,account_ref\n{rows}");
        self.hub.drop_file("openrevenues", "people-1.csv", text.as_bytes());
    }

    /// Everybody of the council.
    pub fn list_everybody(&self) {
        self.list(&self.bench.sandbox.people());
    }

    /// What the hub knows of accounts: key and facts.
    pub async fn accounts(&self) -> Vec<Vec<String>> {
        let sql =
            "SELECT k.key, a.facts FROM account a JOIN source_key k ON k.id = a.id ORDER BY k.key";
        self.hub.rows(sql).await
    }

    pub async fn batches(&self) -> Vec<Vec<String>> {
        let sql = "SELECT state, CAST(rows_in AS TEXT), COALESCE(cursor, '-'), \
                   COALESCE(cause_code, '-') FROM batch ORDER BY id";
        self.hub.rows(sql).await
    }
}
