//! What a receiver's answers mean for us. Decisions are made by status, and by whether the body is of the
//! kind that this receiver answers with: a proxy's page with the status 200 is no receiver's answer.

use serde_json::Value;

use super::settings::{AnswerIs, Conflict, HttpPushSettings, Lost};
use crate::connector::answering::{self, Doing, arrived, unanswered, unavailable};
use crate::connector::channel::ConnectorError;
use crate::connector::format::xml;
use crate::connector::http::{Answer, HttpFault};
use crate::record::document::Document;

/// The longest name that a receiver may give a push.
const NAME_BYTES_MAX: usize = 64;

/// The receiver's own name for what it took, where it gave one; else the decision.
pub fn of_send(
    settings: &HttpPushSettings,
    answered: Result<Answer, HttpFault>,
    now_ms: i64,
) -> Result<Option<String>, ConnectorError> {
    let answer = arrived(Doing::Changing, answered)?;
    let refused = |cause: &str| {
        let code = format!("push.{}", answer.status);
        Err(ConnectorError::Refused { code, cause: cause.to_owned() })
    };
    let silence = |cause: String| Err(unanswered(Doing::Changing, cause));
    match answer.status {
        status if settings.success.contains(&status) => match fault_in(settings, &answer) {
            None => Ok(named(settings, &answer)),
            Some(what) => silence(format!("it answered {status}, and {what}")),
        },
        // It did it, and shows what came of it elsewhere.
        303 => silence("it sends us on for its answer".to_owned()),
        300..=399 => Err(redirected(&answer)),
        401 | 403 => Err(shut_out(answer.status)),
        409 => match settings.on_409 {
            Conflict::Refused => refused("it says that this conflicts with what it has"),
            Conflict::Done => Ok(None),
            Conflict::Later => silence("it says that it is still dealing with it".to_owned()),
        },
        410 => Err(ConnectorError::Unauthorised {
            code: "push.gone",
            cause: "it says that nothing is taken at this address any more".to_owned(),
        }),
        422 => match settings.on_422 {
            Conflict::Done => Ok(None),
            Conflict::Refused | Conflict::Later => refused("it says that it cannot take this body"),
        },
        429 => Err(answering::slow_down(&answer, now_ms)),
        // The key makes it harmless to come back, and it says when.
        503 if is_keyed(settings) && answer.retry_after.is_some() => {
            Err(answering::slow_down(&answer, now_ms))
        }
        // It may have begun.
        408 => silence("it says that we took too long".to_owned()),
        400..=499 => refused("it does not take this"),
        status => silence(format!("it answered {status}")),
    }
}

/// Whether it happened, as a receiver says that can be asked. A page that is not the receiver's says
/// nothing: not that it happened, and not that it did not.
pub fn of_question(
    settings: &HttpPushSettings,
    answer: Answer,
    now_ms: i64,
) -> Result<bool, ConnectorError> {
    let strange = |what: &str| Err(unavailable(format!("asked after it, {what}"), None));
    match answer.status {
        200 => match fault_in(settings, &answer) {
            None => Ok(true),
            Some(what) => strange(what),
        },
        404 if is_page(&answer.body) => strange("it answered with a page"),
        404 => Ok(false),
        300..=399 => Err(redirected(&answer)),
        401 | 403 => Err(shut_out(answer.status)),
        429 | 503 => Err(answering::slow_down(&answer, now_ms)),
        status => strange(&format!("it answered {status}")),
    }
}

