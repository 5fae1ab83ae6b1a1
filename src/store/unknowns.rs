//! Deliveries of which nobody knows whether they took effect, and a person's word on one.

use super::audit::{self, Entry};
use super::database::{Database, StoreError, cells};
use super::outbox::NEVER_MS;
use super::parting;
use crate::record::delivery::State;

/// The audit log's word for one that did not take effect.
pub const SEND_AGAIN: &str = "send again";

/// What a person found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word<'a> {
    /// It took effect; the platform knows it by this.
    Happened { platform_id: Option<&'a str> },
    /// It did not: it goes to this state, to be sent once more.
    Again(State),
}

/// A person's word on a delivery as it was when they looked.
#[derive(Debug, Clone, Copy)]
pub struct Decided<'a> {
    pub id: i64,
    pub fence: i64,
    pub word: Word<'a>,
    pub actor: &'a str,
    pub reason: &'a str,
}

/// Writes it, with its line in the audit log. False where somebody had a hand on the delivery since.
pub async fn decide(
    database: &Database,
    decided: &Decided<'_>,
    now_ms: i64,
) -> Result<bool, StoreError> {
    let (state, platform_id, next_ms) = match decided.word {
        Word::Happened { platform_id } => (State::Delivered, platform_id, 0),
        Word::Again(State::Offered) => (State::Offered, None, NEVER_MS),
        Word::Again(state) => (state, None, now_ms),
    };
    let mut transaction = database.begin_durable().await?;
    let sql = "UPDATE delivery SET state = $3, since_ms = $4, next_ms = $5, settled_ms = $6, \
               platform_id = COALESCE($7, platform_id), attempts = 0, polls = 0, \
               fence = fence + 1, cause_code = NULL, cause = NULL, doubt_until_ms = NULL, \
               decided_ms = $4 \
               WHERE id = $1 AND fence = $2 AND (state = 'unknown' \
               OR (state = 'held' AND cause_code = 'delivery.unknown'))";
    let cells = cells![
        decided.id,
        decided.fence,
        state.word(),
        now_ms,
        next_ms,
        state.is_settled().then_some(now_ms),
        platform_id.map(str::to_owned),
    ];
    if transaction.execute(sql, cells).await? == 0 {
        return Ok(false);
    }
    if decided.word == Word::Again(State::Waiting) {
        parting::hold_back(&mut transaction, std::iter::once(decided.id), now_ms).await?;
    }
    let action = match decided.word {
        Word::Happened { .. } => "happened",
        Word::Again(_) => SEND_AGAIN,
    };
    let entry = Entry {
        actor: decided.actor,
        action,
        target: format!("delivery {}", decided.id),
        reason: Some(decided.reason),
        details: platform_id.map(|id| serde_json::json!({ "platform_id": id }).to_string()),
    };
    audit::write(&mut transaction, &entry, now_ms).await?;
    transaction.commit().await?;
    Ok(true)
}
