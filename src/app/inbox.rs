//! The inbox: keeps what systems push to us, many calls with one commit, and has it read.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, oneshot};
use tokio::task::JoinHandle;
use xxhash_rust::xxh3::xxh3_64;

use super::context::{AppError, Context};
use super::run;
use crate::connector::channel::{ConnectorError, Taken};
use crate::connector::http_receive::mark;
use crate::connector::receiving::{Inbox, Intake, Post, Receiver};
use crate::job::clock::Clock;
use crate::job::definition::{Action, JobDefinition};
use crate::record::moment::Moment;
use crate::store::audit::{self, Entry};
use crate::store::database::{Database, StoreError};
use crate::store::inbox::{self, Hinted, IntakeRow, Kept, NewPost, PostRow};
use crate::web::api::call::Caller;
use crate::web::inbound::{Arrived, Reception};

/// So many calls are kept with one commit.
const AT_ONCE: usize = 512;
/// How long others are waited for, where several called just before.
const GATHER_MS: i64 = 1;
/// So many wait for it at most.
const WAITING: usize = 4_096;
/// How soon what came by another node is looked for, and what could not be read is tried again.
const LOOK_MS: i64 = 2_000;
/// What was held whole is read again after this: its definition may have been mended.
const AGAIN_MS: i64 = 3_600_000;
/// For how long names of calls are known.
const NAMES_MS: i64 = 30 * 86_400_000;
/// How long a stop waits for what is being kept and read.
const GRACE: Duration = Duration::from_secs(25);
const FORGET_EACH_MS: i64 = 3_600_000;
const FORGET_MOST: i64 = 10_000;

/// The calls of one connector, as its source reads them.
pub struct StoredInbox {
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub source: String,
}

fn unavailable(error: StoreError) -> ConnectorError {
    ConnectorError::Unavailable { cause: error.to_string(), retry_after_ms: None }
}

#[async_trait]
impl Inbox for StoredInbox {
    async fn intakes(&self, versioned: bool) -> Result<Vec<Intake>, ConnectorError> {
        let now_ms = self.clock.now_ms();
        let found = inbox::intakes(&self.database, &self.source, versioned, now_ms).await;
        let intake = |IntakeRow { id, first, last, bytes }| Intake {
            id,
            first,
            last,
            bytes: bytes.unsigned_abs(),
        };
        Ok(found.map_err(unavailable)?.into_iter().map(intake).collect())
    }

    async fn posts(&self, intake: i64, beyond: i64) -> Result<Vec<Post>, ConnectorError> {
        let found = inbox::posts(&self.database, intake, beyond).await.map_err(unavailable)?;
        Ok(found.into_iter().map(|(id, body)| Post { id, body }).collect())
    }

    async fn end(&self, intake: i64, taken: Taken) -> Result<(), ConnectorError> {
        let now_ms = self.clock.now_ms();
        let again_ms = (taken == Taken::Held).then_some(now_ms + AGAIN_MS);
        inbox::end(&self.database, intake, again_ms, now_ms).await.map_err(unavailable)
    }
}

/// A call with the room that it takes in memory, and whoever is to be told.
struct Waiting {
    post: NewPost,
    room: OwnedSemaphorePermit,
    teller: oneshot::Sender<Result<Kept, StoreError>>,
}

/// Whoever takes calls in, and has them read.
pub struct FrontDesk {
    context: Arc<Context>,
    receivers: HashMap<String, Arc<Receiver>>,
    sender: mpsc::Sender<Waiting>,
    /// Nothing more is kept.
    over: Arc<Notify>,
    forgetting: JoinHandle<()>,
    /// Whoever keeps, and those who read.
    working: Mutex<Vec<JoinHandle<()>>>,
}

