//! How a batch ends that is not released: held whole, or known already.

use super::{Bench, Reading};
use crate::connector::channel::{Origin, ReadEnd};
use crate::job::error::JobError;
use crate::record::batch::Counts;
use crate::store::batches::{self, BatchRow, Ending, Opening};
use crate::store::holding::{self, Holding};

/// The batch that is held already for the same, where it was held before and stands as it stood.
pub(super) async fn held_before(
    bench: &Bench,
    opening: &Opening<'_>,
    origin: &Origin,
    (code, cause): (&str, &str),
    said: &ReadEnd,
) -> Result<Option<i64>, JobError> {
    let holding = Holding {
        batch_id: opening.id,
        source_id: opening.source_id,
        origin: opening.origin,
        origin_mark: opening.origin_mark,
        is_asked: origin.asked.is_some(),
        code,
        cause,
        content_digest: Some(said.content_digest.as_str()).filter(|digest| !digest.is_empty()),
        now_ms: bench.clock.now_ms(),
    };
    Ok(holding::held_again(&bench.database, holding).await?)
}

/// Ends a batch of which nothing was released, with what was read of it.
pub(super) async fn end_batch(
    bench: &Bench,
    reading: &Reading,
    state: &'static str,
    code: &str,
    cause: &str,
    end: &ReadEnd,
) -> Result<(), JobError> {
    let ending = Ending {
        state,
        code: Some(code),
        cause: Some(cause),
        content_digest: Some(end.content_digest.as_str()).filter(|digest| !digest.is_empty()),
        encoding: Some(end.encoding.as_str()).filter(|encoding| !encoding.is_empty()),
        now_ms: bench.clock.now_ms(),
    };
    let counts = Counts {
        rows_in: reading.counts.rows_in,
        held: if state == "held" { reading.counts.rows_in } else { 0 },
        unchanged: if state == "held" { 0 } else { reading.counts.rows_in },
        ..Counts::default()
    };
    Ok(batches::end(&bench.database, reading.batch_id, ending, &counts).await?)
}

/// A stop in mid-read: nothing of it was seen, so it goes, and the origin is read again.
pub(super) async fn abandon(bench: &Bench, batch: &BatchRow) -> Result<(), JobError> {
    let cause = match batch.is_replay() {
        true => "the replay was interrupted before anybody saw it: replay again",
        false => "the reading was interrupted; it was begun again",
    };
    let ending = Ending {
        state: "abandoned",
        code: Some("batch.interrupted"),
        cause: Some(cause),
        content_digest: None,
        encoding: None,
        now_ms: bench.clock.now_ms(),
    };
    Ok(batches::end(&bench.database, batch.id, ending, &Counts::default()).await?)
}
