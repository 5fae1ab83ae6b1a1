//! The last look before a send: what is known of each person now, and what the gate makes of it.

use std::collections::HashMap;

use super::{Deliver, outcome};
use crate::job::error::JobError;
use crate::job::ingest::Bench;
use crate::record::delivery::{Content, Delivery};
use crate::store::sending::{ClaimedRow, Settled};
use crate::store::standing::{self, Known};
use crate::suppression::gate::{self, Cleared, Standing};

/// What the gate lets through, and how the rest stands.
pub async fn judge(
    job: &Deliver,
    bench: &Bench,
    claimed: Vec<ClaimedRow>,
) -> Result<(Vec<Cleared<Delivery>>, Vec<Settled>), JobError> {
    let mut residents: Vec<i64> = claimed.iter().map(|row| row.resident_id).collect();
    residents.sort_unstable();
    residents.dedup();
    let now_ms = bench.clock.now_ms();
    let known = standing::of_residents(&bench.database, &residents, now_ms).await?;
    let standings: HashMap<i64, Standing> =
        known.into_iter().map(|(id, known)| (id, standing_of(job, known))).collect();
    let nobody = Standing::default();
    let (mut cleared, mut settled) = (Vec::with_capacity(claimed.len()), Vec::new());
    for row in claimed {
        let Some(content) = Content::from_json(&row.message) else {
            settled.push(outcome::unreadable(&row, now_ms));
            continue;
        };
        let delivery = Delivery {
            id: row.id,
            resident_id: row.resident_id,
            purpose: row.purpose,
            needs_consent: row.needs_consent,
            reference: row.reference,
            content,
            attempts: row.attempts,
            intent: row.intents,
            fence: row.fence,
            doubt_until_ms: row.doubt_until_ms,
        };
        match gate::clear(delivery, standings.get(&row.resident_id).unwrap_or(&nobody)) {
            Ok(through) => cleared.push(through),
            Err(kept) => {
                let (delivery, why) = *kept;
                settled.push(outcome::withheld(&delivery, why, now_ms));
            }
        }
    }
    Ok((cleared, settled))
}

fn standing_of(job: &Deliver, known: Known) -> Standing {
    Standing {
        resident: known.facts,
        holds: known.holds,
        account_on_hold: known.account_on_hold,
        production: job.production,
    }
}
