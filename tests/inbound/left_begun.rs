//! Whoever waits for a transaction to begin may go away: what others write afterwards, and are told is kept, is kept.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::timeout;
use viaduct::store::database::{Cell, Database};

use crate::support::postgres;

/// More than there are connections, each given up a little later than the one before.
const GIVEN_UP: u64 = 64;

#[tokio::test]
async fn a_transaction_that_nobody_waits_for_swallows_no_writes() {
    let url = postgres::hub_database().await;
    let database = Database::open(&url).await.unwrap();
    let mut transaction = database.begin_durable().await.unwrap();
    transaction.execute("CREATE TABLE kept (id BIGINT PRIMARY KEY)", Vec::new()).await.unwrap();
    transaction.commit().await.unwrap();
    let mut kept = 0;
    for given_up in 0..GIVEN_UP {
        let after = Duration::from_micros(20 * given_up);
        let _ = timeout(after, database.begin()).await;
        let _ = timeout(after, database.begin_durable()).await;
        for _ in 0..4 {
            let sql = "INSERT INTO kept (id) VALUES ($1) RETURNING id";
            let told: Vec<(i64,)> = database.fetch(sql, vec![Cell::Int(kept)]).await.unwrap();
            assert_eq!(told, [(kept,)]);
            kept += 1;
        }
    }
    let mut other = PgConnection::connect(&url).await.unwrap();
    let seen: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM kept").fetch_one(&mut other).await.unwrap();
    assert_eq!(seen, kept, "what was told as kept is seen by everybody");
}
