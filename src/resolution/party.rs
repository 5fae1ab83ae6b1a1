//! A party's facts as they are compared.

use xxhash_rust::xxh3::xxh3_64;

use super::matching;
use super::policy::Policy;
use super::profile::{Profile, Said};
use crate::record::facts::{Facts, Value};
use crate::record::schema;

/// The comparable form of a party; nothing of one that is no person. Who acts for the dead may have written their own
/// telephone number: of an estate only the name and the home count. `json` is the facts as they are written.
pub fn profile(account: i64, facts: &Facts, json: &str, policy: &Policy) -> Option<Profile> {
    let text = |name: &str| schema::party_id(name).and_then(|field| facts.text(field));
    let kind = text("kind").unwrap_or("person");
    if policy.weights.is_none() || !matches!(kind, "person" | "estate") {
        return None;
    }
    let living = |name: &str| text(name).filter(|_| kind == "person");
    let year = schema::party_id("birth_year").and_then(|field| match facts.get(field) {
        Some(Value::Whole(year)) => Some(year.to_string()),
        _ => None,
    });
    let said = Said {
        title: text("name.title"),
        given: text("name.given"),
        middle: text("name.middle"),
        family: text("name.family"),
        sex: text("sex"),
        birth: text("birth_date").or(year.as_deref()),
        nino: text("nino"),
        email: living("contact.email"),
        phones: [living("contact.mobile").or(living("contact.as_given")), living("contact.phone")],
        uprn: text("address.uprn"),
        lines: [
            text("address.line1"),
            text("address.line2"),
            text("address.line3"),
            text("address.town"),
        ],
        postcode: text("address.postcode"),
        from: text("address.from"),
        to: text("address.to"),
    };
    let tag = xxh3_64(json.as_bytes());
    let mut profile = Profile::new(tag, account, &said);
    profile.rules = matching::rules(facts, policy);
    profile.is_comparable().then_some(profile)
}
