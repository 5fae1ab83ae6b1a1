//! Accounts, parties, residents, the keys they are found by, and what became different.

use super::database::{Database, Insert, StoreError, Transaction};
use crate::record::facts::Facts;
use crate::record::personal::unprinted;
use crate::record::schema::Field;

/// A party as it stands.
#[derive(Clone, sqlx::FromRow)]
pub struct PartyRow {
    pub id: i64,
    pub source_id: i64,
    pub source_key_id: i64,
    pub resident_id: i64,
    pub key: String,
    pub role: String,
    pub record_id: i64,
    pub ended_ms: Option<i64>,
    pub facts: String,
}

/// A resident as it stands.
#[derive(Clone, sqlx::FromRow)]
pub struct ResidentRow {
    pub id: i64,
    pub version: i64,
    pub created_ms: i64,
    pub facts: String,
}

/// An account as it stands.
#[derive(Clone, sqlx::FromRow)]
pub struct AccountRow {
    pub id: i64,
    pub facts: String,
}

const ACCOUNT_COLUMNS: &str = "id,kind,record_id,mapping_version,at_ms,facts,issues";
const PARTY_COLUMNS: &str = "id,source_key_id,resident_id,key,role,record_id,mapping_version,\
    at_ms,ended_ms,facts,issues,match_keys,profile";
const RESIDENT_COLUMNS: &str = "id,version,created_ms,updated_ms,facts,provenance";

/// New accounts.
pub const ACCOUNTS: Insert = Insert { table: "account", columns: ACCOUNT_COLUMNS, after: "" };
/// Accounts that are known: the new row takes the old one's place.
pub const ACCOUNTS_AGAIN: Insert = Insert {
    table: "account",
    columns: ACCOUNT_COLUMNS,
    after: "ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, record_id = excluded.record_id, \
            mapping_version = excluded.mapping_version, at_ms = excluded.at_ms, \
            facts = excluded.facts, issues = excluded.issues",
};
/// New parties.
pub const PARTIES: Insert = Insert { table: "party", columns: PARTY_COLUMNS, after: "" };
/// Parties that are known.
pub const PARTIES_AGAIN: Insert = Insert {
    table: "party",
    columns: PARTY_COLUMNS,
    after: "ON CONFLICT (id) DO UPDATE SET key = excluded.key, role = excluded.role, \
            record_id = excluded.record_id, \
            mapping_version = excluded.mapping_version, at_ms = excluded.at_ms, \
            ended_ms = excluded.ended_ms, facts = excluded.facts, issues = excluded.issues, \
            match_keys = COALESCE(excluded.match_keys, party.match_keys), \
            profile = COALESCE(excluded.profile, party.profile)",
};
/// New residents.
pub const RESIDENTS: Insert = Insert { table: "resident", columns: RESIDENT_COLUMNS, after: "" };
/// Residents that are known.
pub const RESIDENTS_AGAIN: Insert = Insert {
    table: "resident",
    columns: RESIDENT_COLUMNS,
    after: "ON CONFLICT (id) DO UPDATE SET version = excluded.version, \
            updated_ms = excluded.updated_ms, facts = excluded.facts, \
            provenance = excluded.provenance",
};
/// Change events.
pub const EVENTS: Insert = Insert {
    table: "change_event",
    columns: "id,batch_id,record_id,subject,subject_id,kind,changes,at_ms",
    after: "",
};

/// The accounts of these source keys.
pub async fn accounts(tx: &mut Transaction, ids: &[i64]) -> Result<Vec<AccountRow>, StoreError> {
    tx.fetch_for("SELECT id, facts FROM account WHERE id IN", ids, "").await
}

const PARTY: &str = "SELECT p.id, k.source_id, p.source_key_id, p.resident_id, p.key, p.role, \
    p.record_id, p.ended_ms, p.facts FROM party p JOIN source_key k ON k.id = p.source_key_id ";

/// The parties that records under these keys named.
pub async fn parties_of_keys(
    tx: &mut Transaction,
    keys: &[i64],
) -> Result<Vec<PartyRow>, StoreError> {
    let before = format!("{PARTY} WHERE p.source_key_id IN");
    tx.fetch_for(&before, keys, "ORDER BY p.id").await
}

/// The parties that are these residents.
pub async fn parties_of_residents(
    tx: &mut Transaction,
    residents: &[i64],
) -> Result<Vec<PartyRow>, StoreError> {
    let before = format!("{PARTY} WHERE p.resident_id IN");
    tx.fetch_for(&before, residents, "ORDER BY p.id").await
}

/// The residents of these numbers.
pub async fn residents(tx: &mut Transaction, ids: &[i64]) -> Result<Vec<ResidentRow>, StoreError> {
    tx.fetch_for("SELECT id, version, created_ms, facts FROM resident WHERE id IN", ids, "").await
}

/// Facts as a row has them; `name` is the table's.
pub fn read_facts(
    json: &str,
    table: &'static [Field],
    name: &'static str,
    id: i64,
) -> Result<Facts, StoreError> {
    let corrupt = StoreError::Corrupt { table: name, column: "facts", id };
    Facts::from_json(json, table).ok_or(corrupt)
}

/// How many residents, accounts and parties there are.
pub async fn counts(database: &Database) -> Result<(i64, i64, i64), StoreError> {
    let sql = "SELECT (SELECT COUNT(*) FROM resident), (SELECT COUNT(*) FROM account), \
               (SELECT COUNT(*) FROM party WHERE ended_ms IS NULL)";
    let rows: Vec<(i64, i64, i64)> = database.fetch(sql, vec![]).await?;
    Ok(rows.first().copied().unwrap_or_default())
}

unprinted!(PartyRow, ResidentRow, AccountRow);
