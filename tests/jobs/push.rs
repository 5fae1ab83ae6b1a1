//! Pushes to each kind of receiver: nothing is done twice, nothing is lost, and nothing is believed that
//! is not the receiver's own word. The faults are named as the harness names them.

use serde_json::{Value, json};
use viaduct::connector::channel::ConnectorError;
use viaduct::job::error::JobError;
use viaduct::record::delivery::State;
use viaduct::store::deliveries;
use viaduct::store::held;
use viaduct::store::rechecks::{self, Seen};
use viaduct::store::unknowns::{self, Decided, Word};

use super::push_hub::{ASKED, DAY_MS, HOUR_MS, KEYED, MINUTE_MS, PLAIN, PushHub, SECOND_MS};

fn is(state: &str, code: &str) -> (String, String) {
    (state.to_owned(), code.to_owned())
}

#[tokio::test]
async fn each_kind_of_receiver_is_told_once() {
    for kind in [KEYED, ASKED, PLAIN] {
        for hub in PushHub::both(kind).await {
            hub.wait_for(20).await;
            let report = hub.run(0).await;
            assert_eq!((report.claimed, report.delivered, report.next_ms), (20, 20, None));
            hub.done_once(20).await;
        }
    }
}

/// Outcome, and whether it ended no sooner than it began, of each attempt at a delivery.
async fn story(hub: &PushHub, id: i64) -> Vec<(i64, String, bool)> {
    let told = deliveries::attempts(&hub.bench.database, id).await.expect("attempts");
    let line = |one: deliveries::Attempt| {
        let is_ended = one.ended_ms.is_some_and(|ms| ms >= one.intent_ms && ms <= hub.now_ms());
        (one.attempt, one.outcome.unwrap_or_default(), is_ended)
    };
    told.into_iter().map(line).collect()
}

#[tokio::test]
async fn every_attempt_is_told_also_the_one_that_delivered() {
    for hub in PushHub::both(KEYED).await {
        hub.wait_for(3).await;
        hub.control("answers", &json!([{ "status": 500, "body": "", "times": 2 }])).await;
        hub.run(DAY_MS).await;
        assert_eq!(hub.delivered().await, 3);
        let one = |attempt: i64, outcome: &str| (attempt, outcome.to_owned(), true);
        let mut stories = Vec::new();
        for id in 1..=3 {
            stories.push(story(&hub, id).await);
        }
        stories.sort_by_key(Vec::len);
        assert_eq!(stories[0], [one(1, "delivered")]);
        for told in &stories[1..] {
            assert_eq!(told.last(), Some(&one(told.len() as i64, "delivered")), "{told:?}");
            assert!(told.len() > 1 && told[0].0 == 1 && told[0].1 != "delivered", "{told:?}");
        }
        let sent =
            held::delivery(&hub.bench.database, 1).await.expect("it is found").map(|one| one.sent);
        assert_eq!(sent, Some(story(&hub, 1).await.len() as i64));
        let first_ms = "SELECT intent_ms FROM delivery WHERE id = 1";
        let began: Vec<(Option<i64>,)> =
            hub.bench.database.fetch(first_ms, vec![]).await.expect(first_ms);
        // Later the receiver says that it does not stand after all: that is told of the same attempt.
        let gone =
            Seen::Held { code: "orders.gone".to_owned(), cause: "gone".to_owned(), word: None };
        rechecks::write(&hub.bench.database, &[(1, gone)], hub.now_ms()).await.expect("written");
        let told = story(&hub, 1).await;
        assert_eq!(told.last(), Some(&one(told.len() as i64, "orders.gone")), "{told:?}");
        let kept = deliveries::attempts(&hub.bench.database, 1).await.expect("attempts");
        assert_eq!(kept.last().map(|last| last.intent_ms), began[0].0);
    }
}

#[tokio::test]
async fn f28_an_answer_that_is_lost_after_the_effect_doubles_nothing() {
    let rate = json!({ "rate": { "lost_answer": 0.4, "seed": 28 } });
    for kind in [KEYED, ASKED, PLAIN] {
        for mut hub in PushHub::both(kind).await {
            hub.job.batch = 50;
            hub.wait_for(300).await;
            hub.control("faults", &rate).await;
            hub.run(DAY_MS).await;
            hub.done_once(300).await;
            let (delivered, states) = (hub.delivered().await, hub.states().await);
            if kind == PLAIN {
                // Nobody can say what became of those: a person decides.
                let asked = states.get(&is("held", "delivery.unknown")).copied().unwrap_or(0);
                assert_eq!(delivered + asked, 300, "{states:?}");
                assert!(asked > 60, "{states:?}");
            } else {
                assert_eq!(delivered, 300, "{states:?}");
            }
        }
    }
}

