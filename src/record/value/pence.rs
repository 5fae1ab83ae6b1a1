//! Money as whole pence. Each amount is read in the one format its mapping declares: nothing is
//! guessed, nothing is rounded, and there is never a floating point number on the way.

use std::fmt;

use super::ValueError;

const WRONG_SHAPE: ValueError = ValueError::new("pence_wrong_shape");
const OVERFLOW: ValueError = ValueError::new("pence_overflow");

/// Ten thousand million pounds: beyond any account, and small enough that the sum of millions of
/// amounts still fits the database's integer.
const PENCE_MAX: i64 = 1_000_000_000_000;

/// An amount in pence. Negative means the council owes it, in the sense its field declares.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pence(i64);

/// How a system writes money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PenceFormat {
    /// `855.00`, `-12.50`, `1710`: pounds, with no decimals or exactly two.
    DecimalPounds,
    /// What spreadsheets and reports print: also `£1,234.50`, `(12.50)`, `12.50CR`, `12.50-`.
    DecimalPoundsLoose,
    /// `855.0`, `12.3`, `-12.34`, `1710`: pounds as a program prints a number, with up to two decimals.
    NumberPounds,
    /// `85500`, `-1250`, `+0000085500`: pence already.
    IntegerPence,
    /// `0000012345-`: pence with the sign behind; no sign means positive.
    SignedPenceTrailing,
    /// `0000012345` as `000001234E`, `-12345` as `000001234N`: pence whose last digit has the sign in it,
    /// as mainframes write it. A plain digit means positive.
    Overpunched,
}

impl Pence {
    pub const ZERO: Self = Self(0);

    pub const fn new(pence: i64) -> Self {
        Self(pence)
    }

    /// Reads an amount. Blanks around it are dropped; a blank alone is a wrong shape.
    pub fn parse(text: &str, format: PenceFormat) -> Result<Self, ValueError> {
        let text = text.trim();
        match format {
            PenceFormat::DecimalPounds => {
                let (negative, digits) = leading_sign(text);
                pounds(digits, negative, false)
            }
            PenceFormat::DecimalPoundsLoose => loose(text),
            PenceFormat::NumberPounds => {
                let (negative, digits) = leading_sign(text);
                match digits.split_once('.') {
                    Some((whole, decimal)) if decimal.len() == 1 => Amount::default()
                        .digits(whole)?
                        .digits(decimal)?
                        .digits("0")?
                        .signed(negative),
                    _ => pounds(digits, negative, false),
                }
            }
            PenceFormat::IntegerPence => {
                let (negative, digits) = leading_sign(text);
                Amount::default().digits(digits)?.signed(negative)
            }
            PenceFormat::SignedPenceTrailing => {
                let (negative, digits) = trailing_sign(text);
                Amount::default().digits(digits)?.signed(negative)
            }
            PenceFormat::Overpunched => overpunched(text),
        }
    }

    pub const fn value(self) -> i64 {
        self.0
    }

    /// `-£1,234.56`: as people write money.
    pub fn said(self) -> String {
        let (pounds, rest) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        let digits = pounds.to_string();
        let mut grouped = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                grouped.push(',');
            }
            grouped.push(digit);
        }
        format!("{}£{grouped}.{rest:02}", if self.0 < 0 { "-" } else { "" })
    }

    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

/// `-12.50`: pounds with two decimals and neither sign of currency nor commas, for messages to
/// dress as they wish.
impl fmt::Display for Pence {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let all = self.0.unsigned_abs();
        write!(out, "{sign}{}.{:02}", all / 100, all % 100)
    }
}

impl PenceFormat {
    pub const ALL: [Self; 6] = [
        Self::DecimalPounds,
        Self::DecimalPoundsLoose,
        Self::NumberPounds,
        Self::IntegerPence,
        Self::SignedPenceTrailing,
        Self::Overpunched,
    ];

