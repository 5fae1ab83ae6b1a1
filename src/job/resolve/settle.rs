//! Settling one chunk: fragments meet what is known, and rows to be written come out.
//!
//! Only `open` reads from the store. The rest decides, record by record, in the order they came.

use std::collections::HashMap;
use std::sync::Arc;

use super::telling::Made;
use super::{Rules, Translated, distinct, grouped};
use crate::job::error::JobError;
use crate::job::matches::{self, Arrival};
use crate::mapping::outbound::{Heard, Subject};
use crate::record::facts::{Difference, Facts};
use crate::record::fragment::{AccountFragment, Fragment, PartyFragment};
use crate::record::schema;
use crate::resolution::matching;
use crate::resolution::pairing::{self, Named};
use crate::resolution::{party, profile};
use crate::store::batches::BatchRow;
use crate::store::database::{Cell, StoreError, Transaction, cells};
use crate::store::ids::Ids;
use crate::store::residents::{self, PartyRow, read_facts};

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
    /// Accounts whose hold in their own system is over, or another.
    pub let_go: Vec<i64>,
    pub parties: Vec<Cell>,
    pub parties_again: Vec<Cell>,
    pub residents: Vec<Cell>,
    pub residents_again: Vec<Cell>,
    pub events: Vec<Cell>,
    pub deliveries: Made,
    /// Parties that were there and have another resident now.
    pub moved: Vec<(i64, i64)>,
    /// Residents that have nobody left, and whom they became.
    pub merged: Vec<(i64, i64)>,
    pub parted: Vec<Parted>,
    pub residents_created: i64,
    pub residents_changed: i64,
    pub changes: i64,
    /// Parties of which a field of a council's rule says nothing.
    pub junk: i64,
}

/// A resident whose parties are not one person any more, since the weights say so.
#[derive(Debug)]
pub struct Parted {
    pub was: i64,
    /// Whom those became who stayed with the number.
    pub stays: i64,
    /// Who left: an account that those who stayed are not on, and the resident that it went to.
    pub left: Vec<(i64, i64)>,
    /// Who is named on which account now: account and resident.
    pub named: Vec<(i64, i64)>,
}

/// A party as this chunk knows it.
pub(super) struct Party {
    pub id: i64,
    /// It was there before this chunk.
    pub was_there: bool,
    /// Its row is to be written.
    pub is_changed: bool,
    pub issues: String,
    pub source_id: i64,
    pub source_key_id: i64,
    pub resident_id: i64,
    pub key: String,
    pub role: String,
    pub record_id: i64,
    pub ended_ms: Option<i64>,
    pub facts: Facts,
    /// The facts as they are written, of a party that this chunk wrote.
    pub json: Option<String>,
    /// Its keys, and its comparable form, where they are to be written.
    pub profile: Option<(Option<Vec<u8>>, Vec<u8>)>,
}

/// A resident as this chunk knows it.
pub(super) struct Resident {
    /// Version and creation, of one that was there before.
    pub was: Option<(i64, i64, Facts)>,
    pub parties: Vec<i64>,
    /// The record that last touched it here, if any did.
    pub because: Option<i64>,
    /// As it will stand: what was, or one more.
    pub version: i64,
    /// Parties came or went: where values are from is written anew, though none is another.
    pub regrouped: bool,
}

/// A message's occasion, composed when every resident of the chunk is settled.
pub(super) struct Occasion {
    pub event_id: i64,
    pub mapping: usize,
    pub whom: Whom,
    pub account: Option<(i64, Facts)>,
    /// What changed; nothing where no listener asks.
    pub differences: Arc<[Difference]>,
}

/// Who is told: a party's resident, which is known when all are decided.
#[derive(Clone, Copy)]
pub(super) enum Whom {
    Party(i64),
    Resident(i64),
}

/// One chunk being settled.
pub struct Settling<'c> {
    pub(super) batch: &'c BatchRow,
    pub(super) rules: &'c Rules,
    pub(super) mark: &'c str,
    pub(super) now_ms: i64,
    pub(super) accounts: HashMap<i64, Facts>,
    pub(super) parties: HashMap<i64, Party>,
    pub(super) residents: HashMap<i64, Resident>,
    /// Residents that this chunk made, in the order of their making.
    pub(super) made: Vec<i64>,
    /// The parties of each known source key.
    pub(super) of_key: HashMap<i64, Vec<i64>>,
    /// Parties that are new or say something else, in their order.
    pub(super) arrived: Vec<i64>,
    pub(super) occasions: Vec<Occasion>,
    pub(super) draft: Draft,
}

