//! When jobs happen: slots of schedules, each fired once whichever node gets to it.

use std::sync::Arc;
use std::time::Duration;

use super::context::{AppError, Context};
use super::holder;
use super::worker::Doorbell;
use crate::store::queue;
use crate::store::schedules;

const LOOK: Duration = Duration::from_secs(1);
/// Slots looked at after a long stop. Older ones are passed over: the newest alone is run.
const SLOTS_MAX: usize = 1_000;

/// Fires schedules until it is dropped.
pub async fn keep_time(context: Arc<Context>, doorbell: Doorbell) {
    let began_ms = context.clock.now_ms();
    loop {
        // Another node fires what comes meanwhile.
        context.bell.goes_on().await;
        if let Err(error) = fire_due(&context, &doorbell, began_ms).await {
            tracing::error!(%error, "schedules could not be looked at");
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Rings for every job whose slot has come. After a stop the newest missed slot is run, once.
pub async fn fire_due(
    context: &Context,
    doorbell: &Doorbell,
    began_ms: i64,
) -> Result<(), AppError> {
    let now_ms = context.clock.now_ms();
    let paused = schedules::paused(&context.database).await?;
    for job in context.catalogue.jobs.values() {
        let Some(schedule) = &job.schedule else { continue };
        let after = queue::last_slot(&context.database, &job.name).await?.unwrap_or(began_ms);
        let slots = schedule.next_after(after, SLOTS_MAX);
        let Some(slot_ms) = slots.into_iter().take_while(|slot| *slot <= now_ms).last() else {
            continue;
        };
        // What comes while it stands still is passed over, and not made up for when it goes on.
        if paused.iter().any(|pause| pause.job == job.name) {
            schedules::pass_over(&context.database, &job.name, slot_ms, now_ms).await?;
            continue;
        }
        let slot = (job.name.as_str(), slot_ms);
        if queue::claim_slot(&context.database, slot, &holder::name(), now_ms).await? {
            doorbell.ring(&job.name).await?;
        }
    }
    Ok(())
}
