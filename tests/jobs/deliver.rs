//! What becomes of a delivery, for each thing a platform or the gate can say.

use serde_json::json;
use viaduct::connector::channel::ConnectorError;
use viaduct::job::disposition::CLOCKS_MS;
use viaduct::job::error::JobError;
use viaduct::sandbox::govuk_notify::council::{LIVE_SECRET, TEST_SECRET};
use viaduct::store::database::Cell;
use viaduct::store::due;

use super::hub::{DAY_MS, Hub, MINUTE_MS, RESIDENT, notify};

fn is(state: &str, code: &str) -> (String, Option<String>) {
    (state.to_owned(), Some(code.to_owned()).filter(|code| !code.is_empty()))
}

#[tokio::test]
async fn what_waits_is_sent_once_and_followed_to_its_end() {
    for mut hub in Hub::both().await {
        hub.job.batch = 4;
        hub.wait_for(10).await;
        let report = hub.run(0).await;
        assert_eq!((report.claimed, report.accepted, report.delivered), (10, 10, 0));
        assert_eq!(report.next_ms, Some(hub.now_ms() + 1_000));
        let report = hub.run(MINUTE_MS).await;
        assert_eq!((report.claimed, report.delivered, report.next_ms), (0, 10, None));
        hub.sent_once(10).await;
        for id in 1..=10 {
            assert_eq!(hub.row(id).await, ("delivered".to_owned(), None, 1, 1));
        }
        let sql = "SELECT outcome, COUNT(*) FROM delivery_attempt WHERE ended_ms IS NOT NULL \
                   GROUP BY outcome";
        let story: Vec<(String, i64)> = hub.bench.database.fetch(sql, vec![]).await.expect(sql);
        assert_eq!(story, [("delivered".to_owned(), 10)]);
        // Each is counted when it leaves, and not once more with its final word.
        let sql = "SELECT destination, CAST(SUM(sent) AS BIGINT), CAST(SUM(failed + held) AS BIGINT) \
                   FROM traffic GROUP BY destination";
        let counted: Vec<(String, i64, i64)> =
            hub.bench.database.fetch(sql, vec![]).await.expect(sql);
        assert_eq!(counted, [("notify".to_owned(), 10, 0)]);
        // And nothing is left to be done.
        assert_eq!(hub.run(MINUTE_MS).await, Default::default());
    }
}

#[tokio::test]
async fn told_to_slow_down_it_waits_and_sends_later() {
    for hub in Hub::both().await {
        hub.wait_for(3).await;
        hub.platform.arm(&json!({"next": [{"kind": "status", "status": 429, "times": 9}]})).await;
        let report = hub.run(0).await;
        assert_eq!((report.claimed, report.waiting, report.accepted), (3, 3, 0));
        let soon = hub.now_ms() + 1_000..hub.now_ms() + 2_000;
        assert!(report.next_ms.is_some_and(|next_ms| soon.contains(&next_ms)), "{report:?}");
        assert!(hub.sent().await.is_empty());
        hub.run(DAY_MS).await;
        hub.sent_once(3).await;
        assert_eq!(hub.state(1).await, is("delivered", ""));
    }
}

#[tokio::test]
async fn when_the_day_is_used_up_it_waits_for_midnight() {
    for hub in Hub::both().await {
        hub.wait_for(300).await;
        let used_up =
            json!({"kind": "status", "status": 429, "error": "TooManyRequestsError", "times": 8});
        hub.platform.arm(&json!({"next": [used_up]})).await;
        let report = hub.run(MINUTE_MS).await;
        // Eight were told so, and the rest is put off without a call; other channels would leave.
        assert_eq!((report.claimed, report.waiting), (300, 300));
        assert!(hub.sent().await.is_empty());
        assert_eq!(report.next_ms, Some(hub.now_ms() + DAY_MS / 2 + CLOCKS_MS));
        hub.run(DAY_MS).await;
        hub.sent_once(300).await;
    }
}

#[tokio::test]
async fn what_is_refused_or_fails_there_is_held_for_a_person() {
    for mut hub in Hub::both().await {
        hub.wait_for_to(1..=1, "nobody", false).await;
        let report = hub.run(0).await;
        assert_eq!((report.held, report.next_ms), (1, None));
        assert_eq!(hub.state(1).await, is("held", "notify.invalid.email_address"));
        assert!(hub.sent().await.is_empty());
        hub.job.destination = notify(&hub.platform, &hub.bench.clock, TEST_SECRET);
        hub.wait_for_to(2..=2, "perm-fail@simulator.notify", false).await;
        hub.wait_for_to(3..=3, "temp-fail@simulator.notify", false).await;
        assert_eq!(hub.run(MINUTE_MS).await.held, 2);
        assert_eq!(hub.state(2).await, is("held", "notify.permanent-failure"));
        assert_eq!(hub.state(3).await, is("held", "notify.temporary-failure"));
        assert_eq!(hub.run(DAY_MS).await, Default::default());
    }
}

