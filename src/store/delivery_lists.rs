//! Lists of deliveries, a page at a time: by number; or batch by batch, where a source or days are asked for. A page
//! looks through so many and no more: where few fit, it says how far it looked, and the next goes on there.

use super::database::{Database, StoreError, cells};
use super::deliveries::{self, Delivery, Filter, STUCK};
use super::received::{self, Received, Wanted, Way};

/// Deliveries that are looked through for one page.
const LOOKED_MAX: i64 = 10_000;
/// Batches that are looked into for one page.
const BATCHES_MAX: usize = 100;
/// Which are listed.
#[derive(Debug, Clone, Default)]
pub struct List {
    pub filter: Filter,
    /// Of which source and days what they came of was received.
    pub received: Received,
    pub oldest_first: bool,
}

/// Which page. A place is the number of a delivery; of a batch where none of it is behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    First,
    /// That behind a place, in the list's own order.
    On(i64),
    /// That before it. Where too few are there, the first.
    Back(i64),
}

/// A page, and where those on either side of it go on, where there are any.
#[derive(Default)]
pub struct Page {
    pub rows: Vec<Delivery>,
    pub after: Option<i64>,
    pub before: Option<i64>,
    /// So far was looked, in UTC milliseconds, where the page is not full for all that.
    pub looked_to_ms: Option<i64>,
}

/// Numbers, the nearest first; where they go on; and how far was looked where they are too few.
#[derive(Default)]
struct Found {
    ids: Vec<i64>,
    onward: Option<i64>,
    looked_to_ms: Option<i64>,
}

impl Found {
    fn cut_to(&mut self, most: i64) {
        let more = self.ids.len() as i64 > most;
        self.ids.truncate(most as usize);
        self.onward = self.ids.last().copied().filter(|_| more);
    }
}

/// What was found of one stretch, and the last that was looked at where there is more behind it.
struct Looked {
    ids: Vec<i64>,
    many: i64,
    cut: Option<i64>,
}

impl List {
    /// A page of them.
    pub async fn page(
        &self,
        database: &Database,
        turn: Turn,
        most: i64,
    ) -> Result<Page, StoreError> {
        let way = if self.oldest_first { Way::Newer } else { Way::Older };
        let (found, before) = match turn {
            Turn::First => (self.next_to(database, (None, way), most).await?, None),
            Turn::On(place) => {
                let found = self.next_to(database, (Some(place), way), most).await?;
                let before = found.ids.first().copied();
                (found, before)
            }
            Turn::Back(place) => {
                let mut found = self.next_to(database, (Some(place), way.back()), most).await?;
                found.ids.reverse();
                match found.onward {
                    None => (self.next_to(database, (None, way), most).await?, None),
                    before => {
                        found.onward = found.ids.last().copied().or(Some(place));
                        (found, before)
                    }
                }
            }
        };
        let mut rows = deliveries::of_numbers(database, &found.ids).await?;
        rows.sort_by_cached_key(|row| found.ids.iter().position(|id| *id == row.id));
        Ok(Page { rows, after: found.onward, before, looked_to_ms: found.looked_to_ms })
    }

    async fn next_to(
        &self,
        database: &Database,
        (from, way): (Option<i64>, Way),
        most: i64,
    ) -> Result<Found, StoreError> {
        if !self.received.is_all() {
            return self.by_batches(database, (from, way), most).await;
        }
        let place = (from.unwrap_or(way.begin()), way);
        let looked = looked(database, &self.filter, place, (most + 1, LOOKED_MAX)).await?;
        let mut found = Found { ids: looked.ids, ..Found::default() };
        found.cut_to(most);
        if let (None, Some(cut)) = (found.onward, looked.cut) {
            let row = deliveries::of_id(database, cut).await?;
            found.onward = Some(cut);
            found.looked_to_ms = row.map(|row| row.created_ms);
        }
        Ok(found)
    }

