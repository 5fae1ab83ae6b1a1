//! National Insurance numbers. Whether HMRC issued one is not asked, only whether it could have.

use std::fmt;

use super::ValueError;
use super::ascii::Ascii;

const WRONG_SHAPE: ValueError = ValueError::new("nino_wrong_shape");
const BAD_PREFIX: ValueError = ValueError::new("nino_bad_prefix");
const TEMPORARY: ValueError = ValueError::new("nino_temporary");

/// Prefixes that HMRC keeps out of use.
const NEVER_ISSUED: [&[u8; 2]; 7] = [b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"];

/// `QQ123456A`: upper case, no spaces. Old systems often lack the suffix, so it may be missing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Nino(Ascii<9>);

impl Nino {
    /// Reads a number in any case, with spaces anywhere and padding at the end.
    ///
    /// A blank, all zeros, and `TN…` (made from a birth date while a real number is awaited) are
    /// `nino_temporary`: many strangers share them, so they must join nobody.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let mut kept = Ascii::<9>::empty();
        let mut only_zeros = true;
        let mut fits = true;
        for letter in text.chars() {
            if letter.is_whitespace() {
                continue;
            }
            only_zeros &= letter == '0';
            let byte = u8::try_from(letter).unwrap_or(u8::MAX);
            fits &= kept.push(byte.to_ascii_uppercase());
        }
        if only_zeros || kept.bytes().starts_with(b"TN") {
            return Err(TEMPORARY);
        }
        let bytes = kept.bytes();
        let shaped = fits
            && bytes.len() >= 8
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes[2..8].iter().all(u8::is_ascii_digit)
            && bytes.get(8).is_none_or(|suffix| matches!(suffix, b'A'..=b'D'));
        if !shaped {
            return Err(WRONG_SHAPE);
        }
        if !prefix_is_possible([bytes[0], bytes[1]]) {
            return Err(BAD_PREFIX);
        }
        Ok(Self(kept))
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The eight characters that identify; the suffix only ever said when a card was stamped.
    pub fn stem(&self) -> &str {
        &self.as_str()[..8]
    }

    /// `QQ` is never issued, and is kept for examples: never push it to a live platform.
    pub fn is_test_range(&self) -> bool {
        self.0.bytes().starts_with(b"QQ")
    }
}

/// Masked, because it names a person: `as_str` is the deliberate way to see it.
impl fmt::Debug for Nino {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Nino(…)")
    }
}

fn prefix_is_possible(prefix: [u8; 2]) -> bool {
    if prefix == *b"QQ" {
        return true;
    }
    let [first, second] = prefix;
    !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && !NEVER_ISSUED.iter().any(|never| **never == prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_numbers_are_normalised_or_refused_with_a_code() {
        let table = [
            ("QQ123456A", Ok("QQ123456A")),
            ("qq 12 34 56 a", Ok("QQ123456A")),
            ("QQ123456A ", Ok("QQ123456A")),
            ("QQ123456", Ok("QQ123456")),
            ("QQ123456  ", Ok("QQ123456")),
            ("QQ\u{a0}123456\u{a0}D", Ok("QQ123456D")),
            ("AA123456C", Ok("AA123456C")),
            ("AB123456E", Err("nino_wrong_shape")),
            ("A1123456A", Err("nino_wrong_shape")),
            ("QQ12345A", Err("nino_wrong_shape")),
            ("QQ1234567", Err("nino_wrong_shape")),
            ("QQ123456AA", Err("nino_wrong_shape")),
            ("QQ12345٣A", Err("nino_wrong_shape")),
            ("UNKNOWN", Err("nino_wrong_shape")),
            ("'; DROP TABLE x;--", Err("nino_wrong_shape")),
            ("BG123456A", Err("nino_bad_prefix")),
            ("GB123456A", Err("nino_bad_prefix")),
            ("KN123456A", Err("nino_bad_prefix")),
            ("NK123456A", Err("nino_bad_prefix")),
            ("NT123456A", Err("nino_bad_prefix")),
            ("ZZ123456A", Err("nino_bad_prefix")),
            ("DA123456A", Err("nino_bad_prefix")),
            ("AO123456A", Err("nino_bad_prefix")),
            ("OA123456A", Ok("OA123456A")),
            ("QA123456A", Err("nino_bad_prefix")),
            ("AQ123456A", Err("nino_bad_prefix")),
            ("TN010190M", Err("nino_temporary")),
            ("tn 01 01 90 f", Err("nino_temporary")),
            ("", Err("nino_temporary")),
            ("   ", Err("nino_temporary")),
            ("000000000", Err("nino_temporary")),
            ("0000000000", Err("nino_temporary")),
        ];
        for (text, wanted) in table {
            let found = Nino::parse(text);
            let found = found.as_ref().map(Nino::as_str).map_err(|error| error.code);
            assert_eq!(found, wanted, "{text:?}");
        }
    }

    #[test]
    fn examples_are_flagged_and_nothing_is_printed_by_accident() {
        let example = Nino::parse("QQ123456A").unwrap();
        assert!(example.is_test_range());
        assert_eq!(example.stem(), "QQ123456");
        assert!(!Nino::parse("AA123456A").unwrap().is_test_range());
        assert_eq!(format!("{example:?}"), "Nino(…)");
    }
}
