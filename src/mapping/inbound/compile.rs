//! A checked mapping made ready: everything that can be decided before the first record is decided here.

use std::collections::HashMap;

use chrono::NaiveDate;

use super::Inbound;
use super::hold::Hold;
use crate::mapping::definition::{
    AsType, CodeList, CodeRow, FieldMap, FilterOn as FilterOnMap, FilterRule, InboundMapping,
    KeyMap, ListMap, OnError, PartyMap, PathStep, RoleMap, SourcePath, Step,
};
use crate::mapping::expression::Expression;
use crate::record::document::{self, Path};
use crate::record::facts::Value;
use crate::record::schema::{self, FieldId, Kind, LISTS};
use crate::record::value::date::DateFormat;
use crate::record::value::pence::PenceFormat;

#[derive(Debug)]
pub struct Account {
    pub kind: String,
    pub fields: Vec<Field>,
    pub lists: Vec<List>,
}

/// A path, and how the mapping writes it.
#[derive(Debug)]
pub struct At {
    pub path: Path,
    pub written: String,
}

#[derive(Debug)]
pub struct List {
    pub id: FieldId,
    pub name: &'static str,
    pub each: At,
    pub fields: Vec<Field>,
}

#[derive(Debug)]
pub struct Party {
    pub each: Option<At>,
    pub names: Option<At>,
    /// One of its fields is a part of a name.
    pub names_people: bool,
    pub when: Option<Compiled>,
    pub key: Option<Key>,
    pub role: Role,
    pub fields: Vec<Field>,
    /// Those of everybody but the first whom one text names.
    pub of_others: Option<Vec<Field>>,
}

/// What tells a party from the others of its record.
#[derive(Debug)]
pub enum Key {
    Path(At),
    Expression(Compiled),
}

/// A row that is left out on purpose.
#[derive(Debug)]
pub struct Filter {
    pub on: FilterOn,
    pub because: String,
}

#[derive(Debug)]
pub enum FilterOn {
    Equals(At, Vec<String>),
    When(Compiled),
}

/// An expression, and for each of its slots the path that it reads.
#[derive(Debug)]
pub struct Compiled {
    pub expression: Expression,
    pub paths: Vec<Option<At>>,
}

#[derive(Debug)]
pub enum Role {
    Fixed(String),
    From { path: At, codes: Option<Codes>, on_error: OnError },
}

#[derive(Debug)]
pub struct Field {
    pub target: FieldId,
    pub name: String,
    /// It is a part of a person's name.
    pub is_name: bool,
    /// Where it is read; the first that is not empty wins.
    pub from: Vec<At>,
    pub expression: Option<Compiled>,
    pub constant: Option<Value>,
    pub steps: Vec<Step>,
    pub codes: Option<Codes>,
    pub read: Read,
    /// As what the text is read, in the mapping's words.
    pub read_as: String,
    pub drop_placeholder: bool,
    pub drop_open_ended: bool,
    pub default: Option<Value>,
    pub required: bool,
    pub on_error: OnError,
}

#[derive(Debug)]
pub enum Read {
    Text,
    Nino,
    Nhs,
    SortCode,
    BankAccount,
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

/// A code list, by code.
#[derive(Debug)]
pub struct Codes {
    /// Where it stands below `mappings/`.
    pub list: String,
    rows: HashMap<String, Vec<CodeRow>>,
}

impl Codes {
    pub fn of(list: &CodeList) -> Codes {
        let mut rows: HashMap<String, Vec<_>> = HashMap::new();
        for row in &list.rows {
            rows.entry(row.code.trim().to_owned()).or_default().push(row.clone());
        }
        Codes { list: list.name.clone(), rows }
    }

    /// What the code means on that day.
    pub fn row(&self, code: &str, on: NaiveDate) -> Option<&CodeRow> {
        let rows = self.rows.get(code.trim())?;
        rows.iter()
            .find(|row| row.from.is_none_or(|from| from <= on) && row.to.is_none_or(|to| on <= to))
    }

    /// Whether it means something on some day.
    pub fn has(&self, code: &str) -> bool {
        self.rows.contains_key(code.trim())
    }
}

impl Inbound {
    /// Makes a checked mapping ready. `namespace` says what a prefix in a path stands for. Fields that
    /// a check would have refused are left out: check first.
    pub fn new(mapping: &InboundMapping, namespace: &dyn Fn(&str) -> Option<String>) -> Inbound {
        let path = |from: &SourcePath| At {
            path: compile_path(from, namespace),
            written: from.text.clone(),
        };
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
            let name = LISTS[id].name;
            Some(List { id: id as FieldId, name, each: path(&map.each), fields })
        };
        let party_field =
            |name: &str| schema::party_id(name).map(|id| (id, schema::PARTY[id as usize].kind));
        let party = |map: &PartyMap| Party {
            each: map.each.as_ref().map(path),
            names: map.names.as_ref().map(path),
            names_people: map.fields.iter().any(|field| is_name(&field.target.value)),
            when: map.when.as_ref().map(|when| compiled(when, &path)),
            key: map.key.as_ref().map(|key| match key {
                KeyMap::Path(from) => Key::Path(path(from)),
                KeyMap::Expression(expression) => Key::Expression(compiled(expression, &path)),
            }),
            role: match &map.role {
                RoleMap::Fixed(role) => Role::Fixed(role.clone()),
                RoleMap::From { path: from, codes, on_error } => Role::From {
                    path: path(from),
                    codes: codes.as_ref().map(Codes::of),
                    on_error: *on_error,
                },
            },
            of_others: (!map.of_first.is_empty()).then(|| {
                fields(&map.fields, &|name| {
                    party_field(name).filter(|(id, _)| !map.of_first.contains(id))
                })
            }),
            fields: fields(&map.fields, &party_field),
        };
        let filter = |rule: &FilterRule| Filter {
            on: match &rule.on {
                FilterOnMap::Equals { path: from, equals } => {
                    FilterOn::Equals(path(from), equals.clone())
                }
                FilterOnMap::When(when) => FilterOn::When(compiled(when, &path)),
            },
            because: rule.because.clone(),
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
            hold: mapping.hold.as_ref().map(|hold| Hold {
                fields: fields(&hold.fields, &|name| {
                    schema::hold_id(name).map(|id| (id, schema::HOLD[id as usize].kind))
                }),
                debts: hold.debts.iter().map(path).collect(),
                kinds: hold.kinds.clone(),
            }),
            filters: mapping.filter.iter().map(filter).collect(),
        }
    }
}

