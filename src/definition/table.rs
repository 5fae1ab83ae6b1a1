//! A table of a definition file, asked for its keys one by one. It remembers what was asked, so
//! that a key nobody reads is told as unknown, with the name that was probably meant.

use std::cell::RefCell;
use std::ops::RangeInclusive;

use crate::definition::reader::{File, Span, Spanned};
use crate::definition::secret::SecretReference;
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
        Table { file, entries, at, asked: RefCell::default() }
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

    pub fn text(&self, key: &str) -> Option<Spanned<String>> {
        self.typed(key, "text in double quotes", |node| match node {
            Node::Text(text) => Some(text.clone()),
            _ => None,
        })
    }

    /// As `text`; a missing or empty one is an error, with how to write it.
    pub fn need_text(&self, key: &str) -> Option<Spanned<String>> {
        if !self.has(key) {
            self.missing(key, &format!("add `{key} = \"…\"`"));
            self.ask(key);
            return None;
        }
        let text = self.text(key)?;
        if text.value.trim().is_empty() {
            self.error(text.at, format!("`{key}` is empty"), "needs a value", None);
            return None;
        }
        Some(text)
    }

    pub fn flag(&self, key: &str) -> Option<Spanned<bool>> {
        self.typed(key, "`true` or `false`", |node| match node {
            Node::Flag(flag) => Some(*flag),
            _ => None,
        })
    }

    pub fn whole(&self, key: &str, range: RangeInclusive<i64>) -> Option<Spanned<i64>> {
        let number = self.typed(key, "a whole number", |node| match node {
            Node::Whole(number) => Some(*number),
            _ => None,
        })?;
        if range.contains(&number.value) {
            return Some(number);
        }
        let bounds = format!("write a number from {} to {}", range.start(), range.end());
        self.error(number.at, format!("`{key}` is out of range"), "not sensible", Some(bounds));
        None
    }

    pub fn decimal(&self, key: &str, range: RangeInclusive<f64>) -> Option<Spanned<f64>> {
        let number = self.typed(key, "a number", |node| match node {
            Node::Decimal(number) => Some(*number),
            Node::Whole(number) => Some(*number as f64),
            _ => None,
        })?;
        if range.contains(&number.value) {
            return Some(number);
        }
        let bounds = format!("write a number from {} to {}", range.start(), range.end());
        self.error(number.at, format!("`{key}` is out of range"), "not sensible", Some(bounds));
        None
    }

    /// A length of time such as `"90s"`, `"1m"`, `"2h"` or `"7d"`, in milliseconds.
    pub fn duration_ms(&self, key: &str) -> Option<Spanned<i64>> {
        let text = self.text(key)?;
        let length = duration_ms(&text.value);
        if length.is_none() {
            let help =
                "write `\"90s\"`, `\"15m\"`, `\"2h\"` or `\"7d\"`; at most a year".to_owned();
            self.error(text.at, format!("`{key}` is not a length of time"), "", Some(help));
        }
        Some(Spanned { value: length?, at: text.at })
    }

    /// One text, or a list of texts. An item of another type is an error and is left out.
    pub fn texts(&self, key: &str) -> Option<Vec<Spanned<String>>> {
        let entry = self.entry(key)?;
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
    pub fn lists_of_texts(&self, key: &str) -> Vec<Vec<Spanned<String>>> {
        let Some(entry) = self.entry(key) else {
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
            let what = format!("`{key}` must be a list of lists of texts");
            let help = format!("write `{key} = [[\"…\", \"…\"]]`");
            self.file.error(entry.at, what, "not understood", Some(help));
        }
        lists.unwrap_or_default()
    }

    pub fn table(&self, key: &str) -> Option<Table<'f>> {
        let entry = self.entry(key)?;
        match &entry.value {
            Node::Table(entries) => Some(Table::new(self.file, entries, entry.at)),
            other => {
                self.wrong_type(entry, &format!("a table: `[{key}]` or `{{ … }}`"), other);
                None
            }
        }
    }

    /// The tables of `[[key]]`; a single `[key]` counts as one.
    pub fn tables(&self, key: &str) -> Vec<Table<'f>> {
        let Some(entry) = self.entry(key) else {
            return Vec::new();
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

    /// Whatever the key holds.
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
    pub fn choice<T: Clone>(&self, key: &str, words: &[(&str, T)]) -> Option<Spanned<T>> {
        let text = self.text(key)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text.value) {
            return Some(Spanned { value: meaning.clone(), at: text.at });
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let help = suggest::help(&text.value, &known);
        self.error(text.at, format!("`{key}` cannot be `{}`", text.value), "not known", help);
        None
    }

    /// `secret:NAME` or `${NAME}`. Anything else is a secret in clear, which is refused and not
    /// shown.
    pub fn secret(&self, key: &str) -> Option<Spanned<SecretReference>> {
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
mod tests {
    use super::*;

    fn told(file: File) -> Vec<String> {
        let tell = |one: &crate::definition::diagnostic::Diagnostic| match &one.help {
            Some(help) => format!("{}; {help}", one.what),
            None => format!("{}; {}", one.what, one.label),
        };
        file.into_diagnostics().iter().map(tell).collect()
    }

    fn file(text: &str) -> File {
        File::parse("x.toml", text.to_owned())
    }

    #[test]
    fn a_key_that_nobody_reads_is_unknown_with_a_guess() {
        let file = file("nane = \"x\"\nzzz = 1\nowner = \"y\"\n");
        let table = file.root();
        assert!(table.text("name").is_none());
        assert!(table.text("owner").is_some());
        table.finish();
        assert_eq!(
            told(file),
            [
                "`nane` is not known here; did you mean `name`?",
                "`zzz` is not known here; known here: `name`, `owner`",
            ]
        );
    }

    #[test]
    fn a_wrong_type_is_told_with_what_it_is() {
        let file = file("a = 1\nb = \"x\"\nc = [\"x\", 2]\nd = 70000\ne = 2026-01-01\nf = 1.5\n");
        let table = file.root();
        assert!(table.text("a").is_none());
        assert!(table.flag("b").is_none());
        assert_eq!(table.texts("c").map(|texts| texts.len()), Some(1));
        assert!(table.whole("d", 1..=65_535).is_none());
        assert!(table.text("e").is_none());
        assert_eq!(table.decimal("f", 0.0..=2.0).map(|number| number.value), Some(1.5));
        table.finish();
        assert_eq!(
            told(file),
            [
                "`a` must be text in double quotes; this is a whole number",
                "`b` must be `true` or `false`; this is text",
                "every item of this list must be text in double quotes; this is a whole number",
                "`d` is out of range; write a number from 1 to 65535",
                "`e` must be text in double quotes; this is a date without quotes",
            ]
        );
    }

    #[test]
    fn what_is_needed_and_absent_is_told_unless_its_line_could_not_be_read() {
        let file = file("empty = \" \"\nlost \n");
        let table = file.root();
        for key in ["gone", "empty", "lost"] {
            assert!(table.need_text(key).is_none());
        }
        assert_eq!(
            told(file),
            [
                "`lost` has no value; write `lost = \"…\"`",
                "`gone` is missing; add `gone = \"…\"`",
                "`empty` is empty; needs a value",
            ]
        );
    }

    #[test]
    fn one_table_counts_as_a_list_of_one() {
        for (text, count) in [("[m]\na = 1\n", 1), ("[[m]]\n[[m]]\n", 2), ("", 0)] {
            let file = file(text);
            assert_eq!(file.root().tables("m").len(), count);
        }
    }

    #[test]
    fn choices_suggest() {
        let file = file("overlap = \"skp\"\n");
        assert!(file.root().choice("overlap", &[("skip", 1), ("wait", 2)]).is_none());
        assert_eq!(told(file), ["`overlap` cannot be `skp`; did you mean `skip`?"]);
    }

    #[test]
    fn lengths_of_time() {
        for (text, ms) in [
            ("90s", Some(90_000)),
            ("15m", Some(900_000)),
            ("2h", Some(7_200_000)),
            ("7d", Some(604_800_000)),
            ("250ms", Some(250)),
            ("", None),
            ("h", None),
            ("2 h", None),
            ("-1h", None),
            ("9999999999999999999h", None),
            ("999999d", None),
        ] {
            assert_eq!(duration_ms(text), ms, "{text}");
        }
    }

    #[test]
    fn entries_come_in_the_order_written() {
        let file = file("b = 1\na = \"x\"\n[c]\n");
        let table = file.root();
        let keys: Vec<String> = table.entries().into_iter().map(|(key, _)| key.value).collect();
        assert_eq!(keys, ["b", "a", "c"]);
        table.finish();
        assert!(!file.has_errors());
    }

    #[test]
    fn a_setting_that_holds_its_secret_is_refused() {
        let file = file("api_key = \"secret:notify\"\nother = \"hunter2\"\n");
        let table = file.root();
        assert!(table.secret("api_key").is_some());
        assert!(table.secret("other").is_none());
        let told = file.into_diagnostics();
        assert_eq!(told.len(), 1);
        assert!(!told[0].to_string().contains("hunter2"));
    }
}
