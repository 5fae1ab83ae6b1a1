//! Who of a record's parties is who that it named before.
//!
//! A place in a list of names passes on: one of a couple leaves, two are written in another order, a
//! tenancy goes to somebody else. So that nobody becomes another person, names decide, and a place or a
//! key only where names leave it open. What may be two people is two: a party that finds nobody begins
//! anew, and one that nobody takes up ends.

use std::cmp::Reverse;
use std::collections::HashMap;

use crate::record::facts::Facts;
use crate::record::schema;
use crate::record::value::spelling::fold_name;

/// A party as a record names it.
#[derive(Clone, Copy)]
pub struct Named<'a> {
    pub key: &'a str,
    /// The key is its place in the record, and no number of its own.
    pub by_place: bool,
    pub facts: &'a Facts,
}

/// How sure it is that two are one person; the surest last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Likeness {
    /// The same given name with another family name, or a day of birth put right: by the same key only.
    Changed,
    /// Nothing says otherwise: an initial, a letter put right.
    Alike,
    /// The same name in full.
    Name,
    /// The same National Insurance number, or day of birth and given name.
    Number,
}

/// A pair that may be one person: how sure it is, with one key before two; its places before and now.
type Possible = (Reverse<(Likeness, bool)>, usize, usize);

/// Among more pairs than this, only those of one key are looked at.
const PAIRS_MAX: usize = 10_000;
/// From so many letters on, one letter that differs is a slip: Carl and Carol are two.
const SLIP_LETTERS_MIN: usize = 5;

/// For each party of `now`, its place in `before`, if it was there.
pub fn pair(before: &[Named<'_>], now: &[Named<'_>]) -> Vec<Option<usize>> {
    let mut pairs = vec![None; now.len()];
    let mut left: Vec<bool> = vec![true; before.len()];
    let mut of_key: HashMap<&str, Vec<usize>> = HashMap::new();
    for (place, was) in before.iter().enumerate() {
        of_key.entry(was.key).or_default().push(place);
    }
    // Nearly always a record names whom it named, under the same keys.
    for (place, is) in now.iter().enumerate() {
        let same = of_key.get(is.key).into_iter().flatten();
        let same = same.copied().find(|at| left[*at] && has_same_name(before[*at].facts, is.facts));
        if let Some(at) = same {
            left[at] = false;
            pairs[place] = Some(at);
        }
    }
    let open = |pairs: &[Option<usize>]| pairs.iter().filter(|pair| pair.is_none()).count();
    let many = open(&pairs) * left.iter().filter(|left| **left).count() > PAIRS_MAX;
    let mut possible: Vec<Possible> = Vec::new();
    for (place, is) in now.iter().enumerate().filter(|(place, _)| pairs[*place].is_none()) {
        let all = 0..before.len();
        let of_its_key = of_key.get(is.key).map_or(&[][..], Vec::as_slice);
        let few = PAIRS_MAX / now.len();
        let places: Vec<usize> = match many {
            true => of_its_key.iter().copied().filter(|at| left[*at]).take(few).collect(),
            false => all.filter(|at| left[*at]).collect(),
        };
        for at in places {
            let same_key = before[at].key == is.key;
            let least = match (same_key, is.by_place) {
                (true, _) => Likeness::Changed,
                (false, true) => Likeness::Alike,
                // Whoever has a number of their own is somebody else under another.
                (false, false) => Likeness::Number,
            };
            let likeness = likeness(before[at].facts, is.facts);
            if let Some(likeness) = likeness.filter(|likeness| *likeness >= least) {
                possible.push((Reverse((likeness, same_key)), at, place));
            }
        }
    }
    possible.sort_unstable();
    for (_, at, place) in possible {
        if left[at] && pairs[place].is_none() {
            left[at] = false;
            pairs[place] = Some(at);
        }
    }
    pairs
}

/// Whether whom a record had ceased to name is whom it names again: by a number, or the same name in full.
pub fn comes_back(was: Named<'_>, now: Named<'_>) -> bool {
    let least = match was.key == now.key || now.by_place {
        true => Likeness::Name,
        false => Likeness::Number,
    };
    likeness(was.facts, now.facts).is_some_and(|likeness| likeness >= least)
}

/// Whether two say the same of who they are, word for word.
fn has_same_name(before: &Facts, now: &Facts) -> bool {
    const WHO: [&str; 7] =
        ["kind", "name.title", "name.given", "name.middle", "name.family", "birth_date", "nino"];
    WHO.iter().all(|name| {
        let field = schema::party_id(name);
        field.is_none_or(|field| before.text(field) == now.text(field))
    })
}

/// How two given names stand to each other.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Given {
    Same,
    /// One begins the other, or a letter is put right.
    Like,
    Unknown,
    Differs,
}

