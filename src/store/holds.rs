//! Holds as they are kept: put down, changed, lifted, listed; and what a lifted one had kept back.
//! Whom a hold finds is in `hold_matching`, and whether it is in force at a moment in `standing`.

use std::collections::HashSet;

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
    /// When it ends because it was lifted: that may be some days after somebody did, where its kind goes on.
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

    /// Its end, and when it was lifted, as people are told. One that goes on after it was lifted has an end
    /// by that, and counts as lifted when it is over.
    pub fn told(&self, now_ms: i64) -> (Option<i64>, Option<i64>) {
        match self.lifted_ms {
            Some(ends_ms) if ends_ms > now_ms => {
                (Some(self.until_ms.map_or(ends_ms, |until_ms| until_ms.min(ends_ms))), None)
            }
            lifted_ms => (self.until_ms, lifted_ms),
        }
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
/// The condition of a hold that names nobody we know. One who became another is nobody by that number.
const NOBODY: &str = "NOT EXISTS (SELECT 1 FROM hold_party m WHERE m.hold_id = h.id) \
    AND NOT EXISTS (SELECT 1 FROM resident r WHERE r.id = h.resident_id AND r.merged_into IS NULL)";
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

/// Whom a number leads to by now: a system may go by that of somebody who became another. Nobody becomes another
/// until this transaction is over, so that a hold of that number is led on with them or is theirs already.
pub async fn whom(transaction: &mut Transaction, resident_id: i64) -> Result<i64, StoreError> {
    let lock = if transaction.is_postgres() { "FOR SHARE" } else { "" };
    let sql = format!("SELECT COALESCE(merged_into, id) FROM resident WHERE id = $1 {lock}");
    let rows: Vec<(i64,)> = transaction.fetch(&sql, cells![resident_id]).await?;
    Ok(rows.first().map_or(resident_id, |(whom,)| *whom))
}

/// Puts one down.
pub async fn insert(transaction: &mut Transaction, new: New<'_>) -> Result<(), StoreError> {
    let sql = "INSERT INTO hold (id, resident_id, kind, reason, from_ms, until_ms, who, reference, \
               door, added_by, added_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let resident_id = match new.who {
        Who::Resident(id) => whom(transaction, *id).await?,
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

/// Gives one other days, and takes back that it was lifted; with the time, where it has fewer days now.
pub async fn change(
    transaction: &mut Transaction,
    id: i64,
    (from_ms, until_ms): (i64, Option<i64>),
    shortened_ms: Option<i64>,
) -> Result<(), StoreError> {
    let sql = "UPDATE hold SET from_ms = $2, until_ms = $3, lifted_ms = NULL, lifted_by = NULL, \
               lift_reason = NULL, shortened_ms = COALESCE($4, shortened_ms) WHERE id = $1";
    transaction.execute(sql, cells![id, from_ms, until_ms, shortened_ms]).await.map(|_| ())
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

/// Lifts a hold, and no other: at once, or at a later end. Its own last day stays written, so that whoever
/// says it again says nothing new.
pub async fn lift(
    transaction: &mut Transaction,
    id: i64,
    ends_ms: i64,
    actor: &str,
    reason: &str,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE hold SET lifted_ms = $2, lifted_by = $3, lift_reason = $4, shortened_ms = $5 \
               WHERE id = $1";
    let cells = cells![id, ends_ms, actor.to_owned(), reason.to_owned(), now_ms];
    transaction.execute(sql, cells).await.map(|_| ())
}

/// Has everything judged again that a hold may have kept back: what was for those that it names, and
/// for others on their accounts. Gives how many those are.
pub async fn judge_again(
    transaction: &mut Transaction,
    id: i64,
    now_ms: i64,
) -> Result<u64, StoreError> {
    again(transaction, id, now_ms, "").await
}

/// The same of what was claimed before the hold was shortened, and written as kept back after it. What was
/// claimed later was judged by what is so now.
pub async fn judge_late(
    transaction: &mut Transaction,
    id: i64,
    now_ms: i64,
) -> Result<u64, StoreError> {
    let late = format!(
        "AND NOT EXISTS (SELECT 1 FROM delivery_attempt a, hold h WHERE h.id = $1 \
         AND a.delivery_id = delivery.id AND a.attempt = delivery.intents \
         AND a.intent_ms > COALESCE(h.shortened_ms, h.lifted_ms) + {CLOCKS_MS})"
    );
    again(transaction, id, now_ms, &late).await
}

/// By so much nodes' clocks may differ, in milliseconds.
const CLOCKS_MS: i64 = 60_000;

async fn again(
    transaction: &mut Transaction,
    id: i64,
    now_ms: i64,
    and: &str,
) -> Result<u64, StoreError> {
    let kept_back = format!(
        "{KEPT_BACK} AND resident_id IN ({NAMED} \
         UNION SELECT o.resident_id FROM party q JOIN party o ON o.source_key_id = q.source_key_id \
         WHERE q.resident_id IN ({NAMED})) {and}"
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

/// Has everything judged again that accounts' own holds may have kept back: what was about these accounts, and
/// what was about none, for those who are named on them. Gives how many those are.
pub async fn judge_accounts_again(
    transaction: &mut Transaction,
    accounts: &[i64],
    now_ms: i64,
) -> Result<u64, StoreError> {
    let sql = "SELECT DISTINCT resident_id FROM party WHERE source_key_id IN";
    let named: Vec<(i64,)> = transaction.fetch_for(sql, accounts, "").await?;
    let mut named: Vec<i64> = named.into_iter().map(|(resident,)| resident).collect();
    named.sort_unstable();
    named.dedup();
    let kept_back =
        format!("SELECT id, account_id FROM delivery WHERE {KEPT_BACK} AND resident_id IN");
    let rows: Vec<(i64, Option<i64>)> = transaction.fetch_for(&kept_back, &named, "").await?;
    let about: HashSet<i64> = accounts.iter().copied().collect();
    let mut ids: Vec<i64> = (rows.into_iter())
        .filter(|(_, account)| account.is_none_or(|account| about.contains(&account)))
        .map(|(id, _)| id)
        .collect();
    ids.sort_unstable();
    ids.dedup();
    go_on(transaction, &ids, now_ms).await
}

/// What a hold keeps back, of this hub or of an account's own system.
const KEPT_BACK: &str = "cause_code = 'suppressed.hold' AND settled_ms IS NULL \
    AND state IN ('held', 'waiting')";

/// Has those of these judged again that are still kept back.
pub async fn go_on(
    transaction: &mut Transaction,
    ids: &[i64],
    now_ms: i64,
) -> Result<u64, StoreError> {
    let is_postgres = transaction.is_postgres();
    // As for a hold: first taken hold of, then looked whether it is in somebody's hands.
    let sql = format!("SELECT id FROM delivery WHERE {KEPT_BACK} AND id IN");
    let after = if is_postgres { "ORDER BY id FOR NO KEY UPDATE" } else { "" };
    let ids: Vec<(i64,)> = transaction.fetch_for(&sql, ids, after).await?;
    let sql = format!(
        "WITH v (id, now_ms) AS ({{rows}}) UPDATE delivery SET state = 'waiting', \
         since_ms = v.now_ms, next_ms = v.now_ms, polls = 0, fence = delivery.fence + 1, \
         cause_code = NULL, cause = NULL FROM v \
         WHERE delivery.id = v.id AND delivery.id NOT IN {} RETURNING delivery.id",
        intents::in_hand(is_postgres)
    );
    let rows = ids.iter().flat_map(|(id,)| cells![*id, now_ms]).collect();
    let again: Vec<(i64,)> = transaction.fetch_with(&sql, 2, rows).await?;
    Ok(again.len() as u64)
}

/// What was kept back since then with this cause, an account's own hold, though the account was written about
/// then, and is on hold no more: it may have been judged by what was so before.
pub async fn late_of_accounts(
    database: &Database,
    cause: &str,
    since_ms: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql = format!(
        "SELECT d.id FROM delivery d WHERE d.cause_code = 'suppressed.hold' \
         AND d.settled_ms IS NULL AND d.state = 'held' AND d.since_ms > $1 AND d.cause = $2 \
         AND EXISTS (SELECT 1 FROM party p JOIN account a ON a.id = p.source_key_id \
         WHERE p.resident_id = d.resident_id AND a.at_ms > $1 AND a.facts NOT LIKE '%\"hold\":%' \
         AND (d.account_id = a.id OR (d.account_id IS NULL AND NOT EXISTS (SELECT 1 FROM party o \
         JOIN account b ON b.id = o.source_key_id WHERE o.resident_id = d.resident_id \
         AND o.ended_ms IS NULL AND b.facts LIKE '%\"hold\":%'))) \
         AND NOT EXISTS (SELECT 1 FROM delivery_attempt t WHERE t.delivery_id = d.id \
         AND t.attempt = d.intents AND t.intent_ms > a.at_ms + {CLOCKS_MS})) ORDER BY d.id"
    );
    let rows: Vec<(i64,)> = database.fetch(&sql, cells![since_ms, cause.to_owned()]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Holds that were lifted since then, or given fewer days: a delivery that was being judged at that very
/// moment may have been kept back after it.
pub async fn shortened_since(
    database: &Database,
    since_ms: i64,
    now_ms: i64,
) -> Result<Vec<i64>, StoreError> {
    // A program before this one writes no more than when it ended.
    let sql = "SELECT id FROM hold WHERE shortened_ms > $1 \
               OR (lifted_ms > $1 AND lifted_ms <= $2) ORDER BY id";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![since_ms, now_ms]).await?;
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
    let sql = format!(
        "SELECT r.id FROM resident r WHERE r.id IN ({NAMED}) AND r.merged_into IS NULL ORDER BY r.id"
    );
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
