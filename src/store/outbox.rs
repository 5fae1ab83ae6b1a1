//! Deliveries as they are made, with the change they tell of, and how many there are. How they
//! leave is in `sending`; how a payment's link finds it, in `offers`.

use super::database::{Cell, Database, Insert, StoreError, Transaction, cells};
use super::intents;
use crate::record::delivery::{Content, State};

/// When what only a person can set going is looked at: never by itself.
pub const NEVER_MS: i64 = i64::MAX;

const DELIVERIES: Insert = Insert {
    table: "delivery",
    columns: "id,change_event_id,batch_id,resident_id,destination,mapping,mapping_version,purpose,\
        needs_consent,collection,account_id,reference,state,since_ms,next_ms,cause_code,cause,\
        created_ms,subject_id,in_line,newest_only,urgent,again_of",
    after: "",
};

/// Deliveries by what stands with their message (`o`): what goes before and behind the condition, after their number.
/// PostgreSQL is told it as a list of numbers to look up: of two tables that it may begin with it takes all deliveries
/// while they are few, and keeps to that.
pub(super) fn by_message(is_postgres: bool) -> (&'static str, &'static str) {
    match is_postgres {
        true => ("= ANY(ARRAY(SELECT o.delivery_id FROM delivery_message o WHERE", "))"),
        false => ("IN (SELECT o.delivery_id FROM delivery_message o WHERE", ")"),
    }
}

const MESSAGES: Insert = Insert {
    table: "delivery_message",
    columns: "delivery_id,batch_id,resident_id,message",
    after: "",
};

/// New deliveries. What they bring stands apart, with where it came of and to whom it goes, by which all of them are
/// found: no outcome touches it, and each writes a delivery's row anew.
#[derive(Debug, Default)]
pub struct Rows {
    deliveries: Vec<Cell>,
    messages: Vec<Cell>,
}

/// What a delivery is made with.
pub struct New<'a> {
    pub id: i64,
    pub event_id: i64,
    pub batch_id: i64,
    pub resident_id: i64,
    pub destination: &'a str,
    pub mapping: &'a str,
    pub mapping_version: i64,
    pub purpose: &'a str,
    pub needs_consent: bool,
    /// It asks for money.
    pub collection: bool,
    /// Whose change it tells of, where that is an account's.
    pub account_id: Option<i64>,
    pub reference: String,
    /// What it brings; or the code and cause for which there is nothing, and the delivery is held.
    pub composed: Result<Content, (&'static str, String)>,
    pub now_ms: i64,
}

/// Its place among others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    /// The account or resident that it speaks of.
    pub subject_id: i64,
    /// A newer one about the same takes its place while it is not sent.
    pub newest_only: bool,
    /// Those behind it wait even while it is held.
    pub strict_order: bool,
    pub urgent: bool,
    /// The delivery that it is once more: made anew in its place, or repeated.
    pub again_of: Option<i64>,
}

impl Rows {
    /// One alone.
    pub fn of(new: New<'_>, place: Place) -> Rows {
        let mut rows = Rows::default();
        rows.add(new, place);
        rows
    }

    pub fn is_empty(&self) -> bool {
        self.deliveries.is_empty()
    }

    /// Takes up others.
    pub fn extend(&mut self, more: Rows) {
        self.deliveries.extend(more.deliveries);
        self.messages.extend(more.messages);
    }

    /// Adds one.
    pub fn add(&mut self, new: New<'_>, place: Place) {
        let found_by = cells![new.id, new.batch_id, new.resident_id];
        let (row, message) = row(new, place);
        self.deliveries.extend(row);
        self.messages.extend(found_by);
        self.messages.push(message.into());
    }

    /// Writes them.
    pub async fn write(self, transaction: &mut Transaction) -> Result<(), StoreError> {
        transaction.insert(DELIVERIES, self.deliveries).await?;
        transaction.insert(MESSAGES, self.messages).await?;
        Ok(())
    }
}

