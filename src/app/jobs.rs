//! `viaduct jobs`: what there is to do, and when it is done next.

use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::access::actor::Actor;
use crate::job::definition::{Action, JobDefinition};
use crate::record::moment::Moment;
use crate::store::audit::{self, Entry};

/// Every job, by its name.
pub fn list(context: &Context) -> (Value, String) {
    let now_ms = context.clock.now_ms();
    let jobs = context.catalogue.jobs.values();
    let json = jobs.clone().map(|job| {
        json!({
            "job": job.name,
            "action": match job.action {
                Action::Ingest => "ingest",
                Action::Deliver => "deliver",
            },
            "connector": job.connector.value,
            "next": next_ms(job, now_ms).map(Moment),
            "next_runs": next_runs(job, now_ms),
        })
    });
    (json.collect(), jobs.map(|job| line(job, now_ms)).collect())
}

/// `  ingest-revenues          next Fri 27 Nov 2026, 02:30 GMT`
fn line(job: &JobDefinition, now_ms: i64) -> String {
    let said = job
        .schedule
        .as_ref()
        .and_then(|schedule| Some(Moment(next_ms(job, now_ms)?).said(schedule.zone())));
    let said = said.unwrap_or_else(|| "when it is told to".to_owned());
    format!("  {:<24} next {said}\n", job.name)
}

/// The next ten.
fn next_runs(job: &JobDefinition, now_ms: i64) -> Vec<Moment> {
    const MANY: usize = 10;
    let runs = job.schedule.as_ref().map(|schedule| schedule.next_after(now_ms, MANY));
    runs.unwrap_or_default().into_iter().map(Moment).collect()
}

fn next_ms(job: &JobDefinition, now_ms: i64) -> Option<i64> {
    job.schedule.as_ref()?.next_after(now_ms, 1).into_iter().next()
}

/// Puts down who has a job run by hand.
pub async fn asked(context: &Context, job: &str, actor: &Actor) -> Result<(), AppError> {
    let asked = Entry {
        actor: actor.as_str(),
        action: "run",
        target: format!("job {job}"),
        reason: None,
        details: None,
    };
    Ok(audit::write_alone(&context.database, &asked, context.clock.now_ms()).await?)
}
