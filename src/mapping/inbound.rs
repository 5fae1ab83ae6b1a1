//! The inbound translator: one source record, read with the council's mapping, becomes a fragment.
//!
//! Everything that can be decided when the mapping is read is decided then; a record costs one walk to
//! each place a field names. Bad data is a result: the mapping's own rule says hold, empty or default.

use std::borrow::Cow;
use std::collections::HashMap;

use chrono::NaiveDate;

use super::definition::{
    AsType, CodeList, FieldMap, InboundMapping, ListMap, OnError, PartyMap, PathStep, RoleMap,
    SourcePath, Step,
};
use crate::record::document::{self, Document, NodeId, Only, Path};
use crate::record::facts::{Facts, Item, Value};
use crate::record::fragment::{AccountFragment, FieldIssue, Fragment, PartyFragment};
use crate::record::name::{NamedParty, PartyKind, parse_names};
use crate::record::schema::{self, FieldId, Kind, LISTS};
use crate::record::value::date::{DateFormat, is_open_ended, is_placeholder, parse_date};
use crate::record::value::email::Email;
use crate::record::value::nino::Nino;
use crate::record::value::pence::{Pence, PenceFormat};
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

/// A mapping ready to read records with.
#[derive(Debug)]
pub struct Inbound {
    pub name: String,
    pub version: i64,
    account: Option<Account>,
    parties: Vec<Party>,
    filters: Vec<(Path, Vec<String>, String)>,
}

#[derive(Debug)]
struct Account {
    kind: String,
    fields: Vec<Field>,
    lists: Vec<List>,
}

#[derive(Debug)]
struct List {
    id: FieldId,
    each: Path,
    fields: Vec<Field>,
}

#[derive(Debug)]
struct Party {
    each: Option<Path>,
    names: Option<Path>,
    key: Option<Path>,
    role: Role,
    fields: Vec<Field>,
}

#[derive(Debug)]
enum Role {
    Fixed(String),
    From { path: Path, codes: Option<Codes>, on_error: OnError },
}

#[derive(Debug)]
struct Field {
    target: FieldId,
    name: String,
    from: Vec<Path>,
    constant: Option<Value>,
    steps: Vec<Step>,
    codes: Option<Codes>,
    read: Read,
    drop_placeholder: bool,
    drop_open_ended: bool,
    default: Option<Value>,
    required: bool,
    on_error: OnError,
}

#[derive(Debug)]
enum Read {
    Text,
    Nino,
    Uprn,
    Postcode,
    Phone,
    Email,
    Whole,
    Decimal,
    Flag(Vec<String>, Vec<String>),
    Pence(PenceFormat),
    Date(Vec<DateFormat>),
}

/// A code, and what it meant from when to when.
#[derive(Debug)]
struct Codes(HashMap<String, Vec<Meaning>>);

/// What a code meant, and the first and last day on which it did.
type Meaning = (String, Option<NaiveDate>, Option<NaiveDate>);

impl Codes {
    fn of(list: &CodeList) -> Codes {
        let mut codes: HashMap<String, Vec<_>> = HashMap::new();
        for row in &list.rows {
            let meaning = (row.value.clone(), row.from, row.to);
            codes.entry(row.code.trim().to_owned()).or_default().push(meaning);
        }
        Codes(codes)
    }

    fn meaning(&self, code: &str, on: NaiveDate) -> Option<&str> {
        let meanings = self.0.get(code.trim())?;
        let valid = meanings.iter().find(|(_, from, to)| {
            from.is_none_or(|from| from <= on) && to.is_none_or(|to| on <= to)
        });
        valid.map(|(value, ..)| value.as_str())
    }
}

impl Inbound {
    /// Makes a checked mapping ready. `namespace` says what a prefix in a path stands for. Fields that
    /// a check would have refused are left out: check first.
    pub fn new(mapping: &InboundMapping, namespace: &dyn Fn(&str) -> Option<String>) -> Inbound {
        let path = |from: &SourcePath| compile_path(from, namespace);
        let fields = |maps: &[FieldMap], kind_of: &dyn Fn(&str) -> Option<(FieldId, Kind)>| {
            let mut fields: Vec<Field> =
                maps.iter().filter_map(|map| compile_field(map, kind_of, &path)).collect();
            fields.sort_by_key(|field| field.target);
            fields
        };
        let list = |map: &ListMap| {
            let id = LISTS.iter().position(|list| list.name == map.name.value)?;
            let of_list = |name: &str| {
                let place = LISTS[id].fields.iter().position(|field| field.name == name)?;
                Some((place as FieldId, LISTS[id].fields[place].kind))
            };
            let fields = fields(&map.fields, &of_list);
            Some(List { id: id as FieldId, each: path(&map.each), fields })
        };
        let party = |map: &PartyMap| Party {
            each: map.each.as_ref().map(path),
            names: map.names.as_ref().map(path),
            key: map.key.as_ref().map(path),
            role: match &map.role {
                RoleMap::Fixed(role) => Role::Fixed(role.clone()),
                RoleMap::From { path: from, codes, on_error } => Role::From {
                    path: path(from),
                    codes: codes.as_ref().map(Codes::of),
                    on_error: *on_error,
                },
            },
            fields: fields(&map.fields, &|name| {
                schema::party_id(name).map(|id| (id, schema::PARTY[id as usize].kind))
            }),
        };
        Inbound {
            name: mapping.name.clone(),
            version: mapping.version as i64,
            account: mapping.account.as_ref().map(|account| Account {
                kind: account.kind.clone(),
                fields: fields(&account.fields, &|name| {
                    schema::account_id(name).map(|id| (id, schema::ACCOUNT[id as usize].kind))
                }),
                lists: account.lists.iter().filter_map(list).collect(),
            }),
            parties: mapping.parties.iter().map(party).collect(),
            filters: (mapping.filter.iter())
                .map(|rule| (path(&rule.path), rule.equals.clone(), rule.because.clone()))
                .collect(),
        }
    }

