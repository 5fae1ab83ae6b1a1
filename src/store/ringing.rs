//! The bell between nodes: PostgreSQL tells all of them when deliveries were made. SQLite has one machine,
//! where whoever waits looks again soon enough.

use sqlx::postgres::PgListener;

use super::database::{Database, StoreError, Transaction};

/// What notifications of new deliveries are called.
const CHANNEL: &str = "viaduct_delivery";

/// Wakes those who send, on every node, when the transaction commits.
pub async fn ring(transaction: &mut Transaction) -> Result<(), StoreError> {
    if let Transaction::Postgres(_) = transaction {
        transaction.execute(&format!("NOTIFY {CHANNEL}"), vec![]).await?;
    }
    Ok(())
}

/// Calls `woken` at each ring, for as long as the database is there.
pub async fn listen(database: &Database, woken: impl Fn()) -> Result<(), StoreError> {
    let Database::Postgres(pool) = database else { return std::future::pending().await };
    let mut listener = PgListener::connect_with(pool).await?;
    listener.listen(CHANNEL).await?;
    loop {
        // A connection that was lost is made again; what was rung meanwhile may have been missed.
        listener.try_recv().await?;
        woken();
    }
}
