//! The inbox: calls of systems that push to us, kept before they are answered and until a job has read them.
//! Many are kept with one commit, which is on disk before any of them is answered.

use std::collections::{HashMap, HashSet};

use super::batches::{self, BatchRow};
use super::database::{Cell, Database, StoreError, Transaction, cells};
use super::rechecks::IS_PAYMENT;
use super::ringing;
use crate::record::personal::unprinted;

/// What is read together has no more calls, nor more bytes unless one call has.
const CALLS_MAX: usize = 5_000;
const BYTES_MAX: i64 = 16 << 20;
/// So many calls at most are put together at one look; what is left waits for the next.
const LOOK_MAX: usize = 20_000;
/// And no more where the digests of their keys have more bytes: a call may bring very many records.
const LOOK_BYTES_MAX: usize = 16 << 20;
/// Read with one statement.
const LOOK_AT_ONCE: i64 = 500;
const KEY_BYTES: usize = 8;

/// A call on its way in.
#[derive(Clone, PartialEq, Eq)]
pub struct NewPost {
    pub source: String,
    pub sender: String,
    /// The key that it came with.
    pub key: Option<i64>,
    pub name: String,
    /// SHA-256 of the body as it came.
    pub digest: Vec<u8>,
    /// None for a hint.
    pub body: Option<Vec<u8>>,
    /// The digest of each record's key, eight bytes each.
    pub key_digests: Vec<u8>,
    pub told: String,
    pub hint: Option<Hinted>,
}

/// Deliveries that something happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted {
    pub destination: String,
    pub by_reference: bool,
    pub names: Vec<String>,
}

/// A call that is kept.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct PostRow {
    pub id: i64,
    pub source: String,
    pub sender: String,
    pub name: String,
    pub digest: Vec<u8>,
    pub records: i64,
    pub told: String,
    pub received_ms: i64,
    pub intake_id: Option<i64>,
    pub taken_ms: Option<i64>,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    New(i64),
    /// It came before, and was told that then.
    Again(PostRow),
    /// Another call had its name.
    NameTaken(PostRow),
    /// It was not kept: the key that it came with opens nothing any more.
    Revoked,
}

unprinted!(NewPost);

type Name = (String, String, String);
type Known = HashMap<Name, PostRow>;

const COLUMNS: &str = "p.id, p.source, p.sender, p.name, p.digest, p.records, p.told, p.received_ms, \
                       p.intake_id, p.taken_ms";

fn name_of(post: &NewPost) -> Name {
    (post.source.clone(), post.sender.clone(), post.name.clone())
}

/// Keeps some calls with one durable commit; one outcome for each, in the same order. A key that shows itself revoked
/// by then opens nothing. No two of a process's commits are of one instant: by that, what is new is told from what came
/// before; another process may have kept the same name at the same instant, and then the content tells.
pub async fn keep(
    database: &Database,
    posts: Vec<NewPost>,
    now_ms: i64,
) -> Result<Vec<Kept>, StoreError> {
    // Of several with one name the first is kept, and the others are told the same.
    let mut met = HashSet::with_capacity(posts.len());
    let mut rows = Vec::with_capacity(posts.len() * KEPT_COLUMNS);
    let mut asked = Vec::with_capacity(posts.len());
    let mut hints = Vec::new();
    for post in posts {
        let name = name_of(&post);
        asked.push(Asked { key: post.key, digest: post.digest.clone(), name: name.clone() });
        if !met.insert(name) {
            continue;
        }
        hints.extend(post.hint.map(|hint| (asked.len() - 1, hint)));
        rows.extend(cells![
            post.key,
            post.source,
            post.sender,
            post.name,
            post.digest,
            post.body,
            post.key_digests,
            post.told,
            now_ms
        ]);
    }
    if hints.is_empty() {
        let alone = rows.len() / KEPT_COLUMNS == asked.len();
        return match database.insert_numbered(KEEP, KEPT_COLUMNS, rows).await? {
            Some(numbers) if alone => Ok(numbers.into_iter().map(Kept::New).collect()),
            _ => outcomes(&mut database.begin().await?, asked, now_ms).await,
        };
    }
    let mut transaction = database.begin_durable().await?;
    let sql = format!("{KEEP} RETURNING id");
    transaction.fetch_with::<(i64,)>(&sql, KEPT_COLUMNS, rows).await?;
    let kept = outcomes(&mut transaction, asked, now_ms).await?;
    let new = hints.into_iter().filter(|(place, _)| matches!(kept[*place], Kept::New(_)));
    hint(&mut transaction, new.map(|(_, hint)| hint).collect(), now_ms).await?;
    transaction.commit().await?;
    Ok(kept)
}

