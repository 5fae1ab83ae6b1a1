//! Whose turn it is to write to SQLite, which lets one write at a time and keeps no queue: whoever finds it taken asks
//! again after ever longer whiles, and somebody who writes much takes it back before anybody has asked.
//!
//! So writers stand in line here. Within a process each is let in by the one before; of several processes, such as
//! a job run by hand beside `serve`, only the one whose turn is next asks SQLite, and who has just written stands behind it.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::Sqlite;
use sqlx::sqlite::SqlitePool;
use tokio::sync::{Mutex, OwnedMutexGuard, oneshot};
use tokio::time::timeout;

use super::database::StoreError;
use super::reach::awaited;

/// Nobody stands in line for longer: they go on as if there were none, and SQLite has a patience of its own.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where writers of one database stand.
#[derive(Debug, Clone)]
pub struct Line {
    ours: Arc<Mutex<()>>,
    /// Locked by the process whose turn is next.
    next: Arc<PathBuf>,
}

/// The turn of one writer of this process, until it is dropped.
#[derive(Debug)]
pub struct Turn {
    _held: Option<OwnedMutexGuard<()>>,
}

impl Line {
    /// By an empty file beside the database, which may be deleted when nobody has it open.
    pub fn of(database: &Path) -> Line {
        let mut next = database.as_os_str().to_owned();
        next.push("-turn");
        Line { ours: Arc::default(), next: Arc::new(next.into()) }
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
        Turn { _held: timeout(PATIENCE, Arc::clone(&self.ours).lock_owned()).await.ok() }
    }

    /// Our process's turn to ask SQLite, until this is dropped. None where the folder has no room for the file, of
    /// which SQLite says more.
    pub async fn next(&self) -> Option<File> {
        let file = File::options().create(true).append(true).open(&*self.next).ok()?;
        match file.try_lock() {
            Ok(()) => return Some(file),
            Err(TryLockError::WouldBlock) => {}
            Err(TryLockError::Error(_)) => return None,
        }
        // A thread waits for it: it is woken at once, and nobody waits for the thread. Where nobody is there any more
        // to be told, the file is closed, and the next has it.
        let (tell, told) = oneshot::channel();
        let waiting = std::thread::Builder::new().name("turn".to_owned());
        let waits = move || file.lock().map(|()| tell.send(file)).is_ok();
        waiting.spawn(waits).ok()?;
        timeout(PATIENCE, told).await.ok()?.ok()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use crate::store::database::{Database, cells};

    const TABLE: &str = "CREATE TABLE IF NOT EXISTS work (n)";
    const WORK: &str = "INSERT INTO work WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n \
                        WHERE i < 2000) SELECT i FROM n";

    /// Whoever runs a job beside `serve` is another process.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_writes_without_a_pause_lets_others_in() {
        let dir = tempfile::tempdir().unwrap();
        let url = dir.path().join("hub.db").display().to_string();
        let serving = Database::open(&url).await.unwrap();
        let beside = Database::open(&url).await.unwrap();
        let mut transaction = serving.begin().await.unwrap();
        transaction.execute(TABLE, cells![]).await.unwrap();
        transaction.commit().await.unwrap();
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
        // The one under way, and one that had its turn already; a machine that has much to do adds to that, but not
        // each time.
        passed.sort_unstable();
        assert!(passed[passed.len() / 2] <= 3, "it was passed by so many: {passed:?}");
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
