//! A system that is asked by HTTP for its records, page by page.
//!
//! How the pages are followed is in `pages`; how far a poll came is kept with the batch that its records
//! make.

pub mod pages;
pub mod paging;
pub mod settings;

use std::time::Duration;

use async_trait::async_trait;

use self::pages::{Given, Pages};
use self::paging::Turn;
use self::settings::HttpPollSettings;
use crate::connector::address::Place;
use crate::connector::answering::{self, Doing, unavailable};
use crate::connector::calling::{self, Login};
use crate::connector::channel::ConnectorError;
use crate::connector::definition::{Now, Surroundings};
use crate::connector::http::{HttpClient, HttpLimits, Request};
use crate::connector::pace::Pace;

const NO_CONTENT: u16 = 204;

/// A system that is asked, open.
pub struct HttpPoll {
    http: HttpClient,
    url: String,
    /// Parameters that every question has.
    query: Vec<(String, String)>,
    /// The parameter that says since when it is asked, where it is.
    since_parameter: Option<String>,
    place: Place,
    login: Login,
    pace: Pace,
    clock: Now,
}

impl HttpPoll {
    /// Opens the system that the settings name; addresses are judged here, and again at each connection.
    pub fn open(
        settings: &HttpPollSettings,
        around: &Surroundings,
    ) -> Result<HttpPoll, ConnectorError> {
        let url = around.expand(&settings.url.value)?;
        let place = Place::of(&url).map_err(|fault| answering::forbidden(&fault))?;
        let mut query = Vec::new();
        for (name, value) in &settings.query {
            query.push((name.clone(), around.expand(&value.value)?));
        }
        let limits = HttpLimits {
            timeout: Duration::from_millis(settings.timeout_ms),
            body_bytes_max: settings.page_bytes_max,
            ..HttpLimits::default()
        };
        let mut places = vec![place.clone()];
        places.extend(calling::token_place(settings.auth.as_ref(), around)?);
        let http = calling::client(limits, places, &settings.allow, &settings.tls, around)?;
        let login = Login::open(settings.auth.as_ref(), around, &http)?;
        let per_second = f64::from(settings.requests_per_second);
        let (pace, clock) = (Pace::new(per_second, 1.0), around.now.clone());
        let since_parameter = settings.how.since.as_ref().map(|since| since.parameter.clone());
        Ok(HttpPoll { http, url, query, since_parameter, place, login, pace, clock })
    }
}

#[async_trait]
impl Pages for HttpPoll {
    /// One page, and where it was asked for.
    async fn page(&self, turn: &Turn, since: Option<&str>) -> Result<Given, ConnectorError> {
        let (url, query) = match turn {
            Turn::With(more) => {
                let changed = self.since_parameter.as_ref().zip(since);
                let changed = changed.map(|(name, since)| (name.clone(), since.to_owned()));
                let asked = self.query.iter().cloned().chain(changed).chain(more.iter().cloned());
                (self.url.clone(), asked.collect())
            }
            Turn::At(url) => {
                let place = Place::of(url).map_err(|fault| answering::forbidden(&fault))?;
                if place != self.place {
                    let cause =
                        "the next page is said to be at another host: nobody is asked there";
                    return Err(unavailable(cause.to_owned(), None));
                }
                (url.clone(), Vec::new())
            }
        };
        let query: Vec<(&str, &str)> =
            query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        self.pace.take().await;
        let request = Request { url: &url, query: &query, ..Request::default() };
        let answered = self.login.call(&self.http, request).await?;
        let answer = answering::arrived(Doing::Asking, answered)?;
        match answer.status {
            200 => Ok(Given { url, body: Some(answer.body), link: answer.link }),
            NO_CONTENT => Ok(Given { url, body: None, link: answer.link }),
            401 | 403 => {
                let cause = format!("it answered {}", answer.status);
                Err(ConnectorError::Unauthorised { code: "poll.key", cause })
            }
            300..=399 => Err(answering::redirected()),
            429 | 503 => Err(answering::slow_down(&answer, (self.clock)())),
            status @ 400..=499 => Err(ConnectorError::Refused {
                code: format!("poll.{status}"),
                cause: format!(
                    "it answered {status}: see that `url`, `query` and `paging` are right"
                ),
            }),
            status => Err(unavailable(format!("it answered {status}"), None)),
        }
    }

    fn now_ms(&self) -> i64 {
        (self.clock)()
    }
}
