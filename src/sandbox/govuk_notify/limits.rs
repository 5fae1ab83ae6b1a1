//! How fast and how much. A bucket of tokens for each service and kind of key evens out bursts; a
//! count for the day stops a mistake. Both are functions of the instant handed in.

use std::collections::HashMap;

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::service::{Channel, KeyKind, Service};

const BURST_MAX: f64 = 1_000.0;
const DAY_MS: i64 = 86_400_000;

/// What has been used so far.
#[derive(Debug, Default)]
pub struct Limits {
    buckets: HashMap<(String, KeyKind), Bucket>,
    sent: HashMap<(String, &'static str), (i64, u32)>,
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_ms: i64,
}

impl Limits {
    /// Takes one token, or refuses the request.
    pub fn take(&mut self, service: &Service, key: KeyKind, now_ms: i64) -> Result<(), Refusal> {
        let per_minute = f64::from(service.rate_limit);
        let capacity = BURST_MAX.min((per_minute / 3.0).ceil() + 1.0);
        let bucket = self
            .buckets
            .entry((service.id.clone(), key))
            .or_insert(Bucket { tokens: capacity, filled_ms: now_ms });
        let elapsed_ms = u32::try_from((now_ms - bucket.filled_ms).max(0)).unwrap_or(u32::MAX);
        bucket.tokens = capacity.min(bucket.tokens + f64::from(elapsed_ms) * per_minute / 60_000.0);
        bucket.filled_ms = now_ms;
        if bucket.tokens < 1.0 {
            let kind = match key {
                KeyKind::Live => "LIVE",
                KeyKind::Team => "TEAM",
                KeyKind::Test => "TEST",
            };
            let limit = service.rate_limit;
            return Err(Refusal::too_many(
                "RateLimitError",
                format!(
                    "Exceeded rate limit for key type {kind} of {limit} requests per 60 seconds"
                ),
            ));
        }
        bucket.tokens -= 1.0;
        Ok(())
    }

    /// Refuses when the day's messages of this channel are used up.
    pub fn check_day(
        &self,
        service: &Service,
        key: KeyKind,
        channel: Channel,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let limits = service.limits(key);
        let limit = match channel {
            Channel::Email => limits.email,
            Channel::Sms => limits.sms,
            Channel::Letter => limits.letter,
        };
        self.check(service, key, channel.word(), limit, now_ms)
    }

    /// The same for texts to other countries, which have a limit of their own.
    pub fn check_abroad(
        &self,
        service: &Service,
        key: KeyKind,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let limit = service.limits(key).international_sms;
        self.check(service, key, ABROAD, limit, now_ms)
    }

    /// Counts an accepted message. Those of a test key go nowhere and are not counted.
    pub fn count(
        &mut self,
        service: &Service,
        key: KeyKind,
        channel: Channel,
        abroad: bool,
        now_ms: i64,
    ) {
        if key == KeyKind::Test {
            return;
        }
        let today = now_ms.div_euclid(DAY_MS);
        for name in [Some(channel.word()), abroad.then_some(ABROAD)].into_iter().flatten() {
            let counted = self.sent.entry((service.id.clone(), name)).or_insert((today, 0));
            if counted.0 != today {
                *counted = (today, 0);
            }
            counted.1 += 1;
        }
    }

    fn check(
        &self,
        service: &Service,
        key: KeyKind,
        name: &'static str,
        limit: u32,
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let today = now_ms.div_euclid(DAY_MS);
        let sent = match self.sent.get(&(service.id.clone(), name)) {
            Some(&(day, sent)) if day == today && key != KeyKind::Test => sent,
            _ => 0,
        };
        if sent < limit {
            return Ok(());
        }
        Err(Refusal::too_many(
            "TooManyRequestsError",
            format!("Exceeded send limits ({name}: {limit}) for today"),
        ))
    }
}

const ABROAD: &str = "international_sms";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_of_a_thousand_and_then_fifty_a_second() {
        let service = Service::council();
        let mut limits = Limits::default();
        let mut taken = |now_ms, count| {
            (0..count).filter(|_| limits.take(&service, KeyKind::Live, now_ms).is_ok()).count()
        };
        assert_eq!(taken(0, 1_100), 1_000);
        assert_eq!(taken(1_000, 100), 50);
        assert_eq!(taken(1_019, 2), 0);
        assert_eq!(taken(1_020, 2), 1);
        assert_eq!(taken(3_600_000, 1_100), 1_000);
    }

    #[test]
    fn a_days_messages_are_used_up_until_midnight() {
        let service = Service { live: false, ..Service::council() };
        let mut limits = Limits::default();
        for _ in 0..50 {
            assert!(limits.check_day(&service, KeyKind::Live, Channel::Sms, 0).is_ok());
            limits.count(&service, KeyKind::Live, Channel::Sms, false, 0);
        }
        assert!(limits.check_day(&service, KeyKind::Live, Channel::Sms, DAY_MS - 1).is_err());
        assert!(limits.check_day(&service, KeyKind::Live, Channel::Email, 0).is_ok());
        assert!(limits.check_day(&service, KeyKind::Test, Channel::Sms, 0).is_ok());
        assert!(limits.check_day(&service, KeyKind::Live, Channel::Sms, DAY_MS).is_ok());
    }
}
