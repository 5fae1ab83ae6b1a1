//! `viaduct work-orders`: what came in and must be dealt with, in lists that stay quick however many there are,
//! and the story of one: what came, what it changed, what went out because of it; found by any of its keys.

use std::collections::HashMap;
use std::path::Path;

use clap::{Args, Subcommand, value_parser};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor::of_this_process;
use super::clock::MachineClock;
use super::context::{AppError, Context};
use super::days::{Between, Order, between};
use super::deliveries::line::Line;
use super::held::words;
use super::resident::history::Because;
use super::sight::{Sight, Unmasked};
use super::work_order_parts::{self, Part};
use super::{audit, causes};
use crate::access::actor::Actor;
use crate::job::clock::Clock;
use crate::record::moment::Moment;
use crate::record::personal::Personal;
use crate::store::database::Database;
use crate::store::received::Received;
use crate::store::source_records::Change;
use crate::store::work_orders::{self, Filter, OpenLetter, Place, Stage, Turn, WorkOrderRow};
use crate::store::{batches, deliveries, held, history, people};

pub const MOST_MAX: i64 = 1_000;
/// Counts stop here: a person does not read a longer number, and the database does not count it.
pub const COUNTED_MAX: i64 = 10_000;
/// Deliveries of one record that are told.
const CHANGES_MAX: usize = 100;

fn most() -> u32 {
    50
}

/// Which work orders are listed.
#[derive(Debug, Clone, Default, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Only those that stand so: waiting, held
    #[arg(long)]
    pub state: Option<String>,
    /// Only those of this source
    #[arg(long)]
    pub source: Option<String>,
    /// Only those of this batch
    #[arg(long, value_name = "ID")]
    pub batch: Option<i64>,
    /// Only those held under this code
    #[arg(long)]
    pub code: Option<String>,
    /// Only those received on that day in London or later, or from an instant on: 2026-11-26, 2026-11-26T06:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Only those received before then; a day in London counts to its end
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Only those received more than so many days ago
    #[arg(long, value_name = "DAYS")]
    pub older_than: Option<u32>,
    /// Which end comes first
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    #[serde(default)]
    pub order: Order,
    /// Go on behind that place, as the last page says
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
    /// Go back to those before that place, as the last page says
    #[arg(long, value_name = "PLACE", conflicts_with = "after")]
    pub before: Option<String>,
    /// How many
    #[arg(long, default_value_t = most(), value_parser = value_parser!(u32).range(1..=MOST_MAX))]
    #[serde(default = "most")]
    pub most: u32,
}

/// One work order.
#[derive(Debug, Clone, Subcommand)]
pub enum One {
    /// What came in, what it changed, and what went out because of it
    Show {
        /// Its number
        id: i64,
        /// And the record as it was kept, or what it means: each is read by the mapping as it is now
        #[arg(long, value_enum)]
        part: Option<Part>,
        #[command(flatten)]
        showing: Unmasked,
    },
    /// Write something to one
    Note {
        /// Its number
        id: i64,
        #[command(flatten)]
        asked: causes::Write,
    },
}

/// What is wanted of one.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// Values in place of their masks, which takes a reason
    #[serde(default)]
    pub show: bool,
    /// And the record as it was kept, or what it means
    pub part: Option<Part>,
}

/// What somebody has in hand: a number of ours, a reference at a platform, or what a system calls it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Sought {
    #[schemars(with = "String")]
    pub key: Personal<String>,
}

/// The sources that somebody may see rows of; all where it is none.
pub type Sources = Option<Vec<String>>;

/// Does what the command asks for.
pub async fn command(
    definitions: &Path,
    url: &str,
    wanted: &Wanted,
    one: Option<One>,
) -> Result<(Value, String), AppError> {
    let (id, part, showing) = match one {
        Some(One::Show { id, part, showing }) => (id, part, showing),
        Some(One::Note { id, asked }) => {
            let context = Context::open(definitions, url).await?;
            let said = note(&context, id, &None, &asked, &of_this_process()).await;
            context.database.close().await;
            return said.map(|json| (json.clone(), format!("{json:#}\n")));
        }
        None => {
            let database = Database::open_existing(url).await?;
            let said = list(&database, wanted, &None, MachineClock.now_ms()).await;
            database.close().await;
            return said;
        }
    };
    // What it means takes the definitions.
    let (database, context) = match part {
        Some(_) => {
            let context = Context::open(definitions, url).await?;
            (context.database.clone(), Some(context))
        }
        None => (Database::open_existing(url).await?, None),
    };
    let said = told(&database, context.as_ref(), (id, part), &showing).await;
    database.close().await;
    said
}

