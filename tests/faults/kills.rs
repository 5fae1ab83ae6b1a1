//! F1: killed at random, as `kill -9` kills, again and again, while extracts are read and changes leave.

use std::time::{Duration, Instant};

use super::stage::{Dice, KINDS, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both};

on_both! {
    f1_killed_at_random_nothing_is_lost_or_doubled => super::at_random,
}

async fn at_random(on: On) {
    let (records, kills) = (scaled(1_500, 100_000), scaled(25, 1_000));
    let mut stage = Stage::open(on, records).await;
    let mut dice = Dice::new(1);
    let began = Instant::now();
    let (mut done, mut ended) = (0, 0);
    stage.next_night();
    while done < kills {
        // Every job has its turn; a new night comes when the one before has been read.
        let jobs = ["ingest-people", "deliver-keyed", "deliver-asked", "deliver-plain"];
        let job = jobs[dice.below(jobs.len() as u64) as usize];
        let mut child = stage.program(&["run", job]).spawn().unwrap();
        let longest = Duration::from_millis(100 + dice.below(1_400));
        match tokio::time::timeout(longest, child.wait()).await {
            Ok(status) => {
                let status = status.unwrap();
                assert!(status.success(), "{job}: {status}");
                ended += 1;
                if job == "ingest-people" && stage.nights < 3 {
                    stage.next_night();
                }
            }
            Err(_) => {
                child.start_kill().unwrap();
                child.wait().await.unwrap();
                done += 1;
            }
        }
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F1 {on:?}: {records} records, {} nights, {done} kills, {ended} runs to their end, {:.0} s: {outcome:?}",
        stage.nights,
        began.elapsed().as_secs_f64()
    ));
    outcome.must_be_whole("F1");
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
}
