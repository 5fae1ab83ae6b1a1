//! The last look before a send: what is known of each person now, and what the gate makes of it.
//!
//! It is taken after the intent is on disk: a hold that is stored before this look is seen by it, and
//! one that is stored later finds the delivery as being sent.

use super::{Deliver, outcome};
use crate::job::error::JobError;
use crate::job::ingest::Bench;
use crate::job::standing;
use crate::record::delivery::{Contact, Content, Delivery};
use crate::store::sending::{ClaimedRow, Settled};
use crate::store::standing::About;
use crate::suppression::gate::{self, Cleared, Standing};

/// What the gate lets through, and how the rest stands.
pub async fn judge(
    job: &Deliver,
    bench: &Bench,
    claimed: Vec<ClaimedRow>,
) -> Result<(Vec<Cleared<Delivery>>, Vec<Settled>), JobError> {
    let about = |row: &ClaimedRow| About {
        delivery_id: row.id,
        resident_id: row.resident_id,
        collection: row.collection,
        account_id: row.account_id,
    };
    let about: Vec<About> = claimed.iter().map(about).collect();
    let (now_ms, policy) = (bench.clock.now_ms(), &job.policy);
    let mut standings =
        standing::of(&bench.database, &about, policy, job.production, now_ms).await?;
    let (mut cleared, mut settled) = (Vec::with_capacity(claimed.len()), Vec::new());
    for row in claimed {
        match row.stale {
            0 => {}
            1 => {
                settled.push(outcome::stale(&row));
                continue;
            }
            doubt => {
                settled.push(outcome::behind(&row, doubt == 3, now_ms));
                continue;
            }
        }
        let Some(content) = Content::from_json(&row.message) else {
            settled.push(outcome::unreadable(&row, now_ms));
            continue;
        };
        let channel = content.channel();
        let collection = row.collection;
        let intent_ms = row.since_ms;
        let delivery = Delivery {
            id: row.id,
            resident_id: row.resident_id,
            purpose: row.purpose,
            needs_consent: row.needs_consent,
            collection,
            account_id: row.account_id,
            reference: row.reference,
            content,
            attempts: row.attempts,
            intent: row.intents,
            fence: row.fence,
            doubt_until_ms: row.doubt_until_ms,
            unanswered_since_ms: row.unanswered_since_ms,
        };
        let standing = standings.entry(row.resident_id).or_insert_with(Standing::default);
        match gate::clear(delivery, standing, policy) {
            Ok(through) => {
                cleared.push(through);
                // What leaves now counts for what is judged after it.
                let contact = channel.map(|channel| Contact { channel, collection, at_ms: now_ms });
                standing.contacts.extend(contact);
            }
            Err(kept) => {
                let (delivery, why) = *kept;
                settled.push(outcome::withheld(&delivery, intent_ms, why, now_ms));
            }
        }
    }
    Ok((cleared, settled))
}
