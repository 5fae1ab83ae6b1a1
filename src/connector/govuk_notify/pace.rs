//! Our own limit on how fast we send. The platform gives no warning before it turns us away, and no
//! time to come back, so we keep under its limit by ourselves.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// Fewer than the platform's burst of a thousand: other programs may share the key.
const BURST_MAX: f64 = 900.0;

/// A bucket of permits that fills as time passes.
pub struct Pace {
    per_second: f64,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    permits: f64,
    filled: Instant,
}

impl Pace {
    pub fn new(per_minute: u32) -> Self {
        let per_second = f64::from(per_minute.max(1)) / 60.0;
        let bucket =
            Bucket { permits: BURST_MAX.min(f64::from(per_minute)), filled: Instant::now() };
        Self { per_second, bucket: Mutex::new(bucket) }
    }

    /// Waits for a permit and takes it. Those who wait are served in the order they came.
    pub async fn take(&self) {
        let mut bucket = self.bucket.lock().await;
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(bucket.filled);
        bucket.permits = BURST_MAX.min(bucket.permits + elapsed.as_secs_f64() * self.per_second);
        bucket.filled = now;
        if bucket.permits < 1.0 {
            let wait = Duration::from_secs_f64((1.0 - bucket.permits) / self.per_second);
            tokio::time::sleep(wait).await;
            bucket.permits = 1.0;
            bucket.filled = Instant::now();
        }
        bucket.permits -= 1.0;
    }
}
