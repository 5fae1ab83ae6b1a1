//! Facts: the parsed values of an account or of a party, field by field.
//!
//! Held as places in the schema's tables and normalised values; written and read as one JSON
//! object.

use serde_json::{Map, Value as Json};

use super::personal::unprinted;
use super::schema::{self, Field, FieldId, LISTS};

/// A value that was parsed once. Dates are ISO text, money is whole pence.
#[derive(Clone, PartialEq, Eq)]
pub enum Value {
    Text(String),
    Whole(i64),
    Flag(bool),
}

impl Value {
    /// The value as text, for keys and for messages' plain fields.
    pub fn to_text(&self) -> String {
        match self {
            Value::Text(text) => text.clone(),
            Value::Whole(number) => number.to_string(),
            Value::Flag(flag) => flag.to_string(),
        }
    }

    fn write(&self, out: &mut String) {
        match self {
            Value::Text(text) => write_text(out, text),
            Value::Whole(number) => {
                let mut digits = [0; 20];
                out.push_str(write_number(*number, &mut digits));
            }
            Value::Flag(flag) => out.push_str(if *flag { "true" } else { "false" }),
        }
    }

    /// The value that a JSON value stands for in written facts and differences.
    pub fn read(json: &Json) -> Option<Value> {
        match json {
            Json::String(text) => Some(Value::Text(text.clone())),
            Json::Number(number) => number.as_i64().map(Value::Whole),
            Json::Bool(flag) => Some(Value::Flag(*flag)),
            _ => None,
        }
    }
}

/// One item of a list: places in the list's own fields, in order.
pub type Item = Vec<(FieldId, Value)>;

/// Values by field, in the schema's order, each field at most once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    fields: Vec<(FieldId, Value)>,
    /// Lists by their place in the schema.
    lists: Vec<(FieldId, Vec<Item>)>,
}

/// What became different in one field: what was, what is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub field: &'static str,
    pub was: Option<Value>,
    pub is: Option<Value>,
}

impl Facts {
    /// Sets a field.
    pub fn set(&mut self, field: FieldId, value: Value) {
        match self.fields.last() {
            Some((last, _)) if *last >= field => {
                match self.fields.binary_search_by_key(&field, |(known, _)| *known) {
                    Ok(at) => self.fields[at].1 = value,
                    Err(at) => self.fields.insert(at, (field, value)),
                }
            }
            _ => self.fields.push((field, value)),
        }
    }

    /// Adds a list's items.
    pub fn set_list(&mut self, list: FieldId, items: Vec<Item>) {
        self.lists.push((list, items));
        self.lists.sort_by_key(|(list, _)| *list);
    }

