//! The time, as an argument: nothing below `app` asks the machine.

use std::time::Duration;

use async_trait::async_trait;

/// An instant as people read it, in the council's own time: `3 Nov 2026 14:05 GMT`.
pub fn said(at_ms: i64) -> String {
    let utc = chrono::DateTime::from_timestamp_millis(at_ms).unwrap_or_default();
    utc.with_timezone(&chrono_tz::Europe::London).format("%-d %b %Y %H:%M %Z").to_string()
}

/// Tells the time, and lets it pass. Tests have one of their own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// UTC milliseconds.
    fn now_ms(&self) -> i64;

    /// Today in the council's own time, for codes that are dated.
    fn today(&self) -> chrono::NaiveDate {
        let utc = chrono::DateTime::from_timestamp_millis(self.now_ms()).unwrap_or_default();
        utc.with_timezone(&chrono_tz::Europe::London).date_naive()
    }

    /// Waits.
    async fn pause(&self, ms: i64) {
        tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
    }
}