/// How sure it is that they are one person; nothing where they may be two.
fn likeness(before: &Facts, now: &Facts) -> Option<Likeness> {
    let (number, born) = (agree(before, now, "nino"), agree(before, now, "birth_date"));
    let family = agree(before, now, "name.family");
    let given = given(before, now);
    let differs = titles_differ(before, now) || middles_differ(before, now);
    if number == Some(true) && !(given == Given::Differs && (differs || born == Some(false))) {
        return Some(Likeness::Number);
    }
    if differs || given == Given::Differs || (number == Some(false) && born == Some(false)) {
        return None;
    }
    let named = matches!(given, Given::Same | Given::Like);
    if born == Some(true) && (named || family == Some(true)) {
        return Some(Likeness::Number);
    }
    if born == Some(false) || number == Some(false) {
        let put_right = given == Given::Same && family == Some(true);
        return put_right.then_some(Likeness::Changed);
    }
    match (family, given) {
        (Some(true), Given::Same) => Some(Likeness::Name),
        (Some(true), _) => Some(Likeness::Alike),
        (Some(false), Given::Same) => Some(Likeness::Changed),
        (Some(false), _) => None,
        (None, _) => Some(Likeness::Changed),
    }
}

fn folded(facts: &Facts, name: &str) -> Option<String> {
    let text = facts.text(schema::party_id(name)?)?;
    Some(fold_name(text)).filter(|text| !text.is_empty())
}

fn agree(before: &Facts, now: &Facts, name: &str) -> Option<bool> {
    Some(folded(before, name)? == folded(now, name)?)
}

fn given(before: &Facts, now: &Facts) -> Given {
    let (Some(one), Some(other)) = (folded(before, "name.given"), folded(now, "name.given")) else {
        return Given::Unknown;
    };
    let letters = |name: &str| name.chars().count();
    let (short, long) =
        if letters(&one) <= letters(&other) { (&one, &other) } else { (&other, &one) };
    let initial = letters(short) == 1;
    match () {
        // Of an initial alone nobody knows whose it is.
        () if one == other && initial => Given::Like,
        () if one == other => Given::Same,
        () if initial && long.starts_with(short.as_str()) => Given::Like,
        () if letters(short) >= SLIP_LETTERS_MIN && strsim::osa_distance(&one, &other) == 1 => {
            Given::Like
        }
        () => Given::Differs,
    }
}

/// `A` and `Anne` may be one name; `A` and `B` are not.
fn middles_differ(before: &Facts, now: &Facts) -> bool {
    match (folded(before, "name.middle"), folded(now, "name.middle")) {
        (Some(one), Some(other)) => !(one.starts_with(&other) || other.starts_with(&one)),
        _ => false,
    }
}

