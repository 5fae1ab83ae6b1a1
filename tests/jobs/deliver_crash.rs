//! Senders that die, end, or wait to be woken: the one that kills its senders is held, what was only
//! claimed is given back, and a bell is heard.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use tokio::sync::Notify;
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question, Receipt};
use viaduct::job::bell::Bell;
use viaduct::job::bulk::released;
use viaduct::job::deliver::attend;
use viaduct::record::delivery::{Delivery, State};
use viaduct::store::bulk::Verdict;
use viaduct::store::database::Cell;
use viaduct::store::deliveries;
use viaduct::store::leases::{self, Taking, Wanted};
use viaduct::suppression::gate::Cleared;

use super::hub::{DAY_MS, Hub, MINUTE_MS};

/// A platform, and what happens to a sender before a batch reaches it.
struct Before {
    platform: Arc<dyn Destination>,
    /// Whoever sends this dies.
    deadly: &'static str,
    died: Notify,
    /// At this batch everybody is told to end.
    ends_at: usize,
    batches: AtomicUsize,
    bell: Arc<Bell>,
}

impl Before {
    fn at(hub: &mut Hub, deadly: &'static str, ends_at: usize) -> Arc<Before> {
        let before = Arc::new(Before {
            platform: Arc::clone(&hub.job.destination),
            deadly,
            died: Notify::new(),
            ends_at,
            batches: AtomicUsize::new(0),
            bell: Arc::clone(&hub.job.bell),
        });
        hub.job.destination = Arc::clone(&before) as Arc<dyn Destination>;
        before
    }
}

#[async_trait]
impl Destination for Before {
    async fn deliver(&self, all: &[Cleared<Delivery>]) -> Vec<Result<Receipt, ConnectorError>> {
        if self.batches.fetch_add(1, Ordering::SeqCst) + 1 == self.ends_at {
            self.bell.end();
        }
        if all.iter().any(|cleared| cleared.get().reference == self.deadly) {
            self.died.notify_one();
            std::future::pending::<()>().await;
        }
        self.platform.deliver(all).await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        self.platform.inquire(question).await
    }

    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        self.platform.status(question).await
    }
}

/// F6: one that kills whoever sends it.
#[tokio::test]
async fn f6_what_kills_its_senders_is_held_and_the_others_go() {
    for mut hub in Hub::both().await {
        let before = Before::at(&mut hub, "r-13", usize::MAX);
        hub.job.is_gone = |_| true;
        hub.wait_for(20).await;
        let mut deaths = 0;
        let report = loop {
            tokio::select! {
                report = hub.run(DAY_MS) => break report,
                () = before.died.notified() => deaths += 1,
            }
        };
        // Once among others, and three times alone.
        assert_eq!((deaths, report.held), (4, 1), "{report:?}");
        assert_eq!(hub.state(13).await, ("held".into(), Some("delivery.crashed".into())));
        // Released, it is asked about: it may have taken effect before they died.
        let row = deliveries::of_id(&hub.bench.database, 13).await.unwrap().unwrap();
        assert!(matches!(released(&row, 0), Verdict::To(State::Unknown)));
        let sent = hub.sent().await;
        assert_eq!((sent.len(), sent.values().sum::<usize>()), (19, 19));
        for id in (1..=20).filter(|id| *id != 13) {
            let (state, code, attempts, _) = hub.row(id).await;
            assert_eq!((state.as_str(), code, attempts), ("delivered", None, 1), "{id}");
        }
    }
}

#[tokio::test]
async fn senders_that_are_killed_from_outside_leave_nothing_held() {
    for mut hub in Hub::both().await {
        hub.job.is_gone = |_| true;
        hub.wait_for(30).await;
        // Killed in the middle of their first batches, however often.
        for batch in [30, 7, 7, 1, 1, 1] {
            hub.job.batch = batch;
            let before = Before::at(&mut hub, "", usize::MAX);
            let killed = Arc::new(Killed { before, at: Notify::new() });
            hub.job.destination = Arc::clone(&killed) as Arc<dyn Destination>;
            tokio::select! {
                report = hub.run(DAY_MS) => panic!("{report:?}"),
                () = killed.at.notified() => {}
            }
            hub.job.destination = Arc::clone(&killed.before.platform);
            hub.later(MINUTE_MS).await;
        }
        hub.job.batch = 200;
        let report = hub.run(DAY_MS).await;
        assert_eq!((report.held, report.next_ms), (0, None));
        hub.sent_once(30).await;
    }
}

