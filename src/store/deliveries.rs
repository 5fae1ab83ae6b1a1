//! Deliveries as people look for them: by where they stand, whom they are for and what stopped them;
//! and the story of one. How they are made is in `outbox`, how they leave in `sending`.

use std::collections::HashMap;

use super::database::{Cell, Database, StoreError, Transaction, cells};
use super::intents;
use super::outbox;
use super::statement::places;
use crate::record::personal::unprinted;

/// A delivery as it stands.
#[derive(Clone, sqlx::FromRow)]
pub struct Delivery {
    pub id: i64,
    /// 0 where it tells of an account that is gone.
    pub change_event_id: i64,
    pub batch_id: i64,
    pub resident_id: i64,
    pub destination: String,
    pub mapping: String,
    pub mapping_version: i64,
    pub purpose: String,
    pub needs_consent: bool,
    pub collection: bool,
    pub account_id: Option<i64>,
    pub reference: String,
    /// JSON
    pub message: String,
    pub state: String,
    pub since_ms: i64,
    pub next_ms: i64,
    pub attempts: i64,
    pub intents: i64,
    pub platform_id: Option<String>,
    pub platform_status: Option<String>,
    pub cause_code: Option<String>,
    pub cause: Option<String>,
    pub created_ms: i64,
    pub settled_ms: Option<i64>,
    pub fence: i64,
    pub doubt_until_ms: Option<i64>,
    /// The delivery that it is once more: made anew in its place, or repeated.
    pub again_of: Option<i64>,
}

/// What it brings, of a delivery by its own name.
pub(super) const MESSAGE: &str = "COALESCE((SELECT m.message FROM delivery_message m WHERE m.delivery_id = delivery.id), '') AS message";

/// One intent to send, and what came of it.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Attempt {
    pub attempt: i64,
    pub intent_ms: i64,
    pub ended_ms: Option<i64>,
    pub outcome: Option<String>,
    pub cause: Option<String>,
}

unprinted!(Delivery);

/// Which deliveries are meant. What is not said may be anything.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    pub state: Option<&'static str>,
    /// Only what the system took.
    pub taken: bool,
    pub destination: Option<String>,
    pub resident_id: Option<i64>,
    pub batch_id: Option<i64>,
    /// A code, or the beginning of one up to a dot: `notify`, `suppressed.hold`.
    pub code: Option<String>,
    pub mapping: Option<String>,
    /// About one of these accounts; any where there is none.
    pub accounts: Vec<i64>,
    /// Those that stand as they do since then, or later.
    pub from_ms: Option<i64>,
    /// Those that stand as they do since before then.
    pub until_ms: Option<i64>,
}

fn select(is_postgres: bool) -> String {
    select_from("delivery", is_postgres)
}

fn select_from(table: &str, is_postgres: bool) -> String {
    let state = intents::state(is_postgres);
    format!(
        "SELECT id, change_event_id, batch_id, resident_id, destination, mapping, \
         mapping_version, purpose, needs_consent, collection, account_id, reference, {MESSAGE}, \
         {state} AS state, since_ms, next_ms, attempts, intents, platform_id, platform_status, \
         cause_code, cause, created_ms, settled_ms, fence, doubt_until_ms, again_of FROM {table}"
    )
}

/// A page is found first, and what is in somebody's hands is looked up for its rows alone: beside what that look-up is
/// thought to cost, PostgreSQL takes every way to the rows for as good as another, and goes through all of them. How
/// many are wanted is written out: it is taken for a tenth of all otherwise.
fn page(conditions: &str, order: &str, most: i64, is_postgres: bool) -> String {
    let rows = format!(
        "(SELECT * FROM delivery WHERE {conditions} ORDER BY {order} LIMIT {most}) delivery"
    );
    format!("{} ORDER BY {order}", select_from(&rows, is_postgres))
}

