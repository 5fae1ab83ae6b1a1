//! What platforms answer: every answer is a decision, and a silence is never a success.

use viaduct::connector::answering::{self, Doing};
use viaduct::connector::channel::ConnectorError;
use viaduct::connector::http::{Answer, HttpFault};
use viaduct::connector::http_push::settings::HttpPushSettings;
use viaduct::connector::{govuk_notify, govuk_pay, http_push};
use viaduct::definition::reader::File;

use super::input::Input;

const STATUSES: [u16; 16] =
    [200, 201, 204, 299, 300, 302, 400, 401, 403, 404, 409, 418, 429, 500, 503, 599];
const NOW_MS: i64 = 1_774_000_000_000;

pub fn answers(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let status = match input.byte() {
        few @ 0..=127 => STATUSES[usize::from(few) % STATUSES.len()],
        many => u16::from(many) * 7,
    };
    let doing = input.pick(&[Doing::Changing, Doing::Asking]);
    let how = input.byte();
    let body = input.stretched();
    // The one platform's or the other's.
    let pay = how & 1 == 1;
    let is_json =
        (pay && status == 204) || serde_json::from_slice::<serde_json::Value>(&body).is_ok();
    let answered = match how {
        250..=252 => Err(HttpFault::NotReached("refused".to_owned())),
        253..=255 => Err(HttpFault::NoAnswer("closed".to_owned())),
        _ => Ok(Answer { status, body, ..Answer::default() }),
    };
    pushed(answered.clone(), body_of(&answered));
    let reached = answered.is_ok();
    let read = if pay { govuk_pay::answer::read } else { govuk_notify::answer::read };
    match read(doing, answered, NOW_MS) {
        Ok(message) => {
            assert!(reached && is_json && (200..300).contains(&status));
            let _ = govuk_notify::answer::status(&message);
            let _ = govuk_pay::answer::status(&message);
        }
        Err(ConnectorError::Unavailable { cause, retry_after_ms }) => {
            assert!(!cause.is_empty());
            assert!(retry_after_ms.is_none_or(|wait_ms| (0..=86_400_000).contains(&wait_ms)));
            // What may have been sent is not sent again before it was asked after.
            let sent = reached && ((200..300).contains(&status) || status >= 500);
            assert!(doing == Doing::Asking || !sent, "{status}: it may have been sent");
        }
        Err(ConnectorError::Unknown { cause }) => {
            assert!(!cause.is_empty() && doing == Doing::Changing);
        }
        Err(ConnectorError::Refused { code, cause }) => {
            assert!((400..500).contains(&status) && !cause.is_empty() && cause.len() < 2_000);
            // A code is of a list of ours, or the platform's own, and never what was sent.
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
            assert!(!code.is_empty() && code.bytes().all(plain), "{code}");
        }
        Err(ConnectorError::Unauthorised { code, .. }) => assert!(!code.is_empty()),
        Err(ConnectorError::Full { cause, after_ms }) => {
            assert!(!cause.is_empty() && (0..=86_400_000).contains(&after_ms) && status == 429);
        }
        Err(ConnectorError::Forgotten { .. }) => panic!("an answer is not forgotten"),
        Err(ConnectorError::Untried { .. }) => panic!("an answer is an answer"),
        Err(ConnectorError::Malformed(fault)) => assert!(!fault.cause.is_empty()),
    }
}

/// Of any other system nothing is a success that is not plainly its own answer.
fn pushed(answered: Result<Answer, HttpFault>, body: Option<(u16, Vec<u8>)>) {
    let text = "url = \"https://orders.example.com/\"\nidempotency = \"key\"\nreceipt = \"/id\"";
    let file = File::parse("orders.toml", text.to_owned());
    let settings = HttpPushSettings::read(&file.root()).expect("settings");
    match http_push::answer::of_send(&settings, answered.clone(), NOW_MS) {
        Ok(name) => {
            let (status, body) = body.expect("an answer came");
            let json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
            assert!(
                [200, 201, 202, 204].contains(&status) && (body.trim_ascii().is_empty() || json)
            );
            assert!(name.is_none_or(|name| name.is_ascii() && name.len() <= 64));
        }
        Err(ConnectorError::Unavailable { retry_after_ms, .. }) => {
            let most_ms = answering::RETRY_AFTER_MAX_MS;
            assert!(retry_after_ms.is_none_or(|wait_ms| (0..=most_ms).contains(&wait_ms)));
            assert!(body.is_none_or(|(status, _)| [429, 503].contains(&status)));
        }
        Err(_) => {}
    }
    if let Ok(answer) = answered {
        let _ = http_push::answer::of_question(&settings, answer, NOW_MS);
    }
}

fn body_of(answered: &Result<Answer, HttpFault>) -> Option<(u16, Vec<u8>)> {
    answered.as_ref().ok().map(|answer| (answer.status, answer.body.clone()))
}