impl FrontDesk {
    /// Opens the doors that can be opened, and reads what comes in by them. Calls are kept by the runtime that
    /// answers them.
    pub fn open(context: &Arc<Context>, answering: &Handle) -> FrontDesk {
        let mut receivers = HashMap::new();
        for connector in context.catalogue.connectors.values() {
            match connector.settings.receiver(&context.around) {
                Some(Ok(receiver)) => {
                    receivers.insert(connector.name.clone(), Arc::new(receiver));
                }
                Some(Err(error)) => {
                    let connector = &connector.name;
                    tracing::error!(connector, %error, "a system cannot call us");
                }
                None => {}
            }
        }
        let (sender, waiting) = mpsc::channel(WAITING);
        let over = Arc::new(Notify::new());
        let keeping = keep_always(Arc::clone(context), waiting, Arc::clone(&over));
        let keeping = answering.spawn(keeping);
        let forgetting = tokio::spawn(forget_always(Arc::clone(context)));
        let reads = |job: &&JobDefinition| {
            let receiver = receivers.get(&job.connector.value);
            job.schedule.is_none() && receiver.is_some_and(|open| open.hint.is_none())
        };
        let jobs = context.jobs(Action::Ingest).filter(reads);
        let reading = jobs.map(|job| tokio::spawn(read_always(Arc::clone(context), job.clone())));
        let working = Mutex::new(std::iter::once(keeping).chain(reading).collect());
        let context = Arc::clone(context);
        FrontDesk { context, receivers, sender, over, forgetting, working }
    }

    /// The connectors that call us.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.receivers.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Ends what it does: what was kept is kept, and what is being read is read to its end, or taken up by the
    /// next start.
    pub async fn end(&self) {
        self.forgetting.abort();
        // What is being written is written, and told: whoever was told nothing sends it again.
        self.over.notify_one();
        let working =
            std::mem::take(&mut *self.working.lock().unwrap_or_else(PoisonError::into_inner));
        let aborts: Vec<_> = working.iter().map(JoinHandle::abort_handle).collect();
        if tokio::time::timeout(GRACE, join_all(working)).await.is_err() {
            aborts.iter().for_each(tokio::task::AbortHandle::abort);
        }
    }
}

/// Keeps what comes, as much at once as there is, until it is over.
async fn keep_always(
    context: Arc<Context>,
    mut waiting: mpsc::Receiver<Waiting>,
    over: Arc<Notify>,
) {
    let mut some = Vec::with_capacity(AT_ONCE);
    let (mut many, mut last_ms) = (false, 0);
    loop {
        tokio::select! {
            biased;
            () = over.notified() => return,
            more = waiting.recv_many(&mut some, AT_ONCE) => if more == 0 { return },
        }
        if many {
            // Who was answered together calls again together: a moment later one commit does for all of them.
            context.clock.pause(GATHER_MS).await;
            while some.len() < AT_ONCE
                && let Ok(next) = waiting.try_recv()
            {
                some.push(next);
            }
        }
        many = some.len() > 1;
        // The room is let go when its call is kept, whoever still waits for that.
        let (mut posts, mut tellers, mut rooms) = (Vec::new(), Vec::new(), Vec::new());
        for Waiting { post, room, teller } in some.drain(..) {
            posts.push(post);
            tellers.push(teller);
            rooms.push(room);
        }
        let is_hint = posts.iter().any(|post: &NewPost| post.hint.is_some());
        last_ms = context.clock.now_ms().max(last_ms + 1);
        let kept = inbox::keep(&context.database, posts, last_ms).await;
        drop(rooms);
        match kept {
            Ok(kept) => {
                for (teller, kept) in tellers.into_iter().zip(kept) {
                    // Whoever called may have gone; it is kept all the same.
                    let _ = teller.send(Ok(kept));
                }
                context.arrived.notify_waiters();
                if is_hint {
                    context.bell.ring();
                }
            }
            Err(error) => {
                let cause = error.to_string();
                for teller in tellers {
                    let _ = teller.send(Err(StoreError::Unavailable(cause.clone())));
                }
            }
        }
    }
}

/// Reads what was kept for one job, whenever there is anything.
async fn read_always(context: Arc<Context>, job: JobDefinition) {
    let source = &job.connector.value;
    while !context.bell.is_over() {
        if context.bell.is_resting() {
            context.bell.goes_on().await;
            continue;
        }
        let arrived = context.arrived.notified();
        let now_ms = context.clock.now_ms();
        match inbox::any_waiting(&context.database, source, now_ms).await {
            Ok(true) => match Box::pin(run::run_ingest(&context, &job)).await {
                Ok(_) => continue,
                Err(error) => {
                    tracing::error!(job = job.name, %error, "what came in could not be read");
                    context.clock.pause(LOOK_MS).await;
                }
            },
            Ok(false) => {
                tokio::select! {
                    () = arrived => {}
                    () = context.clock.pause(LOOK_MS) => {}
                    () = context.bell.ended() => {}
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the inbox cannot be looked at");
                context.clock.pause(LOOK_MS).await;
            }
        }
    }
}

/// Forgets the names of calls that were read long ago: some each hour, and more where there are more.
async fn forget_always(context: Arc<Context>) {
    loop {
        let before_ms = context.clock.now_ms() - NAMES_MS;
        match inbox::forget(&context.database, before_ms, FORGET_MOST).await {
            Ok(gone) if gone == FORGET_MOST.unsigned_abs() => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "names of old calls could not be forgotten"),
        }
        context.clock.pause(FORGET_EACH_MS).await;
    }
}