/// A sender that dies after its batch has left.
struct Killed {
    before: Arc<Before>,
    at: Notify,
}

#[async_trait]
impl Destination for Killed {
    async fn deliver(&self, all: &[Cleared<Delivery>]) -> Vec<Result<Receipt, ConnectorError>> {
        // Of many, the first half got out.
        self.before.platform.deliver(&all[..all.len() / 2]).await;
        self.at.notify_one();
        std::future::pending().await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        self.before.inquire(question).await
    }

    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        self.before.status(question).await
    }
}

/// F4: told to end.
#[tokio::test]
async fn f4_told_to_end_it_ends_what_it_sends_and_gives_the_rest_back() {
    for mut hub in Hub::both().await {
        hub.job.batch = 4;
        // The first batch goes alone; while the second is sent, the third is claimed.
        Before::at(&mut hub, "", 2);
        hub.wait_for(20).await;
        let report = attend(&hub.job, &hub.bench, true).await.expect("it ends");
        assert_eq!((report.accepted, report.claimed, report.waiting), (8, 12, 4), "{report:?}");
        assert_eq!(hub.sent().await.len(), 8);
        for id in 9..=20 {
            let (state, code, attempts, _) = hub.row(id).await;
            assert_eq!((state.as_str(), code, attempts), ("waiting", None, 0), "{id}");
        }
        let now_ms = hub.now_ms();
        let name = "deliver:notify";
        let wanted = Wanted { name, holder: "next", now_ms, until_ms: now_ms + 1, from: None };
        let taken = leases::take(&hub.bench.database, wanted).await.expect("a lease");
        assert!(matches!(taken, Taking::Ours(_)), "nothing stays leased");
    }
}

/// What its sender died with may be set going again while somebody has been attending for long.
#[tokio::test]
async fn whoever_attends_sends_what_a_crash_touched_whenever_it_waits_again() {
    for hub in Hub::both().await {
        hub.wait_for(2).await;
        let touched = "UPDATE delivery SET crashes = 2, state = 'held' WHERE id = $1";
        hub.execute(touched, vec![Cell::Int(2)]).await;
        let attending = attend(&hub.job, &hub.bench, true);
        let coming = async {
            while hub.state(1).await.0 == "waiting" {
                tokio::task::yield_now().await;
            }
            let again = "UPDATE delivery SET state = 'waiting', next_ms = 0 WHERE id = $1";
            hub.execute(again, vec![Cell::Int(2)]).await;
            hub.job.bell.ring();
            let begun = std::time::Instant::now();
            while hub.state(2).await.0 == "waiting" && begun.elapsed().as_secs() < 20 {
                tokio::task::yield_now().await;
            }
            hub.job.bell.end();
        };
        let (report, ()) = tokio::join!(attending, coming);
        assert_eq!(report.expect("it ends").claimed, 2);
        hub.sent_once(2).await;
    }
}

#[tokio::test]
async fn whoever_attends_is_woken_and_sends_what_came() {
    for hub in Hub::both().await {
        let attending = attend(&hub.job, &hub.bench, true);
        let coming = async {
            for id in 1..=3 {
                hub.wait_for_to(id..=id, "pat@example.com", false).await;
                hub.job.bell.ring();
                while hub.state(id).await.0 == "waiting" || hub.state(id).await.0 == "sending" {
                    tokio::task::yield_now().await;
                }
            }
            hub.job.bell.end();
        };
        let (report, ()) = tokio::join!(attending, coming);
        assert_eq!(report.expect("it ends").claimed, 3);
        hub.sent_once(3).await;
    }
}
