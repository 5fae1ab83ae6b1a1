//! When a job runs: a five-field crontab expression read in a time zone, and the instants it names.
//! Clock changes neither lose a nightly job nor run it twice. Pure: the instant to count from comes
//! in.
//!
//! The library reads the expression; what it would accept and nobody means, or what it would spell
//! out in memory, is refused before it, in plain words. It counts Sunday as 1 where crontab, and
//! everybody who writes one, counts Monday as 1, so weekdays are given to it by name. The instants are
//! ours: the library skips a night and repeats another when the clocks change.

use std::str::FromStr;

use chrono::{
    DateTime, Datelike, Days, LocalResult, NaiveDate, NaiveDateTime, TimeDelta, TimeZone,
};
use chrono_tz::Tz;

use crate::definition::suggest;

const EXPRESSION_CHARS_MAX: usize = 200;
/// 29 February is at most eight years away; a year more for the search to begin in.
const SEARCH_DAYS_MAX: usize = 366 * 9;
/// The longest gap a zone ever had is a day (Samoa, 2011).
const GAP_MINUTES_MAX: i64 = 24 * 60;
const TICKS_MAX: usize = 100_000;

/// An expression and its zone, checked.
#[derive(Clone, Debug)]
pub struct Schedule {
    expression: String,
    zone: Tz,
    minutes: Set,
    hours: Set,
    days: Set,
    months: Set,
    weekdays: Set,
    /// The hour is a list of hours, so each is meant once a day; otherwise every passing hour is
    /// meant.
    hours_listed: bool,
}

/// Which of the numbers 0 to 63 are in.
type Set = u64;

impl Schedule {
    /// The error is a sentence in plain words.
    pub fn parse(expression: &str, timezone: &str) -> Result<Schedule, String> {
        let zone: Tz = timezone.parse().map_err(|_| unknown_zone(timezone))?;
        let fields = split(expression)?;
        let [minutes, hours, days, months, weekdays] = fields;
        for (field, text) in [(MINUTE, minutes), (HOUR, hours), (DAY, days), (MONTH, months)] {
            field.read(text)?;
        }
        let weekday_names = names_of(sunday_is_zero(WEEKDAY.read(weekdays)?));
        let library = format!("0 {minutes} {hours} {days} {months} {weekday_names}");
        let read = cron::Schedule::from_str(&library)
            .map_err(|error| format!("`{expression}` cannot be read: {error}"))?;
        let schedule = Schedule {
            expression: fields.join(" "),
            zone,
            minutes: set_of(read.minutes()),
            hours: set_of(read.hours()),
            days: set_of(read.days_of_month()),
            months: set_of(read.months()),
            // The library's first day is Sunday, and is 1.
            weekdays: set_of(read.days_of_week()) >> 1,
            hours_listed: !hours.contains(['*', '/']),
        };
        if days != "*" && weekdays != "*" {
            return Err(
                "a day of the month and a day of the week together mean different things to \
                        different programs: give one and `*` for the other"
                    .to_owned(),
            );
        }
        if !schedule.ever_runs() {
            let what = format!("`{expression}` never runs: no such day is in any of its months");
            return Err(what);
        }
        Ok(schedule)
    }

    pub fn expression(&self) -> &str {
        &self.expression
    }

    /// Whose clock the schedule means, and in which its instants are said to people.
    pub fn zone(&self) -> Tz {
        self.zone
    }

