//! `viaduct deliveries release` and `dismiss`: held deliveries go back to be sent, or are never sent. What
//! is chosen is fixed first and worked then; `viaduct bulk` watches, pauses and goes on.

pub mod watch;

use std::collections::BTreeMap;

use clap::Args;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::AppError;
use crate::access::actor::Actor;
use crate::job::bulk as work;
pub use crate::job::bulk::Action;
use crate::job::clock::Clock;
use crate::record::delivery::State;
use crate::store::bulk::{self, Asked, Set, Verdict};
use crate::store::database::Database;
use crate::store::deliveries::{self, Delivery, Filter};
use crate::store::ids::Ids;

/// Rows that are looked at in one go, for a dry run.
const PAGE: i64 = 1_000;

/// Which held deliveries are meant, and why.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Chosen {
    /// Their numbers
    #[arg(value_name = "ID", required_unless_present = "code", conflicts_with = "code")]
    pub ids: Vec<i64>,
    /// All held under this code, or one that begins with it: `notify`, `notify.not_found`
    #[arg(long)]
    pub code: Option<String>,
    /// Only those to this connector
    #[arg(long)]
    pub destination: Option<String>,
    /// Only those to this resident
    #[arg(long, value_name = "ID")]
    pub resident: Option<i64>,
    /// Only those that this batch made
    #[arg(long, value_name = "ID")]
    pub batch: Option<i64>,
    /// Why: it stays with what is done, with your name
    #[arg(long, required_unless_present = "dry_run")]
    pub reason: Option<String>,
    /// Only say what would become of them
    #[arg(long)]
    pub dry_run: bool,
}

impl Chosen {
    /// By their numbers or by a code: whoever says neither does not mean all there are.
    fn must_choose(&self) -> Result<(), AppError> {
        match self.ids.is_empty() == self.code.is_none() {
            true => Err(AppError::Asked(
                "say which deliveries are meant: by their numbers (`ids`), or by `code`".to_owned(),
            )),
            false => Ok(()),
        }
    }

    fn filter(&self) -> Filter {
        Filter {
            state: Some(State::Held.word()),
            destination: self.destination.clone(),
            resident_id: self.resident,
            batch_id: self.batch,
            code: self.code.clone(),
        }
    }

    /// As it was asked for: `--code notify --destination notify`.
    fn words(&self) -> String {
        let ids: Vec<String> = self.ids.iter().map(i64::to_string).collect();
        let named =
            |name: &str, value: Option<String>| value.map(|value| format!("--{name} {value}"));
        let parts = [
            (!ids.is_empty()).then(|| ids.join(" ")),
            named("code", self.code.clone()),
            named("destination", self.destination.clone()),
            named("resident", self.resident.map(|id| id.to_string())),
            named("batch", self.batch.map(|id| id.to_string())),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}

/// Does it, or says what it would do.
pub async fn ask(
    database: &Database,
    clock: &dyn Clock,
    chosen: &Chosen,
    action: Action,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    if chosen.dry_run {
        return foretell(database, chosen, action, clock.now_ms()).await;
    }
    let id = begin(database, clock, chosen, action, actor).await?;
    work::work(database, clock, id).await?;
    watch::show(database, &watch::Wanted::of(id)).await
}

/// Fixes the set and begins, and leaves the work to the caller. Gives its number.
pub async fn begin(
    database: &Database,
    clock: &dyn Clock,
    chosen: &Chosen,
    action: Action,
    actor: &Actor,
) -> Result<i64, AppError> {
    chosen.must_choose()?;
    let reason = chosen.reason.as_deref().map(str::trim).unwrap_or_default();
    if reason.is_empty() {
        return Err(AppError::Asked("it needs its reason: --reason WHY".to_owned()));
    }
    let mut numbers = Ids::new();
    numbers.reserve(database, 1).await?;
    let id = numbers.take();
    let asked =
        Asked { id, action: action.word(), chosen: &chosen.words(), actor: actor.as_str(), reason };
    let filter = chosen.filter();
    let named = match chosen.ids.is_empty() {
        true => None,
        false => Some(of_those(database, chosen).await?),
    };
    let set = match &named {
        None => Set::Fitting(&filter),
        Some(named) => Set::Numbers(named),
    };
    bulk::begin(database, &asked, set, clock.now_ms()).await?;
    Ok(id)
}

/// Those of the named ones that are meant.
async fn of_those(database: &Database, chosen: &Chosen) -> Result<Vec<i64>, AppError> {
    let mut meant = Vec::new();
    for id in &chosen.ids {
        let none = || {
            AppError::NotThere(format!(
                "there is no delivery {id}: nothing was done; see `viaduct held`"
            ))
        };
        let row = deliveries::of_id(database, *id).await?.ok_or_else(none)?;
        let goes_there = chosen.destination.as_ref().is_none_or(|to| *to == row.destination);
        let is_theirs = chosen.resident.is_none_or(|resident| resident == row.resident_id);
        let is_of_it = chosen.batch.is_none_or(|batch| batch == row.batch_id);
        if goes_there && is_theirs && is_of_it {
            meant.push(*id);
        }
    }
    Ok(meant)
}

/// What would become of them: counts, and why some would stay.
pub async fn foretell(
    database: &Database,
    chosen: &Chosen,
    action: Action,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    chosen.must_choose()?;
    let mut would: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut left: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut count = |row: &Delivery| match action.judge(row, now_ms) {
        Verdict::To(state) => *would.entry(state.word()).or_default() += 1,
        Verdict::Left(why) => *left.entry(why).or_default() += 1,
    };
    if chosen.ids.is_empty() {
        let (filter, mut before) = (chosen.filter(), i64::MAX);
        loop {
            let rows = deliveries::list(database, &filter, before, PAGE).await?;
            let Some(last) = rows.last() else { break };
            before = last.id;
            rows.iter().for_each(&mut count);
        }
    }
    for id in of_those(database, chosen).await? {
        if let Some(row) = deliveries::of_id(database, id).await? {
            count(&row);
        }
    }
    let of = would.values().sum::<u64>() + left.values().sum::<u64>();
    let why: Vec<Value> =
        left.iter().map(|(why, many)| json!({ "why": why, "count": many })).collect();
    let json = json!({
        "dry_run": true, "action": action.word(), "chosen": chosen.words(), "of": of,
        "would": would, "left": why,
    });
    let mut text = format!("{of} are chosen; nothing was done.\n");
    for (state, many) in &would {
        text.push_str(&format!("  {many} would be {state}\n"));
    }
    for (why, many) in &left {
        text.push_str(&format!("  {many} would stay: {why}\n"));
    }
    Ok((json, text))
}

/// What has a held delivery sent again, where that may be.
pub fn release_command(row: &Delivery, now_ms: i64) -> Option<String> {
    match Action::Release.judge(row, now_ms) {
        Verdict::To(_) => Some(format!("viaduct deliveries release {} --reason WHY", row.id)),
        Verdict::Left(_) => None,
    }
}
