//! How the reading of an origin ends, whichever kind reads it.

use super::answering::unavailable;
use super::channel::{ConnectorError, ReadEnd};
use super::format::{CutError, RecordSink, Stopped};

/// What the end of a cutting means; `what` was cut: `a page`.
pub fn cut_off(error: CutError, what: &str) -> ConnectorError {
    match error {
        CutError::Format(fault) => ConnectorError::Malformed(fault),
        CutError::Read(error) => unavailable(format!("{what} cannot be read: {error}"), None),
        CutError::Stopped => unavailable("whoever took the records stopped".to_owned(), None),
    }
}

/// Says that nothing more comes, where it may block.
pub async fn finished(
    mut sink: Box<dyn RecordSink>,
    end: Result<ReadEnd, ConnectorError>,
) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
    let work = tokio::task::spawn_blocking(move || {
        let end = match (end, sink.finish()) {
            (Ok(_), Err(Stopped)) => {
                Err(unavailable("whoever took the records stopped".to_owned(), None))
            }
            (end, _) => end,
        };
        (sink, end)
    });
    match work.await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}
