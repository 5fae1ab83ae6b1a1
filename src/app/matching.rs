//! `viaduct match`: how well residents are told apart, against a list of who is who that somebody knows; and weights
//! made from the people that are loaded.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::context::AppError;
use crate::resolution::evaluate::{Figures, Judged, evaluate};
use crate::resolution::profile::{self, Profile};
use crate::resolution::train::{self, Trained};
use crate::resolution::weigh::Weights;
use crate::store::database::Database;
use crate::store::identity;
use crate::store::matching;

const AT_ONCE: i64 = 10_000;
/// More parties are not learnt from at once: some 400 bytes each.
const LEARNT_MAX: usize = 1_500_000;
const COLUMNS: [&str; 4] = ["source_system", "source_key", "party", "person_id"];

/// Judges the residents by the truth, a CSV file with the columns of the exported list, `person_id` in place of the
/// resident, and `culture` if groups are to be looked at.
pub async fn judge(database: &Database, truth: &Path) -> Result<(Value, String), AppError> {
    let wrong = |what: String| AppError::NotThere(format!("{}: {what}", truth.display()));
    let mut reader = csv::Reader::from_path(truth).map_err(|error| wrong(error.to_string()))?;
    let head = reader.headers().map_err(|error| wrong(error.to_string()))?.clone();
    let place = |name: &str| head.iter().position(|column| column == name);
    let columns: Option<Vec<usize>> = COLUMNS.iter().map(|name| place(name)).collect();
    let columns =
        columns.ok_or_else(|| wrong(format!("it must have the columns {}", COLUMNS.join(", "))))?;
    let culture = place("culture");
    let mut known: HashMap<(String, String, String), (String, String)> = HashMap::new();
    for row in reader.records() {
        let row = row.map_err(|error| wrong(error.to_string()))?;
        let at = |column: usize| row.get(columns[column]).unwrap_or_default().to_owned();
        let group = culture.and_then(|at| row.get(at)).unwrap_or("all").to_owned();
        known.insert((at(0), at(1), at(2)), (at(3), group));
    }
    let (mut records, mut after) = (Vec::new(), 0);
    loop {
        let rows = identity::listed(database, after, AT_ONCE).await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        for row in rows {
            if let Some((person, group)) = known.remove(&(row.source, row.source_key, row.party)) {
                records.push(Judged { person, cluster: row.resident_id, group });
            }
        }
    }
    let found = evaluate(&records);
    let figures =
        |one: Figures| json!({ "precision": one.precision, "recall": one.recall, "f1": one.f1 });
    let exposed: serde_json::Map<String, Value> = found
        .exposed
        .iter()
        .map(|(group, (persons, exposed))| {
            (group.clone(), json!({ "persons": persons, "exposed": exposed }))
        })
        .collect();
    let json = json!({
        "records": found.records, "not_found": known.len(), "persons": found.persons,
        "residents": found.clusters, "pairwise": figures(found.pairwise), "bcubed": figures(found.bcubed),
        "over_merged": found.over_merged, "exposed": exposed,
    });
    let line = |name: &str, one: Figures| {
        format!(
            "{name}: precision {:.4}, recall {:.4}, F1 {:.4}\n",
            one.precision, one.recall, one.f1
        )
    };
    let mut text = format!(
        "{} records of {} persons in {} residents; {} of the list are not here\n{}{}over-merged: {}\n",
        found.records,
        found.persons,
        found.clusters,
        known.len(),
        line("pairwise", found.pairwise),
        line("B-cubed", found.bcubed),
        found.over_merged
    );
    for (group, (persons, exposed)) in &found.exposed {
        let _ = writeln!(
            text,
            "  {group}: {exposed} of {persons} persons share a resident with somebody else"
        );
    }
    Ok((json, text))
}

/// Makes weights from the parties that are loaded, beginning with those that count now, and writes them.
pub async fn train(
    database: &Database,
    definitions: &Path,
    file: &Path,
) -> Result<(Value, String), AppError> {
    let wrong = |what: String| AppError::NotThere(format!("{}: {what}", file.display()));
    if file.exists() {
        return Err(wrong("it is there already: move it away, or name another".to_owned()));
    }
    let policy = super::resident::policy(definitions, database).await?.unwrap_or_default();
    let first = policy.weights.as_ref().unwrap_or(Weights::shipped());
    let profiles = profiles(database).await?;
    let many = profiles.len();
    let Trained { weights, pairs, kept } = train::train(&train::patterns(&profiles), first);
    if kept.contains(&"home") {
        return Err(AppError::NotThere(format!(
            "{many} parties share too few homes to learn from: load a council first; the weights that come with the \
             program do until then"
        )));
    }
    let from = format!(
        "Made by `viaduct match train` from {many} parties and {pairs} pairs, beginning with version {}.",
        first.version
    );
    std::fs::write(file, weights.to_toml(&from)).map_err(|error| wrong(error.to_string()))?;
    let version = weights.version;
    let mut text =
        format!("{}: version {version}, from {many} parties and {pairs} pairs\n", file.display());
    if !kept.is_empty() {
        let _ =
            writeln!(text, "too few pairs to learn from, and so as before: {}", kept.join(", "));
    }
    text.push_str(
        "As `mappings/weights.toml` of the definitions they count for whoever comes from then on; judge them first \
         (`viaduct match evaluate`)\n",
    );
    Ok((json!({ "version": version, "parties": many, "pairs": pairs, "kept": kept }), text))
}

async fn profiles(database: &Database) -> Result<Vec<Profile>, AppError> {
    let (mut all, mut after) = (Vec::new(), 0);
    while all.len() < LEARNT_MAX {
        // A page at a time: whoever writes does not wait for all of it.
        let mut transaction = database.begin().await?;
        let rows = matching::profiles_after(&mut transaction, after, AT_ONCE).await?;
        transaction.commit().await?;
        let Some(last) = rows.last() else { break };
        after = last.id;
        all.extend(
            rows.iter()
                .filter_map(|row| profile::unpack(row.source_key_id, row.profile.as_deref()?)),
        );
    }
    Ok(all)
}
