//! How much is asked of the system, which is not the same all year: while the annual bills are made it has
//! enough to do. Pure: the day comes in.

use chrono::{Datelike, NaiveDate};

/// How much is asked in a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// People, or accounts, who are looked up.
    pub people: usize,
    /// Only what says whether something changed is asked, and the rest where it did.
    pub reduced: bool,
}

/// A stretch of the year, both days included; it may go round its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    pub from: DayOfYear,
    pub to: DayOfYear,
    pub budget: Budget,
}

/// A month and a day, as they order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayOfYear {
    month: u32,
    day: u32,
}

impl DayOfYear {
    /// Reads `03-01`.
    pub fn parse(text: &str) -> Option<DayOfYear> {
        let (month, day) = text.split_once('-')?;
        if month.len() != 2 || day.len() != 2 {
            return None;
        }
        let (month, day) = (month.parse().ok()?, day.parse().ok()?);
        // A leap year has every day there is.
        NaiveDate::from_ymd_opt(2024, month, day)?;
        Some(DayOfYear { month, day })
    }
}

/// What may be asked on that day: the first period that holds it says it, else what is usual.
pub fn on(day: NaiveDate, usual: Budget, periods: &[Period]) -> Budget {
    let today = DayOfYear { month: day.month(), day: day.day() };
    let holds = |period: &&Period| match period.from <= period.to {
        true => (period.from..=period.to).contains(&today),
        false => today >= period.from || today <= period.to,
    };
    periods.iter().find(holds).map_or(usual, |period| period.budget)
}

/// Which of so many are looked up now: those behind `after`, and round the end to the beginning. They are in
/// order, and none comes twice.
pub fn window<'l, T>(
    all: &'l [T],
    name: impl Fn(&T) -> &str,
    after: Option<&str>,
    most: usize,
) -> Vec<&'l T> {
    let from = after.map_or(0, |after| all.partition_point(|one| name(one) <= after));
    let (before, behind) = all.split_at(from);
    behind.iter().chain(before).take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn quirk_16_a_period_has_a_budget_of_its_own() {
        let usual = Budget { people: 500, reduced: false };
        let billing = Budget { people: 50, reduced: true };
        let period = |from, to, budget| Period {
            from: DayOfYear::parse(from).expect("a day"),
            to: DayOfYear::parse(to).expect("a day"),
            budget,
        };
        let none = Budget { people: 0, reduced: true };
        let periods = [period("03-01", "04-10", billing), period("12-24", "01-02", none)];
        for (day, found) in [
            ("2026-02-28", usual),
            ("2026-03-01", billing),
            ("2026-04-10", billing),
            ("2026-04-11", usual),
            ("2026-12-31", none),
            ("2027-01-02", none),
            ("2027-01-03", usual),
        ] {
            assert_eq!(on(at(day), usual, &periods), found, "{day}");
        }
        for wrong in ["3-1", "02-30", "13-01", "", "0301"] {
            assert_eq!(DayOfYear::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn everybody_has_their_turn() {
        let all: Vec<String> = (10..20).map(|number| number.to_string()).collect();
        let (mut after, mut asked) = (None::<String>, Vec::new());
        for _ in 0..5 {
            let some = window(&all, |one| one.as_str(), after.as_deref(), 4);
            asked.extend(some.iter().map(|one| one.to_string()));
            after = some.last().map(|one| one.to_string());
        }
        let twice: Vec<String> = all.iter().chain(&all).cloned().collect();
        assert_eq!(asked, twice);
        // Whoever it was may not be on the list any more.
        assert_eq!(window(&all, |one| one.as_str(), Some("125"), 2), ["13", "14"]);
        assert_eq!(window(&all, |one| one.as_str(), None, 99).len(), 10);
    }
}
