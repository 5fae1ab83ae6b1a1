//! How deliveries leave: claimed with the intent written first, asked after, settled once.
//!
//! Only the holder of a destination's lease claims, and the claim renews that lease in the same
//! commit: there are never two senders. The intent is one row for the whole batch (`intents`); the
//! deliveries' own rows are written once, with what became of them. An attempt that delivers there and then has
//! nothing to say but when it began: that stands in the delivery's row, and it has none of its own. Every outcome names the fence that
//! its delivery was claimed with; a writer that comes late changes nothing.
//!
//! Those of one resident leave in the order they were made in. One that goes on by itself has those
//! behind it wait; nobody else waits for it. What only a person sets going, and what the gate put off
//! until a time that has not come, lets them pass, unless its mapping says that the order is strict.

use std::collections::{HashMap, HashSet};

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use super::database::{Cell, Database, Insert, StoreError, Transaction, cells};
use super::destinations;
use super::intents::{self, Intent};
use super::leases::{self, Lease};
use super::outbox;
use super::parting;
use super::traffic::{self, Tally};
use crate::record::delivery::State;
use crate::record::personal::unprinted;

/// A delivery whose intent is written: it is ours to send.
#[derive(Clone)]
pub struct ClaimedRow {
    pub id: i64,
    pub resident_id: i64,
    pub purpose: String,
    pub needs_consent: bool,
    pub collection: bool,
    pub account_id: Option<i64>,
    pub reference: String,
    /// JSON
    pub message: String,
    /// This attempt and this intent counted.
    pub attempts: i64,
    pub intents: i64,
    pub fence: i64,
    /// When the intent was written.
    pub since_ms: i64,
    pub doubt_until_ms: Option<i64>,
    /// When the first attempt was made of which nobody knows whether it took effect.
    pub unanswered_since_ms: Option<i64>,
    /// Where somebody had a hand on it before: 1 if the destination has had a newer one of the same mapping and
    /// subject, which says what is so now; 2 if it may have; 3 if a person has to find that out.
    pub stale: i64,
    /// When it was due.
    pub next_ms: i64,
}

/// By place, in the order of `CLAIMED`: there is one for each that leaves, and names are looked up anew in every row.
impl<'r, R> FromRow<'r, R> for ClaimedRow
where
    R: Row,
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<ClaimedRow, sqlx::Error> {
        Ok(ClaimedRow {
            id: row.try_get(0)?,
            resident_id: row.try_get(1)?,
            purpose: row.try_get(2)?,
            needs_consent: row.try_get(3)?,
            collection: row.try_get(4)?,
            account_id: row.try_get(5)?,
            reference: row.try_get(6)?,
            message: row.try_get(7)?,
            attempts: row.try_get(8)?,
            intents: row.try_get(9)?,
            fence: row.try_get(10)?,
            since_ms: row.try_get(11)?,
            doubt_until_ms: row.try_get(12)?,
            next_ms: row.try_get(13)?,
            unanswered_since_ms: None,
            stale: 0,
        })
    }
}

/// Its columns, of `d` and its message `m`. What came of it before is asked for apart (`read_what_was`): mostly it is the
/// first time.
const CLAIMED: &str = "d.id, d.resident_id, d.purpose, d.needs_consent, d.collection, d.account_id, d.reference, \
    COALESCE(m.message, ''), d.attempts + 1, d.intents + 1, d.fence, CAST($1 AS BIGINT), d.doubt_until_ms, \
    d.next_ms";

/// A delivery that the platform is asked about.
#[derive(Clone, sqlx::FromRow)]
pub struct PendingRow {
    pub id: i64,
    pub reference: String,
    /// JSON
    pub message: String,
    pub platform_id: Option<String>,
    pub since_ms: i64,
    pub attempts: i64,
    pub intents: i64,
    pub polls: i64,
    pub fence: i64,
    /// When its first intent was written, and its last.
    pub first_intent_ms: i64,
    pub intent_ms: i64,
    pub doubt_until_ms: Option<i64>,
}

