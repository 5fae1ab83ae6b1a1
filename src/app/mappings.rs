//! The inbound mappings, and one tried on the sample of its connector.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use crate::catalogue::trial::{self, Which};

/// Which records of the sample are tried; the first few where nothing is said.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// By its place, from 1
    record: Option<usize>,
}

/// Each with what it reads.
pub fn list(context: &Context) -> Value {
    let catalogue = &context.catalogue;
    let told = catalogue.inbound.values().map(|mapping| {
        let jobs = catalogue.jobs.values();
        let reads = |job: &&crate::job::definition::JobDefinition| {
            job.mapping.as_ref().is_some_and(|name| name.value == mapping.name)
        };
        let jobs: Vec<&str> = jobs.filter(reads).map(|job| job.name.as_str()).collect();
        json!({
            "mapping": mapping.name, "source": mapping.source.value, "jobs": jobs,
            "version": mapping.version as i64,
        })
    });
    json!({ "mappings": told.collect::<Vec<Value>>() })
}

/// The sample beside what became of it.
pub fn tried(context: &Context, name: &str, wanted: Wanted) -> Result<Value, AppError> {
    if !context.catalogue.inbound.contains_key(name) {
        return Err(AppError::NotThere("there is no inbound mapping of that name".to_owned()));
    }
    let which = wanted.record.map_or(Which::First, Which::Number);
    let (root, today) = (&context.definitions, context.clock.today());
    let tried = trial::run(root, &context.catalogue, name, None, &which, today);
    Ok(tried.map_err(AppError::NotThere)?.side_by_side())
}
