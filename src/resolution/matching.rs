//! Whether two parties are one person. For now by an exact rule alone: fields that must all be known
//! and equal. What is not certain is not linked. Scored matching has its room here, and comes later.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::policy::Policy;
use crate::record::facts::{Facts, Value};
use crate::record::schema::{self, Kind};
use crate::record::value::spelling::fold_name;

/// The digests by which a party finds others: one for each rule whose fields it has all of.
pub fn keys(facts: &Facts, policy: &Policy) -> Vec<i64> {
    let mut keys = Vec::new();
    if !is_person(facts) {
        return keys;
    }
    let mut text = String::new();
    'rules: for (number, rule) in policy.exact.iter().enumerate() {
        text.clear();
        for field in rule {
            let Some(value) = facts.get(*field) else { continue 'rules };
            match (value, schema::PARTY[*field as usize].kind) {
                (Value::Text(value), Kind::Text) => text.push_str(&fold_name(value)),
                (Value::Text(value), _) => text.push_str(value),
                (value, _) => text.push_str(&value.to_text()),
            }
            text.push('\u{1f}');
        }
        keys.push(xxh3_64_with_seed(text.as_bytes(), number as u64) as i64);
    }
    keys
}

/// Whether a party stands for a living or dead person, and not for a firm or "the occupier".
fn is_person(facts: &Facts) -> bool {
    let kind = schema::party_id("kind").and_then(|field| facts.text(field));
    kind.is_none_or(|kind| kind == "person")
}

/// Whether what a record says now under a party's key can still be the same person as before. An account
/// handed on to somebody else keeps its numbering; the person before must not be overwritten.
pub fn may_be_same(before: &Facts, now: &Facts) -> bool {
    let text = |facts: &Facts, name: &str| {
        let field = schema::party_id(name)?;
        facts.text(field).map(fold_name)
    };
    let compare = |name: &str| match (text(before, name), text(now, name)) {
        (Some(before), Some(now)) => Some(before == now),
        _ => None,
    };
    let number = compare("nino");
    let born = compare("birth_date");
    if number == Some(true) || (born == Some(true) && compare("name.given") != Some(false)) {
        return true;
    }
    let names_differ =
        compare("name.family") == Some(false) && compare("name.given") == Some(false);
    let born_and_given_differ = born == Some(false) && compare("name.given") == Some(false);
    !(names_differ || born_and_given_differ || (number == Some(false) && born == Some(false)))
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
        Policy { exact, prefer: vec![] }
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
        assert_eq!(keys(&whole, &policy()).len(), 1);
        assert!(keys(&partial, &policy()).is_empty());
        let mut firm = whole.clone();
        firm.set(schema::party_id("kind").unwrap(), Value::Text("organisation".into()));
        assert!(keys(&firm, &policy()).is_empty());
    }

    #[test]
    fn a_place_on_an_account_may_pass_to_somebody_else() {
        let before = facts(&[
            ("name.given", "Arden"),
            ("name.family", "Testberry"),
            ("birth_date", "1980-02-29"),
        ]);
        for (now, same) in [
            (&[("name.given", "Arden"), ("name.family", "Bramble")][..], true),
            (&[("name.given", "A"), ("name.family", "Testberry")], true),
            (&[("name.given", "Blake"), ("name.family", "Fakeley")], false),
            (
                &[
                    ("name.given", "Blake"),
                    ("name.family", "Testberry"),
                    ("birth_date", "2001-01-01"),
                ],
                false,
            ),
            (
                &[
                    ("name.given", "Arden"),
                    ("name.family", "Bramble"),
                    ("birth_date", "1980-02-29"),
                ],
                true,
            ),
        ] {
            assert_eq!(may_be_same(&before, &facts(now)), same, "{now:?}");
        }
    }
}
