//! Keys that lead nowhere: those that say nothing, and those that too many parties share.
//!
//! They link nobody, a person is told how many parties they stood on, and what they cost stays the same
//! however many share them.

use std::collections::HashMap;

use super::{Rules, Translated};
use crate::mapping::inbound::Translation;
use crate::resolution::matching::{self, Keys, SHARED_MAX};
use crate::store::residents::Candidate;

/// Parties for which a key was not used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlinked {
    /// A field of the key says nothing, as `UNKNOWN` does.
    pub junk: i64,
    /// Too many share it.
    pub crowded: i64,
    /// It leads to several residents.
    pub ambiguous: i64,
}

impl Unlinked {
    pub fn add(&mut self, other: Unlinked) {
        self.junk += other.junk;
        self.crowded += other.crowded;
        self.ambiguous += other.ambiguous;
    }

    /// What a person is told, if there is something.
    pub fn note(self) -> Option<String> {
        let said: Vec<String> = [
            (self.crowded, format!("share a key with more than {SHARED_MAX} others")),
            (self.junk, "have a key that says nothing, such as UNKNOWN".to_owned()),
            (self.ambiguous, "have a key that several residents have".to_owned()),
        ]
        .into_iter()
        .filter(|(many, _)| *many > 0)
        .map(|(many, what)| format!("{many} parties {what}"))
        .collect();
        match said.is_empty() {
            true => None,
            false => Some(format!("{}: they were not linked by it", said.join(", "))),
        }
    }
}

/// The keys of a chunk that too many share.
#[derive(Debug, Default)]
pub struct Crowding {
    /// Under each, how many parties are to be remembered yet, so that it is crowded tomorrow too.
    crowded: HashMap<i64, usize>,
    pub unlinked: Unlinked,
}

impl Crowding {
    /// Takes crowded keys out of the candidates, counted over what is known and what is new here.
    pub fn take_out(
        new: &HashMap<i64, usize>,
        candidates: &mut HashMap<i64, Vec<Candidate>>,
    ) -> Crowding {
        let mut crowded = HashMap::new();
        let known: Vec<i64> = candidates.keys().copied().collect();
        for key in known.into_iter().chain(new.keys().copied()) {
            let there = candidates.get(&key).map_or(0, Vec::len);
            if there + new.get(&key).copied().unwrap_or_default() > SHARED_MAX {
                candidates.remove(&key);
                crowded.entry(key).or_insert((SHARED_MAX + 1).saturating_sub(there));
            }
        }
        Crowding { crowded, unlinked: Unlinked::default() }
    }

    /// The keys by which a new party may be linked; and those that are only to be remembered.
    pub fn part(&mut self, keys: Keys) -> (Vec<i64>, Vec<i64>) {
        self.unlinked.junk += i64::from(keys.junk > 0);
        let (crowded, usable): (Vec<i64>, Vec<i64>) =
            keys.digests.into_iter().partition(|key| self.crowded.contains_key(key));
        self.unlinked.crowded += i64::from(!crowded.is_empty());
        let mut is_wanted = |key: &i64| match self.crowded.get_mut(key) {
            Some(wanted) if *wanted > 0 => {
                *wanted -= 1;
                true
            }
            _ => false,
        };
        let remembered = crowded.into_iter().filter(|key| is_wanted(key)).collect();
        (usable, remembered)
    }
}

/// Every key of a chunk once; and of those that several of its new records share, how many do.
pub fn keys_of(chunk: &[Translated], rules: &Rules) -> (Vec<i64>, HashMap<i64, usize>) {
    let (mut all, mut new) = (Vec::new(), Vec::new());
    for record in chunk {
        let Translation::Published(fragment) = &record.translation else { continue };
        for party in &fragment.parties {
            let keys = matching::keys(&party.facts, &rules.policy).digests;
            if record.is_new {
                new.extend_from_slice(&keys);
            }
            all.extend(keys);
        }
    }
    new.sort_unstable();
    let shared = new.chunk_by(|one, other| one == other).filter(|same| same.len() > 1);
    let shared = shared.map(|same| (same[0], same.len())).collect();
    (super::distinct(all.into_iter()), shared)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(key: i64, many: usize) -> HashMap<i64, Vec<Candidate>> {
        let one = |party: usize| Candidate { digest: key, party_id: party as i64, resident_id: 1 };
        HashMap::from([(key, (0..many).map(one).collect())])
    }

    #[test]
    fn b48_a_key_that_too_many_share_links_nobody_and_is_remembered() {
        for (there, new, is_crowded, remembered) in [
            (0, SHARED_MAX, false, 0),
            (0, SHARED_MAX + 1, true, SHARED_MAX + 1),
            (0, 10_000, true, SHARED_MAX + 1),
            (SHARED_MAX, 0, false, 0),
            (SHARED_MAX, 2, true, 1),
            (SHARED_MAX + 1, 0, true, 0),
        ] {
            let mut known = candidates(7, there);
            let mut crowding = Crowding::take_out(&HashMap::from([(7, new)]), &mut known);
            assert_eq!(known.is_empty(), is_crowded, "{there} {new}");
            let mut kept = 0;
            for _ in 0..new.max(1) {
                let keys = Keys { digests: vec![7, 8], junk: 0 };
                let (usable, to_remember) = crowding.part(keys);
                assert_eq!(usable.len(), if is_crowded { 1 } else { 2 });
                kept += to_remember.len();
            }
            assert_eq!(kept, remembered, "{there} {new}");
            assert_eq!(crowding.unlinked.note().is_some(), is_crowded);
        }
    }
}