    /// The word a mapping uses for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::DecimalPounds => "decimal_pounds",
            Self::DecimalPoundsLoose => "decimal_pounds_loose",
            Self::NumberPounds => "number_pounds",
            Self::IntegerPence => "integer_pence",
            Self::SignedPenceTrailing => "signed_pence_trailing",
            Self::Overpunched => "overpunched",
        }
    }

    /// What is written so, for an integrator.
    pub const fn doc(self) -> &'static str {
        match self {
            Self::DecimalPounds => "`855.00`, `-12.50`, `1710`: pounds, with no decimals or two.",
            Self::DecimalPoundsLoose => {
                "What spreadsheets print: also `£1,234.50`, `(12.50)`, `12.50CR`, `12.50-`."
            }
            Self::NumberPounds => {
                "`855.0`, `12.3`, `-12.34`: pounds as a program prints a number, as in JSON."
            }
            Self::IntegerPence => "`85500`, `-1250`, `+0000085500`: pence already.",
            Self::SignedPenceTrailing => "`0000012345-`: pence with the sign behind.",
            Self::Overpunched => {
                "`000001234E`, `000001234N`: pence whose last digit has the sign in it, `{` and `A` to \
                 `I` for plus, `}` and `J` to `R` for minus."
            }
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.word() == word)
    }
}

/// Digits gathered so far. It stops growing at the limit, so no length of input can overflow it.
#[derive(Default)]
struct Amount {
    value: i64,
    digits: u32,
    overflow: bool,
}

impl Amount {
    fn digit(&mut self, byte: u8) -> Result<(), ValueError> {
        if !byte.is_ascii_digit() {
            return Err(WRONG_SHAPE);
        }
        self.digits += 1;
        self.value = self.value * 10 + i64::from(byte - b'0');
        if self.value > PENCE_MAX {
            self.overflow = true;
            self.value = 0;
        }
        Ok(())
    }

    fn digits(mut self, text: &str) -> Result<Self, ValueError> {
        for byte in text.bytes() {
            self.digit(byte)?;
        }
        if self.digits == 0 { Err(WRONG_SHAPE) } else { Ok(self) }
    }

    fn signed(self, negative: bool) -> Result<Pence, ValueError> {
        if self.overflow {
            return Err(OVERFLOW);
        }
        Ok(Pence(if negative { -self.value } else { self.value }))
    }
}

/// The last digit is a letter or a brace, which says the sign as well.
fn overpunched(text: &str) -> Result<Pence, ValueError> {
    let last = text.chars().next_back().ok_or(WRONG_SHAPE)?;
    let (digit, negative) = match last {
        '0'..='9' => (last, false),
        '{' => ('0', false),
        '}' => ('0', true),
        'A'..='I' => (char::from(last as u8 - b'A' + b'1'), false),
        'J'..='R' => (char::from(last as u8 - b'J' + b'1'), true),
        _ => return Err(WRONG_SHAPE),
    };
    let mut amount = Amount::default();
    for byte in text[..text.len() - last.len_utf8()].bytes() {
        amount.digit(byte)?;
    }
    amount.digit(digit as u8)?;
    amount.signed(negative)
}

/// Pounds without a sign; with `commas`, in groups of three.
fn pounds(text: &str, negative: bool, commas: bool) -> Result<Pence, ValueError> {
    let (whole, decimals) = match text.split_once('.') {
        Some((whole, decimals)) if decimals.len() == 2 => (whole, decimals),
        Some(_) => return Err(WRONG_SHAPE),
        None => (text, "00"),
    };
    let mut amount = Amount::default();
    if commas && whole.contains(',') {
        let mut groups = whole.split(',');
        let first = groups.next().unwrap_or_default();
        if !matches!(first.len(), 1..=3) {
            return Err(WRONG_SHAPE);
        }
        amount = amount.digits(first)?;
        for group in groups {
            if group.len() != 3 {
                return Err(WRONG_SHAPE);
            }
            amount = amount.digits(group)?;
        }
    } else {
        amount = amount.digits(whole)?;
    }
    amount.digits(decimals)?.signed(negative)
}