async fn told(
    database: &Database,
    context: Option<&Context>,
    (id, part): (i64, Option<Part>),
    showing: &Unmasked,
) -> Result<(Value, String), AppError> {
    let sight = showing.sight();
    let (mut json, _) = show(database, id, &None, sight, MachineClock.now_ms()).await?;
    if let (Some(context), Some(part)) = (context, part) {
        json["part"] = work_order_parts::of(context, id, part, sight).await?;
    }
    let details = part.map(|part| json!({ "part": part.word() }));
    audit::put_down(database, showing, (format!("work order {id}"), details)).await?;
    let text = format!("{json:#}\n");
    Ok((json, text))
}

impl Wanted {
    /// Whether its words are understood.
    pub fn check(&self, now_ms: i64) -> Result<(), AppError> {
        self.filter(&None, now_ms).map(|_| ())
    }

    fn filter(&self, sources: &Sources, now_ms: i64) -> Result<Filter, AppError> {
        let stage = match self.state.as_deref() {
            None if self.code.is_some() => Some(Stage::Held),
            None => None,
            Some("held") => Some(Stage::Held),
            Some("waiting") => Some(Stage::Waiting),
            Some(_) => {
                let what = "there is no such state of a work order: it is one of waiting, held";
                return Err(AppError::Asked(what.to_owned()));
            }
        };
        if self.code.is_some() && stage != Some(Stage::Held) {
            let what = "what waits to be read has no code: ask for `code` without `state`, or for what is held";
            return Err(AppError::Asked(what.to_owned()));
        }
        let sources = match (&self.source, sources) {
            (Some(one), Some(may)) => {
                Some(may.iter().filter(|source| *source == one).cloned().collect())
            }
            (Some(one), None) => Some(vec![one.clone()]),
            (None, may) => may.clone(),
        };
        let (from, until) = (self.from.as_deref(), self.until.as_deref());
        let Between { from_ms, until_ms } = between(from, until, self.older_than, now_ms)?;
        let received = Received { sources, batch_id: self.batch, from_ms, until_ms };
        let oldest_first = self.order == Order::Oldest;
        Ok(Filter { stage, received, code: self.code.clone(), oldest_first })
    }

    fn turn(&self) -> Result<Turn, AppError> {
        let (word, text) = match (&self.after, &self.before) {
            (None, None) => return Ok(Turn::First),
            (Some(text), None) => ("after", text),
            (None, Some(text)) => ("before", text),
            (Some(_), Some(_)) => {
                let what = "a list goes on `after` a place or back `before` one, and not both";
                return Err(AppError::Asked(what.to_owned()));
            }
        };
        let read = || {
            let (batch, number) = text.split_once('.')?;
            Some(Place { batch: batch.parse().ok()?, number: number.parse().ok()? })
        };
        let place = read()
            .ok_or_else(|| AppError::Asked(format!("`{word}` is what the last page says")))?;
        Ok(if word == "after" { Turn::On(place) } else { Turn::Back(place) })
    }
}

/// A page of them, with how many there are in each state, as far as they can be counted quickly.
pub async fn list(
    database: &Database,
    wanted: &Wanted,
    sources: &Sources,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let filter = wanted.filter(sources, now_ms)?;
    let most = i64::from(wanted.most);
    let page = work_orders::list(database, &filter, wanted.turn()?, most).await?;
    let lines = lines(database, &page.rows).await?;
    let mut counts = serde_json::Map::new();
    for (word, stage) in
        [("all", None), ("waiting", Some(Stage::Waiting)), ("held", Some(Stage::Held))]
    {
        let of = Filter { stage, code: None, ..filter.clone() };
        let counted = work_orders::count(database, &of, COUNTED_MAX + 1).await?;
        // A number that may be too small is not told.
        counts.insert(word.to_owned(), json!((!counted.is_cut).then_some(counted.many)));
    }
    let place = |place: Place| format!("{}.{}", place.batch, place.number);
    let (after, before) = (page.after.map(place), page.before.map(place));
    let looked_to = page.looked_to_ms.map(Moment);
    let mut text: String = lines.iter().map(line_text).collect();
    if text.is_empty() {
        text.push_str(if looked_to.is_some() {
            "There are none so far.\n"
        } else {
            "There are none.\n"
        });
    }
    if let Some(looked_to) = looked_to {
        text.push_str(&format!("\nWhat was received was looked through as far as {looked_to}.\n"));
    }
    if let Some(after) = &after {
        text.push_str(&format!("\nThere are more: add `--after {after}`.\n"));
    }
    let counted_to = COUNTED_MAX;
    let json = json!({
        "counts": counts, "counted_to": counted_to, "work_orders": lines, "after": after,
        "before": before, "looked_to": looked_to,
    });
    Ok((json, text))
}

