//! Residents grown from pairs: the surest first, and never two parties together of which something says that they
//! are two people. What comes out depends on the parties alone, not on their order.

use std::cell::RefCell;
use std::cmp::Ordering;
use std::collections::HashMap;

use super::compare::{Born, Given, Levels, Own, clash, compare};
use super::profile::Profile;
use super::weigh::Weights;

/// What a person said of two parties; it outranks every weight.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Verdict {
    #[default]
    None,
    Same,
    Different,
}

/// Two parties that were compared, by their places.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    pub one: usize,
    pub other: usize,
    pub bits: f32,
    pub levels: Levels,
    pub verdict: Verdict,
}

/// Whether a pair is worth keeping: it may link two, or a person should look at it. One number is for a person, whatever
/// else speaks against it: it stands on two people's records, or somebody married and moved.
pub fn is_kept(bits: f32, levels: &Levels, weights: &Weights) -> bool {
    let has_one_number = !levels.together && levels.nino == Own::Equal;
    has_one_number || clash(levels).is_none() && bits >= weights.review_bits()
}

/// Gives for each party the place of the first of its cluster.
pub fn grow(profiles: &[&Profile], pairs: &[Pair], weights: &Weights) -> Vec<usize> {
    let mut growing = Growing {
        profiles,
        verdicts: verdicts(pairs),
        known: RefCell::default(),
        root: (0..profiles.len()).collect(),
        members: (0..profiles.len()).map(|place| vec![place]).collect(),
    };
    let mut order: Vec<&Pair> =
        pairs.iter().filter(|pair| pair.verdict != Verdict::Different).collect();
    order.sort_by(|one, other| first(one, other, profiles));
    let (said, mut order): (Vec<&Pair>, Vec<&Pair>) =
        order.into_iter().partition(|pair| pair.verdict == Verdict::Same);
    said.iter().for_each(|pair| growing.join(pair));
    order.retain(|pair| clash(&pair.levels).is_none());
    let rivals = growing.rivals(&order, &said, weights);
    let link = weights.link_bits();
    for (pair, rival) in order.iter().zip(rivals) {
        if pair.bits >= link && !rival && growing.may_join(pair) {
            growing.join(pair);
        }
    }
    growing.root
}

/// The surest first; of equals that with the lesser names.
fn first(one: &Pair, other: &Pair, profiles: &[&Profile]) -> Ordering {
    let tags = |pair: &Pair| {
        let (one, other) = (profiles[pair.one].tag, profiles[pair.other].tag);
        (one.min(other), one.max(other))
    };
    other.bits.total_cmp(&one.bits).then_with(|| tags(one).cmp(&tags(other)))
}

fn verdicts(pairs: &[Pair]) -> HashMap<(usize, usize), Verdict> {
    let said = pairs.iter().filter(|pair| pair.verdict != Verdict::None);
    said.map(|pair| (ordered(pair.one, pair.other), pair.verdict)).collect()
}

fn ordered(one: usize, other: usize) -> (usize, usize) {
    (one.min(other), one.max(other))
}

struct Growing<'g> {
    profiles: &'g [&'g Profile],
    verdicts: HashMap<(usize, usize), Verdict>,
    /// What was asked before: in a crowd the same two are asked of again and again.
    known: RefCell<HashMap<(usize, usize), bool>>,
    root: Vec<usize>,
    members: Vec<Vec<usize>>,
}

