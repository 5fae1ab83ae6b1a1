//! Who is one with whom, chunk by chunk: what is known of parties comes from memory or from the store, and what is
//! decided is the same either way.
//!
//! A large batch has all of it in memory; a small one asks for what its parties may touch. Keys of new parties are
//! written in large sorted runs: written as they come, they would dirty pages all over the index with every chunk.
//! Chunks take turns (`match_index.version`), whichever job and node they are of, and read what others wrote in
//! between, so that none misses another's parties.

mod chunk;
mod decide;
mod memory;

use std::collections::{HashMap, HashSet};

pub use self::decide::{Arrival, Decision, Unlinked};
use self::memory::Memory;
use super::error::JobError;
use crate::resolution::block;
use crate::resolution::profile::{self, Profile};
use crate::resolution::weigh::Weights;
use crate::store::database::{Database, Transaction};
use crate::store::matching::{self, PairRow, ProfileRow};

/// How many keys are kept before they are written.
const KEYS_MAX: usize = 250_000;
/// A batch of fewer records asks the store for what it needs.
const LARGE: i64 = 5_000;
/// More parties are never held in memory at once: some 300 bytes each.
const PARTIES_MAX: i64 = 1_500_000;
const AT_ONCE: i64 = 5_000;

/// A party that is known, as far as it is compared.
#[derive(Debug, Clone)]
struct Known {
    profile: Profile,
    resident_id: i64,
}

/// What is known of parties.
#[derive(Debug, Default)]
pub struct Matches {
    memory: Memory,
    /// All parties are in memory, and the store need not be asked.
    whole: bool,
    /// The last turn whose parties are known here.
    seen: i64,
    opened: bool,
    /// Keys that are not in the index yet.
    unwritten: Vec<(i64, i64)>,
}

impl Matches {
    /// Nothing is read yet: [`Matches::ready`] does, when it is known how much comes.
    pub fn new() -> Matches {
        Matches::default()
    }

