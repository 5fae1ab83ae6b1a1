//! Calendar days in declared formats. A format is compiled once; the order of day and month is
//! never guessed. A time of day behind the date is checked and dropped: it is London's, or has its
//! distance from UTC with it, and then the day is London's at that moment.

use chrono::{Datelike, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone};
use chrono_tz::Europe::London;

use super::ValueError;

const WRONG_SHAPE: ValueError = ValueError::new("date_wrong_shape");
const IMPOSSIBLE: ValueError = ValueError::new("date_impossible");
const SKIPPED_HOUR: ValueError = ValueError::new("date_skipped_hour");
const UNKNOWN_FORMAT: ValueError = ValueError::new("date_format_unknown");

/// Days that systems write for "until further notice".
const OPEN_ENDED: [(i32, u32, u32); 3] = [(2099, 12, 31), (2999, 12, 31), (9999, 12, 31)];

/// Days that systems write for "we were never told": their smallest or their default date.
const PLACEHOLDERS: [(i32, u32, u32); 4] =
    [(1753, 1, 1), (1899, 12, 30), (1900, 1, 1), (1901, 1, 1)];

const MONTHS: [&[u8; 3]; 12] = [
    b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec",
];

/// How a system writes a day: `%d/%m/%Y`, `%Y-%m-%d %H:%M:%S.%f`, `%Y-%m-%dT%H:%M:%S%z`, `%d-%b-%Y`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateFormat {
    steps: Vec<Step>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Literal(u8),
    Year,
    /// Two digits: of the hundred years that begin with this one.
    ShortYear(u32),
    Month,
    /// One digit or two, as people write it.
    ShortMonth,
    MonthName,
    Day,
    ShortDay,
    Hour,
    Minute,
    Second,
    /// One to nine digits of a second.
    Fraction,
    /// `Z`, `+01:00` or `+0100`.
    Zone,
}

impl DateFormat {
    /// Compiles a format. It must give a year, a month and a day, each once. A `Z` that is not read as
    /// what it says would be an hour's error, and at times a day's.
    pub fn new(pattern: &str) -> Result<Self, ValueError> {
        Self::with_years(pattern, None)
    }

    /// The same, where `%y` is one of the hundred years that begin with `years_from`. Where nothing says
    /// so it is refused, because which century two digits mean would be a guess.
    pub fn with_years(pattern: &str, years_from: Option<u32>) -> Result<Self, ValueError> {
        let mut steps = Vec::new();
        let mut bytes = pattern.bytes();
        while let Some(byte) = bytes.next() {
            steps.push(if byte == b'%' {
                match bytes.next() {
                    Some(b'Y') => Step::Year,
                    Some(b'y') => Step::ShortYear(years_from.ok_or(UNKNOWN_FORMAT)?),
                    Some(b'm') => Step::Month,
                    Some(b'b') => Step::MonthName,
                    Some(b'd') => Step::Day,
                    Some(b'-') => match bytes.next() {
                        Some(b'm') => Step::ShortMonth,
                        Some(b'd') => Step::ShortDay,
                        _ => return Err(UNKNOWN_FORMAT),
                    },
                    Some(b'H') => Step::Hour,
                    Some(b'M') => Step::Minute,
                    Some(b'S') => Step::Second,
                    Some(b'f') => Step::Fraction,
                    Some(b'z') => Step::Zone,
                    Some(b'%') => Step::Literal(b'%'),
                    _ => return Err(UNKNOWN_FORMAT),
                }
            } else {
                Step::Literal(byte)
            });
        }
        let count = |wanted: &[Step]| steps.iter().filter(|step| wanted.contains(step)).count();
        let zones = count(&[Step::Zone]);
        let zone_unread = pattern.ends_with('Z') && count(&[Step::Hour]) > 0;
        let is_year = |step: &&Step| matches!(step, Step::Year | Step::ShortYear(_));
        let whole = steps.iter().filter(is_year).count() == 1
            && count(&[Step::Month, Step::ShortMonth, Step::MonthName]) == 1
            && count(&[Step::Day, Step::ShortDay]) == 1
            && !zone_unread
            && (zones == 0 || (zones == 1 && count(&[Step::Hour]) == 1));
        if whole { Ok(Self { steps }) } else { Err(UNKNOWN_FORMAT) }
    }

    /// Whether it says the year in two digits.
    pub fn is_short(&self) -> bool {
        self.steps.iter().any(|step| matches!(step, Step::ShortYear(_)))
    }

