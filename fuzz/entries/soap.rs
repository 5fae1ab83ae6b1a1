//! What a system that speaks SOAP answers, and the events that a CRM posts: an envelope or none, an event or
//! none, and a fault's words without a control character or more than a few of them.

use viaduct::connector::answering::Doing;
use viaduct::connector::channel::ConnectorError;
use viaduct::connector::http::Answer;
use viaduct::connector::soap::answer::{Outcome, Troubles};
use viaduct::connector::soap::caller::Call;
use viaduct::connector::soap::envelope::{self, Brought};
use viaduct::connector::verint::event;

use super::input::Input;

const STATUSES: [u16; 8] = [200, 202, 302, 401, 404, 429, 500, 503];

pub fn soap(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let status = STATUSES[usize::from(input.byte()) % STATUSES.len()];
    let doing = input.pick(&[Doing::Changing, Doing::Asking]);
    let torn = input.byte() & 1 == 1;
    let body = input.stretched();
    if let Ok(event) = event::read(&body) {
        assert!(!event.case.is_empty() && event.case.bytes().all(|byte| byte.is_ascii_digit()));
    }
    // What is an envelope as it is, is one too where a byte may be lacking.
    let strict = envelope::read(body.clone(), false);
    let is_reply = |read: &Result<Brought, _>| matches!(read, Ok(Brought::Reply(_)));
    if is_reply(&strict) {
        assert!(is_reply(&envelope::read(body.clone(), true)));
    }
    let call = Call { doing, action: "", body: "<a>Testberry</a>", reply: Some("Got"), torn };
    let answer = Answer { status, body, ..Answer::default() };
    match Troubles::default().judge(&call, Ok(answer), 0) {
        Ok(Outcome::Reply(reply)) => assert!(matches!(status, 200 | 202) && reply.name() == "Got"),
        Ok(Outcome::NotFound(_) | Outcome::Done) => panic!("no rule says so"),
        Err(ConnectorError::Refused { cause, .. } | ConnectorError::Unavailable { cause, .. }) => {
            assert!(!cause.is_empty() && !cause.to_lowercase().contains("testberry"));
            assert!(!cause.chars().any(char::is_control));
        }
        Err(ConnectorError::Malformed(_)) => assert!(doing == Doing::Asking),
        Err(ConnectorError::Unknown { .. }) => assert!(doing == Doing::Changing),
        Err(_) => {}
    }
}
