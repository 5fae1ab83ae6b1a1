//! What parties are compared by, the pairs that count, and the keys by which parties find each other.

use super::database::{Cell, Database, Insert, StoreError, Transaction, cells};
use crate::record::personal::unprinted;

/// A party as far as it is compared.
#[derive(Clone, sqlx::FromRow)]
pub struct ProfileRow {
    pub id: i64,
    pub source_key_id: i64,
    pub resident_id: i64,
    pub match_keys: Option<Vec<u8>>,
    pub profile: Option<Vec<u8>>,
}

/// Two parties that may be one person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct PairRow {
    pub one: i64,
    pub other: i64,
    /// Thousandths of a bit.
    pub bits: i64,
    pub levels: i64,
    /// The version of the weights.
    pub weights: i64,
    /// 1 the same, 2 not the same, 0 nobody said anything.
    pub verdict: i64,
}

unprinted!(ProfileRow);

const PAIR: &str = "SELECT one, other, bits, levels, weights, verdict FROM match_pair WHERE ";
const PROFILE: &str =
    "SELECT id, source_key_id, resident_id, match_keys, profile FROM party WHERE ";

/// Takes the next number, and with it the turn: whoever comes next waits for our commit.
pub async fn turn(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let sql = "UPDATE match_index SET version = version + 1 WHERE id = 1 RETURNING version";
    let rows: Vec<(i64,)> = transaction.fetch(sql, vec![]).await?;
    let version = rows.first().map(|(version,)| *version);
    version.ok_or_else(|| StoreError::Refused("match_index has no row".to_owned()))
}

/// The last number that was taken; nobody takes the next while this transaction lasts.
pub async fn hold_turn(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let sql = "UPDATE match_index SET version = version WHERE id = 1 RETURNING version";
    let rows: Vec<(i64,)> = transaction.fetch(sql, vec![]).await?;
    Ok(rows.first().map_or(0, |(version,)| *version))
}

/// Notes which parties a chunk wrote.
pub async fn put_news(
    transaction: &mut Transaction,
    version: i64,
    parties: Vec<u8>,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO match_news (version, parties) VALUES ($1, $2)";
    transaction.execute(sql, cells![version, parties]).await?;
    Ok(())
}

/// What chunks wrote after that one whose keys are not in the index yet.
pub async fn news(
    transaction: &mut Transaction,
    after: i64,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT version, parties FROM match_news WHERE version > $1 ORDER BY version";
    transaction.fetch(sql, cells![after]).await
}