#[tokio::test]
async fn f28_a_receiver_that_is_said_to_honour_keys_and_does_not_is_caught_doubling() {
    // The control run: without the receiver's help the same faults double, and the ledger shows it.
    for hub in PushHub::both("url = \"URL/plain\"\nidempotency = \"key\"\n").await {
        hub.wait_for(60).await;
        hub.control("faults", &json!({ "rate": { "lost_answer": 0.4, "seed": 28 } })).await;
        hub.run(DAY_MS).await;
        assert!(hub.done().await.values().any(|times| *times > 1), "nothing was doubled");
    }
}

#[tokio::test]
async fn f23_lost_before_or_after_a_keyed_receiver_is_told_until_it_answers() {
    for hub in PushHub::both(KEYED).await {
        hub.wait_for(6).await;
        let faults = json!({ "next": [
            { "kind": "lost_answer", "times": 2 }, { "kind": "lost_before", "times": 2 },
            { "kind": "status", "status": 500 }, { "kind": "status", "status": 502 },
        ] });
        hub.control("faults", &faults).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.unknown, report.asked, report.delivered), (6, 6, 6));
        hub.done_once(6).await;
    }
}

#[tokio::test]
async fn f23_a_receiver_that_can_be_asked_is_asked_first_and_told_again_only_where_it_has_nothing()
{
    for hub in PushHub::both(ASKED).await {
        hub.wait_for(6).await;
        let faults = json!({ "next": [
            { "kind": "lost_answer", "times": 2 }, { "kind": "lost_before" },
            { "kind": "status", "status": 500 },
            { "kind": "lost_answer", "on": "read" }, { "kind": "status", "status": 500, "on": "read" },
        ] });
        hub.control("faults", &faults).await;
        let report = hub.run(0).await;
        assert_eq!((report.unknown, report.claimed), (4, 6));
        // "No such thing" is not believed before what was sent can no longer be on its way.
        hub.run(30 * SECOND_MS).await;
        assert_eq!(hub.done().await.len(), 4);
        hub.run(DAY_MS).await;
        assert_eq!(hub.delivered().await, 6);
        hub.done_once(6).await;
    }
}

#[tokio::test]
async fn f23_of_a_receiver_that_can_do_neither_a_person_finds_out() {
    for hub in PushHub::both(PLAIN).await {
        hub.wait_for(5).await;
        let faults = json!({ "next": [
            { "kind": "lost_answer" }, { "kind": "lost_before" }, { "kind": "status", "status": 503 },
        ] });
        hub.control("faults", &faults).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.claimed, report.held, report.delivered), (5, 3, 2));
        let states = hub.states().await;
        assert_eq!(states.get(&is("held", "delivery.unknown")), Some(&3), "{states:?}");
        assert!(hub.done().await.values().all(|times| *times == 1));
    }
}

#[tokio::test]
async fn a_key_that_may_be_forgotten_is_not_relied_upon() {
    for hub in PushHub::both(&format!("{KEYED}keys_kept = \"12h\"\n")).await {
        hub.wait_for(2).await;
        // One is asked about too late; the other waits, and is sent too late.
        let faults = json!({ "next": [
            { "kind": "lost_answer", "times": 2 }, { "kind": "status", "status": 429, "times": 2 },
        ] });
        hub.control("faults", &faults).await;
        hub.run(0).await;
        let states = hub.states().await;
        assert!(states.keys().all(|(state, _)| state == "waiting"), "{states:?}");
        hub.execute("UPDATE delivery SET state = 'unknown' WHERE id = 1", vec![]).await;
        hub.later(13 * HOUR_MS).await;
        hub.run(DAY_MS).await;
        assert_eq!(hub.states().await.get(&is("held", "delivery.unknown")), Some(&2));
        hub.done_once(2).await;
        // A person looked, and says that it did not happen: then it is sent, and is no more in doubt.
        let database = &hub.bench.database;
        let fences: Vec<(i64,)> =
            database.fetch("SELECT fence FROM delivery WHERE id = 1", vec![]).await.unwrap();
        let decided = Decided {
            id: 1,
            fence: fences[0].0,
            word: Word::Again(State::Waiting),
            actor: "user:kim",
            reason: "it is not on their list",
        };
        assert!(unknowns::decide(database, &decided, hub.now_ms()).await.unwrap());
        hub.later(1_000).await;
        hub.run(0).await;
        assert_eq!(hub.states().await.get(&is("held", "delivery.unknown")), Some(&1));
        assert_eq!(hub.delivered().await, 1);
    }
}

