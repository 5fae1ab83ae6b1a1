//! A bulk action on 100,000 held deliveries: killed half-way, paused, worked by several at once. Each has
//! its turn once, and they leave in the order in which they were made.

mod audit;
mod remake;
mod remake_killed;
mod repeat;

use std::time::Duration;

use serde_json::{Value, json};
use tokio::process::Command;
use viaduct::app::actor::of_this_process as me;
use viaduct::app::bulk::watch;
use viaduct::app::clock::MachineClock;
use viaduct::job::bulk as work;
use viaduct::store::bulk::{self, Asked, PAUSED, RUNNING, Set, Step, Verdict};
use viaduct::store::database::{Cell, Database};
use viaduct::store::deliveries::Filter;

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    #[cfg(debug_assertions)]
    f39_a_bulk_action_killed_half_way_acts_on_exactly_all => super::killed,
    several_workers_give_each_item_one_turn => super::together,
    what_sends_to_many_or_asks_for_money_takes_two => super::by_two,
    a_paused_one_stands_still_and_goes_on => super::paused,
    what_somebody_touched_since_is_left_alone => super::touched,
}

/// So many held deliveries to so many residents; every third to another destination.
pub async fn hold(database: &Database, many: i64, residents: i64) {
    let mut transaction = database.begin().await.unwrap();
    let sql = "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, \
               mapping_version, purpose, needs_consent, reference, state, since_ms, next_ms, \
               attempts, fence, cause_code, cause, created_ms) \
               WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n \
               WHERE i < $1) \
               SELECT i, 0, 1, i % $2, CASE WHEN i % 3 = 0 THEN 'other' ELSE 'notify' END, 'm', 1, 'p', \
               FALSE, 'r-' || i, 'held', 0, 0, 8, 3, 'notify.refused', 'no', 0 FROM n";
    transaction.execute(sql, vec![Cell::Int(many), Cell::Int(residents)]).await.unwrap();
    let sql = "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) SELECT id, batch_id, resident_id, '{\"channel\":\"email\",\
               \"template\":\"t\",\"to\":\"a@example.com\",\"fields\":[]}' FROM delivery";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

pub fn program(hub: &TestHub, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_viaduct"));
    command
        .args(["--json", "--database", &hub.url, "--definitions"])
        .arg(&hub.definitions)
        .args(words)
        .envs(hub.variables())
        .kill_on_drop(true);
    command
}

/// How many deliveries stand so: state, fence and when they are due.
async fn stand(hub: &TestHub) -> Vec<Vec<String>> {
    hub.rows(
        "SELECT destination, state, CAST(fence AS TEXT), CAST(COUNT(DISTINCT next_ms) AS TEXT), \
         CAST(COUNT(*) AS TEXT) FROM delivery GROUP BY destination, state, fence ORDER BY 1, 2, 3",
    )
    .await
}

#[cfg(debug_assertions)]
async fn killed(on: On) {
    let hub = TestHub::open(on).await;
    hold(&hub.context.database, 100_000, 20_000).await;
    // Half-way through two hundred commits, which pass two places each.
    let words = ["deliveries", "release", "--code", "notify", "--reason", "the key was renewed"];
    let asked = program(&hub, &words).output().await.unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let id = agreeable(&hub.context.database).await.to_string();
    let words = ["bulk", "approve", &id, "--reason", "so it was agreed"];
    let killed = program(&hub, &words).env("VIADUCT_FAIL_AT", "201").output().await.unwrap();
    assert!(!killed.status.success(), "it was never killed");
    let open = hub.text("SELECT CAST(COUNT(*) AS TEXT) FROM bulk_item WHERE outcome IS NULL").await;
    let open: i64 = open.parse().unwrap();
    assert!((1..100_000).contains(&open), "{open} are open");
    let resumed = program(&hub, &["bulk", "resume", &id]).output().await.unwrap();
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    let said: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    assert_eq!(said["counts"], json!({ "waiting": 100_000 }), "{said:.300}");
    assert_eq!(said["state"], json!("done"));
    // Each was moved once, and all are due at one moment: they leave by their numbers.
    let expected =
        [["notify", "waiting", "4", "1", "66667"], ["other", "waiting", "4", "1", "33333"]];
    assert_eq!(stand(&hub).await, expected);
    let order = "SELECT CAST(COUNT(*) AS TEXT) FROM bulk_item WHERE place <> delivery_id";
    assert_eq!(hub.text(order).await, "0", "in the order in which they were made");
    let audit = program(&hub, &["audit"]).output().await.unwrap();
    let lines: Value = serde_json::from_slice(&audit.stdout).unwrap();
    let actions: Vec<&str> =
        lines.as_array().unwrap().iter().map(|line| line["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["ended", "approved", "asked for approval"]);
}

/// Has another than whoever runs the tests have asked for what waits for approval: a test is one person. Gives its
/// number.
pub async fn agreeable(database: &Database) -> i64 {
    let mut transaction = database.begin().await.unwrap();
    let sql = "UPDATE bulk SET actor = 'user:kim.bramble' WHERE state = 'asked' RETURNING id";
    let asked: Vec<(i64,)> = transaction.fetch(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    asked.first().expect("something that is asked for").0
}

/// What sends takes two people from 1,001 items on, or with one payment: by command, and nobody agrees with themselves.
async fn by_two(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    hold(database, 1_502, 100).await;
    let run = async |words: &[&str]| {
        let output = program(&hub, words).output().await.unwrap();
        serde_json::from_slice::<Value>(&output.stdout).expect("what it says")
    };
    let why = ["--reason", "mended"];
    let release = async |filter: &[&str]| {
        run(&[&["deliveries", "release", "--code", "notify"], filter, &why].concat()).await
    };
    // 1,001 of them are for one system, and 501 for the other.
    let small = release(&["--destination", "other"]).await;
    assert_eq!((&small["state"], &small["items"]), (&json!("done"), &json!(500)), "{small:.300}");
    let large = release(&["--destination", "notify"]).await;
    assert_eq!(large["items"], json!(1_002), "{large:.300}");
    assert_eq!((&large["state"], &large["counts"]["open"]), (&json!("asked"), &json!(1_002)));
    let waiting = "SELECT CAST(COUNT(*) AS TEXT) FROM delivery WHERE state = 'waiting'";
    assert_eq!(hub.text(waiting).await, "500", "nothing of it was sent");
    assert!(
        bulk::standing_still(database, i64::MAX).await.unwrap().is_empty(),
        "nor is it taken up"
    );
    let number = large["bulk"].to_string();
    let own = run(&["bulk", "approve", &number, "--reason", "I agree with me"]).await;
    assert!(own["error"].as_str().unwrap().contains("you asked for it"), "{own}");
    let resumed = run(&["bulk", "resume", &number]).await;
    assert_eq!(resumed["state"], json!("asked"), "nor begun by another word: {resumed:.300}");
    agreeable(database).await;
    let refused = run(&["bulk", "refuse", &number, "--reason", "only half of them"]).await;
    assert_eq!(refused["state"], json!("dropped"), "{refused:.300}");
    assert_eq!(refused["approved_reason"], json!("only half of them"));
    let late = run(&["bulk", "approve", &number, "--reason", "or yes"]).await;
    assert!(late["error"].as_str().unwrap().contains("nobody asks"), "{late}");
    // Never to send takes one.
    let mut transaction = database.begin().await.unwrap();
    for sql in [
        "UPDATE delivery SET in_line = 0 WHERE id = 1",
        "UPDATE delivery_message SET message = '{\"amount_pence\":4500,\"reference\":\"r\",\"description\":\"d\",\
         \"link\":\"l\",\"account_id\":1}' WHERE delivery_id = 1",
    ] {
        transaction.execute(sql, vec![]).await.unwrap();
    }
    transaction.commit().await.unwrap();
    let message = run(&[&["deliveries", "release", "2"], &why[..]].concat()).await;
    assert_eq!(message["state"], json!("done"), "{message:.300}");
    let payment = run(&[&["deliveries", "release", "1", "4"], &why[..]].concat()).await;
    assert_eq!(
        (&payment["state"], &payment["payments"]),
        (&json!("asked"), &json!(1)),
        "{payment:.300}"
    );
    let number = agreeable(database).await.to_string();
    let agreed = run(&["bulk", "approve", &number, "--reason", "the account is right"]).await;
    assert_eq!(agreed["state"], json!("done"), "{agreed:.300}");
    assert_eq!(agreed["counts"], json!({ "offered": 1, "waiting": 1 }));
    let dismissed = run(&[&["deliveries", "dismiss", "--code", "notify"], &why[..]].concat()).await;
    assert_eq!(dismissed["state"], json!("done"), "{dismissed:.300}");
}

async fn begun(database: &Database) -> i64 {
    let asked = Asked {
        id: 7_000_000,
        action: "release",
        chosen: "--code notify --destination notify",
        actor: "user:test",
        reason: "mended",
        state: RUNNING,
        alone_max: None,
    };
    let filter = Filter {
        state: Some("held"),
        destination: Some("notify".to_owned()),
        code: Some("notify".to_owned()),
        ..Filter::default()
    };
    bulk::begin(database, &asked, Set::Fitting(&filter), 50).await.unwrap();
    asked.id
}

async fn together(on: On) {
    let hub = TestHub::open(on).await;
    hold(&hub.context.database, 6_000, 100).await;
    let id = begun(&hub.context.database).await;
    let workers: Vec<_> = (0..3)
        .map(|_| {
            let database = hub.context.database.clone();
            tokio::spawn(
                async move { work::work(&database, &MachineClock, id, None).await.unwrap() },
            )
        })
        .collect();
    for worker in workers {
        assert_eq!(worker.await.unwrap().items, 4_000);
    }
    let expected = [["notify", "waiting", "4", "1", "4000"], ["other", "held", "3", "1", "2000"]];
    assert_eq!(stand(&hub).await, expected);
    let counts = bulk::counts(&hub.context.database, id).await.unwrap();
    assert_eq!(counts, [("waiting".to_owned(), 4_000)]);
    let ended = "SELECT CAST(COUNT(*) AS TEXT) FROM audit WHERE action = 'ended'";
    assert_eq!(hub.text(ended).await, "1");
}

async fn paused(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    hold(database, 3_000, 100).await;
    let id = begun(database).await;
    let judge = |_: &_| Verdict::To(viaduct::record::delivery::State::Waiting);
    assert_eq!(bulk::step(database, id, 500, 60, judge).await.unwrap(), Step::Done(500));
    let (json, text) = watch::pause(database, &MachineClock, id, &me()).await.unwrap();
    assert_eq!((&json["state"], &json["counts"]["open"]), (&json!(PAUSED), &json!(1_500)));
    assert!(text.contains(&format!("viaduct bulk resume {id}")), "{text}");
    assert_eq!(bulk::step(database, id, 500, 60, judge).await.unwrap(), Step::Stopped);
    assert!(bulk::standing_still(database, i64::MAX).await.unwrap().is_empty(), "it is wanted so");
    let (json, text) = watch::resume(database, &MachineClock, id, None, &me()).await.unwrap();
    assert_eq!(json["counts"], json!({ "waiting": 2_000 }));
    assert!(text.starts_with("2000 of 2000 released"), "{text}");
    let late = watch::pause(database, &MachineClock, id, &me()).await.unwrap_err().to_string();
    assert!(late.contains("is done"), "{late}");
}

async fn touched(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    hold(database, 9, 3).await;
    let id = begun(database).await;
    assert_eq!(bulk::standing_still(database, 50).await.unwrap(), [id], "nobody works on it yet");
    let mut transaction = database.begin().await.unwrap();
    let sql = "UPDATE delivery SET fence = fence + 1, state = 'waiting' WHERE id = $1";
    transaction.execute(sql, vec![Cell::Int(4)]).await.unwrap();
    transaction.commit().await.unwrap();
    let work = work::work(database, &MachineClock, id, None);
    let bulk = tokio::time::timeout(Duration::from_secs(30), work).await.unwrap().unwrap();
    assert_eq!((bulk.items, bulk.state.as_str()), (6, "done"));
    assert_ne!(bulk.state, RUNNING);
    let left = bulk::items(database, id, Some("left"), 0, 10).await.unwrap();
    assert_eq!(left.iter().map(|item| item.delivery_id).collect::<Vec<_>>(), [4]);
}
