//! What an error means for the work: one `match` for each error type, and all of them here.

use super::error::JobError;
use super::fail_point::Safeguard;
use crate::connector::channel::ConnectorError;
use crate::store::database::StoreError;

/// A platform's clock may go behind ours: its day ends so much later.
pub const CLOCKS_MS: i64 = 120_000;
/// Nobody knows whether it took effect, and a person has to find out.
pub const UNKNOWN_CODE: &str = "delivery.unknown";

/// What is to be done about an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// Nothing happened: try again, not before so long if we were told.
    Retry { after_ms: Option<i64>, cause: String },
    /// It was not even tried: as if nothing had been done.
    GiveBack { after_ms: Option<i64>, cause: String },
    /// Never again by itself: a person decides.
    Hold { code: String, cause: String },
    /// Nobody knows whether it happened: ask, before anything else.
    Ask { cause: String },
    /// Nothing more can be done with this system: stop, and tell someone.
    Halt { code: &'static str, cause: String },
}

/// What a connector's error means.
pub fn of_connector(error: &ConnectorError) -> Disposition {
    match error {
        ConnectorError::Unavailable { cause, retry_after_ms } => {
            Disposition::Retry { after_ms: *retry_after_ms, cause: cause.clone() }
        }
        ConnectorError::Untried { cause, after_ms } => {
            Disposition::GiveBack { after_ms: *after_ms, cause: cause.clone() }
        }
        ConnectorError::Full { cause, after_ms } => {
            Disposition::GiveBack { after_ms: Some(*after_ms + CLOCKS_MS), cause: cause.clone() }
        }
        ConnectorError::Forgotten { cause } => {
            Disposition::Hold { code: UNKNOWN_CODE.to_owned(), cause: cause.clone() }
        }
        ConnectorError::Unauthorised { code, cause } => {
            Disposition::Halt { code, cause: cause.clone() }
        }
        ConnectorError::Refused { cause, .. } if Safeguard::Holding.is_off() => {
            Disposition::Retry { after_ms: None, cause: cause.clone() }
        }
        ConnectorError::Refused { code, cause } => {
            Disposition::Hold { code: code.clone(), cause: cause.clone() }
        }
        // It answered, so it may well have done what it was told.
        ConnectorError::Malformed(fault) => Disposition::Ask { cause: fault.to_string() },
        ConnectorError::Unknown { cause } => Disposition::Ask { cause: cause.clone() },
    }
}

/// What the store's error means.
pub fn of_store(error: &StoreError) -> Disposition {
    let cause = error.to_string();
    match error {
        StoreError::Unavailable(_) | StoreError::Conflict(_) => {
            Disposition::Retry { after_ms: None, cause }
        }
        StoreError::Corrupt { .. } => Disposition::Halt { code: "store.corrupt", cause },
        StoreError::Address(_) => Disposition::Halt { code: "store.address", cause },
        StoreError::Refused(_) => Disposition::Halt { code: "store.refused", cause },
    }
}

/// What it means for the job as a whole. A job that is run again finds what was left undone.
pub fn of_job(error: &JobError) -> Disposition {
    match error {
        JobError::Store(error) => of_store(error),
        JobError::Connector(error) => of_connector(error),
        JobError::Stopped { field, code } => {
            let cause = format!("the batch is stopped by the rule of `{field}`");
            Disposition::Hold { code: code.clone(), cause }
        }
        JobError::Broken(cause) => Disposition::Halt { code: "job.broken", cause: cause.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::format::FormatError;

    #[test]
    fn silence_is_asked_about_and_never_tried_again() {
        let said = || "said".to_owned();
        let fault = FormatError { code: "json.syntax", cause: said(), place: said() };
        for (error, word) in [
            (ConnectorError::Unavailable { cause: said(), retry_after_ms: Some(5) }, "retry"),
            (ConnectorError::Untried { cause: said(), after_ms: None }, "give back"),
            (ConnectorError::Full { cause: said(), after_ms: 5 }, "give back"),
            (ConnectorError::Forgotten { cause: said() }, "hold"),
            (ConnectorError::Unauthorised { code: "notify.key", cause: said() }, "halt"),
            (ConnectorError::Refused { code: said(), cause: said() }, "hold"),
            (ConnectorError::Malformed(fault), "ask"),
            (ConnectorError::Unknown { cause: said() }, "ask"),
        ] {
            let found = match of_connector(&error) {
                Disposition::Retry { after_ms, .. } => {
                    assert_eq!(after_ms, Some(5));
                    "retry"
                }
                Disposition::GiveBack { .. } => "give back",
                Disposition::Hold { .. } => "hold",
                Disposition::Ask { .. } => "ask",
                Disposition::Halt { .. } => "halt",
            };
            assert_eq!(found, word, "{error:?}");
        }
        let corrupt = StoreError::Corrupt { table: "resident", column: "facts", id: 7 };
        let halted = of_job(&JobError::Store(corrupt));
        assert!(matches!(halted, Disposition::Halt { code: "store.corrupt", .. }), "{halted:?}");
    }
}
