//! Work orders as people look for them: source records with the state that follows from their batch and from
//! what is held. Every list goes down from a number, by an index, and reads no more than a page; counts stop at
//! a number too.

use super::database::{Cell, Database, StoreError, cells};
use super::statement::places;
use crate::record::personal::unprinted;

/// A work order in a list.
#[derive(Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct WorkOrderRow {
    pub id: i64,
    pub batch_id: i64,
    /// 0 where its row has no key.
    pub source_key_id: i64,
    /// What it stands for is in `source_records::Change`.
    pub change: i64,
    /// Empty where it has none.
    pub key: String,
    pub source: String,
    pub job: String,
    pub origin: String,
    pub batch_state: String,
    pub resolved_to: i64,
    pub started_ms: i64,
    pub closed_ms: Option<i64>,
}

unprinted!(WorkOrderRow);

const ROW: &str = "SELECT r.id, r.batch_id, r.source_key_id, r.change, r.key, s.name AS source, b.job, \
    b.origin, b.state AS batch_state, b.resolved_to, b.started_ms, b.closed_ms \
    FROM source_record r JOIN batch b ON b.id = r.batch_id JOIN source s ON s.id = b.source_id";

/// Which are meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    pub stage: Option<Stage>,
    /// By their names; all where it is none.
    pub sources: Option<Vec<String>>,
    pub batch_id: Option<i64>,
    /// Of held ones, the code.
    pub code: Option<String>,
}

/// Where they stand, as far as a list can be cut by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Read, and to be resolved.
    Waiting,
    /// Set aside for a person.
    Held,
}

/// A held row's letter.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct OpenLetter {
    pub id: i64,
    pub record_id: i64,
    pub code: String,
    pub field: Option<String>,
    pub cause: String,
    pub created_ms: i64,
}

/// A batch that rows are looked for in: its number, and the first and last that its rows may have.
type Range = (i64, i64, i64);

/// So many batches are looked through for one page.
const BATCHES_MAX: i64 = 400;

/// Where a page ends, and the next begins: of a list of held ones their batch or nothing, and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub batch: i64,
    pub number: i64,
}

impl Place {
    /// Before the first.
    pub const TOP: Place = Place { batch: i64::MAX, number: i64::MAX };
}

/// Which way a list is gone on with from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Older,
    Newer,
}

impl Way {
    /// What numbers on that way are, seen from the place.
    fn side(self) -> &'static str {
        if self == Way::Older { "<" } else { ">" }
    }

    /// The nearest first.
    fn order(self) -> &'static str {
        if self == Way::Older { "DESC" } else { "ASC" }
    }
}

/// A page of a list, the newest first, and where those on either side of it go on, where there are any.
#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<WorkOrderRow>,
    pub older: Option<Place>,
    pub newer: Option<Place>,
}

/// Work orders on that side of a place, those next to it. Where too few are newer, the newest.
pub async fn list(
    database: &Database,
    filter: &Filter,
    (from, way): (Place, Way),
    most: i64,
) -> Result<Page, StoreError> {
    let (mut found, mut more) = next_to(database, filter, (from, way), most).await?;
    let mut is_top = from == Place::TOP;
    if way == Way::Newer && !more {
        (found, more) = next_to(database, filter, (Place::TOP, Way::Older), most).await?;
        is_top = true;
    } else if way == Way::Newer {
        found.reverse();
    }
    let (first, last) = (found.first().map(|one| one.0), found.last().map(|one| one.0));
    let (older, newer) = match (way, is_top) {
        (_, true) => (last.filter(|_| more), None),
        (Way::Older, false) => (last.filter(|_| more), first),
        (Way::Newer, false) => (last, first),
    };
    let ids: Vec<i64> = found.into_iter().map(|(_, record)| record).collect();
    Ok(Page { rows: of_ids(database, &ids).await?, older, newer })
}

/// Places and records, the nearest first, and whether there are more behind them.
async fn next_to(
    database: &Database,
    filter: &Filter,
    (from, way): (Place, Way),
    most: i64,
) -> Result<(Vec<(Place, i64)>, bool), StoreError> {
    let (side, order) = (way.side(), way.order());
    let mut found: Vec<(Place, i64)> = Vec::new();
    if filter.stage == Some(Stage::Held) {
        found = held(database, filter, (from, way), most).await?;
    } else if filter.stage.is_none() && filter.batch_id.is_none() && filter.sources.is_none() {
        let sql = format!(
            "SELECT r.id FROM source_record r WHERE r.id {side} $1 ORDER BY r.id {order} LIMIT $2"
        );
        let rows: Vec<(i64,)> = database.fetch(&sql, cells![from.number, most + 1]).await?;
        found.extend(rows.into_iter().map(|(id,)| (Place { batch: 0, number: id }, id)));
    } else {
        for (batch, first, last) in ranges(database, filter, (from.number, way)).await? {
            let left = most + 1 - found.len() as i64;
            if left <= 0 {
                break;
            }
            let sql = format!(
                "SELECT r.id FROM source_record r WHERE r.id > $1 AND r.id <= $2 AND r.id {side} $3 \
                 AND r.batch_id = $4 ORDER BY r.id {order} LIMIT $5"
            );
            let cells = cells![first, last, from.number, batch, left];
            let rows: Vec<(i64,)> = database.fetch(&sql, cells).await?;
            found.extend(rows.into_iter().map(|(id,)| (Place { batch: 0, number: id }, id)));
        }
    }
    let more = found.len() as i64 > most;
    found.truncate(most as usize);
    Ok((found, more))
}

