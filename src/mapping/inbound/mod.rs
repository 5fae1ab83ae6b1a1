//! The inbound translator: one source record, read with the council's mapping, becomes a fragment.
//!
//! Everything that can be decided when the mapping is read is decided then; a record costs one walk to
//! each place a field names. Bad data is a result: the mapping's own rule says hold, empty or default.

mod compile;

use std::borrow::Cow;

use chrono::NaiveDate;

use self::compile::{Account, Compiled, Field, Filter, FilterOn, Key, List, Party, Read, Role};
use super::definition::{OnError, Step};
use super::expression::{Failure, Given, Outcome, Slot, TEXT_MAX, TEXTS_MAX};
use crate::record::document::{Document, NodeId, Only, Path};
use crate::record::facts::{Facts, Item, Value};
use crate::record::fragment::{AccountFragment, FieldIssue, Fragment, PartyFragment};
use crate::record::name::{NamedParty, PartyKind, parse_names};
use crate::record::personal::unprinted;
use crate::record::schema;
use crate::record::value::date::{is_open_ended, is_placeholder, parse_date};
use crate::record::value::email::Email;
use crate::record::value::nino::Nino;
use crate::record::value::pence::Pence;
use crate::record::value::phone::Phone;
use crate::record::value::postcode::Postcode;
use crate::record::value::spelling::title_case;
use crate::record::value::uprn::Uprn;

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

/// How one field was read.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Explained {
    /// `account`, `party 1`.
    pub place: String,
    pub field: String,
    /// The path that it was read at, `expr` where it was computed, `value` where it is a constant.
    pub from: Option<String>,
    /// What stands there.
    pub found: Option<String>,
    /// What the steps and the code list made of it, where that is something else.
    pub stepped: Option<String>,
    /// What the field then holds; nothing where it is empty.
    pub value: Option<String>,
    /// The code of what is wrong with it, or notable.
    pub issue: Option<String>,
}

/// A mapping ready to read records with.
#[derive(Debug)]
pub struct Inbound {
    pub name: String,
    pub version: i64,
    account: Option<Account>,
    parties: Vec<Party>,
    filters: Vec<Filter>,
}

impl Inbound {
    /// Reads a record. `on` is the day for which codes are looked up.
    pub fn translate(&self, record: &Document, on: NaiveDate) -> Translation {
        let Some(root) = record.root() else {
            return Translation::Held(vec![issue("record", "record_empty")]);
        };
        let mut walk = Walk { record, on, held: Vec::new(), failed: None, told: None };
        self.walk(&mut walk, root)
    }

    /// Reads a record as [`Inbound::translate`] does, and tells of each field where its value came from.
    pub fn explain(&self, record: &Document, on: NaiveDate) -> (Translation, Vec<Explained>) {
        let Some(root) = record.root() else {
            return (Translation::Held(vec![issue("record", "record_empty")]), Vec::new());
        };
        let mut walk = Walk { record, on, held: Vec::new(), failed: None, told: Some(Vec::new()) };
        let translation = self.walk(&mut walk, root);
        (translation, walk.told.unwrap_or_default())
    }

    fn walk(&self, walk: &mut Walk<'_>, root: NodeId) -> Translation {
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
        match (walk.failed.take(), std::mem::take(&mut walk.held)) {
            (Some(issue), _) => Translation::Failed(issue),
            (None, held) if held.is_empty() => Translation::Published(fragment),
            (None, held) => Translation::Held(held),
        }
    }

    fn fragment(&self, walk: &mut Walk<'_>, root: NodeId) -> Fragment {
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
                Some(each) => walk.record.find_all(root, each),
                None => vec![root],
            };
            for context in contexts {
                walk.parties(map, context, &mut fragment.parties);
            }
        }
        fragment
    }
}

/// Where an issue is: in the account, or in the n-th party.
#[derive(Clone, Copy)]
enum Place {
    Account,
    Party(usize),
}

impl Place {
    fn word(self) -> String {
        match self {
            Place::Account => "account".to_owned(),
            Place::Party(number) => format!("party {number}"),
        }
    }

    fn issue(self, field: &str, code: &str) -> FieldIssue {
        match self {
            Place::Account => issue(&format!("account {field}"), code),
            Place::Party(number) => issue(&format!("party {number} {field}"), code),
        }
    }
}

fn issue(field: &str, code: &str) -> FieldIssue {
    FieldIssue { field: field.to_owned(), code: code.to_owned() }
}

/// One record being read.
struct Walk<'r> {
    record: &'r Document,
    on: NaiveDate,
    held: Vec<FieldIssue>,
    failed: Option<FieldIssue>,
    /// Of each field how it was read, where somebody asks.
    told: Option<Vec<Explained>>,
}

