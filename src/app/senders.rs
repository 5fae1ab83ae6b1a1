//! Those who send, for as long as `viaduct serve` runs: one for each deliver job that has no schedule. One
//! that has keeps to it: nobody wants a text message at three in the morning.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::context::{AppError, Context};
use super::holder;
use crate::job::definition::{Action, JobDefinition};
use crate::job::deliver::{Report, attend};
use crate::job::error::JobError;
use crate::job::fail_point::Safeguard;
use crate::job::ingest::Bench;
use crate::store::database::Database;
use crate::store::{leases, ringing};

/// How soon one that failed is begun again: where the database was away, or the lease another's; and where
/// somebody has to mend something first.
const AGAIN_MS: i64 = 1_000;
const MENDED_MS: i64 = 15_000;
/// How long a stop waits for what is being sent. What is left then is asked about by the next start.
const GRACE: Duration = Duration::from_secs(25);

/// All of them.
pub struct Senders {
    context: Arc<Context>,
    /// As each reaches it.
    databases: Vec<Database>,
    tasks: Vec<JoinHandle<()>>,
    listening: JoinHandle<()>,
}

impl Senders {
    /// They send on the thread of this handle.
    pub fn start(context: &Arc<Context>, sending: &Handle) -> Senders {
        let jobs = context.jobs(Action::Deliver).filter(|job| job.schedule.is_none());
        let (mut databases, mut tasks) = (Vec::new(), Vec::new());
        for job in jobs {
            context.bell.attend(&job.connector.value);
            let database = {
                let _within = sending.enter();
                context.database.apart()
            };
            databases.push(database.clone());
            tasks.push(sending.spawn(send_always(Arc::clone(context), database, job.clone())));
        }
        let listening = tokio::spawn(listen_always(Arc::clone(context)));
        Senders { context: Arc::clone(context), databases, tasks, listening }
    }

    /// Ends them: what is being sent is ended, what was only claimed is given back, and nothing stays
    /// leased.
    pub async fn end(self) {
        self.listening.abort();
        self.context.bell.end();
        let aborts: Vec<_> = self.tasks.iter().map(JoinHandle::abort_handle).collect();
        let grace = if Safeguard::Ending.is_off() { Duration::ZERO } else { GRACE };
        if tokio::time::timeout(grace, join_all(self.tasks)).await.is_err() {
            tracing::warn!("what is being sent is broken off; the next start asks about it");
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
        if let Err(error) = leases::release_all(&self.context.database, &holder::name()).await {
            tracing::warn!(%error, "leases could not be given back, and run out by themselves");
        }
        join_all(self.databases.iter().map(Database::close_apart)).await;
    }
}

/// Sends until it is over. What fails is said, and begun again.
async fn send_always(context: Arc<Context>, database: Database, job: JobDefinition) {
    let mut is_first = true;
    while !context.bell.is_over() {
        if context.bell.is_resting() {
            context.bell.goes_on().await;
            continue;
        }
        let sending = AssertUnwindSafe(send(&context, &database, &job, is_first));
        let sending = sending.catch_unwind().await;
        is_first = false;
        let again_ms = match sending {
            Ok(Ok(report)) => {
                let counts = serde_json::to_value(&report).unwrap_or_default();
                tracing::info!(job = job.name, %counts, "sending ended");
                AGAIN_MS
            }
            Ok(Err(error)) => {
                tracing::error!(job = job.name, %error, "sending failed");
                let store = matches!(error, AppError::Store(_) | AppError::Job(JobError::Store(_)));
                if store { AGAIN_MS } else { MENDED_MS }
            }
            Err(_) => {
                tracing::error!(job = job.name, "sending broke off: this is our fault");
                MENDED_MS
            }
        };
        tokio::select! {
            () = context.clock.pause(again_ms) => {}
            () = context.bell.over() => {}
        }
    }
}

async fn send(
    context: &Context,
    database: &Database,
    job: &JobDefinition,
    is_first: bool,
) -> Result<Report, AppError> {
    let ready = context.deliver(job)?;
    let bench = Bench { database: database.clone(), ..context.bench() };
    Ok(attend(&ready, &bench, is_first).await?)
}

/// Hears the bell of other nodes.
async fn listen_always(context: Arc<Context>) {
    loop {
        if let Err(error) = ringing::listen(&context.database, || context.bell.ring()).await {
            tracing::warn!(%error, "the bell of other nodes cannot be heard");
        }
        context.clock.pause(AGAIN_MS).await;
    }
}