    pub fn timezone(&self) -> &'static str {
        self.zone.name()
    }

    /// The next `count` instants after `from_ms`, in UTC milliseconds, rising.
    ///
    /// A listed hour that the spring change skips runs at the first instant after the gap; one that
    /// the autumn change repeats runs at its first pass. An hour of `*` or with a step runs in
    /// every hour that passes, both passes too.
    pub fn next_after(&self, from_ms: i64, count: usize) -> Vec<i64> {
        let count = count.min(TICKS_MAX);
        let Some(from) = DateTime::from_timestamp_millis(from_ms) else {
            return Vec::new();
        };
        let local = from.with_timezone(&self.zone).date_naive();
        let mut day = local.checked_sub_days(Days::new(1)).unwrap_or(local);
        let mut ticks: Vec<i64> = Vec::new();
        let mut enough_since = 0;
        let mut empty_days = 0;
        // Around a change at midnight the instants of two days can interleave: look two days
        // further before stopping.
        while enough_since < 2 && empty_days < SEARCH_DAYS_MAX {
            let known = ticks.len();
            if self.includes(day) {
                self.instants_of(day, from_ms, &mut ticks);
            }
            empty_days = if ticks.len() > known { 0 } else { empty_days + 1 };
            enough_since += usize::from(ticks.len() >= count);
            let Some(next) = day.checked_add_days(Days::new(1)) else {
                break;
            };
            day = next;
        }
        ticks.sort_unstable();
        ticks.dedup();
        ticks.truncate(count);
        ticks
    }

    fn includes(&self, day: NaiveDate) -> bool {
        has(self.months, day.month())
            && has(self.days, day.day())
            && has(self.weekdays, day.weekday().num_days_from_sunday())
    }

    fn instants_of(&self, day: NaiveDate, after_ms: i64, ticks: &mut Vec<i64>) {
        for hour in members(self.hours) {
            for minute in members(self.minutes) {
                let Some(wall) = day.and_hms_opt(hour, minute, 0) else {
                    continue;
                };
                let found = match self.zone.from_local_datetime(&wall) {
                    LocalResult::Single(only) => [Some(only), None],
                    LocalResult::Ambiguous(first, _) if self.hours_listed => [Some(first), None],
                    LocalResult::Ambiguous(first, second) => [Some(first), Some(second)],
                    LocalResult::None if self.hours_listed => [self.after_gap(wall), None],
                    LocalResult::None => [None, None],
                };
                for at in found.into_iter().flatten().map(|at| at.timestamp_millis()) {
                    // All that a gap skips runs at its end, once: it is one instant, and counts as one.
                    if at > after_ms && ticks.last() != Some(&at) {
                        ticks.push(at);
                    }
                }
            }
        }
    }

    fn after_gap(&self, wall: NaiveDateTime) -> Option<DateTime<Tz>> {
        (1..=GAP_MINUTES_MAX).find_map(|minutes| {
            let later = wall.checked_add_signed(TimeDelta::minutes(minutes))?;
            self.zone.from_local_datetime(&later).earliest()
        })
    }

    fn ever_runs(&self) -> bool {
        const LONGEST: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let first = self.days.trailing_zeros();
        members(self.months).any(|month| first <= LONGEST[month as usize - 1])
    }
}

/// One field of the expression.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    words: &'static [&'static str],
}

const MINUTE: Field = Field { name: "minute", least: 0, most: 59, words: &[] };
const HOUR: Field = Field { name: "hour", least: 0, most: 23, words: &[] };
const DAY: Field = Field { name: "day of the month", least: 1, most: 31, words: &[] };
const MONTH: Field = Field {
    name: "month",
    least: 1,
    most: 12,
    words: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
};
const WEEKDAY: Field = Field {
    name: "day of the week",
    least: 0,
    most: 7,
    words: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

impl Field {
    fn read(&self, text: &str) -> Result<Set, String> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    /// `*`, `*/5`, `3`, `1-5` or `1-5/2`. Bounds are checked before anything is counted out.
    fn part(&self, part: &str) -> Result<Set, String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most.min(self.least + 59)),
            Some((first, last)) => (self.number(first)?, self.number(last)?),
            None if step.is_some() => (self.number(range)?, self.most),
            None => {
                let only = self.number(range)?;
                (only, only)
            }
        };
        if first > last {
            return Err(format!("the {} `{range}` ends before it begins", self.name));
        }
        let step = match step {
            None => 1,
            Some("0") => return Err(format!("a step of 0 in the {} never moves on", self.name)),
            Some(step) => match step.parse::<u32>() {
                Ok(step) if is_short_number(part) && (1..=self.most).contains(&step) => step,
                _ => return Err(format!("`/{step}` is no step for the {}", self.name)),
            },
        };
        Ok((first..=last).step_by(step as usize).fold(0, |set, number| set | 1 << number))
    }

    fn number(&self, text: &str) -> Result<u32, String> {
        let lower = text.to_ascii_lowercase();
        if let Some(place) = self.words.iter().position(|word| *word == lower) {
            return Ok(place as u32 + self.least);
        }
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse::<u32>() {
            Ok(number) if digits && (self.least..=self.most).contains(&number) => Ok(number),
            _ if digits => Err(format!(
                "{text} is out of range: the {} goes from {} to {}",
                self.name, self.least, self.most
            )),
            _ if text.is_empty() => Err(format!("a number is missing in the {}", self.name)),
            _ => Err(format!("`{text}` is not a {}", self.name)),
        }
    }
}