/// One sign at most, before or after the currency: two signs would be a guess.
fn loose(text: &str) -> Result<Pence, ValueError> {
    let (bracketed, text) = match text.strip_prefix('(') {
        Some(rest) => (true, rest.strip_suffix(')').ok_or(WRONG_SHAPE)?),
        None => (false, text),
    };
    let (behind, text) = ending(text);
    let (before, text) = front_sign(text.trim());
    let text = text.strip_prefix('£').map_or(text, str::trim_start);
    let (after, text) = if before.is_none() { front_sign(text) } else { (None, text) };
    let brackets = bracketed.then_some(true);
    let mut signs = [brackets, behind, before, after].into_iter().flatten();
    let negative = signs.next().unwrap_or(false);
    if signs.next().is_some() {
        return Err(WRONG_SHAPE);
    }
    pounds(text, negative, true)
}

/// `CR` and `-` behind mean a credit, `DR` a debit.
fn ending(text: &str) -> (Option<bool>, &str) {
    for (mark, negative) in [("CR", true), ("cr", true), ("DR", false), ("dr", false), ("-", true)]
    {
        if let Some(rest) = text.strip_suffix(mark) {
            return (Some(negative), rest);
        }
    }
    (None, text)
}

fn front_sign(text: &str) -> (Option<bool>, &str) {
    match leading_sign(text) {
        (_, rest) if rest.len() == text.len() => (None, text),
        (negative, rest) => (Some(negative), rest),
    }
}

fn leading_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

