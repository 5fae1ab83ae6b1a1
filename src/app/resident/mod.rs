//! `viaduct resident`: who somebody is, how they are found, what happened to them, and what people
//! say of who is who.

pub mod history;
pub mod identity;
pub mod relations;
pub mod search;
pub mod show;
pub mod why;

use std::path::Path;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::actor;
use super::audit;
use super::clock::MachineClock;
use super::context::{AppError, policy_of};
use super::sight::{Sight, Unmasked};
use super::steward::acts;
use crate::catalogue::load::load;
use crate::connector::kinds::KINDS;
use crate::job::clock::Clock;
use crate::job::identity as deciding;
use crate::record::personal::Personal;
use crate::record::search::Given;
use crate::resolution::policy::Policy;
use crate::resolution::weigh::Weights;
use crate::store::database::Database;
use crate::store::people;

/// What may be asked about residents.
#[derive(Debug, Subcommand)]
pub enum Asked {
    /// The common record: each value, where it is from and why it won; accounts, holds, messages
    Show {
        /// The resident's number
        id: i64,
        #[command(flatten)]
        showing: Unmasked,
    },
    /// Find residents by what is known of them; everything given must agree
    Search {
        #[command(flatten)]
        known: Known,
        #[command(flatten)]
        showing: Unmasked,
    },
    /// What changed, because of what, and who was told: "why did you write to me?"
    History {
        /// The resident's number
        id: i64,
        #[command(flatten)]
        showing: Unmasked,
        /// How many changes at most, the newest
        #[arg(long, default_value_t = history::MOST)]
        most: u16,
    },
    /// Why its parties are one person, and whom nobody could decide on: field by field, with the weights
    Explain {
        /// The resident's number
        id: i64,
    },
    /// Pairs that wait for a person, the surest first, and what would follow
    Review {
        /// How many at most
        #[arg(long, default_value_t = identity::WAITING)]
        most: u16,
    },
    /// Two residents are one person: the second goes into the first
    Merge {
        /// The resident that stays
        id: i64,
        /// The one that goes into it; its number leads to the first from then on
        other: i64,
        /// What this is known by
        #[arg(long)]
        why: Personal<String>,
    },
    /// Two residents are two people: nobody is asked again
    Apart {
        /// One of them
        id: i64,
        /// And the other
        other: i64,
        /// What this is known by
        #[arg(long)]
        why: Personal<String>,
    },
    /// Take a merge back: both are as they were, and are known to be two
    Unmerge {
        /// The act's number
        act: i64,
        /// What this is known by
        #[arg(long)]
        why: Personal<String>,
    },
    /// What people decided about who is who, the newest first
    Acts {
        #[command(flatten)]
        wanted: acts::Wanted,
    },
    /// Some of its parties are another person
    Split {
        /// The resident's number
        id: i64,
        /// The parties that are somebody else, by their numbers
        #[arg(long, required = true, num_args = 1..)]
        party: Vec<i64>,
        /// What this is known by
        #[arg(long)]
        why: Personal<String>,
    },
}

impl Asked {
    /// Whether it changes something, or shows no value of anybody: then nothing is masked in it.
    fn shows_nobody(&self) -> bool {
        !matches!(self, Asked::Show { .. } | Asked::Search { .. } | Asked::History { .. })
    }
}

/// What somebody knows of a resident.
#[derive(Debug, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Known {
    /// The number of an account or claim, as its system writes it
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    reference: Option<Personal<String>>,
    /// National Insurance number, with or without its last letter
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    nino: Option<Personal<String>>,
    /// E-mail address
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    email: Option<Personal<String>>,
    /// Telephone number, landline or mobile
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    phone: Option<Personal<String>>,
    /// Names in any order; an initial will do for a given name
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    name: Option<Personal<String>>,
    /// Postcode of the home, or of the address for letters
    #[arg(long)]
    #[schemars(with = "Option<String>")]
    postcode: Option<Personal<String>>,
}

impl From<Known> for Given {
    fn from(known: Known) -> Given {
        let Known { reference, nino, email, phone, name, postcode } = known;
        Given { reference, nino, email, phone, name, postcode }
    }
}

