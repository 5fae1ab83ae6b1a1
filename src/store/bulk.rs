//! Bulk actions on deliveries: a set that is fixed once, worked in its order, a chunk and one commit
//! at a time. Whatever happens in between, each item has its turn once.

use std::borrow::Cow;

use super::audit::{self, Entry};
use super::database::{Cell, Database, Insert, StoreError, Transaction, cells};
use super::deliveries::{self, Delivery, Filter};
use super::outbox::NEVER_MS;
use super::rechecks::IS_PAYMENT;
use super::ringing;
use crate::record::delivery::State;

/// A bulk action as it stands.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Bulk {
    pub id: i64,
    pub action: String,
    pub chosen: String,
    pub actor: String,
    pub reason: String,
    pub state: String,
    pub items: i64,
    pub created_ms: i64,
    pub moved_ms: i64,
    pub ended_ms: Option<i64>,
    /// Items that are payments, of an action that sends.
    pub payments: i64,
    /// Who agreed, where it took two.
    pub approved_by: Option<String>,
    pub approved_reason: Option<String>,
}

/// States of a bulk action.
pub const RUNNING: &str = "running";
pub const PAUSED: &str = "paused";
pub const DONE: &str = "done";
/// The set is fixed, and somebody is asked whether it is meant.
pub const PROPOSED: &str = "proposed";
/// Somebody means it, and somebody else has to agree.
pub const ASKED: &str = "asked";
/// They said no, or were not asked in time.
pub const DROPPED: &str = "dropped";

/// What is asked for.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    pub id: i64,
    pub action: &'a str,
    /// The words that chose the set.
    pub chosen: &'a str,
    pub actor: &'a str,
    pub reason: &'a str,
    /// Running, or proposed.
    pub state: &'static str,
    /// Of an action that sends: with more items than so many, or with a payment, it does not begin before somebody else
    /// has agreed.
    pub alone_max: Option<i64>,
}

/// The set: every delivery that fits, or these numbers alone.
#[derive(Debug, Clone)]
pub enum Set<'a> {
    Fitting(&'a Filter),
    Numbers(&'a [i64]),
}

const COLUMNS: &str = "id, action, chosen, actor, reason, state, items, created_ms, moved_ms, ended_ms, \
                       payments, approved_by, approved_reason";

/// Fixes the set and begins. Gives how many items it has.
pub async fn begin(
    database: &Database,
    asked: &Asked<'_>,
    set: Set<'_>,
    now_ms: i64,
) -> Result<i64, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let items = match set {
        Set::Fitting(filter) => fix_fitting(&mut transaction, asked.id, filter).await?,
        Set::Numbers(numbers) => fix_numbers(&mut transaction, asked.id, numbers).await?,
    };
    let payments = match asked.alone_max {
        Some(_) => payments(&mut transaction, asked.id).await?,
        None => 0,
    };
    let takes_two = asked.alone_max.is_some_and(|most| items > most || payments > 0);
    let state = if takes_two && asked.state == RUNNING { ASKED } else { asked.state };
    let sql = "INSERT INTO bulk (id, action, chosen, actor, reason, state, items, created_ms, moved_ms, payments) \
               VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$8,$9)";
    let cells = cells![
        asked.id,
        asked.action.to_owned(),
        asked.chosen.to_owned(),
        asked.actor.to_owned(),
        asked.reason.to_owned(),
        state.to_owned(),
        items,
        now_ms,
        payments,
    ];
    transaction.execute(sql, cells).await?;
    let begun = Entry {
        actor: asked.actor,
        action: match state {
            PROPOSED => "proposed",
            ASKED => "asked for approval",
            _ => "begun",
        },
        target: format!("bulk {}", asked.id),
        reason: Some(asked.reason).filter(|reason| !reason.is_empty()),
        details: Some(
            serde_json::json!({ "action": asked.action, "chosen": asked.chosen, "items": items })
                .to_string(),
        ),
    };
    audit::write(&mut transaction, &begun, now_ms).await?;
    transaction.commit().await?;
    Ok(items)
}

/// How many of its items are payments.
async fn payments(transaction: &mut Transaction, bulk: i64) -> Result<i64, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) FROM bulk_item i JOIN delivery d ON d.id = i.delivery_id \
         WHERE i.bulk_id = $1 AND d.{IS_PAYMENT}"
    );
    let counted: Vec<(i64,)> = transaction.fetch(&sql, cells![bulk]).await?;
    Ok(counted.first().map_or(0, |(many,)| *many))
}

