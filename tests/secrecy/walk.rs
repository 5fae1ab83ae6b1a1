//! The whole walk by the real program, logging everything it can: three systems with markers in every
//! field, rows and files that are held, a platform with faults and one that quotes back what it was sent.
//! Then everything that was said is read for the markers and the secrets.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use axum::http::StatusCode;
use serde_json::json;
use viaduct::app::sandbox::Notify;
use viaduct::app::worker::Doorbell;
use viaduct::sandbox::govuk_notify::council::LIVE_SECRET;
use viaduct::store::database::Cell;
use viaduct::store::queue::QueuePool;

use super::markers::{self, MARKERS};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    nothing_that_is_said_holds_a_value_or_a_secret => super::nothing_is_said,
}

pub const INGESTS: [&str; 3] = ["ingest-revenues", "ingest-benefits", "ingest-crm"];

/// A hub, and everything that its program said.
struct Walk {
    hub: TestHub,
    notify: Notify,
    format: &'static str,
    said: String,
    held_whole: usize,
}

async fn nothing_is_said(on: On) {
    let mut walk = Walk::prepared(on).await;
    walk.drop_good("1");
    walk.ingest();
    walk.check_planted().await;
    // Some are sent to a platform that says back whatever it hears, the rest to one with faults.
    let url = hostile_platform().await;
    walk.viaduct(&["run", "deliver-notify"], &[("NOTIFY_URL", &url)]);
    walk.arm(json!({ "next": [
        { "kind": "status", "status": 400, "error": "ValidationError" },
        { "kind": "status", "status": 500 },
        { "kind": "lost_answer" },
        { "kind": "lost_before" },
    ] }))
    .await;
    walk.drop_good("2");
    walk.ingest();
    walk.viaduct(&["run", "deliver-notify"], &[]);
    walk.arm(json!({})).await;
    walk.drop_bad();
    walk.drop_good("3");
    walk.ingest();
    // A platform that does not know us, and no platform at all.
    walk.viaduct(&["run", "deliver-notify"], &[("NOTIFY_API_KEY", "zqsecret-key")]);
    walk.viaduct(&["run", "deliver-notify"], &[("NOTIFY_URL", "http://127.0.0.1:9/")]);
    walk.serve().await;
    walk.ask().await;
    walk.fail_to_open();
    walk.read_causes().await;
    walk.read_everything();
}

impl Walk {
    async fn prepared(on: On) -> Walk {
        let hub = TestHub::open(on).await;
        let file = "mappings/outbound/payment_received.toml";
        hub.edit(file, "account.paid_changed", "account.created");
        for job in INGESTS {
            let overlap = "overlap   = \"skip\"";
            let sends = format!("{overlap}\nfirst_load = \"send\"");
            hub.edit(&format!("jobs/{job}.toml"), overlap, &sends);
        }
        let notify = Notify::start(0, None, None).await.unwrap();
        // Each database has one format: between them both are read.
        let format = if on == On::Sqlite { "text" } else { "json" };
        Walk { hub, notify, format, said: String::new(), held_whole: 0 }
    }

    fn drop_good(&self, night: &str) {
        self.hub.drop_file("revenues", &format!("ctax-{night}.xml"), &markers::revenues(night));
        self.hub.drop_file("benefits", &format!("claims-{night}.csv"), &markers::benefits());
        self.hub.drop_file("crm", &format!("contacts-{night}.json"), &markers::crm());
    }

    fn drop_bad(&self) {
        let files = [
            ("revenues", "ctax-bad-#.xml", markers::bad_revenues()),
            ("benefits", "claims-bad-#.csv", markers::bad_benefits()),
            ("crm", "contacts-bad-#.json", markers::bad_crm()),
        ];
        for (system, name, contents) in files {
            for (number, content) in contents.iter().enumerate() {
                self.hub.drop_file(system, &name.replace('#', &number.to_string()), content);
            }
        }
    }

    fn ingest(&mut self) {
        for job in INGESTS {
            let code = self.viaduct(&["run", job], &[]);
            self.held_whole += usize::from(code == 3);
        }
    }

    fn command(&self, words: &[&str], own: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_viaduct"));
        command
            .args(["--database", &self.hub.url])
            .args(words)
            .arg("--definitions")
            .arg(&self.hub.definitions)
            .envs(self.hub.variables())
            .envs(self.notify.variables())
            .envs(own.iter().copied())
            .env("VIADUCT_LOG", "trace")
            .env("VIADUCT_LOG_FORMAT", self.format);
        command
    }