    /// Makes ready for a batch of so many records.
    pub async fn ready(&mut self, database: &Database, records: i64) -> Result<(), JobError> {
        if self.whole || (self.opened && records < LARGE) {
            return Ok(());
        }
        self.flush(database).await?;
        *self = Matches { opened: true, ..Matches::default() };
        let many = if records < LARGE { 0 } else { matching::parties(database).await? };
        if records >= LARGE && many <= PARTIES_MAX {
            let mut transaction = database.begin().await?;
            let seen = matching::hold_turn(&mut transaction).await?;
            self.load(&mut transaction, seen).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Takes all that is known into memory.
    async fn load(&mut self, transaction: &mut Transaction, seen: i64) -> Result<(), JobError> {
        self.seen = seen;
        self.memory = Memory::default();
        let mut after = 0;
        loop {
            let rows = matching::profiles_after(transaction, after, AT_ONCE).await?;
            let Some(last) = rows.last().map(|row| row.id) else { break };
            for row in rows {
                if let Some((known, keys)) = read(&row) {
                    self.memory.add(row.id, known, &keys);
                }
            }
            after = last;
        }
        let mut after = (0, 0);
        loop {
            let rows = matching::pairs_after(transaction, after.0, after.1, AT_ONCE).await?;
            let Some(last) = rows.last() else { break };
            after = (last.one, last.other);
            rows.into_iter().for_each(|row| self.memory.pair(row));
        }
        self.unwritten.clear();
        for (_, parties) in matching::news(transaction, 0).await? {
            for party in unpack(&parties) {
                let keys = self.memory.keys_of(party);
                self.unwritten.extend(keys.into_iter().map(|key| (key, party)));
            }
        }
        self.whole = true;
        Ok(())
    }

    /// Takes the turn, for as long as the transaction lasts: what is read of residents and their parties from here on
    /// stays so until the commit. Nobody merges, takes back or resolves meanwhile.
    pub async fn begin(transaction: &mut Transaction, compares: bool) -> Result<(), JobError> {
        match compares {
            true => matching::hold_turn(transaction).await.map(|_| ())?,
            false => matching::share_turn(transaction).await?,
        }
        Ok(())
    }

    /// Takes the next number, and up what others wrote since ours.
    async fn refresh(&mut self, transaction: &mut Transaction) -> Result<i64, JobError> {
        let turn = matching::turn(transaction).await?;
        if self.seen == turn - 1 && self.seen != 0 {
            return Ok(turn);
        }
        let mut news = matching::news(transaction, self.seen).await?;
        if news.len() as i64 != turn - 1 - self.seen {
            // Its writer has indexed it: what memory lacks, or has as it was, can only be read again.
            if self.whole {
                self.load(transaction, turn - 1).await?;
                return Ok(turn);
            }
            self.memory = Memory::default();
            self.unwritten.clear();
            news = matching::news(transaction, 0).await?;
        }
        let mut parties: Vec<i64> = news.iter().flat_map(|(_, parties)| unpack(parties)).collect();
        parties.sort_unstable();
        parties.dedup();
        let (mut written, mut left) = (Vec::new(), HashSet::new());
        for row in matching::profiles(transaction, &parties).await? {
            let keys = match read(&row) {
                Some((known, keys)) => {
                    written.extend(keys.iter().map(|key| (*key, row.id)));
                    self.memory.add(row.id, known, &keys)
                }
                // It says nothing any more by which it could be compared.
                None => self.memory.forget(row.id),
            };
            left.extend(keys.into_iter().map(|key| (key, row.id)));
        }
        self.leave(&left);
        self.unwritten.extend(written);
        if self.whole {
            // Pairs that were taken out are not there to be read.
            parties.iter().for_each(|party| self.memory.unpair_all(*party));
            for row in matching::pairs(transaction, &parties).await? {
                self.memory.pair(row);
                self.memory.pair(PairRow { one: row.other, other: row.one, ..row });
            }
        }
        self.seen = turn - 1;
        Ok(turn)
    }

    /// Has known parties lead nowhere by keys that they had before and have no more: they would count among those who
    /// share them.
    async fn unlead(
        &mut self,
        transaction: &mut Transaction,
        now: &[(i64, Vec<i64>)],
    ) -> Result<(), JobError> {
        let ids: Vec<i64> = now.iter().map(|(party, _)| *party).collect();
        let before: HashMap<i64, Vec<u8>> = matching::profiles(transaction, &ids)
            .await?
            .into_iter()
            .filter_map(|row| Some((row.id, row.match_keys?)))
            .collect();
        let mut left = HashSet::new();
        for (party, keys) in now {
            let before = before.get(party).map_or(&[][..], Vec::as_slice);
            left.extend(unpack(before).filter(|key| !keys.contains(key)).map(|key| (key, *party)));
        }
        if left.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<(i64, i64)> = left.iter().copied().collect();
        sorted.sort_unstable();
        matching::unindex(transaction, &sorted).await?;
        self.leave(&left);
        Ok(())
    }

    /// Keys that lead to a party no more, and are not to be written.
    fn leave(&mut self, left: &HashSet<(i64, i64)>) {
        if left.is_empty() {
            return;
        }
        self.unwritten.retain(|key| !left.contains(key));
        left.iter().for_each(|(key, party)| self.memory.unlead(*party, &[*key]));
    }

    /// Whether it is time to write.
    pub fn is_full(&self) -> bool {
        self.unwritten.len() >= KEYS_MAX
    }

    /// Writes all keys in sorted order, in a transaction of its own.
    pub async fn flush(&mut self, database: &Database) -> Result<(), JobError> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        let mut sorted = std::mem::take(&mut self.unwritten);
        sorted.sort_unstable();
        sorted.dedup();
        let mut transaction = database.begin().await?;
        matching::index(&mut transaction, &sorted, self.seen).await?;
        transaction.commit().await?;
        let too_large = self.memory.known.len() as i64 > PARTIES_MAX;
        if !self.whole || too_large {
            self.memory = Memory::default();
            self.whole = false;
        }
        Ok(())
    }
}

/// A party's row in comparable form, with its keys; nothing of one that is not compared.
fn read(row: &ProfileRow) -> Option<(Known, Vec<i64>)> {
    let profile = profile::unpack(row.source_key_id, row.profile.as_deref()?)?;
    let keys = unpack(row.match_keys.as_deref().unwrap_or_default()).collect();
    Some((Known { profile, resident_id: row.resident_id }, keys))
}

/// Parties by their numbers, as the store has them. One that is not compared may be somebody because a person said so.
async fn fetch(
    transaction: &mut Transaction,
    ids: &[i64],
) -> Result<HashMap<i64, Known>, JobError> {
    let rows = matching::profiles(transaction, ids).await?;
    let known = |row: &ProfileRow| match read(row) {
        Some((known, _)) => known,
        None => Known { profile: Profile::default(), resident_id: row.resident_id },
    };
    Ok(rows.iter().map(|row| (row.id, known(row))).collect())
}

/// Keys as a party's row keeps them.
pub fn pack(keys: &[i64]) -> Option<Vec<u8>> {
    (!keys.is_empty()).then(|| keys.iter().flat_map(|key| key.to_le_bytes()).collect())
}

fn unpack(bytes: &[u8]) -> impl Iterator<Item = i64> + '_ {
    bytes.chunks_exact(8).filter_map(|chunk| Some(i64::from_le_bytes(chunk.try_into().ok()?)))
}

/// The keys of a party as its row keeps them.
pub fn keys_of(profile: &Profile) -> Vec<i64> {
    block::keys(profile).into_iter().map(|key| key.digest).collect()
}

/// The version that is kept with each pair.
fn version(weights: &Weights) -> i64 {
    weights.version
}
