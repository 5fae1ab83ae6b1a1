//! Order: messages to one resident leave as they were made, nobody waits for anybody else's, and what a
//! newer one makes pointless is not sent.

use serde_json::json;
use viaduct::store::database::Cell;
use viaduct::store::outbox::{self, Newest, Place};

use super::hub::{DAY_MS, Hub, MINUTE_MS, NEIGHBOURS, RESIDENT};

/// The references that the platform took, in the order that it took them in.
async fn order(hub: &Hub) -> Vec<String> {
    let ledger = hub.platform.ledger().await;
    ledger.iter().map(|one| one["reference"].as_str().expect("a reference").to_owned()).collect()
}

#[tokio::test]
async fn messages_to_one_resident_leave_in_the_order_they_were_made_in() {
    for hub in Hub::both().await {
        // Turned away at first: and so those behind it are not sent either.
        hub.platform.arm(&json!({"next": [{"kind": "status", "status": 302}]})).await;
        hub.wait_for_to(1..=20, "pat@example.com", false).await;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.delivered, report.claimed), (20, 21));
        let wanted: Vec<String> = (1..=20).map(|id| format!("r-{id}")).collect();
        assert_eq!(order(&hub).await, wanted);
    }
}

#[tokio::test]
async fn nobody_waits_for_what_is_stuck_with_another() {
    for hub in Hub::both().await {
        hub.wait_for(6).await;
        // The first is not known to have happened, and may be asked about for a while.
        hub.wait_for_to(7..=8, "pat@example.com", false).await;
        let lost = json!([{"kind": "lost_before"}]);
        hub.platform.arm(&json!({"next": lost})).await;
        let report = hub.run(0).await;
        assert_eq!((report.unknown, report.accepted), (1, 5), "{report:?}");
        assert_eq!(hub.state(7).await.0, "waiting");
        hub.run(DAY_MS).await;
        hub.sent_once(8).await;
        let order = order(&hub).await;
        let at = |reference: &str| order.iter().position(|one| one == reference);
        assert!(at("r-1") < at("r-7") && at("r-7") < at("r-8"), "{order:?}");
    }
}

#[tokio::test]
async fn what_is_held_lets_others_pass_unless_the_order_is_strict() {
    for (strict_order, sent) in [(false, 1), (true, 0)] {
        for hub in Hub::both().await {
            let place = Place { strict_order, ..Place::default() };
            hub.waiting([(1, RESIDENT)].into_iter(), "nobody", false, place).await;
            hub.wait_for_to(2..=2, "pat@example.com", false).await;
            let report = hub.run(MINUTE_MS).await;
            assert_eq!((report.held, hub.sent().await.len()), (1, sent), "{strict_order}");
            let waits = hub.state(2).await.0 == "waiting";
            assert_eq!(waits, strict_order);
        }
    }
}

#[tokio::test]
async fn what_the_gate_put_off_lets_others_pass() {
    for hub in Hub::both().await {
        let (now_ms, soon_ms) = (hub.now_ms(), hub.now_ms() + 9 * DAY_MS);
        hub.wait_for_to(1..=2, "pat@example.com", false).await;
        let sql = "UPDATE delivery SET cause_code = 'suppressed.hold', next_ms = $2 WHERE id = $1";
        hub.execute(sql, vec![Cell::Int(1), Cell::Int(soon_ms)]).await;
        let report = hub.run(MINUTE_MS).await;
        assert_eq!((report.delivered, report.next_ms), (1, Some(soon_ms)), "{now_ms}");
        assert_eq!(hub.sent().await.keys().collect::<Vec<_>>(), ["r-2"]);
    }
}

#[tokio::test]
async fn what_is_urgent_goes_first() {
    for mut hub in Hub::both().await {
        hub.job.batch = 2;
        hub.wait_for(5).await;
        let urgent = Place { urgent: true, ..Place::default() };
        // It overtakes what waits for the same resident, too.
        hub.waiting(
            [(6, RESIDENT), (7, NEIGHBOURS + 2)].into_iter(),
            "pat@example.com",
            false,
            urgent,
        )
        .await;
        hub.run(MINUTE_MS).await;
        hub.sent_once(7).await;
        let mut first = order(&hub).await[..2].to_vec();
        first.sort();
        assert_eq!(first, ["r-6", "r-7"]);
    }
}

/// A newer message of the same mapping about the same, made in a transaction of its own.
async fn newer(hub: &Hub, id: i64, subject_id: i64) {
    let place = Place { subject_id, newest_only: true, ..Place::default() };
    hub.waiting([(id, RESIDENT)].into_iter(), "pat@example.com", false, place).await;
    let newest = Newest {
        id,
        resident_id: RESIDENT,
        destination: "notify",
        mapping: "moved_home",
        subject_id,
        now_ms: hub.now_ms(),
    };
    let mut transaction = hub.bench.database.begin().await.expect("a transaction");
    outbox::replace_older(&mut transaction, newest.cells()).await.expect("older ones end");
    transaction.commit().await.expect("a commit");
}

#[tokio::test]
async fn a_newer_one_takes_the_place_of_what_was_not_sent() {
    for hub in Hub::both().await {
        newer(&hub, 1, 70).await;
        newer(&hub, 2, 71).await;
        hub.wait_for_to(3..=3, "pat@example.com", false).await;
        hub.execute(
            "UPDATE delivery SET state = 'held', cause_code = 'suppressed.hold' WHERE id = $1",
            vec![Cell::Int(1)],
        )
        .await;
        newer(&hub, 4, 70).await;
        let replaced = ("replaced".to_owned(), Some("delivery.replaced".to_owned()));
        assert_eq!(hub.state(1).await, replaced);
        // Another account's, and one that is to be sent whatever comes after it.
        assert_eq!(hub.state(2).await.0, "waiting");
        assert_eq!(hub.state(3).await.0, "waiting");
        hub.run(MINUTE_MS).await;
        assert_eq!(order(&hub).await, ["r-2", "r-3", "r-4"]);
        // What was sent is not undone.
        newer(&hub, 5, 70).await;
        assert_eq!(hub.state(4).await.0, "delivered");
    }
}

#[tokio::test]
async fn what_comes_after_a_newer_one_is_not_sent() {
    for hub in Hub::both().await {
        newer(&hub, 1, 70).await;
        let held = "UPDATE delivery SET state = 'held', cause_code = 'notify.x' WHERE id = $1";
        hub.execute(held, vec![Cell::Int(1)]).await;
        newer(&hub, 2, 70).await;
        assert_eq!(hub.state(1).await.0, "held", "a person has it");
        hub.run(MINUTE_MS).await;
        // They let it go, and it has been overtaken.
        let released =
            "UPDATE delivery SET state = 'waiting', cause_code = NULL, fence = 1 WHERE id = $1";
        hub.execute(released, vec![Cell::Int(1)]).await;
        let report = hub.run(MINUTE_MS).await;
        assert_eq!((report.claimed, report.replaced), (1, 1));
        let stale = ("replaced".to_owned(), Some("delivery.stale".to_owned()));
        assert_eq!(hub.state(1).await, stale);
        assert_eq!(order(&hub).await, ["r-2"]);
    }
}
