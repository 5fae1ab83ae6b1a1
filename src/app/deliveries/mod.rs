//! `viaduct deliveries`: how many there are in each state, and which; `show` tells the story of one,
//! `release`, `dismiss`, `remake` and `repeat` (in `bulk`) do something with many, `decide` with one nobody
//! answered.

pub mod decide;
pub mod line;
pub mod story;

use std::path::Path;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use self::line::Line;
use super::actor::of_this_process;
use super::audit;
use super::bulk::chosen::{Chosen, Had};
use super::bulk::{self, Action};
use super::clock::MachineClock;
use super::context::{AppError, Context};
use super::days::{Between, Order, between};
use super::report::states;
use super::sight::{Sight, Unmasked};
use crate::job::clock::Clock;
use crate::record::delivery::State;
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::deliveries::{self, Filter};
use crate::store::delivery_lists::{List, Page, Turn};
use crate::store::received::Received;

const MOST_MAX: i64 = 1_000;
/// What is counted where counts are to be quick.
const OPEN_STATES: [State; 5] =
    [State::Held, State::Unknown, State::Waiting, State::Accepted, State::Offered];

fn most() -> u16 {
    50
}

/// Which deliveries are listed.
#[derive(Debug, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Only those in this state: waiting, sending, accepted, delivered, unknown, held, dismissed, replaced
    #[arg(long)]
    state: Option<String>,
    /// Only those to this connector
    #[arg(long)]
    destination: Option<String>,
    /// Only those that this mapping made
    #[arg(long)]
    mapping: Option<String>,
    /// Only those to this resident
    #[arg(long, value_name = "ID")]
    resident: Option<i64>,
    /// Only those that this batch made
    #[arg(long, value_name = "ID")]
    batch: Option<i64>,
    /// Only those stopped under this code, or one that begins with it: `notify`, `suppressed.hold`
    #[arg(long)]
    code: Option<String>,
    /// Only those that came of what this source sent
    #[arg(long)]
    source: Option<String>,
    /// Only those that came of what was received on that day in London or later, or from an instant on: 2026-11-26,
    /// 2026-11-26T06:00:00Z
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only those that came of what was received before then; a day in London counts to its end
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// Only those that came of what was received more than so many days ago
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u32>,
    /// Which end comes first
    #[arg(long, value_enum, default_value_t = Order::Newest)]
    #[serde(default)]
    order: Order,
    /// Go on behind this delivery, as the last page says
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
    /// Go back to those before this delivery, as the last page says
    #[arg(long, value_name = "ID", conflicts_with = "after")]
    before: Option<i64>,
    /// Counts stop there, and are made of what is not settled alone: that is quick however many there are
    #[arg(long, value_name = "COUNT")]
    counted_to: Option<u32>,
    /// How many at most
    #[arg(long, default_value_t = most())]
    #[serde(default = "most")]
    most: u16,
}

/// What may be asked of one delivery.
#[derive(Debug, Subcommand)]
pub enum One {
    /// The message, why it was made, each attempt, and what happens next
    Show {
        /// Its number, or our reference at the platform
        delivery: String,
        #[command(flatten)]
        showing: Unmasked,
    },
    /// Have held ones sent again as they are, once what stopped them is mended
    Release(Chosen),
    /// Have held ones never sent
    Dismiss(Chosen),
    /// Have held ones made anew, with the mapping and the values of now, under a new reference
    Remake(Chosen),
    /// Have what a system was told by HTTP told to it once more, under a new reference
    Repeat(Had),
    /// Say what became of one that was sent and never answered
    Decide(decide::Decide),
}

/// Does what a command asks for.
pub async fn answer(
    definitions: &Path,
    url: &str,
    listing: &Listing,
    one: Option<One>,
) -> Result<(Value, String), AppError> {
    // What is composed, or depends on what a system is, takes the definitions.
    if let Some(One::Remake(_) | One::Repeat(_)) = one {
        let context = Context::open(definitions, url).await?;
        let done = make(&context, one).await;
        context.database.close().await;
        return done;
    }
    let database = Database::open_existing(url).await?;
    let (me, clock) = (of_this_process(), MachineClock);
    let now_ms = clock.now_ms();
    let said = match one {
        Some(One::Show { delivery, showing }) => {
            let said = show(&database, &delivery, showing.sight(), now_ms).await?;
            let about = (format!("delivery {}", said.0["delivery"]), None);
            audit::put_down(&database, &showing, about).await?;
            Ok(said)
        }
        Some(One::Release(chosen)) => {
            bulk::ask(&database, &clock, &chosen.wish(Action::Release)?, None, &me).await
        }
        Some(One::Dismiss(chosen)) => {
            bulk::ask(&database, &clock, &chosen.wish(Action::Dismiss)?, None, &me).await
        }
        Some(One::Decide(asked)) => decide::decide(&database, &asked, &me, now_ms).await,
        None | Some(One::Remake(_) | One::Repeat(_)) => list(&database, listing, now_ms).await,
    };
    database.close().await;
    said
}

async fn make(context: &Context, one: Option<One>) -> Result<(Value, String), AppError> {
    let (wish, anew) = match one {
        Some(One::Repeat(had)) => (had.wish(context).await?, None),
        Some(One::Remake(chosen)) => (chosen.wish(Action::Remake)?, Some(context.anew()?)),
        _ => return Err(AppError::Asked("say what is to be done".to_owned())),
    };
    let me = of_this_process();
    bulk::ask(&context.database, &*context.clock, &wish, anew.as_ref(), &me).await
}