/// Gives deliveries to another resident, those that are still of the one they were of: their number, who that was, and who
/// it is now. Gives those numbers.
pub(super) async fn give(
    transaction: &mut Transaction,
    deliveries: &[(i64, i64, i64)],
) -> Result<Vec<i64>, StoreError> {
    let mut given = Vec::new();
    for (table, number) in [("delivery", "id"), ("delivery_message", "delivery_id")] {
        let sql = format!(
            "WITH v (id, was, is_now) AS ({{rows}}) UPDATE {table} SET resident_id = v.is_now FROM v \
             WHERE {table}.{number} = v.id AND {table}.resident_id = v.was RETURNING {table}.{number}"
        );
        let cells = deliveries.iter().flat_map(|(id, was, is_now)| cells![*id, *was, *is_now]);
        given = transaction.fetch_with::<(i64,)>(&sql, 3, cells.collect()).await?;
    }
    let mut given: Vec<i64> = given.into_iter().map(|(id,)| id).collect();
    given.sort_unstable();
    Ok(given)
}

/// The row of a new delivery, and its message.
fn row(new: New<'_>, place: Place) -> (Vec<Cell>, String) {
    // Who pays comes in their own time, and stands behind nobody.
    let in_line = match &new.composed {
        Ok(Content::Payment(_)) => 0_i64,
        _ => 1 + i64::from(place.strict_order),
    };
    let (content, state, code, cause) = match new.composed {
        Ok(content) => {
            let state = match &content {
                Content::Message(_) | Content::Push(_) => State::Waiting,
                // It is made when its payer comes for it: one that nobody pays dies within hours.
                Content::Payment(_) => State::Offered,
            };
            (content.json(), state, None, None)
        }
        Err((code, cause)) => ("null".to_owned(), State::Held, Some(code.to_owned()), Some(cause)),
    };
    let next_ms = if state == State::Offered { NEVER_MS } else { new.now_ms };
    let row = cells![
        new.id,
        new.event_id,
        new.batch_id,
        new.resident_id,
        new.destination.to_owned(),
        new.mapping.to_owned(),
        new.mapping_version,
        new.purpose.to_owned(),
        new.needs_consent,
        new.collection,
        new.account_id,
        new.reference,
        state.word(),
        new.now_ms,
        next_ms,
        code,
        cause,
        new.now_ms,
        place.subject_id,
        in_line,
        place.newest_only,
        place.urgent,
        place.again_of,
    ];
    (row, content)
}

/// A delivery that takes the place of older ones.
#[derive(Debug, Clone, Copy)]
pub struct Newest<'a> {
    pub id: i64,
    pub resident_id: i64,
    pub destination: &'a str,
    pub mapping: &'a str,
    pub subject_id: i64,
    pub now_ms: i64,
}

impl Newest<'_> {
    /// As `replace_older` takes it.
    pub fn cells(&self) -> Vec<Cell> {
        let (destination, mapping) = (self.destination.to_owned(), self.mapping.to_owned());
        cells![self.id, self.resident_id, destination, mapping, self.subject_id, self.now_ms]
    }
}

/// Ends what newer deliveries make pointless: of the same mapping about the same, and not sent yet. The
/// newer ones are there already, by the same transaction. One that may have happened is none of them: of
/// what nobody answered it cannot be said that it was never sent, and so it goes before the newer one.
pub async fn replace_older(
    transaction: &mut Transaction,
    newest: Vec<Cell>,
) -> Result<(), StoreError> {
    let v = "WITH v (id, resident_id, destination, mapping, subject_id, now_ms) AS ({rows})";
    let older = "delivery.resident_id = v.resident_id AND delivery.settled_ms IS NULL \
         AND delivery.id < v.id AND delivery.destination = v.destination \
         AND delivery.mapping = v.mapping AND delivery.subject_id = v.subject_id \
         AND delivery.newest_only AND (delivery.state = 'waiting' \
         OR (delivery.state = 'held' AND delivery.cause_code LIKE 'suppressed.%')) \
         AND NOT EXISTS (SELECT 1 FROM delivery_attempt a WHERE a.delivery_id = delivery.id \
         AND a.outcome IN ('interrupted', 'delivery.unknown'))";
    if transaction.is_postgres() {
        // A look and a write in one statement would not see what somebody claimed in between.
        let sql = format!(
            "{v} SELECT delivery.id FROM v JOIN delivery ON {older} \
             ORDER BY delivery.id FOR NO KEY UPDATE OF delivery"
        );
        let found: Vec<(i64,)> = transaction.fetch_with(&sql, 6, newest.clone()).await?;
        if found.is_empty() {
            return Ok(());
        }
    }
    let sql = format!(
        "{v} UPDATE delivery SET state = 'replaced', since_ms = v.now_ms, settled_ms = v.now_ms, \
         fence = delivery.fence + 1, cause_code = 'delivery.replaced', \
         cause = 'delivery ' || CAST(v.id AS TEXT) || ' says what is so now' \
         FROM v WHERE {older} AND delivery.id NOT IN {} RETURNING delivery.id",
        intents::in_hand(transaction.is_postgres())
    );
    transaction.fetch_with::<(i64,)>(&sql, 6, newest).await?;
    Ok(())
}

