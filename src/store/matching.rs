//! What parties are compared by, the pairs that count, and the keys by which parties find each other.

use super::database::{Cell, Database, Insert, StoreError, Transaction, cells};
use super::outbox;
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

/// The last number that was taken; nobody takes the next, nor says who is who, while this transaction lasts.
pub async fn hold_turn(transaction: &mut Transaction) -> Result<i64, StoreError> {
    let sql = match transaction {
        Transaction::Postgres(_) => "SELECT version FROM match_index WHERE id = 1 FOR UPDATE",
        // There is one who writes.
        Transaction::Sqlite(..) => "SELECT version FROM match_index WHERE id = 1",
    };
    let rows: Vec<(i64,)> = transaction.fetch(sql, vec![]).await?;
    Ok(rows.first().map_or(0, |(version,)| *version))
}

/// Where nothing is compared: people may still say who is who, and have to wait for our commit. Others like us do not.
pub async fn share_turn(transaction: &mut Transaction) -> Result<(), StoreError> {
    if transaction.is_postgres() {
        let sql = "SELECT version FROM match_index WHERE id = 1 FOR SHARE";
        transaction.fetch::<(i64,)>(sql, vec![]).await?;
    }
    Ok(())
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

/// Writes pairs, both directions; what a person said of them stays. Those of two residents, of which nobody said
/// anything, wait for a person: it is noted where the lower number stands first.
pub async fn put_pairs(
    transaction: &mut Transaction,
    pairs: &[PairRow],
    are_two: impl Fn(&PairRow) -> bool,
) -> Result<(), StoreError> {
    const PAIRS: Insert = Insert {
        table: "match_pair",
        columns: "one,other,bits,levels,weights,verdict,waits",
        after: "ON CONFLICT (one, other) DO UPDATE SET bits = excluded.bits, levels = excluded.levels, \
                weights = excluded.weights, verdict = excluded.verdict, waits = excluded.waits",
    };
    let mut both: Vec<PairRow> = pairs.to_vec();
    both.extend(pairs.iter().map(|pair| PairRow { one: pair.other, other: pair.one, ..*pair }));
    both.sort_unstable_by_key(|pair| (pair.one, pair.other));
    let cells = both.iter().flat_map(|pair| {
        let waits = pair.one < pair.other && pair.verdict == 0 && are_two(pair);
        let PairRow { one, other, bits, levels, weights, verdict } = *pair;
        cells![one, other, bits, levels, weights, verdict, i64::from(waits)]
    });
    transaction.insert(PAIRS, cells.collect()).await?;
    Ok(())
}

/// Of a key that more parties share than that, no more is kept than that they do.
pub const SHARED_MAX: usize = 101;

/// Takes keys out of the index that led to a party before: digest and party. What too many share stays crowded, since
/// it is not known how many more they are.
pub async fn unindex(transaction: &mut Transaction, left: &[(i64, i64)]) -> Result<(), StoreError> {
    let sql = format!(
        "WITH v (digest, party_id) AS ({{rows}}) DELETE FROM match_key WHERE (digest, party_id) IN \
         (SELECT v.digest, v.party_id FROM v WHERE (SELECT COUNT(*) FROM match_key k \
         WHERE k.digest = v.digest) < {SHARED_MAX}) RETURNING digest"
    );
    let cells = left.iter().flat_map(|(digest, party)| cells![*digest, *party]).collect();
    transaction.fetch_with::<(i64,)>(&sql, 2, cells).await?;
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

/// Gives parties to other residents: party and resident. Which of their pairs wait for a person is noted anew.
pub async fn move_parties(
    transaction: &mut Transaction,
    moves: &[(i64, i64)],
) -> Result<(), StoreError> {
    let sql = "WITH v (id, resident_id) AS ({rows}) UPDATE party SET resident_id = v.resident_id FROM v \
               WHERE party.id = v.id RETURNING party.id";
    let cells = moves.iter().flat_map(|(party, resident)| cells![*party, *resident]).collect();
    transaction.fetch_with::<(i64,)>(sql, 2, cells).await?;
    let sql = "WITH v (id) AS ({rows}), w AS (SELECT \
               CASE WHEN m.one < m.other THEN m.one ELSE m.other END AS one, \
               CASE WHEN m.one < m.other THEN m.other ELSE m.one END AS other, \
               CASE WHEN m.verdict = 0 AND p.resident_id <> q.resident_id THEN 1 ELSE 0 END AS waits \
               FROM v JOIN match_pair m ON m.one = v.id JOIN party p ON p.id = m.one \
               JOIN party q ON q.id = m.other) \
               UPDATE match_pair SET waits = w.waits FROM w WHERE match_pair.one = w.one \
               AND match_pair.other = w.other AND match_pair.waits <> w.waits RETURNING match_pair.one";
    let cells = moves.iter().flat_map(|(party, _)| cells![*party]).collect();
    transaction.fetch_with::<(i64,)>(sql, 1, cells).await?;
    Ok(())
}

/// What was led on from residents that became others: older numbers, holds, and what was sent and is to be.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Led {
    pub residents: Vec<i64>,
    pub holds: Vec<i64>,
    pub deliveries: Vec<i64>,
}

/// Notes which resident each of these became. What was sent to it and what is to be goes by the new number. None of
/// those that they became is among them.
pub async fn redirect(
    transaction: &mut Transaction,
    merged: &[(i64, i64)],
    now_ms: i64,
) -> Result<Led, StoreError> {
    let v = "WITH v (id, into_id, now_ms) AS ({rows})";
    let own = format!(
        "{v} UPDATE resident SET merged_into = v.into_id, updated_ms = v.now_ms FROM v \
         WHERE resident.id = v.id RETURNING resident.id"
    );
    led(transaction, &own, merged, now_ms).await?;
    let [older, holds] =
        [("resident", "merged_into"), ("hold", "resident_id")].map(|(table, column)| {
            format!(
                "{v} UPDATE {table} SET {column} = v.into_id FROM v \
             WHERE {table}.{column} = v.id RETURNING {table}.id"
            )
        });
    // Those that were sent too: caps count them, and what is older or was paid is seen by them.
    let theirs = "WITH v (id, into_id) AS ({rows}) SELECT m.delivery_id, v.id, v.into_id FROM v \
                  JOIN delivery_message m ON m.resident_id = v.id ORDER BY m.delivery_id";
    let cells = merged.iter().flat_map(|(from, into)| cells![*from, *into]).collect();
    let theirs: Vec<(i64, i64, i64)> = transaction.fetch_with(theirs, 2, cells).await?;
    Ok(Led {
        residents: led(transaction, &older, merged, now_ms).await?,
        holds: led(transaction, &holds, merged, now_ms).await?,
        deliveries: outbox::give(transaction, &theirs).await?,
    })
}

async fn led(
    transaction: &mut Transaction,
    sql: &str,
    merged: &[(i64, i64)],
    now_ms: i64,
) -> Result<Vec<i64>, StoreError> {
    let cells = merged.iter().flat_map(|(from, into)| cells![*from, *into, now_ms]).collect();
    let mut ids: Vec<i64> = transaction
        .fetch_with::<(i64,)>(sql, 3, cells)
        .await?
        .into_iter()
        .map(|(id,)| id)
        .collect();
    ids.sort_unstable();
    Ok(ids)
}

/// How many parties there are.
pub async fn parties(database: &Database) -> Result<i64, StoreError> {
    let rows: Vec<(i64,)> = database.fetch("SELECT COUNT(*) FROM party", vec![]).await?;
    Ok(rows.first().map_or(0, |(many,)| *many))
}