    async fn by_batches(
        &self,
        database: &Database,
        (from, way): (Option<i64>, Way),
        most: i64,
    ) -> Result<Found, StoreError> {
        let begin = match from {
            None => None,
            Some(place) => Some(stands_in(database, place, way).await?),
        };
        let wanted = match self.filter.state {
            Some(state) if STUCK.contains(&state) => Wanted::Stuck(state),
            _ => Wanted::Messages,
        };
        let received = Received {
            batch_id: self.filter.batch_id.or(self.received.batch_id),
            ..self.received.clone()
        };
        let place = (begin.map(|(batch, _)| batch), way);
        let stretch = received.batches(database, wanted, place).await?;
        let (mut found, mut left) = (Found::default(), LOOKED_MAX);
        let mut cut = stretch.cut.map(|batch| (batch.id, batch.started_ms));
        for (place, batch) in stretch.batches.iter().enumerate() {
            let wanted = most + 1 - found.ids.len() as i64;
            if wanted <= 0 {
                break;
            }
            if place == BATCHES_MAX || left <= 0 {
                cut = stretch.batches.get(place - 1).map(|batch| (batch.id, batch.started_ms));
                break;
            }
            let number = match begin {
                Some((of, number)) if of == batch.id => number,
                _ => way.begin(),
            };
            let filter = Filter { batch_id: Some(batch.id), ..self.filter.clone() };
            let looked = looked(database, &filter, (number, way), (wanted, left)).await?;
            left -= looked.many;
            found.ids.extend(looked.ids);
            if let Some(last) = looked.cut {
                cut = Some((last, batch.started_ms));
                break;
            }
        }
        found.cut_to(most);
        if let (None, Some((place, started_ms))) = (found.onward, cut) {
            found.onward = Some(place);
            found.looked_to_ms = Some(started_ms);
        }
        Ok(found)
    }
}

/// The batch that a place is in, and the number there. Numbers are never given twice: what is no delivery is a batch,
/// and all of it is behind.
async fn stands_in(database: &Database, place: i64, way: Way) -> Result<(i64, i64), StoreError> {
    let sql = "SELECT batch_id FROM delivery WHERE id = $1";
    let rows: Vec<(i64,)> = database.fetch(sql, cells![place]).await?;
    Ok(match rows.first() {
        Some((batch,)) => (*batch, place),
        None => match received::of_id(database, place).await? {
            Some(batch) => (batch.id, way.end()),
            None => (0, way.end()),
        },
    })
}

/// So many of a state and batch that fit, on that way from a number; of so many at most that are looked through.
async fn looked(
    database: &Database,
    filter: &Filter,
    (from, way): (i64, Way),
    (most, looked_max): (i64, i64),
) -> Result<Looked, StoreError> {
    let is_postgres = database.is_postgres();
    let (table, number, batch_of) = filter.found_in();
    let (mut place, mut cells) = match way {
        Way::Older => filter.of_place(from, is_postgres),
        Way::Newer => filter.of_place(i64::MAX, is_postgres),
    };
    if way == Way::Newer {
        cells.push(from.into());
        let after = cells.len();
        place.push_str(&match filter.batch_id.filter(|_| is_postgres) {
            // A place in the index of batches: by its number alone PostgreSQL looks for it among all deliveries.
            Some(batch) => {
                cells.push(batch.into());
                format!(" AND ({batch_of}, {number}) > (${}, ${after})", cells.len())
            }
            None => format!(" AND {number} > ${after}"),
        });
    }
    let order = filter.order(way.order());
    let bare = (place.clone(), cells.clone());
    // With the message no index leads to those in a state: they are among what is looked through.
    let is_by_message = filter.is_by_message();
    let is_narrow = filter.is_narrow() || (is_by_message && filter.state.is_some());
    let some = format!("FROM {table} WHERE {place} ORDER BY {order} LIMIT");
    let sql = match (is_narrow, is_by_message) {
        (false, _) => format!("SELECT {number} {some} {most}"),
        (true, true) => {
            let fits = filter.fits(&mut cells, is_postgres);
            format!(
                "SELECT {number} FROM (SELECT o.delivery_id, o.batch_id {some} {looked_max}) o \
                 WHERE {fits} ORDER BY {order} LIMIT {most}"
            )
        }
        (true, false) => {
            let mut narrow = String::new();
            filter.narrow(&mut narrow, &mut cells);
            format!(
                "SELECT id FROM (SELECT id, batch_id, destination, mapping, cause_code, since_ms, account_id, \
                 state {some} {looked_max}) few WHERE 1 = 1{narrow} ORDER BY {order} LIMIT {most}"
            )
        }
    };
    let rows: Vec<(i64,)> = database.fetch(&sql, cells).await?;
    let ids: Vec<i64> = rows.into_iter().map(|(id,)| id).collect();
    let many = ids.len() as i64;
    if !is_narrow || many >= most {
        return Ok(Looked { ids, many, cut: None });
    }
    // Fewer fit than are wanted: all of them were looked through, or as many as may be.
    let (place, cells) = bare;
    let last = if way == Way::Older { "MIN" } else { "MAX" };
    let sql = format!(
        "SELECT COUNT(*), {last}(id) FROM (SELECT {number} AS id FROM {table} WHERE {place} ORDER BY {order} \
         LIMIT {looked_max}) few"
    );
    let rows: Vec<(i64, Option<i64>)> = database.fetch(&sql, cells).await?;
    let (many, last) = rows.into_iter().next().unwrap_or_default();
    Ok(Looked { ids, many, cut: last.filter(|_| many >= looked_max) })
}
