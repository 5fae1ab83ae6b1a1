//! What each answer makes of a delivery. Pure: rows and answers in, rows out.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{Deliver, SHORTEST_MS};
use crate::connector::channel::{ConnectorError, Inquiry, Receipt, Standing, Status};
use crate::job::disposition::{self, Disposition, UNKNOWN_CODE};
use crate::job::fail_point::Safeguard;
use crate::record::delivery::{Content, Delivery, State};
use crate::store::outbox::NEVER_MS;
use crate::store::rechecks::Seen;
use crate::store::sending::{ClaimedRow, PendingRow, Postponed, Settled};
use crate::suppression::gate::Withheld;

const ATTEMPTS_CODE: &str = "delivery.attempts";
const UNREADABLE_CODE: &str = "delivery.unreadable";
const TAKEN_BACK_CODE: &str = "delivery.taken_back";
const STALE_CODE: &str = "delivery.stale";
const BEHIND_CODE: &str = "delivery.behind";
/// How soon a question is put again; each wait is twice the one before.
const ASK_MS: i64 = 5_000;
/// When a payment that was made is looked at again, where its platform did not answer.
const RECHECK_MS: i64 = 60_000;
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
    intent_ms: i64,
    result: Result<Receipt, ConnectorError>,
    now_ms: i64,
) -> Next {
    let about = About::claimed(delivery, intent_ms);
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
        Disposition::GiveBack { after_ms, cause } => {
            let then_ms = now_ms + after_ms.unwrap_or(0);
            Settled { cause: Some(cause), ..given_back(delivery, intent_ms, then_ms, now_ms) }
        }
        Disposition::Hold { code, cause } => about.held(code, cause),
        Disposition::Ask { cause } => {
            let code = Some(UNKNOWN_CODE.to_owned());
            let next_ms = now_ms;
            Settled { next_ms, code, cause: Some(cause), ..about.settled(State::Unknown) }
        }
        Disposition::Halt { code, cause } => {
            let code = Some(code.to_owned());
            let back = Settled { code, cause: Some(cause), ..about.back(now_ms, now_ms) };
            return Next::Halted(Some(Settled { give_back: true, ..back }), error);
        }
    })
}

/// What the gate kept here.
pub fn withheld(delivery: &Delivery, intent_ms: i64, why: Withheld, now_ms: i64) -> Settled {
    let about = About::claimed(delivery, intent_ms);
    let settled = match why.until_ms {
        Some(until_ms) => about.back(until_ms.max(now_ms + AGAIN_MS), now_ms),
        // Judged anew when its payer comes again: there is nothing for anybody else to do.
        None if about.is_offer => about.back(now_ms, now_ms),
        None => Settled { next_ms: now_ms, ..about.settled(State::Held) },
    };
    let (code, cause) = (Some(why.code.to_owned()), Some(why.reason));
    Settled { give_back: true, code, cause, ..settled }
}

/// A message that was written by a program that we are not.
pub fn unreadable(row: &ClaimedRow, now_ms: i64) -> Settled {
    Settled {
        next_ms: now_ms,
        give_back: true,
        code: Some(UNREADABLE_CODE.to_owned()),
        cause: Some("the message cannot be read".to_owned()),
        ..About::row(row).settled(State::Held)
    }
}

/// One that comes late: what it says was so once.
pub fn stale(row: &ClaimedRow) -> Settled {
    Settled {
        give_back: true,
        code: Some(STALE_CODE.to_owned()),
        cause: Some("a newer one has been sent, which says what is so now".to_owned()),
        ..About::row(row).settled(State::Replaced)
    }
}

/// One that comes late, behind a newer one of which nobody knows yet whether it took effect: it waits for that, or
/// for the person who decides about it.
pub fn behind(row: &ClaimedRow, by_a_person: bool, now_ms: i64) -> Settled {
    let (state, code) = match by_a_person {
        true => (State::Held, Some(BEHIND_CODE.to_owned())),
        false => (State::Waiting, None),
    };
    Settled {
        next_ms: now_ms + AGAIN_MS,
        give_back: true,
        code,
        cause: Some("a newer one is on its way, or nobody knows what became of it".to_owned()),
        ..About::row(row).settled(state)
    }
}

/// One that was claimed and not sent after all: it waits as before, or until then.
pub fn given_back(delivery: &Delivery, intent_ms: i64, then_ms: i64, now_ms: i64) -> Settled {
    Settled { give_back: true, ..About::claimed(delivery, intent_ms).back(then_ms, now_ms) }
}

