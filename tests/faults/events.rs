//! F32: each event comes one to five times, shuffled, and some days late. What is known at the end, and what
//! receivers heard last, is what came of them in their order.
//!
//! An event is a version of an account in an extract of what changed; the source says which is the newer.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use viaduct::job::fail_point::Safeguard;
use viaduct::store::database::Database;

use super::stage::{Dice, KINDS, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both, rows_of};

on_both! {
    f32_events_that_come_often_late_and_shuffled_come_to_the_same => super::disordered,
}

/// Events are shuffled within so many.
const WINDOW: u64 = 1_000;
/// Of a hundred, so many are late by so many windows: days.
const LATE_PERCENT: u64 = 2;
const LATE_WINDOWS: u64 = 5;
/// What the sheet asks for; the report says how many there was time for.
const SEEDS: u64 = 100;

/// One version of an account.
#[derive(Debug, Clone, Copy)]
struct Event {
    account: u64,
    version: u64,
}

/// What is known at the end: of accounts and of people, without numbers that differ from run to run.
type Known = (Vec<Vec<String>>, Vec<Vec<String>>);

async fn disordered(on: On) {
    let (events, rows) = (u64::from(scaled(1_500, 100_000)), scaled(250, 2_000) as usize);
    let time = Duration::from_secs(u64::from(scaled(0, 420)));
    let ordered = in_order(events);
    let stage = stage(on).await;
    take(&stage, &ordered, rows * 8).await;
    let expected = known(&stage).await;
    let (began, mut seeds) = (Instant::now(), 0);
    while seeds < SEEDS && (seeds == 0 || began.elapsed() < time) {
        let disordered = disorder(&ordered, &mut Dice::new(32 + seeds));
        let (stage, known) = told(on, &disordered, rows, None).await;
        assert!(known == expected, "seed {seeds}: not what came of them in their order");
        must_be_heard_last(&stage, &ordered).await;
        seeds += 1;
    }
    report(&format!(
        "F32 {on:?}: {events} events, each 1 to 5 times; 100 seeds asked, {seeds} run, {:.0} s: each came to \
         the same",
        began.elapsed().as_secs_f64()
    ));
}

/// Everything comes in so many rows at a time; receivers are told in between.
async fn told(on: On, events: &[Event], rows: usize, without: Option<Safeguard>) -> (Stage, Known) {
    let mut stage = stage(on).await;
    stage.without = without;
    // Receivers are told of some of it before all of it is known.
    let thirds = events.len().div_ceil(3).next_multiple_of(rows);
    for (part, some) in events.chunks(thirds).enumerate() {
        drop_events(&stage, some, rows, part);
        stage.settle().await;
    }
    let known = known(&stage).await;
    (stage, known)
}

async fn stage(on: On) -> Stage {
    let mut stage = Stage::open(on, 0).await;
    let (file, full) = ("connectors/people.toml", "extract   = \"full\"");
    stage.edit(file, full, "extract   = \"delta\"\nversion   = \"seq\"");
    let sample = "connectors/people.sample.csv";
    stage.edit(sample, "surname,owes\n", "surname,owes,seq\n");
    stage.edit(sample, "Testberry,1.00\n", "Testberry,1.00,1\n");
    stage
}

async fn take(stage: &Stage, events: &[Event], rows: usize) {
    drop_events(stage, events, rows, 0);
    stage.run("ingest-people").await;
}

/// Every account has ten versions, and those of some others are between them.
fn in_order(events: u64) -> Vec<Event> {
    let accounts = events / 10;
    let nth = |number: u64| Event { account: number % accounts, version: number / accounts + 1 };
    (0..accounts * 10).map(nth).collect()
}

fn disorder(ordered: &[Event], dice: &mut Dice) -> Vec<Event> {
    let mut places = Vec::new();
    for (place, event) in (0_u64..).zip(ordered) {
        for _ in 0..=dice.below(5) {
            let late = match dice.below(100) < LATE_PERCENT {
                true => LATE_WINDOWS * WINDOW,
                false => 0,
            };
            places.push((place + late + dice.below(WINDOW), *event));
        }
    }
    places.sort_by_key(|(place, _)| *place);
    places.into_iter().map(|(_, event)| event).collect()
}

fn drop_events(stage: &Stage, events: &[Event], rows: usize, part: usize) {
    for (number, some) in events.chunks(rows).enumerate() {
        let mut text = String::from("ref,kind,forename,surname,owes,seq\n");
        for Event { account, version } in some {
            let kind = ["A", "B", "C"][*account as usize % 3];
            text.push_str(&format!(
                "P{account:07},{kind},Arden,Testberry,{version}.00,{version}\n"
            ));
        }
        text.push_str(&format!("TRAILER,{},,,,\n", some.len()));
        stage.drop_file(&format!("people-{part}-{number:05}.csv"), &text);
    }
}

async fn known(stage: &Stage) -> Known {
    let database = Database::open(&stage.database).await.unwrap();
    let accounts = "SELECT k.key, a.facts FROM account a JOIN source_key k ON k.id = a.id \
                    ORDER BY k.key";
    let people = "SELECT k.key, p.role, p.facts FROM party p \
                  JOIN source_key k ON k.id = p.source_key_id ORDER BY k.key";
    let known = (rows_of(&database, accounts).await, rows_of(&database, people).await);
    let held = rows_of(&database, "SELECT code FROM dead_letter WHERE settled_ms IS NULL").await;
    assert_eq!(held, Vec::<Vec<String>>::new());
    database.close().await;
    known
}

/// What each receiver heard last of each account is its newest version, and none heard an older one behind
/// a newer.
async fn must_be_heard_last(stage: &Stage, ordered: &[Event]) {
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
    let outcome = stage.compare().await;
    let harm = (outcome.doubled, outcome.missing, outcome.unsaid, outcome.disordered);
    assert_eq!((harm, outcome.uneven), ((0, 0, 0, 0), 0), "{outcome:?}");
    let mut newest = BTreeMap::new();
    for event in ordered {
        newest.insert(format!("P{:07}", event.account), event.version as i64 * 100);
    }
    let heard: BTreeMap<String, i64> =
        stage.ledger().into_iter().map(|effect| (effect.account, effect.owes)).collect();
    assert!(heard == newest, "what was heard last is not what is so");
}

/// A control: where versions are not looked at, the last to come wins, and it shows.
#[cfg(debug_assertions)]
#[tokio::test]
async fn f32_control_without_versions_the_last_to_come_wins_and_it_shows() {
    let ordered = in_order(600);
    let stage = stage(On::Sqlite).await;
    take(&stage, &ordered, 300).await;
    let expected = known(&stage).await;
    // Late, and each once in its extract.
    let (late, soon): (Vec<Event>, Vec<Event>) =
        ordered.iter().partition(|event| event.version == 3);
    let disordered: Vec<Event> = soon.into_iter().chain(late).collect();
    let (_, without) = told(On::Sqlite, &disordered, 60, Some(Safeguard::Versions)).await;
    assert!(without != expected, "nothing showed");
    report("F32 control: without `versions`: found: other facts than in their order");
}