impl Filter {
    /// Whether a delivery is to that system, about that person and account, and made so; however it stands
    /// and whatever stopped it.
    pub fn is_about(&self, row: &Delivery) -> bool {
        self.destination.as_ref().is_none_or(|to| *to == row.destination)
            && self.mapping.as_ref().is_none_or(|mapping| *mapping == row.mapping)
            && self.resident_id.is_none_or(|resident| resident == row.resident_id)
            && self.batch_id.is_none_or(|batch| batch == row.batch_id)
            && self.from_ms.is_none_or(|from_ms| from_ms <= row.since_ms)
            && self.until_ms.is_none_or(|until_ms| row.since_ms < until_ms)
            && (self.accounts.is_empty()
                || row.account_id.is_some_and(|account| self.accounts.contains(&account)))
    }

    /// Whether they are found by their messages: those of a batch or to a resident, which outcomes leave alone. Of a batch
    /// those that a person looks for have an index of their own.
    pub(super) fn is_by_message(&self) -> bool {
        let is_stuck = self.state.is_some_and(|state| STUCK.contains(&state));
        self.resident_id.is_some() || (self.batch_id.is_some() && !is_stuck)
    }

    /// Where an index leads to them, and what their number is called there, and the batch that they are of.
    pub(super) fn found_in(&self) -> (&'static str, &'static str, &'static str) {
        match self.is_by_message() {
            true => ("delivery_message o", "o.delivery_id", "o.batch_id"),
            false => ("delivery", "id", "batch_id"),
        }
    }

    /// Their order there, by the index that leads to them: `ASC` or `DESC`.
    pub(super) fn order(&self, way: &str) -> String {
        let (_, number, batch) = self.found_in();
        match self.batch_id {
            None => format!("{number} {way}"),
            Some(_) => format!("{batch} {way}, {number} {way}"),
        }
    }

    /// What of it an index leads to: below a number, of a batch, to a resident; in a state, where it is not by the message.
    pub(super) fn of_place(&self, before: i64, is_postgres: bool) -> (String, Vec<Cell>) {
        let (_, number, of) = self.found_in();
        let (mut text, mut cells) = (format!("{number} < $1"), cells![before]);
        if !self.is_by_message() {
            text.push_str(&in_state(self.state, is_postgres));
        }
        if let Some(batch) = self.batch_id {
            cells.push(batch.into());
            let place = cells.len();
            // Told as a place in the index of batches: where it is told as equal, PostgreSQL goes through all
            // deliveries, from the newest on, until it has met enough of the batch's.
            text.push_str(&match is_postgres {
                true => format!(" AND {of} >= ${place} AND ({of}, {number}) < (${place}, $1)"),
                false => format!(" AND {of} = ${place}"),
            });
        }
        if let Some(resident) = self.resident_id {
            cells.push(resident.into());
            text.push_str(&format!(" AND o.resident_id = ${}", cells.len()));
        }
        (text, cells)
    }

    /// That the delivery of a message (`o`) is one that is meant: it is looked up for each, and not joined (`by_message`).
    pub(super) fn fits(&self, cells: &mut Vec<Cell>, is_postgres: bool) -> String {
        let mut rest = match self.state {
            // A list that is made once: as a join it would be made anew for each.
            Some("sending") => {
                let in_hand = intents::in_hand(is_postgres);
                format!(" AND state = 'waiting' AND (id IN {in_hand}) IS TRUE")
            }
            state => in_state(state, is_postgres),
        };
        self.narrow(&mut rest, cells);
        format!("EXISTS (SELECT 1 FROM delivery WHERE id = o.delivery_id{rest} LIMIT 1 OFFSET 0)")
    }

    /// Which rows of `delivery` are meant, and the cells of its places: those below a number.
    pub(super) fn conditions(&self, before: i64, is_postgres: bool) -> (String, Vec<Cell>) {
        let (mut text, mut cells) = self.of_place(before, is_postgres);
        if self.is_by_message() {
            let (that, end) = outbox::by_message(is_postgres);
            text = format!("id {that} {text} {end}{}", in_state(self.state, is_postgres));
        }
        self.narrow(&mut text, &mut cells);
        (text, cells)
    }

    /// Whether anything is asked for beside that.
    pub(super) fn is_narrow(&self) -> bool {
        let (mut text, mut cells) = (String::new(), Vec::new());
        self.narrow(&mut text, &mut cells);
        !text.is_empty()
    }

