//! One record of JSON read into a `Document`, strictly: no name twice, no half characters, every digit
//! as it was written. It goes down without calling itself, so that no depth can exhaust the stack.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::{memchr, memchr2, memchr3};

use crate::connector::format::FormatError;
use crate::record::document::{DEPTH_MAX, Document, NODES_MAX, SpaceId};

/// How many names one record may hold.
pub const NAMES_MAX: usize = 10_000;
/// Up to here the names of one object are compared one by one.
const FEW: usize = 24;

/// Reads a record. A property is an element by its name, a list its element several times over; what is
/// null is not there.
pub fn parse(record: &str, into: &mut Document) -> Result<(), FormatError> {
    into.begin(record);
    into.repeats_as("json.duplicate");
    let mut parser = Parser { text: record, at: 0, open: Vec::new(), names: Vec::new(), count: 0 };
    parser.read(into)
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
    open: Vec<Frame<'t>>,
    /// The names of the objects that are open, one object's behind the other's.
    names: Vec<Cow<'t, str>>,
    /// Names in the whole record.
    count: usize,
}

/// An object or a list that is open.
struct Frame<'t> {
    object: bool,
    /// Whether it is an element of its own, and not only the name of its items.
    element: bool,
    /// What its items are called, in a list.
    name: Cow<'t, str>,
    /// Where its names begin among `names`.
    first: usize,
    many: Option<HashSet<Cow<'t, str>>>,
    empty: bool,
}

/// The name of what stands in a list that stands in a list.
const ITEM: &str = "item";

impl<'t> Parser<'t> {
    fn read(&mut self, into: &mut Document) -> Result<(), FormatError> {
        self.blanks();
        if self.peek() != Some(b'{') {
            return self.no_object();
        }
        self.value(Cow::Borrowed("record"), into)?;
        while let Some(frame) = self.open.last_mut() {
            let first = std::mem::replace(&mut frame.empty, false);
            let (object, name) = (frame.object, frame.name.clone());
            self.blanks();
            let close = if object { b'}' } else { b']' };
            match self.peek() {
                Some(byte) if byte == close => {
                    self.at += 1;
                    self.close(into);
                    continue;
                }
                Some(b',') if !first => {
                    self.at += 1;
                    self.blanks();
                }
                _ if first => {}
                _ => return Err(self.malformed("a comma or a closing bracket is missing")),
            }
            if object {
                let name = self.name()?;
                self.blanks();
                if self.peek() != Some(b':') {
                    return Err(self.malformed("a colon is missing behind a name"));
                }
                self.at += 1;
                self.blanks();
                self.value(name, into)?;
            } else {
                self.value(name, into)?;
            }
        }
        self.blanks();
        match self.at == self.text.len() {
            true => Ok(()),
            false => Err(self.refuse("json.trailing", "something stands after the record")),
        }
    }

    /// What is no object is still looked through, so that what is wrong with it is told.
    fn no_object(&mut self) -> Result<(), FormatError> {
        let depth = self.text.bytes().take_while(|byte| *byte == b'[').count();
        if depth > DEPTH_MAX {
            return Err(self.too_deep());
        }
        Err(self.refuse("json.malformed", "a record is an object: `{ … }`"))
    }

    fn value(&mut self, name: Cow<'t, str>, into: &mut Document) -> Result<(), FormatError> {
        if into.is_full() {
            let cause = format!("the record holds more than {NODES_MAX} values");
            return Err(self.refuse("json.size", &cause));
        }
        match self.peek() {
            Some(open @ (b'{' | b'[')) => {
                if self.open.len() >= DEPTH_MAX {
                    return Err(self.too_deep());
                }
                let object = open == b'{';
                // A list in a list is an element that holds it; any other is only its items' name.
                let element = object || self.open.last().is_some_and(|frame| !frame.object);
                if element && !into.open(&name, SpaceId::NONE) {
                    return Err(self.too_deep());
                }
                let name = if element && !object { Cow::Borrowed(ITEM) } else { name };
                self.at += 1;
                let first = self.names.len();
                self.open.push(Frame { object, element, name, first, many: None, empty: true });
                Ok(())
            }
            Some(b'"') => {
                let text = self.string()?;
                into.leaf(&name, &text);
                Ok(())
            }
            Some(b'-' | b'0'..=b'9') => {
                let number = self.number()?;
                into.leaf(&name, number);
                Ok(())
            }
            _ => match self.word() {
                "null" => Ok(()),
                word @ ("true" | "false") => {
                    into.leaf(&name, word);
                    Ok(())
                }
                "NaN" | "Infinity" => Err(self.refuse("json.number", "this is no number")),
                "" => Err(self.malformed("a value is missing")),
                _ => Err(self.malformed("this is no value: is a quote missing?")),
            },
        }
    }