fn compiled(expression: &Expression, path: &dyn Fn(&SourcePath) -> At) -> Compiled {
    let paths = expression.slots.iter().map(|slot| slot.path().map(path));
    Compiled { paths: paths.collect(), expression: expression.clone() }
}

fn compile_path(from: &SourcePath, namespace: &dyn Fn(&str) -> Option<String>) -> Path {
    let steps = from.steps.iter().map(|step| {
        let (ns, name, attribute, only) = match step {
            PathStep::Child { ns, name, only } => (ns, name, false, only.clone()),
            PathStep::Attribute { ns, name } => (ns, name, true, None),
        };
        let space = ns.as_ref().map(|ns| namespace(ns).unwrap_or_else(|| ns.clone()));
        let step = document::Step::new(space, name.clone(), attribute);
        match only {
            Some(only) => step.only(only),
            None => step,
        }
    });
    Path { up: from.up, steps: steps.collect() }
}

fn compile_field(
    map: &FieldMap,
    kind_of: &dyn Fn(&str) -> Option<(FieldId, Kind)>,
    path: &dyn Fn(&SourcePath) -> At,
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
        is_name: is_name(&map.target.value),
        from: map.from.iter().map(path).collect(),
        expression: map.expr.as_ref().map(|expression| compiled(expression, path)),
        constant: map.value.as_deref().and_then(typed),
        steps: map.via.clone(),
        codes: map.codes.as_ref().map(Codes::of),
        drop_placeholder: has(&Step::DropPlaceholderDates),
        drop_open_ended: has(&Step::OpenEndedDates),
        default: map.default.as_deref().and_then(typed),
        required: map.required,
        on_error: map.on_error,
        read,
        read_as: read_as(&map.kind, kind),
    })
}

/// Whether a field is a part of what a person is called. A title alone is none.
pub fn is_name(field: &str) -> bool {
    field.starts_with("name.") && field != "name.title"
}

/// As what a text is read, as a mapping would say it.
fn read_as(kind: &AsType, target: Kind) -> String {
    match kind {
        AsType::ByTarget if target == Kind::Pence => "pence decimal_pounds".to_owned(),
        AsType::ByTarget => target.word().to_owned(),
        AsType::Text => "text".to_owned(),
        AsType::Nino => "nino".to_owned(),
        AsType::Nhs => "nhs".to_owned(),
        AsType::SortCode => "sort_code".to_owned(),
        AsType::BankAccount => "bank_account".to_owned(),
        AsType::Uprn => "uprn".to_owned(),
        AsType::Postcode => "postcode".to_owned(),
        AsType::Phone => "phone".to_owned(),
        AsType::Email => "email".to_owned(),
        AsType::Whole => "whole".to_owned(),
        AsType::Decimal => "decimal".to_owned(),
        // The usual words are many, and say nothing new.
        AsType::Flag { yes, .. } if yes.len() > 3 => "flag".to_owned(),
        AsType::Flag { yes, no } => format!("flag: yes {}, no {}", yes.join("|"), no.join("|")),
        AsType::Pence(format) => format!("pence {format}"),
        AsType::Date { formats, .. } => format!("date {}", formats.join(" or ")),
    }
}

fn compile_read(kind: &AsType, target: Kind) -> Option<Read> {
    Some(match kind {
        AsType::Text => Read::Text,
        AsType::Nino => Read::Nino,
        AsType::Nhs => Read::Nhs,
        AsType::SortCode => Read::SortCode,
        AsType::BankAccount => Read::BankAccount,
        AsType::Uprn => Read::Uprn,
        AsType::Postcode => Read::Postcode,
        AsType::Phone => Read::Phone,
        AsType::Email => Read::Email,
        AsType::Whole => Read::Whole,
        AsType::Decimal => Read::Decimal,
        AsType::Flag { yes, no } => Read::Flag(yes.clone(), no.clone()),
        AsType::Pence(format) => Read::Pence(PenceFormat::from_word(format)?),
        AsType::Date { formats, years_from } => {
            let format = |format: &String| DateFormat::with_years(format, *years_from).ok();
            let formats = formats.iter().map(format);
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