fn is_short_number(part: &str) -> bool {
    part.rsplit('/').next().is_some_and(|step| step.len() <= 2 && !step.starts_with('+'))
}

fn split(expression: &str) -> Result<[&str; 5], String> {
    const ORDER: &str = "minute, hour, day of the month, month, day of the week";
    let trimmed = expression.trim();
    if trimmed.chars().count() > EXPRESSION_CHARS_MAX {
        return Err(format!("a schedule has at most {EXPRESSION_CHARS_MAX} characters"));
    }
    if let Some(word) = trimmed.strip_prefix('@') {
        let instead = match word {
            "hourly" => "write `0 * * * *`",
            "daily" | "midnight" => "write `0 0 * * *`",
            "weekly" => "write `0 0 * * 0`",
            "monthly" => "write `0 0 1 * *`",
            "yearly" | "annually" => "write `0 0 1 1 *`",
            "reboot" => "a schedule names times, and a start of the program is none",
            _ => "write five fields",
        };
        return Err(format!("`{trimmed}` is not used here: {instead}"));
    }
    let fields: Vec<&str> = trimmed.split_ascii_whitespace().collect();
    let count = fields.len();
    <[&str; 5]>::try_from(fields).map_err(|_| match count {
        0 => format!("a schedule has five fields: {ORDER}"),
        6 | 7 => format!("{count} fields: seconds and years are not used; there are five: {ORDER}"),
        1 => format!("1 field where there are five: {ORDER}"),
        _ => format!("{count} fields where there are five: {ORDER}"),
    })
}

fn unknown_zone(timezone: &str) -> String {
    let known: Vec<&str> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name()).collect();
    match suggest::nearest(timezone, &known) {
        Some(near) => format!("`{timezone}` is not a time zone; did you mean `{near}`?"),
        None => format!("`{timezone}` is not a time zone; write `Europe/London`"),
    }
}

/// Crontab allows 7 for Sunday as well.
fn set_of(field: &impl cron::TimeUnitSpec) -> Set {
    field.iter().fold(0, |set, number| set | (1 << number))
}

/// `Mon,Wed`, from a set in which Sunday is 0.
fn names_of(weekdays: Set) -> String {
    let names = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let named = names.iter().enumerate().filter(|(day, _)| weekdays & (1 << day) != 0);
    named.map(|(_, name)| *name).collect::<Vec<_>>().join(",")
}

fn sunday_is_zero(weekdays: Set) -> Set {
    (weekdays | (weekdays >> 7)) & 0x7f
}

fn has(set: Set, number: u32) -> bool {
    (set >> number) & 1 == 1
}

fn members(set: Set) -> impl Iterator<Item = u32> {
    (0..u64::BITS).filter(move |number| has(set, *number))
}

#[cfg(test)]
mod tests {

    use chrono::{DateTime, Utc};

    use super::*;

    fn ms(text: &str) -> i64 {
        DateTime::parse_from_rfc3339(text).expect("an instant").timestamp_millis()
    }

    #[test]
    fn what_a_gap_makes_one_counts_as_one() {
        for (expression, zone, from) in [
            ("5,45 1 29 3 *", "Europe/London", "2026-01-01T00:00:00Z"),
            ("5,45 0-2 30 dec *", "Pacific/Apia", "2011-12-01T00:00:00Z"),
        ] {
            let schedule = Schedule::parse(expression, zone).expect(expression);
            for count in 1..9 {
                assert_eq!(schedule.next_after(ms(from), count).len(), count, "{expression}");
            }
        }
    }

