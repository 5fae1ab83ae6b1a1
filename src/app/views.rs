//! `viaduct views`: lists of work orders and of messages that are kept under a name. A view is the words of a list and
//! nothing of what is in it; it has no words by which one person is found.

use clap::{Args, Subcommand, ValueEnum};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::context::AppError;
use super::days::Order;
use super::{deliveries, work_orders};
use crate::access::actor::Actor;
use crate::record::free_text;
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::ids::Ids;
use crate::store::views::{self, SavedView};

const NAME_CHARS_MAX: usize = 60;
const WORD_CHARS_MAX: usize = 100;
/// So many of a list one person keeps; and so many are shown above it.
const OWN_MAX: i64 = 30;
const LISTED_MAX: i64 = 100;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum List {
    WorkOrders,
    Messages,
}

impl List {
    pub fn word(self) -> &'static str {
        if self == List::WorkOrders { "work-orders" } else { "messages" }
    }
}

/// Which views are wanted.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    pub list: List,
}

/// The words of a list that a view keeps; each means what it means there.
#[derive(Debug, Clone, Default, Args, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Words {
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<String>,
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// Of messages alone
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<i64>,
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[arg(long, value_name = "TIME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[arg(long, value_name = "DAYS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    older_than: Option<u32>,
    #[arg(long, value_enum)]
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<Order>,
}

/// One that is to be kept.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// Of which list
    #[arg(long, value_enum)]
    list: List,
    /// What it is called; nothing about a resident
    #[arg(long)]
    name: String,
    /// Everybody has it, and not its maker alone
    #[arg(long)]
    #[serde(default)]
    pub shared: bool,
    #[command(flatten)]
    #[serde(default)]
    filter: Words,
}

/// What may be done with views.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// List those of a list: one's own, and everybody's
    List {
        #[arg(value_enum)]
        list: List,
    },
    /// Keep one
    Keep(Keep),
    /// Have one no more: one's own
    Remove {
        /// Its number
        id: i64,
    },
}

/// Does what the command asks for. Whoever has the machine may remove what others made.
pub async fn answer(
    database: &Database,
    what: What,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let json = match what {
        What::List { list: of } => list(database, of, actor).await?,
        What::Keep(asked) => keep(database, &asked, actor, now_ms).await?,
        What::Remove { id } => remove(database, id, (actor, true), now_ms).await?,
    };
    let line = |one: &Value| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let whose = if one["shared"] == json!(true) { "everybody's, by" } else { "of" };
        format!("{} · {} · {whose} {} · {}\n", one["id"], text("name"), text("by"), one["filter"])
    };
    let text = match &json {
        Value::Array(all) if all.is_empty() => "None is kept.\n".to_owned(),
        Value::Array(all) => all.iter().map(line).collect(),
        one => line(one),
    };
    Ok((json, text))
}

/// Those that somebody has.
pub async fn list(database: &Database, list: List, actor: &Actor) -> Result<Value, AppError> {
    let owner = Actor::bare(actor.as_str());
    let found = views::of(database, list.word(), owner, LISTED_MAX).await?;
    Ok(found.iter().map(|view| said(view, actor)).collect())
}

fn said(view: &SavedView, actor: &Actor) -> Value {
    json!({
        "id": view.id, "list": view.list, "name": view.name, "shared": view.shared,
        "by": view.owner, "is_own": actor.is_person_of(&view.owner), "made": Moment(view.made_ms),
        "filter": serde_json::from_str::<Value>(&view.filter).unwrap_or_default(),
    })
}

/// Keeps one.
pub async fn keep(
    database: &Database,
    asked: &Keep,
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    let wrong = |what: &str| Err(AppError::Asked(what.to_owned()));
    let name = free_text::masked(&asked.name);
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX {
        return wrong("a view has a name of 1 to 60 characters: `name`");
    }
    let filter = asked.filter.checked(asked.list, now_ms)?;
    let mut ids = Ids::new();
    ids.reserve(database, 1).await?;
    let view = SavedView {
        id: ids.take(),
        list: asked.list.word().to_owned(),
        name,
        filter: filter.to_string(),
        owner: Actor::bare(actor.as_str()).to_owned(),
        shared: asked.shared,
        made_ms: now_ms,
    };
    match views::keep(database, &view, (actor.as_str(), OWN_MAX)).await? {
        true => Ok(said(&view, actor)),
        false => Err(AppError::Stands(format!(
            "you have a view of that name, or {OWN_MAX} of this list: remove one first"
        ))),
    }
}

/// Has one no more. Whoever did not make it needs to be a lead, and sees those of others where they are shared.
pub async fn remove(
    database: &Database,
    id: i64,
    (actor, is_lead): (&Actor, bool),
    now_ms: i64,
) -> Result<Value, AppError> {
    let found = views::of_id(database, id).await?;
    let is_theirs = |view: &SavedView| actor.is_person_of(&view.owner);
    let view = found.filter(|view| view.shared || is_theirs(view)).ok_or_else(|| {
        AppError::NotThere(format!("there is no view {id} of yours, and none that is shared"))
    })?;
    if !is_theirs(&view) && !is_lead {
        let what = format!("{} made it: they or a support lead remove it", view.owner);
        return Err(AppError::Stands(what));
    }
    match views::remove(database, &view, actor.as_str(), now_ms).await? {
        true => Ok(said(&view, actor)),
        false => Err(AppError::Stands("it is gone already".to_owned())),
    }
}

impl Words {
    /// As it is kept, once its list understands it.
    fn checked(&self, list: List, now_ms: i64) -> Result<Value, AppError> {
        let texts =
            [&self.state, &self.source, &self.destination, &self.code, &self.from, &self.until];
        for text in texts.into_iter().flatten() {
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:+-".contains(c);
            // A name of a system, a code or a day: nothing that is said of a person has such a look, but for a number.
            if text.is_empty()
                || text.len() > WORD_CHARS_MAX
                || !text.chars().all(is_plain)
                || free_text::masked(text) != *text
            {
                let what = "a view keeps names of systems, codes and days, and nothing else";
                return Err(AppError::Asked(what.to_owned()));
            }
        }
        let kept = serde_json::to_value(self).unwrap_or_default();
        if kept.as_object().is_none_or(serde_json::Map::is_empty) {
            let what = "a view keeps what a list is cut by: say something of it";
            return Err(AppError::Asked(what.to_owned()));
        }
        let read = |error: serde_json::Error| {
            AppError::Asked(format!("the list of {} has no such word: {error}", list.word()))
        };
        match list {
            List::WorkOrders => {
                serde_json::from_value::<work_orders::Wanted>(kept.clone())
                    .map_err(read)?
                    .check(now_ms)?;
            }
            List::Messages => {
                serde_json::from_value::<deliveries::Listing>(kept.clone())
                    .map_err(read)?
                    .check(now_ms)?;
            }
        }
        Ok(kept)
    }
}
