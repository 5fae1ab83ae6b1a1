//! Instants as people and programs read them: London's clock with GMT or BST, and UTC. What is kept is
//! UTC milliseconds, always.

use std::fmt;

use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Europe::London;
use chrono_tz::Tz;
use serde::{Serialize, Serializer};

/// An instant, in UTC milliseconds. Printed it is `Mon 23 Nov 2026, 02:30 GMT`, for people; serialised
/// it is `2026-11-23T02:30:00.000Z`, for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub i64);

impl Moment {
    fn utc(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or_default()
    }

    /// The day that it falls on in London.
    pub fn day(self) -> NaiveDate {
        self.utc().with_timezone(&London).date_naive()
    }

    /// The time of that day in London, in minutes since midnight.
    pub fn minute(self) -> u32 {
        let time = self.utc().with_timezone(&London);
        time.hour() * 60 + time.minute()
    }

    /// That minute of that day in London; where the clocks skip it, an hour later.
    pub fn at(day: NaiveDate, minute: u32) -> Moment {
        let wall = day.and_time(NaiveTime::MIN) + TimeDelta::minutes(i64::from(minute));
        let at = |wall| London.from_local_datetime(&wall).earliest();
        let found = at(wall).or_else(|| at(wall + TimeDelta::hours(1)));
        Moment(found.map_or(wall.and_utc().timestamp_millis(), |at| at.timestamp_millis()))
    }

    /// The beginning of a day in London, `2026-11-23`; or an instant, `2026-11-23T02:30:00Z`.
    pub fn parse(text: &str) -> Option<Moment> {
        match text.parse::<NaiveDate>() {
            Ok(day) => Some(Moment::at(day, 0)),
            Err(_) => {
                let at = DateTime::parse_from_rfc3339(text).ok()?;
                Some(Moment(at.timestamp_millis()))
            }
        }
    }

    /// The same, where a day counts to its end.
    pub fn parse_end(text: &str) -> Option<Moment> {
        match text.parse::<NaiveDate>() {
            Ok(day) => Some(Moment::at(day.succ_opt()?, 0)),
            Err(_) => Moment::parse(text),
        }
    }

    /// Whether London's clock is an hour ahead then.
    pub fn is_summer(self) -> bool {
        let here = self.utc().with_timezone(&London);
        here.naive_local() != here.naive_utc()
    }

    /// `2026-07-01T03:30:00`, by London's clock and without saying so: for systems that write it like that.
    pub fn wall_said(self) -> String {
        self.utc().with_timezone(&London).format("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// `2026-11-23T02:30:00.000Z`, for programs and logs.
    pub fn utc_said(self) -> String {
        self.utc().format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
    }

    /// `2026-07-01T03:30:00+01:00`, by London's clock and saying how far that is from UTC: for spreadsheets.
    pub fn local_said(self) -> String {
        self.utc().with_timezone(&London).format("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// `Mon, 23 Nov 2026 02:30:00 GMT`, as the headers of HTTP say it.
    pub fn http_date(self) -> String {
        self.utc().format("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }

    /// `14:05 GMT` on the day of that instant, with its own day on others.
    pub fn time_said(self, now_ms: i64) -> String {
        match self.day() == Moment(now_ms).day() {
            true => self.utc().with_timezone(&London).format("%H:%M %Z").to_string(),
            false => self.to_string(),
        }
    }

    /// As the people of a time zone read it: `Mon 23 Nov 2026, 02:30 GMT`.
    pub fn said(self, zone: Tz) -> String {
        self.utc().with_timezone(&zone).format("%a %-d %b %Y, %H:%M %Z").to_string()
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.said(London))
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.utc_said())
    }
}

/// `0.2 s`, `3 min`: how long something took, never less than nothing.
pub fn span(ms: i64) -> String {
    match ms.max(0) {
        ms @ 0..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        ms @ 60_000..7_200_000 => format!("{} min", ms / 60_000),
        ms @ 7_200_000..172_800_000 => format!("{} hours", ms / 3_600_000),
        ms => format!("{} days", ms / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_londons_and_says_which() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().timestamp_millis();
        for (utc_text, wanted) in [
            ("2026-11-23T02:30:00.000Z", "Mon 23 Nov 2026, 02:30 GMT"),
            ("2026-07-01T02:30:00.000Z", "Wed 1 Jul 2026, 03:30 BST"),
            // The same minute of the clock, twice in one night.
            ("2026-10-25T00:30:00.000Z", "Sun 25 Oct 2026, 01:30 BST"),
            ("2026-10-25T01:30:00.000Z", "Sun 25 Oct 2026, 01:30 GMT"),
        ] {
            let moment = Moment(at(utc_text));
            assert_eq!(moment.to_string(), wanted);
            assert_eq!(serde_json::to_value(moment).unwrap(), utc_text);
        }
        let midnight = Moment(at("2026-06-30T23:30:00.000Z"));
        assert_eq!(midnight.day().to_string(), "2026-07-01");
    }

    #[test]
    fn a_minute_of_a_day_is_found_when_the_clocks_change_too() {
        for (utc_text, minute) in [
            ("2026-11-23T20:00:00.000Z", 1_200),
            ("2026-07-01T19:00:00.000Z", 1_200),
            ("2026-06-30T23:00:00.000Z", 0),
            ("2026-10-25T00:30:00.000Z", 90),
        ] {
            let moment = Moment(DateTime::parse_from_rfc3339(utc_text).unwrap().timestamp_millis());
            assert_eq!(moment.minute(), minute);
            assert_eq!(Moment::at(moment.day(), minute), moment, "{utc_text}");
        }
        let skipped = NaiveDate::from_ymd_opt(2027, 3, 28).unwrap();
        assert_eq!(Moment::at(skipped, 90).utc_said(), "2027-03-28T01:30:00.000Z");
    }

    #[test]
    fn a_span_has_one_unit() {
        for (ms, wanted) in [
            (-5, "0.0 s"),
            (240, "0.2 s"),
            (59_999, "59.9 s"),
            (60_000, "1 min"),
            (7_200_000, "2 hours"),
            (172_800_000, "2 days"),
        ] {
            assert_eq!(span(ms), wanted);
        }
    }
}
