//! What a work order brought, in two parts: the record as it was kept, place by place; and what it means in the common
//! model. Values are masked by their class unless they are shown for a reason. What no field reads is shown to nobody:
//! nobody knows what it is.

use clap::ValueEnum;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::reading::Again;
use super::sight::Sight;
use crate::mapping::inbound::Translation;
use crate::record::document::{Document, NodeId};
use crate::record::facts::Facts;
use crate::record::masking;
use crate::record::schema::{self, Class, Field, FieldId};
use crate::store::work_orders;

/// Places or fields that are told at most.
const TOLD_MAX: usize = 500;

/// Which of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Part {
    /// The record as it was kept, place by place
    CameIn,
    /// What it means, as the mapping reads it now
    Understood,
}

impl Part {
    pub fn word(self) -> &'static str {
        match self {
            Part::CameIn => "came-in",
            Part::Understood => "understood",
        }
    }
}

/// Something of the common model, and its fields.
#[derive(Debug, Serialize)]
struct Group {
    what: String,
    fields: Vec<Says>,
}

#[derive(Debug, Serialize)]
struct Says {
    /// A field's name, or a place of the record.
    name: String,
    value: String,
}

/// A part of one, which is there and may be seen by whoever asks.
pub async fn of(context: &Context, id: i64, part: Part, sight: Sight) -> Result<Value, AppError> {
    let found = work_orders::of_ids(&context.database, &[id]).await?.into_iter().next();
    let none = || AppError::NotThere(format!("there is no work order {id}"));
    let row = found.ok_or_else(none)?;
    let Some(again) = Again::of(context, &row.job, id).await? else {
        let why = "it is no record that can be read, or its job and mapping are not there any more";
        return Ok(json!({ "part": part.word(), "unreadable": why, "groups": [], "left_out": 0 }));
    };
    let (reads, mut groups, mut left_out) = match part {
        Part::CameIn => {
            let (places, unread) = places(&again, sight);
            (None, vec![Group { what: "record".to_owned(), fields: places }], unread)
        }
        Part::Understood => (Some(outcome(&again.translation)), understood(&again, sight), 0),
    };
    let mut left = TOLD_MAX;
    for group in &mut groups {
        left_out += group.fields.len().saturating_sub(left);
        group.fields.truncate(left);
        left -= group.fields.len();
    }
    groups.retain(|group| !group.fields.is_empty());
    Ok(json!({
        "part": part.word(), "unreadable": null, "reads": reads, "groups": groups,
        "left_out": left_out, "mapping": again.mapping.name,
        "mapping_version": again.mapping.version as i64,
    }))
}

fn outcome(translation: &Translation) -> &'static str {
    match translation {
        Translation::Published(_) => "published",
        Translation::Filtered(_) => "filtered",
        Translation::Held(_) => "held",
        Translation::Failed(_) => "failed",
    }
}

/// Places of the record that a field reads, in their order; and how many others hold something.
fn places(again: &Again, sight: Sight) -> (Vec<Says>, usize) {
    let (mut says, mut unread) = (Vec::new(), 0);
    if let Some(root) = again.document.root() {
        walk(again, root, String::new(), sight, &mut (&mut says, &mut unread));
    }
    (says, unread)
}

fn walk(
    again: &Again,
    node: NodeId,
    path: String,
    sight: Sight,
    found: &mut (&mut Vec<Says>, &mut usize),
) {
    let document = &again.document;
    let text = document.text(node).trim();
    if !text.is_empty() {
        match again.class(node) {
            Some(class) => {
                let name = if path.is_empty() { "the record".to_owned() } else { path.clone() };
                found.0.push(Says { name, value: seen(class, text, sight) });
            }
            None => *found.1 += 1,
        }
    }
    for (child, name) in named(document, node) {
        let slash = if path.is_empty() { "" } else { "/" };
        walk(again, child, format!("{path}{slash}{name}"), sight, found);
    }
}

/// Children with their names; of several of one name each with its place.
fn named(document: &Document, node: NodeId) -> Vec<(NodeId, String)> {
    let mut seen: std::collections::HashMap<&str, usize> = std::collections::HashMap::new();
    let children: Vec<NodeId> = document.children(node).collect();
    let all = children.iter().map(|child| {
        let name = document.name(*child);
        let many = seen.entry(name).or_default();
        *many += 1;
        let mark = if document.is_attribute(*child) { "@" } else { "" };
        let place = if *many > 1 { format!("[{many}]") } else { String::new() };
        (*child, format!("{mark}{name}{place}"))
    });
    all.collect()
}

/// A text of the record as the class of what reads it allows.
fn seen(class: Class, text: &str, sight: Sight) -> String {
    match class {
        Class::Plain => Sight::Shown.text(text),
        // Beyond their last four to nobody.
        Class::Bank => Sight::Shown.text(&masking::mask_key(text)),
        Class::Identity | Class::Contact | Class::Money => sight.text(text),
    }
}

/// What it means, thing by thing.
fn understood(again: &Again, sight: Sight) -> Vec<Group> {
    let Translation::Published(fragment) = &again.translation else { return Vec::new() };
    let mut groups = Vec::new();
    if let Some(account) = &fragment.account {
        let what = format!("account: {}", account.kind);
        groups.push(Group { what, fields: fields(&account.facts, schema::ACCOUNT, sight) });
        for (place, list) in schema::LISTS.iter().enumerate() {
            for (number, item) in account.facts.list(place as FieldId).iter().enumerate() {
                let says = |(id, value): &(FieldId, _)| {
                    let field = &list.fields[*id as usize];
                    Says { name: field.name.to_owned(), value: sight.value(field, value) }
                };
                let what = format!("{} {}", list.name, number + 1);
                groups.push(Group { what, fields: item.iter().map(says).collect() });
            }
        }
    }
    for (place, party) in fragment.parties.iter().enumerate() {
        let what = format!("person {}: {}", place + 1, party.role);
        groups.push(Group { what, fields: fields(&party.facts, schema::PARTY, sight) });
    }
    if let Some(hold) = &fragment.hold {
        let fields = fields(&hold.facts, schema::HOLD, sight);
        groups.push(Group { what: "hold".to_owned(), fields });
    }
    groups
}

fn fields(facts: &Facts, table: &'static [Field], sight: Sight) -> Vec<Says> {
    let says = facts.fields().iter().map(|(id, value)| {
        let field = &table[*id as usize];
        Says { name: field.name.to_owned(), value: sight.value(field, value) }
    });
    says.collect()
}
