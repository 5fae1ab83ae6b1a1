//! The queue as a doorbell, and the only place that knows its library. A ring names a job and means
//! "look again": lost or rung twice, it changes nothing, since what is to be done stands in our tables.
//!
//! Its library's traps are met here: it polls by an interval that keeps its waker, every start has a new
//! name, a failing database does not end it, one that fell silent does not make it deaf, a handler never
//! blocks the heartbeat, and a job that failed is not the queue's to repeat.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use apalis::prelude::{
    AbortError, BackendExt, BoxDynError, Data, Monitor, MonitorError, ParallelizeExt, PollSnapshot,
    PollStrategy, TaskSink, WorkerBuilder, WorkerBuilderExt,
};
use apalis_postgres::PostgresStorage;
use apalis_sqlite::SqliteStorage;
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::context::{AppError, Context};
use super::{holder, run};
use crate::job::definition::Action;
use crate::job::error::JobError;
use crate::store::database::{Database, StoreError};
use crate::store::queue::QueuePool;
use crate::store::reach::{self, Reach};

/// How often the queue is looked at.
const LOOK: Duration = Duration::from_millis(250);
/// Jobs at once on one node. Ingests wait for each other by themselves.
const AT_ONCE: usize = 2;
/// How long a stop waits for a job that runs; what is left then is taken up by the next start.
const GRACE: Duration = Duration::from_secs(30);
const QUEUE: &str = "viaduct";
/// How often it is seen whether the database is there, and how soon a job goes on that it failed.
const DATABASE_LOOK: Duration = Duration::from_secs(5);
const AGAIN_MS: i64 = 2_000;

/// Look at this job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ring {
    pub job: String,
}

/// A queue whose tables are there.
#[derive(Clone)]
pub struct Doorbell {
    pool: QueuePool,
    running: Arc<Running>,
}

/// The jobs that run here, and whether they must end as they are.
#[derive(Debug)]
struct Running {
    names: Mutex<Vec<String>>,
    over: watch::Sender<bool>,
}

impl Running {
    fn names(&self) -> MutexGuard<'_, Vec<String>> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a stop waits for, in words.
    fn said(&self) -> String {
        match self.names().join(", ") {
            none if none.is_empty() => "stopping".to_owned(),
            names => {
                format!("stopping: {names} is being finished (up to {} s)", GRACE.as_secs())
            }
        }
    }

    /// Drops what still runs, and returns when nothing does: nothing asks for a database that is shut.
    async fn end(&self) {
        self.over.send_replace(true);
        // Each that runs holds a receiver until it has ended.
        self.over.closed().await;
    }
}

impl Doorbell {
    /// Makes the queue's own tables, recorded in a ledger of their own.
    pub async fn open(pool: QueuePool) -> Result<Doorbell, AppError> {
        let failed = |error: String| {
            AppError::Store(StoreError::Refused(format!("preparing the queue: {error}")))
        };
        match &pool {
            QueuePool::Sqlite(pool) => {
                let mut migrations = SqliteStorage::<()>::migrations();
                migrations.dangerous_set_table_name("_apalis_migrations");
                migrations.run(pool).await.map_err(|error| failed(error.to_string()))?;
            }
            QueuePool::Postgres(pool) => {
                let migrations = PostgresStorage::<()>::migrations();
                migrations.run(pool).await.map_err(|error| failed(error.to_string()))?;
            }
        }
        pool.drop_slow_index().await?;
        let running = Running { names: Mutex::default(), over: watch::Sender::new(false) };
        Ok(Doorbell { pool, running: Arc::new(running) })
    }

    /// Rings for a job.
    pub async fn ring(&self, job: &str) -> Result<(), AppError> {
        let ring = Ring { job: job.to_owned() };
        let failed = |error: String| {
            AppError::Store(StoreError::Unavailable(format!("ringing for {job}: {error}")))
        };
        match &self.pool {
            QueuePool::Sqlite(pool) => {
                let mut storage = SqliteStorage::<Ring>::new(pool).with_config(sqlite_config());
                storage.push(ring).await.map_err(|error| failed(error.to_string()))
            }
            QueuePool::Postgres(pool) => {
                let mut storage = PostgresStorage::<Ring>::new(pool).with_config(postgres_config());
                storage.push(ring).await.map_err(|error| failed(error.to_string()))
            }
        }
    }

    /// Works the queue until `stop` comes, then ends what runs.
    pub async fn work(
        &self,
        context: Arc<Context>,
        stop: impl Future<Output = std::io::Result<()>> + Send,
    ) -> Result<(), MonitorError> {
        let running = Arc::clone(&self.running);
        let bell = Arc::clone(&context.bell);
        let mut stop = std::pin::pin!(async move {
            let told = stop.await;
            eprintln!("{}", running.said());
            // Whichever worker stands by then hears of it.
            bell.end();
            told
        });
        let mut told = None;
        loop {
            if context.bell.is_resting() && !context.bell.is_over() {
                tokio::select! {
                    () = context.bell.goes_on() => {}
                    said = &mut stop, if told.is_none() => told = Some(said),
                }
                continue;
            }
            let over = Arc::clone(&context.bell);
            let stopped = async move {
                over.ended().await;
                Ok(())
            };
            let mut working = std::pin::pin!(self.monitor(&context).run_with_signal(stopped));
            let worked = tokio::select! {
                worked = &mut working => worked,
                said = &mut stop, if told.is_none() => {
                    told = Some(said);
                    working.await
                }
                // What it waits for is never answered: it is left, and its jobs go on without it.
                () = came_back(&context.database) => {
                    tracing::warn!("the database is back, and the queue is worked anew");
                    continue;
                }
            };
            // What it had begun goes on to its end; it takes nothing new meanwhile.
            if worked.is_ok() && context.bell.is_resting() && !context.bell.is_over() {
                continue;
            }
            self.running.end().await;
            return match (worked, told) {
                (Ok(()), Some(Err(error))) => Err(error.into()),
                (worked, _) => worked,
            };
        }
    }

