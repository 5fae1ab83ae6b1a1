//! The story of a record: of each field where its value came from, and what became of it on the way.
//!
//! It is told by the very walk that translates, to a witness. At night nobody asks: then nothing is
//! made to be told, and the walk is compiled without it.

use std::collections::HashMap;

use chrono::NaiveDate;
use serde::Serialize;

use super::Place;
use crate::mapping::definition::OnError;
use crate::record::document::{Document, NodeId};
use crate::record::facts::Value;
use crate::record::personal::unprinted;

/// Whoever is told how a record is read.
pub trait Witness {
    /// Whether anything is wanted. What only serves to be told is made behind this.
    const ASKED: bool;

    /// A field, or another question of the mapping such as a role, is being answered.
    fn begin(&mut self, place: Place, field: &str);

    /// What happened next to it.
    fn tell(&mut self, event: impl FnOnce() -> Event);

    /// What it holds in the end.
    fn end(&mut self, value: Option<&Value>);

    /// A place of the record that the mapping reads.
    fn reads(&mut self, node: NodeId);

    /// Every field was asked for.
    fn close(&mut self, record: &Document);
}

/// Nobody asks.
pub struct Nobody;

impl Witness for Nobody {
    const ASKED: bool = false;

    fn begin(&mut self, _: Place, _: &str) {}
    fn tell(&mut self, _: impl FnOnce() -> Event) {}
    fn end(&mut self, _: Option<&Value>) {}
    fn reads(&mut self, _: NodeId) {}
    fn close(&mut self, _: &Document) {}
}

/// Everything that was told of one record.
#[derive(Debug, Default)]
pub struct Story {
    pub told: Vec<Told>,
    /// Paths of the record, seen from it, that hold something and that nothing in the mapping reads. Not
    /// known where the walk ended early.
    pub unread: Vec<String>,
    /// Of each place that something reads, which of what was told does.
    read: HashMap<NodeId, Vec<usize>>,
}

/// One field, or another question that the mapping asks of the record.
#[derive(Default, Serialize)]
pub struct Told {
    /// `record`, `account`, `account instalments 2`, `party 1`.
    pub place: String,
    /// `balance`, `name.family`, `role`, `key`, `filter` …
    pub field: String,
    /// How an issue with it is named.
    #[serde(skip)]
    pub issue: String,
    /// What it holds in the end; nothing where it is absent.
    pub value: Option<Held>,
    /// In the order in which it happened.
    pub steps: Vec<Event>,
}

/// A value as it is kept: money is whole pence.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Held {
    Text(String),
    Whole(i64),
    Flag(bool),
}

unprinted!(Told, Held, Event);

/// One thing that happened on the way to a value.
#[derive(Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Event {
    /// A path was looked at. The text is as it stands there, blanks and all.
    Looked { path: String, found: Found, text: Option<String> },
    /// So many places are there, each an item or a party.
    Each { path: String, count: usize },
    /// The mapping says a constant.
    Constant { text: String },
    /// An expression was computed from what stood at the paths that it reads; or why it could not be.
    Computed {
        expression: String,
        reads: Vec<(String, String)>,
        gave: Option<String>,
        failed: Option<&'static str>,
    },
    /// A step of `via` changed the text, or said that it is none.
    Stepped { by: String, to: Option<String> },
    /// A code list says what it means.
    Coded {
        list: String,
        line: usize,
        code: String,
        to: String,
        from: Option<NaiveDate>,
        until: Option<NaiveDate>,
    },
    /// The code list does not have it, or has it for other days only.
    Unlisted { list: String, code: String, on_other_days: bool },
    /// The text was read as this type.
    Read { kind: String, text: String },
    /// What was read means that there is none.
    Dropped { because: String },
    /// Where a text names people it was taken apart.
    Named { parties: usize },
    /// The value is kept, and this is noted of it.
    Noted { code: String },
    /// It will not do, and this is what the mapping says to that.
    Refused { code: String, then: Rule },
    /// The `default` stands in.
    Defaulted,
    /// A condition or filter said yes or no.
    Decided { holds: bool },
}

/// What stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// The path is not there.
    Nothing,
    /// It is there, and blank.
    Blank,
    Text,
    /// It is there more than once, so that which is meant cannot be known.
    Several,
}

/// What the mapping says to a value that will not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Hold,
    Null,
    Default,
    Fail,
}

impl From<OnError> for Rule {
    fn from(rule: OnError) -> Rule {
        match rule {
            OnError::Hold => Rule::Hold,
            OnError::Null => Rule::Null,
            OnError::Default => Rule::Default,
            OnError::Fail => Rule::Fail,
        }
    }
}

impl From<&Value> for Held {
    fn from(value: &Value) -> Held {
        match value {
            Value::Text(text) => Held::Text(text.clone()),
            Value::Whole(number) => Held::Whole(*number),
            Value::Flag(flag) => Held::Flag(*flag),
        }
    }
}

impl Witness for Story {
    const ASKED: bool = true;

    fn begin(&mut self, place: Place, field: &str) {
        let issue = place.issue(field, "").field;
        let (place, field) = (place.word(), field.to_owned());
        self.told.push(Told { place, field, issue, ..Told::default() });
    }

    fn tell(&mut self, event: impl FnOnce() -> Event) {
        if let Some(told) = self.told.last_mut() {
            told.steps.push(event());
        }
    }

    fn end(&mut self, value: Option<&Value>) {
        if let Some(told) = self.told.last_mut() {
            told.value = value.map(Held::from);
        }
    }

    fn reads(&mut self, node: NodeId) {
        let readers = self.read.entry(node).or_default();
        let last = self.told.len().saturating_sub(1);
        if readers.last() != Some(&last) {
            readers.push(last);
        }
    }

    fn close(&mut self, record: &Document) {
        if let Some(root) = record.root() {
            self.look_for_unread(record, root, "");
        }
    }
}

impl Story {
    /// What reads a place of the record.
    pub fn readers(&self, node: NodeId) -> impl Iterator<Item = &Told> {
        let readers = self.read.get(&node).into_iter().flatten();
        readers.filter_map(|told| self.told.get(*told))
    }

    fn look_for_unread(&mut self, record: &Document, node: NodeId, path: &str) {
        let mut is_leaf = true;
        for child in record.children(node) {
            let mark = if record.is_attribute(child) { "@" } else { "" };
            is_leaf &= record.is_attribute(child);
            let slash = if path.is_empty() { "" } else { "/" };
            let below = format!("{path}{slash}{mark}{}", record.name(child));
            self.look_for_unread(record, child, &below);
        }
        let says = !record.text(node).trim().is_empty();
        let unread = (is_leaf || says) && !self.read.contains_key(&node) && !path.is_empty();
        if unread && !self.unread.iter().any(|known| known == path) {
            self.unread.push(path.to_owned());
        }
    }
}
