//! The inbound translator: one source record, read with the council's mapping, becomes a fragment.
//!
//! Everything that can be decided when the mapping is read is decided then; a record costs one walk
//! to each place a field names. Bad data is a result: the mapping's own rule says hold, empty or
//! default.

mod compile;
mod hold;
pub mod story;
mod value;

use std::borrow::Cow;

use chrono::NaiveDate;

use self::compile::{
    Account, At, Codes, Compiled, Field, Filter, FilterOn, Key, List, Party, Role, is_name,
};
use self::hold::Hold;
use self::story::{Event, Found, Nobody, Story, Witness};
use self::value::{apply, read, why_dropped};
use super::definition::OnError;
use super::expression::{Failure, Given, Outcome, Slot, TEXT_MAX, TEXTS_MAX};
use crate::record::document::{Document, NodeId, Only};
use crate::record::facts::{Facts, Item, Value};
use crate::record::fragment::{
    AccountFragment, FRAGMENT_BYTES_MAX, FieldIssue, Fragment, PartyFragment,
};
use crate::record::name::{NamedParty, Note, PartyKind, parse_names};
use crate::record::schema::{self, FieldId};

/// What became of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Translation {
    Published(Fragment),
    /// It waits for a person: every field that will not do.
    Held(Vec<FieldIssue>),
    /// Left out on purpose, and why.
    Filtered(String),
    /// A field whose rule is to stop the batch.
    Failed(FieldIssue),
}

/// A mapping ready to read records with.
#[derive(Debug)]
pub struct Inbound {
    pub name: String,
    pub version: i64,
    account: Option<Account>,
    parties: Vec<Party>,
    hold: Option<Hold>,
    filters: Vec<Filter>,
}

impl Inbound {
    /// Whether its records are holds.
    pub fn is_of_holds(&self) -> bool {
        self.hold.is_some()
    }

    /// Reads a record. `on` is the day for which codes are looked up.
    pub fn translate(&self, record: &Document, on: NaiveDate) -> Translation {
        let Some(root) = record.root() else {
            return Translation::Held(vec![issue("record", "record_empty")]);
        };
        let mut witness = Nobody;
        self.walk(&mut Walk::new(record, on, &mut witness), root)
    }

    /// Reads a record as [`Inbound::translate`] does, and tells of each field where its value came from.
    pub fn explain(&self, record: &Document, on: NaiveDate) -> (Translation, Story) {
        let mut story = Story::default();
        let Some(root) = record.root() else {
            return (Translation::Held(vec![issue("record", "record_empty")]), story);
        };
        let translation = self.walk(&mut Walk::new(record, on, &mut story), root);
        (translation, story)
    }

    fn walk<W: Witness>(&self, walk: &mut Walk<'_, W>, root: NodeId) -> Translation {
        if let Some(filtered) = self.filters.iter().find(|filter| walk.leaves_out(filter, root)) {
            // Whether it was meant to be left out is not known where the question failed.
            if walk.held.is_empty() {
                return Translation::Filtered(filtered.because.clone());
            }
        }
        if !walk.held.is_empty() {
            return Translation::Held(std::mem::take(&mut walk.held));
        }
        let fragment = self.fragment(walk, root);
        walk.witness.close(walk.record);
        match (walk.failed.take(), std::mem::take(&mut walk.held)) {
            (Some(issue), _) => Translation::Failed(issue),
            (None, held) if held.is_empty() => Translation::Published(fragment),
            (None, held) => Translation::Held(held),
        }
    }