/// How a delivery stands after a send, a question or a judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub id: i64,
    pub intents: i64,
    /// When its last intent was written.
    pub intent_ms: i64,
    pub fence: i64,
    /// It was in our hands, and the intent and the attempt are to be counted.
    pub was_claimed: bool,
    pub state: State,
    pub next_ms: i64,
    /// The attempt was never made: it does not count.
    pub give_back: bool,
    pub platform_id: Option<String>,
    pub platform_status: Option<String>,
    pub code: Option<String>,
    pub cause: Option<String>,
    /// Until then the attempt that is given up may turn up all the same. None leaves it as it was.
    pub doubt_until_ms: Option<i64>,
}

impl Settled {
    /// Whether it was delivered by the attempt that was in our hands, and nothing is to be said of that.
    fn at_once(&self) -> bool {
        self.was_claimed
            && self.state == State::Delivered
            && self.code.is_none()
            && self.cause.is_none()
    }
}

/// A question that brought nothing new: it is put again later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Postponed {
    pub id: i64,
    pub fence: i64,
    pub next_ms: i64,
    pub platform_status: Option<String>,
}

/// What is claimed.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// Of the batches of this lease.
    pub number: i64,
    pub now_ms: i64,
    /// The lease's new end.
    pub until_ms: i64,
    /// So many that are urgent, and then of all so many as `most` leaves.
    pub urgent: i64,
    pub most: i64,
    /// Only what some sender died with in hand, those first that fewer died with; or only the others.
    pub suspects: bool,
    /// Of what is not urgent only what stands behind this place.
    pub after: Place,
}

/// A place among what is due: when, and the number of the delivery.
pub type Place = (i64, i64);
/// Before all of it.
pub const FRONT: Place = (-1, 0);

/// What is ours to send, and the intent that says so; none where nothing is.
#[derive(Debug, Default)]
pub struct Claimed {
    pub rows: Vec<ClaimedRow>,
    pub intent: Option<Intent>,
    /// Since when a person has paused the destination, if one has: then nothing is claimed.
    pub paused_ms: Option<i64>,
    /// How far it was gone through, where there may be more behind: whoever claims again goes on from there, and not
    /// once more through what is in hand and what has left. What stands before it and may leave only now is found from
    /// the front.
    pub reached: Option<Place>,
}

/// Whether `e` has those behind it wait, at the destination `$2`: what the gate put off lets them pass until it is due
/// again.
fn blocks(is_postgres: bool) -> String {
    format!(
        "(e.state = 'unknown' OR e.id IN {} \
         OR (e.state = 'waiting' AND (e.cause_code IS NULL OR e.cause_code NOT LIKE 'suppressed.%' \
         OR e.next_ms <= $1)) \
         OR (e.state IN ('waiting', 'held') AND e.in_line = 2))",
        intents::in_hand_at(is_postgres)
    )
}

/// Which of those that may leave now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Among {
    Urgent,
    /// All but the suspects, in the order in which they came due.
    Due,
    /// Those behind a place, `$4` and `$5`.
    Behind,
    Suspects,
}

/// `columns` of those that may leave now: `$1` is the time, `$2` the destination, `$3` how many.
fn candidates(columns: &str, among: Among, is_postgres: bool) -> String {
    let which = match among {
        Among::Urgent => "d.urgent AND d.crashes = 0",
        Among::Due => "d.crashes = 0",
        Among::Behind => "(d.next_ms, d.id) > ($4, $5) AND d.crashes = 0",
        Among::Suspects => "d.crashes > 0",
    };
    // Those few are found by an index of their own.
    let order = if among == Among::Suspects { "d.crashes, d.id" } else { "d.next_ms, d.id" };
    format!(
        "SELECT {columns} WHERE {which} AND d.destination = $2 \
         AND d.state = 'waiting' AND d.settled_ms IS NULL AND d.next_ms <= $1 \
         AND d.id NOT IN {} AND (d.in_line = 0 OR NOT EXISTS (SELECT 1 FROM delivery e \
         WHERE e.resident_id = d.resident_id AND e.settled_ms IS NULL \
         AND e.destination = d.destination AND e.id < d.id AND e.in_line > 0 \
         AND e.urgent = d.urgent AND {})) ORDER BY {order} LIMIT $3",
        intents::in_hand_at(is_postgres),
        blocks(is_postgres)
    )
}

