//! Whatever a system writes its text in, UTF-8 comes out: a reader between the bytes and the format.
//!
//! Nothing is swallowed and nothing is replaced. Bytes that an encoding does not have are passed on as
//! they are (half a UTF-16 pair as the three bytes it would have), so that the record which holds them
//! is not UTF-8 and is held alone. Only what makes the whole text doubtful is refused here: a mark or a
//! declaration that the bytes contradict.

use std::io::{self, Read};
use std::sync::LazyLock;

use super::{Format, FormatError};

/// How much is read to see what a text declares of itself, bytes.
const HEAD: usize = 1_024;
/// From the first byte that is not ASCII, how much is looked at to tell encodings apart, bytes.
const WINDOW: usize = 64 << 10;
/// How much is decoded at a time, bytes.
const PORTION: usize = 64 << 10;

/// What a definition says of its files' encoding.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Nothing: the mark at the beginning says it, else the text's own declaration; else it is UTF-8.
    #[default]
    Unsaid,
    /// As above; where neither says anything, the bytes decide between UTF-8 and Windows-1252.
    Detect,
    Utf8,
    /// By its mark; little-endian where it has none and does not begin as the other would.
    Utf16,
    Utf16Le,
    Utf16Be,
    /// With what ISO/IEC 8859-1 gives a meaning; 0x80 to 0x9F have none.
    Iso8859_1,
    Windows1252,
}

impl Encoding {
    /// What a definition may say; nothing is said by leaving it out.
    pub const ALL: [Self; 7] = [
        Self::Detect,
        Self::Utf8,
        Self::Utf16,
        Self::Utf16Le,
        Self::Utf16Be,
        Self::Iso8859_1,
        Self::Windows1252,
    ];

    /// The word in `encoding = "…"`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Unsaid => "",
            Self::Detect => "detect",
            Self::Utf8 => "utf-8",
            Self::Utf16 => "utf-16",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Iso8859_1 => "iso-8859-1",
            Self::Windows1252 => "windows-1252",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|encoding| encoding.word() == word)
    }

    /// Whether a text that is found to be in `charset` is what was said.
    fn allows(self, charset: Charset) -> bool {
        match self {
            Self::Unsaid | Self::Detect => true,
            Self::Utf16 => charset.is_utf16(),
            other => other.word() == charset.word(),
        }
    }
}

/// What a text is really read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Charset {
    Utf8,
    Utf16Le,
    Utf16Be,
    Iso8859_1,
    Windows1252,
}

impl Charset {
    const fn word(self) -> &'static str {
        match self {
            Self::Utf8 => Encoding::Utf8.word(),
            Self::Utf16Le => Encoding::Utf16Le.word(),
            Self::Utf16Be => Encoding::Utf16Be.word(),
            Self::Iso8859_1 => Encoding::Iso8859_1.word(),
            Self::Windows1252 => Encoding::Windows1252.word(),
        }
    }

    const fn is_utf16(self) -> bool {
        matches!(self, Self::Utf16Le | Self::Utf16Be)
    }
}

/// Gives in UTF-8 what `input` holds in whatever it is written in.
pub struct Decoded<'f, R> {
    input: R,
    format: &'f dyn Format,
    said: Encoding,
    way: Way,
    /// Read and not yet decoded.
    raw: Vec<u8>,
    /// Decoded and not yet given, from `at` on.
    ready: Vec<u8>,
    at: usize,
    /// Bytes taken from the input.
    taken: u64,
    ended: bool,
}

/// How the bytes are dealt with from here on.
#[derive(Debug, Clone, Copy)]
enum Way {
    /// Nothing was read yet.
    Begin,
    /// UTF-8 already: bytes go through untouched.
    Through,
    /// ASCII so far. What comes must fit what the text declares; where it declares nothing, it decides.
    Watch(Option<Charset>),
    Decode(Charset),
}

impl<'f, R: Read> Decoded<'f, R> {
    /// A text that `format` will read, in what its definition says.
    pub fn new(input: R, said: Encoding, format: &'f dyn Format) -> Self {
        Decoded {
            input,
            format,
            said,
            way: Way::Begin,
            raw: Vec::new(),
            ready: Vec::new(),
            at: 0,
            taken: 0,
            ended: false,
        }
    }

