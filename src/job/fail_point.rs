//! Named places around each commit and each send, where a test can kill the process; and safeguards that
//! a control run does without, to see that the harness notices. Only debug builds look at any of it.
//!
//! `VIADUCT_FAIL_AT=17` kills it, as `kill -9` does, at the 17th place it passes, and
//! `VIADUCT_FAIL_AT=deliver.sent` where it passes that one first (`deliver.sent:3`: the third time). With
//! `VIADUCT_FAIL_TRACE` the names of the places passed are written to that file. `VIADUCT_FAIL_ON` names
//! work that kills, `VIADUCT_WITHOUT` a safeguard; `VIADUCT_FAIL_LEASE_MS=3000` makes leases short.

/// Every place there is. A test holds the list against the calls, and kills at each.
pub const PLACES: [&str; 22] = [
    "ingest.before_stage",
    "ingest.staged",
    "ingest.before_release",
    "ingest.released",
    "ingest.acknowledged",
    "resolve.before_commit",
    "resolve.committed",
    "resolve.before_close",
    "resolve.closed",
    "deliver.recovered",
    "deliver.before_intent",
    "deliver.intent",
    "deliver.before_send",
    "deliver.sent",
    "deliver.before_outcome",
    "deliver.outcome",
    "bulk.before_step",
    "bulk.step",
    "replay.before_stage",
    "replay.staged",
    "replay.before_release",
    "replay.released",
];

/// What a control run can do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safeguard {
    /// A file is acknowledged only when what it holds is safely stored.
    StoredFirst,
    /// What became of a send that nobody answered is asked about before it goes again.
    Asking,
    /// A refusal is the platform's last word.
    Holding,
    /// An older version of a record does not take the place of a newer.
    Versions,
    /// A dead process of this machine is known by its number.
    Gone,
    /// What is being sent is ended before a stop.
    Ending,
    /// Who lost a lease stops.
    Lease,
}

impl Safeguard {
    /// As `VIADUCT_WITHOUT` names it.
    pub fn word(self) -> &'static str {
        match self {
            Safeguard::StoredFirst => "stored_first",
            Safeguard::Asking => "asking",
            Safeguard::Holding => "holding",
            Safeguard::Versions => "versions",
            Safeguard::Gone => "gone",
            Safeguard::Ending => "ending",
            Safeguard::Lease => "lease",
        }
    }

    /// Whether this is a control run that does without it.
    #[cfg(debug_assertions)]
    pub fn is_off(self) -> bool {
        use std::sync::OnceLock;
        static WITHOUT: OnceLock<Option<String>> = OnceLock::new();
        let without = WITHOUT.get_or_init(|| std::env::var("VIADUCT_WITHOUT").ok());
        without.as_deref() == Some(self.word())
    }

    /// No program that serves does without any.
    #[cfg(not(debug_assertions))]
    pub const fn is_off(self) -> bool {
        false
    }
}

/// Where the process is killed.
#[cfg(debug_assertions)]
enum At {
    /// At so many places passed.
    Passed(u64),
    /// At this place, passed so often.
    Named(String, u64),
}

#[cfg(debug_assertions)]
impl At {
    fn read(text: &str) -> At {
        if let Ok(passed) = text.parse() {
            return At::Passed(passed);
        }
        let (name, times) = text.split_once(':').unwrap_or((text, "1"));
        At::Named(name.to_owned(), times.parse().unwrap_or(1))
    }
}

/// Passes a named place.
#[cfg(debug_assertions)]
pub fn pass(name: &'static str) {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static FAIL_AT: OnceLock<Option<At>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    static PASSED_IT: AtomicU64 = AtomicU64::new(0);
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = std::env::var_os("VIADUCT_FAIL_TRACE")
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path)
    {
        // A trace that cannot be written shows in the test that reads it.
        let _ = writeln!(file, "{name}");
    }
    let at = FAIL_AT.get_or_init(|| Some(At::read(&std::env::var("VIADUCT_FAIL_AT").ok()?)));
    let is_it = match at {
        None => false,
        Some(At::Passed(wanted)) => *wanted == passed,
        Some(At::Named(wanted, times)) => {
            wanted == name && PASSED_IT.fetch_add(1, Ordering::SeqCst) + 1 == *times
        }
    };
    if is_it {
        die(name);
    }
}

/// Kills the process, as `kill -9` does, where the work in hand holds what a test names in
/// `VIADUCT_FAIL_ON`.
#[cfg(debug_assertions)]
pub fn die_of(work: &str) {
    use std::sync::OnceLock;
    static FAIL_ON: OnceLock<Option<String>> = OnceLock::new();
    let fail_on = FAIL_ON.get_or_init(|| std::env::var("VIADUCT_FAIL_ON").ok());
    if fail_on.as_ref().is_some_and(|wanted| work.contains(wanted)) {
        die("the work that a test names");
    }
}

/// Kills the process where it writes the staged record whose number a test names in
/// `VIADUCT_FAIL_WRITING`.
#[cfg(debug_assertions)]
pub fn die_writing(record: i64) {
    use std::sync::OnceLock;
    static FAIL_WRITING: OnceLock<Option<String>> = OnceLock::new();
    let fail_on = FAIL_WRITING.get_or_init(|| std::env::var("VIADUCT_FAIL_WRITING").ok());
    if fail_on.as_ref().is_some_and(|wanted| *wanted == record.to_string()) {
        die("the record that a test names");
    }
}

/// For how long a lease is taken: as long as is usual, or as a test says.
#[cfg(debug_assertions)]
pub fn lease_ms(usual_ms: i64) -> i64 {
    let said = std::env::var("VIADUCT_FAIL_LEASE_MS").ok();
    said.and_then(|text| text.parse().ok()).unwrap_or(usual_ms)
}

#[cfg(debug_assertions)]
fn die(place: &str) {
    let killed =
        std::process::Command::new("kill").args(["-9", &std::process::id().to_string()]).status();
    panic!("this process should have been killed at {place}: {killed:?}");
}

/// Passes a named place.
#[cfg(not(debug_assertions))]
pub fn pass(_name: &'static str) {}

/// Takes up a piece of work.
#[cfg(not(debug_assertions))]
pub fn die_of(_work: &str) {}

/// Writes a staged record.
#[cfg(not(debug_assertions))]
pub fn die_writing(_record: i64) {}

/// For how long a lease is taken.
#[cfg(not(debug_assertions))]
pub fn lease_ms(usual_ms: i64) -> i64 {
    usual_ms
}