    /// How much text they are, bytes.
    pub fn bytes(&self) -> usize {
        let items = self.lists.iter().flat_map(|(_, items)| items.iter().flatten());
        let values = self.fields.iter().chain(items).map(|(_, value)| value);
        let text = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Whole(_) | Value::Flag(_) => 8,
        };
        values.map(text).sum()
    }

    /// A field's value.
    pub fn get(&self, field: FieldId) -> Option<&Value> {
        let at = self.fields.binary_search_by_key(&field, |(known, _)| *known).ok()?;
        Some(&self.fields[at].1)
    }

    /// A field's text, where it is text.
    pub fn text(&self, field: FieldId) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// Every field that has a value.
    pub fn fields(&self) -> &[(FieldId, Value)] {
        &self.fields
    }

    /// Takes from `other` every field that `wanted` says yes to.
    pub fn take_from(&mut self, other: &Facts, wanted: impl Fn(FieldId) -> bool) {
        for (field, value) in &other.fields {
            if wanted(*field) {
                self.set(*field, value.clone());
            }
        }
    }

    /// One JSON object: names to values; a list to an object of its fields, each the array of its
    /// values down the list. Names are written once, not for each item: lists are most of an
    /// account.
    pub fn to_json(&self, table: &'static [Field]) -> String {
        let mut out = String::with_capacity(40 * self.fields.len() + 2);
        out.push('{');
        for (field, value) in &self.fields {
            write_name(&mut out, table[*field as usize].name);
            value.write(&mut out);
        }
        for (list, items) in &self.lists {
            let list = &LISTS[*list as usize];
            write_name(&mut out, list.name);
            write_list(&mut out, list.fields, items);
        }
        out.push('}');
        out
    }

    /// Reads what [`Facts::to_json`] wrote. `None` where it is not that.
    pub fn from_json(text: &str, table: &'static [Field]) -> Option<Facts> {
        let Ok(Json::Object(object)) = serde_json::from_str(text) else { return None };
        let mut facts = Facts::default();
        for (name, json) in &object {
            match json {
                Json::Object(columns) => {
                    let place = LISTS.iter().position(|list| list.name == name)?;
                    facts.set_list(place as FieldId, read_list(columns, LISTS[place].fields)?);
                }
                json => facts.set(place_of(table, name)?, Value::read(json)?),
            }
        }
        Some(facts)
    }

    /// What is different in `now`, field by field; a list is told by its name alone.
    pub fn differences(&self, now: &Facts, table: &'static [Field]) -> Vec<Difference> {
        let mut found = Vec::new();
        for (field, was) in &self.fields {
            let is = now.get(*field);
            if is != Some(was) {
                let field = table[*field as usize].name;
                found.push(Difference { field, was: Some(was.clone()), is: is.cloned() });
            }
        }
        for (field, is) in &now.fields {
            if self.get(*field).is_none() {
                let field = table[*field as usize].name;
                found.push(Difference { field, was: None, is: Some(is.clone()) });
            }
        }
        for (place, list) in LISTS.iter().enumerate() {
            if self.list(place as FieldId) != now.list(place as FieldId) {
                found.push(Difference { field: list.name, was: None, is: None });
            }
        }
        found
    }

    /// A list's items; a list without any is like one that is not there.
    pub fn list(&self, list: FieldId) -> &[Item] {
        let found = self.lists.iter().find(|(known, _)| *known == list);
        found.map_or(&[], |(_, items)| items.as_slice())
    }
}

/// `{"name.family":{"was":"Testberry","is":"Bramble"}}`, for a change event's row.
pub fn differences_to_json(differences: &[Difference]) -> String {
    let mut out = String::from("{");
    for difference in differences {
        write_name(&mut out, difference.field);
        out.push('{');
        for (name, value) in [("was", &difference.was), ("is", &difference.is)] {
            if let Some(value) = value {
                write_name(&mut out, name);
                value.write(&mut out);
            }
        }
        out.push('}');
    }
    out.push('}');
    out
}

/// Reads what [`differences_to_json`] wrote. `None` where it is not that.
pub fn differences_from_json(text: &str, table: &'static [Field]) -> Option<Vec<Difference>> {
    let Ok(Json::Object(object)) = serde_json::from_str(text) else { return None };
    let read = |(name, change): (&String, &Json)| {
        let value = |which: &str| match change.get(which) {
            Some(json) => Value::read(json).map(Some),
            None => Some(None),
        };
        let lists = LISTS.iter().map(|list| list.name);
        // Who is named on an account is told by this word alone, as a list is by its name.
        let field = match place_of(table, name) {
            Some(place) => table[place as usize].name,
            None => lists.chain(["parties"]).find(|known| known == name)?,
        };
        Some(Difference { field, was: value("was")?, is: value("is")? })
    };
    object.iter().map(read).collect()
}

fn place_of(table: &'static [Field], name: &str) -> Option<FieldId> {
    if std::ptr::eq(table, schema::ACCOUNT) {
        schema::account_id(name)
    } else if std::ptr::eq(table, schema::PARTY) {
        schema::party_id(name)
    } else {
        table.iter().position(|field| field.name == name).map(|place| place as FieldId)
    }
}

/// `{"due":["2026-04-01",null],"amount":[1250,1250]}`
fn write_list(out: &mut String, table: &'static [Field], items: &[Item]) {
    out.push('{');
    for (place, field) in table.iter().enumerate() {
        let column = || items.iter().map(|item| value_at(item, place as FieldId));
        if column().all(|value| value.is_none()) {
            continue;
        }
        write_name(out, field.name);
        for (row, value) in column().enumerate() {
            out.push(if row == 0 { '[' } else { ',' });
            match value {
                Some(value) => value.write(out),
                None => out.push_str("null"),
            }
        }
        out.push(']');
    }
    out.push('}');
}

