//! Work orders as people look for them: source records with the state that follows from their batch and from
//! what is held. Every list goes down from a number, by an index, and reads no more than a page; counts stop at
//! a number too.

use super::database::{Cell, Database, StoreError, cells};
use super::outbox;
use super::received::{Arrival, Received, Wanted, Way};
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
    /// Of which source, file and days.
    pub received: Received,
    /// Of held ones, the code.
    pub code: Option<String>,
    pub oldest_first: bool,
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

/// So many batches are looked into for one page.
const BATCHES_MAX: usize = 200;
/// And so many to count.
const COUNTED_BATCHES_MAX: usize = 60;
/// So many by one statement.
const AT_ONCE_MAX: usize = 20;

/// Where a page ends, and the next begins: a number, and its batch where a list goes batch by batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub batch: i64,
    pub number: i64,
}

/// Which page of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    First,
    /// That behind a place, in the list's own order.
    On(Place),
    /// That before it. Where too few are there, the first.
    Back(Place),
}

/// A page of a list, and where those on either side of it go on, where there are any.
#[derive(Debug, Default)]
pub struct Page {
    pub rows: Vec<WorkOrderRow>,
    pub after: Option<Place>,
    pub before: Option<Place>,
    /// So far batches were looked through, in UTC milliseconds, where the page is not full for all that.
    pub looked_to_ms: Option<i64>,
}

/// Places and records, the nearest first; where they go on; and how far was looked where they are too few.
#[derive(Debug, Default)]
struct Found {
    rows: Vec<(Place, i64)>,
    onward: Option<Place>,
    looked_to_ms: Option<i64>,
}

/// A page of those that are meant.
pub async fn list(
    database: &Database,
    filter: &Filter,
    turn: Turn,
    most: i64,
) -> Result<Page, StoreError> {
    let way = if filter.oldest_first { Way::Newer } else { Way::Older };
    let (found, before, after) = match turn {
        Turn::First => first(database, filter, way, most).await?,
        Turn::On(place) => {
            let found = next_to(database, filter, (Some(place), way), most).await?;
            let (before, after) = (found.rows.first().map(|one| one.0), found.onward);
            (found, before, after)
        }
        Turn::Back(place) => {
            let mut found = next_to(database, filter, (Some(place), way.back()), most).await?;
            found.rows.reverse();
            match (found.onward, found.rows.last()) {
                (None, _) => first(database, filter, way, most).await?,
                (before, last) => {
                    let after = last.map_or(place, |one| one.0);
                    (found, before, Some(after))
                }
            }
        }
    };
    let ids: Vec<i64> = found.rows.iter().map(|(_, record)| *record).collect();
    let mut rows = of_ids(database, &ids).await?;
    let place_of = |row: &WorkOrderRow| ids.iter().position(|id| *id == row.id);
    rows.sort_by_cached_key(place_of);
    Ok(Page { rows, after, before, looked_to_ms: found.looked_to_ms })
}

async fn first(
    database: &Database,
    filter: &Filter,
    way: Way,
    most: i64,
) -> Result<(Found, Option<Place>, Option<Place>), StoreError> {
    let found = next_to(database, filter, (None, way), most).await?;
    let after = found.onward;
    Ok((found, None, after))
}

async fn next_to(
    database: &Database,
    filter: &Filter,
    (from, way): (Option<Place>, Way),
    most: i64,
) -> Result<Found, StoreError> {
    let mut found = Found::default();
    if filter.stage.is_none() && filter.received.is_all() {
        let (side, order) = (way.side(), way.order());
        let sql = format!(
            "SELECT r.id FROM source_record r WHERE r.id {side} $1 ORDER BY r.id {order} LIMIT $2"
        );
        let number = from.map_or(way.begin(), |place| place.number);
        let rows: Vec<(i64,)> = database.fetch(&sql, cells![number, most + 1]).await?;
        found.rows.extend(rows.into_iter().map(|(id,)| (Place { batch: 0, number: id }, id)));
        found.cut_to(most);
        return Ok(found);
    }
    let batch = from.map(|place| place.batch);
    let stretch = filter.received.batches(database, filter.wanted(), (batch, way)).await?;
    let mut cut = stretch.cut;
    let mut looked = 0;
    while let Some(next) = stretch.batches.get(looked..).filter(|next| !next.is_empty()) {
        let left = most + 1 - found.rows.len() as i64;
        if left <= 0 {
            break;
        }
        if looked >= BATCHES_MAX {
            cut = stretch.batches.get(looked - 1).copied();
            break;
        }
        let next = &next[..at_once(database, looked).min(next.len())];
        looked += next.len();
        let (mut cells, mut parts) = (Vec::new(), Vec::new());
        for (place, batch) in (0_i64..).zip(next) {
            let begin = match from {
                Some(place) if place.batch == batch.id => place.number,
                _ => way.begin(),
            };
            let rows = filter.rows_of(batch, (begin, way), left, &mut cells);
            parts.push(format!("SELECT {place} AS place, few.* FROM ({rows}) few"));
        }
        let rows: Vec<(i32, i64)> = database.fetch(&parts.join(" UNION ALL "), cells).await?;
        let mut of_each: Vec<Vec<i64>> = vec![Vec::new(); next.len()];
        for (place, id) in rows {
            if let Some(of_it) = usize::try_from(place).ok().and_then(|at| of_each.get_mut(at)) {
                of_it.push(id);
            }
        }
        for (batch, mut ids) in next.iter().zip(of_each) {
            ids.sort_unstable();
            if way == Way::Older {
                ids.reverse();
            }
            let place = |id| Place { batch: batch.id, number: id };
            found.rows.extend(ids.into_iter().map(|id| (place(id), id)));
        }
    }
    found.cut_to(most);
    if let (None, Some(cut)) = (found.onward, cut) {
        found.onward = Some(Place { batch: cut.id, number: way.end() });
        found.looked_to_ms = Some(cut.started_ms);
    }
    Ok(found)
}

