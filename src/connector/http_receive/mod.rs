//! A system that calls us by HTTP. Its calls are answered elsewhere (`web`) and kept in the inbox; here
//! they are read from it as extracts are, some at a time.

pub mod proof;
pub mod settings;

use std::sync::Arc;

use async_trait::async_trait;

use super::answering::unavailable;
use super::channel::{Asked, ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use super::content::ContentDigest;
use super::ending;
use super::format::layout::Layout;
use super::format::version::Version;
use super::format::{Format, RecordSink};
use super::receiving::{Inbox, Intake, Post};

/// What an intake's mark begins with.
const MARK: &str = "intake|";

/// By which an intake is known among the origins of batches.
pub fn mark(intake: i64) -> String {
    format!("{MARK}{intake}")
}

/// The calls of one system, as a source.
pub struct HttpReceive {
    inbox: Arc<dyn Inbox>,
    layout: Layout,
    version: Option<Version>,
}

type Sink = Box<dyn RecordSink>;

impl HttpReceive {
    /// Cuts some calls, where it may block.
    async fn cut(
        &self,
        sink: Sink,
        posts: Vec<Post>,
        mut end: ReadEnd,
        mut digest: ContentDigest,
    ) -> (Sink, Result<(ReadEnd, ContentDigest), ConnectorError>) {
        let layout = self.layout.clone();
        let work = tokio::task::spawn_blocking(move || {
            let mut sink = sink;
            for post in posts {
                digest.update(&post.body);
                let name = format!("call {}", post.id);
                match layout.cut(&mut &post.body[..], &name, &mut *sink) {
                    Ok(cut) => end.encoding = cut.encoding.to_owned(),
                    Err(error) => return (sink, Err(ending::cut_off(error, "a call"))),
                }
            }
            (sink, Ok((end, digest)))
        });
        match work.await {
            Ok(done) => done,
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }

    async fn take(&self, intake: i64, sink: Sink) -> (Sink, Result<ReadEnd, ConnectorError>) {
        let (mut sink, mut end, mut digest) = (sink, ReadEnd::default(), ContentDigest::new());
        let mut beyond = 0;
        loop {
            let posts = match self.inbox.posts(intake, beyond).await {
                Ok(posts) => posts,
                Err(error) => return (sink, Err(error)),
            };
            let Some(last) = posts.last() else { break };
            beyond = last.id;
            let (back, cut) = self.cut(sink, posts, end, digest).await;
            sink = back;
            match cut {
                Ok(so_far) => (end, digest) = so_far,
                Err(error) => return (sink, Err(error)),
            }
        }
        end.content_digest = digest.finish();
        (sink, Ok(end))
    }
}

fn intake_of(origin: &Origin) -> Result<i64, ConnectorError> {
    let id = origin.mark.strip_prefix(MARK).and_then(|id| id.parse().ok());
    id.ok_or_else(|| unavailable(format!("{} is no intake", origin.name), None))
}

#[async_trait]
impl Source for HttpReceive {
    async fn look(&self, _: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let intakes = self.inbox.intakes(self.version.is_some()).await?;
        let origin = |Intake { id, first, last, bytes }| Origin {
            name: match first == last {
                true => format!("call {first}"),
                false => format!("calls {first} to {last}"),
            },
            mark: mark(id),
            bytes,
            // The same content once more is news: something else may have been so in between.
            asked: Some(Asked { after: None }),
        };
        Ok(intakes.into_iter().map(origin).collect())
    }

    async fn read(&self, origin: &Origin, sink: Sink) -> (Sink, Result<ReadEnd, ConnectorError>) {
        let intake = match intake_of(origin) {
            Ok(intake) => intake,
            Err(error) => return (sink, Err(error)),
        };
        let (sink, end) = self.take(intake, sink).await;
        ending::finished(sink, end).await
    }

    async fn acknowledge(&self, origin: &Origin, taken: Taken) -> Result<(), ConnectorError> {
        self.inbox.end(intake_of(origin)?, taken).await
    }

    fn format(&self) -> &dyn Format {
        &*self.layout.format
    }

    fn extract(&self) -> Extract {
        Extract::Delta
    }

    fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    fn not_cards(&self) -> &[String] {
        &self.layout.not_cards
    }
}
