//! A table of a definition file, asked for its keys one by one. It remembers what was asked, so
//! that a key nobody reads is told as unknown, with the name that was probably meant. Asked over
//! nothing, it writes down the shape of what may be written.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::rc::Rc;

use crate::definition::reader::{File, Span, Spanned};
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Described, Fields, Holds, Key, Shape, Word};
use crate::definition::suggest;

/// What a key holds.
#[derive(Debug)]
pub enum Value<'f> {
    Text(Spanned<String>),
    Whole(Spanned<i64>),
    Decimal(Spanned<f64>),
    Flag(Spanned<bool>),
    Table(Table<'f>),
    List(Vec<Value<'f>>, Span),
    Other(Span),
}

/// Asking for a key of the wrong type, or for a missing one that is needed, is told to the file.
#[derive(Debug)]
pub struct Table<'f> {
    file: &'f File,
    entries: &'f [Entry],
    at: Span,
    asked: RefCell<Vec<String>>,
    /// Where what is asked for is written down; there only while a reader is being described.
    shape: Option<Rc<RefCell<Shape>>>,
    /// What is asked for now counts only where another key has this word.
    only: Cell<Option<(&'static str, &'static str)>>,
}

/// What a reader asks for, without any file: every key with its words, defaults and bounds.
pub fn shape_of<T>(read: impl FnOnce(&Table<'_>) -> T) -> Shape {
    let file = File::parse("", String::new());
    let shape = Rc::new(RefCell::new(Shape::default()));
    let table = Table { shape: Some(Rc::clone(&shape)), ..Table::new(&file, &[], Span::default()) };
    let _ = read(&table);
    shape.take()
}

/// A table as one of the forms that a key may have, described by its reader.
pub fn table_of<T>(read: impl FnOnce(&Table<'_>) -> T) -> Holds {
    Holds::Table(Rc::new(RefCell::new(shape_of(read))))
}

/// One `key = value` of the tree; the reader builds it.
#[derive(Debug)]
pub struct Entry {
    pub key: String,
    pub key_at: Span,
    pub value: Node,
    pub at: Span,
}

#[derive(Debug)]
pub enum Node {
    Text(String),
    Whole(i64),
    Decimal(f64),
    Flag(bool),
    List(Vec<(Node, Span)>),
    Table(Vec<Entry>),
    /// What else it is, in words.
    Other(&'static str),
}

impl<'f> Table<'f> {
    pub fn new(file: &'f File, entries: &'f [Entry], at: Span) -> Table<'f> {
        let (asked, only) = (RefCell::default(), Cell::new(None));
        Table { file, entries, at, asked, shape: None, only }
    }

    pub fn file(&self) -> &'f File {
        self.file
    }

    /// Where the table is written: its header, or its braces.
    pub fn at(&self) -> Span {
        self.at
    }

    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key == key)
    }

    /// Where the key stands, or the table when there is none.
    pub fn at_key(&self, key: &str) -> Span {
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.map_or(self.at, |entry| entry.key_at)
    }

    /// Where the key's value stands, or the table when there is none.
    pub fn at_value(&self, key: &str) -> Span {
        let found = self.entries.iter().find(|entry| entry.key == key);
        found.map_or(self.at, |entry| entry.at)
    }

    pub fn text(&self, key: impl Into<Key>) -> Option<Spanned<String>> {
        let key = self.asks(key, || Holds::Text, None);
        self.typed(key.name, "text in double quotes", |node| match node {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// As `text`, with what stands for it where it is absent.
    pub fn text_or(&self, key: impl Into<Key>, usual: &str) -> String {
        let key = self.asks(key, || Holds::Text, Some(format!("{usual:?}")));
        self.text(key).map_or_else(|| usual.to_owned(), |text| text.value)
    }

    /// As `text`; a missing or empty one is an error, with how to write it.
    pub fn need_text(&self, key: impl Into<Key>) -> Option<Spanned<String>> {
        let key = key.into();
        let key = Key { remedy: key.remedy.or(Some("")), ..key };
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.error(text.at, format!("`{}` is empty", key.name), "needs a value", None);
            return None;
        }
        Some(text)
    }

    pub fn flag(&self, key: impl Into<Key>) -> Option<Spanned<bool>> {
        let key = self.asks(key, || Holds::Flag, None);
        self.typed(key.name, "`true` or `false`", |node| match node {
            Node::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    /// As `flag`; absent, it is false.
    pub fn is_set(&self, key: impl Into<Key>) -> bool {
        let key = self.asks(key, || Holds::Flag, Some("false".to_owned()));
        self.flag(key).is_some_and(|flag| flag.value)
    }

    pub fn whole(&self, key: impl Into<Key>, range: RangeInclusive<i64>) -> Option<Spanned<i64>> {
        let key = self.asks(key, || Holds::Whole(*range.start(), *range.end()), None);
        let number = self.typed(key.name, "a whole number", |node| match node {
            Node::Whole(number) => Some(*number),
            _ => None,
        })?;
        self.within(key, number, &range)
    }

    /// As `whole`, with what stands for it where it is absent.
    pub fn whole_or(&self, key: impl Into<Key>, range: RangeInclusive<i64>, usual: i64) -> i64 {
        let holds = || Holds::Whole(*range.start(), *range.end());
        let key = self.asks(key, holds, Some(grouped(usual)));
        self.whole(key, range).map_or(usual, |number| number.value)
    }

    pub fn decimal(&self, key: impl Into<Key>, range: RangeInclusive<f64>) -> Option<Spanned<f64>> {
        let key = self.asks(key, || Holds::Decimal(*range.start(), *range.end()), None);
        let number = self.typed(key.name, "a number", |node| match node {
            Node::Decimal(number) => Some(*number),
            Node::Whole(number) => Some(*number as f64),
            _ => None,
        })?;
        self.within(key, number, &range)
    }

    /// A length of time such as `"90s"`, `"1m"`, `"2h"` or `"7d"`, in milliseconds.
    pub fn duration_ms(&self, key: impl Into<Key>) -> Option<Spanned<i64>> {
        let key = self.asks(key, || Holds::Duration, None);
        let text = self.text(key)?;
        let length = duration_ms(&text.value);
        if length.is_none() {
            let help =
                "write `\"90s\"`, `\"15m\"`, `\"2h\"` or `\"7d\"`; at most a year".to_owned();
            self.error(text.at, format!("`{}` is not a length of time", key.name), "", Some(help));
        }
        Some(Spanned { value: length?, at: text.at })
    }

    /// As `duration_ms`, with what stands for it where it is absent, as it would be written.
    pub fn duration_or(&self, key: impl Into<Key>, usual: &'static str) -> i64 {
        let key = self.asks(key, || Holds::Duration, Some(format!("{usual:?}")));
        let written = self.duration_ms(key).map(|length| length.value);
        written.or_else(|| duration_ms(usual)).unwrap_or_default()
    }

    /// One text, or a list of texts. An item of another type is an error and is left out.
    pub fn texts(&self, key: impl Into<Key>) -> Option<Vec<Spanned<String>>> {
        let key = self.asks(key, || Holds::Texts, None);
        let entry = self.entry(key.name)?;
        let items = match &entry.value {
            Node::Text(text) => vec![Spanned { value: text.clone(), at: entry.at }],
            Node::List(items) => items.iter().filter_map(|item| self.item_text(item)).collect(),
            other => {
                self.wrong_type(entry, "text in double quotes, or a list of texts", other);
                return None;
            }
        };
        Some(items)
    }

    /// A list of lists of texts; none when the key is absent or something else.
    pub fn lists_of_texts(&self, key: impl Into<Key>) -> Vec<Vec<Spanned<String>>> {
        let key = self.asks(key, || Holds::ListsOfTexts, None);
        let Some(entry) = self.entry(key.name) else {
            return Vec::new();
        };
        let inner = |(item, _): &(Node, Span)| match item {
            Node::List(items) => {
                Some(items.iter().filter_map(|item| self.item_text(item)).collect())
            }
            _ => None,
        };
        let lists: Option<Vec<Vec<Spanned<String>>>> = match &entry.value {
            Node::List(items) => items.iter().map(inner).collect(),
            _ => None,
        };
        if lists.is_none() {
            let what = format!("`{}` must be a list of lists of texts", key.name);
            let help = format!("write `{} = [[\"…\", \"…\"]]`", key.name);
            self.file.error(entry.at, what, "not understood", Some(help));
        }
        lists.unwrap_or_default()
    }

    /// Texts by names of the writer's own: `[templates]`. Another value is an error, with how to
    /// write it.
    pub fn named_texts(
        &self,
        key: impl Into<Key>,
        remedy: &str,
    ) -> Vec<(Spanned<String>, Spanned<String>)> {
        let key = self.asks(key, || Holds::Named(Box::new(Holds::Text)), None);
        let Some(table) = self.inner(key) else { return Vec::new() };
        let mut texts = Vec::new();
        for (name, value) in table.entries() {
            match value {
                Value::Text(text) => texts.push((name, text)),
                other => {
                    let what = format!("`{}` must be text in double quotes", name.value);
                    table.error(other.at(), what, "not text", Some(remedy.to_owned()));
                }
            }
        }
        texts
    }

    /// Whatever stands at names of the writer's own, each in one of several forms.
    pub fn named(
        &self,
        key: impl Into<Key>,
        forms: impl FnOnce() -> Vec<Holds>,
    ) -> Vec<(Spanned<String>, Value<'f>)> {
        let holds = || Holds::Named(Box::new(Holds::Either(forms())));
        let key = self.asks(key, holds, None);
        self.inner(key).map(|table| table.entries()).unwrap_or_default()
    }

    pub fn table(&self, key: impl Into<Key>) -> Option<Table<'f>> {
        let shape = Rc::default();
        let key = self.asks(key, || Holds::Table(Rc::clone(&shape)), None);
        self.inner(key).or_else(|| self.described(shape))
    }

    /// The tables of `[[key]]`; a single `[key]` counts as one.
    pub fn tables(&self, key: impl Into<Key>) -> Vec<Table<'f>> {
        let shape = Rc::default();
        let key = self.asks(key, || Holds::Tables(Rc::clone(&shape)), None).name;
        let Some(entry) = self.entry(key) else {
            return self.described(shape).into_iter().collect();
        };
        match &entry.value {
            Node::Table(entries) => vec![Table::new(self.file, entries, entry.at)],
            Node::List(items) => items
                .iter()
                .filter_map(|(item, at)| match item {
                    Node::Table(entries) => Some(Table::new(self.file, entries, *at)),
                    other => {
                        self.wrong_item(*at, "a table", other);
                        None
                    }
                })
                .collect(),
            other => {
                self.wrong_type(entry, &format!("tables: `[[{key}]]`"), other);
                Vec::new()
            }
        }
    }

    /// Tables by names of the writer's own: `[lines.D]`.
    pub fn named_tables(&self, key: impl Into<Key>) -> Vec<(Spanned<String>, Table<'f>)> {
        let shape: Rc<RefCell<Shape>> = Rc::default();
        let holds = || Holds::Named(Box::new(Holds::Table(Rc::clone(&shape))));
        let key = self.asks(key, holds, None);
        let Some(table) = self.inner(key) else {
            let name = Spanned { value: "NAME".to_owned(), at: self.at };
            return self.described(shape).map(|table| (name, table)).into_iter().collect();
        };
        let mut tables = Vec::new();
        for (name, value) in table.entries() {
            match value {
                Value::Table(inner) => tables.push((name, inner)),
                other => {
                    let what = format!("`{}` must be a table", name.value);
                    let help = format!("write `[{}.{}]` above its keys", key.name, name.value);
                    table.error(other.at(), what, "not a table", Some(help));
                }
            }
        }
        tables
    }

    /// Whatever the key holds: for one that may be written in several forms.
    pub fn either(
        &self,
        key: impl Into<Key>,
        forms: impl FnOnce() -> Vec<Holds>,
    ) -> Option<Value<'f>> {
        let key = self.asks(key, || Holds::Either(forms()), None);
        self.value(key.name)
    }

    /// As `either`, one of it or a list.
    pub fn one_or_more(
        &self,
        key: impl Into<Key>,
        forms: impl FnOnce() -> Vec<Holds>,
    ) -> Vec<Value<'f>> {
        let holds = || Holds::OneOrMore(Box::new(Holds::Either(forms())));
        let key = self.asks(key, holds, None);
        match self.value(key.name) {
            None => Vec::new(),
            Some(Value::List(parts, _)) => parts,
            Some(one) => vec![one],
        }
    }

    /// Says that keys of this table are fields of the common record; `entries` or `value` reads them.
    pub fn has_fields(&self, fields: impl FnOnce() -> Fields) {
        if let Some(shape) = &self.shape {
            shape.borrow_mut().fields = Some(fields());
        }
    }

    /// As `either`, where nothing is said about it.
    pub fn value(&self, key: &str) -> Option<Value<'f>> {
        let entry = self.entry(key)?;
        Some(value(self.file, &entry.value, entry.at))
    }

    /// Every key and what it holds, in the order written; none of them is then unknown.
    pub fn entries(&self) -> Vec<(Spanned<String>, Value<'f>)> {
        self.entries
            .iter()
            .map(|entry| {
                self.ask(&entry.key);
                let key = Spanned { value: entry.key.clone(), at: entry.key_at };
                (key, value(self.file, &entry.value, entry.at))
            })
            .collect()
    }

    /// One word of a few; each stands for something.
    pub fn choice<T: Clone>(&self, key: impl Into<Key>, words: &[Word<T>]) -> Option<Spanned<T>> {
        let key = self.asks(key, || Holds::Choice(plain(words)), None);
        let text = self.text(key)?;
        if let Some(word) = words.iter().find(|word| word.word == text.value) {
            return Some(Spanned { value: word.means.clone(), at: text.at });
        }
        let known: Vec<&str> = words.iter().map(|word| word.word).collect();
        let help = suggest::help(&text.value, &known);
        self.error(
            text.at,
            format!("`{}` cannot be `{}`", key.name, text.value),
            "not known",
            help,
        );
        None
    }

    /// As `choice`; absent, it is the usual word.
    pub fn choice_or<T: Clone>(
        &self,
        key: impl Into<Key>,
        usual: Word<T>,
        others: &[Word<T>],
    ) -> T {
        let mut words = vec![usual];
        words.extend_from_slice(others);
        let holds = || Holds::Choice(plain(&words));
        let key = self.asks(key, holds, Some(format!("{:?}", words[0].word)));
        self.choice(key, &words).map_or_else(|| words[0].means.clone(), |word| word.value)
    }

    /// One word of a few, each with keys of its own that are read where it is written.
    pub fn variant<T>(&self, key: impl Into<Key>, variants: &[Variant<'_, T>]) -> Option<T> {
        let key = key.into();
        let words: Vec<Word<usize>> = variants.iter().enumerate().map(Variant::word).collect();
        let chosen = self.choice(key, &words);
        if self.shape.is_some() {
            for variant in variants {
                self.only.set(Some((key.name, variant.word)));
                let _ = (variant.read)(self);
            }
            self.only.set(None);
        }
        match chosen {
            Some(chosen) => (variants[chosen.value].read)(self),
            None => {
                // Which of them was meant is not known: none of their keys is a slip.
                self.leave_unread();
                None
            }
        }
    }

    /// `secret:NAME` or `${NAME}`. Anything else is a secret in clear, which is refused and not
    /// shown.
    pub fn secret(&self, key: impl Into<Key>) -> Option<Spanned<SecretReference>> {
        let key = self.asks(key, || Holds::Secret, None);
        let text = self.text(key)?;
        match SecretReference::parse(&text.value) {
            Some(value) => Some(Spanned { value, at: text.at }),
            None => {
                self.file.refuse_secret(text.at);
                None
            }
        }
    }

    /// Tells every key that was not asked for. Call it last; it is what makes a misspelt key an
    /// error.
    pub fn finish(self) {
        let asked = self.asked.borrow();
        let known: Vec<&str> = asked.iter().map(String::as_str).collect();
        for entry in self.entries.iter().filter(|entry| !asked.contains(&entry.key)) {
            let what = format!("`{}` is not known here", entry.key);
            let help = suggest::help(&entry.key, &known);
            self.file.error(entry.key_at, what, "nothing reads this", help);
        }
    }

    /// Marks every key as known: for a table that somebody else reads.
    pub fn leave_unread(&self) {
        for entry in self.entries {
            self.ask(&entry.key);
        }
    }

    /// Told at the table, unless an unreadable line may have held the key.
    pub fn missing(&self, key: &str, remedy: &str) {
        if !self.file.may_have_lost(key) {
            let (what, help) = (format!("`{key}` is missing"), Some(remedy.to_owned()));
            if self.at == Span::default() {
                self.file.error_of_file(what, help);
            } else {
                self.file.error(self.at, what, "needed here", help);
            }
        }
    }

    pub fn error(
        &self,
        at: Span,
        what: impl Into<String>,
        label: impl Into<String>,
        help: Option<String>,
    ) {
        self.file.error(at, what, label, help);
    }

    /// Writes down that a key is asked for, and tells it where it must be there and is not.
    fn asks(
        &self,
        key: impl Into<Key>,
        holds: impl FnOnce() -> Holds,
        usual: Option<String>,
    ) -> Key {
        let key = key.into();
        if let Some(shape) = &self.shape {
            let only = self.only.get();
            shape.borrow_mut().note(Described { key, holds: holds(), usual, only });
        }
        let asked_before = self.asked.borrow().iter().any(|known| known == key.name);
        if let Some(remedy) = key.remedy
            && !asked_before
            && !self.has(key.name)
        {
            match remedy {
                "" => self.missing(key.name, &format!("add `{} = \"…\"`", key.name)),
                remedy => self.missing(key.name, remedy),
            }
        }
        self.ask(key.name);
        key
    }

    /// A table to describe, where none is written.
    fn described(&self, shape: Rc<RefCell<Shape>>) -> Option<Table<'f>> {
        self.shape.as_ref()?;
        Some(Table { shape: Some(shape), ..Table::new(self.file, &[], Span::default()) })
    }

    fn inner(&self, key: Key) -> Option<Table<'f>> {
        let entry = self.entry(key.name)?;
        match &entry.value {
            Node::Table(entries) => Some(Table::new(self.file, entries, entry.at)),
            other => {
                self.wrong_type(entry, &format!("a table: `[{}]` or `{{ … }}`", key.name), other);
                None
            }
        }
    }

    fn within<T: PartialOrd + Display>(
        &self,
        key: Key,
        number: Spanned<T>,
        range: &RangeInclusive<T>,
    ) -> Option<Spanned<T>> {
        if range.contains(&number.value) {
            return Some(number);
        }
        let bounds = format!("write a number from {} to {}", range.start(), range.end());
        let what = format!("`{}` is out of range", key.name);
        self.error(number.at, what, "not sensible", Some(bounds));
        None
    }

    fn ask(&self, key: &str) {
        let mut asked = self.asked.borrow_mut();
        if !asked.iter().any(|known| known == key) {
            asked.push(key.to_owned());
        }
    }

    fn entry(&self, key: &str) -> Option<&'f Entry> {
        self.ask(key);
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn typed<T>(
        &self,
        key: &str,
        wanted: &str,
        read: impl Fn(&Node) -> Option<T>,
    ) -> Option<Spanned<T>> {
        let entry = self.entry(key)?;
        match read(&entry.value) {
            Some(value) => Some(Spanned { value, at: entry.at }),
            None => {
                self.wrong_type(entry, wanted, &entry.value);
                None
            }
        }
    }

    fn item_text(&self, (item, at): &(Node, Span)) -> Option<Spanned<String>> {
        match item {
            Node::Text(text) => Some(Spanned { value: text.clone(), at: *at }),
            other => {
                self.wrong_item(*at, "text in double quotes", other);
                None
            }
        }
    }

    fn wrong_type(&self, entry: &Entry, wanted: &str, found: &Node) {
        let what = format!("`{}` must be {wanted}", entry.key);
        self.file.error(entry.at, what, format!("this is {}", found.word()), None);
    }

    fn wrong_item(&self, at: Span, wanted: &str, found: &Node) {
        let what = format!("every item of this list must be {wanted}");
        self.file.error(at, what, format!("this is {}", found.word()), None);
    }
}

