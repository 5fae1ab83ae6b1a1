//! F23 from the outside: a system takes the connection and never answers; resets in the middle of its answer;
//! closes behind the headers. What was written may have happened, and is asked about; nothing is doubled.

use std::time::Duration;

use viaduct::store::database::Database;

use super::node::{Node, count, soon, until};
use super::proxy::{Direction, Flow, Proxy};
use super::stage::{KINDS, Outcome, Stage};
use super::{report, scaled};
use crate::support::hub::{On, on_both};

const DONE: Duration = Duration::from_secs(60);

on_both! {
    f23_what_is_silent_resets_or_closes_is_asked_about => super::each_in_turn,
}

/// Where nobody asks, the same must be seen to go wrong, else the test sees nothing.
#[cfg(debug_assertions)]
#[tokio::test(flavor = "multi_thread")]
async fn f23_control_whoever_does_not_ask_sends_twice() {
    let reset = (Direction::ToClient, Flow::ResetAfter(20));
    let outcome = broken(On::Sqlite, 60, &[reset], &[("VIADUCT_WITHOUT", "asking")]).await;
    report(&format!("F23 control, nobody asks: {outcome:?}"));
    assert!(outcome.doubled > 0, "{outcome:?}");
}

async fn each_in_turn(on: On) {
    let faults = [
        (Direction::ToServer, Flow::Silent),
        (Direction::ToClient, Flow::Silent),
        // In the middle of the first line, of the headers, and of the body.
        (Direction::ToClient, Flow::ResetAfter(5)),
        (Direction::ToClient, Flow::ResetAfter(60)),
        (Direction::ToClient, Flow::ResetInBody(3)),
        (Direction::ToClient, Flow::CloseAfterHeaders),
    ];
    let records = scaled(90, 900);
    let outcome = broken(on, records, &faults, &[]).await;
    report(&format!("F23 {on:?}: {records} records, {} faults: {outcome:?}", faults.len()));
    outcome.must_be_whole("F23");
    assert!(outcome.asked_of_a_person >= faults.len(), "{outcome:?}");
}

/// A night under each fault, which is over when each kind has met it.
async fn broken(
    on: On,
    records: u32,
    faults: &[(Direction, Flow)],
    off: &[(&str, &str)],
) -> Outcome {
    let mut stage = Stage::open(on, records).await;
    let (proxy, through) = Proxy::before(&stage.receiver_url).await;
    stage.receiver_url = through;
    stage.tell(|kind, text| {
        // What is not there yet on a busy machine may still be on its way a second later.
        let text = soon(kind, text, 500).replace("lag = \"1s\"", "lag = \"5s\"");
        format!("{text}\n[sending]\npause = \"1s\"\npause_longest = \"1s\"\n")
    });
    let node = Node::start(&stage, &stage.database, off).await;
    let watching = Database::open_existing(&stage.database).await.unwrap();
    for (direction, flow) in faults {
        let met = |kind: &str| {
            format!(
                "SELECT COUNT(*) FROM delivery_attempt a JOIN delivery d ON d.id = a.delivery_id \
                 WHERE d.destination = '{kind}' AND a.outcome = 'delivery.unknown'"
            )
        };
        let mut before = [0; KINDS.len()];
        for (at, kind) in KINDS.iter().enumerate() {
            before[at] = count(&watching, &met(kind)).await;
        }
        proxy.cut();
        proxy.set(*direction, *flow);
        stage.next_night();
        node.ring("ingest-people").await;
        for (at, kind) in KINDS.iter().enumerate() {
            until(DONE, &format!("{kind} met {flow:?}"), async || {
                count(&watching, &met(kind)).await > before[at]
            })
            .await;
        }
        // What was held up is gone with its connection.
        proxy.cut();
        proxy.both(Flow::Open);
        let open = "SELECT COUNT(*) FROM delivery \
                    WHERE state NOT IN ('delivered', 'held', 'replaced', 'dismissed')";
        until(DONE, "all of it comes to an end", async || count(&watching, open).await == 0).await;
    }
    watching.close().await;
    node.stop().await;
    stage.settle().await;
    stage.compare().await
}
