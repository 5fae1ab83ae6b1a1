//! Batches by when they were received, a stretch at a time: how lists find rows and messages of one source or of some
//! days without going through those of others.

use super::database::{Cell, Database, StoreError, cells};
use super::deliveries::STUCK_STATES;
use super::statement::places;

/// Batches that are looked at for one page.
const LOOKED_MAX: i64 = 2_000;

/// Which batches are meant. What is not said may be anything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Received {
    /// By their names; all where it is none.
    pub sources: Option<Vec<String>>,
    pub batch_id: Option<i64>,
    /// Received at that instant or later, in UTC milliseconds.
    pub from_ms: Option<i64>,
    /// Received before that instant.
    pub until_ms: Option<i64>,
}

/// What of a batch is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// Those with rows.
    Rows,
    /// Those with rows that wait to be resolved.
    Waiting,
    /// Those with held rows; of one code alone.
    Held(Option<&'a str>),
    /// Those that made messages.
    Messages,
    /// Those with messages in a state that a person looks for: held, unknown, dismissed, replaced.
    Stuck(&'static str),
}

/// A batch, as far as a list needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, sqlx::FromRow)]
pub struct Arrival {
    pub id: i64,
    pub source_id: i64,
    pub started_ms: i64,
    pub resolved_to: i64,
    pub last_record: i64,
}

/// Batches, the nearest first, and the last that was looked at where there may be more behind it.
#[derive(Debug, Default)]
pub struct Stretch {
    pub batches: Vec<Arrival>,
    pub cut: Option<Arrival>,
}

/// Which way a list is gone on with from a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Older,
    Newer,
}

impl Way {
    /// What numbers on that way are, seen from the place.
    pub(super) fn side(self) -> &'static str {
        if self == Way::Older { "<" } else { ">" }
    }

    /// The nearest first.
    pub(super) fn order(self) -> &'static str {
        if self == Way::Older { "DESC" } else { "ASC" }
    }

    /// A number before all others on that way.
    pub fn begin(self) -> i64 {
        if self == Way::Older { i64::MAX } else { 0 }
    }

    /// A number behind all others on that way.
    pub fn end(self) -> i64 {
        self.back().begin()
    }

    pub fn back(self) -> Way {
        if self == Way::Older { Way::Newer } else { Way::Older }
    }

    fn sort(self, batches: &mut [Arrival]) {
        batches.sort_unstable_by_key(|batch| (batch.started_ms, batch.id));
        if self == Way::Older {
            batches.reverse();
        }
    }

    /// Whether the one stands before the other on that way, or is it.
    fn reaches(self, one: Arrival, other: Arrival) -> bool {
        let (one, other) = ((one.started_ms, one.id), (other.started_ms, other.id));
        if self == Way::Older { one >= other } else { one <= other }
    }
}

const ARRIVAL: &str = "SELECT b.id, b.source_id, b.started_ms, b.resolved_to, b.last_record FROM";

impl Received {
    /// Whether any batch is meant.
    pub fn is_all(&self) -> bool {
        *self == Received::default()
    }

    /// Batches on that way from one on, that one too; from the first on where none is named.
    pub async fn batches(
        &self,
        database: &Database,
        wanted: Wanted<'_>,
        (from, way): (Option<i64>, Way),
    ) -> Result<Stretch, StoreError> {
        let from = match from {
            None => None,
            Some(id) => match of_id(database, id).await? {
                Some(batch) => Some(batch),
                None => return Ok(Stretch::default()),
            },
        };
        let sources = match &self.sources {
            None => None,
            Some(names) => Some(ids_of(database, names).await?),
        };
        let fits = |batch: &Arrival| {
            sources.as_ref().is_none_or(|ids| ids.contains(&batch.source_id))
                && self.from_ms.is_none_or(|from_ms| from_ms <= batch.started_ms)
                && self.until_ms.is_none_or(|until_ms| batch.started_ms < until_ms)
                && from.is_none_or(|from| way.reaches(from, *batch))
        };
        if let Some(id) = self.batch_id {
            let batches = of_id(database, id).await?.into_iter().filter(fits).collect();
            return Ok(Stretch { batches, cut: None });
        }
        let few = match wanted {
            Wanted::Held(code) => {
                let of_code = if code.is_some() { " AND d.code = $2" } else { "" };
                let letters = format!("dead_letter d WHERE d.settled_ms IS NULL{of_code}");
                let code = code.map(|code| Cell::Text(code.to_owned())).into_iter().collect();
                some_of_each(database, &letters, code).await?
            }
            Wanted::Stuck(state) => {
                let stuck = format!("delivery d WHERE d.state = '{state}' AND d.{STUCK_STATES}");
                some_of_each(database, &stuck, vec![]).await?
            }
            _ => None,
        };
        match few {
            Some(mut batches) => {
                batches.retain(fits);
                way.sort(&mut batches);
                Ok(Stretch { batches, cut: None })
            }
            None => self.walk(database, wanted, (from, way), sources).await,
        }
    }

