//! Telephone numbers in international form, read as a UK council receives them.
//!
//! Ranges change, so Google's metadata (crate `phonenumber`) has the last word on what is given
//! out. Its patterns cost some 18 µs each, too dear for a whole extract: blocks that are wholly
//! mobile or wholly geographic are known here by their first four digits, and a test holds the two
//! equal. A premium rate number is refused; whether a number answers is not asked.

use std::fmt;

use phonenumber::metadata::DATABASE;
use phonenumber::{Mode, PhoneNumber, Type, country};

use super::ValueError;
use super::ascii::Ascii;

const WRONG_SHAPE: ValueError = ValueError::new("phone_wrong_shape");
const NOT_IN_USE: ValueError = ValueError::new("phone_not_in_use");
const PREMIUM_RATE: ValueError = ValueError::new("phone_premium_rate");

/// E.164 allows fifteen; the rest is room for stray zeros and an international prefix.
const DIGITS_MAX: usize = 20;

/// A number in E.164 form: `+447700900123`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Phone {
    e164: Ascii<16>,
    kind: PhoneKind,
    invented: bool,
}

/// What can be done with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PhoneKind {
    /// A text message can be sent to it.
    Mobile,
    Landline,
    /// Personal (070), pager (076), 03, 08, internet, or abroad where the two look the same.
    Other,
}

impl Phone {
    /// Reads a number. Without `+` or `00` it is a UK one; with or without its leading zero.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let dialled = Dialled::read(text)?;
        match dialled.uk_number() {
            Some(national) => uk(national),
            None if dialled.international => abroad(dialled.significant()),
            None => Err(WRONG_SHAPE),
        }
    }

    pub fn as_str(&self) -> &str {
        self.e164.as_str()
    }

    pub fn kind(&self) -> PhoneKind {
        self.kind
    }

    /// Under the UK's code, which the Crown dependencies share.
    pub fn is_uk(&self) -> bool {
        self.e164.bytes().starts_with(b"+44")
    }

    /// Kept by Ofcom for drama, so given to nobody: never push it to a live platform.
    pub fn is_test_range(&self) -> bool {
        self.invented
    }
}

/// Masked, because it names a person: `as_str` is the deliberate way to see it.
impl fmt::Debug for Phone {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Phone({:?} …)", self.kind)
    }
}

/// The digits of a text, and whether it named a country.
struct Dialled {
    digits: [u8; DIGITS_MAX],
    length: usize,
    international: bool,
}

impl Dialled {
    fn read(text: &str) -> Result<Self, ValueError> {
        let mut dialled = Self { digits: [0; DIGITS_MAX], length: 0, international: false };
        for letter in text.chars() {
            match letter {
                '0'..='9' => {
                    let free = dialled.digits.get_mut(dialled.length).ok_or(WRONG_SHAPE)?;
                    *free = u8::try_from(letter).map_err(|_| WRONG_SHAPE)?;
                    dialled.length += 1;
                }
                '+' if dialled.length == 0 && !dialled.international => {
                    dialled.international = true;
                }
                '(' | ')' | '-' | '.' => {}
                _ if letter.is_whitespace() || is_invisible(letter) => {}
                _ => return Err(WRONG_SHAPE),
            }
        }
        let all = &dialled.digits[..dialled.length];
        dialled.international |= all.starts_with(b"00");
        Ok(dialled)
    }

    /// Without zeros in front.
    fn significant(&self) -> &[u8] {
        without_zeros(&self.digits[..self.length])
    }

    /// The part after the UK's code and zero, if this is a UK number.
    fn uk_number(&self) -> Option<&[u8]> {
        let digits = self.significant();
        let zero = !self.international && self.digits[0] == b'0';
        match digits.strip_prefix(b"44") {
            // No UK number begins with 44, so these can only be the code.
            Some(national) if !zero => Some(without_zeros(national)),
            _ if self.international => None,
            // Spreadsheets lose the leading zero; anything longer would be a guess at a country.
            _ if zero || digits.len() <= 10 => Some(digits),
            _ => None,
        }
    }
}

fn uk(national: &[u8]) -> Result<Phone, ValueError> {
    if !(7..=10).contains(&national.len()) {
        return Err(WRONG_SHAPE);
    }
    if let Some(kind) = kept_for_drama(national) {
        return number(national, kind, true);
    }
    if national[0] == b'9' {
        return Err(PREMIUM_RATE);
    }
    match known_block(national) {
        Some(kind) => number(national, kind, false),
        None => {
            let mut digits = [0; 12];
            digits[..2].copy_from_slice(b"44");
            digits[2..2 + national.len()].copy_from_slice(national);
            abroad(&digits[..2 + national.len()])
        }
    }
}

fn number(national: &[u8], kind: PhoneKind, invented: bool) -> Result<Phone, ValueError> {
    let mut e164 = Ascii::empty();
    let fits = b"+44".iter().chain(national).all(|digit| e164.push(*digit));
    if fits { Ok(Phone { e164, kind, invented }) } else { Err(WRONG_SHAPE) }
}