/// Answers a command: that values were shown is written before they are.
pub async fn command(
    database: &Database,
    definitions: &Path,
    asked: Asked,
) -> Result<(Value, String), AppError> {
    if asked.shows_nobody() {
        return decide(database, definitions, asked, &actor::of_this_process().to_string()).await;
    }
    let (showing, id) = match &asked {
        Asked::Show { id, showing } | Asked::History { id, showing, .. } => {
            (showing.clone(), Some(*id))
        }
        Asked::Search { showing, .. } => (showing.clone(), None),
        _ => return Err(AppError::NotThere("nothing is shown".to_owned())),
    };
    let said = answer(database, definitions, asked, MachineClock.now_ms()).await?;
    let about = match id {
        Some(id) => (format!("resident {id}"), None),
        None => {
            let found = said.0["residents"].as_array().into_iter().flatten();
            let found: Vec<&Value> = found.map(|one| &one["resident"]).collect();
            ("residents".to_owned(), Some(json!({ "residents": found })))
        }
    };
    audit::put_down(database, &showing, about).await?;
    Ok(said)
}

/// Answers, for machines and for people.
pub async fn answer(
    database: &Database,
    definitions: &Path,
    asked: Asked,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    match asked {
        Asked::Show { id, showing } => {
            let (sight, policy) = (showing.sight(), policy(definitions, database).await?);
            tell(sight, id);
            let shown = show::Shown::of(database, id, policy.as_ref(), sight, now_ms).await?;
            Ok((shown.json(), shown.text(sight)))
        }
        Asked::Search { known, showing } => {
            let sight = showing.sight();
            let found = search::Candidates::of(database, &known.into(), sight).await?;
            found.ids().for_each(|id| tell(sight, id));
            Ok((found.json(), found.text()))
        }
        Asked::History { id, showing, most } => {
            let sight = showing.sight();
            tell(sight, id);
            let history = history::History::of(database, id, most, sight, now_ms).await?;
            Ok((history.json(), history.text(sight)))
        }
        _ => Err(AppError::NotThere("nothing is shown".to_owned())),
    }
}

/// Answers about who is who, and does what a person decides.
pub async fn decide(
    database: &Database,
    definitions: &Path,
    asked: Asked,
    actor: &str,
) -> Result<(Value, String), AppError> {
    let policy = policy(definitions, database).await?.unwrap_or_default();
    let weights = policy.weights.as_ref().unwrap_or(Weights::shipped());
    let now_ms = MachineClock.now_ms();
    match asked {
        Asked::Explain { id } => identity::explained(database, weights, id).await,
        Asked::Review { most } => identity::waiting(database, weights, most).await,
        Asked::Merge { id, other, why } => {
            let by = identity::by(actor, &why, now_ms);
            identity::done(deciding::merge(database, &policy, (id, other), by).await?, "Merged")
        }
        Asked::Apart { id, other, why } => {
            let by = identity::by(actor, &why, now_ms);
            identity::done(deciding::tell_apart(database, (id, other), by).await?, "Told apart")
        }
        Asked::Acts { wanted } => acts::list(database, &wanted).await,
        Asked::Unmerge { act, why } => {
            let by = identity::by(actor, &why, now_ms);
            identity::done(deciding::unmerge(database, &policy, act, by).await?, "Taken back")
        }
        Asked::Split { id, party, why } => {
            let by = identity::by(actor, &why, now_ms);
            identity::done(deciding::split(database, &policy, (id, &party), by).await?, "Split")
        }
        Asked::Show { .. } | Asked::Search { .. } | Asked::History { .. } => {
            Err(AppError::NotThere("this decides nothing".to_owned()))
        }
    }
}

/// A line of the log where values are shown.
fn tell(sight: Sight, id: i64) {
    if sight == Sight::Shown {
        tracing::info!(resident.id = id, "values of a resident were shown");
    }
}

/// There is nobody of that number.
pub fn nobody(id: i64) -> AppError {
    AppError::NotThere(format!(
        "there is no resident {id}: `viaduct resident search` finds them by what is known of them"
    ))
}

/// The rules of whose value wins. A record can be read where the definitions cannot: then why a value
/// won is not said.
pub async fn policy(definitions: &Path, database: &Database) -> Result<Option<Policy>, AppError> {
    let catalogue = load(definitions, KINDS);
    if catalogue.has_errors() {
        return Ok(None);
    }
    let sources = people::sources(database).await?;
    let number = |name: &str| sources.iter().find(|(known, _)| known == name).map(|(_, id)| *id);
    Ok(Some(policy_of(&catalogue.resident, &number)))
}
