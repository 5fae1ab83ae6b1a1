//! Several links, several processes: nobody pays twice, and nobody waits for ever.

use std::sync::Arc;
use std::time::{Duration, Instant};

use viaduct::job::deliver::{Report, deliver};
use viaduct::store::leases::{self, Taking, Wanted};
use viaduct::store::offers;
use viaduct::web::page::Page;
use viaduct::web::pay::{self, Answer};

use crate::jobs::pay_hub::PayHub;

#[tokio::test]
async fn an_old_link_leads_to_the_newer_request() {
    for hub in PayHub::both().await {
        // The same account twice, and another one.
        hub.offer(1, 1).await;
        hub.offer(2, 2).await;
        let token = |id| Answer::Newer(hub.key.token(id));
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        hub.offer(3, 1).await;
        // What was begun for the old one is taken back, so that only one can be paid.
        assert_eq!(hub.visit(1).await, token(3));
        assert_eq!(hub.states(1).await, ["cancelled"]);
        assert_eq!(hub.visit(1).await, token(3));
        assert!(matches!(hub.visit(3).await, Answer::GoTo(_)));
        assert!(matches!(hub.visit(2).await, Answer::GoTo(_)));
        // Who paid the old one before the new one was made is told so.
        let (payment, _) = hub.payments(2).await.remove(0);
        hub.payer(&payment, "success").await;
        hub.offer(4, 2).await;
        assert!(matches!(hub.shown(2).await, Page::Paid(_)));
        assert_eq!(hub.state(2).await, "delivered");
    }
}

#[tokio::test]
async fn what_two_owe_is_paid_once() {
    for hub in PayHub::both().await {
        hub.beside(77, 1).await;
        hub.offer(1, 1).await;
        hub.offer_to(77, 2, 1).await;
        // One has begun: the other is not led to a payment of their own.
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
        assert_eq!(hub.shown(2).await, Page::BegunByAnother);
        assert!(hub.payments(2).await.is_empty());
        // The one gives up: the other may pay, and the first is told so.
        let (payment, _) = hub.payments(1).await.remove(0);
        hub.payer(&payment, "cancel").await;
        assert!(matches!(hub.visit(2).await, Answer::GoTo(_)));
        assert_eq!(hub.shown(1).await, Page::BegunByAnother);
        let (payment, _) = hub.payments(2).await.remove(0);
        hub.payer(&payment, "success").await;
        assert!(matches!(hub.shown(1).await, Page::PaidByAnother(_)));
        assert!(matches!(hub.shown(2).await, Page::Paid(_)));
        assert_eq!(hub.states(1).await, ["failed"]);
        // Another account, and another change of the same one, are other debts.
        hub.offer_to(77, 3, 2).await;
        assert!(matches!(hub.visit(3).await, Answer::GoTo(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_owe_it_and_come_at_once_one_is_led_to_a_payment() {
    for hub in PayHub::both().await {
        hub.beside(77, 1).await;
        for round in 0..20 {
            let (one, other) = (2 * round + 1, 2 * round + 2);
            hub.execute("DELETE FROM delivery", vec![]).await;
            hub.execute("DELETE FROM delivery_message", vec![]).await;
            hub.offer(one, 1).await;
            hub.offer_to(77, other, 1).await;
            let database = &hub.bench.database;
            let (first, second) = tokio::join!(
                offers::open(database, one, hub.now_ms()),
                offers::open(database, other, hub.now_ms())
            );
            let opened =
                [first.expect("it is opened or not"), second.expect("it is opened or not")];
            assert!(opened[0] != opened[1], "{opened:?}");
        }
    }
}

#[tokio::test]
async fn two_who_open_one_link_at_once_are_led_to_one_payment() {
    // On a clock of the test's own, one who waits would make the other late.
    let hub = PayHub::in_real_time().await;
    hub.offer(1, 1).await;
    let token = hub.key.token(1);
    let (one, other) = tokio::join!(pay::open(&hub, &token), pay::open(&hub, &token));
    for answer in [one, other] {
        assert!(matches!(answer.expect("an answer"), Answer::GoTo(_)));
    }
    assert_eq!(hub.states(1).await, ["created"]);
}

#[tokio::test]
async fn while_another_process_keeps_the_destination_a_payer_waits_for_a_bounded_time() {
    for hub in PayHub::both().await {
        hub.offer(1, 1).await;
        let now_ms = hub.now_ms();
        let wanted = Wanted {
            name: "deliver:pay",
            holder: "elsewhere:1:1",
            now_ms,
            until_ms: now_ms + 20_000,
            from: None,
        };
        let taken = leases::take(&hub.bench.database, wanted).await.expect("a lease");
        assert!(matches!(taken, Taking::Ours(_)));
        assert_eq!(hub.shown(1).await, Page::BeingSetUp);
        assert!((10_000..11_000).contains(&(hub.now_ms() - now_ms)));
        assert!(hub.ledger().await.is_empty());
        // When it is over, whoever comes is served.
        hub.later(10_000).await;
        assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_waits_sees_within_a_moment_that_a_link_was_opened() {
    let hub = Arc::new(PayHub::in_real_time().await);
    hub.offer(1, 1).await;
    hub.offer(2, 2).await;
    // Another process's run waits for the last word about the first.
    assert!(matches!(hub.visit(1).await, Answer::GoTo(_)));
    let elsewhere = Arc::clone(&hub);
    let waiting: tokio::task::JoinHandle<Report> = tokio::spawn(async move {
        deliver(&elsewhere.job, &elsewhere.bench, 60_000).await.expect("a run")
    });
    loop {
        let sql = "SELECT until_ms FROM lease WHERE name = 'deliver:pay'";
        let rows: Vec<(i64,)> = hub.bench.database.fetch(sql, vec![]).await.expect(sql);
        if rows.first().is_some_and(|(until_ms,)| *until_ms > hub.now_ms()) {
            break;
        }
        tokio::task::yield_now().await;
    }
    let began = Instant::now();
    assert!(matches!(hub.visit(2).await, Answer::GoTo(_)));
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert!(!waiting.is_finished(), "the other run had ended by itself");
    waiting.abort();
    assert_eq!(hub.states(2).await, ["created"]);
}
