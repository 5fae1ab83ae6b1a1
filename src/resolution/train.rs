//! Weights from a council's own people: expectation and maximisation over the pairs that share a key, place by place.
//!
//! Nobody says which pairs are one person: the weights that are there make a first guess, what agrees how often among
//! the likely and the unlikely makes better weights, and so on, a fixed number of times. Pairs are counted by how they
//! agree, and the counts taken in order: so the same parties give the same weights, in whatever order they came. What
//! makes two people of two parties stays so, and what weighs by hand (the NINO, the council's rules) stays as it is.

use std::collections::{BTreeMap, HashMap};

use super::block::{self, Key};
use super::compare::{Levels, clash, compare};
use super::profile::Profile;
use super::weigh::{FIELDS, PLACES, Weights, probability};

/// So often all pairs are weighed anew.
const ROUNDS: usize = 25;
/// No level weighs more than this, either way, bits.
const BITS_MAX: f64 = 10.0;
/// Counted with each level, so that none is impossible that was not seen.
const UNSEEN: f64 = 1.0;
/// A place with fewer pairs, or fewer that are likely one person, keeps its weights.
const PAIRS_MIN: f64 = 500.0;
const LIKELY_MIN: f64 = 50.0;
/// Fields whose weights are set by hand.
const BY_HAND: [&str; 2] = ["nino", "rule"];

/// How pairs agree, and how many agree so.
pub type Patterns = BTreeMap<i64, u64>;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    pub weights: Weights,
    pub pairs: u64,
    /// Places that had too few pairs to learn from.
    pub kept: Vec<&'static str>,
}

/// Counts how the parties agree that share a key; a key that too many share leads to nobody.
pub fn patterns(profiles: &[Profile]) -> Patterns {
    let keys: Vec<Vec<Key>> = profiles.iter().map(block::keys).collect();
    let mut blocks: HashMap<i64, Vec<usize>> = HashMap::new();
    for (place, own) in keys.iter().enumerate() {
        for key in own {
            blocks.entry(key.digest).or_default().push(place);
        }
    }
    let many = |digest: i64| blocks.get(&digest).map_or(0, Vec::len);
    let crowded = |key: &Key| many(key.digest) > key.kind.most();
    let is_open = |key: &Key| key.kind.leads() && !crowded(key);
    let mut patterns = Patterns::new();
    for (place, own) in keys.iter().enumerate() {
        for key in own.iter().filter(|key| is_open(key)) {
            for other in blocks[&key.digest].iter().copied().filter(|other| *other > place) {
                // Two that share several keys are one pair: it is counted at the least of them.
                let theirs = &keys[other];
                let before = |known: &Key| known.digest < key.digest && is_open(known);
                if own.iter().any(|known| before(known) && theirs.contains(known)) {
                    continue;
                }
                let levels = compare(&profiles[place], &profiles[other], &crowded);
                *patterns.entry(levels.packed()).or_default() += 1;
            }
        }
    }
    patterns
}

/// Weights made of these counts, beginning with those that are there.
pub fn train(patterns: &Patterns, first: &Weights) -> Trained {
    let read = |(packed, many): (&i64, &u64)| {
        Levels::unpacked(*packed).map(|levels| (levels, *many as f64))
    };
    let pairs: Vec<(Levels, f64)> = patterns.iter().filter_map(read).collect();
    let mut weights = first.clone();
    let mut kept: Vec<&'static str> = Vec::new();
    for round in 0..ROUNDS {
        let mut next = weights.clone();
        for (place, name) in PLACES.into_iter().enumerate() {
            let here = pairs.iter().filter(|(levels, _)| levels.place as usize == place);
            match learn(here, &weights) {
                Some(learnt) => learnt.write(&mut next, place),
                None if round == 0 => kept.push(name),
                None => {}
            }
        }
        weights = next;
    }
    weights.version = version(&weights);
    Trained { weights, pairs: patterns.values().sum(), kept }
}

/// What one place teaches: how likely two are one there, and each level's weight.
struct Learnt {
    start: f64,
    fields: Vec<Vec<Option<f64>>>,
}

fn learn<'p>(pairs: impl Iterator<Item = &'p (Levels, f64)>, weights: &Weights) -> Option<Learnt> {
    let sizes = FIELDS.map(|(_, levels)| levels.len());
    let counts = || sizes.map(|size| vec![0.0; size]);
    let (mut same, mut other) = (counts(), counts());
    let (mut likely, mut all) = (0.0, 0.0);
    for (levels, many) in pairs {
        let chance = match clash(levels) {
            Some(_) => 0.0,
            None => f64::from(probability(weights.score(levels).bits)),
        };
        all += many;
        likely += chance * many;
        for (field, level) in levels.indices().into_iter().enumerate() {
            same[field][level] += chance * many;
            other[field][level] += (1.0 - chance) * many;
        }
    }
    if all < PAIRS_MIN || likely < LIKELY_MIN || all - likely < LIKELY_MIN {
        return None;
    }
    let fields = (0..FIELDS.len()).map(|field| {
        // That one left as the other came is known of all; what else is missing says nothing.
        let from = usize::from(FIELDS[field].0 != "moved");
        let share = |counts: &[f64], level: usize| {
            let seen: f64 = counts[from..].iter().sum();
            (counts[level] + UNSEEN) / (seen + UNSEEN * (counts.len() - from) as f64)
        };
        let weight = |level: usize| {
            let bits = (share(&same[field], level) / share(&other[field], level)).log2();
            // A level that nobody was seen at weighs what it weighed.
            let seen = same[field][level] + other[field][level] > 0.0;
            // Names that stand in each other's place are one thing that happened, and are counted in both fields.
            let parts = if FIELDS[field].1[level] == "swapped" { 2.0 } else { 1.0 };
            seen.then(|| bits.clamp(-BITS_MAX, BITS_MAX) / parts)
        };
        (0..sizes[field]).map(|level| if level == 0 { None } else { weight(level) }).collect()
    });
    Some(Learnt { start: (likely / (all - likely)).log2(), fields: fields.collect() })
}