    /// Runs a command to its end, keeps all it said, gives its exit code.
    fn viaduct(&mut self, words: &[&str], own: &[(&str, &str)]) -> i32 {
        let done = self.command(words, own).output().unwrap();
        for bytes in [&done.stdout, &done.stderr] {
            self.said.push_str(&String::from_utf8_lossy(bytes));
        }
        done.status.code().expect("it ended by itself")
    }

    /// The program as a service, long enough to answer one ring.
    async fn serve(&mut self) {
        let pool = QueuePool::open(&self.hub.context.database).await.unwrap();
        self.drop_good("4");
        Doorbell::open(pool).await.unwrap().ring("ingest-revenues").await.unwrap();
        let path = self.hub.folder.path().join("serve.log");
        let (out, log) =
            (File::create(&path).unwrap(), File::options().append(true).open(&path).unwrap());
        let mut command = self.command(&["serve"], &[]);
        let mut child = command.stdout(Stdio::from(out)).stderr(Stdio::from(log)).spawn().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(120);
        while !fs::read_to_string(&path).unwrap_or_default().contains("a job is done") {
            assert!(std::time::Instant::now() < deadline, "no job was done");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let id = child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        child.wait().unwrap();
        self.said.push_str(&fs::read_to_string(&path).unwrap());
    }

    /// Everything that support staff may ask, masked.
    async fn ask(&mut self) {
        let sql = "INSERT INTO hold (id, resident_id, kind, reason, from_ms) \
                   SELECT $1, MIN(id), 'dispute', 'Zqhold', 0 FROM resident";
        let mut transaction = self.hub.context.database.begin().await.unwrap();
        transaction.execute(sql, vec![Cell::Int(1)]).await.unwrap();
        transaction.commit().await.unwrap();
        let ids =
            |table: &str| format!("SELECT CAST(id AS TEXT) FROM {table} ORDER BY id LIMIT 12");
        for row in self.hub.rows(&ids("resident")).await {
            self.viaduct(&["resident", "show", &row[0]], &[]);
            self.viaduct(&["--json", "resident", "history", &row[0]], &[]);
        }
        for row in self.hub.rows(&ids("delivery")).await {
            self.viaduct(&["deliveries", "show", &row[0]], &[]);
        }
        self.viaduct(&["deliveries"], &[]);
        for words in [
            ["--name", "Zqfamily"],
            ["--nino", "QQ731964C"],
            ["--email", "zqmail@example.com"],
            ["--phone", "07700 900731"],
            ["--postcode", "SK99 7ZQ"],
            ["--reference", "9973100401"],
            ["--nino", "Zqbad"],
            ["--email", "Zqbad"],
            ["--reference", "Zqbad"],
        ] {
            self.viaduct(&[&["resident", "search"][..], &words].concat(), &[]);
        }
        self.viaduct(&["resident", "show", "77"], &[]);
    }

    /// An address with a password, of a database that is not there.
    fn fail_to_open(&mut self) {
        for url in ["postgres://viaduct:zqsecret@127.0.0.1:9/x", "postgres://a:zqsecret@[bad/x"] {
            let own = [("VIADUCT_DATABASE", url)];
            let mut command = Command::new(env!("CARGO_BIN_EXE_viaduct"));
            let done =
                command.arg("deliveries").envs(own).env("VIADUCT_LOG", "trace").output().unwrap();
            assert_eq!(done.status.code(), Some(1));
            self.said.push_str(&String::from_utf8_lossy(&done.stderr));
        }
    }

    /// Why rows, files and messages are held, as the tables have it.
    async fn read_causes(&mut self) {
        for sql in [
            "SELECT code, field, cause FROM dead_letter",
            "SELECT cause_code, cause FROM batch",
            "SELECT cause_code, cause, platform_status FROM delivery",
            "SELECT outcome, cause FROM delivery_attempt",
        ] {
            let rows = self.hub.rows(sql).await;
            assert!(!rows.is_empty(), "{sql}");
            rows.iter().for_each(|row| self.said.push_str(&(row.join(" ") + "\n")));
        }
    }

    /// That there was something to be said: the markers are in the records, in all states.
    async fn check_planted(&self) {
        let of = |sql: &'static str| async move {
            let rows = self.hub.rows(sql).await;
            rows.concat().concat().to_lowercase()
        };
        let kept = of("SELECT facts FROM party").await + &of("SELECT facts FROM account").await;
        let batches = self.hub.rows("SELECT origin, state, cause_code, cause FROM batch").await;
        let closed = batches.iter().all(|batch| batch[1] == "closed");
        assert!(closed && batches.len() == INGESTS.len(), "{batches:?}");
        let unmapped = ["NHS number", "card number", "note", "code", "what is no value", "hold"];
        let elsewhere = ["a name of the document", "account number"];
        for (kind, spellings) in MARKERS {
            if !unmapped.contains(kind) && !elsewhere.contains(kind) {
                assert!(spellings.iter().any(|spelling| kept.contains(spelling)), "{kind}");
            }
        }
        let codes = of("SELECT DISTINCT code FROM dead_letter").await;
        for code in ["code_unknown", "required", "date_wrong_shape", "record.duplicate_key"] {
            assert!(codes.contains(code), "{codes}");
        }
    }

