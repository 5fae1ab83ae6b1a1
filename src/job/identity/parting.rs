//! What an act means for what was sent and is to be sent. Whatever a system was told on a view that was wrong is
//! queued to be told anew: held, until a person has it made anew or dismisses it. Nobody is written to twice: letters
//! and messages are listed, and no more.

use std::collections::HashSet;

use crate::job::error::JobError;
use crate::record::delivery::{Content, State};
use crate::record::facts::{Difference, differences_to_json};
use crate::record::schema;
use crate::store::again;
use crate::store::database::{Transaction, cells};
use crate::store::deliveries::{self, Delivery};
use crate::store::identity::Row;
use crate::store::ids::Ids;
use crate::store::outbox::{New, Place, Rows};
use crate::store::parting::CORRECTION;
use crate::store::residents::{self, read_facts};

/// What left on the view that was wrong: delivery, resident, destination, state; and what is queued to be told anew.
#[derive(Debug, Default)]
pub(super) struct Wrong {
    pub sent: Vec<(i64, i64, String, String)>,
    pub queued: Vec<i64>,
}

/// How it is now, and since when it was taken for something else.
pub(in crate::job) struct Now<'n> {
    /// What begins our references.
    pub mark: &'n str,
    /// The residents that were meant, before and after.
    pub meant: [i64; 2],
    /// Those that there are now.
    pub residents: &'n [i64],
    /// Who is named on which account: account and resident.
    pub named: &'n [(i64, i64)],
    /// What was made before that number was right.
    pub since: i64,
    pub now_ms: i64,
}

/// Keeps away who makes deliveries anew, before any is touched; those who resolve are kept away by the turn.
pub(super) async fn alone(transaction: &mut Transaction) -> Result<(), JobError> {
    again::alone(transaction, 1).await?;
    Ok(())
}

/// Lists what left on the wrong view, and queues a correction for each system that was told, one for the newest of
/// each kind.
pub(super) async fn correct(
    transaction: &mut Transaction,
    now: &Now<'_>,
) -> Result<Wrong, JobError> {
    let sent = deliveries::sent_for(transaction, &now.meant).await?;
    let sent: Vec<&Delivery> = sent.iter().filter(|row| row.id > now.since).collect();
    let told = now.told(&sent);
    let mut ids = again::alone(transaction, told.len()).await?;
    let queued = queue(transaction, now, told, &mut ids).await?;
    let sent = sent
        .into_iter()
        .map(|row| (row.id, row.resident_id, row.destination.clone(), row.state.clone()));
    Ok(Wrong { sent: sent.collect(), queued })
}

/// The same where weights parted a resident, by a chunk that has its turn: nobody asked for it, and nobody is shown what
/// left.
pub(in crate::job) async fn correct_by_weights(
    transaction: &mut Transaction,
    now: &Now<'_>,
    ids: &mut Ids,
) -> Result<(), JobError> {
    let sent = deliveries::sent_for(transaction, &now.meant).await?;
    let told = now.told(&sent.iter().collect::<Vec<_>>());
    ids.reserve_in(transaction, told.len()).await?;
    queue(transaction, now, told, ids).await?;
    Ok(())
}

/// Queues a correction for each; gives their numbers.
async fn queue(
    transaction: &mut Transaction,
    now: &Now<'_>,
    told: Vec<(&Delivery, i64)>,
    ids: &mut Ids,
) -> Result<Vec<i64>, JobError> {
    let (mut made, mut queued) = (Rows::default(), Vec::new());
    // The newest was looked at first, and comes last in line.
    for (row, resident) in told.into_iter().rev() {
        let id = ids.take();
        correct_one(row, resident, id, now, &mut made);
        queued.push(id);
    }
    made.write(transaction).await?;
    Ok(queued)
}

/// Whether a system has it, or may have.
fn is_told(row: &Delivery) -> bool {
    let never = [State::Held, State::Dismissed, State::Replaced].map(State::word);
    !never.contains(&row.state.as_str())
        && matches!(Content::from_json(&row.message), Some(Content::Push(_)))
}

impl Now<'_> {
    /// What systems were told of these: the newest of each kind, and of whom they must be told anew.
    fn told<'d>(&self, sent: &[&'d Delivery]) -> Vec<(&'d Delivery, i64)> {
        let (mut told, mut seen) = (Vec::new(), HashSet::new());
        for row in sent.iter().filter(|row| is_told(row)) {
            for resident in self.whom(row) {
                if seen.insert((resident, &row.destination, &row.mapping, row.account_id)) {
                    told.push((*row, resident));
                }
            }
        }
        told
    }

    /// Of whom a system must be told anew what it was told by this delivery.
    fn whom(&self, row: &Delivery) -> Vec<i64> {
        let Some(account) = row.account_id else { return self.residents.to_vec() };
        let named = self.named.iter().filter(|(known, _)| *known == account);
        let mut whom: Vec<i64> = named.map(|(_, resident)| *resident).collect();
        whom.sort_unstable();
        whom.dedup();
        whom
    }
}

fn correct_one(row: &Delivery, resident_id: i64, id: i64, now: &Now<'_>, made: &mut Rows) {
    let cause = format!("delivery {} told of somebody else than is meant", row.id);
    let new = New {
        id,
        event_id: row.change_event_id,
        batch_id: row.batch_id,
        resident_id,
        destination: &row.destination,
        mapping: &row.mapping,
        mapping_version: row.mapping_version,
        purpose: &row.purpose,
        needs_consent: row.needs_consent,
        collection: row.collection,
        account_id: row.account_id,
        reference: format!("{}-{id}", now.mark),
        composed: Err((CORRECTION, cause)),
        now_ms: now.now_ms,
    };
    let subject_id = row.account_id.unwrap_or(resident_id);
    made.add(new, Place { subject_id, again_of: Some(row.id), ..Place::default() });
}

/// Tells whoever follows the changes what became of these residents: each as it was, and as it is.
pub(super) async fn tell(
    transaction: &mut Transaction,
    changed: &[(Option<&Row>, &Row)],
    now_ms: i64,
) -> Result<(), JobError> {
    let mut ids = again::alone(transaction, changed.len()).await?;
    let mut events = Vec::new();
    for (was, is) in changed {
        let kind = match was {
            _ if is.merged_into.is_some() => "merged",
            None => "created",
            Some(was) if was.merged_into.is_some() => "returned",
            Some(_) => "changed",
        };
        let differences = match was {
            Some(was) if kind == "changed" => differences(was, is)?,
            _ => Vec::new(),
        };
        if kind == "changed" && differences.is_empty() {
            continue;
        }
        let changes = (!differences.is_empty()).then(|| differences_to_json(&differences));
        // No batch and no record brought it.
        events.extend(cells![ids.take(), 0_i64, 0_i64, "resident", is.id, kind, changes, now_ms]);
    }
    transaction.insert(residents::EVENTS, events).await?;
    Ok(())
}

fn differences(was: &Row, is: &Row) -> Result<Vec<Difference>, JobError> {
    let read = |row: &Row| read_facts(&row.facts, schema::PARTY, "resident", row.id);
    Ok(read(was)?.differences(&read(is)?, schema::PARTY))
}
