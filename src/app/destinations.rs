//! `viaduct destinations`: how each system that is told stands; `pause` and `resume` stop what would leave
//! for one, and let it go on; `probe` has one message tried where the system is left alone.

use clap::Subcommand;
use serde::Serialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::access::actor::Actor;
use crate::job::definition::Action;
use crate::record::moment::Moment;
use crate::store::destinations::{self, DestinationRow};
use crate::store::outbox;

/// What is to be done to one.
#[derive(Debug, Subcommand)]
pub enum One {
    /// Send nothing to it until it is resumed
    Pause {
        /// The name of its connector
        destination: String,
        /// Why: it stays with the destination, with your name
        #[arg(long)]
        reason: String,
    },
    /// Try one message now, where it is left alone: what becomes of it decides
    Probe {
        /// The name of its connector
        destination: String,
        /// Why: it stays in the audit log, with your name
        #[arg(long)]
        reason: String,
    },
    /// Send to it again, and try one that did not let us in
    Resume {
        /// The name of its connector
        destination: String,
        /// Why: it stays in the audit log, with your name
        #[arg(long)]
        reason: String,
    },
}

/// How one stands.
#[derive(Debug, Serialize)]
struct Stands {
    destination: String,
    /// closed, open, halted, paused
    circuit: String,
    why: Option<String>,
    by: Option<String>,
    since: Option<Moment>,
    /// When one is sent to see whether it is there.
    tried_again: Option<Moment>,
    deliveries: Vec<(String, i64)>,
}

/// Does it, or says how all of them stand.
pub async fn answer(
    context: &Context,
    one: Option<One>,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let now_ms = context.clock.now_ms();
    let database = &context.database;
    let by = actor.as_str();
    match one {
        None => list(context).await,
        Some(One::Pause { destination, reason }) => {
            known(context, &destination, &reason)?;
            destinations::pause(database, &destination, by, reason.trim(), now_ms).await?;
            let text = format!("Nothing is sent to {destination} until it is resumed.\n");
            Ok((json!({ "destination": destination, "paused": true, "by": by }), text))
        }
        Some(One::Probe { destination, reason }) => {
            known(context, &destination, &reason)?;
            if !destinations::probe(database, &destination, by, reason.trim(), now_ms).await? {
                return Err(AppError::Stands(format!(
                    "{destination} is not left alone: there is nothing to try out"
                )));
            }
            let when = match is_attended(context, &destination) {
                true => "now",
                false => "when its job runs next",
            };
            let text = format!(
                "One of what is due for {destination} is tried {when}; what becomes of it decides.\n"
            );
            Ok((
                json!({ "destination": destination, "probed": true, "tried": when, "by": by }),
                text,
            ))
        }
        Some(One::Resume { destination, reason }) => {
            known(context, &destination, &reason)?;
            let reason = reason.trim();
            let resumed = destinations::resume(database, &destination, by, reason, now_ms).await?;
            let text = match resumed {
                true => format!("What waits for {destination} goes on.\n"),
                false => format!("{destination} was neither paused nor left alone.\n"),
            };
            Ok((json!({ "destination": destination, "resumed": resumed, "by": by }), text))
        }
    }
}

/// The connectors that something is delivered to.
pub(super) fn names(context: &Context) -> Vec<&str> {
    let mut names: Vec<&str> =
        context.jobs(Action::Deliver).map(|job| job.connector.value.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether `serve` sends to it all the time, and not by a schedule.
pub(super) fn is_attended(context: &Context, destination: &str) -> bool {
    context
        .jobs(Action::Deliver)
        .any(|job| job.connector.value == destination && job.schedule.is_none())
}

fn known(context: &Context, destination: &str, reason: &str) -> Result<(), AppError> {
    let names = names(context);
    if !names.contains(&destination) {
        let there = names.join(", ");
        let what = format!("no job delivers to `{destination}`: there is {there}");
        return Err(AppError::NotThere(what));
    }
    match reason.trim().is_empty() {
        true => Err(AppError::Asked("a decision needs its reason: --reason WHY".to_owned())),
        false => Ok(()),
    }
}

async fn list(context: &Context) -> Result<(Value, String), AppError> {
    let mut all = Vec::new();
    for name in names(context) {
        let row = destinations::get(&context.database, name).await?;
        let row = row.unwrap_or_else(|| DestinationRow::fresh(name));
        let deliveries = outbox::counts_of_destination(&context.database, name).await?;
        all.push(Stands::of(row, deliveries));
    }
    let text = all.iter().map(Stands::text).collect::<String>();
    let text = if all.is_empty() { "No job delivers anything.\n".to_owned() } else { text };
    Ok((json!({ "destinations": all }), text))
}

impl Stands {
    fn of(row: DestinationRow, deliveries: Vec<(String, i64)>) -> Stands {
        let tried_again = (row.circuit == "open").then_some(Moment(row.probe_ms));
        match row.paused_ms {
            Some(since_ms) => Stands {
                destination: row.name,
                circuit: "paused".to_owned(),
                why: row.paused_why,
                by: row.paused_by,
                since: Some(Moment(since_ms)),
                tried_again: None,
                deliveries,
            },
            None => Stands {
                destination: row.name,
                circuit: row.circuit,
                why: row.cause,
                by: None,
                since: row.opened_ms.map(Moment),
                tried_again,
                deliveries,
            },
        }
    }

    fn text(&self) -> String {
        let stands = match self.circuit.as_str() {
            "closed" => "what is due is sent".to_owned(),
            "open" => "left alone: it did not answer as it should".to_owned(),
            "halted" => "stopped: it does not let us in".to_owned(),
            _ => format!("paused by {}", self.by.as_deref().unwrap_or("somebody")),
        };
        let mut text = format!("{:<20} {stands}\n", self.destination);
        if let Some(since) = self.since {
            text.push_str(&format!("    since {since}\n"));
        }
        if let Some(why) = &self.why {
            text.push_str(&format!("    {why}\n"));
        }
        if let Some(then) = self.tried_again {
            text.push_str(&format!("    one is tried at {then}\n"));
        }
        if self.circuit == "halted" {
            let name = &self.destination;
            text.push_str(&format!(
                "    once that is mended: viaduct destinations resume {name} --reason …\n"
            ));
        }
        let counts: Vec<String> =
            self.deliveries.iter().map(|(state, many)| format!("{many} {state}")).collect();
        if !counts.is_empty() {
            text.push_str(&format!("    {}\n", counts.join(" · ")));
        }
        text
    }
}
