//! Silence, sudden death and rivals: no message is sent twice, and none is lost.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question, Receipt};
use viaduct::job::deliver::{Deliver, deliver};
use viaduct::job::error::JobError;
use viaduct::job::ingest::{Bench, Watch};
use viaduct::record::delivery::{Delivery, State};
use viaduct::sandbox::govuk_notify::council::LIVE_SECRET;
use viaduct::store::database::{Cell, Database, StoreError};
use viaduct::store::ids::Ids;
use viaduct::store::intents;
use viaduct::store::leases::{self, Lease, Taking, Wanted};
use viaduct::store::sending::{self, Claim, ClaimedRow, FRONT, Settled};
use viaduct::suppression::gate::Cleared;

use super::hub::{DAY_MS, Hub, MINUTE_MS, RESIDENT, notify};

/// Claims as a sender does, which then dies: after its sends, if it has a destination.
async fn die(hub: &Hub, holder: &str, from: Option<&str>, limit: i64) -> (Lease, Vec<ClaimedRow>) {
    let (now_ms, database) = (hub.now_ms(), &hub.bench.database);
    let until_ms = now_ms + hub.job.lease_ms;
    let wanted = Wanted { name: "deliver:notify", holder, now_ms, until_ms, from };
    let Taking::Ours(lease) = leases::take(database, wanted).await.expect("a lease") else {
        panic!("the lease is free, or taken from the dead")
    };
    let claim = Claim {
        number: 1,
        now_ms,
        until_ms,
        urgent: limit,
        most: limit,
        suspects: false,
        after: FRONT,
    };
    let claimed = sending::claim(database, &lease, "notify", claim).await;
    (lease, claimed.expect("a claim").rows)
}

fn accepted(row: &ClaimedRow) -> Settled {
    Settled {
        id: row.id,
        intents: row.intents,
        intent_ms: row.since_ms,
        fence: row.fence,
        was_claimed: true,
        state: State::Accepted,
        next_ms: 0,
        give_back: false,
        platform_id: Some("late".to_owned()),
        platform_status: None,
        code: None,
        cause: None,
        doubt_until_ms: None,
    }
}

#[tokio::test]
async fn f28_a_lost_answer_is_asked_about_and_never_doubled() {
    for hub in Hub::both().await {
        hub.wait_for(6).await;
        let lost = json!([
            {"kind": "lost_answer", "times": 2},
            {"kind": "lost_before"},
            {"kind": "status", "status": 500},
        ]);
        hub.platform.arm(&json!({"next": lost})).await;
        let report = hub.run(0).await;
        // Two that happened were found; two may still be on their way, and wait to be asked again.
        assert_eq!((report.claimed, report.unknown, report.asked), (6, 4, 4));
        assert_eq!((report.accepted, report.waiting), (4, 0));
        assert_eq!(hub.sent().await.len(), 4);
        let report = hub.run(MINUTE_MS).await;
        assert_eq!((report.asked, report.claimed, report.delivered), (2, 2, 6));
        hub.sent_once(6).await;
    }
}

#[tokio::test]
async fn faults_by_a_seed_lose_nothing_and_double_nothing() {
    for mut hub in Hub::both().await {
        hub.job.batch = 25;
        hub.job.retry.attempts = 30;
        hub.wait_for(100).await;
        let rate = json!({
            "status_429": 0.1, "status_500": 0.1, "lost_answer": 0.2, "lost_before": 0.1, "seed": 7,
        });
        hub.platform.arm(&json!({"rate": rate})).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.delivered, report.held, report.next_ms), (100, 0, None));
        hub.sent_once(100).await;
    }
}

#[tokio::test]
async fn the_question_goes_unanswered_too_and_is_put_again() {
    for hub in Hub::both().await {
        hub.wait_for(1).await;
        let lost = json!([
            {"kind": "lost_answer"},
            {"kind": "lost_answer", "on": "read", "times": 3},
            {"kind": "status", "status": 500, "on": "read", "times": 3},
        ]);
        hub.platform.arm(&json!({"next": lost})).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.claimed, report.asked, report.delivered), (1, 7, 1));
        hub.sent_once(1).await;
    }
}

