//! A shape told to others: JSON Schema for editors, a page for people, lines for the terminal.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::shape::{Described, Fields, Holds, Shape, Word};

/// Markdown has no smaller heading.
const HEADING_MAX: usize = 6;

/// The JSON Schema of a table. What stands in several places of it is in its `$defs`.
pub fn json_schema(shape: &Shape) -> Value {
    let mut defs = Map::new();
    let mut schema = object(shape, &mut defs);
    if !defs.is_empty() {
        schema["$defs"] = Value::Object(defs);
    }
    schema
}

fn object(shape: &Shape, defs: &mut Map<String, Value>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    let mut only: Vec<(&str, &str, Vec<&str>)> = Vec::new();
    for described in &shape.keys {
        let name = described.key.name;
        let property = property(described, defs);
        let property = match properties.remove(name) {
            Some(other) => json!({ "anyOf": [other, property] }),
            None => property,
        };
        properties.insert(name.to_owned(), property);
        match (described.key.remedy, described.only) {
            (None, _) => {}
            (Some(_), None) => required.push(name),
            (Some(_), Some((key, word))) => {
                match only.iter_mut().find(|(known, of, _)| (*known, *of) == (key, word)) {
                    Some((.., names)) => names.push(name),
                    None => only.push((key, word, vec![name])),
                }
            }
        }
    }
    if let Some(fields) = &shape.fields {
        with_fields(&mut properties, fields, defs);
    }
    let mut schema = json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    let conditions: Vec<Value> = only
        .into_iter()
        .map(|(key, word, names)| {
            json!({
                "if": { "properties": { key: { "const": word } }, "required": [key] },
                "then": { "required": names },
            })
        })
        .collect();
    if !conditions.is_empty() {
        schema["allOf"] = json!(conditions);
    }
    schema
}

/// Each field by its whole name, and by the parts of it: a table in a table is the same in TOML.
fn with_fields(
    properties: &mut Map<String, Value>,
    fields: &Fields,
    defs: &mut Map<String, Value>,
) {
    let each = held(&fields.each, defs);
    defs.insert(fields.what.to_owned(), each);
    for (name, doc) in &fields.names {
        let field = json!({ "$ref": format!("#/$defs/{}", fields.what), "description": doc });
        if let Some((group, rest)) = name.split_once('.') {
            let group = properties.entry(group).or_insert_with(
                || json!({ "type": "object", "properties": {}, "additionalProperties": false }),
            );
            group["properties"][rest] = field.clone();
        }
        properties.insert((*name).to_owned(), field);
    }
}

fn property(described: &Described, defs: &mut Map<String, Value>) -> Value {
    let mut property = held(&described.holds, defs);
    let mut doc = described.key.doc.to_owned();
    if let Some((key, word)) = described.only {
        let _ = write!(doc, " Only with `{key} = \"{word}\"`.");
    }
    property["description"] = json!(doc);
    if let Some(usual) = &described.usual {
        property["default"] = match usual.trim_matches('"') {
            text if text.len() != usual.len() => json!(text),
            number => serde_json::from_str(&number.replace('_', "")).unwrap_or(json!(number)),
        };
    }
    property
}

