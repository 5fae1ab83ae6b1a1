//! Unique Property Reference Numbers. There is no check digit: a wrong one can still look right.

use std::fmt;

use super::ValueError;
use crate::record::personal::unprinted;

const WRONG_SHAPE: ValueError = ValueError::new("uprn_wrong_shape");
const DIGITS_MAX: u32 = 12;

/// One addressable place. It is not the property key of a revenues or CRM system.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Uprn(u64);

impl Uprn {
    /// Reads one to twelve digits; zeros padded on the left and blanks on either side are dropped.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let mut value: u64 = 0;
        let mut digits = 0;
        for byte in text.trim().bytes() {
            if !byte.is_ascii_digit() {
                return Err(WRONG_SHAPE);
            }
            if digits > 0 || byte != b'0' {
                digits += 1;
            }
            if digits > DIGITS_MAX {
                return Err(WRONG_SHAPE);
            }
            value = value * 10 + u64::from(byte - b'0');
        }
        if value == 0 { Err(WRONG_SHAPE) } else { Ok(Self(value)) }
    }

    pub fn value(self) -> u64 {
        self.0
    }

    /// The ranges that our invented councils use: never push them to a live platform.
    pub fn is_test_range(self) -> bool {
        (100_099_900_000..=100_099_999_999).contains(&self.0) || self.0 >= 999_000_000_000
    }
}

/// Without the padding, as the national address file prints it.
impl fmt::Display for Uprn {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

unprinted!(Uprn);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_padding_is_dropped_and_other_shapes_are_refused() {
        let table = [
            ("100099900001", Some((100_099_900_001, true))),
            ("000099900002", Some((99_900_002, false))),
            ("0000000000099900002", Some((99_900_002, false))),
            ("  100099900001  ", Some((100_099_900_001, true))),
            ("1", Some((1, false))),
            ("999000000000", Some((999_000_000_000, true))),
            ("1000999000012", None),
            ("18446744073709551617", None),
            ("0", None),
            ("000000000000", None),
            ("", None),
            ("-1", None),
            ("1e11", None),
            ("10 0099900001", None),
            ("100099900001.0", None),
            ("١٢٣", None),
        ];
        for (text, wanted) in table {
            let found = Uprn::parse(text).ok().map(|uprn| (uprn.value(), uprn.is_test_range()));
            assert_eq!(found, wanted, "{text:?}");
        }
        assert_eq!(Uprn::parse("000099900002").unwrap().to_string(), "99900002");
        assert_eq!(Uprn::parse("x").unwrap_err().code, "uprn_wrong_shape");
    }
}
