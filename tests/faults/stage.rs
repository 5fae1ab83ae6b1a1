//! A hub under faults, from the outside: the real program as child processes, the receivers as a process
//! of their own with a ledger on disk, extracts whose right outcome is known, and the comparison of the
//! three.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use viaduct::job::fail_point::Safeguard;
use viaduct::store::database::Database;

use crate::sandbox::bench::client;
use crate::support::hub::{self, On};
use crate::support::postgres;

/// The systems that are told, and what each promises.
pub const KINDS: [&str; 3] = ["keyed", "asked", "plain"];

/// Numbers drawn from a seed: the same plan each time.
pub struct Dice(u64);

impl Dice {
    /// By `VIADUCT_FAULTS_SEED`, else by one that is written here.
    pub fn new(salt: u64) -> Dice {
        let said = std::env::var("VIADUCT_FAULTS_SEED").ok().and_then(|seed| seed.parse().ok());
        Dice(said.unwrap_or(2026_u64) ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    pub fn below(&mut self, most: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % most.max(1)
    }
}

/// A hub, its receivers, and where its extracts are dropped.
pub struct Stage {
    pub folder: TempDir,
    pub database: String,
    definitions: PathBuf,
    /// Where the receivers listen; a test may put something between.
    pub receiver_url: String,
    ledger: PathBuf,
    receiver: Child,
    pub records: u32,
    pub nights: u32,
    /// What the accounts of an extract are, by turns: which system is told of them.
    pub kinds: &'static [&'static str],
    /// What a control run does without.
    pub without: Option<Safeguard>,
}

impl Stage {
    pub async fn open(on: On, records: u32) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let database = match on {
            On::Sqlite => postgres::hub_file(folder.path()).await,
            On::Postgres => postgres::hub_database().await,
        };
        Stage::of(folder, database, records).await
    }

    /// One whose database has no tables yet.
    pub async fn without_tables(on: On) -> Stage {
        let folder = tempfile::tempdir().unwrap();
        let database = match on {
            On::Sqlite => postgres::sqlite_file(folder.path()),
            On::Postgres => postgres::fresh_database().await,
        };
        Stage::of(folder, database, 1).await
    }

    async fn of(folder: TempDir, database: String, records: u32) -> Stage {
        fs::create_dir(folder.path().join("drop")).unwrap();
        let ledger = folder.path().join("ledger.jsonl");
        let (receiver, receiver_url) = receiver(&ledger).await;
        let definitions = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/definitions");
        Stage {
            folder,
            database,
            definitions,
            receiver_url,
            ledger,
            receiver,
            records,
            nights: 0,
            kinds: &["A", "B", "C"],
            without: None,
        }
    }

