//! The verbs of holds: put one down, lift one. The same for every door: a command, a file, a feed, a
//! call. Each is one durable commit, with whom it found and what it sets going again.

pub mod feed;

use chrono::NaiveDate;

use crate::record::hold::{Asked, Fault, Wanted};
use crate::record::moment::Moment;
use crate::store::audit::{self, Entry};
use crate::store::database::{Database, StoreError, Transaction};
use crate::store::hold_feed;
use crate::store::hold_matching;
use crate::store::holds::{self, HoldRow, New};
use crate::store::ids::Ids;
use crate::suppression::gate::ACCOUNT_ON_HOLD;
use crate::suppression::policy::{DAY_MS, HoldKind, Policy};

/// Who does it, by which way, and when.
#[derive(Debug, Clone, Copy)]
pub struct Doing<'a> {
    pub policy: &'a Policy,
    /// `user:NAME`
    pub actor: &'a str,
    /// `command`, `import`, `api`, or the name of a source.
    pub door: &'a str,
    pub now_ms: i64,
}

/// What could not be done.
#[derive(Debug, thiserror::Error)]
pub enum HoldError {
    /// What is asked for cannot be understood, with the field and the remedy.
    #[error("{0}")]
    Asked(String),
    /// There is no such hold.
    #[error("{0}")]
    NotThere(String),
    /// It is over.
    #[error("{0}")]
    Stands(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Fault> for HoldError {
    fn from(Fault { field, what }: Fault) -> HoldError {
        HoldError::Asked(format!("`{field}`: {what}"))
    }
}

/// What putting a hold down came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored {
    pub id: i64,
    pub came: Came,
    pub until_ms: Option<i64>,
    /// Its end was brought forward to the longest that its kind lasts.
    pub cut: bool,
}

/// Whether a hold was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Added,
    /// Its days or debts are others now.
    Changed,
    /// It says what it said.
    Same,
}

impl Came {
    pub fn word(self) -> &'static str {
        match self {
            Came::Added => "added",
            Came::Changed => "changed",
            Came::Same => "unchanged",
        }
    }
}

/// How often numbers are reserved for holds.
const AT_ONCE: usize = 64;
/// A delivery that was being judged while a hold was lifted is settled by then.
const JUDGED_BY_MS: i64 = 15 * 60_000;

/// Puts holds down, all of them or none.
pub async fn add(
    database: &Database,
    doing: Doing<'_>,
    asked: &[Asked],
) -> Result<Vec<Stored>, HoldError> {
    let mut wanted = Vec::with_capacity(asked.len());
    for one in asked {
        wanted.push(read(one, doing.policy)?);
    }
    let mut ids = Ids::new();
    ids.reserve(database, wanted.len().max(AT_ONCE)).await?;
    let mut transaction = database.begin_durable().await?;
    let (mut stored, mut to_match) = (Vec::with_capacity(wanted.len()), Vec::new());
    for one in &wanted {
        let done = put(&mut transaction, doing, one, ids.take(), None).await?;
        if done.came != Came::Same {
            to_match.push(hold_matching::Wanted { id: done.id, who: one.who.clone() });
        }
        stored.push(done);
    }
    settle(&mut transaction, doing, &stored, &to_match).await?;
    transaction.commit().await?;
    tell(doing, &stored);
    Ok(stored)
}

/// Finds whom they name, and has judged again what a changed one kept back: its end may come sooner now.
async fn settle(
    transaction: &mut Transaction,
    doing: Doing<'_>,
    stored: &[Stored],
    to_match: &[hold_matching::Wanted],
) -> Result<(), StoreError> {
    hold_matching::everywhere(transaction, to_match, doing.now_ms).await?;
    for done in stored.iter().filter(|done| done.came == Came::Changed) {
        holds::judge_again(transaction, done.id, doing.now_ms).await?;
    }
    Ok(())
}

fn tell(doing: Doing<'_>, stored: &[Stored]) {
    for done in stored.iter().filter(|done| done.came != Came::Same) {
        let Doing { actor, door, .. } = doing;
        tracing::info!(hold.id = done.id, actor, door, "a hold was put down, or changed");
    }
}

/// Reads what is asked for, and whether the council knows such a hold.
pub fn read(asked: &Asked, policy: &Policy) -> Result<Wanted, HoldError> {
    let wanted = asked.read()?;
    if policy.kind(&wanted.kind).is_none() {
        let known = policy.kind_names().join(", ");
        return Err(HoldError::Asked(format!("`kind`: it is one of {known}")));
    }
    Ok(wanted)
}

