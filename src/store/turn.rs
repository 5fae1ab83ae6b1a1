//! Whose turn it is to write to SQLite, which lets one write at a time and keeps no queue: whoever finds it taken asks
//! again after ever longer whiles, and somebody who writes much takes it back before anybody has asked.
//!
//! So writers stand in line here. Within a process each is let in by the one before; of several processes, such as
//! a job run by hand beside `serve`, only the one whose turn is next asks SQLite, and who has just written stands behind it.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Sqlite;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::time::{Instant, sleep, timeout_at};

use super::database::StoreError;
use super::reach::awaited;

/// Nobody stands in line for longer: they go on as if there were none, and SQLite has a patience of its own.
const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// Where writers of one database stand.
#[derive(Debug, Clone)]
pub struct Line {
    ours: Arc<Mutex<()>>,
    /// Locked by the process whose turn is next. None where the folder has no room for it.
    next: Option<Arc<File>>,
}

/// The turn of one writer of this process, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _held: Option<OwnedMutexGuard<()>>,
}

impl Line {
    /// Beside the database; an empty file that may be deleted when nobody has the database open.
    pub fn of(database: &Path) -> Line {
        let mut beside = database.as_os_str().to_owned();
        beside.push("-turn");
        let next = File::options().create(true).append(true).open(beside);
        Line { ours: Arc::default(), next: next.ok().map(Arc::new) }
    }

    /// Begins a transaction that writes, when it is our turn; the turn is over when both are dropped.
    pub async fn begin(
        &self,
        pool: &SqlitePool,
    ) -> Result<(sqlx::Transaction<'static, Sqlite>, Turn), StoreError> {
        let turn = self.turn().await;
        let next = self.next().await;
        let begun = awaited(pool.begin_with("BEGIN IMMEDIATE")).await?;
        drop(next);
        Ok((begun, turn))
    }

    /// Our turn among those of this process.
    pub async fn turn(&self) -> Turn {
        let waited = timeout_at(Instant::now() + PATIENCE, Arc::clone(&self.ours).lock_owned());
        Turn { _held: waited.await.ok() }
    }

    /// Our process's turn to ask SQLite.
    pub async fn next(&self) -> Option<Next<'_>> {
        let file = self.next.as_deref()?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Some(Next(file)),
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < deadline => {
                    sleep(LOOK_AGAIN).await;
                }
                Err(_) => return None,
            }
        }
    }
}

/// Let go as soon as SQLite was asked.
pub struct Next<'a>(&'a File);

impl Drop for Next<'_> {
    fn drop(&mut self) {
        // A lock that cannot be let go goes with the file.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use crate::store::database::{Database, cells};

    const WORK: &str = "UPDATE hub SET made_to = (WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 \
                        FROM n WHERE i < 40000) SELECT max(made_to) + 0 * max(i) FROM n, hub)";

    /// Whoever runs a job beside `serve` is another process.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_writes_without_a_pause_lets_others_in() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("hub.db").display().to_string();
        let serving = Database::open(&url).await.unwrap();
        let beside = Database::open(&url).await.unwrap();
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        static OVER: AtomicBool = AtomicBool::new(false);
        let busy = tokio::spawn(async move {
            while !OVER.load(Ordering::Relaxed) {
                let mut transaction = serving.begin().await.unwrap();
                transaction.execute(WORK, cells![]).await.unwrap();
                transaction.commit().await.unwrap();
                WRITTEN.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut passed = Vec::new();
        for _ in 0..20 {
            let before = WRITTEN.load(Ordering::Relaxed);
            let transaction = beside.begin_durable().await.unwrap();
            passed.push(WRITTEN.load(Ordering::Relaxed) - before);
            transaction.commit().await.unwrap();
        }
        OVER.store(true, Ordering::Relaxed);
        busy.await.unwrap();
        // The one under way, and one that had its turn already.
        assert!(passed.iter().all(|passed| *passed <= 3), "it was passed by so many: {passed:?}");
    }

    #[tokio::test]
    async fn whoever_gives_up_leaves_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("hub.db").display().to_string();
        let (one, other) =
            (Database::open(&url).await.unwrap(), Database::open(&url).await.unwrap());
        let held = one.begin().await.unwrap();
        for database in [&one, &other] {
            let mut waits = Box::pin(database.begin());
            assert!(futures_util::poll!(&mut waits).is_pending());
        }
        held.commit().await.unwrap();
        for database in [&other, &one] {
            database.begin().await.unwrap().commit().await.unwrap();
        }
    }
}
