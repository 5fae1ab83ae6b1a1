//! `viaduct audit`: who changed what, when and why; and whether the log is as it was written.

use clap::{Args, Subcommand, value_parser};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor;
use super::clock::MachineClock;
use super::context::AppError;
use super::sight::Unmasked;
use crate::access::actor::Actor;
use crate::job::clock::Clock;
use crate::record::moment::Moment;
use crate::store::audit::{self, Entry, Line, Verdict};
use crate::store::database::Database;

pub const MOST_MAX: i64 = 100_000;

fn most() -> u32 {
    50
}

/// Which lines are listed.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// How many, the newest first
    #[arg(long, default_value_t = most(), value_parser = value_parser!(u32).range(1..=MOST_MAX))]
    #[serde(default = "most")]
    pub most: u32,
    /// Go on with the lines before this one
    #[arg(long, value_name = "LINE")]
    pub before: Option<i64>,
}

#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// See that every line is there and as it was written
    Verify,
}

/// That somebody was looked for, and who was found; what was asked for is not written down.
pub async fn searched(
    database: &Database,
    actor: &Actor,
    found: Value,
    now_ms: i64,
) -> Result<(), AppError> {
    let entry = Entry {
        actor: actor.as_str(),
        action: "searched",
        target: "residents".to_owned(),
        reason: None,
        details: Some(found.to_string()),
    };
    Ok(audit::write_alone(database, &entry, now_ms).await?)
}

/// That values were shown, to whom and why. Nothing is told before that is written.
pub async fn shown(
    database: &Database,
    actor: &Actor,
    reason: Option<&str>,
    (target, details): (String, Option<Value>),
    now_ms: i64,
) -> Result<(), AppError> {
    let reason = reason.map(str::trim).filter(|reason| !reason.is_empty());
    if reason.is_none() {
        let what = "to be shown values takes a reason: --reason WHY".to_owned();
        return Err(AppError::Asked(what));
    }
    let details = details.map(|details| details.to_string());
    let entry = Entry { actor: actor.as_str(), action: "shown", target, reason, details };
    Ok(audit::write_alone(database, &entry, now_ms).await?)
}

/// The same, of what a command was asked for; nothing where values are masked.
pub async fn put_down(
    database: &Database,
    showing: &Unmasked,
    about: (String, Option<Value>),
) -> Result<(), AppError> {
    if !showing.show {
        return Ok(());
    }
    let (me, now_ms) = (actor::of_this_process(), MachineClock.now_ms());
    shown(database, &me, showing.reason.as_deref(), about, now_ms).await
}

/// The newest lines.
pub async fn list(database: &Database, wanted: &Wanted) -> Result<(Value, String), AppError> {
    let before = wanted.before.unwrap_or(i64::MAX);
    let lines = audit::newest(database, before, i64::from(wanted.most)).await?;
    let json = json!(lines.iter().map(of_line).collect::<Vec<_>>());
    let text = match lines.is_empty() {
        true => "Nothing was changed by anybody yet.\n".to_owned(),
        false => lines.iter().map(text_of).collect(),
    };
    Ok((json, text))
}

/// Whether the log is whole; the exit code says it too.
pub async fn verify(database: &Database) -> Result<(Value, String, u8), AppError> {
    Ok(match audit::verify(database).await? {
        Verdict::Whole(lines) => (
            json!({ "whole": true, "lines": lines }),
            format!("The audit log is whole: {lines} lines, each as it was written.\n"),
            0,
        ),
        Verdict::Broken { line, what } => (
            json!({ "whole": false, "line": line, "what": what }),
            format!(
                "The audit log was changed at line {line}: {what}. Keep a copy of the database, and tell \
                 whoever answers for its security.\n"
            ),
            3,
        ),
    })
}

fn of_line(line: &Line) -> Value {
    json!({
        "line": line.id,
        "at": Moment(line.at_ms),
        "actor": line.actor,
        "action": line.action,
        "target": line.target,
        "reason": line.reason,
        "digest": line.digest,
        "details": line.details.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()),
    })
}

fn text_of(line: &Line) -> String {
    let Line { id, at_ms, actor, action, target, .. } = line;
    let reason = line.reason.as_ref().map(|reason| format!(" · {reason}")).unwrap_or_default();
    let details = line.details.as_ref().map(|text| format!(" · {text}")).unwrap_or_default();
    format!("{id} · {} · {actor} · {action} · {target}{reason}{details}\n", Moment(*at_ms))
}
