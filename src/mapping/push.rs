//! What another system is told of a change: the body of a push, from fields or from a template.
//!
//! Values keep their types: pence are a whole number, a date is a text, what is absent is `null`. Where
//! it goes and how it is signed is the connector's business.

use serde_json::{Map, Number, Value as Json, json};

use super::definition::{PushMap, PushPart, PushSaid, PushValue, Subject as Of};
use super::expression::types::Type;
use super::expression::{Expression, Outcome};
use super::outbound::{Change, Outbound, Subject, Unspeakable};
use super::template::Template;
use crate::record::delivery::{Form, Push};
use crate::record::facts::{Facts, Value};
use crate::record::moment::Moment;
use crate::record::schema::{self, Class, Field, FieldId, Kind};

/// What a push says of itself.
#[derive(Clone, Copy, Debug)]
pub struct Stamp<'s> {
    /// Our name for it.
    pub reference: &'s str,
    pub resident_id: i64,
    /// The resident's version.
    pub version: i64,
    pub now_ms: i64,
}

impl Outbound {
    /// The push, with its body as it goes.
    pub fn compose_push(
        &self,
        map: &PushMap,
        about: Change<'_>,
        stamp: Stamp<'_>,
    ) -> Result<Push, Unspeakable> {
        let composing = Composing { outbound: self, about, stamp };
        let (form, body) = match map {
            PushMap::Fields(fields) => (Form::Json, composing.object(fields)?.to_string()),
            PushMap::Template(template) => {
                let template = &template.value;
                let body = template.render(&composing.values(template)).map_err(|why| {
                    let cause = format!("`{}` makes no body of this change: {why}", template.name);
                    Unspeakable { code: "push.template", cause }
                })?;
                (template.form, body)
            }
        };
        if body.len() > Push::BODY_BYTES_MAX {
            let cause = format!("its body has more than {} bytes", Push::BODY_BYTES_MAX);
            return Err(Unspeakable { code: "push.too_long", cause });
        }
        Ok(Push {
            event: self.on.clone(),
            key: stamp.resident_id,
            version: stamp.version,
            composed_ms: stamp.now_ms,
            form,
            body,
        })
    }
}

struct Composing<'c> {
    outbound: &'c Outbound,
    about: Change<'c>,
    stamp: Stamp<'c>,
}

impl Composing<'_> {
    fn object(&self, fields: &[(String, PushValue)]) -> Result<Json, Unspeakable> {
        let mut object = Map::new();
        for (name, value) in fields {
            let value = match value {
                PushValue::Object(inner) => self.object(inner)?,
                PushValue::Fixed(fixed) => fixed.clone(),
                PushValue::Said { said, required } => {
                    let value = self.said(name, said)?;
                    if *required && value.is_null() {
                        let cause = format!("`{name}` has no value, and is required");
                        return Err(Unspeakable { code: "delivery.missing_field", cause });
                    }
                    value
                }
            };
            object.insert(name.clone(), value);
        }
        Ok(Json::Object(object))
    }

    fn said(&self, name: &str, said: &PushSaid) -> Result<Json, Unspeakable> {
        Ok(match said {
            PushSaid::Own(part) => self.own(*part),
            PushSaid::Computed(expression) => self.computed(name, expression)?,
            PushSaid::Field { of: Of::Resident, name } => {
                of_field(Some(self.about.resident), schema::PARTY, schema::party_id(&name.value))
            }
            PushSaid::Field { of: Of::Account, name } => {
                of_field(self.about.account, schema::ACCOUNT, schema::account_id(&name.value))
            }
        })
    }

    fn own(&self, part: PushPart) -> Json {
        match part {
            PushPart::Id => json!(self.stamp.reference),
            PushPart::Event => json!(self.outbound.on),
            PushPart::Resident => json!(self.stamp.resident_id),
            PushPart::Version => json!(self.stamp.version),
            PushPart::At => json!(Moment(self.stamp.now_ms)),
        }
    }

    fn computed(&self, name: &str, expression: &Expression) -> Result<Json, Unspeakable> {
        let outcome = self.outbound.run(expression, self.about).map_err(|failure| Unspeakable {
            code: failure.code,
            cause: format!("what `{name}` says cannot be computed"),
        })?;
        Ok(match (outcome, &expression.kind) {
            (Outcome::Absent, _) => Json::Null,
            (Outcome::Flag(flag), _) => json!(flag),
            (Outcome::Text(text), Type::Whole | Type::Decimal) => number(text),
            (Outcome::Text(text), _) => json!(text),
        })
    }

    /// Everything that a template may ask for; whatever is absent is there, and nothing.
    fn values(&self, template: &Template) -> Json {
        let own = PushPart::ALL.map(|(name, part)| (name.to_owned(), self.own(part)));
        let mut values = json!({
            "resident": tree(schema::PARTY, |id| self.about.resident.get(id).cloned()),
            "push": Json::Object(own.into_iter().collect()),
        });
        if let Some(account) = self.about.account {
            values["account"] = of_account(account);
        }
        if template.asks_for("change") {
            values["change"] = self.change();
        }
        values
    }

    /// `change.paid.old` and `change.paid.new`, of every field.
    fn change(&self) -> Json {
        let table = self.outbound.table();
        let mut change = Json::Object(Map::new());
        for field in table.iter().filter(|field| field.class != Class::Bank) {
            let found = self.about.differences.iter().find(|one| one.field == field.name);
            let side =
                |value: Option<&Value>| value.map_or(Json::Null, |one| typed(one, field.kind));
            let old = side(found.and_then(|one| one.was.as_ref()));
            let new = side(found.and_then(|one| one.is.as_ref()));
            plant(&mut change, field.name, json!({ "old": old, "new": new }));
        }
        change
    }
}