/// The slow way, for everywhere: digits with their country code, asked of the metadata.
fn abroad(digits: &[u8]) -> Result<Phone, ValueError> {
    let mut e164 = Ascii::<16>::empty();
    if digits.len() < 7 || !b"+".iter().chain(digits).all(|digit| e164.push(*digit)) {
        return Err(WRONG_SHAPE);
    }
    let (printed, found) = in_use(e164.as_str())?;
    // Zeros are lost in the print of some, and with them what made it a number in use.
    if printed != e164.as_str() && in_use(&printed)?.0 != printed {
        return Err(NOT_IN_USE);
    }
    let mut e164 = Ascii::empty();
    if !printed.bytes().all(|byte| e164.push(byte)) {
        return Err(WRONG_SHAPE);
    }
    let kind = match found.number_type(&DATABASE) {
        Type::Mobile => PhoneKind::Mobile,
        Type::FixedLine => PhoneKind::Landline,
        _ => PhoneKind::Other,
    };
    Ok(Phone { e164, kind, invented: false })
}

/// A number that is given out, and its print.
fn in_use(text: &str) -> Result<(String, PhoneNumber), ValueError> {
    let found = phonenumber::parse(Some(country::GB), text).map_err(|_| WRONG_SHAPE)?;
    match found.is_valid() {
        true => Ok((found.format().mode(Mode::E164).to_string(), found)),
        false => Err(NOT_IN_USE),
    }
}

/// Ofcom's numbers for use in drama, by their first seven digits; each is a thousand numbers.
/// <https://www.ofcom.org.uk/phones-and-broadband/phone-numbers/numbers-for-drama>
fn kept_for_drama(national: &[u8]) -> Option<PhoneKind> {
    let (block, _) = national.split_first_chunk::<7>().filter(|_| national.len() == 10)?;
    match block {
        b"7700900" => Some(PhoneKind::Mobile),
        b"1134960" | b"1144960" | b"1154960" | b"1164960" | b"1174960" | b"1184960"
        | b"1214960" | b"1314960" | b"1414960" | b"1514960" | b"1614960" | b"1632960"
        | b"1914980" | b"2079460" | b"2896496" | b"2920180" => Some(PhoneKind::Landline),
        b"3069990" | b"8081570" => Some(PhoneKind::Other),
        _ => None,
    }
}

/// Ten digits whose whole block of a million is one kind. `None` means: ask the metadata.
fn known_block(national: &[u8]) -> Option<PhoneKind> {
    let [first, second, third, fourth, ..] = *national else {
        return None;
    };
    if national.len() != 10 {
        return None;
    }
    let block = usize::from(second - b'0') * 10 + usize::from(third - b'0');
    match first {
        // 070 is personal, 076 pagers; 07700 and 07911 are given out in smaller pieces.
        b'7' if !matches!(second, b'0' | b'6') => {
            let in_pieces =
                matches!([second, third, fourth], [b'7', b'0', b'0'] | [b'9', b'1', b'1']);
            (!in_pieces).then_some(PhoneKind::Mobile)
        }
        b'2' => WIDE_AREAS.contains(&block).then_some(PhoneKind::Landline),
        b'1' => {
            let whole = GEOGRAPHIC[block] >> (fourth - b'0') & 1 == 1;
            whole.then_some(PhoneKind::Landline)
        }
        _ => None,
    }
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|digit| **digit == b'0').count();
    &digits[zeros..]
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}' | '\u{202a}'..='\u{202e}')
}

/// The two digits after 02 whose numbers are all geographic.
const WIDE_AREAS: [usize; 25] =
    [0, 1, 3, 4, 7, 8, 30, 31, 38, 39, 40, 41, 47, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90, 91, 92];

