//! What a person is shown of a resident, a key or an address: masked, unless they asked to see it.

use serde_json::Value as Json;

use crate::record::delivery::{self, Channel, Message, Payment};
use crate::record::facts::{Facts, Value};
use crate::record::masking;
use crate::record::schema::{self, Field};
use crate::record::value::pence::Pence;

/// Masked, or shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Masked,
    Shown,
}

impl Sight {
    /// By the option of a command.
    pub fn of(show: bool) -> Sight {
        if show { Sight::Shown } else { Sight::Masked }
    }

    /// A record's key.
    pub fn key(self, key: &str) -> String {
        match self {
            Sight::Masked => masking::mask_key(key),
            Sight::Shown => key.to_owned(),
        }
    }

    /// Text that may be about a person.
    pub fn text(self, text: &str) -> String {
        match self {
            Sight::Masked => masking::mask_text(text),
            Sight::Shown => text.to_owned(),
        }
    }

    /// A field's value.
    pub fn value(self, field: &Field, value: &Value) -> String {
        match self {
            Sight::Masked => masking::mask(field, value),
            Sight::Shown => masking::show(field, value),
        }
    }

    /// A field's value as it stands in JSON, by the field's name.
    pub fn json(self, subject: &str, field: &str, json: &Json) -> Option<String> {
        let field = match subject {
            "account" => schema::account_field(field),
            _ => schema::party_field(field),
        };
        Some(self.value(field?, &Value::read(json)?))
    }

    /// A resident's name, from the facts as they are kept.
    pub fn name(self, facts: Option<&str>) -> String {
        let facts = facts.and_then(|json| Facts::from_json(json, schema::PARTY));
        let Some(facts) = facts else { return "(not known)".to_owned() };
        let part = |name: &str| {
            let value = facts.get(schema::party_id(name)?)?;
            Some(self.value(schema::party_field(name)?, value))
        };
        let parts: Vec<String> =
            ["name.given", "name.family"].into_iter().filter_map(part).collect();
        if parts.is_empty() { "(no name)".to_owned() } else { parts.join(" ") }
    }

    /// What a delivery's content says of itself. A new kind of content is one more arm here.
    pub fn content(self, json: &str) -> Content {
        match delivery::Content::from_json(json) {
            None => {
                let (what, to) = ("no message".to_owned(), "nobody".to_owned());
                Content { what, to, says: Vec::new() }
            }
            Some(delivery::Content::Message(message)) => self.message(message),
            Some(delivery::Content::Payment(payment)) => self.payment(payment),
        }
    }

    /// Its link is never shown: whoever has it can open the payment.
    fn payment(self, payment: Payment) -> Content {
        let amount = match self {
            Sight::Masked => masking::mask_pence(payment.amount_pence),
            Sight::Shown => Pence::new(payment.amount_pence).said(),
        };
        let says = vec![
            ("reference".to_owned(), self.key(&payment.reference)),
            ("description".to_owned(), payment.description),
        ];
        Content {
            what: format!("payment of {amount}"),
            to: "whoever opens its link".to_owned(),
            says,
        }
    }

    fn message(self, message: Message) -> Content {
        let channel = match message.channel {
            Channel::Email => "e-mail",
            Channel::Sms => "text message",
            Channel::Letter => "letter",
        };
        let line = |(name, value): &(String, String)| {
            name.starts_with("address_line_").then(|| value.clone())
        };
        let to = message.to.or_else(|| message.fields.iter().rev().find_map(line));
        let to = to.map_or("nobody".to_owned(), |to| match self {
            Sight::Masked => masking::mask_address(&to),
            Sight::Shown => to,
        });
        let says = message.fields.into_iter().map(|(name, value)| (name, self.text(&value)));
        Content { what: format!("{channel} {}", message.template), to, says: says.collect() }
    }
}

/// What would go, to where, and the values that it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub what: String,
    pub to: String,
    pub says: Vec<(String, String)>,
}