    /// What it was read as, so far as is known: `windows-1252`.
    pub fn used(&self) -> &'static str {
        match self.way {
            Way::Begin | Way::Through => Charset::Utf8.word(),
            Way::Watch(declared) => declared.unwrap_or(Charset::Utf8).word(),
            Way::Decode(charset) => charset.word(),
        }
    }

    /// Bytes taken from the input so far.
    pub fn taken(&self) -> u64 {
        self.taken
    }

    /// Looks at the beginning, and settles the way.
    fn begin(&mut self) -> io::Result<()> {
        self.fill_raw(HEAD)?;
        let mark = mark_of(&self.raw);
        if self.raw.starts_with(b"\xFF\xFE\0\0") || self.raw.starts_with(b"\0\0\xFE\xFF") {
            return self.refuse("the text is UTF-32, which is not read: ask for UTF-8".to_owned());
        }
        if let Some((charset, _)) = mark
            && !self.said.allows(charset)
        {
            return self.refuse(format!(
                "the text begins with the mark of {} and `encoding` says {}: write \
                 `encoding = \"{}\"`, or leave it out",
                charset.word(),
                self.said.word(),
                charset.word()
            ));
        }
        let head = &self.raw[mark.map_or(0, |(_, length)| length)..];
        self.way = match (self.said, mark) {
            (Encoding::Unsaid | Encoding::Detect, _) => self.by_itself(head, mark)?,
            (_, Some((charset, _))) => way_of(charset),
            (Encoding::Utf16, None) if starts_utf16(head) == Some(Charset::Utf16Be) => {
                Way::Decode(Charset::Utf16Be)
            }
            (Encoding::Utf16 | Encoding::Utf16Le, None) => Way::Decode(Charset::Utf16Le),
            (Encoding::Utf16Be, None) => Way::Decode(Charset::Utf16Be),
            (Encoding::Iso8859_1, None) => Way::Decode(Charset::Iso8859_1),
            (Encoding::Windows1252, None) => Way::Decode(Charset::Windows1252),
            (Encoding::Utf8, None) => Way::Through,
        };
        self.raw.drain(..mark.map_or(0, |(_, length)| length));
        if matches!(self.way, Way::Through) {
            self.ready = std::mem::take(&mut self.raw);
        }
        Ok(())
    }

    /// What the text says of itself, by its mark and its declaration, which must not contradict.
    fn by_itself(&self, head: &[u8], mark: Option<(Charset, usize)>) -> io::Result<Way> {
        let marked = mark.map(|(charset, _)| charset);
        let wide = marked.filter(|charset| charset.is_utf16()).or_else(|| starts_utf16(head));
        let text = match wide {
            Some(charset) => {
                let (mut raw, mut text) = (head.to_vec(), Vec::new());
                decode_utf16(&mut raw, charset, true, &mut text);
                String::from_utf8_lossy(&text).into_owned()
            }
            None => String::from_utf8_lossy(head).into_owned(),
        };
        let Some(label) = self.format.declared_encoding(&text) else {
            return Ok(match (marked, wide, self.said) {
                (Some(charset), ..) => way_of(charset),
                // A format that may declare its encoding begins with it, and so shows what it is.
                (None, Some(charset), Encoding::Detect) => Way::Decode(charset),
                (None, _, Encoding::Detect) => Way::Watch(None),
                (None, ..) => Way::Through,
            });
        };
        let contradicted = |found: &str| {
            let cause = format!(
                "the text declares {label} and is {found}: write `encoding = \"{found}\"` to read \
                 it so all the same"
            );
            Err(self.error(cause))
        };
        match (declared(&label), wide, marked) {
            (None, ..) => Err(self.error(format!(
                "the text declares the encoding {label}, which is not read: ask for UTF-8, or say \
                 what it is with `encoding`"
            ))),
            (Some(said), Some(charset), _) if said.allows(charset) => Ok(Way::Decode(charset)),
            (Some(_), Some(charset), _) => contradicted(charset.word()),
            (Some(Encoding::Utf8), None, _) => Ok(Way::Watch(Some(Charset::Utf8))),
            (Some(_), None, Some(charset)) => contradicted(charset.word()),
            (Some(Encoding::Iso8859_1), ..) => Ok(Way::Watch(Some(Charset::Iso8859_1))),
            (Some(Encoding::Windows1252), ..) => Ok(Way::Watch(Some(Charset::Windows1252))),
            // Sixteen bits are declared, in a declaration of eight.
            (Some(_), None, None) => contradicted("utf-8"),
        }
    }

    /// Tells encodings apart by the first bytes that are not ASCII, which are in `raw`.
    fn decide(&mut self, declared: Option<Charset>) -> io::Result<()> {
        self.fill_raw(WINDOW)?;
        let (good, bad) = weigh(&self.raw[..self.raw.len().min(WINDOW)], self.ended);
        let contradicts = |cause: &str, word: &str| {
            let cause =
                format!("{cause}: write `encoding = \"{word}\"` to read it so all the same");
            Err(self.error(cause))
        };
        self.way = match declared {
            None if bad > good => Way::Decode(Charset::Windows1252),
            None => Way::Through,
            Some(Charset::Utf8) if bad > good => {
                let cause = "the text declares UTF-8 and its bytes are not";
                return contradicts(cause, Charset::Windows1252.word());
            }
            Some(Charset::Utf8) => Way::Through,
            Some(other) if good > 0 && bad == 0 => {
                let cause = format!("the text declares {} and its bytes are UTF-8", other.word());
                return contradicts(&cause, Charset::Utf8.word());
            }
            Some(other) => Way::Decode(other),
        };
        if matches!(self.way, Way::Through) {
            self.give_ready();
            self.ready.append(&mut self.raw);
        }
        Ok(())
    }

    /// Reads on until `raw` has so many bytes, or the input ends.
    fn fill_raw(&mut self, wanted: usize) -> io::Result<()> {
        while self.raw.len() < wanted && !self.ended {
            let had = self.raw.len();
            self.raw.resize(wanted, 0);
            let read = self.input.read(&mut self.raw[had..]);
            self.raw.truncate(had + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.ended = true,
                Ok(read) => self.taken += read as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Decodes what is in `raw`, or the next portion. False when all is given.
    fn decode(&mut self, charset: Charset) -> io::Result<bool> {
        self.give_ready();
        while self.ready.is_empty() {
            if self.ended && self.raw.is_empty() {
                return Ok(false);
            }
            self.fill_raw(PORTION)?;
            if !charset.is_utf16() {
                decode_single(&self.raw, charset, &mut self.ready);
                self.raw.clear();
                continue;
            }
            decode_utf16(&mut self.raw, charset, self.ended, &mut self.ready);
            if self.ended && !self.raw.is_empty() {
                let cause = "the text ends in the middle of a UTF-16 character: is it complete?";
                return self.refuse(cause.to_owned()).map(|()| false);
            }
        }
        Ok(true)
    }

    /// Forgets what was given already.
    fn give_ready(&mut self) {
        self.ready.drain(..self.at);
        self.at = 0;
    }

    fn refuse(&self, cause: String) -> io::Result<()> {
        Err(self.error(cause))
    }

    fn error(&self, cause: String) -> io::Error {
        let place = match self.taken {
            0..=1_024 => "at its beginning".to_owned(),
            taken => format!("within the first {taken} bytes"),
        };
        io::Error::other(FormatError { code: self.format.encoding_code(), cause, place })
    }
}

impl<R: Read> Read for Decoded<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        loop {
            if self.at < self.ready.len() {
                let some = into.len().min(self.ready.len() - self.at);
                into[..some].copy_from_slice(&self.ready[self.at..self.at + some]);
                self.at += some;
                return Ok(some);
            }
            match self.way {
                Way::Begin => self.begin()?,
                Way::Through | Way::Watch(_) if self.ended && self.raw.is_empty() => return Ok(0),
                Way::Through => {
                    let read = self.input.read(into)?;
                    self.taken += read as u64;
                    return Ok(read);
                }
                Way::Watch(declared) if self.raw.is_empty() => {
                    let read = self.input.read(into)?;
                    self.taken += read as u64;
                    let plain = encoding_rs::Encoding::ascii_valid_up_to(&into[..read]);
                    if plain == read {
                        return Ok(read);
                    }
                    self.raw.extend_from_slice(&into[plain..read]);
                    self.decide(declared)?;
                    if plain > 0 {
                        return Ok(plain);
                    }
                }
                Way::Watch(declared) => {
                    let plain = encoding_rs::Encoding::ascii_valid_up_to(&self.raw);
                    self.give_ready();
                    self.ready.extend(self.raw.drain(..plain));
                    if !self.raw.is_empty() {
                        self.decide(declared)?;
                    }
                }
                Way::Decode(charset) => {
                    if !self.decode(charset)? {
                        return Ok(0);
                    }
                }
            }
        }
    }
}