#[tokio::test]
async fn quirk_56_what_a_dead_sender_had_sent_is_recognised_and_not_sent_again() {
    for hub in Hub::both().await {
        hub.wait_for(4).await;
        let (_, claimed) = die(&hub, "the dead", None, 2).await;
        assert_eq!(claimed.len(), 2);
        // The first left before the sender died; the second did not.
        let message = serde_json::from_str(&claimed[0].message).expect("a message");
        let client = notify(&hub.platform, &hub.bench.clock, LIVE_SECRET);
        client.send(&message, &claimed[0].reference).await.expect("accepted");
        // As long as it may be alive, nobody else sends.
        assert!(hub.run(0).await.busy);
        assert_eq!(hub.sent().await.len(), 1);
        let report = hub.run(hub.job.lease_ms).await;
        assert_eq!((report.unknown, report.claimed, report.delivered), (2, 3, 4));
        hub.sent_once(4).await;
    }
}

#[tokio::test]
async fn who_knows_that_the_sender_is_dead_need_not_wait() {
    for mut hub in Hub::both().await {
        hub.wait_for(2).await;
        die(&hub, "the dead", None, 1).await;
        hub.job.is_gone = |holder| holder == "the dead";
        let report = hub.run(0).await;
        assert!(!report.busy);
        assert_eq!((report.unknown, report.asked, report.accepted), (1, 1, 1));
        assert_eq!(report.next_ms, Some(hub.now_ms() + 1_000));
        hub.run(MINUTE_MS).await;
        hub.sent_once(2).await;
    }
}

#[tokio::test]
async fn who_goes_on_does_not_go_through_what_is_in_hand_and_the_front_has_what_was_freed() {
    for hub in Hub::both().await {
        hub.wait_for(6).await;
        // It stands behind the first of its resident.
        let sql = "UPDATE delivery SET resident_id = $1 WHERE id = 2";
        hub.execute(sql, vec![Cell::Int(RESIDENT)]).await;
        let (lease, _) = die(&hub, "the sender", None, 0).await;
        let (database, now_ms) = (&hub.bench.database, hub.now_ms());
        let until_ms = now_ms + MINUTE_MS;
        let claim = async |number, most, after| {
            let claim = Claim { number, now_ms, until_ms, urgent: 0, most, suspects: false, after };
            let claimed = sending::claim(database, &lease, "notify", claim).await.expect("a claim");
            let ids: Vec<i64> = claimed.rows.iter().map(|row| row.id).collect();
            (ids, claimed.reached, claimed)
        };
        let (ids, reached, first) = claim(1, 2, FRONT).await;
        assert_eq!(ids, [1, 3]);
        let behind = reached.expect("there may be more behind");
        let (ids, reached, _) = claim(2, 2, behind).await;
        assert_eq!(ids, [4, 5]);
        let settled: Vec<Settled> = first.rows.iter().map(accepted).collect();
        let ended: Vec<_> = first.intent.into_iter().collect();
        sending::settle(database, "notify", (&settled, &ended), now_ms).await.expect("a commit");
        let (ids, reached, _) = claim(3, 2, reached.expect("there may be more behind")).await;
        assert_eq!((ids, reached), (vec![6], None), "and no more is there");
        let (ids, reached, _) = claim(4, 2, FRONT).await;
        assert_eq!((ids, reached), (vec![2], None));
    }
}

#[tokio::test]
async fn what_was_put_off_and_is_due_again_has_those_behind_it_wait() {
    for hub in Hub::both().await {
        hub.wait_for_to(1..=2, "pat@example.com", false).await;
        let sql = "UPDATE delivery SET cause_code = 'suppressed.quiet_hours' WHERE id = 1";
        hub.execute(sql, vec![]).await;
        let (_, claimed) = die(&hub, "the sender", None, 9).await;
        assert_eq!(claimed.iter().map(|row| row.id).collect::<Vec<_>>(), [1]);
    }
}

