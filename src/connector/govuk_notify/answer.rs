//! What the platform's answers mean for us. Decisions are made by status and by the name of the
//! error, never by its text: texts change, and may quote what was sent.

use serde_json::Value;

use crate::connector::answering::{self, Doing, arrived, unanswered};
use crate::connector::channel::{ConnectorError, Standing, Status};
use crate::connector::http::{Answer, HttpFault};

const DAY_MS: i64 = 86_400_000;
/// An answer may be megabytes long, and what is said of it is kept with the delivery.
const CAUSE_CHARS_MAX: usize = 300;
const CLOCK_CODE: &str = "notify.clock";
const KEY_CODE: &str = "notify.key";
/// The longest word for what became of a message, bytes.
const WORD_BYTES_MAX: usize = 40;

/// The answer's JSON if the platform did as asked, else the decision.
pub fn read(
    doing: Doing,
    answered: Result<Answer, HttpFault>,
    now_ms: i64,
) -> Result<Value, ConnectorError> {
    let answer = arrived(doing, answered)?;
    match answer.status {
        200..=299 => answering::json(doing, &answer),
        300..=399 => Err(answering::redirected()),
        429 => Err(too_fast(&answer, now_ms)),
        401 | 403 => Err(shut_out(&Problem::of(&answer))),
        400..=499 => Err(refused(&Problem::of(&answer))),
        status => Err(unanswered(doing, format!("it answered {status}"))),
    }
}

/// The platform's word for what became of a message.
pub fn status(message: &Value) -> Option<Status> {
    let word = message["status"].as_str()?;
    let is_letter = message["type"] == "letter";
    let stands = match word {
        "delivered" | "sent" | "received" | "returned-letter" => Standing::Delivered,
        "permanent-failure" | "cancelled" | "virus-scan-failed" | "validation-failed" => {
            Standing::Failed
        }
        // A letter may be in the post all the same.
        "technical-failure" if is_letter => Standing::Failed,
        "technical-failure" | "temporary-failure" => Standing::MayResend,
        // Also a word we do not know yet: it will say more.
        _ => Standing::Pending,
    };
    // Its words are short and plain; what is not may be anything, and is repeated to nobody.
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'-';
    let is_word = word.len() <= WORD_BYTES_MAX && word.bytes().all(plain);
    let word = if is_word { word } else { "not-understood" };
    Some(Status { word: word.to_owned(), stands })
}

/// The first problem that an answer names.
struct Problem {
    status: u16,
    error: String,
    message: String,
}

impl Problem {
    fn of(answer: &Answer) -> Self {
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let first = &body["errors"][0];
        let text = |name: &str| first[name].as_str().unwrap_or_default().to_owned();
        Self { status: answer.status, error: text("error"), message: text("message") }
    }

    /// Words for a person, with nothing in them that was sent: a known text whole, else the
    /// property it is about.
    fn cause(&self) -> String {
        let known = SAFE_STARTS.iter().any(|start| self.message.starts_with(start));
        if known {
            return self.message.chars().take(CAUSE_CHARS_MAX).collect();
        }
        match self.property() {
            Some(property) => format!("`{property}` was not accepted"),
            None => format!("it answered {}", self.status),
        }
    }

    fn property(&self) -> Option<&'static str> {
        let first = self.message.split(' ').next()?;
        PROPERTIES.into_iter().find(|property| *property == first)
    }

    fn code(&self) -> String {
        match self.error.as_str() {
            "ValidationError" => match self.property() {
                Some(property) => format!("notify.invalid.{property}"),
                None if self.message.starts_with("Address")
                    || self.message.starts_with("Must be") =>
                {
                    "notify.invalid.address".to_owned()
                }
                None => "notify.invalid".to_owned(),
            },
            "InvalidPhoneError" => "notify.invalid.phone_number".to_owned(),
            "NoResultFound" => "notify.not_found".to_owned(),
            "" => format!("notify.{}", self.status),
            _ => "notify.refused".to_owned(),
        }
    }
}

/// Texts of the platform that never quote what was sent.
const SAFE_STARTS: [&str; 17] = [
    "Missing personalisation: ",
    "Template ",
    "Service is not allowed to send",
    "Cannot send ",
    "Can’t send to this recipient",
    "Your message is ",
    "Not a UK mobile number",
    "Address must be",
    "Address lines must not start",
    "The first 2 lines",
    "The last line",
    "Last line of address",
    "Must be a real",
    "email_address Not a valid",
    "phone_number Not ",
    "phone_number Number is not valid",
    "phone_number Too many",
];

const PROPERTIES: [&str; 10] = [
    "template_id",
    "email_address",
    "phone_number",
    "personalisation",
    "reference",
    "sms_sender_id",
    "email_reply_to_id",
    "one_click_unsubscribe_url",
    "sanitise_content_for",
    "postage",
];

fn too_fast(answer: &Answer, now_ms: i64) -> ConnectorError {
    if Problem::of(answer).error == "TooManyRequestsError" {
        let until_midnight_ms = DAY_MS - now_ms.rem_euclid(DAY_MS);
        let cause = "the day's messages are used up".to_owned();
        return ConnectorError::Full { cause, after_ms: until_midnight_ms };
    }
    answering::too_fast(answer, now_ms)
}

