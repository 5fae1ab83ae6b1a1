//! `viaduct deliveries`: how many there are in each state, and which; `show` tells the story of one,
//! `release` and `dismiss` (in `bulk`) do something with held ones, `decide` with one nobody answered.

pub mod decide;
pub mod line;
pub mod story;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use self::line::Line;
use super::bulk;
use super::context::AppError;
use super::report::states;
use super::sight::Sight;
use crate::record::delivery::State;
use crate::record::moment::Moment;
use crate::store::database::Database;
use crate::store::deliveries::{self, Filter};

const MOST_MAX: i64 = 1_000;

fn most() -> u16 {
    50
}

/// Which deliveries are listed.
#[derive(Debug, Args, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Only those in this state: waiting, sending, accepted, delivered, unknown, held, dismissed
    #[arg(long)]
    state: Option<String>,
    /// Only those to this connector
    #[arg(long)]
    destination: Option<String>,
    /// Only those to this resident
    #[arg(long, value_name = "ID")]
    resident: Option<i64>,
    /// Only those that this batch made
    #[arg(long, value_name = "ID")]
    batch: Option<i64>,
    /// Only those stopped under this code, or one that begins with it: `notify`, `suppressed.hold`
    #[arg(long)]
    code: Option<String>,
    /// Go on behind this delivery, as the last page says
    #[arg(long, value_name = "ID")]
    after: Option<i64>,
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
        /// Show values in place of their masks
        #[arg(long)]
        show: bool,
    },
    /// Have held ones sent again, once what stopped them is mended
    Release(bulk::Chosen),
    /// Have held ones never sent
    Dismiss(bulk::Chosen),
    /// Say what became of one that was sent and never answered
    Decide(decide::Decide),
}

/// The list, for machines and for people.
pub async fn list(
    database: &Database,
    listing: &Listing,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let filter = listing.filter()?;
    let most = i64::from(listing.most).clamp(1, MOST_MAX);
    let before = listing.after.unwrap_or(i64::MAX);
    let counts = deliveries::counts(database, &filter).await?;
    let mut rows = deliveries::list(database, &filter, before, most + 1).await?;
    let more = rows.len() as i64 > most;
    rows.truncate(most as usize);
    let lines: Vec<Line> = rows.iter().map(|row| Line::of(row, Sight::Masked, now_ms)).collect();
    let after = lines.last().filter(|_| more).map(|line| line.delivery);
    let by_state: serde_json::Map<String, Value> =
        counts.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
    let json = json!({ "counts": by_state, "deliveries": lines, "after": after });
    let mut text = format!("Deliveries  {}\n", states(&counts));
    if !lines.is_empty() {
        text.push('\n');
    }
    for line in &lines {
        text.push_str(&line.text());
    }
    if let Some(after) = after {
        text.push_str(&format!("\nThere are more: add `--after {after}`.\n"));
    }
    Ok((json, text))
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
        })
    }
}

/// When something happens, for those who read: `now` where its time has come.
pub(super) fn when(at_ms: i64, now_ms: i64) -> String {
    if at_ms <= now_ms { "now".to_owned() } else { format!("on {}", Moment(at_ms)) }
}
