//! Why a lookup came to nothing.

use crate::connector::channel::ConnectorError;
use crate::connector::format::FormatError;
use crate::record::personal::unprinted;

/// Why a lookup came to nothing. What is wrong with one person stops nobody else.
pub enum Fault {
    /// The system as a whole: nobody can be looked up.
    System(ConnectorError),
    /// It answered with an error of its own, about this one.
    Said,
    /// It gave what belongs to somebody else. Nothing that came with it is used.
    Mixed(&'static str),
}

impl From<ConnectorError> for Fault {
    fn from(error: ConnectorError) -> Fault {
        Fault::System(error)
    }
}

impl Fault {
    /// What the whole poll comes to. Where replies are mixed up, one that shows nothing may be mixed up
    /// too: the poll is held whole, and a person looks.
    pub fn of_poll(self) -> ConnectorError {
        match self {
            Fault::System(error) => error,
            Fault::Said => ConnectorError::Unavailable {
                cause: "it answers with errors of its own".to_owned(),
                retry_after_ms: None,
            },
            Fault::Mixed(what) => ConnectorError::Malformed(FormatError {
                code: "civica.mixed",
                cause: format!("{what} came in place of what was asked for"),
                place: "nothing of this poll is used".to_owned(),
            }),
        }
    }
}

unprinted!(Fault);
