//! Words and numbers that stand in a field because something had to: they say nothing of anybody, and
//! whoever shares one is no more the same person than whoever shares a blank.

use chrono::NaiveDate;

use crate::record::value::date::is_placeholder;

/// Without blanks and marks, in small letters.
const WORDS: [&str; 21] = [
    "unknown",
    "notknown",
    "unk",
    "na",
    "none",
    "null",
    "nil",
    "blank",
    "missing",
    "tbc",
    "tba",
    "notapplicable",
    "notavailable",
    "notprovided",
    "notgiven",
    "notheld",
    "notrecorded",
    "undefined",
    "dummy",
    "123456789",
    "1234567890",
];

/// Whether a value says nothing: a blank, `0`, `999999999`, `UNKNOWN`, `N/A`, `xxx`, `-`.
pub fn is_junk(text: &str) -> bool {
    let bare = || text.chars().filter(|letter| letter.is_alphanumeric());
    let Some(first) = bare().next() else { return true };
    if bare().all(|letter| letter == first) && (first.is_numeric() || is_filler(first, text)) {
        return true;
    }
    let longest = WORDS.iter().map(|word| word.len()).max().unwrap_or_default();
    let word: String = bare().take(longest + 1).flat_map(char::to_lowercase).collect();
    WORDS.contains(&word.as_str())
}

/// `xxx`, though `X` may be an initial.
fn is_filler(letter: char, text: &str) -> bool {
    letter.eq_ignore_ascii_case(&'x') && text.trim().len() > 1
}

/// Whether a day is one that systems write where they were never told one.
pub fn is_junk_day(text: &str) -> bool {
    text.parse::<NaiveDate>().is_ok_and(is_placeholder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b47_what_says_nothing_is_told_from_what_says_something() {
        for junk in [
            "",
            " ",
            "-",
            "--",
            ".",
            "?",
            "0",
            "00",
            "000000000",
            "999999999",
            "9",
            "11111111",
            "UNKNOWN",
            "unknown",
            "Un Known",
            "N/A",
            "n.a.",
            "NONE",
            "null",
            "TBC",
            "not known",
            "NOT-PROVIDED",
            "xxx",
            "XX",
            "123456789",
            "0-0-0",
        ] {
            assert!(is_junk(junk), "{junk:?}");
        }
        for text in [
            "B0000001",
            "99000001",
            "10",
            "990",
            "X",
            "A",
            "Oo",
            "Unknowne",
            "Nunn",
            "Nana",
            "Null-Bramble",
            "Testberry",
            "QQ123456A",
            "李",
            "1234567891",
            "١٢",
        ] {
            assert!(!is_junk(text), "{text:?}");
        }
        assert!(!is_junk(&"unknown ".repeat(100_000)));
        assert!(is_junk_day("1900-01-01") && !is_junk_day("1900-01-02") && !is_junk_day("x"));
    }
}
