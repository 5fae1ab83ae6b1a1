//! The common record told to others: JSON Schema for programs, a page for people. Both are made from
//! the one table in `schema`, and a test fails when what is in `docs/` is not what it says.

use serde_json::{Map, Value, json};

use super::schema::{ACCOUNT, Class, Field, Kind, LISTS, PARTY, ROLES};

/// The JSON Schema of a resident's and an account's facts.
pub fn json_schema() -> Value {
    let mut account = properties(ACCOUNT);
    for list in LISTS {
        let items = object(list.doc, properties(list.fields));
        account.insert(
            list.name.to_owned(),
            json!({ "type": "array", "description": list.doc, "items": items }),
        );
    }
    let roles: Vec<&str> = ROLES.iter().map(|(role, _)| *role).collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "The common resident record",
        "$defs": {
            "resident": object("The best value of each field of one person.", properties(PARTY)),
            "party": object("One person as one record names them.", properties(PARTY)),
            "account": object("Facts of an account, stated once, whoever is liable.", account),
            "role": { "enum": roles },
        },
    })
}

fn object(doc: &str, properties: Map<String, Value>) -> Value {
    json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "additionalProperties": false,
    })
}

fn properties(fields: &[Field]) -> Map<String, Value> {
    fields.iter().map(|field| (field.name.to_owned(), property(field))).collect()
}

fn property(field: &Field) -> Value {
    let mut shape = match field.kind {
        Kind::Text | Kind::Decimal | Kind::Nino | Kind::Uprn | Kind::Postcode | Kind::Phone => {
            json!({ "type": "string" })
        }
        Kind::Email => json!({ "type": "string", "format": "email" }),
        Kind::Date => json!({ "type": "string", "format": "date" }),
        Kind::Pence | Kind::Whole => json!({ "type": "integer" }),
        Kind::Flag => json!({ "type": "boolean" }),
    };
    shape["description"] = json!(field.doc);
    shape["x-kind"] = json!(field.kind.word());
    shape["x-class"] = json!(field.class.word());
    shape
}

/// The reference page.
pub fn page() -> String {
    let mut page = String::from(
        "# The common resident record\n\n\
         Made by `viaduct schema --write docs`; do not edit. `docs/schema/resident.json` says the same to \
         programs.\n\n\
         A **party** is one person, estate or organisation as one source record names them; a **resident** \
         is the parties that are one person, with the best value of each field. Both have the same \
         fields. An **account** is a council tax account, a benefit claim and the like. Each value knows \
         its source record, the version of the mapping that read it, and when: a party's and an account's \
         own row says so, and a resident's row names the party that each value comes from.\n\n\
         Money is whole pence, dates are `YYYY-MM-DD`, telephone numbers are E.164.\n\n",
    );
    page.push_str("## Resident and party\n\n");
    table(&mut page, PARTY);
    page.push_str("\n## Account\n\n");
    table(&mut page, ACCOUNT);
    for list in LISTS {
        page.push_str(&format!("\n### The list `{}`\n\n{}\n\n", list.name, list.doc));
        table(&mut page, list.fields);
    }
    page.push_str("\n## Roles of a party on an account\n\n| role | is |\n|---|---|\n");
    for (role, doc) in ROLES {
        page.push_str(&format!("| `{role}` | {doc} |\n"));
    }
    page.push_str("\n## Data classes\n\n");
    for (class, doc) in [
        (Class::Plain, "says nothing about a person by itself"),
        (Class::Identity, "names, birth and death, numbers that identify"),
        (Class::Contact, "where and how to reach somebody"),
        (Class::Money, "what is owed, paid or awarded"),
        (Class::Bank, "sort codes and account numbers"),
    ] {
        page.push_str(&format!("- **{}**: {doc}.\n", class.word()));
    }
    page
}

fn table(page: &mut String, fields: &[Field]) {
    page.push_str("| field | type | class | |\n|---|---|---|---|\n");
    for field in fields {
        let (name, kind, class) = (field.name, field.kind.word(), field.class.word());
        page.push_str(&format!("| `{name}` | {kind} | {class} | {} |\n", field.doc));
    }
}
