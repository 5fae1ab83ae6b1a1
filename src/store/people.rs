//! A resident as a person asks after them: the record, the parties that are this person with their
//! accounts; and how residents are found by what is known of them.
//!
//! Keys are found by their index. For the rest there is none, since nothing else would read it: parties
//! are looked through, the newest first, so many and no more.

use std::collections::HashMap;

use super::database::{Database, StoreError, cells};
use crate::record::personal::unprinted;
use crate::record::search::Search;

/// How many parties of one resident are shown. More would be a fault of matching.
pub const PARTIES_MAX: i64 = 200;
/// How many residents a search gives.
pub const FOUND_MAX: usize = 50;
/// How many parties a search looks through.
pub const SEARCHED_MAX: usize = 2_000_000;
const SEARCHED_AT_ONCE: i64 = 5_000;

/// A resident's row.
#[derive(Clone, sqlx::FromRow)]
pub struct Resident {
    pub id: i64,
    pub version: i64,
    pub created_ms: i64,
    pub updated_ms: i64,
    pub facts: String,
    /// Which party each group of fields comes from; nothing where only one was known.
    pub provenance: Option<String>,
}

/// One party, where it is from, and its account if the record is about one.
#[derive(Clone, sqlx::FromRow)]
pub struct Party {
    pub id: i64,
    pub resident_id: i64,
    pub source_id: i64,
    pub source: String,
    /// The number of the source's key, and of the account.
    pub account_id: i64,
    /// What the source calls it.
    pub reference: String,
    pub gone_ms: Option<i64>,
    pub role: String,
    pub record_id: i64,
    pub at_ms: i64,
    pub ended_ms: Option<i64>,
    pub facts: String,
    pub batch_id: Option<i64>,
    pub origin: Option<String>,
    pub account_kind: Option<String>,
    pub account_facts: Option<String>,
    pub account_ms: Option<i64>,
}

unprinted!(Resident, Party);

/// What a search found.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The newest first; one more than [`FOUND_MAX`] where there are more.
    pub residents: Vec<i64>,
    /// Whether there are parties that were not looked at.
    pub stopped: bool,
}

/// The numbers of the sources.
pub async fn sources(database: &Database) -> Result<Vec<(String, i64)>, StoreError> {
    database.fetch("SELECT name, id FROM source ORDER BY id", vec![]).await
}

/// The resident of that number.
pub async fn resident(database: &Database, id: i64) -> Result<Option<Resident>, StoreError> {
    let sql = "SELECT id, version, created_ms, updated_ms, facts, provenance FROM resident \
               WHERE id = $1";
    Ok(database.fetch(sql, cells![id]).await?.into_iter().next())
}

/// The residents of these numbers.
pub async fn residents(database: &Database, ids: &[i64]) -> Result<Vec<Resident>, StoreError> {
    let sql = "SELECT id, version, created_ms, updated_ms, facts, provenance FROM resident \
               WHERE id IN";
    database.fetch_for(sql, ids, "ORDER BY id", vec![]).await
}

const PARTY: &str = "SELECT p.id, p.resident_id, k.source_id, s.name AS source, \
    p.source_key_id AS account_id, k.key AS reference, k.gone_ms, p.role, p.record_id, p.at_ms, \
    p.ended_ms, p.facts, r.batch_id, b.origin, a.kind AS account_kind, a.facts AS account_facts, \
    a.at_ms AS account_ms FROM party p JOIN source_key k ON k.id = p.source_key_id \
    JOIN source s ON s.id = k.source_id LEFT JOIN account a ON a.id = p.source_key_id \
    LEFT JOIN source_record r ON r.id = p.record_id LEFT JOIN batch b ON b.id = r.batch_id ";

/// The parties that are this resident, the oldest first.
pub async fn parties(database: &Database, resident_id: i64) -> Result<Vec<Party>, StoreError> {
    let sql = format!("{PARTY} WHERE p.resident_id = $1 ORDER BY p.id LIMIT {PARTIES_MAX}");
    database.fetch(&sql, cells![resident_id]).await
}

