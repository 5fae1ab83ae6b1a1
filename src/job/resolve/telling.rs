//! Telling: the messages, pushes and payments that follow from what changed, as rows to be written.

use super::distinct;
use crate::job::error::JobError;
use crate::job::ingest::Bench;
use crate::mapping::outbound::{Change, Outbound};
use crate::mapping::push::Stamp;
use crate::record::delivery::Content;
use crate::record::payment_link::Links;
use crate::record::schema;
use crate::store::batches::BatchRow;
use crate::store::database::{Cell, Transaction};
use crate::store::ids::Ids;
use crate::store::outbox;
use crate::store::residents::{self, read_facts};

/// What every delivery of a batch is made with.
pub struct Telling<'t> {
    pub batch: &'t BatchRow,
    pub mark: &'t str,
    pub now_ms: i64,
    pub links: &'t Links,
}

/// Who is told of what.
pub struct Told<'t> {
    pub event_id: i64,
    pub resident_id: i64,
    /// Of the resident, as it will stand.
    pub version: i64,
    pub account_id: Option<i64>,
    pub about: Change<'t>,
}

impl Telling<'_> {
    /// The message, and the payment that it asks for; nothing where this is not to be told.
    pub fn deliveries(&self, mapping: &Outbound, told: Told<'_>, ids: &mut Ids) -> Vec<Cell> {
        let (id, mut payment) = (ids.take(), None);
        let reference = |id: i64| format!("{}{id}", self.mark);
        let composed = match mapping.applies(told.about) {
            Ok(false) => return Vec::new(),
            // Whether they are to be told is not known: a person looks.
            Err(reason) => Err(reason),
            Ok(true) => match &mapping.push {
                Some(push) => {
                    let reference = reference(id);
                    let stamp = Stamp {
                        reference: &reference,
                        resident_id: told.resident_id,
                        version: told.version,
                        now_ms: self.now_ms,
                    };
                    mapping.compose_push(push, told.about, stamp).map(Content::Push)
                }
                None => {
                    let asked = mapping.payment.as_ref();
                    let asked = asked.map(|map| (map.destination.value.as_str(), ids.take()));
                    let link = asked.and_then(|(to, id)| self.links.link(to, id));
                    mapping.compose(told.about, link, told.account_id).map(|composed| {
                        payment = asked.zip(composed.payment);
                        Content::Message(composed.message)
                    })
                }
            },
        };
        let new = |id, destination, needs_consent, composed| outbox::New {
            id,
            event_id: told.event_id,
            batch_id: self.batch.id,
            resident_id: told.resident_id,
            destination,
            mapping: &mapping.name,
            mapping_version: mapping.version,
            purpose: &mapping.purpose,
            needs_consent,
            collection: mapping.collection,
            account_id: told.account_id,
            reference: reference(id),
            composed,
            now_ms: self.now_ms,
        };
        let composed = composed.map_err(|reason| (reason.code, reason.cause));
        let told = new(id, &mapping.destination, mapping.needs_consent, composed);
        let mut rows = outbox::row(told);
        if let Some(((destination, id), payment)) = payment {
            // Consent is about being written to: who opens a link has come by themselves.
            let payment = new(id, destination, false, Ok(Content::Payment(payment)));
            rows.extend(outbox::row(payment));
        }
        rows
    }
}

/// Tells the people on accounts that are gone at their source.
pub async fn tell_of_gone(
    telling: Telling<'_>,
    transaction: &mut Transaction,
    told: &[&Outbound],
    gone: &[(i64, i64)],
    bench: &mut Bench,
) -> Result<(), JobError> {
    for some in gone.chunks(500) {
        let keys: Vec<i64> = some.iter().map(|(key, _)| *key).collect();
        let parties = residents::parties_of_keys(transaction, &keys).await?;
        let ids = distinct(parties.iter().map(|party| party.resident_id));
        let rows = residents::residents(transaction, &ids).await?;
        let accounts = residents::accounts(transaction, &keys).await?;
        bench.ids.reserve(&bench.database, parties.len() * told.len() * 2).await?;
        let mut deliveries = Vec::new();
        for party in parties.iter().filter(|party| party.ended_ms.is_none()) {
            let Some(row) = rows.iter().find(|row| row.id == party.resident_id) else { continue };
            let facts = read_facts(&row.facts, schema::PARTY, "resident", row.id)?;
            let account = accounts.iter().find(|row| row.id == party.source_key_id);
            let account = account
                .map(|row| read_facts(&row.facts, schema::ACCOUNT, "account", row.id))
                .transpose()?;
            for mapping in told.iter().filter(|mapping| mapping.tells(&party.role)) {
                let account = account.as_ref();
                let told = Told {
                    event_id: 0,
                    resident_id: row.id,
                    version: row.version,
                    account_id: Some(party.source_key_id),
                    about: Change { resident: &facts, account, differences: &[] },
                };
                deliveries.extend(telling.deliveries(mapping, told, &mut bench.ids));
            }
        }
        transaction.insert(outbox::DELIVERIES, deliveries).await?;
    }
    Ok(())
}