/// For the two digits after 01, which third digits make a wholly geographic block (bit 0 is digit
/// 0). From libphonenumber 9.0.33.
#[rustfmt::skip]
const GEOGRAPHIC: [u16; 100] = [
    0x000, 0x000, 0x000, 0x000, 0x000, 0x000, 0x000, 0x000, 0x000, 0x000,
    0x000, 0x000, 0x000, 0x13f, 0x03f, 0x3c7, 0x01f, 0x21f, 0x21f, 0x000,
    0x3f5, 0x0ff, 0x3f8, 0x2f8, 0x37e, 0x3fd, 0x39f, 0x3fb, 0x3fd, 0x3ff,
    0x3ff, 0x1ff, 0x3fd, 0x2bd, 0x3df, 0x3fd, 0x3df, 0x2ee, 0x3df, 0x1bc,
    0x3f9, 0x3ff, 0x3bd, 0x3ff, 0x27d, 0x1ff, 0x2ff, 0x3ff, 0x3bd, 0x2ff,
    0x3ee, 0x3ff, 0x3f5, 0x363, 0x3fd, 0x3f9, 0x3ff, 0x3ef, 0x15f, 0x3bf,
    0x359, 0x3ff, 0x36f, 0x3fb, 0x0de, 0x27f, 0x3fa, 0x1ff, 0x3fb, 0x1b7,
    0x3d5, 0x000, 0x3ff, 0x1cd, 0x3f9, 0x3df, 0x3fb, 0x3ef, 0x3f5, 0x3fd,
    0x3e8, 0x000, 0x3be, 0x1bd, 0x1bf, 0x3f6, 0x27c, 0x3ff, 0x3fd, 0x265,
    0x33d, 0x3ff, 0x37d, 0x3be, 0x3fc, 0x2bf, 0x39c, 0x1b7, 0x3ff, 0x0bc,
];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

    #[test]
    fn b46_numbers_are_normalised_or_refused_with_a_code() {
        use PhoneKind::{Landline, Mobile, Other};
        let drama = "+447700900123";
        let table = [
            ("07700 900123", Ok((drama, Mobile, true))),
            ("7700900123", Ok((drama, Mobile, true))),
            ("447700900123", Ok((drama, Mobile, true))),
            ("+44 7700 900 123", Ok((drama, Mobile, true))),
            ("+44 (0) 7700 900123", Ok((drama, Mobile, true))),
            ("0044 7700-900-123", Ok((drama, Mobile, true))),
            ("(07700) 900.123", Ok((drama, Mobile, true))),
            ("\u{202a}07700\u{a0}900123\u{202c}", Ok((drama, Mobile, true))),
            ("01632 960001", Ok(("+441632960001", Landline, true))),
            ("020 7946 0999", Ok(("+442079460999", Landline, true))),
            ("0161 496 0000", Ok(("+441614960000", Landline, true))),
            ("0808 157 0123", Ok(("+448081570123", Other, true))),
            ("07400 123456", Ok(("+447400123456", Mobile, false))),
            ("07624 212345", Ok(("+447624212345", Mobile, false))),
            ("07700 912345", Err("phone_not_in_use")),
            ("0121 234 5678", Ok(("+441212345678", Landline, false))),
            ("020 7123 4567", Ok(("+442071234567", Landline, false))),
            ("070 1234 5678", Ok(("+447012345678", Other, false))),
            ("07640 123456", Ok(("+447640123456", Other, false))),
            ("0300 123 4567", Ok(("+443001234567", Other, false))),
            ("0800 123 4567", Ok(("+448001234567", Other, false))),
            ("0901 234 5678", Err("phone_premium_rate")),
            ("+33 6 12 34 56 78", Ok(("+33612345678", Mobile, false))),
            ("0033 1 23 45 67 89", Ok(("+33123456789", Landline, false))),
            ("+1 520 878 2491", Ok(("+15208782491", Other, false))),
            ("33612345678", Err("phone_wrong_shape")),
            ("0770090012", Err("phone_not_in_use")),
            ("0000-8000-00000 0 622", Err("phone_not_in_use")),
            ("077009001234", Err("phone_wrong_shape")),
            ("07700 900123 ext 4", Err("phone_wrong_shape")),
            ("O7700 900123", Err("phone_wrong_shape")),
            ("07700+900123", Err("phone_wrong_shape")),
            ("٠٧٧٠٠٩٠٠١٢٣", Err("phone_wrong_shape")),
            ("123456789012345678901234567890", Err("phone_wrong_shape")),
            ("000000000", Err("phone_wrong_shape")),
            ("+999 123 456 789", Err("phone_wrong_shape")),
            ("n/a", Err("phone_wrong_shape")),
            ("+", Err("phone_wrong_shape")),
            ("", Err("phone_wrong_shape")),
        ];
        for (text, wanted) in table {
            let found = Phone::parse(text);
            let found = match &found {
                Ok(phone) => Ok((phone.as_str(), phone.kind(), phone.is_test_range())),
                Err(error) => Err(error.code),
            };
            assert_eq!(found, wanted, "{text:?}");
        }
    }

    #[test]
    fn nothing_is_printed_by_accident() {
        let phone = Phone::parse("07700 900123").unwrap();
        assert_eq!(format!("{phone:?}"), "Phone(Mobile …)");
        assert!(phone.is_uk());
    }

    /// What the metadata says of a UK number, without the short way.
    fn asked(national: &str) -> Result<Phone, ValueError> {
        abroad(format!("44{national}").as_bytes())
    }

    #[test]
    fn every_known_block_agrees_with_the_metadata() {
        for block in 0..10_000 {
            let tail = (block * 7919 + 104_729) % 1_000_000;
            let national = format!("{block:04}{tail:06}");
            if !matches!(national.as_bytes()[0], b'1' | b'2' | b'7') {
                continue;
            }
            if let Some(kind) = known_block(national.as_bytes()) {
                assert_eq!(number(national.as_bytes(), kind, false), asked(&national), "{block}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn the_short_way_gives_the_long_way_s_answer(lead in "[127]", rest in "[0-9]{9}") {
            let national = format!("{lead}{rest}");
            if kept_for_drama(national.as_bytes()).is_none() {
                prop_assert_eq!(Phone::parse(&format!("0{national}")), asked(&national));
            }
        }

        #[test]
        fn no_text_panics(text in any::<String>(), digits in "[+0-9 ()-]{0,24}") {
            let _ = Phone::parse(&text);
            let _ = Phone::parse(&digits);
        }
    }
}