/// Writes what is new and comes with a key that still opens.
const KEEP: &str = "WITH said(key_id, source, sender, name, digest, body, key_digests, told, now_ms) AS ({rows}) \
    INSERT INTO inbox_post (source, sender, name, digest, records, bytes, body, key_digests, told, received_ms, taken_ms) \
    SELECT source, sender, name, digest, LENGTH(key_digests) / 8, COALESCE(LENGTH(body), 0), body, key_digests, told, \
    now_ms, CASE WHEN body IS NULL THEN now_ms END FROM said WHERE source IS NOT NULL \
    AND NOT EXISTS (SELECT 1 FROM api_key WHERE api_key.id = said.key_id AND api_key.revoked_ms IS NOT NULL) \
    ON CONFLICT (source, sender, name) DO NOTHING";
const KEPT_COLUMNS: usize = 9;

/// What a call asks for.
struct Asked {
    key: Option<i64>,
    digest: Vec<u8>,
    name: Name,
}

/// What became of each call, now that what was new is written: that is what came in at that instant.
async fn outcomes(
    transaction: &mut Transaction,
    asked: Vec<Asked>,
    now_ms: i64,
) -> Result<Vec<Kept>, StoreError> {
    let known = known(transaction, asked.iter().map(|asked| &asked.name)).await?;
    let revoked = revoked(transaction, asked.iter().filter_map(|asked| asked.key)).await?;
    let mut met = HashSet::new();
    let outcome = |Asked { key, digest, name }| match known.get(&name) {
        Some(row) if row.received_ms == now_ms && row.digest == digest && met.insert(row.id) => {
            Ok(Kept::New(row.id))
        }
        _ if key.is_some_and(|key| revoked.contains(&key)) => Ok(Kept::Revoked),
        Some(row) if row.digest == digest => Ok(Kept::Again(row.clone())),
        Some(row) => Ok(Kept::NameTaken(row.clone())),
        None => Err(StoreError::Conflict("a call was neither kept nor known".to_owned())),
    };
    asked.into_iter().map(outcome).collect()
}