#[tokio::test]
async fn what_was_answered_is_in_no_doubt_however_long_ago() {
    for hub in PushHub::both(&format!("{KEYED}keys_kept = \"12h\"\n")).await {
        hub.wait_for(3).await;
        // Turned away, all of them: nothing happened, and a week later they go.
        hub.control(
            "faults",
            &json!({ "next": [{ "kind": "status", "status": 429, "times": 3 }] }),
        )
        .await;
        hub.run(0).await;
        assert_eq!(hub.delivered().await, 0);
        hub.later(7 * DAY_MS).await;
        hub.run(DAY_MS).await;
        assert_eq!(hub.delivered().await, 3);
        hub.done_once(3).await;
    }
}

#[tokio::test]
async fn an_older_one_waits_for_a_newer_of_which_nobody_knows() {
    for hub in PushHub::both(ASKED).await {
        hub.wait_for(2).await;
        // Both say what is so of one account; somebody had a hand on the first, and the second may have arrived.
        let one =
            "UPDATE delivery SET newest_only = true, resident_id = 1, subject_id = 1, fence = 1";
        hub.execute(one, vec![]).await;
        hub.execute("UPDATE delivery_message SET resident_id = 1", vec![]).await;
        for doubt in [
            "state = 'unknown', next_ms = 9000000000000000",
            "state = 'held', cause_code = 'delivery.unknown'",
        ] {
            hub.execute(&format!("UPDATE delivery SET {doubt} WHERE id = 2"), vec![]).await;
            hub.later(HOUR_MS).await;
            hub.run(0).await;
            assert!(hub.done().await.is_empty(), "{doubt}");
            // Where only a person goes on, those behind it are not kept waiting by it.
            let stands = if doubt.contains("held") {
                is("held", "delivery.behind")
            } else {
                is("waiting", "")
            };
            assert_eq!(hub.states().await.get(&stands), Some(&1), "{doubt}");
        }
        // It had arrived: then it says what is so now.
        let arrived = "UPDATE delivery SET state = 'delivered', settled_ms = 1, cause_code = NULL WHERE id = 2";
        let released =
            "UPDATE delivery SET state = 'waiting', cause_code = NULL, next_ms = 0 WHERE id = 1";
        hub.execute(released, vec![]).await;
        hub.execute(arrived, vec![]).await;
        hub.later(HOUR_MS).await;
        hub.run(0).await;
        assert!(hub.done().await.is_empty());
        assert_eq!(hub.states().await.get(&is("replaced", "delivery.stale")), Some(&1));
    }
}

#[tokio::test]
async fn f24_garbage_is_classed_and_never_taken_for_success() {
    let garbage = [
        (200, "<!DOCTYPE html><html><title>Sign in</title></html>"),
        (200, "{\"error\": \"no such account\"}"),
        (200, "{\"errors\": [{\"field\": \"name\"}], \"id\": 7}"),
        (200, "{\"success\": false}"),
        (200, "{\"id\": 7"),
        (200, "OK"),
        (200, "\u{1f}\u{8b}\u{8}garbage"),
        (203, "{\"id\": 7}"),
        (500, "{\"success\": true}"),
        (503, "{\"id\": 7}"),
        (504, "<html>timeout</html>"),
    ];
    let answers: Vec<Value> =
        garbage.iter().map(|(status, body)| json!({ "status": status, "body": body })).collect();
    let count = garbage.len() as i64;
    for kind in [KEYED, ASKED, PLAIN] {
        for hub in PushHub::both(kind).await {
            hub.wait_for(count).await;
            hub.control("answers", &json!(answers)).await;
            let report = hub.run(0).await;
            // None is a success; and so many of them open the circuit.
            assert_eq!((report.claimed, report.accepted + report.delivered), (8, 0), "{report:?}");
            assert!(report.unknown >= 8, "{report:?}");
            hub.run(DAY_MS).await;
            let done = hub.done().await;
            assert!(done.values().all(|times| *times == 1), "{done:?}");
            // What is called delivered was done.
            assert_eq!(hub.delivered().await, done.len() as i64);
            let held = hub.states().await.get(&is("held", "delivery.unknown")).copied();
            assert_eq!(held, (kind == PLAIN).then_some(count));
        }
    }
}