async fn fix_fitting(
    transaction: &mut Transaction,
    bulk: i64,
    filter: &Filter,
) -> Result<i64, StoreError> {
    let (conditions, mut cells) = filter.conditions(i64::MAX, transaction.is_postgres());
    cells.push(Cell::Int(bulk));
    let sql = format!(
        "INSERT INTO bulk_item (bulk_id, place, delivery_id, fence) \
         SELECT ${}, ROW_NUMBER() OVER (ORDER BY id), id, fence FROM delivery WHERE {conditions}",
        cells.len()
    );
    Ok(transaction.execute(&sql, cells).await? as i64)
}

const ITEMS: Insert =
    Insert { table: "bulk_item", columns: "bulk_id,place,delivery_id,fence", after: "" };

async fn fix_numbers(
    transaction: &mut Transaction,
    bulk: i64,
    numbers: &[i64],
) -> Result<i64, StoreError> {
    let before = "SELECT id, fence FROM delivery WHERE id IN";
    let mut found: Vec<(i64, i64)> = transaction.fetch_for(before, numbers, "").await?;
    found.sort_unstable();
    found.dedup();
    let rows = (1_i64..).zip(&found);
    let rows = rows.flat_map(|(place, (id, fence))| cells![bulk, place, *id, *fence]);
    transaction.insert(ITEMS, rows.collect()).await?;
    Ok(found.len() as i64)
}

/// What is to become of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It goes to this state.
    To(State),
    /// It stays as it is: why.
    Left(Cow<'static, str>),
    /// That delivery was made in its place; and what is other than it was.
    Remade { by: i64, note: Option<String> },
    /// That delivery says once more what this one said. It stays as it is.
    Repeated { by: i64 },
}

impl Verdict {
    pub fn left(why: impl Into<Cow<'static, str>>) -> Verdict {
        Verdict::Left(why.into())
    }

    /// The word for what came of the item.
    pub fn outcome(&self) -> &'static str {
        match self {
            Verdict::To(state) => state.word(),
            Verdict::Left(_) => LEFT,
            Verdict::Remade { .. } => REMADE,
            Verdict::Repeated { .. } => REPEATED,
        }
    }

    /// What is to be known of it.
    fn why(&self) -> Option<String> {
        match self {
            Verdict::Left(why) => Some(why.clone().into_owned()),
            Verdict::Remade { note, .. } => note.clone(),
            Verdict::To(_) | Verdict::Repeated { .. } => None,
        }
    }

    /// The delivery that was made.
    fn made(&self) -> Option<i64> {
        match self {
            Verdict::Remade { by, .. } | Verdict::Repeated { by } => Some(*by),
            Verdict::To(_) | Verdict::Left(_) => None,
        }
    }
}

/// Outcomes of items that are no state of the delivery.
pub const LEFT: &str = "left";
pub const REMADE: &str = "remade";
pub const REPEATED: &str = "repeated";

/// Says what is to become of deliveries, as they are now, in their order.
pub trait Judge: Send {
    fn judge(
        &mut self,
        transaction: &mut Transaction,
        rows: &[&Delivery],
    ) -> impl Future<Output = Result<Vec<Verdict>, StoreError>> + Send;

    /// Writes what takes their place, once they have gone where they go.
    fn make(&mut self, _: &mut Transaction) -> impl Future<Output = Result<(), StoreError>> + Send {
        std::future::ready(Ok(()))
    }
}

/// What is said of a delivery without a look at anything else.
impl<F: Fn(&Delivery) -> Verdict + Send> Judge for F {
    async fn judge(
        &mut self,
        _: &mut Transaction,
        rows: &[&Delivery],
    ) -> Result<Vec<Verdict>, StoreError> {
        Ok(rows.iter().map(|row| self(row)).collect())
    }
}

/// How far a step came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// So many items had their turn.
    Done(usize),
    /// Nothing is left to do.
    Ended,
    /// Somebody paused it, or it is not there.
    Stopped,
}

