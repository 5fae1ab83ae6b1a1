//! An answer that comes page by page, whichever way a page is asked for.
//!
//! A poll is all or nothing: a page that does not come, or cannot be read, takes the pages before it with
//! it, and the next poll asks from the same place. How far a poll came is the newest version among its
//! records.

use std::sync::Arc;

use async_trait::async_trait;

use super::paging::{MOVED, Page, Paging, Turn};
use super::settings::Since;
use crate::connector::answering::unavailable;
use crate::connector::channel::{Asked, ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use crate::connector::content::ContentDigest;
use crate::connector::ending;
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
use crate::connector::format::{Format, RecordSink};
use crate::connector::taking::{self, Moved, Taking};

/// One page as it came.
pub struct Given {
    /// Where it was asked.
    pub url: String,
    /// None where the system says that it has nothing.
    pub body: Option<Vec<u8>>,
    /// The header `Link`.
    pub link: Option<String>,
}

/// Whoever asks for a page.
#[async_trait]
pub trait Pages: Send + Sync {
    /// Asks for one; `since` when things changed, as the system writes it. An error ends the poll.
    async fn page(&self, turn: &Turn, since: Option<&str>) -> Result<Given, ConnectorError>;

    /// UTC milliseconds.
    fn now_ms(&self) -> i64;
}

/// How a system gives out its records, whichever way a page is asked for.
#[derive(Debug, Clone)]
pub struct Pagewise {
    pub extract: Extract,
    pub version: Option<Version>,
    pub since: Option<Since>,
    pub paging: Paging,
    pub pages_max: usize,
    pub layout: Layout,
}

/// A system that is asked page by page, open.
pub struct Polled<P> {
    pages: P,
    how: Pagewise,
}

/// The one question that there is: what came since.
pub fn question(cursor: Option<&str>, now_ms: i64) -> Origin {
    let after = cursor.map(str::to_owned);
    let name = match &after {
        Some(after) => format!("what changed since {after}"),
        None => "everything there is".to_owned(),
    };
    let mark = format!("asked|{now_ms}|{name}");
    Origin { name, mark, bytes: 0, asked: Some(Asked { after }) }
}

/// What came last, of a question.
pub fn after(origin: &Origin) -> Option<&str> {
    origin.asked.as_ref().and_then(|asked| asked.after.as_deref())
}

impl<P: Pages> Polled<P> {
    pub fn new(pages: P, how: Pagewise) -> Polled<P> {
        Polled { pages, how }
    }

    /// Says how far it comes, where it is asked for what changed.
    fn versioned(&self) -> Option<&Version> {
        self.how.since.as_ref().and(self.how.version.as_ref())
    }

    /// Since when it is asked, as its system writes it.
    fn since(&self, after: Option<&str>) -> Option<String> {
        let since = self.how.since.as_ref()?;
        match (after, &self.how.version) {
            (Some(after), Some(version)) => version.before(after, since.overlap_ms),
            _ => since.start.clone(),
        }
    }
}

#[async_trait]
impl<P: Pages> Source for Polled<P> {
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        Ok(vec![question(cursor, self.pages.now_ms())])
    }

    /// Asks for every page, and gives what they hold to the sink.
    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let (layout, version) = (self.how.layout.clone(), self.versioned().cloned());
        let taking = Taking::new(sink, layout, version, self.pages.now_ms());
        let (sink, end) = self.followed(origin, taking).await;
        ending::finished(sink, end).await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.how.layout.format
    }

    fn extract(&self) -> Extract {
        self.how.extract
    }

    fn version(&self) -> Option<&Version> {
        self.how.version.as_ref()
    }

    fn not_cards(&self) -> &[String] {
        &self.how.layout.not_cards
    }
}

impl<P: Pages> Polled<P> {
    async fn followed(
        &self,
        origin: &Origin,
        mut taking: Taking,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let (mut end, mut digest) = (ReadEnd::default(), ContentDigest::new());
        let (paging, since) = (&self.how.paging, self.since(after(origin)));
        let mut turn = paging.first();
        for number in 0..self.how.pages_max {
            let given = match self.pages.page(&turn, since.as_deref()).await {
                Ok(given) => given,
                Err(error) => return (taking.into_sink(), Err(error)),
            };
            // Only a system that says so has nothing: an empty page may be one that broke off.
            let is_nothing = given.body.is_none();
            let body = Arc::new(given.body.unwrap_or_default());
            digest.update(&body);
            if is_nothing {
                taking.begin();
            } else {
                let name = format!("page {} of {}", number + 1, origin.name);
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
            let overlaps = match taking.overlap() {
                Ok(overlaps) => overlaps,
                Err(Moved) => {
                    return (taking.into_sink(), Err(unavailable(MOVED.to_owned(), None)));
                }
            };
            let page = Page {
                number,
                records: taking.of_page,
                all: taking.all,
                overlaps,
                again: taking.again,
                last_key: &taking.last_key,
                body: &body,
                link: given.link.as_deref(),
                url: &given.url,
            };
            if let Some(back) = paging.back(&page) {
                let stands = self.stands(&back, since.as_deref(), taking.keys_before()).await;
                if let Err(error) = stands {
                    return (taking.into_sink(), Err(error));
                }
            }
            match paging.next(&page) {
                Ok(Some(next)) => {
                    let begins_with = match paging.overlaps_behind(&page) {
                        true => Some(taking.last_key.clone()),
                        false => None,
                    };
                    taking.expect(begins_with);
                    turn = next;
                }
                Ok(None) => {
                    end.content_digest = digest.finish();
                    // What is known already says nothing of how far it came.
                    end.cursor = taking.newest(after(origin));
                    return (taking.into_sink(), Ok(end));
                }
                Err(cause) => return (taking.into_sink(), Err(unavailable(cause, None))),
            }
        }
        let most = self.how.pages_max;
        let cause =
            format!("its answer has more than {most} pages: is that so? Then raise `pages_max`");
        (taking.into_sink(), Err(unavailable(cause, None)))
    }

    /// Looks at the page before once more: where its records are others now, one may have been passed over.
    async fn stands(
        &self,
        back: &Turn,
        since: Option<&str>,
        before: &[u64],
    ) -> Result<(), ConnectorError> {
        let body = self.pages.page(back, since).await?.body.unwrap_or_default();
        let keys = taking::keys_of(self.how.layout.clone(), body).await;
        match keys.map_err(|error| ending::cut_off(error, "a page"))? == before {
            true => Ok(()),
            false => Err(unavailable(MOVED.to_owned(), None)),
        }
    }
}
