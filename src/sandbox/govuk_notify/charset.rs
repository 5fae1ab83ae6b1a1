//! Which characters a text message can carry, and what the others become. The same rule with
//! another alphabet cleans a mistyped phone number. Nothing here knows of templates or recipients.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::decompose_canonical;

/// The GSM 03.38 basic table.
const GSM_BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\u{1b}ÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
    ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";

/// The GSM extension table: each costs two characters.
const GSM_EXTENSION: &str = "^{}\\[~]|€";

/// Welsh vowels with grave, acute, diaeresis or circumflex. They are sent as they are, in the
/// dearer encoding.
const WELSH: &str = "àèìòùẁỳÀÈÌÒÙẀỲáéíóúẃýÁÉÍÓÚẂÝäëïöüẅÿÄËÏÖÜẄŸâêîôûŵŷÂÊÎÔÛŴŶ";

/// What may stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    Sms,
    PrintableAscii,
}

impl Alphabet {
    /// Every character that may stay stays; the others are brought down to one that may, or become
    /// `?`.
    pub fn encode(self, text: &str) -> String {
        let mut encoded = String::with_capacity(text.len());
        for character in text.chars() {
            if self.allows(character) {
                encoded.push(character);
            } else {
                match self.downgrade(character) {
                    Some(Downgrade::To(base)) => encoded.push(base),
                    Some(Downgrade::Text(text)) => encoded.push_str(text),
                    None => encoded.push('?'),
                }
            }
        }
        encoded
    }

    fn allows(self, character: char) -> bool {
        match self {
            Self::Sms => {
                is_gsm(character) || GSM_EXTENSION.contains(character) || WELSH.contains(character)
            }
            Self::PrintableAscii => matches!(character, ' '..='~'),
        }
    }

    fn downgrade(self, character: char) -> Option<Downgrade> {
        // A letter with a mark becomes the letter without its *last* mark, if that may stay: ǖ
        // gives ü, ū gives u.
        match without_last_mark(character) {
            Some(base) => self.allows(base).then_some(Downgrade::To(base)),
            None => replacement(character).map(Downgrade::Text),
        }
    }
}

/// Whether a character is counted twice.
pub fn is_extension(character: char) -> bool {
    GSM_EXTENSION.contains(character)
}

/// Whether a character forces the whole message into the dearer encoding.
pub fn forces_ucs2(character: char) -> bool {
    WELSH.contains(character) && !is_gsm(character)
}

enum Downgrade {
    To(char),
    Text(&'static str),
}

fn is_gsm(character: char) -> bool {
    GSM_BASIC.contains(character)
}

/// One step of canonical decomposition, as the Unicode character database writes it: its first
/// character.
fn without_last_mark(character: char) -> Option<char> {
    let mut parts = Vec::with_capacity(4);
    decompose_canonical(character, |part| parts.push(part));
    if parts == [character] {
        return None;
    }
    let whole: Vec<char> = parts.iter().copied().nfc().collect();
    if whole != [character] {
        // A duplicate that decomposes to one other character, such as the Ångström sign.
        return whole.first().copied();
    }
    parts[..parts.len() - 1].iter().copied().nfc().next()
}

fn replacement(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{2011}' | '\u{2013}' | '\u{2014}' | '\u{2212}' => "-",
        '\u{2026}' => "...",
        '\u{2018}' | '\u{2019}' | '\u{201a}' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201e}' => "\"",
        '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{200d}' | '\u{2060}' | '\u{feff}'
        | '\u{2028}' | '\u{2029}' => "",
        '\u{a0}' | '\u{202f}' | '\t' => " ",
        'Ł' => "L",
        'ł' => "l",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_message_keeps_what_it_can_and_brings_down_the_rest() {
        for (text, sent) in [
            ("plain", "plain"),
            ("“it’s”", "\"it's\""),
            ("a–b—c−d‑e", "a-b-c-d-e"),
            ("a…", "a..."),
            ("ç Ç ū ñ ǖ", "c Ç u ñ ü"),
            ("Łódź", "Lódz"),
            ("ŵ ŷ ẁ Ÿ", "ŵ ŷ ẁ Ÿ"),
            ("Å", "Å"),
            ("gov\u{200b}.uk", "gov.uk"),
            ("a\u{a0}b\tc", "a b c"),
            ("😀 Привет `", "? ?????? ?"),
            ("[x]{y}^~|\\€", "[x]{y}^~|\\€"),
        ] {
            assert_eq!(Alphabet::Sms.encode(text), sent, "{text}");
        }
    }

    #[test]
    fn welsh_letters_outside_gsm_cost_more() {
        for character in "ŵŷẁỳẃýẅÿâêîôûáíóúëïÀÈÌÒÙËÏ".chars() {
            assert!(forces_ucs2(character), "{character}");
        }
        for character in "àèìòùéäöüÉÄÖÜñ".chars() {
            assert!(!forces_ucs2(character), "{character}");
        }
    }
}
