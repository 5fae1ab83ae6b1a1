//! F7: a process is frozen for three times its lease, as a virtual machine is that somebody moves, and goes on
//! as if nothing had been, while another has taken over. What it still has in hand it does not send, and what
//! it still has to say is not heard.
//!
//! What is true exactly: of each destination the requests that were under way, eight unless said otherwise, may
//! still arrive when it thaws. A receiver that honours keys does not mind; one that can be asked has had its
//! chance for as long as `lag`, and so `lag` must be longer than a process may be frozen; of one that knows
//! nothing a person has been asked, and it happens once.

use std::time::Duration;

use viaduct::store::database::Database;

use super::node::{LEASE, Node, count, holds_all, large_batch, until};
use super::proxy::{Direction, Flow, Proxy};
use super::report;
use super::stage::{KINDS, Outcome, Stage};
use crate::support::hub::On;

/// Requests of one destination under way at once.
const AT_ONCE: usize = 8;
/// Of three destinations; a request may go in two pieces.
const UNDER_WAY: usize = 3 * AT_ONCE * 2;

#[tokio::test(flavor = "multi_thread")]
async fn f7_a_frozen_process_that_goes_on_does_nothing_twice() {
    let told = freeze(LEASE * 5, &[]).await;
    report(&format!("F7 frozen for three leases, `lag` of five: {told}"));
    assert!(told.said.contains("the lease deliver:asked was"), "it was told: {:.4000}", told.said);
    assert!(told.late <= UNDER_WAY, "it sent {} more", told.late);
    told.outcome.must_be_whole("F7");
}

#[tokio::test(flavor = "multi_thread")]
async fn f7_where_a_lag_is_too_short_no_more_than_was_under_way_happens_twice() {
    let told = freeze(LEASE / 2, &[]).await;
    report(&format!("F7 frozen for three leases, `lag` of half a one: {told}"));
    let Outcome { doubled, effects, .. } = told.outcome;
    assert!(doubled <= AT_ONCE && told.late <= UNDER_WAY, "{told}");
    Outcome { doubled: 0, effects: effects - doubled, ..told.outcome }.must_be_whole("F7");
}

/// With the lease ignored the same must be seen to go wrong, else the test sees nothing.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn f7_control_a_frozen_process_that_ignores_its_lease_sends_on() {
    let told = freeze(LEASE * 5, &[("VIADUCT_WITHOUT", "lease")]).await;
    report(&format!("F7 control, lease ignored: {told}"));
    assert!(told.late > UNDER_WAY, "{told}");
}

struct Told {
    outcome: Outcome,
    /// Pieces of requests that it sent after it had thawed.
    late: usize,
    said: String,
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} pieces sent after it thawed: {:?}", self.late, self.outcome)
    }
}

async fn freeze(lag: Duration, off: &[(&str, &str)]) -> Told {
    let mut stage = Stage::open(On::Postgres, 900).await;
    let ms = lag.as_millis();
    stage.tell(|kind, text| match kind {
        "asked" => format!("{text}timeout_ms = {}\nlag = \"{ms}ms\"\n", ms.min(30_000)),
        _ => text,
    });
    stage.next_night();
    stage.run("ingest-people").await;
    let (slow, slow_url) = Proxy::before(&stage.receiver_url).await;
    slow.set(Direction::ToClient, Flow::Late(LEASE / 6));
    let slow_host = slow.address.to_string();
    let at = [("RECEIVER_URL", slow_url.as_str()), ("RECEIVER_HOST", slow_host.as_str())];
    let one = Node::start(&stage, &stage.database, &[&at, off].concat()).await;
    let watching = Database::open_existing(&stage.database).await.unwrap();
    holds_all(&watching).await;
    let other = Node::start(&stage, &stage.database, &[]).await;
    large_batch(&watching).await;
    // Not in the middle of a transaction: nobody could take over before the server lets its locks go.
    let within = "SELECT COUNT(*) FROM pg_stat_activity WHERE datname = current_database() \
                  AND state LIKE 'idle in transaction%'";
    loop {
        one.signal("STOP");
        if count(&watching, within).await == 0 {
            break;
        }
        one.signal("CONT");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    tokio::time::sleep(LEASE * 3).await;
    slow.seen();
    one.signal("CONT");
    let open = "SELECT COUNT(*) FROM delivery \
                WHERE state NOT IN ('delivered', 'held', 'replaced', 'dismissed')";
    until(lag * 2 + Duration::from_secs(60), "everything is done", async || {
        count(&watching, open).await == 0
    })
    .await;
    watching.close().await;
    let (said, late) = (one.said(), slow.seen().pieces);
    one.stop().await;
    other.stop().await;
    stage.settle().await;
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
    Told { outcome: stage.compare().await, late, said }
}
