//! F4 and F5: told to end under load, and killed and begun again at once: what a process had in its hands
//! comes back, and nothing waits for a lease of somebody who is gone.

use std::time::{Duration, Instant};

use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;
use viaduct::store::database::Database;

use super::stage::{Dice, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both};

/// Longer than a start takes on a busy machine.
const BEGUN: Duration = Duration::from_secs(60);
/// A stop is over within this time.
const GRACE: Duration = Duration::from_secs(30);
/// A lease is renewed at a third of its twenty seconds: two such beats, and some.
pub const BEATS: Duration = Duration::from_secs(14);

on_both! {
    f4_told_to_end_under_load_it_ends_in_time_and_leaves_nothing => super::told_to_end,
    f5_killed_and_begun_at_once_it_takes_up_its_own_work => super::begun_at_once,
}

async fn told_to_end(on: On) {
    let (records, stops) = (scaled(900, 20_000), scaled(4, 100));
    let mut stage = Stage::open(on, records).await;
    stage.next_night();
    stage.run("ingest-people").await;
    let (mut dice, mut longest) = (Dice::new(4), Duration::ZERO);
    for _ in 0..stops {
        let mut serving = stage.program(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
        begun(&mut serving).await;
        tokio::time::sleep(Duration::from_millis(300 + dice.below(900))).await;
        longest = longest.max(ended_in(&mut serving).await);
        let (sending, leased) = left_behind(&stage).await;
        assert_eq!(sending, 0, "nothing is left in mid-air");
        assert_eq!(leased, 0, "nothing is left leased");
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F4 {on:?}: {stops} stops, the longest {} ms: {outcome:?}",
        longest.as_millis()
    ));
    outcome.must_be_whole("F4");
    assert_eq!(outcome.asked_of_a_person, 0, "a stop in good order leaves no doubt");
}

/// Waits until it says that it serves: before that nothing catches what tells it to end. What it says afterwards is
/// read too, so that it never waits for a reader.
async fn begun(serving: &mut Child) {
    let mut lines = BufReader::new(serving.stderr.take().unwrap()).lines();
    let mut said = String::new();
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            if line.starts_with("Serving.") {
                return true;
            }
            said.push_str(&format!("{line}\n"));
        }
        false
    };
    let serves = tokio::time::timeout(BEGUN, reading).await;
    assert_eq!(serves, Ok(true), "it never served: {said}");
    tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
}

/// Tells it to end, and gives how long it took.
pub async fn ended_in(serving: &mut Child) -> Duration {
    let told = Instant::now();
    Stage::terminate(serving);
    let ended = tokio::time::timeout(GRACE, serving.wait()).await.expect("it ends in time");
    assert!(ended.unwrap().success());
    told.elapsed()
}

/// How many deliveries are in mid-air, and how many leases are somebody's, when nobody is there.
pub async fn left_behind(stage: &Stage) -> (i64, i64) {
    let sending = "SELECT COUNT(*) FROM delivery_intent";
    let leased = "SELECT COUNT(*) FROM lease WHERE until_ms > 0";
    (stage.number(sending).await, stage.number(leased).await)
}

async fn begun_at_once(on: On) {
    let (records, kills) = (scaled(900, 20_000), scaled(5, 100));
    let mut stage = Stage::open(on, records).await;
    stage.next_night();
    stage.run("ingest-people").await;
    let mut dice = Dice::new(5);
    for _ in 0..kills {
        let mut running = stage.program(&["run", "deliver-keyed"]).spawn().unwrap();
        tokio::time::sleep(Duration::from_millis(250 + dice.below(400))).await;
        // It may have come to its end by itself.
        let _ = running.start_kill();
        running.wait().await.unwrap();
    }
    let took = taken_up(&mut stage, BEATS).await.expect("a dead self's lease is taken up in time");
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F5 {on:?}: {kills} kills, the lease of the dead was taken up in {} ms: {outcome:?}",
        took.as_millis()
    ));
    outcome.must_be_whole("F5");
}

/// Kills a sender that holds its lease, begins it again at once, and gives how soon that has the lease; None
/// where it has to wait for longer than `most`.
pub async fn taken_up(stage: &mut Stage, most: Duration) -> Option<Duration> {
    stage.next_night();
    stage.run("ingest-people").await;
    let database = Database::open(&stage.database).await.unwrap();
    let lease = || async {
        let sql = "SELECT fence, until_ms FROM lease WHERE name = 'deliver:keyed'";
        let found: Vec<(i64, i64)> = database.fetch(sql, vec![]).await.unwrap();
        found.first().copied().unwrap_or_default()
    };
    // Slow enough that it is killed while it sends.
    let slow = json!({ "next": [{ "kind": "slow", "ms": 200, "times": 100_000 }] });
    stage.control("faults", &slow).await;
    let (before, _) = lease().await;
    let mut sender = stage.program(&["run", "deliver-keyed"]).spawn().unwrap();
    while lease().await.0 == before {
        assert!(sender.try_wait().unwrap().is_none(), "it ended before it had the lease");
        tokio::task::yield_now().await;
    }
    sender.start_kill().unwrap();
    sender.wait().await.unwrap();
    let (dead, until_ms) = lease().await;
    assert!(until_ms > 0, "it was killed with the lease in hand");
    let began = Instant::now();
    let mut next = stage.program(&["run", "deliver-keyed"]).spawn().unwrap();
    let took = loop {
        if lease().await.0 > dead {
            break Some(began.elapsed());
        }
        if began.elapsed() > most {
            break None;
        }
        tokio::task::yield_now().await;
    };
    next.start_kill().unwrap();
    next.wait().await.unwrap();
    database.close().await;
    stage.control("faults", &json!({})).await;
    took
}
