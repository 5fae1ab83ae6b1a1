//! The stewards' desk: pairs that wait for a person, who has which before them, those that nobody can tell, and
//! what people decided about who is who.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};
use super::matching::PairRow;
use super::outbox;
use crate::record::personal::unprinted;

/// Which pairs are wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Those that were set aside, in place of those that wait.
    pub aside: bool,
    /// Where one of the two is of that source; empty: of any.
    pub source: String,
    /// Thousandths of a bit: from, and below.
    pub bits: (i64, i64),
    /// Those after this one: bits, one, other.
    pub after: (i64, i64, i64),
    /// Nobody else has it before them at that moment: who asks, and when.
    pub free_for: Option<(String, i64)>,
}

impl Default for Wanted {
    /// All that wait.
    fn default() -> Wanted {
        let (bits, after) = ((i64::MIN, i64::MAX), (i64::MAX, 0, 0));
        Wanted { aside: false, source: String::new(), bits, after, free_for: None }
    }
}

/// A pair that waits, and what is known of its two parties without a look at what they say.
#[derive(Clone, sqlx::FromRow)]
pub struct Waiting {
    #[sqlx(flatten)]
    pub pair: PairRow,
    pub resident: i64,
    pub other_resident: i64,
    pub source: String,
    pub other_source: String,
    /// When the later of the two last said something.
    pub at_ms: i64,
    pub taken_by: Option<String>,
    pub taken_until_ms: Option<i64>,
    pub aside_by: Option<String>,
    pub aside_why: Option<String>,
    pub aside_ms: Option<i64>,
}

/// What somebody decided, without the rows as they were before.
#[derive(Clone, sqlx::FromRow)]
pub struct ActRow {
    pub id: i64,
    pub kind: String,
    pub resident_id: i64,
    pub other_id: i64,
    pub acted_by: String,
    pub why: String,
    pub at_ms: i64,
    pub undone_ms: Option<i64>,
}

unprinted!(Waiting, ActRow);

/// Behind `WHERE`, for a pair `m` of the parties `p` and `q`, with a source or none as `$1`: it stands for its two
/// residents. Nobody said of them that they are two people: what was said of two parties is said of whoever they
/// are, and of the parties that came to them later. And none of their pairs, of those that are asked for, is surer.
const STANDS_FOR_TWO: &str = "NOT EXISTS (SELECT 1 FROM party a JOIN match_pair n ON n.one = a.id \
    JOIN party b ON b.id = n.other WHERE a.resident_id = p.resident_id AND b.resident_id = q.resident_id \
    AND (n.verdict = 2 OR n.verdict = 0 AND (n.bits > m.bits OR n.bits = m.bits AND \
    (CASE WHEN n.one < n.other THEN n.one ELSE n.other END < m.one \
    OR CASE WHEN n.one < n.other THEN n.one ELSE n.other END = m.one \
    AND CASE WHEN n.one < n.other THEN n.other ELSE n.one END < m.other)) \
    AND ($1 = '' OR EXISTS (SELECT 1 FROM source_key k WHERE k.id IN (a.source_key_id, b.source_key_id) \
    AND k.source_id = (SELECT id FROM source WHERE name = $1)))))";

/// Pairs of two residents of which nobody said anything, the surest first. They are found by the index of those that
/// wait, in its order, and no more are looked at than it takes.
pub async fn waiting(
    database: &Database,
    wanted: &Wanted,
    most: i64,
) -> Result<Vec<Waiting>, StoreError> {
    // Few are set aside: those are looked at first.
    let (from, aside) = match wanted.aside {
        true => (
            "match_desk d CROSS JOIN match_pair m",
            "d.one = m.one AND d.other = m.other AND d.aside_bits = m.bits",
        ),
        false => (
            "match_pair m LEFT JOIN match_desk d ON d.one = m.one AND d.other = m.other",
            "COALESCE(d.aside_bits, m.bits + 1) <> m.bits",
        ),
    };
    let sql = format!(
        "SELECT m.one, m.other, m.bits, m.levels, m.weights, m.verdict, p.resident_id AS resident, \
         q.resident_id AS other_resident, s.name AS source, t.name AS other_source, \
         CASE WHEN p.at_ms > q.at_ms THEN p.at_ms ELSE q.at_ms END AS at_ms, d.taken_by, \
         d.taken_until_ms, d.aside_by, d.aside_why, d.aside_ms \
         FROM {from} JOIN party p ON p.id = m.one JOIN party q ON q.id = m.other \
         JOIN source_key k ON k.id = p.source_key_id JOIN source s ON s.id = k.source_id \
         JOIN source_key l ON l.id = q.source_key_id JOIN source t ON t.id = l.source_id \
         WHERE m.waits = 1 AND {aside} AND m.bits >= $2 AND m.bits < $3 AND m.bits <= $4 \
         AND (m.bits < $4 OR m.one > $5 OR (m.one = $5 AND m.other > $6)) \
         AND ($7 = '' OR d.taken_by IS NULL OR d.taken_by = $7 OR d.taken_until_ms <= $8) \
         AND ($1 = '' OR EXISTS (SELECT 1 FROM source_key k WHERE k.id IN (p.source_key_id, q.source_key_id) \
         AND k.source_id = (SELECT id FROM source WHERE name = $1))) AND {STANDS_FOR_TWO} \
         ORDER BY m.bits DESC, m.one, m.other LIMIT $9"
    );
    let (from, below) = wanted.bits;
    let (bits, one, other) = wanted.after;
    let (whose, now_ms) = wanted.free_for.clone().unwrap_or_default();
    let cells = cells![wanted.source.clone(), from, below, bits, one, other, whose, now_ms, most];
    database.fetch(&sql, cells).await
}

