//! Telling: the messages, pushes and payments that follow from what changed, as rows to be written.

use super::distinct;
use crate::job::error::JobError;
use crate::job::ingest::Bench;
use crate::mapping::outbound::{Change, Outbound, Unspeakable};
use crate::mapping::push::Stamp;
use crate::record::delivery::Content;
use crate::record::payment_link::Links;
use crate::record::schema;
use crate::store::again;
use crate::store::database::{Cell, StoreError, Transaction};
use crate::store::ids::Ids;
use crate::store::outbox;
use crate::store::residents::{self, read_facts};
use crate::store::ringing;

/// What deliveries are made with.
pub struct Telling<'t> {
    /// The batch whose changes they tell of.
    pub batch_id: i64,
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
    /// The delivery in whose place this is told.
    pub again_of: Option<i64>,
}

/// What telling came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Tell {
    /// The mapping leaves this out.
    Nothing,
    /// A message, or a push; and the payment that it asks for.
    Made { id: i64, payment: Option<i64> },
    /// It is to be told and cannot be: the delivery is made, and held.
    Unsaid(Unspeakable),
}

/// Deliveries that were made.
#[derive(Debug, Default)]
pub struct Made {
    pub rows: outbox::Rows,
    /// Those that take the place of older ones.
    newest: Vec<Cell>,
}

impl Made {
    /// Takes up what was made elsewhere.
    pub fn extend(&mut self, more: Made) {
        self.rows.extend(more.rows);
        self.newest.extend(more.newest);
    }

    /// Writes them, ends what they make pointless, and wakes those who send.
    pub async fn write(self, transaction: &mut Transaction) -> Result<(), StoreError> {
        if self.rows.is_empty() {
            return Ok(());
        }
        self.rows.write(transaction).await?;
        outbox::replace_older(transaction, self.newest).await?;
        ringing::ring(transaction).await
    }
}

impl Telling<'_> {
    /// Makes the message, and the payment that it asks for; nothing where this is not to be told.
    pub fn tell(&self, mapping: &Outbound, told: Told<'_>, ids: &mut Ids, made: &mut Made) -> Tell {
        let (id, mut payment) = (ids.take(), None);
        let reference = |id: i64| format!("{}{id}", self.mark);
        let composed = match mapping.applies(told.about) {
            Ok(false) => return Tell::Nothing,
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
            batch_id: self.batch_id,
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
        let tell = match &composed {
            Ok(_) => {
                Tell::Made { id, payment: payment.as_ref().map(|((_, id), _): &((_, i64), _)| *id) }
            }
            Err(reason) => Tell::Unsaid(reason.clone()),
        };
        let composed = composed.map_err(|reason| (reason.code, reason.cause));
        let new_one = new(id, &mapping.destination, mapping.needs_consent, composed);
        let subject_id = told.account_id.unwrap_or(told.resident_id);
        let place = outbox::Place {
            subject_id,
            newest_only: mapping.newest_only,
            strict_order: mapping.strict_order,
            urgent: mapping.urgent,
            again_of: told.again_of,
        };
        // What cannot be said takes nobody's place.
        if mapping.newest_only && new_one.composed.is_ok() {
            let (destination, mapping) = (&mapping.destination, &mapping.name);
            let (resident_id, now_ms) = (told.resident_id, self.now_ms);
            let newest =
                outbox::Newest { id, resident_id, destination, mapping, subject_id, now_ms };
            made.newest.extend(newest.cells());
        }
        made.rows.add(new_one, place);
        if let Some(((destination, id), payment)) = payment {
            // Consent is about being written to: who opens a link has come by themselves.
            let payment = new(id, destination, false, Ok(Content::Payment(payment)));
            made.rows.add(payment, outbox::Place { subject_id, ..Default::default() });
        }
        tell
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
        again::behind(transaction, &mut bench.ids, parties.len() * told.len() * 2).await?;
        let mut made = Made::default();
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
                    again_of: None,
                };
                telling.tell(mapping, told, &mut bench.ids, &mut made);
            }
        }
        made.write(transaction).await?;
    }
    Ok(())
}
