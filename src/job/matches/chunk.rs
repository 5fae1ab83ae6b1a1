//! What one chunk knows while it is decided: who is affected, whom they share a key with, the pairs among them; and
//! what grows from that.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::decide::Decision;
use super::{Known, keys_of, version};
use crate::resolution::block::Key;
use crate::resolution::compare::{Levels, clash, compare};
use crate::resolution::grow::{self, Pair, Verdict};
use crate::resolution::profile::Profile;
use crate::resolution::weigh::Weights;
use crate::store::ids::Ids;
use crate::store::matching::PairRow;

/// So many parties are grown together at most: a household, its old homes, and all who may be one of them.
const NEAR_MAX: usize = 400;

/// What a chunk knows while it is decided.
#[derive(Default)]
pub(super) struct Chunk {
    /// Whose pairs are looked for.
    pub affected: BTreeSet<i64>,
    pub known: HashMap<i64, Known>,
    pub blocks: HashMap<i64, Vec<i64>>,
    /// By each of the two.
    pub pairs: HashMap<i64, Vec<PairRow>>,
}

impl Chunk {
    pub fn is_crowded(&self, key: &Key) -> bool {
        self.blocks.get(&key.digest).is_some_and(|block| block.len() > key.kind.most())
    }

    /// The keys that known parties have now.
    pub fn keys_of_known(&self) -> Vec<(i64, Vec<i64>)> {
        let known = self.known.iter().filter(|(_, known)| known.resident_id != 0);
        known.map(|(party, known)| (*party, keys_of(&known.profile))).collect()
    }

    fn levels(&self, one: i64, other: i64) -> Option<Levels> {
        let (one, other) = (self.known.get(&one)?, self.known.get(&other)?);
        Some(compare(&one.profile, &other.profile, &|key| self.is_crowded(key)))
    }

    /// Whether both still say who they are, and neither is somebody else.
    pub fn may_be_one(&self, one: i64, other: i64) -> bool {
        let says = |party| self.known.get(&party).is_some_and(|one| one.profile.is_comparable());
        let clashes = || self.levels(one, other).is_some_and(|levels| clash(&levels).is_some());
        says(one) && says(other) && !clashes()
    }

    /// The pair, where it is worth keeping.
    pub fn pair(&self, one: i64, other: i64, weights: &Weights) -> Option<PairRow> {
        let levels = self.levels(one, other)?;
        let bits = weights.score(&levels).bits;
        grow::is_kept(bits, &levels, weights).then(|| PairRow {
            one: one.min(other),
            other: one.max(other),
            bits: (bits * 1_000.0).round() as i64,
            levels: levels.packed(),
            weights: version(weights),
            verdict: 0,
        })
    }

    /// A pair that nobody would look for any more, since too many came to share a key. By itself it links nobody: else it
    /// would matter who came first. But two who were one until now do not part without a word: a person looks.
    pub fn doubted(
        &self,
        old: &PairRow,
        arrived: &HashSet<i64>,
        weights: &Weights,
    ) -> Option<PairRow> {
        let resident = |party: i64| self.known.get(&party).map(|known| known.resident_id);
        let below = (weights.link_bits() * 1_000.0).round() as i64 - 1;
        let waits = resident(old.one) == resident(old.other) || old.bits == below;
        if !waits || arrived.contains(&old.one) || arrived.contains(&old.other) {
            return None;
        }
        let pair = self.pair(old.one, old.other, weights)?;
        Some(PairRow { bits: pair.bits.min(below), ..pair })
    }

    pub fn add_pair(&mut self, pair: PairRow) {
        for (me, mate) in [(pair.one, pair.other), (pair.other, pair.one)] {
            let of = self.pairs.entry(me).or_default();
            let turned = PairRow { one: me, other: mate, ..pair };
            match of.iter_mut().find(|known| known.other == mate) {
                Some(known) => *known = turned,
                None => of.push(turned),
            }
        }
    }