    fn fragment<W: Witness>(&self, walk: &mut Walk<'_, W>, root: NodeId) -> Fragment {
        let mut fragment = Fragment::default();
        if let Some(map) = &self.account {
            let mut account = AccountFragment { kind: map.kind.clone(), ..Default::default() };
            let place = Place::Account;
            walk.fill(&map.fields, root, place, &mut account.facts, &mut account.issues);
            for list in &map.lists {
                let items = walk.items(list, root, &mut account.issues);
                if !items.is_empty() {
                    account.facts.set_list(list.id, items);
                }
            }
            fragment.account = Some(account);
        }
        for map in &self.parties {
            let contexts = match &map.each {
                Some(each) => walk.each(each, root, Place::Record, "party"),
                None => vec![root],
            };
            for context in contexts {
                walk.parties(map, context, &mut fragment.parties);
            }
        }
        if let Some(map) = &self.hold {
            fragment.hold = walk.hold_of(map, root).map(Box::new);
        }
        if walk.nameless {
            // Where nobody was named there may be no party to note it of.
            let account = fragment.account.as_mut().map(|account| &mut account.issues);
            let party = fragment.parties.last_mut().map(|party| &mut party.issues);
            if let Some(issues) = account.or(party) {
                note(issues, "name", NAME_BLANK);
            }
        }
        fragment
    }
}

/// Which part of what the record says is being read.
#[derive(Debug, Clone, Copy)]
pub enum Place {
    Record,
    Account,
    /// The n-th item of a list of the account.
    Item(&'static str, usize),
    Party(usize),
    Hold,
}

impl Place {
    fn word(self) -> String {
        match self {
            Place::Record => "record".to_owned(),
            Place::Account => "account".to_owned(),
            Place::Item(list, number) => format!("account {list} {number}"),
            Place::Party(number) => format!("party {number}"),
            Place::Hold => "hold".to_owned(),
        }
    }

    fn issue(self, field: &str, code: &str) -> FieldIssue {
        match self {
            Place::Record => issue(field, code),
            // One cause is one issue, in whichever item it is.
            Place::Account | Place::Item(..) => issue(&format!("account {field}"), code),
            Place::Party(number) => issue(&format!("party {number} {field}"), code),
            Place::Hold => issue(&format!("hold {field}"), code),
        }
    }
}

fn issue(field: &str, code: &str) -> FieldIssue {
    FieldIssue { field: field.to_owned(), code: code.to_owned() }
}

/// The code of a place that names people and is blank.
const NAME_BLANK: &str = "name_blank";

/// What a party and an item of a list weigh, whatever is said of them: bytes.
const PARTY_BYTES: usize = 64;
const ITEM_BYTES: usize = 16;

/// One record being read.
struct Walk<'r, W> {
    record: &'r Document,
    on: NaiveDate,
    held: Vec<FieldIssue>,
    failed: Option<FieldIssue>,
    /// How much was said so far, bytes.
    said: usize,
    /// A place that names people is blank.
    nameless: bool,
    witness: &'r mut W,
}

impl<'r, W: Witness> Walk<'r, W> {
    fn new(record: &'r Document, on: NaiveDate, witness: &'r mut W) -> Self {
        Walk { record, on, held: Vec::new(), failed: None, said: 0, nameless: false, witness }
    }

    /// Counts what is said. Where it is too much the record is held, and no more of it is read.
    fn is_too_much(&mut self, bytes: usize) -> bool {
        let before = self.said;
        self.said = before.saturating_add(bytes);
        if before <= FRAGMENT_BYTES_MAX && self.said > FRAGMENT_BYTES_MAX {
            self.held.push(issue("record", "record.too_much"));
        }
        self.said > FRAGMENT_BYTES_MAX
    }

    /// Every place at a path, each an item or a party.
    fn each(&mut self, each: &At, root: NodeId, place: Place, what: &str) -> Vec<NodeId> {
        let found = self.record.find_all(root, &each.path);
        self.witness.begin(place, what);
        self.witness.tell(|| Event::Each { path: each.written.clone(), count: found.len() });
        found.iter().for_each(|node| self.witness.reads(*node));
        found
    }

