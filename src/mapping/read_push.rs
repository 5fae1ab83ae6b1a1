//! Reads `[push]` of an outbound mapping: what a system is told, by its fields or by a template. Whether
//! the fields exist is asked in `check_outbound`.

use crate::definition::reader::{File, Spanned};
use crate::definition::shape::{Holds, Key, key};
use crate::definition::suggest;
use crate::definition::table::{Table, Value, table_of};
use crate::mapping::definition::{PushMap, PushPart, PushSaid, PushValue};
use crate::mapping::expression::{Expression, Scope, Wanted};
use crate::mapping::read_outbound::bare;
use crate::mapping::template::{Template, Templates};

pub const PUSH: Key = key(
    "push",
    "What another system is told, in place of `[message]`: a body of `fields`, or of a `template`.",
);
const FIELDS: Key = key(
    "fields",
    "The body's members, by their names: a field of the resident, `account.` and a field of the account, \
     `push.id`, `push.event`, `push.resident`, `push.version` or `push.at`, or a table. A table that says \
     none of `from`, `expr` and `value` is an object with members of its own. Pence are a whole number, a \
     date is a text, what is absent is `null`.",
)
.example("fields = { id = \"push.id\", person = { family = \"name.family\" }, owes = \"account.balance\" }");
const TEMPLATE: Key = key(
    "template",
    "A file beside this one that writes the body: `NAME.json.j2` or `NAME.xml.j2`. It may ask for \
     `resident.`, `account.` and `change.` with their fields, and for `push.`.",
)
.example("template = \"arrears.xml.j2\"");
const FROM: Key =
    key("from", "A field of the resident, `account.` and a field, or `push.` and a part.")
        .example("from = \"nino\"");
const EXPR: Key = key("expr", "An expression that gives the value.")
    .example("expr = 'account.balance + account.arrears'");
const FIXED: Key =
    key("value", "What stands here: a text, a whole number or a flag.").example("value = \"v1\"");
const REQUIRED: Key = key("required", "Without a value nothing is sent, and the delivery is held.");

/// How deep objects may stand in each other.
const DEPTH_MAX: usize = 3;
/// Numbers that every reader of JSON keeps as they are.
const WHOLE_MAX: i64 = (1 << 53) - 1;

/// Reads the table. None where it says neither, which is told.
pub fn push(table: Table<'_>, scope: Scope, templates: &Templates) -> Option<PushMap> {
    let file = table.file();
    let written = table.text(TEMPLATE);
    let fields = table.named(FIELDS, || forms(scope, DEPTH_MAX));
    let map = match written {
        Some(name) => {
            if table.has("fields") {
                let help = "take one of them out".to_owned();
                let what = "a body is written by `fields` or by a `template`";
                file.error(table.at_key("fields"), what, "and not by both", Some(help));
            }
            template(file, name, templates).map(PushMap::Template)
        }
        None if !table.has("fields") && !table.has("template") => {
            table.missing("fields", "add `[push.fields]`, or `template = \"NAME.json.j2\"`");
            None
        }
        None => Some(PushMap::Fields(object(file, fields, scope, DEPTH_MAX))),
    };
    table.finish();
    map
}

