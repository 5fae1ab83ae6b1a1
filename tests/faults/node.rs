//! A node under faults: the real `viaduct serve`, what it says, and what it answers.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use viaduct::store::database::Database;

use super::stage::Stage;
use crate::sandbox::bench::client;

/// Longer than anything takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long a lease lasts here. A debug build is told to take short ones; a release build knows only its own.
pub const LEASE: Duration = match cfg!(debug_assertions) {
    true => Duration::from_secs(2),
    false => Duration::from_secs(20),
};

pub struct Node {
    child: Child,
    address: String,
    said: Arc<Mutex<String>>,
}

impl Node {
    /// Starts one on that database, with these variables beside.
    pub async fn start(stage: &Stage, database: &str, more: &[(&str, &str)]) -> Node {
        let mut program = stage.program_on(database, &["serve", "--listen", "127.0.0.1:0"]);
        program.env("VIADUCT_LOG", "viaduct=info");
        program.env("VIADUCT_FAIL_LEASE_MS", LEASE.as_millis().to_string());
        program.envs(more.iter().copied());
        let mut child = program.stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let said = Arc::<Mutex<String>>::default();
        let mut address = None;
        while let Ok(Some(line)) = lines.next_line().await {
            said.lock().unwrap().push_str(&format!("{line}\n"));
            if let Some((_, root)) = line.split_once("the API answers on ") {
                address = root.strip_suffix("/api/v1").map(str::to_owned);
                break;
            }
        }
        let address = address.unwrap_or_else(|| panic!("it begins: {}", said.lock().unwrap()));
        let all = Arc::clone(&said);
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                all.lock().unwrap().push_str(&format!("{line}\n"));
            }
        });
        Node { child, address, said }
    }

    pub fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// `STOP`, `CONT`, `TERM`
    pub fn signal(&self, name: &str) {
        let number = self.child.id().expect("it runs").to_string();
        let done = std::process::Command::new("kill").args([&format!("-{name}"), &number]).status();
        assert!(done.unwrap().success());
    }

    /// It is the process that was started, and has not ended.
    pub fn must_live(&mut self) {
        let ended = self.child.try_wait().unwrap();
        assert!(ended.is_none(), "it ended, {ended:?}: {:.4000}", self.said());
    }

    /// Tells it to end, which it does.
    pub async fn stop(mut self) {
        self.signal("TERM");
        let ended = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        let ended = ended.unwrap_or_else(|_| panic!("it ends in time: {}", self.said()));
        assert!(ended.unwrap().success(), "{}", self.said());
    }

    /// Has a job run, as soon as it can be asked.
    pub async fn ring(&self, job: &str) {
        let url = self.url(&format!("/api/v1/jobs/{job}/run"));
        until(PATIENCE, "the job is taken", async || {
            let asked = client().post(&url).json(&serde_json::json!({})).send().await;
            asked.is_ok_and(|answer| answer.status().is_success())
        })
        .await;
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.address)
    }

    /// What `/health` says of the database, and how long it took to say so.
    pub async fn health(&self) -> (String, Duration) {
        let asked = Instant::now();
        let answer = client().get(self.url("/health")).send().await.unwrap();
        let status = answer.status().as_u16();
        let body: serde_json::Value = answer.json().await.unwrap();
        let database = body["database"].as_str().unwrap().to_owned();
        assert_eq!(status, if database == "away" { 503 } else { 200 }, "{body}");
        assert_eq!(body["status"], if database == "away" { "down" } else { "up" });
        (database, asked.elapsed())
    }

    /// It comes to say that of its database, and says so quickly whenever it is asked.
    pub async fn comes_to_say(&self, wanted: &str, within: Duration) {
        until(within, &format!("/health says {wanted}"), async || {
            let (said, took) = self.health().await;
            assert!(took < Duration::from_secs(8), "/health took {took:?}");
            said == wanted
        })
        .await;
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<&str> = said.lines().collect();
            eprintln!(
                "the node said last:\n{}",
                lines[lines.len().saturating_sub(40)..].join("\n")
            );
        }
    }
}

/// Looks again and again until it is so. Gives how long it took.
pub async fn until(within: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) -> Duration {
    let begun = Instant::now();
    loop {
        if is_so().await {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < within, "{what}: not within {within:?}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}

/// The number that a question gives, of a database that is there or is waited for.
pub async fn count(database: &Database, sql: &str) -> i64 {
    let begun = Instant::now();
    loop {
        match database.fetch::<(i64,)>(sql, vec![]).await {
            Ok(rows) => return rows[0].0,
            Err(error) => assert!(begun.elapsed() < PATIENCE, "{sql}: {error}"),
        }
    }
}

/// The node that runs holds every destination.
pub async fn holds_all(watching: &Database) {
    let held = "SELECT COUNT(*) FROM lease WHERE name LIKE 'deliver:%' AND until_ms > 0";
    until(PATIENCE, "it holds every destination", async || count(watching, held).await == 3).await;
}

/// Its first batches are small, of 8 and of 64; then it has two hundred in hand.
pub async fn large_batch(watching: &Database) {
    let asked = "SELECT COUNT(*) FROM delivery WHERE destination = 'asked' AND state = 'delivered'";
    until(PATIENCE * 2, "a large batch is under way", async || count(watching, asked).await >= 72)
        .await;
}

/// A connector that waits so long for an answer, and for no longer before it believes that something did not
/// happen.
pub fn soon(kind: &str, text: String, timeout_ms: u64) -> String {
    let lag = if kind == "asked" { "lag = \"1s\"\n" } else { "" };
    format!("{text}timeout_ms = {timeout_ms}\n{lag}")
}
