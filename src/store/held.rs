//! What waits for a person: rows by their letters, whole batches, and deliveries. Counted in groups
//! by what is the matter, and listed one by one.

use super::database::{Cell, Database, StoreError, cells};

/// Things of one kind that wait because of one cause.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct GroupRow {
    pub code: String,
    /// The job that a row came by, or the destination that a message is for.
    pub job: String,
    pub stage: String,
    pub field: Option<String>,
    pub many: i64,
    pub oldest_ms: i64,
    pub newest_ms: i64,
    pub example: i64,
}

/// Held rows in groups; the fields of a record's several parties are told apart by their numbers
/// here.
pub async fn row_groups(
    database: &Database,
    code: Option<&str>,
    since: i64,
) -> Result<Vec<GroupRow>, StoreError> {
    let of_code = of_code("d.code", code);
    let sql = format!(
        "SELECT d.code, b.job, d.stage, d.field, COUNT(*) AS many, MIN(d.created_ms) AS oldest_ms, \
         MAX(d.created_ms) AS newest_ms, MIN(d.id) AS example FROM dead_letter d \
         JOIN batch b ON b.id = d.batch_id WHERE d.settled_ms IS NULL AND d.id >= $2 AND {of_code} \
         GROUP BY d.code, b.job, d.stage, d.field ORDER BY d.code, b.job, d.stage, d.field"
    );
    database.fetch(&sql, cells![code.map(str::to_owned), since]).await
}

/// The condition that it is of a code, `$1`, where one is given: an index finds it only where it is said so.
fn of_code(column: &str, code: Option<&str>) -> String {
    match code {
        Some(_) => format!("{column} = $1"),
        None => "CAST($1 AS TEXT) IS NULL".to_owned(),
    }
}

/// A held row.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct LetterRow {
    pub id: i64,
    pub batch_id: i64,
    pub record_id: i64,
    pub source_key_id: i64,
    pub stage: String,
    pub code: String,
    pub field: Option<String>,
    pub cause: String,
    pub created_ms: i64,
    pub settled_ms: Option<i64>,
    pub settled_as: Option<String>,
    pub job: String,
    pub origin: String,
    pub source: String,
    /// Empty where the row has none.
    pub key: String,
}

const LETTER: &str = "SELECT d.id, d.batch_id, d.record_id, d.source_key_id, d.stage, d.code, \
    d.field, d.cause, d.created_ms, d.settled_ms, d.settled_as, b.job, b.origin, s.name AS source, \
    r.key FROM dead_letter d JOIN batch b ON b.id = d.batch_id JOIN source s ON s.id = b.source_id \
    JOIN source_record r ON r.id = d.record_id";

/// Held rows from a number on, oldest first.
pub async fn letters(
    database: &Database,
    code: Option<&str>,
    since: i64,
    most: i64,
) -> Result<Vec<LetterRow>, StoreError> {
    let of_code = of_code("d.code", code);
    let sql = format!(
        "{LETTER} WHERE d.settled_ms IS NULL AND d.id >= $2 AND {of_code} ORDER BY d.id LIMIT $3"
    );
    database.fetch(&sql, cells![code.map(str::to_owned), since, most]).await
}

/// The letter of that number, settled or not.
pub async fn letter(database: &Database, id: i64) -> Result<Option<LetterRow>, StoreError> {
    let sql = format!("{LETTER} WHERE d.id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// The letters that there ever were under the key, oldest first.
pub async fn story(database: &Database, source_key_id: i64) -> Result<Vec<LetterRow>, StoreError> {
    let sql = format!("{LETTER} WHERE d.source_key_id = $1 ORDER BY d.id LIMIT 100");
    database.fetch(&sql, cells![source_key_id]).await
}

/// Whether anything is known of an account or a person under the key, and from which record.
pub async fn known_from(
    database: &Database,
    source_key_id: i64,
) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT record_id FROM account WHERE id = $1 UNION ALL \
               SELECT record_id FROM party WHERE source_key_id = $1 LIMIT 1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source_key_id]).await?;
    Ok(rows.first().map(|(record,)| *record))
}