/// The next items have their turn, in one commit. The judge sees each delivery as it is now.
pub async fn step(
    database: &Database,
    id: i64,
    most: i64,
    now_ms: i64,
    mut judge: impl Judge,
) -> Result<Step, StoreError> {
    let mut transaction = database.begin_durable().await?;
    // Whoever else works on it waits here.
    let sql = format!(
        "UPDATE bulk SET moved_ms = $2 WHERE id = $1 AND state = 'running' RETURNING {COLUMNS}"
    );
    let running: Vec<Bulk> = transaction.fetch(&sql, cells![id, now_ms]).await?;
    let Some(bulk) = running.into_iter().next() else { return Ok(Step::Stopped) };
    let sql = "SELECT place, delivery_id, fence FROM bulk_item WHERE bulk_id = $1 \
               AND outcome IS NULL ORDER BY place LIMIT $2";
    let open: Vec<(i64, i64, i64)> = transaction.fetch(sql, cells![id, most]).await?;
    if open.is_empty() {
        end(&mut transaction, &bulk, now_ms).await?;
        transaction.commit().await?;
        return Ok(Step::Ended);
    }
    let numbers: Vec<i64> = open.iter().map(|(_, delivery, _)| *delivery).collect();
    let found = deliveries::of_ids(&mut transaction, &numbers).await?;
    let as_it_was = |(_, delivery, fence): &&(i64, i64, i64)| {
        found.get(delivery).is_some_and(|row| row.fence == *fence)
    };
    let judged: Vec<&Delivery> =
        open.iter().filter(as_it_was).filter_map(|(_, delivery, _)| found.get(delivery)).collect();
    let mut verdicts = judge.judge(&mut transaction, &judged).await?.into_iter();
    let mut going = Vec::new();
    let mut done: Vec<(i64, Verdict)> = Vec::with_capacity(open.len());
    for item in &open {
        let (place, delivery, fence) = *item;
        let verdict = match as_it_was(&item) {
            true => verdicts.next().unwrap_or_else(|| Verdict::left("nobody judged it")),
            false if found.contains_key(&delivery) => {
                Verdict::left("somebody had a hand on it since the set was fixed")
            }
            false => Verdict::left("there is no such delivery"),
        };
        match &verdict {
            Verdict::To(state) => going.push(Going { delivery, fence, state: *state, by: None }),
            Verdict::Remade { by, .. } => {
                going.push(Going { delivery, fence, state: State::Replaced, by: Some(*by) });
            }
            Verdict::Left(_) | Verdict::Repeated { .. } => {}
        }
        done.push((place, verdict));
    }
    let moved = move_on(&mut transaction, &going, bulk.created_ms, now_ms).await?;
    if moved != going.len() {
        // The fence was looked at in this very transaction, which holds the rows on PostgreSQL only from
        // here: what slipped in between is seen by the next try.
        return Ok(Step::Done(0));
    }
    judge.make(&mut transaction).await?;
    let sql = "WITH v (bulk_id, place, outcome, why, made_id, done_ms) AS ({rows}) \
               UPDATE bulk_item SET outcome = v.outcome, why = v.why, made_id = v.made_id, \
               done_ms = v.done_ms FROM v \
               WHERE bulk_item.bulk_id = v.bulk_id AND bulk_item.place = v.place \
               RETURNING bulk_item.place";
    let rows = done.iter().flat_map(|(place, verdict)| {
        cells![id, *place, verdict.outcome(), verdict.why(), verdict.made(), now_ms]
    });
    transaction.fetch_with::<(i64,)>(sql, 6, rows.collect()).await?;
    ringing::ring(&mut transaction).await?;
    transaction.commit().await?;
    Ok(Step::Done(done.len()))
}

/// A delivery that goes to another state; and the one that was made in its place.
#[derive(Debug, Clone, Copy)]
struct Going {
    delivery: i64,
    fence: i64,
    state: State,
    by: Option<i64>,
}