/// One word of `Table::variant`, and how the keys that come with it are read.
pub struct Variant<'v, T> {
    pub word: &'static str,
    pub doc: &'static str,
    pub read: &'v dyn Fn(&Table<'_>) -> Option<T>,
}

impl<T> Variant<'_, T> {
    fn word((means, variant): (usize, &Self)) -> Word<usize> {
        Word { word: variant.word, doc: variant.doc, means }
    }
}

/// A key that is asked for without words; for tests.
impl From<&'static str> for Key {
    fn from(name: &'static str) -> Key {
        Key { name, doc: "", remedy: None, example: None }
    }
}

fn plain<T>(words: &[Word<T>]) -> Vec<Word<()>> {
    words.iter().map(|word| Word { word: word.word, doc: word.doc, means: () }).collect()
}

/// `1_048_576`, as a person would write it.
fn grouped(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = if number < 0 { "-".to_owned() } else { String::new() };
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && digits.len() > 4 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

impl Value<'_> {
    pub fn at(&self) -> Span {
        match self {
            Value::Text(text) => text.at,
            Value::Whole(number) => number.at,
            Value::Decimal(number) => number.at,
            Value::Flag(flag) => flag.at,
            Value::Table(table) => table.at(),
            Value::List(_, at) | Value::Other(at) => *at,
        }
    }
}

