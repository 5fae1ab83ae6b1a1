//! Every kind of definition file told to others, from the readers themselves: JSON Schemas for
//! editors (`#:schema`), and the reference page.

use serde_json::{Value, json};

use crate::catalogue::cases;
use crate::connector::definition::{self as connector, Kind, Limits};
use crate::connector::open_id::settings as sign_in;
use crate::definition::describe;
use crate::definition::shape::Shape;
use crate::definition::table::shape_of;
use crate::job::definition as job;
use crate::mapping::code_list::CodeLists;
use crate::mapping::expression::functions;
use crate::mapping::read_field::Reading;
use crate::mapping::template::Templates;
use crate::mapping::{read, read_outbound};
use crate::record::cause;
use crate::record::reference as record;
use crate::resolution::definition as resident;
use crate::suppression::definition as suppression;

/// One kind of definition file.
pub struct Definition {
    /// The schema's file name without its ending.
    pub name: &'static str,
    /// Where such files are.
    pub place: &'static str,
    pub doc: &'static str,
    pub shape: Shape,
}

/// What every kind of file may say, connectors apart from their settings.
pub fn definitions() -> Vec<Definition> {
    vec![
        Definition {
            name: "connector",
            place: "connectors/NAME.toml",
            doc: "One system, and how it is reached.",
            shape: shape_of(connector::head),
        },
        Definition {
            name: "inbound",
            place: "mappings/inbound/NAME.toml",
            doc: "What a system's records mean.",
            shape: shape_of(|root| {
                let codes = CodeLists::default();
                read::parts(&Reading { file: root.file(), codes: &codes }, root, "")
            }),
        },
        Definition {
            name: "cases",
            place: "mappings/inbound/NAME.test.toml",
            doc: "Cases beside a mapping, which `viaduct test` runs.",
            shape: shape_of(cases::parts),
        },
        Definition {
            name: "outbound",
            place: "mappings/outbound/NAME.toml",
            doc: "Who is told of which change, and how.",
            shape: shape_of(|root| read_outbound::parts(root, "", &Templates::default())),
        },
        Definition {
            name: "job",
            place: "jobs/NAME.toml",
            doc: "When something happens, and how patiently.",
            shape: shape_of(|root| job::parts(root, "")),
        },
        Definition {
            name: "resident_rules",
            place: "mappings/resident.toml",
            doc: "How parties become one resident, and whose value wins.",
            shape: shape_of(resident::parts),
        },
        Definition {
            name: "suppression",
            place: "mappings/suppression.toml",
            doc: "What holds stop, when nobody is written to, and how often somebody is.",
            shape: shape_of(suppression::parts),
        },
        Definition {
            name: "sign_in",
            place: "sign_in.toml",
            doc: "With which accounts of the council's own people sign in, and as what.",
            shape: shape_of(sign_in::parts),
        },
    ]
}

/// What a kind can be told.
pub fn settings(kind: &Kind) -> Shape {
    shape_of(|table| (kind.read)(table, &Limits::default()))
}

/// Every file of `docs/` that is made from the code: its path there, and what it holds.
pub fn files(kinds: &[Kind]) -> Vec<(String, String)> {
    let pretty = |schema: &Value| format!("{schema:#}\n");
    let mut files = vec![
        ("resident.md".to_owned(), record::page()),
        ("codes.md".to_owned(), cause::page()),
        ("schema/resident.json".to_owned(), pretty(&record::json_schema())),
        ("definitions.md".to_owned(), page(kinds)),
    ];
    for (name, schema) in schemas(kinds) {
        files.push((format!("schema/{name}.json"), pretty(&schema)));
    }
    files
}

/// The schema of each kind of definition file, by the name of its own file in `docs/schema/`.
pub fn schemas(kinds: &[Kind]) -> Vec<(String, Value)> {
    let mut schemas = Vec::new();
    for definition in definitions() {
        let mut schema = describe::json_schema(&definition.shape);
        if definition.name == "connector" {
            with_settings(&mut schema, kinds);
        }
        schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
        schema["title"] = json!(definition.place);
        schema["description"] = json!(definition.doc);
        schemas.push((definition.name.to_owned(), schema));
    }
    schemas
}

/// Which settings there are depends on the kind.
fn with_settings(schema: &mut Value, kinds: &[Kind]) {
    let names: Vec<&str> = kinds.iter().map(|kind| kind.name).collect();
    schema["properties"]["kind"]["enum"] = json!(names);
    schema["properties"]["settings"] = json!({ "type": "object" });
    let of_kinds: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            let mut settings = describe::json_schema(&settings(kind));
            settings["description"] = json!(kind.doc);
            json!({
                "if": { "properties": { "kind": { "const": kind.name } } },
                "then": { "properties": { "settings": settings } },
            })
        })
        .collect();
    schema["allOf"] = json!(of_kinds);
}

/// The reference page of every definition file.
pub fn page(kinds: &[Kind]) -> String {
    let mut page = String::from(
        "# What definitions may say\n\n\
         Made by `viaduct schema --write docs`; do not edit. `viaduct connectors describe KIND` prints the same, \
         and an editor that knows JSON Schema completes it with a first line such as \
         `#:schema ../docs/schema/connector.json`.\n",
    );
    for definition in definitions() {
        page.push_str(&format!(
            "\n{}\n",
            describe::page(&definition.shape, &heading(&definition), 2)
        ));
        if definition.name == "connector" {
            for kind in kinds {
                let heading = format!("`[settings]` of `kind = \"{}\"`", kind.name);
                let table = describe::page(&settings(kind), &heading, 3);
                let (title, rest) = table.split_once("\n\n").unwrap_or((&table, ""));
                page.push_str(&format!("\n{title}\n\n{}\n\n{rest}", kind.doc));
            }
        }
    }
    page.push_str(
        "\n## Expressions: `expr`, `when` and `key`\n\n\
         In the Common Expression Language: `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `&&`, `||`, `!`, `? :`, `+`, `-`, \
         `*`, `/`, `%`, lists in `[…]`, and these functions. A comparison with something absent is false; `has(…)` asks \
         whether it is there. Money is whole pence, a date is a text such as `2026-04-01`.\n\n\
         In an inbound mapping, over the source record:\n\n| | |\n|---|---|\n",
    );
    for (call, doc) in functions::READS {
        page.push_str(&format!("| `{call}` | {doc} |\n"));
    }
    page.push_str(
        "\nIn an outbound mapping, over who is told and what changed: `resident.contact.email`, `account.arrears` (events of \
         an account), `change.paid.old` and `change.paid.new` (fields of what the event is about).\n\n\
         In both (`pounds` and `day` in an outbound mapping only):\n\n| | |\n|---|---|\n",
    );
    for function in functions::FUNCTIONS {
        page.push_str(&format!("| `{}` | {} |\n", function.call(), function.doc));
    }
    page
}

fn heading(definition: &Definition) -> String {
    format!("`{}`: {}", definition.place, definition.doc.trim_end_matches('.').to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::kinds::KINDS;

    #[test]
    fn every_key_of_every_definition_is_described() {
        let mut bare = Vec::new();
        for definition in definitions() {
            bare.extend(describe::undescribed(&definition.shape, definition.name));
        }
        for kind in KINDS {
            bare.extend(describe::undescribed(&settings(kind), kind.name));
            assert!(!kind.doc.is_empty(), "{}", kind.name);
        }
        assert_eq!(bare, Vec::<String>::new());
    }
}