/// Takes what is waiting and due, and writes the intent to send it, in one commit that is on disk
/// before anything is sent.
pub async fn claim(
    database: &Database,
    lease: &Lease,
    destination: &str,
    claim: Claim,
) -> Result<Claimed, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let is_postgres = transaction.is_postgres();
    leases::renew(&mut transaction, lease, claim.until_ms).await?;
    let paused_ms = destinations::paused_ms(&mut transaction, destination).await?;
    let columns =
        format!("{CLAIMED} FROM delivery d LEFT JOIN delivery_message m ON m.delivery_id = d.id");
    // Whoever has hold of a row is about to change it: it is passed over this time.
    let hold = if is_postgres { "FOR NO KEY UPDATE OF d SKIP LOCKED" } else { "" };
    let ordinary = if claim.suspects { Among::Suspects } else { Among::Behind };
    let (mut rows, mut reached): (Vec<ClaimedRow>, _) = (Vec::new(), None);
    for (among, most) in [(Among::Urgent, claim.urgent), (ordinary, claim.most)] {
        let wanted = most - rows.len() as i64;
        if wanted <= 0 || paused_ms.is_some() {
            continue;
        }
        let sql = format!("{} {hold}", candidates(&columns, among, is_postgres));
        let mut cells = cells![claim.now_ms, destination.to_owned(), wanted];
        if among == Among::Behind {
            cells.extend(cells![claim.after.0, claim.after.1]);
        }
        let found = transaction.fetch::<ClaimedRow>(&sql, cells).await?;
        if among == Among::Behind && found.len() as i64 == wanted {
            reached = found.last().map(|last| (last.next_ms, last.id));
        }
        let taken: HashSet<i64> = rows.iter().map(|row| row.id).collect();
        rows.extend(found.into_iter().filter(|row| !taken.contains(&row.id)));
    }
    rows.sort_by_key(|row| row.id);
    read_what_was(&mut transaction, &mut rows).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
    let intent =
        Intent { destination: destination.to_owned(), fence: lease.fence, number: claim.number };
    if !ids.is_empty() {
        intents::put(&mut transaction, &intent, &ids, claim.now_ms).await?;
    }
    transaction.commit().await?;
    Ok(Claimed { intent: (!ids.is_empty()).then_some(intent), rows, paused_ms, reached })
}

/// Reads of those that were in somebody's hands before what came of it.
async fn read_what_was(
    transaction: &mut Transaction,
    rows: &mut [ClaimedRow],
) -> Result<(), StoreError> {
    let earlier = rows.iter().filter(|row| row.intents > 1 || row.fence > 0);
    let earlier: Vec<i64> = earlier.map(|row| row.id).collect();
    let stale = stale(transaction.is_postgres());
    let sql = format!("SELECT d.id, {UNANSWERED}, {stale} FROM delivery d WHERE d.id IN");
    let found: Vec<(i64, Option<i64>, i64)> = transaction.fetch_for(&sql, &earlier, "").await?;
    for (id, unanswered_since_ms, stale) in found {
        if let Ok(at) = rows.binary_search_by_key(&id, |row| row.id) {
            (rows[at].unanswered_since_ms, rows[at].stale) = (unanswered_since_ms, stale);
        }
    }
    Ok(())
}

