//! Calls about people: who somebody is, how they are found, what happened to them, and who is the same person.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Api, Why, sight, unanswered, within};
use crate::app::resident::{self, Asked, Known};
use crate::app::sight::{Sight, Unmasked};
use crate::app::{audit, steward};
use crate::record::personal::Personal;
use crate::web::api::Hub;
use crate::web::api::call::{Call, Nothing, Showing};
use crate::web::api::problem::Problem;
use crate::web::api::routes::Verb;

/// How much of what waits is told.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::app) struct ReviewWanted {
    #[serde(default = "review_most")]
    most: u16,
}

fn review_most() -> u16 {
    resident::identity::WAITING
}

/// Who is the same person, and what that is known by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::app) struct MergeAsked {
    other: i64,
    reason: String,
}

/// Which parties are another person, and what that is known by.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::app) struct SplitAsked {
    parties: Vec<i64>,
    reason: String,
}

/// What is told of a resident's past.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::app) struct HistoryWanted {
    most: Option<u16>,
    #[serde(default)]
    show: bool,
}

impl Api {
    pub(super) async fn search(&self, call: &Call) -> Result<Value, Problem> {
        let (Showing { show }, known) = call.words::<Showing, Known>()?;
        let (given, sight) = (known.into(), sight(call, show)?);
        let found = resident::search::Candidates::of(self.database(), &given, sight).await?;
        let details = json!({ "residents": found.ids().collect::<Vec<i64>>() });
        match sight {
            // Who was looked for is not written down: who was found is.
            Sight::Masked => {
                let now_ms = self.clock().now_ms();
                audit::searched(self.database(), &call.caller.actor, details, now_ms).await?;
            }
            Sight::Shown => {
                self.put_down(call, sight, "residents".to_owned(), Some(details)).await?;
            }
        }
        Ok(found.json())
    }

    async fn resident(&self, call: &Call, show: bool, asked: Asked) -> Result<Value, Problem> {
        let sight = sight(call, show)?;
        let definitions = &self.context.definitions;
        let now_ms = self.clock().now_ms();
        let (json, _) = resident::answer(self.database(), definitions, asked, now_ms).await?;
        self.put_down(call, sight, format!("resident {}", call.id), None).await?;
        Ok(json)
    }

    /// The common record, and what happened.
    pub(super) async fn record(&self, call: &Call) -> Result<Value, Problem> {
        match call.verb {
            Verb::Resident => {
                let Showing { show } = call.query()?;
                let (id, showing) = (call.number()?, Unmasked::of(show));
                self.resident(call, show, Asked::Show { id, showing }).await
            }
            Verb::Why => {
                let HistoryWanted { most, show } = call.query()?;
                let most = most.unwrap_or(resident::why::MOST);
                within(u32::from(most), resident::why::MOST_MAX)?;
                let (id, sight, now_ms) =
                    (call.number()?, sight(call, show)?, self.clock().now_ms());
                let why = resident::why::Why::of(self.database(), id, most, sight, now_ms).await?;
                self.put_down(call, sight, format!("resident {id}"), None).await?;
                Ok(why.json())
            }
            Verb::History => {
                let HistoryWanted { most, show } = call.query()?;
                let most = most.unwrap_or(resident::history::MOST);
                self.resident(
                    call,
                    show,
                    Asked::History { id: call.number()?, showing: Unmasked::of(show), most },
                )
                .await
            }
            _ => Err(unanswered()),
        }
    }

    /// Who is who: what the hub makes of it, and what a person says.
    pub(super) async fn identity(&self, call: &Call) -> Result<Value, Problem> {
        let why = |reason: String| Personal::new(reason);
        let asked = match call.verb {
            Verb::Explain => {
                let Nothing {} = call.query()?;
                Asked::Explain { id: call.number()? }
            }
            Verb::Review => {
                let ReviewWanted { most } = call.query()?;
                Asked::Review { most }
            }
            Verb::Merge => {
                let MergeAsked { other, reason } = call.body()?;
                Asked::Merge { id: call.number()?, other, why: why(reason) }
            }
            Verb::Apart => {
                let MergeAsked { other, reason } = call.body()?;
                Asked::Apart { id: call.number()?, other, why: why(reason) }
            }
            Verb::Split => {
                let SplitAsked { parties, reason } = call.body()?;
                Asked::Split { id: call.number()?, party: parties, why: why(reason) }
            }
            Verb::Unmerge => {
                let Why { reason } = call.body()?;
                Asked::Unmerge { act: call.number()?, why: why(reason) }
            }
            _ => return Err(unanswered()),
        };
        let (definitions, actor) = (&self.context.definitions, call.caller.actor.to_string());
        Ok(resident::decide(self.database(), definitions, asked, &actor).await?.0)
    }

    /// The stewards' queue, two records side by side, and what people decided.
    pub(super) async fn steward(&self, call: &Call) -> Result<Value, Problem> {
        let (context, database) = (&*self.context, &self.context.database);
        let (actor, now_ms) = (&call.caller.actor, self.clock().now_ms());
        match call.verb {
            Verb::Matches => {
                let wanted: steward::Wanted = call.query()?;
                within(wanted.most, steward::MOST_MAX)?;
                Ok(steward::list(database, &wanted, now_ms).await?)
            }
            Verb::TakeMatch => {
                let next: steward::Next = call.body()?;
                Ok(steward::take(database, &next, actor, now_ms).await?)
            }
            Verb::Match => {
                let Showing { show } = call.query()?;
                let sight = sight(call, show)?;
                let json = steward::compare::compared(context, &call.id, sight).await?;
                self.put_down(call, sight, format!("match {}", call.id), None).await?;
                Ok(json)
            }
            Verb::SayOfMatch => {
                let said: steward::Said = call.body()?;
                Ok(steward::say(context, &call.id, said, actor, now_ms).await?)
            }
            Verb::Acts => {
                let wanted: steward::acts::Wanted = call.query()?;
                within(wanted.most, steward::acts::MOST_MAX)?;
                Ok(steward::acts::list(database, &wanted).await?.0)
            }
            Verb::Act => {
                let Nothing {} = call.query()?;
                Ok(steward::acts::one(database, call.number()?).await?)
            }
            _ => Err(unanswered()),
        }
    }
}