    fn close(&mut self, into: &mut Document) {
        if let Some(frame) = self.open.pop() {
            self.names.truncate(frame.first);
            if frame.element {
                into.close();
            }
        }
    }

    /// A name, which no other in its object is.
    fn name(&mut self) -> Result<Cow<'t, str>, FormatError> {
        if self.peek() != Some(b'"') {
            return Err(self.malformed("a name in double quotes is missing"));
        }
        let name = self.string()?;
        self.count += 1;
        if self.count > NAMES_MAX {
            let cause = format!("the record holds more than {NAMES_MAX} names");
            return Err(self.refuse("json.size", &cause));
        }
        let Some(frame) = self.open.last_mut() else { return Ok(name) };
        let before = &self.names[frame.first..];
        let twice = match &mut frame.many {
            None if before.len() < FEW => before.contains(&name),
            many => {
                let many = many.get_or_insert_with(|| before.iter().cloned().collect());
                !many.insert(name.clone())
            }
        };
        if twice {
            return Err(self.refuse("json.duplicate", "a name stands twice in one object"));
        }
        self.names.push(name.clone());
        Ok(name)
    }

    fn string(&mut self) -> Result<Cow<'t, str>, FormatError> {
        let bytes = self.text.as_bytes();
        let from = self.at + 1;
        let end = plain_end(&bytes[from..]).map(|length| from + length);
        match end {
            Some(end) if bytes[end] == b'"' => {
                self.at = end + 1;
                Ok(Cow::Borrowed(&self.text[from..end]))
            }
            Some(end) if bytes[end] == b'\\' => self.escaped(from, end).map(Cow::Owned),
            Some(end) => {
                self.at = end;
                Err(self.refuse("json.char", "a text holds a control character"))
            }
            None => {
                self.at = self.text.len();
                Err(self.malformed("a text is not closed: was the record cut off?"))
            }
        }
    }

    /// A text with escapes, of which what lies before `at` is plain.
    fn escaped(&mut self, from: usize, mut at: usize) -> Result<String, FormatError> {
        let bytes = self.text.as_bytes();
        let mut text = self.text[from..at].to_owned();
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(text);
                }
                Some(b'\\') => {
                    self.at = at;
                    let (letter, length) = self.escape(&bytes[at + 1..])?;
                    text.push(letter);
                    at += 1 + length;
                }
                Some(byte) if *byte < 0x20 => {
                    self.at = at;
                    return Err(self.refuse("json.char", "a text holds a control character"));
                }
                Some(_) => {
                    let length = plain_end(&bytes[at..]).unwrap_or(bytes.len() - at);
                    text.push_str(&self.text[at..at + length]);
                    at += length;
                }
                None => {
                    self.at = at;
                    return Err(self.malformed("a text is not closed: was the record cut off?"));
                }
            }
        }
    }

    /// The character that an escape stands for, and how long the escape is behind its backslash.
    fn escape(&self, bytes: &[u8]) -> Result<(char, usize), FormatError> {
        let unit = |bytes: &[u8]| -> Option<u32> {
            let digits = std::str::from_utf8(bytes.get(..4)?).ok()?;
            let plain = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            plain.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
        };
        let half = || self.refuse("json.char", "a text holds half a character (a lone surrogate)");
        let letter = match bytes.first() {
            Some(letter @ (b'"' | b'\\' | b'/')) => char::from(*letter),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let Some(high) = unit(&bytes[1..]) else {
                    return Err(self.malformed("an escape needs four digits"));
                };
                return match high {
                    0 => Err(self.refuse("json.char", "a text holds a zero character")),
                    0xD800..=0xDBFF => {
                        let low =
                            (bytes.get(5..7) == Some(b"\\u")).then(|| unit(&bytes[7..])).flatten();
                        let low =
                            low.filter(|low| (0xDC00..=0xDFFF).contains(low)).ok_or_else(half)?;
                        let both = 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
                        char::from_u32(both).map(|letter| (letter, 11)).ok_or_else(half)
                    }
                    _ => char::from_u32(high).map(|letter| (letter, 5)).ok_or_else(half),
                };
            }
            _ => return Err(self.malformed("there is no such escape")),
        };
        Ok((letter, 1))
    }

    /// A number with every digit as it stands.
    fn number(&mut self) -> Result<&'t str, FormatError> {
        let from = self.at;
        let bytes = self.text.as_bytes();
        let digits =
            |at: usize| bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        let mut at = from + usize::from(bytes[from] == b'-');
        let whole = digits(at);
        let mut sound = whole > 0 && (whole == 1 || bytes[at] != b'0');
        at += whole;
        if bytes.get(at) == Some(&b'.') {
            let decimals = digits(at + 1);
            sound &= decimals > 0;
            at += 1 + decimals;
        }
        let mut power = false;
        if let Some(b'e' | b'E') = bytes.get(at) {
            let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
            let digits = digits((at + 1 + sign).min(bytes.len()));
            sound &= digits > 0;
            power = true;
            at += 1 + sign + digits;
        }
        let text = &self.text[from..at.min(self.text.len())];
        let ends = bytes.get(at).is_none_or(|byte| b",]} \t\r\n".contains(byte));
        if !sound || !ends {
            return Err(self.refuse("json.number", "this is no number as JSON writes one"));
        }
        let zero = |text: &str| {
            let digits = text.split(['e', 'E']).next().unwrap_or_default();
            digits.bytes().all(|byte| matches!(byte, b'-' | b'0' | b'.'))
        };
        if text.starts_with('-') && zero(text) {
            return Err(self.refuse("json.number", "minus nothing is no amount"));
        }
        if power && text.parse::<f64>().is_ok_and(f64::is_infinite) {
            return Err(self.refuse("json.number", "the number is too large to be one"));
        }
        self.at = at;
        Ok(text)
    }

    fn word(&mut self) -> &'t str {
        let from = self.at;
        let letters =
            self.text.as_bytes()[from..].iter().take_while(|byte| byte.is_ascii_alphabetic());
        let to = from + letters.count();
        self.at = to;
        &self.text[from..to]
    }

    fn blanks(&mut self) {
        let rest = &self.text.as_bytes()[self.at..];
        self.at +=
            rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n')).count();
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn too_deep(&self) -> FormatError {
        let cause = format!("objects and lists are nested more than {DEPTH_MAX} deep");
        self.refuse("json.depth", &cause)
    }

    fn malformed(&self, cause: &str) -> FormatError {
        let cause = match self.at >= self.text.len() {
            true => "the record ends too early: was it cut off?",
            false => cause,
        };
        self.refuse("json.malformed", cause)
    }

    fn refuse(&self, code: &'static str, cause: &str) -> FormatError {
        FormatError { code, cause: cause.to_owned(), place: format!("byte {}", self.at) }
    }
}

