//! Killed at fifty moments, as `kill -9` kills, and run again: the same residents, no row lost, no
//! message sent twice. The real program, the real databases, the sandbox counting.
//!
//! The moments are drawn by a seed over every commit and send that an undisturbed run passes, and
//! over the messages that a batch has sent so far. `VIADUCT_CRASH_SEED` draws others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Semaphore;
use viaduct::app::sandbox::Notify;
use viaduct::sandbox::council::Council;

use crate::support::hub::{On, TestHub};

/// Kills while extracts are read and resolved, at a place passed.
const INGEST_KILLS: usize = 30;
/// Kills while messages leave: at a place passed, and when so many messages were taken.
const DELIVER_KILLS: usize = 10;
const MID_BATCH_KILLS: usize = 10;
const ACCOUNTS: u32 = 260;

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_and_double_nothing_on_sqlite() {
    fifty_kills(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_kills_lose_and_double_nothing_on_postgres() {
    fifty_kills(On::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_anywhere_is_made_good_by_the_next_on_sqlite() {
    replays_killed(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_killed_anywhere_is_made_good_by_the_next_on_postgres() {
    replays_killed(On::Postgres).await;
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn f6_a_record_that_kills_its_readers_is_held_and_the_others_go_on_sqlite() {
    deadly_record(On::Sqlite).await;
}

#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn f6_a_record_that_kills_its_readers_is_held_and_the_others_go_on_postgres() {
    deadly_record(On::Postgres).await;
}

/// F6: one row aborts the process each time. It is read in the middle of a chunk, with another chunk
/// behind.
async fn deadly_record(on: On) {
    const JOB: &str = "ingest-revenues";
    let stage = Stage::with(on, 90).await;
    let undisturbed = Stage::with(on, 90).await;
    undisturbed.run(JOB).await;
    let keys = undisturbed.hub.rows("SELECT key FROM source_key ORDER BY id").await;
    let deadly = keys[47][0].clone();
    let mut deaths = 0;
    while !stage
        .command(JOB)
        .env("VIADUCT_FAIL_ON", &deadly)
        .output()
        .await
        .unwrap()
        .status
        .success()
    {
        deaths += 1;
        assert!(deaths < 9, "it is never held");
    }
    // Once among others, and three times alone.
    assert_eq!(deaths, 4);
    let held = "SELECT l.code, r.key FROM dead_letter l JOIN source_record r ON r.id = l.record_id \
                WHERE l.settled_ms IS NULL AND l.code = 'record.crashed'";
    assert_eq!(stage.hub.rows(held).await, [["record.crashed", deadly.as_str()]]);
    let counts = "SELECT CAST(published + held + filtered AS TEXT), state FROM batch";
    assert_eq!(stage.hub.rows(counts).await, undisturbed.hub.rows(counts).await);
    // With the version that mends it, it is read again, and all is as if nothing had been.
    stage.must(&mut stage.asked(&["replay", "--code", "record.crashed"])).await;
    stage.run(JOB).await;
    let (seen, expected) = (stage.seen().await, undisturbed.seen().await);
    assert_eq!((seen.held, seen.accounts.len()), (expected.held, expected.accounts.len()));
    assert_eq!((seen.accounts, seen.parties), (expected.accounts, expected.parties));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_writing_kills_is_held_and_the_others_go_on_sqlite() {
    deadly_to_write(On::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_whose_writing_kills_is_held_and_the_others_go_on_postgres() {
    deadly_to_write(On::Postgres).await;
}

/// Not the reading of a record kills, but what is made of it: chunks get smaller until it is alone.
async fn deadly_to_write(on: On) {
    const JOB: &str = "ingest-revenues";
    let undisturbed = Stage::with(on, 90).await;
    undisturbed.run(JOB).await;
    let rows = "SELECT CAST(id AS TEXT) FROM source_record ORDER BY id";
    let deadly = undisturbed.hub.rows(rows).await[47][0].clone();
    let stage = Stage::with(on, 90).await;
    let mut deaths = 0;
    let asked = || {
        let mut command = stage.command(JOB);
        command.env("VIADUCT_FAIL_WRITING", &deadly);
        command
    };
    while !asked().output().await.unwrap().status.success() {
        deaths += 1;
        assert!(deaths < 15, "it is never held");
    }
    // Among 40, 20 and 2, and three times alone.
    assert_eq!(deaths, 6);
    let held = format!(
        "SELECT CAST(COUNT(*) AS TEXT) FROM dead_letter WHERE code = 'record.crashed' AND record_id = {deadly}"
    );
    assert_eq!(stage.hub.rows(&held).await, [["1"]]);
    let counts = "SELECT CAST(published + held + filtered AS TEXT), state FROM batch";
    assert_eq!(stage.hub.rows(counts).await, undisturbed.hub.rows(counts).await);
}

/// Killed at every place that a replay passes, each on a hub of its own.
async fn replays_killed(on: On) {
    const REPLAY: [&str; 3] = ["replay", "--code", "code_unknown"];
    let undisturbed = Stage::with_held(on).await;
    let trace = undisturbed.hub.folder.path().join("replay.trace");
    undisturbed.must(undisturbed.asked(&REPLAY).env("VIADUCT_FAIL_TRACE", &trace)).await;
    let places = read_lines(&trace).len();
    assert!(places >= 8, "only {places} places");
    let expected = Arc::new(undisturbed.seen().await);
    assert!(expected.held.is_empty(), "{:?}", expected.held);
    let at_once = Arc::new(Semaphore::new(3));
    let mut running = Vec::new();
    for number in 1..=places {
        let (at_once, expected) = (Arc::clone(&at_once), Arc::clone(&expected));
        running.push(tokio::spawn(async move {
            let _turn = at_once.acquire().await.unwrap();
            let stage = Stage::with_held(on).await;
            let mut killed = stage.asked(&REPLAY);
            let done = killed.env("VIADUCT_FAIL_AT", number.to_string()).output().await.unwrap();
            assert!(!done.status.success(), "place {number} was never reached");
            stage.must(&mut stage.asked(&REPLAY)).await;
            // A replay that is killed when its rows are released is ended by whoever comes next.
            stage.run("ingest-revenues").await;
            stage.seen().await.must_be(&expected, &format!("replay, place {number}"));
        }));
    }
    for one in running {
        one.await.unwrap();
    }
}

/// Where a run is killed.
#[derive(Debug, Clone)]
enum Moment {
    /// At the n-th place that the job passes.
    Place { job: &'static str, at: usize },
    /// When it has come so many times to that place of delivering.
    Sending { place: &'static str, time: usize },
    /// When the platform has taken so many messages.
    Taken(usize),
}

impl Moment {
    /// How many sends a run takes depends on what was written when the next were claimed: one that
    /// takes fewer has its last kill before.
    fn earlier(self) -> Moment {
        match self {
            Moment::Sending { place, time } if time > 1 => {
                Moment::Sending { place, time: time - 1 }
            }
            other => panic!("{other:?} was never reached"),
        }
    }
}

async fn fifty_kills(on: On) {
    let seed: u64 =
        std::env::var("VIADUCT_CRASH_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(2026);
    let undisturbed = Stage::open(on).await;
    let mut passed = BTreeMap::new();
    for job in ["ingest-revenues", "ingest-benefits", "deliver-notify"] {
        passed.insert(job, undisturbed.run_traced(job).await);
    }
    let expected = Arc::new(undisturbed.seen().await);
    assert!(expected.messages.len() > 150, "only {} messages", expected.messages.len());
    let moments = draw(seed, &passed, expected.messages.len());
    assert_eq!(moments.len(), INGEST_KILLS + DELIVER_KILLS + MID_BATCH_KILLS);

    // Each waits more than it works: some at once.
    let at_once = Arc::new(Semaphore::new(4));
    let mut running = Vec::new();
    for moment in moments {
        let (at_once, expected) = (Arc::clone(&at_once), Arc::clone(&expected));
        running.push(tokio::spawn(async move {
            let _turn = at_once.acquire().await.unwrap();
            let mut moment = moment;
            let stage = loop {
                let stage = Stage::open(on).await;
                if stage.run_killed(&moment).await {
                    break stage;
                }
                moment = moment.earlier();
            };
            let seen = stage.seen().await;
            seen.must_be(&expected, &format!("seed {seed}, {moment:?}"));
        }));
    }
    for one in running {
        one.await.unwrap();
    }
}

/// Places spread over each job's whole length, each in its own part of it.
fn draw(seed: u64, passed: &BTreeMap<&'static str, Vec<String>>, messages: usize) -> Vec<Moment> {
    let mut state = seed;
    let mut random = move |below: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below.max(1)
    };
    let mut moments = Vec::new();
    let spread = |job: &'static str, kills: usize, random: &mut dyn FnMut(usize) -> usize| {
        let places = passed[job].len();
        (0..kills)
            .map(|kill| {
                let (from, to) = (kill * places / kills, (kill + 1) * places / kills);
                let at = from + random(to - from) + 1;
                Moment::Place { job, at }
            })
            .collect::<Vec<_>>()
    };
    moments.extend(spread("ingest-revenues", INGEST_KILLS / 2, &mut random));
    moments.extend(spread("ingest-benefits", INGEST_KILLS / 2, &mut random));
    // How often it looks whether anything is due is a matter of time.
    let places = &passed["deliver-notify"];
    let sends = places.iter().filter(|name| *name == "deliver.sent").count();
    assert!(sends > 1, "a batch was sent {sends} times: {places:?}");
    let between = ["intent", "before_send", "sent", "before_outcome"];
    for kill in 0..DELIVER_KILLS {
        let place = between[kill % between.len()];
        moments.push(Moment::Sending { place, time: kill * sends / DELIVER_KILLS + 1 });
    }
    for kill in 0..MID_BATCH_KILLS {
        let part = messages / MID_BATCH_KILLS;
        moments.push(Moment::Taken(kill * part + random(part) + 1));
    }
    moments
}

/// A hub, its platform, and one night's files.
struct Stage {
    hub: TestHub,
    notify: Notify,
}

impl Stage {
    async fn open(on: On) -> Stage {
        Stage::with(on, ACCOUNTS).await
    }

    async fn with(on: On, accounts: u32) -> Stage {
        let hub = TestHub::open(on).await;
        let file = "mappings/outbound/payment_received.toml";
        hub.edit(file, "account.paid_changed", "account.created");
        for job in ["ingest-revenues", "ingest-benefits"] {
            let overlap = "overlap   = \"skip\"";
            let sends = format!("{overlap}\nfirst_load = \"send\"");
            hub.edit(&format!("jobs/{job}.toml"), overlap, &sends);
        }
        hub.edit("connectors/revenues.toml", "[limits]", "[limits]\nchunk_records = 20");
        hub.edit(
            "connectors/benefits.toml",
            "[settings]",
            "[limits]\nchunk_records = 10\n\n[settings]",
        );
        hub.drop_night(&Council::new(5, accounts), 1);
        let ledger = hub.folder.path().join("ledger.jsonl");
        let notify = Notify::start(0, None, Some(&ledger)).await.unwrap();
        Stage { hub, notify }
    }

    /// A hub whose accounts are held for a code, which is known by now.
    async fn with_held(on: On) -> Stage {
        let stage = Stage::with(on, 70).await;
        let (file, code) = ("mappings/codes/account_status.csv", "OPEN,open,,\n");
        stage.hub.edit(file, code, "");
        stage.run("ingest-revenues").await;
        stage.hub.edit(file, "code,value,from,to\n", &format!("code,value,from,to\n{code}"));
        stage
    }

    fn command(&self, job: &str) -> Command {
        self.asked(&["run", job])
    }

    /// Runs a command to its end.
    async fn must(&self, command: &mut Command) {
        let done = command.output().await.unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    }

    fn asked(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_viaduct"));
        command
            .args(["--database", &self.hub.url, "--json"])
            .args(words)
            .arg("--definitions")
            .arg(&self.hub.definitions)
            .envs(self.hub.variables())
            .envs(self.notify.variables())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a job to its end.
    async fn run(&self, job: &str) {
        let done = self.command(job).output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{job}: {said}");
    }

    /// Runs a job to its end, and gives the names of the places it passed.
    async fn run_traced(&self, job: &str) -> Vec<String> {
        let trace: PathBuf = self.hub.folder.path().join(format!("{job}.trace"));
        let mut command = self.command(job);
        let done = command.env("VIADUCT_FAIL_TRACE", &trace).output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{job}: {said}");
        read_lines(&trace)
    }

    /// Runs all three jobs; one of them is killed at that moment, and run again. Gives whether the moment
    /// came.
    async fn run_killed(&self, moment: &Moment) -> bool {
        for job in ["ingest-revenues", "ingest-benefits", "deliver-notify"] {
            let at = match moment {
                Moment::Place { job: killed, at } if *killed == job => at.to_string(),
                Moment::Sending { place, time } if job == "deliver-notify" => {
                    format!("deliver.{place}:{time}")
                }
                Moment::Taken(count) if job == "deliver-notify" => {
                    self.kill_when_taken(*count).await;
                    self.run(job).await;
                    continue;
                }
                _ => {
                    self.run(job).await;
                    continue;
                }
            };
            let done = self.command(job).env("VIADUCT_FAIL_AT", at).output().await.unwrap();
            if done.status.success() {
                return false;
            }
            self.run(job).await;
        }
        true
    }

    async fn kill_when_taken(&self, count: usize) {
        let mut running = self.command("deliver-notify").spawn().unwrap();
        while self.ledger().await.len() < count {
            if running.try_wait().unwrap().is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        // It may have ended just before; then there was nothing to kill.
        let _ = running.kill().await;
    }

    /// Everything the platform took.
    async fn ledger(&self) -> Vec<Value> {
        let lines = read_lines(&self.hub.folder.path().join("ledger.jsonl"));
        // The last line may be half written while we look.
        lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect()
    }

    async fn seen(&self) -> Seen {
        let rows = |sql: &'static str| async move {
            let mut rows = self.hub.rows(sql).await;
            rows.sort();
            rows
        };
        let ledger = self.ledger().await;
        let text = |message: &Value, part: &str| message[part].as_str().unwrap_or("").to_owned();
        let mut messages: Vec<Vec<String>> = (ledger.iter())
            .map(|message| {
                ["recipient", "template_id", "body"].map(|part| text(message, part)).into()
            })
            .collect();
        messages.sort();
        let mut references: Vec<String> =
            ledger.iter().map(|message| text(message, "reference")).collect();
        references.sort();
        let sent = references.len();
        references.dedup();
        Seen {
            residents: rows("SELECT facts FROM resident").await,
            accounts: rows(
                "SELECT k.key, a.facts FROM account a JOIN source_key k ON k.id = a.id",
            )
            .await,
            parties: rows("SELECT k.key, p.key, p.role, p.facts FROM party p JOIN source_key k ON k.id = p.source_key_id").await,
            held: rows("SELECT code, cause FROM dead_letter WHERE settled_ms IS NULL").await,
            states: rows("SELECT state, CAST(COUNT(*) AS TEXT) FROM delivery GROUP BY state").await,
            unbalanced: rows(
                "SELECT CAST(id AS TEXT) FROM batch WHERE state NOT IN ('abandoned') AND \
                 (state <> 'closed' OR rows_in <> published + unchanged + held + filtered)",
            )
            .await,
            messages,
            doubled: sent - references.len(),
        }
    }
}

/// What there is at the end, without the numbers that differ from run to run.
#[derive(Debug, PartialEq)]
struct Seen {
    residents: Vec<Vec<String>>,
    accounts: Vec<Vec<String>>,
    parties: Vec<Vec<String>>,
    held: Vec<Vec<String>>,
    states: Vec<Vec<String>>,
    unbalanced: Vec<Vec<String>>,
    messages: Vec<Vec<String>>,
    doubled: usize,
}

impl Seen {
    fn must_be(&self, expected: &Seen, moment: &str) {
        assert_eq!(self.doubled, 0, "{moment}: messages were sent twice");
        assert!(self.unbalanced.is_empty(), "{moment}: batches {:?}", self.unbalanced);
        assert_eq!(self.states, expected.states, "{moment}");
        let counts = |seen: &Seen| {
            (seen.residents.len(), seen.accounts.len(), seen.parties.len(), seen.messages.len())
        };
        assert_eq!(counts(self), counts(expected), "{moment}");
        assert!(self == expected, "{moment}: the same counts, and not the same content");
    }
}

fn read_lines(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
