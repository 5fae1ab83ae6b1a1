//! The connectors that these definitions have, as integrators look at them: what each is, who uses it, whether it
//! can be opened, and which settings and secrets it asks the environment for, by their names.

use std::fs;

use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::connector::definition::ConnectorDefinition;
use crate::connector::kinds::KINDS;
use crate::definition::secret::SecretReference;
use crate::record::moment::Moment;
use crate::store::batches;

/// Every connector, by its name.
pub async fn list(context: &Context) -> Result<Value, AppError> {
    let mut all = Vec::new();
    for connector in context.catalogue.connectors.values() {
        all.push(one(context, connector).await?);
    }
    Ok(json!({ "connectors": all }))
}

async fn one(context: &Context, connector: &ConnectorDefinition) -> Result<Value, AppError> {
    let kind = KINDS.iter().find(|kind| kind.name == connector.kind.value);
    let jobs: Vec<&str> = (context.catalogue.jobs.values())
        .filter(|job| job.connector.value == connector.name)
        .map(|job| job.name.as_str())
        .collect();
    let mut last = None;
    for job in &jobs {
        let newest = batches::newest(&context.database, Some(job), 1).await?.into_iter().next();
        last = last.max(newest.map(|batch| (batch.started_ms, batch.id, batch.state)));
    }
    let names = asked_for(context, connector);
    let settings: Vec<Value> = (names.iter())
        .map(|reference| {
            let is_set = (context.around.variable)(reference.name()).is_some();
            let is_secret = matches!(reference, SecretReference::Stored(_));
            json!({ "name": reference.name(), "set": is_set, "secret": is_secret })
        })
        .collect();
    Ok(json!({
        "connector": connector.name,
        "kind": connector.kind.value,
        "is": kind.map(|kind| kind.doc),
        "system": connector.system.value,
        "owner": connector.owner,
        "jobs": jobs,
        "fault": context.unopened(connector),
        "settings": settings,
        "last": last.map(|(at_ms, batch, state)| json!({
            "at": Moment(at_ms), "batch": batch, "state": state,
        })),
    }))
}

/// The names that its file asks the environment for; what it holds besides is not looked at.
fn asked_for(context: &Context, connector: &ConnectorDefinition) -> Vec<SecretReference> {
    let file = context.definitions.join("connectors").join(format!("{}.toml", connector.name));
    let text = fs::read_to_string(file).unwrap_or_default();
    let lines = text.lines().map(|line| line.split('#').next().unwrap_or_default());
    let mut names: Vec<SecretReference> = Vec::new();
    for quoted in lines.flat_map(|line| line.split('"').skip(1).step_by(2)) {
        let mut found: Vec<SecretReference> = SecretReference::parse(quoted).into_iter().collect();
        let inside = quoted.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
        found
            .extend(inside.filter_map(|(name, _)| SecretReference::parse(&format!("${{{name}}}"))));
        for reference in found {
            if !names.iter().any(|known| known.name() == reference.name()) {
                names.push(reference);
            }
        }
    }
    names
}
