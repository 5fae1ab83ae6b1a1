//! What each answer makes of a delivery. Pure: rows and answers in, rows out.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Deliver, SHORTEST_MS};
use crate::connector::channel::{ConnectorError, Inquiry, Receipt, Standing, Status};
use crate::job::disposition::{self, Disposition};
use crate::record::delivery::{Delivery, State};
use crate::store::sending::{ClaimedRow, PendingRow, Postponed, Settled};
use crate::suppression::gate::Withheld;

const ATTEMPTS_CODE: &str = "delivery.attempts";
const UNKNOWN_CODE: &str = "delivery.unknown";
const UNREADABLE_CODE: &str = "delivery.unreadable";
/// After a judgement with an end: the end may lie a moment back.
const AGAIN_MS: i64 = 60_000;

/// What is written next.
#[derive(Debug)]
pub enum Next {
    Settled(Settled),
    Postponed(Postponed),
    /// And the job stops.
    Halted(Option<Settled>, ConnectorError),
}

/// What a send came to.
pub fn of_send(
    job: &Deliver,
    delivery: &Delivery,
    intents: i64,
    result: Result<Receipt, ConnectorError>,
    now_ms: i64,
) -> Next {
    let about = About::claimed(delivery, intents);
    let error = match result {
        Ok(receipt) => return Next::Settled(received(job, &about, receipt, now_ms)),
        Err(error) => error,
    };
    Next::Settled(match disposition::of_connector(&error) {
        Disposition::Retry { after_ms, cause } => match after_ms {
            // Told when to come back, the first time we do.
            Some(after_ms) => again(job, &about, now_ms + after_ms, about.attempts - 1, cause),
            None => again(job, &about, now_ms, about.attempts, cause),
        },
        Disposition::Hold { code, cause } => about.held(code, cause),
        Disposition::Ask { cause } => {
            let code = Some(UNKNOWN_CODE.to_owned());
            let next_ms = now_ms;
            Settled { next_ms, code, cause: Some(cause), ..about.settled(State::Unknown) }
        }
        Disposition::Halt { code, cause } => {
            let waiting = Settled {
                next_ms: now_ms,
                give_back: true,
                code: Some(code.to_owned()),
                cause: Some(cause),
                ..about.settled(State::Waiting)
            };
            return Next::Halted(Some(waiting), error);
        }
    })
}

/// What the gate kept here.
pub fn withheld(delivery: &Delivery, intents: i64, why: Withheld, now_ms: i64) -> Settled {
    let about = About::claimed(delivery, intents);
    let state = if why.until_ms.is_some() { State::Waiting } else { State::Held };
    Settled {
        next_ms: why.until_ms.map_or(now_ms, |until_ms| until_ms.max(now_ms + AGAIN_MS)),
        give_back: true,
        code: Some(why.code.to_owned()),
        cause: Some(why.reason),
        ..about.settled(state)
    }
}

/// A message that was written by a program that we are not.
pub fn unreadable(row: &ClaimedRow, now_ms: i64) -> Settled {
    Settled {
        id: row.id,
        intents: row.intents,
        fence: row.fence,
        state: State::Held,
        next_ms: now_ms,
        give_back: true,
        platform_id: None,
        platform_status: None,
        code: Some(UNREADABLE_CODE.to_owned()),
        cause: Some("the message cannot be read".to_owned()),
    }
}

/// What the answer to "did it happen?" means.
pub fn of_inquiry(
    job: &Deliver,
    row: &PendingRow,
    answer: Result<Inquiry, ConnectorError>,
    now_ms: i64,
) -> Next {
    let about = About::pending(row);
    let person = |cause: &str| Next::Settled(about.held(UNKNOWN_CODE.to_owned(), cause.to_owned()));
    let error = match answer {
        Ok(Inquiry::Happened(receipt)) => {
            return Next::Settled(received(job, &about, receipt, now_ms));
        }
        Ok(Inquiry::CannotTell) => {
            return person("nobody answered, and the platform cannot tell what became of it");
        }
        Ok(Inquiry::NotFound) if now_ms < row.since_ms + job.ask_again_ms => {
            // It may still be on its way.
            return later(row, row.since_ms + job.ask_again_ms, None);
        }
        Ok(Inquiry::NotFound) if now_ms >= row.intent_ms + job.forgets_after_ms => {
            return person("nobody answered, and the platform may have forgotten it by now");
        }
        Ok(Inquiry::NotFound) => {
            let cause = "no answer came, and the platform knows of no such message".to_owned();
            return Next::Settled(again(job, &about, now_ms, about.attempts - 1, cause));
        }
        Err(error) => error,
    };
    match disposition::of_connector(&error) {
        Disposition::Retry { after_ms, .. } => {
            let wait_ms = growing(job.ask_again_ms, row.polls, job.poll_longest_ms);
            later(row, now_ms + wait_ms.max(after_ms.unwrap_or(0)), None)
        }
        Disposition::Ask { .. } => {
            let wait_ms = growing(job.ask_again_ms, row.polls, job.poll_longest_ms);
            later(row, now_ms + wait_ms, None)
        }
        Disposition::Hold { cause, .. } => person(&format!("it could not be asked after: {cause}")),
        Disposition::Halt { .. } => Next::Halted(None, error),
    }
}

