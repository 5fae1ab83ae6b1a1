//! The texts of a workbook, which its cells name by number: held one behind another, without their fonts and colours.

use std::io::Read;

use super::damaged;
use super::walk::{Piece, Walk};
use crate::connector::format::CutError;
use crate::connector::format::xml::parse::allowed;

/// The part with the texts may unpack to so much, bytes: it is the one thing that is held whole.
pub const STRINGS_BYTES_MAX: u64 = 200_000_000;

#[derive(Default)]
pub struct Strings {
    text: String,
    /// Where each ends.
    ends: Vec<u32>,
}

impl Strings {
    /// Reads the part that holds them.
    pub fn read<R: Read>(walk: &mut Walk<R>) -> Result<Strings, CutError> {
        let mut strings = Strings::default();
        let mut one = String::new();
        loop {
            match walk.next()? {
                Piece::Open(tag) if tag.local_name().as_ref() == "si" => {
                    one.clear();
                    rich_text(walk, &mut one)?;
                    strings.text.push_str(&one);
                    let end = u32::try_from(strings.text.len())
                        .map_err(|_| damaged(walk.part(), "its texts are too long"))?;
                    strings.ends.push(end);
                }
                Piece::End => return Ok(strings),
                _ => {}
            }
        }
    }

    /// The text of that number, from 0.
    pub fn get(&self, number: usize) -> Option<&str> {
        let end = *self.ends.get(number)? as usize;
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.text.get(start..end)
    }
}

/// Adds the text of the element that was opened last, whatever fonts its runs are in. How it is pronounced is left
/// out.
pub fn rich_text<R: Read>(walk: &mut Walk<R>, into: &mut String) -> Result<(), CutError> {
    let mut deep = 1;
    let begins = into.len();
    while deep > 0 {
        match walk.next()? {
            Piece::Open(tag) => match tag.local_name().as_ref() {
                "t" => walk.text(into)?,
                "rPh" => walk.skip()?,
                _ => deep += 1,
            },
            Piece::Close(_) => deep -= 1,
            _ => {}
        }
    }
    unescape(into, begins);
    Ok(())
}

/// Writes `_x000A_` as the character that it stands for (ECMA-376, part 1, section 22.4.2.4); one that XML has no
/// place for stays as it is written.
pub fn unescape(text: &mut String, begins: usize) {
    const LENGTH: usize = "_x000A_".len();
    if !text[begins..].contains("_x") {
        return;
    }
    let escaped = text.split_off(begins);
    let mut rest = escaped.as_str();
    while let Some(at) = rest.find("_x") {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let digits = rest.get(2..LENGTH).and_then(|digits| digits.strip_suffix('_'));
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        match code.and_then(char::from_u32).filter(|letter| allowed(*letter)) {
            Some(letter) => {
                text.push(letter);
                rest = &rest[LENGTH..];
            }
            None => {
                text.push_str("_x");
                rest = &rest[2..];
            }
        }
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::unescape;

    #[test]
    fn characters_that_were_written_by_number_are_themselves() {
        for (written, wanted) in [
            ("a_x000A_b", "a\nb"),
            ("_x005F_x000A_", "_x000A_"),
            ("_x0000_", "_x0000_"),
            ("_x001A_", "_x001A_"),
            ("_xD800_", "_xD800_"),
            ("_x00e9_", "\u{e9}"),
            ("_x+00A_ _x00", "_x+00A_ _x00"),
            ("_x_x0041_", "_xA"),
            ("_x00\u{e9}_", "_x00\u{e9}_"),
        ] {
            let mut text = written.to_owned();
            unescape(&mut text, 0);
            assert_eq!(text, wanted, "{written}");
        }
    }
}
