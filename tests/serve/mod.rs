//! `viaduct serve`, the real program on both databases: a slot fires once, a ring is answered, and it
//! stops when it is told to.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use viaduct::app::scheduler::fire_due;
use viaduct::app::worker::Doorbell;
use viaduct::sandbox::council::Council;
use viaduct::store::queue::{self, QueuePool};

use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_ring_left_in_the_queue_is_answered_at_the_next_start => super::left_ring,
    a_slot_is_fired_once_whichever_node_gets_to_it => super::one_slot,
}

/// Long enough for a busy machine; nothing waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(60);

async fn serve(hub: &TestHub) -> Child {
    let mut child = Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "serve", "--definitions"])
        .arg(&hub.definitions)
        .envs(hub.variables())
        .env("VIADUCT_LOG", "viaduct=info")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let said = read_until(&mut child, "Serving.").await;
    assert!(said.contains("Serving."), "{said}");
    child
}

/// Reads what it says until a line has `wanted`, and gives all of it.
async fn read_until(child: &mut Child, wanted: &str) -> String {
    let out = child.stderr.take().unwrap();
    let mut lines = BufReader::new(out).lines();
    let mut all = String::new();
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push_str(&line);
            all.push('\n');
            if line.contains(wanted) {
                break;
            }
        }
    };
    let done = tokio::time::timeout(DEADLINE, reading).await;
    child.stderr = Some(lines.into_inner().into_inner());
    assert!(done.is_ok(), "`{wanted}` was never said: {all}");
    all
}

async fn stop(mut child: Child) {
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    let ended = tokio::time::timeout(DEADLINE, child.wait()).await;
    assert!(ended.expect("it stops in time").unwrap().success());
}

async fn left_ring(on: On) {
    let hub = TestHub::open(on).await;
    hub.drop_night(&Council::new(9, 60), 1);
    let pool = QueuePool::open(&hub.context.database).await.unwrap();
    let doorbell = Doorbell::open(pool).await.unwrap();
    // Made again, as each start does: the queue's own ledger must bear it.
    Doorbell::open(QueuePool::open(&hub.context.database).await.unwrap()).await.unwrap();
    doorbell.ring("ingest-revenues").await.unwrap();
    let mut child = serve(&hub).await;
    let said = read_until(&mut child, "a job is done").await;
    assert!(said.contains("ingest-revenues") && said.contains("\"published\":60"), "{said}");
    stop(child).await;
    assert_eq!(hub.files("revenues", "processed"), ["ctax-1.xml"]);
    assert_eq!(hub.text("SELECT state FROM batch").await, "closed");
}

async fn one_slot(on: On) {
    let hub = TestHub::open(on).await;
    let pool = QueuePool::open(&hub.context.database).await.unwrap();
    let doorbell = Doorbell::open(pool).await.unwrap();
    let day_ms = 24 * 3_600_000;
    let began_ms = hub.context.clock.now_ms() - 3 * day_ms;
    // Two nodes look at the same moment, after three days of which nobody heard a bell.
    let (one, other) = tokio::join!(
        fire_due(&hub.context, &doorbell, began_ms),
        fire_due(&hub.context, &doorbell, began_ms)
    );
    one.unwrap();
    other.unwrap();
    let slots = "SELECT CAST(COUNT(*) AS TEXT) FROM schedule_slot WHERE job = 'ingest-revenues'";
    assert_eq!(hub.text(slots).await, "1", "the newest missed slot, once");
    let last = queue::last_slot(&hub.context.database, "ingest-revenues").await.unwrap().unwrap();
    assert!(last > began_ms + 2 * day_ms);
    assert!(!queue::claim_slot(&hub.context.database, "ingest-revenues", last, 0).await.unwrap());
    fire_due(&hub.context, &doorbell, began_ms).await.unwrap();
    assert_eq!(hub.text(slots).await, "1");
}
