//! How PostgreSQL is reached, and how long anybody waits for it. A network may fall silent in the middle of a
//! statement, and a server may be slow or locked: either side then lets go in bounded time, and what was
//! under way is told as a database that is not available.
//!
//! SQLite is no network and has bounds of its own; of it is only noted how long it is waited for.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{Connection, Error, Pool, Postgres, Transaction};
use tokio::time::timeout;

use super::database::{Database, StoreError};

/// Within this time a statement is answered, or it never is. The server gives one up somewhat sooner.
const ANSWER: Duration = Duration::from_secs(70);
/// Within this time a connection shows that there is somebody at its other end.
pub(super) const SIGN_OF_LIFE: Duration = Duration::from_secs(3);
/// Within this time SQLite's log is folded into its file, on any disk.
pub(super) const FOLDED: Duration = Duration::from_secs(60);
/// A connection that answered within this time is believed to be there still.
const FRESH: Duration = Duration::from_secs(1);
/// For so long one that is given back is waited for, before another is made: each costs the server as much as
/// hundreds of statements, and those that a start makes all at once have nothing to do afterwards.
const GIVEN_BACK: Duration = Duration::from_millis(3);
/// A connection that was there for longer is replaced: what the server keeps for it grows.
const LIFE: Duration = Duration::from_secs(1800);
const ACQUIRE: Duration = Duration::from_secs(10);
const CONNECTIONS: u32 = 8;

/// What the server keeps to, whoever of us is silent. A transaction of a node that cannot be reached lets its
/// locks go as soon as the node's lease is over, so that another takes over; and nobody waits for a lock
/// that is never let go.
const SESSION: [(&str, &str); 8] = [
    // What is told as kept is on disk, whatever the server's own setting; a transaction that is hurried says so.
    ("synchronous_commit", "on"),
    ("statement_timeout", "60s"),
    ("lock_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "20s"),
    ("tcp_keepalives_idle", "15"),
    ("tcp_keepalives_interval", "5"),
    ("tcp_keepalives_count", "3"),
    ("tcp_user_timeout", "30s"),
];

/// A database answers slowly when it takes longer than this to answer the least question,
const SLOW: Duration = Duration::from_secs(1);
/// or when somebody has waited so long for it.
const LONG_WAIT: Duration = Duration::from_secs(3);

/// How the database stands, for those who look after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    Answers,
    Slow,
    Away,
}

/// Asks it the least question, and sees how long others have been waiting. PostgreSQL is asked by a
/// connection of its own: all others may be taken by those who wait.
pub async fn look(database: &Database) -> Reach {
    let begun = Instant::now();
    let asked = timeout(SIGN_OF_LIFE, async {
        match database {
            Database::Postgres(pool) => {
                let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
                connection.ping().await?;
                Ok(connection.close().await?)
            }
            Database::Sqlite { .. } => {
                database.fetch::<(i64,)>("SELECT 1", vec![]).await.map(|_| ())
            }
        }
    });
    match asked.await {
        Err(_) | Ok(Err::<(), StoreError>(_)) => Reach::Away,
        Ok(Ok(())) if begun.elapsed() < SLOW && longest_wait() < LONG_WAIT => Reach::Answers,
        Ok(Ok(())) => Reach::Slow,
    }
}

/// Nobody looks after connections that stand idle. The library's own way goes by a count of them that is below zero,
/// and so without end, where one is given back and taken in the same moment: it would take up a thread for ever, and
/// a program that is done would never end (sqlx 3645, mended by 4289 after 0.9.0).
pub(super) fn unattended<D: sqlx::Database>(options: PoolOptions<D>) -> PoolOptions<D> {
    options.min_connections(0).idle_timeout(None).max_lifetime(None)
}

/// Connections that are tried when they come back, and before they are given out where that was a while ago:
/// one that was left in the middle of a statement by somebody who waits no longer is not given to anybody
/// else, and does not take up a place for ever.
pub(super) async fn pool(options: PgConnectOptions) -> Result<PgPool, StoreError> {
    Ok(tried().connect_with(options.options(SESSION)).await?)
}

/// So many others like them, for questions that find their rows by an index.
pub(super) fn beside(pool: &PgPool, many: u32) -> PgPool {
    let options = (*pool.connect_options()).clone();
    // Of a table that grew the planner thinks that two more processes would help, and begins them each time.
    let options = options.options([("max_parallel_workers_per_gather", "0")]);
    tried().max_connections(many).connect_lazy_with(options)
}

fn tried() -> PgPoolOptions {
    unattended(PgPoolOptions::new())
        .max_connections(CONNECTIONS)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(false)
        .before_acquire(|connection, about| {
            Box::pin(async move {
                Ok(about.age < LIFE && (about.idle_for < FRESH || is_alive(connection).await?))
            })
        })
        .after_release(|connection, _| {
            Box::pin(async move { Ok(!was_given_up_lately() && is_alive(connection).await?) })
        })
}