/// Values to try a template with before there is any resident: every field filled, with letters that are
/// not plain; or none of them.
pub fn trial(subject: Subject, filled: bool) -> Json {
    let fill = |table: &'static [Field]| {
        tree(table, |id| filled.then(|| example(table[id as usize].kind)))
    };
    let own = PushPart::ALL.map(|(name, part)| {
        let value = match part {
            PushPart::Resident | PushPart::Version => json!(7),
            PushPart::Id | PushPart::Event | PushPart::At => json!("2026-04-01"),
        };
        (name.to_owned(), value)
    });
    let (table, mut change) = (subject.table(), Json::Object(Map::new()));
    for field in table.iter().filter(|field| field.class != Class::Bank) {
        let side = if filled { typed(&example(field.kind), field.kind) } else { Json::Null };
        plant(&mut change, field.name, json!({ "old": side, "new": side }));
    }
    let mut values = json!({
        "resident": fill(schema::PARTY),
        "push": Json::Object(own.into_iter().collect()),
        "change": change,
    });
    if subject == Subject::Account {
        values["account"] = fill(schema::ACCOUNT);
        for list in schema::LISTS {
            let item = tree(list.fields, |id| Some(example(list.fields[id as usize].kind)));
            let items = if filled { vec![item.clone(), item] } else { Vec::new() };
            plant(&mut values["account"], list.name, Json::Array(items));
        }
    }
    values
}

fn example(kind: Kind) -> Value {
    match kind {
        Kind::Pence | Kind::Whole => Value::Whole(14_500),
        Kind::Flag => Value::Flag(true),
        Kind::Decimal => Value::Text("12.5".to_owned()),
        Kind::Date => Value::Text("2026-04-01".to_owned()),
        _ => Value::Text("Arden & <\"Testberry\">".to_owned()),
    }
}

fn of_account(account: &Facts) -> Json {
    let mut values = tree(schema::ACCOUNT, |id| account.get(id).cloned());
    for (place, list) in schema::LISTS.iter().enumerate() {
        let items = account.list(place as FieldId).iter().map(|item| {
            tree(list.fields, |id| {
                item.iter().find(|(known, _)| *known == id).map(|(_, value)| value.clone())
            })
        });
        plant(&mut values, list.name, items.collect());
    }
    values
}

/// Fields by the parts of their names. Bank details are not among them: they are never sent.
fn tree(table: &'static [Field], value: impl Fn(FieldId) -> Option<Value>) -> Json {
    let mut tree = Json::Object(Map::new());
    for (id, field) in table.iter().enumerate().filter(|(_, field)| field.class != Class::Bank) {
        let value = value(id as FieldId).map_or(Json::Null, |value| typed(&value, field.kind));
        plant(&mut tree, field.name, value);
    }
    tree
}

/// Puts a value at a dotted name.
fn plant(tree: &mut Json, name: &str, value: Json) {
    match name.split_once('.') {
        Some((group, rest)) => {
            if !tree[group].is_object() {
                tree[group] = json!({});
            }
            plant(&mut tree[group], rest, value);
        }
        None => tree[name] = value,
    }
}

fn of_field(facts: Option<&Facts>, table: &'static [Field], id: Option<FieldId>) -> Json {
    let found = facts.zip(id).and_then(|(facts, id)| Some((facts.get(id)?, id)));
    found.map_or(Json::Null, |(value, id)| typed(value, table[id as usize].kind))
}

fn typed(value: &Value, kind: Kind) -> Json {
    match value {
        Value::Text(text) if kind == Kind::Decimal => number(text.clone()),
        Value::Text(text) => json!(text),
        Value::Whole(number) => json!(number),
        Value::Flag(flag) => json!(flag),
    }
}