/// Puts one down, or changes it; by a record of a feed, if by its key's number.
async fn put(
    transaction: &mut Transaction,
    doing: Doing<'_>,
    wanted: &Wanted,
    id: i64,
    record: Option<i64>,
) -> Result<Stored, StoreError> {
    let before = match &wanted.reference {
        Some(reference) => holds::same(transaction, &wanted.kind, reference, &wanted.who).await?,
        None => None,
    };
    let from_ms = match (wanted.from, &before) {
        (Some(day), _) => Moment::at(day, 0).0,
        (None, Some(before)) => before.from_ms,
        (None, None) => doing.now_ms,
    };
    let kind = doing.policy.kind(&wanted.kind);
    let (until_ms, cut) = end(wanted.until, from_ms, kind);
    let stored = |id, came| Stored { id, came, until_ms, cut };
    let Some(before) = before else {
        let new = New {
            id,
            who: &wanted.who,
            kind: &wanted.kind,
            reference: wanted.reference.as_deref(),
            reason: &wanted.reason,
            from_ms,
            until_ms,
            door: doing.door,
            actor: doing.actor,
            now_ms: doing.now_ms,
        };
        holds::insert(transaction, new).await?;
        holds::add_debts(transaction, id, &wanted.debts).await?;
        if let Some(key) = record {
            hold_feed::bring(transaction, id, key, (from_ms, until_ms)).await?;
        }
        note(transaction, doing, Came::Added.word(), id).await?;
        return Ok(stored(id, Came::Added));
    };
    let own = (from_ms, until_ms);
    let (mut from_ms, mut until_ms, mut is_again) = (from_ms, until_ms, false);
    if let Some(key) = record {
        // In force again, where it was over by this record's own word.
        is_again = hold_feed::bring(transaction, before.id, key, own).await?;
        for (from, until) in hold_feed::others(transaction, before.id, key).await? {
            from_ms = from_ms.min(from);
            until_ms = until_ms.zip(until).map(|(one, other)| one.max(other));
        }
    }
    let other_days = (before.from_ms, before.until_ms) != (from_ms, until_ms);
    let other_debts = join_debts(transaction, before.id, &wanted.debts).await?;
    if !other_days && !other_debts && !is_again {
        return Ok(stored(before.id, Came::Same));
    }
    let end = |until_ms: Option<i64>| until_ms.unwrap_or(i64::MAX);
    let is_shorter = end(until_ms) < end(before.until_ms) || from_ms > before.from_ms;
    let shortened_ms = is_shorter.then_some(doing.now_ms);
    holds::change(transaction, before.id, (from_ms, until_ms), shortened_ms).await?;
    note(transaction, doing, Came::Changed.word(), before.id).await?;
    Ok(stored(before.id, Came::Changed))
}

/// Has a hold cover these debts too; every debt where none is named. Says whether it covers more now.
async fn join_debts(
    transaction: &mut Transaction,
    id: i64,
    named: &[String],
) -> Result<bool, StoreError> {
    let known = holds::debts(transaction, id).await?;
    if known.is_empty() {
        return Ok(false);
    }
    if named.is_empty() {
        holds::cover_all(transaction, id).await?;
        return Ok(true);
    }
    let is_new = |name: &&String| !known.iter().any(|(reference, _)| reference == *name);
    let new: Vec<String> = named.iter().filter(is_new).cloned().collect();
    holds::add_debts(transaction, id, &new).await?;
    Ok(!new.is_empty())
}

/// When a hold ends: with its last day, and at the latest when its kind is over. Says whether that was
/// sooner than was asked for.
fn end(until: Option<NaiveDate>, from_ms: i64, kind: Option<&HoldKind>) -> (Option<i64>, bool) {
    let until_ms = until.and_then(|day| day.succ_opt()).map(|day| Moment::at(day, 0).0);
    let by_ms = kind.and_then(|kind| kind.ends_by(Moment(from_ms).day())).map(|end| end.0);
    match (until_ms, by_ms) {
        (Some(until_ms), Some(by_ms)) => (Some(until_ms.min(by_ms)), by_ms < until_ms),
        (until_ms, by_ms) => (until_ms.or(by_ms), false),
    }
}

/// What lifting a hold came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifted {
    pub id: i64,
    /// When it ends: now, or after the days that its kind goes on for.
    pub ends_ms: i64,
    /// Messages that it may have kept back, and that are judged again.
    pub judged_again: u64,
}

