//! Sort codes and account numbers of UK banks, by shape. The banks' own check of the two together needs
//! a table that changes every few weeks; that is for whoever collects, and is not done here.

use std::fmt;

use super::ValueError;
use super::ascii::Ascii;

const SORT_CODE: ValueError = ValueError::new("sort_code_wrong_shape");
const ACCOUNT: ValueError = ValueError::new("bank_account_wrong_shape");

/// `309634`: six digits, without the dashes it is printed with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SortCode(Ascii<6>);

impl SortCode {
    /// Reads six digits, with blanks and dashes between them.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let kept = Ascii::<6>::digits_of(text).ok_or(SORT_CODE)?;
        let is_one = kept.bytes().len() == 6 && kept.bytes() != b"000000";
        if is_one { Ok(Self(kept)) } else { Err(SORT_CODE) }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// `00123456`: eight digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountNumber(Ascii<8>);

impl AccountNumber {
    /// Reads six to eight digits; shorter ones are filled up with zeros in front, as banks do.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let kept = Ascii::<8>::digits_of(text).ok_or(ACCOUNT)?;
        let digits = kept.bytes();
        if digits.len() < 6 || digits.iter().all(|digit| *digit == b'0') {
            return Err(ACCOUNT);
        }
        let mut filled = Ascii::empty();
        let zeros = std::iter::repeat_n(&b'0', 8 - digits.len());
        let fits = zeros.chain(digits).all(|digit| filled.push(*digit));
        if fits { Ok(Self(filled)) } else { Err(ACCOUNT) }
    }

    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

/// Masked, as bank details are everywhere.
impl fmt::Debug for SortCode {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("SortCode(…)")
    }
}

impl fmt::Debug for AccountNumber {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("AccountNumber(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b44_bank_details_are_normalised_or_refused() {
        for (text, sort_code, account) in [
            ("30-96-34", Some("309634"), Some("00309634")),
            (" 30 96 34 ", Some("309634"), Some("00309634")),
            ("309634", Some("309634"), Some("00309634")),
            ("12345678", None, Some("12345678")),
            ("1234 5678", None, Some("12345678")),
            ("1234567", None, Some("01234567")),
            ("123456789", None, None),
            ("12345", None, None),
            ("000000", None, None),
            ("00000000", None, None),
            ("3O9634", None, None),
            ("30.96.34", None, None),
            ("UNKNOWN", None, None),
            ("٣09634", None, None),
            ("", None, None),
        ] {
            let found = SortCode::parse(text);
            assert_eq!(found.as_ref().ok().map(SortCode::as_str), sort_code, "{text:?}");
            let found = AccountNumber::parse(text);
            assert_eq!(found.as_ref().ok().map(AccountNumber::as_str), account, "{text:?}");
        }
        assert_eq!(format!("{:?}", SortCode::parse("309634").unwrap()), "SortCode(…)");
    }
}
