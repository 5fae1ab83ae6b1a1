//! What is held whole, and was held before: a poll that is made again, or calls that are read again, and that
//! stand as they stood. They are held once, and not once an hour.

use super::database::{Database, StoreError, cells};

/// What is about to be held.
#[derive(Debug, Clone, Copy)]
pub struct Holding<'a> {
    /// The batch in hand, of which nobody saw anything yet.
    pub batch_id: i64,
    pub source_id: i64,
    pub origin: &'a str,
    pub origin_mark: &'a str,
    /// It is an answer to a question, which has a mark of its own each time that it is put.
    pub is_asked: bool,
    pub code: &'a str,
    pub cause: &'a str,
    pub content_digest: Option<&'a str>,
    pub now_ms: i64,
}

#[derive(sqlx::FromRow)]
struct Last {
    id: i64,
    state: String,
    cause_code: Option<String>,
    cause: Option<String>,
    content_digest: Option<String>,
    decided_as: Option<String>,
}

impl Last {
    /// Whether that says all that is to be said. What somebody decided about is of its very content.
    fn says(&self, holding: &Holding<'_>) -> bool {
        let same = self.content_digest.as_deref() == holding.content_digest;
        self.state == "held"
            && self.cause_code.as_deref() == Some(holding.code)
            && self.cause.as_deref() == Some(holding.cause)
            && (same || self.decided_as.is_none())
    }
}

/// Where what was last made of the same is held for the same, word for word: that batch stands for it, with the
/// content that came now, and the one in hand is not there any more. None where it must be held by itself.
pub async fn held_again(
    database: &Database,
    holding: Holding<'_>,
) -> Result<Option<i64>, StoreError> {
    let mut transaction = database.begin_durable().await?;
    let (mark, name) = (holding.origin_mark.to_owned(), holding.origin.to_owned());
    let mut cells = cells![holding.source_id, holding.batch_id, mark];
    let by_name = match holding.is_asked {
        true => {
            cells.extend(cells![name]);
            "OR origin = $4"
        }
        false => "",
    };
    let sql = format!(
        "SELECT id, state, cause_code, cause, content_digest, decided_as FROM batch \
         WHERE source_id = $1 AND id <> $2 AND state NOT IN ('abandoned', 'reading') \
         AND (origin_mark = $3 {by_name}) ORDER BY id DESC LIMIT 1"
    );
    let last: Vec<Last> = transaction.fetch(&sql, cells).await?;
    let Some(last) = last.into_iter().next().filter(|last| last.says(&holding)) else {
        return Ok(None);
    };
    // Whoever decided meanwhile decided about what they saw.
    let sql = "UPDATE batch SET content_digest = $2, closed_ms = $3 WHERE id = $1 AND state = 'held' \
               AND (decided_as IS NULL OR content_digest = $2)";
    let digest = holding.content_digest.map(str::to_owned);
    if transaction.execute(sql, cells![last.id, digest, holding.now_ms]).await? == 0 {
        return Ok(None);
    }
    for sql in [
        "DELETE FROM dead_letter WHERE batch_id = $1",
        "DELETE FROM source_record WHERE id > $1 AND batch_id = $1",
        "DELETE FROM batch WHERE id = $1 AND state = 'reading'",
    ] {
        transaction.execute(sql, cells![holding.batch_id]).await?;
    }
    transaction.commit().await?;
    Ok(Some(last.id))
}
