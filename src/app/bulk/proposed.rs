//! Bulk actions that wait for a yes: the set is fixed when it is looked at, and what is confirmed is that set
//! and no other, whatever fits the words by then.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::approval::{self, GOOD_MS};
use super::chosen::Chosen;
use super::{Counts, PAGE, fix, watch};
use crate::access::actor::Actor;
use crate::app::context::{AppError, Context};
use crate::app::persons;
use crate::job::bulk::{Action, Turns};
use crate::record::moment::Moment;
use crate::store::bulk::{self, ASKED, PROPOSED, Said};
use crate::store::deliveries;

/// What is to be done, if somebody says yes to it.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proposal {
    /// release, dismiss, remake
    pub action: String,
    pub ids: Vec<i64>,
    pub code: Option<String>,
    pub destination: Option<String>,
    pub mapping: Option<String>,
    pub resident: Option<i64>,
    pub batch: Option<i64>,
}

impl Proposal {
    fn chosen(&self) -> Chosen {
        Chosen {
            ids: self.ids.clone(),
            code: self.code.clone(),
            destination: self.destination.clone(),
            mapping: self.mapping.clone(),
            resident: self.resident,
            batch: self.batch,
            ..Chosen::default()
        }
    }
}

/// Fixes the set, and says what would become of it.
pub async fn propose(
    context: &Context,
    proposal: &Proposal,
    actor: &Actor,
) -> Result<Value, AppError> {
    let action = Action::from_word(&proposal.action).filter(|action| *action != Action::Repeat);
    let action = action
        .ok_or_else(|| AppError::Asked("`action` is one of release, dismiss, remake".to_owned()))?;
    let wish = proposal.chosen().wish(action)?;
    let (database, clock) = (&context.database, &*context.clock);
    let id = fix(database, clock, &wish, actor, (PROPOSED, "")).await?;
    shown(context, id).await
}

/// What would become of the fixed set, if it were begun now.
pub async fn shown(context: &Context, id: i64) -> Result<Value, AppError> {
    let database = &context.database;
    let (mut json, _) =
        watch::show(database, &watch::Wanted { most: 1, ..watch::Wanted::of(id) }).await?;
    let proposed = still(context, id, &[PROPOSED, ASKED]).await?;
    let action = Action::from_word(&proposed.action);
    let Some(action) = action else { return Ok(json) };
    let anew = if action.composes() { Some(context.anew()?) } else { None };
    let now_ms = context.clock.now_ms();
    let mut turns = Turns::of(database, action, anew.as_ref(), now_ms).await?;
    let (mut counts, mut after) = (Counts::default(), 0);
    let mut destinations: BTreeMap<String, u64> = BTreeMap::new();
    loop {
        let items = bulk::items(database, id, None, after, PAGE as i64).await?;
        let Some(last) = items.last() else { break };
        after = last.place;
        let ids: Vec<i64> = items.iter().map(|item| item.delivery_id).collect();
        let rows = deliveries::of_numbers(database, &ids).await?;
        for row in &rows {
            *destinations.entry(row.destination.clone()).or_default() += 1;
        }
        counts.add(database, &rows, &mut turns).await?;
    }
    let (said, _) = counts.said_of(&proposed.action, &proposed.chosen);
    json["dry_run"] = said;
    json["destinations"] = json!(destinations);
    json["takes_two"] = json!(approval::takes_two(&proposed));
    json["good_until"] = json!(Moment(proposed.moved_ms + GOOD_MS));
    Ok(json)
}

/// Begins it: that set, and nothing that came since; or asks for somebody else's word, where it takes two. The caller has
/// the work done.
pub async fn confirm(
    context: &Context,
    id: i64,
    reason: &str,
    (actor, most): (&Actor, Option<i64>),
) -> Result<(), AppError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(AppError::Asked("it needs its reason".to_owned()));
    }
    let proposed = still(context, id, &[PROPOSED]).await?;
    if approval::takes_two(&proposed) {
        return answered(context, id, (Said::Ask, Some(reason)), actor).await;
    }
    if most.is_some_and(|most| proposed.items > most) {
        return Err(AppError::Stands(format!(
            "bulk action {id} is of {} things, and your role does at most {} at once: ask a support lead to confirm it",
            proposed.items,
            most.unwrap_or_default()
        )));
    }
    answered(context, id, (Said::Begin, Some(reason)), actor).await
}

/// It is not to be: whoever looks at a set leaves it, and of one that is asked for whoever asked takes it back.
pub async fn drop(context: &Context, id: i64, actor: &Actor) -> Result<(), AppError> {
    let found = still(context, id, &[PROPOSED, ASKED]).await?;
    if found.state == ASKED && persons::is_second_to(&context.database, actor, &found.actor).await?
    {
        return Err(AppError::Stands(format!(
            "somebody else asked for bulk action {id}: refuse it, if it is not to be"
        )));
    }
    answered(context, id, (Said::Drop, None), actor).await
}

async fn answered(
    context: &Context,
    id: i64,
    said: (Said, Option<&str>),
    actor: &Actor,
) -> Result<(), AppError> {
    let now_ms = context.clock.now_ms();
    match bulk::answer(&context.database, id, said, actor.as_str(), now_ms).await? {
        true => Ok(()),
        false => Err(settled(id)),
    }
}

async fn still(context: &Context, id: i64, states: &[&str]) -> Result<bulk::Bulk, AppError> {
    let found = bulk::get(&context.database, id).await?;
    let found = found.ok_or_else(|| {
        AppError::NotThere(format!("there is no bulk action {id}: see `viaduct bulk`"))
    })?;
    if !states.contains(&found.state.as_str()) {
        return Err(settled(id));
    }
    match found.moved_ms + GOOD_MS > context.clock.now_ms() {
        true => Ok(found),
        false => Err(AppError::Stands(format!(
            "bulk action {id} was looked at more than a day ago: look again at what is held now"
        ))),
    }
}

fn settled(id: i64) -> AppError {
    AppError::Stands(format!("bulk action {id} was begun or dropped already"))
}
