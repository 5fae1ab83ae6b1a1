//! NHS numbers. Whether one was given to anybody is not asked, only whether its check digit is right.

use std::fmt;

use super::ValueError;
use super::ascii::Ascii;

const WRONG_SHAPE: ValueError = ValueError::new("nhs_wrong_shape");
const WRONG_CHECK: ValueError = ValueError::new("nhs_wrong_check");

/// `9434765919`: ten digits, without the blanks it is printed with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NhsNumber(Ascii<10>);

impl NhsNumber {
    /// Reads ten digits, with blanks and dashes anywhere. One digit ten times over is nobody's.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let kept = Ascii::<10>::digits_of(text).ok_or(WRONG_SHAPE)?;
        let digits = kept.bytes();
        if digits.len() != 10 || digits.iter().all(|digit| *digit == digits[0]) {
            return Err(WRONG_SHAPE);
        }
        // The first nine weigh ten to two; what is left to eleven is the tenth (modulus 11).
        let weighed = digits.iter().zip((1..=10).rev());
        let sum: u32 = weighed.map(|(digit, weight)| u32::from(digit - b'0') * weight).sum();
        if sum.is_multiple_of(11) { Ok(Self(kept)) } else { Err(WRONG_CHECK) }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// `999…` is never given to a patient, and kept for tests.
    pub fn is_test_range(&self) -> bool {
        self.0.bytes().starts_with(b"999")
    }
}

/// Masked, because it names a person: `as_str` is the deliberate way to see it.
impl fmt::Debug for NhsNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("NhsNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_the_check_digit_is_asked_for() {
        let table = [
            ("999 000 0018", Ok("9990000018")),
            ("9990000018", Ok("9990000018")),
            (" 999-000-0018 ", Ok("9990000018")),
            ("9434765919", Ok("9434765919")),
            ("999 000 0019", Err("nhs_wrong_check")),
            ("9434765918", Err("nhs_wrong_check")),
            ("999000001", Err("nhs_wrong_shape")),
            ("99900000180", Err("nhs_wrong_shape")),
            ("0000000000", Err("nhs_wrong_shape")),
            ("1111111111", Err("nhs_wrong_shape")),
            ("999000001A", Err("nhs_wrong_shape")),
            ("٩٩٩0000018", Err("nhs_wrong_shape")),
            ("", Err("nhs_wrong_shape")),
        ];
        for (text, wanted) in table {
            let found = NhsNumber::parse(text);
            let found = found.as_ref().map(NhsNumber::as_str).map_err(|error| error.code);
            assert_eq!(found, wanted, "{text:?}");
        }
        assert!(NhsNumber::parse("9990000018").unwrap().is_test_range());
        assert!(!NhsNumber::parse("9434765919").unwrap().is_test_range());
        assert_eq!(format!("{:?}", NhsNumber::parse("9990000018").unwrap()), "NhsNumber(…)");
    }
}