/// What is wrong with the body of an answer that says by its status that all is well.
fn fault_in(settings: &HttpPushSettings, answer: &Answer) -> Option<&'static str> {
    let body = answer.body.trim_ascii();
    if is_page(body) {
        return Some("what came back is a page for people");
    }
    match settings.answer {
        _ if body.is_empty() => None,
        AnswerIs::Any => None,
        AnswerIs::Xml => {
            let text = std::str::from_utf8(body).ok();
            let mut document = Document::default();
            let parsed = text.is_some_and(|text| xml::parse::parse(text, &mut document).is_ok());
            match parsed {
                false => Some("what came back is not XML"),
                true if xml::fault::is_told(text.unwrap_or_default()) => {
                    Some("what came back tells of a fault")
                }
                true => None,
            }
        }
        // What JSON takes for blank is less than what is trimmed above.
        AnswerIs::Json => match serde_json::from_slice::<Value>(&answer.body) {
            Ok(said) if tells_of_a_fault(&said) => Some("what came back tells of a fault"),
            Ok(_) => None,
            Err(_) => Some("what came back is not JSON"),
        },
    }
}

/// Some answer 200 and say in the body that it went wrong.
fn tells_of_a_fault(said: &Value) -> bool {
    const WRONG: [&str; 6] = ["error", "errors", "fault", "exception", "errormessage", "errorcode"];
    const WELL: [&str; 4] = ["success", "succeeded", "issuccess", "ok"];
    const STANDS: [&str; 3] = ["status", "result", "outcome"];
    const FAILED: [&str; 7] =
        ["error", "fail", "failed", "failure", "fault", "rejected", "invalid"];
    const NOTHING: [&str; 9] = ["", "0", "00", "000", "ok", "none", "null", "success", "false"];
    let says_something = |value: &Value| match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !NOTHING.contains(&text.trim().to_ascii_lowercase().as_str()),
        Value::Array(items) => !items.is_empty(),
        Value::Object(members) => !members.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Bool(true) => true,
    };
    let denies = |value: &Value| match value {
        Value::Bool(well) => !well,
        Value::String(text) => text.eq_ignore_ascii_case("false"),
        _ => false,
    };
    let failed = |value: &Value| match value {
        Value::String(text) => FAILED.contains(&text.trim().to_ascii_lowercase().as_str()),
        // Some repeat the status of the answer.
        Value::Number(number) => number.as_i64().is_some_and(|number| (400..600).contains(&number)),
        _ => false,
    };
    match said {
        Value::Array(items) => items.iter().any(tells_of_a_fault),
        Value::Object(members) => members.iter().any(|(name, value)| {
            // `ErrorMessage`, `error_message`.
            let name: String =
                name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
            let name = name.as_str();
            WRONG.contains(&name) && says_something(value)
                || WELL.contains(&name) && denies(value)
                || STANDS.contains(&name)
                    && failed(value)
                    && (name == "status" || value.is_string())
        }),
        _ => false,
    }
}

/// A page of a proxy, a firewall or a sign-in.
fn is_page(body: &[u8]) -> bool {
    let start = &body[..body.len().min(512)];
    let start =
        String::from_utf8_lossy(start).trim_start_matches('\u{feff}').trim_start().to_lowercase();
    start.starts_with("<!doctype html") || start.starts_with("<html")
}