fn shut_out(problem: &Problem) -> ConnectorError {
    // Some refusals of a single message have this status too.
    if problem.error == "BadRequestError" {
        return refused(problem);
    }
    // The only place where a text is looked at: a wrong clock is mended by other people than a
    // wrong key.
    let (code, cause) = if problem.message.contains("clock") {
        (
            CLOCK_CODE,
            "this machine's clock is more than 30 seconds off: mend the clock, not the key",
        )
    } else {
        (KEY_CODE, "the key is wrong, revoked, or of another service")
    };
    ConnectorError::Unauthorised { code, cause: cause.to_owned() }
}

fn refused(problem: &Problem) -> ConnectorError {
    ConnectorError::Refused { code: problem.code(), cause: problem.cause() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: u16, error: &str, message: &str) -> Result<Answer, HttpFault> {
        let body = json!({"status_code": status, "errors": [{"error": error, "message": message}]});
        Ok(Answer { status, body: body.to_string().into_bytes(), ..Answer::default() })
    }

    #[test]
    fn every_answer_is_a_decision() {
        let noon_ms = 12 * 3_600_000;
        let unreached = || Err(HttpFault::NotReached("refused".to_owned()));
        let silence = || Err(HttpFault::NoAnswer("closed".to_owned()));
        let kind = |doing, answered| match read(doing, answered, noon_ms) {
            Ok(_) => "ok".to_owned(),
            Err(ConnectorError::Unavailable { retry_after_ms, .. }) => {
                format!("unavailable {retry_after_ms:?}")
            }
            Err(ConnectorError::Unauthorised { code, .. }) => format!("unauthorised {code}"),
            Err(ConnectorError::Refused { code, .. }) => format!("refused {code}"),
            Err(ConnectorError::Malformed(_)) => "malformed".to_owned(),
            Err(ConnectorError::Unknown { .. }) => "unknown".to_owned(),
            Err(ConnectorError::Untried { .. }) => "untried".to_owned(),
            Err(ConnectorError::Forgotten { .. }) => "forgotten".to_owned(),
            Err(ConnectorError::Full { after_ms, .. }) => format!("full for {after_ms}"),
        };
        for (answered, sending, asking) in [
            (Ok(Answer { status: 201, body: b"{}".to_vec(), ..Answer::default() }), "ok", "ok"),
            (
                Ok(Answer { status: 201, body: b"<".to_vec(), ..Answer::default() }),
                "unknown",
                "unavailable None",
            ),
            (unreached(), "unavailable None", "unavailable None"),
            (silence(), "unknown", "unavailable None"),
            (answer(500, "Exception", ""), "unknown", "unavailable None"),
            (answer(503, "", ""), "unknown", "unavailable None"),
            (answer(302, "", ""), "unavailable None", "unavailable None"),
            (answer(429, "TooManyRequestsError", ""), "full for 43200000", "full for 43200000"),
            (answer(401, "AuthError", "no"), "unauthorised notify.key", "unauthorised notify.key"),
            (
                answer(403, "AuthError", "Error: Your system clock …"),
                "unauthorised notify.clock",
                "unauthorised notify.clock",
            ),
            (
                answer(403, "BadRequestError", "Cannot send letters …"),
                "refused notify.refused",
                "refused notify.refused",
            ),
            (
                answer(400, "ValidationError", "phone_number x"),
                "refused notify.invalid.phone_number",
                "refused notify.invalid.phone_number",
            ),
            (
                answer(404, "NoResultFound", "No result found"),
                "refused notify.not_found",
                "refused notify.not_found",
            ),
            (
                Ok(Answer { status: 404, body: b"<html>".to_vec(), ..Answer::default() }),
                "refused notify.404",
                "refused notify.404",
            ),
        ] {
            assert_eq!(kind(Doing::Changing, answered.clone()), sending, "{answered:?}");
            assert_eq!(kind(Doing::Asking, answered.clone()), asking, "{answered:?}");
        }
        let slow = read(Doing::Changing, answer(429, "RateLimitError", ""), noon_ms);
        assert!(matches!(
            slow,
            Err(ConnectorError::Unavailable { retry_after_ms: Some(1_000..2_000), .. })
        ));
    }

    #[test]
    fn a_refusal_never_repeats_what_was_sent() {
        for (message, cause) in [
            (
                "personalisation Pat Testberry is not of type object",
                "`personalisation` was not accepted",
            ),
            ("reference 07700900123 is too long", "`reference` was not accepted"),
            ("something new about Pat", "it answered 400"),
            ("Missing personalisation: account", "Missing personalisation: account"),
            ("email_address Not a valid email address", "email_address Not a valid email address"),
        ] {
            let refused = read(Doing::Changing, answer(400, "ValidationError", message), 0);
            match refused {
                Err(ConnectorError::Refused { cause: said, .. }) => assert_eq!(said, cause),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn a_long_answer_is_said_in_short() {
        let long = format!("Template {}", "é".repeat(100_000));
        match read(Doing::Changing, answer(400, "BadRequestError", &long), 0) {
            Err(ConnectorError::Refused { cause, .. }) => assert_eq!(cause.chars().count(), 300),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_word_says_where_a_message_stands() {
        for (kind, word, stands) in [
            ("email", "created", Standing::Pending),
            ("sms", "pending", Standing::Pending),
            ("sms", "sent", Standing::Delivered),
            ("letter", "received", Standing::Delivered),
            ("letter", "technical-failure", Standing::Failed),
            ("email", "technical-failure", Standing::MayResend),
            ("email", "temporary-failure", Standing::MayResend),
            ("email", "permanent-failure", Standing::Failed),
            ("email", "a word of next year", Standing::Pending),
        ] {
            let found = status(&json!({"type": kind, "status": word}));
            assert_eq!(found.map(|found| found.stands), Some(stands), "{kind} {word}");
        }
    }
}