/// Those of the callers' keys that are revoked.
async fn revoked(
    transaction: &mut Transaction,
    keys: impl Iterator<Item = i64>,
) -> Result<Vec<i64>, StoreError> {
    let mut keys: Vec<i64> = keys.collect();
    keys.sort_unstable();
    keys.dedup();
    let (before, after) = ("SELECT id FROM api_key WHERE id IN", "AND revoked_ms IS NOT NULL");
    let rows: Vec<(i64,)> = transaction.fetch_for(before, &keys, after).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

async fn known(
    transaction: &mut Transaction,
    names: impl Iterator<Item = &Name>,
) -> Result<Known, StoreError> {
    let rows = names
        .flat_map(|(source, sender, name)| cells![source.clone(), sender.clone(), name.clone()]);
    let sql = format!(
        "WITH asked(source, sender, name) AS ({{rows}}) SELECT DISTINCT {COLUMNS} FROM asked JOIN \
         inbox_post p ON p.source = asked.source AND p.sender = asked.sender AND p.name = asked.name"
    );
    let found: Vec<PostRow> = transaction.fetch_with(&sql, 3, rows.collect()).await?;
    let named = |row: PostRow| ((row.source.clone(), row.sender.clone(), row.name.clone()), row);
    Ok(found.into_iter().map(named).collect())
}

/// Has deliveries asked about now, whatever was said of them: the truth is fetched. A payment that was made stays
/// so, and is looked at once more.
async fn hint(
    transaction: &mut Transaction,
    hints: Vec<Hinted>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut woken = false;
    for by_reference in [true, false] {
        let of_form = hints.iter().filter(|hint| hint.by_reference == by_reference);
        let said = of_form
            .flat_map(|hint| hint.names.iter().map(move |name| (&hint.destination, name)))
            .filter_map(|(destination, name)| {
                // A reference of ours ends with the delivery's number, by which it is found.
                let number = name.rsplit('-').next().and_then(|digits| digits.parse::<i64>().ok());
                let number = if by_reference { Some(number?) } else { None };
                Some((destination.clone(), name.clone(), number))
            });
        let rows: Vec<Cell> = said
            .flat_map(|(destination, name, number)| cells![destination, name, number, now_ms])
            .collect();
        if rows.is_empty() {
            continue;
        }
        let is_it = match by_reference {
            true => "d.id = said.number AND d.reference = said.name",
            false => "d.platform_id = said.name",
        };
        let said = |more: &str| {
            format!(
                "WITH said(destination, name, number, now_ms) AS ({{rows}}), \
                 found(id) AS (SELECT d.id FROM said JOIN delivery d ON {is_it} \
                 AND d.destination = said.destination {more})"
            )
        };
        let asked = format!(
            "{} UPDATE delivery SET next_ms = (SELECT MAX(now_ms) FROM said) \
             WHERE id IN (SELECT id FROM found) AND state IN ('accepted', 'offered', 'unknown') \
             AND next_ms > (SELECT MAX(now_ms) FROM said) RETURNING id",
            said("AND d.settled_ms IS NULL")
        );
        let looked_at = format!(
            "{} UPDATE delivery SET recheck_ms = (SELECT MAX(now_ms) FROM said), polls = 0 \
             WHERE id IN (SELECT id FROM found) RETURNING id",
            said(&format!("AND d.state = 'delivered' AND d.{IS_PAYMENT}"))
        );
        for sql in [asked, looked_at] {
            let moved: Vec<(i64,)> = transaction.fetch_with(&sql, 4, rows.clone()).await?;
            woken |= !moved.is_empty();
        }
    }
    match woken {
        true => ringing::ring(transaction).await,
        false => Ok(()),
    }
}

/// Calls that are read together.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct IntakeRow {
    pub id: i64,
    pub first: i64,
    pub last: i64,
    pub bytes: i64,
}

/// What waits of a connector, the oldest first. What was put together stays together until it is ended;
/// the rest is put together now, no key twice unless records say their `version`s.
pub async fn intakes(
    database: &Database,
    source: &str,
    versioned: bool,
    now_ms: i64,
) -> Result<Vec<IntakeRow>, StoreError> {
    put_together(database, source, versioned).await?;
    let sql = "SELECT intake_id AS id, MIN(id) AS first, MAX(id) AS last, CAST(SUM(bytes) AS BIGINT) AS bytes \
               FROM inbox_post WHERE source = $1 AND intake_id IS NOT NULL AND taken_ms IS NULL \
               AND (again_ms IS NULL OR again_ms <= $2) GROUP BY intake_id ORDER BY intake_id";
    database.fetch(sql, cells![source.to_owned(), now_ms]).await
}

async fn put_together(
    database: &Database,
    source: &str,
    versioned: bool,
) -> Result<(), StoreError> {
    let waiting = ungrouped(database, source).await?;
    if waiting.is_empty() {
        return Ok(());
    }
    let mut rows = Vec::with_capacity(waiting.len() * 2);
    let (mut intake, mut calls, mut bytes, mut met) = (0, 0, 0, HashSet::new());
    for (id, size, keys) in waiting {
        let keys: HashSet<&[u8]> = keys.chunks(KEY_BYTES).collect();
        let again = !versioned && keys.iter().any(|key| met.contains(*key));
        if intake == 0 || again || calls == CALLS_MAX || bytes + size > BYTES_MAX {
            (intake, calls, bytes) = (id, 0, 0);
            met.clear();
        }
        calls += 1;
        bytes += size;
        met.extend(keys.into_iter().map(<[u8]>::to_vec));
        rows.extend(cells![id, intake]);
    }
    let sql = "WITH put(id, intake) AS ({rows}) UPDATE inbox_post SET intake_id = \
               (SELECT intake FROM put WHERE put.id = inbox_post.id) \
               WHERE id IN (SELECT id FROM put) AND intake_id IS NULL RETURNING id";
    let mut transaction = database.begin().await?;
    transaction.fetch_with::<(i64,)>(sql, 2, rows).await?;
    transaction.commit().await
}