    fn read(&self, text: &str) -> Result<NaiveDate, ValueError> {
        let mut left = text.as_bytes();
        let (mut year, mut month, mut day) = (0, 0, 0);
        let (mut hour, mut minute, mut zone) = (None, 0, None);
        for step in &self.steps {
            match *step {
                Step::Literal(wanted) => {
                    let (found, rest) = left.split_first().ok_or(WRONG_SHAPE)?;
                    if *found != wanted {
                        return Err(WRONG_SHAPE);
                    }
                    left = rest;
                }
                Step::Year => year = digits::<4>(&mut left)?,
                Step::ShortYear(from) => year = in_hundred(digits::<2>(&mut left)?, from),
                Step::Month => month = digits::<2>(&mut left)?,
                Step::MonthName => month = month_name(&mut left)?,
                Step::Day => day = digits::<2>(&mut left)?,
                Step::ShortMonth => month = one_or_two(&mut left)?,
                Step::ShortDay => day = one_or_two(&mut left)?,
                Step::Hour => hour = Some(clock(&mut left, 24)?),
                Step::Minute => minute = clock(&mut left, 60)?,
                Step::Second => _ = clock(&mut left, 61)?,
                Step::Zone => zone = Some(minutes_ahead(&mut left)?),
                Step::Fraction => fraction(&mut left)?,
            }
        }
        if !left.is_empty() {
            return Err(WRONG_SHAPE);
        }
        let year = i32::try_from(year).expect("four digits fit");
        if year == 0 {
            return Err(IMPOSSIBLE);
        }
        let date = NaiveDate::from_ymd_opt(year, month, day).ok_or(IMPOSSIBLE)?;
        match hour {
            None => Ok(date),
            Some(hour) => in_london(date, hour, minute, zone),
        }
    }
}

/// The year with these last two digits among the hundred that begin with `from`.
fn in_hundred(digits: u32, from: u32) -> u32 {
    from + (digits + 100 - from % 100) % 100
}

/// The day on which it is that time. Without a zone it is London's clock that was read: a time that
/// comes twice is of the same day both times, and one that the clocks skip is nobody's.
fn in_london(
    date: NaiveDate,
    hour: u32,
    minute: u32,
    zone: Option<i64>,
) -> Result<NaiveDate, ValueError> {
    let time = NaiveTime::from_hms_opt(hour, minute, 0).ok_or(WRONG_SHAPE)?;
    let wall = NaiveDateTime::new(date, time);
    match zone {
        None if London.from_local_datetime(&wall).earliest().is_none() => Err(SKIPPED_HOUR),
        None => Ok(date),
        Some(minutes) => {
            let utc = wall.checked_sub_signed(TimeDelta::minutes(minutes)).ok_or(IMPOSSIBLE)?;
            let day = London.from_utc_datetime(&utc).date_naive();
            if (1..=9999).contains(&day.year()) { Ok(day) } else { Err(IMPOSSIBLE) }
        }
    }
}

