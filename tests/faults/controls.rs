//! Control runs: without a safeguard the same faults do harm, and the checkers find it. A harness that finds
//! nothing here would find nothing anywhere.

use serde_json::json;
use viaduct::job::fail_point::Safeguard;

use super::poison::Nights;
use super::report;
use super::stage::{Outcome, Stage};
use super::stops::{BEATS, ended_in, left_behind, taken_up};
use crate::support::hub::On;

fn found(fault: &str, without: Safeguard, what: &str) {
    report(&format!("{fault} control: without `{}`: found: {what}", without.word()));
}

/// A sender is killed when what it sent has arrived; whoever comes next does not ask.
async fn killed_and_not_asked() -> Outcome {
    let mut stage = Stage::open(On::Sqlite, 9).await;
    // An answer has its usual time: one that is given up on a busy machine would be one more in doubt.
    stage.edit("connectors/asked.toml", "[settings]", "[settings]\nlag = \"1s\"");
    stage.next_night();
    stage.run("ingest-people").await;
    stage.die(&["run", "deliver-asked"], "deliver.sent", 1).await;
    stage.without = Some(Safeguard::Asking);
    stage.settle().await;
    stage.compare().await
}

#[tokio::test]
async fn f1_control_without_asking_effects_are_doubled_and_found() {
    let outcome = killed_and_not_asked().await;
    assert_eq!(outcome.doubled, 3, "{outcome:?}");
    found("F1", Safeguard::Asking, "3 of 3 doubled");
}

#[tokio::test]
#[should_panic(expected = "F1")]
async fn f1_control_the_checker_of_the_kills_does_not_pass_that() {
    killed_and_not_asked().await.must_be_whole("F1");
}

/// A reader is killed before the commit that makes its batch everybody's, and has put the file away before.
#[tokio::test]
async fn f2_control_with_a_file_put_away_too_soon_rows_are_lost_and_found() {
    let mut stage = Stage::open(On::Sqlite, 9).await;
    stage.without = Some(Safeguard::StoredFirst);
    stage.next_night();
    stage.die(&["run", "ingest-people"], "ingest.before_release", 1).await;
    stage.settle().await;
    let outcome = stage.compare().await;
    assert_eq!(outcome.lost, 9, "{outcome:?}");
    found("F2", Safeguard::StoredFirst, "9 of 9 lost");
}

#[tokio::test]
async fn f4_control_a_stop_that_waits_for_nothing_leaves_sends_in_mid_air() {
    let mut stage = Stage::open(On::Sqlite, 30).await;
    stage.without = Some(Safeguard::Ending);
    stage.next_night();
    stage.run("ingest-people").await;
    let slow = json!({ "next": [{ "kind": "slow", "ms": 1_500, "times": 1_000 }] });
    stage.control("faults", &slow).await;
    let mut serving = stage.program(&["serve", "--listen", "127.0.0.1:0"]).spawn().unwrap();
    while left_behind(&stage).await.0 == 0 {
        assert!(serving.try_wait().unwrap().is_none(), "it ended by itself");
        tokio::task::yield_now().await;
    }
    ended_in(&mut serving).await;
    let (sending, _) = left_behind(&stage).await;
    assert!(sending > 0, "it left nothing");
    found("F4", Safeguard::Ending, "sends left in mid-air");
}

#[tokio::test]
async fn f5_control_without_knowing_the_dead_a_start_waits_for_their_lease() {
    let mut stage = Stage::open(On::Sqlite, 30).await;
    stage.without = Some(Safeguard::Gone);
    let took = taken_up(&mut stage, BEATS).await;
    assert_eq!(took, None, "the lease of the dead was taken up all the same");
    found("F5", Safeguard::Gone, "a start that waits");
}

#[tokio::test(flavor = "multi_thread")]
async fn f9_control_with_a_file_put_away_too_soon_a_full_disk_loses_rows() {
    let (full, outcome) = super::disk::filled(12_000, Some(Safeguard::StoredFirst)).await;
    assert_eq!(outcome.lost, 12_000, "full {full} times: {outcome:?}");
    found("F9", Safeguard::StoredFirst, "12000 of 12000 lost");
}

#[tokio::test]
async fn f28_control_without_asking_lost_answers_are_doubled_and_found() {
    let mut stage = Stage::open(On::Sqlite, 60).await;
    stage.edit("connectors/asked.toml", "[settings]", "[settings]\ntimeout_ms = 500\nlag = \"1s\"");
    super::lost::hurry(&mut stage);
    stage.next_night();
    stage.run("ingest-people").await;
    stage.control("faults", &json!({ "rate": { "lost_answer": 0.3, "seed": 28 } })).await;
    stage.without = Some(Safeguard::Asking);
    stage.settle_at("asked").await;
    let outcome = stage.compare().await;
    assert!(outcome.doubled > 0, "{outcome:?}");
    found("F28", Safeguard::Asking, &format!("{} effects too many", outcome.doubled));
}

#[tokio::test]
async fn f30_control_where_a_refusal_is_no_last_word_poison_is_not_held_for_it() {
    let mut stage = Stage::open(On::Sqlite, 60).await;
    // Tried once more, a minute later, is long enough to see.
    let connector = "connector = \"keyed\"";
    let retry = format!("{connector}\n[retry]\nattempts = 1\n");
    stage.edit("jobs/deliver-keyed.toml", connector, &retry);
    stage.without = Some(Safeguard::Holding);
    let nights = Nights::of(stage, 10).await;
    assert!(!nights.are_as_they_should_be().await, "{:?}", nights.groups().await);
    found("F30", Safeguard::Holding, &format!("{:?}", nights.groups().await));
}
