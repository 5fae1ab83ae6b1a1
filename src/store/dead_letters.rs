//! Dead letters: work that stopped, with the place and the cause. Screens call it "held".
//!
//! An open letter is about what its source says now: a newer record of the same key settles it, and
//! where that one is held too, a letter of its own says since when the key waits.

use std::collections::HashMap;

use super::database::{Insert, StoreError, Transaction, cells};

/// A row set aside for a person.
#[derive(Debug, Clone)]
pub struct DeadLetter {
    pub id: i64,
    pub batch_id: i64,
    pub record_id: i64,
    /// 0 where the row has no key that is known.
    pub source_key_id: i64,
    /// receive, map or deliver
    pub stage: &'static str,
    pub code: String,
    pub field: Option<String>,
    /// Without the value itself: causes are shown to people who may not see it.
    pub cause: String,
    /// Since when it waits, with what it superseded (UTC milliseconds).
    pub since_ms: i64,
}

/// How a letter is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SettledAs {
    Published,
    /// The mapping leaves it out now.
    Filtered,
    /// A newer record took its place.
    Superseded,
    /// Its source has it no more.
    Gone,
}

impl SettledAs {
    /// The word in the table.
    pub fn word(self) -> &'static str {
        match self {
            SettledAs::Published => "published",
            SettledAs::Filtered => "filtered",
            SettledAs::Superseded => "superseded",
            SettledAs::Gone => "gone",
        }
    }
}

const PUT: Insert = Insert {
    table: "dead_letter",
    columns: "id,batch_id,record_id,source_key_id,stage,code,field,cause,created_ms",
    after: "",
};

/// Sets rows aside.
pub async fn put(
    transaction: &mut Transaction,
    letters: Vec<DeadLetter>,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(letters.len() * 9);
    for letter in letters {
        rows.extend(cells![
            letter.id,
            letter.batch_id,
            letter.record_id,
            letter.source_key_id,
            letter.stage,
            letter.code,
            letter.field,
            letter.cause,
            letter.since_ms,
        ]);
    }
    transaction.insert(PUT, rows).await?;
    Ok(())
}

/// Settles what was held under these keys, since a newer record of theirs was read. Gives since
/// when each key waited.
pub async fn settle(
    transaction: &mut Transaction,
    keys: &[(i64, SettledAs)],
    now_ms: i64,
) -> Result<HashMap<i64, i64>, StoreError> {
    let settled: HashMap<i64, SettledAs> = keys.iter().copied().collect();
    let keys: Vec<i64> = keys.iter().map(|(key, _)| *key).collect();
    let before = "SELECT id, source_key_id, created_ms FROM dead_letter \
                  WHERE settled_ms IS NULL AND source_key_id IN";
    let open: Vec<(i64, i64, i64)> = transaction.fetch_for(before, &keys, "").await?;
    let mut since: HashMap<i64, i64> = HashMap::new();
    let mut letters: HashMap<SettledAs, Vec<i64>> = HashMap::new();
    for (id, key, created_ms) in open {
        since.entry(key).and_modify(|ms| *ms = created_ms.min(*ms)).or_insert(created_ms);
        letters.entry(settled[&key]).or_default().push(id);
    }
    for (how, ids) in letters {
        settle_letters(transaction, &ids, how, now_ms).await?;
    }
    Ok(since)
}

/// Settles these letters.
pub async fn settle_letters(
    transaction: &mut Transaction,
    ids: &[i64],
    how: SettledAs,
    now_ms: i64,
) -> Result<(), StoreError> {
    let before = format!(
        "UPDATE dead_letter SET settled_ms = {now_ms}, settled_as = '{}' WHERE id IN",
        how.word()
    );
    let _: Vec<(i64,)> = transaction.fetch_for(&before, ids, "RETURNING id").await?;
    Ok(())
}

/// A full extract says everything anew: rows of earlier ones that could not be read are superseded by
/// it, and are held again if they are in it. Those whose key it has a new record of are settled when
/// that is read. Part of the releasing transaction, behind the release of the records.
pub async fn supersede_unread(
    transaction: &mut Transaction,
    source_id: i64,
    batch_id: i64,
    now_ms: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE dead_letter SET settled_ms = $1, settled_as = 'superseded' \
               WHERE settled_ms IS NULL AND stage = 'receive' AND EXISTS (SELECT 1 FROM batch b \
               WHERE b.id = dead_letter.batch_id AND b.source_id = $2 AND b.id < $3) AND NOT EXISTS \
               (SELECT 1 FROM source_key k \
               WHERE k.id = dead_letter.source_key_id AND k.record_id > $3)";
    transaction.execute(sql, cells![now_ms, source_id, batch_id]).await?;
    Ok(())
}

/// Gives a row that was held without a key the key that it is now known by.
pub async fn name(
    transaction: &mut Transaction,
    letter_id: i64,
    source_key_id: i64,
) -> Result<(), StoreError> {
    let sql = "UPDATE dead_letter SET source_key_id = $2 WHERE id = $1";
    transaction.execute(sql, cells![letter_id, source_key_id]).await?;
    Ok(())
}