    /// Changes a definition, of this stage alone.
    pub fn edit(&mut self, file: &str, from: &str, to: &str) {
        let path = self.own().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold {from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    /// Changes what each system that is told is said to be like.
    pub fn tell(&mut self, change: impl Fn(&str, String) -> String) {
        for kind in KINDS {
            let path = self.own().join(format!("connectors/{kind}.toml"));
            let changed = change(kind, fs::read_to_string(&path).unwrap());
            fs::write(path, changed).unwrap();
        }
    }

    /// The definitions of this stage alone.
    fn own(&mut self) -> &Path {
        let own = self.folder.path().join("definitions");
        if !own.exists() {
            hub::copy(&self.definitions, &own);
            self.definitions = own;
        }
        &self.definitions
    }

    /// Tells the receivers how to behave: `faults`, `busy`, `refusals`.
    pub async fn control(&self, what: &str, orders: &Value) {
        let url = format!("{}/sandbox/{what}", self.receiver_url);
        let told = client().put(url).json(orders).send().await.unwrap();
        assert!(told.status().is_success(), "{what}: {}", told.status());
    }

    /// What the receivers know of themselves: `calls`, `answers_lost`.
    pub async fn receivers_say(&self, what: &str) -> i64 {
        let url = format!("{}/sandbox/ledger", self.receiver_url);
        let said: Value = client().get(url).send().await.unwrap().json().await.unwrap();
        said[what].as_i64().unwrap()
    }

    /// Drops the next night's extract: every account, each of which owes a pound more than the night before.
    pub fn next_night(&mut self) {
        self.nights += 1;
        self.drop_night(self.nights);
    }

    /// Drops the extract of that night.
    pub fn drop_night(&self, night: u32) {
        let mut text = String::from("ref,kind,forename,surname,owes\n");
        for number in 0..self.records {
            let kind = self.kinds[number as usize % self.kinds.len()];
            text.push_str(&format!("P{number:07},{kind},Arden,Testberry,{night}.00\n"));
        }
        text.push_str(&format!("TRAILER,{},,,\n", self.records));
        // Of two of one moment the one whose name comes first is read first.
        self.drop_file(&format!("people-{night:06}.csv"), &text);
    }

    /// Whether no extract lies in the drop folder any more.
    pub fn is_put_away(&self) -> bool {
        let dropped = fs::read_dir(self.folder.path().join("drop")).unwrap().flatten();
        !dropped.into_iter().any(|entry| entry.path().is_file())
    }

    /// Drops a file whole.
    pub fn drop_file(&self, name: &str, text: &str) {
        let (aside, drop) = (self.folder.path().join(name), self.folder.path().join("drop"));
        fs::write(&aside, text).unwrap();
        fs::rename(&aside, drop.join(name)).unwrap();
    }

    /// The program with these words.
    pub fn program(&self, words: &[&str]) -> Command {
        self.program_on(&self.database, words)
    }

    /// The same on a database that is reached in another way.
    pub fn program_on(&self, database: &str, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_viaduct"));
        let host = self.receiver_url.trim_start_matches("http://");
        command
            .args(["--json", "--database", database, "--definitions"])
            .arg(&self.definitions)
            .args(words)
            .envs(self.without.map(|safeguard| ("VIADUCT_WITHOUT", safeguard.word())))
            .env("PEOPLE_DROP", self.folder.path().join("drop"))
            .env("RECEIVER_URL", &self.receiver_url)
            .env("RECEIVER_HOST", host)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a job to its end, which must be good.
    pub async fn run(&self, job: &str) {
        self.must(&["run", job]).await;
    }

    /// The program with these words comes to a good end.
    pub async fn must(&self, words: &[&str]) {
        let done = self.program(words).output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{words:?}: {:?} {said:.2000}", done.status.code());
    }

    /// Goes on with the newest bulk action, if it is not done.
    pub async fn resume_bulk(&self) {
        let going = "SELECT COALESCE(MAX(id), 0) FROM bulk WHERE state <> 'done'";
        let id = self.number(going).await;
        if id > 0 {
            self.must(&["bulk", "resume", &id.to_string()]).await;
        }
    }

    /// Tells a program to end, as a person does.
    pub fn terminate(child: &Child) {
        let number = child.id().expect("it runs").to_string();
        let told = std::process::Command::new("kill").args(["-TERM", &number]).status();
        assert!(told.unwrap().success());
    }

    /// Runs the program until it kills itself at that place, passed so often.
    #[cfg(debug_assertions)]
    pub async fn die(&self, words: &[&str], place: &str, times: usize) {
        let died = self.dies(words, place, times).await;
        assert!(died, "{words:?} never passed {place} {times} times");
    }

    /// Whether the program passes that place so often, and dies there; else it comes to its end.
    #[cfg(debug_assertions)]
    pub async fn dies(&self, words: &[&str], place: &str, times: usize) -> bool {
        use std::os::unix::process::ExitStatusExt;
        let mut program = self.program(words);
        program.env("VIADUCT_FAIL_AT", format!("{place}:{times}"));
        let done = program.output().await.unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        let died = done.status.signal() == Some(9);
        assert!(died || done.status.success(), "{words:?} at {place}: {said:.2000}");
        died
    }

    /// Everything that waits goes, in as many runs as it takes.
    pub async fn settle(&self) {
        self.run("ingest-people").await;
        for kind in KINDS {
            self.settle_at(kind).await;
        }
    }

    /// Everything that waits for that kind goes.
    pub async fn settle_at(&self, kind: &str) {
        for _ in 0..100 {
            self.run(&format!("deliver-{kind}")).await;
            if self.open_deliveries(kind).await == 0 {
                break;
            }
        }
    }

    /// How many deliveries to that kind have not come to an end.
    pub async fn open_deliveries(&self, kind: &str) -> i64 {
        let sql = format!(
            "SELECT COUNT(*) FROM delivery WHERE destination = '{kind}' \
             AND state NOT IN ('delivered', 'held', 'replaced', 'dismissed')"
        );
        self.number(&sql).await
    }

    pub async fn number(&self, sql: &str) -> i64 {
        let database = Database::open_existing(&self.database).await.unwrap();
        let rows: Vec<(i64,)> = database.fetch(sql, vec![]).await.unwrap();
        database.close().await;
        rows[0].0
    }

    /// What the receivers did, in its order: kind, reference, account and what it owed.
    pub fn ledger(&self) -> Vec<Effect> {
        let text = fs::read_to_string(&self.ledger).unwrap_or_default();
        // The last may be being written at this moment.
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| Effect::read(line.trim_end()).expect("a whole line")).collect()
    }

    /// Compares hub, receivers and extracts. Gives the counts, for a report.
    pub async fn compare(&self) -> Outcome {
        let database = Database::open_existing(&self.database).await.unwrap();
        let sql = "SELECT reference, destination, state, COALESCE(cause_code, '') FROM delivery";
        let rows: Vec<(String, String, String, String)> =
            database.fetch(sql, vec![]).await.unwrap();
        let sql = "SELECT COUNT(*) FROM batch WHERE state IN ('closed') \
                   AND rows_in <> published + unchanged + held + filtered";
        let uneven: Vec<(i64,)> = database.fetch(sql, vec![]).await.unwrap();
        database.close().await;
        Outcome::of(self.records, self.nights, &rows, &self.ledger(), uneven[0].0)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.receiver.start_kill();
    }
}

async fn receiver(ledger: &Path) -> (Child, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--json", "sandbox", "receiver=0", "--ledger"])
        .arg(format!("receiver={}", ledger.display()))
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("the sandbox says where it is");
    let said: Value = serde_json::from_str(&first).unwrap();
    (child, said["receiver"]["url"].as_str().unwrap().to_owned())
}

/// One thing that a receiver did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Effect {
    pub kind: String,
    pub reference: String,
    pub account: String,
    pub owes: i64,
}

impl Effect {
    fn read(line: &str) -> Option<Effect> {
        let entry: Value = serde_json::from_str(line).ok()?;
        let body: Value = serde_json::from_str(entry["body"].as_str()?).ok()?;
        Some(Effect {
            kind: entry["system"].as_str()?.to_owned(),
            reference: entry["id"].as_str()?.to_owned(),
            account: body["ref"].as_str()?.to_owned(),
            owes: body["owes"].as_i64()?,
        })
    }
}

/// What came of it all.
#[derive(Default, PartialEq, Eq)]
pub struct Outcome {
    pub deliveries: usize,
    pub effects: usize,
    /// Changes that no delivery was made for.
    pub lost: usize,
    /// Deliveries that are said to have arrived, or to be on their way for ever, and did not.
    pub missing: usize,
    /// Effects beyond the first of one delivery.
    pub doubled: usize,
    /// Effects of deliveries that are said not to have had any.
    pub unsaid: usize,
    /// An older word that came behind a newer one.
    pub disordered: usize,
    /// Batches that do not add up.
    pub uneven: i64,
    /// Of those that a person is asked about, at receivers that know nothing.
    pub asked_of_a_person: usize,
    /// Never sent, since a newer one took their place.
    pub replaced: usize,
}

/// In words, for the report.
impl fmt::Debug for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Outcome { deliveries, effects, replaced, asked_of_a_person, lost, missing, .. } = self;
        let Outcome { doubled, unsaid, disordered, uneven, .. } = self;
        write!(
            out,
            "{deliveries} deliveries, {effects} effects, {replaced} replaced by newer ones, \
             {asked_of_a_person} asked of a person; {lost} lost, {missing} missing, {doubled} doubled, {unsaid} \
             unsaid, {disordered} out of order, {uneven} batches that do not add up"
        )
    }
}

