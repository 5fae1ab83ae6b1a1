//! The audit log: who changed what, when and why. A line is written in the transaction of the change
//! itself, so that neither is there without the other. Lines are chained: each carries a digest of itself
//! and of the one before.

use super::database::{Cell, Database, StoreError, Transaction, cells};
use super::statement::places;

/// What is written of a change. Nothing of it may hold what is known about a resident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// `user:kim`, `key:NAME`, `hub`
    pub actor: &'a str,
    /// `accepted`, `begun` …
    pub action: &'a str,
    /// What it was done to: `batch 10002`.
    pub target: String,
    pub reason: Option<&'a str>,
    /// Counts and words: JSON.
    pub details: Option<String>,
}

/// A line of the log.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Line {
    /// 1, 2, 3 …
    pub id: i64,
    /// UTC milliseconds
    pub at_ms: i64,
    pub actor: String,
    pub action: String,
    pub target: String,
    pub reason: Option<String>,
    pub details: Option<String>,
    /// SHA-256, hexadecimal.
    pub digest: String,
}

/// Lines that are read at a time.
const PAGE: i64 = 1_000;
const COLUMNS: &str = "id, at_ms, actor, action, target, reason, details, digest";

/// Writes a line. Part of the transaction of the change.
pub async fn write(
    transaction: &mut Transaction,
    entry: &Entry<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    // Whoever comes second waits here until the first has committed.
    let sql = "UPDATE audit_end SET last = last + 1 WHERE id = 1 RETURNING last, digest";
    let end: Vec<(i64, String)> = transaction.fetch(sql, vec![]).await?;
    let Some((id, before)) = end.into_iter().next() else {
        return Err(StoreError::Refused("the audit log has lost its end".to_owned()));
    };
    let mut line = Line {
        id,
        at_ms: now_ms,
        actor: entry.actor.to_owned(),
        action: entry.action.to_owned(),
        target: entry.target.clone(),
        reason: entry.reason.map(str::to_owned),
        details: entry.details.clone(),
        digest: String::new(),
    };
    line.digest = line.digest_after(&before);
    let sql = "UPDATE audit_end SET digest = $1 WHERE id = 1";
    transaction.execute(sql, cells![line.digest.clone()]).await?;
    let sql = format!("INSERT INTO audit ({COLUMNS}) VALUES ($1,$2,$3,$4,$5,$6,$7,$8)");
    let cells = cells![
        line.id,
        line.at_ms,
        line.actor,
        line.action,
        line.target,
        line.reason,
        line.details,
        line.digest,
    ];
    transaction.execute(&sql, cells).await?;
    Ok(())
}

/// Writes a line by itself, of something that is no single change of ours.
pub async fn write_alone(
    database: &Database,
    entry: &Entry<'_>,
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin_durable().await?;
    write(&mut transaction, entry, now_ms).await?;
    transaction.commit().await
}

/// The newest lines below that number.
pub async fn newest(database: &Database, before: i64, most: i64) -> Result<Vec<Line>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2");
    database.fetch(&sql, cells![before, most]).await
}

/// The newest lines that say one of these was done, since then: so many of each at most.
pub async fn of_actions(
    database: &Database,
    actions: &[&'static str],
    (since_ms, most): (i64, i64),
) -> Result<Vec<Line>, StoreError> {
    let mut cells = cells![since_ms];
    // Told as a stretch of the index: where it is told as equal, PostgreSQL goes through all lines, from the newest on.
    let each = actions.iter().map(|action| {
        cells.push((*action).into());
        format!(
            "SELECT * FROM (SELECT {COLUMNS} FROM audit WHERE action >= ${place} AND action <= ${place} \
             AND at_ms > $1 ORDER BY action DESC, id DESC LIMIT {most}) few",
            place = cells.len()
        )
    });
    let sql = each.collect::<Vec<_>>().join(" UNION ALL ");
    let mut lines: Vec<Line> = database.fetch(&sql, cells).await?;
    lines.sort_unstable_by_key(|line| std::cmp::Reverse(line.id));
    lines.truncate(most as usize);
    Ok(lines)
}

/// Every line about one thing, the first first.
pub async fn of_target(database: &Database, target: &str) -> Result<Vec<Line>, StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM audit WHERE target = $1 ORDER BY id");
    database.fetch(&sql, cells![target.to_owned()]).await
}

