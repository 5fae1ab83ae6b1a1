//! `viaduct bulk`: bulk actions, how far they are, what came of each item; paused, and gone on with.

use std::path::Path;

use clap::{Args, Subcommand, value_parser};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::approval;
use crate::access::actor::Actor;
use crate::app::actor::of_this_process;
use crate::app::clock::MachineClock;
use crate::app::context::{AppError, Context};
use crate::job::bulk::Action;
use crate::job::bulk::remake::Anew;
use crate::job::clock::Clock;
use crate::record::moment::Moment;
use crate::store::bulk::{
    self, ASKED, Bulk, DONE, Item, LEFT, PAUSED, REMADE, REPEATED, RUNNING, Said,
};
use crate::store::database::Database;

/// How many that stay are named, for people.
const NAMED: i64 = 20;

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
    /// Agree to what somebody else asked for, and have it done
    Approve(Word),
    /// Have what somebody else asked for never begin
    Refuse(Word),
}

/// A second person's word.
#[derive(Debug, Clone, Args)]
pub struct Word {
    /// Its number
    pub bulk: i64,
    /// Why: it stays with what is done, with your name
    #[arg(long)]
    pub reason: String,
}

/// Which items are listed.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Its number
    #[serde(skip)]
    pub bulk: i64,
    /// Only items of this outcome: waiting, offered, dismissed, remade, repeated, left
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

/// Does what a command asks for.
pub async fn answer(
    definitions: &Path,
    url: &str,
    one: Option<One>,
) -> Result<(Value, String), AppError> {
    let database = Database::open_existing(url).await?;
    let me = of_this_process();
    let said = match one {
        None => list(&database).await,
        Some(One::Show(wanted)) => show(&database, &wanted).await,
        Some(One::Pause { bulk }) => pause(&database, &MachineClock, bulk, &me).await,
        Some(One::Resume { bulk }) if composes(&database, bulk).await? => {
            let context = Context::open(definitions, url).await?;
            let anew = context.anew()?;
            let done = resume(&database, &MachineClock, bulk, Some(&anew), &me).await;
            context.database.close().await;
            done
        }
        Some(One::Resume { bulk }) => resume(&database, &MachineClock, bulk, None, &me).await,
        Some(One::Approve(word)) => agreed(definitions, url, (Said::Approve, &word), &me).await,
        Some(One::Refuse(word)) => agreed(definitions, url, (Said::Refuse, &word), &me).await,
    };
    database.close().await;
    said
}

/// The second word; what it takes to do it is found before it is said.
async fn agreed(
    definitions: &Path,
    url: &str,
    (said, word): (Said, &Word),
    me: &Actor,
) -> Result<(Value, String), AppError> {
    let context = Context::open(definitions, url).await?;
    approval::answer(&context, word.bulk, (said, &word.reason), me).await?;
    if said == Said::Approve {
        super::work_on(&context, word.bulk).await?;
    }
    let shown = show(&context.database, &Wanted::of(word.bulk)).await;
    context.database.close().await;
    shown
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
    let left = bulk::items(database, id, Some(LEFT), 0, NAMED).await?;
    let otherwise = bulk::noted(database, id, REMADE, NAMED).await?;
    let counted: Map<String, Value> =
        counts.iter().map(|(outcome, many)| (outcome.clone(), json!(many))).collect();
    let mut json = of_bulk(&bulk);
    json["counts"] = Value::Object(counted);
    json["after"] = json!(items.last().filter(|_| items.len() as i64 == most).map(|one| one.place));
    json["list"] = json!(items.iter().map(of_item).collect::<Vec<_>>());
    Ok((json, text(&bulk, &counts, &otherwise, &left)))
}

fn text(bulk: &Bulk, counts: &[(String, i64)], otherwise: &[Item], left: &[Item]) -> String {
    let Bulk { id, action, state, items, .. } = bulk;
    let many = |outcome: &str| {
        counts.iter().find(|(known, _)| known == outcome).map_or(0, |(_, many)| *many)
    };
    let (open, stay) = (many("open"), many("left"));
    let done = items - open - stay;
    let word = Action::from_word(action).map_or("done", Action::done_word);
    let mut text = format!("{done} of {items} {word}: bulk action {id}, {state}.\n");
    if many("waiting") + many(REMADE) + many(REPEATED) > 0 {
        text.push_str("They are sent when the job of their destination runs next.\n");
    }
    if many("offered") > 0 {
        text.push_str(&format!(
            "{} are payments: made when their payers open the links.\n",
            many("offered")
        ));
    }
    if state == ASKED {
        let why = match bulk.payments {
            0 => "More than 1,000 are sent by it".to_owned(),
            1 => "One of them is a payment".to_owned(),
            many => format!("{many} of them are payments"),
        };
        text.push_str(&format!(
            "{why}: somebody else has to agree: viaduct bulk approve {id} --reason WHY\n"
        ));
    } else if open > 0 {
        text.push_str(&format!(
            "{open} have not had their turn: viaduct bulk {} {id}\n",
            if state == RUNNING { "pause" } else { "resume" }
        ));
    }
    for item in otherwise {
        if let (Some(made), Some(why)) = (item.made_id, &item.why) {
            text.push_str(&format!("  {} is {made} now: {why}\n", item.delivery_id));
        }
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
    anew: Option<&Anew>,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    go_on(database, clock, id, actor).await?;
    super::work_with(database, clock, id, anew).await?;
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

/// Whether it takes the definitions to go on with that one.
pub async fn composes(database: &Database, id: i64) -> Result<bool, AppError> {
    let bulk = bulk::get(database, id).await?.ok_or_else(|| none(id))?;
    Ok(Action::from_word(&bulk.action).is_some_and(Action::composes))
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
        "payments": bulk.payments,
        "approved_by": bulk.approved_by,
        "approved_reason": bulk.approved_reason,
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
        "made": item.made_id,
        "done": item.done_ms.map(Moment),
    })
}
