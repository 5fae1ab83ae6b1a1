//! The connections of the queue. On SQLite it has a file of its own beside the hub's: its pool would
//! fight our one writer. On PostgreSQL it shares the hub's server and keeps to a schema of its own.

use std::path::PathBuf;
use std::time::Duration;

use sqlx::postgres::PgPool;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous,
};

use super::database::{Database, StoreError, cells};
use super::reach;

/// Where rings are kept.
#[derive(Debug, Clone)]
pub enum QueuePool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl QueuePool {
    /// Opens the queue that belongs to a hub's database.
    pub async fn open(database: &Database) -> Result<QueuePool, StoreError> {
        match database {
            Database::Postgres(pool) => Ok(QueuePool::Postgres(pool.clone())),
            Database::Sqlite { durable, .. } => {
                let mut path = PathBuf::from(durable.connect_options().get_filename());
                path.set_extension("queue.db");
                let options = SqliteConnectOptions::new()
                    .filename(path)
                    .create_if_missing(true)
                    .journal_mode(SqliteJournalMode::Wal)
                    .synchronous(SqliteSynchronous::Normal)
                    .busy_timeout(Duration::from_secs(10));
                let pool = reach::unattended(SqlitePoolOptions::new()).max_connections(4);
                Ok(QueuePool::Sqlite(pool.connect_with(options).await?))
            }
        }
    }

    /// Without this index the queue's acknowledgements walk every row its worker ever finished.
    pub async fn drop_slow_index(&self) -> Result<(), StoreError> {
        if let QueuePool::Sqlite(pool) = self {
            sqlx::query("DROP INDEX IF EXISTS LIdx").execute(pool).await?;
        }
        Ok(())
    }
}

/// Claims a slot of a schedule for a node; false where some node has it already.
pub async fn claim_slot(
    database: &Database,
    (job, slot_ms): (&str, i64),
    node: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let sql = "INSERT INTO schedule_slot (job, slot_ms, fired_ms, fired_by) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (job, slot_ms) DO NOTHING";
    let mut transaction = database.begin().await?;
    let cells = cells![job.to_owned(), slot_ms, now_ms, node.to_owned()];
    let claimed = transaction.execute(sql, cells).await?;
    transaction.commit().await?;
    Ok(claimed == 1)
}

/// The last slot of a job that was fired, if one ever was.
pub async fn last_slot(database: &Database, job: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT MAX(slot_ms) FROM schedule_slot WHERE job = $1";
    let rows: Vec<(Option<i64>,)> = database.fetch(sql, cells![job.to_owned()]).await?;
    Ok(rows.into_iter().next().and_then(|(slot,)| slot))
}