/// Calls that are in no intake yet, the oldest first: number, bytes, digests of keys. As many as may be looked at.
async fn ungrouped(
    database: &Database,
    source: &str,
) -> Result<Vec<(i64, i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT id, bytes, key_digests FROM inbox_post WHERE source = $1 AND taken_ms IS NULL \
               AND intake_id IS NULL AND id > $2 ORDER BY id LIMIT $3";
    let (mut found, mut size): (Vec<(i64, i64, Vec<u8>)>, usize) = (Vec::new(), 0);
    while found.len() < LOOK_MAX && size < LOOK_BYTES_MAX {
        let beyond = found.last().map_or(0, |(id, ..)| *id);
        let some: Vec<(i64, i64, Vec<u8>)> =
            database.fetch(sql, cells![source.to_owned(), beyond, LOOK_AT_ONCE]).await?;
        let is_last = (some.len() as i64) < LOOK_AT_ONCE;
        size += some.iter().map(|(.., keys)| keys.len()).sum::<usize>();
        found.extend(some);
        if is_last {
            break;
        }
    }
    Ok(found)
}

/// Some calls of an intake beyond that number: number and body.
pub async fn posts(
    database: &Database,
    intake: i64,
    beyond: i64,
) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let sql = "SELECT id, body FROM inbox_post WHERE intake_id = $1 AND id > $2 AND taken_ms IS NULL \
               AND body IS NOT NULL ORDER BY id LIMIT $3";
    database.fetch(sql, cells![intake, beyond, CALLS_MAX as i64]).await
}

/// How many calls of a source are known.
pub async fn count(database: &Database, source: &str) -> Result<i64, StoreError> {
    let sql = "SELECT COUNT(*) FROM inbox_post WHERE source = $1";
    let counted: Vec<(i64,)> = database.fetch(sql, cells![source.to_owned()]).await?;
    Ok(counted.first().map_or(0, |(count,)| *count))
}

/// It was read, and is safely in the records: the bodies go. Where it was held, it is read again then.
pub async fn end(
    database: &Database,
    intake: i64,
    again_ms: Option<i64>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    match again_ms {
        Some(again_ms) => {
            let sql =
                "UPDATE inbox_post SET again_ms = $2 WHERE intake_id = $1 AND taken_ms IS NULL";
            transaction.execute(sql, cells![intake, again_ms]).await?;
        }
        None => {
            let sql = "UPDATE inbox_post SET taken_ms = $2, body = NULL, key_digests = NULL \
                       WHERE intake_id = $1 AND taken_ms IS NULL";
            transaction.execute(sql, cells![intake, now_ms]).await?;
        }
    }
    transaction.commit().await
}

/// Whether anything of a connector waits to be read now.
pub async fn any_waiting(
    database: &Database,
    source: &str,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let sql = "SELECT id FROM inbox_post WHERE source = $1 AND taken_ms IS NULL \
               AND (again_ms IS NULL OR again_ms <= $2) LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source.to_owned(), now_ms]).await?;
    Ok(!rows.is_empty())
}

/// The call of that number.
pub async fn find(database: &Database, id: i64) -> Result<Option<PostRow>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM inbox_post p WHERE p.id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// The batch that an intake became.
pub async fn batch_of(
    database: &Database,
    source: &str,
    mark: &str,
) -> Result<Option<BatchRow>, StoreError> {
    let sql = "SELECT id FROM source WHERE name = $1";
    let sources: Vec<(i64,)> = database.fetch(sql, cells![source.to_owned()]).await?;
    match sources.first() {
        Some((source_id,)) => batches::of_origin(database, *source_id, mark).await,
        None => Ok(None),
    }
}

/// Forgets the names of calls that were read before that time, some at a time. Gives how many.
pub async fn forget(database: &Database, before_ms: i64, most: i64) -> Result<u64, StoreError> {
    let mut transaction = database.begin().await?;
    let sql = "DELETE FROM inbox_post WHERE id IN (SELECT id FROM inbox_post WHERE taken_ms < $1 LIMIT $2)";
    let gone = transaction.execute(sql, cells![before_ms, most]).await?;
    transaction.commit().await?;
    Ok(gone)
}
