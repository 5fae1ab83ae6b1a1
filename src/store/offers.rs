//! Payments that are offered by a link: found again when somebody opens it, and set going.

use super::database::{Database, StoreError, Transaction, cells};
use super::deliveries::MESSAGE;
use super::intents;
use super::outbox;
use super::ringing;
use crate::record::personal::unprinted;

/// A delivery as its link finds it.
#[derive(Clone, sqlx::FromRow)]
pub struct OfferRow {
    pub id: i64,
    pub resident_id: i64,
    pub destination: String,
    pub mapping: String,
    /// JSON
    pub message: String,
    pub state: String,
    pub next_ms: i64,
    pub platform_id: Option<String>,
    pub cause_code: Option<String>,
    pub doubt_until_ms: Option<i64>,
}

fn columns(database: &Database) -> String {
    let state = intents::state(database.is_postgres());
    format!(
        "id, resident_id, destination, mapping, {MESSAGE}, {state} AS state, next_ms, \
         platform_id, cause_code, doubt_until_ms"
    )
}

/// The delivery of that number.
pub async fn find(database: &Database, id: i64) -> Result<Option<OfferRow>, StoreError> {
    let sql = format!("SELECT {} FROM delivery WHERE id = $1", columns(database));
    let rows: Vec<OfferRow> = database.fetch(&sql, cells![id]).await?;
    Ok(rows.into_iter().next())
}

/// Some that are offered by a destination, oldest first.
pub async fn some(
    database: &Database,
    destination: &str,
    most: i64,
) -> Result<Vec<OfferRow>, StoreError> {
    let sql = format!(
        "SELECT {} FROM delivery WHERE destination = $1 AND state = 'offered' \
         AND settled_ms IS NULL ORDER BY next_ms, id LIMIT $2",
        columns(database)
    );
    database.fetch(&sql, cells![destination.to_owned(), most]).await
}

/// Those that the same mapping asked of the same resident later, newest first.
pub async fn newer(database: &Database, than: &OfferRow) -> Result<Vec<OfferRow>, StoreError> {
    let (that, end) = outbox::by_message(database.is_postgres());
    let sql = format!(
        "SELECT {} FROM delivery WHERE id {that} o.resident_id = $1 AND o.delivery_id > $4 {end} \
         AND mapping = $2 AND destination = $3 ORDER BY id DESC",
        columns(database)
    );
    let (mapping, destination) = (than.mapping.clone(), than.destination.clone());
    database.fetch(&sql, cells![than.resident_id, mapping, destination, than.id]).await
}

/// Who else is asked for the very same: the same change of an account asked it of others who are liable.
fn same(is_postgres: bool) -> String {
    let (that, end) = outbox::by_message(is_postgres);
    format!(
        "SELECT s.id FROM delivery d JOIN party mine ON mine.resident_id = d.resident_id \
         JOIN party theirs ON theirs.source_key_id = mine.source_key_id AND theirs.resident_id <> d.resident_id \
         JOIN delivery s ON s.id {that} o.resident_id = theirs.resident_id {end} \
         AND s.change_event_id = d.change_event_id AND s.mapping = d.mapping AND s.destination = d.destination \
         WHERE d.id = $1"
    )
}

/// The same request, as it was made to others.
pub async fn to_others(database: &Database, id: i64) -> Result<Vec<OfferRow>, StoreError> {
    let same = same(database.is_postgres());
    let sql =
        format!("SELECT {} FROM delivery WHERE id IN ({same}) ORDER BY id", columns(database));
    database.fetch(&sql, cells![id]).await
}

/// Sets one going that is offered: the deliver job makes it now. False where somebody else has done so, or
/// another of whom the same is asked was first.
pub async fn open(database: &Database, id: i64, now_ms: i64) -> Result<bool, StoreError> {
    let same = same(database.is_postgres());
    let sql = format!(
        "UPDATE delivery SET state = 'waiting', since_ms = $2, next_ms = $2, polls = 0, \
         cause_code = NULL, cause = NULL WHERE id = $1 AND state = 'offered' AND NOT EXISTS (\
         SELECT 1 FROM delivery t WHERE t.id IN ({same}) \
         AND t.state IN ('waiting', 'sending', 'unknown', 'accepted', 'delivered'))"
    );
    let mut transaction = database.begin().await?;
    if let Transaction::Postgres(_) = &transaction {
        // Of two who come at once the second waits here, and sees what the first did.
        let lock = format!(
            "SELECT id FROM delivery WHERE id = $1 OR id IN ({same}) ORDER BY id FOR UPDATE"
        );
        let _: Vec<(i64,)> = transaction.fetch(&lock, cells![id]).await?;
    }
    let opened = transaction.execute(&sql, cells![id, now_ms]).await?;
    ringing::ring(&mut transaction).await?;
    transaction.commit().await?;
    Ok(opened == 1)
}

/// Has the platform asked now how an accepted one stands.
pub async fn look_now(database: &Database, id: i64, now_ms: i64) -> Result<(), StoreError> {
    let sql = "UPDATE delivery SET next_ms = $2 WHERE id = $1 AND state = 'accepted' \
               AND next_ms > $2";
    let mut transaction = database.begin().await?;
    transaction.execute(sql, cells![id, now_ms]).await?;
    ringing::ring(&mut transaction).await?;
    transaction.commit().await
}

unprinted!(OfferRow);
