//! Bulk actions: what a person asks for is done to each delivery of a fixed set, in its order, once.
//! A run may be killed anywhere, paused, or taken up by another node: no item has its turn twice.

use super::clock::Clock;
use super::error::JobError;
use super::fail_point;
use crate::record::delivery::{Content, State};
use crate::store::bulk::{self, Bulk, Step, Verdict};
use crate::store::database::Database;
use crate::store::deliveries::Delivery;

/// Items that have their turn in one commit.
const CHUNK: i64 = 500;
/// A running one that did not move on for so long is taken up by whoever sees it.
pub const STANDS_STILL_MS: i64 = 30_000;

/// What is done to held deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// They go back to be sent, through the gate as ever.
    Release,
    /// They are never sent.
    Dismiss,
}

impl Action {
    pub fn word(self) -> &'static str {
        match self {
            Action::Release => "release",
            Action::Dismiss => "dismiss",
        }
    }

    fn from_word(word: &str) -> Option<Action> {
        [Action::Release, Action::Dismiss].into_iter().find(|action| action.word() == word)
    }

    /// What is to become of a delivery.
    pub fn judge(self, row: &Delivery, now_ms: i64) -> Verdict {
        if row.state != State::Held.word() {
            return Verdict::Left("it is not held");
        }
        if row.cause_code.as_deref() == Some("delivery.unknown") {
            return Verdict::Left(
                "nobody knows whether it was sent: look for its reference at the platform, and \
                 decide it by itself (viaduct deliveries decide)",
            );
        }
        match self {
            Action::Release => released(row, now_ms),
            Action::Dismiss => Verdict::To(State::Dismissed),
        }
    }
}

fn released(row: &Delivery, now_ms: i64) -> Verdict {
    if row.cause_code.as_deref() == Some("pay.paid_twice") {
        return Verdict::Left("it was paid twice: give one payment back");
    }
    if row.platform_id.is_some() {
        return Verdict::Left("the platform had taken it, and it may have arrived all the same");
    }
    if row.doubt_until_ms.is_some_and(|until_ms| now_ms < until_ms) {
        return Verdict::Left(
            "an earlier attempt may still turn up on the platform: try again later",
        );
    }
    match again(&row.message) {
        Some(state) => Verdict::To(state),
        None => Verdict::Left(
            "there is nothing in it to send: the next change at its source makes a new one",
        ),
    }
}

/// The state from which a delivery with that content is sent once more; none where it has none.
pub fn again(message: &str) -> Option<State> {
    match Content::from_json(message)? {
        // Made when its payer opens the link, and not before.
        Content::Payment(_) => Some(State::Offered),
        _ => Some(State::Waiting),
    }
}

/// Works a bulk action to its end, or until somebody pauses it. Gives how it stands then.
pub async fn work(database: &Database, clock: &dyn Clock, id: i64) -> Result<Bulk, JobError> {
    let gone = || JobError::Broken(format!("there is no bulk action {id}"));
    let bulk = bulk::get(database, id).await?.ok_or_else(gone)?;
    let unknown =
        || JobError::Broken(format!("bulk action {id} does what this program does not know"));
    let action = Action::from_word(&bulk.action).ok_or_else(unknown)?;
    loop {
        let now_ms = clock.now_ms();
        fail_point::pass("bulk.before_step");
        let step = bulk::step(database, id, CHUNK, now_ms, |row| action.judge(row, now_ms)).await?;
        fail_point::pass("bulk.step");
        if !matches!(step, Step::Done(_)) {
            break;
        }
    }
    bulk::get(database, id).await?.ok_or_else(gone)
}
