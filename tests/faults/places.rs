//! F2: killed at each place around a commit and a send, twice each, at each kind of receiver and at the
//! file source. The places are those of the code: a new one is in here by itself.

use std::collections::BTreeMap;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::json;
use viaduct::job::fail_point::PLACES;

use super::report;
use super::stage::{KINDS, Stage};
use crate::support::hub::{On, on_both};

on_both! {
    f2_killed_at_each_place_of_reading => super::reading,
    f2_killed_at_each_place_of_sending => super::sending,
    f2_killed_at_each_place_of_acting => super::acting,
}

/// Which of the tests below kills at a place, by how its name begins.
const READING: [&str; 2] = ["ingest.", "resolve."];
const SENDING: [&str; 1] = ["deliver."];
const BULK: &str = "bulk.";
const REPLAY: &str = "replay.";

#[test]
fn f2_every_place_is_in_the_list_and_has_its_test() {
    let mut called = Vec::new();
    calls_in(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut called);
    called.sort_unstable();
    let mut listed: Vec<String> = PLACES.iter().map(|place| (*place).to_owned()).collect();
    listed.sort_unstable();
    assert_eq!(called, listed, "the calls of `fail_point::pass`, and `fail_point::PLACES`");
    let parts: Vec<&str> = READING.into_iter().chain(SENDING).chain([BULK, REPLAY]).collect();
    for place in PLACES {
        assert!(parts.iter().any(|part| place.starts_with(part)), "nobody kills at {place}");
    }
}

/// The names that are passed in the sources, however a call is laid out.
fn calls_in(folder: &Path, found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        if entry.path().is_dir() {
            calls_in(&entry.path(), found);
        } else if let Ok(text) = std::fs::read_to_string(entry.path()) {
            for call in text.split("fail_point::pass(").skip(1) {
                let name = call.trim_start().strip_prefix('"').expect("a place has a plain name");
                found.push(name.split('"').next().unwrap_or_default().to_owned());
            }
        }
    }
}

fn places<'p>(parts: &'p [&'p str]) -> impl Iterator<Item = &'static str> + 'p {
    PLACES.into_iter().filter(|place| parts.iter().any(|part| place.starts_with(part)))
}

async fn reading(on: On) {
    let mut stage = Stage::open(on, 30).await;
    let limits = "[limits]\nchunk_records = 10\n\n[settings]";
    stage.edit("connectors/people.toml", "[settings]", limits);
    // Of a first night all is one portion.
    stage.next_night();
    stage.run("ingest-people").await;
    let passed = passed(&mut stage).await;
    let mut kills = 0;
    for place in places(&READING) {
        // Where it is passed first, and where it is passed last.
        for times in [1, passed[place]] {
            stage.next_night();
            stage.die(&["run", "ingest-people"], place, times).await;
            stage.run("ingest-people").await;
            kills += 1;
        }
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!("F2 {on:?}, reading a file: 2 kills at each place, {kills} run: {outcome:?}"));
    outcome.must_be_whole("F2");
}

/// How often an undisturbed night passes which place.
async fn passed(stage: &mut Stage) -> BTreeMap<String, usize> {
    stage.next_night();
    let trace = stage.folder.path().join("trace");
    let mut program = stage.program(&["run", "ingest-people"]);
    assert!(program.env("VIADUCT_FAIL_TRACE", &trace).status().await.unwrap().success());
    let mut passed = BTreeMap::new();
    for place in std::fs::read_to_string(trace).unwrap().lines() {
        *passed.entry(place.to_owned()).or_default() += 1;
    }
    passed
}

async fn sending(on: On) {
    let mut stage = Stage::open(on, 12).await;
    // Soon enough for a test: what was sent to a receiver beside us has arrived by then.
    let soon = "[settings]\ntimeout_ms = 20_000\nlag = \"3s\"";
    stage.edit("connectors/asked.toml", "[settings]", soon);
    let mut kills = [0; KINDS.len()];
    for place in places(&SENDING) {
        for again in [false, true] {
            stage.next_night();
            stage.run("ingest-people").await;
            let each = KINDS.map(|kind| killed_at(&stage, kind, place, again));
            for (count, killed) in kills.iter_mut().zip(join_all(each).await) {
                *count += killed;
            }
        }
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F2 {on:?}, sending: 2 kills at each place, run {kills:?} at {KINDS:?}: {outcome:?}"
    ));
    outcome.must_be_whole("F2");
    assert!(outcome.asked_of_a_person > 0, "nobody was asked: was anything in mid-air?");
}

/// Kills a sender there, and where it is to be `again`, whoever makes good what was left, too. Gives how
/// often it was killed.
async fn killed_at(stage: &Stage, kind: &str, place: &str, again: bool) -> usize {
    let job = format!("deliver-{kind}");
    stage.die(&["run", &job], place, 1).await;
    // There may be nothing left to do that passes it.
    let killed = 1 + usize::from(again && stage.dies(&["run", &job], place, 1).await);
    stage.settle_at(kind).await;
    killed
}

async fn acting(on: On) {
    let mut stage = Stage::open(on, 12).await;
    stage.next_night();
    stage.run("ingest-people").await;
    stage.control("refusals", &json!({ "holds": "ref", "status": 400 })).await;
    let mut kills = 0;
    for place in places(&[BULK]) {
        // Both are passed with items, and once more to end it.
        for times in [1, 2] {
            stage.settle_at("keyed").await;
            let release = ["deliveries", "release", "--code", "push.400", "--reason", "mended"];
            stage.die(&release, place, times).await;
            stage.resume_bulk().await;
            kills += 1;
        }
    }
    stage.control("refusals", &json!({ "holds": "", "status": 400 })).await;
    stage.settle().await;
    let replay = ["replay", "--everything-of", "ingest-people"];
    for place in places(&[REPLAY]) {
        for _ in [1, 2] {
            stage.die(&replay, place, 1).await;
            stage.must(&replay).await;
            kills += 1;
        }
    }
    stage.settle().await;
    let outcome = stage.compare().await;
    let what = "bulk actions and replays";
    report(&format!("F2 {on:?}, {what}: 2 kills at each place, {kills} run: {outcome:?}"));
    outcome.must_be_whole("F2");
    let open = "SELECT COUNT(*) FROM bulk_item WHERE outcome IS NULL";
    assert_eq!(stage.number(open).await, 0, "an item has not had its turn");
}
