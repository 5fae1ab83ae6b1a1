//! Silence, lag and doubt around the making of a payment: never two that both stay open, none forgotten.

use serde_json::json;
use viaduct::store::database::Cell;
use viaduct::web::page::Page;
use viaduct::web::pay::Answer;

use super::pay_hub::{LAG_MS, MINUTE_MS, PayHub, RESIDENT};

const OPEN: [&str; 4] = ["created", "started", "submitted", "capturable"];

/// What is wrong, once the dust has settled: a delivery with two open payments, or one of whose payments
/// nobody here knows.
async fn faults(hub: &PayHub, ids: impl Iterator<Item = i64>) -> Vec<String> {
    let mut faults = Vec::new();
    for id in ids {
        let payments = hub.payments(id).await;
        let (state, _, _, known) = hub.row(id).await;
        let open: Vec<&String> = payments
            .iter()
            .filter(|(_, state)| OPEN.contains(&state.as_str()))
            .map(|(payment, _)| payment)
            .collect();
        if open.len() > 1 {
            faults.push(format!("{id}: {} payments are open", open.len()));
        }
        if open.iter().any(|open| known.as_ref() != Some(open)) {
            faults.push(format!("{id}: a payment is open that nobody knows of ({state})"));
        }
        if payments.is_empty() {
            faults.push(format!("{id}: it was never made ({state})"));
        }
    }
    faults
}

/// A hundred payers come, and for each the first create goes wrong in one way or another; they come again
/// until they are sent on.
async fn a_hundred_timeouts(hub: &PayHub) {
    for id in 1..=100 {
        hub.offer(id, id).await;
    }
    // After the effect, before it, in place of it; and a search that lags up to ten times as long as it
    // is allowed to.
    let kinds = [
        json!([{"kind": "lost_answer"}]),
        json!([{"kind": "lost_before"}]),
        json!([{"kind": "status", "status": 500}]),
        json!([{"kind": "lost_answer"}, {"kind": "lost_answer"}]),
        json!([{"kind": "lost_answer"}, {"kind": "status", "status": 503, "on": "read"}]),
    ];
    let lags = [1_000, 20_000, LAG_MS + 30_000, 10 * LAG_MS];
    for id in 1..=100_usize {
        hub.lag(lags[(id / kinds.len()) % lags.len()]).await;
        hub.arm(kinds[id % kinds.len()].clone()).await;
        let mut visits = 0;
        while !matches!(hub.visit(id as i64).await, Answer::GoTo(_)) {
            visits += 1;
            assert!(visits < 12, "{id}: {:?}", hub.row(id as i64).await);
            hub.later(LAG_MS / 2).await;
        }
    }
    hub.arm(json!([])).await;
    // What turned up late is found by the job as time goes by.
    for _ in 0..24 {
        hub.later(MINUTE_MS / 2).await;
        hub.run().await;
    }
}

#[tokio::test]
async fn a_hundred_timeouts_leave_no_payment_doubled_and_none_forgotten() {
    for hub in PayHub::both().await {
        a_hundred_timeouts(&hub).await;
        let made = hub.ledger().await.len();
        assert!(made > 100, "no create was ever repeated: {made}");
        assert_eq!(faults(&hub, 1..=100).await, Vec::<String>::new());
        // Each is found by every payer who is still there, and paid once.
        for id in 90..=100 {
            let open = hub.payments(id).await;
            let Some((open, _)) = open.iter().find(|(_, state)| OPEN.contains(&state.as_str()))
            else {
                continue;
            };
            hub.payer(open, "success").await;
            assert!(matches!(hub.shown(id).await, Page::Paid(_)));
        }
    }
}

#[tokio::test]
async fn a_job_that_believes_not_found_at_once_doubles_payments_and_is_caught() {
    for mut hub in PayHub::both().await {
        hub.job.patience.not_found_ms = 0;
        hub.job.patience.doubt_ms = 0;
        a_hundred_timeouts(&hub).await;
        let faults = faults(&hub, 1..=100).await;
        assert!(faults.iter().any(|fault| fault.contains("payments are open")), "{faults:?}");
    }
}

/// A payment whose answer was lost and that a search finds only after ten minutes, and a second one that
/// was made meanwhile.
async fn two_open(hub: &PayHub) -> (String, String) {
    hub.offer(1, 1).await;
    hub.lag(10 * MINUTE_MS).await;
    hub.arm(json!([{"kind": "lost_answer"}])).await;
    assert_eq!(hub.shown(1).await, Page::BeingSetUp);
    hub.later(LAG_MS).await;
    assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
    let payments = hub.payments(1).await;
    assert_eq!(hub.states(1).await, ["created", "created"]);
    assert_eq!(hub.row(1).await.3.as_ref(), Some(&payments[1].0));
    (payments[0].0.clone(), payments[1].0.clone())
}

