//! Holds as they are kept: put down, changed, lifted, listed; and what a lifted one had kept back.
//! Whom a hold finds is in `hold_matching`, and whether it is in force at a moment in `standing`.

use super::database::{Database, Insert, StoreError, Transaction, cells};
use super::intents;
use crate::record::hold::Who;
use crate::record::personal::unprinted;

/// A hold, whether it is in force or not.
#[derive(Clone, sqlx::FromRow)]
pub struct HoldRow {
    pub id: i64,
    /// 0 where the person is named otherwise.
    pub resident_id: i64,
    pub kind: String,
    pub reason: String,
    pub from_ms: i64,
    pub until_ms: Option<i64>,
    pub lifted_ms: Option<i64>,
    /// JSON; none for one that was put down by a program before this one.
    pub who: Option<String>,
    pub reference: Option<String>,
    pub door: Option<String>,
    pub added_by: Option<String>,
    pub added_ms: Option<i64>,
    pub lifted_by: Option<String>,
    pub lift_reason: Option<String>,
}

impl HoldRow {
    /// Whether it is over: lifted, or past its end.
    pub fn is_over(&self, now_ms: i64) -> bool {
        let past = |end_ms: Option<i64>| end_ms.is_some_and(|end_ms| end_ms <= now_ms);
        past(self.until_ms) || past(self.lifted_ms)
    }
}

/// A hold to be put down.
pub struct New<'a> {
    pub id: i64,
    pub who: &'a Who,
    pub kind: &'a str,
    pub reference: Option<&'a str>,
    pub reason: &'a str,
    pub from_ms: i64,
    pub until_ms: Option<i64>,
    /// By which way it came.
    pub door: &'a str,
    pub actor: &'a str,
    pub now_ms: i64,
}

pub(super) const COLUMNS: &str = "h.id, h.resident_id, h.kind, h.reason, h.from_ms, h.until_ms, h.lifted_ms, h.who, \
    h.reference, h.door, h.added_by, h.added_ms, h.lifted_by, h.lift_reason";
/// The condition of a hold that is not over at `$1`.
pub(super) const OPEN: &str = "(h.lifted_ms IS NULL OR h.lifted_ms > $1) \
    AND (h.until_ms IS NULL OR h.until_ms > $1)";
/// The condition of a hold that names nobody we know.
const NOBODY: &str = "NOT EXISTS (SELECT 1 FROM hold_party m WHERE m.hold_id = h.id) \
    AND NOT EXISTS (SELECT 1 FROM resident r WHERE r.id = h.resident_id)";
/// The residents that hold `$1` names.
const NAMED: &str = "SELECT h.resident_id FROM hold h WHERE h.id = $1 AND h.resident_id <> 0 \
    UNION SELECT p.resident_id FROM hold_party m JOIN party p ON p.id = m.party_id \
    WHERE m.hold_id = $1";

/// The hold of that kind, reference and person, if it was put down before.
pub async fn same(
    transaction: &mut Transaction,
    kind: &str,
    reference: &str,
    who: &Who,
) -> Result<Option<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM hold h WHERE h.kind = $1 AND h.reference = $2 AND h.who = $3"
    );
    let cells = cells![kind.to_owned(), reference.to_owned(), who.json()];
    Ok(transaction.fetch(&sql, cells).await?.into_iter().next())
}