impl<'r> Walk<'r> {
    fn parties(&mut self, map: &Party, context: NodeId, parties: &mut Vec<PartyFragment>) {
        let place = Place::Party(parties.len() + 1);
        if let Some(when) = &map.when
            && !self.holds(when, context, place, "when")
        {
            return;
        }
        let key = match &map.key {
            None => None,
            Some(Key::Path(path)) => self.text(context, path, place, "key").map(str::to_owned),
            Some(Key::Expression(expression)) => match self.computed(expression, context) {
                Ok(Outcome::Text(key)) => Some(key).filter(|key| !key.is_empty()),
                Ok(_) => None,
                Err(failure) => {
                    self.held.push(place.issue("key", failure.0));
                    None
                }
            },
        };
        let Some(names) = &map.names else {
            let party = self.party(map, context, key, None, parties.len() + 1);
            parties.push(party);
            return;
        };
        let named = self.text(context, names, place, "names").unwrap_or_default();
        let named = parse_names(named);
        let several = named.len() > 1;
        for (place, person) in named.into_iter().enumerate() {
            let key = match &key {
                Some(key) if several => Some(format!("{key}.{}", place + 1)),
                key => key.clone(),
            };
            let party = self.party(map, context, key, Some(person), parties.len() + 1);
            parties.push(party);
        }
    }

    fn party(
        &mut self,
        map: &Party,
        context: NodeId,
        key: Option<String>,
        named: Option<NamedParty>,
        number: usize,
    ) -> PartyFragment {
        let mut party = PartyFragment {
            key: key.unwrap_or_else(|| number.to_string()),
            role: self.role(&map.role, context, Place::Party(number)),
            ..Default::default()
        };
        if let Some(named) = named {
            set_names(&mut party.facts, named);
        }
        let place = Place::Party(number);
        self.fill(&map.fields, context, place, &mut party.facts, &mut party.issues);
        party
    }

    fn role(&mut self, role: &Role, context: NodeId, place: Place) -> String {
        let (path, codes, on_error) = match role {
            Role::Fixed(role) => return role.clone(),
            Role::From { path, codes, on_error } => (path, codes, *on_error),
        };
        let text = self.text(context, path, place, "role").unwrap_or_default();
        let meaning = match codes {
            Some(codes) => codes.meaning(text, self.on).map(str::to_owned),
            None => Some(text.to_lowercase()),
        };
        meaning.filter(|role| !role.is_empty()).unwrap_or_else(|| {
            let mut nowhere = String::new();
            self.judge(on_error, place.issue("role", "code_unknown"), &mut nowhere);
            "contact".to_owned()
        })
    }

