//! Whoever follows the changes is told each of them, whichever of two jobs is done first.

use viaduct::app::changes::{self, Wanted};
use viaduct::store::database::Cell;

use super::arrivals::{extract, some};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    nothing_comes_below_what_was_told => super::below,
    what_a_batch_changes_has_numbers_above_all_that_was_given_before_its_release => super::above,
}

/// The numbers that are told behind that one.
async fn told(hub: &TestHub, after: i64) -> Vec<i64> {
    let wanted: Wanted = serde_json::from_value(serde_json::json!({ "after": after })).unwrap();
    let told = changes::list(&hub.context.database, &wanted).await.unwrap();
    told["changes"].as_array().unwrap().iter().map(|one| one["id"].as_i64().unwrap()).collect()
}

async fn execute(hub: &TestHub, sql: &str, cells: Vec<Cell>) {
    let mut transaction = hub.context.database.begin().await.unwrap();
    transaction.execute(sql, cells).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn below(on: On) {
    let hub = TestHub::open(on).await;
    let batch = async |id: i64, state: &str| {
        let sql = "INSERT INTO batch (id, source_id, job, origin, origin_mark, state, mapping, mapping_version, \
                   sends, started_ms, closed_ms) VALUES ($1, 1, 'j', 'o', 'm', $2, 'm', 1, TRUE, 0, $3)";
        let closed = Some(1_i64).filter(|_| !["reading", "released"].contains(&state));
        execute(&hub, sql, vec![Cell::Int(id), state.to_owned().into(), closed.into()]).await;
    };
    let event = async |id: i64, batch: i64| {
        let sql = "INSERT INTO change_event (id, batch_id, record_id, subject, subject_id, kind, at_ms) \
                   VALUES ($1, $2, 0, 'resident', 7, 'created', 0)";
        execute(&hub, sql, vec![Cell::Int(id), Cell::Int(batch)]).await;
    };
    // One that began first is not done yet; another, with higher numbers, is.
    event(90, 0).await;
    batch(100, "released").await;
    batch(10_100, "closed").await;
    event(10_101, 10_100).await;
    assert_eq!(told(&hub, 0).await, [90]);
    event(101, 100).await;
    assert_eq!(told(&hub, 0).await, [90]);
    event(102, 100).await;
    execute(&hub, "UPDATE batch SET state = 'closed', closed_ms = 1 WHERE id = 100", vec![]).await;
    assert_eq!(told(&hub, 90).await, [101, 102, 10_101]);
    // One that is being read may be left so for ever, and what is held or given up changes nothing.
    for (id, state) in [(91, "reading"), (92, "held"), (93, "abandoned"), (94, "duplicate")] {
        batch(id, state).await;
    }
    assert_eq!(told(&hub, 90).await, [101, 102, 10_101]);
}

async fn above(on: On) {
    let hub = TestHub::open(on).await;
    // Somebody takes numbers while a file is read.
    let taken = "UPDATE id_block SET next = next + 50000";
    match on {
        On::Sqlite => {
            let sql = format!("CREATE TRIGGER taken AFTER INSERT ON batch BEGIN {taken}; END");
            execute(&hub, &sql, vec![]).await;
        }
        On::Postgres => {
            let sql = format!(
                "CREATE FUNCTION taken() RETURNS trigger LANGUAGE plpgsql AS \
                 $$ BEGIN {taken}; RETURN NEW; END $$"
            );
            execute(&hub, &sql, vec![]).await;
            let sql =
                "CREATE TRIGGER taken AFTER INSERT ON batch FOR EACH ROW EXECUTE FUNCTION taken()";
            execute(&hub, sql, vec![]).await;
        }
    }
    hub.drop_file("revenues", "ctax-1.xml", &extract(&some(20)));
    hub.run("ingest-revenues").await;
    let first = "SELECT CAST(MIN(e.id) - MAX(b.id) AS TEXT) FROM change_event e \
                 JOIN batch b ON b.id = e.batch_id";
    let first: i64 = hub.text(first).await.parse().unwrap();
    assert!(first > 50_000, "{first} above its batch, and others were given 50,000 since");
}