/// Waits a moment for a connection of the hub's pool, where all that it has are in use and it might make another.
pub(super) async fn one_given_back(pool: &PgPool) {
    let most = pool.options().get_max_connections();
    let may_grow = || (1..most).contains(&pool.size()) && pool.num_idle() == 0;
    // A sender has two, and needs both.
    if most < CONNECTIONS || !may_grow() {
        return;
    }
    let begun = Instant::now();
    while may_grow() && begun.elapsed() < GIVEN_BACK {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// A connection whose statements take as long as they take: a table may have to be remade.
pub(super) async fn patient(pool: &PgPool) -> Result<PgPool, StoreError> {
    let options = (*pool.connect_options()).clone();
    let options = options.options([("statement_timeout", "0"), ("lock_timeout", "0")]);
    Ok(unattended(PgPoolOptions::new()).max_connections(1).connect_with(options).await?)
}

/// Closes every connection that is given back and answered on within a time; for the others nobody waits.
pub(super) async fn close<D: sqlx::Database>(pool: &Pool<D>, within: Duration) {
    if timeout(within, pool.close()).await.is_err() {
        tracing::warn!("a connection to the database could not be closed, and is left");
    }
}

async fn is_alive(connection: &mut PgConnection) -> Result<bool, Error> {
    match timeout(SIGN_OF_LIFE, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(Error::Io(io::ErrorKind::TimedOut.into())),
    }
}

/// When a beginning was given up last.
static GIVEN_UP: Mutex<Option<Instant>> = Mutex::new(None);

/// Whether one of the connections that come back now may have a transaction open: then all of them are closed.
fn was_given_up_lately() -> bool {
    let last = *GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner);
    last.is_some_and(|last| last.elapsed() < SIGN_OF_LIFE)
}

/// Begins a transaction. The library counts one only when its beginning was answered: where whoever waits for that
/// goes away, a connection would go back with a transaction open, and swallow what others write on it. So it is begun
/// whoever waits, and rolled back where nobody does; and where no answer comes, its connection is closed, and does not
/// take up a place for ever.
pub(super) async fn begun(
    pool: &PgPool,
    with: &'static str,
) -> Result<Transaction<'static, Postgres>, StoreError> {
    let pool = pool.clone();
    let beginning = tokio::spawn(async move {
        one_given_back(&pool).await;
        let mut beginning = Box::pin(pool.begin_with(with));
        timeout(ANSWER, awaited(&mut beginning)).await.unwrap_or_else(|_| {
            *GIVEN_UP.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
            Err(unanswered())
        })
    });
    beginning
        .await
        .map_err(|error| StoreError::Unavailable(format!("a transaction was not begun: {error}")))?
}

/// The answer to a statement, or that none came in time.
pub(super) async fn answered<T, E>(
    statement: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError>
where
    StoreError: From<E>,
{
    match timeout(ANSWER, awaited(statement)).await {
        Ok(answer) => answer,
        Err(_) => Err(unanswered()),
    }
}

fn unanswered() -> StoreError {
    StoreError::Unavailable(format!("no answer came within {} s", ANSWER.as_secs()))
}

/// The answer to a statement, however long it takes; how long is noted meanwhile.
pub(super) async fn awaited<T, E>(
    statement: impl Future<Output = Result<T, E>>,
) -> Result<T, StoreError>
where
    StoreError: From<E>,
{
    let _waiting = Waiting::begin();
    Ok(statement.await?)
}

/// Since when somebody waits for an answer.
struct Waiting(u64);

type Since = BTreeMap<u64, Instant>;
static WAITING: Mutex<Since> = Mutex::new(Since::new());

impl Waiting {
    fn begin() -> Waiting {
        let mut waiting = all();
        let number = waiting.last_key_value().map_or(0, |(last, _)| last + 1);
        waiting.insert(number, Instant::now());
        Waiting(number)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        all().remove(&self.0);
    }
}

fn all() -> MutexGuard<'static, Since> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How long the one has waited who waits longest.
fn longest_wait() -> Duration {
    all().first_key_value().map_or(Duration::ZERO, |(_, since)| since.elapsed())
}

#[cfg(test)]
mod tests {
    use super::super::queue::QueuePool;
    use super::*;

    #[tokio::test]
    async fn nobody_looks_after_idle_connections() {
        let dir = tempfile::tempdir().unwrap();
        let database = Database::open(dir.path().join("hub.db").to_str().unwrap()).await.unwrap();
        let QueuePool::Sqlite(queue) = QueuePool::open(&database).await.unwrap() else {
            panic!("it is SQLite's")
        };
        let Database::Sqlite { writer, durable, readers, .. } = &database else {
            panic!("it is SQLite's")
        };
        for pool in [writer, durable, readers, &queue] {
            let options = pool.options();
            let kept = (options.get_idle_timeout(), options.get_max_lifetime());
            assert_eq!((kept, options.get_min_connections()), ((None, None), 0));
        }
        let postgres = unattended(PgPoolOptions::new());
        assert_eq!((postgres.get_idle_timeout(), postgres.get_max_lifetime()), (None, None));
    }

    #[tokio::test]
    async fn whoever_waits_is_noted_until_they_are_answered_or_give_up() {
        let waiting = Waiting::begin();
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert!(longest_wait() >= Duration::from_millis(5));
        let silence = awaited(std::future::pending::<Result<(), Error>>());
        assert!(timeout(Duration::from_millis(20), silence).await.is_err());
        let number = waiting.0;
        assert!(all().contains_key(&number));
        drop(waiting);
        assert!(!all().contains_key(&number), "it is answered");
    }
}