/// The parties that are these residents.
pub async fn parties_of(database: &Database, residents: &[i64]) -> Result<Vec<Party>, StoreError> {
    let before = format!("{PARTY} WHERE p.resident_id IN");
    database.fetch_for(&before, residents, "ORDER BY p.id", vec![]).await
}

/// The parties of these numbers, the lower first.
pub async fn parties_by_id(database: &Database, ids: &[i64]) -> Result<Vec<Party>, StoreError> {
    let before = format!("{PARTY} WHERE p.id IN");
    database.fetch_for(&before, ids, "ORDER BY p.id", vec![]).await
}

/// Who it may be. Everything that is asked for must agree, if not in one record then between those of
/// one resident. Where there is no index, `most` parties are looked through.
pub async fn find(database: &Database, search: &Search, most: usize) -> Result<Found, StoreError> {
    if search.references.is_empty() {
        return look_through(database, search, most).await;
    }
    let mut residents = Vec::new();
    for reference in &search.references {
        residents.extend(named(database, reference.expose()).await?);
    }
    residents.sort_unstable_by(|one, other| other.cmp(one));
    residents.dedup();
    if search.wanted() != 0 {
        let mut agreed = Agreed::default();
        for party in parties_of(database, &residents).await? {
            agreed.add(search, party.resident_id, &party.facts);
        }
        residents.retain(|id| agreed.of(search, *id));
    }
    residents.truncate(FOUND_MAX + 1);
    Ok(Found { residents, stopped: false })
}

/// The accounts that sources know under this key, by our numbers.
pub async fn accounts_named(database: &Database, key: &str) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT a.id FROM source_key k JOIN account a ON a.id = k.id \
               WHERE k.source_id IN (SELECT id FROM source) AND k.key = $1 ORDER BY a.id LIMIT 1000";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![key.to_owned()]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The residents on what sources know under this key.
async fn named(database: &Database, key: &str) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT p.resident_id FROM source_key k \
               JOIN party p ON p.source_key_id = k.id \
               WHERE k.source_id IN (SELECT id FROM source) AND k.key = $1 LIMIT 1000";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![key.to_owned()]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn look_through(
    database: &Database,
    search: &Search,
    most: usize,
) -> Result<Found, StoreError> {
    let sql = "SELECT id, resident_id, facts FROM party WHERE id < $1 ORDER BY id DESC LIMIT $2";
    let (mut agreed, mut found, mut looked, mut before) =
        (Agreed::default(), Found::default(), 0, i64::MAX);
    loop {
        let rows: Vec<(i64, i64, String)> =
            database.fetch(sql, cells![before, SEARCHED_AT_ONCE]).await?;
        let Some((last, ..)) = rows.last() else { return Ok(found) };
        (before, looked) = (*last, looked + rows.len());
        for (_, resident_id, facts) in &rows {
            if agreed.add(search, *resident_id, facts) {
                found.residents.push(*resident_id);
            }
            if found.residents.len() > FOUND_MAX {
                return Ok(found);
            }
        }
        if looked >= most {
            return Ok(Found { stopped: true, ..found });
        }
    }
}

/// Which wishes the parties of each resident agree with between them.
#[derive(Default)]
struct Agreed(HashMap<i64, u8>);

impl Agreed {
    /// Says whether this party made the resident one who agrees in everything.
    fn add(&mut self, search: &Search, resident_id: i64, facts: &str) -> bool {
        let bits = search.agrees(facts);
        if bits == 0 {
            return false;
        }
        let had = self.0.entry(resident_id).or_default();
        let was_all = *had == search.wanted();
        *had |= bits;
        !was_all && *had == search.wanted()
    }

    fn of(&self, search: &Search, resident_id: i64) -> bool {
        self.0.get(&resident_id) == Some(&search.wanted())
    }
}