/// Why a record's bytes are not UTF-8, with a remedy where one can be seen.
pub fn not_utf8(bytes: &[u8]) -> String {
    let surrogate = |three: &[u8]| matches!(three, [0xED, 0xA0..=0xBF, 0x80..=0xBF]);
    if bytes.windows(3).any(surrogate) {
        return "the record holds half of a UTF-16 character".to_owned();
    }
    let (good, bad) = weigh(bytes, true);
    let mut wrong = bytes.utf8_chunks().flat_map(|chunk| chunk.invalid());
    match bad > good && wrong.all(|byte| character(*byte, Charset::Windows1252).is_some()) {
        true => "the record's bytes are not UTF-8; they look like Windows-1252: write \
                 `encoding = \"windows-1252\"`"
            .to_owned(),
        false => "the record holds bytes that its encoding does not have".to_owned(),
    }
}

/// The mark at the beginning of a text, and how long it is.
fn mark_of(head: &[u8]) -> Option<(Charset, usize)> {
    match head {
        [0xEF, 0xBB, 0xBF, ..] => Some((Charset::Utf8, 3)),
        [0xFF, 0xFE, ..] => Some((Charset::Utf16Le, 2)),
        [0xFE, 0xFF, ..] => Some((Charset::Utf16Be, 2)),
        _ => None,
    }
}

