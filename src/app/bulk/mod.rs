//! `viaduct deliveries release`, `dismiss`, `remake` and `repeat`: held deliveries go back to be sent, are
//! never sent, or are made anew; what a system has had is sent to it once more. What is chosen is fixed
//! first and worked then; `viaduct bulk` watches, pauses and goes on.

pub mod approval;
pub mod chosen;
pub mod proposed;
pub mod watch;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::holder;
use crate::access::actor::Actor;
use crate::job::bulk as work;
pub use crate::job::bulk::Action;
use crate::job::bulk::Turns;
use crate::job::bulk::remake::{Anew, may_be_remade};
use crate::job::clock::Clock;
use crate::store::bulk::{self, Asked, Judge, Set, Verdict};
use crate::store::database::Database;
use crate::store::deliveries::{self, Delivery, Filter};
use crate::store::ids::Ids;
use crate::store::nodes;

/// Rows that are looked at in one go, for a dry run.
pub(super) const PAGE: usize = 1_000;

/// What is to be done to which deliveries, and why.
#[derive(Debug, Clone)]
pub struct Wish {
    pub action: Action,
    /// These alone, as far as the filter lets them pass; none where all are meant that fit.
    pub ids: Vec<i64>,
    pub filter: Filter,
    /// As it was asked for.
    pub words: String,
    pub reason: Option<String>,
    /// Only say what would become of them.
    pub dry_run: bool,
}

/// Does it, or says what it would do.
pub async fn ask(
    database: &Database,
    clock: &dyn Clock,
    wish: &Wish,
    anew: Option<&Anew>,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    if wish.dry_run {
        return foretell(database, wish, anew, clock.now_ms()).await;
    }
    let id = begin(database, clock, wish, actor).await?;
    work_with(database, clock, id, anew).await?;
    watch::show(database, &watch::Wanted::of(id)).await
}

/// Fixes the set and begins, or asks for somebody else's word first where it takes two. The work is left to the
/// caller, for whom there is none yet in that case. Gives its number.
pub async fn begin(
    database: &Database,
    clock: &dyn Clock,
    wish: &Wish,
    actor: &Actor,
) -> Result<i64, AppError> {
    let reason = wish.reason.as_deref().map(str::trim).unwrap_or_default();
    if reason.is_empty() {
        return Err(AppError::Asked("it needs its reason: --reason WHY".to_owned()));
    }
    fix(database, clock, wish, actor, (bulk::RUNNING, reason)).await
}

