//! Bank holidays of England and Wales. Which there are says Schedule 1 of the Banking and Financial Dealings Act 1971
//! and common law (Good Friday, Christmas Day); where one falls on a weekend, a proclamation names another day for it,
//! and now and then it adds or moves one: <https://www.gov.uk/bank-holidays> lists them. The table ends, and whoever
//! shows it says so: a day that is not in it may be one all the same.

use chrono::{Datelike, NaiveDate};

/// The last year that the table has.
pub const LAST_YEAR: i32 = 2028;

/// Year, month, day. The days of 2028 are those of the Act, before any proclamation.
const DAYS: [(i32, u32, u32, &str); 24] = [
    (2026, 1, 1, "New Year’s Day"),
    (2026, 4, 3, "Good Friday"),
    (2026, 4, 6, "Easter Monday"),
    (2026, 5, 4, "Early May bank holiday"),
    (2026, 5, 25, "Spring bank holiday"),
    (2026, 8, 31, "Summer bank holiday"),
    (2026, 12, 25, "Christmas Day"),
    (2026, 12, 28, "Boxing Day (substitute day)"),
    (2027, 1, 1, "New Year’s Day"),
    (2027, 3, 26, "Good Friday"),
    (2027, 3, 29, "Easter Monday"),
    (2027, 5, 3, "Early May bank holiday"),
    (2027, 5, 31, "Spring bank holiday"),
    (2027, 8, 30, "Summer bank holiday"),
    (2027, 12, 27, "Christmas Day (substitute day)"),
    (2027, 12, 28, "Boxing Day (substitute day)"),
    (2028, 1, 3, "New Year’s Day (substitute day)"),
    (2028, 4, 14, "Good Friday"),
    (2028, 4, 17, "Easter Monday"),
    (2028, 5, 1, "Early May bank holiday"),
    (2028, 5, 29, "Spring bank holiday"),
    (2028, 8, 28, "Summer bank holiday"),
    (2028, 12, 25, "Christmas Day"),
    (2028, 12, 26, "Boxing Day"),
];

/// What that day is, if it is one of them.
pub fn of(day: NaiveDate) -> Option<&'static str> {
    let is_it = |(year, month, of_month, _): &&(i32, u32, u32, &str)| {
        (*year, *month, *of_month) == (day.year(), day.month(), day.day())
    };
    DAYS.iter().find(is_it).map(|(_, _, _, name)| *name)
}

/// Whether the table has nothing to say of that day.
pub fn is_unknown(day: NaiveDate) -> bool {
    day.year() > LAST_YEAR
}

#[cfg(test)]
mod tests {
    use chrono::{Days, Weekday};

    use super::*;

    fn date(year: i32, month: u32, day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(year, month, day).unwrap()
    }

    /// Easter Sunday, by the method that Butcher published in 1876.
    fn easter(year: i32) -> NaiveDate {
        let (a, b, c) = (year % 19, year / 100, year % 100);
        let f = (b - (b + 8) / 25 + 1) / 3;
        let h = (19 * a + b - b / 4 - f + 15) % 30;
        let l = (32 + 2 * (b % 4) + 2 * (c / 4) - h - c % 4) % 7;
        let m = (a + 11 * h + 22 * l) / 451;
        let n = h + l - 7 * m + 114;
        date(year, (n / 31) as u32, (n % 31 + 1) as u32)
    }

    /// The nth Monday of a month; the last, for none.
    fn monday(year: i32, month: u32, nth: Option<u8>) -> NaiveDate {
        let of = |nth| NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Mon, nth);
        nth.map_or_else(|| of(5).or(of(4)), of).unwrap()
    }

    #[test]
    fn the_table_has_the_days_of_the_act() {
        let weekend = |day: &NaiveDate| day.weekday().number_from_monday() > 5;
        for year in 2026..=LAST_YEAR {
            let mut wanted = vec![
                easter(year) - Days::new(2),
                easter(year) + Days::new(1),
                monday(year, 5, Some(1)),
                monday(year, 5, None),
                monday(year, 8, None),
            ];
            for first in [date(year, 1, 1), date(year, 12, 25), date(year, 12, 26)] {
                let mut day = first;
                while weekend(&day) || wanted.contains(&day) {
                    day = day + Days::new(1);
                }
                wanted.push(day);
            }
            wanted.sort_unstable();
            let listed: Vec<NaiveDate> = DAYS
                .iter()
                .filter(|(of, ..)| *of == year)
                .map(|(year, month, day, _)| date(*year, *month, *day))
                .collect();
            assert_eq!(listed, wanted, "{year}");
        }
        assert_eq!(of(date(2026, 12, 28)), Some("Boxing Day (substitute day)"));
        assert_eq!(of(date(2026, 12, 26)), None);
        assert!(is_unknown(date(2029, 1, 1)) && !is_unknown(date(2028, 12, 31)));
    }
}