    /// In their order, by the index of all or of each source.
    async fn walk(
        &self,
        database: &Database,
        wanted: Wanted<'_>,
        (from, way): (Option<Arrival>, Way),
        sources: Option<Vec<i64>>,
    ) -> Result<Stretch, StoreError> {
        let each: Vec<Option<i64>> =
            sources.map_or_else(|| vec![None], |ids| ids.into_iter().map(Some).collect());
        let mut stretch = Stretch::default();
        for source in each {
            let looked = self.looked(database, (wanted, source), (from, way)).await?;
            let last = looked.last().map(|(batch, _)| *batch);
            if let Some(last) = last.filter(|_| looked.len() as i64 == LOOKED_MAX)
                && stretch.cut.is_none_or(|cut| way.reaches(last, cut))
            {
                stretch.cut = Some(last);
            }
            let fit = looked.into_iter().filter(|(_, fits)| *fits).map(|(batch, _)| batch);
            stretch.batches.extend(fit);
        }
        way.sort(&mut stretch.batches);
        if let Some(cut) = stretch.cut {
            stretch.batches.retain(|batch| way.reaches(*batch, cut));
        }
        Ok(stretch)
    }

    /// The next of one source, and of each whether it has what is wanted.
    async fn looked(
        &self,
        database: &Database,
        (wanted, source): (Wanted<'_>, Option<i64>),
        (from, way): (Option<Arrival>, Way),
    ) -> Result<Vec<(Arrival, bool)>, StoreError> {
        let (mut cells, mut text) = (Vec::new(), String::new());
        let mut add = |condition: &str, cell: i64| {
            cells.push(Cell::Int(cell));
            text.push_str(&format!(" AND {condition} ${}", cells.len()));
        };
        if let Some(source) = source {
            // Those that wait are few, and have an index of their own: that of the source leads past all others.
            let bare = if wanted == Wanted::Waiting { "+" } else { "" };
            add(&format!("{bare}b.source_id ="), source);
        }
        if let Some(from_ms) = self.from_ms {
            add("b.started_ms >=", from_ms);
        }
        if let Some(until_ms) = self.until_ms {
            add("b.started_ms <", until_ms);
        }
        if let Some(from) = from {
            cells.extend(cells![from.started_ms, from.id]);
            let last = cells.len();
            let side = way.side();
            text.push_str(&format!(" AND (b.started_ms, b.id) {side}= (${}, ${last})", last - 1));
        }
        let fits = match wanted {
            Wanted::Waiting => {
                text.push_str(" AND b.state = 'released'");
                "b.resolved_to < b.last_record"
            }
            Wanted::Messages => "EXISTS (SELECT 1 FROM delivery_message m WHERE m.batch_id = b.id)",
            Wanted::Held(None) => {
                "EXISTS (SELECT 1 FROM dead_letter d WHERE d.settled_ms IS NULL AND d.batch_id = b.id)"
            }
            Wanted::Held(Some(code)) => {
                cells.push(Cell::Text(code.to_owned()));
                &format!(
                    "EXISTS (SELECT 1 FROM dead_letter d WHERE d.settled_ms IS NULL AND d.code = ${} \
                     AND d.batch_id = b.id)",
                    cells.len()
                )
            }
            Wanted::Stuck(state) => &format!(
                "EXISTS (SELECT 1 FROM delivery d WHERE d.state = '{state}' AND d.{STUCK_STATES} \
                 AND d.batch_id = b.id)"
            ),
            Wanted::Rows => "b.state IN ('released', 'closed') AND b.last_record > 0",
        };
        let order = way.order();
        let sql = format!(
            "SELECT b.id, b.source_id, b.started_ms, b.resolved_to, b.last_record, \
             CASE WHEN {fits} THEN 1 ELSE 0 END AS fits FROM batch b WHERE 1 = 1{text} \
             ORDER BY b.started_ms {order}, b.id {order} LIMIT {LOOKED_MAX}"
        );
        let rows: Vec<(i64, i64, i64, i64, i64, i32)> = database.fetch(&sql, cells).await?;
        let arrival = |(id, source_id, started_ms, resolved_to, last_record, fits)| {
            (Arrival { id, source_id, started_ms, resolved_to, last_record }, fits == 1)
        };
        Ok(rows.into_iter().map(arrival).collect())
    }
}

/// Batches that have some of these, each found behind the last by an index that begins with their number: as many
/// steps as there are such batches, however many batches and rows there are. Nothing where there are too many of them.
async fn some_of_each(
    database: &Database,
    these: &str,
    more: Vec<Cell>,
) -> Result<Option<Vec<Arrival>>, StoreError> {
    let sql = format!(
        "WITH RECURSIVE h (id, many) AS (\
         SELECT (SELECT MAX(d.batch_id) FROM {these}), 1 UNION ALL \
         SELECT (SELECT MAX(d.batch_id) FROM {these} AND d.batch_id < h.id), h.many + 1 FROM h \
         WHERE h.id IS NOT NULL AND h.many < $1) {ARRIVAL} h JOIN batch b ON b.id = h.id"
    );
    let mut cells = cells![LOOKED_MAX];
    cells.extend(more);
    let batches: Vec<Arrival> = database.fetch(&sql, cells).await?;
    Ok(Some(batches).filter(|batches| (batches.len() as i64) < LOOKED_MAX))
}

/// The batch of that number.
pub async fn of_id(database: &Database, id: i64) -> Result<Option<Arrival>, StoreError> {
    let sql = format!("{ARRIVAL} batch b WHERE b.id = $1");
    Ok(database.fetch(&sql, cells![id]).await?.into_iter().next())
}

async fn ids_of(database: &Database, names: &[String]) -> Result<Vec<i64>, StoreError> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let sql = format!("SELECT id FROM source WHERE name IN ({})", places(1, names.len()));
    let names = names.iter().map(|name| Cell::Text(name.clone())).collect();
    let rows: Vec<(i64,)> = database.fetch(&sql, names).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