/// Where a text stops being plain: at its end, an escape, or what it may not hold.
pub fn plain_end(bytes: &[u8]) -> Option<usize> {
    // Short texts are the rule, and a control character may stand in any of them.
    bytes.iter().position(|byte| *byte < 0x20 || matches!(byte, b'"' | b'\\'))
}

/// How long a value is that begins here, by its brackets and quotes alone. `None` where it has no end.
pub fn value_length(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' => text_length(bytes),
        b'{' | b'[' => {
            let (mut depth, mut at) = (0_usize, 0);
            let mut opens = opening(bytes, 0);
            loop {
                if let Some(close) = memchr2(b'}', b']', &bytes[at..opens]) {
                    at += close + 1;
                    depth = depth.checked_sub(1)?;
                    if depth == 0 {
                        return Some(at);
                    }
                    continue;
                }
                at = opens;
                if *bytes.get(at)? == b'"' {
                    at += text_length(&bytes[at..])?;
                } else {
                    at += 1;
                    depth += 1;
                }
                opens = opening(bytes, at);
            }
        }
        _ => {
            Some(bytes.iter().position(|byte| b",]} \t\r\n".contains(byte)).unwrap_or(bytes.len()))
        }
    }
}

/// Where the next quote or opening bracket stands, or the end. It is looked for anew only when it is
/// passed: many brackets may close before it.
pub fn opening(bytes: &[u8], from: usize) -> usize {
    memchr3(b'"', b'{', b'[', &bytes[from..]).map_or(bytes.len(), |found| from + found)
}

/// How long a text in quotes is, its quotes among it.
fn text_length(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let quote = at + memchr(b'"', bytes.get(at..)?)?;
        let escapes = bytes[1..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        if escapes % 2 == 0 {
            return Some(quote + 1);
        }
        at = quote + 1;
    }
}
