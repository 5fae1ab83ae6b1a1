//! `viaduct serve`: works the queue, fires schedules and opens payment links, until it is told to stop.

use std::net::SocketAddr;
use std::sync::Arc;

use super::context::{AppError, Context};
use super::senders::Senders;
use super::worker::Doorbell;
use super::{links, scheduler};
use crate::job::bulk;
use crate::record::moment::Moment;
use crate::store;
use crate::store::batches;
use crate::store::database::StoreError;
use crate::store::queue::QueuePool;
use crate::web::pay::Desk;
use crate::web::server::Listening;

/// Serves until SIGTERM or Ctrl-C; a job that runs is given time to end.
pub async fn serve(mut context: Context, listen: SocketAddr) -> Result<(), AppError> {
    let stop = stop()?;
    let listening = if links::are_served(&context) { Some(take(listen).await?) } else { None };
    context.around.listening.extend(listening.as_ref().map(|port| port.address));
    let doorbell = Doorbell::open(QueuePool::open(&context.database).await?).await?;
    let context = Arc::new(context);
    eprint!("{}", overview(&context));
    for line in unopened(&context) {
        eprintln!("warning: {line}");
    }
    let desk = Arc::clone(&context) as Arc<dyn Desk>;
    let pages = listening.map(|listening| {
        eprintln!("  payment links are opened on {}", listening.url());
        listening.serve(desk)
    });
    // What a stop left undone is found by looking, not by remembering.
    for job in batches::unfinished_jobs(&context.database).await? {
        if context.catalogue.jobs.contains_key(&job) {
            doorbell.ring(&job).await?;
        }
    }
    let bulk = tokio::spawn(take_up_bulk(Arc::clone(&context)));
    let senders = Senders::start(&context);
    let bell = Arc::clone(&context.bell);
    let stop = async move {
        let told = stop.await;
        bell.end();
        told
    };
    let clock = tokio::spawn(scheduler::keep_time(Arc::clone(&context), doorbell.clone()));
    let worked = doorbell.work(Arc::clone(&context), stop).await;
    clock.abort();
    bulk.abort();
    senders.end().await;
    if let Some(pages) = pages {
        pages.abort();
    }
    context.database.close().await;
    worked.map_err(|error| {
        AppError::Store(StoreError::Unavailable(format!("the queue's worker ended: {error}")))
    })
}

/// Goes on with bulk actions whose worker is gone, of this node or another.
async fn take_up_bulk(context: Arc<Context>) {
    loop {
        let since_ms = context.clock.now_ms() - bulk::STANDS_STILL_MS;
        match store::bulk::standing_still(&context.database, since_ms).await {
            Ok(found) => {
                for id in found {
                    if let Err(error) = bulk::work(&context.database, &*context.clock, id).await {
                        tracing::warn!(bulk.id = id, cause = %error, "a bulk action stands still");
                    }
                }
            }
            Err(error) => tracing::warn!(cause = %error, "bulk actions cannot be looked at"),
        }
        context.clock.pause(bulk::STANDS_STILL_MS / 3).await;
    }
}

/// The port for payment links, or what to do about it.
async fn take(listen: SocketAddr) -> Result<Listening, AppError> {
    Listening::on(listen).await.map_err(|error| match error.kind() {
        std::io::ErrorKind::AddrInUse => AppError::NotThere(format!(
            "{listen} is taken by another program: name another address with `--listen`, such as \
             `--listen 127.0.0.1:0` for any that is free"
        )),
        _ => AppError::Io { what: format!("payment links cannot be opened on {listen}"), error },
    })
}

/// The jobs there are, and when each comes next.
fn overview(context: &Context) -> String {
    let now_ms = context.clock.now_ms();
    let mut text = String::from("Serving. Stop with Ctrl-C.\n");
    for job in context.catalogue.jobs.values() {
        let next = job.schedule.as_ref().and_then(|schedule| {
            let slot = schedule.next_after(now_ms, 1).into_iter().next()?;
            Some(Moment(slot).said(schedule.zone()))
        });
        let next = next.unwrap_or_else(|| "when it is told to".to_owned());
        text.push_str(&format!("  {:<24} next {next}\n", job.name));
    }
    text
}

/// The connectors that cannot be opened now, and why: their jobs fail until that is mended.
fn unopened(context: &Context) -> Vec<String> {
    let connectors = context.catalogue.connectors.values();
    let failed = connectors.filter_map(|connector| {
        let source = connector.settings.source(&context.around).and_then(Result::err);
        let destination = connector.settings.destination(&context.around).and_then(Result::err);
        let error = source.or(destination)?;
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