/// A batch that was held whole.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct BatchHeld {
    pub id: i64,
    pub source: String,
    pub job: String,
    pub origin: String,
    /// What told its file from others: name, size and time.
    pub origin_mark: String,
    pub code: String,
    pub cause: String,
    pub rows_in: i64,
    pub held_ms: i64,
    /// The same file was looked at again: by its content or its name.
    pub again: bool,
    /// Another extract of the source was taken after it.
    pub followed: bool,
    /// Somebody accepted or refused it.
    pub decided: bool,
}

const BATCH: &str = "SELECT b.id, s.name AS source, b.job, b.origin, b.origin_mark, \
    COALESCE(b.cause_code, 'batch') AS code, COALESCE(b.cause, '') AS cause, b.rows_in, \
    COALESCE(b.closed_ms, b.started_ms) AS held_ms, \
    EXISTS (SELECT 1 FROM batch n WHERE n.source_id = b.source_id AND n.id > b.id \
    AND n.state IN ('held', 'released', 'closed') \
    AND (n.content_digest = b.content_digest OR n.origin = b.origin)) AS again, \
    EXISTS (SELECT 1 FROM batch n WHERE n.source_id = b.source_id AND n.id > b.id \
    AND n.state IN ('released', 'closed') AND n.origin_mark NOT LIKE 'replay|%') AS followed, \
    b.decided_as IS NOT NULL AS decided \
    FROM batch b JOIN source s ON s.id = b.source_id \
    WHERE b.state = 'held'";

/// Batches that were held whole, oldest first.
pub async fn batches(database: &Database) -> Result<Vec<BatchHeld>, StoreError> {
    database.fetch(&format!("{BATCH} ORDER BY b.id"), vec![]).await
}

/// The held batch of that number.
pub async fn batch(database: &Database, id: i64) -> Result<Option<BatchHeld>, StoreError> {
    let sql = format!("{BATCH} AND b.id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

/// Held deliveries in groups: by code, destination and mapping.
pub async fn delivery_groups(
    database: &Database,
    code: Option<&str>,
) -> Result<Vec<GroupRow>, StoreError> {
    let of_code = of_code("cause_code", code);
    let sql = format!(
        "SELECT COALESCE(cause_code, 'delivery.held') AS code, destination AS job, 'deliver' AS stage, \
         mapping AS field, COUNT(*) AS many, MIN(since_ms) AS oldest_ms, MAX(since_ms) AS newest_ms, \
         MIN(id) AS example FROM delivery WHERE state = 'held' AND {of_code} \
         GROUP BY COALESCE(cause_code, 'delivery.held'), destination, mapping ORDER BY 1, 2, 4"
    );
    database.fetch(&sql, cells![code.map(str::to_owned)]).await
}

/// A held delivery.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct DeliveryHeld {
    pub id: i64,
    pub batch_id: i64,
    pub resident_id: i64,
    pub destination: String,
    pub mapping: String,
    pub reference: String,
    /// What was to be sent: JSON.
    pub message: String,
    pub state: String,
    pub code: Option<String>,
    pub cause: Option<String>,
    pub since_ms: i64,
    /// Attempts that left: what the gate kept here, or nobody could read, did not.
    pub sent: i64,
    pub platform_id: Option<String>,
}

const DELIVERY: &str = "SELECT id, batch_id, resident_id, destination, mapping, reference, \
    COALESCE((SELECT m.message FROM delivery_message m WHERE m.delivery_id = delivery.id), '') AS message, \
    state, cause_code AS code, cause, since_ms, platform_id, \
    (SELECT COUNT(*) FROM delivery_attempt a WHERE a.delivery_id = delivery.id \
    AND COALESCE(a.outcome, '') NOT LIKE 'suppressed.%' \
    AND COALESCE(a.outcome, '') <> 'delivery.unreadable') \
    + CASE WHEN delivery.intent_ms IS NULL THEN 0 ELSE 1 END AS sent FROM delivery WHERE";

/// Held deliveries, oldest first.
pub async fn deliveries(
    database: &Database,
    code: Option<&str>,
    most: i64,
) -> Result<Vec<DeliveryHeld>, StoreError> {
    let of_code = of_code("cause_code", code);
    let sql = format!("{DELIVERY} state = 'held' AND {of_code} ORDER BY id LIMIT $2");
    database.fetch(&sql, vec![Cell::from(code.map(str::to_owned)), Cell::Int(most)]).await
}

/// The delivery of that number, in whatever state.
pub async fn delivery(database: &Database, id: i64) -> Result<Option<DeliveryHeld>, StoreError> {
    Ok(database.fetch(&format!("{DELIVERY} id = $1"), cells![id]).await?.into_iter().next())
}

/// A code under which something waits, and how many at most 10,001.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenCode {
    pub code: String,
    pub rows: i64,
    pub messages: i64,
}

