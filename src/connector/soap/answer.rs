//! What an answer means for us: by its envelope first, and by its status where there is none.

use super::caller::Call;
use super::envelope::{self, Brought, Reply};
use super::fault::{Fault, Means, Rule};
use crate::connector::answering::{self, Doing, arrived, unanswered};
use crate::connector::channel::ConnectorError;
use crate::connector::http::{Answer, HttpFault};

/// How a system says that something went wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Troubles {
    pub rules: Vec<Rule>,
    /// The way, from the element in the body, to an element that stands there only where something did.
    pub error_at: Option<String>,
    /// The way to a text, and what it says where all is well.
    pub status: Option<(String, Vec<String>)>,
}

/// What was asked for, or one of the two answers that are no failure of ours.
#[derive(Debug)]
pub enum Outcome {
    Reply(Box<Reply>),
    /// There is no such thing; in the system's words.
    NotFound(String),
    /// It happened before.
    Done,
}

impl Outcome {
    /// The reply, where nothing else will do.
    pub fn reply(self) -> Result<Reply, ConnectorError> {
        match self {
            Outcome::Reply(reply) => Ok(*reply),
            Outcome::NotFound(cause) => {
                Err(ConnectorError::Refused { code: "soap.not_found".to_owned(), cause })
            }
            Outcome::Done => Err(ConnectorError::Refused {
                code: "soap.fault".to_owned(),
                cause: "it says that it was done before".to_owned(),
            }),
        }
    }
}

impl Troubles {
    /// What came of a call. The reply holds the element that was asked for, or it is none.
    pub fn judge(
        &self,
        call: &Call<'_>,
        answered: Result<Answer, HttpFault>,
        now_ms: i64,
    ) -> Result<Outcome, ConnectorError> {
        let Call { doing, body: sent, reply: wanted, torn, .. } = *call;
        let mut answer = arrived(doing, answered)?;
        let status = answer.status;
        let reply = match envelope::read(std::mem::take(&mut answer.body), torn) {
            Ok(Brought::Fault(fault)) => {
                return self.of_fault(doing, &answer, &fault, sent, now_ms);
            }
            Ok(Brought::Reply(reply)) => reply,
            Err(fault) => {
                return Err(match (by_status(doing, &answer, now_ms), doing) {
                    (Some(error), _) => error,
                    (None, Doing::Asking) => ConnectorError::Malformed(fault),
                    (None, Doing::Changing) => {
                        unanswered(doing, format!("it answered {status}, and {}", fault.cause))
                    }
                });
            }
        };
        if let Some(error) = by_status(doing, &answer, now_ms) {
            return Err(error);
        }
        if let Some(fault) = self.trouble_in(&reply) {
            return self.of_fault(doing, &answer, &fault, sent, now_ms);
        }
        match wanted {
            Some(wanted) if reply.name() != wanted => {
                let cause = match reply.content {
                    None => format!("nothing stands where `{wanted}` should"),
                    Some(_) => format!("another element stands where `{wanted}` should"),
                };
                let place = "in the envelope's body".to_owned();
                Err(match doing {
                    Doing::Asking => {
                        let code = "soap.reply";
                        let fault = crate::connector::format::FormatError { code, cause, place };
                        ConnectorError::Malformed(fault)
                    }
                    Doing::Changing => unanswered(doing, cause),
                })
            }
            _ => Ok(Outcome::Reply(Box::new(reply))),
        }
    }

    /// What an answer tells of itself, though it is no fault.
    fn trouble_in(&self, reply: &Reply) -> Option<Fault> {
        let at = |way: &str| {
            let found = reply.document.find(reply.content?, &envelope::way(way))?;
            Some(reply.document.text(found).trim())
        };
        if let Some(way) = &self.error_at
            && let Some(text) = at(way)
        {
            return Some(Fault::of_text(way, text));
        }
        let (way, good) = self.status.as_ref()?;
        let said = at(way).unwrap_or("nothing");
        let is_good = good.iter().any(|one| one.eq_ignore_ascii_case(said));
        (!is_good).then(|| Fault::of_text(way, said))
    }

