//! `viaduct serve`: works the queue, fires schedules, answers the API and opens payment links, until it is
//! told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::api::Api;
use super::context::{AppError, Context};
use super::inbox::FrontDesk;
use super::own_thread::OwnThread;
use super::senders::Senders;
use super::worker::Doorbell;
use super::{jobs, links, nodes, scheduler, users};
use crate::job::bulk;
use crate::store;
use crate::store::batches;
use crate::store::database::StoreError;
use crate::store::keys;
use crate::store::queue::QueuePool;
use crate::store::staff;
use crate::web::api::door::InFront;
use crate::web::api::routes::ROOT;
use crate::web::inbound::{ROOT as IN, Reception};
use crate::web::pay::Desk;
use crate::web::server::Listening;

const UNDONE_AGAIN_MS: i64 = 2_000;
/// So long a start waits for that look; then it goes on beside the rest.
const UNDONE_FIRST: Duration = Duration::from_secs(3);
/// What can wait begins when the start is over: all at once would each open a connection.
const START_MS: i64 = 1_000;

/// Serves until SIGTERM or Ctrl-C; a job that runs is given time to end.
pub async fn serve(
    mut context: Context,
    listen: SocketAddr,
    in_front: InFront,
) -> Result<(), AppError> {
    let stop = stop()?;
    must_be_shut(&context, listen).await?;
    let listening = take(listen).await?;
    context.around.listening.push(listening.address);
    let doorbell = Doorbell::open(QueuePool::open(&context.database).await?).await?;
    let context = Arc::new(context);
    eprint!("{}", overview(&context));
    for line in unopened(&context) {
        eprintln!("warning: {line}");
    }
    if jobs::is_running_out(&context) {
        eprintln!("warning: {}", jobs::running_out());
    }
    if let Some(Err(error)) = context.provider() {
        eprintln!("warning: sign_in.toml: nobody can sign in with the council's accounts: {error}");
    }
    eprintln!("  the screens are on {}", listening.url());
    if staff::all(&context.database).await?.is_empty() {
        eprintln!("    nobody may sign in yet: viaduct users invite NAME --role administrator");
    }
    eprintln!("  the API answers on {}{ROOT}", listening.url());
    if links::are_served(&context) {
        eprintln!("  payment links are opened on {}", listening.url());
    }
    let desk = Arc::clone(&context) as Arc<dyn Desk>;
    let api = Arc::new(Api::new(Arc::clone(&context), doorbell.clone()));
    let front = OwnThread::open("front")?;
    let sending = OwnThread::open("sending")?;
    let front_desk = Arc::new(FrontDesk::open(&context, &front.handle()));
    for connector in front_desk.names() {
        eprintln!("  {connector} calls us on {}{IN}/{connector}", listening.url());
    }
    let reception = Arc::clone(&front_desk) as Arc<dyn Reception>;
    let beating = tokio::spawn(nodes::beat_always(Arc::clone(&context), listening.url()));
    let pages = {
        let _within = front.handle().enter();
        listening.serve_with_api(desk, api, reception, in_front)
    };
    // Before any job begins: later it would be found among what is being done.
    let looked = tokio::time::timeout(UNDONE_FIRST, ring_for_undone(&context, &doorbell)).await;
    let looked = looked.unwrap_or_else(|_| {
        Err(AppError::Store(StoreError::Unavailable("it does not answer".to_owned())))
    });
    let undone = tokio::spawn(take_up_undone(Arc::clone(&context), doorbell.clone(), looked));
    let bulk = tokio::spawn(take_up_bulk(Arc::clone(&context)));
    let forgetting = tokio::spawn({
        let context = Arc::clone(&context);
        async move {
            context.clock.pause(START_MS).await;
            users::forget_always(context).await;
        }
    });
    let senders = Senders::start(&context, &sending.handle());
    let bell = Arc::clone(&context.bell);
    let stop = async move {
        let told = stop.await;
        bell.end();
        told
    };
    let clock = tokio::spawn(scheduler::keep_time(Arc::clone(&context), doorbell.clone()));
    let worked = doorbell.work(Arc::clone(&context), stop).await;
    clock.abort();
    undone.abort();
    bulk.abort();
    forgetting.abort();
    senders.end().await;
    beating.abort();
    nodes::leave(&context).await;
    pages.abort();
    front_desk.end().await;
    // Connections to PostgreSQL may be bound to them: they go when those are gone.
    context.database.close().await;
    drop((front, sending));
    worked.map_err(|error| {
        AppError::Store(StoreError::Unavailable(format!("the queue's worker ended: {error}")))
    })
}

