//! `viaduct bulk`: bulk actions, how far they are, what came of each item; paused, and gone on with.

use clap::{Args, Subcommand, value_parser};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::super::context::AppError;
use crate::access::actor::Actor;
use crate::job::bulk as work;
use crate::job::clock::Clock;
use crate::record::moment::Moment;
use crate::store::bulk::{self, Bulk, DONE, Item, PAUSED, RUNNING};
use crate::store::database::Database;

/// How many that stay are named, for people.
const NAMED: usize = 20;

pub const MOST_MAX: i64 = 100_000;

fn most() -> u32 {
    1_000
}

/// One bulk action.
#[derive(Debug, Clone, Subcommand)]
pub enum One {
    /// How far it is, and what came of its items
    Show(Wanted),
    /// Have it stop after the items that have their turn just now
    Pause {
        /// Its number
        bulk: i64,
    },
    /// Go on with one that was paused, or whose worker is gone
    Resume {
        /// Its number
        bulk: i64,
    },
}

/// Which items are listed.
#[derive(Debug, Clone, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its number
    #[serde(skip)]
    pub bulk: i64,
    /// Only items of this outcome: waiting, offered, dismissed, left
    #[arg(long)]
    pub outcome: Option<String>,
    /// Go on behind this place, as the last page says
    #[arg(long, value_name = "PLACE", default_value_t = 0)]
    #[serde(default)]
    pub after: i64,
    /// How many items at most, in JSON
    #[arg(long, default_value_t = most(), value_parser = value_parser!(u32).range(1..=MOST_MAX))]
    #[serde(default = "most")]
    pub most: u32,
}

impl Wanted {
    /// The first items of one.
    pub fn of(bulk: i64) -> Wanted {
        Wanted { bulk, outcome: None, after: 0, most: most() }
    }
}

/// The newest.
pub async fn list(database: &Database) -> Result<(Value, String), AppError> {
    let rows = bulk::newest(database, 50).await?;
    let json = json!(rows.iter().map(of_bulk).collect::<Vec<_>>());
    if rows.is_empty() {
        return Ok((json, "There was no bulk action yet.\n".to_owned()));
    }
    let line = |bulk: &Bulk| {
        let Bulk { id, action, chosen, state, items, created_ms, actor, .. } = bulk;
        format!(
            "{id} · {} · {action} · {chosen} · {items} items · {state} · {actor}\n",
            Moment(*created_ms)
        )
    };
    Ok((json, rows.iter().map(line).collect()))
}

/// One, with its items.
pub async fn show(database: &Database, wanted: &Wanted) -> Result<(Value, String), AppError> {
    let id = wanted.bulk;
    let bulk = bulk::get(database, id).await?.ok_or_else(|| none(id))?;
    let counts = bulk::counts(database, id).await?;
    let outcome = wanted.outcome.as_deref();
    let most = i64::from(wanted.most);
    let items = bulk::items(database, id, outcome, wanted.after, most).await?;
    let left = bulk::items(database, id, Some("left"), 0, NAMED as i64).await?;
    let counted: Map<String, Value> =
        counts.iter().map(|(outcome, many)| (outcome.clone(), json!(many))).collect();
    let mut json = of_bulk(&bulk);
    json["counts"] = Value::Object(counted);
    json["after"] = json!(items.last().filter(|_| items.len() as i64 == most).map(|one| one.place));
    json["list"] = json!(items.iter().map(of_item).collect::<Vec<_>>());
    Ok((json, text(&bulk, &counts, &left)))
}

fn text(bulk: &Bulk, counts: &[(String, i64)], left: &[Item]) -> String {
    let Bulk { id, action, state, items, .. } = bulk;
    let many = |outcome: &str| {
        counts.iter().find(|(known, _)| known == outcome).map_or(0, |(_, many)| *many)
    };
    let (open, stay) = (many("open"), many("left"));
    let done = items - open - stay;
    let word = if action == "dismiss" { "dismissed" } else { "released" };
    let mut text = format!("{done} of {items} {word}: bulk action {id}, {state}.\n");
    if many("waiting") > 0 {
        text.push_str("They are sent when the job of their destination runs next.\n");
    }
    if many("offered") > 0 {
        text.push_str(&format!(
            "{} are payments: made when their payers open the links.\n",
            many("offered")
        ));
    }
    if open > 0 {
        text.push_str(&format!(
            "{open} have not had their turn: viaduct bulk {} {id}\n",
            if state == RUNNING { "pause" } else { "resume" }
        ));
    }
    for item in left {
        let why = item.why.as_deref().unwrap_or_default();
        text.push_str(&format!("  {} stays: {why}\n", item.delivery_id));
    }
    if stay > left.len() as i64 {
        text.push_str(&format!(
            "  and {} more: viaduct bulk show {id} --outcome left --json\n",
            stay - left.len() as i64
        ));
    }
    text
}

/// Has it stop.
pub async fn pause(
    database: &Database,
    clock: &dyn Clock,
    id: i64,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    turned(database, clock, id, PAUSED, actor).await?;
    show(database, &Wanted::of(id)).await
}

/// Goes on with it, to its end.
pub async fn resume(
    database: &Database,
    clock: &dyn Clock,
    id: i64,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    go_on(database, clock, id, actor).await?;
    work::work(database, clock, id).await?;
    show(database, &Wanted::of(id)).await
}

/// Has it go on, and leaves the work to the caller.
pub async fn go_on(
    database: &Database,
    clock: &dyn Clock,
    id: i64,
    actor: &Actor,
) -> Result<(), AppError> {
    turned(database, clock, id, RUNNING, actor).await
}

async fn turned(
    database: &Database,
    clock: &dyn Clock,
    id: i64,
    to: &'static str,
    actor: &Actor,
) -> Result<(), AppError> {
    let stands = bulk::turn(database, id, to, actor.as_str(), clock.now_ms()).await?;
    match stands.ok_or_else(|| none(id))? {
        bulk if bulk.state == DONE => {
            Err(AppError::Stands(format!("bulk action {id} is done: every item had its turn")))
        }
        _ => Ok(()),
    }
}

fn none(id: i64) -> AppError {
    AppError::NotThere(format!("there is no bulk action {id}: see `viaduct bulk`"))
}

fn of_bulk(bulk: &Bulk) -> Value {
    json!({
        "bulk": bulk.id,
        "action": bulk.action,
        "chosen": bulk.chosen,
        "by": bulk.actor,
        "reason": bulk.reason,
        "state": bulk.state,
        "items": bulk.items,
        "begun": Moment(bulk.created_ms),
        "moved": Moment(bulk.moved_ms),
        "ended": bulk.ended_ms.map(Moment),
    })
}

fn of_item(item: &Item) -> Value {
    json!({
        "place": item.place,
        "delivery": item.delivery_id,
        "outcome": item.outcome,
        "why": item.why,
        "done": item.done_ms.map(Moment),
    })
}