    /// Everyone who hangs together by pairs with somebody affected, in order; each party once.
    pub fn neighbourhoods(&self, left: &[i64]) -> Vec<Vec<i64>> {
        let (mut all, mut seen) = (Vec::new(), HashSet::new());
        let near = |party: &i64| self.pairs.get(party).into_iter().flatten();
        // A party that lost its last pair stands alone; whoever it was with does, too.
        let starts = self.affected.iter().chain(self.pairs.keys()).chain(left).copied();
        for start in starts.collect::<BTreeSet<_>>() {
            if !self.known.contains_key(&start) || !seen.insert(start) {
                continue;
            }
            let (mut members, mut at) = (vec![start], 0);
            while at < members.len() && members.len() < NEAR_MAX {
                for pair in near(&members[at]) {
                    if self.known.contains_key(&pair.other) && seen.insert(pair.other) {
                        members.push(pair.other);
                    }
                }
                at += 1;
            }
            members.sort_unstable();
            all.push(members);
        }
        all
    }

    /// The clusters of one neighbourhood.
    pub fn clusters(&self, near: &[i64], weights: &Weights) -> Vec<Vec<i64>> {
        let place: HashMap<i64, usize> =
            near.iter().enumerate().map(|(at, party)| (*party, at)).collect();
        let profiles: Vec<&Profile> = near.iter().map(|party| &self.known[party].profile).collect();
        let mut pairs = Vec::new();
        for row in near.iter().flat_map(|party| self.pairs.get(party).into_iter().flatten()) {
            let places = place.get(&row.one).zip(place.get(&row.other));
            let levels = Levels::unpacked(row.levels).filter(|_| row.one < row.other);
            let Some(((one, other), levels)) = places.zip(levels) else { continue };
            let verdict = match row.verdict {
                1 => Verdict::Same,
                2 => Verdict::Different,
                _ => Verdict::None,
            };
            let bits = row.bits as f32 / 1_000.0;
            pairs.push(Pair { one: *one, other: *other, bits, levels, verdict });
        }
        let mut clusters: HashMap<usize, Vec<i64>> = HashMap::new();
        for (party, root) in near.iter().zip(grow::grow(&profiles, &pairs, weights)) {
            clusters.entry(root).or_default().push(*party);
        }
        clusters.into_values().collect()
    }

    /// Gives each cluster its resident: one stays with the most of its parties.
    pub fn give_residents(&self, clusters: &[Vec<i64>], ids: &mut Ids, decision: &mut Decision) {
        let mut claims: Vec<(usize, i64, usize)> = Vec::new();
        for (at, cluster) in clusters.iter().enumerate() {
            let mut many: HashMap<i64, usize> = HashMap::new();
            for party in cluster {
                *many.entry(self.known[party].resident_id).or_default() += 1;
            }
            many.remove(&0);
            claims.extend(many.into_iter().map(|(resident, many)| (many, resident, at)));
        }
        let oldest = |at: usize| clusters[at].iter().min().copied();
        claims.sort_unstable_by_key(|(many, resident, at)| {
            (std::cmp::Reverse(*many), *resident, oldest(*at))
        });
        let mut of_cluster: Vec<Option<i64>> = vec![None; clusters.len()];
        let mut used = HashSet::new();
        for (_, resident, at) in &claims {
            if of_cluster[*at].is_none() && used.insert(*resident) {
                of_cluster[*at] = Some(*resident);
            }
        }
        for (_, resident, at) in claims {
            // Nobody kept it: it became the resident that the most of its parties went to.
            if used.insert(resident) {
                decision.merged.extend(of_cluster[at].map(|into| (resident, into)));
            }
        }
        let mut order: Vec<usize> = (0..clusters.len()).collect();
        order.sort_unstable_by_key(|at| oldest(*at));
        for at in order {
            let resident = of_cluster[at].unwrap_or_else(|| ids.take());
            for party in &clusters[at] {
                let was = self.known[party].resident_id;
                if was != resident {
                    decision.residents.insert(*party, (was, resident));
                }
            }
        }
    }
}