    /// What is looked for among those.
    pub(super) fn narrow(&self, text: &mut String, cells: &mut Vec<Cell>) {
        let mut add = |condition: &str, cell: Cell| {
            cells.push(cell);
            text.push_str(&format!(
                " AND {}",
                condition.replace('$', &format!("${}", cells.len()))
            ));
        };
        if let Some(destination) = &self.destination {
            add("destination = $", destination.clone().into());
        }
        if let Some(code) = &self.code {
            let begins = "(cause_code = $ OR substr(cause_code, 1, length($) + 1) = $ || '.')";
            add(begins, code.clone().into());
        }
        if let Some(mapping) = &self.mapping {
            add("mapping = $", mapping.clone().into());
        }
        if let Some(from_ms) = self.from_ms {
            add("since_ms >= $", from_ms.into());
        }
        if let Some(until_ms) = self.until_ms {
            add("since_ms < $", until_ms.into());
        }
        if !self.accounts.is_empty() {
            let from = cells.len() + 1;
            text.push_str(&format!(" AND account_id IN ({})", places(from, self.accounts.len())));
            cells.extend(self.accounts.iter().map(|account| Cell::Int(*account)));
        }
        if self.taken {
            text.push_str(" AND state IN ('accepted', 'delivered')");
        }
    }
}

/// Behind other conditions: that it stands so. Words of ours, written out: an index of some states alone is found by
/// nothing else. What is being sent waits, by its row.
pub(super) fn in_state(state: Option<&'static str>, is_postgres: bool) -> String {
    let in_hand = intents::in_hand(is_postgres);
    match state {
        None => String::new(),
        Some("sending") => format!(" AND state = 'waiting' AND id IN {in_hand}"),
        Some("waiting") => format!(" AND state = 'waiting' AND id NOT IN {in_hand}"),
        Some(state) if STUCK.contains(&state) => {
            format!(" AND state = '{state}' AND {STUCK_STATES}")
        }
        Some(state) => format!(" AND state = '{state}'"),
    }
}

/// States that a person looks for, of which few stand; they have indexes of their own.
pub(super) const STUCK: [&str; 4] = ["held", "unknown", "dismissed", "replaced"];
/// In the very words of those indexes: SQLite takes one of them for nothing else.
pub(super) const STUCK_STATES: &str = "state IN ('held', 'unknown', 'dismissed', 'replaced')";

/// The deliveries that are this one once more, the first first.
pub async fn again_of(database: &Database, id: i64) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT id FROM delivery WHERE again_of = $1 ORDER BY id";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The deliveries that are meant, the newest first, from those below `before`.
pub async fn list(
    database: &Database,
    filter: &Filter,
    before: i64,
    most: i64,
) -> Result<Vec<Delivery>, StoreError> {
    let (is_postgres, order) = (database.is_postgres(), filter.order("DESC"));
    if !filter.is_by_message() {
        let (conditions, cells) = filter.conditions(before, is_postgres);
        return database.fetch(&page(&conditions, &order, most, is_postgres), cells).await;
    }
    let (place, mut cells) = filter.of_place(before, is_postgres);
    let (that, end) = outbox::by_message(is_postgres);
    let fits = filter.fits(&mut cells, is_postgres);
    let sql = format!(
        "{} WHERE id {that} {place} AND {fits} ORDER BY {order} LIMIT {most} {end} ORDER BY id DESC",
        select(is_postgres)
    );
    database.fetch(&sql, cells).await
}

/// How many are meant, by state.
pub async fn counts(
    database: &Database,
    filter: &Filter,
) -> Result<Vec<(String, i64)>, StoreError> {
    let (conditions, cells) = filter.conditions(i64::MAX, database.is_postgres());
    let sql = format!(
        "SELECT shown, COUNT(*) FROM (SELECT {} AS shown FROM delivery WHERE {conditions}) d \
         GROUP BY shown ORDER BY shown",
        intents::state(database.is_postgres())
    );
    database.fetch(&sql, cells).await
}

