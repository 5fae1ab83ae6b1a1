//! What people decided about who is who, what left because of it, and what of that cannot be called back.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::context::AppError;
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::desk::{self, ActRow};

pub const MOST_MAX: i64 = 200;
/// What left is listed so far.
const LEFT_MAX: i64 = 100;

fn most() -> u32 {
    50
}

/// Which acts are listed.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// How many, the newest first
    #[arg(long, default_value_t = most(), value_parser = clap::value_parser!(u32).range(1..=MOST_MAX))]
    #[serde(default = "most")]
    pub most: u32,
    /// Go on with those before this one
    #[arg(long, value_name = "ACT")]
    before: Option<i64>,
    /// Of one resident
    #[arg(long, value_name = "ID")]
    resident: Option<i64>,
}

/// The newest first.
pub async fn list(database: &Database, wanted: &Wanted) -> Result<(Value, String), AppError> {
    let (most, before) = (i64::from(wanted.most), wanted.before.unwrap_or(i64::MAX));
    let mut rows =
        desk::acts(database, wanted.resident.unwrap_or_default(), before, most + 1).await?;
    let more = rows.len() as i64 > most;
    rows.truncate(most as usize);
    let after = rows.last().filter(|_| more).map(|row| row.id);
    let mut text = String::new();
    for row in &rows {
        let undone = row.undone_ms.map(|at_ms| format!("; taken back {}", Moment(at_ms)));
        text.push_str(&format!(
            "{}  {}: residents {} and {}, by {}, {}{}\n    {}\n",
            row.id,
            row.kind,
            row.resident_id,
            row.other_id,
            row.acted_by,
            Moment(row.at_ms),
            undone.unwrap_or_default(),
            row.why
        ));
    }
    if text.is_empty() {
        "Nobody decided anything about who is who yet.\n".clone_into(&mut text);
    }
    let acts: Vec<Value> = rows.iter().map(told).collect();
    Ok((json!({ "acts": acts, "after": after }), text))
}

fn told(row: &ActRow) -> Value {
    json!({
        "act": row.id, "kind": row.kind, "resident": row.resident_id, "other": row.other_id,
        "by": row.acted_by, "why": row.why, "at": Moment(row.at_ms),
        "undone": row.undone_ms.map(Moment),
        "can_undo": row.kind == "merge" && row.undone_ms.is_none(),
    })
}

/// One, with what left for the two since then. What a system took is there, whatever is undone here.
pub async fn one(database: &Database, id: i64) -> Result<Value, AppError> {
    let row = desk::act(database, id).await?;
    let row = row.ok_or_else(|| AppError::NotThere(format!("there is no act {id}")))?;
    let of = [row.resident_id, row.other_id];
    let left = desk::left(database, &of, (row.at_ms, LEFT_MAX + 1)).await?;
    let before = desk::left(database, &of, (i64::MIN, LEFT_MAX + 1)).await?.len();
    let line = |(delivery, resident, destination, state): &(i64, i64, String, String)| json!({ "delivery": delivery, "resident": resident, "destination": destination, "state": state });
    let mut json = told(&row);
    json["more"] = json!(left.len() as i64 > LEFT_MAX);
    json["left"] = left.iter().take(LEFT_MAX as usize).map(line).collect();
    json["left_ever"] = json!(before);
    Ok(json)
}
