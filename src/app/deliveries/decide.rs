//! `viaduct deliveries decide`: of a send that nobody answered, and that the platform cannot be asked
//! after, a person says what became of it.

use clap::Args;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::actor::Actor;
use crate::app::context::AppError;
use crate::job::bulk::again;
use crate::store::database::Database;
use crate::store::deliveries;
use crate::store::unknowns::{self, Decided, Word};

/// What was found out.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    /// The delivery's number
    #[serde(skip)]
    pub delivery: i64,
    /// It took effect
    #[arg(long, conflicts_with = "send_again", required_unless_present = "send_again")]
    #[serde(default)]
    pub happened: bool,
    /// What the platform knows it by, where it took effect
    #[arg(long, value_name = "ID", requires = "happened")]
    pub platform_id: Option<String>,
    /// It did not take effect: send it once more
    #[arg(long)]
    #[serde(default)]
    pub send_again: bool,
    /// How you know: it stays with the delivery, with your name
    #[arg(long)]
    pub reason: String,
}

/// Writes what a person knows.
pub async fn decide(
    database: &Database,
    asked: &Decide,
    actor: &Actor,
    now_ms: i64,
) -> Result<(Value, String), AppError> {
    let id = asked.delivery;
    let stands = |what: String| Err(AppError::Stands(what));
    if asked.reason.trim().is_empty() {
        let what = "a decision needs its reason: --reason WHY".to_owned();
        return Err(AppError::Asked(what));
    }
    if asked.happened == asked.send_again || (asked.send_again && asked.platform_id.is_some()) {
        return Err(AppError::Asked(
            "say one of both: `happened`, with `platform_id` where it is known, or `send_again`"
                .to_owned(),
        ));
    }
    let Some(row) = deliveries::of_id(database, id).await? else {
        let what = format!("there is no delivery {id}: see `viaduct deliveries`");
        return Err(AppError::NotThere(what));
    };
    let word = match (asked.happened, again(&row.message)) {
        (true, _) => Word::Happened { platform_id: asked.platform_id.as_deref() },
        (false, Some(state)) => Word::Again(state),
        (false, None) => return stands(format!("there is nothing in delivery {id} to send")),
    };
    let decided =
        Decided { id, fence: row.fence, word, actor: actor.as_str(), reason: asked.reason.trim() };
    if !unknowns::decide(database, &decided, now_ms).await? {
        return stands(format!(
            "delivery {id} is {}: only one of which nobody knows whether it was sent is decided about",
            row.state
        ));
    }
    let (word, text) = match asked.happened {
        true => ("happened", format!("Delivery {id} took effect: it is delivered.\n")),
        false => (
            "send_again",
            format!("Delivery {id} is sent once more when the job of its destination runs next.\n"),
        ),
    };
    let json = json!({ "delivery": id, "decided": word, "platform_id": asked.platform_id,
        "by": actor.as_str(), "reason": asked.reason.trim() });
    Ok((json, text))
}