/// What a break-glass account did between two instants, the first first.
pub async fn of_break_glass(
    database: &Database,
    name: &str,
    (from_ms, until_ms): (i64, i64),
    most: i64,
) -> Result<Vec<Line>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit WHERE actor LIKE 'break-glass:%' AND actor = $1 \
         AND at_ms >= $2 AND at_ms <= $3 ORDER BY id LIMIT $4"
    );
    let cells = cells![format!("break-glass:{name}"), from_ms, until_ms, most];
    database.fetch(&sql, cells).await
}

/// Whether a break-glass account changed what one of these people may, between two instants.
pub async fn touched_by_break_glass(
    database: &Database,
    name: &str,
    (from_ms, until_ms): (i64, i64),
    people: &[String],
) -> Result<bool, StoreError> {
    let sql = format!(
        "SELECT id FROM audit WHERE actor LIKE 'break-glass:%' AND actor = $1 AND at_ms >= $2 AND at_ms <= $3 \
         AND action IN ('added', 'invited', 'roles', 'enabled', 'owner') AND LOWER(target) IN ({}) LIMIT 1",
        places(4, people.len())
    );
    let mut cells = cells![format!("break-glass:{name}"), from_ms, until_ms];
    cells.extend(people.iter().map(|one| Cell::Text(format!("staff {one}"))));
    let rows: Vec<(i64,)> = database.fetch(&sql, cells).await?;
    Ok(!rows.is_empty())
}

/// What a look through the whole log found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// So many lines, each as it was written.
    Whole(i64),
    /// The first line that is not as it was written, or not there.
    Broken { line: i64, what: &'static str },
}

/// Looks at every line.
pub async fn verify(database: &Database) -> Result<Verdict, StoreError> {
    let (mut last, mut digest) = (0, String::new());
    loop {
        let sql = format!("SELECT {COLUMNS} FROM audit WHERE id > $1 ORDER BY id LIMIT $2");
        let lines: Vec<Line> = database.fetch(&sql, cells![last, PAGE]).await?;
        if lines.is_empty() {
            break;
        }
        for line in lines {
            if line.id != last + 1 {
                return Ok(Verdict::Broken { line: last + 1, what: "it is not there" });
            }
            if line.digest != line.digest_after(&digest) {
                return Ok(Verdict::Broken { line: line.id, what: "it is not as it was written" });
            }
            (last, digest) = (line.id, line.digest);
        }
    }
    let sql = "SELECT last, digest FROM audit_end WHERE id = 1";
    let end: Vec<(i64, String)> = database.fetch(sql, vec![]).await?;
    match end.first() {
        Some(end) if *end == (last, digest) => Ok(Verdict::Whole(last)),
        _ => Ok(Verdict::Broken { line: last + 1, what: "the log's end was cut off" }),
    }
}

impl Line {
    /// Of every column and of the line before. A part's length stands before it, so that no text can be
    /// moved from one to the next.
    fn digest_after(&self, before: &str) -> String {
        let (id, at) = (self.id.to_string(), self.at_ms.to_string());
        let none = "-";
        let parts = [
            before,
            &id,
            &at,
            &self.actor,
            &self.action,
            &self.target,
            if self.reason.is_some() { "+" } else { none },
            self.reason.as_deref().unwrap_or_default(),
            if self.details.is_some() { "+" } else { none },
            self.details.as_deref().unwrap_or_default(),
        ];
        let mut context = ring::digest::Context::new(&ring::digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part.as_bytes());
        }
        context.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
