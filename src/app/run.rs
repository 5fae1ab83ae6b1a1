//! Jobs, run once: `viaduct run JOB` does one now, in this process, with a progress bar.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use serde_json::{Map, Value, json};

use super::context::{AppError, Context};
use super::holder;
use super::report::{RunReport, states};
use crate::job::definition::JobDefinition;
use crate::job::deliver::{Deliver, Report, deliver};
use crate::job::error::JobError;
use crate::job::holds;
use crate::job::ingest::{Watch, ingest};
use crate::record::moment::Moment;
use crate::store::due::{self, Stopped};
use crate::store::outbox;

/// How many causes are named for which deliveries wait.
const CAUSES: i64 = 5;

/// Runs an ingest job; the bar is drawn on standard error, and only on a terminal. One ingest at a
/// time: matching must see every party that is there.
pub async fn run_ingest(context: &Context, job: &JobDefinition) -> Result<RunReport, AppError> {
    let ready = context.ingest(job).await?;
    let held = holder::Held::take(context, "ingest").await?;
    let mut bench = context.bench();
    let drawing = tokio::spawn(draw(Arc::clone(&bench.watch), job.name.clone()));
    let done = ingest(&ready, &mut bench).await;
    drawing.abort();
    held.release().await?;
    let refused = match &done {
        Err(JobError::Connector(error)) => Some(error),
        _ => None,
    };
    if done.is_ok() || refused.is_some() {
        context.sign_ins.ended(&job.connector.value, refused, context.clock.now_ms());
    }
    holds::warn_of_nobody(&context.database, context.clock.now_ms()).await?;
    context.bell.ring();
    let done = done?;
    // What was done is done, whether or not the folder can be looked at once more.
    let ignored = ready.source.ignored().await.unwrap_or_else(|error| {
        tracing::warn!(job = job.name, %error, "what was left alone cannot be counted");
        Vec::new()
    });
    RunReport::of(&context.database, done, ignored).await
}

async fn draw(watch: Arc<Watch>, job: String) {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg} [{elapsed}]") {
        bar.set_style(style);
    }
    bar.set_prefix(job);
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        bar.set_message(format!(
            "{} records read, {} new or changed, {} resolved",
            count(&watch.records_read),
            count(&watch.records_staged),
            count(&watch.records_resolved)
        ));
        bar.tick();
    }
}

/// What a deliver job did, and how its destination's deliveries stand now.
pub struct Sent {
    report: Report,
    states: Vec<(String, i64)>,
    stopped: Vec<Stopped>,
    now_ms: i64,
}

impl Sent {
    /// For machines.
    pub fn json(&self) -> Value {
        let states: Map<String, Value> =
            self.states.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
        let stopped: Vec<Value> = (self.stopped.iter())
            .map(|one| {
                json!({
                    "state": one.state, "cause": one.cause, "count": one.many,
                    "next": Moment(one.next_ms),
                })
            })
            .collect();
        json!({ "total": self.report, "deliveries": states, "stopped": stopped })
    }

    /// For people.
    pub fn text(&self) -> String {
        let report = &self.report;
        if report.busy {
            return "Another process is sending to this destination; nothing was done.\n"
                .to_owned();
        }
        let mut text = format!(
            "  sent      {} taken, {} come to their end, {} asked after, {} to be sent later, {} held\n  \
             stand     {}\n",
            report.accepted,
            report.delivered,
            report.asked,
            report.waiting,
            report.held,
            states(&self.states)
        );
        for Stopped { state, cause, many, next_ms } in &self.stopped {
            let next = match *next_ms <= self.now_ms {
                true => "next when the job runs".to_owned(),
                false => format!("next at {}", Moment(*next_ms).time_said(self.now_ms)),
            };
            text.push_str(&format!("  {state:<9} {many} × {cause}; {next}\n"));
        }
        text
    }
}

/// Runs a deliver job until nothing is due, and waits a little for final words.
pub async fn run_deliver(context: &Context, job: &JobDefinition) -> Result<Sent, AppError> {
    let ready = context.deliver(job)?;
    holds::warn_of_nobody(&context.database, context.clock.now_ms()).await?;
    let patience_ms = ready.patience.run_ms;
    let report = deliver_now(context, ready, patience_ms).await?;
    let states = outbox::counts_of_destination(&context.database, &job.connector.value).await?;
    let stopped = due::stopped(&context.database, &job.connector.value, CAUSES).await?;
    Ok(Sent { report, states, stopped, now_ms: context.clock.now_ms() })
}

/// Does a deliver job that is ready, and waits no longer than that when there is nothing else to do.
pub async fn deliver_now(
    context: &Context,
    ready: Deliver,
    patience_ms: i64,
) -> Result<Report, AppError> {
    Ok(deliver(&ready, &context.bench(), patience_ms).await?)
}