fn held(holds: &Holds, defs: &mut Map<String, Value>) -> Value {
    match holds {
        Holds::Text => json!({ "type": "string" }),
        Holds::Duration => json!({ "type": "string", "pattern": "^[0-9]+(ms|s|m|h|d)$" }),
        Holds::Secret => {
            json!({ "type": "string", "pattern": "^(secret:[^\\s]+|\\$\\{[^}]+\\})$" })
        }
        Holds::Texts => {
            let many = json!({ "type": "array", "items": { "type": "string" } });
            json!({ "anyOf": [{ "type": "string" }, many] })
        }
        Holds::ListsOfTexts => {
            let inner = json!({ "type": "array", "items": { "type": "string" } });
            json!({ "type": "array", "items": inner })
        }
        Holds::Whole(least, most) => {
            json!({ "type": "integer", "minimum": least, "maximum": most })
        }
        Holds::Decimal(least, most) => {
            json!({ "type": "number", "minimum": least, "maximum": most })
        }
        Holds::Flag => json!({ "type": "boolean" }),
        Holds::Choice(words) => {
            let words: Vec<&str> = words.iter().map(|word| word.word).collect();
            json!({ "type": "string", "enum": words })
        }
        Holds::Table(inner) => object(&inner.borrow(), defs),
        Holds::Tables(inner) => {
            let one = object(&inner.borrow(), defs);
            json!({ "anyOf": [{ "type": "array", "items": one }, one] })
        }
        Holds::Named(inner) => {
            json!({ "type": "object", "additionalProperties": held(inner, defs) })
        }
        Holds::Either(forms) => {
            let forms: Vec<Value> = forms.iter().map(|form| held(form, defs)).collect();
            json!({ "anyOf": forms })
        }
        Holds::OneOrMore(one) => {
            let one = held(one, defs);
            json!({ "anyOf": [{ "type": "array", "items": one }, one] })
        }
    }
}

/// What a key holds, in words.
fn words(holds: &Holds) -> String {
    match holds {
        Holds::Text => "text".to_owned(),
        Holds::Texts => "text, or a list of texts".to_owned(),
        Holds::ListsOfTexts => "list of lists of texts".to_owned(),
        Holds::Whole(least, most) if least == most => format!("`{least}`"),
        Holds::Whole(least, most) => format!("whole number, {least} to {most}"),
        Holds::Decimal(least, most) => format!("number, {least} to {most}"),
        Holds::Flag => "`true` or `false`".to_owned(),
        Holds::Duration => "length of time".to_owned(),
        Holds::Secret => "where a secret is kept: `secret:NAME` or `${NAME}`".to_owned(),
        Holds::Choice(choice) => {
            let choice: Vec<String> =
                choice.iter().map(|word| format!("`\"{}\"`", word.word)).collect();
            match choice.split_last() {
                Some((last, rest)) if !rest.is_empty() => {
                    format!("{} or {last}", rest.join(", "))
                }
                _ => choice.concat(),
            }
        }
        Holds::Table(_) => "table".to_owned(),
        Holds::Tables(_) => "one or more tables".to_owned(),
        Holds::Named(inner) => format!("by name: {}", words(inner)),
        Holds::Either(forms) => {
            let mut said: Vec<String> = forms.iter().map(words).collect();
            said.dedup();
            said.join(", or ")
        }
        Holds::OneOrMore(one) => format!("one or a list of: {}", words(one)),
    }
}

/// The same for the terminal: one line for each key, its words below it.
pub fn text(shape: &Shape) -> String {
    let mut text = String::new();
    lines(&mut text, shape, 0);
    text
}

fn lines(text: &mut String, shape: &Shape, depth: usize) {
    let indent = "  ".repeat(depth);
    for one in &shape.keys {
        let plain = words(&one.holds).replace('`', "");
        let _ = writeln!(text, "{indent}{}  ({plain}{})", one.key.name, standing(one));
        let _ = writeln!(text, "{indent}    {}", one.key.doc.replace('`', ""));
        for word in meanings(&one.holds) {
            let _ = writeln!(text, "{indent}      {}: {}", word.word, word.doc.replace('`', ""));
        }
        let _ = writeln!(text, "{indent}    {}", one.line());
        if let Some(inner) = inner(&one.holds) {
            lines(text, &inner, depth + 2);
        }
    }
}

fn standing(one: &Described) -> String {
    let mut said = match (&one.usual, one.key.remedy) {
        (Some(usual), _) => format!(", usually {usual}"),
        (None, Some(_)) => ", needed".to_owned(),
        (None, None) => String::new(),
    };
    if let Some((key, word)) = one.only {
        let _ = write!(said, ", with {key} = \"{word}\"");
    }
    said
}

