//! `viaduct batches`: every file, call or replay that was read, what became of it, and one of them
//! whole.

pub mod decide;

use clap::{Subcommand, value_parser};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::decide::Decide;
use super::context::AppError;
use super::report;
use crate::record::moment::Moment;
use crate::store::batches::{self, BatchRow};
use crate::store::database::Database;
use crate::store::{decisions, outbox};

pub const MOST_MAX: i64 = 10_000;

fn most() -> u32 {
    20
}

/// What is listed.
#[derive(Debug, Clone, clap::Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Only batches of this job
    #[arg(long)]
    pub job: Option<String>,
    /// How many, the newest first
    #[arg(long, default_value_t = most(), value_parser = value_parser!(u32).range(1..=MOST_MAX))]
    #[serde(default = "most")]
    pub most: u32,
}

/// How much of a batch is looked at.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Look {
    /// Of its deliveries so many are counted, which is quick however many there are
    pub counted_to: Option<u32>,
}

/// One batch.
#[derive(Debug, Clone, Subcommand)]
pub enum One {
    /// A batch whole: what came in, what became of it, and what was decided about it
    Show {
        /// Its number
        batch: i64,
    },
    /// Take an extract as it is that was held because it is short, or looks like another encoding
    Accept(Decide),
    /// Wait no longer for a batch that was held whole
    Refuse(Decide),
}

/// The newest batches.
pub async fn list(database: &Database, wanted: &Wanted) -> Result<(Value, String), AppError> {
    let rows = batches::newest(database, wanted.job.as_deref(), i64::from(wanted.most)).await?;
    let json = json!(rows.iter().map(line_json).collect::<Vec<_>>());
    if rows.is_empty() {
        let of = wanted.job.as_ref().map(|job| format!(" by `{job}`")).unwrap_or_default();
        return Ok((json, format!("Nothing was read yet{of}.\n")));
    }
    let mut text: String = rows.iter().map(line).collect();
    text.push_str("\nOne of them: viaduct batches show NUMBER\n");
    Ok((json, text))
}

/// One batch.
pub async fn show(
    database: &Database,
    id: i64,
    counted_to: Option<u32>,
) -> Result<(Value, String), AppError> {
    let none = || AppError::NotThere(format!("there is no batch {id}: see `viaduct batches`"));
    let batch = batches::get(database, id).await?.ok_or_else(none)?;
    let made = match counted_to {
        None => outbox::counts_of_batch(database, id).await?,
        Some(most) => outbox::counts_of_batch_to(database, id, i64::from(most)).await?,
    };
    let decision = decisions::of_batch(database, id).await?;
    let mut json = report::of_batch(&batch, &made);
    json["job"] = json!(batch.job);
    json["started"] = json!(Moment(batch.started_ms));
    json["decision"] = json!(decision.as_ref().map(|decision| json!({
        "decided": decision.decided_as,
        "by": decision.decided_by,
        "reason": decision.decided_why,
        "at": Moment(decision.decided_ms),
    })));
    let mut text = report::batch_text(&batch, &made);
    text.push_str(&format!("  came      {} · by {}\n", Moment(batch.started_ms), batch.job));
    if let Some(decision) = decision {
        text.push_str(&format!(
            "  decided   {} by {}, {}: {}\n",
            decision.decided_as,
            decision.decided_by,
            Moment(decision.decided_ms),
            decision.decided_why
        ));
    } else if batch.state == "held" {
        text.push_str(&format!("  where it lies, and what to do: viaduct held show {id}\n"));
    }
    Ok((json, text))
}

fn line_json(batch: &BatchRow) -> Value {
    json!({
        "batch": batch.id,
        "job": batch.job,
        "origin": batch.origin,
        "state": batch.state,
        "cause_code": batch.cause_code,
        "started": Moment(batch.started_ms),
        "rows_in": batch.rows_in,
        "published": batch.published,
        "unchanged": batch.unchanged,
        "held": batch.held,
        "filtered": batch.filtered,
    })
}

fn line(batch: &BatchRow) -> String {
    let BatchRow { id, job, origin, state, started_ms, rows_in, held, .. } = batch;
    let code = batch.cause_code.as_ref().map(|code| format!(" · {code}")).unwrap_or_default();
    let rows = match (*rows_in, *held) {
        (rows_in, 0) => format!("{rows_in} rows"),
        (rows_in, held) if rows_in == held => format!("{rows_in} rows, all held"),
        (rows_in, held) => format!("{rows_in} rows, {held} held"),
    };
    format!("{id} · {} · {job} · {origin} · {state}{code} · {rows}\n", Moment(*started_ms))
}