    /// And that nothing of it was said.
    fn read_everything(&self) {
        assert!(self.held_whole >= 3, "files were held whole");
        for part in
            ["sqlx", "hyper", "TRACE", "suppressed.", "notify.", "xml.malformed", "csv.header"]
        {
            assert!(self.said.contains(part), "`{part}` was never said");
        }
        if self.format == "json" {
            let lines = self.said.lines().filter(|line| line.starts_with("{\"time\""));
            let bad: Vec<&str> = lines
                .filter(|line| serde_json::from_str::<serde_json::Value>(line).is_err())
                .collect();
            assert!(bad.is_empty(), "{bad:?}");
        }
        let said = without_times(&self.said.to_lowercase());
        let said: String = said.lines().map(|line| markers::without_digests(line) + "\n").collect();
        let secrets: [(&str, &[&str]); 2] =
            [("a token", &["bearer", "eyj0"]), ("a password", &["zqsecret"])];
        let key = LIVE_SECRET.to_lowercase();
        let own: (&str, &[&str]) = ("the API key", &[key.as_str()]);
        let mut found = Vec::new();
        for (kind, spellings) in MARKERS.iter().chain(&secrets).chain(std::iter::once(&own)) {
            for spelling in *spellings {
                if let Some(at) = said.find(spelling) {
                    let begin = said[..at].rfind('\n').map_or(0, |end| end + 1);
                    let line: String =
                        said[begin..].lines().next().unwrap().chars().take(400).collect();
                    found.push(format!("{kind}: {line}"));
                }
            }
        }
        assert!(found.is_empty(), "{} bytes were read\n{}", said.len(), found.join("\n"));
    }

    async fn arm(&self, orders: serde_json::Value) {
        let url = format!("{}/sandbox/faults", self.notify.running.url);
        let _ = rustls::crypto::ring::default_provider().install_default();
        let answer = reqwest::Client::new().put(url).json(&orders).send().await.unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
}

/// A text without the numbers behind `elapsed_secs`: in a time of nine places any six figures stand by chance, sooner
/// or later.
fn without_times(text: &str) -> String {
    let is_number = |letter: char| letter.is_ascii_digit() || matches!(letter, '.' | 'e' | '-');
    let mut read = text.to_owned();
    for field in ["elapsed_secs=", "\"elapsed_secs\":"] {
        let mut parts = read.split(field);
        let mut without = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            without.push_str(field);
            without.push_str(part.trim_start_matches(is_number));
        }
        read = without;
    }
    read
}

/// A platform that quotes what it was sent, in every place that an answer has.
pub async fn hostile_platform() -> String {
    let count = Arc::new(AtomicUsize::new(0));
    let answer = move |uri: axum::http::Uri, body: Bytes| {
        let number = count.fetch_add(1, Ordering::SeqCst);
        let heard = format!("{uri} {}", String::from_utf8_lossy(&body));
        let refusal =
            json!({ "status_code": 400, "errors": [{ "error": heard, "message": heard }] });
        let accepted = json!({ "id": format!("id-{number}"), "status": heard, "type": "email" });
        let (status, text) = match number % 4 {
            0 => (StatusCode::BAD_REQUEST, refusal.to_string()),
            1 => (StatusCode::CREATED, heard),
            2 => (StatusCode::INTERNAL_SERVER_ERROR, heard),
            _ => (StatusCode::CREATED, accepted.to_string()),
        };
        async move { (status, text) }
    };
    let router = axum::Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}
