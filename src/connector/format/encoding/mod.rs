//! Whatever a system writes its text in, UTF-8 comes out: a reader between the bytes and the format.
//!
//! Nothing is swallowed and nothing is replaced. Bytes that an encoding does not have are passed on as
//! they are (half a UTF-16 pair as the three bytes it would have), so that the record which holds them
//! is not UTF-8 and is held alone. Only what makes the whole text doubtful is refused here: a mark or a
//! declaration that the bytes contradict.

mod charset;

use std::io::{self, Read};

use self::charset::{
    Charset, character, decode_single, decode_utf16, mark_of, starts_utf16, weigh,
};
use super::{Format, FormatError};

/// How much is read to see what a text declares of itself, bytes.
const HEAD: usize = 1_024;
/// From the first byte that is not ASCII, how much is looked at to tell encodings apart, bytes.
const WINDOW: usize = 64 << 10;
/// The longest name of an encoding, bytes.
const LABEL_BYTES_MAX: usize = 40;
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
    /// Whether the first bytes beyond ASCII are right in UTF-8, though it is read as something else.
    looks_utf8: Option<bool>,
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
            looks_utf8: None,
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

    /// Whether it is read as its definition says and looks as if it were UTF-8: an accented letter
    /// is then read as two.
    pub fn looks_utf8(&self) -> bool {
        self.looks_utf8 == Some(true)
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
        // A name of an encoding is short and plain; what else stands there is not repeated.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte);
        let named = label.len() <= LABEL_BYTES_MAX && label.bytes().all(plain);
        let shown = if named { label.as_str() } else { "that cannot be one" };
        let contradicted = |found: &str| {
            let cause = format!(
                "the text declares {shown} and is {found}: write `encoding = \"{found}\"` to read \
                 it so all the same"
            );
            Err(self.error(cause))
        };
        match (declared(&label), wide, marked) {
            (None, ..) => Err(self.error(format!(
                "the text declares the encoding {shown}, which is not read: ask for UTF-8, or say \
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
                if self.looks_utf8.is_none() && !self.raw.is_ascii() {
                    let (good, bad) = weigh(&self.raw, self.ended);
                    self.looks_utf8 = Some(good > 0 && bad == 0);
                }
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

/// Why bytes are no text in what a definition says of them, with a remedy where one can be seen.
pub fn not_text(said: Encoding, bytes: &[u8]) -> String {
    // What these have was made UTF-8 before: what is left is what they do not have.
    if !matches!(said, Encoding::Iso8859_1 | Encoding::Windows1252) {
        return not_utf8(bytes);
    }
    let mut left = bytes.utf8_chunks().flat_map(|chunk| chunk.invalid());
    let windows = left.all(|byte| character(*byte, Charset::Windows1252).is_some());
    let remedy = match said == Encoding::Iso8859_1 && windows {
        true => "; they look like Windows-1252: write `encoding = \"windows-1252\"`",
        false => "",
    };
    let word = said.word();
    format!(
        "there are bytes that {word} does not have, and the connector says that it is {word}{remedy}"
    )
}

/// Why bytes that should be UTF-8 are not.
fn not_utf8(bytes: &[u8]) -> String {
    let surrogate = |three: &[u8]| matches!(three, [0xED, 0xA0..=0xBF, 0x80..=0xBF]);
    if bytes.windows(3).any(surrogate) {
        return "half of a UTF-16 character stands in it".to_owned();
    }
    let (good, bad) = weigh(bytes, true);
    let mut wrong = bytes.utf8_chunks().flat_map(|chunk| chunk.invalid());
    match bad > good && wrong.all(|byte| character(*byte, Charset::Windows1252).is_some()) {
        true => "the bytes are not UTF-8; they look like Windows-1252: write \
                 `encoding = \"windows-1252\"`"
            .to_owned(),
        false => "there are bytes that the encoding does not have".to_owned(),
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

#[cfg(test)]
mod tests;
