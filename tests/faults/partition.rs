//! F16: the cable between a node and PostgreSQL is pulled, for both directions or for one. The node stops
//! sending within its lease, another takes over, nothing happens twice, and when the cable is back the node
//! is one of them again.

use std::time::{Duration, Instant};

use viaduct::store::database::Database;

use super::node::{LEASE, Node, count, holds_all, large_batch, soon, until};
use super::proxy::{Direction, Flow, Proxy};
use super::stage::{KINDS, Stage};
use super::{is_long, report};
use crate::support::hub::On;

/// A request that was under way when the lease ended, and a busy machine: what left in time is seen when the proxy has
/// its turn.
const SLACK: Duration = Duration::from_secs(3);
/// What whoever ignores its lease goes beyond at least.
#[cfg(debug_assertions)]
const BEYOND: Duration = Duration::from_secs(1);

/// A statement that was under way when the cable was pulled is waited for a little longer than a minute.
const DONE: Duration = Duration::from_secs(120);

/// What becomes of the cable.
#[derive(Debug, Clone, Copy)]
struct Pulled {
    silent: &'static [Direction],
    long: Duration,
    /// Whether what was connected is never heard of again, as behind a firewall that forgets.
    forgets: bool,
    /// How slow a receiver the node has.
    answers_in: Duration,
}

/// Long enough for the other: where the silence falls into a transaction of the one, the server lets its locks go
/// after twenty seconds (`store/reach.rs`), whatever the lease.
const OUTLASTS: u64 = 30;
const BOTH: &[Direction] = &[Direction::ToServer, Direction::ToClient];

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_node_that_nobody_hears_and_that_hears_nobody_stops_and_another_takes_over() {
    match is_long() {
        true => {
            for (seconds, forgets) in [(5, false), (60, false), (600, true)] {
                must_hold(BOTH, seconds, forgets).await;
            }
        }
        false => must_hold(BOTH, OUTLASTS, false).await,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f16_a_node_that_is_heard_or_hears_stops_and_another_takes_over() {
    let seconds = if is_long() { 60 } else { OUTLASTS };
    if is_long() {
        must_hold(&[Direction::ToServer], seconds, false).await;
    }
    must_hold(&[Direction::ToClient], seconds, true).await;
}

async fn must_hold(silent: &'static [Direction], seconds: u64, forgets: bool) {
    let long = Duration::from_secs(seconds);
    let pulled = Pulled { silent, long, forgets, answers_in: LEASE / 6 };
    let told = pull(pulled, &[]).await;
    report(&format!(
        "F16 {pulled:?}: the node had sent its last {} ms after, a lease being {} ms; the other sent {} \
         pieces meanwhile: {:?}",
        told.last.as_millis(),
        LEASE.as_millis(),
        told.taken_over,
        told.outcome
    ));
    assert!(told.last <= LEASE + SLACK, "it went on sending: {:?}", told.last);
    if pulled.long > LEASE * 2 {
        assert!(told.taken_over > 0, "nobody took over");
    }
    told.outcome.must_be_whole("F16");
}

/// With the lease ignored the same must be seen to go wrong, else the test sees nothing.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn f16_control_a_node_that_ignores_its_lease_goes_on_sending() {
    // It has more in hand than it has sent when the other begins.
    let answers_in = LEASE / 3;
    let pulled = Pulled { silent: BOTH, long: LEASE * 5, forgets: false, answers_in };
    let told = pull(pulled, &[("VIADUCT_WITHOUT", "lease")]).await;
    report(&format!("F16 control, lease ignored: {:?}", told.outcome));
    // Whether anything doubles is luck: the other takes what was in hand one by one, and asks first.
    assert!(told.last > LEASE + BEYOND, "{:?} {:?}", told.last, told.outcome);
}

/// Where a silence is taken for a failure and nobody asks, the same must go wrong too.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn f16_control_a_node_that_does_not_ask_sends_twice() {
    let answers_in = LEASE / 6;
    let pulled = Pulled { silent: BOTH, long: LEASE * 4, forgets: true, answers_in };
    let told = pull(pulled, &[("VIADUCT_WITHOUT", "asking")]).await;
    report(&format!("F16 control, nobody asks: {:?}", told.outcome));
    assert!(told.outcome.doubled > 0);
}

struct Told {
    /// How long after the cable was pulled the node still sent.
    last: Duration,
    /// What the other sent before the cable was back.
    taken_over: usize,
    outcome: super::stage::Outcome,
}

async fn pull(pulled: Pulled, off: &[(&str, &str)]) -> Told {
    let mut stage = Stage::open(On::Postgres, 900).await;
    stage.tell(|kind, text| soon(kind, text, 1_000 + LEASE.as_millis() as u64 / 4));
    stage.next_night();
    stage.run("ingest-people").await;
    let (cable, through) = Proxy::before(&stage.database).await;
    // Of each node it is seen when it sends. The one takes so long for a batch that its lease ends in it.
    let (ones, one_url) = Proxy::before(&stage.receiver_url).await;
    let (others, other_url) = Proxy::before(&stage.receiver_url).await;
    ones.set(Direction::ToClient, Flow::Late(pulled.answers_in));
    let (one_host, other_host) = (ones.address.to_string(), others.address.to_string());
    let at = [("RECEIVER_URL", one_url.as_str()), ("RECEIVER_HOST", one_host.as_str())];
    let one = Node::start(&stage, &through, &[&at, off].concat()).await;
    let watching = Database::open_existing(&stage.database).await.unwrap();
    holds_all(&watching).await;
    let at = [("RECEIVER_URL", other_url.as_str()), ("RECEIVER_HOST", other_host.as_str())];
    let other = Node::start(&stage, &stage.database, &[&at, off].concat()).await;
    large_batch(&watching).await;
    let pulled_at = Instant::now();
    ones.seen();
    others.seen();
    pulled.silent.iter().for_each(|direction| cable.set(*direction, Flow::Silent));
    tokio::time::sleep(pulled.long).await;
    let (last, taken_over) = (ones.seen().last, others.seen().pieces);
    let last = last.map_or(Duration::ZERO, |last| last.duration_since(pulled_at));
    if pulled.forgets {
        cable.forget();
    }
    cable.both(Flow::Open);
    until(DONE, "its database is there again", async || one.health().await.0 != "away").await;
    // It is one of them again: alone, it sends what comes next.
    other.stop().await;
    stage.next_night();
    stage.run("ingest-people").await;
    ones.both(Flow::Open);
    until(DONE, "it sends everything that is left", async || {
        let mut left = 0;
        for kind in KINDS {
            left += count(
                &watching,
                &format!(
                    "SELECT COUNT(*) FROM delivery WHERE destination = \
                '{kind}' AND state NOT IN ('delivered', 'held', 'replaced', 'dismissed')"
                ),
            )
            .await;
        }
        left == 0
    })
    .await;
    watching.close().await;
    one.stop().await;
    stage.settle().await;
    Told { last, taken_over, outcome: stage.compare().await }
}