/// Fixes the set, to begin with it now or when somebody has said yes. Gives its number.
pub(super) async fn fix(
    database: &Database,
    clock: &dyn Clock,
    wish: &Wish,
    actor: &Actor,
    (state, reason): (&'static str, &str),
) -> Result<i64, AppError> {
    let mut numbers = Ids::new();
    numbers.reserve(database, 1).await?;
    let id = numbers.take();
    let asked = Asked {
        id,
        action: wish.action.word(),
        chosen: &wish.words,
        actor: actor.as_str(),
        reason,
        state,
        alone_max: wish.action.alone_max(),
    };
    let named: Vec<i64> = of_those(database, wish).await?.iter().map(|row| row.id).collect();
    let set = match wish.ids.is_empty() {
        true => Set::Fitting(&wish.filter),
        false => Set::Numbers(&named),
    };
    bulk::begin(database, &asked, set, clock.now_ms()).await?;
    Ok(id)
}

/// Works one to its end, with the definitions where it takes them.
pub async fn work_on(context: &Context, id: i64) -> Result<(), AppError> {
    let anew = match watch::composes(&context.database, id).await? {
        true => Some(context.anew()?),
        false => None,
    };
    work_with(&context.database, &*context.clock, id, anew.as_ref()).await
}

/// The same with what it takes at hand; and it is put down who is at it.
async fn work_with(
    database: &Database,
    clock: &dyn Clock,
    id: i64,
    anew: Option<&Anew>,
) -> Result<(), AppError> {
    nodes::works_on(database, id, &holder::name()).await?;
    work::work(database, clock, id, anew).await?;
    Ok(())
}

/// Those of the named ones that are meant, whatever state they are in.
async fn of_those(database: &Database, wish: &Wish) -> Result<Vec<Delivery>, AppError> {
    let mut meant = Vec::new();
    for id in &wish.ids {
        let none = || {
            AppError::NotThere(format!(
                "there is no delivery {id}: nothing was done; see `viaduct deliveries`"
            ))
        };
        let row = deliveries::of_id(database, *id).await?.ok_or_else(none)?;
        if wish.filter.is_about(&row) {
            meant.push(row);
        }
    }
    meant.sort_by_key(|row| row.id);
    meant.dedup_by_key(|row| row.id);
    Ok(meant)
}

/// What would become of them: counts, and why some would stay. It is decided as it would be, and nothing of
/// it is kept.
pub async fn foretell(
    database: &Database,
    wish: &Wish,
    anew: Option<&Anew>,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let mut turns = Turns::of(database, wish.action, anew, now_ms).await?;
    let mut counts = Counts::default();
    if wish.ids.is_empty() {
        let mut before = i64::MAX;
        loop {
            let rows = deliveries::list(database, &wish.filter, before, PAGE as i64).await?;
            let Some(last) = rows.last() else { break };
            before = last.id;
            counts.add(database, &rows, &mut turns).await?;
        }
    }
    for rows in of_those(database, wish).await?.chunks(PAGE) {
        counts.add(database, rows, &mut turns).await?;
    }
    Ok(counts.said(wish))
}

/// What would become of how many.
#[derive(Debug, Default)]
pub(super) struct Counts {
    would: BTreeMap<&'static str, u64>,
    left: BTreeMap<String, u64>,
    noted: BTreeMap<String, u64>,
}

impl Counts {
    pub(super) async fn add(
        &mut self,
        database: &Database,
        rows: &[Delivery],
        turns: &mut Turns<'_>,
    ) -> Result<(), AppError> {
        let mut in_order: Vec<&Delivery> = rows.iter().collect();
        in_order.sort_by_key(|row| row.id);
        // Dropped at the end, and with it the numbers that were taken.
        let mut transaction = database.begin().await?;
        for verdict in turns.judge(&mut transaction, &in_order).await? {
            if let Verdict::Left(why) = &verdict {
                *self.left.entry(why.clone().into_owned()).or_default() += 1;
                continue;
            }
            *self.would.entry(verdict.outcome()).or_default() += 1;
            if let Verdict::Remade { note: Some(note), .. } = verdict {
                *self.noted.entry(note).or_default() += 1;
            }
        }
        Ok(())
    }

    fn said(&self, wish: &Wish) -> (Value, String) {
        self.said_of(wish.action.word(), &wish.words)
    }

    pub(super) fn said_of(&self, action: &str, chosen: &str) -> (Value, String) {
        let of = self.would.values().sum::<u64>() + self.left.values().sum::<u64>();
        let listed = |words: &BTreeMap<String, u64>| -> Vec<Value> {
            words.iter().map(|(why, many)| json!({ "why": why, "count": many })).collect()
        };
        let json = json!({
            "dry_run": true, "action": action, "chosen": chosen, "of": of,
            "would": self.would, "left": listed(&self.left), "otherwise": listed(&self.noted),
        });
        let mut text = format!("{of} are chosen; nothing was done.\n");
        for (outcome, many) in &self.would {
            text.push_str(&format!("  {many} would be {outcome}\n"));
        }
        for (note, many) in &self.noted {
            text.push_str(&format!("  {many} of them otherwise than then: {note}\n"));
        }
        for (why, many) in &self.left {
            text.push_str(&format!("  {many} would stay: {why}\n"));
        }
        (json, text)
    }
}

/// What has a held delivery sent again, where that may be: as it is, or made anew where there is nothing in
/// it.
pub fn release_command(row: &Delivery, now_ms: i64) -> Option<String> {
    let verb = match work::released(row, now_ms) {
        Verdict::To(_) => "release",
        _ if may_be_remade(row, now_ms).is_ok() => "remake",
        _ => return None,
    };
    Some(format!("viaduct deliveries {verb} {} --reason WHY", row.id))
}