/// When the first attempt was made that may have taken effect, for all that anybody knows.
const UNANSWERED: &str = "CASE WHEN d.intents > 0 THEN (SELECT MIN(a.intent_ms) FROM delivery_attempt a \
    WHERE a.delivery_id = d.id AND a.outcome IN ('interrupted', 'delivery.unknown') \
    AND a.intent_ms > COALESCE(d.decided_ms, 0)) END";

/// Whether a newer one of the same mapping and subject has left us, or may have. It can only have passed one on
/// which somebody had a hand before.
fn stale(is_postgres: bool) -> String {
    let (that, end) = outbox::by_message(is_postgres);
    let newer = format!(
        "EXISTS (SELECT 1 FROM delivery n WHERE n.id {that} o.resident_id = d.resident_id AND o.delivery_id > d.id {end} \
         AND n.destination = d.destination AND n.mapping = d.mapping AND n.subject_id = d.subject_id"
    );
    format!(
        "CASE WHEN NOT d.newest_only OR d.fence = 0 THEN CAST(0 AS BIGINT) \
         WHEN {newer} AND n.state IN ('accepted', 'delivered')) THEN CAST(1 AS BIGINT) \
         WHEN {newer} AND n.state = 'held' AND n.cause_code IN ('delivery.unknown', 'delivery.crashed')) \
         THEN CAST(3 AS BIGINT) \
         WHEN {newer} AND (n.state = 'unknown' OR n.id IN {})) THEN CAST(2 AS BIGINT) \
         ELSE CAST(0 AS BIGINT) END",
        intents::in_hand(is_postgres)
    )
}

/// Whether anything may be claimed now.
pub async fn is_due(
    database: &Database,
    destination: &str,
    now_ms: i64,
    suspects: bool,
) -> Result<bool, StoreError> {
    let among = if suspects { Among::Suspects } else { Among::Due };
    let sql = candidates("d.id FROM delivery d", among, database.is_postgres());
    let cells = cells![now_ms, destination.to_owned(), 1_i64];
    let rows: Vec<(i64,)> = database.fetch(&sql, cells).await?;
    Ok(!rows.is_empty())
}

/// A delivery that was alone in the hands of so many senders who died is held.
const DEATHS_MAX: i64 = 3;

/// What was found in the hands of a sender who is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Nobody knows what became of them: they are asked after.
    pub unknown: u64,
    /// Whoever had them in hand died too often.
    pub held: u64,
}

/// Takes over from a sender who is gone: nobody knows what became of what was in its hands, so it
/// is asked after; and what it may still have to say is too late. The attempt does not count, and the
/// death does: at once where only one was in hand, and else only as a suspicion. A sender that was
/// killed from outside dies with many, and so one that kills its senders is told apart.
pub async fn recover(
    database: &Database,
    lease: &Lease,
    destination: &str,
    now_ms: i64,
    until_ms: i64,
) -> Result<Recovered, StoreError> {
    let to = || destination.to_owned();
    let mut transaction = database.begin().await?;
    leases::renew(&mut transaction, lease, until_ms).await?;
    let sql = "UPDATE delivery SET fence = fence + 1 \
               WHERE destination = $1 AND state = 'unknown' AND settled_ms IS NULL";
    transaction.execute(sql, cells![to()]).await?;
    let left = intents::take_over(&mut transaction, destination).await?;
    let since: HashMap<i64, i64> = left.into_iter().collect();
    let sql = "WITH v (id, now_ms) AS ({rows}) \
               UPDATE delivery SET state = 'unknown', since_ms = v.now_ms, next_ms = v.now_ms, \
               fence = delivery.fence + 1, polls = 0, intents = delivery.intents + 1, \
               crashes = CASE delivery.crashes WHEN 0 THEN 1 ELSE delivery.crashes END \
               FROM v WHERE delivery.id = v.id AND delivery.settled_ms IS NULL \
               RETURNING delivery.id, delivery.intents";
    let rows = since.keys().flat_map(|id| cells![*id, now_ms]).collect();
    let found: Vec<(i64, i64)> = transaction.fetch_with(sql, 2, rows).await?;
    let interrupted = found.iter().flat_map(|(id, intents)| {
        let cause = Some("its sender stopped before it knew".to_owned());
        let intent_ms = since.get(id).copied().unwrap_or(now_ms);
        cells![*id, *intents, intent_ms, Some(now_ms), "interrupted".to_owned(), cause]
    });
    transaction.insert(ATTEMPTS, interrupted.collect()).await?;
    let mut held = 0;
    if let [(alone, ..)] = found[..] {
        let sql = "UPDATE delivery SET crashes = crashes + 1 WHERE id = $1";
        transaction.execute(sql, cells![alone]).await?;
        let sql = "UPDATE delivery SET state = 'held', cause_code = $2, cause = $3 \
                   WHERE id = $1 AND crashes > $4";
        let cause = format!("{DEATHS_MAX} who had it alone in hand died");
        held = transaction.execute(sql, cells![alone, CRASHED_CODE, cause, DEATHS_MAX]).await?;
    }
    let unknown = found.len() as u64 - held;
    transaction.commit().await?;
    Ok(Recovered { unknown, held })
}

