//! What stops a job. What only stops a record or a delivery is a result, not an error.

use crate::connector::channel::ConnectorError;
use crate::store::database::StoreError;

/// Why a job could not go on.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// A field whose rule is to stop the batch.
    #[error("the batch is stopped by the rule of `{field}`: {code}")]
    Stopped { field: String, code: String },
    /// Something that cannot happen did.
    #[error("{0}")]
    Broken(String),
}

/// Work on another thread broke off. Its own text may quote the value it broke on; where it was has
/// been said by then.
impl From<tokio::task::JoinError> for JobError {
    fn from(_: tokio::task::JoinError) -> Self {
        JobError::Broken("the work broke off: this is a fault of Viaduct's".to_owned())
    }
}