/// The delivery of that number.
pub async fn of_id(database: &Database, id: i64) -> Result<Option<Delivery>, StoreError> {
    let sql = format!("{} WHERE id = $1", select(database.is_postgres()));
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// Deliveries by their numbers, in their order.
pub async fn of_numbers(database: &Database, ids: &[i64]) -> Result<Vec<Delivery>, StoreError> {
    let before = format!("{} WHERE id IN", select(database.is_postgres()));
    let mut rows: Vec<Delivery> = database.fetch_for(&before, ids, "", vec![]).await?;
    rows.sort_unstable_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// The delivery that its platform knows by that name, while it is not settled.
pub async fn of_platform(database: &Database, name: &str) -> Result<Option<Delivery>, StoreError> {
    let select = select(database.is_postgres());
    let sql = format!("{select} WHERE platform_id = $1 AND settled_ms IS NULL LIMIT 1");
    Ok(database.fetch(&sql, cells![name.to_owned()]).await?.into_iter().next())
}

/// Since when the newest is unknown of those that nobody knows of at a destination, UTC milliseconds; 0 where there is
/// none. So many are looked at.
pub async fn newest_unknown(
    database: &Database,
    destination: &str,
    most: i64,
) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(since_ms), 0) FROM (SELECT since_ms FROM delivery WHERE state = 'unknown' \
               AND destination = $1 AND settled_ms IS NULL LIMIT $2) few";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![destination.to_owned(), most]).await?;
    Ok(rows.first().map_or(0, |(since_ms,)| *since_ms))
}

/// How many are meant in each of these states, as far as they are counted.
pub async fn counts_to(
    database: &Database,
    filter: &Filter,
    states: &[&'static str],
    most: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let mut counts = Vec::new();
    for state in states.iter().copied() {
        let of = Filter { state: Some(state), ..filter.clone() };
        let (mut conditions, mut cells) = of.conditions(i64::MAX, database.is_postgres());
        // What is not settled has an index by state.
        if !["delivered", "dismissed", "replaced"].contains(&state) {
            conditions.push_str(" AND settled_ms IS NULL");
        }
        cells.push(most.into());
        let sql = format!(
            "SELECT COUNT(*) FROM (SELECT id FROM delivery WHERE {conditions} LIMIT ${}) few",
            cells.len()
        );
        let rows: Vec<(i64,)> = database.fetch(&sql, cells).await?;
        counts.extend(rows.into_iter().map(|(many,)| (state.to_owned(), many)));
    }
    Ok(counts)
}

/// Deliveries by their numbers, as a transaction sees them.
pub(super) async fn of_ids(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<HashMap<i64, Delivery>, StoreError> {
    let before = format!("{} WHERE id IN", select(transaction.is_postgres()));
    let rows: Vec<Delivery> = transaction.fetch_for(&before, ids, "").await?;
    Ok(rows.into_iter().map(|row| (row.id, row)).collect())
}

/// What left, or may have left, for these residents: the newest first.
pub async fn sent_for(
    transaction: &mut Transaction,
    residents: &[i64],
) -> Result<Vec<Delivery>, StoreError> {
    let (that, end) = outbox::by_message(transaction.is_postgres());
    let select = select(transaction.is_postgres());
    let before = format!("{select} WHERE intents > 0 AND id {that} o.resident_id IN");
    transaction.fetch_for(&before, residents, &format!("{end} ORDER BY id DESC")).await
}

/// The delivery that the platform knows by this reference of ours.
pub async fn of_reference(
    database: &Database,
    reference: &str,
) -> Result<Option<Delivery>, StoreError> {
    // It ends in the delivery's number.
    let number = reference.rsplit('-').next().and_then(|digits| digits.parse::<i64>().ok());
    let Some(number) = number else { return Ok(None) };
    let found = of_id(database, number).await?;
    Ok(found.filter(|delivery| delivery.reference == reference))
}

/// Every attempt at a delivery, the first first.
pub async fn attempts(database: &Database, id: i64) -> Result<Vec<Attempt>, StoreError> {
    let sql = "SELECT attempt, intent_ms, ended_ms, outcome, cause FROM delivery_attempt WHERE delivery_id = $1 \
               UNION ALL SELECT intents, intent_ms, settled_ms, state, NULL FROM delivery \
               WHERE id = $1 AND intent_ms IS NOT NULL ORDER BY 1";
    database.fetch(sql, cells![id]).await
}
