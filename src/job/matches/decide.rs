//! Deciding one chunk: whom its parties may be, and what follows for everybody near them.
//!
//! What is decided depends on the parties there are, not on the order in which they came: a key that became too
//! common, or a mail box that became everybody's, is looked at again for all who have it; and the clusters around
//! each new pair are grown anew.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::chunk::Chunk;
use super::memory::SHARED_MAX;
use super::{Known, Matches, fetch, keys_of};
use crate::job::error::JobError;
use crate::resolution::block::{self, Key, Kind};
use crate::resolution::profile::Profile;
use crate::resolution::weigh::Weights;
use crate::store::database::Transaction;
use crate::store::ids::Ids;
use crate::store::matching::{self, PairRow};

/// A party that is new, or says something else than before.
#[derive(Debug, Clone)]
pub struct Arrival {
    pub party_id: i64,
    /// 0 for one that is new.
    pub resident_id: i64,
    /// Nothing of one that is not compared: it is a resident of its own.
    pub profile: Option<Profile>,
}

/// What was decided.
#[derive(Debug, Default)]
pub struct Decision {
    /// Each party that has another resident than before, or its first: what was (0 for none), and what is.
    pub residents: HashMap<i64, (i64, i64)>,
    /// Residents that have no party any more, and the one that most of theirs went to.
    pub merged: Vec<(i64, i64)>,
    pub unlinked: Unlinked,
}

/// Parties for which a key was not used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unlinked {
    /// A field of a council's rule says nothing, as `UNKNOWN` does.
    pub junk: i64,
    /// Too many share a key of theirs.
    pub crowded: i64,
}

impl Unlinked {
    pub fn add(&mut self, other: Unlinked) {
        self.junk += other.junk;
        self.crowded += other.crowded;
    }