    fn parties(&mut self, map: &Party, context: NodeId, parties: &mut Vec<PartyFragment>) {
        let place = Place::Party(parties.len() + 1);
        if self.is_too_much(PARTY_BYTES) {
            return;
        }
        if let Some(when) = &map.when
            && !self.holds(when, context, place, "when")
        {
            return;
        }
        let key = self.key(map.key.as_ref(), context, place);
        let Some(names) = &map.names else {
            let party = self.party(map, context, key, None, (parties.len() + 1, true));
            let is_named = |(id, _): &(FieldId, Value)| is_name(schema::PARTY[*id as usize].name);
            self.nameless |= map.names_people && !party.facts.fields().iter().any(is_named);
            parties.push(party);
            return;
        };
        self.witness.begin(place, "names");
        let named = self.text(context, names, place, "names").unwrap_or_default();
        let mut named = parse_names(named);
        if named.is_empty() {
            self.nameless = true;
            self.witness.tell(|| Event::Noted { code: NAME_BLANK.to_owned() });
        }
        if let Some(last) =
            named.last_mut().filter(|_| self.may_be_cut(context, std::slice::from_ref(names)))
        {
            last.notes.push(Note::Cut);
        }
        for note in named.iter().flat_map(|named| &named.notes) {
            self.witness.tell(|| Event::Noted { code: note.code().to_owned() });
        }
        self.witness.tell(|| Event::Named { parties: named.len() });
        let several = named.len() > 1;
        for (place, person) in named.into_iter().enumerate() {
            let key = match &key {
                Some(key) if several => Some(format!("{key}.{}", place + 1)),
                key => key.clone(),
            };
            let number = (parties.len() + 1, place == 0);
            let party = self.party(map, context, key, Some(person), number);
            parties.push(party);
        }
    }

    fn key(&mut self, key: Option<&Key>, context: NodeId, place: Place) -> Option<String> {
        let key = key?;
        self.witness.begin(place, "key");
        let key = match key {
            Key::Path(path) => self.text(context, path, place, "key").map(str::to_owned),
            Key::Expression(expression) => match self.computed(expression, context) {
                Ok(Outcome::Text(key)) => Some(key).filter(|key| !key.is_empty()),
                Ok(_) => None,
                Err(failure) => {
                    self.hold(place.issue("key", failure.code));
                    None
                }
            },
        };
        if W::ASKED {
            self.witness.end(key.clone().map(Value::Text).as_ref());
        }
        key
    }

    fn party(
        &mut self,
        map: &Party,
        context: NodeId,
        key: Option<String>,
        named: Option<NamedParty>,
        (number, is_first): (usize, bool),
    ) -> PartyFragment {
        let mut party = PartyFragment {
            by_place: key.is_none() || named.is_some(),
            key: key.unwrap_or_else(|| number.to_string()),
            role: self.role(&map.role, context, Place::Party(number)),
            ..Default::default()
        };
        if let Some(named) = named {
            named.notes.iter().for_each(|one| note(&mut party.issues, "name", one.code()));
            set_names(&mut party.facts, named);
            if W::ASKED {
                for (field, value) in party.facts.fields() {
                    self.witness.begin(Place::Party(number), schema::PARTY[*field as usize].name);
                    self.witness.tell(|| Event::Constant { text: "names".to_owned() });
                    self.witness.end(Some(value));
                }
            }
        }
        let place = Place::Party(number);
        let fields = map.of_others.as_ref().filter(|_| !is_first).unwrap_or(&map.fields);
        self.fill(fields, context, place, &mut party.facts, &mut party.issues);
        party
    }

    fn role(&mut self, role: &Role, context: NodeId, place: Place) -> String {
        let (path, codes, on_error) = match role {
            Role::Fixed(role) => return role.clone(),
            Role::From { path, codes, on_error } => (path, codes, *on_error),
        };
        self.witness.begin(place, "role");
        let text = self.text(context, path, place, "role").unwrap_or_default();
        let meaning = match codes {
            Some(codes) => self.coded(codes, text).map(str::to_owned),
            None => Some(text.to_lowercase()),
        };
        let role = meaning.filter(|role| !role.is_empty()).unwrap_or_else(|| {
            let mut nowhere = String::new();
            self.judge(on_error, place.issue("role", "code_unknown"), &mut nowhere);
            "contact".to_owned()
        });
        if W::ASKED {
            self.witness.end(Some(&Value::Text(role.clone())));
        }
        role
    }

