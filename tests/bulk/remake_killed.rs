//! Remaking killed half-way and gone on with by several at once: each has its turn once, and what is made
//! stands in its resident's line in the order of what it replaces.

use std::time::Duration;

use serde_json::{Value, json};
use viaduct::app::clock::MachineClock;
use viaduct::job::bulk as work;
use viaduct::job::error::JobError;
use viaduct::store::again;
use viaduct::store::database::{Cell, Database, StoreError};
use viaduct::store::ids::Ids;

use super::{agreeable, program};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    one_killed_half_way_makes_each_once_and_in_order => super::killed,
    what_an_ingest_makes_later_is_later_in_line => super::beside_an_ingest,
}

const MANY: i64 = 4_000;
const RESIDENTS: i64 = 1_000;

/// Held deliveries of changed contacts, four to each resident.
async fn hold(database: &Database) {
    let n = "WITH RECURSIVE n (i) AS (SELECT CAST(1 AS BIGINT) UNION ALL SELECT i + 1 FROM n \
             WHERE i < $1)";
    let mut transaction = database.begin().await.unwrap();
    let facts =
        "{\"kind\":\"person\",\"name.given\":\"Pat\",\"contact.email\":\"pat@example.com\"}";
    let sql = format!(
        "INSERT INTO resident (id, version, created_ms, updated_ms, facts) {n} \
         SELECT i, 1, 0, 0, '{facts}' FROM n"
    );
    transaction.execute(&sql, vec![Cell::Int(RESIDENTS)]).await.unwrap();
    let changes = "{\"contact.email\":{\"is\":\"pat@example.com\"}}";
    let sql = format!(
        "INSERT INTO change_event (id, batch_id, record_id, subject, subject_id, kind, changes, at_ms) \
         {n} SELECT 10000 + i, 1, 1, 'resident', 1 + i % {RESIDENTS}, 'changed', '{changes}', 0 FROM n"
    );
    transaction.execute(&sql, vec![Cell::Int(MANY)]).await.unwrap();
    let sql = format!(
        "INSERT INTO delivery (id, change_event_id, batch_id, resident_id, destination, mapping, \
         mapping_version, purpose, needs_consent, reference, state, since_ms, next_ms, \
         cause_code, cause, created_ms, subject_id) {n} \
         SELECT 20000 + i, 10000 + i, 1, 1 + i % {RESIDENTS}, 'notify', 'contact_changed', 1, 'p', \
         FALSE, 'r-' || i, 'held', 0, 0, 'delivery.missing_field', 'no', 0, \
         1 + i % {RESIDENTS} FROM n"
    );
    transaction.execute(&sql, vec![Cell::Int(MANY)]).await.unwrap();
    let sql = "INSERT INTO delivery_message (delivery_id, batch_id, resident_id, message) SELECT id, batch_id, resident_id, 'null' FROM delivery";
    transaction.execute(sql, vec![]).await.unwrap();
    let sql = "INSERT INTO id_block (name, next) VALUES ('all', 100000) \
               ON CONFLICT (name) DO UPDATE SET next = 100000";
    transaction.execute(sql, vec![]).await.unwrap();
    transaction.commit().await.unwrap();
}