/// Batches that may have such rows on that side of a number, the nearest first. A batch's rows have numbers above its
/// own.
async fn ranges(
    database: &Database,
    filter: &Filter,
    (from, way): (i64, Way),
) -> Result<Vec<Range>, StoreError> {
    let mut cells = cells![from];
    let mut conditions = String::new();
    if let Some(batch) = filter.batch_id {
        cells.push(batch.into());
        conditions.push_str(&format!(" AND b.id = ${}", cells.len()));
    }
    of_sources(filter, &mut conditions, &mut cells);
    let first = match filter.stage {
        Some(Stage::Waiting) => {
            conditions.push_str(" AND b.state = 'released' AND b.resolved_to < b.last_record");
            "b.resolved_to"
        }
        _ => {
            conditions.push_str(" AND b.state IN ('released', 'closed') AND b.last_record > 0");
            "b.id"
        }
    };
    let near = match way {
        Way::Older => "b.id < $1",
        // The one that has that number is the last whose own is below it.
        Way::Newer => "b.id >= COALESCE((SELECT MAX(m.id) FROM batch m WHERE m.id < $1), 0)",
    };
    let sql = format!(
        "SELECT b.id, {first}, b.last_record FROM batch b WHERE {near}{conditions} \
         ORDER BY b.id {} LIMIT {BATCHES_MAX}",
        way.order()
    );
    database.fetch(&sql, cells).await
}

fn of_sources(filter: &Filter, conditions: &mut String, cells: &mut Vec<Cell>) {
    if let Some(sources) = &filter.sources {
        let first = cells.len() + 1;
        cells.extend(sources.iter().map(|source| Cell::Text(source.clone())));
        // Nobody's rows where there is no source.
        let list =
            if sources.is_empty() { "NULL".to_owned() } else { places(first, sources.len()) };
        conditions.push_str(&format!(
            " AND b.source_id IN (SELECT s.id FROM source s WHERE s.name IN ({list}))"
        ));
    }
}

/// Held ones, by their letters: those of one batch after another, or those of one code. One more than asked for.
async fn held(
    database: &Database,
    filter: &Filter,
    (from, way): (Place, Way),
    most: i64,
) -> Result<Vec<(Place, i64)>, StoreError> {
    let (side, order) = (way.side(), way.order());
    let mut found: Vec<(Place, i64)> = Vec::new();
    if let Some(code) = &filter.code {
        let mut cells = cells![code.clone(), from.number];
        let mut conditions = String::new();
        if let Some(batch) = filter.batch_id {
            cells.push(batch.into());
            conditions.push_str(&format!(" AND b.id = ${}", cells.len()));
        }
        of_sources(filter, &mut conditions, &mut cells);
        cells.push((most + 1).into());
        let sql = format!(
            "SELECT d.id, d.record_id FROM dead_letter d JOIN batch b ON b.id = d.batch_id \
             WHERE d.settled_ms IS NULL AND d.code = $1 AND d.id {side} $2{conditions} \
             ORDER BY d.id {order} LIMIT ${}",
            cells.len()
        );
        let rows: Vec<(i64, i64)> = database.fetch(&sql, cells).await?;
        found.extend(rows.into_iter().map(|(id, row)| (Place { batch: 0, number: id }, row)));
        return Ok(found);
    }
    for batch in held_batches(database, filter, (from.batch, way)).await? {
        let left = most + 1 - found.len() as i64;
        if left <= 0 {
            break;
        }
        let before = match (batch == from.batch, way) {
            (true, _) => from.number,
            (false, Way::Older) => i64::MAX,
            (false, Way::Newer) => 0,
        };
        let sql = format!(
            "SELECT DISTINCT record_id FROM dead_letter WHERE settled_ms IS NULL \
             AND batch_id = $1 AND record_id {side} $2 ORDER BY record_id {order} LIMIT $3"
        );
        let rows: Vec<(i64,)> = database.fetch(&sql, cells![batch, before, left]).await?;
        found.extend(rows.into_iter().map(|(row,)| (Place { batch, number: row }, row)));
    }
    Ok(found)
}

