//! Which records of a feed bring a hold, and what each says of it. Several may bring one, such as a row for
//! each debt: it lasts as long as the longest of them says, and is over when all say so.

use super::database::{Database, StoreError, Transaction, cells};
use super::holds::{COLUMNS, HoldRow, OPEN};

/// Days of a hold, as one record has them: UTC milliseconds.
pub type Days = (i64, Option<i64>);

/// What a record says of a hold; says whether it said before that it is over.
pub async fn bring(
    transaction: &mut Transaction,
    hold: i64,
    source_key_id: i64,
    (from_ms, until_ms): Days,
) -> Result<bool, StoreError> {
    let sql = "SELECT lifted FROM hold_record WHERE hold_id = $1 AND source_key_id = $2";
    let before: Vec<(bool,)> = transaction.fetch(sql, cells![hold, source_key_id]).await?;
    let sql = "INSERT INTO hold_record (hold_id, source_key_id, from_ms, until_ms, lifted) \
               VALUES ($1, $2, $3, $4, FALSE) ON CONFLICT (hold_id, source_key_id) DO UPDATE \
               SET from_ms = excluded.from_ms, until_ms = excluded.until_ms, lifted = FALSE";
    transaction.execute(sql, cells![hold, source_key_id, from_ms, until_ms]).await?;
    Ok(before.first().is_some_and(|(lifted,)| *lifted))
}

/// What other records say of its days, as far as they do not say that it is over.
pub async fn others(
    transaction: &mut Transaction,
    hold: i64,
    source_key_id: i64,
) -> Result<Vec<Days>, StoreError> {
    let sql = "SELECT from_ms, until_ms FROM hold_record WHERE hold_id = $1 \
               AND source_key_id <> $2 AND NOT lifted";
    transaction.fetch(sql, cells![hold, source_key_id]).await
}

/// The holds that a record has brought, the oldest first.
pub async fn of_record(
    transaction: &mut Transaction,
    source_key_id: i64,
) -> Result<Vec<HoldRow>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM hold h JOIN hold_record r ON r.hold_id = h.id \
         WHERE r.source_key_id = $1 ORDER BY h.id"
    );
    transaction.fetch(&sql, cells![source_key_id]).await
}

/// A record says that this hold is over, and nothing of others that it brought before. Says whether no
/// other record says otherwise.
pub async fn over(
    transaction: &mut Transaction,
    hold: i64,
    source_key_id: i64,
) -> Result<bool, StoreError> {
    let sql = "UPDATE hold_record SET lifted = TRUE WHERE hold_id = $1 AND source_key_id = $2";
    transaction.execute(sql, cells![hold, source_key_id]).await?;
    let sql = "SELECT source_key_id FROM hold_record WHERE hold_id = $1 AND NOT lifted LIMIT 1";
    let open: Vec<(i64,)> = transaction.fetch(sql, cells![hold]).await?;
    Ok(open.is_empty())
}

/// Of the holds of a source that are not over, how many have a record that does not come any more.
pub async fn of_gone(database: &Database, source_id: i64, now_ms: i64) -> Result<i64, StoreError> {
    let sql = format!(
        "SELECT COUNT(DISTINCT h.id) FROM hold h JOIN hold_record r ON r.hold_id = h.id \
         JOIN source_key k ON k.id = r.source_key_id \
         WHERE {OPEN} AND NOT r.lifted AND k.source_id = $2 AND k.gone_ms IS NOT NULL"
    );
    let rows: Vec<(i64,)> = database.fetch(&sql, cells![now_ms, source_id]).await?;
    Ok(rows.first().map_or(0, |(many,)| *many))
}
