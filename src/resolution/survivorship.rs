//! Which value wins: a resident's facts from the parties that are that person.
//!
//! The most recent word wins, unless the policy prefers a source. A name or an address is taken whole
//! from one party, so that no line of one home is joined to the postcode of another.

use super::policy::Policy;
use crate::record::facts::Facts;
use crate::record::schema::{self, FieldId};

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
        let group = field.group();
        let whole = WHOLE.contains(&group);
        let unit = if whole { group } else { field.name };
        if done.contains(&unit) {
            continue;
        }
        done.push(unit);
        let belongs = |id: FieldId| match whole {
            true => schema::PARTY[id as usize].group() == group,
            false => id as usize == place,
        };
        let winner = words
            .iter()
            .filter(|word| word.facts.fields().iter().any(|(id, _)| belongs(*id)))
            .min_by_key(|word| {
                let rank =
                    policy.rank(unit, word.source_id).min(policy.rank(group, word.source_id));
                (word.ended, rank, std::cmp::Reverse((word.record_id, word.party_id)))
            });
        if let Some(winner) = winner {
            best.take_from(winner.facts, belongs);
            provenance.push((unit.to_owned(), winner.party_id));
        }
    }
    (best, Some(provenance))
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
        let (preferred, _) = survive(&words, &Policy { exact: vec![], prefer });
        let line = |facts: &Facts| {
            facts.text(schema::party_id("address.line1").unwrap()).map(str::to_owned)
        };
        assert_eq!(line(&preferred).as_deref(), Some("1 Old Road"));
        let ended = [Word { ended: true, ..words[1] }, words[0]];
        assert_eq!(line(&survive(&ended, &Policy::default()).0).as_deref(), Some("1 Old Road"));
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
