//! How one line of the log is spelt: text for people, JSON for programs. Always one line, whatever the
//! values are, and never longer than the limit: what does not fit is cut, and the line says so.

use std::fmt::{self, Write};

use serde_json::Value;
use tracing::Level;

use crate::record::moment::Moment;

/// A whole line, with its end.
pub const LINE_BYTES_MAX: usize = 8_192;
/// One value or message of it, before it is escaped.
pub const VALUE_BYTES_MAX: usize = 1_024;
/// Kept free for the end of a line that was cut.
const END_BYTES: usize = 16;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Text,
    Json,
}

impl Format {
    /// What `VIADUCT_LOG_FORMAT` says.
    pub fn from_word(word: &str) -> Result<Format, String> {
        match word {
            "text" | "" => Ok(Format::Text),
            "json" => Ok(Format::Json),
            _ => Err("VIADUCT_LOG_FORMAT is not understood: write `text` or `json`".to_owned()),
        }
    }
}

/// A line as it grows.
pub struct Line {
    format: Format,
    text: String,
    cut: bool,
}

impl Line {
    pub fn new(format: Format, at_ms: i64, level: &Level, target: &str) -> Line {
        let at = Moment(at_ms).utc_said();
        let target = escaped(target);
        let text = match format {
            Format::Text => format!("{at} {level:>5} {target}"),
            Format::Json => {
                format!("{{\"time\":\"{at}\",\"level\":\"{level}\",\"target\":\"{target}\"")
            }
        };
        Line { format, text, cut: false }
    }

    /// The sentence. It comes before the fields.
    pub fn message(&mut self, message: &str) {
        let message = escaped(message);
        self.add(&match self.format {
            Format::Text => format!(" {message}"),
            Format::Json => format!(",\"message\":\"{message}\""),
        });
    }

    pub fn field(&mut self, name: &str, value: &Value) {
        let value = match (self.format, value) {
            (Format::Json, Value::String(text)) => format!("\"{}\"", escaped(text)),
            (Format::Text, Value::String(text)) => word(text),
            (_, value) => value.to_string(),
        };
        self.add(&match self.format {
            Format::Text => format!(" {name}={value}"),
            Format::Json => format!(",\"{name}\":{value}"),
        });
    }

    /// The whole line.
    pub fn end(mut self) -> String {
        self.text.push_str(match (self.format, self.cut) {
            (Format::Text, false) => "\n",
            (Format::Text, true) => " cut=true\n",
            (Format::Json, false) => "}\n",
            (Format::Json, true) => ",\"cut\":true}\n",
        });
        self.text
    }

    /// A part that does not fit is left out whole: half a value could not be told from a short one.
    fn add(&mut self, part: &str) {
        match self.text.len() + part.len() + END_BYTES <= LINE_BYTES_MAX {
            true => self.text.push_str(part),
            false => self.cut = true,
        }
    }
}

/// Text of which no more is made than a line may carry: a value of a megabyte is never built.
pub struct Bounded(String);

impl Bounded {
    pub fn text(value: fmt::Arguments<'_>) -> String {
        let mut bounded = Bounded(String::new());
        match bounded.write_fmt(value) {
            Ok(()) => bounded.0,
            Err(fmt::Error) => bounded.0 + "… (cut)",
        }
    }
}

impl Write for Bounded {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        let left = VALUE_BYTES_MAX - self.0.len();
        if part.len() <= left {
            self.0.push_str(part);
            return Ok(());
        }
        let mut end = left;
        while !part.is_char_boundary(end) {
            end -= 1;
        }
        self.0.push_str(&part[..end]);
        Err(fmt::Error)
    }
}

/// As it stands in a JSON string, and in a line of text. A letter that moves the cursor, ends a line
/// or turns the direction of reading is written as its number.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            letter => push_seen(&mut out, letter),
        }
    }
    out
}

/// As it can be printed for people: on one line, and without a letter that does anything.
pub fn printable(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    text.chars().for_each(|letter| push_seen(&mut out, letter));
    out
}

fn push_seen(out: &mut String, letter: char) {
    match letter {
        '\n' => out.push_str("\\n"),
        letter if is_unseen(letter) => {
            // All of them are below U+FFFF: four digits name them.
            let _ = write!(out, "\\u{:04x}", u32::from(letter));
        }
        letter => out.push(letter),
    }
}

fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value in a line of text: in quotes where it could be taken for more than one.
fn word(text: &str) -> String {
    let plain = !text.is_empty()
        && !text.starts_with('"')
        && !text.contains(|letter: char| letter.is_whitespace() || letter == '\\')
        && !text.contains(is_unseen);
    if plain { text.to_owned() } else { format!("\"{}\"", escaped(text)) }
}