/// Puts one down.
pub async fn insert(transaction: &mut Transaction, new: New<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO hold (id, resident_id, kind, reason, from_ms, until_ms, who, reference, \
               door, added_by, added_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let resident_id = match new.who {
        Who::Resident(id) => *id,
        _ => 0,
    };
    let cells = cells![
        new.id,
        resident_id,
        new.kind.to_owned(),
        new.reason.to_owned(),
        new.from_ms,
        new.until_ms,
        new.who.json(),
        new.reference.map(str::to_owned),
        new.door.to_owned(),
        new.actor.to_owned(),
        new.now_ms,
    ];
    transaction.execute(sql, cells).await.map(|_| ())
}

/// Gives one other days, and takes back that it was lifted.
pub async fn change(
    transaction: &mut Transaction,
    id: i64,
    from_ms: i64,
    until_ms: Option<i64>,
) -> Result<(), StoreError> {
    let sql = "UPDATE hold SET from_ms = $2, until_ms = $3, lifted_ms = NULL, lifted_by = NULL, \
               lift_reason = NULL WHERE id = $1";
    transaction.execute(sql, cells![id, from_ms, until_ms]).await.map(|_| ())
}

/// The debts that a hold names, each with an account; 0 where none is known.
pub async fn debts(
    transaction: &mut Transaction,
    id: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT reference, account_id FROM hold_debt WHERE hold_id = $1 \
               ORDER BY reference, account_id";
    transaction.fetch(sql, cells![id]).await
}

/// Names debts of a hold, of accounts that are not known yet.
pub async fn add_debts(
    transaction: &mut Transaction,
    id: i64,
    references: &[String],
) -> Result<(), StoreError> {
    const DEBTS: Insert =
        Insert { table: "hold_debt", columns: "hold_id,reference,account_id", after: "" };
    let cells = references.iter().flat_map(|reference| cells![id, reference.clone(), 0_i64]);
    transaction.insert(DEBTS, cells.collect()).await?;
    Ok(())
}

/// Has a hold cover every debt.
pub async fn cover_all(transaction: &mut Transaction, id: i64) -> Result<(), StoreError> {
    transaction.execute("DELETE FROM hold_debt WHERE hold_id = $1", cells![id]).await.map(|_| ())
}

/// Lifts a hold, and no other: at once, or at a later end.
pub async fn lift(
    transaction: &mut Transaction,
    id: i64,
    ends_ms: i64,
    actor: &str,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let end = match ends_ms <= now_ms {
        true => "lifted_ms",
        false => "until_ms",
    };
    let sql = format!("UPDATE hold SET {end} = $2, lifted_by = $3, lift_reason = $4 WHERE id = $1");
    let cells = cells![id, ends_ms, actor.to_owned(), reason.to_owned()];
    transaction.execute(&sql, cells).await.map(|_| ())
}

/// Has everything judged again that a hold may have kept back: what was for those that it names, and
/// for others on their accounts. Gives how many those are.
pub async fn judge_again(
    transaction: &mut Transaction,
    id: i64,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let kept_back = format!(
        "cause_code = 'suppressed.hold' AND settled_ms IS NULL \
         AND state IN ('held', 'waiting') AND resident_id IN ({NAMED} \
         UNION SELECT o.resident_id FROM party q JOIN party o ON o.source_key_id = q.source_key_id \
         WHERE q.resident_id IN ({NAMED}))"
    );
    if transaction.is_postgres() {
        // A look and a write in one statement would not see what somebody claimed in between.
        let sql =
            format!("SELECT id FROM delivery WHERE {kept_back} ORDER BY id FOR NO KEY UPDATE");
        transaction.fetch::<(i64,)>(&sql, cells![id]).await?;
    }
    let sql = format!(
        "UPDATE delivery SET state = 'waiting', since_ms = $2, next_ms = $2, polls = 0, \
         fence = fence + 1, cause_code = NULL, cause = NULL \
         WHERE {kept_back} AND id NOT IN {}",
        intents::in_hand(transaction.is_postgres())
    );
    transaction.execute(&sql, cells![id, now_ms]).await
}

/// Holds that were lifted since then, or whose end was brought forward: a delivery that was being judged
/// at that very moment may have been kept back after it.
pub async fn lifted_since(database: &Database, since_ms: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM hold WHERE lifted_ms > $1 ORDER BY id";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![since_ms]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How many messages that it would stop were being sent when it was put down: too late for it.
pub async fn on_their_way(database: &Database, id: i64) -> Result<i64, StoreError> {
    let sql = format!(
        "SELECT COUNT(*) FROM delivery WHERE id IN {} AND collection AND resident_id IN ({NAMED})",
        intents::in_hand(database.is_postgres())
    );
    let rows: Vec<(i64,)> = database.fetch(&sql, cells![id]).await?;
    Ok(rows.first().map_or(0, |(many,)| *many))
}

/// The hold of that number.
pub async fn of_id(database: &Database, id: i64) -> Result<Option<HoldRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM hold h WHERE h.id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// The residents that a hold names, as they are known now.
pub async fn residents(database: &Database, id: i64) -> Result<Vec<i64>, StoreError> {
    let sql = format!("SELECT r.id FROM resident r WHERE r.id IN ({NAMED}) ORDER BY r.id");
    let rows: Vec<(i64,)> = database.fetch(&sql, cells![id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The debts that a hold names, outside any transaction.
pub async fn debts_of(database: &Database, id: i64) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT reference, account_id FROM hold_debt WHERE hold_id = $1 \
               ORDER BY reference, account_id";
    database.fetch(sql, cells![id]).await
}

/// Holds, the newest first: those that are not over, or all.
pub async fn list(
    database: &Database,
    all: bool,
    kind: Option<&str>,
    before: i64,
    most: i64,
    now_ms: i64,
) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM hold h WHERE ($2 OR ({OPEN})) AND (h.kind = $3 OR $3 IS NULL) \
         AND h.id < $4 ORDER BY h.id DESC LIMIT $5"
    );
    let cells = cells![now_ms, all, kind.map(str::to_owned), before, most];
    database.fetch(&sql, cells).await
}

/// Holds that are not over and name nobody we know, the oldest first. Each is urgent: somebody who must
/// not be chased may be.
pub async fn of_nobody(database: &Database, now_ms: i64) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM hold h WHERE {OPEN} AND {NOBODY} ORDER BY h.id");
    database.fetch(&sql, cells![now_ms]).await
}

/// Holds that are not over and name somebody, and a debt that is none of theirs.
pub async fn of_no_debt(database: &Database, now_ms: i64) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM hold h WHERE {OPEN} AND NOT ({NOBODY}) \
         AND EXISTS (SELECT 1 FROM hold_debt d WHERE d.hold_id = h.id AND d.account_id = 0) \
         ORDER BY h.id"
    );
    database.fetch(&sql, cells![now_ms]).await
}

/// Every hold that there was on a resident.
pub async fn of_resident(
    database: &Database,
    resident_id: i64,
) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM hold h WHERE h.resident_id = $1 OR h.id IN \
         (SELECT m.hold_id FROM hold_party m JOIN party p ON p.id = m.party_id \
         WHERE p.resident_id = $1) ORDER BY h.from_ms, h.id"
    );
    database.fetch(&sql, cells![resident_id]).await
}

unprinted!(HoldRow);
