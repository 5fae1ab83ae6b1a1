//! A number of a cell as text: a day or a time where the cell shows one, else the number itself.

use std::fmt::Write as _;

use chrono::{Days, NaiveDate};

use super::held::Fault;
use super::styles::Shown;

/// From here on a number has more than the 15 digits that a spreadsheet keeps.
const LARGEST: f64 = 1e15;
/// What is told of times is told to the second.
const DAY_SECONDS: i64 = 86_400;
/// The days that a spreadsheet counts: the last is in the year 9999.
const DAYS_MAX: f64 = 2_958_466.0;

/// From where a workbook counts days.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Epoch {
    /// Day 1 is 1 January 1900, and day 60 is 29 February 1900, which never was.
    #[default]
    Of1900,
    /// Day 0 is 1 January 1904.
    Of1904,
}

/// The number that a cell's value is; none where it is no number.
pub fn parse(text: &str) -> Option<f64> {
    let is_written = text.bytes().all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte));
    is_written.then(|| text.parse().ok()).flatten()
}

/// Writes a number as what it is shown as.
pub fn print(number: f64, shown: Shown, epoch: Epoch, into: &mut String) -> Result<(), Fault> {
    match shown {
        Shown::Number => plain(number, into),
        Shown::Day { timed } => moment(number, timed, epoch, into),
        Shown::Time if (0.0..1.0).contains(&number) => {
            clock(seconds(number) % DAY_SECONDS, into);
            Ok(())
        }
        Shown::Time => moment(number, true, epoch, into),
        Shown::Elapsed if number.abs() < DAYS_MAX => {
            if number < 0.0 {
                into.push('-');
            }
            clock(seconds(number.abs()), into);
            Ok(())
        }
        Shown::Elapsed => Err(Fault::Date),
    }
}

/// To the 15 digits that a spreadsheet shows at most: what a sum has beyond them is of its arithmetic (`0.1 + 0.2`).
fn plain(number: f64, into: &mut String) -> Result<(), Fault> {
    if number.abs() >= LARGEST {
        return Err(Fault::Digits);
    }
    let rounded = format!("{number:.14e}").parse().unwrap_or(number);
    // Nothing is negative nought.
    let rounded: f64 = if rounded == 0.0 { 0.0 } else { rounded };
    let _ = write!(into, "{rounded}");
    Ok(())
}

fn moment(number: f64, timed: bool, epoch: Epoch, into: &mut String) -> Result<(), Fault> {
    if !(0.0..DAYS_MAX).contains(&number) {
        return Err(Fault::Date);
    }
    let all = seconds(number);
    let (day, of_day) = (all / DAY_SECONDS, all % DAY_SECONDS);
    let date = date(day, epoch).ok_or(Fault::Date)?;
    let _ = write!(into, "{}", date.format("%Y-%m-%d"));
    if timed || of_day != 0 {
        into.push('T');
        clock(of_day, into);
    }
    Ok(())
}

/// The day of that number, where there is one.
fn date(day: i64, epoch: Epoch) -> Option<NaiveDate> {
    let (year, month, first) = match (epoch, day) {
        (Epoch::Of1904, _) => (1904, 1, 1),
        (Epoch::Of1900, 1..=59) => (1899, 12, 31),
        (Epoch::Of1900, 61..) => (1899, 12, 30),
        (Epoch::Of1900, _) => return None,
    };
    let days = Days::new(u64::try_from(day).ok()?);
    let date = NaiveDate::from_ymd_opt(year, month, first)?.checked_add_days(days)?;
    let last = NaiveDate::from_ymd_opt(9999, 12, 31)?;
    (date <= last).then_some(date)
}

fn seconds(days: f64) -> i64 {
    (days * DAY_SECONDS as f64).round() as i64
}

fn clock(seconds: i64, into: &mut String) {
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let _ = write!(into, "{hours:02}:{minutes:02}:{:02}", seconds % 60);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_it_is_shown() {
        use Epoch::{Of1900, Of1904};
        const DAY: Shown = Shown::Day { timed: false };
        const MOMENT: Shown = Shown::Day { timed: true };
        for (text, shown, epoch, wanted) in [
            ("0", Shown::Number, Of1900, Ok("0")),
            ("-0", Shown::Number, Of1900, Ok("0")),
            ("855.10000000000002", Shown::Number, Of1900, Ok("855.1")),
            ("0.30000000000000004", Shown::Number, Of1900, Ok("0.3")),
            ("-12.5", Shown::Number, Of1900, Ok("-12.5")),
            ("1E-7", Shown::Number, Of1900, Ok("0.0000001")),
            ("1.2345E+9", Shown::Number, Of1900, Ok("1234500000")),
            ("123456789012345", Shown::Number, Of1900, Ok("123456789012345")),
            ("999999999999999", Shown::Number, Of1900, Ok("999999999999999")),
            ("1000000000000000", Shown::Number, Of1900, Err(Fault::Digits)),
            ("-1.2345678901234501E+19", Shown::Number, Of1900, Err(Fault::Digits)),
            ("1E999", Shown::Number, Of1900, Err(Fault::Digits)),
            ("46082", DAY, Of1900, Ok("2026-03-01")),
            ("46082.5", DAY, Of1900, Ok("2026-03-01T12:00:00")),
            ("46082", MOMENT, Of1900, Ok("2026-03-01T00:00:00")),
            ("46081.999999999", MOMENT, Of1900, Ok("2026-03-01T00:00:00")),
            ("1", DAY, Of1900, Ok("1900-01-01")),
            ("59", DAY, Of1900, Ok("1900-02-28")),
            ("60", DAY, Of1900, Err(Fault::Date)),
            ("61", DAY, Of1900, Ok("1900-03-01")),
            ("0", DAY, Of1900, Err(Fault::Date)),
            ("0", DAY, Of1904, Ok("1904-01-01")),
            ("44620", DAY, Of1904, Ok("2026-03-01")),
            ("-1", DAY, Of1904, Err(Fault::Date)),
            ("2958465", DAY, Of1900, Ok("9999-12-31")),
            ("2958466", DAY, Of1900, Err(Fault::Date)),
            ("2957004", DAY, Of1904, Err(Fault::Date)),
            ("0.75", Shown::Time, Of1900, Ok("18:00:00")),
            ("46082.75", Shown::Time, Of1900, Ok("2026-03-01T18:00:00")),
            ("1.5", Shown::Elapsed, Of1900, Ok("36:00:00")),
            ("-0.5", Shown::Elapsed, Of1900, Ok("-12:00:00")),
            ("1E14", Shown::Elapsed, Of1900, Err(Fault::Date)),
        ] {
            let mut written = String::new();
            let number = parse(text).expect("it is a number");
            let done = print(number, shown, epoch, &mut written);
            assert_eq!(done.map(|()| written.as_str()), wanted, "{text} {shown:?} {epoch:?}");
        }
        for text in ["", "inf", "NaN", "1,5", "0x1", "1e", "--1", " 1"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