impl Learnt {
    fn write(self, weights: &mut Weights, place: usize) {
        weights.set_start(place, tenth(self.start));
        for (field, levels) in self.fields.into_iter().enumerate() {
            if BY_HAND.contains(&FIELDS[field].0) {
                continue;
            }
            for (level, bits) in levels.into_iter().enumerate() {
                if let Some(bits) = bits {
                    weights.set(place, field, level, tenth(bits));
                }
            }
        }
    }
}

/// As the file has it.
fn tenth(bits: f64) -> f32 {
    ((bits * 10.0).round() / 10.0) as f32
}

/// A number for these weights, and no others: pairs keep it with their score.
fn version(weights: &Weights) -> i64 {
    let mut nameless = weights.clone();
    nameless.version = 0;
    let digest = xxhash_rust::xxh3::xxh3_64(nameless.to_toml("").as_bytes());
    1_000 + (digest % 999_000) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolution::profile::Said;

    const GIVEN: [&str; 8] =
        ["Arden", "Blake", "Casey", "Drew", "Ellis", "Finley", "Gray", "Harper"];
    const FAMILY: [&str; 6] = ["Testberry", "Fakeley", "Bramble", "Placeholder", "Dummy", "Sample"];

    /// A town in which every home has two people; each is known by two systems, of which the second often knows less.
    fn town(homes: usize) -> Vec<Profile> {
        let mut town = Vec::new();
        for home in 0..homes {
            let line = format!("{} Street {}", home % 40 + 1, home / 40);
            let postcode = format!("SK{} {}AA", 10 + home / 40 % 80, home % 10);
            for person in 0..2 {
                let given = GIVEN[(home * 3 + person * 5) % GIVEN.len()];
                let born = format!("19{:02}-0{}-1{}", 40 + home * 7 % 50, 1 + home % 9, person);
                let said = Said {
                    given: Some(given),
                    family: Some(FAMILY[home % FAMILY.len()]),
                    birth: Some(&born),
                    lines: [Some(&line), None, None, None],
                    postcode: Some(&postcode),
                    ..Said::default()
                };
                let number = (home * 2 + person) as i64;
                town.push(Profile::new(number as u64, number * 2, &said));
                let less = Said {
                    given: Some(if home % 3 == 0 { &given[..1] } else { given }),
                    birth: said.birth.filter(|_| home % 4 != 0),
                    ..said
                };
                town.push(Profile::new(number as u64, number * 2 + 1, &less));
            }
        }
        town
    }

    #[test]
    fn the_same_parties_give_the_same_weights_in_whatever_order_they_came() {
        let town = town(400);
        let shipped = Weights::shipped();
        let trained = train(&patterns(&town), shipped);
        let mut shuffled = town.clone();
        shuffled.reverse();
        shuffled.rotate_left(123);
        assert_eq!(train(&patterns(&shuffled), shipped), trained);
        assert_eq!(train(&patterns(&town), shipped), trained);
        assert_ne!(trained.weights.version, shipped.version);
        let fewer = train(&patterns(&town[..1_200]), shipped);
        assert_ne!(fewer.weights.version, trained.weights.version);
    }

    #[test]
    fn what_tells_people_apart_weighs_and_what_does_not_does_not() {
        let trained = train(&patterns(&town(400)), Weights::shipped());
        let weights = &trained.weights;
        let at = |field: &str, level: &str| {
            let field = FIELDS.iter().position(|(name, _)| *name == field).unwrap();
            let level = FIELDS[field].1.iter().position(|name| *name == level).unwrap();
            weights.get(0, field, level)
        };
        // In one home everybody has one family name, and each their own given name and day of birth.
        assert!(at("family", "equal").abs() < 0.5, "{weights:?}");
        assert!(at("given", "equal") > 2.0 && at("born", "equal") > 2.0, "{weights:?}");
        assert_eq!(at("nino", "equal"), 8.0, "set by hand");
        assert!(
            trained.kept.contains(&"unknown"),
            "nobody there to learn from: {:?}",
            trained.kept
        );
    }

    #[test]
    fn names_in_each_others_place_weigh_once_and_not_once_for_each_name() {
        let index = |field: usize, word: &str| {
            FIELDS[field].1.iter().position(|known| *known == word).unwrap()
        };
        let pair = |names: &str, born: &str| {
            let levels = [(0, names), (1, names), (3, born), (7, born)];
            let packed = levels.map(|(field, word)| (index(field, word) as i64) << (4 + 4 * field));
            Levels::unpacked(packed.into_iter().sum()).unwrap()
        };
        let pairs = [
            (pair("equal", "equal"), 5_000.0),
            (pair("swapped", "equal"), 2_000.0),
            (pair("differs", "differs"), 5_000.0),
        ];
        let learnt = learn(pairs.iter(), Weights::shipped()).expect("enough pairs");
        let bits = |field: usize| learnt.fields[field][index(field, "swapped")].unwrap();
        // Among the likely it is frequent, among the unlikely nearly never: some ten bits in all.
        let both = bits(0) + bits(1);
        assert!((8.0..=BITS_MAX).contains(&both), "{both}");
    }

    #[test]
    fn what_was_trained_is_read_as_it_was_written() {
        let trained = train(&patterns(&town(400)), Weights::shipped());
        let text = trained.weights.to_toml("Trained on an invented town.");
        assert_eq!(Weights::read(&text).as_ref(), Ok(&trained.weights), "{text}");
    }
}