fn trailing_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().last() {
        Some(b'-') => (true, &text[..text.len() - 1]),
        Some(b'+') => (false, &text[..text.len() - 1]),
        _ => (false, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_said_as_people_say_it() {
        for (pence, said) in
            [(0, "£0.00"), (5, "£0.05"), (123_456, "£1,234.56"), (-1250, "-£12.50")]
        {
            assert_eq!(Pence::new(pence).said(), said);
        }
    }
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    const SHAPE: Result<i64, &str> = Err("pence_wrong_shape");
    const TOO_BIG: Result<i64, &str> = Err("pence_overflow");

    fn check(format: PenceFormat, table: &[(&str, Result<i64, &str>)]) {
        for (text, wanted) in table {
            let found = Pence::parse(text, format).map(Pence::value).map_err(|error| error.code);
            assert_eq!(found, *wanted, "{text:?} as {}", format.word());
        }
    }

    #[test]
    fn b43_decimal_pounds_takes_none_or_two_decimals() {
        check(
            PenceFormat::DecimalPounds,
            &[
                ("855.00", Ok(85_500)),
                (" -12.50 ", Ok(-1_250)),
                ("1710", Ok(171_000)),
                ("+1710.05", Ok(171_005)),
                ("0.01", Ok(1)),
                ("-0.00", Ok(0)),
                ("0000000855.00", Ok(85_500)),
                ("12.5", SHAPE),
                ("12.345", SHAPE),
                ("12.", SHAPE),
                (".50", SHAPE),
                ("1,234.50", SHAPE),
                ("12,50", SHAPE),
                ("£12.50", SHAPE),
                ("£ 12", SHAPE),
                ("(12.00)", SHAPE),
                ("12.50-", SHAPE),
                ("1e3", SHAPE),
                ("--1", SHAPE),
                ("1.2.34", SHAPE),
                ("1 000", SHAPE),
                ("٣", SHAPE),
                ("１２.00", SHAPE),
                ("NaN", SHAPE),
                ("#N/A", SHAPE),
                ("", SHAPE),
                ("-", SHAPE),
                ("10000000000.00", Ok(1_000_000_000_000)),
                ("10000000000.01", TOO_BIG),
                ("1000000000000000000", TOO_BIG),
                ("999999999999999999999999999999999999999.99", TOO_BIG),
            ],
        );
    }

    #[test]
    fn b43_quirk_47_loose_pounds_takes_what_spreadsheets_print_with_one_sign() {
        check(
            PenceFormat::DecimalPoundsLoose,
            &[
                ("£1,234.50", Ok(123_450)),
                ("£ 12", Ok(1_200)),
                ("1,234,567", Ok(123_456_700)),
                ("(12.50)", Ok(-1_250)),
                ("(£1,012.50)", Ok(-101_250)),
                ("12.50CR", Ok(-1_250)),
                ("12.50 cr", Ok(-1_250)),
                ("12.50DR", Ok(1_250)),
                ("12.50-", Ok(-1_250)),
                ("-£12.50", Ok(-1_250)),
                ("£-12.50", Ok(-1_250)),
                ("855.00", Ok(85_500)),
                ("12,50", SHAPE),
                ("1,2345.00", SHAPE),
                (",123.00", SHAPE),
                ("1234,567", SHAPE),
                ("12.5", SHAPE),
                ("-12.50-", SHAPE),
                ("(-12.50)", SHAPE),
                ("-£-12.50", SHAPE),
                ("(12.50", SHAPE),
                ("12.50)", SHAPE),
                ("££1", SHAPE),
                ("$1", SHAPE),
                ("1e3", SHAPE),
                ("#N/A", SHAPE),
                ("", SHAPE),
                ("99,999,999,999.00", TOO_BIG),
            ],
        );
    }

    #[test]
    fn pence_formats_take_digits_and_a_sign_on_their_own_side() {
        check(
            PenceFormat::IntegerPence,
            &[
                ("85500", Ok(85_500)),
                ("-1250", Ok(-1_250)),
                ("+0000085500", Ok(85_500)),
                ("855.00", SHAPE),
                ("1250-", SHAPE),
                ("", SHAPE),
                ("9223372036854775808", TOO_BIG),
            ],
        );
        check(
            PenceFormat::SignedPenceTrailing,
            &[
                ("0000012345-", Ok(-12_345)),
                ("0000012345+", Ok(12_345)),
                ("0000012345", Ok(12_345)),
                ("-12345", SHAPE),
                ("12.34-", SHAPE),
                ("-", SHAPE),
            ],
        );
        check(
            PenceFormat::Overpunched,
            &[
                ("0000001234E", Ok(12_345)),
                ("0000001234N", Ok(-12_345)),
                ("0000008550{", Ok(85_500)),
                ("0000000125}", Ok(-1_250)),
                ("00A", Ok(1)),
                ("00I", Ok(9)),
                ("00J", Ok(-1)),
                ("00R", Ok(-9)),
                ("{", Ok(0)),
                ("}", Ok(0)),
                ("0000012345", Ok(12_345)),
                ("00S", SHAPE),
                ("00a", SHAPE),
                ("A00", SHAPE),
                ("-00A", SHAPE),
                ("12.3D", SHAPE),
                ("00é", SHAPE),
            ],
        );
    }

    #[test]
    fn number_pounds_takes_what_a_program_prints() {
        check(
            PenceFormat::NumberPounds,
            &[
                ("855.0", Ok(85_500)),
                ("12.3", Ok(1_230)),
                ("-12.34", Ok(-1_234)),
                ("1710", Ok(171_000)),
                ("0.0", Ok(0)),
                ("12.345", SHAPE),
                ("12.", SHAPE),
                (".5", SHAPE),
                ("1e3", SHAPE),
                ("1,234.5", SHAPE),
                ("£12.5", SHAPE),
                ("", SHAPE),
                ("10000000000.1", TOO_BIG),
            ],
        );
    }

    #[test]
    fn words_and_formats_agree() {
        for format in PenceFormat::ALL {
            assert_eq!(PenceFormat::from_word(format.word()), Some(format));
        }
        assert_eq!(PenceFormat::from_word("pounds"), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn what_is_printed_reads_back(pence in -PENCE_MAX..=PENCE_MAX) {
            let printed = Pence::new(pence).to_string();
            for format in [
                PenceFormat::DecimalPounds,
                PenceFormat::DecimalPoundsLoose,
                PenceFormat::NumberPounds,
            ] {
                prop_assert_eq!(Pence::parse(&printed, format), Ok(Pence::new(pence)));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            for format in PenceFormat::ALL {
                let _ = Pence::parse(&text, format);
            }
        }
    }
}
