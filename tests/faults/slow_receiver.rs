//! F22: a system that is told answers a byte a second, or after half a minute. It has its time limit, and
//! nobody else pays for it: another destination goes as fast as ever.

use std::time::{Duration, Instant};

use viaduct::store::database::Database;

use super::node::{Node, count, until};
use super::proxy::{Direction, Flow, Proxy};
use super::stage::{KINDS, Stage};
use super::{report, scaled};
use crate::support::hub::On;

/// How long the slow one is waited for.
const LIMIT_MS: u64 = 2_000;
const DONE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn f22_a_slow_system_has_a_time_limit_and_slows_nobody_else() {
    let slow = [Flow::Drip(Duration::from_secs(1)), Flow::Late(Duration::from_secs(30))];
    let (records, rounds) = (scaled(600, 6_000), scaled(3, 5));
    let mut stage = Stage::open(On::Sqlite, records).await;
    let (proxy, through) = Proxy::before(&stage.receiver_url).await;
    let host = proxy.address.to_string();
    stage.tell(|kind, text| match kind {
        "keyed" => {
            let text = text.replace("${RECEIVER_URL}", &through).replace("${RECEIVER_HOST}", &host);
            format!("{text}timeout_ms = {LIMIT_MS}\n\n[sending]\npause = \"1s\"\npause_longest = \"1s\"\n")
        }
        _ => text,
    });
    let node = Node::start(&stage, &stage.database, &[]).await;
    let watching = Database::open_existing(&stage.database).await.unwrap();
    let (mut usual, mut beside, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        for flow in slow {
            // First all is well, and then it is not: each time as much is sent.
            let alone = night(&mut stage, &node, &watching).await;
            settled(&watching, "keyed").await;
            proxy.set(Direction::ToClient, flow);
            let slowed = night(&mut stage, &node, &watching).await;
            // Each is held against the night just before it: a machine is busier at one time than at another.
            parts.push(slowed / alone);
            usual.push(alone);
            beside.push(slowed);
            until(DONE, "the slow one was waited for in vain", async || {
                let sql = "SELECT COUNT(*) FROM delivery_attempt a JOIN delivery d \
                           ON d.id = a.delivery_id WHERE d.destination = 'keyed' \
                           AND a.outcome = 'delivery.unknown'";
                count(&watching, sql).await > i64::from(round)
            })
            .await;
            proxy.set(Direction::ToClient, Flow::Open);
            proxy.cut();
            settled(&watching, "keyed").await;
        }
    }
    let (usual, beside, part) = (median(&mut usual), median(&mut beside), median(&mut parts));
    // Of one that is slow, a batch of eight at most was under way, and so no attempt took two limits.
    let longest = "SELECT MAX(a.ended_ms - a.intent_ms) FROM delivery_attempt a JOIN delivery d \
                   ON d.id = a.delivery_id WHERE d.destination = 'keyed' \
                   AND a.outcome = 'delivery.unknown'";
    let longest = count(&watching, longest).await;
    watching.close().await;
    node.stop().await;
    stage.settle().await;
    let outcome = stage.compare().await;
    report(&format!(
        "F22: {records} records, {} nights, another destination at {:.0}/s beside a slow one and {:.0}/s \
         usually, the longest wait {longest} ms of {LIMIT_MS}: {outcome:?}",
        stage.nights, beside, usual
    ));
    outcome.must_be_whole("F22");
    let wanted = f64::from(scaled(60, 95)) / 100.0;
    assert!(part >= wanted, "{part:.2}, where {beside:.0}/s of {usual:.0}/s: {parts:.2?}");
    assert!(longest < 3 * LIMIT_MS as i64, "{longest} ms");
    for kind in KINDS {
        assert_eq!(stage.open_deliveries(kind).await, 0, "{kind}");
    }
}

/// Without its time limit, what the slow one was sent is waited for beyond what the check allows.
#[tokio::test(flavor = "multi_thread")]
async fn f22_control_without_a_time_limit_the_slow_one_is_waited_for() {
    let mut stage = Stage::open(On::Sqlite, 60).await;
    let (proxy, through) = Proxy::before(&stage.receiver_url).await;
    let host = proxy.address.to_string();
    stage.tell(|kind, text| match kind {
        "keyed" => {
            let text = text.replace("${RECEIVER_URL}", &through).replace("${RECEIVER_HOST}", &host);
            format!("{text}timeout_ms = 60_000\n")
        }
        _ => text,
    });
    proxy.set(Direction::ToClient, Flow::Late(Duration::from_secs(30)));
    let node = Node::start(&stage, &stage.database, &[]).await;
    let watching = Database::open_existing(&stage.database).await.unwrap();
    night(&mut stage, &node, &watching).await;
    let begun = Instant::now();
    let in_hand = "SELECT COUNT(*) FROM delivery_intent WHERE destination = 'keyed'";
    let past = Duration::from_millis(3 * LIMIT_MS);
    until(DONE, "it was let go", async || {
        assert!(count(&watching, in_hand).await > 0, "it was not waited for");
        begun.elapsed() > past
    })
    .await;
    report(&format!(
        "F22 control: without a time limit: found: waited for longer than {} ms",
        past.as_millis()
    ));
    proxy.set(Direction::ToClient, Flow::Open);
    proxy.cut();
    watching.close().await;
    node.stop().await;
}

/// A night is read and sent to the two others; gives how many a second.
async fn night(stage: &mut Stage, node: &Node, watching: &Database) -> f64 {
    let paused = "SELECT COUNT(*) FROM delivery";
    let before = count(watching, paused).await;
    stage.next_night();
    node.ring("ingest-people").await;
    let all = before + i64::from(stage.records);
    until(DONE, "it is read", async || count(watching, paused).await > before).await;
    let begun = Instant::now();
    until(DONE, "it is read to its end", async || count(watching, paused).await == all).await;
    settled(watching, "plain").await;
    settled(watching, "asked").await;
    f64::from(stage.records) * 2.0 / 3.0 / begun.elapsed().as_secs_f64()
}

async fn settled(watching: &Database, kind: &str) {
    let open = format!(
        "SELECT COUNT(*) FROM delivery WHERE destination = '{kind}' \
         AND state NOT IN ('delivered', 'held', 'replaced', 'dismissed')"
    );
    until(DONE, kind, async || count(watching, &open).await == 0).await;
}

fn median(many: &mut [f64]) -> f64 {
    many.sort_by(f64::total_cmp);
    many[many.len() / 2]
}
