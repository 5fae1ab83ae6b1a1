//! What it means that an answer came, or did not, before anybody looks at what it says.

use serde_json::Value;

use super::address::AddressFault;
use super::channel::ConnectorError;
use super::http::{Answer, HttpFault};

/// No system makes us wait for longer, whatever it says.
pub const RETRY_AFTER_MAX_MS: i64 = 3_600_000;

/// What was being done. A change that went unanswered may have happened; a question changed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing {
    Changing,
    Asking,
}

/// The answer, if one came; or the client, if one could be made.
pub fn arrived<T>(doing: Doing, answered: Result<T, HttpFault>) -> Result<T, ConnectorError> {
    answered.map_err(|fault| match fault {
        HttpFault::NotReached(cause) => unavailable(cause, None),
        HttpFault::NoAnswer(cause) => unanswered(doing, cause),
        HttpFault::Forbidden(fault) => forbidden(&fault),
        HttpFault::Certificate(_) => {
            let cause = fault.to_string();
            ConnectorError::Unauthorised { code: "settings.certificate", cause }
        }
    })
}

/// The JSON of an answer that says it was done.
pub fn json(doing: Doing, answer: &Answer) -> Result<Value, ConnectorError> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| unanswered(doing, "what came back is not JSON".to_owned()))
}

/// A platform that counts calls by the second or the minute, and mostly does not say when to come back: then soon, and
/// spread out, so that those who were turned away together do not come back together.
pub fn too_fast(answer: &Answer, now_ms: i64) -> ConnectorError {
    let soon_ms = 1_000 + now_ms.rem_euclid(997);
    unavailable(SLOW_DOWN.to_owned(), Some(told_to_wait(answer, now_ms).unwrap_or(soon_ms)))
}

/// It asks us to slow down; told when to come back, not before that.
pub fn slow_down(answer: &Answer, now_ms: i64) -> ConnectorError {
    unavailable(SLOW_DOWN.to_owned(), told_to_wait(answer, now_ms))
}

const SLOW_DOWN: &str = "it asks us to slow down";

/// At once is what it may say, too; anything else is at least a second.
fn told_to_wait(answer: &Answer, now_ms: i64) -> Option<i64> {
    let told = answer.retry_after.as_deref().and_then(|text| retry_after_ms(text, now_ms))?;
    Some(if told <= 0 { 0 } else { told.clamp(1_000, RETRY_AFTER_MAX_MS) })
}

/// Seconds, or a date; none where it is neither.
fn retry_after_ms(text: &str, now_ms: i64) -> Option<i64> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(text.parse::<i64>().unwrap_or(i64::MAX).saturating_mul(1_000));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let since = date.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(i64::try_from(since.as_millis()).unwrap_or(i64::MAX).saturating_sub(now_ms))
}

/// Sent on elsewhere, where nobody asked to go.
pub fn redirected() -> ConnectorError {
    unavailable("something on the way redirects us".to_owned(), None)
}

/// An address that must not be called: nothing was, and nothing is until somebody has mended it.
pub fn forbidden(fault: &AddressFault) -> ConnectorError {
    ConnectorError::Unauthorised { code: fault.code(), cause: fault.to_string() }
}

/// Nothing happened there.
pub fn unavailable(cause: String, retry_after_ms: Option<i64>) -> ConnectorError {
    ConnectorError::Unavailable { cause, retry_after_ms }
}

/// Nobody knows what happened there, if anything was to happen.
pub fn unanswered(doing: Doing, cause: String) -> ConnectorError {
    match doing {
        Doing::Changing => ConnectorError::Unknown { cause },
        Doing::Asking => unavailable(cause, None),
    }
}
