//! F13: PostgreSQL stops under load, in every way there is, and comes back. Nothing is lost, doubled or out of
//! order; the node lives through it and is at work again ten seconds after its database.

use std::time::{Duration, Instant};

use viaduct::store::database::Database;

use super::node::{Node, count, soon, until};
use super::proxy::Proxy;
use super::server::Server;
use super::stage::{Dice, KINDS, Stage};
use super::{report, scaled};
use crate::support::hub::On;

/// Of the database's coming back: ten seconds, and more where other tests run beside this one.
fn back_within() -> Duration {
    Duration::from_secs(scaled(40, 10).into())
}

/// Until all that was dropped has been read and sent: those that nobody answered are asked about first.
const DONE: Duration = Duration::from_secs(120);

#[tokio::test(flavor = "multi_thread")]
async fn f13_postgres_stops_under_load_and_everything_goes_on() {
    let (records, times) = (scaled(150, 600), scaled(2, 50));
    let mut server = Server::start().await;
    let proxy = Proxy::to(server.address()).await;
    let mut stage = Stage::open(On::Sqlite, records).await;
    stage.database = format!("postgres://postgres@{}/postgres", proxy.address);
    stage.tell(|kind, text| soon(kind, text, 3_000));
    let mut node = Node::start(&stage, &stage.database, &[]).await;
    let watching = Database::open_existing(&stage.database).await.unwrap();
    let (mut dice, mut longest) = (Dice::new(13), Duration::ZERO);
    for _ in 0..times {
        for how in ["fast", "immediate", "kill"] {
            stage.next_night();
            node.ring("ingest-people").await;
            tokio::time::sleep(Duration::from_millis(50 + dice.below(1_200))).await;
            server.halt(how).await;
            proxy.refuse(true);
            let before = stage.ledger().len();
            proxy.lead_to(server.again().await);
            proxy.refuse(false);
            let back = Instant::now();
            // At work again: something more is sent, or nothing is left to do.
            until(back_within(), &format!("at work after {how}"), async || {
                stage.ledger().len() > before || is_done(&watching, stage.nights).await
            })
            .await;
            longest = longest.max(back.elapsed());
            node.must_live();
        }
    }
    until(DONE, "everything is done", async || is_done(&watching, stage.nights).await).await;
    server.halt("fast").await;
    proxy.refuse(true);
    node.comes_to_say("away", back_within()).await;
    proxy.lead_to(server.again().await);
    proxy.refuse(false);
    node.comes_to_say("answers", back_within()).await;
    watching.close().await;
    node.must_live();
    node.stop().await;
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F13: {records} records, {} nights, {times} stops each fast, immediate and kill -9, at work again at \
         most {} ms after the database: {outcome:?}",
        stage.nights,
        longest.as_millis()
    ));
    outcome.must_be_whole("F13");
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
}

/// Every extract has been read, without another ring, and nothing waits to be sent.
async fn is_done(database: &Database, nights: u32) -> bool {
    let closed = count(database, "SELECT COUNT(*) FROM batch WHERE state = 'closed'").await;
    let open = "SELECT COUNT(*) FROM delivery \
                WHERE state NOT IN ('delivered', 'held', 'replaced', 'dismissed')";
    closed == i64::from(nights) && count(database, open).await == 0
}
