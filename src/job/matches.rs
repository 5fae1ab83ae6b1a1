//! The match keys of parties not yet in the index: kept in memory, written in large sorted runs.
//!
//! Keys written as they come would dirty pages all over the index with every chunk. What is in memory
//! is also in the parties' own rows, and is gathered from there again after a stop.

use std::collections::HashMap;

use super::error::JobError;
use crate::resolution::matching::SHARED_MAX;
use crate::store::database::{Database, Transaction};
use crate::store::residents::{self, Candidate};

/// How many keys are kept before they are written.
const KEYS_MAX: usize = 250_000;

/// Keys that are not in the index yet, and what the index holds.
#[derive(Debug, Default)]
pub struct Matches {
    /// Digest to the first party and resident that has it; and the few that share one.
    recent: HashMap<i64, (i64, i64)>,
    shared: HashMap<i64, Vec<(i64, i64)>>,
    last_party: i64,
    index_is_empty: bool,
    /// What of the index was written by this run, when all of it was: most keys of a first load are in
    /// nobody's, and this says so without a question to the database.
    written: Option<Filter>,
}

/// A Bloom filter over digests: "not there" is certain, "there" is worth a question.
#[derive(Debug)]
struct Filter(Vec<u64>);

impl Filter {
    /// 4 MB: one question in a thousand is in vain at a million and a half keys.
    const WORDS: usize = 1 << 19;

    fn new() -> Filter {
        Filter(vec![0; Filter::WORDS])
    }

    /// Four places, from the digest's own bits.
    fn places(digest: i64) -> [(usize, u64); 4] {
        let (low, high) = (digest as u64 as u32, (digest as u64 >> 32) as u32 | 1);
        std::array::from_fn(|round| {
            let bit = low.wrapping_add(high.wrapping_mul(round as u32)) as usize;
            ((bit >> 6) % Filter::WORDS, 1 << (bit & 63))
        })
    }

    fn add(&mut self, digest: i64) {
        for (word, bit) in Filter::places(digest) {
            self.0[word] |= bit;
        }
    }

    fn may_have(&self, digest: i64) -> bool {
        Filter::places(digest).into_iter().all(|(word, bit)| self.0[word] & bit != 0)
    }
}

impl Matches {
    /// Gathers what a stop left unwritten.
    pub async fn open(database: &Database) -> Result<Matches, JobError> {
        let indexed_to = residents::indexed_to(database).await?;
        let mut matches = Matches {
            last_party: indexed_to,
            index_is_empty: indexed_to == 0,
            written: (indexed_to == 0).then(Filter::new),
            ..Matches::default()
        };
        loop {
            let rows = residents::not_indexed(database, matches.last_party, 5_000).await?;
            let Some((last, ..)) = rows.last() else { return Ok(matches) };
            let last = *last;
            for (party_id, resident_id, keys) in rows {
                for key in unpack(keys.as_deref().unwrap_or_default()) {
                    matches.add(key, party_id, resident_id);
                }
            }
            matches.last_party = last;
        }
    }

    /// Everyone who shares one of these keys, by key.
    pub async fn find(
        &self,
        transaction: &mut Transaction,
        keys: &[i64],
    ) -> Result<Vec<Candidate>, JobError> {
        let mut found = Vec::new();
        let worth_asking = |key: &&i64| match &self.written {
            Some(written) => written.may_have(**key),
            None => true,
        };
        let asked: Vec<i64> = keys.iter().filter(worth_asking).copied().collect();
        if !self.index_is_empty && !asked.is_empty() {
            found = residents::candidates(transaction, &asked).await?;
        }
        for key in keys {
            found.extend(self.recent(*key));
        }
        Ok(found)
    }

    fn recent(&self, digest: i64) -> impl Iterator<Item = Candidate> + '_ {
        let first = self.recent.get(&digest);
        let more = self.shared.get(&digest);
        first.into_iter().chain(more.into_iter().flatten()).map(move |(party_id, resident_id)| {
            Candidate { digest, party_id: *party_id, resident_id: *resident_id }
        })
    }

    /// Adds a key of a party. Of a key that too many share, enough is kept to know that they do.
    pub fn add(&mut self, digest: i64, party_id: i64, resident_id: i64) {
        self.last_party = self.last_party.max(party_id);
        match self.recent.entry(digest) {
            std::collections::hash_map::Entry::Vacant(empty) => {
                empty.insert((party_id, resident_id));
            }
            std::collections::hash_map::Entry::Occupied(_) => {
                let shared = self.shared.entry(digest).or_default();
                if shared.len() < SHARED_MAX {
                    shared.push((party_id, resident_id));
                }
            }
        }
    }

    /// Whether it is time to write.
    pub fn is_full(&self) -> bool {
        self.recent.len() >= KEYS_MAX
    }

    /// Writes all keys in sorted order, in a transaction of its own.
    pub async fn flush(&mut self, database: &Database) -> Result<(), JobError> {
        if self.recent.is_empty() {
            return Ok(());
        }
        let mut sorted: Vec<(i64, i64)> = self
            .recent
            .iter()
            .map(|(digest, (party, _))| (*digest, *party))
            .chain(self.shared.iter().flat_map(|(digest, parties)| {
                parties.iter().map(move |(party, _)| (*digest, *party))
            }))
            .collect();
        sorted.sort_unstable();
        if let Some(written) = &mut self.written {
            sorted.iter().for_each(|(digest, _)| written.add(*digest));
        }
        let mut transaction = database.begin().await?;
        residents::index(&mut transaction, &sorted, self.last_party).await?;
        transaction.commit().await?;
        self.recent = HashMap::new();
        self.shared = HashMap::new();
        self.index_is_empty = false;
        Ok(())
    }
}

/// Keys as a party's row keeps them.
pub fn pack(keys: &[i64]) -> Option<Vec<u8>> {
    (!keys.is_empty()).then(|| keys.iter().flat_map(|key| key.to_le_bytes()).collect())
}

fn unpack(bytes: &[u8]) -> impl Iterator<Item = i64> + '_ {
    bytes.chunks_exact(8).filter_map(|chunk| Some(i64::from_le_bytes(chunk.try_into().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_forgets_nothing_and_seldom_asks_in_vain() {
        let mut filter = Filter::new();
        let digest = |number: u64| xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes()) as i64;
        (0..100_000).for_each(|number| filter.add(digest(number)));
        assert!((0..100_000).all(|number| filter.may_have(digest(number))));
        let in_vain = (100_000..200_000).filter(|number| filter.may_have(digest(*number))).count();
        assert!(in_vain < 100, "{in_vain}");
    }
}
