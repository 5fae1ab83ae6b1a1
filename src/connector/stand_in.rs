//! Sources that stand in for others: one of which nothing is taken away, and one that gives
//! nothing.

use std::sync::Arc;

use async_trait::async_trait;

use super::channel::{ConnectorError, Extract, Ignored, Origin, ReadEnd, Source, Taken};
use super::format::layout::Layout;
use super::format::version::Version;
use super::format::{Format, RecordSink};

/// A source that is read and left as it is: nothing is moved, nothing is acknowledged.
pub struct Untouched(pub Arc<dyn Source>);

#[async_trait]
impl Source for Untouched {
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        self.0.look(cursor).await
    }

    async fn ignored(&self) -> Result<Vec<Ignored>, ConnectorError> {
        self.0.ignored().await
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        self.0.read(origin, sink).await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        self.0.format()
    }

    fn extract(&self) -> Extract {
        self.0.extract()
    }

    fn version(&self) -> Option<&Version> {
        self.0.version()
    }

    fn not_cards(&self) -> &[String] {
        self.0.not_cards()
    }
}

/// What a source gave is stored, and is read again by its layout. The source itself is not asked,
/// and need not be there.
pub struct Stored(pub Layout);

#[async_trait]
impl Source for Stored {
    async fn look(&self, _: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        Ok(Vec::new())
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let cause = format!("{} is not asked for while stored records are read", origin.name);
        (sink, Err(ConnectorError::Unavailable { cause, retry_after_ms: None }))
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.0.format
    }

    fn extract(&self) -> Extract {
        Extract::Delta
    }
}