    /// The instants of one London day, as UTC `HH:MM`.
    fn day(expression: &str, from: &str, to: &str) -> Vec<String> {
        let schedule = Schedule::parse(expression, "Europe/London").expect(expression);
        let ticks = schedule.next_after(ms(from) - 1, 2_000);
        assert!(ticks.is_sorted(), "{expression}");
        let of_day = ticks.into_iter().filter(|at| *at < ms(to));
        of_day
            .map(|at| {
                let at: DateTime<Utc> = DateTime::from_timestamp_millis(at).expect("an instant");
                at.format("%H:%M").to_string()
            })
            .collect()
    }

    fn spring(expression: &str) -> Vec<String> {
        day(expression, "2027-03-28T00:00:00Z", "2027-03-28T23:00:00Z")
    }

    fn autumn(expression: &str) -> Vec<String> {
        day(expression, "2027-10-30T23:00:00Z", "2027-11-01T00:00:00Z")
    }

    #[test]
    fn b42_a_nightly_job_runs_once_on_the_days_the_clocks_change() {
        assert_eq!(spring("30 1 * * *"), ["01:00"], "in the gap: the first instant after it");
        assert_eq!(autumn("30 1 * * *"), ["00:30"], "ambiguous: the first pass");
        assert_eq!(spring("0,30 1,2 * * *"), ["01:00", "01:30"], "one instant is one run");
        assert_eq!(spring("30 2 * * *"), ["01:30"]);
        assert_eq!(autumn("30 2 * * *"), ["02:30"]);
    }

    #[test]
    fn passing_hours_are_counted_as_they_pass() {
        assert_eq!(spring("*/30 * * * *").len(), 46);
        assert_eq!(autumn("*/30 * * * *").len(), 50);
        assert_eq!(spring("0 * * * *").len(), 23);
        assert_eq!(autumn("0 * * * *").len(), 25);
        assert_eq!(autumn("15 */2 * * *").len(), 12);
    }

    #[test]
    fn monday_is_one_and_sunday_is_nought_or_seven() {
        for (expression, first) in [
            ("0 9 * * 1", "2026-11-23T09:00:00Z"),
            ("0 9 * * mon", "2026-11-23T09:00:00Z"),
            ("0 9 * * 0", "2026-11-29T09:00:00Z"),
            ("0 9 * * 7", "2026-11-29T09:00:00Z"),
            ("0 9 * * 6-7", "2026-11-28T09:00:00Z"),
            ("0 0 29 2 *", "2028-02-29T00:00:00Z"),
            ("0 0 31 * *", "2026-12-31T00:00:00Z"),
            ("0 0 1 apr-jun/2 *", "2027-03-31T23:00:00Z"),
        ] {
            let schedule = Schedule::parse(expression, "Europe/London").expect(expression);
            assert_eq!(
                schedule.next_after(ms("2026-11-22T23:00:00Z"), 1),
                [ms(first)],
                "{expression}"
            );
        }
    }