    /// Workers of a name that nobody had.
    fn monitor(&self, context: &Arc<Context>) -> Monitor {
        let (context, running) = (Arc::clone(context), Arc::clone(&self.running));
        let monitor = Monitor::new().should_restart(|_, _| true).shutdown_timeout(GRACE);
        match self.pool.clone() {
            QueuePool::Sqlite(pool) => monitor.register(move |_| {
                let storage = SqliteStorage::<Ring>::new(&pool).with_config(sqlite_config());
                WorkerBuilder::new(fresh_name())
                    .backend(storage.poll_with_strategy(Every::new()))
                    .data(Arc::clone(&context))
                    .data(Arc::clone(&running))
                    .parallelize(tokio::spawn)
                    .concurrency(AT_ONCE)
                    .build(answer)
            }),
            QueuePool::Postgres(pool) => monitor.register(move |_| {
                let storage = PostgresStorage::<Ring>::new(&pool).with_config(postgres_config());
                WorkerBuilder::new(fresh_name())
                    .backend(storage.poll_with_strategy(Every::new()))
                    .data(Arc::clone(&context))
                    .data(Arc::clone(&running))
                    .parallelize(tokio::spawn)
                    .concurrency(AT_ONCE)
                    .build(answer)
            }),
        }
    }
}

/// Ends when a database that could not be reached can be reached again.
async fn came_back(database: &Database) {
    let mut was_away = false;
    loop {
        tokio::time::sleep(DATABASE_LOOK).await;
        match reach::look(database).await {
            Reach::Away => was_away = true,
            _ if was_away => return,
            Reach::Answers | Reach::Slow => {}
        }
    }
}

fn sqlite_config() -> apalis_sqlite::Config {
    apalis_sqlite::Config::default().queue(QUEUE)
}

fn postgres_config() -> apalis_postgres::Config {
    apalis_postgres::Config::default().queue(QUEUE)
}

/// A name used before would find its own dead self: see the queue's heartbeat.
fn fresh_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static STARTS: AtomicU64 = AtomicU64::new(0);
    format!("{}:{}", holder::name(), STARTS.fetch_add(1, Ordering::Relaxed))
}

/// Answers a ring. What fails is told here, and tried again by the next ring, not by the queue. Only what
/// failed since the database was away goes on by itself.
async fn answer(
    ring: Ring,
    context: Data<Arc<Context>>,
    running: Data<Arc<Running>>,
) -> Result<(), BoxDynError> {
    let begun = Instant::now();
    let mut over = running.over.subscribe();
    running.names().push(ring.job.clone());
    let done = tokio::select! {
        done = AssertUnwindSafe(look_until_done(&context, &ring.job)).catch_unwind() => Some(done),
        _ = over.wait_for(|over| *over) => None,
    };
    {
        let mut names = running.names();
        if let Some(at) = names.iter().position(|name| *name == ring.job) {
            names.swap_remove(at);
        }
    }
    let Some(done) = done else {
        tracing::warn!(
            job = ring.job,
            "a job was broken off by the stop; the next start takes it up"
        );
        return Ok(());
    };
    let duration_ms = begun.elapsed().as_millis() as u64;
    match done {
        Ok(Ok(counts)) => tracing::info!(job = ring.job, duration_ms, %counts, "a job is done"),
        Ok(Err(error)) => tracing::error!(job = ring.job, duration_ms, %error, "a job failed"),
        Err(_) => {
            tracing::error!(job = ring.job, duration_ms, "a job broke off: this is our fault");
            return Err(AbortError::new("the job broke off").into());
        }
    }
    Ok(())
}

/// A job that the database failed goes on when it is back: nobody rings for it a second time.
async fn look_until_done(context: &Context, name: &str) -> Result<serde_json::Value, AppError> {
    loop {
        match look(context, name).await {
            Err(
                AppError::Store(StoreError::Unavailable(cause))
                | AppError::Job(JobError::Store(StoreError::Unavailable(cause))),
            ) if !context.bell.is_over() => {
                tracing::warn!(job = name, cause, "a job waits for the database");
                tokio::select! {
                    () = context.clock.pause(AGAIN_MS) => {}
                    () = context.bell.over() => {}
                }
            }
            done => return done,
        }
    }
}

async fn look(context: &Context, name: &str) -> Result<serde_json::Value, AppError> {
    let job = context.job(name)?;
    Ok(match job.action {
        Action::Ingest => Box::pin(run::run_ingest(context, job)).await?.json()["total"].take(),
        // Somebody is at it all the time, and only has to be woken.
        Action::Deliver if context.bell.is_attended(&job.connector.value) => {
            context.bell.ring();
            serde_json::Value::Null
        }
        Action::Deliver => run::run_deliver(context, job).await?.json()["total"].take(),
    })
}

/// Looks at the queue by an interval. The library's own can lose its wake-up.
struct Every(tokio::time::Interval);

impl Every {
    fn new() -> Every {
        let mut interval = tokio::time::interval(LOOK);
        interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Every(interval)
    }
}

impl PollStrategy for Every {
    fn poll_drive(
        &mut self,
        cx: &mut std::task::Context<'_>,
        _: &PollSnapshot,
    ) -> Poll<Option<()>> {
        let mut due = false;
        // Polled until it is pending, so that the waker is registered.
        while self.0.poll_tick(cx).is_ready() {
            due = true;
        }
        if due { Poll::Ready(Some(())) } else { Poll::Pending }
    }
}
