//! The CRM as a source: which cases changed in a stretch of time, and then each of them; or the people whose
//! cases they are.
//!
//! A list that is as long as it may be is taken to have more, and half the time is asked for. Nothing that
//! was listed is passed over: one that is gone when it is asked for is a row that cannot be read. How far a
//! poll came is the end of the time that it asked for, since a case does not say when it changed.

use std::collections::HashSet;
use std::sync::Arc;

use async_trait::async_trait;

use super::client::{Brief, CasesBy, Questions};
use super::settings::{AskedFor, Records};
use super::telling::stretch;
use crate::connector::answering::unavailable;
use crate::connector::channel::{ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use crate::connector::content::ContentDigest;
use crate::connector::ending;
use crate::connector::format::xml::write::escaped;
use crate::connector::format::{Format, Raw, RecordSink, Stopped};
use crate::connector::http_poll::pages;
use crate::connector::soap::caller::Caller;
use crate::connector::taking::Taking;
use crate::record::moment::Moment;

/// The CRM writes moments to the second.
const SECOND_MS: i64 = 1_000;

/// The CRM, open to be asked.
pub struct Asked {
    questions: Questions,
    settings: AskedFor,
}

/// What changed, and up to when that is all.
struct Changed {
    cases: Vec<String>,
    /// How those are described that were listed without a number.
    numberless: Vec<String>,
    until_ms: i64,
    is_all: bool,
}

/// One thing that was asked for.
enum Found {
    Whole(Vec<u8>),
    /// It was listed, and is not there.
    Gone,
    /// It is answered with a fault of its own: the CRM's words, as far as they may be told.
    Refused(String),
}

/// So many that are answered with a fault are sick cases; more of them in one poll, and it is the CRM that is.
const SICK_MAX: usize = 2;

impl Asked {
    pub fn new(caller: Caller, settings: AskedFor) -> Asked {
        Asked { questions: Questions::new(Arc::new(caller)), settings }
    }

    /// Cases that changed since then, up to as many as one poll takes.
    async fn changed(&self, from_ms: i64) -> Result<Changed, ConnectorError> {
        let now_ms = self.questions.now_ms();
        let now_ms = now_ms - now_ms.rem_euclid(SECOND_MS);
        let (mut seen, mut cases, mut numberless) = (HashSet::new(), Vec::new(), Vec::new());
        let mut from_ms = from_ms.min(now_ms);
        let mut to_ms = now_ms;
        let limit = self.settings.results_limit;
        loop {
            let stretch = stretch(from_ms, to_ms);
            let listed = self.questions.cases(CasesBy::Changed, &stretch, limit).await?;
            if listed.len() >= limit {
                let half_ms = (to_ms - from_ms) / 2;
                if half_ms < SECOND_MS {
                    let cause = format!(
                        "{limit} cases or more changed in one second, by {}: raise `results_limit`",
                        stretch.from
                    );
                    return Err(unavailable(cause, None));
                }
                to_ms = from_ms + half_ms - half_ms.rem_euclid(SECOND_MS);
                continue;
            }
            // The second that two stretches share is asked for twice.
            for Brief { id, description, .. } in listed {
                match id.is_empty() {
                    true => numberless.push(description),
                    false if seen.insert(id.clone()) => cases.push(id),
                    false => {}
                }
            }
            if to_ms >= now_ms || cases.len() >= self.settings.cases_max {
                let is_all = to_ms >= now_ms;
                return Ok(Changed { cases, numberless, until_ms: to_ms, is_all });
            }
            (from_ms, to_ms) = (to_ms, now_ms);
        }
    }

    /// What a case brings: itself, or whose it is. None where that was brought already, or nobody is.
    async fn brought(
        &self,
        case: &str,
        seen: &mut HashSet<String>,
    ) -> Result<Option<(String, Found)>, ConnectorError> {
        // Among people a case's number might be somebody's.
        let key = || match self.settings.records {
            Records::Cases => case.to_owned(),
            Records::Individuals => format!("case {case}"),
        };
        let found = match self.questions.case(case).await {
            Ok(Some(found)) => found,
            Ok(None) => return Ok(Some((key(), Found::Gone))),
            Err(error) => return Ok(Some((key(), refused(error)?))),
        };
        if self.settings.records == Records::Cases {
            return Ok(Some((found.reference, Found::Whole(found.reply.bytes))));
        }
        let Some(person) = found.person().map(str::to_owned) else { return Ok(None) };
        if !seen.insert(person.clone()) {
            return Ok(None);
        }
        let found = match self.questions.individual(&person).await {
            Ok(Some((_, reply))) => Found::Whole(reply.bytes),
            Ok(None) => Found::Gone,
            Err(error) => refused(error)?,
        };
        Ok(Some((person, found)))
    }

    async fn take(
        &self,
        origin: &Origin,
        mut taking: Taking,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let mut from_ms = match pages::after(origin).and_then(Moment::parse) {
            Some(Moment(reached_ms)) => reached_ms - self.settings.overlap_ms,
            None => self.settings.start_ms,
        };
        let (mut end, mut digest) = (ReadEnd::default(), ContentDigest::new());
        let (mut seen, mut held, mut sick) = (HashSet::new(), Vec::new(), 0);
        // A stretch whose cases bring nobody is not where a poll ends: nothing would be kept of it.
        loop {
            let changed = match self.changed(from_ms).await {
                Ok(changed) => changed,
                Err(error) => return (taking.into_sink(), Err(error)),
            };
            held.extend(changed.numberless.into_iter().map(Held::Numberless));
            for case in &changed.cases {
                let (key, found) = match self.brought(case, &mut seen).await {
                    Ok(Some(found)) => found,
                    Ok(None) => continue,
                    Err(error) => return (taking.into_sink(), Err(error)),
                };
                let bytes = match found {
                    Found::Whole(bytes) => bytes,
                    Found::Gone => {
                        held.push(Held::Gone(key));
                        continue;
                    }
                    Found::Refused(cause) => {
                        sick += 1;
                        if sick > SICK_MAX {
                            return (taking.into_sink(), Err(sick_crm(cause)));
                        }
                        held.push(Held::Refused(key, cause));
                        continue;
                    }
                };
                digest.update(&bytes);
                let name = format!("a case or a person of {}", origin.name);
                let (back, cut) = taking.cut(name, Arc::new(bytes)).await;
                taking = back;
                match cut {
                    Ok(cut) => end.encoding = cut.encoding.to_owned(),
                    Err(error) => {
                        return (taking.into_sink(), Err(ending::cut_off(error, "a page")));
                    }
                }
            }
            end.cursor = Some(Moment(changed.until_ms).utc_said());
            if changed.is_all || taking.all + held.len() > 0 {
                break;
            }
            from_ms = changed.until_ms;
        }
        // One that is alone may be sick or not: it is asked for again, from the same place.
        if let (0, Some(Held::Refused(_, cause))) =
            (taking.all, held.iter().find(|one| matches!(one, Held::Refused(..))))
        {
            return (taking.into_sink(), Err(sick_crm(cause.clone())));
        }
        let (taking, told) = told(taking, held).await;
        if told.is_err() {
            let cause = "whoever took the records stopped".to_owned();
            return (taking.into_sink(), Err(unavailable(cause, None)));
        }
        end.content_digest = digest.finish();
        (taking.into_sink(), Ok(end))
    }
}

/// A fault that answers one question is of what was asked for; anything else is of the CRM.
fn refused(error: ConnectorError) -> Result<Found, ConnectorError> {
    match error {
        ConnectorError::Refused { code, cause } if code == FAULT => Ok(Found::Refused(cause)),
        other => Err(other),
    }
}

fn sick_crm(cause: String) -> ConnectorError {
    ConnectorError::Refused { code: FAULT.to_owned(), cause }
}

/// The code of a fault that no rule knows.
const FAULT: &str = "soap.fault";

/// What was listed and brought nothing.
enum Held {
    /// It is not there when it is asked for: its number.
    Gone(String),
    /// A fault answers whoever asks for it: its number, and the CRM's words.
    Refused(String, String),
    /// Nobody can ask for it: how it was described.
    Numberless(String),
}

impl Held {
    fn tell(&self, taking: &mut Taking) -> Result<(), Stopped> {
        let row = |name: &str, text: &str| {
            let text = escaped(text).unwrap_or_default();
            format!("<{name}>{text}</{name}>")
        };
        match self {
            Held::Gone(key) => {
                let row = row("gone", key);
                let raw = Raw { bytes: row.as_bytes(), context: b"", context_at: 0 };
                let cause = "the CRM listed it, and has none when it is asked for it".to_owned();
                taking.unsound(key, "verint.gone", cause, raw)
            }
            Held::Refused(key, cause) => {
                let row = row("refused", key);
                let raw = Raw { bytes: row.as_bytes(), context: b"", context_at: 0 };
                let cause = format!("the CRM answers with a fault in its place: {cause}");
                taking.unsound(key, "verint.refused", cause, raw)
            }
            Held::Numberless(description) => {
                let row = row("listed", description);
                let raw = Raw { bytes: row.as_bytes(), context: b"", context_at: 0 };
                let cause = "the CRM listed it without a number".to_owned();
                taking.unreadable("verint.no_number", cause, raw)
            }
        }
    }
}

/// Gives what brought nothing as rows that cannot be read, where it may block.
async fn told(mut taking: Taking, held: Vec<Held>) -> (Taking, Result<(), Stopped>) {
    let work = tokio::task::spawn_blocking(move || {
        let told = held.iter().try_for_each(|one| one.tell(&mut taking));
        (taking, told)
    });
    match work.await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

#[async_trait]
impl Source for Asked {
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        Ok(vec![pages::question(cursor, self.questions.now_ms())])
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let taking = Taking::new(sink, self.settings.layout.clone(), None, 0);
        let (sink, end) = self.take(origin, taking).await;
        ending::finished(sink, end).await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.settings.layout.format
    }

    fn extract(&self) -> Extract {
        Extract::Delta
    }

    fn not_cards(&self) -> &[String] {
        &self.settings.layout.not_cards
    }
}