#[tokio::test]
async fn what_is_learnt_after_a_delivery_was_made_keeps_it_here() {
    let facts = |facts| vec![Cell::Int(RESIDENT), Cell::Word(facts)];
    let is_so = "UPDATE resident SET facts = $2 WHERE id = $1";
    let hold = "INSERT INTO hold (id, resident_id, kind, reason, from_ms) \
                VALUES (1, $1, 'breathing_space', $2, 0)";
    let account = "INSERT INTO account (id, kind, record_id, mapping_version, at_ms, facts) \
                   VALUES ($1, 'council_tax', 1, 1, 0, $2)";
    let party = "INSERT INTO party (id, source_key_id, resident_id, key, role, record_id, \
                 mapping_version, at_ms, facts) VALUES (1, $1, $1, '1', 'liable', 1, 1, 0, $2)";
    for (statements, needs_consent, code) in [
        (vec![(is_so, "{\"death_date\":\"2026-01-01\"}")], false, "suppressed.deceased"),
        (vec![(hold, "a debt adviser asked")], false, "suppressed.hold"),
        (vec![(account, "{\"hold\":\"dispute\"}"), (party, "{}")], false, "suppressed.hold"),
        (vec![(is_so, "{\"consent.contact\":false}")], true, "suppressed.consent"),
        (
            vec![("DELETE FROM resident WHERE id = $1 AND facts <> $2", "")],
            false,
            "suppressed.unknown",
        ),
    ] {
        for hub in Hub::both().await {
            hub.wait_for_to(1..=1, "pat@example.com", needs_consent).await;
            for (sql, second) in &statements {
                hub.execute(sql, facts(second)).await;
            }
            assert_eq!(hub.run(0).await.held, 1, "{code}");
            assert_eq!(hub.state(1).await, is("held", code));
            assert!(hub.sent().await.is_empty());
        }
    }
}

#[tokio::test]
async fn a_hold_with_an_end_delays_and_holds_that_are_over_do_not() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let sql = "INSERT INTO hold (id, resident_id, kind, reason, from_ms, until_ms, lifted_ms) \
                   VALUES ($1, $2, 'breathing_space', '', 0, $3, $4)";
        let ends_ms = hub.now_ms() + 60 * DAY_MS;
        for (id, until_ms, lifted_ms) in [
            (1, Some(hub.now_ms() + DAY_MS), None),
            (2, Some(ends_ms), None),
            (3, Some(hub.now_ms() - 1), None),
            (4, None, Some(hub.now_ms() - 1)),
        ] {
            let ids = [Cell::Int(id), Cell::Int(RESIDENT)];
            let times = [Cell::OptInt(until_ms), Cell::OptInt(lifted_ms)];
            hub.execute(sql, ids.into_iter().chain(times).collect()).await;
        }
        let report = hub.run(0).await;
        assert_eq!((report.waiting, report.next_ms), (1, Some(ends_ms)));
        // The attempt was never made, and does not count.
        let waits = ("waiting".to_owned(), Some("suppressed.hold".to_owned()), 0, 1);
        assert_eq!(hub.row(1).await, waits);
        hub.later(60 * DAY_MS).await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
        assert_eq!(hub.state(1).await, is("delivered", ""));
    }
}

#[tokio::test]
async fn a_wrong_key_stops_the_job_and_costs_no_attempt() {
    for mut hub in Hub::both().await {
        hub.wait_for(3).await;
        let wrong = "5ec2e700-0000-4000-8000-00000000dead";
        hub.job.destination = notify(&hub.platform, &hub.bench.clock, wrong);
        let stopped = hub.try_run(DAY_MS).await;
        let Err(JobError::Connector(ConnectorError::Unauthorised { code, .. })) = stopped else {
            panic!("{stopped:?}")
        };
        assert_eq!(code, "notify.key");
        let waits = ("waiting".to_owned(), Some("notify.key".to_owned()), 0, 1);
        assert_eq!(hub.row(1).await, waits);
        hub.job.destination = notify(&hub.platform, &hub.bench.clock, LIVE_SECRET);
        hub.run(MINUTE_MS).await;
        hub.sent_once(3).await;
    }
}

#[tokio::test]
async fn patience_ends_and_a_person_decides() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        hub.platform.arm(&json!({"next": [{"kind": "status", "status": 503, "times": 99}]})).await;
        let report = hub.run(30 * DAY_MS).await;
        assert_eq!((report.claimed, report.held), (8, 1));
        let held = ("held".to_owned(), Some("delivery.attempts".to_owned()), 8, 8);
        assert_eq!(hub.row(1).await, held);
        assert!(hub.sent().await.is_empty());
    }
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_held_alone() {
    for hub in Hub::both().await {
        hub.wait_for(2).await;
        hub.execute(
            "UPDATE delivery_message SET message = '{' WHERE delivery_id = $1",
            vec![Cell::Int(2)],
        )
        .await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(1).await;
        assert_eq!(hub.state(2).await, is("held", "delivery.unreadable"));
    }
}

#[tokio::test]
async fn why_deliveries_wait_is_counted_by_cause() {
    for hub in Hub::both().await {
        hub.wait_for(2).await;
        hub.platform.arm(&json!({"next": [{"kind": "status", "status": 503, "times": 99}]})).await;
        hub.run(0).await;
        let stopped = due::stopped(&hub.bench.database, "notify", 5).await.unwrap();
        let many: i64 = stopped.iter().map(|one| one.many).sum();
        let first_ms = stopped.iter().map(|one| one.next_ms).min().unwrap();
        assert!(many >= 1 && first_ms > hub.now_ms() - MINUTE_MS, "{stopped:?}");
        assert!(stopped[0].cause.contains("503"), "{stopped:?}");
        assert!(due::stopped(&hub.bench.database, "other", 5).await.unwrap().is_empty());
    }
}