/// Sixteen bits a character and no mark: the first is ASCII, so that one byte in two is zero.
fn starts_utf16(head: &[u8]) -> Option<Charset> {
    match head {
        [1..=0x7F, 0, 1..=0x7F, 0, ..] => Some(Charset::Utf16Le),
        [0, 1..=0x7F, 0, 1..=0x7F, ..] => Some(Charset::Utf16Be),
        _ => None,
    }
}

fn way_of(charset: Charset) -> Way {
    match charset {
        Charset::Utf8 => Way::Through,
        other => Way::Decode(other),
    }
}

/// What a text declares, by the names that are registered for it.
fn declared(label: &str) -> Option<Encoding> {
    Some(match label.to_ascii_lowercase().as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Encoding::Utf8,
        "utf-16" | "utf16" => Encoding::Utf16,
        "utf-16le" => Encoding::Utf16Le,
        "utf-16be" => Encoding::Utf16Be,
        "iso-8859-1" | "iso8859-1" | "iso_8859-1" | "latin1" | "latin-1" | "l1" => {
            Encoding::Iso8859_1
        }
        "windows-1252" | "cp1252" | "cp-1252" | "windows1252" => Encoding::Windows1252,
        _ => return None,
    })
}

/// How many characters beyond ASCII are right in UTF-8, and how many bytes are not. `whole` says that
/// the last character is not merely cut off.
fn weigh(bytes: &[u8], whole: bool) -> (usize, usize) {
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

fn character(byte: u8, charset: Charset) -> Option<char> {
    match (byte, charset) {
        (0x80..=0x9F, Charset::Windows1252) => WINDOWS[usize::from(byte - 0x80)],
        (0x80..=0x9F, _) => None,
        _ => Some(char::from(byte)),
    }
}

/// A byte without a meaning stays as it is: alone behind whole characters, it is never UTF-8.
fn decode_single(raw: &[u8], charset: Charset, out: &mut Vec<u8>) {
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
fn decode_utf16(raw: &mut Vec<u8>, charset: Charset, last: bool, out: &mut Vec<u8>) {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::format::xml::XmlFormat;
    use crate::connector::format::{CutError, RecordSink, Total};
    use crate::record::document::{Document, Path};

    /// A text that declares nothing.
    struct Plain;

    impl Format for Plain {
        fn cut(&self, _: &mut dyn Read, _: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
            Ok(Vec::new())
        }

        fn read(&self, _: &str, _: &mut Document) -> Result<(), FormatError> {
            Ok(())
        }

        fn share(&self) -> Box<dyn Format> {
            Box::new(Plain)
        }
    }

    fn xml() -> XmlFormat {
        XmlFormat {
            record: Path::default(),
            key: Path::default(),
            count: None,
            namespaces: Vec::new(),
            record_bytes_max: 1_024,
        }
    }

    /// Gives a few bytes at a time, so that every character is once cut in two.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            let some = self.0.len().min(self.1).min(into.len());
            into[..some].copy_from_slice(&self.0[..some]);
            self.0 = &self.0[some..];
            Ok(some)
        }
    }

    type Read8 = Result<(Vec<u8>, &'static str), String>;

    fn read(bytes: &[u8], said: Encoding, format: &dyn Format) -> Read8 {
        let mut results = [1, 3, 7, 4_096].map(|step| {
            let mut decoded = Decoded::new(Drip(bytes, step), said, format);
            let mut text = Vec::new();
            match decoded.read_to_end(&mut text) {
                Ok(_) => Ok((text, decoded.used())),
                Err(error) => match CutError::from(error) {
                    CutError::Format(fault) => Err(fault.code.to_owned()),
                    other => Err(format!("{other:?}")),
                },
            }
        });
        assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "it matters how it drips");
        std::mem::replace(&mut results[0], Err(String::new()))
    }

    fn utf16(text: &str, big: bool) -> Vec<u8> {
        let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
        text.encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn b27_what_was_said_is_what_it_is_read_as() {
        let text = "£ 5, café, \u{1F600}";
        let marked = |big| [utf16("\u{feff}", big), utf16(text, big)].concat();
        for (bytes, said, wanted, used) in [
            (text.as_bytes().to_vec(), Encoding::Unsaid, text, "utf-8"),
            (format!("\u{feff}{text}").into_bytes(), Encoding::Unsaid, text, "utf-8"),
            (format!("\u{feff}{text}").into_bytes(), Encoding::Utf8, text, "utf-8"),
            (marked(false), Encoding::Unsaid, text, "utf-16le"),
            (marked(true), Encoding::Unsaid, text, "utf-16be"),
            (marked(true), Encoding::Utf16, text, "utf-16be"),
            (utf16(text, false), Encoding::Utf16, text, "utf-16le"),
            (utf16("ref,£", true), Encoding::Utf16, "ref,£", "utf-16be"),
            (utf16(text, true), Encoding::Utf16Be, text, "utf-16be"),
            (utf16("ref,£", false), Encoding::Detect, "ref,£", "utf-16le"),
            (
                b"\xA3 5, caf\xE9 \x93".to_vec(),
                Encoding::Windows1252,
                "£ 5, café “",
                "windows-1252",
            ),
            (b"\xA3 5, caf\xE9".to_vec(), Encoding::Iso8859_1, "£ 5, café", "iso-8859-1"),
            (b"\xA3 5, caf\xE9".to_vec(), Encoding::Detect, "£ 5, café", "windows-1252"),
            (text.as_bytes().to_vec(), Encoding::Detect, text, "utf-8"),
            (b"plain".to_vec(), Encoding::Detect, "plain", "utf-8"),
            (Vec::new(), Encoding::Windows1252, "", "windows-1252"),
        ] {
            let wanted = Ok((wanted.as_bytes().to_vec(), used));
            assert_eq!(read(&bytes, said, &Plain), wanted, "{said:?} {bytes:?}");
        }
    }

    #[test]
    fn b27_what_an_encoding_does_not_have_is_passed_on_and_is_never_utf_8() {
        let lone = |units: &[u16]| units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        for (bytes, said, wanted) in [
            (b"a\xC2\x81b".to_vec(), Encoding::Windows1252, b"a\xC3\x82\x81b".to_vec()),
            (b"a\x93b".to_vec(), Encoding::Iso8859_1, b"a\x93b".to_vec()),
            (b"a\xFFb".to_vec(), Encoding::Unsaid, b"a\xFFb".to_vec()),
            (lone(&[0x61, 0xD83D, 0x62]), Encoding::Utf16, b"a\xED\xA0\xBDb".to_vec()),
            (lone(&[0x61, 0xDE00]), Encoding::Utf16, b"a\xED\xB8\x80".to_vec()),
            (lone(&[0x61, 0xD83D]), Encoding::Utf16, b"a\xED\xA0\xBD".to_vec()),
        ] {
            let (text, _) = read(&bytes, said, &Plain).unwrap();
            assert_eq!(text, wanted, "{said:?} {bytes:?}");
            assert!(String::from_utf8(text).is_err(), "{said:?} {bytes:?}");
        }
        assert_eq!(read(b"a\0b", Encoding::Utf16Le, &Plain), Err("file.encoding".to_owned()));
    }

    #[test]
    fn a_mark_that_contradicts_what_was_said_is_refused() {
        for (bytes, said) in [
            (b"\xEF\xBB\xBFa".as_slice(), Encoding::Windows1252),
            (b"\xFF\xFEa\0", Encoding::Utf8),
            (b"\xFE\xFF\0a", Encoding::Utf16Le),
            (b"\xFF\xFE\0\0a\0\0\0", Encoding::Unsaid),
        ] {
            assert_eq!(read(bytes, said, &Plain), Err("file.encoding".to_owned()), "{said:?}");
        }
    }

    #[test]
    fn b9_xml_is_read_as_it_declares() {
        let declares =
            |label: &str, rest: &str| format!("<?xml version='1.0' encoding='{label}'?>{rest}");
        let latin = |label: &str, rest: &[u8]| [declares(label, "").as_bytes(), rest].concat();
        let wide = declares("UTF-16", "<E>£</E>");
        for (bytes, wanted, used) in [
            (latin("ISO-8859-1", b"<E>\xA3</E>"), declares("ISO-8859-1", "<E>£</E>"), "iso-8859-1"),
            (
                latin("Windows-1252", b"<E>\x80</E>"),
                declares("Windows-1252", "<E>€</E>"),
                "windows-1252",
            ),
            (latin("UTF-8", "<E>£</E>".as_bytes()), declares("UTF-8", "<E>£</E>"), "utf-8"),
            (latin("ISO-8859-1", b"<E/>"), declares("ISO-8859-1", "<E/>"), "iso-8859-1"),
            (utf16(&wide, false), wide.clone(), "utf-16le"),
            (utf16(&wide, true), wide.clone(), "utf-16be"),
            (utf16(&format!("\u{feff}{wide}"), true), wide.clone(), "utf-16be"),
            (b"<E>a\xFFb</E>".to_vec(), String::new(), "utf-8"),
        ] {
            let (text, read_as) = read(&bytes, Encoding::Unsaid, &xml()).unwrap();
            assert_eq!(read_as, used, "{wanted}");
            assert!(wanted.is_empty() || text == wanted.into_bytes(), "{text:?}");
        }
    }

    #[test]
    fn b9_a_declaration_that_the_bytes_contradict_is_refused() {
        let declares = |label: &str| format!("<?xml version=\"1.0\" encoding=\"{label}\"?>");
        let latin = |label: &str, rest: &[u8]| [declares(label).as_bytes(), rest].concat();
        let marked = |label: &str| format!("\u{feff}{}<E/>", declares(label));
        for bytes in [
            latin("UTF-16", b"<E/>"),
            latin("UTF-8", b"<E>caf\xE9</E>"),
            latin("ISO-8859-1", "<E>café</E>".as_bytes()),
            latin("windows-1252", "<E>café</E>".as_bytes()),
            latin("EBCDIC-CP-GB", b"<E/>"),
            marked("ISO-8859-1").into_bytes(),
            utf16(&marked("UTF-8"), false),
            utf16(&format!("{}<E/>", declares("utf-8")), true),
        ] {
            let told = read(&bytes, Encoding::Unsaid, &xml());
            assert_eq!(told, Err("xml.encoding".to_owned()), "{}", bytes.escape_ascii());
        }
        // What the definition says goes before what the file says of itself.
        let text = read(&latin("UTF-8", b"<E>caf\xE9</E>"), Encoding::Windows1252, &xml()).unwrap();
        assert!(text.0.ends_with("<E>café</E>".as_bytes()));
    }

    #[test]
    fn the_window_tells_encodings_apart_however_late_it_begins() {
        let long = "x".repeat(200_000);
        for (tail, used) in [
            (b"\xA3\xA3 caf\xE9".to_vec(), "windows-1252"),
            ("££ café".as_bytes().to_vec(), "utf-8"),
            // One bad byte among many good ones is a bad byte.
            ("££ café \u{FF}".replace('\u{FF}', "x").into_bytes(), "utf-8"),
            ([&"£".repeat(40_000).into_bytes()[..], b"\xFF"].concat(), "utf-8"),
        ] {
            let bytes = [long.as_bytes(), &tail].concat();
            let mut decoded = Decoded::new(&bytes[..], Encoding::Detect, &Plain);
            let mut text = Vec::new();
            decoded.read_to_end(&mut text).unwrap();
            assert_eq!(decoded.used(), used);
            assert_eq!(decoded.taken(), bytes.len() as u64);
            if used == "utf-8" {
                assert_eq!(text, bytes);
            }
        }
    }

    #[test]
    fn a_record_that_is_not_utf_8_is_told_with_its_remedy() {
        for (bytes, said) in [
            (b"1,\xA3 5,caf\xE9".as_slice(), "look like Windows-1252"),
            (b"1,\x81", "bytes that its encoding does not have"),
            (b"1,\xC3\xA9\xC3\xA9\xFF", "bytes that its encoding does not have"),
            (b"1,\xED\xA0\xBD", "half of a UTF-16 character"),
        ] {
            let told = not_utf8(bytes);
            assert!(told.contains(said), "{told}");
        }
    }
}
