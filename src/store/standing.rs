//! What is known of residents at the moment of sending: their facts, the holds in force, and
//! whether an account of theirs is on hold. What follows from it is the gate's business.

use std::collections::HashMap;

use super::database::{Cell, Database, Row, StoreError, places};
use super::residents::read_facts;
use crate::record::facts::Facts;
use crate::record::schema;

/// What is known of one resident.
#[derive(Debug, Clone, Default)]
pub struct Known {
    pub facts: Option<Facts>,
    /// What kind, and until when if that is known; the one that lasts longest is first.
    pub holds: Vec<(String, Option<i64>)>,
    pub account_on_hold: bool,
}

/// What is known of these residents now, in three questions however many they are.
pub async fn of_residents(
    database: &Database,
    residents: &[i64],
    now_ms: i64,
) -> Result<HashMap<i64, Known>, StoreError> {
    let mut known: HashMap<i64, Known> = HashMap::new();
    for (id, facts) in facts(database, residents).await? {
        known.entry(id).or_default().facts = Some(facts);
    }
    for (id, kind, until_ms) in holds(database, residents, now_ms).await? {
        known.entry(id).or_default().holds.push((kind, until_ms));
    }
    for resident in known.values_mut() {
        resident.holds.sort_by_key(|(_, until_ms)| std::cmp::Reverse(until_ms.unwrap_or(i64::MAX)));
    }
    for id in on_hold(database, residents).await? {
        known.entry(id).or_default().account_on_hold = true;
    }
    Ok(known)
}

async fn facts(database: &Database, ids: &[i64]) -> Result<Vec<(i64, Facts)>, StoreError> {
    let sql = "SELECT id, facts FROM resident WHERE id IN";
    let rows: Vec<(i64, String)> = fetch(database, sql, ids, "", vec![]).await?;
    let read =
        |(id, json): (i64, String)| Ok((id, read_facts(&json, schema::PARTY, "resident", id)?));
    rows.into_iter().map(read).collect()
}

async fn holds(
    database: &Database,
    ids: &[i64],
    now_ms: i64,
) -> Result<Vec<(i64, String, Option<i64>)>, StoreError> {
    let sql = "SELECT resident_id, kind, until_ms FROM hold WHERE from_ms <= $1 \
               AND (until_ms IS NULL OR until_ms > $1) \
               AND (lifted_ms IS NULL OR lifted_ms > $1) AND resident_id IN";
    fetch(database, sql, ids, "ORDER BY id", vec![Cell::Int(now_ms)]).await
}

/// Residents who are a party, today, of an account that its own system has on hold.
async fn on_hold(database: &Database, ids: &[i64]) -> Result<Vec<i64>, StoreError> {
    // Few accounts are on hold: only those that may be are read.
    let sql = "SELECT p.resident_id, a.id, a.facts FROM party p \
               JOIN account a ON a.id = p.source_key_id \
               WHERE p.ended_ms IS NULL AND a.facts LIKE '%\"hold\":%' AND p.resident_id IN";
    let rows: Vec<(i64, i64, String)> = fetch(database, sql, ids, "", vec![]).await?;
    let mut found = Vec::new();
    for (resident_id, id, json) in rows {
        let facts = read_facts(&json, schema::ACCOUNT, "account", id)?;
        if schema::account_id("hold").is_some_and(|hold| facts.get(hold).is_some()) {
            found.push(resident_id);
        }
    }
    Ok(found)
}

/// Reads rows for many values: `before (…values…) after`; `first` fills the places of `before`.
pub(super) async fn fetch<T: Row>(
    database: &Database,
    before: &str,
    values: &[i64],
    after: &str,
    first: Vec<Cell>,
) -> Result<Vec<T>, StoreError> {
    let mut found = Vec::new();
    for some in values.chunks(512) {
        // Filled up with the last value to a power of two, so that few texts are ever prepared.
        let size = some.len().next_power_of_two();
        let sql = format!("{before} ({}) {after}", places(1 + first.len(), size));
        let last = some.last().copied().into_iter().cycle();
        let values = some.iter().copied().chain(last).take(size).map(Cell::Int);
        found.extend(database.fetch(&sql, first.iter().cloned().chain(values).collect()).await?);
    }
    Ok(found)
}