/// Its name, where it is short and plain; what is not may be anything, and is kept by nobody.
fn named(settings: &HttpPushSettings, answer: &Answer) -> Option<String> {
    let place = settings.receipt.as_deref()?;
    let said: Value = serde_json::from_slice(&answer.body).ok()?;
    let name = match said.pointer(place)? {
        Value::String(name) => name.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
    let good = (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(plain);
    good.then_some(name)
}

fn is_keyed(settings: &HttpPushSettings) -> bool {
    matches!(settings.lost, Lost::SentAgain { .. })
}

/// Never followed, and only the host is said: the rest of the address may hold anything.
fn redirected(answer: &Answer) -> ConnectorError {
    let host = answer.sent_on_to.as_deref().unwrap_or("nowhere");
    ConnectorError::Unauthorised {
        code: "push.redirected",
        cause: format!("it sends us on to {host}, where we do not go"),
    }
}

fn shut_out(status: u16) -> ConnectorError {
    let cause = format!("it does not let us in: it answered {status}");
    ConnectorError::Unauthorised { code: "push.key", cause }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::http_push::settings::tests::settings;

    const NOON_MS: i64 = 1_600_000_000_000;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() }
    }

    fn word<T>(result: Result<T, ConnectorError>) -> String {
        match result {
            Ok(_) => "ok".to_owned(),
            Err(ConnectorError::Unavailable { retry_after_ms, .. }) => {
                format!("later {retry_after_ms:?}")
            }
            Err(ConnectorError::Unauthorised { code, cause }) => format!("halt {code}: {cause}"),
            Err(ConnectorError::Refused { code, .. }) => format!("refused {code}"),
            Err(ConnectorError::Unknown { .. }) => "unknown".to_owned(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn every_answer_to_a_push_is_a_decision_and_garbage_never_a_success() {
        let keyed = settings("idempotency = \"key\"");
        let bare = settings("idempotency = \"none\"\non_409 = \"done\"\non_422 = \"done\"");
        let patient = settings("idempotency = \"key\"\non_409 = \"later\"\nanswer = \"xml\"");
        for (settings, status, body, expected) in [
            (&keyed, 200, "", "ok"),
            (&keyed, 204, "", "ok"),
            (&keyed, 201, "{\"id\": 7}", "ok"),
            (&keyed, 200, "{\"error\": null, \"errors\": []}", "ok"),
            (&keyed, 200, "{\"error\": \"no such account\"}", "unknown"),
            (&keyed, 200, "{\"errors\": [{}]}", "unknown"),
            (&keyed, 200, "{\"success\": false}", "unknown"),
            (&keyed, 200, "{\"Success\": false, \"ErrorMessage\": \"no such account\"}", "unknown"),
            (&keyed, 200, "{\"status\": \"error\"}", "unknown"),
            (&keyed, 200, "{\"result\": \"FAILED\", \"code\": 7}", "unknown"),
            (&keyed, 200, "[{\"error\": \"no\"}]", "unknown"),
            (&keyed, 200, "{\"status\": 503}", "unknown"),
            (
                &keyed,
                200,
                "{\"errorCode\": \"0\", \"errorMessage\": \"OK\", \"result\": 412}",
                "ok",
            ),
            (&keyed, 200, "{\"status\": \"accepted\", \"result\": 1, \"Errors\": []}", "ok"),
            (
                &patient,
                200,
                "<e:Envelope xmlns:e=\"urn:e\"><e:Body><e:Fault/></e:Body></e:Envelope>",
                "unknown",
            ),
            (&patient, 200, "<error>no such account</error>", "unknown"),
            (&patient, 200, "<order><line><no><fault/></no></line></order>", "ok"),
            (&keyed, 200, "<!DOCTYPE html><title>Sign in</title>", "unknown"),
            (&keyed, 200, "\u{feff} <HTML>", "unknown"),
            (&keyed, 200, "OK", "unknown"),
            (&keyed, 200, "{\"id\":", "unknown"),
            (&keyed, 200, "\u{c}4", "unknown"),
            (&keyed, 206, "{}", "unknown"),
            (&patient, 200, "<ok/>", "ok"),
            (&patient, 200, "<ok>", "unknown"),
            (&patient, 200, "<html><body/></html>", "unknown"),
            (&keyed, 500, "{\"success\": true}", "unknown"),
            (&keyed, 502, "", "unknown"),
            (&keyed, 503, "", "unknown"),
            (&keyed, 303, "", "unknown"),
            (&keyed, 408, "", "unknown"),
            (&keyed, 100, "", "unknown"),
            (&keyed, 400, "Pat Testberry is unknown", "refused push.400"),
            (&keyed, 404, "", "refused push.404"),
            (&keyed, 409, "", "refused push.409"),
            (&bare, 409, "", "ok"),
            (&patient, 409, "", "unknown"),
            (&keyed, 422, "", "refused push.422"),
            (&bare, 422, "", "ok"),
            (&keyed, 429, "", "later None"),
            (&keyed, 401, "", "halt push.key: it does not let us in: it answered 401"),
            (
                &keyed,
                302,
                "",
                "halt push.redirected: it sends us on to nowhere, where we do not go",
            ),
            (
                &keyed,
                410,
                "",
                "halt push.gone: it says that nothing is taken at this address any more",
            ),
        ] {
            let found = word(of_send(settings, Ok(answer(status, body)), NOON_MS));
            assert_eq!(found, expected, "{status} {body}");
        }
        let lost = of_send(&keyed, Err(HttpFault::NoAnswer("closed".to_owned())), NOON_MS);
        assert_eq!(word(lost), "unknown");
        let unreached = of_send(&keyed, Err(HttpFault::NotReached("refused".to_owned())), NOON_MS);
        assert_eq!(word(unreached), "later None");
    }

    #[test]
    fn of_a_redirect_only_the_host_is_said() {
        let told = Answer {
            status: 307,
            sent_on_to: Some("evil.example.com".to_owned()),
            ..Answer::default()
        };
        let found = word(of_send(&settings("idempotency = \"none\""), Ok(told), NOON_MS));
        let expected =
            "halt push.redirected: it sends us on to evil.example.com, where we do not go";
        assert_eq!(found, expected);
    }

    #[test]
    fn we_come_back_when_we_are_told_and_within_an_hour() {
        let keyed = settings("idempotency = \"key\"");
        let bare = settings("idempotency = \"none\"");
        for (text, expected) in [
            ("7", "later Some(7000)"),
            ("0", "later Some(0)"),
            ("3600", "later Some(3600000)"),
            ("86400", "later Some(3600000)"),
            ("99999999999999999999999", "later Some(3600000)"),
            ("Sun, 13 Sep 2020 12:27:40 GMT", "later Some(60000)"),
            ("Sun, 13 Sep 2020 12:00:00 GMT", "later Some(0)"),
            ("Sun, 13 Sep 2099 12:00:00 GMT", "later Some(3600000)"),
            ("-5", "later None"),
            ("soon", "later None"),
            ("", "later None"),
        ] {
            for status in [429, 503] {
                let retry_after = Some(text.to_owned());
                let told = Answer { status, retry_after, ..Answer::default() };
                assert_eq!(word(of_send(&keyed, Ok(told.clone()), NOON_MS)), expected, "{text}");
                // Without a key nobody knows whether a 503 came before or after.
                let found = word(of_send(&bare, Ok(told), NOON_MS));
                let expected = if status == 503 { "unknown" } else { expected };
                assert_eq!(found, expected, "{status} {text}");
            }
        }
    }

    #[test]
    fn asked_it_says_yes_or_no_and_a_strange_page_says_neither() {
        let settings = settings(
            "idempotency = \"ask\"\nstatus_url = \"https://orders.example.com/{reference}\"",
        );
        for (status, body, expected) in [
            (200, "{\"id\": \"a\"}", "true"),
            (404, "{\"error\": \"not found\"}", "false"),
            (404, "", "false"),
            (404, "<html>Not found</html>", "later None"),
            (200, "<html>Sign in</html>", "later None"),
            (200, "garbage", "later None"),
            (204, "", "later None"),
            (500, "", "later None"),
            (429, "", "later None"),
        ] {
            let found = of_question(&settings, answer(status, body), NOON_MS);
            let found = found.map_or_else(|error| word::<()>(Err(error)), |yes| yes.to_string());
            assert_eq!(found, expected, "{status} {body}");
        }
    }

    #[test]
    fn a_receivers_name_is_kept_where_it_is_plain() {
        let settings = settings("idempotency = \"key\"\nreceipt = \"/order/id\"");
        for (body, expected) in [
            ("{\"order\": {\"id\": \"A-7\"}}", Some("A-7")),
            ("{\"order\": {\"id\": 7}}", Some("7")),
            ("{\"order\": {\"id\": \"Pat Testberry\"}}", None),
            ("{}", None),
            ("", None),
        ] {
            let found = of_send(&settings, Ok(answer(200, body)), NOON_MS).expect("it took it");
            assert_eq!(found.as_deref(), expected, "{body}");
        }
    }
}
