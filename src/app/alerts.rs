//! `viaduct alerts`: what those who look after people and after information have to know of, and what somebody wrote
//! about each. One is over when it has its review, which is never written by whoever it is about.

use clap::Subcommand;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::AppError;
use super::persons;
use crate::access::actor::Actor;
use crate::record::moment::Moment;
use crate::store::alerts::{self, AlertRow};
use crate::store::audit;
use crate::store::database::Database;
use crate::store::sessions;
use crate::web::screens::session::Window;

/// So many are listed.
const LISTED: i64 = 200;
/// So many lines of what was done are told.
const DONE_MAX: i64 = 1_000;
const WORDS_CHARS_MAX: usize = 500;

/// What may be done with alerts.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// One of them, and what was done while the account was open
    Show {
        /// Its number
        alert: i64,
    },
    /// Write what you think of one, which ends it: never of what you did yourself
    Review {
        /// Its number
        alert: i64,
        /// What you think of it: it stands in the audit log, with your name
        #[arg(long)]
        reason: String,
    },
}

/// What somebody thinks of one.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    pub reason: String,
}

/// Does it, or lists them.
pub async fn answer(
    database: &Database,
    what: Option<What>,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    match what {
        None => list(database, now_ms).await,
        Some(What::Show { alert }) => show(database, alert, now_ms).await,
        Some(What::Review { alert, reason }) => {
            review(database, alert, &reason, actor, now_ms).await
        }
    }
}

/// The newest, with those that wait for a review first.
pub async fn list(database: &Database, now_ms: i64) -> Result<(Value, String), AppError> {
    let mut rows = alerts::newest(database, LISTED).await?;
    for row in alerts::open(database, LISTED).await? {
        if !rows.iter().any(|one| one.id == row.id) {
            rows.push(row);
        }
    }
    rows.sort_by_key(|row| (row.reviewed_ms.is_some(), -row.id));
    let mut all = Vec::new();
    for row in &rows {
        all.push(of_alert(database, row, now_ms).await?);
    }
    let line = |one: &Value| {
        let state = one["state"].as_str().unwrap_or_default();
        format!("{} · {state} · {}\n", one["alert"], one["says"].as_str().unwrap_or_default())
    };
    let text = match all.is_empty() {
        true => "There are no alerts.\n".to_owned(),
        false => all.iter().map(line).collect(),
    };
    Ok((json!({ "at": Moment(now_ms), "alerts": all }), text))
}

/// One of them, with what was done under it.
pub async fn show(database: &Database, id: i64, now_ms: i64) -> Result<(Value, String), AppError> {
    let row = known(database, id).await?;
    let mut json = of_alert(database, &row, now_ms).await?;
    let done = match row.until_ms {
        Some(until_ms) => {
            let within = (row.at_ms, until_ms);
            audit::of_break_glass(database, &row.name, within, DONE_MAX + 1).await?
        }
        None => Vec::new(),
    };
    let more = done.len() as i64 > DONE_MAX;
    let mut text = format!("{}\n", json["says"].as_str().unwrap_or_default());
    let mut lines = Vec::new();
    for line in done.iter().take(DONE_MAX as usize) {
        text.push_str(&format!("    {} {} {}\n", Moment(line.at_ms), line.action, line.target));
        lines.push(json!({
            "line": line.id, "at": Moment(line.at_ms), "action": line.action, "target": line.target,
            "reason": line.reason,
        }));
    }
    json["done"] = json!(lines);
    json["more"] = json!(more);
    if more {
        text.push_str("    and more: `viaduct audit` has all of it\n");
    }
    if let (Some(by), Some(words)) = (&row.reviewed_by, &row.review) {
        text.push_str(&format!("Reviewed by {by}: {words}\n"));
    }
    Ok((json, text))
}

/// Keeps what somebody wrote about one.
pub async fn review(
    database: &Database,
    id: i64,
    words: &str,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let (row, words) = (known(database, id).await?, words.trim());
    if words.is_empty() || words.chars().count() > WORDS_CHARS_MAX {
        let what = "a review is what you think of it, in 1 to 500 characters: `reason`";
        return Err(AppError::Asked(what.to_owned()));
    }
    if is_open(database, &row, now_ms).await? {
        return Err(AppError::Stands(format!(
            "{} is still open: review it when it has ended, or end its session first",
            row.name
        )));
    }
    for about in [&row.name, &row.person] {
        if !persons::is_second_to(database, actor, about).await? {
            return Err(AppError::Stands(format!(
                "alert {id} is about you, or you did not say who you are: somebody else has to review it"
            )));
        }
    }
    let names = persons::names(database, actor.as_str()).await?;
    if actor.as_str().starts_with("key:") && names.len() == 1 {
        return Err(AppError::Stands(
            "nobody knows whose key this is: make one with `viaduct keys add --owner NAME`"
                .to_owned(),
        ));
    }
    // Whoever was let in by it, or given more by it, is no second person to it.
    if let Some(until_ms) = row.until_ms {
        let within = (row.at_ms, until_ms);
        if audit::touched_by_break_glass(database, &row.name, within, &names).await? {
            return Err(AppError::Stands(format!(
                "what you may was changed while {} was open: somebody else has to review it",
                row.name
            )));
        }
    }
    if !alerts::review(database, id, (actor.as_str(), words), now_ms).await? {
        return Err(AppError::Stands(format!("somebody has reviewed alert {id} already")));
    }
    let (json, _) = show(database, id, now_ms).await?;
    Ok((json, format!("Alert {id} is reviewed.\n")))
}

async fn known(database: &Database, id: i64) -> Result<AlertRow, AppError> {
    alerts::find(database, id)
        .await?
        .ok_or_else(|| AppError::NotThere(format!("there is no alert {id}: see `viaduct alerts`")))
}

async fn is_open(database: &Database, row: &AlertRow, now_ms: i64) -> Result<bool, AppError> {
    match row.until_ms {
        Some(until_ms) if until_ms > now_ms => {
            Ok(sessions::is_open(database, row.id, Window::at(now_ms).after()).await?)
        }
        _ => Ok(false),
    }
}

async fn of_alert(database: &Database, row: &AlertRow, now_ms: i64) -> Result<Value, AppError> {
    let is_open = is_open(database, row, now_ms).await?;
    let state = match (is_open, row.reviewed_ms) {
        (true, _) => "open",
        (false, None) => "not reviewed",
        (false, Some(_)) => "reviewed",
    };
    Ok(json!({
        "alert": row.id, "kind": row.kind, "account": row.name, "person": row.person,
        "reason": row.reason, "from": row.place, "at": Moment(row.at_ms),
        "until": row.until_ms.map(Moment), "state": state, "says": says(row),
        "reviewed": row.reviewed_ms.map(Moment), "reviewed_by": row.reviewed_by, "review": row.review,
    }))
}

/// What happened, in a sentence.
fn says(row: &AlertRow) -> String {
    let AlertRow { name, person, reason, place, .. } = row;
    let at = Moment(row.at_ms);
    match row.kind.as_str() {
        "opened" => format!(
            "The break-glass account {name} was opened on {at} by somebody who says that they are {person}, from {place}: “{reason}”"
        ),
        "locked" => format!(
            "The break-glass account {name} was locked on {at}: {reason}, the last from {place}"
        ),
        _ => format!(
            "{} made a link on {at} by which the password of {name} is set anew: whoever has it is {name}",
            Actor::bare(person)
        ),
    }
}
