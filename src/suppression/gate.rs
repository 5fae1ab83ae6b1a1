//! The suppression gate: the only maker of `Cleared`, and so the only way to a destination.
//!
//! It is asked as the last step before a send, with what is known of the resident at that moment: a
//! hold or a death that arrived after the delivery was made wins.

use crate::record::delivery::{Channel, Content, Delivery};
use crate::record::facts::{Facts, Value};
use crate::record::schema;
use crate::record::value::email::Email;
use crate::record::value::phone::Phone;
use crate::record::value::postcode::Postcode;

/// Something that the gate let through. It cannot be made anywhere else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cleared<T>(T);

impl<T> Cleared<T> {
    /// What was let through.
    pub fn get(&self) -> &T {
        &self.0
    }
}

/// What the gate knows of the person at the moment of sending.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Absent where the resident is not known any more: then nothing leaves.
    pub resident: Option<Facts>,
    /// Holds in force now: what kind, and until when if that is known (UTC milliseconds).
    pub holds: Vec<(String, Option<i64>)>,
    /// Whether an account of theirs is on hold in its own system.
    pub account_on_hold: bool,
    /// Whether this hub serves real residents: then values that no real resident has are refused.
    pub production: bool,
}

/// Why a delivery stays here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// `suppressed.deceased`, `suppressed.hold`, `suppressed.consent`, …
    pub code: &'static str,
    pub reason: String,
    /// When it may be judged again, if that is known (UTC milliseconds).
    pub until_ms: Option<i64>,
}

/// Judges one delivery.
pub fn clear(
    delivery: Delivery,
    standing: &Standing,
) -> Result<Cleared<Delivery>, Box<(Delivery, Withheld)>> {
    match reason_to_withhold(&delivery, standing) {
        Some(withheld) => Err(Box::new((delivery, withheld))),
        None => Ok(Cleared(delivery)),
    }
}

fn reason_to_withhold(delivery: &Delivery, standing: &Standing) -> Option<Withheld> {
    let withheld =
        |code, reason: &str, until_ms| Some(Withheld { code, reason: reason.to_owned(), until_ms });
    let Some(resident) = &standing.resident else {
        return withheld("suppressed.unknown", "the resident is not known any more", None);
    };
    if is_dead(resident) {
        return withheld("suppressed.deceased", "the resident has died", None);
    }
    if let Some((kind, until_ms)) = standing.holds.first() {
        return withheld("suppressed.hold", &format!("a hold is in force: {kind}"), *until_ms);
    }
    if standing.account_on_hold {
        return withheld("suppressed.hold", "an account is on hold in its own system", None);
    }
    let kind = field(resident, "kind").and_then(text);
    if kind.is_some_and(|kind| kind != "person") {
        return withheld("suppressed.not_a_person", "the party is not a living person", None);
    }
    let consent = field(resident, "consent.contact");
    if consent == Some(&Value::Flag(false)) && delivery.needs_consent {
        return withheld("suppressed.consent", "the resident does not want to be contacted", None);
    }
    if delivery.needs_consent && consent.is_none() {
        return withheld("suppressed.consent", "the resident has not agreed to be contacted", None);
    }
    if standing.production && goes_to_test_range(delivery) {
        return withheld("suppressed.test_range", "the address is of a range for tests", None);
    }
    None
}

fn is_dead(resident: &Facts) -> bool {
    field(resident, "death_date").is_some()
        || field(resident, "deceased") == Some(&Value::Flag(true))
}

fn goes_to_test_range(delivery: &Delivery) -> bool {
    let Content::Message(message) = &delivery.content else { return false };
    match (message.channel, &message.to) {
        (Channel::Email, Some(to)) => Email::parse(to).is_ok_and(|to| to.is_test_range()),
        (Channel::Sms, Some(to)) => Phone::parse(to).is_ok_and(|to| to.is_test_range()),
        (Channel::Letter, _) => message.fields.iter().any(|(name, value)| {
            (name == "postcode" || name.starts_with("address_line_"))
                && Postcode::parse(value).is_ok_and(|postcode| postcode.is_test_range())
        }),
        _ => false,
    }
}

fn field<'f>(facts: &'f Facts, name: &str) -> Option<&'f Value> {
    facts.get(schema::party_id(name)?)
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::delivery::Message;

    fn delivery(needs_consent: bool, to: &str) -> Delivery {
        let channel = Channel::Email;
        let to = Some(to.to_owned());
        Delivery {
            id: 1,
            resident_id: 1,
            purpose: "council_tax_service".into(),
            needs_consent,
            reference: "r-1".into(),
            content: Content::Message(Message {
                channel,
                template: "t".into(),
                to,
                fields: vec![],
            }),
            attempts: 0,
            intent: 1,
            fence: 1,
            doubt_until_ms: None,
        }
    }

    fn resident(values: &[(&str, Value)]) -> Option<Facts> {
        let mut facts = Facts::default();
        for (name, value) in values {
            facts.set(schema::party_id(name).unwrap(), value.clone());
        }
        Some(facts)
    }

    #[test]
    fn what_is_known_at_the_moment_of_sending_decides() {
        let text = |text: &str| Value::Text(text.into());
        let open = Standing { resident: resident(&[]), ..Standing::default() };
        let hold = |until| vec![("breathing_space".to_owned(), until)];
        for (standing, needs_consent, code) in [
            (open.clone(), false, None),
            (Standing::default(), false, Some("suppressed.unknown")),
            (
                Standing {
                    resident: resident(&[("death_date", text("2026-01-01"))]),
                    ..open.clone()
                },
                false,
                Some("suppressed.deceased"),
            ),
            (
                Standing { resident: resident(&[("deceased", Value::Flag(true))]), ..open.clone() },
                false,
                Some("suppressed.deceased"),
            ),
            (
                Standing { resident: resident(&[("kind", text("estate"))]), ..open.clone() },
                false,
                Some("suppressed.not_a_person"),
            ),
            (Standing { holds: hold(None), ..open.clone() }, false, Some("suppressed.hold")),
            (Standing { account_on_hold: true, ..open.clone() }, false, Some("suppressed.hold")),
            (open.clone(), true, Some("suppressed.consent")),
            (
                Standing {
                    resident: resident(&[("consent.contact", Value::Flag(false))]),
                    ..open.clone()
                },
                true,
                Some("suppressed.consent"),
            ),
            (
                Standing {
                    resident: resident(&[("consent.contact", Value::Flag(true))]),
                    ..open.clone()
                },
                true,
                None,
            ),
            (Standing { production: true, ..open.clone() }, false, Some("suppressed.test_range")),
        ] {
            let judged = clear(delivery(needs_consent, "ann@example.com"), &standing);
            assert_eq!(judged.err().map(|kept| kept.1.code), code, "{standing:?}");
        }
    }
}
