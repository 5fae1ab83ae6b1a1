//! Which value wins: a resident's facts from the parties that are that person.
//!
//! The most recent word wins, or the one that most systems agree on, unless the policy prefers a source; and what a
//! source has seen evidence for goes before everything. A name or an address is taken whole from one party, so that no
//! line of one home is joined to the postcode of another; and from one that says enough of it, before one that knows a
//! number or a forename alone.

use std::cmp::Reverse;

use super::policy::{Policy, Then};
use crate::record::facts::Facts;
use crate::record::schema::{self, Field, FieldId};
use crate::record::value::spelling::fold_name;

/// One party's word about a resident.
#[derive(Debug, Clone, Copy)]
pub struct Word<'a> {
    pub party_id: i64,
    pub source_id: i64,
    /// The record it comes from: a later one is more recent.
    pub record_id: i64,
    /// Whether its record no longer names the party: its word counts least.
    pub ended: bool,
    pub facts: &'a Facts,
}

/// Groups that are taken whole from one party.
const WHOLE: [&str; 3] = ["name", "address", "correspondence"];

/// The best values of a resident, and for each group or field the party it comes from. With one party
/// that is no question, and nothing is said of it.
pub fn survive(words: &[Word<'_>], policy: &Policy) -> (Facts, Option<Vec<(String, i64)>>) {
    if let [only] = words {
        return (only.facts.clone(), None);
    }
    let (mut best, mut provenance) = (Facts::default(), Vec::new());
    let mut done: Vec<&str> = Vec::new();
    for (place, field) in schema::PARTY.iter().enumerate() {
        let (group, unit) = (field.group(), unit_of(field));
        let whole = WHOLE.contains(&group);
        if done.contains(&unit) {
            continue;
        }
        done.push(unit);
        let belongs = |id: FieldId| match whole {
            true => schema::PARTY[id as usize].group() == group,
            false => id as usize == place,
        };
        let says = |word: &&Word<'_>| word.facts.fields().iter().any(|(id, _)| belongs(*id));
        let said: Vec<&Word<'_>> = words.iter().filter(says).collect();
        let winner = said.iter().min_by_key(|word| standing(word, &said, policy, unit));
        if let Some(winner) = winner {
            best.take_from(winner.facts, belongs);
            provenance.push((unit.to_owned(), winner.party_id));
        }
    }
    (best, Some(provenance))
}

/// How a word stands among others about a unit. The least wins, by the first of these in which two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    unverified: bool,
    ended: bool,
    says_little: bool,
    rank: usize,
    /// Of systems that say the same; 0 where that does not count.
    agreed: Reverse<usize>,
    recent: Reverse<(i64, i64)>,
}

impl Standing {
    /// Whether nothing tells it from another but how many agree.
    fn is_outvoted(&self, by: &Standing) -> bool {
        let Standing { agreed: Reverse(mine), .. } = *self;
        let level = Standing { agreed: by.agreed, recent: by.recent, ..*self };
        level == *by && mine < by.agreed.0
    }
}

fn standing(word: &Word<'_>, said: &[&Word<'_>], policy: &Policy, unit: &str) -> Standing {
    let group = unit.split('.').next().unwrap_or(unit);
    let says_little = !says_enough(word.facts, unit);
    let verified = policy.is_verified(unit, group, word.source_id) && !says_little;
    let agreed = match policy.then(unit, group) {
        Then::MostRecent => 0,
        Then::MostAgreed => agreed(word, said, unit),
    };
    Standing {
        unverified: !verified,
        // What was seen once was seen, though the record be closed.
        ended: word.ended && !verified,
        says_little,
        rank: policy.rank(unit, word.source_id).min(policy.rank(group, word.source_id)),
        agreed: Reverse(agreed),
        recent: Reverse((word.record_id, word.party_id)),
    }
}

/// How many systems say the same of a unit, however it is spelt: several records of one system are one voice. Whoever
/// is not named any more has none.
fn agreed(word: &Word<'_>, said: &[&Word<'_>], unit: &str) -> usize {
    let mine = in_short(word.facts, unit);
    let same = said.iter().filter(|other| !other.ended && in_short(other.facts, unit) == mine);
    let mut systems: Vec<i64> = same.map(|other| other.source_id).collect();
    systems.sort_unstable();
    systems.dedup();
    systems.len()
}

/// What two words must say alike of a unit to agree in it.
fn in_short(facts: &Facts, unit: &str) -> String {
    let fields: &[&str] = match unit {
        "name" => &["name.given", "name.family"],
        "address" => &["address.line1", "address.postcode"],
        "correspondence" => &["correspondence.line1", "correspondence.postcode"],
        field => &[field],
    };
    let text = |name: &&str| {
        let value = schema::party_id(name).and_then(|id| facts.get(id));
        value.map(|value| fold_name(&value.to_text())).unwrap_or_default()
    };
    fields.iter().map(text).collect::<Vec<_>>().join("\u{1f}")
}