/// What the platform's word about an accepted delivery means.
pub fn of_status(
    job: &Deliver,
    row: &PendingRow,
    answer: Result<Status, ConnectorError>,
    now_ms: i64,
) -> Next {
    let about = About::pending(row);
    let next_ms = now_ms + growing(job.poll_ms, row.polls + 1, job.poll_longest_ms);
    let error = match answer {
        Ok(status) if status.stands == Standing::Pending => {
            return later(row, next_ms, Some(status.word));
        }
        Ok(status) => return Next::Settled(stands(job, &about, status, now_ms)),
        Err(error) => error,
    };
    match disposition::of_connector(&error) {
        Disposition::Retry { after_ms, .. } => {
            later(row, next_ms.max(now_ms + after_ms.unwrap_or(0)), None)
        }
        Disposition::Ask { .. } => later(row, next_ms, None),
        Disposition::Hold { code, cause } => Next::Settled(about.held(code, cause)),
        Disposition::Halt { .. } => Next::Halted(None, error),
    }
}

/// Which delivery it is about.
struct About<'a> {
    id: i64,
    intents: i64,
    fence: i64,
    attempts: i64,
    reference: &'a str,
}

impl<'a> About<'a> {
    fn claimed(delivery: &'a Delivery, intents: i64) -> About<'a> {
        About {
            id: delivery.id,
            intents,
            fence: delivery.fence,
            attempts: delivery.attempts,
            reference: &delivery.reference,
        }
    }

    fn pending(row: &'a PendingRow) -> About<'a> {
        About {
            id: row.id,
            intents: row.intents,
            fence: row.fence,
            attempts: row.attempts,
            reference: &row.reference,
        }
    }

    fn settled(&self, state: State) -> Settled {
        Settled {
            id: self.id,
            intents: self.intents,
            fence: self.fence,
            state,
            next_ms: 0,
            give_back: false,
            platform_id: None,
            platform_status: None,
            code: None,
            cause: None,
        }
    }

    fn held(&self, code: String, cause: String) -> Settled {
        Settled { code: Some(code), cause: Some(cause), ..self.settled(State::Held) }
    }
}

fn received(job: &Deliver, about: &About<'_>, receipt: Receipt, now_ms: i64) -> Settled {
    let settled = stands(job, about, receipt.status, now_ms);
    Settled { platform_id: Some(receipt.platform_id), ..settled }
}

fn stands(job: &Deliver, about: &About<'_>, status: Status, now_ms: i64) -> Settled {
    let settled = match status.stands {
        Standing::Pending => {
            Settled { next_ms: now_ms + job.poll_ms, ..about.settled(State::Accepted) }
        }
        Standing::Delivered => about.settled(State::Delivered),
        Standing::Failed | Standing::MayResend => {
            let may = match status.stands {
                Standing::MayResend => "; it may be sent once more",
                _ => "",
            };
            let cause = format!("the platform says: {}{may}", status.word);
            about.held(format!("{}.{}", job.platform, status.word), cause)
        }
    };
    Settled { platform_status: Some(status.word), ..settled }
}

/// Sent again later, not before `from_ms`, with a wait that grows with what `failed`; or held when
/// our patience is at its end.
fn again(job: &Deliver, about: &About<'_>, from_ms: i64, failed: i64, cause: String) -> Settled {
    let count = |attempts: i64| u32::try_from(attempts).unwrap_or(0);
    if job.retry.wait_ms(count(about.attempts)).is_none() {
        let cause = format!("{} attempts were made; the last: {cause}", about.attempts);
        return about.held(ATTEMPTS_CODE.to_owned(), cause);
    }
    let wait_ms = match count(failed) {
        0 => 0,
        failed => {
            let longest_ms = job.retry.wait_ms(failed).unwrap_or(job.retry.longest_ms);
            spread(about, longest_ms).max(SHORTEST_MS)
        }
    };
    let next_ms = from_ms + wait_ms;
    Settled { next_ms, cause: Some(cause), ..about.settled(State::Waiting) }
}

/// Anything up to the longest, so that those who failed together do not come back together. The same
/// for the same attempt, so that a run can be repeated.
fn spread(about: &About<'_>, longest_ms: i64) -> i64 {
    let mixed = xxh3_64_with_seed(about.reference.as_bytes(), about.intents.unsigned_abs());
    i64::try_from(mixed >> 1).unwrap_or(0) % (longest_ms.max(0) + 1)
}

fn growing(first_ms: i64, times: i64, longest_ms: i64) -> i64 {
    let factor = 1_i64 << times.clamp(0, 30);
    first_ms.saturating_mul(factor).clamp(SHORTEST_MS, longest_ms.max(SHORTEST_MS))
}

fn later(row: &PendingRow, next_ms: i64, platform_status: Option<String>) -> Next {
    Next::Postponed(Postponed { id: row.id, fence: row.fence, next_ms, platform_status })
}