/// Those of these numbers that somebody may see, as a list has them.
pub async fn of_ids(
    database: &Database,
    ids: &[i64],
    sources: &Sources,
) -> Result<Vec<Value>, AppError> {
    let mut rows = work_orders::of_ids(database, ids).await?;
    rows.retain(|row| sources.as_ref().is_none_or(|may| may.contains(&row.source)));
    lines(database, &rows).await
}

async fn lines(database: &Database, rows: &[WorkOrderRow]) -> Result<Vec<Value>, AppError> {
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let mut letters: HashMap<i64, OpenLetter> = HashMap::new();
    for letter in work_orders::letters(database, &ids).await? {
        letters.entry(letter.record_id).or_insert(letter);
    }
    Ok(rows.iter().map(|row| line(row, letters.get(&row.id))).collect())
}

fn line(row: &WorkOrderRow, letter: Option<&OpenLetter>) -> Value {
    let code = letter.map(|letter| letter.code.as_str());
    json!({
        "work_order": row.id,
        "source": row.source,
        "key": if row.key.is_empty() { None } else { Some(Sight::Masked.key(&row.key)) },
        "state": state(row, letter),
        "code": code,
        "means": code.map(|code| words(code).0),
        "held": letter.map(|letter| letter.id),
        "batch": row.batch_id,
        "file": row.origin,
        "job": row.job,
        "received": Moment(row.started_ms),
    })
}

fn line_text(line: &Value) -> String {
    let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
    let code = line["code"].as_str().map(|code| format!(" · {code}")).unwrap_or_default();
    format!(
        "{} · {} {} · {}{code} · {} · {}\n",
        line["work_order"],
        text("source"),
        text("key"),
        text("state"),
        text("file"),
        text("received"),
    )
}

/// Where it stands, in a word.
fn state(row: &WorkOrderRow, letter: Option<&OpenLetter>) -> &'static str {
    if letter.is_some() {
        return "held";
    }
    if row.change == Change::Older.number() {
        return "filtered";
    }
    match row.batch_state.as_str() {
        "reading" => "reading",
        "released" if row.id > row.resolved_to => "waiting",
        _ => "done",
    }
}