/// The same as a table in Markdown, and one for each table within.
pub fn page(shape: &Shape, heading: &str, level: usize) -> String {
    let mut page = String::new();
    tables(&mut page, shape, heading, level, &mut Vec::new());
    page
}

/// `told` are the fields that were described before: what stands in several places is told once.
fn tables(
    page: &mut String,
    shape: &Shape,
    heading: &str,
    level: usize,
    told: &mut Vec<&'static str>,
) {
    let _ = write!(page, "{} {heading}\n\n", "#".repeat(level.min(HEADING_MAX)));
    page.push_str("| key | holds | usually | |\n|---|---|---|---|\n");
    for one in &shape.keys {
        row(page, one);
    }
    if let Some(fields) = &shape.fields {
        let held = words(&fields.each).replace('|', "\\|");
        let names: Vec<String> = fields.names.iter().map(|(name, _)| format!("`{name}`")).collect();
        let what = fields.what;
        let _ = writeln!(page, "| *{what}* | {held} |  | By name: {} |", names.join(", "));
    }
    for one in &shape.keys {
        let inner = inner(&one.holds);
        if let Some(inner) = inner.filter(|one| !one.keys.is_empty() || one.fields.is_some()) {
            page.push('\n');
            tables(page, &inner, &format!("`{}`", one.key.name), level + 1, told);
        }
    }
    if let Some(fields) = shape.fields.as_ref().filter(|fields| !told.contains(&fields.what)) {
        told.push(fields.what);
        if let Some(inner) = inner(&fields.each) {
            page.push('\n');
            tables(page, &inner, &format!("a {}", fields.what), level + 1, told);
        }
    }
}

fn row(page: &mut String, one: &Described) {
    let usual = match (&one.usual, one.key.remedy) {
        (Some(usual), _) => format!("`{usual}`"),
        (None, Some(_)) => "needed".to_owned(),
        (None, None) => String::new(),
    };
    let mut doc = one.key.doc.to_owned();
    for word in meanings(&one.holds) {
        let _ = write!(doc, "<br>`\"{}\"`: {}", word.word, word.doc);
    }
    if let Some((key, word)) = one.only {
        let _ = write!(doc, "<br>With `{key} = \"{word}\"`.");
    }
    let _ = write!(doc, "<br>`{}`", one.line());
    let held = words(&one.holds);
    let cells =
        [&one.key.name.to_owned(), &held, &usual, &doc].map(|cell| cell.replace('|', "\\|"));
    let _ = writeln!(page, "| `{}` | {} | {} | {} |", cells[0], cells[1], cells[2], cells[3]);
}

fn meanings(holds: &Holds) -> Vec<Word<()>> {
    match holds {
        Holds::Choice(words) => words.iter().filter(|word| !word.doc.is_empty()).copied().collect(),
        Holds::Either(forms) => forms.iter().flat_map(meanings).collect(),
        Holds::OneOrMore(one) => meanings(one),
        _ => Vec::new(),
    }
}

fn inner(holds: &Holds) -> Option<Shape> {
    match holds {
        Holds::Table(shape) | Holds::Tables(shape) => Some(shape.borrow().clone()),
        Holds::Named(holds) => inner(holds),
        Holds::Either(forms) => forms.iter().find_map(inner),
        Holds::OneOrMore(one) => inner(one),
        _ => None,
    }
}

/// The keys that are described nowhere, with the tables they stand in: there should be none.
pub fn undescribed(shape: &Shape, place: &str) -> Vec<String> {
    let mut bare = Vec::new();
    if let Some(inner) = shape.fields.as_ref().and_then(|fields| inner(&fields.each)) {
        bare.extend(undescribed(&inner, &format!("{place}.*")));
    }
    for one in &shape.keys {
        let name = format!("{place}.{}", one.key.name);
        if let Some(inner) = inner(&one.holds) {
            bare.extend(undescribed(&inner, &name));
        }
        if one.key.doc.is_empty() || meanings(&one.holds).iter().any(|word| word.doc.is_empty()) {
            bare.push(name);
        }
    }
    bare
}