/// A field of an item. Most items have every field: it stands at its own place.
fn value_at(item: &Item, field: FieldId) -> Option<&Value> {
    let found = item.get(field as usize).filter(|(known, _)| *known == field);
    found.or_else(|| item.iter().find(|(known, _)| *known == field)).map(|(_, value)| value)
}

fn read_list(columns: &Map<String, Json>, table: &'static [Field]) -> Option<Vec<Item>> {
    let mut items: Vec<Item> = Vec::new();
    for (name, values) in columns {
        let (field, values) = (place_of(table, name)?, values.as_array()?);
        items.resize_with(items.len().max(values.len()), Item::new);
        for (item, json) in items.iter_mut().zip(values) {
            if !json.is_null() {
                item.push((field, Value::read(json)?));
            }
        }
    }
    Some(items)
}

/// `,"name":`, without the comma where an object has just begun.
fn write_name(out: &mut String, name: &str) {
    out.push_str(if out.ends_with('{') { "\"" } else { ",\"" });
    out.push_str(name);
    out.push_str("\":");
}

/// A JSON string. Most text needs no escape and is copied in one piece.
fn write_text(out: &mut String, text: &str) {
    out.push('"');
    let plain = |byte: &u8| *byte >= b' ' && *byte != b'"' && *byte != b'\\';
    if text.as_bytes().iter().all(plain) {
        out.push_str(text);
    } else {
        for letter in text.chars() {
            match letter {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                letter if letter < ' ' => out.push_str(&format!("\\u{:04x}", letter as u32)),
                letter => out.push(letter),
            }
        }
    }
    out.push('"');
}

fn write_number(number: i64, digits: &mut [u8; 20]) -> &str {
    let (mut rest, mut at) = (number.unsigned_abs(), 20);
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    if number < 0 {
        at -= 1;
        digits[at] = b'-';
    }
    std::str::from_utf8(&digits[at..]).unwrap_or_default()
}

unprinted!(Value);

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> FieldId {
        schema::party_id(name).unwrap()
    }

    fn text(value: &str) -> Value {
        Value::Text(value.to_owned())
    }

    #[test]
    fn facts_survive_being_written_and_read() {
        let mut facts = Facts::default();
        facts.set(id("nino"), text("QQ123456A"));
        facts.set(id("name.family"), text("O'Sampleton \"\\\n é"));
        facts.set(id("deceased"), Value::Flag(true));
        let json = facts.to_json(schema::PARTY);
        assert_eq!(Facts::from_json(&json, schema::PARTY), Some(facts));
        let mut account = Facts::default();
        account.set(schema::account_id("balance").unwrap(), Value::Whole(-1250));
        let due = |day| vec![(1, text(day)), (2, Value::Whole(i64::MIN))];
        account.set_list(0, vec![due("2026-04-01"), vec![(2, Value::Whole(0))], due("2026-05-01")]);
        let json = account.to_json(schema::ACCOUNT);
        assert_eq!(Facts::from_json(&json, schema::ACCOUNT), Some(account), "{json}");
        assert!(json.contains("\"instalments\":{\"due\":[\"2026-04-01\",null,"), "{json}");
        assert_eq!(Facts::from_json("{\"nonsense\":1}", schema::PARTY), None);
    }

    #[test]
    fn a_difference_names_what_was_and_what_is() {
        let (mut old, mut new) = (Facts::default(), Facts::default());
        old.set(id("name.family"), text("Testberry"));
        old.set(id("nino"), text("QQ123456A"));
        new.set(id("name.family"), text("Bramble"));
        new.set(id("birth_date"), text("1980-02-29"));
        let found = old.differences(&new, schema::PARTY);
        assert_eq!(
            differences_to_json(&found),
            "{\"name.family\":{\"was\":\"Testberry\",\"is\":\"Bramble\"},\
             \"nino\":{\"was\":\"QQ123456A\"},\"birth_date\":{\"is\":\"1980-02-29\"}}"
        );
        let json = differences_to_json(&found);
        assert_eq!(differences_from_json(&json, schema::PARTY), Some(found));
        let parties = vec![Difference { field: "parties", was: None, is: None }];
        assert_eq!(differences_from_json("{\"parties\":{}}", schema::ACCOUNT), Some(parties));
        assert_eq!(differences_from_json("{\"nonsense\":{}}", schema::PARTY), None);
        assert!(old.differences(&old, schema::PARTY).is_empty());
    }
}