/// Whether a group that is taken whole says what it is for: a name whose it is, an address where a
/// letter goes.
fn says_enough(facts: &Facts, unit: &str) -> bool {
    let needed: &[&str] = match unit {
        "name" => &["name.family"],
        "address" => &["address.line1", "address.postcode"],
        "correspondence" => &["correspondence.line1", "correspondence.postcode"],
        _ => return true,
    };
    needed.iter().any(|name| schema::party_id(name).is_some_and(|id| facts.text(id).is_some()))
}

/// What is chosen together: the group for a name or an address, else the field by itself.
pub fn unit_of(field: &Field) -> &'static str {
    if WHOLE.contains(&field.group()) { field.group() } else { field.name }
}

/// Why a word wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Because {
    /// Nobody else says anything.
    Alone,
    /// The others are of records that no longer name the person.
    StillNamed,
    /// The others know a part of it alone, such as an address's number.
    Fuller,
    /// Its source is preferred for this unit.
    Preferred,
    /// Its source has seen evidence for it.
    Verified,
    /// More systems say so than anything else.
    MostAgreed,
    MostRecent,
}

/// Which party's word about a unit wins by the rules as they are now, and why; nothing where nobody
/// says anything.
pub fn explain(words: &[Word<'_>], policy: &Policy, unit: &str) -> Option<(i64, Because)> {
    let says = |word: &&Word<'_>| {
        word.facts.fields().iter().any(|(id, _)| unit_of(&schema::PARTY[*id as usize]) == unit)
    };
    let mut said: Vec<&Word<'_>> = words.iter().filter(says).collect();
    let all = said.clone();
    let stands = |word: &Word<'_>| standing(word, &all, policy, unit);
    said.sort_by_key(|word| stands(word));
    let winner = said.first()?;
    let because = match said.get(1).map(|next| (stands(next), stands(winner))) {
        None => Because::Alone,
        Some((next, won)) if next.unverified != won.unverified => Because::Verified,
        Some((next, won)) if next.ended != won.ended => Because::StillNamed,
        Some((next, won)) if next.says_little != won.says_little => Because::Fuller,
        Some((next, won)) if next.rank != won.rank => Because::Preferred,
        // The next may be one of those that agree: whoever says otherwise has fewer.
        Some((_, won)) if said.iter().any(|other| stands(other).is_outvoted(&won)) => {
            Because::MostAgreed
        }
        Some(_) => Because::MostRecent,
    };
    Some((winner.party_id, because))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::facts::Value;

    fn facts(values: &[(&str, &str)]) -> Facts {
        let mut facts = Facts::default();
        for (name, value) in values {
            facts.set(schema::party_id(name).unwrap(), Value::Text((*value).to_owned()));
        }
        facts
    }

    #[test]
    fn an_address_is_taken_whole_and_a_preferred_source_wins() {
        let revenues = facts(&[("address.line1", "1 Old Road"), ("address.postcode", "SK99 1AA")]);
        let benefits =
            facts(&[("address.line1", "2 New Road"), ("contact.email", "a@example.com")]);
        let word = |party_id, source_id, record_id, facts| Word {
            party_id,
            source_id,
            record_id,
            ended: false,
            facts,
        };
        let words = [word(1, 10, 100, &revenues), word(2, 20, 200, &benefits)];
        let (recent, provenance) = survive(&words, &Policy::default());
        assert_eq!(recent, benefits);
        assert_eq!(provenance.unwrap(), [("contact.email".into(), 2), ("address".into(), 2)]);
        let prefer = vec![("address".to_owned(), vec![10])];
        let (preferred, _) = survive(&words, &Policy { prefer, ..Policy::default() });
        let line = |facts: &Facts| {
            facts.text(schema::party_id("address.line1").unwrap()).map(str::to_owned)
        };
        assert_eq!(line(&preferred).as_deref(), Some("1 Old Road"));
        let ended = [Word { ended: true, ..words[1] }, words[0]];
        assert_eq!(line(&survive(&ended, &Policy::default()).0).as_deref(), Some("1 Old Road"));
    }

    #[test]
    fn who_knows_a_number_alone_does_not_take_the_address_away() {
        let whole = facts(&[("address.line1", "1 Old Road"), ("address.postcode", "SK99 1AA")]);
        let number = facts(&[("address.uprn", "100099900001")]);
        let word = |party_id, facts| Word {
            party_id,
            source_id: party_id,
            record_id: party_id,
            ended: false,
            facts,
        };
        let words = [word(1, &whole), word(2, &number)];
        let prefer = vec![("address".to_owned(), vec![2])];
        for policy in [Policy::default(), Policy { prefer, ..Policy::default() }] {
            let (best, _) = survive(&words, &policy);
            assert_eq!(best, whole);
            assert_eq!(explain(&words, &policy, "address"), Some((1, Because::Fuller)));
        }
        let (best, _) = survive(&[words[1]], &Policy::default());
        assert_eq!(best, number, "a number is better than nothing");
    }

    #[test]
    fn why_a_word_wins_is_told() {
        let old = facts(&[("name.family", "Testberry"), ("address.line1", "1 Old Road")]);
        let new = facts(&[("name.family", "Bramble"), ("address.line1", "2 New Road")]);
        let mail = facts(&[("contact.email", "a@example.com")]);
        let word = |party_id, source_id, facts| Word {
            party_id,
            source_id,
            record_id: party_id,
            ended: false,
            facts,
        };
        let words = [word(1, 10, &old), word(2, 20, &new), word(3, 30, &mail)];
        let prefer = vec![("address".to_owned(), vec![10])];
        let policy = Policy { prefer, ..Policy::default() };
        for (unit, wanted) in [
            ("name", Some((2, Because::MostRecent))),
            ("address", Some((1, Because::Preferred))),
            ("contact.email", Some((3, Because::Alone))),
            ("nino", None),
        ] {
            assert_eq!(explain(&words, &policy, unit), wanted, "{unit}");
            let (_, provenance) = survive(&words, &policy);
            let recorded = provenance.unwrap().into_iter().find(|(known, _)| known == unit);
            assert_eq!(recorded.map(|(_, party)| party), wanted.map(|(party, _)| party));
        }
        let ended = [words[0], Word { ended: true, ..words[1] }];
        assert_eq!(explain(&ended, &policy, "name"), Some((1, Because::StillNamed)));
    }

    #[test]
    fn what_most_systems_say_wins_where_that_is_the_rule() {
        let (old, new) = (
            facts(&[("contact.mobile", "+447700900001"), ("name.family", "O'Sampleton")]),
            facts(&[("contact.mobile", "+447700900002"), ("name.family", "Bramble")]),
        );
        let spelt =
            facts(&[("contact.mobile", "+447700900001"), ("name.family", "O\u{2019}SAMPLETON")]);
        let word = |party_id, source_id, facts| Word {
            party_id,
            source_id,
            record_id: party_id,
            ended: false,
            facts,
        };
        // Two records of one system are one voice; two systems are two, however they spell it.
        let words = [word(1, 10, &old), word(2, 20, &spelt), word(3, 30, &new), word(4, 30, &new)];
        let then = vec![("contact".to_owned(), Then::MostAgreed)];
        let policy = Policy { then, ..Policy::default() };
        let agreed = Some((2, Because::MostAgreed));
        assert_eq!(explain(&words, &policy, "contact.mobile"), agreed);
        assert_eq!(explain(&words, &policy, "name"), Some((4, Because::MostRecent)));
        let policy = Policy { usual: Then::MostAgreed, ..Policy::default() };
        assert_eq!(explain(&words, &policy, "name"), agreed);
        let (_, provenance) = survive(&words, &policy);
        assert!(provenance.unwrap().contains(&("name".to_owned(), 2)));
        // Whoever is not named any more has no voice; of as many the last one counts.
        let ended = [Word { ended: true, ..words[0] }, words[1], words[2], words[3]];
        assert_eq!(explain(&ended, &policy, "name"), Some((4, Because::MostRecent)));
        // A preferred system goes before numbers.
        let prefer = vec![("name".to_owned(), vec![30])];
        let policy = Policy { usual: Then::MostAgreed, prefer, ..Policy::default() };
        assert_eq!(explain(&words, &policy, "name").unwrap().0, 4);
    }

    #[test]
    fn what_was_verified_goes_before_everything_else() {
        let seen = facts(&[("birth_date", "1980-02-29"), ("address.uprn", "100099900001")]);
        let told = facts(&[("birth_date", "1980-03-01"), ("address.line1", "2 New Road")]);
        let word = |party_id, source_id, ended, facts| Word {
            party_id,
            source_id,
            record_id: party_id,
            ended,
            facts,
        };
        let words = [word(1, 10, true, &seen), word(2, 20, false, &told)];
        let verified = vec![("birth_date".to_owned(), vec![10]), ("address".to_owned(), vec![10])];
        let prefer = vec![("birth_date".to_owned(), vec![20])];
        let policy = Policy { verified, prefer, ..Policy::default() };
        let wanted = Some((1, Because::Verified));
        assert_eq!(explain(&words, &policy, "birth_date"), wanted, "though its record is closed");
        assert_eq!(explain(&words, &policy, "address").unwrap().0, 2, "a number is no address");
        assert_eq!(explain(&words, &Policy::default(), "birth_date").unwrap().0, 2);
    }

    #[test]
    fn the_order_of_words_does_not_matter() {
        let (one, two) = (facts(&[("nino", "QQ123456A")]), facts(&[("nino", "QQ123456B")]));
        let word =
            |party_id, facts| Word { party_id, source_id: 1, record_id: 1, ended: false, facts };
        let forth = survive(&[word(1, &one), word(2, &two)], &Policy::default());
        let back = survive(&[word(2, &two), word(1, &one)], &Policy::default());
        assert_eq!(forth, back);
    }
}
