//! The encodings themselves: how each is told, and how its bytes become UTF-8.

use std::sync::LazyLock;

use super::Encoding;

/// What a text is really read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    Utf16Le,
    Utf16Be,
    Iso8859_1,
    Windows1252,
}

impl Charset {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Utf8 => Encoding::Utf8.word(),
            Self::Utf16Le => Encoding::Utf16Le.word(),
            Self::Utf16Be => Encoding::Utf16Be.word(),
            Self::Iso8859_1 => Encoding::Iso8859_1.word(),
            Self::Windows1252 => Encoding::Windows1252.word(),
        }
    }

    pub const fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }
}

/// The mark at the beginning of a text, and how long it is.
pub fn mark_of(head: &[u8]) -> Option<(Charset, usize)> {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => Some((Charset::Utf8, 3)),
        [0xFF, 0xFE, ..] => Some((Charset::Utf16Le, 2)),
        [0xFE, 0xFF, ..] => Some((Charset::Utf16Be, 2)),
        _ => None,
    }
}

/// Sixteen bits a character and no mark: the first is ASCII, so that one byte in two is zero.
pub fn starts_utf16(head: &[u8]) -> Option<Charset> {
    match head {
        [1..=0x7F, 0, 1..=0x7F, 0, ..] => Some(Charset::Utf16Le),
        [0, 1..=0x7F, 0, 1..=0x7F, ..] => Some(Charset::Utf16Be),
        _ => None,
    }
}

/// How many characters beyond ASCII are right in UTF-8, and how many bytes are not. `whole` says that
/// the last character is not merely cut off.
pub fn weigh(bytes: &[u8], whole: bool) -> (usize, usize) {
    let (mut good, mut bad, mut at) = (0, 0, 0);
    for chunk in bytes.utf8_chunks() {
        let valid = chunk.valid();
        if !valid.is_ascii() {
            good += valid.chars().filter(|letter| !letter.is_ascii()).count();
        }
        at += valid.len() + chunk.invalid().len();
        // A character is four bytes at most, so that only this may be one that is cut off.
        let cut_off = !whole && at == bytes.len() && chunk.invalid().len() < 4;
        if !cut_off {
            bad += chunk.invalid().len();
        }
    }
    (good, bad)
}

/// What Windows-1252 has from 0x80 to 0x9F. The library gives a control character where it has none.
static WINDOWS: LazyLock<[Option<char>; 32]> = LazyLock::new(|| {
    std::array::from_fn(|place| {
        let byte = 0x80 + place as u8;
        let (text, ..) = encoding_rs::WINDOWS_1252.decode(std::slice::from_ref(&byte));
        text.chars().next().filter(|letter| !letter.is_control())
    })
});

pub fn character(byte: u8, charset: Charset) -> Option<char> {
    match (byte, charset) {
        (0x80..=0x9F, Charset::Windows1252) => WINDOWS[usize::from(byte - 0x80)],
        (0x80..=0x9F, _) => None,
        _ => Some(char::from(byte)),
    }
}

/// A byte without a meaning stays as it is: alone behind whole characters, it is never UTF-8.
pub fn decode_single(raw: &[u8], charset: Charset, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < raw.len() {
        let plain = encoding_rs::Encoding::ascii_valid_up_to(&raw[at..]);
        out.extend_from_slice(&raw[at..at + plain]);
        at += plain;
        let Some(byte) = raw.get(at) else { return };
        match character(*byte, charset) {
            Some(letter) => out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes()),
            None => out.push(*byte),
        }
        at += 1;
    }
}

/// Takes whole characters from `raw`. What is left needs more, unless this was the `last` of it.
pub fn decode_utf16(raw: &mut Vec<u8>, charset: Charset, last: bool, out: &mut Vec<u8>) {
    let unit = |pair: &[u8]| match charset {
        Charset::Utf16Be => u16::from_be_bytes([pair[0], pair[1]]),
        _ => u16::from_le_bytes([pair[0], pair[1]]),
    };
    let units: Vec<u16> = raw.chunks_exact(2).map(unit).collect();
    let mut at = 0;
    while at < units.len() {
        let valid = encoding_rs::mem::utf16_valid_up_to(&units[at..]);
        let from = out.len();
        // As long as the library wants it, which is more than the text can be.
        out.resize(from + valid * 3, 0);
        let run = &units[at..at + valid];
        let written = encoding_rs::mem::convert_utf16_to_utf8(run, &mut out[from..]);
        out.truncate(from + written);
        at += valid;
        let Some(half) = units.get(at).copied() else { break };
        if at + 1 == units.len() && !last && (0xD800..0xDC00).contains(&half) {
            break;
        }
        let tail = |shift: u16| 0x80 | ((half >> shift) & 0x3F) as u8;
        out.extend_from_slice(&[0xED, tail(6), tail(0)]);
        at += 1;
    }
    raw.drain(..at * 2);
}
