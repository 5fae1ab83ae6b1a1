//! `viaduct serve`, the real program on both databases: a slot fires once, a ring is answered, and it
//! stops when it is told to.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use viaduct::app::actor::of_this_process;
use viaduct::app::jobs::{self, Named, One};
use viaduct::app::nodes;
use viaduct::app::scheduler::fire_due;
use viaduct::app::worker::Doorbell;
use viaduct::record::delivery::{Content, Payment};
use viaduct::sandbox::council::Council;
use viaduct::sandbox::govuk_pay::COUNCIL_KEY;
use viaduct::store::leases::{self, Taking, Wanted};
use viaduct::store::outbox;
use viaduct::store::queue::{self, QueuePool};

use crate::sandbox::pay_bench::PayBench;
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    a_ring_left_in_the_queue_is_answered_at_the_next_start => super::left_ring,
    a_slot_is_fired_once_whichever_node_gets_to_it => super::one_slot,
    a_schedule_stands_still_and_a_run_is_left_out => super::still,
    what_cannot_be_opened_is_said_at_the_start => super::unopened,
    a_job_that_waits_for_another_process_says_so => super::waiting,
    a_payment_link_is_opened_by_the_program => super::payment_link,
    a_drained_node_takes_nothing_new_and_another_takes_over => super::drained,
    a_node_says_that_it_is_there_and_is_missed_when_it_dies => super::beats,
}

/// Long enough for a busy machine; nothing waits for it when all is well.
const DEADLINE: Duration = Duration::from_secs(60);

async fn serve(hub: &TestHub) -> Child {
    let mut child = program(hub, "127.0.0.1:0");
    let said = read_until(&mut child, "Serving.").await;
    assert!(said.contains("Serving."), "{said}");
    child
}

pub fn program(hub: &TestHub, listen: &str) -> Child {
    Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &hub.url, "serve", "--listen", listen, "--definitions"])
        .arg(&hub.definitions)
        .envs(hub.variables())
        .env("VIADUCT_LOG", "viaduct=info")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

/// Reads what it says until a line has `wanted`, and gives all of it.
pub async fn read_until(child: &mut Child, wanted: &str) -> String {
    read_until_all(child, &[wanted]).await
}

/// The same, until that job is done.
async fn read_until_done(child: &mut Child, job: &str) -> String {
    read_until_all(child, &[job, "a job is done"]).await
}

async fn read_until_all(child: &mut Child, wanted: &[&str]) -> String {
    let out = child.stderr.take().unwrap();
    // Nothing beyond the line is read: what comes behind it is for whoever reads next.
    let mut lines = BufReader::with_capacity(1, out).lines();
    let mut all = String::new();
    let reading = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            all.push_str(&line);
            all.push('\n');
            if wanted.iter().all(|part| line.contains(part)) {
                break;
            }
        }
    };
    let done = tokio::time::timeout(DEADLINE, reading).await;
    child.stderr = Some(lines.into_inner().into_inner());
    assert!(done.is_ok(), "{wanted:?} was never said: {all}");
    all
}

pub async fn stop(mut child: Child) {
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
    let said = read_until_done(&mut child, "ingest-revenues").await;
    assert!(said.contains("ingest-revenues") && said.contains("\"published\":60"), "{said}");
    stop(child).await;
    assert_eq!(hub.files("revenues", "processed"), ["ctax-1.xml"]);
    assert_eq!(hub.text("SELECT state FROM batch").await, "closed");
}

async fn beats(on: On) {
    let hub = TestHub::open(on).await;
    let there = async |wanted: usize| {
        let began = std::time::Instant::now();
        loop {
            let found = hub.rows("SELECT name, version, address FROM node").await;
            if found.len() == wanted {
                return found;
            }
            assert!(began.elapsed() < DEADLINE, "{found:?}");
            tokio::task::yield_now().await;
        }
    };
    let child = serve(&hub).await;
    let found = there(1).await;
    assert!(found[0][0].contains(&format!(":{}:", child.id().unwrap())), "{found:?}");
    assert_eq!(found[0][1], env!("CARGO_PKG_VERSION"));
    assert!(found[0][2].starts_with("http://127.0.0.1:"), "{found:?}");
    stop(child).await;
    there(0).await;
    let mut killed = serve(&hub).await;
    there(1).await;
    killed.kill().await.unwrap();
    let (json, text) = viaduct::app::nodes::stand(&hub.context).await.unwrap();
    assert_eq!(json["nodes"][0]["state"], "dead", "{text}");
}

