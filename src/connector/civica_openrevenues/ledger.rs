//! What the system's amounts, days and years mean. Pure: texts in, meaning out. What stands in a reply is
//! kept as it is; what is worked out here stands beside it.

use chrono::{Datelike, NaiveDate};

use crate::record::value::pence::{Pence, PenceFormat};

/// Which way an entry of the ledger goes, for the resident.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Less is owed after it.
    Credit,
    /// More is owed after it.
    Debit,
    /// Its type is not known, or it has none, or it is nothing.
    Unknown,
}

impl Direction {
    pub fn word(self) -> &'static str {
        match self {
            Direction::Credit => "credit",
            Direction::Debit => "debit",
            Direction::Unknown => "unknown",
        }
    }

    /// By the entry's type, spelt in any case: the sign of an amount means one thing in some types and the
    /// opposite in others.
    pub fn of(kind: &str, amount: &str) -> Direction {
        const NEGATIVE_IS_CREDIT: [&str; 11] = [
            "CHARGE",
            "PAYMENTS",
            "DISCOUNT",
            "EXEMPTION",
            "DISABLED",
            "DISREGARD",
            "COSTS",
            "PENALTY",
            "INTEREST",
            "LEVY",
            "ANNEXE",
        ];
        const POSITIVE_IS_CREDIT: [&str; 7] =
            ["REFUNDS", "BENEFITS", "LCTRS", "CTDRS", "TRANSFER", "WRITEOFF", "REDUCTION"];
        let is_of = |kinds: &[&str]| kinds.iter().any(|one| one.eq_ignore_ascii_case(kind.trim()));
        let pence = pence(amount).map_or(0, Pence::value);
        match (pence.signum(), is_of(&NEGATIVE_IS_CREDIT), is_of(&POSITIVE_IS_CREDIT)) {
            (-1, true, _) | (1, _, true) => Direction::Credit,
            (1, true, _) | (-1, _, true) => Direction::Debit,
            _ => Direction::Unknown,
        }
    }
}

/// An amount in pounds, whatever blanks stand around it.
pub fn pence(text: &str) -> Option<Pence> {
    Pence::parse(text, PenceFormat::DecimalPounds).ok()
}

/// The amount without its sign, in pounds: instalments come negative.
pub fn owed(text: &str) -> Option<String> {
    pence(text).map(|amount| pounds(amount.value().saturating_abs()))
}

/// What was paid, in pounds: payments come negative.
pub fn paid(text: &str) -> Option<String> {
    pence(text).map(|amount| pounds(amount.value().saturating_neg()))
}

/// Pence in pounds, with two decimals.
pub fn pounds(pence: i64) -> String {
    let (sign, pence) = (if pence < 0 { "-" } else { "" }, pence.unsigned_abs());
    format!("{sign}{}.{:02}", pence / 100, pence % 100)
}

/// A day, written with `-` or `/`, the day first; or the year first, as programs write it.
pub fn day(text: &str) -> Option<NaiveDate> {
    let text = text.trim();
    ["%d-%m-%Y", "%d/%m/%Y", "%Y-%m-%d"]
        .into_iter()
        .find_map(|format| NaiveDate::parse_from_str(text, format).ok())
        // Two digits of a year would be read as the first century.
        .filter(|day| day.year() >= 1900)
}

/// The financial year that money of that day belongs to: it begins on 1 April.
pub fn year_of_money(day: NaiveDate) -> i32 {
    if (day.month(), day.day()) < (4, 1) { day.year() - 1 } else { day.year() }
}

/// The financial year that a bill of that day is for: those of March are for the next.
pub fn year_of_bill(day: NaiveDate) -> i32 {
    if day.month() < 3 { day.year() - 1 } else { day.year() }
}

/// The number of a special arrangement; none where there is none, which is written in three ways.
pub fn arrangement(text: &str) -> Option<&str> {
    let text = text.trim();
    let is_none = text.is_empty() || text.bytes().all(|byte| byte == b'0');
    (!is_none).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirk_08_the_sign_means_what_its_type_says() {
        for (kind, amount, found) in [
            ("PAYMENTS", " -142.50 ", Direction::Credit),
            ("payments", "142.50", Direction::Debit),
            ("Charge", "1710.00", Direction::Debit),
            ("DISCOUNT", "-427.50", Direction::Credit),
            ("COSTS", "85.00", Direction::Debit),
            ("LCTRS", "300.00", Direction::Credit),
            ("WRITEOFF", "-1.00", Direction::Debit),
            ("PAYMENTS", "0.00", Direction::Unknown),
            ("", "-1.00", Direction::Unknown),
            ("NEWTYPE", "1.00", Direction::Unknown),
            ("PAYMENTS", "x", Direction::Unknown),
        ] {
            assert_eq!(Direction::of(kind, amount), found, "{kind} {amount}");
        }
        assert_eq!(owed(" -142.50"), Some("142.50".to_owned()));
        assert_eq!((paid("-855.00"), paid("0.05")), (Some("855.00".into()), Some("-0.05".into())));
    }

    #[test]
    fn quirk_10_days_are_days_and_no_texts() {
        let read = |text| day(text).map(|day| day.to_string());
        assert_eq!(read(" 12-11-2018 "), Some("2018-11-12".to_owned()));
        assert_eq!(read("12/11/2018"), Some("2018-11-12".to_owned()));
        assert_eq!((read("31/02/2018"), read("01/02/18"), read("")), (None, None, None));
        assert!(day("02/01/2026") > day("31-12-2025"));
    }

    #[test]
    fn quirk_11_money_turns_in_april_and_bills_in_march() {
        let years = |text: &str| {
            let day = day(text).expect("a day");
            (year_of_money(day), year_of_bill(day))
        };
        assert_eq!(years("28/02/2026"), (2025, 2025));
        assert_eq!(years("01/03/2026"), (2025, 2026));
        assert_eq!(years("31/03/2026"), (2025, 2026));
        assert_eq!(years("01/04/2026"), (2026, 2026));
    }

    #[test]
    fn quirk_13_no_arrangement_is_written_in_three_ways() {
        assert_eq!((arrangement(""), arrangement(" 0 "), arrangement("000")), (None, None, None));
        assert_eq!(arrangement(" 7 "), Some("7"));
    }
}
