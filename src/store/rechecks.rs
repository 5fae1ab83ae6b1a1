//! Payments that were made, and that their platform says something of all the same: they are looked at once more,
//! and are what they were until the platform itself says otherwise.

use super::database::{Database, StoreError, cells};
use super::sending::PendingRow;

/// What tells a payment from anything else: it stands behind nobody. An index has the same words.
pub const IS_PAYMENT: &str = "in_line = 0";

/// How long after a hint one is looked at a second time.
const SECOND_LOOK_MS: i64 = 10 * 60_000;

/// What a look at one brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It stands.
    Stands,
    /// Nobody knows: it is looked at again then (UTC milliseconds).
    Later(i64),
    /// It does not: code, cause and the platform's own word.
    Held { code: String, cause: String, word: Option<String> },
}

/// Those of a destination that it is time to look at.
pub async fn due(
    database: &Database,
    destination: &str,
    now_ms: i64,
    limit: i64,
) -> Result<Vec<PendingRow>, StoreError> {
    let sql = "SELECT d.id, d.reference, COALESCE(m.message, '') AS message, d.platform_id, d.since_ms, d.attempts, \
               d.intents, d.polls, d.fence, d.doubt_until_ms, \
               COALESCE(f.intent_ms, d.intent_ms, d.created_ms) AS first_intent_ms, \
               COALESCE(a.intent_ms, d.intent_ms, d.created_ms) AS intent_ms FROM delivery d \
               LEFT JOIN delivery_message m ON m.delivery_id = d.id \
               LEFT JOIN delivery_attempt f ON f.delivery_id = d.id AND f.attempt = 1 \
               LEFT JOIN delivery_attempt a ON a.delivery_id = d.id AND a.attempt = d.intents \
               WHERE d.destination = $1 AND d.recheck_ms IS NOT NULL AND d.recheck_ms <= $2 \
               AND d.state = 'delivered' ORDER BY d.recheck_ms, d.id LIMIT $3";
    database.fetch(sql, cells![destination.to_owned(), now_ms, limit]).await
}

/// Writes what was seen. One that is something else by now is left alone.
pub async fn write(
    database: &Database,
    seen: &[(i64, Seen)],
    now_ms: i64,
) -> Result<(), StoreError> {
    if seen.is_empty() {
        return Ok(());
    }
    let mut transaction = database.begin().await?;
    for (id, seen) in seen {
        match seen {
            // A platform may call before its own pages say so: it is looked at a second time.
            Seen::Stands => {
                let sql = "UPDATE delivery SET polls = CASE WHEN polls = 0 THEN 1 ELSE 0 END, \
                           recheck_ms = CASE WHEN polls = 0 THEN $2 END WHERE id = $1";
                transaction.execute(sql, cells![*id, now_ms + SECOND_LOOK_MS]).await?;
            }
            Seen::Later(then_ms) => {
                let sql = "UPDATE delivery SET recheck_ms = $2 WHERE id = $1";
                transaction.execute(sql, cells![*id, *then_ms]).await?;
            }
            Seen::Held { code, cause, word } => {
                // The attempt has something to say now, and so a row.
                let sql = "INSERT INTO delivery_attempt (delivery_id, attempt, intent_ms) \
                           SELECT id, intents, intent_ms FROM delivery \
                           WHERE id = $1 AND state = 'delivered' AND intent_ms IS NOT NULL \
                           ON CONFLICT (delivery_id, attempt) DO NOTHING";
                transaction.execute(sql, cells![*id]).await?;
                let sql = "UPDATE delivery SET state = 'held', intent_ms = NULL, since_ms = $2, next_ms = $2, \
                           settled_ms = NULL, recheck_ms = NULL, cause_code = $3, cause = $4, \
                           platform_status = COALESCE($5, platform_status), fence = fence + 1 \
                           WHERE id = $1 AND state = 'delivered'";
                let told = cells![*id, now_ms, code.clone(), cause.clone(), word.clone()];
                if transaction.execute(sql, told).await? > 0 {
                    let sql = "UPDATE delivery_attempt SET outcome = $2, cause = $3, ended_ms = $4 \
                               WHERE delivery_id = $1 AND attempt = \
                               (SELECT intents FROM delivery WHERE id = $1)";
                    let told = cells![*id, code.clone(), cause.clone(), now_ms];
                    transaction.execute(sql, told).await?;
                }
            }
        }
    }
    transaction.commit().await
}