async fn drained(on: On) {
    let hub = TestHub::open(on).await;
    let pool = QueuePool::open(&hub.context.database).await.unwrap();
    let doorbell = Doorbell::open(pool).await.unwrap();
    let mut first = serve(&hub).await;
    let process = first.id().unwrap();
    let turn = async |drain: bool| {
        let rows = hub.rows("SELECT name FROM node").await;
        let name =
            rows.iter().map(|row| &row[0]).find(|name| name.contains(&format!(":{process}:")));
        let (node, reason) = (name.unwrap().clone(), "the machine is patched tonight".to_owned());
        let named = nodes::Named { node, reason };
        let one = if drain { nodes::One::Drain(named) } else { nodes::One::Resume(named) };
        nodes::answer(&hub.context, &one, &of_this_process()).await.unwrap().1
    };
    // Its first beat comes with its beginning, and is waited for.
    let began = std::time::Instant::now();
    while hub.rows("SELECT name FROM node").await.is_empty() {
        assert!(began.elapsed() < DEADLINE);
        tokio::task::yield_now().await;
    }
    assert!(turn(true).await.contains("takes nothing new"));
    assert!(turn(true).await.contains("took nothing new before"));
    read_until(&mut first, "this node takes nothing new").await;
    let (json, text) = nodes::stand(&hub.context).await.unwrap();
    assert_eq!(json["nodes"][0]["state"], "drained", "{text}");
    assert!(text.contains("the machine is patched tonight"), "{text}");
    // What is rung for now it does not take: the other does, whenever that begins.
    hub.drop_night(&Council::new(9, 60), 1);
    doorbell.ring("ingest-revenues").await.unwrap();
    // For two of its beats it has every chance to.
    let beats = async || hub.text("SELECT CAST(heard_ms AS TEXT) FROM node").await;
    for _ in 0..2 {
        let (last, began) = (beats().await, std::time::Instant::now());
        while beats().await == last {
            assert!(began.elapsed() < DEADLINE, "it beats no more");
            tokio::task::yield_now().await;
        }
    }
    assert!(hub.rows("SELECT state FROM batch").await.is_empty(), "it took what was new");
    let mut second = serve(&hub).await;
    let said = read_until_done(&mut second, "ingest-revenues").await;
    assert!(said.contains("\"published\":60"), "{said}");
    stop(second).await;
    assert!(turn(false).await.contains("takes something again"));
    doorbell.ring("ingest-benefits").await.unwrap();
    let said = read_until_done(&mut first, "ingest-benefits").await;
    assert!(said.contains("ingest-benefits") && !said.contains("ingest-revenues"), "{said}");
    stop(first).await;
    let lines = hub.rows("SELECT action FROM audit WHERE target LIKE 'node %' ORDER BY id").await;
    assert_eq!(lines, [["drained"], ["resumed"]]);
}

async fn payment_link(on: On) {
    let mut hub = TestHub::open(on).await;
    let platform = PayBench::on_the_wall_clock().await;
    hub.more = vec![
        ("PAY_URL".to_owned(), platform.running.url.clone()),
        ("PAY_API_KEY".to_owned(), COUNCIL_KEY.to_owned()),
    ];
    let link = offer(&hub).await;
    let mut child = program(&hub, "127.0.0.1:0");
    let said = read_until(&mut child, "payment links are opened on").await;
    let address = said.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    let opened = crate::sandbox::bench::client().get(format!("{address}{link}")).send().await;
    let opened = opened.unwrap();
    assert_eq!(opened.status(), 303);
    let to = opened.headers()["location"].to_str().unwrap().to_owned();
    assert!(to.starts_with(&platform.url("/secure/")), "{to}");
    // A second program is told whose port it is, and what to do.
    let mut second = program(&hub, address.strip_prefix("http://").unwrap());
    let said = read_until(&mut second, "error:").await;
    assert!(said.contains("is taken by another program") && said.contains("--listen"), "{said}");
    assert_eq!(second.wait().await.unwrap().code(), Some(1));
    stop(child).await;
}

/// A payment that a resident is asked for; gives the path of its link.
async fn offer(hub: &TestHub) -> String {
    let link = format!("/pay/{}", hub.context.link_key.token(1));
    let payment = Payment {
        amount_pence: 14_500,
        reference: "9900000001".to_owned(),
        description: "Council Tax arrears".to_owned(),
        link: format!("https://pay.example.com{link}"),
        account_id: None,
    };
    let new = outbox::New {
        id: 1,
        event_id: 1,
        batch_id: 1,
        resident_id: 7,
        destination: "pay",
        mapping: "arrears_reminder",
        mapping_version: 1,
        purpose: "council_tax_collection",
        needs_consent: false,
        collection: true,
        account_id: None,
        reference: "r-1".to_owned(),
        composed: Ok(Content::Payment(payment)),
        now_ms: 0,
    };
    let mut transaction = hub.context.database.begin().await.unwrap();
    outbox::Rows::of(new, outbox::Place::default()).write(&mut transaction).await.unwrap();
    let sql = "INSERT INTO resident (id, version, created_ms, updated_ms, facts) \
               VALUES (7, 1, 0, 0, '{\"kind\":\"person\"}')";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
    link
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
    // A day may have 25 hours, and the newest slot is as long ago.
    assert!(last > began_ms + 2 * day_ms - 3_600_000);
    assert!(
        !queue::claim_slot(&hub.context.database, ("ingest-revenues", last), "me", 0)
            .await
            .unwrap()
    );
    fire_due(&hub.context, &doorbell, began_ms).await.unwrap();
    assert_eq!(hub.text(slots).await, "1");
}

