//! Our own limit on how fast we call. A platform gives no warning before it turns us away, and no time to
//! come back, so we keep under its limit by ourselves.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

/// A bucket of permits that fills as time passes.
pub struct Pace {
    per_second: f64,
    burst: f64,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    permits: f64,
    filled: Instant,
}

impl Pace {
    /// So many a second, and so many at once after a rest.
    pub fn new(per_second: f64, burst: f64) -> Self {
        let (per_second, burst) = (per_second.max(0.01), burst.max(1.0));
        let bucket = Bucket { permits: burst, filled: Instant::now() };
        Self { per_second, burst, bucket: Mutex::new(bucket) }
    }

    /// Waits for a permit and takes it. Those who wait are served in the order they came.
    pub async fn take(&self) {
        let mut bucket = self.bucket.lock().await;
        let now = Instant::now();
        let elapsed = now.saturating_duration_since(bucket.filled);
        bucket.permits = self.burst.min(bucket.permits + elapsed.as_secs_f64() * self.per_second);
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
