//! What the platform's answers mean for us, by status and code; its sentences are never looked at, and
//! never repeated: they may hold what was sent.

use serde_json::Value;

use crate::connector::answering::{self, Doing, arrived, unanswered};
use crate::connector::channel::{ConnectorError, Standing, Status};
use crate::connector::http::{Answer, HttpFault};

/// The answer's JSON if the platform did as asked, else the decision. An empty answer is null.
pub fn read(
    doing: Doing,
    answered: Result<Answer, HttpFault>,
    now_ms: i64,
) -> Result<Value, ConnectorError> {
    let answer = arrived(doing, answered)?;
    match answer.status {
        204 => Ok(Value::Null),
        200..=299 => answering::json(doing, &answer),
        300..=399 => Err(answering::redirected()),
        429 => Err(answering::too_fast(&answer, now_ms)),
        401 => Err(ConnectorError::Unauthorised {
            code: "pay.key",
            cause: "the key is wrong or revoked".to_owned(),
        }),
        403 => Err(ConnectorError::Unauthorised {
            code: "pay.account",
            cause: "the account may not take payments: ask in the admin tool why".to_owned(),
        }),
        status @ 400..=499 => Err(refused(status, &code_of(&answer))),
        status => Err(unanswered(doing, format!("it answered {status}"))),
    }
}

/// The platform's code for a problem: `P0102`.
pub fn code_of(answer: &Answer) -> String {
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let code = body["code"].as_str().unwrap_or_default();
    let digits = code.strip_prefix('P').unwrap_or_default();
    let known = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if known { code.to_owned() } else { String::new() }
}

/// Whether a refusal says that the payment does not stand as we thought: finished already, cannot be
/// captured or given back any more, or another refund came first.
pub fn is_moved(code: &str) -> bool {
    ["pay.P0501", "pay.P0502", "pay.P1003", "pay.P0603", "pay.P0604"].contains(&code)
}

fn refused(status: u16, code: &str) -> ConnectorError {
    let cause = match code {
        "P0920" => "its firewall blocks a value, such as one with a quote or a bar",
        "P0603" => "the payment cannot be given back, or not any more",
        "P0604" => "somebody gave money back in the meantime: read the payment again",
        "P0191" => "another payment was made under this key",
        "P0942" => "payments by agreement are not enabled for the service",
        "P0195" | "P0196" => "payments over the telephone are not enabled for the service",
        _ if status == 404 => "there is no such thing",
        _ => "a value was not accepted",
    };
    let code = if code.is_empty() { status.to_string() } else { code.to_owned() };
    ConnectorError::Refused { code: format!("pay.{code}"), cause: cause.to_owned() }
}

/// Where a payment stands, by its state. A word of next year is no success.
pub fn status(payment: &Value) -> Option<Status> {
    let word = payment["state"]["status"].as_str()?;
    let stands = match word {
        "success" => Standing::Delivered,
        "failed" | "cancelled" | "error" => Standing::Lapsed,
        _ => Standing::Pending,
    };
    Some(Status { word: word.to_owned(), stands })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_word_in_the_place_of_a_code_is_not_repeated() {
        for (code, told) in
            [("P0102", "P0102"), ("Pat T", ""), ("Pé12", ""), ("P01020", ""), ("", "")]
        {
            let body = json!({ "code": code }).to_string().into_bytes();
            assert_eq!(code_of(&Answer { status: 400, body, ..Answer::default() }), told);
        }
    }

    #[test]
    fn every_answer_is_a_decision() {
        let answer = |status: u16, code: &str| {
            let body = json!({ "code": code, "description": "Pat Testberry owes" });
            Ok(Answer { status, body: body.to_string().into_bytes(), ..Answer::default() })
        };
        let said = |doing, answered| match read(doing, answered, 0) {
            Ok(_) => "ok".to_owned(),
            Err(error) => error.to_string(),
        };
        for (answered, changing, asking) in [
            (Ok(Answer { status: 204, body: Vec::new(), ..Answer::default() }), "ok", "ok"),
            (answer(201, ""), "ok", "ok"),
            (
                Ok(Answer { status: 201, body: b"<".to_vec(), ..Answer::default() }),
                "no answer came: what came back is not JSON",
                "the system is not available: what came back is not JSON",
            ),
            (
                answer(500, "P0198"),
                "no answer came: it answered 500",
                "the system is not available: it answered 500",
            ),
            (
                Err(HttpFault::NotReached("refused".to_owned())),
                "the system is not available: refused",
                "the system is not available: refused",
            ),
            (
                answer(422, "P0102"),
                "the system refused (pay.P0102): a value was not accepted",
                "the system refused (pay.P0102): a value was not accepted",
            ),
            (
                Ok(Answer { status: 404, body: b"<html>".to_vec(), ..Answer::default() }),
                "the system refused (pay.404): there is no such thing",
                "the system refused (pay.404): there is no such thing",
            ),
            (
                answer(401, ""),
                "the system does not let us in (pay.key): the key is wrong or revoked",
                "the system does not let us in (pay.key): the key is wrong or revoked",
            ),
        ] {
            assert_eq!(said(Doing::Changing, answered.clone()), changing);
            assert_eq!(said(Doing::Asking, answered), asking);
        }
    }

    #[test]
    fn only_success_is_a_success() {
        for (word, stands) in [
            ("created", Standing::Pending),
            ("started", Standing::Pending),
            ("submitted", Standing::Pending),
            ("capturable", Standing::Pending),
            ("a word of next year", Standing::Pending),
            ("success", Standing::Delivered),
            ("failed", Standing::Lapsed),
            ("cancelled", Standing::Lapsed),
            ("error", Standing::Lapsed),
        ] {
            let found = status(&json!({ "state": { "status": word } }));
            assert_eq!(found.map(|found| found.stands), Some(stands), "{word}");
        }
        assert_eq!(status(&json!({})), None);
    }
}