async fn still(on: On) {
    let hub = TestHub::open(on).await;
    let pool = QueuePool::open(&hub.context.database).await.unwrap();
    let doorbell = Doorbell::open(pool).await.unwrap();
    let began_ms = hub.context.clock.now_ms() - 3 * 24 * 3_600_000;
    let named =
        |job: &str| Named { job: job.to_owned(), reason: "the supplier asked us".to_owned() };
    let answer = async |one: One| jobs::answer(&hub.context, &one, &of_this_process()).await;
    let slots = "SELECT COALESCE(why, 'run') FROM schedule_slot WHERE job = 'ingest-revenues' ORDER BY slot_ms";
    answer(One::Pause(named("ingest-revenues"))).await.unwrap();
    fire_due(&hub.context, &doorbell, began_ms).await.unwrap();
    assert_eq!(hub.rows(slots).await, [["paused"]], "it was passed over");
    let run = "SELECT CAST(COUNT(*) AS TEXT) FROM schedule_slot WHERE why IS NULL";
    assert_ne!(hub.text(run).await, "0", "and others were run");
    answer(One::Resume(named("ingest-revenues"))).await.unwrap();
    fire_due(&hub.context, &doorbell, began_ms).await.unwrap();
    assert_eq!(hub.rows(slots).await, [["paused"]], "what was passed over is not made up for");
    // The next run is left out, and then the one after it.
    for many in [1, 2] {
        answer(One::Skip(named("ingest-revenues"))).await.unwrap();
        let (json, _) = jobs::stand(&hub.context).await.unwrap();
        let one = json.as_array().unwrap().iter().find(|one| one["job"] == "ingest-revenues");
        let one = one.unwrap();
        let skipped = one["skipped"].as_array().unwrap();
        assert_eq!(skipped.len(), many, "{one}");
        assert!(
            skipped.iter().all(|at| one["next_runs"].as_array().unwrap().contains(at)),
            "{one}"
        );
        assert_eq!(one["missed"][0]["why"], "paused", "{one}");
    }
    fire_due(&hub.context, &doorbell, began_ms).await.unwrap();
    assert_eq!(hub.rows(slots).await, [["paused"], ["skipped"], ["skipped"]]);
    let lone = answer(One::Pause(named("ingest-openrevenues"))).await;
    assert!(lone.unwrap_err().to_string().contains("no schedule"));
    let lines = "SELECT action FROM audit WHERE target = 'job ingest-revenues' ORDER BY id";
    assert_eq!(hub.rows(lines).await, [["paused"], ["resumed"], ["skipped"], ["skipped"]]);
}

async fn unopened(on: On) {
    let hub = TestHub::open(on).await;
    std::fs::remove_dir(hub.drop_folder("crm")).unwrap();
    let mut child = program(&hub, "127.0.0.1:0");
    let said = read_until(&mut child, "warning: the connector `crm` cannot be opened").await;
    assert!(said.contains("is not a folder: make it") && !said.contains("`revenues` cannot"));
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    read_until(&mut child, "stopping").await;
    assert!(child.wait().await.unwrap().success());
}

async fn waiting(on: On) {
    let hub = TestHub::open(on).await;
    let database = &hub.context.database;
    let wanted = Wanted {
        name: "ingest",
        holder: "elsewhere:1:0",
        now_ms: 0,
        until_ms: i64::MAX,
        from: None,
    };
    let Taking::Ours(lease) = leases::take(database, wanted).await.unwrap() else {
        panic!("nobody else is here");
    };
    let doorbell = Doorbell::open(QueuePool::open(database).await.unwrap()).await.unwrap();
    doorbell.ring("ingest-revenues").await.unwrap();
    let mut child = serve(&hub).await;
    read_until(&mut child, "another process (elsewhere:1:0) is at work; waiting").await;
    let id = child.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    read_until(&mut child, "stopping: ingest-revenues is being finished (up to 30 s)").await;
    leases::release(database, &lease).await.unwrap();
    read_until(&mut child, "a job is done").await;
    assert!(child.wait().await.unwrap().success());
}