/// Whether a man's title became a woman's, or the other way round.
fn titles_differ(before: &Facts, now: &Facts) -> bool {
    let mans = |facts: &Facts| match folded(facts, "name.title")?.trim_end_matches('.') {
        "mr" | "sir" | "lord" | "master" => Some(true),
        "mrs" | "miss" | "ms" | "dame" | "lady" => Some(false),
        _ => None,
    };
    matches!((mans(before), mans(now)), (Some(one), Some(other)) if one != other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::facts::Value;

    /// `MR B FAKELEY 1960-01-02 QQ123456A`, with what is not known as `-`.
    fn facts(text: &str) -> Facts {
        let mut facts = Facts::default();
        let fields = ["name.title", "name.given", "name.family", "birth_date", "nino"];
        for (field, word) in fields.iter().zip(text.split(' ')).filter(|(_, word)| *word != "-") {
            facts.set(schema::party_id(field).unwrap(), Value::Text(word.to_owned()));
        }
        facts
    }

    fn like(before: &str, now: &str) -> Option<Likeness> {
        let (forth, back) =
            (likeness(&facts(before), &facts(now)), likeness(&facts(now), &facts(before)));
        assert_eq!(forth, back, "{before} {now}: the order says nothing");
        forth
    }

    #[test]
    fn who_may_be_one_person_and_who_may_be_two() {
        for (before, now, expected) in [
            // The same, in more or fewer words.
            ("MR Ben Fakeley", "MR Ben Fakeley", Some(Likeness::Name)),
            ("MR B Fakeley", "MR Ben Fakeley", Some(Likeness::Alike)),
            ("- Ben Fakeley", "MR Ben FAKELEY", Some(Likeness::Name)),
            ("MR - Fakeley", "MR Ben Fakeley", Some(Likeness::Alike)),
            ("MISS Clementine Fakeley", "MRS Clementine Fakeley", Some(Likeness::Name)),
            ("MS Clementine Fakeley", "MS Clementime Fakeley", Some(Likeness::Alike)),
            // Married, or a day of birth put right.
            ("MS Arden Testberry", "MRS Arden Bramble", Some(Likeness::Changed)),
            ("MR Ben Fakeley 1960-01-02", "MR Ben Fakeley 1960-02-01", Some(Likeness::Changed)),
            ("MR Ben Fakeley 1960-01-02", "MR Ben Bramble 1960-01-02", Some(Likeness::Number)),
            (
                "MR Ben Fakeley - QQ123456A",
                "MR Benedict Bramble - QQ123456A",
                Some(Likeness::Number),
            ),
            // One of a couple, a son, a lodger, twins.
            ("MR Ben Fakeley", "MRS Cara Fakeley", None),
            ("MR B Fakeley", "MRS B Fakeley", None),
            ("- Ben Fakeley", "- Cara Fakeley", None),
            ("MR - Fakeley", "MRS - Fakeley", None),
            ("MR J Testberry", "MR J Bramble", None),
            ("MR Ben Fakeley", "MR Robin Bramble", None),
            ("- Tess Dummy 2001-01-01", "- Bess Dummy 2001-01-01", None),
            ("- Carl Dummy", "- Carol Dummy", None),
            ("MR B Fakeley 1960-01-02", "MR B Fakeley 1988-01-02", None),
            ("MR Ben Fakeley - QQ123456A", "MRS Cara Fakeley - QQ123456A", None),
        ] {
            assert_eq!(like(before, now), expected, "{before} / {now}");
        }
    }

    fn pairs(
        before: &[(&'static str, &str)],
        now: &[(&'static str, &str)],
        by_place: bool,
    ) -> Vec<Option<usize>> {
        let read = |(key, text): &(&'static str, &str)| (*key, facts(text));
        let before: Vec<(&str, Facts)> = before.iter().map(read).collect();
        let now: Vec<(&str, Facts)> = now.iter().map(read).collect();
        pair(&named(&before, by_place), &named(&now, by_place))
    }

    fn named<'a>(known: &'a [(&'a str, Facts)], by_place: bool) -> Vec<Named<'a>> {
        known.iter().map(|(key, facts)| Named { key, by_place, facts }).collect()
    }

    #[test]
    fn names_decide_and_places_only_where_names_leave_it_open() {
        let (ben, cara) = ("MR Ben Fakeley", "MRS Cara Fakeley");
        for (before, now, expected) in [
            // One of a couple leaves, they change places, a third comes first.
            (&[("1", ben), ("2", cara)][..], &[("1", cara)][..], &[Some(1)][..]),
            (&[("1", ben), ("2", cara)], &[("1", cara), ("2", ben)], &[Some(1), Some(0)]),
            (&[("1", ben)], &[("1", "MS Edie Bramble"), ("2", "MR B Fakeley")], &[None, Some(0)]),
            (&[("1", ben), ("2", cara)], &[("1", "MS Edie Bramble")], &[None]),
            // Initials alone: whoever stands at the same place.
            (
                &[("1", "MR J Dummy"), ("2", "MR J Dummy")],
                &[("1", "MR J Dummy"), ("2", "MR J Dummy")],
                &[Some(0), Some(1)],
            ),
            // A marriage is seen at its place and nowhere else.
            (&[("1", "MS Arden Dummy")], &[("1", "MRS Arden Bramble")], &[Some(0)]),
            (&[("1", ben), ("2", "MS Arden Dummy")], &[("1", "MRS Arden Bramble")], &[None]),
        ] {
            assert_eq!(pairs(before, now, true), expected, "{before:?} {now:?}");
        }
    }

    #[test]
    fn a_number_of_ones_own_is_kept_and_two_under_one_are_told_apart_by_name() {
        let (mr, mrs) = ("MR Sol Bramble", "MRS Sal Bramble");
        assert_eq!(
            pairs(&[("01", mr), ("01", mrs)], &[("01", mrs), ("01", mr)], false),
            [Some(1), Some(0)]
        );
        // A father and a son of one name.
        let name = "MR Sol Bramble";
        assert_eq!(pairs(&[("P1", name)], &[("P9", name)], false), [None]);
        let born = "MR Sol Bramble 1960-01-02";
        assert_eq!(pairs(&[("P1", born)], &[("P9", born)], false), [Some(0)], "renumbered");
    }

    #[test]
    fn thousands_of_parties_are_paired_by_their_keys() {
        let names: Vec<(String, Facts)> = (0..4_000)
            .map(|number| (number.to_string(), facts(&format!("MR x{number}x Dummy"))))
            .collect();
        let named: Vec<Named<'_>> =
            names.iter().map(|(key, facts)| Named { key, by_place: true, facts }).collect();
        let moved: Vec<Named<'_>> =
            named.iter().map(|one| Named { facts: &names[7].1, ..*one }).collect();
        let pairs = pair(&named, &moved);
        assert_eq!(pairs.iter().flatten().count(), 1, "all others have another name");
        assert_eq!(pair(&named, &named).iter().flatten().count(), 4_000);
    }
}