#[tokio::test]
async fn a_late_writer_changes_nothing() {
    for hub in Hub::both().await {
        hub.wait_for(2).await;
        let (old, claimed) = die(&hub, "the slow", None, 1).await;
        let (new, _) = die(&hub, "the next", Some("the slow"), 0).await;
        let (database, now_ms) = (&hub.bench.database, hub.now_ms());
        let until_ms = now_ms + MINUTE_MS;
        let recovered = sending::recover(database, &new, "notify", now_ms, until_ms).await;
        assert_eq!(recovered.expect("a recovery").unknown, 1);
        let late =
            sending::settle(database, "notify", (&[accepted(&claimed[0])], &[]), now_ms).await;
        assert!(late.expect("a commit").is_empty());
        assert_eq!(hub.state(1).await.0, "unknown");
        let claim = Claim {
            number: 2,
            now_ms,
            until_ms,
            urgent: 9,
            most: 9,
            suspects: false,
            after: FRONT,
        };
        let claimed = sending::claim(database, &old, "notify", claim).await;
        assert!(matches!(claimed, Err(StoreError::Conflict(_))), "{claimed:?}");
        assert_eq!(hub.state(2).await.0, "waiting");
        let kept = leases::keep(database, &old, until_ms).await;
        assert!(matches!(kept, Err(StoreError::Conflict(_))), "{kept:?}");
        leases::release(database, &old).await.expect("nothing happens");
        assert!(hub.run(0).await.busy);
    }
}

#[tokio::test]
async fn of_two_deliverers_each_message_leaves_once() {
    for hub in Hub::both().await {
        hub.wait_for(60).await;
        let other = Bench {
            database: Database::open(&hub.url).await.expect("the same database"),
            clock: Arc::clone(&hub.bench.clock),
            ids: Ids::new(),
            watch: Arc::new(Watch::default()),
        };
        let destination = notify(&hub.platform, &hub.bench.clock, LIVE_SECRET);
        let mut second = Deliver::new("notify", "notify", destination);
        second.production = false;
        second.batch = 7;
        let (one, two) = tokio::join!(hub.run(0), deliver(&second, &other, 0));
        let two = two.expect("a run");
        assert_eq!(one.claimed + two.claimed, 60);
        hub.sent_once(60).await;
    }
}

/// A destination at which somebody else takes the lease from us, and where no send ever ends.
struct Usurped {
    database: Database,
}

#[async_trait]
impl Destination for Usurped {
    async fn deliver(
        &self,
        _deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        let (name, holder) = ("deliver:notify", "the next");
        let wanted = Wanted { name, holder, now_ms: 0, until_ms: i64::MAX, from: Some("viaduct") };
        leases::take(&self.database, wanted).await.expect("a lease");
        std::future::pending().await
    }

    async fn inquire(&self, _question: &Question) -> Result<Inquiry, ConnectorError> {
        Ok(Inquiry::CannotTell)
    }

    async fn status(&self, _question: &Question) -> Result<Receipt, ConnectorError> {
        Err(ConnectorError::Unknown { cause: "nobody knows".to_owned() })
    }
}

#[tokio::test]
async fn who_loses_the_lease_stops_sending_at_once() {
    for mut hub in Hub::both().await {
        hub.wait_for(1).await;
        hub.job.lease_ms = 30;
        hub.job.destination = Arc::new(Usurped { database: hub.bench.database.clone() });
        let stopped = hub.try_run(0).await;
        assert!(matches!(stopped, Err(JobError::Store(StoreError::Conflict(_)))), "{stopped:?}");
        let in_hand = intents::since_ms(&hub.bench.database, 1).await.expect("a look");
        assert!(in_hand.is_some(), "the intent is written");
        // The next sender asks; where the platform cannot tell, a person decides.
        hub.job.is_gone = |holder| holder == "the next";
        assert_eq!(hub.run(0).await.held, 1);
        let held = ("held".to_owned(), Some("delivery.unknown".to_owned()));
        assert_eq!(hub.state(1).await, held);
    }
}

#[tokio::test]
async fn a_platform_that_may_have_forgotten_is_not_believed() {
    for mut hub in Hub::both().await {
        hub.wait_for(1).await;
        die(&hub, "the dead", None, 1).await;
        hub.later(6 * DAY_MS).await;
        hub.job.is_gone = |holder| holder == "the dead";
        let report = hub.run(MINUTE_MS).await;
        assert_eq!((report.held, report.claimed), (1, 0));
        let held = ("held".to_owned(), Some("delivery.unknown".to_owned()));
        assert_eq!(hub.state(1).await, held);
    }
}