    /// What a code means today.
    fn coded<'c>(&mut self, codes: &'c Codes, code: &str) -> Option<&'c str> {
        let row = codes.row(code, self.on);
        self.witness.tell(|| match row {
            Some(row) => Event::Coded {
                list: codes.list.clone(),
                line: row.line,
                code: row.code.clone(),
                to: row.value.clone(),
                from: row.from,
                until: row.to,
            },
            None => Event::Unlisted {
                list: codes.list.clone(),
                code: code.to_owned(),
                on_other_days: codes.has(code),
            },
        });
        row.map(|row| row.value.as_str())
    }

    fn items(&mut self, list: &List, root: NodeId, issues: &mut String) -> Vec<Item> {
        let mut items = Vec::new();
        let contexts = self.each(&list.each, root, Place::Account, list.name);
        for (number, context) in contexts.into_iter().enumerate() {
            if self.is_too_much(ITEM_BYTES) {
                break;
            }
            let place = Place::Item(list.name, number + 1);
            let mut item = Item::with_capacity(list.fields.len());
            for field in &list.fields {
                if let Some(value) = self.value(field, context, place, issues) {
                    item.push((field.target, value));
                }
            }
            if !item.is_empty() {
                items.push(item);
            }
        }
        items
    }

    fn fill(
        &mut self,
        fields: &[Field],
        context: NodeId,
        place: Place,
        facts: &mut Facts,
        issues: &mut String,
    ) {
        for field in fields {
            if let Some(value) = self.value(field, context, place, issues) {
                facts.set(field.target, value);
            }
        }
    }

    /// The text at a path, blanks around it left out; nothing where it is blank. Which of several is
    /// meant cannot be known: then the record is held, whatever the field's own rule.
    fn text(&mut self, context: NodeId, at: &At, place: Place, what: &str) -> Option<&'r str> {
        let found = self.record.find_only(context, &at.path);
        let text = match found {
            Only::One(node) => Some(self.record.text(node)),
            _ => None,
        };
        let said = text.map(str::trim).filter(|text| !text.is_empty());
        self.witness.tell(|| Event::Looked {
            path: at.written.clone(),
            found: match found {
                Only::Nothing => Found::Nothing,
                Only::One(_) if said.is_none() => Found::Blank,
                Only::One(_) => Found::Text,
                Only::Several => Found::Several,
            },
            text: text.map(str::to_owned),
        });
        self.told_of(context, at);
        if found == Only::Several {
            self.hold(place.issue(what, self.record.repeated_code()));
        }
        said
    }

    /// Whether a name, the first that is not blank, fills the columns that were meant for it, so that more
    /// of it may have been cut off.
    fn may_be_cut(&self, context: NodeId, from: &[At]) -> bool {
        let record = self.record;
        let mut texts = from.iter().filter_map(|at| match record.find_only(context, &at.path) {
            Only::One(node) => Some(node).filter(|node| !record.text(*node).trim().is_empty()),
            _ => None,
        });
        record.has_full() && texts.next().is_some_and(|node| record.fills_its_columns(node))
    }

    /// Notes that the mapping reads here, where somebody asks.
    fn told_of(&mut self, context: NodeId, at: &At) {
        if W::ASKED {
            for node in self.record.find_all(context, &at.path) {
                self.witness.reads(node);
            }
        }
    }

    fn hold(&mut self, found: FieldIssue) {
        self.judge(OnError::Hold, found, &mut String::new());
    }

    fn value(
        &mut self,
        field: &Field,
        context: NodeId,
        place: Place,
        issues: &mut String,
    ) -> Option<Value> {
        if self.said > FRAGMENT_BYTES_MAX {
            return None;
        }
        self.witness.begin(place, &field.name);
        for at in &field.from {
            self.told_of(context, at);
        }
        let value = self.value_of(field, context, place, issues);
        let value = value.filter(|value| !self.is_too_much(weight(value)));
        self.witness.end(value.as_ref());
        value
    }

    fn value_of(
        &mut self,
        field: &Field,
        context: NodeId,
        place: Place,
        issues: &mut String,
    ) -> Option<Value> {
        if let Some(constant) = &field.constant {
            self.witness.tell(|| Event::Constant { text: "value".to_owned() });
            return Some(constant.clone());
        }
        let held = self.held.len();
        let found = match &field.expression {
            None => {
                let mut from = field.from.iter();
                from.find_map(|at| self.text(context, at, place, &field.name)).map(Cow::Borrowed)
            }
            Some(expression) => match self.computed(expression, context) {
                Ok(Outcome::Text(text)) => Some(Cow::Owned(text)),
                Ok(Outcome::Flag(flag)) => Some(Cow::Owned(flag.to_string())),
                Ok(Outcome::Absent) => None,
                Err(failure) => return self.refused(field, failure.code, place, issues),
            },
        };
        if self.held.len() > held {
            return None;
        }
        let text = found.and_then(|text| apply(&field.steps, text, self.witness));
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return self.absent(field, place, issues);
        };
        let coded = match &field.codes {
            Some(codes) => self.coded(codes, &text).ok_or("code_unknown"),
            None => Ok(&*text),
        };
        match coded.and_then(|coded| read(field, coded)) {
            Ok((Some(value), flag)) => {
                let cut = field.is_name && self.may_be_cut(context, &field.from);
                let flag = flag.or(cut.then(|| Note::Cut.code()));
                self.witness
                    .tell(|| Event::Read { kind: field.read_as.clone(), text: value.to_text() });
                if let Some(flag) = flag {
                    self.witness.tell(|| Event::Noted { code: flag.to_owned() });
                    note(issues, &field.name, flag);
                }
                Some(value)
            }
            Ok((None, _)) => {
                self.witness.tell(|| Event::Dropped { because: why_dropped(field, &text) });
                self.absent(field, place, issues)
            }
            Err(code) => self.refused(field, code, place, issues),
        }
    }

    /// What stands in a field that the record says nothing of.
    fn absent(&mut self, field: &Field, place: Place, issues: &mut String) -> Option<Value> {
        if field.required && field.default.is_none() {
            self.judge(OnError::Hold, place.issue(&field.name, "required"), issues);
        }
        self.default(field)
    }

    fn default(&mut self, field: &Field) -> Option<Value> {
        if field.default.is_some() {
            self.witness.tell(|| Event::Defaulted);
        }
        field.default.clone()
    }

    /// What becomes of a field whose value will not do.
    fn refused(
        &mut self,
        field: &Field,
        code: &str,
        place: Place,
        issues: &mut String,
    ) -> Option<Value> {
        let required = field.required && field.on_error == OnError::Null;
        let on_error = if required { OnError::Hold } else { field.on_error };
        self.judge(on_error, place.issue(&field.name, code), issues);
        match on_error {
            OnError::Default => self.default(field),
            _ => None,
        }
    }

    /// Whether a filter leaves the record out. Where that cannot be said, the record is held.
    fn leaves_out(&mut self, filter: &Filter, root: NodeId) -> bool {
        let (at, values) = match &filter.on {
            FilterOn::When(when) => return self.holds(when, root, Place::Account, "filter"),
            FilterOn::Equals(at, values) => (at, values),
        };
        self.witness.begin(Place::Record, "filter");
        let held = self.held.len();
        let text = self.text(root, at, Place::Record, "filter").unwrap_or_default();
        let holds = self.held.len() == held && values.iter().any(|value| value == text);
        self.witness.tell(|| Event::Decided { holds });
        holds
    }

    /// Whether a condition holds. Where it cannot be computed the record is held.
    fn holds(&mut self, when: &Compiled, context: NodeId, place: Place, what: &str) -> bool {
        self.witness.begin(place, what);
        match self.computed(when, context) {
            Ok(outcome) => {
                let holds = outcome == Outcome::Flag(true);
                self.witness.tell(|| Event::Decided { holds });
                holds
            }
            Err(failure) => {
                self.hold(place.issue(what, failure.code));
                false
            }
        }
    }

    fn computed(&mut self, compiled: &Compiled, context: NodeId) -> Result<Outcome, Failure> {
        let expression = &compiled.expression;
        let record = self.record;
        let outcome = expression.run(|number, slot| match &compiled.paths[number] {
            Some(at) => given(record, context, at, slot),
            None => Ok(Given::Absent),
        });
        if W::ASKED {
            let mut reads = Vec::new();
            for (at, slot) in compiled.paths.iter().zip(&expression.slots) {
                let Some(at) = at else { continue };
                self.told_of(context, at);
                reads.push((at.written.clone(), given_text(given(record, context, at, slot))));
            }
            let gave = match &outcome {
                Ok(Outcome::Text(text)) => Some(text.clone()),
                Ok(Outcome::Flag(flag)) => Some(flag.to_string()),
                Ok(Outcome::Absent) | Err(_) => None,
            };
            let (expression, failed) = (expression.text.clone(), outcome.as_ref().err());
            let failed = failed.map(|failure| failure.why);
            self.witness.tell(|| Event::Computed { expression, reads, gave, failed });
        }
        outcome
    }

    fn judge(&mut self, on_error: OnError, found: FieldIssue, issues: &mut String) {
        self.witness.tell(|| Event::Refused { code: found.code.clone(), then: on_error.into() });
        match on_error {
            OnError::Hold => self.held.push(found),
            OnError::Fail => self.failed = Some(found),
            OnError::Null | OnError::Default => {
                let field = found.field.rsplit(' ').next().unwrap_or_default();
                note(issues, field, &found.code);
            }
        }
    }
}

