//! What became different, for systems that prefer to ask: changes in their order, from where the asker left
//! off. It says who and which fields; what the fields hold is asked for where values are shown.

use std::collections::HashMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::sight::table_of;
use crate::record::facts::differences_from_json;
use crate::record::moment::Moment;
use crate::store::database::{Database, StoreError};
use crate::store::history::{self, Change};

/// More are not told at once.
pub const MOST_MAX: i64 = 1_000;

/// From where, and how many.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The `after` of the answer before; 0 from the very beginning.
    #[serde(default)]
    pub after: i64,
    #[serde(default = "most")]
    pub most: u32,
}

fn most() -> u32 {
    100
}

/// The next changes, and where to go on. What a batch changed is told when the batch is closed, and nothing above it
/// before: so nothing is ever passed over.
pub async fn list(database: &Database, wanted: &Wanted) -> Result<Value, StoreError> {
    let most = i64::from(wanted.most).min(MOST_MAX);
    let found = history::changes(database, wanted.after, most).await?;
    let more = found.len() as i64 == most;
    let accounts: Vec<i64> = (found.iter())
        .filter(|change| change.subject == "account")
        .map(|change| change.subject_id)
        .collect();
    let mut people: HashMap<i64, Vec<i64>> = HashMap::new();
    for (account, resident) in history::residents_of(database, &accounts).await? {
        people.entry(account).or_default().push(resident);
    }
    let after = found.last().map_or(wanted.after, |change| change.id);
    let changes: Vec<Value> = found.iter().map(|change| told(change, &people)).collect();
    Ok(json!({ "changes": changes, "after": after, "more": more }))
}

fn told(change: &Change, people: &HashMap<i64, Vec<i64>>) -> Value {
    let differences = change
        .changes
        .as_deref()
        .and_then(|text| differences_from_json(text, table_of(&change.subject)));
    let fields: Vec<&str> = differences.iter().flatten().map(|one| one.field).collect();
    let mut told = json!({
        "id": change.id, "at": Moment(change.at_ms), "subject": change.subject, "kind": change.kind,
        "fields": fields, "batch": change.batch_id,
    });
    if change.subject == "account" {
        told["account"] = change.subject_id.into();
        told["residents"] = json!(people.get(&change.subject_id).map_or(&[][..], Vec::as_slice));
    } else {
        told["residents"] = json!([change.subject_id]);
    }
    told
}