impl<'c> Settling<'c> {
    /// Fetches what the chunk's records may touch.
    pub async fn open(
        batch: &'c BatchRow,
        rules: &'c Rules,
        mark: &'c str,
        now_ms: i64,
        transaction: &mut Transaction,
        chunk: &[Translated],
    ) -> Result<Settling<'c>, JobError> {
        let known = distinct(
            chunk.iter().filter(|record| !record.is_new).map(|record| record.source_key_id),
        );
        let accounts = residents::accounts(transaction, &known).await?;
        let named = residents::parties_of_keys(transaction, &known).await?;
        let accounts = accounts
            .into_iter()
            .map(|row| Ok((row.id, read_facts(&row.facts, schema::ACCOUNT, "account", row.id)?)));
        let mut settling = Settling {
            batch,
            rules,
            mark,
            now_ms,
            accounts: accounts.collect::<Result<_, StoreError>>()?,
            parties: HashMap::new(),
            residents: HashMap::new(),
            made: Vec::new(),
            of_key: HashMap::new(),
            arrived: Vec::new(),
            occasions: Vec::new(),
            draft: Draft::default(),
        };
        for party in &named {
            settling.of_key.entry(party.source_key_id).or_default().push(party.id);
        }
        let touched = distinct(named.iter().map(|party| party.resident_id));
        settling.know(transaction, &touched).await?;
        Ok(settling)
    }

    /// Reads residents that are not known here yet, with all their parties.
    pub(super) async fn know(
        &mut self,
        transaction: &mut Transaction,
        ids: &[i64],
    ) -> Result<(), JobError> {
        let missing: Vec<i64> =
            ids.iter().filter(|id| !self.residents.contains_key(id)).copied().collect();
        let rows = residents::residents(transaction, &missing).await?;
        let parties = residents::parties_of_residents(transaction, &missing).await?;
        let mut of_resident = grouped(parties, |party| party.resident_id);
        for row in rows {
            let facts = read_facts(&row.facts, schema::PARTY, "resident", row.id)?;
            let own = of_resident.remove(&row.id).unwrap_or_default();
            let parties = own.iter().map(|party| party.id).collect();
            for party in own {
                // What this chunk made of it is newer.
                let read = Party::read(party)?;
                self.parties.entry(read.id).or_insert(read);
            }
            let (version, was) = (row.version, Some((row.version, row.created_ms, facts)));
            let resident = Resident { was, parties, because: None, version, regrouped: false };
            self.residents.insert(row.id, resident);
        }
        Ok(())
    }

    /// Who is to be compared: parties that are new, or say something else.
    pub fn arrivals(&mut self) -> Vec<Arrival> {
        let arrived = std::mem::take(&mut self.arrived);
        let mut arrivals = Vec::with_capacity(arrived.len());
        for id in distinct(arrived.into_iter()) {
            let Some(party) = self.parties.get(&id) else { continue };
            let json = party.json.as_deref().unwrap_or_default();
            let profile =
                party::profile(party.source_key_id, &party.facts, json, &self.rules.policy);
            let packed = match &profile {
                Some(profile) => {
                    Some((matches::pack(&matches::keys_of(profile)), profile::pack(profile)))
                }
                // What it was compared by is not so any more: nothing takes its place.
                None if party.was_there && self.rules.policy.weights.is_some() => {
                    Some((Some(Vec::new()), Vec::new()))
                }
                None => None,
            };
            if let Some(party) = self.parties.get_mut(&id) {
                party.profile = packed;
            }
            let Some(party) = self.parties.get(&id) else { continue };
            arrivals.push(Arrival { party_id: id, resident_id: party.resident_id, profile });
        }
        arrivals
    }

    /// Settles one record: its parties first, so that its account can say who came and who left.
    pub fn settle(
        &mut self,
        about: About,
        fragment: Fragment,
        ids: &mut Ids,
    ) -> Result<(), JobError> {
        let before = self.of_key.remove(&about.source_key_id).unwrap_or_default();
        let known = self.pair(&fragment.parties, &before);
        let mut named: Vec<i64> = Vec::with_capacity(fragment.parties.len());
        let mut roles: Vec<(i64, String)> = Vec::with_capacity(fragment.parties.len());
        let mut moved = false;
        for (party, known) in fragment.parties.into_iter().zip(known) {
            let role = party.role.clone();
            let was_named = known.and_then(|id| self.parties.get(&id));
            moved |= was_named.is_none_or(|party| party.ended_ms.is_some());
            let party_id = match known {
                Some(known) => self.known_party(about, party, known),
                None => self.new_party(about, party, ids),
            };
            named.push(party_id);
            roles.push((party_id, role));
        }
        if !about.is_new && self.end_absent(about, &before) {
            moved = true;
            // If it is on hold in its system, that is no hold on whoever left it.
            self.draft.let_go.push(about.source_key_id);
        }
        if let Some(account) = fragment.account {
            self.account(about, account, moved, &roles, ids);
        }
        // Those it named before stay known, should it come twice.
        let all = self.of_key.entry(about.source_key_id).or_default();
        all.extend(before.into_iter().chain(named));
        all.sort_unstable();
        all.dedup();
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
        match &was {
            None => self.draft.accounts.extend(row),
            Some(_) => self.draft.accounts_again.extend(row),
        }
        let hold = |facts: &Facts| schema::account_id("hold").and_then(|id| facts.get(id).cloned());
        if let Some(before) = was.as_ref().and_then(hold)
            && hold(&account.facts) != Some(before)
        {
            self.draft.let_go.push(id);
        }
        if kind != "changed" || !differences.is_empty() {
            let heard = Heard { subject: Subject::Account, kind, differences: &differences };
            let event_id = self.event(about.record_id, id, heard, ids);
            let listeners = self.listeners(heard);
            let differences: Arc<[Difference]> = self.kept_for(&listeners, differences);
            for mapping in listeners {
                for (party_id, role) in roles {
                    if self.rules.outbound[mapping].tells(role) {
                        self.occasions.push(Occasion {
                            event_id,
                            mapping,
                            whom: Whom::Party(*party_id),
                            account: Some((id, account.facts.clone())),
                            differences: Arc::clone(&differences),
                        });
                    }
                }
            }
        }
        self.accounts.insert(id, account.facts);
    }

    /// For each party that the record names, which of those that it named before: today's first, and then those
    /// that it had ceased to name. With them come back who they are, what people said of them, and their holds.
    fn pair(&self, parties: &[PartyFragment], before: &[i64]) -> Vec<Option<i64>> {
        if before.is_empty() {
            return vec![None; parties.len()];
        }
        fn was(party: &Party) -> Named<'_> {
            Named { key: &party.key, by_place: false, facts: &party.facts }
        }
        let all = before.iter().filter_map(|id| self.parties.get(id));
        let (known, mut gone): (Vec<&Party>, Vec<&Party>) =
            all.partition(|party| party.ended_ms.is_none());
        let is: Vec<Named<'_>> = parties
            .iter()
            .map(|party| Named { key: &party.key, by_place: party.by_place, facts: &party.facts })
            .collect();
        let known_names: Vec<Named<'_>> = known.iter().map(|party| was(party)).collect();
        let pairs = pairing::pair(&known_names, &is);
        let mut pairs: Vec<Option<i64>> =
            pairs.into_iter().map(|pair| pair.map(|at| known[at].id)).collect();
        // Whoever went last comes back first.
        gone.sort_by_key(|party| std::cmp::Reverse((party.ended_ms, party.id)));
        for (is, pair) in is.iter().zip(&mut pairs).filter(|(_, pair)| pair.is_none()) {
            let back = gone.iter().position(|party| pairing::comes_back(was(party), *is));
            *pair = back.map(|at| gone.remove(at).id);
        }
        pairs
    }

    /// Settles a party that was on the record before.
    fn known_party(&mut self, about: About, fragment: PartyFragment, party_id: i64) -> i64 {
        let Some(party) = self.parties.get_mut(&party_id) else { return party_id };
        party.record_id = about.record_id;
        let came_back = party.ended_ms.take().is_some();
        let same = !came_back
            && party.facts == fragment.facts
            && party.role == fragment.role
            && party.key == fragment.key;
        if !same {
            if party.facts != fragment.facts {
                self.arrived.push(party_id);
            }
            party.json = Some(fragment.facts.to_json(schema::PARTY));
            party.facts = fragment.facts;
            party.role = fragment.role;
            party.key = fragment.key;
            party.issues = fragment.issues;
            party.is_changed = true;
            let resident_id = party.resident_id;
            self.touch(resident_id, about.record_id);
        }
        party_id
    }

    fn touch(&mut self, resident_id: i64, record_id: i64) {
        if let Some(resident) = self.residents.get_mut(&resident_id) {
            resident.because = Some(record_id);
        }
    }

    /// Settles a party that was not on the record before; whose it is, is decided with the whole chunk.
    fn new_party(&mut self, about: About, fragment: PartyFragment, ids: &mut Ids) -> i64 {
        let id = ids.take();
        self.draft.junk += i64::from(matching::keys(&fragment.facts, &self.rules.policy).junk > 0);
        let party = Party {
            id,
            was_there: false,
            is_changed: true,
            issues: fragment.issues,
            source_id: self.batch.source_id,
            source_key_id: about.source_key_id,
            resident_id: 0,
            key: fragment.key,
            role: fragment.role,
            record_id: about.record_id,
            ended_ms: None,
            json: Some(fragment.facts.to_json(schema::PARTY)),
            facts: fragment.facts,
            profile: None,
        };
        self.parties.insert(id, party);
        self.arrived.push(id);
        id
    }

    /// Ends the parties that the record does not name any more.
    fn end_absent(&mut self, about: About, before: &[i64]) -> bool {
        let mut ended = false;
        for party_id in before {
            let Some(party) = self.parties.get_mut(party_id) else { continue };
            if party.ended_ms.is_none() && party.record_id != about.record_id {
                party.ended_ms = Some(self.now_ms);
                party.is_changed = true;
                party.issues = String::new();
                let resident_id = party.resident_id;
                self.touch(resident_id, about.record_id);
                ended = true;
            }
        }
        ended
    }
}

impl Party {
    fn read(row: PartyRow) -> Result<Party, StoreError> {
        Ok(Party {
            facts: read_facts(&row.facts, schema::PARTY, "party", row.id)?,
            json: Some(row.facts),
            id: row.id,
            was_there: true,
            is_changed: false,
            issues: String::new(),
            profile: None,
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
