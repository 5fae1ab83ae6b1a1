//! Held deliveries that a person sends back to be tried again.

use std::collections::HashSet;

use super::database::{Database, StoreError, cells};
use super::outbox::NEVER_MS;
use super::sending::{ROWS_AT_ONCE, tuples};
use crate::record::delivery::State;

/// A held delivery that may go, as it was when that was judged.
#[derive(Debug, Clone, Copy)]
pub struct Release {
    pub id: i64,
    pub fence: i64,
    /// Where it goes back to.
    pub state: State,
}

/// Lets them go, with fresh attempts. Gives those that were still as they were judged: the fence says
/// whether anybody had a hand on them since.
pub async fn release(
    database: &Database,
    releases: &[Release],
    now_ms: i64,
) -> Result<HashSet<i64>, StoreError> {
    let mut gone = HashSet::new();
    let mut transaction = database.begin_durable().await?;
    for some in releases.chunks(ROWS_AT_ONCE) {
        let sql = format!(
            "WITH v (id, fence, state, since_ms, next_ms) AS (VALUES {}) \
             UPDATE delivery SET state = v.state, since_ms = v.since_ms, next_ms = v.next_ms, \
             attempts = 0, polls = 0, fence = delivery.fence + 1, cause_code = NULL, cause = NULL \
             FROM v WHERE delivery.id = v.id AND delivery.fence = v.fence \
             AND delivery.state = 'held' RETURNING delivery.id",
            tuples(some.len(), 5)
        );
        let cells = some.iter().flat_map(|one| {
            let next_ms = if one.state == State::Offered { NEVER_MS } else { now_ms };
            cells![one.id, one.fence, one.state.word(), now_ms, next_ms]
        });
        let ids: Vec<(i64,)> = transaction.fetch(&sql, cells.collect()).await?;
        gone.extend(ids.into_iter().map(|(id,)| id));
    }
    transaction.commit().await?;
    Ok(gone)
}