impl Outcome {
    fn of(
        records: u32,
        nights: u32,
        rows: &[(String, String, String, String)],
        ledger: &[Effect],
        uneven: i64,
    ) -> Outcome {
        let mut happened: BTreeMap<&str, usize> = BTreeMap::new();
        let mut owed: BTreeMap<&str, i64> = BTreeMap::new();
        let mut outcome = Outcome {
            deliveries: rows.len(),
            effects: ledger.len(),
            lost: ((records * nights) as usize).saturating_sub(rows.len()),
            uneven,
            ..Outcome::default()
        };
        for effect in ledger {
            *happened.entry(&effect.reference).or_default() += 1;
            let before = owed.entry(&effect.account).or_default();
            outcome.disordered += usize::from(effect.owes < *before);
            *before = effect.owes.max(*before);
        }
        for (reference, destination, state, code) in rows {
            let times = happened.remove(reference.as_str()).unwrap_or_default();
            outcome.doubled += times.saturating_sub(1);
            match state.as_str() {
                "delivered" => outcome.missing += usize::from(times == 0),
                "held" if destination == "plain" && code == "delivery.unknown" => {
                    outcome.asked_of_a_person += 1;
                }
                "replaced" => {
                    outcome.replaced += 1;
                    outcome.unsaid += usize::from(times > 0);
                }
                _ => outcome.missing += 1,
            }
        }
        outcome.unsaid += happened.values().sum::<usize>();
        outcome
    }

    /// Nothing lost, nothing doubled, everything in order, and every batch adds up.
    pub fn must_be_whole(&self, what: &str) {
        let kept = Outcome {
            deliveries: self.deliveries,
            effects: self.effects,
            asked_of_a_person: self.asked_of_a_person,
            replaced: self.replaced,
            ..Outcome::default()
        };
        assert_eq!(*self, kept, "{what}");
    }
}