/// Counts of one code stop here.
pub const OPEN_MAX: i64 = 10_000;
/// So many codes are looked at.
const CODES_MAX: i64 = 200;

/// Codes under which something waits: each is found behind the last, however much waits.
pub async fn open_codes(database: &Database) -> Result<Vec<OpenCode>, StoreError> {
    let mut open: Vec<OpenCode> = Vec::new();
    for (table, code, is_open) in [
        ("dead_letter", "code", "settled_ms IS NULL"),
        ("delivery", "cause_code", "state = 'held'"),
    ] {
        let sql = format!(
            "WITH RECURSIVE h (code, many) AS (\
             SELECT (SELECT MIN(d.{code}) FROM {table} d WHERE d.{is_open}), 1 UNION ALL \
             SELECT (SELECT MIN(d.{code}) FROM {table} d WHERE d.{is_open} AND d.{code} > h.code), \
             h.many + 1 FROM h WHERE h.code IS NOT NULL AND h.many < $1) \
             SELECT h.code, (SELECT COUNT(*) FROM (SELECT 1 AS one FROM {table} d WHERE d.{is_open} \
             AND d.{code} = h.code LIMIT $2) few) FROM h WHERE h.code IS NOT NULL"
        );
        let rows: Vec<(String, i64)> =
            database.fetch(&sql, cells![CODES_MAX, OPEN_MAX + 1]).await?;
        for (code, many) in rows {
            let (rows, messages) = if table == "delivery" { (0, many) } else { (many, 0) };
            match open.iter_mut().find(|one| one.code == code) {
                Some(one) => one.messages += messages,
                None => open.push(OpenCode { code, rows, messages }),
            }
        }
    }
    open.sort_by_key(|one| std::cmp::Reverse(one.rows + one.messages));
    Ok(open)
}

/// How many of each code wait that came since each of these instants, the latest first: the place of the first of
/// them that is not later. What came before all of them is not told.
pub async fn by_days(
    database: &Database,
    is_rows: bool,
    code: Option<&str>,
    begins: &[i64],
) -> Result<Vec<(String, i32, i64)>, StoreError> {
    let (table, named, since, is_open) = match is_rows {
        true => ("dead_letter", "code", "created_ms", "settled_ms IS NULL"),
        false => ("delivery", "cause_code", "since_ms", "state = 'held'"),
    };
    let Some(first) = begins.last() else { return Ok(Vec::new()) };
    let mut cells = cells![*first];
    let mut days = String::new();
    for (day, begin) in begins.iter().enumerate() {
        cells.push(Cell::Int(*begin));
        days.push_str(&format!(" WHEN {since} >= ${} THEN {day}", cells.len()));
    }
    let mut of_code = String::new();
    if let Some(code) = code {
        cells.push(code.to_owned().into());
        of_code = format!(" AND {named} = ${}", cells.len());
    }
    let sql = format!(
        "SELECT code, day, COUNT(*) FROM (SELECT {named} AS code, CASE{days} ELSE -1 END AS day \
         FROM {table} WHERE {is_open} AND {since} >= $1 AND {named} IS NOT NULL{of_code}) d GROUP BY code, day"
    );
    database.fetch(&sql, cells).await
}
