//! Which phone numbers the platform accepts, and what kind each is. It reads a number the way
//! libphonenumber does, over that library's own metadata, and then tries once more after tidying;
//! both readings are here because their order decides which fault is reported. It is deliberately
//! as lenient as the platform: the hub's own rule is stricter.

use crate::sandbox::govuk_notify::charset::Alphabet;
use crate::sandbox::govuk_notify::numbering::{self, Kind, Length, Plan};
use crate::sandbox::govuk_notify::whitespace;

const UK: u16 = 44;
const NATIONAL_DIGITS_MIN: usize = 2;
const NATIONAL_DIGITS_MAX: usize = 17;
const TEXT_BYTES_MAX: usize = 250;

/// Calling codes that exist but that no supplier of the platform serves.
const UNSUPPORTED: [u16; 13] = [247, 290, 688, 800, 808, 850, 870, 878, 881, 882, 883, 888, 979];

/// A number the platform could send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhoneNumber {
    code: u16,
    national: String,
}

/// Why a number is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhoneFault {
    Invalid,
    TooLong,
    TooShort,
    NotUkMobile,
    UnknownCharacter,
    UnsupportedCountry,
}

impl PhoneFault {
    /// The wire text.
    pub fn message(self) -> &'static str {
        match self {
            Self::Invalid => "Number is not valid – double check the phone number you entered",
            Self::TooLong => "Too many digits",
            Self::TooShort => "Not enough digits",
            Self::NotUkMobile => "Not a UK mobile number",
            Self::UnknownCharacter => "Must not contain letters or symbols",
            Self::UnsupportedCountry => "Not a valid country prefix",
        }
    }
}

impl PhoneNumber {
    /// Reads a number as typed; one that fails is tidied and read again, and the second fault is
    /// the one reported.
    pub fn read(raw: &str) -> Result<Self, PhoneFault> {
        Self::read_once(raw).or_else(|_| {
            let tidied = raw.replace('+', "");
            Self::read_once(&Alphabet::PrintableAscii.encode(tidied.trim_start_matches('0')))
        })
    }

    /// The permissions of a service narrow what it may send to.
    pub fn permitted(&self, international: bool, landline: bool) -> Result<(), PhoneFault> {
        if !international && self.code != UK {
            return Err(PhoneFault::NotUkMobile);
        }
        if !landline && self.code == UK && self.is_landline() {
            return Err(PhoneFault::NotUkMobile);
        }
        if UNSUPPORTED.contains(&self.code) {
            return Err(PhoneFault::UnsupportedCountry);
        }
        Ok(())
    }

    /// Digits with the calling code and no plus.
    pub fn normalised(&self) -> String {
        format!("{}{}", self.code, self.national)
    }

    /// Whether the number has the UK's calling code: the Channel Islands and the Isle of Man have
    /// it too.
    pub fn has_uk_code(&self) -> bool {
        self.code == UK
    }

    /// Billed as international, which the Channel Islands and the Isle of Man are.
    pub fn is_international(&self) -> bool {
        !self.is_reserved_for_drama() && self.region() != Some("GB")
    }

    /// A number of Jersey, Guernsey or the Isle of Man.
    pub fn is_crown_dependency(&self) -> bool {
        !self.is_reserved_for_drama() && self.code == UK && self.region() != Some("GB")
    }

    /// The calling code, lengthened by the area where a North American area is a country of its
    /// own.
    pub fn prefixes(&self) -> (String, Option<String>) {
        let area =
            (self.code == 1).then(|| format!("1{}", &self.national[..3.min(self.national.len())]));
        (self.code.to_string(), area)
    }

    fn read_once(raw: &str) -> Result<Self, PhoneFault> {
        if !raw.chars().all(is_allowed) {
            return Err(PhoneFault::UnknownCharacter);
        }
        if raw.is_empty() {
            return Err(PhoneFault::TooShort);
        }
        let mut number = parse(raw, Some("GB")).ok_or(PhoneFault::Invalid)?;
        let possible = number.possible();
        if possible != Length::Possible {
            // A spreadsheet may have eaten a plus: perhaps it is a number of another country.
            number = parse(&format!("+{raw}"), None)
                .filter(|forced| matches!(forced.possible(), Length::Possible | Length::LocalOnly))
                .ok_or(match possible {
                    Length::TooLong => PhoneFault::TooLong,
                    Length::TooShort | Length::LocalOnly => PhoneFault::TooShort,
                    Length::Possible | Length::Wrong => PhoneFault::Invalid,
                })?;
        }
        let kind = number.kind();
        let sendable = matches!(
            kind,
            Some(
                Kind::FixedLine
                    | Kind::Mobile
                    | Kind::FixedLineOrMobile
                    | Kind::Company
                    | Kind::Personal
            )
        );
        if sendable || number.is_reserved_for_drama() {
            Ok(number)
        } else {
            Err(PhoneFault::Invalid)
        }
    }

    fn is_landline(&self) -> bool {
        matches!(self.kind(), Some(Kind::FixedLine | Kind::FixedLineOrMobile | Kind::Company))
    }

    fn possible(&self) -> Length {
        numbering::main_plan(self.code).map_or(Length::Wrong, |plan| plan.length(&self.national))
    }

    fn region(&self) -> Option<&'static str> {
        numbering::plan_of_number(self.code, &self.national).map(Plan::region)
    }

    fn kind(&self) -> Option<Kind> {
        numbering::plan_of_number(self.code, &self.national)?.kind(&self.national)
    }

    /// The regulator's numbers for drama are 07700 900000 to 900999. The platform's test is looser
    /// (7700 and any digit, in any country), and so is this one.
    fn is_reserved_for_drama(&self) -> bool {
        let digits = self.national.trim_start_matches('0').as_bytes();
        digits.starts_with(b"7700") && digits.len() > 4
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_digit() || "()-+".contains(character) || whitespace::is_space(character)
}

