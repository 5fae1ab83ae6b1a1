//! Named places around each commit and each send, where a test can kill the process.
//!
//! `VIADUCT_FAIL_AT=17` kills it, as `kill -9` does, at the 17th place it passes; with `VIADUCT_FAIL_TRACE`
//! the names of the places passed are written to that file. `VIADUCT_FAIL_OFF=lease` switches a safeguard
//! off, so that a test can show that it notices; `VIADUCT_FAIL_LEASE_MS=3000` makes leases short, so that it
//! need not wait. Only debug builds look at any of them.

/// Passes a named place.
#[cfg(debug_assertions)]
pub fn pass(name: &'static str) {
    use std::io::Write;
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    static FAIL_AT: OnceLock<Option<u64>> = OnceLock::new();
    static PASSED: AtomicU64 = AtomicU64::new(0);
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let passed = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
    if let Some(path) = std::env::var_os("VIADUCT_FAIL_TRACE")
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path)
    {
        // A trace that cannot be written shows in the test that reads it.
        let _ = writeln!(file, "{name}");
    }
    if *FAIL_AT.get_or_init(|| number("VIADUCT_FAIL_AT")) == Some(passed) {
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

/// Whether a test has switched that safeguard off, by its name: `lease` (who lost the destination stops
/// sending), `asking` (what nobody answered is asked about).
#[cfg(debug_assertions)]
pub fn is_off(safeguard: &str) -> bool {
    use std::sync::OnceLock;
    static OFF: OnceLock<Option<String>> = OnceLock::new();
    let off = OFF.get_or_init(|| std::env::var("VIADUCT_FAIL_OFF").ok());
    off.as_ref().is_some_and(|off| off.split(',').any(|name| name == safeguard))
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

/// Whether a test has switched that safeguard off.
#[cfg(not(debug_assertions))]
pub fn is_off(_safeguard: &str) -> bool {
    false
}

/// For how long a lease is taken.
#[cfg(not(debug_assertions))]
pub fn lease_ms(usual_ms: i64) -> i64 {
    usual_ms
}