/// Deliveries go where they are to go, with fresh attempts. All are due at one moment, so that they leave
/// in the order in which they were made.
async fn move_on(
    transaction: &mut Transaction,
    going: &[Going],
    due_ms: i64,
    now_ms: i64,
) -> Result<usize, StoreError> {
    let sql = "WITH v (id, fence, state, since_ms, next_ms, settled_ms, code, cause) AS ({rows}) \
             UPDATE delivery SET state = v.state, since_ms = v.since_ms, next_ms = v.next_ms, \
             settled_ms = v.settled_ms, attempts = 0, polls = 0, crashes = 0, \
             fence = delivery.fence + 1, \
             cause_code = CASE WHEN v.settled_ms IS NULL THEN NULL \
             ELSE COALESCE(v.code, delivery.cause_code) END, \
             cause = CASE WHEN v.settled_ms IS NULL THEN NULL \
             ELSE COALESCE(v.cause, delivery.cause) END \
             FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence RETURNING delivery.id";
    let rows = going.iter().flat_map(|Going { delivery, fence, state, by }| {
        let settled_ms = state.is_settled().then_some(now_ms);
        let is_due = matches!(state, State::Waiting | State::Unknown);
        let next_ms = if is_due { due_ms } else { NEVER_MS };
        let code = by.map(|_| "delivery.remade".to_owned());
        let cause = by.map(|by| format!("delivery {by} was made in its place"));
        cells![*delivery, *fence, state.word(), now_ms, next_ms, settled_ms, code, cause]
    });
    let moved: Vec<(i64,)> = transaction.fetch_with(sql, 8, rows.collect()).await?;
    Ok(moved.len())
}

async fn end(transaction: &mut Transaction, bulk: &Bulk, now_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE bulk SET state = 'done', ended_ms = $2 WHERE id = $1";
    transaction.execute(sql, cells![bulk.id, now_ms]).await?;
    let sql = "SELECT COALESCE(outcome, '') AS outcome, COUNT(*) AS many FROM bulk_item \
               WHERE bulk_id = $1 GROUP BY outcome ORDER BY outcome";
    let counts: Vec<(String, i64)> = transaction.fetch(sql, cells![bulk.id]).await?;
    let counts: serde_json::Map<String, serde_json::Value> =
        counts.into_iter().map(|(outcome, many)| (outcome, many.into())).collect();
    let ended = Entry {
        actor: &bulk.actor,
        action: "ended",
        target: format!("bulk {}", bulk.id),
        reason: None,
        details: Some(serde_json::Value::Object(counts).to_string()),
    };
    audit::write(transaction, &ended, now_ms).await
}

/// Has a running one stop, or one that was stopped go on. Gives how it stands now, if it is there.
pub async fn turn(
    database: &Database,
    id: i64,
    to: &'static str,
    actor: &str,
    now_ms: i64,
) -> Result<Option<Bulk>, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE bulk SET state = $2, moved_ms = $3 \
               WHERE id = $1 AND state IN ('running', 'paused') AND state <> $2";
    let turned = transaction.execute(sql, cells![id, to.to_owned(), now_ms]).await?;
    if turned > 0 {
        let action = if to == PAUSED { "paused" } else { "resumed" };
        let target = format!("bulk {id}");
        let entry = Entry { actor, action, target, reason: None, details: None };
        audit::write(&mut transaction, &entry, now_ms).await?;
    }
    let sql = format!("SELECT {COLUMNS} FROM bulk WHERE id = $1");
    let stands: Vec<Bulk> = transaction.fetch(&sql, cells![id]).await?;
    transaction.commit().await?;
    Ok(stands.into_iter().next())
}

/// What somebody says to one that waits for a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It is proposed, and begins.
    Begin,
    /// It is proposed, and somebody else is asked.
    Ask,
    /// It is asked for, and begins.
    Approve,
    /// It is asked for, and is not to be.
    Refuse,
    /// It is proposed or asked for, and whoever looks after it leaves it.
    Drop,
}

impl Said {
    /// From where to where, whether it is said of the set itself or by a second person, and the word of the log.
    fn means(self) -> (&'static str, &'static str, bool, &'static str) {
        match self {
            Said::Begin => (PROPOSED, RUNNING, false, "begun"),
            Said::Ask => (PROPOSED, ASKED, false, "asked for approval"),
            Said::Approve => (ASKED, RUNNING, true, "approved"),
            Said::Refuse => (ASKED, DROPPED, true, "refused"),
            Said::Drop => ("", DROPPED, false, "dropped"),
        }
    }
}