/// What a value weighs, bytes.
fn weight(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.len(),
        Value::Whole(_) | Value::Flag(_) => 8,
    }
}

/// What stands where an expression reads.
fn given(record: &Document, context: NodeId, at: &At, slot: &Slot) -> Result<Given, Failure> {
    let text = |node| record.text(node).trim();
    Ok(match slot {
        Slot::Text(_) => match record.find_only(context, &at.path) {
            Only::Nothing => Given::Text(String::new()),
            Only::One(node) if text(node).len() > TEXT_MAX => return Err(Failure::LIMIT),
            Only::One(node) => Given::Text(text(node).to_owned()),
            Only::Several => {
                return Err(Failure {
                    code: record.repeated_code(),
                    why: "a place that it reads is there more than once",
                });
            }
        },
        Slot::Count(_) => Given::Whole(record.find_all(context, &at.path).len() as i64),
        _ => {
            let nodes = record.find_all(context, &at.path);
            if nodes.len() > TEXTS_MAX {
                return Err(Failure::LIMIT);
            }
            Given::Texts(nodes.into_iter().map(|node| text(node).to_owned()).collect())
        }
    })
}

/// The same in words.
fn given_text(given: Result<Given, Failure>) -> String {
    match given {
        Ok(Given::Text(text)) => format!("{text:?}"),
        Ok(Given::Texts(texts)) => format!("{texts:?}"),
        Ok(Given::Whole(number)) => number.to_string(),
        Ok(Given::Decimal(number)) => number.to_string(),
        Ok(Given::Flag(flag)) => flag.to_string(),
        Ok(Given::Absent) => "nothing".to_owned(),
        Err(failure) => failure.code.to_owned(),
    }
}

fn note(issues: &mut String, field: &str, code: &str) {
    if !issues.is_empty() {
        issues.push(',');
    }
    issues.push_str(field);
    issues.push(':');
    issues.push_str(code);
}

fn set_names(facts: &mut Facts, named: NamedParty) {
    let mut set = |field: &str, text: String| {
        if let Some(id) = schema::party_id(field)
            && !text.is_empty()
        {
            facts.set(id, Value::Text(text));
        }
    };
    let kind = match named.kind {
        PartyKind::Person => "person",
        PartyKind::Estate => "estate",
        PartyKind::Organisation => "organisation",
        PartyKind::Placeholder => "placeholder",
    };
    set("kind", kind.to_owned());
    set("name.title", named.title);
    set("name.given", named.given);
    set("name.middle", named.middle);
    set("name.family", named.family);
    if named.deceased
        && let Some(id) = schema::party_id("deceased")
    {
        facts.set(id, Value::Flag(true));
    }
}
