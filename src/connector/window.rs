//! A stretch of the week by London's clock: `Sun 02:00-06:00`, or `22:00-06:00` for every night. Pure:
//! the instant comes in.

use std::fmt;

use chrono::{Datelike, Days, NaiveTime, Timelike, Weekday};

use crate::record::moment::Moment;

/// What must be said where a window cannot be read.
pub const SHAPE: &str = "write it like `Sun 02:00-06:00`, or `22:00-06:00` for every night";

/// A stretch that comes again each day, or on one day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The day on which it begins.
    day: Option<Weekday>,
    /// Minutes of the day.
    from: u32,
    /// On the next day, where it is not after `from`.
    to: u32,
}

impl Window {
    /// Reads one; none where it is no window.
    pub fn parse(text: &str) -> Option<Window> {
        let (day, times) = match text.trim().split_once(' ') {
            Some((day, times)) => (Some(day.parse().ok()?), times),
            None => (None, text.trim()),
        };
        let (from, to) = times.trim().split_once('-')?;
        let time = |text: &str| {
            let time = NaiveTime::parse_from_str(text.trim(), "%H:%M").ok()?;
            Some(time.hour() * 60 + time.minute())
        };
        let window = Window { day, from: time(from)?, to: time(to)? };
        (window.from != window.to).then_some(window)
    }

    /// When it ends, where that instant lies in it.
    pub fn ends_ms(&self, now_ms: i64) -> Option<i64> {
        // It may have begun yesterday.
        [0, 1].into_iter().find_map(|days| {
            let day = Moment(now_ms).day().checked_sub_days(Days::new(days))?;
            let last = if self.to > self.from { day } else { day.succ_opt()? };
            let begins = Moment::at(day, self.from);
            let ends = Moment::at(last, self.to);
            let is_day = self.day.is_none_or(|wanted| wanted == day.weekday());
            (is_day && begins.0 <= now_ms && now_ms < ends.0).then_some(ends.0)
        })
    }
}

/// As it is written.
impl fmt::Display for Window {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(day) = self.day {
            write!(out, "{day} ")?;
        }
        let (from, to) = (self.from, self.to);
        write!(out, "{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_millis()
    }

    #[test]
    fn it_is_londons_clock_that_counts() {
        for (text, now, ends) in [
            ("22:00-06:00", "2026-11-25T23:00:00Z", Some("2026-11-26T06:00:00Z")),
            ("22:00-06:00", "2026-11-26T05:59:59Z", Some("2026-11-26T06:00:00Z")),
            ("22:00-06:00", "2026-11-26T06:00:00Z", None),
            // In summer London is an hour ahead.
            ("22:00-06:00", "2026-07-01T21:00:00Z", Some("2026-07-02T05:00:00Z")),
            ("Sun 02:00-06:00", "2026-11-29T03:00:00Z", Some("2026-11-29T06:00:00Z")),
            ("Sun 02:00-06:00", "2026-11-28T03:00:00Z", None),
            ("Sun 22:00-06:00", "2026-11-30T01:00:00Z", Some("2026-11-30T06:00:00Z")),
            ("Sun 22:00-06:00", "2026-11-29T01:00:00Z", None),
            // An end that the spring change leaves out is an hour later.
            ("Sun 00:30-01:30", "2027-03-28T00:45:00Z", Some("2027-03-28T01:30:00Z")),
        ] {
            let window = Window::parse(text).expect(text);
            assert_eq!(window.ends_ms(at(now)), ends.map(at), "{text} at {now}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused() {
        for text in ["", "22:00", "22:00-22:00", "25:00-26:00", "Sometimes 22:00-23:00", "-"] {
            assert_eq!(Window::parse(text), None, "{text}");
        }
    }
}
