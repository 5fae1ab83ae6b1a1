//! A system that is asked by HTTP for its records, page by page.
//!
//! A poll is all or nothing: a page that does not come, or cannot be read, takes the pages before it with
//! it, and the next poll asks from the same place. How far a poll came is the newest version among its
//! records, and is kept with the batch that they make.

pub mod paging;
pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use self::paging::{Page, Turn};
use self::settings::HttpPollSettings;
use crate::connector::address::Place;
use crate::connector::answering::{self, Doing, unavailable};
use crate::connector::calling::{self, Login};
use crate::connector::channel::{Asked, ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use crate::connector::content::ContentDigest;
use crate::connector::definition::{Now, Surroundings};
use crate::connector::ending;
use crate::connector::format::version::Version;
use crate::connector::format::{Format, RecordSink};
use crate::connector::http::{Answer, HttpClient, HttpLimits, Request};
use crate::connector::pace::Pace;
use crate::connector::taking::Taking;

const NO_CONTENT: u16 = 204;

/// A system that is asked, open.
pub struct HttpPoll {
    http: HttpClient,
    settings: HttpPollSettings,
    url: String,
    /// Parameters that every question has.
    query: Vec<(String, String)>,
    place: Place,
    login: Login,
    pace: Pace,
    clock: Now,
}

impl HttpPoll {
    /// Opens the system that the settings name; addresses are judged here, and again at each connection.
    pub fn open(
        settings: HttpPollSettings,
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
        Ok(HttpPoll { http, url, query, place, login, pace, clock, settings })
    }

    /// What every question asks for, with how far it came last.
    fn asked_for(&self, after: Option<&str>) -> Vec<(String, String)> {
        let mut asked = self.query.clone();
        let Some(since) = &self.settings.since else { return asked };
        let version = self.settings.version.as_ref();
        let from = match (after, version) {
            (Some(after), Some(version)) => version.before(after, since.overlap_ms),
            _ => since.start.clone(),
        };
        asked.extend(from.map(|from| (since.parameter.clone(), from)));
        asked
    }

    /// Asks for every page, and gives what they hold to the sink. Gives the sink back in any case.
    async fn ask(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let after = origin.asked.as_ref().and_then(|asked| asked.after.as_deref());
        let usual = self.asked_for(after);
        // How far it came is asked for only where it is asked since then.
        let version = self.settings.since.as_ref().and(self.settings.version.clone());
        let layout = self.settings.layout.clone();
        let mut taking = Taking::new(sink, layout, version, (self.clock)());
        let (mut end, mut digest) = (ReadEnd::default(), ContentDigest::new());
        let mut turn = self.settings.paging.first();
        for number in 0..self.settings.pages_max {
            let (url, mut answer) = match self.page(&turn, &usual).await {
                Ok(page) => page,
                Err(error) => return (taking.into_sink(), Err(error)),
            };
            digest.update(&answer.body);
            let name = format!("page {} of {}", number + 1, origin.name);
            let body = Arc::new(std::mem::take(&mut answer.body));
            // Only a system that says so has nothing: an empty page may be one that broke off.
            if answer.status == NO_CONTENT {
                taking.begin();
            } else {
                let (back, cut) = taking.cut(name, Arc::clone(&body)).await;
                taking = back;
                match cut {
                    Ok(cut) => {
                        end.totals.extend(cut.totals);
                        end.encoding = cut.encoding.to_owned();
                        end.looks_utf8 |= cut.looks_utf8;
                    }
                    Err(error) => {
                        return (taking.into_sink(), Err(ending::cut_off(error, "a page")));
                    }
                }
            }
            let page = Page {
                number,
                records: taking.of_page,
                all: taking.all,
                again: taking.again,
                last_key: &taking.last_key,
                body: &body,
                link: answer.link.as_deref(),
                url: &url,
            };
            match self.settings.paging.next(&page) {
                Ok(Some(next)) => turn = next,
                Ok(None) => {
                    end.content_digest = digest.finish();
                    // What is known already says nothing of how far it came.
                    end.cursor = taking.newest(after);
                    return (taking.into_sink(), Ok(end));
                }
                Err(cause) => return (taking.into_sink(), Err(unavailable(cause, None))),
            }
        }
        let most = self.settings.pages_max;
        let cause =
            format!("its answer has more than {most} pages: is that so? Then raise `pages_max`");
        (taking.into_sink(), Err(unavailable(cause, None)))
    }

    /// One page, and where it was asked for.
    async fn page(
        &self,
        turn: &Turn,
        usual: &[(String, String)],
    ) -> Result<(String, Answer), ConnectorError> {
        let (url, query) = match turn {
            Turn::With(more) => (self.url.clone(), [usual, more.as_slice()].concat()),
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
            200 | NO_CONTENT => Ok((url, answer)),
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
}

#[async_trait]
impl Source for HttpPoll {
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let after = cursor.map(str::to_owned);
        let now_ms = (self.clock)();
        let name = match &after {
            Some(after) => format!("what changed since {after}"),
            None => "everything there is".to_owned(),
        };
        let mark = format!("asked|{now_ms}|{name}");
        Ok(vec![Origin { name, mark, bytes: 0, asked: Some(Asked { after }) }])
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let (sink, end) = self.ask(origin, sink).await;
        ending::finished(sink, end).await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.settings.layout.format
    }

    fn extract(&self) -> Extract {
        self.settings.extract
    }

    fn version(&self) -> Option<&Version> {
        self.settings.version.as_ref()
    }

    fn not_cards(&self) -> &[String] {
        &self.settings.layout.not_cards
    }
}
