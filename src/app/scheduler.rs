//! When jobs happen: slots of schedules, each fired once whichever node gets to it, and a sweep for
//! what no bell rang for.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::context::{AppError, Context};
use super::worker::Doorbell;
use crate::job::definition::Action;
use crate::store::queue;

const LOOK: Duration = Duration::from_secs(1);
/// A destination for which something waits is not rung for again sooner.
const SWEEP_MS: i64 = 15_000;
/// Slots looked at after a long stop. Older ones are passed over: the newest alone is run.
const SLOTS_MAX: usize = 1_000;

/// Fires schedules and sweeps until it is dropped.
pub async fn keep_time(context: Arc<Context>, doorbell: Doorbell) {
    let began_ms = context.clock.now_ms();
    let mut swept: HashMap<String, i64> = HashMap::new();
    loop {
        if let Err(error) = fire_due(&context, &doorbell, began_ms).await {
            tracing::error!(%error, "schedules could not be looked at");
        }
        if let Err(error) = sweep(&context, &doorbell, &mut swept).await {
            tracing::error!(%error, "waiting work could not be looked at");
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
    for job in context.catalogue.jobs.values() {
        let Some(schedule) = &job.schedule else { continue };
        let after = queue::last_slot(&context.database, &job.name).await?.unwrap_or(began_ms);
        let slots = schedule.next_after(after, SLOTS_MAX);
        let Some(slot_ms) = slots.into_iter().take_while(|slot| *slot <= now_ms).last() else {
            continue;
        };
        if queue::claim_slot(&context.database, &job.name, slot_ms, now_ms).await? {
            doorbell.ring(&job.name).await?;
        }
    }
    Ok(())
}

/// Rings for destinations for which something is due. A deliver job that has a schedule keeps to it:
/// nobody wants a text message at three in the morning.
async fn sweep(
    context: &Context,
    doorbell: &Doorbell,
    swept: &mut HashMap<String, i64>,
) -> Result<(), AppError> {
    let now_ms = context.clock.now_ms();
    let due = queue::destinations_due(&context.database, now_ms).await?;
    for job in context.jobs(Action::Deliver).filter(|job| job.schedule.is_none()) {
        let rung_ms = swept.get(&job.name).copied().unwrap_or(i64::MIN);
        if due.contains(&job.connector.value) && now_ms.saturating_sub(rung_ms) >= SWEEP_MS {
            swept.insert(job.name.clone(), now_ms);
            doorbell.ring(&job.name).await?;
        }
    }
    Ok(())
}