impl Growing<'_> {
    fn clashes(&self, one: usize, other: usize) -> bool {
        match self.verdicts.get(&ordered(one, other)) {
            Some(Verdict::Same) => false,
            Some(Verdict::Different) => true,
            _ => *self
                .known
                .borrow_mut()
                .entry(ordered(one, other))
                .or_insert_with(|| clash(&self.levels(one, other)).is_some()),
        }
    }

    /// Whether two clusters may be one: no member of one is another person than a member of the other.
    fn may_join(&self, pair: &Pair) -> bool {
        self.root[pair.one] != self.root[pair.other] && !self.are_two(pair.one, pair.other)
    }

    /// Whether a member of one's cluster is another person than a member of the other's.
    fn are_two(&self, one: usize, other: usize) -> bool {
        let (ones, others) = (self.root[one], self.root[other]);
        if ones == others {
            return false;
        }
        let (ones, others) = (&self.members[ones], &self.members[others]);
        ones.iter().any(|one| {
            let against = |other: &usize| {
                self.clashes(*one, *other) && !self.excused((*one, ones), (*other, others))
            };
            others.iter().any(against)
        })
    }

    /// Whether somebody is known by two names, because a person said so: then whoever says the same as one of them need
    /// not agree with the other. It must be the same in what the other clashes over; what is not known is no agreement.
    /// What a person said of these two stands, and whom one record names are two.
    fn excused(&self, one: (usize, &[usize]), other: (usize, &[usize])) -> bool {
        let said = self.verdicts.contains_key(&ordered(one.0, other.0));
        if said || self.profiles[one.0].account == self.profiles[other.0].account {
            return false;
        }
        let same = |one: usize, like: usize| {
            self.verdicts.get(&ordered(one, like)) == Some(&Verdict::Same)
        };
        let ((one, ones), (other, others)) = (one, other);
        let says = |like: usize, newcomer: usize| {
            let (apart, near) = (self.levels(one, other), self.levels(like, newcomer));
            !self.clashes(like, newcomer) && says_what_clashes(&apart, &near)
        };
        ones.iter().any(|like| same(one, *like) && says(*like, other))
            || others.iter().any(|like| same(other, *like) && says(*like, one))
    }

    fn levels(&self, one: usize, other: usize) -> Levels {
        compare(self.profiles[one], self.profiles[other], &|_| false)
    }

    fn join(&mut self, pair: &Pair) {
        let (one, other) = ordered(self.root[pair.one], self.root[pair.other]);
        if one == other {
            return;
        }
        let moved = std::mem::take(&mut self.members[other]);
        for member in &moved {
            self.root[*member] = one;
        }
        self.members[one].extend(moved);
    }

    /// For each pair whether one of its parties has another possible partner, who is not the first: which of the two
    /// it is nobody can say. What only one person has says it all the same; a day of birth does so where no twin has it.
    /// Whom a person said a party is, is the surest partner of all.
    fn rivals(&self, order: &[&Pair], said: &[&Pair], weights: &Weights) -> Vec<bool> {
        let margin = weights.link_bits();
        let mut of: HashMap<usize, Vec<&Pair>> = HashMap::new();
        for pair in order.iter().chain(said) {
            of.entry(pair.one).or_default().push(pair);
            of.entry(pair.other).or_default().push(pair);
        }
        let is_rival = |pair: &Pair, me: usize, mate: usize| {
            of.get(&me).into_iter().flatten().any(|other| {
                let third = if other.one == me { other.other } else { other.one };
                let is_as_sure = other.verdict == Verdict::Same
                    || other.bits > pair.bits - margin
                        && Certainty::of(&other.levels) >= Certainty::of(&pair.levels);
                third != mate && is_as_sure && self.are_two(mate, third)
            })
        };
        order
            .iter()
            .map(|pair| {
                Certainty::of(&pair.levels) != Certainty::Alone
                    && (is_rival(pair, pair.one, pair.other)
                        || is_rival(pair, pair.other, pair.one))
            })
            .collect()
    }
}

/// How few people there are of whom a comparison may be; the fewest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Certainty {
    Many,
    /// One day of birth: twins have it, too.
    Born,
    /// What one person alone has.
    Alone,
}

impl Certainty {
    fn of(levels: &Levels) -> Certainty {
        match levels {
            _ if levels.nino == Own::Equal || levels.rule => Certainty::Alone,
            _ if levels.born == Born::Equal => Certainty::Born,
            _ => Certainty::Many,
        }
    }
}

/// Whether somebody says the very thing for which another is kept apart from them: the name, and the day of birth or
/// the number where these clash.
fn says_what_clashes(apart: &Levels, says: &Levels) -> bool {
    matches!(says.given, Given::Equal | Given::Alias | Given::Common)
        && (apart.born != Born::Differs || says.born == Born::Equal)
        && (apart.nino != Own::Differs || says.nino == Own::Equal)
}