/// Held, since whoever had it in hand died too often.
pub const CRASHED_CODE: &str = "delivery.crashed";

/// Deliveries of a state, `unknown`, `accepted` or `offered`, that it is time to ask about.
pub async fn pending(
    database: &Database,
    destination: &str,
    state: State,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<PendingRow>, StoreError> {
    let sql = format!(
        "SELECT d.id, d.reference, COALESCE(m.message, '') AS message, d.platform_id, d.since_ms, d.attempts, \
               d.intents, d.polls, d.fence, d.doubt_until_ms, \
               COALESCE({UNANSWERED}, f.intent_ms, d.created_ms) AS first_intent_ms, \
               COALESCE(a.intent_ms, d.created_ms) AS intent_ms FROM delivery d \
               LEFT JOIN delivery_message m ON m.delivery_id = d.id \
               LEFT JOIN delivery_attempt f ON f.delivery_id = d.id AND f.attempt = 1 \
               LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.attempt = d.intents \
               WHERE d.destination = $1 AND d.state = $2 AND d.settled_ms IS NULL \
               AND d.next_ms <= $3 ORDER BY d.next_ms, d.id LIMIT $4"
    );
    database.fetch(&sql, cells![destination.to_owned(), state.word(), now_ms, limit]).await
}

/// The story of each intent that has ended, but for those that delivered at once (`Settled::at_once`). Of one that nobody answered it stays written that it may have
/// happened, also when it is sent again, offered again, or given up.
const ATTEMPTS: Insert = Insert {
    table: "delivery_attempt",
    columns: "delivery_id,attempt,intent_ms,ended_ms,outcome,cause",
    after: "ON CONFLICT (delivery_id, attempt) DO UPDATE SET ended_ms = excluded.ended_ms, \
        outcome = CASE WHEN delivery_attempt.outcome IN ('interrupted', 'delivery.unknown') \
        AND excluded.outcome IN ('waiting', 'offered', 'delivery.attempts') \
        THEN delivery_attempt.outcome ELSE excluded.outcome END, \
        cause = excluded.cause",
};

/// Those of which nothing is written yet. No COPY: a sender that falls silent in the middle of one would keep what it
/// settles from whoever takes over.
const FIRST_ATTEMPTS: &str = "INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms, ended_ms, outcome, cause) {rows}";

const SETTLE: &str = "WITH v (id, fence, claimed, state, since_ms, next_ms, back, platform_id, word, \
    code, cause, settled_ms, doubt_until_ms, intent_ms) AS ({rows}) \
    UPDATE delivery SET state = v.state, since_ms = v.since_ms, next_ms = v.next_ms, \
    attempts = delivery.attempts + v.claimed - v.back, \
    intents = delivery.intents + v.claimed, fence = delivery.fence + v.claimed, polls = 0, \
    platform_id = COALESCE(v.platform_id, delivery.platform_id), \
    platform_status = COALESCE(v.word, delivery.platform_status), \
    cause_code = v.code, cause = v.cause, settled_ms = v.settled_ms, intent_ms = v.intent_ms, \
    doubt_until_ms = COALESCE(v.doubt_until_ms, delivery.doubt_until_ms), \
    crashes = CASE WHEN v.state IN ('accepted', 'delivered') THEN 0 ELSE delivery.crashes END \
    FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence \
    AND delivery.state IN ('waiting', 'unknown', 'accepted', 'offered') \
    RETURNING delivery.id";

/// Writes how deliveries stand, and ends the intents that they were claimed with, in one commit; gives
/// those that were still the writer's to settle. They are counted as the destination's traffic.
pub async fn settle(
    database: &Database,
    destination: &str,
    (settled, ended): (&[Settled], &[Intent]),
    now_ms: i64,
) -> Result<HashSet<i64>, StoreError> {
    let rows: Vec<Cell> = settled
        .iter()
        .flat_map(|one| {
            cells![
                one.id,
                one.fence,
                i64::from(one.was_claimed),
                one.state.word(),
                now_ms,
                one.next_ms,
                i64::from(one.give_back),
                one.platform_id.clone(),
                one.platform_status.clone(),
                one.code.clone(),
                one.cause.clone(),
                one.state.is_settled().then_some(now_ms),
                one.doubt_until_ms,
                one.at_once().then_some(one.intent_ms),
            ]
        })
        .collect();
    let mut transaction = database.begin().await?;
    let changed: Vec<(i64,)> = transaction.fetch_alike(SETTLE, 14, rows).await?;
    let changed: HashSet<i64> = changed.into_iter().map(|(id,)| id).collect();
    let back = settled.iter().filter(|one| matches!(one.state, State::Waiting | State::Held));
    let back = back.map(|one| one.id).filter(|id| changed.contains(id));
    parting::hold_back(&mut transaction, back, now_ms).await?;
    let (mut first, mut later) = (Vec::new(), Vec::new());
    let told = settled.iter().filter(|one| changed.contains(&one.id) && !one.at_once());
    for one in told {
        let outcome = one.code.clone().unwrap_or_else(|| one.state.word().to_owned());
        let cause = one.cause.clone();
        // What was in our hands has an intent that nothing is written of yet: no other has its number.
        let attempts = if one.was_claimed { &mut first } else { &mut later };
        attempts.extend(cells![one.id, one.intents, one.intent_ms, Some(now_ms), outcome, cause]);
    }
    transaction.fetch_alike::<(i64,)>(FIRST_ATTEMPTS, 6, first).await?;
    transaction.insert(ATTEMPTS, later).await?;
    let ours = settled.iter().filter(|one| changed.contains(&one.id));
    traffic::count(&mut transaction, destination, Tally::of(ours), now_ms).await?;
    for intent in ended {
        intents::end(&mut transaction, intent).await?;
    }
    transaction.commit().await?;
    Ok(changed)
}

/// Writes when questions are put again.
pub async fn postpone(database: &Database, postponed: &[Postponed]) -> Result<(), StoreError> {
    let sql = "WITH v (id, fence, next_ms, word) AS ({rows}) \
               UPDATE delivery SET next_ms = v.next_ms, polls = delivery.polls + 1, \
               platform_status = COALESCE(v.word, delivery.platform_status) \
               FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence \
               AND delivery.state IN ('unknown', 'accepted', 'offered') RETURNING delivery.id";
    let word = |one: &Postponed| one.platform_status.clone();
    let rows = (postponed.iter())
        .flat_map(|one| cells![one.id, one.fence, one.next_ms, word(one)])
        .collect();
    let mut transaction = database.begin().await?;
    transaction.fetch_with::<(i64,)>(sql, 4, rows).await?;
    transaction.commit().await
}

unprinted!(ClaimedRow, PendingRow);