/// A number as it is written; what is none stays a text.
fn number(text: String) -> Json {
    match serde_json::from_str::<Number>(&text) {
        Ok(number) => Json::Number(number),
        Err(_) => Json::String(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::definition::reader::File;
    use crate::mapping::read_outbound;
    use crate::mapping::template::Templates;
    use crate::record::facts::Difference;

    const HEAD: &str = "destination = \"orders\"\npurpose = \"council_tax_service\"\n";

    fn outbound(text: &str, templates: &Templates) -> Outbound {
        let file = File::parse("mappings/outbound/x.toml", format!("{HEAD}{text}"));
        let mapping = read_outbound::outbound(&file, "x", templates).expect("a mapping");
        let told: Vec<String> = file.into_diagnostics().into_iter().map(|one| one.what).collect();
        assert_eq!(told, Vec::<String>::new());
        Outbound::new(&mapping).expect("it listens")
    }

    fn composed(outbound: &Outbound) -> Result<Push, Unspeakable> {
        let (mut resident, mut account) = (Facts::default(), Facts::default());
        let party = |name: &str| schema::party_id(name).expect("a field");
        resident.set(party("name.family"), Value::Text("Testberry".to_owned()));
        resident.set(party("birth_date"), Value::Text("1984-02-29".to_owned()));
        resident.set(party("deceased"), Value::Flag(false));
        let id = |name: &str| schema::account_id(name).expect("a field");
        account.set(id("balance"), Value::Whole(14_500));
        account.set(id("arrears"), Value::Whole(500));
        account.set_list(0, vec![vec![(0, Value::Whole(1)), (2, Value::Whole(1_000))]]);
        let was = Some(Value::Whole(0));
        let differences = [Difference { field: "arrears", was, is: Some(Value::Whole(500)) }];
        let about =
            Change { resident: &resident, account: Some(&account), differences: &differences };
        let stamp = Stamp { reference: "abcd-9", resident_id: 7, version: 3, now_ms: 0 };
        outbound.compose_push(outbound.push.as_ref().expect("a push"), about, stamp)
    }

    #[test]
    fn a_body_of_fields_keeps_their_types() {
        let text = "on = \"account.arrears_changed\"\n[push.fields]\nid = \"push.id\"\n\
                    type = { value = \"arrears.v1\" }\nwho = \"push.resident\"\n\
                    version = \"push.version\"\nat = \"push.at\"\n\
                    owes = { pence = \"account.balance\", more = { expr = 'account.arrears * 2' } }\n\
                    late = { expr = 'account.arrears > 0' }\n\
                    [push.fields.person]\nfamily = \"name.family\"\nborn = \"birth_date\"\n\
                    dead = \"deceased\"\nnino = \"nino\"\n";
        let push = composed(&outbound(text, &Templates::default())).expect("a push");
        let body = "{\"id\":\"abcd-9\",\"type\":\"arrears.v1\",\"who\":7,\"version\":3,\
                    \"at\":\"1970-01-01T00:00:00.000Z\",\"owes\":{\"pence\":14500,\"more\":1000},\
                    \"late\":true,\"person\":{\"family\":\"Testberry\",\"born\":\"1984-02-29\",\
                    \"dead\":false,\"nino\":null}}";
        assert_eq!(push.body, body);
        assert_eq!(
            (push.event.as_str(), push.key, push.version),
            ("account.arrears_changed", 7, 3)
        );
        let needed = "on = \"account.created\"\n[push.fields]\nnino = { from = \"nino\", required = true }\n";
        let held = composed(&outbound(needed, &Templates::default())).expect_err("no nino");
        assert_eq!(held.code, "delivery.missing_field");
    }

    #[test]
    fn a_template_sees_lists_and_what_changed() {
        let mut templates = Templates::default();
        templates.add(
            "x.json.j2",
            "{\"was\": {{ change.arrears.old }}, \"is\": {{ change.arrears.new }}, \"v\": {{ push.version }},\
             \"plan\": [{% for one in account.instalments %}{{ one.amount }}{% endfor %}]}",
        );
        let text = "on = \"account.arrears_changed\"\n[push]\ntemplate = \"x.json.j2\"\n";
        let outbound = outbound(text, &templates);
        assert!(outbound.asks_what_changed());
        let push = composed(&outbound).expect("a push");
        assert_eq!(push.body, "{\"was\": 0, \"is\": 500, \"v\": 3,\"plan\": [1000]}");
    }

    #[test]
    fn what_a_template_cannot_say_is_held_without_its_values() {
        let mut templates = Templates::default();
        templates.add("x.xml.j2", "<a>{{ resident.name }}</a>");
        let text = "on = \"account.created\"\n[push]\ntemplate = \"x.xml.j2\"\n";
        let held = composed(&outbound(text, &templates)).expect_err("a group is no value");
        assert_eq!(held.code, "push.template");
        assert!(!held.cause.contains("Testberry"), "{}", held.cause);
    }
}