    fn of_fault(
        &self,
        doing: Doing,
        answer: &Answer,
        fault: &Fault,
        sent: &str,
        now_ms: i64,
    ) -> Result<Outcome, ConnectorError> {
        let words = fault.words(sent);
        let known = fault.means(&self.rules);
        // It says by its status that it has too much to do, and no rule knows better.
        if known.is_none() && matches!(answer.status, 429 | 503) {
            return Err(answering::slow_down(answer, now_ms));
        }
        Err(match known.unwrap_or(Means::Refused) {
            Means::NotFound => return Ok(Outcome::NotFound(words)),
            Means::Done => return Ok(Outcome::Done),
            Means::Refused => {
                ConnectorError::Refused { code: "soap.fault".to_owned(), cause: words }
            }
            Means::Unavailable => answering::unavailable(words, None),
            Means::Unauthorised => ConnectorError::Unauthorised { code: "soap.key", cause: words },
            Means::Unknown => unanswered(doing, words),
        })
    }
}

/// The decision that the status alone makes; none where it says that all is well.
fn by_status(doing: Doing, answer: &Answer, now_ms: i64) -> Option<ConnectorError> {
    let status = answer.status;
    Some(match status {
        200 | 202 => return None,
        300..=399 => answering::redirected(),
        401 | 403 => {
            let cause = format!("it answered {status}");
            ConnectorError::Unauthorised { code: "soap.key", cause }
        }
        429 => answering::slow_down(answer, now_ms),
        503 if doing == Doing::Asking => answering::slow_down(answer, now_ms),
        408 => unanswered(doing, "it says that we took too long".to_owned()),
        400..=499 => ConnectorError::Refused {
            code: format!("soap.{status}"),
            cause: format!("it answered {status}: see that `url` and `soap` are right"),
        },
        _ => unanswered(doing, format!("it answered {status}")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::soap::envelope::Version;

    fn troubles() -> Troubles {
        let rule = |at: Option<&str>, says: &str, means| Rule {
            at: at.map(str::to_owned),
            says: vec![says.to_owned()],
            holds: Vec::new(),
            means,
        };
        Troubles {
            rules: vec![
                rule(None, "1201", Means::NotFound),
                rule(None, "expired", Means::Unauthorised),
                rule(Some("faultcode"), "s:Busy", Means::Unavailable),
                rule(None, "twice", Means::Done),
                rule(None, "lost", Means::Unknown),
            ],
            error_at: Some("Error".to_owned()),
            status: None,
        }
    }

    fn call<'c>(doing: Doing, reply: Option<&'c str>) -> Call<'c> {
        Call { doing, action: "", body: "", reply, torn: false }
    }

    fn word(doing: Doing, status: u16, body: &str) -> String {
        let answer = Answer { status, body: body.as_bytes().to_vec(), ..Answer::default() };
        match troubles().judge(&call(doing, Some("Got")), Ok(answer), 0) {
            Ok(Outcome::Reply(reply)) => format!("reply {}", reply.name()),
            Ok(Outcome::NotFound(_)) => "not found".to_owned(),
            Ok(Outcome::Done) => "done".to_owned(),
            Err(ConnectorError::Refused { code, cause }) => format!("refused {code}: {cause}"),
            Err(ConnectorError::Unavailable { .. }) => "later".to_owned(),
            Err(ConnectorError::Unauthorised { code, .. }) => format!("halt {code}"),
            Err(ConnectorError::Malformed(fault)) => format!("malformed {}", fault.code),
            Err(ConnectorError::Unknown { .. }) => "unknown".to_owned(),
            Err(other) => other.to_string(),
        }
    }

    #[test]
    fn b13_a_fault_is_one_whatever_its_status_and_garbage_never_a_reply() {
        let wrap = |body: &str| Version::V11.wrap("", body);
        let fault = |code: &str, text: &str| {
            wrap(&format!(
                "<s:Fault xmlns:s=\"{}\"><faultcode>{code}</faultcode><faultstring>{text}</faultstring>\
                 </s:Fault>",
                "http://schemas.xmlsoap.org/soap/envelope/"
            ))
        };
        let page = "<!DOCTYPE html><title>Sign in</title>".to_owned();
        let xhtml = "<html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>".to_owned();
        // (status, body, what it is when asked, and when told)
        for (status, body, asked, told) in [
            (200, wrap("<Got/>"), "reply Got", "reply Got"),
            (202, wrap("<m:Got xmlns:m=\"urn:m\"/>"), "reply Got", "reply Got"),
            (
                200,
                fault("s:Server", "no such field"),
                "refused soap.fault: s Server; no such field",
                "",
            ),
            (
                500,
                fault("s:Server", "no such field"),
                "refused soap.fault: s Server; no such field",
                "",
            ),
            (200, fault("s:Server", "1201"), "not found", "not found"),
            (500, fault("s:Server", "expired"), "halt soap.key", "halt soap.key"),
            (200, fault("s:Busy", "x"), "later", "later"),
            (503, fault("s:Server", "x"), "later", "later"),
            (500, fault("s:Server", "twice"), "done", "done"),
            (500, fault("s:Server", "lost"), "later", "unknown"),
            (
                200,
                wrap("<Got><Error>no account</Error></Got>"),
                "refused soap.fault: no account",
                "",
            ),
            (200, wrap("<Got><Error/></Got>"), "refused soap.fault: it gives no reason", ""),
            (200, wrap("<Other/>"), "malformed soap.reply", "unknown"),
            (200, wrap(""), "malformed soap.reply", "unknown"),
            (200, page.clone(), "malformed soap.envelope", "unknown"),
            (200, xhtml, "malformed soap.envelope", "unknown"),
            (200, String::new(), "malformed soap.envelope", "unknown"),
            (200, wrap("<Got/>")[..120].to_owned(), "malformed xml.malformed", "unknown"),
            (500, wrap("<Got/>"), "later", "unknown"),
            (502, page.clone(), "later", "unknown"),
            (503, page.clone(), "later", "unknown"),
            (
                404,
                page.clone(),
                "refused soap.404: it answered 404: see that `url` and `soap` are right",
                "",
            ),
            (401, page.clone(), "halt soap.key", "halt soap.key"),
            (302, page, "later", "later"),
        ] {
            assert_eq!(word(Doing::Asking, status, &body), asked, "{status} {body}");
            let told = if told.is_empty() { asked } else { told };
            assert_eq!(word(Doing::Changing, status, &body), told, "{status} {body}");
        }
    }

    #[test]
    fn b13_a_status_in_the_answer_that_is_none_of_the_good_ones_is_a_fault() {
        let troubles = Troubles {
            status: Some(("Status".to_owned(), vec!["success".to_owned()])),
            ..Troubles::default()
        };
        for (body, good) in [
            ("<Got><Status>SUCCESS</Status></Got>", true),
            ("<Got><Status>failed</Status></Got>", false),
            ("<Got/>", false),
        ] {
            let body = Version::V12.wrap("", body).into_bytes();
            let answer = Answer { status: 200, body, ..Answer::default() };
            let found = troubles.judge(&call(Doing::Changing, None), Ok(answer), 0);
            assert_eq!(found.is_ok(), good, "{found:?}");
        }
    }

    #[test]
    fn a_change_that_nobody_answered_may_have_happened() {
        for (fault, expected) in [
            (HttpFault::NoAnswer("closed".to_owned()), "unknown"),
            (HttpFault::NotReached("refused".to_owned()), "later"),
        ] {
            let found = troubles().judge(&call(Doing::Changing, None), Err(fault), 0);
            let is_unknown = matches!(found, Err(ConnectorError::Unknown { .. }));
            assert_eq!(is_unknown, expected == "unknown");
        }
    }
}