/// Has one that waits for a word go where somebody says. Says whether it still waited for that.
pub async fn answer(
    database: &Database,
    id: i64,
    (said, reason): (Said, Option<&str>),
    actor: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let (from, to, is_second, action) = said.means();
    let mut transaction = database.begin_durable().await?;
    let changed = match (said, is_second) {
        (Said::Drop, _) => {
            let sql = "UPDATE bulk SET state = $2, moved_ms = $3 \
                       WHERE id = $1 AND state IN ('proposed', 'asked')";
            transaction.execute(sql, cells![id, to.to_owned(), now_ms]).await?
        }
        (_, second) => {
            let sql = match second {
                true => {
                    "UPDATE bulk SET state = $2, approved_reason = $3, approved_by = $4, moved_ms = $5 \
                     WHERE id = $1 AND state = $6 AND actor <> $4"
                }
                false => {
                    "UPDATE bulk SET state = $2, reason = $3, actor = $4, moved_ms = $5 \
                     WHERE id = $1 AND state = $6"
                }
            };
            let reason = reason.unwrap_or_default().to_owned();
            let cells =
                cells![id, to.to_owned(), reason, actor.to_owned(), now_ms, from.to_owned()];
            transaction.execute(sql, cells).await?
        }
    };
    if changed == 0 {
        return Ok(false);
    }
    let entry = Entry { actor, action, target: format!("bulk {id}"), reason, details: None };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}

/// How many wait for somebody else to agree, asked for after that instant.
pub async fn asked(database: &Database, after_ms: i64) -> Result<Vec<Bulk>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM bulk WHERE state = 'asked' AND moved_ms > $1 ORDER BY id LIMIT 20"
    );
    database.fetch(&sql, cells![after_ms]).await
}

/// The bulk action of that number.
pub async fn get(database: &Database, id: i64) -> Result<Option<Bulk>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM bulk WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// The newest.
pub async fn newest(database: &Database, most: i64) -> Result<Vec<Bulk>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM bulk ORDER BY id DESC LIMIT $1");
    database.fetch(&sql, cells![most]).await
}

/// Running ones that have not moved on since then: whoever worked on them is gone.
pub async fn standing_still(database: &Database, since_ms: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM bulk WHERE state = 'running' AND moved_ms <= $1 ORDER BY id";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![since_ms]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How many items came to what; `open` where they have not had their turn.
pub async fn counts(database: &Database, id: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT COALESCE(outcome, 'open') AS outcome, COUNT(*) AS many FROM bulk_item \
               WHERE bulk_id = $1 GROUP BY COALESCE(outcome, 'open') ORDER BY 1";
    database.fetch(sql, cells![id]).await
}

/// An item and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Item {
    pub place: i64,
    pub delivery_id: i64,
    pub outcome: Option<String>,
    pub why: Option<String>,
    /// The delivery that was made.
    pub made_id: Option<i64>,
    pub done_ms: Option<i64>,
}

/// Items behind a place, in their order; of one outcome or all.
pub async fn items(
    database: &Database,
    id: i64,
    outcome: Option<&str>,
    after: i64,
    most: i64,
) -> Result<Vec<Item>, StoreError> {
    let sql = "SELECT place, delivery_id, outcome, why, made_id, done_ms FROM bulk_item \
               WHERE bulk_id = $1 AND place > $2 AND (outcome = $3 OR $3 IS NULL) \
               ORDER BY place LIMIT $4";
    database.fetch(sql, cells![id, after, outcome.map(str::to_owned), most]).await
}

/// The first items of an outcome of which something is to be known.
pub async fn noted(
    database: &Database,
    id: i64,
    outcome: &str,
    most: i64,
) -> Result<Vec<Item>, StoreError> {
    let sql = "SELECT place, delivery_id, outcome, why, made_id, done_ms FROM bulk_item \
               WHERE bulk_id = $1 AND outcome = $2 AND why IS NOT NULL ORDER BY place LIMIT $3";
    database.fetch(sql, cells![id, outcome.to_owned(), most]).await
}

/// An item's turn, with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Turn {
    pub bulk_id: i64,
    pub action: String,
    pub actor: String,
    pub reason: String,
    pub why: Option<String>,
    pub made_id: Option<i64>,
    pub done_ms: i64,
}

/// The turns that one delivery had.
pub async fn turns_of(database: &Database, delivery: i64) -> Result<Vec<Turn>, StoreError> {
    let sql = "SELECT b.id AS bulk_id, b.action, b.actor, b.reason, i.why, i.made_id, i.done_ms \
               FROM bulk_item i JOIN bulk b ON b.id = i.bulk_id \
               WHERE i.delivery_id = $1 AND i.done_ms IS NOT NULL ORDER BY i.done_ms, b.id";
    database.fetch(sql, cells![delivery]).await
}
