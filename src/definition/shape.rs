//! What a definition may say, described where it is read: a reader asks a `Table` for each key with
//! its words, and the same asking, done over nothing, writes this shape down. Parsing, checking, the
//! JSON Schema and the reference page therefore cannot disagree.

use std::cell::RefCell;
use std::rc::Rc;

/// A key as its reader asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key {
    pub name: &'static str,
    /// What it means, in sentences for an integrator.
    pub doc: &'static str,
    /// It must be there; this is how to write it.
    pub remedy: Option<&'static str>,
    /// A line of TOML that shows it, where the remedy does not.
    pub example: Option<&'static str>,
}

/// A key and what it means.
pub const fn key(name: &'static str, doc: &'static str) -> Key {
    Key { name, doc, remedy: None, example: None }
}

impl Key {
    /// It must be there: told with this remedy when it is not.
    pub const fn needed(self, remedy: &'static str) -> Key {
        Key { remedy: Some(remedy), ..self }
    }

    /// Shown in the reference and in what `viaduct init` writes.
    pub const fn example(self, example: &'static str) -> Key {
        Key { example: Some(example), ..self }
    }
}

/// One word of a few, and what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<T> {
    pub word: &'static str,
    pub doc: &'static str,
    pub means: T,
}

pub const fn word<T>(word: &'static str, doc: &'static str, means: T) -> Word<T> {
    Word { word, doc, means }
}

/// Everything that a table may hold.
#[derive(Clone, Debug, Default)]
pub struct Shape {
    pub keys: Vec<Described>,
    /// Beside them, fields of the common record by name.
    pub fields: Option<Fields>,
}

/// Keys that are fields of the common record: `status`, or `"name.family"`, which is the same as
/// `name.family`.
#[derive(Clone, Debug)]
pub struct Fields {
    /// What stands at such a key, in a word or two.
    pub what: &'static str,
    /// Each name, and what the field is.
    pub names: Vec<(&'static str, &'static str)>,
    pub each: Holds,
}

/// One key of it.
#[derive(Clone, Debug)]
pub struct Described {
    pub key: Key,
    pub holds: Holds,
    /// What stands for it where it is absent, as it would be written.
    pub usual: Option<String>,
    /// Only where another key has this word.
    pub only: Option<(&'static str, &'static str)>,
}

/// What a key holds.
#[derive(Clone, Debug)]
pub enum Holds {
    Text,
    /// One text, or a list of texts.
    Texts,
    ListsOfTexts,
    /// A whole number, with its bounds.
    Whole(i64, i64),
    Decimal(f64, f64),
    Flag,
    /// A length of time such as `"90s"`.
    Duration,
    Secret,
    /// One of these words.
    Choice(Vec<Word<()>>),
    Table(Rc<RefCell<Shape>>),
    /// `[[key]]`
    Tables(Rc<RefCell<Shape>>),
    /// A table whose keys are names of the writer's own.
    Named(Box<Holds>),
    /// One of several forms.
    Either(Vec<Holds>),
    /// One of it, or a list.
    OneOrMore(Box<Holds>),
}

impl Shape {
    /// Writes a key down; one that is asked for twice is described once. Under another word of a
    /// variant it may mean something else.
    pub fn note(&mut self, described: Described) {
        let same = |known: &Described| {
            known.key.name == described.key.name
                && (known.only == described.only || known.only.is_none())
        };
        if !self.keys.iter().any(same) {
            self.keys.push(described);
        }
    }
}

impl Described {
    /// How it may be written, as one line of TOML.
    pub fn line(&self) -> String {
        if let Some(example) = self.key.example {
            return example.to_owned();
        }
        let name = self.key.name;
        match (&self.usual, &self.holds) {
            (Some(usual), _) => format!("{name} = {usual}"),
            (None, Holds::Whole(least, _)) => format!("{name} = {least}"),
            (None, Holds::Decimal(least, _)) => format!("{name} = {least}"),
            (None, Holds::Flag) => format!("{name} = true"),
            (None, Holds::Duration) => format!("{name} = \"15m\""),
            (None, Holds::Secret) => format!("{name} = \"secret:NAME\""),
            (None, Holds::Choice(words)) => {
                format!("{name} = \"{}\"", words.first().map_or("", |word| word.word))
            }
            (None, Holds::Table(_) | Holds::Named(_)) => format!("[{name}]"),
            (None, Holds::Tables(_)) => format!("[[{name}]]"),
            (None, Holds::Texts) => format!("{name} = [\"…\"]"),
            (None, Holds::ListsOfTexts) => format!("{name} = [[\"…\"]]"),
            (None, Holds::Text | Holds::Either(_) | Holds::OneOrMore(_)) => {
                format!("{name} = \"…\"")
            }
        }
    }
}