/// The parties of these numbers.
pub async fn profiles(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<Vec<ProfileRow>, StoreError> {
    transaction.fetch_for(&format!("{PROFILE} id IN"), ids, "").await
}

/// Parties in the order of their numbers.
pub async fn profiles_after(
    transaction: &mut Transaction,
    after: i64,
    most: i64,
) -> Result<Vec<ProfileRow>, StoreError> {
    let sql = format!("{PROFILE} id > $1 ORDER BY id LIMIT $2");
    transaction.fetch(&sql, cells![after, most]).await
}

/// The indexed parties that share one of these keys: key and party.
pub async fn candidates(
    transaction: &mut Transaction,
    digests: &[i64],
) -> Result<Vec<(i64, i64)>, StoreError> {
    let before = "SELECT digest, party_id FROM match_key WHERE digest IN";
    transaction.fetch_for(before, digests, "").await
}

/// The pairs in which these parties stand first.
pub async fn pairs(transaction: &mut Transaction, ids: &[i64]) -> Result<Vec<PairRow>, StoreError> {
    transaction.fetch_for(&format!("{PAIR} one IN"), ids, "").await
}

/// All pairs, by the first of the two.
pub async fn pairs_after(
    transaction: &mut Transaction,
    one: i64,
    other: i64,
    most: i64,
) -> Result<Vec<PairRow>, StoreError> {
    let sql = format!("{PAIR} (one, other) > ($1, $2) ORDER BY one, other LIMIT $3");
    transaction.fetch(&sql, cells![one, other, most]).await
}

/// Writes pairs, both directions; what a person said of them stays.
pub async fn put_pairs(transaction: &mut Transaction, pairs: &[PairRow]) -> Result<(), StoreError> {
    const PAIRS: Insert = Insert {
        table: "match_pair",
        columns: "one,other,bits,levels,weights,verdict",
        after: "ON CONFLICT (one, other) DO UPDATE SET bits = excluded.bits, levels = excluded.levels, \
                weights = excluded.weights, verdict = excluded.verdict",
    };
    let mut both: Vec<PairRow> = pairs.to_vec();
    both.extend(pairs.iter().map(|pair| PairRow { one: pair.other, other: pair.one, ..*pair }));
    both.sort_unstable_by_key(|pair| (pair.one, pair.other));
    let cells = both.iter().flat_map(|pair| {
        cells![pair.one, pair.other, pair.bits, pair.levels, pair.weights, pair.verdict]
    });
    transaction.insert(PAIRS, cells.collect()).await?;
    Ok(())
}

/// Takes pairs out, both directions.
pub async fn drop_pairs(
    transaction: &mut Transaction,
    pairs: &[(i64, i64)],
) -> Result<(), StoreError> {
    let sql = "WITH v (one, other) AS ({rows}) DELETE FROM match_pair \
               WHERE (one, other) IN (SELECT one, other FROM v) RETURNING one";
    let both = pairs.iter().flat_map(|(one, other)| cells![*one, *other, *other, *one]);
    transaction.fetch_with::<(i64,)>(sql, 2, both.collect()).await?;
    Ok(())
}

/// Writes a run of keys, sorted by the caller, and forgets the news they came from.
pub async fn index(
    transaction: &mut Transaction,
    sorted: &[(i64, i64)],
    seen: i64,
) -> Result<(), StoreError> {
    const KEYS: Insert =
        Insert { table: "match_key", columns: "digest,party_id", after: "ON CONFLICT DO NOTHING" };
    for some in sorted.chunks(4096) {
        let cells = some.iter().flat_map(|(digest, party)| [Cell::Int(*digest), Cell::Int(*party)]);
        transaction.insert(KEYS, cells.collect()).await?;
    }
    transaction.execute("DELETE FROM match_news WHERE version <= $1", cells![seen]).await?;
    Ok(())
}

/// Gives parties to other residents: party and resident.
pub async fn move_parties(
    transaction: &mut Transaction,
    moves: &[(i64, i64)],
) -> Result<(), StoreError> {
    let sql = "WITH v (id, resident_id) AS ({rows}) UPDATE party SET resident_id = v.resident_id FROM v \
               WHERE party.id = v.id RETURNING party.id";
    let cells = moves.iter().flat_map(|(party, resident)| cells![*party, *resident]).collect();
    transaction.fetch_with::<(i64,)>(sql, 2, cells).await?;
    Ok(())
}

/// Notes which resident each of these became. What is still to be sent to it goes by the new number.
pub async fn redirect(
    transaction: &mut Transaction,
    merged: &[(i64, i64)],
    now_ms: i64,
) -> Result<(), StoreError> {
    for (from, into) in merged {
        let sql = "UPDATE resident SET merged_into = $2, updated_ms = $3 WHERE id = $1";
        transaction.execute(sql, cells![*from, *into, now_ms]).await?;
        let sql = "UPDATE resident SET merged_into = $2 WHERE merged_into = $1";
        transaction.execute(sql, cells![*from, *into]).await?;
        let sql = "UPDATE hold SET resident_id = $2 WHERE resident_id = $1";
        transaction.execute(sql, cells![*from, *into]).await?;
        let sql =
            "UPDATE delivery SET resident_id = $2 WHERE resident_id = $1 AND settled_ms IS NULL";
        transaction.execute(sql, cells![*from, *into]).await?;
    }
    Ok(())
}

/// How many parties there are.
pub async fn parties(database: &Database) -> Result<i64, StoreError> {
    let rows: Vec<(i64,)> = database.fetch("SELECT COUNT(*) FROM party", vec![]).await?;
    Ok(rows.first().map_or(0, |(many,)| *many))
}