    #[test]
    fn b71_what_makes_no_sense_is_refused_in_words() {
        for (expression, words) in [
            ("0 0 1--100000000 * *", "`-100000000` is not a day of the month"),
            (
                "0 0 1-100000000 * *",
                "100000000 is out of range: the day of the month goes from 1 to 31",
            ),
            (
                "0 0 1-99999999999999999999 * *",
                "99999999999999999999 is out of range: the day of the month goes from 1 to 31",
            ),
            ("*/0 * * * *", "a step of 0 in the minute never moves on"),
            ("*/00 * * * *", "`/00` is no step for the minute"),
            ("*/90 * * * *", "`/90` is no step for the minute"),
            ("*/+5 * * * *", "`/+5` is no step for the minute"),
            (
                "@reboot",
                "`@reboot` is not used here: a schedule names times, and a start of the program is none",
            ),
            ("@daily", "`@daily` is not used here: write `0 0 * * *`"),
            ("0 0 31 2 *", "`0 0 31 2 *` never runs: no such day is in any of its months"),
            (
                "0 0 31 4,6,9,11 *",
                "`0 0 31 4,6,9,11 *` never runs: no such day is in any of its months",
            ),
            ("0 0 0 * *", "0 is out of range: the day of the month goes from 1 to 31"),
            ("60 0 * * *", "60 is out of range: the minute goes from 0 to 59"),
            ("0 24 * * *", "24 is out of range: the hour goes from 0 to 23"),
            ("0 17-9 * * *", "the hour `17-9` ends before it begins"),
            ("0 0 * * mo", "`mo` is not a day of the week"),
            ("0 0 L * *", "`L` is not a day of the month"),
            ("0 0 ? * *", "`?` is not a day of the month"),
            ("0, 0 * * *", "a number is missing in the minute"),
            (
                "",
                "a schedule has five fields: minute, hour, day of the month, month, day of the week",
            ),
            (
                "0 0 * *",
                "4 fields where there are five: minute, hour, day of the month, month, day of the week",
            ),
            (
                "0 30 2 * * *",
                "6 fields: seconds and years are not used; there are five: minute, hour, day of the month, month, day of the week",
            ),
            (
                "0 30 2 * * * 2027",
                "7 fields: seconds and years are not used; there are five: minute, hour, day of the month, month, day of the week",
            ),
            (
                "0 2 13 * 5",
                "a day of the month and a day of the week together mean different things to different programs: give one and `*` for the other",
            ),
        ] {
            let refused = Schedule::parse(expression, "Europe/London").expect_err(expression);
            assert_eq!(refused, words, "{expression}");
        }
        let refused = Schedule::parse("0 2 * * *", "Europe/Lundon").expect_err("not a zone");
        assert_eq!(refused, "`Europe/Lundon` is not a time zone; did you mean `Europe/London`?");
        assert!(Schedule::parse(&"0,".repeat(5_000), "Europe/London").is_err());
    }

    #[test]
    fn without_clock_changes_it_agrees_with_the_cron_library() {
        // The library wants seconds first, and its Sunday is 1; words mean the same to both.
        let from: DateTime<Utc> =
            DateTime::from_timestamp_millis(ms("2026-11-22T23:07:00Z")).expect("an instant");
        for expression in [
            "30 2 * * *",
            "*/7 * * * *",
            "0 */5 * * *",
            "5-50/15 9-17 * * MON-FRI",
            "0 0 1,15 * *",
            "0 0 29 2 *",
            "59 23 31 12 *",
            "0 6 * JAN,JUL SUN",
        ] {
            let ours = Schedule::parse(expression, "UTC").expect(expression);
            let theirs = cron::Schedule::from_str(&format!("0 {expression}")).expect(expression);
            let theirs: Vec<i64> =
                theirs.after(&from).take(40).map(|at| at.timestamp_millis()).collect();
            assert_eq!(ours.next_after(from.timestamp_millis(), theirs.len()), theirs);
        }
    }

    #[test]
    fn a_change_at_midnight_and_a_day_that_never_was_keep_the_order() {
        for zone in ["America/Havana", "Asia/Beirut", "Pacific/Apia", "Australia/Lord_Howe"] {
            for expression in ["30 0 * * *", "*/15 * * * *", "15 23 * * *"] {
                let schedule = Schedule::parse(expression, zone).expect(zone);
                for year in [2011, 2026] {
                    let ticks = schedule.next_after(ms(&format!("{year}-01-01T00:00:00Z")), 36_000);
                    let rising = ticks.windows(2).all(|pair| pair[0] < pair[1]);
                    assert!(rising, "{zone} {expression}");
                }
            }
        }
    }

    #[test]
    fn instants_beyond_the_calendar_are_none() {
        let schedule = Schedule::parse("0 0 * * *", "UTC").expect("daily");
        assert!(schedule.next_after(i64::MAX, 3).is_empty());
        assert_eq!(schedule.next_after(0, 0), Vec::<i64>::new());
    }
}
