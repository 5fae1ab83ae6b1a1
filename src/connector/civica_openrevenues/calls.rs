//! One call of OpenRevenues. Every operation is the same address with another query.
//!
//! The query holds the password at sign-in, and the session at everything else: an address with its query
//! is never written, logged or told; a fault of the connection names no address.

use std::time::Duration;

use super::settings::CivicaSettings;
use crate::connector::address::Place;
use crate::connector::answering::{self, Doing, unavailable};
use crate::connector::calling;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::{Now, Surroundings};
use crate::connector::http::{HttpClient, HttpLimits, Request, Text};
use crate::connector::pace::Pace;
use crate::record::personal::unprinted;

/// An operation and what it is asked with. The session is added by whoever holds it.
#[derive(Clone)]
pub struct Question<'a> {
    /// Which operation.
    pub docid: &'static str,
    pub parameters: Vec<(&'static str, &'a str)>,
    /// The one operation that is posted carries a form.
    pub form: Option<&'static str>,
    /// Elements of which one is in every reply that answers it.
    pub wants: &'static [&'static str],
    /// A list without items may have none of them: then the reply must say which operation it answers.
    pub may_be_empty: bool,
}

impl<'a> Question<'a> {
    pub fn new(
        docid: &'static str,
        parameters: &[(&'static str, &'a str)],
        wants: &'static [&'static str],
    ) -> Question<'a> {
        Question { docid, parameters: parameters.to_vec(), form: None, wants, may_be_empty: false }
    }

    pub fn a_list(self) -> Question<'a> {
        Question { may_be_empty: true, ..self }
    }

    pub fn posted(self, form: &'static str) -> Question<'a> {
        Question { form: Some(form), ..self }
    }
}

/// The way to the system.
pub struct Caller {
    http: HttpClient,
    url: String,
    pace: Pace,
    clock: Now,
}

impl Caller {
    /// Opens the way that the settings name; the address is judged here, and again at each connection.
    pub fn open(
        settings: &CivicaSettings,
        around: &Surroundings,
    ) -> Result<Caller, ConnectorError> {
        let url = around.expand(&settings.url.value)?;
        let place = Place::of(&url).map_err(|fault| answering::forbidden(&fault))?;
        let limits = HttpLimits {
            timeout: Duration::from_millis(settings.timeout_ms),
            body_bytes_max: settings.answer_bytes_max,
            ..HttpLimits::default()
        };
        let http = calling::client(limits, vec![place], &settings.allow, &settings.tls, around)?;
        let pace = Pace::new(f64::from(settings.requests_per_second), 1.0);
        Ok(Caller { http, url, pace, clock: around.now.clone() })
    }

    /// UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    /// Asks once, and gives the body of a 200. `session` is a parameter's name and value.
    pub async fn ask(
        &self,
        question: &Question<'_>,
        session: Option<(&'static str, &str)>,
    ) -> Result<Vec<u8>, ConnectorError> {
        let mut query = vec![("outputtype", "xml"), ("docid", question.docid)];
        query.extend(session);
        query.extend(question.parameters.iter().copied());
        let content_type = "application/x-www-form-urlencoded";
        let text = question.form.map(|body| Text { content_type, body });
        self.pace.take().await;
        let request = Request { url: &self.url, query: &query, text, ..Request::default() };
        let answer = answering::arrived(Doing::Asking, self.http.call(request).await)?;
        match answer.status {
            200 => Ok(answer.body),
            300..=399 => Err(answering::redirected()),
            401 | 403 => {
                let cause = format!("it answered {}", answer.status);
                Err(ConnectorError::Unauthorised { code: "civica.door", cause })
            }
            429 | 503 => Err(answering::slow_down(&answer, self.now_ms())),
            status @ 400..=499 => {
                let cause = format!("it answered {status}: see that `url` is right");
                Err(ConnectorError::Refused { code: format!("civica.{status}"), cause })
            }
            status => Err(unavailable(format!("it answered {status}"), None)),
        }
    }
}

unprinted!(Question<'_>, Caller);