async fn killed(on: On) {
    let mut hub = TestHub::open(on).await;
    // Each is to be told of, and none makes another pointless.
    let file = "mappings/outbound/contact_changed.toml";
    hub.edit(file, "language    = 1", "language    = 1\nnewest_only = false");
    hub.reload().await;
    hold(&hub.context.database).await;
    let words = ["deliveries", "remake", "--code", "delivery", "--reason", "the template is there"];
    // Eight commits, which pass two places each.
    let asked = program(&hub, &words).output().await.unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    let id = agreeable(&hub.context.database).await;
    let (number, why) = (id.to_string(), "so it was agreed");
    let words = ["bulk", "approve", &number, "--reason", why];
    let killed = program(&hub, &words).env("VIADUCT_FAIL_AT", "7").output().await.unwrap();
    assert!(!killed.status.success(), "it was never killed");
    let count = async |sql: &str| hub.text(sql).await.parse::<i64>().unwrap();
    let open = "SELECT CAST(COUNT(*) AS TEXT) FROM bulk_item WHERE outcome IS NULL";
    assert!((1..MANY).contains(&count(open).await), "half-way");
    // Others take it up, all at once; and the command as well.
    let workers: Vec<_> = (0..2)
        .map(|_| {
            let (database, anew) = (hub.context.database.clone(), hub.context.anew().unwrap());
            tokio::spawn(async move {
                // On SQLite there is one who writes: who waited in vain comes again, as `serve` does.
                loop {
                    match work::work(&database, &MachineClock, id, Some(&anew)).await {
                        Err(JobError::Store(StoreError::Unavailable(_))) => {}
                        done => break done,
                    }
                }
            })
        })
        .collect();
    let resumed = program(&hub, &["bulk", "resume", &id.to_string()]).output().await.unwrap();
    for worker in workers {
        worker.await.unwrap().unwrap();
    }
    // Where they were faster, it is done; or it waited in vain.
    let said: Value = serde_json::from_slice(&resumed.stdout).unwrap();
    let refused = said["error"].as_str().unwrap_or_default();
    let fair = refused.contains("is done") || refused.contains("the database is not available");
    assert!(said["state"] == "done" || fair, "{said:.300}");
    let shown = program(&hub, &["bulk", "show", &id.to_string()]).output().await.unwrap();
    let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
    assert_eq!(shown["counts"], json!({ "remade": MANY }), "{shown:.300}");
    let states = "SELECT state, CAST(COUNT(*) AS TEXT), CAST(COUNT(DISTINCT again_of) AS TEXT) \
                  FROM delivery GROUP BY state ORDER BY state";
    assert_eq!(hub.rows(states).await, [["replaced", "4000", "0"], ["waiting", "4000", "4000"]]);
    let order = "SELECT CAST(COUNT(*) AS TEXT) FROM (SELECT made_id, \
                 LAG(made_id) OVER (ORDER BY place) AS before FROM bulk_item) t WHERE made_id <= before";
    assert_eq!(count(order).await, 0, "in the order in which the old ones were made");
    let ended = "SELECT CAST(COUNT(*) AS TEXT) FROM audit WHERE action = 'ended'";
    assert_eq!(count(ended).await, 1);
}

async fn beside_an_ingest(on: On) {
    let hub = TestHub::open(on).await;
    let database = hub.context.database.clone();
    // Whoever resolves has numbers in stock when a person has deliveries made anew.
    let mut stock = Ids::new();
    stock.reserve(&database, 10).await.unwrap();
    let first = stock.take();
    let mut remaking = database.begin().await.unwrap();
    let mut made = again::alone(&mut remaking, 2).await.unwrap();
    let (one, two) = (made.take(), made.take());
    assert!(first < one && one < two);
    remaking.commit().await.unwrap();
    let mut resolving = database.begin().await.unwrap();
    again::behind(&mut resolving, &mut stock, 3).await.unwrap();
    let later = stock.take();
    assert!(later > two, "{later} stands before {two}");
    // Neither begins while the other is at it.
    let (other, waits) = (database.clone(), Duration::from_millis(300));
    let mut beside = tokio::spawn(async move {
        let mut transaction = other.begin().await.unwrap();
        let made = again::alone(&mut transaction, 1).await.unwrap().take();
        transaction.commit().await.unwrap();
        made
    });
    assert!(tokio::time::timeout(waits, &mut beside).await.is_err(), "it did not wait");
    again::behind(&mut resolving, &mut stock, 3).await.unwrap();
    let last = stock.take();
    resolving.commit().await.unwrap();
    assert!(beside.await.unwrap() > last);
}