/// Rings for what a stop left undone, which is found by looking, not by remembering; where the database does
/// not answer, until it does.
async fn take_up_undone(
    context: Arc<Context>,
    doorbell: Doorbell,
    mut looked: Result<(), AppError>,
) {
    while let Err(error) = looked {
        tracing::warn!(%error, "what was left undone cannot be looked at");
        context.clock.pause(UNDONE_AGAIN_MS).await;
        looked = ring_for_undone(&context, &doorbell).await;
    }
}

async fn ring_for_undone(context: &Context, doorbell: &Doorbell) -> Result<(), AppError> {
    for job in batches::unfinished_jobs(&context.database).await? {
        if context.catalogue.jobs.contains_key(&job) {
            doorbell.ring(&job).await?;
        }
    }
    Ok(())
}

/// Goes on with bulk actions whose worker is gone, of this node or another.
async fn take_up_bulk(context: Arc<Context>) {
    context.clock.pause(START_MS).await;
    loop {
        context.bell.goes_on().await;
        let since_ms = context.clock.now_ms() - bulk::STANDS_STILL_MS;
        match store::bulk::standing_still(&context.database, since_ms).await {
            Ok(found) => {
                for id in found {
                    if let Err(error) = super::bulk::work_on(&context, id).await {
                        tracing::warn!(bulk.id = id, cause = %error, "a bulk action stands still");
                    }
                }
            }
            Err(error) => tracing::warn!(cause = %error, "bulk actions cannot be looked at"),
        }
        context.clock.pause(bulk::STANDS_STILL_MS / 3).await;
    }
}

/// An address that others reach is not listened on before there is a key: the API would be theirs.
async fn must_be_shut(context: &Context, listen: SocketAddr) -> Result<(), AppError> {
    let open = !listen.ip().is_loopback()
        && !keys::any_live(&context.database, context.clock.now_ms()).await?;
    match open {
        true => Err(AppError::Stands(format!(
            "{listen} can be reached from other machines, and there is no key that anybody would have to \
             show: make one first with `viaduct keys add NAME --scope read`, or listen on 127.0.0.1"
        ))),
        false => Ok(()),
    }
}

/// The port that we are reached on, or what to do about it.
async fn take(listen: SocketAddr) -> Result<Listening, AppError> {
    Listening::on(listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => AppError::NotThere(format!(
            "{listen} is taken by another program: name another address with `--listen`, such as \
             `--listen 127.0.0.1:0` for any that is free"
        )),
        _ => AppError::Io { what: format!("{listen} cannot be listened on"), error },
    })
}

/// The jobs there are, and when each comes next.
fn overview(context: &Context) -> String {
    format!("Serving. Stop with Ctrl-C.\n{}", jobs::list(context).1)
}

/// The connectors that cannot be opened now, and why: their jobs fail until that is mended.
fn unopened(context: &Context) -> Vec<String> {
    let connectors = context.catalogue.connectors.values();
    let failed = connectors.filter_map(|connector| {
        let error = context.unopened(connector)?;
        Some(format!("the connector `{}` cannot be opened: {error}", connector.name))
    });
    failed.collect()
}

/// Ends when we are told to stop. Listens from now on, whenever it is waited for.
fn stop() -> Result<impl Future<Output = std::io::Result<()>> + Send, AppError> {
    use tokio::signal::unix::{SignalKind, signal};
    let listen = |kind| {
        let what = || "signals cannot be listened to".to_owned();
        signal(kind).map_err(|error| AppError::Io { what: what(), error })
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        Ok(())
    })
}