#[async_trait]
impl Reception for FrontDesk {
    fn receiver(&self, connector: &str) -> Option<Arc<Receiver>> {
        self.receivers.get(connector).map(Arc::clone)
    }

    async fn keep(&self, arrived: Arrived) -> Result<Kept, StoreError> {
        let (post, room) = post_of(arrived);
        let (teller, told) = oneshot::channel();
        let full = || StoreError::Unavailable("too many calls wait to be kept".to_owned());
        self.sender.try_send(Waiting { post, room, teller }).map_err(|_| full())?;
        told.await.map_err(|_| StoreError::Unavailable("the hub is stopping".to_owned()))?
    }

    async fn stands(
        &self,
        connector: &str,
        id: i64,
    ) -> Result<Option<(PostRow, Value)>, StoreError> {
        let database = &self.context.database;
        let Some(row) = inbox::find(database, id).await? else { return Ok(None) };
        let batch = match row.intake_id {
            Some(intake) => inbox::batch_of(database, connector, &mark(intake)).await?,
            None => None,
        };
        let stands = match (&batch, row.taken_ms) {
            (None, None) => json!({ "state": "waiting", "received": Moment(row.received_ms) }),
            (batch, taken_ms) => json!({
                "state": if taken_ms.is_some() { "read" } else { "waiting" },
                "received": Moment(row.received_ms),
                "read": taken_ms.map(Moment),
                "batch": batch.as_ref().map(|batch| json!({
                    "id": batch.id, "state": batch.state, "code": batch.cause_code,
                    "cause": batch.cause, "rows_in": batch.rows_in,
                    "published": batch.published, "unchanged": batch.unchanged,
                    "held": batch.held, "filtered": batch.filtered,
                })),
            }),
        };
        Ok(Some((row, stands)))
    }

    async fn was_refused(&self, caller: &Caller, connector: &str, id: i64) {
        let actor = caller.actor.to_string();
        if let Err(error) = refused(&self.context, &actor, connector, id).await {
            tracing::error!(%error, actor, call.id = id, "what was refused could not be put down");
        }
    }
}

async fn refused(context: &Context, actor: &str, connector: &str, id: i64) -> Result<(), AppError> {
    let mut transaction = context.database.begin_durable().await?;
    let entry = Entry {
        actor,
        action: "refused",
        target: format!("call {id} of {connector}"),
        reason: Some("it is another caller's"),
        details: None,
    };
    audit::write(&mut transaction, &entry, context.clock.now_ms()).await?;
    Ok(transaction.commit().await?)
}

/// Whether something can be known by it: no database keeps a zero byte in a text, and nothing is called so.
fn is_a_name(key: &str) -> bool {
    !key.is_empty() && !key.contains('\0')
}

fn post_of(arrived: Arrived) -> (NewPost, OwnedSemaphorePermit) {
    let Arrived { connector, receiver, sender, key, name, body, kept, rows, told, room } = arrived;
    let digests = rows.iter().flat_map(|row| xxh3_64(row.key.as_bytes()).to_be_bytes()).collect();
    let hint = receiver.hint.as_ref().map(|hint| Hinted {
        destination: hint.destination.clone(),
        by_reference: hint.by_reference,
        names: rows.into_iter().map(|row| row.key).filter(|key| is_a_name(key)).collect(),
    });
    let post = NewPost {
        source: connector,
        sender,
        key,
        name,
        digest: digest(&SHA256, &body).as_ref().to_vec(),
        body: hint.is_none().then_some(kept),
        key_digests: digests,
        told,
        hint,
    };
    (post, room)
}
