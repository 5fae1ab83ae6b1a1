//! Settling one chunk: fragments meet what is known, and rows to be written come out.
//!
//! Only `open` reads from the store. The rest decides, record by record, in the order they came.

use std::collections::HashMap;
use std::sync::Arc;

use super::crowding::{self, Crowding, Unlinked};
use super::telling::{Made, Telling, Told};
use super::{Rules, Translated, distinct, grouped};
use crate::job::error::JobError;
use crate::job::matches::{self, Matches};
use crate::mapping::outbound::{Change, Heard, Subject};
use crate::record::facts::{Difference, Facts, differences_to_json};
use crate::record::fragment::{AccountFragment, Fragment, PartyFragment};
use crate::record::schema;
use crate::resolution::matching;
use crate::resolution::pairing::{self, Named};
use crate::resolution::survivorship::{Word, survive};
use crate::store::batches::BatchRow;
use crate::store::database::{Cell, StoreError, Transaction, cells};
use crate::store::ids::Ids;
use crate::store::residents::{self, Candidate, PartyRow, read_facts};

/// Which record is settled, and how it stands to what was known.
#[derive(Debug, Clone, Copy)]
pub struct About {
    pub record_id: i64,
    pub source_key_id: i64,
    pub is_new: bool,
    pub is_returned: bool,
}

/// Rows to be written, ready for the store, and counts.
#[derive(Debug, Default)]
pub struct Draft {
    pub accounts: Vec<Cell>,
    pub accounts_again: Vec<Cell>,
    pub parties: Vec<Cell>,
    pub parties_again: Vec<Cell>,
    pub residents: Vec<Cell>,
    pub residents_again: Vec<Cell>,
    pub events: Vec<Cell>,
    pub deliveries: Made,
    /// Match keys of new parties: digest, party, resident.
    pub keys: Vec<(i64, i64, i64)>,
    pub residents_created: i64,
    pub residents_changed: i64,
    pub changes: i64,
    /// Parties that a key would have led to others, had it said anything and not been everybody's.
    pub unlinked: Unlinked,
}

/// A party as this chunk knows it.
struct Party {
    id: i64,
    source_id: i64,
    source_key_id: i64,
    resident_id: i64,
    key: String,
    role: String,
    record_id: i64,
    ended_ms: Option<i64>,
    facts: Facts,
    /// The facts as they are written, of a party that this chunk wrote.
    json: Option<String>,
}

/// A resident as this chunk knows it.
struct Resident {
    /// Version and creation, of one that was there before.
    was: Option<(i64, i64, Facts)>,
    parties: Vec<Party>,
    /// The record that last touched it here, if any did.
    because: Option<i64>,
    /// As it will stand: what was, or one more.
    version: i64,
}

/// A message's occasion, composed when every resident of the chunk is settled.
struct Occasion {
    event_id: i64,
    mapping: usize,
    resident_id: i64,
    account: Option<(i64, Facts)>,
    /// What changed; nothing where no listener asks.
    differences: Arc<[Difference]>,
}

/// One chunk being settled.
pub struct Settling<'c> {
    batch: &'c BatchRow,
    rules: &'c Rules,
    mark: &'c str,
    now_ms: i64,
    accounts: HashMap<i64, Facts>,
    residents: HashMap<i64, Resident>,
    /// Residents that this chunk made, in the order of their making.
    made: Vec<i64>,
    /// Residents of the parties of each known source key.
    of_key: HashMap<i64, Vec<i64>>,
    candidates: HashMap<i64, Vec<Candidate>>,
    crowding: Crowding,
    occasions: Vec<Occasion>,
    draft: Draft,
}