/// The list, for machines and for people.
pub async fn list(
    database: &Database,
    listing: &Listing,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let asked = listing.list(now_ms)?;
    let (filter, most) = (&asked.filter, i64::from(listing.most).clamp(1, MOST_MAX));
    let counts = match listing.counted_to {
        // Of what a source sent, or was received on some days, nobody counts.
        _ if !asked.received.is_all() => Vec::new(),
        None => deliveries::counts(database, filter).await?,
        Some(most) => {
            let states = counted(filter);
            deliveries::counts_to(database, filter, &states, i64::from(most) + 1).await?
        }
    };
    let Page { rows, after, before, looked_to_ms } =
        asked.page(database, listing.turn()?, most).await?;
    let lines: Vec<Line> = rows.iter().map(|row| Line::of(row, Sight::Masked, now_ms)).collect();
    let looked_to = looked_to_ms.map(Moment);
    let by_state: serde_json::Map<String, Value> =
        counts.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
    let json = json!({
        "counts": by_state, "deliveries": lines, "after": after, "before": before,
        "looked_to": looked_to,
    });
    let mut text = match counts.is_empty() && !asked.received.is_all() {
        true => "Deliveries\n".to_owned(),
        false => format!("Deliveries  {}\n", states(&counts)),
    };
    if !lines.is_empty() {
        text.push('\n');
    }
    for line in &lines {
        text.push_str(&line.text());
    }
    if let Some(looked_to) = looked_to {
        text.push_str(&format!("\nSo far was looked: {looked_to}.\n"));
    }
    if let Some(after) = after {
        text.push_str(&format!("\nThere are more: add `--after {after}`.\n"));
    }
    Ok((json, text))
}

/// What can be counted quickly: what is not settled; of one cause or batch the state that is looked at alone.
fn counted(filter: &Filter) -> Vec<&'static str> {
    let open = OPEN_STATES.map(State::word);
    let narrow = filter.code.is_some() || filter.batch_id.is_some();
    match (narrow, filter.state) {
        (false, _) => open.to_vec(),
        (true, Some(state))
            if filter.batch_id.is_none() && ["held", "unknown"].contains(&state) =>
        {
            vec![state]
        }
        (true, _) => Vec::new(),
    }
}

/// The story of one.
pub async fn show(
    database: &Database,
    delivery: &str,
    sight: Sight,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let delivery = delivery.trim();
    let row = match delivery.parse() {
        Ok(id) => deliveries::of_id(database, id).await?,
        Err(_) => deliveries::of_reference(database, delivery).await?,
    };
    let row = row.ok_or_else(|| {
        AppError::NotThere(
            "there is no such delivery: give its number, as `viaduct deliveries` lists it, or the \
             reference that the platform shows"
                .to_owned(),
        )
    })?;
    if sight == Sight::Shown {
        tracing::info!(resident.id = row.resident_id, "values of a resident were shown");
    }
    let story = story::Story::of(database, &row, sight, now_ms).await?;
    Ok((story.json(), story.text(sight)))
}

impl Listing {
    /// Whether its words are understood.
    pub fn check(&self, now_ms: i64) -> Result<(), AppError> {
        self.list(now_ms).map(|_| ())
    }

    fn list(&self, now_ms: i64) -> Result<List, AppError> {
        let (from, until) = (self.from.as_deref(), self.until.as_deref());
        let Between { from_ms, until_ms } = between(from, until, self.older_than, now_ms)?;
        let sources = self.source.clone().map(|source| vec![source]);
        let received = Received { sources, batch_id: None, from_ms, until_ms };
        if self.resident.is_some() && !received.is_all() {
            let what = "of one resident all messages are listed: ask without `source` and days";
            return Err(AppError::Asked(what.to_owned()));
        }
        let oldest_first = self.order == Order::Oldest;
        Ok(List { filter: self.filter()?, received, oldest_first })
    }

    fn turn(&self) -> Result<Turn, AppError> {
        match (self.after, self.before) {
            (None, None) => Ok(Turn::First),
            (Some(place), None) => Ok(Turn::On(place)),
            (None, Some(place)) => Ok(Turn::Back(place)),
            (Some(_), Some(_)) => {
                let what = "a list goes on `after` a delivery or back `before` one, and not both";
                Err(AppError::Asked(what.to_owned()))
            }
        }
    }

    fn filter(&self) -> Result<Filter, AppError> {
        let state = match &self.state {
            None => None,
            Some(word) => Some(State::from_word(word).map(State::word).ok_or_else(|| {
                let known: Vec<&str> = State::ALL.iter().map(|state| state.word()).collect();
                AppError::Asked(format!(
                    "there is no such state: it is one of {}",
                    known.join(", ")
                ))
            })?),
        };
        Ok(Filter {
            state,
            destination: self.destination.clone(),
            resident_id: self.resident,
            batch_id: self.batch,
            code: self.code.clone(),
            mapping: self.mapping.clone(),
            ..Filter::default()
        })
    }
}

/// When something happens, for those who read: `now` where its time has come.
pub(super) fn when(at_ms: i64, now_ms: i64) -> String {
    if at_ms <= now_ms { "now".to_owned() } else { format!("on {}", Moment(at_ms)) }
}
