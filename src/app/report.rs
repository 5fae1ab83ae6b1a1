//! What a run says at its end: counts as JSON for machines, and as lines for people.

use serde_json::{Map, Value, json};

use super::context::AppError;
use crate::connector::channel::Ignored;
use crate::store::batches::BatchRow;
use crate::store::database::Database;
use crate::store::outbox;

/// The batches a run ended, and what they add up to.
pub struct RunReport {
    batches: Vec<(BatchRow, Vec<(String, i64)>)>,
    /// What stood where the source looks, and was left alone.
    ignored: Vec<Ignored>,
}

impl RunReport {
    /// With the deliveries that each batch made.
    pub async fn of(
        database: &Database,
        batches: Vec<BatchRow>,
        ignored: Vec<Ignored>,
    ) -> Result<RunReport, AppError> {
        let mut with = Vec::with_capacity(batches.len());
        for batch in batches {
            let deliveries = outbox::counts_of_batch(database, batch.id).await?;
            with.push((batch, deliveries));
        }
        Ok(RunReport { batches: with, ignored })
    }

    /// Whether a file was the same as one that was taken before.
    pub fn any_duplicate(&self) -> bool {
        self.batches.iter().any(|(batch, _)| batch.state == "duplicate")
    }

    /// Whether no batch was ended.
    pub fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Whether a whole batch waits for a person.
    pub fn any_held_whole(&self) -> bool {
        self.batches.iter().any(|(batch, _)| batch.state == "held")
    }

    /// The batches that would wait whole, by what people call them, and why.
    pub fn held_whole(&self) -> impl Iterator<Item = (&str, &str)> {
        let held = self.batches.iter().filter(|(batch, _)| batch.state == "held");
        held.map(|(batch, _)| (batch.origin.as_str(), batch.cause.as_deref().unwrap_or_default()))
    }

    /// `{"total": {…}, "batches": […], "ignored": […]}`
    pub fn json(&self) -> Value {
        let batches: Vec<Value> =
            self.batches.iter().map(|(batch, made)| of_batch(batch, made)).collect();
        let ignored = |one: &Ignored| json!({ "what": one.what, "count": one.count });
        let ignored: Vec<Value> = self.ignored.iter().map(ignored).collect();
        json!({ "total": self.total(), "batches": batches, "ignored": ignored })
    }

    fn total(&self) -> Value {
        let sum = |part: fn(&BatchRow) -> i64| -> i64 {
            self.batches.iter().map(|(batch, _)| part(batch)).sum()
        };
        let mut deliveries: Map<String, Value> = Map::new();
        for (state, count) in self.batches.iter().flat_map(|(_, made)| made) {
            let had = deliveries.get(state).and_then(Value::as_i64).unwrap_or_default();
            deliveries.insert(state.clone(), json!(had + count));
        }
        json!({
            "rows_in": sum(|batch| batch.rows_in),
            "published": sum(|batch| batch.published),
            "unchanged": sum(|batch| batch.unchanged),
            "held": sum(|batch| batch.held),
            "filtered": sum(|batch| batch.filtered),
            "records": {
                "new": sum(|batch| batch.records_new),
                "changed": sum(|batch| batch.records_changed),
                "unchanged": sum(|batch| batch.records_unchanged),
                "gone": sum(|batch| batch.records_gone),
            },
            "residents_created": sum(|batch| batch.residents_created),
            "residents_changed": sum(|batch| batch.residents_changed),
            "changes": sum(|batch| batch.changes),
            "deliveries": deliveries,
        })
    }

    /// A few lines for each batch.
    pub fn text(&self) -> String {
        let mut text = match self.batches.is_empty() {
            true => "Nothing new was found.\n".to_owned(),
            false => self.batches.iter().map(|(batch, made)| batch_text(batch, made)).collect(),
        };
        if !self.ignored.is_empty() {
            let one = |ignored: &Ignored| format!("{} × {}", ignored.count, ignored.what);
            let said: Vec<String> = self.ignored.iter().map(one).collect();
            text.push_str(&format!("Left alone: {}.\n", said.join(", ")));
        }
        text
    }
}

/// A batch for machines, with the deliveries that it made by their states.
pub fn of_batch(batch: &BatchRow, deliveries: &[(String, i64)]) -> Value {
    let made: Map<String, Value> =
        deliveries.iter().map(|(state, count)| (state.clone(), json!(count))).collect();
    json!({
        "batch": batch.id,
        "origin": batch.origin,
        "state": batch.state,
        "cause_code": batch.cause_code,
        "cause": batch.cause,
        "encoding": batch.encoding,
        "rows_in": batch.rows_in,
        "published": batch.published,
        "unchanged": batch.unchanged,
        "held": batch.held,
        "filtered": batch.filtered,
        "records": {
            "new": batch.records_new,
            "changed": batch.records_changed,
            "unchanged": batch.records_unchanged,
            "gone": batch.records_gone,
        },
        "residents_created": batch.residents_created,
        "residents_changed": batch.residents_changed,
        "changes": batch.changes,
        "deliveries": made,
    })
}

/// A batch for people.
pub fn batch_text(batch: &BatchRow, deliveries: &[(String, i64)]) -> String {
    let mut text = format!("Batch {} · {} · {}\n", batch.id, batch.origin, batch.state);
    if let Some(cause) = &batch.cause {
        // A batch that was taken all the same carries it for a person to look at.
        let taken = matches!(batch.state.as_str(), "released" | "closed");
        text.push_str(&format!("  {} {cause}\n", if taken { "look     " } else { "because  " }));
    }
    if let Some(encoding) = &batch.encoding {
        text.push_str(&format!("  read as   {encoding}\n"));
    }
    text.push_str(&format!(
        "  rows      {} in = {} published + {} unchanged + {} held + {} filtered\n",
        batch.rows_in, batch.published, batch.unchanged, batch.held, batch.filtered
    ));
    let BatchRow { records_new, records_changed, records_unchanged, records_gone, .. } = batch;
    text.push_str(&match batch.is_replay() {
        // What is stored is staged once more: whether anything is different is said by the changes.
        true => format!("  records   {} read again\n", records_new + records_changed),
        false => format!(
            "  records   {records_new} new, {records_changed} changed, {records_unchanged} \
             unchanged, {records_gone} gone\n"
        ),
    });
    text.push_str(&format!(
        "  residents {} created, {} changed · {} changes noted\n",
        batch.residents_created, batch.residents_changed, batch.changes
    ));
    text.push_str(&format!("  messages  {}\n", states(deliveries)));
    text
}

/// `12 waiting, 3 held`, or `none`.
pub fn states(deliveries: &[(String, i64)]) -> String {
    if deliveries.is_empty() {
        return "none".to_owned();
    }
    let said: Vec<String> =
        deliveries.iter().map(|(state, count)| format!("{count} {state}")).collect();
    said.join(", ")
}
