//! The council's own rules: fields that must all be known and equal for two parties to be one person. They are the
//! heaviest evidence among others: whoever is known to be two people stays two.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::junk::{is_junk, is_junk_day};
use super::policy::Policy;
use crate::record::facts::{Facts, Value};
use crate::record::schema::{self, Kind};
use crate::record::value::spelling::fold_name;

/// The digests by which a party finds others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// One for each rule whose fields it has all of.
    pub digests: Vec<i64>,
    /// So many rules were left out because a field of theirs says nothing, as `UNKNOWN` does.
    pub junk: usize,
}

/// A party's keys.
pub fn keys(facts: &Facts, policy: &Policy) -> Keys {
    let mut keys = Keys::default();
    if !is_person(facts) {
        return keys;
    }
    let mut text = String::new();
    'rules: for (number, rule) in policy.exact.iter().enumerate() {
        text.clear();
        let mut junk = false;
        for field in rule {
            let Some(value) = facts.get(*field) else { continue 'rules };
            match (value, schema::PARTY[*field as usize].kind) {
                (Value::Text(value), Kind::Text) => {
                    junk |= is_junk(value);
                    text.push_str(&fold_name(value));
                }
                (Value::Text(value), kind) => {
                    junk |= kind == Kind::Date && is_junk_day(value);
                    text.push_str(value);
                }
                (value, _) => text.push_str(&value.to_text()),
            }
            text.push('\u{1f}');
        }
        match junk {
            true => keys.junk += 1,
            false => keys.digests.push(xxh3_64_with_seed(text.as_bytes(), number as u64) as i64),
        }
    }
    keys
}

/// The digests of the rules that a party has all fields of.
pub fn rules(facts: &Facts, policy: &Policy) -> Vec<i64> {
    keys(facts, policy).digests
}

/// Whether a party stands for a living or dead person, and not for a firm or "the occupier".
fn is_person(facts: &Facts) -> bool {
    let kind = schema::party_id("kind").and_then(|field| facts.text(field));
    kind.is_none_or(|kind| kind == "person")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(values: &[(&str, &str)]) -> Facts {
        let mut facts = Facts::default();
        for (name, value) in values {
            facts.set(schema::party_id(name).unwrap(), Value::Text((*value).to_owned()));
        }
        facts
    }

    fn policy() -> Policy {
        let rule = ["nino", "birth_date", "name.family"];
        let exact = vec![rule.iter().map(|name| schema::party_id(name).unwrap()).collect()];
        Policy { exact, ..Policy::default() }
    }

    #[test]
    fn a_key_asks_for_every_field_of_its_rule() {
        let whole = facts(&[
            ("nino", "QQ123456A"),
            ("birth_date", "1980-02-29"),
            ("name.family", "O’SAMPLETON"),
        ]);
        let spelt = facts(&[
            ("nino", "QQ123456A"),
            ("birth_date", "1980-02-29"),
            ("name.family", "O'Sampleton"),
        ]);
        let partial = facts(&[("nino", "QQ123456A"), ("name.family", "Sampleton")]);
        assert_eq!(keys(&whole, &policy()), keys(&spelt, &policy()));
        assert_eq!(keys(&whole, &policy()).digests.len(), 1);
        assert_eq!(keys(&partial, &policy()), Keys::default());
        let mut firm = whole.clone();
        firm.set(schema::party_id("kind").unwrap(), Value::Text("organisation".into()));
        assert_eq!(keys(&firm, &policy()), Keys::default());
    }

    #[test]
    fn b47_a_rule_whose_field_says_nothing_gives_no_key() {
        let exact = vec![
            vec![schema::party_id("reference").unwrap()],
            vec![schema::party_id("birth_date").unwrap(), schema::party_id("name.family").unwrap()],
        ];
        let policy = Policy { exact, ..Policy::default() };
        for (reference, born, family, digests, junk) in [
            ("B0000001", "1980-02-29", "Testberry", 2, 0),
            ("UNKNOWN", "1980-02-29", "Testberry", 1, 1),
            ("999999999", "1900-01-01", "Testberry", 0, 2),
            ("0", "1980-02-29", "N/A", 0, 2),
        ] {
            let facts =
                facts(&[("reference", reference), ("birth_date", born), ("name.family", family)]);
            let keys = keys(&facts, &policy);
            assert_eq!(
                (keys.digests.len(), keys.junk),
                (digests, junk),
                "{reference} {born} {family}"
            );
        }
    }

    #[test]
    fn b39_however_a_name_is_written_its_key_is_one() {
        let key = |family: &str| {
            let facts = facts(&[
                ("nino", "QQ123456A"),
                ("birth_date", "1980-02-29"),
                ("name.family", family),
            ]);
            keys(&facts, &policy()).digests
        };
        let long = "Testberry".repeat(40);
        for (one, other) in [
            ("O'Neill", "O\u{2019}NEILL"),
            ("\u{175}yn", "w\u{302}yn"),
            ("\u{177}r", "Y\u{302}R"),
            ("Fake\u{202e}ley\u{200d}", "Fakeley"),
            ("Ångström", "A\u{30a}ngstro\u{308}m"),
            (&long, &long.to_uppercase()),
            (&format!("Br{}amble", "\u{301}".repeat(1_000)), "Bramble"),
            ("Cher", "CHER"),
        ] {
            assert_eq!(key(one), key(other), "{one:.40} {other:.40}");
            assert_eq!(key(one).len(), 1);
        }
        // A letter that only looks the same is another: nobody is joined by it.
        assert_ne!(key("Bramble"), key("Br\u{430}mble"));
    }
}
