//! `viaduct jobs`: what there is to do, and when it is done next.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::access::actor::Actor;
use crate::job::definition::{Action, JobDefinition};
use crate::record::holiday;
use crate::record::moment::Moment;
use crate::store::audit::{self, Entry};
use crate::store::{queue, schedules};

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
            "bank_holidays": bank_holidays(job, now_ms),
            // Of days after that year nobody here knows.
            "bank_holidays_to": holiday::LAST_YEAR,
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

/// Those of the next ten that are on a bank holiday of England and Wales.
fn bank_holidays(job: &JobDefinition, now_ms: i64) -> Vec<Value> {
    let runs = next_runs(job, now_ms).into_iter();
    let on = runs.filter_map(|at| Some(json!({ "at": at, "day": holiday::of(at.day())? })));
    on.collect()
}

fn next_ms(job: &JobDefinition, now_ms: i64) -> Option<i64> {
    job.schedule.as_ref()?.next_after(now_ms, 1).into_iter().next()
}

/// What may be done with a schedule.
#[derive(Debug, Clone, Subcommand)]
pub enum One {
    /// Have a schedule stand still: what comes meanwhile is passed over
    Pause(Named),
    /// Have it go on
    Resume(Named),
    /// Have the next run of it passed over
    Skip(Named),
}

/// Which schedule, and why.
#[derive(Debug, Clone, Args)]
pub struct Named {
    /// The job's name
    pub job: String,
    /// Why: it stands in the audit log, with your name
    #[arg(long)]
    pub reason: String,
}

/// Does it.
pub async fn answer(
    context: &Context,
    one: &One,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let (One::Pause(named) | One::Resume(named) | One::Skip(named)) = one;
    let job = context.job(&named.job)?;
    let (reason, name) = (named.reason.trim(), job.name.as_str());
    if reason.is_empty() {
        return Err(AppError::Asked("a decision needs its reason: --reason WHY".to_owned()));
    }
    let Some(schedule) = &job.schedule else {
        return Err(AppError::Stands(format!(
            "{name} has no schedule: what it sends is stopped at its destination"
        )));
    };
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let turn = async |goes_on| {
        let by = (goes_on, actor.as_str(), reason);
        schedules::turn(database, name, by, now_ms).await
    };
    let text = match one {
        One::Pause(_) if turn(false).await? => format!("{name} stands still.\n"),
        One::Pause(_) => format!("{name} stood still before.\n"),
        One::Resume(_) if turn(true).await? => format!("{name} goes on.\n"),
        One::Resume(_) => format!("{name} did not stand still.\n"),
        One::Skip(_) => {
            let last = queue::last_slot(database, name).await?.unwrap_or(now_ms);
            let next = schedule.next_after(last.max(now_ms), 1).into_iter().next();
            let next = next.ok_or_else(|| AppError::Stands(format!("{name} never runs again")))?;
            if !schedules::skip(database, (name, next), (actor.as_str(), reason), now_ms).await? {
                return Err(AppError::Stands(format!("{name} runs just now")));
            }
            format!("The run of {name} on {} is passed over.\n", Moment(next))
        }
    };
    Ok((json!({ "job": name, "by": actor.as_str() }), text))
}

/// Days for which it is said what was passed over.
const MISSED_DAYS_MS: i64 = 14 * 24 * 3_600_000;

/// Every job, with how its schedule stands: whether somebody had it stop, and what was or will be passed over.
pub async fn stand(context: &Context) -> Result<(Value, String), AppError> {
    let now_ms = context.clock.now_ms();
    let (mut json, mut text) = list(context);
    let paused = schedules::paused(&context.database).await?;
    let missed = schedules::missed(&context.database, now_ms - MISSED_DAYS_MS).await?;
    for job in json.as_array_mut().into_iter().flatten() {
        let name = job["job"].as_str().unwrap_or_default().to_owned();
        let pause = paused.iter().find(|pause| pause.job == name);
        job["paused"] = json!(pause.map(|pause| {
            json!({ "by": pause.actor, "reason": pause.reason, "since": Moment(pause.since_ms) })
        }));
        let of_it = || missed.iter().filter(|one| one.job == name);
        let skipped = of_it().filter(|one| one.slot_ms > now_ms).map(|one| Moment(one.slot_ms));
        job["skipped"] = json!(skipped.collect::<Vec<_>>());
        let over = of_it().filter(|one| one.slot_ms <= now_ms).take(5);
        let over = over.map(|one| json!({ "at": Moment(one.slot_ms), "why": one.why }));
        job["missed"] = json!(over.collect::<Vec<_>>());
    }
    for job in context.catalogue.jobs.values() {
        for at in next_runs(job, now_ms) {
            if let Some(day) = holiday::of(at.day()) {
                text.push_str(&format!("  {} runs on {day}, {at}\n", job.name));
            }
        }
    }
    if is_running_out(context) {
        text.push_str(&format!("  warning: {}\n", running_out()));
    }
    for pause in &paused {
        text.push_str(&format!(
            "  {} stands still since {}: {} ({})\n",
            pause.job,
            Moment(pause.since_ms),
            pause.reason,
            pause.actor
        ));
    }
    Ok((json, text))
}

/// Before the table of bank holidays ends by so long it is said that it does.
const WARNED_MS: i64 = 90 * 24 * 3_600_000;

/// Whether runs are shown, or soon will be, of which nobody here knows whether they are on a bank holiday.
pub fn is_running_out(context: &Context) -> bool {
    let now_ms = context.clock.now_ms();
    let runs = context.catalogue.jobs.values().flat_map(|job| next_runs(job, now_ms));
    let is_unknown = |at: Moment| holiday::is_unknown(at.day());
    is_unknown(Moment(now_ms + WARNED_MS)) || runs.into_iter().any(is_unknown)
}

/// What is said then.
pub fn running_out() -> String {
    format!(
        "bank holidays are known here to the end of {} alone: a newer version of this program has the next",
        holiday::LAST_YEAR
    )
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
