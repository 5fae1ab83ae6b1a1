//! UK values, parsed once at the door and valid ever after: numbers, codes, money, days, contacts.
//!
//! Each type keeps a normalised form beside what a caller needs to ask of it. Nothing here guesses:
//! text of an undeclared shape is an error with a code, and the mapping decides what that means.
//! The original text is not kept; the source record keeps it. These run for every field of every
//! record that changed, so they scan bytes once and allocate only where a value has no fixed size.

mod ascii;
pub mod bank;
pub mod date;
pub mod email;
pub mod nhs;
pub mod nino;
pub mod pence;
pub mod phone;
pub mod postcode;
pub mod spelling;
pub mod uprn;

/// Why a text is not the value it was declared to be. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.sentence())]
pub struct ValueError {
    /// The word that mappings, held records and counters use.
    pub code: &'static str,
}

impl ValueError {
    const fn new(code: &'static str) -> Self {
        Self { code }
    }

    /// What is wrong, for a person who can see the value beside it.
    pub fn sentence(self) -> &'static str {
        sentence(self.code).unwrap_or("The value is not of the declared kind.")
    }
}

/// What a code of a value says, for a person who can see the value beside it.
pub fn sentence(code: &str) -> Option<&'static str> {
    SENTENCES.iter().find(|(known, _)| *known == code).map(|(_, sentence)| *sentence)
}

/// Every code a value can fail with, and what to tell the person who must mend it.
pub const SENTENCES: &[(&str, &str)] = &[
    ("required", "A value is needed here, and there is none."),
    ("code_unknown", "The code is not in its list, or did not mean anything on that day."),
    ("whole_wrong_shape", "A whole number is expected here."),
    ("decimal_wrong_shape", "A decimal number is expected here."),
    ("flag_unknown", "Yes or no is expected here, in the words that the mapping lists."),
    (
        "nino_wrong_shape",
        "A National Insurance number is two letters, six digits and one of A, B, C or D.",
    ),
    ("nino_bad_prefix", "No National Insurance number begins with these two letters."),
    ("nino_temporary", "This is a blank or temporary number, which identifies nobody."),
    ("nhs_wrong_shape", "An NHS number is ten digits, and not one digit ten times."),
    ("nhs_wrong_check", "The check digit of this NHS number is wrong."),
    ("sort_code_wrong_shape", "A sort code is six digits, not all zero."),
    ("bank_account_wrong_shape", "An account number is six to eight digits, not all zero."),
    ("uprn_wrong_shape", "A UPRN is a whole number of one to twelve digits, not zero."),
    ("postcode_wrong_shape", "This does not have the shape of a UK postcode."),
    ("pence_wrong_shape", "The amount is not written in the declared format."),
    ("pence_overflow", "The amount is larger than any account can hold."),
    ("date_wrong_shape", "The date is not written in a declared format."),
    ("date_impossible", "There is no such day in the calendar."),
    ("date_skipped_hour", "The clocks skipped this time of day when they went forward."),
    (
        "date_format_unknown",
        "A date format needs %Y, %m (%-m, %b) and %d (%-d) once each; %H %M %S %f and %z may follow.",
    ),
    ("phone_wrong_shape", "This is not a telephone number: too few or many digits, or letters."),
    ("phone_not_in_use", "No telephone number of this range has been given out."),
    ("phone_premium_rate", "Premium rate numbers are never called or texted."),
    ("email_wrong_shape", "This is not an e-mail address that can be sent to."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong() {
        let error = ValueError::new("uprn_wrong_shape");
        assert!(error.to_string().contains("twelve digits"));
        let codes: Vec<_> = SENTENCES.iter().map(|(code, _)| code).collect();
        let mut unique = codes.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(codes.len(), unique.len());
    }
}
