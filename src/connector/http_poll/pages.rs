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
use crate::connector::channel::{Asked, ConnectorError, Origin, ReadEnd};
use crate::connector::content::ContentDigest;
use crate::connector::ending;
use crate::connector::format::RecordSink;
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
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
    /// Asks for one. An error ends the poll.
    async fn page(&self, turn: &Turn) -> Result<Given, ConnectorError>;
}

/// How a poll goes, and how far it came before.
pub struct Poll<'p> {
    pub paging: &'p Paging,
    pub pages_max: usize,
    pub layout: &'p Layout,
    /// Says how far it comes, where it is asked for what changed.
    pub version: Option<&'p Version>,
    /// UTC milliseconds.
    pub now_ms: i64,
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

/// Since when it is asked, as its system writes it.
pub fn since(since: &Since, version: Option<&Version>, after: Option<&str>) -> Option<String> {
    match (after, version) {
        (Some(after), Some(version)) => version.before(after, since.overlap_ms),
        _ => since.start.clone(),
    }
}

/// Asks for every page, and gives what they hold to the sink, which comes back in any case.
pub async fn ask(
    pages: &dyn Pages,
    poll: Poll<'_>,
    origin: &Origin,
    sink: Box<dyn RecordSink>,
) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
    let taking = Taking::new(sink, poll.layout.clone(), poll.version.cloned(), poll.now_ms);
    let (sink, end) = followed(pages, &poll, origin, taking).await;
    ending::finished(sink, end).await
}

async fn followed(
    pages: &dyn Pages,
    poll: &Poll<'_>,
    origin: &Origin,
    mut taking: Taking,
) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
    let (mut end, mut digest) = (ReadEnd::default(), ContentDigest::new());
    let mut turn = poll.paging.first();
    for number in 0..poll.pages_max {
        let given = match pages.page(&turn).await {
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
                Err(error) => return (taking.into_sink(), Err(ending::cut_off(error, "a page"))),
            }
        }
        let overlaps = match taking.overlap() {
            Ok(overlaps) => overlaps,
            Err(Moved) => return (taking.into_sink(), Err(unavailable(MOVED.to_owned(), None))),
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
        if let Some(back) = poll.paging.back(&page) {
            let stands = stands(pages, poll, &back, taking.keys_before()).await;
            if let Err(error) = stands {
                return (taking.into_sink(), Err(error));
            }
        }
        match poll.paging.next(&page) {
            Ok(Some(next)) => {
                let begins_with = match poll.paging.overlaps_behind(&page) {
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
    let most = poll.pages_max;
    let cause =
        format!("its answer has more than {most} pages: is that so? Then raise `pages_max`");
    (taking.into_sink(), Err(unavailable(cause, None)))
}

/// Looks at the page before once more: where its records are others now, one may have been passed over.
async fn stands(
    pages: &dyn Pages,
    poll: &Poll<'_>,
    back: &Turn,
    before: &[u64],
) -> Result<(), ConnectorError> {
    let body = pages.page(back).await?.body.unwrap_or_default();
    let keys = taking::keys_of(poll.layout.clone(), body).await;
    match keys.map_err(|error| ending::cut_off(error, "a page"))? == before {
        true => Ok(()),
        false => Err(unavailable(MOVED.to_owned(), None)),
    }
}