#[tokio::test]
async fn f26_a_storm_of_429_is_obeyed_and_nothing_is_lost() {
    let minutes = 10;
    for (told, as_a_date) in
        [(Some(30), false), (Some(45), true), (None, false), (Some(1 << 40), false)]
    {
        for mut hub in PushHub::both(KEYED).await {
            hub.job.batch = 20;
            hub.wait_for(100).await;
            let began_ms = hub.now_ms();
            let until_ms = began_ms + minutes * MINUTE_MS;
            let busy = json!({ "until_ms": until_ms, "seconds": told, "as_a_date": as_a_date });
            hub.control("busy", &busy).await;
            hub.run(2 * DAY_MS).await;
            assert_eq!(hub.delivered().await, 100, "{told:?}");
            hub.done_once(100).await;
            let receiver = hub.receiver().await;
            let calls = receiver["calls"].as_i64().expect("a number");
            match told {
                // Told something absurd we come back within the hour.
                Some(seconds) if seconds > 3_600 => {
                    assert!(hub.now_ms() < began_ms + HOUR_MS + 10 * MINUTE_MS);
                    assert!(calls <= 100 + 8, "{calls}");
                }
                _ => {
                    assert_eq!(receiver["too_early"], 0, "{told:?} {calls}");
                    // As many knocks as the storm has waits, each by no more than go at once.
                    let knocks = minutes * 60 / told.unwrap_or(60) + 2;
                    assert!(calls <= 100 + 8 * knocks, "{told:?} {calls}");
                }
            }
        }
    }
}

#[tokio::test]
async fn f29_of_a_batch_only_those_that_failed_are_held() {
    for (failing, count) in [(1, 20), (10, 20), (19, 20)] {
        for hub in PushHub::both(KEYED).await {
            hub.wait_for(count).await;
            let answer = json!({ "status": 400, "body": "{\"error\": \"bad\"}", "times": failing });
            hub.control("answers", &json!([answer])).await;
            let report = hub.run(DAY_MS).await;
            assert_eq!(report.claimed, count as u64);
            let states = hub.states().await;
            assert_eq!(states.get(&is("held", "push.400")), Some(&failing), "{states:?}");
            assert_eq!(states.get(&is("delivered", "")), Some(&(count - failing)), "{states:?}");
            let done = hub.done().await;
            assert!(done.len() as i64 == count - failing && done.values().all(|times| *times == 1));
        }
    }
}

#[tokio::test]
async fn a_redirect_stops_the_job_and_names_the_host_alone() {
    for hub in PushHub::both(KEYED).await {
        hub.wait_for(3).await;
        let target = "https://evil.example.com/x?name=Testberry";
        let answer = json!({ "status": 307, "headers": { "location": target }, "times": 10 });
        hub.control("answers", &json!([answer])).await;
        let stopped = hub.try_run(0).await;
        let Err(JobError::Connector(ConnectorError::Unauthorised { code, cause })) = stopped else {
            panic!("{stopped:?}")
        };
        assert_eq!(code, "push.redirected");
        assert_eq!(cause, "it sends us on to evil.example.com, where we do not go");
        let states = hub.states().await;
        assert_eq!(states.get(&is("waiting", "push.redirected")), Some(&3), "{states:?}");
        hub.control("answers", &json!([])).await;
        hub.run(DAY_MS).await;
        hub.done_once(3).await;
    }
}

/// The renewal may wait for what the work it stands beside holds, and must not keep it from going on.
#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_is_renewed_all_the_time_stands_in_nobodys_way() {
    for mut hub in PushHub::both(KEYED).await {
        hub.job.lease_ms = 3;
        hub.job.batch = 16;
        hub.wait_for(400).await;
        let run = tokio::time::timeout(std::time::Duration::from_secs(60), hub.run(MINUTE_MS));
        run.await.expect("it does not wait for itself");
        hub.done_once(400).await;
    }
}