impl Found {
    fn cut_to(&mut self, most: i64) {
        let more = self.rows.len() as i64 > most;
        self.rows.truncate(most as usize);
        self.onward = self.rows.last().filter(|_| more).map(|one| one.0);
    }
}

impl Filter {
    fn wanted(&self) -> Wanted<'_> {
        match self.stage {
            Some(Stage::Held) => Wanted::Held(self.code.as_deref()),
            Some(Stage::Waiting) => Wanted::Waiting,
            None => Wanted::Rows,
        }
    }

    /// The statement that finds so many of a batch from a number on. A batch's records have numbers above its own.
    fn rows_of(
        &self,
        batch: &Arrival,
        (begin, way): (i64, Way),
        most: i64,
        cells: &mut Vec<Cell>,
    ) -> String {
        let (side, order) = (way.side(), way.order());
        let mut put = |cell: Cell| {
            cells.push(cell);
            cells.len()
        };
        if self.stage == Some(Stage::Held) {
            let (of, from) = (put(batch.id.into()), put(begin.into()));
            let code = self.code.as_ref().map(|code| put(code.clone().into()));
            let of_code = code.map(|place| format!(" AND code = ${place}")).unwrap_or_default();
            return format!(
                "SELECT DISTINCT record_id FROM dead_letter WHERE settled_ms IS NULL AND batch_id = ${of} \
                 AND record_id {side} ${from}{of_code} ORDER BY record_id {order} LIMIT {most}"
            );
        }
        let first = if self.stage.is_some() { batch.resolved_to.max(batch.id) } else { batch.id };
        let (first, last) = (put(first.into()), put(batch.last_record.into()));
        let (from, of) = (put(begin.into()), put(batch.id.into()));
        format!(
            "SELECT r.id FROM source_record r WHERE r.id > ${first} AND r.id <= ${last} AND r.id {side} ${from} \
             AND r.batch_id = ${of} ORDER BY r.id {order} LIMIT {most}"
        )
    }
}

/// Of how many batches at once it is asked: of a file by itself; where files are small, of more and more. To ask SQLite
/// is no way at all, and a long statement takes it longer to read.
fn at_once(database: &Database, looked: usize) -> usize {
    if database.is_postgres() { (looked + 1).min(AT_ONCE_MAX) } else { 1 }
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

/// How many are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    pub many: i64,
    /// Not all batches were looked into: there may be more.
    pub is_cut: bool,
}

/// How many are meant, as far as they are counted.
pub async fn count(database: &Database, filter: &Filter, most: i64) -> Result<Counted, StoreError> {
    if filter.received.is_all() && filter.stage != Some(Stage::Waiting) {
        let of_code = if filter.code.is_some() { " AND code = $2" } else { "" };
        let mut cells = cells![most];
        let sql = match filter.stage {
            None => {
                "SELECT COUNT(*) FROM (SELECT id FROM source_record ORDER BY id DESC LIMIT $1) few"
                    .to_owned()
            }
            Some(_) => {
                cells.extend(filter.code.iter().map(|code| Cell::Text(code.clone())));
                format!(
                    "SELECT COUNT(*) FROM (SELECT DISTINCT batch_id, record_id FROM dead_letter \
                     WHERE settled_ms IS NULL{of_code} LIMIT $1) few"
                )
            }
        };
        return Ok(Counted { many: one(database, &sql, cells).await?, is_cut: false });
    }
    let stretch = filter.received.batches(database, filter.wanted(), (None, Way::Older)).await?;
    let mut counted = Counted { many: 0, is_cut: stretch.cut.is_some() };
    let mut looked = 0;
    while let Some(next) = stretch.batches.get(looked..).filter(|next| !next.is_empty()) {
        if counted.many >= most {
            counted.is_cut = false;
            break;
        }
        if looked >= COUNTED_BATCHES_MAX {
            counted.is_cut = true;
            break;
        }
        let next = &next[..at_once(database, looked).min(next.len())];
        looked += next.len();
        let (mut cells, mut parts) = (Vec::new(), Vec::new());
        for batch in next {
            let place = (i64::MAX, Way::Older);
            let rows = filter.rows_of(batch, place, most - counted.many, &mut cells);
            parts.push(format!("SELECT COUNT(*) FROM ({rows}) few"));
        }
        let rows: Vec<(i64,)> = database.fetch(&parts.join(" UNION ALL "), cells).await?;
        counted.many += rows.into_iter().map(|(many,)| many).sum::<i64>();
    }
    counted.many = counted.many.min(most);
    Ok(counted)
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
    let (that, end) = outbox::by_message(database.is_postgres());
    let before =
        format!("SELECT id, change_event_id FROM delivery WHERE id {that} o.resident_id IN");
    let rows: Vec<(i64, i64)> = database.fetch_for(&before, residents, end, vec![]).await?;
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
