//! F1: killed at random, as `kill -9` kills, again and again, while extracts are read and changes leave.

use std::time::{Duration, Instant};

use super::stage::{Dice, KINDS, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both};

on_both! {
    f1_killed_at_random_nothing_is_lost_or_doubled => super::at_random,
}

/// Every job has its turn.
const JOBS: [&str; 4] = ["ingest-people", "deliver-keyed", "deliver-asked", "deliver-plain"];

/// Goes on until there were enough records and enough kills, and has always something to do: a new night
/// comes when the one before has been read. How soon a run is killed is drawn from a time of its job's that
/// grows with each that was killed and shrinks with each that came to its end, so that on any machine
/// about half are.
async fn at_random(on: On) {
    let (records, kills) = (scaled(600, 100_000), scaled(25, 1_000));
    let mut stage = Stage::open(on, scaled(100, 500)).await;
    let mut dice = Dice::new(1);
    let began = Instant::now();
    let (mut done, mut ended) = (0, 0);
    let mut longest = [Duration::from_millis(500); JOBS.len()];
    let mut wanted = true;
    while wanted || done < kills {
        let is_read = std::fs::read_dir(stage.folder.path().join("drop"))
            .unwrap()
            .flatten()
            .all(|entry| entry.path().is_dir());
        if is_read {
            wanted = stage.nights * stage.records < records;
            stage.next_night();
        }
        let turn = dice.below(JOBS.len() as u64) as usize;
        let (job, longest) = (JOBS[turn], &mut longest[turn]);
        let mut child = stage.program(&["run", job]).spawn().unwrap();
        let after = Duration::from_micros(dice.below(longest.as_micros() as u64));
        match tokio::time::timeout(after, child.wait()).await {
            Ok(status) => {
                let status = status.unwrap();
                assert!(status.success(), "{job}: {status}");
                ended += 1;
                *longest = *longest * 9 / 10;
            }
            Err(_) => {
                child.start_kill().unwrap();
                child.wait().await.unwrap();
                done += 1;
                *longest = *longest * 11 / 10;
            }
        }
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F1 {on:?}: {} records in {} nights, {done} kills, {ended} runs to their end, {:.0} s: {outcome:?}",
        stage.nights * stage.records,
        stage.nights,
        began.elapsed().as_secs_f64()
    ));
    outcome.must_be_whole("F1");
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
}
