//! F15: PostgreSQL is there and does not answer as it should: slow, locked, in a deadlock, refusing to
//! serialise, or with every connection taken. Waits are bounded, what failed is tried again, nothing is
//! lost, and `/health` says so meanwhile.

use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row};
use viaduct::store::database::Database;

use super::node::{LEASE, Node, count, soon, until};
use super::stage::{KINDS, Stage};
use super::{report, scaled};
use crate::sandbox::bench::client;
use crate::support::hub::On;

const SOON: Duration = Duration::from_secs(15);
const DONE: Duration = Duration::from_secs(90);
/// Whether a deadlock comes about is chance, and on a busy machine it takes many tries.
const VICTIM: Duration = Duration::from_secs(300);

/// A node under load, and a second session that gives it trouble.
struct Trouble {
    stage: Stage,
    node: Node,
    second: PgConnection,
    watching: Database,
}

impl Trouble {
    async fn begin(records: u32) -> Trouble {
        // As it is in earnest: a lease that outlasts a slow statement.
        Self::begin_with(records, "20000").await
    }

    async fn begin_with(records: u32, lease_ms: &str) -> Trouble {
        let mut stage = Stage::open(On::Postgres, records).await;
        stage.tell(|kind, text| soon(kind, text, 5_000));
        stage.next_night();
        stage.run("ingest-people").await;
        let watching = Database::open_existing(&stage.database).await.unwrap();
        let second = PgConnection::connect(&stage.database).await.unwrap();
        let lease = [("VIADUCT_FAIL_LEASE_MS", lease_ms)];
        let node = Node::start(&stage, &stage.database, &lease).await;
        Trouble { stage, node, second, watching }
    }

    async fn tell(&mut self, sql: &str) {
        self.second.execute(AssertSqlSafe(sql.to_owned())).await.unwrap();
    }

    /// When the trouble is over, everything comes to its end by itself.
    async fn end(mut self, what: &str) {
        let open = "SELECT COUNT(*) FROM delivery \
                    WHERE state NOT IN ('delivered', 'held', 'replaced', 'dismissed')";
        let over = Instant::now();
        until(DONE, "everything is sent", async || count(&self.watching, open).await == 0).await;
        self.node.comes_to_say("answers", SOON).await;
        self.node.must_live();
        self.node.stop().await;
        self.watching.close().await;
        self.stage.settle().await;
        let outcome = self.stage.compare().await;
        report(&format!(
            "F15 {what}: {} records, all done {} ms after: {outcome:?}",
            self.stage.records,
            over.elapsed().as_millis()
        ));
        outcome.must_be_whole(what);
        for kind in KINDS {
            assert_eq!(self.stage.open_deliveries(kind).await, 0, "{kind}");
        }
    }