/// What the answer to "did it happen?" means.
pub fn of_inquiry(
    job: &Deliver,
    row: &PendingRow,
    answer: Result<Inquiry, ConnectorError>,
    now_ms: i64,
) -> Next {
    let (about, patience) = (About::pending(row), &job.patience);
    if Safeguard::Asking.is_off() {
        return Next::Settled(again(job, &about, now_ms, 0, "nobody asked".to_owned()));
    }
    let person = |cause: &str| Next::Settled(about.held(UNKNOWN_CODE.to_owned(), cause.to_owned()));
    let error = match answer {
        Ok(Inquiry::Happened(receipt)) => {
            return Next::Settled(received(job, &about, receipt, now_ms));
        }
        Ok(Inquiry::CannotTell) => {
            return person("nobody answered, and the platform cannot tell what became of it");
        }
        Ok(Inquiry::NotFound) if now_ms < row.since_ms + patience.not_found_ms => {
            // It may still be on its way.
            let soon_ms = now_ms + growing(ASK_MS, row.polls, patience.poll_longest_ms);
            return later(row, soon_ms.min(row.since_ms + patience.not_found_ms), None);
        }
        Ok(Inquiry::NotFound) if now_ms >= row.intent_ms + patience.forgets_ms => {
            return person("nobody answered, and the platform may have forgotten it by now");
        }
        Ok(Inquiry::NotFound) => {
            let cause = "no answer came, and the platform knows of no such thing".to_owned();
            // It was asked long enough; and may turn up all the same.
            let doubt_until_ms = (patience.doubt_ms > 0).then(|| now_ms + patience.doubt_ms);
            let about = About { doubt_until_ms, ..about };
            let settled = again(job, &about, now_ms, about.attempts - 1, cause);
            return Next::Settled(Settled { doubt_until_ms, ..settled });
        }
        Err(error) => error,
    };
    if now_ms >= row.intent_ms.saturating_add(patience.forgets_ms)
        && !matches!(error, ConnectorError::Unauthorised { .. })
    {
        return person(&format!("it could not be asked in time: {error}"));
    }
    match disposition::of_connector(&error) {
        Disposition::Retry { after_ms, .. } | Disposition::GiveBack { after_ms, .. } => {
            let wait_ms = growing(ASK_MS, row.polls, patience.poll_longest_ms);
            later(row, now_ms + wait_ms.max(after_ms.unwrap_or(0)), None)
        }
        Disposition::Ask { .. } => {
            let wait_ms = growing(ASK_MS, row.polls, patience.poll_longest_ms);
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
    answer: Result<Receipt, ConnectorError>,
    now_ms: i64,
) -> Next {
    let (about, patience) = (About::pending(row), &job.patience);
    let next_ms = now_ms + growing(patience.poll_ms, row.polls + 1, patience.poll_longest_ms);
    let error = match answer {
        Ok(receipt) => {
            let same = row.platform_id.as_ref() == Some(&receipt.platform_id);
            return match receipt.status.stands {
                Standing::Pending if same => later(row, next_ms, Some(receipt.status.word)),
                // While another may turn up, this is not the last word.
                Standing::Delivered if same && is_in_doubt(about.doubt_until_ms, now_ms) => {
                    later(row, next_ms, Some(receipt.status.word))
                }
                _ => Next::Settled(received(job, &about, receipt, now_ms)),
            };
        }
        Err(error) => error,
    };
    match disposition::of_connector(&error) {
        Disposition::Retry { after_ms, .. } | Disposition::GiveBack { after_ms, .. } => {
            later(row, next_ms.max(now_ms + after_ms.unwrap_or(0)), None)
        }
        Disposition::Ask { .. } => later(row, next_ms, None),
        Disposition::Hold { code, cause } => Next::Settled(about.held(code, cause)),
        Disposition::Halt { .. } => Next::Halted(None, error),
    }
}

/// What a look at an offered payment found, of which an attempt that was given up may have left one on
/// the platform.
pub fn of_watch(
    job: &Deliver,
    row: &PendingRow,
    answer: Result<Inquiry, ConnectorError>,
    now_ms: i64,
) -> Next {
    let about = About::pending(row);
    let next_ms = about.watched_ms(now_ms, row.polls + 1, job.patience.poll_longest_ms);
    match answer {
        Ok(Inquiry::Happened(receipt)) if receipt.status.stands != Standing::Lapsed => {
            Next::Settled(received(job, &about, receipt, now_ms))
        }
        Err(error) => match disposition::of_connector(&error) {
            Disposition::Halt { .. } => Next::Halted(None, error),
            _ => later(row, next_ms, None),
        },
        Ok(_) => later(row, next_ms, None),
    }
}

/// What the platform's word means about a payment that was made, and of which it hinted that something happened. An
/// error halts the job.
pub fn of_recheck(
    job: &Deliver,
    answer: Result<Receipt, ConnectorError>,
    now_ms: i64,
) -> Result<Seen, ConnectorError> {
    let later =
        |after_ms: Option<i64>| Ok(Seen::Later(now_ms + after_ms.unwrap_or(0).max(RECHECK_MS)));
    let error = match answer {
        Ok(receipt) => {
            let Status { word, stands } = receipt.status;
            return Ok(match stands {
                Standing::Delivered => Seen::Stands,
                Standing::Doubled(ids) => Seen::Held {
                    code: format!("{}.{word}", job.platform),
                    cause: format!("it happened more than once: {}", ids.join(", ")),
                    word: Some(word),
                },
                Standing::Pending | Standing::Failed | Standing::MayResend | Standing::Lapsed => {
                    Seen::Held {
                        code: TAKEN_BACK_CODE.to_owned(),
                        cause: format!("it was made, and the platform says now: {word}"),
                        word: Some(word),
                    }
                }
            });
        }
        Err(error) => error,
    };
    match disposition::of_connector(&error) {
        Disposition::Retry { after_ms, .. } | Disposition::GiveBack { after_ms, .. } => {
            later(after_ms)
        }
        Disposition::Ask { .. } => later(None),
        Disposition::Hold { code, cause } => Ok(Seen::Held { code, cause, word: None }),
        Disposition::Halt { .. } => Err(error),
    }
}

/// Whether something may still turn up.
pub fn is_in_doubt(doubt_until_ms: Option<i64>, now_ms: i64) -> bool {
    doubt_until_ms.is_some_and(|until_ms| until_ms > now_ms)
}

/// Which delivery it is about.
struct About<'a> {
    id: i64,
    intents: i64,
    fence: i64,
    intent_ms: i64,
    attempts: i64,
    reference: &'a str,
    /// A payment, which is made when its payer comes and not by itself.
    is_offer: bool,
    was_claimed: bool,
    doubt_until_ms: Option<i64>,
}

impl<'a> About<'a> {
    fn claimed(delivery: &'a Delivery, intent_ms: i64) -> About<'a> {
        About {
            id: delivery.id,
            intents: delivery.intent,
            fence: delivery.fence,
            intent_ms,
            attempts: delivery.attempts,
            reference: &delivery.reference,
            is_offer: delivery.content.payment().is_some(),
            was_claimed: true,
            doubt_until_ms: delivery.doubt_until_ms,
        }
    }

    fn row(row: &'a ClaimedRow) -> About<'a> {
        About {
            id: row.id,
            intents: row.intents,
            fence: row.fence,
            intent_ms: row.since_ms,
            attempts: row.attempts,
            reference: &row.reference,
            is_offer: false,
            was_claimed: true,
            doubt_until_ms: row.doubt_until_ms,
        }
    }

    fn pending(row: &'a PendingRow) -> About<'a> {
        About {
            id: row.id,
            intents: row.intents,
            fence: row.fence,
            intent_ms: row.intent_ms,
            attempts: row.attempts,
            reference: &row.reference,
            is_offer: Content::from_json(&row.message).is_some_and(|one| one.payment().is_some()),
            was_claimed: false,
            doubt_until_ms: row.doubt_until_ms,
        }
    }

    /// Where it goes when it was not sent: a message waits until then, a payment for its payer. A payer's
    /// attempts are not ours, and are not counted.
    fn back(&self, then_ms: i64, now_ms: i64) -> Settled {
        match self.is_offer {
            true => Settled {
                next_ms: self.watched_ms(now_ms, 0, NEVER_MS),
                give_back: true,
                ..self.settled(State::Offered)
            },
            false => Settled { next_ms: then_ms, ..self.settled(State::Waiting) },
        }
    }

    /// When it is looked for something that may turn up: never where nothing may.
    fn watched_ms(&self, now_ms: i64, polls: i64, longest_ms: i64) -> i64 {
        match self.doubt_until_ms {
            Some(until_ms) if until_ms > now_ms => {
                until_ms.min(now_ms + growing(ASK_MS, polls, longest_ms))
            }
            _ => NEVER_MS,
        }
    }

    fn settled(&self, state: State) -> Settled {
        Settled {
            id: self.id,
            intents: self.intents,
            intent_ms: self.intent_ms,
            fence: self.fence,
            was_claimed: self.was_claimed,
            state,
            next_ms: 0,
            give_back: false,
            platform_id: None,
            platform_status: None,
            code: None,
            cause: None,
            doubt_until_ms: None,
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
    let accepted = || {
        let next_ms = now_ms + job.patience.poll_ms;
        Settled { next_ms, ..about.settled(State::Accepted) }
    };
    let settled = match status.stands {
        Standing::Pending => accepted(),
        Standing::Delivered if is_in_doubt(about.doubt_until_ms, now_ms) => accepted(),
        Standing::Delivered => about.settled(State::Delivered),
        Standing::Lapsed => {
            let cause = Some(format!("the platform says: {}", status.word));
            Settled { cause, ..about.back(now_ms, now_ms) }
        }
        Standing::Doubled(ids) => {
            let cause = format!("it happened more than once: {}", ids.join(", "));
            about.held(format!("{}.{}", job.platform, status.word), cause)
        }
        Standing::Failed | Standing::MayResend => {
            let cause = format!("the platform says: {}", status.word);
            about.held(format!("{}.{}", job.platform, status.word), cause)
        }
    };
    Settled { platform_status: Some(status.word), ..settled }
}

/// Sent again later, not before `from_ms`, with a wait that grows with what `failed`; or held when
/// our patience is at its end.
fn again(job: &Deliver, about: &About<'_>, from_ms: i64, failed: i64, cause: String) -> Settled {
    if about.is_offer {
        return Settled { cause: Some(cause), ..about.back(from_ms, from_ms) };
    }
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

/// Anything up to the longest, so that those who failed together do not come back together. The
/// same for the same attempt, so that a run can be repeated.
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
