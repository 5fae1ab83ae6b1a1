//! The time, as an argument: nothing below `app` asks the machine.

use std::time::Duration;

use async_trait::async_trait;

use crate::record::moment::Moment;

/// Tells the time, and lets it pass. Tests have one of their own.
#[async_trait]
pub trait Clock: Send + Sync {
    /// UTC milliseconds.
    fn now_ms(&self) -> i64;

    /// Today in the council's own time, for codes that are dated.
    fn today(&self) -> chrono::NaiveDate {
        Moment(self.now_ms()).day()
    }

    /// Waits.
    async fn pause(&self, ms: i64) {
        tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
    }
}