    fn items(&mut self, list: &List, root: NodeId, issues: &mut String) -> Vec<Item> {
        let mut items = Vec::new();
        for context in self.record.find_all(root, &list.each) {
            let mut item = Item::with_capacity(list.fields.len());
            for field in &list.fields {
                if let Some(value) = self.value(field, context, Place::Account, issues) {
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
    fn text(&mut self, context: NodeId, path: &Path, place: Place, what: &str) -> Option<&'r str> {
        match self.record.find_only(context, path) {
            Only::Nothing => None,
            Only::One(node) => Some(self.record.text(node).trim()).filter(|text| !text.is_empty()),
            Only::Several => {
                self.held.push(place.issue(what, self.record.repeated_code()));
                None
            }
        }
    }

    fn value(
        &mut self,
        field: &Field,
        context: NodeId,
        place: Place,
        issues: &mut String,
    ) -> Option<Value> {
        if self.told.is_none() {
            return self.value_of(field, context, place, issues);
        }
        let (held, noted) = (self.held.len(), issues.len());
        let told =
            Explained { place: place.word(), field: field.name.clone(), ..Default::default() };
        self.told.get_or_insert_default().push(told);
        let value = self.value_of(field, context, place, issues);
        let failed = self.failed.as_ref().map(|issue| issue.code.clone());
        let issue = self.held.get(held).map(|issue| issue.code.clone()).or(failed);
        let noted = issues[noted..].rsplit(':').next().filter(|code| !code.is_empty());
        let issue = issue.or_else(|| noted.map(str::to_owned));
        if let Some(last) = self.told.as_mut().and_then(|told| told.last_mut()) {
            last.value = value.as_ref().map(Value::to_text);
            last.issue = issue;
        }
        value
    }

    /// Notes where a field's text was found, where somebody asks.
    fn tell(&mut self, from: &str, found: &str, stepped: Option<&str>) {
        if let Some(last) = self.told.as_mut().and_then(|told| told.last_mut()) {
            last.from = Some(from.to_owned());
            last.found = Some(found.to_owned());
            last.stepped = stepped.filter(|stepped| *stepped != found).map(str::to_owned);
        }
    }

    fn value_of(
        &mut self,
        field: &Field,
        context: NodeId,
        place: Place,
        issues: &mut String,
    ) -> Option<Value> {
        if let Some(constant) = &field.constant {
            self.tell("value", &constant.to_text(), None);
            return field.constant.clone();
        }
        let held = self.held.len();
        let found = match &field.expression {
            None => field.from.iter().find_map(|(path, written)| {
                let text = self.text(context, path, place, &field.name)?;
                Some((Cow::Borrowed(text), written.as_str()))
            }),
            Some(expression) => match self.computed(expression, context) {
                Ok(Outcome::Text(text)) => Some((Cow::Owned(text), "expr")),
                Ok(Outcome::Flag(flag)) => Some((Cow::Owned(flag.to_string()), "expr")),
                Ok(Outcome::Absent) => None,
                Err(failure) => return self.refused(field, failure.0, place, issues),
            },
        };
        if self.held.len() > held {
            return None;
        }
        let stepped = found.as_ref().and_then(|(text, _)| apply(&field.steps, text));
        if let (Some((text, from)), true) = (&found, self.told.is_some()) {
            let coded = field.codes.as_ref().zip(stepped.as_deref());
            let meaning = coded.and_then(|(codes, code)| codes.meaning(code, self.on));
            self.tell(from, text, meaning.or(stepped.as_deref()));
        }
        let Some(text) = stepped.filter(|text| !text.is_empty()) else {
            if field.required && field.default.is_none() {
                self.held.push(place.issue(&field.name, "required"));
            }
            return field.default.clone();
        };
        match self.read(field, &text) {
            Ok((value, flag)) => {
                if let Some(flag) = flag {
                    note(issues, &field.name, flag);
                }
                if value.is_none() && field.required && field.default.is_none() {
                    self.held.push(place.issue(&field.name, "required"));
                }
                value.or_else(|| field.default.clone())
            }
            Err(code) => self.refused(field, code, place, issues),
        }
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
            OnError::Default => field.default.clone(),
            _ => None,
        }
    }

    /// Whether a filter leaves the record out. Where that cannot be said, the record is held.
    fn leaves_out(&mut self, filter: &Filter, root: NodeId) -> bool {
        let (path, values) = match &filter.on {
            FilterOn::When(when) => return self.holds(when, root, Place::Account, "filter"),
            FilterOn::Equals(path, values) => (path, values),
        };
        let text = match self.record.find_only(root, path) {
            Only::Nothing => "",
            Only::One(node) => self.record.text(node).trim(),
            Only::Several => {
                self.held.push(issue("filter", self.record.repeated_code()));
                return false;
            }
        };
        values.iter().any(|value| value == text)
    }

    /// Whether a condition holds. Where it cannot be computed the record is held.
    fn holds(&mut self, when: &Compiled, context: NodeId, place: Place, what: &str) -> bool {
        match self.computed(when, context) {
            Ok(outcome) => outcome == Outcome::Flag(true),
            Err(failure) => {
                self.held.push(place.issue(what, failure.0));
                false
            }
        }
    }

    fn computed(&self, compiled: &Compiled, context: NodeId) -> Result<Outcome, Failure> {
        compiled.expression.run(|number, slot| {
            let Some(path) = &compiled.paths[number] else { return Ok(Given::Absent) };
            let text = |node| self.record.text(node).trim();
            Ok(match slot {
                Slot::Text(_) => match self.record.find_only(context, path) {
                    Only::Nothing => Given::Text(String::new()),
                    Only::One(node) if text(node).len() > TEXT_MAX => return Err(Failure::LIMIT),
                    Only::One(node) => Given::Text(text(node).to_owned()),
                    Only::Several => return Err(Failure(self.record.repeated_code())),
                },
                Slot::Count(_) => Given::Whole(self.record.find_all(context, path).len() as i64),
                _ => {
                    let nodes = self.record.find_all(context, path);
                    if nodes.len() > TEXTS_MAX {
                        return Err(Failure::LIMIT);
                    }
                    Given::Texts(nodes.into_iter().map(|node| text(node).to_owned()).collect())
                }
            })
        })
    }

    fn judge(&mut self, on_error: OnError, found: FieldIssue, issues: &mut String) {
        match on_error {
            OnError::Hold => self.held.push(found),
            OnError::Fail => self.failed = Some(found),
            OnError::Null | OnError::Default => {
                let field = found.field.rsplit(' ').next().unwrap_or_default();
                note(issues, field, &found.code);
            }
        }
    }

    /// The value, and a flag where it is of a range that no real resident has.
    fn read(
        &self,
        field: &Field,
        text: &str,
    ) -> Result<(Option<Value>, Option<&'static str>), &'static str> {
        let coded = match &field.codes {
            Some(codes) => codes.meaning(text, self.on).ok_or("code_unknown")?,
            None => text,
        };
        let kept = |text: &str| Some(Value::Text(text.to_owned()));
        Ok(match &field.read {
            Read::Text => (kept(coded), None),
            Read::Nino => {
                let nino = match Nino::parse(coded) {
                    // Blank and temporary numbers would join strangers: they are no number at all.
                    Err(error) if error.code == "nino_temporary" => return Ok((None, None)),
                    read => read.map_err(|error| error.code)?,
                };
                (kept(nino.as_str()), nino.is_test_range().then_some("nino_test_range"))
            }
            Read::Uprn => {
                let uprn = Uprn::parse(coded).map_err(|error| error.code)?;
                let value = Value::Text(uprn.value().to_string());
                (Some(value), uprn.is_test_range().then_some("uprn_test_range"))
            }
            Read::Postcode => {
                let postcode = Postcode::parse(coded).map_err(|error| error.code)?;
                let flag = postcode.is_test_range().then_some("postcode_test_range");
                (kept(postcode.as_str()), flag)
            }
            Read::Phone => {
                let phone = Phone::parse(coded).map_err(|error| error.code)?;
                (kept(phone.as_str()), phone.is_test_range().then_some("phone_test_range"))
            }
            Read::Email => {
                let email = Email::parse(coded).map_err(|error| error.code)?;
                (kept(email.as_str()), email.is_test_range().then_some("email_test_range"))
            }
            Read::Whole => {
                let number = coded.parse().map_err(|_| "whole_wrong_shape")?;
                (Some(Value::Whole(number)), None)
            }
            Read::Decimal => {
                let wrong = coded.parse::<f64>().is_err() || coded.contains(['e', 'E', 'n', 'N']);
                if wrong {
                    return Err("decimal_wrong_shape");
                }
                (kept(coded), None)
            }
            Read::Flag(yes, no) => {
                let is = |words: &[String]| words.iter().any(|word| word == coded);
                match (is(yes), is(no)) {
                    (true, _) => (Some(Value::Flag(true)), None),
                    (_, true) => (Some(Value::Flag(false)), None),
                    _ => return Err("flag_unknown"),
                }
            }
            Read::Pence(format) => {
                let pence = Pence::parse(coded, *format).map_err(|error| error.code)?;
                (Some(Value::Whole(pence.value())), None)
            }
            Read::Date(formats) => {
                let date = parse_date(coded, formats).map_err(|error| error.code)?;
                let dropped = (field.drop_placeholder && is_placeholder(date))
                    || (field.drop_open_ended && is_open_ended(date));
                ((!dropped).then(|| Value::Text(iso(date))), None)
            }
        })
    }
}

fn iso(date: NaiveDate) -> String {
    use chrono::Datelike;
    let (year, month, day) = (date.year(), date.month(), date.day());
    let digit = |number: u32| char::from(b'0' + (number % 10) as u8);
    let year = year.unsigned_abs();
    let mut text = String::with_capacity(10);
    for number in [year / 1000, year / 100, year / 10, year] {
        text.push(digit(number));
    }
    for number in [month, day] {
        text.push('-');
        text.push(digit(number / 10));
        text.push(digit(number));
    }
    text
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

/// The text after its steps; nothing where a step says that it is none.
fn apply<'t>(steps: &[Step], text: &'t str) -> Option<Cow<'t, str>> {
    let mut text = Cow::Borrowed(text);
    for step in steps {
        text = match step {
            Step::Trim => match text {
                Cow::Borrowed(text) => Cow::Borrowed(text.trim()),
                Cow::Owned(text) => Cow::Owned(text.trim().to_owned()),
            },
            Step::CollapseSpaces => {
                Cow::Owned(text.split_whitespace().collect::<Vec<_>>().join(" "))
            }
            Step::UpperCase => Cow::Owned(text.to_uppercase()),
            Step::LowerCase => Cow::Owned(text.to_lowercase()),
            Step::TitleCase => Cow::Owned(title_case(&text)),
            Step::DigitsOnly => {
                Cow::Owned(text.chars().filter(char::is_ascii_digit).collect::<String>())
            }
            Step::StripLeadingZeros => Cow::Owned(text.trim_start_matches('0').to_owned()),
            Step::Prefix(prefix) => Cow::Owned(format!("{prefix}{text}")),
            Step::NoneIf(words) if words.iter().any(|word| *word == text.as_ref()) => return None,
            Step::NoneIf(_) | Step::DropPlaceholderDates | Step::OpenEndedDates => text,
        };
    }
    Some(text)
}

unprinted!(Explained);