/// What begins every reference of this hub. Made once for each database.
pub async fn hub_mark(database: &Database) -> Result<String, StoreError> {
    let sql = "SELECT mark FROM hub WHERE id = 1";
    let rows: Vec<(String,)> = database.fetch(sql, vec![]).await?;
    match rows.into_iter().next() {
        Some((mark,)) => Ok(mark),
        None => Err(StoreError::Refused("this hub has no mark: open it first".to_owned())),
    }
}

/// Gives this hub its mark if it has none.
pub async fn make_hub_mark(database: &Database, mark: &str) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "INSERT INTO hub (id, mark) VALUES (1, $1) ON CONFLICT (id) DO NOTHING";
    transaction.execute(sql, cells![mark.to_owned()]).await?;
    transaction.commit().await
}

/// What payment links are sealed with; made now, from `fresh`, where there is nothing yet.
pub async fn link_secret(database: &Database, fresh: &str) -> Result<String, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE hub SET link_key = $1 WHERE id = 1 AND link_key IS NULL";
    transaction.execute(sql, cells![fresh.to_owned()]).await?;
    let sql = "SELECT link_key FROM hub WHERE id = 1";
    let rows: Vec<(Option<String>,)> = transaction.fetch(sql, vec![]).await?;
    transaction.commit().await?;
    let secret = rows.into_iter().next().and_then(|(secret,)| secret);
    secret.ok_or_else(|| StoreError::Refused("this hub has no mark: open it first".to_owned()))
}

/// How many deliveries a batch made, by state.
pub async fn counts_of_batch(
    database: &Database,
    batch_id: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let (that, end) = by_message(database.is_postgres());
    let sql = format!(
        "SELECT state, COUNT(*) FROM delivery WHERE id {that} o.batch_id = $1 {end} \
         GROUP BY state ORDER BY state"
    );
    database.fetch(&sql, cells![batch_id]).await
}

/// The same, of so many at most that are looked at.
pub async fn counts_of_batch_to(
    database: &Database,
    batch_id: i64,
    most: i64,
) -> Result<Vec<(String, i64)>, StoreError> {
    let (that, end) = by_message(database.is_postgres());
    let sql = format!(
        "SELECT state, COUNT(*) FROM delivery WHERE id {that} o.batch_id = $1 LIMIT $2 {end} \
         GROUP BY state ORDER BY state"
    );
    database.fetch(&sql, cells![batch_id, most]).await
}

/// How many deliveries there are, by state.
pub async fn counts(database: &Database) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT state, COUNT(*) FROM delivery GROUP BY state ORDER BY state";
    database.fetch(sql, vec![]).await
}

/// How many deliveries a destination has, by state.
pub async fn counts_of_destination(
    database: &Database,
    destination: &str,
) -> Result<Vec<(String, i64)>, StoreError> {
    let sql = "SELECT state, COUNT(*) FROM delivery WHERE destination = $1 GROUP BY state \
               ORDER BY state";
    database.fetch(sql, cells![destination.to_owned()]).await
}

/// Since when the one waits that has been due longest at a destination, if any is due.
pub async fn oldest_waiting(
    database: &Database,
    destination: &str,
    now_ms: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT created_ms FROM delivery WHERE state = 'waiting' AND destination = $1 \
               AND settled_ms IS NULL AND next_ms <= $2 ORDER BY next_ms, id LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![destination.to_owned(), now_ms]).await?;
    Ok(rows.into_iter().next().map(|(at,)| at))
}