    /// What a person is told, if there is something.
    pub fn note(self) -> Option<String> {
        let said: Vec<String> = [
            (self.crowded, "share a key with too many others"),
            (self.junk, "have a key that says nothing, such as UNKNOWN"),
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

impl Matches {
    /// Decides who the arrivals are. Writes pairs; parties and residents are the caller's to write. Leaves so many
    /// numbers to spare.
    pub async fn decide(
        &mut self,
        transaction: &mut Transaction,
        arrivals: Vec<Arrival>,
        weights: Option<&Weights>,
        ids: &mut Ids,
        spare: usize,
    ) -> Result<Decision, JobError> {
        let mut decision = Decision::default();
        let Some(weights) = weights else {
            for arrival in arrivals.iter().filter(|arrival| arrival.resident_id == 0) {
                decision.residents.insert(arrival.party_id, (0, ids.take()));
            }
            return Ok(decision);
        };
        let mut chunk = Chunk::default();
        for arrival in &arrivals {
            match &arrival.profile {
                None if arrival.resident_id == 0 => {
                    decision.residents.insert(arrival.party_id, (0, ids.take()));
                }
                // It says nothing any more by which it was linked: it is whom a person said it is, or somebody new.
                None => {
                    let profile = Profile::default();
                    let known = Known { profile, resident_id: arrival.resident_id };
                    chunk.affected.insert(arrival.party_id);
                    chunk.known.insert(arrival.party_id, known);
                }
                Some(profile) => {
                    let known =
                        Known { profile: profile.clone(), resident_id: arrival.resident_id };
                    chunk.affected.insert(arrival.party_id);
                    chunk.known.insert(arrival.party_id, known);
                }
            }
        }
        if chunk.affected.is_empty() {
            return Ok(decision);
        }
        let turn = self.refresh(transaction).await?;
        let arrived: Vec<i64> = chunk.affected.iter().copied().collect();
        self.unlead(transaction, &chunk.keys_of_known()).await?;
        self.find_blocks(transaction, &mut chunk, &arrived, &mut decision.unlinked).await?;
        let mut changed = self.compare_all(transaction, &mut chunk, &arrived, weights).await?;
        let left: Vec<i64> =
            changed.dropped.iter().flat_map(|(one, other)| [*one, *other]).collect();
        self.gather(transaction, &mut chunk, &left).await?;
        let mut clusters = Vec::new();
        for near in chunk.neighbourhoods(&left) {
            clusters.extend(chunk.clusters(&near, weights));
        }
        ids.reserve_in(transaction, clusters.len() + spare).await?;
        chunk.give_residents(&clusters, ids, &mut decision);
        changed.put.sort_unstable_by_key(|pair| (pair.one, pair.other));
        changed.put.dedup_by_key(|pair| (pair.one, pair.other));
        matching::drop_pairs(transaction, &changed.dropped).await?;
        let resident = |party: i64| match decision.residents.get(&party) {
            Some((_, resident)) => Some(*resident),
            None => chunk.known.get(&party).map(|known| known.resident_id),
        };
        let are_two = |pair: &PairRow| resident(pair.one) != resident(pair.other);
        matching::put_pairs(transaction, &changed.put, are_two).await?;
        // Whoever was compared anew may have lost a pair, and others have it in memory.
        let mut written: Vec<i64> =
            chunk.affected.iter().chain(decision.residents.keys()).copied().collect();
        self.remember(chunk, &arrived, &changed, &decision);
        written.sort_unstable();
        written.dedup();
        let bytes = super::pack(&written).unwrap_or_default();
        matching::put_news(transaction, turn, bytes).await?;
        self.seen = turn;
        Ok(decision)
    }

    /// Finds the blocks of the arrivals, and of everyone whose block they made too large.
    async fn find_blocks(
        &self,
        transaction: &mut Transaction,
        chunk: &mut Chunk,
        arrived: &[i64],
        unlinked: &mut Unlinked,
    ) -> Result<(), JobError> {
        let mut keys: HashMap<i64, Kind> = HashMap::new();
        let mut mine: Vec<(i64, Vec<Key>)> = Vec::with_capacity(arrived.len());
        for party in arrived {
            let own = block::keys(&chunk.known[party].profile);
            keys.extend(own.iter().map(|key| (key.digest, key.kind)));
            mine.push((*party, own));
        }
        self.read_blocks(transaction, chunk, &keys).await?;
        let mut grown: HashMap<i64, usize> = HashMap::new();
        for (party, own) in &mine {
            for key in own {
                let block = chunk.blocks.entry(key.digest).or_default();
                let before = *grown.entry(key.digest).or_insert(block.len());
                if !block.contains(party) && block.len() <= 2 * key.kind.most().max(before) {
                    block.push(*party);
                }
            }
        }
        for (party, own) in &mine {
            let crowded = own.iter().any(|key| {
                let contact =
                    matches!(key.kind, Kind::Rule | Kind::Nino | Kind::Email | Kind::Phone);
                contact && chunk.is_crowded(key)
            });
            unlinked.crowded += i64::from(crowded && chunk.known[party].resident_id == 0);
        }
        let crossing = grown.iter().filter(|(digest, before)| {
            let most = keys[*digest].most();
            **before <= most && chunk.blocks[*digest].len() > most
        });
        let others: BTreeSet<i64> =
            crossing.flat_map(|(digest, _)| chunk.blocks[digest].iter().copied()).collect();
        let others: Vec<i64> =
            others.into_iter().filter(|party| !chunk.affected.contains(party)).collect();
        if others.is_empty() {
            return Ok(());
        }
        self.know(transaction, chunk, &others).await?;
        let mut more: HashMap<i64, Kind> = HashMap::new();
        for party in others.iter().filter_map(|party| chunk.known.get(party)) {
            let own = block::keys(&party.profile);
            more.extend(own.iter().map(|key| (key.digest, key.kind)));
        }
        more.retain(|digest, _| !keys.contains_key(digest));
        self.read_blocks(transaction, chunk, &more).await?;
        chunk.affected.extend(others);
        Ok(())
    }

    async fn read_blocks(
        &self,
        transaction: &mut Transaction,
        chunk: &mut Chunk,
        keys: &HashMap<i64, Kind>,
    ) -> Result<(), JobError> {
        let mut digests: Vec<i64> = keys.keys().copied().collect();
        digests.sort_unstable();
        for digest in &digests {
            let found = self.memory.found(*digest);
            if !found.is_empty() {
                chunk.blocks.insert(*digest, found.to_vec());
            }
        }
        if !self.whole {
            for (digest, party) in matching::candidates(transaction, &digests).await? {
                let block = chunk.blocks.entry(digest).or_default();
                if !block.contains(&party) {
                    block.push(party);
                }
            }
        }
        Ok(())
    }

    /// Makes sure that these parties are known to the chunk.
    async fn know(
        &self,
        transaction: &mut Transaction,
        chunk: &mut Chunk,
        parties: &[i64],
    ) -> Result<(), JobError> {
        let mut missing = Vec::new();
        for party in parties {
            if chunk.known.contains_key(party) {
                continue;
            }
            match self.memory.known.get(party) {
                Some(known) => {
                    chunk.known.insert(*party, known.clone());
                }
                None => missing.push(*party),
            }
        }
        // Memory has nobody who is not compared; a person may have said who they are.
        if !missing.is_empty() {
            chunk.known.extend(fetch(transaction, &missing).await?);
        }
        Ok(())
    }

    /// Compares everyone who is affected with whoever shares a key.
    async fn compare_all(
        &self,
        transaction: &mut Transaction,
        chunk: &mut Chunk,
        arrived: &[i64],
        weights: &Weights,
    ) -> Result<Changed, JobError> {
        let affected: Vec<i64> = chunk.affected.iter().copied().collect();
        let mut mates: Vec<(i64, Vec<i64>)> = Vec::with_capacity(affected.len());
        let mut all: HashSet<i64> = HashSet::new();
        for party in &affected {
            let Some(known) = chunk.known.get(party) else { continue };
            let keys = block::keys(&known.profile);
            let open = keys.iter().filter(|key| key.kind.leads() && !chunk.is_crowded(key));
            let mut found: Vec<i64> = open
                .flat_map(|key| chunk.blocks.get(&key.digest).into_iter().flatten().copied())
                .collect();
            found.sort_unstable();
            found.dedup();
            found.retain(|mate| mate != party);
            all.extend(&found);
            mates.push((*party, found));
        }
        let mut all: Vec<i64> = all.into_iter().collect();
        all.sort_unstable();
        self.know(transaction, chunk, &all).await?;
        // New parties have no pairs yet; whoever was there before has.
        let new = |party: &i64| chunk.known.get(party).is_some_and(|known| known.resident_id == 0);
        let before: Vec<i64> = affected.iter().filter(|party| !new(party)).copied().collect();
        let old = self.pairs_of(transaction, &before).await?;
        let both: Vec<i64> = old.iter().flat_map(|pair| [pair.one, pair.other]).collect();
        self.know(transaction, chunk, &both).await?;
        let before: HashSet<i64> = before.into_iter().collect();
        let (mut changed, mut done) = (Changed::default(), HashSet::new());
        let arrived: HashSet<i64> = arrived.iter().copied().collect();
        for (party, mates) in mates {
            for mate in mates {
                if done.insert((party.min(mate), party.max(mate))) {
                    changed.put.extend(chunk.pair(party, mate, weights));
                }
            }
        }
        let found: HashMap<(i64, i64), usize> =
            changed.put.iter().enumerate().map(|(at, pair)| ((pair.one, pair.other), at)).collect();
        for pair in old {
            let key = (pair.one.min(pair.other), pair.one.max(pair.other));
            let known = found.get(&key);
            if let Some(at) = known {
                changed.put[*at].verdict = pair.verdict;
            }
            // A party that says something else now keeps what linked it, unless it became another person.
            let says_else = before.contains(&pair.one) && arrived.contains(&pair.one)
                || before.contains(&pair.other) && arrived.contains(&pair.other);
            let linked = says_else && chunk.may_be_one(pair.one, pair.other);
            let stays = pair.verdict != 0 || linked;
            match known {
                Some(at) if stays => changed.put[*at].bits = changed.put[*at].bits.max(pair.bits),
                Some(_) => {}
                None if stays => chunk.add_pair(pair),
                None => match chunk.doubted(&pair, &arrived, weights) {
                    Some(pair) => changed.put.push(pair),
                    None => changed.dropped.push(key),
                },
            }
        }
        changed.dropped.sort_unstable();
        changed.dropped.dedup();
        for pair in &changed.put {
            chunk.add_pair(*pair);
        }
        Ok(changed)
    }

    async fn pairs_of(
        &self,
        transaction: &mut Transaction,
        parties: &[i64],
    ) -> Result<Vec<PairRow>, JobError> {
        if self.whole {
            return Ok(parties
                .iter()
                .flat_map(|party| self.memory.pairs(*party).iter().copied())
                .collect());
        }
        Ok(matching::pairs(transaction, parties).await?)
    }

    /// Gathers all who are near: pairs of pairs, until there are no more. `left` lost a pair.
    async fn gather(
        &self,
        transaction: &mut Transaction,
        chunk: &mut Chunk,
        left: &[i64],
    ) -> Result<(), JobError> {
        let mut seen: HashSet<i64> = chunk.affected.iter().copied().collect();
        let starts = chunk.pairs.keys().chain(left).copied();
        let starts: BTreeSet<i64> = starts.filter(|party| !seen.contains(party)).collect();
        let mut next: Vec<i64> = starts.into_iter().collect();
        while !next.is_empty() {
            seen.extend(&next);
            let mut far = BTreeSet::new();
            for pair in self.pairs_of(transaction, &next).await? {
                // What the affected have is known, or was dropped.
                if chunk.affected.contains(&pair.other) {
                    continue;
                }
                chunk.add_pair(pair);
                if !seen.contains(&pair.other) {
                    far.insert(pair.other);
                }
            }
            next = far.into_iter().collect();
        }
        let mut all: Vec<i64> = chunk.pairs.keys().chain(left).copied().collect();
        all.sort_unstable();
        all.dedup();
        self.know(transaction, chunk, &all).await
    }

    /// Keeps what was decided, for the chunks behind.
    fn remember(&mut self, chunk: Chunk, arrived: &[i64], changed: &Changed, decision: &Decision) {
        let mut known = chunk.known;
        for party in arrived {
            let Some(mut known) = known.remove(party) else { continue };
            if let Some((_, resident)) = decision.residents.get(party) {
                known.resident_id = *resident;
            }
            // Of a key that too many share it is enough to know that they do.
            let mut keys = keys_of(&known.profile);
            keys.retain(|key| {
                let block = chunk.blocks.get(key).map_or(&[][..], Vec::as_slice);
                block.iter().take(SHARED_MAX).any(|other| other == party)
            });
            self.unwritten.extend(keys.iter().map(|key| (*key, *party)));
            self.memory.add(*party, known, &keys);
        }
        for (party, (_, resident)) in &decision.residents {
            if let Some(known) = self.memory.known.get_mut(party) {
                known.resident_id = *resident;
            }
        }
        if self.whole {
            for (one, other) in &changed.dropped {
                self.memory.unpair(*one, *other);
                self.memory.unpair(*other, *one);
            }
            for pair in &changed.put {
                self.memory.pair(*pair);
                self.memory.pair(PairRow { one: pair.other, other: pair.one, ..*pair });
            }
        }
    }
}

/// Pairs to be written, and to be taken out.
#[derive(Default)]
struct Changed {
    put: Vec<PairRow>,
    dropped: Vec<(i64, i64)>,
}
