//! Parties in memory: who they are, by which keys they are found, and their pairs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Known;
use crate::resolution::block;
use crate::store::matching::PairRow;

/// Most keys lead to one party.
#[derive(Debug)]
enum Posting {
    One(i64),
    #[expect(clippy::box_collection, reason = "three words less for each of millions of keys")]
    Many(Box<Vec<i64>>),
}

#[derive(Debug, Default)]
pub struct Memory {
    pub known: HashMap<i64, Known>,
    postings: HashMap<i64, Posting>,
    pairs: HashMap<i64, Vec<PairRow>>,
}

/// Of a key that more share no more is kept than that they do.
pub const SHARED_MAX: usize = 101;

impl Memory {
    pub fn add(&mut self, party: i64, known: Known, keys: &[i64]) {
        for key in keys {
            match self.postings.entry(*key) {
                Entry::Vacant(empty) => {
                    empty.insert(Posting::One(party));
                }
                Entry::Occupied(mut there) => match there.get_mut() {
                    Posting::One(one) if *one == party => {}
                    Posting::One(one) => {
                        let both = vec![*one, party];
                        there.insert(Posting::Many(Box::new(both)));
                    }
                    Posting::Many(many) => {
                        if many.len() < SHARED_MAX && !many.contains(&party) {
                            many.push(party);
                        }
                    }
                },
            }
        }
        self.known.insert(party, known);
    }

    pub fn found(&self, key: i64) -> &[i64] {
        match self.postings.get(&key) {
            None => &[],
            Some(Posting::One(one)) => std::slice::from_ref(one),
            Some(Posting::Many(many)) => many,
        }
    }

    pub fn keys_of(&self, party: i64) -> Vec<i64> {
        let keys = self.known.get(&party).map(|known| block::keys(&known.profile));
        keys.into_iter().flatten().map(|key| key.digest).collect()
    }

    /// Takes up a pair, by its first party.
    pub fn pair(&mut self, pair: PairRow) {
        let of = self.pairs.entry(pair.one).or_default();
        match of.iter_mut().find(|known| known.other == pair.other) {
            Some(known) => *known = pair,
            None => of.push(pair),
        }
    }

    pub fn unpair(&mut self, one: i64, other: i64) {
        if let Some(of) = self.pairs.get_mut(&one) {
            of.retain(|pair| pair.other != other);
        }
    }

    /// Forgets every pair of a party.
    pub fn unpair_all(&mut self, party: i64) {
        for pair in self.pairs.remove(&party).unwrap_or_default() {
            self.unpair(pair.other, party);
        }
    }

    pub fn pairs(&self, party: i64) -> &[PairRow] {
        self.pairs.get(&party).map_or(&[], Vec::as_slice)
    }
}
