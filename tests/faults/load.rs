//! F38: ten times the usual load for a while. Extracts wait in their folder while others are read, nothing is
//! lost, and what was left over is caught up with.
//!
//! What comes usually is two fifths of what can be read; so ten times as much is four times what can be read,
//! and a load still where the machine is busy only while that is measured. One queue in its order has ever older
//! things at its head until it is empty. What must fall steadily is what is left.

use std::cell::Cell;
use std::time::{Duration, Instant, SystemTime};

use viaduct::store::database::Database;

use super::stage::Stage;
use super::{report, scaled};
use crate::support::hub::{On, on_both};

on_both! {
    f38_ten_times_the_load_waits_in_its_folder_and_is_caught_up_with => super::overloaded,
}

/// Extracts that are read in one go, to see how long one takes.
const TRIED: u32 = 20;
/// More memory than a hub may have.
const MEMORY_KIB: u64 = 256 << 10;

/// What was left at a moment, and how old the oldest of it was.
#[derive(Debug, Clone, Copy, Default)]
struct Left {
    extracts: u64,
    deliveries: u64,
    oldest: Duration,
}

async fn overloaded(on: On) {
    // What came in three minutes is caught up with in several times as many.
    let lasting = Duration::from_secs(u64::from(scaled(5, 180)));
    let mut stage = Stage::open(on, 20).await;
    stage.kinds = &["A"];
    stage.edit("connectors/people.toml", "[settings]", "[settings]\nsettle_ms = 20");
    stage.next_night();
    stage.settle().await;
    let mut serving = stage.program(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    for _ in 0..TRIED {
        stage.next_night();
    }
    let began = Instant::now();
    stage.run("ingest-people").await;
    let every = began.elapsed() / TRIED / 4;
    let database = Database::open(&stage.database).await.unwrap();
    let (dropped, over) = (Cell::new(0), Cell::new(false));
    let (first, began) = (stage.nights + 1, Instant::now());
    let load = async {
        while began.elapsed() < lasting {
            stage.drop_night(first + dropped.get());
            dropped.set(dropped.get() + 1);
            tokio::time::sleep(every).await;
        }
    };
    let reading = async {
        while !over.get() {
            stage.run("ingest-people").await;
        }
    };
    let watching = async {
        let (mut during, mut after) = (Vec::new(), Vec::new());
        loop {
            let left = left(&stage, &database).await;
            let is_after = began.elapsed() >= lasting;
            if is_after { &mut after } else { &mut during }.push(left);
            if is_after && (left.extracts, left.deliveries) == (0, 0) {
                over.set(true);
                return (during, after);
            }
            tokio::time::sleep(lasting / 50).await;
        }
    };
    let ((), (), (during, after)) = tokio::join!(load, reading, watching);
    let memory = peak_kib(serving.id().expect("it runs"));
    stage.nights += dropped.get();
    let took = began.elapsed();
    Stage::terminate(&serving);
    assert!(serving.wait().await.unwrap().success());
    database.close().await;
    stage.settle().await;
    let outcome = stage.compare().await;
    let most = |of: fn(&Left) -> u64, left: &[Left]| left.iter().map(of).max().unwrap_or_default();
    let waited = most(|left| left.extracts, &during).max(most(|left| left.extracts, &after));
    let oldest = during.iter().chain(&after).map(|left| left.oldest).max().unwrap_or_default();
    report(&format!(
        "F38 {on:?}: 10 minutes asked, {:.0} s run, an extract every {} ms; {waited} waited at most, the oldest \
         thing {:.1} s; caught up {:.0} s later; {} MB: {outcome:?}",
        lasting.as_secs_f64(),
        every.as_millis(),
        oldest.as_secs_f64(),
        (took - lasting).as_secs_f64(),
        memory >> 10
    ));
    outcome.must_be_whole("F38");
    assert!(waited > 2, "it was no load: {waited} waited");
    assert!(falls(&after), "what was left did not fall steadily: {after:?}");
    assert!(memory < MEMORY_KIB, "{memory} KiB");
}

async fn left(stage: &Stage, database: &Database) -> Left {
    let (mut extracts, mut oldest) = (0, Duration::ZERO);
    for entry in std::fs::read_dir(stage.folder.path().join("drop")).unwrap().flatten() {
        // One that is moved away at this moment is no longer there.
        let Ok(about) = entry.metadata() else { continue };
        if about.is_file() {
            extracts += 1;
            let age = about.modified().unwrap().elapsed().unwrap_or_default();
            oldest = oldest.max(age);
        }
    }
    let sql =
        "SELECT COUNT(*), COALESCE(MIN(created_ms), 0) FROM delivery WHERE settled_ms IS NULL";
    let rows: Vec<(i64, i64)> = database.fetch(sql, vec![]).await.unwrap();
    let (many, since_ms) = rows[0];
    if many > 0 {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        oldest = oldest.max(now.saturating_sub(Duration::from_millis(since_ms as u64)));
    }
    Left { extracts, deliveries: many as u64, oldest }
}

/// Whether ever less is left: each part of the time has less of it than the one before.
fn falls(left: &[Left]) -> bool {
    const PARTS: usize = 4;
    // What is caught up with at once has no parts; and of a few samples each, one more or less decides.
    if left.len() < 10 * PARTS {
        return left.last().is_some_and(|last| last.extracts + last.deliveries == 0);
    }
    let mean = |part: &[Left]| {
        let sum: u64 = part.iter().map(|left| left.extracts).sum();
        sum as f64 / part.len() as f64
    };
    let means: Vec<f64> = left.chunks(left.len().div_ceil(PARTS)).map(mean).collect();
    means.windows(2).all(|two| two[1] < two[0] || two[0] == 0.0)
}

/// The most memory that a process had.
fn peak_kib(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or_default()
}

#[test]
fn f38_control_what_does_not_fall_is_seen() {
    let of = |counts: &[u64]| -> Vec<Left> {
        let ten = |extracts: &u64| [Left { extracts: *extracts, ..Left::default() }; 10];
        counts.iter().flat_map(ten).collect()
    };
    assert!(falls(&of(&[80, 70, 60, 50, 40, 30, 20, 0])));
    assert!(!falls(&of(&[80, 80, 80, 80, 80, 80, 80, 0])), "it stands still");
    assert!(!falls(&of(&[80, 60, 40, 20, 40, 60, 10, 0])), "it grows again");
    assert!(!falls(&of(&[3])), "something is left");
}