/// Lifts a hold, and no other. One whose kind goes on for some days ends when they are over, unless it
/// is to end `at_once`: it should not have been put down.
pub async fn lift(
    database: &Database,
    doing: Doing<'_>,
    id: i64,
    reason: &str,
    at_once: bool,
) -> Result<Lifted, HoldError> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(HoldError::Asked("`reason`: say why it is lifted".to_owned()));
    }
    let row = known(database, id).await?;
    if row.is_over(doing.now_ms) {
        return Err(HoldError::Stands(format!("hold {id} is over already")));
    }
    let mut transaction = database.begin_durable().await?;
    let lifted = end_one(&mut transaction, doing, &row, reason, at_once).await?;
    transaction.commit().await?;
    let Doing { actor, door, .. } = doing;
    tracing::info!(hold.id = id, actor, door, "a hold was lifted");
    Ok(lifted)
}

/// Lifts one that is not over, and has judged again what it may have kept back.
async fn end_one(
    transaction: &mut Transaction,
    doing: Doing<'_>,
    row: &HoldRow,
    reason: &str,
    at_once: bool,
) -> Result<Lifted, StoreError> {
    let id = row.id;
    let runs_on = doing.policy.kind(&row.kind).map_or(0, |kind| kind.runs_on_days);
    let ends_ms = match at_once || runs_on == 0 || row.from_ms > doing.now_ms {
        true => doing.now_ms,
        false => doing.now_ms + i64::from(runs_on) * DAY_MS,
    };
    let ends_ms = row.until_ms.into_iter().chain(row.lifted_ms).fold(ends_ms, i64::min);
    holds::lift(transaction, id, ends_ms, doing.actor, reason, doing.now_ms).await?;
    let judged_again = holds::judge_again(transaction, id, doing.now_ms).await?;
    note(transaction, doing, "lifted", id).await?;
    Ok(Lifted { id, ends_ms, judged_again })
}

/// A line of the audit log. Kinds and reasons tell of somebody's health or debts: they stand on the hold,
/// where they are masked.
async fn note(
    transaction: &mut Transaction,
    doing: Doing<'_>,
    action: &str,
    id: i64,
) -> Result<(), StoreError> {
    let entry = Entry {
        actor: doing.actor,
        action,
        target: format!("hold {id}"),
        reason: None,
        details: Some(serde_json::json!({ "door": doing.door }).to_string()),
    };
    audit::write(transaction, &entry, doing.now_ms).await
}

/// The hold of that number.
pub async fn known(database: &Database, id: i64) -> Result<HoldRow, HoldError> {
    holds::of_id(database, id).await?.ok_or_else(|| {
        HoldError::NotThere(format!("there is no hold {id}: `viaduct hold list` lists them"))
    })
}

/// Has judged again what was being judged at the moment when a hold was lifted or given fewer days, or an
/// account's own hold was. Called before a destination's messages are looked at.
pub async fn catch_up(database: &Database, now_ms: i64) -> Result<(), StoreError> {
    let since_ms = now_ms - JUDGED_BY_MS;
    let shortened = holds::shortened_since(database, since_ms, now_ms).await?;
    let late = holds::late_of_accounts(database, ACCOUNT_ON_HOLD, since_ms).await?;
    if shortened.is_empty() && late.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    for id in shortened {
        holds::judge_late(&mut transaction, id, now_ms).await?;
    }
    holds::go_on(&mut transaction, &late, now_ms).await?;
    transaction.commit().await
}

/// Says in the log, again and again, which holds name nobody: somebody who must not be chased may be.
pub async fn warn_of_nobody(database: &Database, now_ms: i64) -> Result<usize, StoreError> {
    let rows = holds::of_nobody(database, now_ms).await?;
    for row in &rows {
        let code = "hold.no_match";
        tracing::warn!(hold.id = row.id, hold.kind = row.kind, code, "a hold matches nobody");
    }
    Ok(rows.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_ends_with_its_last_day_or_when_its_kind_is_over() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        let from_ms = Moment::at(day("2026-11-01"), 600).0;
        let kind = |longest_days| HoldKind { longest_days, ..HoldKind::named("x") };
        for (until, longest, ends, cut) in [
            (None, None, None, false),
            (Some("2026-11-30"), None, Some("2026-12-01"), false),
            (None, Some(60), Some("2026-12-31"), false),
            (Some("2026-12-30"), Some(60), Some("2026-12-31"), false),
            (Some("2026-12-31"), Some(60), Some("2026-12-31"), true),
        ] {
            let found = end(until.map(day), from_ms, Some(&kind(longest)));
            assert_eq!(found, (ends.map(|text| Moment::at(day(text), 0).0), cut), "{until:?}");
        }
    }
}