/// Reads a number as one dialled in `home`. Nothing means that it cannot be read at all.
fn parse(raw: &str, home: Option<&str>) -> Option<PhoneNumber> {
    if raw.len() > TEXT_BYTES_MAX {
        return None;
    }
    let text = viable(raw)?;
    let home = home.and_then(numbering::plan_of_region);
    let (code, rest) = match split_code(text, home) {
        Err(SplitFault::UnknownCode) if text.starts_with('+') => {
            split_code(text.trim_start_matches('+'), home).ok()?
        }
        split => split.ok()?,
    };
    let plan = numbering::main_plan(code)?;
    if rest.len() < NATIONAL_DIGITS_MIN {
        return None;
    }
    let trimmed = plan.without_trunk_prefix(&rest);
    let national = match plan.length(&trimmed) {
        Length::Possible | Length::TooLong => trimmed,
        Length::TooShort | Length::LocalOnly | Length::Wrong => rest,
    };
    let readable = (NATIONAL_DIGITS_MIN..=NATIONAL_DIGITS_MAX).contains(&national.len());
    readable.then_some(PhoneNumber { code, national })
}

/// From the first plus or digit to the last digit, if what lies between is only digits and phone
/// punctuation.
fn viable(raw: &str) -> Option<&str> {
    let start = raw.find(|character: char| character == '+' || character.is_ascii_digit())?;
    let end = raw.rfind(|character: char| character.is_ascii_digit())? + 1;
    let text = raw.get(start..end)?;
    let after_plus = text.trim_start_matches('+');
    let punctuated = after_plus.chars().all(|character| {
        character.is_ascii_digit()
            || matches!(character, '-' | '(' | ')' | ' ' | '\u{a0}' | '\u{200b}' | '\u{2060}')
    });
    let digits = digits(after_plus).len();
    let enough = digits >= 3 || (digits == 2 && text.len() == 2);
    (punctuated && enough).then_some(text)
}

enum SplitFault {
    UnknownCode,
    TooShort,
}

/// Splits the calling code from the national part. A number without one is a number of `home`.
fn split_code(text: &str, home: Option<&Plan>) -> Result<(u16, String), SplitFault> {
    let all = digits(text);
    let mut international = text.starts_with('+');
    let mut full = all.as_str();
    if !international && let Some(rest) = home.and_then(|plan| plan.after_exit_code(&all)) {
        international = true;
        full = rest;
    }
    if international {
        if full.len() <= NATIONAL_DIGITS_MIN {
            return Err(SplitFault::TooShort);
        }
        return (1..=3)
            .filter(|_| !full.starts_with('0'))
            .filter_map(|length| full.get(..length)?.parse().ok())
            .find(|&code| numbering::main_plan(code).is_some())
            .map(|code: u16| (code, full[code.to_string().len()..].to_owned()))
            .ok_or(SplitFault::UnknownCode);
    }
    let home = home.ok_or(SplitFault::UnknownCode)?;
    let code = home.code();
    if let Some(rest) = full.strip_prefix(&code.to_string()) {
        let potential = home.without_trunk_prefix(rest);
        let reads_better = !home.covers(full) && home.covers(&potential);
        if reads_better || home.length(full) == Length::TooLong {
            return Ok((code, potential));
        }
    }
    Ok((code, full.to_owned()))
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ways_of_writing_one_number() {
        for raw in [
            "07700900123",
            "07700 900123",
            "+447700900123",
            "00447700900123",
            "447700900123",
            "7700900123",
            "(07700) 900-123",
            "+44 (0)7700 900123",
            "0+447700900123",
            "000007700900123",
            "+07700900123",
            "0+44(0)7700900123",
            "07700\u{a0}900123",
            "07700\t900123",
            "\u{200b}07700900123",
        ] {
            let number = PhoneNumber::read(raw).map(|number| number.normalised());
            assert_eq!(number.as_deref(), Ok("447700900123"), "{raw:?}");
        }
    }

    #[test]
    fn what_is_refused_and_why() {
        use PhoneFault::{Invalid, NotUkMobile, TooLong, TooShort, UnknownCharacter};
        for (raw, fault) in [
            ("", TooShort),
            ("999", TooShort),
            ("118500", TooShort),
            ("07700900123456", TooLong),
            ("+99912345678", TooLong),
            ("07700.900123", UnknownCharacter),
            ("07700900abc", UnknownCharacter),
            ("06123456789", Invalid),
            ("01632 960001", Invalid),
            ("0800 123 1234", Invalid),
            ("09099123456", Invalid),
            ("07600 123456", Invalid),
            ("+850 1234567", Invalid),
            ("020 7946 0000", NotUkMobile),
            ("03001234567", NotUkMobile),
            ("077009001234", NotUkMobile),
            ("+33612345678", NotUkMobile),
        ] {
            let outcome = PhoneNumber::read(raw).and_then(|number| number.permitted(false, false));
            assert_eq!(outcome, Err(fault), "{raw}");
        }
    }

    #[test]
    fn where_a_number_belongs() {
        for (raw, international, crown) in [
            ("07912 345678", false, false),
            ("07911 123456", true, true),
            ("07700 900123", false, false),
            ("07781 900000", true, true),
            ("07624 900000", true, true),
            ("01481 720000", true, true),
            ("+33612345678", true, false),
            ("020 7946 0000", false, false),
        ] {
            let number = PhoneNumber::read(raw).expect(raw);
            assert_eq!(number.is_international(), international, "{raw}");
            assert_eq!(number.is_crown_dependency(), crown, "{raw}");
        }
    }
}