/// The story of one.
pub async fn show(
    database: &Database,
    id: i64,
    sources: &Sources,
    sight: Sight,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let none = || AppError::NotThere(format!("there is no work order {id}"));
    let found = work_orders::of_ids(database, &[id]).await?.into_iter().next();
    let row = found.filter(|row| sources.as_ref().is_none_or(|may| may.contains(&row.source)));
    let row = row.ok_or_else(none)?;
    let letters = work_orders::letters(database, &[id]).await?;
    let mut json = line(&row, letters.first());
    json["key"] = json!((!row.key.is_empty()).then(|| sight.key(&row.key)));
    json["masked"] = json!(sight == Sight::Masked);
    json["came_as"] = json!(came_as(row.change));
    let batch = batches::get(database, row.batch_id).await?;
    json["mapping_version"] = json!(batch.as_ref().map(|batch| batch.mapping_version));
    json["finished"] = json!(row.closed_ms.map(Moment));
    let known = row.source_key_id != 0;
    let newest = if known { work_orders::newest(database, row.source_key_id).await? } else { None };
    json["newest"] = json!(newest);
    json["is_newest"] = json!(!known || newest == Some(id));
    let letters = if known { held::story(database, row.source_key_id).await? } else { Vec::new() };
    let letters: Vec<Value> = letters
        .iter()
        .filter(|letter| letter.record_id == id)
        .map(|letter| {
            let (means, remedy) = words(&letter.code);
            json!({
                "held": letter.id, "code": letter.code, "field": letter.field,
                "cause": letter.cause, "means": means, "remedy": remedy,
                "since": Moment(letter.created_ms), "settled": letter.settled_ms.map(Moment),
                "settled_as": letter.settled_as,
            })
        })
        .collect();
    json["letters"] = json!(letters);
    let residents =
        if known { work_orders::residents(database, row.source_key_id).await? } else { Vec::new() };
    json["residents"] = json!(residents);
    let mut changes = match known {
        true => work_orders::changes(database, id, row.source_key_id).await?,
        false => Vec::new(),
    };
    changes.truncate(CHANGES_MAX);
    let mut told = Vec::new();
    for change in &changes {
        if let Some(event) = history::event(database, *change).await? {
            let because = Because::of(&event, sight);
            told.push(json!({ "at": Moment(event.at_ms), "what": because.what, "changes": because.changes }));
        }
    }
    json["changes"] = json!(told);
    let mut sent = Vec::new();
    for delivery in work_orders::deliveries(database, &changes, &residents).await? {
        if let Some(row) = deliveries::of_id(database, delivery).await? {
            let mut line = serde_json::to_value(Line::of(&row, sight, now_ms)).unwrap_or_default();
            line["made"] = json!(Moment(row.created_ms));
            line["mapping"] = json!(row.mapping);
            line["mapping_version"] = json!(row.mapping_version);
            sent.push(line);
        }
    }
    json["deliveries"] = json!(sent);
    json["notes"] = json!(causes::written(database, &format!("work order {id}")).await?);
    let text = format!("{json:#}\n");
    Ok((json, text))
}

/// Writes something to one.
pub async fn note(
    context: &Context,
    id: i64,
    sources: &Sources,
    asked: &causes::Write,
    actor: &Actor,
) -> Result<Value, AppError> {
    let found = of_ids(&context.database, &[id], sources).await?;
    if found.is_empty() {
        return Err(AppError::NotThere(format!("there is no work order {id}")));
    }
    let target = format!("work order {id}");
    causes::write(context, target.clone(), asked, actor).await?;
    Ok(json!({ "work_order": id, "notes": causes::written(&context.database, &target).await? }))
}

fn came_as(change: i64) -> &'static str {
    let of = [
        (Change::Unreadable, "a row that could not be read"),
        (Change::New, "new: its source had not told us of it before"),
        (Change::Changed, "changed since its source told us last"),
        (Change::Returned, "back: it was gone from its source, and is there again"),
        (Change::Older, "older than what we know already: kept, and nothing more"),
    ];
    of.into_iter().find(|(one, _)| one.number() == change).map_or("unknown", |(_, says)| says)
}

/// What somebody has in hand, wherever it leads: numbers of ours are never given twice.
pub async fn find(
    database: &Database,
    sought: &Sought,
    sources: &Sources,
) -> Result<Value, AppError> {
    let key = sought.key.expose().trim();
    if key.is_empty() {
        return Err(AppError::Asked("say what is looked for: `key`".to_owned()));
    }
    let mut ids = Vec::new();
    let (mut delivery, mut batch, mut resident, mut letter) = (None, None, None, None);
    if let Ok(number) = key.parse::<i64>() {
        if let Some(found) = held::letter(database, number).await? {
            letter = Some(found.id);
            ids.push(found.record_id);
        }
        ids.push(number);
        delivery = deliveries::of_id(database, number).await?;
        batch = batches::get(database, number).await?.map(|batch| batch.id);
        resident = people::resident(database, number).await?.map(|_| number);
    }
    if delivery.is_none() {
        delivery = deliveries::of_reference(database, key).await?;
    }
    if delivery.is_none() {
        delivery = deliveries::of_platform(database, key).await?;
    }
    ids.extend(work_orders::of_key(database, key).await?);
    let work_orders = of_ids(database, &ids, sources).await?;
    let all = sources.is_none();
    Ok(json!({
        "work_orders": work_orders,
        "delivery": delivery.filter(|_| all).map(|row| row.id),
        "batch": batch.filter(|_| all),
        "resident": resident.filter(|_| all),
        "held": letter.filter(|_| all),
    }))
}
