//! Who stands near a resident: the other parties of their records, and whoever shares a home.

use super::database::{Database, StoreError};
use crate::record::personal::unprinted;

/// A party as far as it tells of others.
#[derive(Clone, sqlx::FromRow)]
pub struct NearRow {
    pub id: i64,
    pub source_key_id: i64,
    pub resident_id: i64,
    pub role: String,
    pub ended_ms: Option<i64>,
    pub profile: Option<Vec<u8>>,
}

unprinted!(NearRow);

const NEAR: &str = "SELECT p.id, p.source_key_id, p.resident_id, p.role, p.ended_ms, p.profile \
    FROM party p WHERE ";

/// The parties of these residents.
pub async fn of_residents(database: &Database, ids: &[i64]) -> Result<Vec<NearRow>, StoreError> {
    database.fetch_for(&format!("{NEAR} p.resident_id IN"), ids, "ORDER BY p.id", vec![]).await
}

/// The parties of these records.
pub async fn of_records(database: &Database, keys: &[i64]) -> Result<Vec<NearRow>, StoreError> {
    database.fetch_for(&format!("{NEAR} p.source_key_id IN"), keys, "ORDER BY p.id", vec![]).await
}

/// The parties that are found by one of these keys.
pub async fn of_keys(database: &Database, digests: &[i64]) -> Result<Vec<NearRow>, StoreError> {
    let before = "SELECT DISTINCT p.id, p.source_key_id, p.resident_id, p.role, p.ended_ms, p.profile \
                  FROM match_key m JOIN party p ON p.id = m.party_id WHERE m.digest IN";
    database.fetch_for(before, digests, "ORDER BY 1 LIMIT 1000", vec![]).await
}