#[tokio::test]
async fn one_that_turns_up_late_is_cancelled() {
    for hub in PayHub::both().await {
        let (_, second) = two_open(&hub).await;
        hub.later(10 * MINUTE_MS).await;
        hub.run().await;
        assert_eq!(hub.states(1).await, ["cancelled", "created"]);
        hub.payer(&second, "success").await;
        assert!(matches!(hub.shown(1).await, Page::Paid(_)));
        assert_eq!(hub.states(1).await, ["cancelled", "success"]);
        // Its last word is waited for as long as another may turn up.
        hub.later(95 * MINUTE_MS).await;
        hub.run().await;
        assert_eq!(hub.state(1).await, "delivered");
    }
}

#[tokio::test]
async fn one_that_was_paid_counts_and_the_other_is_cancelled() {
    for hub in PayHub::both().await {
        let (first, _) = two_open(&hub).await;
        hub.payer(&first, "success").await;
        hub.later(10 * MINUTE_MS).await;
        assert!(matches!(hub.shown(1).await, Page::Paid(_)));
        assert_eq!(hub.states(1).await, ["success", "cancelled"]);
        assert_eq!(hub.row(1).await.3, Some(first));
    }
}

#[tokio::test]
async fn two_that_were_paid_are_held_for_a_person_with_both_names() {
    for hub in PayHub::both().await {
        let (first, second) = two_open(&hub).await;
        hub.payer(&second, "success").await;
        hub.run().await;
        hub.payer(&first, "success").await;
        hub.later(20 * MINUTE_MS).await;
        hub.run().await;
        let (state, code, cause, _) = hub.row(1).await;
        assert_eq!((state.as_str(), code.as_deref()), ("held", Some("pay.paid_twice")));
        let cause = cause.expect("a cause");
        assert!(cause.contains(&first) && cause.contains(&second), "{cause}");
        assert_eq!(hub.states(1).await, ["success", "success"]);
        assert_eq!(hub.shown(1).await, Page::NotOnline);
    }
}

#[tokio::test]
async fn one_that_turns_up_when_nobody_came_again_is_taken_in() {
    for hub in PayHub::both().await {
        hub.offer(1, 1).await;
        hub.lag(10 * MINUTE_MS).await;
        hub.arm(json!([{"kind": "lost_answer"}])).await;
        assert_eq!(hub.shown(1).await, Page::BeingSetUp);
        for _ in 0..3 {
            hub.later(LAG_MS).await;
            hub.run().await;
        }
        assert_eq!(hub.state(1).await, "offered");
        hub.later(10 * MINUTE_MS).await;
        hub.run().await;
        assert_eq!(hub.state(1).await, "accepted");
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        assert_eq!(hub.states(1).await, ["created"]);
        // Nobody pays it: it is offered again, and looked for no more when all doubt is over.
        hub.later(100 * MINUTE_MS).await;
        hub.run().await;
        assert_eq!(hub.state(1).await, "offered");
        hub.later(MINUTE_MS).await;
        assert_eq!(hub.run().await.next_ms, None);
    }
}

#[tokio::test]
async fn it_is_asked_before_it_is_made_again() {
    for hub in PayHub::both().await {
        hub.offer(1, 1).await;
        hub.arm(json!([{"kind": "lost_answer"}])).await;
        // The search finds it a second later: the payer who waits is sent on within the same visit.
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        assert_eq!(hub.states(1).await, ["created"]);
    }
}

#[tokio::test]
async fn a_payment_is_made_when_its_link_is_opened_and_not_before() {
    for hub in PayHub::both().await {
        hub.offer(1, 1).await;
        let report = hub.run().await;
        assert_eq!((report.claimed, report.next_ms), (0, None));
        assert!(hub.ledger().await.is_empty());
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        assert_eq!(hub.states(1).await, ["created"]);
        // Nobody pays: it dies there, and is offered again.
        hub.later(91 * MINUTE_MS).await;
        hub.run().await;
        assert_eq!(hub.state(1).await, "offered");
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        assert_eq!(hub.states(1).await, ["failed", "created"]);
        let sql = "SELECT COUNT(*) FROM delivery_attempt WHERE delivery_id = 1";
        let intents: Vec<(i64,)> = hub.bench.database.fetch(sql, vec![]).await.expect(sql);
        assert_eq!(intents, [(2,)]);
    }
}

#[tokio::test]
async fn a_hold_stops_asking_and_not_paying_and_a_death_stops_both() {
    for hub in PayHub::both().await {
        hub.offer(1, 1).await;
        let hold = "INSERT INTO hold (id, resident_id, kind, reason, from_ms) \
                    VALUES (1, $1, 'breathing_space', '', 0)";
        hub.execute(hold, vec![Cell::Int(RESIDENT)]).await;
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        let dead = "UPDATE resident SET facts = '{\"death_date\":\"2026-01-01\"}' WHERE id = $1";
        hub.execute(dead, vec![Cell::Int(RESIDENT)]).await;
        hub.offer(2, 2).await;
        assert_eq!(hub.shown(2).await, Page::NotOnline);
        assert!(hub.states(2).await.is_empty());
        let (state, code, ..) = hub.row(2).await;
        assert_eq!((state.as_str(), code.as_deref()), ("offered", Some("suppressed.deceased")));
    }
}