    /// How many have ended by now.
    async fn ended(&self) -> i64 {
        count(&self.watching, "SELECT COUNT(*) FROM delivery WHERE state = 'delivered'").await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_statements_of_five_seconds() {
    let mut trouble = Trouble::begin(scaled(600, 3_000)).await;
    trouble.node.comes_to_say("answers", SOON).await;
    trouble
        .tell(
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS \
             'BEGIN PERFORM pg_sleep(5); RETURN NULL; END'; \
             CREATE TRIGGER slow BEFORE UPDATE ON delivery \
             FOR EACH STATEMENT EXECUTE FUNCTION slow()",
        )
        .await;
    trouble.node.comes_to_say("slow", SOON).await;
    // Slow is not stopped.
    let before = trouble.ended().await;
    until(Duration::from_secs(45), "it goes on, slowly", async || trouble.ended().await > before)
        .await;
    trouble.tell("DROP TRIGGER slow ON delivery").await;
    trouble.end("statements of 5 s").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_lock_that_a_second_session_holds() {
    let long = Duration::from_secs(scaled(8, 90).into());
    let short = LEASE.as_millis().to_string();
    let mut trouble = Trouble::begin_with(scaled(600, 3_000), &short).await;
    trouble.tell("BEGIN; LOCK TABLE lease, delivery IN EXCLUSIVE MODE").await;
    trouble.node.comes_to_say("slow", SOON).await;
    tokio::time::sleep(long).await;
    // Nobody can know whether a lease is still theirs: nothing is sent.
    let before = trouble.stage.ledger().len();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(trouble.stage.ledger().len(), before, "it sends without a lease");
    trouble.tell("ROLLBACK").await;
    trouble.end("a lock held").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_a_deadlock_whose_victim_is_the_node() {
    let mut trouble = Trouble::begin(scaled(900, 6_000)).await;
    let wanted = i64::from(scaled(2, 20));
    let dead = "SELECT CAST(deadlocks AS BIGINT) FROM pg_stat_database \
                WHERE datname = current_database()";
    // Ours never gives in.
    trouble.tell("SET deadlock_timeout = '10min'").await;
    until(VICTIM, "it was the victim", async || {
        // The intent first and then its deliveries: the other way about than an outcome goes.
        let locked = "SELECT number FROM delivery_intent FOR UPDATE";
        let waiting = trouble.second.fetch_all(AssertSqlSafe(format!("BEGIN; {locked}"))).await;
        waiting.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        let theirs = "SELECT id FROM delivery WHERE settled_ms IS NULL FOR UPDATE";
        trouble.second.execute(theirs).await.unwrap();
        trouble.second.execute("COMMIT").await.unwrap();
        if trouble.ended().await == i64::from(trouble.stage.records * trouble.stage.nights) {
            trouble.stage.next_night();
            trouble.stage.run("ingest-people").await;
        }
        count(&trouble.watching, dead).await >= wanted
    })
    .await;
    trouble.end("deadlocks").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_transactions_that_cannot_be_serialised() {
    let mut trouble = Trouble::begin(scaled(900, 6_000)).await;
    let (name, begun) =
        (trouble.second.fetch_one("SELECT current_database()").await, Instant::now());
    let name: String = name.unwrap().get(0);
    // For whoever connects from now on.
    let strict = "default_transaction_isolation = 'serializable'";
    trouble.tell(&format!("ALTER DATABASE {name} SET {strict}; SET {strict}")).await;
    let node = std::mem::replace(
        &mut trouble.node,
        Node::start(&trouble.stage, &trouble.stage.database, &[]).await,
    );
    node.stop().await;
    let refused = "could not serialize access";
    until(DONE, "the node was refused", async || {
        let sql = "BEGIN; UPDATE lease SET until_ms = until_ms; \
                   UPDATE delivery SET polls = polls WHERE state IN ('waiting', 'sending')";
        // Our own may be refused as well as the node's.
        let done = trouble.second.execute(sql).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        let end = if done.is_ok() { "COMMIT" } else { "ROLLBACK" };
        if trouble.second.execute(end).await.is_err() {
            trouble.second.execute("ROLLBACK").await.unwrap();
        }
        if trouble.ended().await == i64::from(trouble.stage.records * trouble.stage.nights) {
            trouble.stage.next_night();
            trouble.stage.run("ingest-people").await;
        }
        trouble.node.said().matches(refused).count() >= 2
    })
    .await;
    report(&format!("F15: refused to serialise within {} ms", begun.elapsed().as_millis()));
    trouble.end("transactions that cannot be serialised").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn f15_every_connection_is_taken() {
    let mut trouble = Trouble::begin(scaled(600, 3_000)).await;
    trouble.tell("BEGIN; LOCK TABLE batch IN ACCESS EXCLUSIVE MODE").await;
    let url = trouble.node.url("/api/v1/batches");
    let asking: Vec<_> = (0..16)
        .map(|_| {
            let asked = client().get(&url).timeout(Duration::from_secs(120)).send();
            tokio::spawn(async move { asked.await.map(|answer| answer.status().as_u16()) })
        })
        .collect();
    trouble.node.comes_to_say("slow", SOON).await;
    let begun = Instant::now();
    for one in asking {
        let status = one.await.unwrap().unwrap();
        assert!([429, 503].contains(&status), "{status}");
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(75), "whoever waits hears of it: {took:?}");
    trouble.tell("ROLLBACK").await;
    trouble.end("every connection taken").await;
}