impl Node {
    fn word(&self) -> &'static str {
        match self {
            Node::Text(_) => "text",
            Node::Whole(_) => "a whole number",
            Node::Decimal(_) => "a decimal number",
            Node::Flag(_) => "a flag",
            Node::List(_) => "a list",
            Node::Table(_) => "a table",
            Node::Other(word) => word,
        }
    }
}

/// `"90s"`, `"15m"`, `"2h"`, `"7d"` or `"250ms"` in milliseconds; nothing longer than a year.
pub fn duration_ms(text: &str) -> Option<i64> {
    const YEAR_MS: i64 = 366 * 86_400_000;
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit_ms = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    let length = text[..digits].parse::<i64>().ok()?.checked_mul(unit_ms)?;
    (length <= YEAR_MS).then_some(length)
}

fn value<'f>(file: &'f File, node: &'f Node, at: Span) -> Value<'f> {
    match node {
        Node::Text(text) => Value::Text(Spanned { value: text.clone(), at }),
        Node::Whole(number) => Value::Whole(Spanned { value: *number, at }),
        Node::Decimal(number) => Value::Decimal(Spanned { value: *number, at }),
        Node::Flag(flag) => Value::Flag(Spanned { value: *flag, at }),
        Node::List(items) => {
            Value::List(items.iter().map(|(item, at)| value(file, item, *at)).collect(), at)
        }
        Node::Table(entries) => Value::Table(Table::new(file, entries, at)),
        Node::Other(_) => Value::Other(at),
    }
}

#[cfg(test)]
mod tests;
