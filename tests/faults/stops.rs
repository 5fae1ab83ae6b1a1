//! F4 and F5: told to end under load, and killed and begun again at once: what a process had in its hands
//! comes back, and nothing waits for a lease of somebody who is gone.

use std::time::{Duration, Instant};

use super::stage::{Dice, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both};

/// A stop is over within this time.
const GRACE: Duration = Duration::from_secs(30);

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
        tokio::time::sleep(Duration::from_millis(300 + dice.below(900))).await;
        let number = serving.id().expect("it runs").to_string();
        let told = Instant::now();
        std::process::Command::new("kill").args(["-TERM", &number]).status().unwrap();
        let ended = tokio::time::timeout(GRACE, serving.wait()).await.expect("it ends in time");
        assert!(ended.unwrap().success());
        longest = longest.max(told.elapsed());
        let sending = "SELECT COUNT(*) FROM delivery_intent";
        assert_eq!(stage.number(sending).await, 0, "nothing is left in mid-air");
        let leased = "SELECT COUNT(*) FROM lease WHERE until_ms > 0";
        assert_eq!(stage.number(leased).await, 0, "nothing is left leased");
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
    let began = Instant::now();
    stage.run("deliver-keyed").await;
    let took = began.elapsed();
    assert!(took < GRACE, "it waited for a lease of somebody who is gone: {took:?}");
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F5 {on:?}: {kills} kills, the last run took {} ms: {outcome:?}",
        took.as_millis()
    ));
    outcome.must_be_whole("F5");
}