/// Reads a day in the first of the formats that it fits. A text that has a declared shape but names
/// no day is impossible, which a person should see, rather than merely of another shape.
pub fn parse_date(text: &str, formats: &[DateFormat]) -> Result<NaiveDate, ValueError> {
    let text = text.trim();
    let mut failure = WRONG_SHAPE;
    for format in formats {
        match format.read(text) {
            Ok(date) => return Ok(date),
            Err(error) if error != WRONG_SHAPE => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

/// "Until further notice", by the conventions of systems that cannot leave a date empty.
pub fn is_open_ended(date: NaiveDate) -> bool {
    OPEN_ENDED.contains(&(date.year(), date.month(), date.day()))
}

/// "We were never told", by the same conventions: nobody's birthday.
pub fn is_placeholder(date: NaiveDate) -> bool {
    PLACEHOLDERS.contains(&(date.year(), date.month(), date.day()))
}

fn digits<const N: usize>(left: &mut &[u8]) -> Result<u32, ValueError> {
    let (taken, rest) = left.split_first_chunk::<N>().ok_or(WRONG_SHAPE)?;
    *left = rest;
    taken.iter().try_fold(0, |value, byte| {
        if byte.is_ascii_digit() {
            Ok(value * 10 + u32::from(byte - b'0'))
        } else {
            Err(WRONG_SHAPE)
        }
    })
}

fn clock(left: &mut &[u8], below: u32) -> Result<u32, ValueError> {
    let number = digits::<2>(left)?;
    if number < below { Ok(number) } else { Err(WRONG_SHAPE) }
}

/// How far a clock is ahead of UTC.
fn minutes_ahead(left: &mut &[u8]) -> Result<i64, ValueError> {
    let (sign, rest) = left.split_first().ok_or(WRONG_SHAPE)?;
    *left = rest;
    let sign = match sign {
        b'Z' => return Ok(0),
        b'+' => 1,
        b'-' => -1,
        _ => return Err(WRONG_SHAPE),
    };
    let hours = clock(left, 24)?;
    if let Some((b':', rest)) = left.split_first() {
        *left = rest;
    }
    Ok(sign * i64::from(hours * 60 + clock(left, 60)?))
}

fn one_or_two(left: &mut &[u8]) -> Result<u32, ValueError> {
    match left.get(1).is_some_and(u8::is_ascii_digit) {
        true => digits::<2>(left),
        false => digits::<1>(left),
    }
}

fn month_name(left: &mut &[u8]) -> Result<u32, ValueError> {
    let (taken, rest) = left.split_first_chunk::<3>().ok_or(WRONG_SHAPE)?;
    *left = rest;
    let found = (1..).zip(MONTHS).find(|(_, name)| taken.eq_ignore_ascii_case(*name));
    found.map(|(number, _)| number).ok_or(WRONG_SHAPE)
}

fn fraction(left: &mut &[u8]) -> Result<(), ValueError> {
    let count = left.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if !(1..=9).contains(&count) {
        return Err(WRONG_SHAPE);
    }
    *left = &left[count..];
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    fn formats(patterns: &[&str]) -> Vec<DateFormat> {
        patterns.iter().map(|pattern| DateFormat::new(pattern).unwrap()).collect()
    }

    #[test]
    fn b41_days_are_read_as_declared_and_never_guessed() {
        let table: [(&[&str], &str, Result<&str, &str>); 33] = [
            (&["%-d/%-m/%Y"], "1/4/2026", Ok("2026-04-01")),
            (&["%-d/%-m/%Y"], "01/12/2026", Ok("2026-12-01")),
            (&["%-d-%b-%Y"], "9-Mar-1980", Ok("1980-03-09")),
            (&["%-d/%-m/%Y"], "/4/2026", Err("date_wrong_shape")),
            (&["%-d/%-m/%Y"], "001/4/2026", Err("date_wrong_shape")),
            (&["%Y-%m-%d"], "1984-02-29", Ok("1984-02-29")),
            (&["%Y-%m-%d"], " 2026-04-01 ", Ok("2026-04-01")),
            (&["%Y-%m-%d"], "2023-02-29", Err("date_impossible")),
            (&["%Y-%m-%d"], "2026-13-01", Err("date_impossible")),
            (&["%Y-%m-%d"], "0000-00-00", Err("date_impossible")),
            (&["%Y-%m-%d"], "2026-4-1", Err("date_wrong_shape")),
            (&["%Y-%m-%d"], "2026/04/01", Err("date_wrong_shape")),
            (&["%Y-%m-%d"], "2026-04-01T00:00", Err("date_wrong_shape")),
            (&["%Y-%m-%d"], "٢٠٢٦-04-01", Err("date_wrong_shape")),
            (&["%Y-%m-%d"], "", Err("date_wrong_shape")),
            (&[], "2026-04-01", Err("date_wrong_shape")),
            (&["%d/%m/%Y"], "03/04/2026", Ok("2026-04-03")),
            (&["%d/%m/%Y"], "31/04/2026", Err("date_impossible")),
            (&["%d/%m/%Y"], "00/00/0000", Err("date_impossible")),
            (&["%d/%m/%Y"], "31/12/9999", Ok("9999-12-31")),
            (&["%d/%m/%Y"], "04/13/2026", Err("date_impossible")),
            (&["%d/%m/%Y"], "03/04/26", Err("date_wrong_shape")),
            (&["%d/%m/%Y", "%d-%m-%Y"], "03-04-2026", Ok("2026-04-03")),
            (&["%d/%m/%Y", "%d-%m-%Y"], "31-04-2026", Err("date_impossible")),
            (&["%d/%m/%Y", "%d-%m-%Y"], "3 April", Err("date_wrong_shape")),
            (&["%Y%m%d"], "20260401", Ok("2026-04-01")),
            (&["%Y%m%d"], "2026040", Err("date_wrong_shape")),
            (&["%d-%b-%Y"], "01-APR-2026", Ok("2026-04-01")),
            (&["%d-%b-%Y"], "01-apr-2026", Ok("2026-04-01")),
            (&["%d-%b-%Y"], "01-XXX-2026", Err("date_wrong_shape")),
            (&["%Y-%m-%d %H:%M:%S.%f"], "2099-12-31 00:00:00.0000000", Ok("2099-12-31")),
            (&["%Y-%m-%d %H:%M:%S.%f"], "2099-12-31 24:00:00.0", Err("date_wrong_shape")),
            (&["100%% %Y-%m-%d"], "100% 2026-04-01", Ok("2026-04-01")),
        ];
        for (patterns, text, wanted) in table {
            let found = parse_date(text, &formats(patterns));
            let found = found.map(|date| date.to_string()).map_err(|error| error.code);
            assert_eq!(found, wanted.map(str::to_owned), "{text:?} as {patterns:?}");
        }
    }

    #[test]
    fn b42_a_time_behind_the_day_is_london_s_or_says_its_zone() {
        for (pattern, text, wanted) in [
            // The clocks go forward: half past one is skipped. They go back: it is twice, on one day.
            ("%Y-%m-%d %H:%M", "2026-03-29 01:30", Err("date_skipped_hour")),
            ("%Y-%m-%d %H:%M", "2026-03-29 00:59", Ok("2026-03-29")),
            ("%Y-%m-%d %H:%M", "2026-03-29 02:00", Ok("2026-03-29")),
            ("%Y-%m-%d %H:%M", "2026-10-25 01:30", Ok("2026-10-25")),
            // In summer the last hour of a UTC day is the first of the next.
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-01T22:59:59Z", Ok("2026-07-01")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-01T23:30:00Z", Ok("2026-07-02")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-12-01T23:30:00Z", Ok("2026-12-01")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-02T00:30:00+01:00", Ok("2026-07-02")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-02T00:30:00+0200", Ok("2026-07-01")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-03-29T01:30:00Z", Ok("2026-03-29")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-10-25T00:30:00Z", Ok("2026-10-25")),
            ("%Y-%m-%dT%H:%M:%S.%f%z", "2026-07-01T23:30:00.123-00:30", Ok("2026-07-02")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-01T23:30:00", Err("date_wrong_shape")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-01T23:30:00+1", Err("date_wrong_shape")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-07-01T23:30:00+99:00", Err("date_wrong_shape")),
            ("%Y-%m-%dT%H:%M:%S%z", "2026-02-30T23:30:00Z", Err("date_impossible")),
            ("%Y-%m-%dT%H:%M:%S%z", "9999-12-31T23:30:00-23:00", Err("date_impossible")),
        ] {
            let found = parse_date(text, &formats(&[pattern]));
            let found = found.map(|date| date.to_string()).map_err(|error| error.code);
            assert_eq!(found, wanted.map(str::to_owned), "{text:?} as {pattern:?}");
        }
    }

    #[test]
    fn a_format_must_give_a_whole_day() {
        for pattern in [
            "",
            "%Y-%m",
            "%d/%m/%y",
            "%Y-%m-%d-%d",
            "%m-%b-%d-%Y",
            "%Y-%m-%d %",
            "%Q",
            "%Y-%m-%dT%H:%M:%SZ",
            "%Y-%m-%d%z",
        ] {
            let failure = DateFormat::new(pattern).map_err(|error| error.code);
            assert_eq!(failure, Err("date_format_unknown"), "{pattern:?}");
        }
    }

    #[test]
    fn two_digits_of_a_year_are_of_the_hundred_that_are_declared() {
        for (from, text, wanted) in [
            (1930, "010430", Ok("1930-04-01")),
            (1930, "010429", Ok("2029-04-01")),
            (1930, "010400", Ok("2000-04-01")),
            (1930, "290224", Ok("2024-02-29")),
            (1930, "290233", Err("date_impossible")),
            (2000, "010499", Ok("2099-04-01")),
            (1999, "010498", Ok("2098-04-01")),
            (1930, "01041930", Err("date_wrong_shape")),
        ] {
            let format = DateFormat::with_years("%d%m%y", Some(from)).unwrap();
            let found = parse_date(text, &[format]);
            let found = found.map(|date| date.to_string()).map_err(|error| error.code);
            assert_eq!(found, wanted.map(str::to_owned), "{text} from {from}");
        }
        assert!(DateFormat::with_years("%d%m%y%Y", Some(1930)).is_err());
        assert!(DateFormat::with_years("%d%m", Some(1930)).is_err());
    }

    #[test]
    fn sentinels_are_known() {
        let iso = formats(&["%Y-%m-%d"]);
        let table = [
            ("2099-12-31", true, false),
            ("2999-12-31", true, false),
            ("9999-12-31", true, false),
            ("1900-01-01", false, true),
            ("1899-12-30", false, true),
            ("1901-01-01", false, true),
            ("1753-01-01", false, true),
            ("2026-12-31", false, false),
            ("1900-01-02", false, false),
        ];
        for (text, open, placeholder) in table {
            let date = parse_date(text, &iso).unwrap();
            assert_eq!((is_open_ended(date), is_placeholder(date)), (open, placeholder), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse_date(&text, &formats(&["%Y-%m-%d", "%d-%b-%Y", "%Y%m%d%H%M%S%f", "%Y%m%d%H%M%z"]));
            let _ = DateFormat::new(&text);
        }
    }
}