/// The pair of two parties, the lower number first, where it is kept.
pub async fn pair(
    database: &Database,
    (one, other): (i64, i64),
) -> Result<Option<PairRow>, StoreError> {
    let sql = "SELECT one, other, bits, levels, weights, verdict FROM match_pair \
               WHERE one = $1 AND other = $2";
    Ok(database.fetch(sql, cells![one, other]).await?.into_iter().next())
}

/// Why and by whom a pair was set aside, while it stands as it did then.
pub async fn set_aside(
    database: &Database,
    pair: &PairRow,
) -> Result<Option<(String, String, i64)>, StoreError> {
    let sql = "SELECT aside_by, aside_why, aside_ms FROM match_desk \
               WHERE one = $1 AND other = $2 AND aside_bits = $3";
    Ok(database.fetch(sql, cells![pair.one, pair.other, pair.bits]).await?.into_iter().next())
}

/// Somebody has a pair before them, unless somebody else has.
pub async fn take(
    database: &Database,
    (one, other): (i64, i64),
    who: &str,
    (now_ms, until_ms): (i64, i64),
) -> Result<bool, StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "INSERT INTO match_desk (one, other, taken_by, taken_until_ms) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (one, other) DO UPDATE SET taken_by = excluded.taken_by, \
               taken_until_ms = excluded.taken_until_ms WHERE match_desk.taken_by IS NULL \
               OR match_desk.taken_by = excluded.taken_by OR match_desk.taken_until_ms <= $5";
    let cells = cells![one, other, who.to_owned(), until_ms, now_ms];
    let taken = transaction.execute(sql, cells).await?;
    transaction.commit().await?;
    Ok(taken > 0)
}

/// Nobody can tell whether these two are one: they are asked about again when the weights see them otherwise.
pub async fn put_aside(
    database: &Database,
    pair: &PairRow,
    (who, why): (&str, &str),
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO match_desk (one, other, aside_bits, aside_by, aside_why, aside_ms) \
               VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (one, other) DO UPDATE SET \
               taken_by = NULL, taken_until_ms = NULL, aside_bits = excluded.aside_bits, \
               aside_by = excluded.aside_by, aside_why = excluded.aside_why, \
               aside_ms = excluded.aside_ms";
    let cells = cells![pair.one, pair.other, pair.bits, who.to_owned(), why.to_owned(), now_ms];
    transaction.execute(sql, cells).await?;
    let entry = Entry {
        actor: who,
        action: "set aside",
        target: format!("match {}-{}", pair.one, pair.other),
        reason: Some(why),
        details: None,
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await
}

/// The numbers that became this resident's, by whoever decided it.
pub async fn became(database: &Database, resident: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM resident WHERE merged_into = $1 ORDER BY id";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![resident]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

const ACT: &str =
    "SELECT id, kind, resident_id, other_id, acted_by, why, at_ms, undone_ms FROM identity_act";

/// What people decided, the newest first, below that number; of one resident, or of all where it is 0.
pub async fn acts(
    database: &Database,
    resident: i64,
    before: i64,
    most: i64,
) -> Result<Vec<ActRow>, StoreError> {
    let sql = format!(
        "{ACT} WHERE id < $1 AND ($2 = 0 OR resident_id = $2 OR other_id = $2) ORDER BY id DESC LIMIT $3"
    );
    database.fetch(&sql, cells![before, resident, most]).await
}

/// The act of that number.
pub async fn act(database: &Database, id: i64) -> Result<Option<ActRow>, StoreError> {
    let sql = format!("{ACT} WHERE id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// How a resident stands, by which somebody sees whether it changed meanwhile.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Version {
    pub id: i64,
    /// Of its row.
    pub version: i64,
    /// The last that somebody decided of it, and of it as the other of two; 0 for none.
    pub acted: i64,
    pub acted_as_other: i64,
    /// So many parties it has, and the one that came last: one may join whose values do not win.
    pub parties: i64,
    pub last_party: i64,
}

/// How these residents stand.
pub async fn versions(database: &Database, ids: &[i64]) -> Result<Vec<Version>, StoreError> {
    let sql = "SELECT id, version, \
               (SELECT COALESCE(MAX(a.id), 0) FROM identity_act a WHERE a.resident_id = resident.id) AS acted, \
               (SELECT COALESCE(MAX(a.id), 0) FROM identity_act a WHERE a.other_id = resident.id) AS acted_as_other, \
               (SELECT COUNT(*) FROM party p WHERE p.resident_id = resident.id) AS parties, \
               (SELECT COALESCE(MAX(p.id), 0) FROM party p WHERE p.resident_id = resident.id) AS last_party \
               FROM resident WHERE id IN";
    database.fetch_for(sql, ids, "ORDER BY id", vec![]).await
}

/// What left, or may have left, for these residents since then: delivery, resident, destination and state, the
/// newest first.
pub async fn left(
    database: &Database,
    residents: &[i64],
    (since_ms, most): (i64, i64),
) -> Result<Vec<(i64, i64, String, String)>, StoreError> {
    let (that, end) = outbox::by_message(database.is_postgres());
    let sql = format!(
        "SELECT id, resident_id, destination, state FROM delivery \
         WHERE intents > 0 AND created_ms >= $1 AND id {that} o.resident_id IN"
    );
    let after = format!("{end} ORDER BY id DESC LIMIT {most}");
    database.fetch_for(&sql, residents, &after, cells![since_ms]).await
}
