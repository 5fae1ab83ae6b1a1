//! Who is who as people see it and decide it: pairs with their parties, acts that can be undone, and the whole list.

use super::audit::{self, Entry};
use super::database::{Database, Insert, StoreError, Transaction, cells};
use super::matching::{self, PairRow};
use crate::record::personal::unprinted;

/// A resident's row whole, so that it can be put back as it was.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize, sqlx::FromRow)]
pub struct Row {
    pub id: i64,
    pub version: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub facts: String,
    pub provenance: Option<String>,
    pub merged_into: Option<i64>,
}

/// An act.
#[derive(Clone, sqlx::FromRow)]
pub struct Act {
    pub id: i64,
    pub kind: String,
    pub resident_id: i64,
    pub other_id: i64,
    pub before: String,
    pub version: i64,
    pub at_ms: i64,
    pub undone_ms: Option<i64>,
}

/// A party of the list of who is who.
#[derive(Clone, sqlx::FromRow)]
pub struct Listed {
    pub id: i64,
    pub source: String,
    pub source_key: String,
    pub party: String,
    pub resident_id: i64,
}

unprinted!(Row, Act, Listed);

const ROW: &str = "SELECT id, version, created_ms, updated_ms, facts, provenance, merged_into FROM resident WHERE id IN";

/// Residents' rows whole.
pub async fn rows(transaction: &mut Transaction, ids: &[i64]) -> Result<Vec<Row>, StoreError> {
    transaction.fetch_for(ROW, ids, "ORDER BY id").await
}

/// Writes rows as they are given.
pub async fn put_rows(transaction: &mut Transaction, rows: &[Row]) -> Result<(), StoreError> {
    const ROWS: Insert = Insert {
        table: "resident",
        columns: "id,version,created_ms,updated_ms,facts,provenance,merged_into",
        after: "ON CONFLICT (id) DO UPDATE SET version = excluded.version, \
                created_ms = excluded.created_ms, updated_ms = excluded.updated_ms, \
                facts = excluded.facts, provenance = excluded.provenance, \
                merged_into = excluded.merged_into",
    };
    let cells = rows.iter().flat_map(|row| {
        cells![
            row.id,
            row.version,
            row.created_ms,
            row.updated_ms,
            row.facts.clone(),
            row.provenance.clone(),
            row.merged_into
        ]
    });
    transaction.insert(ROWS, cells.collect()).await?;
    Ok(())
}

/// Which resident this number leads to now: itself, or the one that it became.
pub async fn leads_to(database: &Database, id: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT COALESCE(merged_into, id) FROM resident WHERE id = $1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![id]).await?;
    Ok(rows.first().map(|(id,)| *id))
}

/// Puts down an act, in the audit log as well.
pub async fn put_act(
    transaction: &mut Transaction,
    act: &Act,
    entry: &Entry<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO identity_act (id, kind, resident_id, other_id, before, version, acted_by, why, at_ms) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let (actor, why) = (entry.actor.to_owned(), entry.reason.unwrap_or_default().to_owned());
    let cells = cells![
        act.id,
        act.kind.clone(),
        act.resident_id,
        act.other_id,
        act.before.clone(),
        act.version,
        actor,
        why,
        now_ms
    ];
    transaction.execute(sql, cells).await?;
    audit::write(transaction, entry, now_ms).await
}

/// The act of that number.
pub async fn act(transaction: &mut Transaction, id: i64) -> Result<Option<Act>, StoreError> {
    let sql = "SELECT id, kind, resident_id, other_id, before, version, at_ms, undone_ms \
               FROM identity_act WHERE id = $1";
    Ok(transaction.fetch(sql, cells![id]).await?.into_iter().next())
}

/// A merge into that resident, later than that act, which still stands.
pub async fn later_merge(
    transaction: &mut Transaction,
    resident: i64,
    act: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT MAX(id) FROM identity_act WHERE resident_id = $1 AND id > $2 \
               AND kind = 'merge' AND undone_ms IS NULL";
    let found: Vec<(Option<i64>,)> = transaction.fetch(sql, cells![resident, act]).await?;
    Ok(found.into_iter().find_map(|(later,)| later))
}

/// Notes that an act was undone.
pub async fn undo(transaction: &mut Transaction, id: i64, now_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE identity_act SET undone_ms = $2 WHERE id = $1";
    transaction.execute(sql, cells![id, now_ms]).await?;
    Ok(())
}

/// The pairs of these parties, by the first of the two.
pub async fn pairs(database: &Database, parties: &[i64]) -> Result<Vec<PairRow>, StoreError> {
    let mut transaction = database.begin().await?;
    let pairs = matching::pairs(&mut transaction, parties).await?;
    transaction.commit().await?;
    Ok(pairs)
}

/// The next parties of the list of who is who. One that is over is left out where its place went to another.
pub async fn listed(database: &Database, after: i64, most: i64) -> Result<Vec<Listed>, StoreError> {
    let sql = "SELECT p.id, s.name AS source, k.key AS source_key, p.key AS party, p.resident_id \
               FROM party p JOIN source_key k ON k.id = p.source_key_id \
               JOIN source s ON s.id = k.source_id WHERE p.id > $1 AND (p.ended_ms IS NULL \
               OR NOT EXISTS (SELECT 1 FROM party q WHERE q.source_key_id = p.source_key_id \
               AND q.key = p.key AND q.id > p.id)) ORDER BY p.id LIMIT $2";
    database.fetch(sql, cells![after, most]).await
}
