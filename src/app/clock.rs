//! The machine's own clock: the only place that looks at it.

use crate::job::clock::Clock;

/// The time of the machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct MachineClock;

#[async_trait::async_trait]
impl Clock for MachineClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that asks the machine")]
    fn now_ms(&self) -> i64 {
        chrono::Utc::now().timestamp_millis()
    }
}