/// Batches with held rows from that one on, the nearest first.
async fn held_batches(
    database: &Database,
    filter: &Filter,
    (from, way): (i64, Way),
) -> Result<Vec<i64>, StoreError> {
    let mut cells = cells![from];
    let mut conditions = String::new();
    if let Some(batch) = filter.batch_id {
        cells.push(batch.into());
        conditions.push_str(&format!(" AND b.id = ${}", cells.len()));
    }
    of_sources(filter, &mut conditions, &mut cells);
    let sql = format!(
        "SELECT b.id FROM batch b WHERE b.id {}= $1{conditions} AND EXISTS (SELECT 1 FROM dead_letter d \
         WHERE d.batch_id = b.id AND d.settled_ms IS NULL) ORDER BY b.id {} LIMIT {BATCHES_MAX}",
        way.side(),
        way.order()
    );
    let rows: Vec<(i64,)> = database.fetch(&sql, cells).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Work orders by their numbers, the newest first.
pub async fn of_ids(database: &Database, ids: &[i64]) -> Result<Vec<WorkOrderRow>, StoreError> {
    let before = format!("{ROW} WHERE r.id IN");
    let mut rows: Vec<WorkOrderRow> = database.fetch_for(&before, ids, "", vec![]).await?;
    rows.sort_unstable_by_key(|row| std::cmp::Reverse(row.id));
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// Open letters of these records.
pub async fn letters(database: &Database, ids: &[i64]) -> Result<Vec<OpenLetter>, StoreError> {
    let before = "SELECT id, record_id, code, field, cause, created_ms FROM dead_letter \
                  WHERE settled_ms IS NULL AND record_id IN";
    let mut rows: Vec<OpenLetter> = database.fetch_for(before, ids, "", vec![]).await?;
    rows.sort_unstable_by_key(|row| row.id);
    rows.dedup_by_key(|row| row.id);
    Ok(rows)
}

/// How many are meant, as far as they are counted.
pub async fn count(database: &Database, filter: &Filter, most: i64) -> Result<i64, StoreError> {
    let mut many = 0;
    match filter.stage {
        Some(Stage::Held) => {
            for batch in held_batches(database, filter, (i64::MAX, Way::Older)).await? {
                let sql = "SELECT COUNT(*) FROM (SELECT DISTINCT record_id FROM dead_letter \
                           WHERE settled_ms IS NULL AND batch_id = $1 LIMIT $2) few";
                many += one(database, sql, cells![batch, most - many]).await?;
                if many >= most {
                    break;
                }
            }
        }
        None if filter.batch_id.is_none() && filter.sources.is_none() => {
            let sql =
                "SELECT COUNT(*) FROM (SELECT id FROM source_record ORDER BY id DESC LIMIT $1) few";
            many = one(database, sql, cells![most]).await?;
        }
        _ => {
            for (batch, first, last) in ranges(database, filter, (i64::MAX, Way::Older)).await? {
                let sql = "SELECT COUNT(*) FROM (SELECT id FROM source_record WHERE id > $1 AND id <= $2 \
                           AND batch_id = $3 ORDER BY id DESC LIMIT $4) few";
                many += one(database, sql, cells![first, last, batch, most - many]).await?;
                if many >= most {
                    break;
                }
            }
        }
    }
    Ok(many.min(most))
}

async fn one(database: &Database, sql: &str, cells: Vec<Cell>) -> Result<i64, StoreError> {
    let rows: Vec<(i64,)> = database.fetch(sql, cells).await?;
    Ok(rows.into_iter().next().map_or(0, |(many,)| many))
}

/// What became of residents because of one record: the changes' numbers. They are found by whom it names.
pub async fn changes(
    database: &Database,
    record_id: i64,
    source_key_id: i64,
) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT DISTINCT resident_id FROM party WHERE source_key_id = $1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source_key_id]).await?;
    let mut subjects: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
    subjects.push(source_key_id);
    let before = "SELECT id FROM change_event WHERE record_id = $1 AND subject_id IN";
    let mut rows: Vec<(i64,)> =
        database.fetch_for(before, &subjects, "", cells![record_id]).await?;
    rows.sort_unstable();
    rows.dedup();
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Deliveries because of these changes. They are found by whom they are to.
pub async fn deliveries(
    database: &Database,
    changes: &[i64],
    residents: &[i64],
) -> Result<Vec<i64>, StoreError> {
    const MOST: usize = 200;
    let before = "SELECT id, change_event_id FROM delivery WHERE resident_id IN";
    let rows: Vec<(i64, i64)> = database.fetch_for(before, residents, "", vec![]).await?;
    let mut ids: Vec<i64> =
        rows.into_iter().filter(|(_, change)| changes.contains(change)).map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    ids.truncate(MOST);
    Ok(ids)
}

/// Residents that a record's parties are.
pub async fn residents(database: &Database, source_key_id: i64) -> Result<Vec<i64>, StoreError> {
    let sql =
        "SELECT DISTINCT resident_id FROM party WHERE source_key_id = $1 ORDER BY resident_id";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source_key_id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// The newest record of what it is a version of.
pub async fn newest(database: &Database, source_key_id: i64) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT record_id FROM source_key WHERE id = $1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![source_key_id]).await?;
    Ok(rows.into_iter().next().map(|(id,)| id))
}

/// Records that are the newest of what sources know by that key.
pub async fn of_key(database: &Database, key: &str) -> Result<Vec<i64>, StoreError> {
    let sql = "SELECT k.record_id FROM source s JOIN source_key k ON k.source_id = s.id AND k.key = $1 \
               ORDER BY k.record_id DESC LIMIT 50";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![key.to_owned()]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
