//! Parties in memory: who they are, by which keys they are found, and their pairs.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Known, keys_of};
use crate::store::matching::{self, PairRow};

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
pub const SHARED_MAX: usize = matching::SHARED_MAX;

impl Memory {
    /// Takes a party up, by these keys. Gives those that it had before and has no more.
    pub fn add(&mut self, party: i64, known: Known, keys: &[i64]) -> Vec<i64> {
        let left = self.left(party, Some(&known));
        self.unlead(party, &left);
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
        left
    }

    /// Forgets a party that is not compared any more. Gives its keys.
    pub fn forget(&mut self, party: i64) -> Vec<i64> {
        let left = self.left(party, None);
        self.unlead(party, &left);
        self.known.remove(&party);
        left
    }

    fn left(&self, party: i64, now: Option<&Known>) -> Vec<i64> {
        let Some(before) = self.known.get(&party) else { return Vec::new() };
        let now = now.map(|known| keys_of(&known.profile)).unwrap_or_default();
        keys_of(&before.profile).into_iter().filter(|key| !now.contains(key)).collect()
    }

    /// Leads to a party by these keys no more. Of a key of which more is not kept than that too many share it, that
    /// stays known.
    pub fn unlead(&mut self, party: i64, keys: &[i64]) {
        for key in keys {
            match self.postings.get_mut(key) {
                Some(Posting::One(one)) if *one == party => {
                    self.postings.remove(key);
                }
                Some(Posting::Many(many)) if many.len() < SHARED_MAX => {
                    many.retain(|one| *one != party);
                }
                _ => {}
            }
        }
    }

    pub fn found(&self, key: i64) -> &[i64] {
        match self.postings.get(&key) {
            None => &[],
            Some(Posting::One(one)) => std::slice::from_ref(one),
            Some(Posting::Many(many)) => many,
        }
    }

    pub fn keys_of(&self, party: i64) -> Vec<i64> {
        self.known.get(&party).map(|known| keys_of(&known.profile)).unwrap_or_default()
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
