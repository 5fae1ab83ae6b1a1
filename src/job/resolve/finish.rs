//! Finishing a chunk: parties come to the residents that were decided, the best values win, and whoever listens is
//! told.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::distinct;
use super::settle::{Draft, Occasion, Parted, Party, Resident, Settling, Whom};
use super::telling::{Telling, Told};
use crate::job::error::JobError;
use crate::job::matches::Decision;
use crate::mapping::outbound::{Change, Heard, Subject};
use crate::record::facts::{Difference, Facts, differences_to_json};
use crate::record::schema;
use crate::resolution::survivorship::{Word, survive};
use crate::store::database::{Cell, Transaction, cells};
use crate::store::ids::Ids;

impl Settling<'_> {
    /// Gives parties the residents that were decided. Gives the source keys of those that were there and have
    /// another one now: holds look at them anew.
    pub async fn place(
        &mut self,
        transaction: &mut Transaction,
        decided: Decision,
    ) -> Result<Vec<i64>, JobError> {
        let both = decided.residents.values().flat_map(|(was, is)| [*was, *is]);
        let merged = decided.merged.iter().flat_map(|(from, into)| [*from, *into]);
        let touched = distinct(both.chain(merged).filter(|id| *id != 0));
        self.know(transaction, &touched).await?;
        let mut order: Vec<(i64, (i64, i64))> = decided.residents.into_iter().collect();
        order.sort_unstable();
        let (mut keys, mut went) = (Vec::new(), Vec::new());
        for (party_id, (was, is)) in order {
            let Some(party) = self.parties.get_mut(&party_id) else { continue };
            party.resident_id = is;
            let record_id = party.record_id;
            if party.was_there {
                keys.push(party.source_key_id);
                self.draft.moved.push((party_id, is));
                went.push((was, party_id));
            }
            if let Some(resident) = self.residents.get_mut(&was) {
                resident.parties.retain(|known| *known != party_id);
                resident.regrouped = true;
                resident.because = resident.because.or(Some(record_id));
            }
            let made = &mut self.made;
            let resident = self.residents.entry(is).or_insert_with(|| {
                made.push(is);
                let parties = Vec::with_capacity(1);
                Resident { was: None, parties, because: None, version: 1, regrouped: false }
            });
            resident.regrouped = true;
            resident.parties.push(party_id);
            resident.because = resident.because.or(Some(record_id));
        }
        for (from, into) in decided.merged {
            let empty =
                self.residents.get(&from).is_some_and(|resident| resident.parties.is_empty());
            if empty && from != into {
                self.draft.merged.push((from, into));
            }
        }
        self.draft.parted = self.parted(&went);
        Ok(distinct(keys.into_iter()))
    }

    /// The residents that were taken apart: of known parties, and which resident each left, those that did not go where
    /// the number went.
    fn parted(&self, went: &[(i64, i64)]) -> Vec<Parted> {
        let of = |resident: i64| {
            let parties = self.residents.get(&resident).into_iter().flat_map(|one| &one.parties);
            parties.filter_map(|party| self.parties.get(party))
        };
        let named = |party: &Party| {
            (party.ended_ms.is_none()).then_some((party.source_key_id, party.resident_id))
        };
        let mut all: BTreeMap<i64, Parted> = BTreeMap::new();
        for (was, party) in went.iter().filter(|(was, _)| *was != 0) {
            let Some(party) = self.parties.get(party) else { continue };
            let merged = self.draft.merged.iter().find(|(from, _)| from == was);
            let stays = merged.map_or(*was, |(_, into)| *into);
            if party.resident_id == stays {
                continue;
            }
            let parted = all.entry(*was).or_insert_with(|| Parted {
                was: *was,
                stays,
                left: Vec::new(),
                named: of(stays).filter_map(named).collect(),
            });
            parted.named.extend(named(party));
            if of(stays).all(|other| other.source_key_id != party.source_key_id) {
                parted.left.push((party.source_key_id, party.resident_id));
            }
        }
        all.into_values().collect()
    }

    /// How many residents are touched.
    pub fn touched(&self) -> usize {
        self.residents.values().filter(|resident| resident.because.is_some()).count()
    }

    /// The rows of parties that are new or became different.
    fn parties(&mut self) {
        let mut changed: Vec<&Party> =
            self.parties.values().filter(|party| party.is_changed).collect();
        changed.sort_unstable_by_key(|party| party.id);
        let (mut new, mut again) = (Vec::new(), Vec::new());
        for party in changed {
            let rows = if party.was_there { &mut again } else { &mut new };
            rows.extend(party_row(party, self.rules.inbound.version, self.now_ms));
        }
        self.draft.parties = new;
        self.draft.parties_again = again;
    }

    /// Lets the best values win for every resident that was touched, and writes every message.
    pub fn finish(mut self, ids: &mut Ids) -> Result<Draft, JobError> {
        let mut touched: Vec<i64> = (self.residents.iter())
            .filter(|(_, resident)| resident.because.is_some() && resident.was.is_some())
            .filter(|(_, resident)| !resident.parties.is_empty())
            .map(|(id, _)| *id)
            .collect();
        touched.sort_unstable();
        let merged: Vec<i64> = self.draft.merged.iter().map(|(from, _)| *from).collect();
        for id in merged {
            let record_id = self.residents.get(&id).and_then(|resident| resident.because);
            let heard = Heard { subject: Subject::Resident, kind: "merged", differences: &[] };
            self.event(record_id.unwrap_or_default(), id, heard, ids);
        }
        let made = std::mem::take(&mut self.made);
        let mut settled: HashMap<i64, Facts> = HashMap::new();
        for id in touched.into_iter().chain(made) {
            if let Some(facts) = self.resident(id, ids) {
                settled.insert(id, facts);
            }
        }
        let occasions = std::mem::take(&mut self.occasions);
        for occasion in occasions {
            let resident_id = match occasion.whom {
                Whom::Resident(id) => id,
                Whom::Party(party) => self.parties.get(&party).map_or(0, |party| party.resident_id),
            };
            let facts = match settled.get(&resident_id) {
                Some(facts) => Some(facts),
                None => self
                    .residents
                    .get(&resident_id)
                    .and_then(|resident| resident.was.as_ref().map(|(.., facts)| facts)),
            };
            if let Some(facts) = facts {
                let mapping = &self.rules.outbound[occasion.mapping];
                let account = occasion.account.as_ref();
                let about = Change {
                    resident: facts,
                    account: account.map(|(_, facts)| facts),
                    differences: &occasion.differences,
                };
                let told = Told {
                    event_id: occasion.event_id,
                    resident_id,
                    version: self.residents.get(&resident_id).map_or(1, |one| one.version),
                    account_id: account.map(|(id, _)| *id),
                    about,
                    again_of: None,
                };
                let telling = Telling {
                    batch_id: self.batch.id,
                    mark: self.mark,
                    now_ms: self.now_ms,
                    links: &self.rules.links,
                };
                telling.tell(mapping, told, ids, &mut self.draft.deliveries);
            }
        }
        self.parties();
        Ok(self.draft)
    }

    /// Writes a resident; gives its facts where somebody may have to be told.
    fn resident(&mut self, id: i64, ids: &mut Ids) -> Option<Facts> {
        let resident = self.residents.get_mut(&id)?;
        if let (None, [only]) = (&resident.was, resident.parties.as_slice())
            && let Some(only) = self.parties.get(only)
            && !self.batch.sends
        {
            // Made and known by one party alone: it is what that party says.
            let json = only.json.clone().unwrap_or_else(|| only.facts.to_json(schema::PARTY));
            let none: Option<String> = None;
            self.draft.residents.extend(cells![id, 1_i64, self.now_ms, self.now_ms, json, none]);
            self.draft.residents_created += 1;
            let heard = Heard { subject: Subject::Resident, kind: "created", differences: &[] };
            let record_id = resident.because.unwrap_or_default();
            self.event(record_id, id, heard, ids);
            return None;
        }
        let words: Vec<Word<'_>> = (resident.parties.iter())
            .filter_map(|party| self.parties.get(party))
            .map(|party| Word {
                party_id: party.id,
                source_id: party.source_id,
                record_id: party.record_id,
                ended: party.ended_ms.is_some(),
                facts: &party.facts,
            })
            .collect();
        let (facts, provenance) = survive(&words, &self.rules.policy);
        let record_id = resident.because.unwrap_or_default();
        let row = |version: i64, created_ms: i64| {
            let provenance = provenance.as_ref().map(|from| provenance_json(from));
            cells![id, version, created_ms, self.now_ms, facts.to_json(schema::PARTY), provenance]
        };
        let (kind, differences) = match &resident.was {
            None => {
                let row = row(1, self.now_ms);
                self.draft.residents.extend(row);
                self.draft.residents_created += 1;
                ("created", Vec::new())
            }
            Some((version, created_ms, was)) => {
                let differences = was.differences(&facts, schema::PARTY);
                if differences.is_empty() {
                    if resident.regrouped {
                        let row = row(*version, *created_ms);
                        self.draft.residents_again.extend(row);
                    }
                    return Some(facts);
                }
                let row = row(version + 1, *created_ms);
                resident.version = version + 1;
                self.draft.residents_again.extend(row);
                self.draft.residents_changed += 1;
                ("changed", differences)
            }
        };
        let heard = Heard { subject: Subject::Resident, kind, differences: &differences };
        let event_id = self.event(record_id, id, heard, ids);
        let listeners = self.listeners(heard);
        let differences = self.kept_for(&listeners, differences);
        for mapping in listeners {
            let differences = Arc::clone(&differences);
            let (whom, account) = (Whom::Resident(id), None);
            self.occasions.push(Occasion { event_id, mapping, whom, account, differences });
        }
        Some(facts)
    }

    pub(super) fn event(
        &mut self,
        record_id: i64,
        subject_id: i64,
        heard: Heard<'_>,
        ids: &mut Ids,
    ) -> i64 {
        let id = ids.take();
        let differences = heard.differences;
        let changes = (!differences.is_empty()).then(|| differences_to_json(differences));
        self.draft.events.extend(cells![
            id,
            self.batch.id,
            record_id,
            heard.subject.word(),
            subject_id,
            heard.kind,
            changes,
            self.now_ms,
        ]);
        self.draft.changes += 1;
        id
    }

    /// What changed, for those listeners who ask.
    pub(super) fn kept_for(
        &self,
        listeners: &[usize],
        differences: Vec<Difference>,
    ) -> Arc<[Difference]> {
        match listeners.iter().any(|mapping| self.rules.outbound[*mapping].asks_what_changed()) {
            true => differences.into(),
            false => Arc::default(),
        }
    }

    pub(super) fn listeners(&self, heard: Heard<'_>) -> Vec<usize> {
        if !self.batch.sends {
            return Vec::new();
        }
        let all = self.rules.outbound.iter().enumerate();
        all.filter(|(_, mapping)| mapping.hears(heard)).map(|(place, _)| place).collect()
    }
}

fn party_row(party: &Party, mapping_version: i64, now_ms: i64) -> Vec<Cell> {
    let (keys, profile) = party.profile.clone().unzip();
    cells![
        party.id,
        party.source_key_id,
        party.resident_id,
        party.key.clone(),
        party.role.clone(),
        party.record_id,
        mapping_version,
        now_ms,
        party.ended_ms,
        party.json.clone().unwrap_or_else(|| party.facts.to_json(schema::PARTY)),
        Some(party.issues.clone()).filter(|issues| !issues.is_empty()),
        keys.flatten(),
        profile,
    ]
}

/// `{"name":12,"contact.email":15}`: each group or field, and its party.
fn provenance_json(from: &[(String, i64)]) -> String {
    let parts: Vec<String> =
        from.iter().map(|(unit, party)| format!("\"{unit}\":{party}")).collect();
    format!("{{{}}}", parts.join(","))
}
