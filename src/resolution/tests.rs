//! Families as councils know them: who is linked, who waits for a person, and who is somebody else. What comes out must
//! be right or wait; and the order in which people came must not matter.

use std::collections::BTreeSet;

use proptest::prelude::{Just, Strategy, proptest};
use proptest::prop_assert_eq;

use super::block;
use super::compare::{Born, Given, Sexes, compare};
use super::explain::{Band, band};
use super::grow::{Pair, Verdict, grow, is_kept};
use super::profile::{Profile, Said};
use super::weigh::Weights;

/// One party: the record that names it, and what it says.
#[derive(Clone, Copy)]
struct One<'a> {
    record: i64,
    said: Said<'a>,
}

fn one<'a>(record: i64, title: &'a str, given: &'a str, family: &'a str) -> One<'a> {
    let some = |text: &'a str| Some(text).filter(|text| !text.is_empty());
    let said = Said {
        title: some(title),
        given: some(given),
        family: some(family),
        lines: [Some("1 Old Road"), None, None, None],
        postcode: Some("SK99 1AA"),
        ..Said::default()
    };
    One { record, said }
}

impl<'a> One<'a> {
    fn born(self, day: &'a str) -> One<'a> {
        One { said: Said { birth: Some(day), ..self.said }, ..self }
    }
    fn nino(self, nino: &'a str) -> One<'a> {
        One { said: Said { nino: Some(nino), ..self.said }, ..self }
    }
    fn mail(self, mail: &'a str) -> One<'a> {
        One { said: Said { email: Some(mail), ..self.said }, ..self }
    }
    fn phone(self, phone: &'a str) -> One<'a> {
        One { said: Said { phones: [Some(phone), None], ..self.said }, ..self }
    }
    fn at(self, line: &'a str, postcode: &'a str) -> One<'a> {
        let said =
            Said { lines: [Some(line), None, None, None], postcode: Some(postcode), ..self.said };
        One { said, ..self }
    }
    fn stayed(self, from: Option<&'a str>, to: Option<&'a str>) -> One<'a> {
        One { said: Said { from, to, ..self.said }, ..self }
    }
}

/// The clusters by the places of the parties, and the pairs that wait.
fn decided(parties: &[One<'_>]) -> (BTreeSet<Vec<usize>>, BTreeSet<(usize, usize)>) {
    decided_in(parties, &(0..parties.len()).collect::<Vec<_>>())
}

/// The same, where they come in that order.
fn decided_in(
    parties: &[One<'_>],
    order: &[usize],
) -> (BTreeSet<Vec<usize>>, BTreeSet<(usize, usize)>) {
    let weights = Weights::shipped();
    let profiles: Vec<Profile> = order
        .iter()
        .map(|at| Profile::new(1_000 - *at as u64, parties[*at].record, &parties[*at].said))
        .collect();
    let keys: Vec<Vec<i64>> = profiles
        .iter()
        .map(|one| {
            block::keys(one).iter().filter(|key| key.kind.leads()).map(|key| key.digest).collect()
        })
        .collect();
    let mut pairs = Vec::new();
    for other in 0..profiles.len() {
        for one in 0..other {
            if !keys[one].iter().any(|key| keys[other].contains(key)) {
                continue;
            }
            let levels = compare(&profiles[one], &profiles[other], &|_| false);
            let bits = weights.score(&levels).bits;
            if is_kept(bits, &levels, weights) {
                pairs.push(Pair { one, other, bits, levels, verdict: Verdict::None });
            }
        }
    }
    let roots = grow(&profiles.iter().collect::<Vec<_>>(), &pairs, weights);
    let mut clusters = BTreeSet::new();
    for root in 0..profiles.len() {
        let mut members: Vec<usize> =
            (0..profiles.len()).filter(|at| roots[*at] == root).map(|at| order[at]).collect();
        members.sort_unstable();
        if !members.is_empty() {
            clusters.insert(members);
        }
    }
    let waiting = pairs.iter().filter(|pair| roots[pair.one] != roots[pair.other]);
    let waiting = waiting.map(|pair| {
        let (one, other) = (order[pair.one], order[pair.other]);
        (one.min(other), one.max(other))
    });
    (clusters, waiting.collect())
}

fn together(parties: &[One<'_>], one: usize, other: usize) -> bool {
    decided(parties).0.iter().any(|cluster| cluster.contains(&one) && cluster.contains(&other))
}

fn waits(parties: &[One<'_>], one: usize, other: usize) -> bool {
    decided(parties).1.contains(&(one.min(other), one.max(other)))
}

const BORN: &str = "2010-05-06";

#[test]
fn twins_are_two() {
    let twins = [
        one(1, "Master", "Tess", "Dummy").born(BORN),
        one(2, "Miss", "Bess", "Dummy").born(BORN),
        one(3, "", "Tess", "Dummy").born(BORN),
    ];
    assert!(!together(&twins, 0, 1) && together(&twins, 0, 2));
    // An initial that fits both of two named alike is nobody's.
    let alike = [
        one(1, "Miss", "Tara", "Dummy").born(BORN).at("9 Far Street", "SK99 2BB"),
        one(2, "Miss", "Tilda", "Dummy").born(BORN).at("9 Far Street", "SK99 2BB"),
        one(3, "Miss", "T", "Dummy").at("9 Far Street", "SK99 2BB"),
    ];
    assert!(!together(&alike, 0, 2) && !together(&alike, 1, 2) && !together(&alike, 0, 1));
    assert!(waits(&alike, 0, 2) && waits(&alike, 1, 2));
    // Nor by the day of birth, which both have.
    let dated = [alike[0], alike[1], alike[2].born(BORN)];
    assert!(!together(&dated, 0, 2) && !together(&dated, 1, 2));
    assert!(waits(&dated, 0, 2) && waits(&dated, 1, 2));
    // Of whom no twin is known, the day tells.
    assert!(together(&dated[1..], 0, 1));
    // And a number tells of two twins which it is.
    let numbered = [dated[0].nino("QQ123456C"), dated[1], dated[2].nino("QQ123456C")];
    assert!(together(&numbered, 0, 2) && !together(&numbered, 1, 2));
}

#[test]
fn a_father_and_a_son_of_one_name_are_two() {
    let father = one(1, "Mr", "John", "Bramble").born("1955-02-03");
    let son = one(2, "Mr", "John", "Bramble").born("1985-07-08");
    let undated = one(3, "Mr", "John", "Bramble");
    assert!(!together(&[father, son], 0, 1));
    // Once a home holds two such names, a record without a day of birth links to neither.
    let all = [father, son, undated];
    assert!(!together(&all, 0, 2) && !together(&all, 1, 2));
    assert!(waits(&all, 0, 2) && waits(&all, 1, 2));
}

/// The clusters of parties that share all keys, where a person said that the first two of `said` are one.
fn grown(parties: &[One<'_>], said: &[(usize, usize)]) -> Vec<usize> {
    let weights = Weights::shipped();
    let profiles: Vec<Profile> = parties
        .iter()
        .enumerate()
        .map(|(at, one)| Profile::new(at as u64, one.record, &one.said))
        .collect();
    let mut pairs = Vec::new();
    for other in 0..profiles.len() {
        for one in 0..other {
            let levels = compare(&profiles[one], &profiles[other], &|_| false);
            let bits = weights.score(&levels).bits;
            let verdict = match said.contains(&(one, other)) {
                true => Verdict::Same,
                false => Verdict::None,
            };
            if verdict == Verdict::Same || is_kept(bits, &levels, weights) {
                pairs.push(Pair { one, other, bits, levels, verdict });
            }
        }
    }
    grow(&profiles.iter().collect::<Vec<_>>(), &pairs, weights)
}

#[test]
fn what_a_person_said_of_the_father_brings_the_son_no_nearer() {
    let father = one(1, "Mr", "John", "Bramble").born("1955-02-03");
    let son = one(2, "Mr", "John", "Bramble").born("1985-07-08");
    let undated = one(3, "Mr", "John", "Bramble");
    // The undated is the father: the son agrees with him in name, and in nothing of his own.
    assert_eq!(grown(&[father, undated, son], &[(0, 1)]), [0, 0, 2]);
    // Nor does another undated record lead anybody there: it may be either's.
    let all = [father, undated, son, One { record: 4, ..undated }];
    assert_eq!(grown(&all, &[(0, 1)]), [0, 0, 2, 3]);
    // Numbers clash as days do.
    let (father, son) = (undated.nino("QQ123456C"), undated.nino("QQ789012C"));
    let (father, son) = (One { record: 1, ..father }, One { record: 2, ..son });
    assert_eq!(grown(&[father, undated, son], &[(0, 1)]), [0, 0, 2]);
    // An initial is what many names begin with: whoever a person said it is, it is nobody else's.
    let (john, james) = (one(1, "Mr", "John", "Bramble"), one(2, "Mr", "James", "Bramble"));
    let initial = one(3, "Mr", "J", "Bramble").phone("07700 900001");
    let james = james.phone("07700 900001");
    assert_eq!(grown(&[initial, james], &[]), [0, 0]);
    assert_eq!(grown(&[john, initial, james], &[(0, 1)]), [0, 0, 2]);
}

#[test]
fn a_home_that_is_everybody_s_is_no_home() {
    let david =
        |record| one(record, "Mr", "David", "Testberry").at("The Hostel, 9 Old Road", "SK99 1AB");
    let [one, other] = [1, 2].map(|record| Profile::new(1, record, &david(record).said));
    let band_of = |crowded: &dyn Fn(&block::Key) -> bool| {
        band(&compare(&one, &other, crowded), Weights::shipped())
    };
    assert_eq!(band_of(&|_| false), Band::Linked);
    assert_ne!(band_of(&|key| key.kind.words() == "home"), Band::Linked);
}

#[test]
fn a_couple_that_shares_a_phone_and_a_mailbox_is_two() {
    let shared = |one: One<'static>| one.phone("07700 900001").mail("the.fakeleys@example.com");
    let couple = [
        shared(one(1, "Mr", "Ben", "Fakeley")),
        shared(one(2, "Mrs", "Cara", "Fakeley")),
        shared(one(3, "", "C", "Fakeley")),
    ];
    assert!(!together(&couple, 0, 1));
    assert!(!together(&couple, 0, 2) && together(&couple, 1, 2));
}

#[test]
fn whoever_moved_in_is_not_who_moved_out() {
    let mover = one(1, "Ms", "Arden", "Testberry").born("1984-02-29");
    let now = mover.at("2 New Road", "SK99 3CC");
    let all = [
        one(1, "Ms", "A", "Testberry").stayed(Some("2015-01-01"), Some("2024-06-30")),
        one(2, "Ms", "A", "Testberry")
            .at("2 New Road", "SK99 3CC")
            .stayed(Some("2024-06-30"), None),
        One { record: 3, ..now },
        // The new people at the old home.
        one(4, "Mr", "Kit", "Placeholder").stayed(Some("2024-07-15"), None),
        one(5, "Ms", "Ada", "Placeholder"),
    ];
    assert!(together(&all, 0, 1), "one account ended on the day on which the other began");
    assert!(together(&all, 1, 2));
    assert!(!together(&all, 0, 3) && !together(&all, 2, 3) && !together(&all, 0, 4));
}

#[test]
fn a_marriage_is_one_person_or_waits() {
    let before = one(1, "Miss", "Arden", "Testberry").born("1984-02-29").phone("07700 900002");
    let after = one(2, "Mrs", "Arden", "Bramble").born("1984-02-29").phone("07700 900002");
    assert!(together(&[before, after], 0, 1));
    // A given name and a home alone are too little.
    let (before, after) = (one(1, "Miss", "Arden", "Testberry"), one(2, "Mrs", "Arden", "Bramble"));
    assert!(!together(&[before, after], 0, 1));
}

#[test]
fn a_claimant_s_number_on_the_partner_s_row_waits_for_a_person() {
    let claimant = one(1, "Mr", "Ben", "Fakeley").born("1960-01-02").nino("QQ123456A");
    let partner = one(2, "Mrs", "Cara", "Fakeley").born("1962-03-04").nino("QQ123456A");
    assert!(!together(&[claimant, partner], 0, 1) && waits(&[claimant, partner], 0, 1));
    // Somebody married and moved: the number is hers, and so little else agrees that nothing would be left of it.
    let before = one(1, "Miss", "Arden", "Testberry").nino("QQ123456A");
    let after = one(2, "Mrs", "Arden", "Bramble").nino("QQ123456A").at("9 Far Street", "LS1 4DY");
    assert!(!together(&[before, after], 0, 1) && waits(&[before, after], 0, 1));
    let [before, after] = [before, after].map(|one| Profile::new(1, one.record, &one.said));
    let levels = compare(&before, &after, &|_| false);
    assert_eq!(band(&levels, Weights::shipped()), Band::Review);
    // On one record they are two without asking.
    let partner = One { record: 1, ..partner };
    assert!(!together(&[claimant, partner], 0, 1) && !waits(&[claimant, partner], 0, 1));
}

#[test]
fn the_dead_are_found_by_name_and_home_and_their_executors_are_not_they() {
    // The estate's name is of the dead; the executor writes from elsewhere.
    let dead = one(1, "Mr", "Ernest", "Bramble").born("1931-04-05");
    let estate = one(2, "Mr", "Ernest", "Bramble");
    let executor = one(3, "Mrs", "Joan", "Bramble").phone("07700 900003");
    let all = [dead, estate, executor];
    assert!(together(&all, 0, 1) && !together(&all, 0, 2) && !together(&all, 1, 2));
}

#[test]
fn one_household_two_residents_never_a_third_and_never_one() {
    let all = [
        one(1, "Mr", "J", "O'BRIEN"),
        one(1, "Mrs", "K", "O'BRIEN"),
        one(2, "", "Kathleen", "O'Brien").born("1971-03-17").nino("QQ123456C"),
        one(3, "", "Katie", "OBrien").phone("07700 900004").born("1971-03-17"),
    ];
    assert_eq!(decided(&all).0, BTreeSet::from([vec![0], vec![1, 2, 3]]));
}

#[test]
fn a_name_alone_in_another_place_is_never_enough() {
    let here = one(1, "Mr", "Zebedee", "Placeholder");
    let there = one(2, "Mr", "Zebedee", "Placeholder").at("2 New Road", "LS1 4DY");
    let levels =
        compare(&Profile::new(1, 1, &here.said), &Profile::new(2, 2, &there.said), &|_| false);
    assert_eq!((levels.given, band(&levels, Weights::shipped())), (Given::Equal, Band::Separate));
}

#[test]
fn whoever_agrees_with_somebody_of_two_names_need_not_agree_with_both() {
    // A person said that Casey and Robin are one. Casey comes again; and so does a stranger.
    let all = [
        one(1, "", "Casey", "Bramble").born("1960-03-12"),
        one(2, "", "Robin", "Testberry").born("1950-01-10").at("2 New Road", "SK99 9ZZ"),
        one(3, "", "Casey", "Bramble").born("1960-03-12"),
        one(4, "", "Casey", "Bramble").born("1999-09-09"),
    ];
    let profiles: Vec<Profile> = all
        .iter()
        .enumerate()
        .map(|(at, one)| Profile::new(at as u64, one.record, &one.said))
        .collect();
    let profiles: Vec<&Profile> = profiles.iter().collect();
    let pair = |one: usize, other: usize, bits: f32, verdict: Verdict| {
        let levels = compare(profiles[one], profiles[other], &|_| false);
        Pair { one, other, bits, levels, verdict }
    };
    let said = pair(0, 1, 0.0, Verdict::Same);
    let pairs = [said, pair(0, 2, 12.0, Verdict::None), pair(0, 3, 5.0, Verdict::None)];
    let weights = Weights::shipped();
    assert_eq!(grow(&profiles, &pairs, weights), [0, 0, 0, 3]);
    // Nobody said it: then two names are two people.
    assert_eq!(grow(&profiles, &pairs[1..], weights), [0, 1, 0, 3]);
    // And what a person said of the newcomer stands.
    let other = pair(1, 2, 0.0, Verdict::Different);
    assert_eq!(grow(&profiles, &[said, pairs[1], other], weights), [0, 0, 2, 3]);
}

#[test]
fn two_are_compared_alike_whichever_comes_first() {
    const GIVEN: [&str; 9] =
        ["John", "J", "Jk", "Tai Man", "Chan Tai", "Farid", "Farida", "Claire", ""];
    const FAMILY: [&str; 7] =
        ["King-Smith", "Kingston", "Ali-Khan", "Khan", "Man", "Chan", "Smith-Kings"];
    const DAYS: [&str; 4] = ["", "1955-02-03", "1985-02-03", "1985-01-01"];
    let mut all = Vec::new();
    for given in GIVEN {
        for family in FAMILY {
            for day in DAYS {
                let party = one(1, "", given, family);
                let said = if day.is_empty() { party.said } else { party.born(day).said };
                all.push(Profile::new(all.len() as u64, all.len() as i64, &said));
            }
        }
    }
    for here in &all {
        for there in &all {
            let both = [compare(here, there, &|_| false), compare(there, here, &|_| false)];
            assert_eq!(both[0], both[1]);
        }
    }
}

#[test]
fn what_looks_like_another_person_and_is_none_and_the_other_way_about() {
    let levels = |one: One<'_>, other: One<'_>| {
        compare(&Profile::new(1, 1, &one.said), &Profile::new(2, 2, &other.said), &|_| false)
    };
    let band_of = |one, other| band(&levels(one, other), Weights::shipped());
    // A name that is guessed to be a man's is hers all the same; two letters are two initials.
    let mrs = one(1, "Mrs", "Obinna", "Fakeley");
    assert_eq!(band_of(mrs, one(2, "", "Obinna", "Fakeley")), Band::Linked);
    assert_eq!(
        levels(one(1, "Mr", "Raza", "Khan"), one(2, "", "Raza", "Khan")).sex,
        Sexes::Missing
    );
    let initials = levels(one(1, "Mr", "JK", "Smith"), one(2, "", "John", "Smith"));
    assert_eq!(initials.given, Given::Initial);
    // The year is what is known of who was born on the first of January.
    let (here, far) = (
        one(1, "Mr", "Arden", "Bramble"),
        one(2, "Mr", "Arden", "Bramble").at("2 New Road", "LS1 4DY"),
    );
    let both = levels(here.born("1980-01-01"), far.born("1980-01-01"));
    assert_eq!(both.born, Born::Partly);
    // Father and son of one birthday are two, and so are Farid and his sister.
    let (father, son) =
        (here.born("1955-02-03"), one(2, "Mr", "Arden", "Bramble").born("1985-02-03"));
    assert_eq!(band_of(father, son), Band::Separate);
    assert_eq!(levels(here.born("1955-02-03"), far.born("1956-02-03")).born, Born::Near);
    let sister = one(1, "Mrs", "Farida", "Khan");
    assert_eq!(band_of(sister, one(2, "", "Farid", "Khan")), Band::Separate);
    // Family name first, three words.
    let turned = levels(one(1, "", "Chan Tai", "Man"), one(2, "", "Tai Man", "Chan"));
    assert_eq!(turned.given, Given::Swapped);
}

/// Some parties of a street where everybody is called alike.
fn street() -> impl Strategy<Value = Vec<(usize, usize, usize, usize, usize)>> {
    proptest::collection::vec((0..5usize, 0..4usize, 0..3usize, 0..3usize, 0..4usize), 2..14)
}

proptest! {
    #[test]
    fn the_order_of_arrival_does_not_matter(
        (street, order) in street().prop_flat_map(|street| {
            let order: Vec<usize> = (0..street.len()).collect();
            (Just(street), Just(order).prop_shuffle())
        })
    ) {
        const GIVEN: [&str; 5] = ["John", "J", "Jane", "Jack", ""];
        const FAMILY: [&str; 4] = ["Bramble", "Brambel", "Fakeley", "Bramble-Fakeley"];
        const DAYS: [&str; 3] = ["1955-02-03", "1985-07-08", "1985-08-07"];
        const LINES: [&str; 3] = ["1 Old Road", "1 Old Rd, Exampleton", "2 New Road"];
        let parties: Vec<One<'_>> = street
            .iter()
            .enumerate()
            .map(|(at, (given, family, day, line, more))| {
                let party = one((at / 2) as i64, "", GIVEN[*given], FAMILY[*family]).at(LINES[*line], "SK99 1AA");
                match more {
                    0 => party.born(DAYS[*day]),
                    1 => party.phone("07700 900001"),
                    2 => party.mail("all@example.com").born(DAYS[*day]),
                    _ => party,
                }
            })
            .collect();
        prop_assert_eq!(decided(&parties), decided_in(&parties, &order));
    }
}