    /// Reads a record. `on` is the day for which codes are looked up.
    pub fn translate(&self, record: &Document, on: NaiveDate) -> Translation {
        let Some(root) = record.root() else {
            return Translation::Held(vec![issue("record", "record_empty")]);
        };
        for (path, values, because) in &self.filters {
            let text = match record.find_only(root, path) {
                Only::Nothing => "",
                Only::One(node) => record.text(node).trim(),
                Only::Several => {
                    return Translation::Held(vec![issue("filter", record.repeated_code())]);
                }
            };
            if values.iter().any(|value| value == text) {
                return Translation::Filtered(because.clone());
            }
        }
        let mut walk = Walk { record, on, held: Vec::new(), failed: None };
        let fragment = self.fragment(&mut walk, root);
        match (walk.failed, walk.held) {
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
}

impl<'r> Walk<'r> {
    fn parties(&mut self, map: &Party, context: NodeId, parties: &mut Vec<PartyFragment>) {
        let place = Place::Party(parties.len() + 1);
        let key = map.key.as_ref().and_then(|path| self.text(context, path, place, "key"));
        let key = key.map(str::to_owned);
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
        if field.constant.is_some() {
            return field.constant.clone();
        }
        let held = self.held.len();
        let found = field.from.iter().find_map(|path| self.text(context, path, place, &field.name));
        if self.held.len() > held {
            return None;
        }
        let stepped = found.and_then(|text| apply(&field.steps, text));
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
            Err(code) => {
                let required = field.required && field.on_error == OnError::Null;
                let on_error = if required { OnError::Hold } else { field.on_error };
                self.judge(on_error, place.issue(&field.name, code), issues);
                match on_error {
                    OnError::Default => field.default.clone(),
                    _ => None,
                }
            }
        }
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

fn compile_path(from: &SourcePath, namespace: &dyn Fn(&str) -> Option<String>) -> Path {
    let steps = from.steps.iter().map(|step| {
        let (ns, name, attribute) = match step {
            PathStep::Child { ns, name } => (ns, name, false),
            PathStep::Attribute { ns, name } => (ns, name, true),
        };
        let space = ns.as_ref().map(|ns| namespace(ns).unwrap_or_else(|| ns.clone()));
        document::Step::new(space, name.clone(), attribute)
    });
    Path { up: from.up, steps: steps.collect() }
}

fn compile_field(
    map: &FieldMap,
    kind_of: &dyn Fn(&str) -> Option<(FieldId, Kind)>,
    path: &dyn Fn(&SourcePath) -> Path,
) -> Option<Field> {
    let (target, kind) = kind_of(&map.target.value)?;
    let read = compile_read(&map.kind, kind)?;
    let has = |step: &Step| map.via.contains(step);
    let typed = |text: &str| match &read {
        Read::Pence(_) | Read::Whole => text.parse().ok().map(Value::Whole),
        Read::Flag(..) => text.parse().ok().map(Value::Flag),
        _ => Some(Value::Text(text.to_owned())),
    };
    Some(Field {
        target,
        name: map.target.value.clone(),
        from: map.from.iter().map(path).collect(),
        constant: map.value.as_deref().and_then(typed),
        steps: map.via.clone(),
        codes: map.codes.as_ref().map(Codes::of),
        drop_placeholder: has(&Step::DropPlaceholderDates),
        drop_open_ended: has(&Step::OpenEndedDates),
        default: map.default.as_deref().and_then(typed),
        required: map.required,
        on_error: map.on_error,
        read,
    })
}

fn compile_read(kind: &AsType, target: Kind) -> Option<Read> {
    Some(match kind {
        AsType::Text => Read::Text,
        AsType::Nino => Read::Nino,
        AsType::Uprn => Read::Uprn,
        AsType::Postcode => Read::Postcode,
        AsType::Phone => Read::Phone,
        AsType::Email => Read::Email,
        AsType::Whole => Read::Whole,
        AsType::Decimal => Read::Decimal,
        AsType::Flag { yes, no } => Read::Flag(yes.clone(), no.clone()),
        AsType::Pence(format) => Read::Pence(PenceFormat::from_word(format)?),
        AsType::Date(formats) => {
            let formats = formats.iter().map(|format| DateFormat::new(format).ok());
            Read::Date(formats.collect::<Option<_>>()?)
        }
        AsType::ByTarget => match target {
            Kind::Text => Read::Text,
            Kind::Nino => Read::Nino,
            Kind::Uprn => Read::Uprn,
            Kind::Postcode => Read::Postcode,
            Kind::Phone => Read::Phone,
            Kind::Email => Read::Email,
            Kind::Whole => Read::Whole,
            Kind::Decimal => Read::Decimal,
            Kind::Flag => Read::Flag(vec!["true".to_owned()], vec!["false".to_owned()]),
            Kind::Pence => Read::Pence(PenceFormat::from_word("decimal_pounds")?),
            Kind::Date => return None,
        },
    })
}