fn template(
    file: &File,
    name: Spanned<String>,
    templates: &Templates,
) -> Option<Spanned<Template>> {
    match templates.get(&name.value) {
        Some(Ok(template)) => Some(Spanned { value: template.clone(), at: name.at }),
        Some(Err(why)) => {
            let what = format!("`{}` cannot be used: {why}", name.value);
            file.error(name.at, what, "not a template", None);
            None
        }
        None => {
            let known: Vec<&str> = templates.names().collect();
            let help = suggest::nearest(&name.value, &known).map_or_else(
                || "create it in `mappings/outbound/`: `NAME.json.j2` or `NAME.xml.j2`".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            let what = format!("there is no template `{}` in mappings/outbound", name.value);
            file.error(name.at, what, "no such file", Some(help));
            None
        }
    }
}

fn forms(scope: Scope, depth: usize) -> Vec<Holds> {
    let mut found = vec![Holds::Text, table_of(|table| leaf(table, scope))];
    if depth > 1 {
        found.push(Holds::Named(Box::new(Holds::Either(forms(scope, depth - 1)))));
    }
    found
}

fn object(
    file: &File,
    entries: Vec<(Spanned<String>, Value<'_>)>,
    scope: Scope,
    depth: usize,
) -> Vec<(String, PushValue)> {
    let read = |(name, value): (Spanned<String>, Value<'_>)| {
        let read = member(file, &name, value, scope, depth)?;
        Some((name.value, read))
    };
    entries.into_iter().filter_map(read).collect()
}

fn member(
    file: &File,
    name: &Spanned<String>,
    value: Value<'_>,
    scope: Scope,
    depth: usize,
) -> Option<PushValue> {
    match value {
        Value::Text(from) => Some(PushValue::Said { said: field(file, from)?, required: false }),
        Value::Table(table) if says_a_value(&table) => {
            let read = leaf(&table, scope);
            table.finish();
            read
        }
        Value::Table(table) if depth > 1 => {
            Some(PushValue::Object(object(file, table.entries(), scope, depth - 1)))
        }
        Value::Table(table) => {
            let what = format!("objects stand at most {DEPTH_MAX} deep in each other");
            let help = "write the body as a template".to_owned();
            file.error(table.at(), what, "one too deep", Some(help));
            None
        }
        other => {
            let name = &name.value;
            let help = format!(
                "write `{name} = \"name.family\"`, or `{name} = {{ value = … }}` for what stands there"
            );
            file.error(other.at(), "a member is filled from a field", "", Some(help));
            None
        }
    }
}

/// Whether a table is a value, and not an object that happens to have a member of such a name.
fn says_a_value(table: &Table<'_>) -> bool {
    ["from", "expr", "value"]
        .iter()
        .any(|key| table.value(key).is_some_and(|value| !matches!(value, Value::Table(_))))
}

fn leaf(table: &Table<'_>, scope: Scope) -> Option<PushValue> {
    let file = table.file();
    let from = table.text(FROM);
    let expr = table.text(EXPR);
    let fixed =
        table.either(FIXED, || vec![Holds::Text, Holds::Whole(-WHOLE_MAX, WHOLE_MAX), Holds::Flag]);
    let required = table.is_set(REQUIRED);
    if [from.is_some(), expr.is_some(), fixed.is_some()].iter().filter(|one| **one).count() > 1 {
        let what = "a value has one of `from`, `expr` and `value`";
        file.error(table.at(), what, "several", Some("keep one of them".to_owned()));
        return None;
    }
    if let Some(fixed) = fixed {
        let value = match fixed {
            Value::Text(text) => serde_json::Value::from(text.value),
            Value::Whole(number) if number.value.unsigned_abs() <= WHOLE_MAX.unsigned_abs() => {
                serde_json::Value::from(number.value)
            }
            Value::Flag(flag) => serde_json::Value::from(flag.value),
            other => {
                let what = "what stands in a body is a text, a whole number or a flag";
                file.error(other.at(), what, "none of them", None);
                return None;
            }
        };
        return Some(PushValue::Fixed(value));
    }
    let said = match (from, expr) {
        (Some(from), _) => field(file, from)?,
        (None, Some(text)) => {
            PushSaid::Computed(Expression::read(file, &text, scope, Wanted::Text)?)
        }
        (None, None) => return None,
    };
    Some(PushValue::Said { said, required })
}

fn field(file: &File, from: Spanned<String>) -> Option<PushSaid> {
    let Some(part) = from.value.strip_prefix("push.") else {
        let (of, name) = bare(&from.value);
        return Some(PushSaid::Field { of, name: Spanned { value: name.to_owned(), at: from.at } });
    };
    if let Some((_, part)) = PushPart::ALL.iter().find(|(name, _)| *name == part) {
        return Some(PushSaid::Own(*part));
    }
    let known = PushPart::ALL.map(|(name, _)| name);
    let what = format!("`{}` is nothing that a push says of itself", from.value);
    file.error(from.at, what, "not known", suggest::help(part, &known));
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let text = format!("[push]\n{text}");
        let file = File::parse("mappings/outbound/x.toml", text);
        let mut templates = Templates::default();
        templates.add("good.json.j2", "{}");
        templates.add("bad.json.j2", "\n{{ ");
        let table = file.root().table("push").expect("the table is there");
        let _ = push(table, Scope::Account, &templates);
        file.into_diagnostics().into_iter().map(|one| one.what).collect()
    }

    #[test]
    fn every_fault_of_a_push_is_told() {
        for (text, expected) in [
            ("template = \"good.json.j2\"", ""),
            ("fields = { a = \"name.family\", b = { c = { value = 7 } } }", ""),
            ("fields = { from = { from = \"nino\" } }", ""),
            ("", "`fields` is missing"),
            (
                "template = \"god.json.j2\"",
                "there is no template `god.json.j2` in mappings/outbound",
            ),
            (
                "template = \"good.json.j2\"\nfields = { a = \"nino\" }",
                "a body is written by `fields` or by a `template`",
            ),
            ("fields = { a = 1 }", "a member is filled from a field"),
            (
                "fields = { a = { value = [1] } }",
                "what stands in a body is a text, a whole number or a flag",
            ),
            (
                "fields = { a = { value = 1, from = \"nino\" } }",
                "a value has one of `from`, `expr` and `value`",
            ),
            (
                "fields = { a = { from = \"nino\", requierd = true } }",
                "`requierd` is not known here",
            ),
            (
                "fields = { a = \"push.versoin\" }",
                "`push.versoin` is nothing that a push says of itself",
            ),
            (
                "fields = { a = { b = { c = { d = \"nino\" } } } }",
                "objects stand at most 3 deep in each other",
            ),
        ] {
            assert_eq!(told(text).join("|"), expected, "{text}");
        }
        assert!(told("template = \"bad.json.j2\"")[0].contains("line 2"), "the line is told");
    }
}
