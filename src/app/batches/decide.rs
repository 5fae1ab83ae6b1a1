//! `viaduct batches accept` and `refuse`: a person's word on a batch that was held whole.
//!
//! Only what a person can know is theirs to decide: whether a short extract is whole, and a file that
//! looks like UTF-8 is not. Totals that do not agree are mended where they come from.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::context::{AppError, Context};
use crate::access::actor::Actor;
use crate::connector::definition::HeldAt;
use crate::job::ingest::DOUBTS;
use crate::record::moment::Moment;
use crate::store::batches;
use crate::store::decisions::{self, ACCEPTED, Decision, REFUSED};
use crate::store::held::{self, BatchHeld};

/// What is decided about, and why.
#[derive(Debug, Clone, clap::Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The batch's number
    #[serde(skip)]
    pub batch: i64,
    /// Why: it stays with the batch, with your name
    #[arg(long)]
    pub reason: String,
}

/// Takes an extract as it is: its file is put back, and the next run reads it.
pub async fn accept(
    context: &Context,
    asked: &Decide,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let batch = held(context, asked.batch).await?;
    if !DOUBTS.contains(&batch.code.as_str()) {
        return Err(AppError::Stands(format!(
            "batch {} is held under {}, which nobody can accept: have it mended where it comes from \
             (`viaduct held show {}`)",
            batch.id, batch.code, batch.id
        )));
    }
    let decision = decide(context, asked, ACCEPTED, actor).await?;
    let lies = context
        .catalogue
        .connectors
        .get(&batch.source)
        .and_then(|connector| connector.settings.held_at(&context.around, &batch.origin_mark));
    let back = put_back(lies, &batch)?;
    let job = &batch.job;
    let mut json = said_json(&batch, &decision);
    json["put_back"] = json!(back);
    let text = match back {
        true => format!(
            "Batch {} is accepted, and {} is back in its folder. It is read by the next run: viaduct \
             run {job}\n",
            batch.id, batch.origin
        ),
        false => format!(
            "Batch {} is accepted. Its file is not where we put it: when the same content comes again, \
             it is taken.\n",
            batch.id
        ),
    };
    Ok((json, text))
}

/// Waits for it no longer.
pub async fn refuse(
    context: &Context,
    asked: &Decide,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let batch = held(context, asked.batch).await?;
    let decision = decide(context, asked, REFUSED, actor).await?;
    let text = format!(
        "Batch {} is refused: nothing of {} was published, and nobody waits for it.\n",
        batch.id, batch.origin
    );
    Ok((said_json(&batch, &decision), text))
}

async fn held(context: &Context, id: i64) -> Result<BatchHeld, AppError> {
    if let Some(batch) = held::batch(&context.database, id).await? {
        return Ok(batch);
    }
    Err(match batches::get(&context.database, id).await? {
        Some(batch) => AppError::Stands(format!(
            "batch {id} is {}: only one that is held is decided about",
            batch.state
        )),
        None => AppError::NotThere(format!("there is no batch {id}: see `viaduct batches`")),
    })
}

async fn decide(
    context: &Context,
    asked: &Decide,
    decided_as: &str,
    actor: &Actor,
) -> Result<Decision, AppError> {
    let reason = asked.reason.trim();
    if reason.is_empty() {
        return Err(AppError::Asked("a decision needs its reason: --reason WHY".to_owned()));
    }
    let decision = Decision {
        decided_as: decided_as.to_owned(),
        decided_by: actor.to_string(),
        decided_why: reason.to_owned(),
        decided_ms: context.clock.now_ms(),
    };
    let stands = decisions::decide(&context.database, asked.batch, &decision).await?;
    match stands {
        Some(stands) if stands.decided_as == decided_as => Ok(stands),
        Some(Decision { decided_as, decided_by, decided_ms, .. }) => {
            Err(AppError::Stands(format!(
                "batch {} was {decided_as} by {decided_by}, {}: that stands",
                asked.batch,
                Moment(decided_ms)
            )))
        }
        None => Err(AppError::Stands(format!("batch {} is not held any more", asked.batch))),
    }
}

/// Moves a held file back under its own name, unless something of that name is there. Says whether it is
/// back, by us or already.
fn put_back(lies: Option<HeldAt>, batch: &BatchHeld) -> Result<bool, AppError> {
    let Some(HeldAt { folder, held, name: Some(name) }) = lies else { return Ok(false) };
    let (from, to) = (held.join(name), folder.join(&batch.origin));
    let io =
        |error| AppError::Io { what: format!("{} to {}", from.display(), to.display()), error };
    // A second name first: it is refused where the first is taken, and a stop in between loses nothing.
    std::fs::hard_link(&from, &to).map_err(io)?;
    std::fs::remove_file(&from).map_err(io)?;
    Ok(true)
}

fn said_json(batch: &BatchHeld, decision: &Decision) -> Value {
    json!({
        "batch": batch.id,
        "origin": batch.origin,
        "decided": decision.decided_as,
        "by": decision.decided_by,
        "reason": decision.decided_why,
    })
}