impl<'c> Settling<'c> {
    /// Fetches what the chunk's records may touch.
    pub async fn open(
        batch: &'c BatchRow,
        rules: &'c Rules,
        mark: &'c str,
        now_ms: i64,
        transaction: &mut Transaction,
        matches: &Matches,
        chunk: &[Translated],
    ) -> Result<Settling<'c>, JobError> {
        let known = distinct(
            chunk.iter().filter(|record| !record.is_new).map(|record| record.source_key_id),
        );
        let accounts = residents::accounts(transaction, &known).await?;
        let named = residents::parties_of_keys(transaction, &known).await?;
        let (digests, new) = crowding::keys_of(chunk, rules);
        let mut candidates =
            grouped(matches.find(transaction, &digests).await?, |candidate| candidate.digest);
        let crowding = Crowding::take_out(&new, &mut candidates);
        let touched = distinct(
            (named.iter().map(|party| party.resident_id))
                .chain(candidates.values().flatten().map(|candidate| candidate.resident_id))
                .filter(|id| *id != 0),
        );
        let rows = residents::residents(transaction, &touched).await?;
        let parties = residents::parties_of_residents(transaction, &touched).await?;
        let mut of_key: HashMap<i64, Vec<i64>> = HashMap::new();
        for party in &named {
            of_key.entry(party.source_key_id).or_default().push(party.resident_id);
        }
        let mut parties = grouped(parties, |party| party.resident_id);
        let mut residents = HashMap::new();
        for row in rows {
            let facts = read_facts(&row.facts, schema::PARTY, "resident", row.id)?;
            let own = parties.remove(&row.id).unwrap_or_default();
            let own = own.into_iter().map(Party::read).collect::<Result<_, _>>()?;
            let (version, was) = (row.version, Some((row.version, row.created_ms, facts)));
            residents.insert(row.id, Resident { was, parties: own, because: None, version });
        }
        let accounts = accounts
            .into_iter()
            .map(|row| Ok((row.id, read_facts(&row.facts, schema::ACCOUNT, "account", row.id)?)));
        Ok(Settling {
            batch,
            rules,
            mark,
            now_ms,
            accounts: accounts.collect::<Result<_, StoreError>>()?,
            residents,
            made: Vec::new(),
            of_key,
            candidates,
            crowding,
            occasions: Vec::new(),
            draft: Draft::default(),
        })
    }

    /// Settles one record: its parties first, so that its account can say who came and who left.
    pub fn settle(
        &mut self,
        about: About,
        fragment: Fragment,
        ids: &mut Ids,
    ) -> Result<(), JobError> {
        let before = self.of_key.remove(&about.source_key_id).unwrap_or_default();
        let known = self.pair(about, &fragment.parties, &before);
        let mut named: Vec<i64> = Vec::with_capacity(fragment.parties.len());
        let mut roles: Vec<(i64, String)> = Vec::with_capacity(fragment.parties.len());
        let mut moved = false;
        for (party, known) in fragment.parties.into_iter().zip(known) {
            let role = party.role.clone();
            moved |= known.is_none();
            let resident_id = match known {
                Some(known) => self.known_party(about, party, known),
                None => self.new_party(about, party, &before, &named, ids),
            };
            named.push(resident_id);
            roles.push((resident_id, role));
        }
        if !about.is_new {
            moved |= self.end_absent(about, &before);
        }
        if let Some(account) = fragment.account {
            self.account(about, account, moved, &roles, ids);
        }
        self.of_key.insert(about.source_key_id, named);
        Ok(())
    }

    fn account(
        &mut self,
        about: About,
        account: AccountFragment,
        moved: bool,
        roles: &[(i64, String)],
        ids: &mut Ids,
    ) {
        let id = about.source_key_id;
        let was = self.accounts.remove(&id);
        let mut differences = was
            .as_ref()
            .map(|was| was.differences(&account.facts, schema::ACCOUNT))
            .unwrap_or_default();
        if moved && was.is_some() {
            differences.push(Difference { field: "parties", was: None, is: None });
        }
        let kind = match (&was, about.is_returned) {
            (None, _) => "created",
            (Some(_), true) => "returned",
            (Some(_), false) => "changed",
        };
        let row = cells![
            id,
            account.kind,
            about.record_id,
            self.rules.inbound.version,
            self.now_ms,
            account.facts.to_json(schema::ACCOUNT),
            Some(account.issues).filter(|issues| !issues.is_empty()),
        ];
        match was {
            None => self.draft.accounts.extend(row),
            Some(_) => self.draft.accounts_again.extend(row),
        }
        if kind != "changed" || !differences.is_empty() {
            let heard = Heard { subject: Subject::Account, kind, differences: &differences };
            let event_id = self.event(about.record_id, id, heard, ids);
            let listeners = self.listeners(heard);
            let differences: Arc<[Difference]> = self.kept_for(&listeners, differences);
            for mapping in listeners {
                for (resident_id, role) in roles {
                    if *resident_id != 0 && self.rules.outbound[mapping].tells(role) {
                        self.occasions.push(Occasion {
                            event_id,
                            mapping,
                            resident_id: *resident_id,
                            account: Some((id, account.facts.clone())),
                            differences: Arc::clone(&differences),
                        });
                    }
                }
            }
        }
        self.accounts.insert(id, account.facts);
    }

    /// For each party that the record names, whom of those that it named before: resident and party.
    fn pair(
        &self,
        about: About,
        parties: &[PartyFragment],
        before: &[i64],
    ) -> Vec<Option<(i64, i64)>> {
        if before.is_empty() {
            return vec![None; parties.len()];
        }
        let residents = distinct(before.iter().copied());
        let residents = residents.iter().filter_map(|id| self.residents.get(id));
        let is_here =
            |party: &&Party| party.source_key_id == about.source_key_id && party.ended_ms.is_none();
        let known: Vec<&Party> =
            residents.flat_map(|resident| resident.parties.iter().filter(is_here)).collect();
        let was = known.iter().map(|party| Named {
            key: &party.key,
            by_place: false,
            facts: &party.facts,
        });
        let is = parties.iter().map(|party| Named {
            key: &party.key,
            by_place: party.by_place,
            facts: &party.facts,
        });
        let pairs = pairing::pair(&was.collect::<Vec<_>>(), &is.collect::<Vec<_>>());
        let of = |at: usize| (known[at].resident_id, known[at].id);
        pairs.into_iter().map(|pair| pair.map(of)).collect()
    }

    /// Settles a party that was on the record before; gives its resident.
    fn known_party(
        &mut self,
        about: About,
        fragment: PartyFragment,
        (resident_id, party_id): (i64, i64),
    ) -> i64 {
        let resident = self.residents.get_mut(&resident_id);
        let party = resident.and_then(|resident| {
            let because = &mut resident.because;
            let party = resident.parties.iter_mut().find(|party| party.id == party_id)?;
            Some((because, party))
        });
        let Some((because, party)) = party else { return resident_id };
        party.record_id = about.record_id;
        let same = party.facts == fragment.facts
            && party.role == fragment.role
            && party.key == fragment.key;
        if !same {
            party.json = Some(fragment.facts.to_json(schema::PARTY));
            party.facts = fragment.facts;
            party.role = fragment.role;
            party.key = fragment.key;
            let row = party_row(party, &self.rules.inbound, self.now_ms, fragment.issues, None);
            self.draft.parties_again.extend(row);
            *because = Some(about.record_id);
        }
        resident_id
    }

    /// Settles a party that was not on the record before; gives its resident.
    fn new_party(
        &mut self,
        about: About,
        fragment: PartyFragment,
        before: &[i64],
        named: &[i64],
        ids: &mut Ids,
    ) -> i64 {
        let keys = matching::keys(&fragment.facts, &self.rules.policy);
        let (keys, remembered) = self.crowding.part(keys);
        let found = self.found(&keys);
        // Two parties of one account are two people, whatever their numbers say.
        let taken = |resident: &i64| named.contains(resident) || before.contains(resident);
        let found = found.filter(|resident| !taken(resident));
        let id = ids.take();
        let resident_id = found.unwrap_or_else(|| ids.take());
        let party = Party {
            id,
            source_id: self.batch.source_id,
            source_key_id: about.source_key_id,
            resident_id,
            key: fragment.key,
            role: fragment.role,
            record_id: about.record_id,
            ended_ms: None,
            json: Some(fragment.facts.to_json(schema::PARTY)),
            facts: fragment.facts,
        };
        let packed = matches::pack(&[keys.as_slice(), &remembered].concat());
        self.draft.keys.extend(remembered.into_iter().map(|key| (key, id, resident_id)));
        let row = party_row(&party, &self.rules.inbound, self.now_ms, fragment.issues, packed);
        self.draft.parties.extend(row);
        for key in keys {
            self.draft.keys.push((key, id, resident_id));
            let candidate = Candidate { digest: key, party_id: id, resident_id };
            self.candidates.entry(key).or_default().push(candidate);
        }
        let made = &mut self.made;
        let resident = self.residents.entry(resident_id).or_insert_with(|| {
            made.push(resident_id);
            Resident { was: None, parties: Vec::with_capacity(1), because: None, version: 1 }
        });
        resident.parties.push(party);
        resident.because = Some(about.record_id);
        resident_id
    }

    /// The resident that the first of the keys leads to which leads to anybody. Where it leads to
    /// several, they are known to be different people, and nobody can say which of them this is.
    fn found(&mut self, keys: &[i64]) -> Option<i64> {
        for key in keys {
            let candidates = self.candidates.get(key).into_iter().flatten();
            let residents = candidates
                .map(|candidate| candidate.resident_id)
                .filter(|resident| self.residents.contains_key(resident));
            match distinct(residents).as_slice() {
                [] => {}
                [only] => return Some(*only),
                _ => {
                    self.crowding.unlinked.ambiguous += 1;
                    return None;
                }
            }
        }
        None
    }

    /// Ends the parties that the record does not name any more.
    fn end_absent(&mut self, about: About, before: &[i64]) -> bool {
        let mut ended = false;
        for resident_id in before {
            let Some(resident) = self.residents.get_mut(resident_id) else { continue };
            for party in &mut resident.parties {
                let here = party.source_key_id == about.source_key_id;
                if here && party.ended_ms.is_none() && party.record_id != about.record_id {
                    party.ended_ms = Some(self.now_ms);
                    let inbound = &self.rules.inbound;
                    let row = party_row(party, inbound, self.now_ms, String::new(), None);
                    self.draft.parties_again.extend(row);
                    resident.because = Some(about.record_id);
                    ended = true;
                }
            }
        }
        ended
    }

    /// Lets the best values win for every resident that was touched, and writes every message.
    pub fn finish(mut self, ids: &mut Ids) -> Result<Draft, JobError> {
        let mut touched: Vec<i64> = (self.residents.iter())
            .filter(|(_, resident)| resident.because.is_some() && resident.was.is_some())
            .map(|(id, _)| *id)
            .collect();
        touched.sort_unstable();
        let made = std::mem::take(&mut self.made);
        let mut settled: HashMap<i64, Facts> = HashMap::new();
        for id in touched.into_iter().chain(made) {
            if let Some(facts) = self.resident(id, ids) {
                settled.insert(id, facts);
            }
        }
        let occasions = std::mem::take(&mut self.occasions);
        for occasion in occasions {
            let facts = match settled.get(&occasion.resident_id) {
                Some(facts) => Some(facts),
                None => self
                    .residents
                    .get(&occasion.resident_id)
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
                    resident_id: occasion.resident_id,
                    version: self.residents.get(&occasion.resident_id).map_or(1, |one| one.version),
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
        self.draft.unlinked = self.crowding.unlinked;
        Ok(self.draft)
    }

    /// Writes a resident; gives its facts where somebody may have to be told.
    fn resident(&mut self, id: i64, ids: &mut Ids) -> Option<Facts> {
        let resident = self.residents.get_mut(&id)?;
        if let (None, [only]) = (&resident.was, resident.parties.as_mut_slice())
            && !self.batch.sends
        {
            // Made and known by one party alone: it is what that party says.
            let json = only.json.take().unwrap_or_else(|| only.facts.to_json(schema::PARTY));
            let none: Option<String> = None;
            self.draft.residents.extend(cells![id, 1_i64, self.now_ms, self.now_ms, json, none]);
            self.draft.residents_created += 1;
            let heard = Heard { subject: Subject::Resident, kind: "created", differences: &[] };
            let record_id = resident.because.unwrap_or_default();
            self.event(record_id, id, heard, ids);
            return None;
        }
        let words: Vec<Word<'_>> = (resident.parties.iter())
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
                let row = row(version + 1, *created_ms);
                if differences.is_empty() {
                    return Some(facts);
                }
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
            let resident_id = id;
            let account = None;
            self.occasions.push(Occasion { event_id, mapping, resident_id, account, differences });
        }
        Some(facts)
    }

    fn event(&mut self, record_id: i64, subject_id: i64, heard: Heard<'_>, ids: &mut Ids) -> i64 {
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
    fn kept_for(&self, listeners: &[usize], differences: Vec<Difference>) -> Arc<[Difference]> {
        match listeners.iter().any(|mapping| self.rules.outbound[*mapping].asks_what_changed()) {
            true => differences.into(),
            false => Arc::default(),
        }
    }

    fn listeners(&self, heard: Heard<'_>) -> Vec<usize> {
        if !self.batch.sends {
            return Vec::new();
        }
        let all = self.rules.outbound.iter().enumerate();
        all.filter(|(_, mapping)| mapping.hears(heard)).map(|(place, _)| place).collect()
    }
}

impl Party {
    fn read(row: PartyRow) -> Result<Party, StoreError> {
        Ok(Party {
            facts: read_facts(&row.facts, schema::PARTY, "party", row.id)?,
            json: Some(row.facts),
            id: row.id,
            source_id: row.source_id,
            source_key_id: row.source_key_id,
            resident_id: row.resident_id,
            key: row.key,
            role: row.role,
            record_id: row.record_id,
            ended_ms: row.ended_ms,
        })
    }
}

fn party_row(
    party: &Party,
    inbound: &crate::mapping::inbound::Inbound,
    now_ms: i64,
    issues: String,
    keys: Option<Vec<u8>>,
) -> Vec<Cell> {
    cells![
        party.id,
        party.source_key_id,
        party.resident_id,
        party.key.clone(),
        party.role.clone(),
        party.record_id,
        inbound.version,
        now_ms,
        party.ended_ms,
        party.json.clone().unwrap_or_else(|| party.facts.to_json(schema::PARTY)),
        Some(issues).filter(|issues| !issues.is_empty()),
        keys,
    ]
}

/// `{"name":12,"contact.email":15}`: each group or field, and its party.
fn provenance_json(from: &[(String, i64)]) -> String {
    let parts: Vec<String> =
        from.iter().map(|(unit, party)| format!("\"{unit}\":{party}")).collect();
    format!("{{{}}}", parts.join(","))
}
