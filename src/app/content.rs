//! What a delivery holds, as a person may see it: one rendering for every command that lists or tells
//! deliveries.

use serde::Serialize;
use serde_json::Value;

use super::sight::Sight;
use crate::record::delivery::{self, Channel, Form, Message, Payment, Push};

/// What would go, to where, and the values that it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// `moved_home by email`
    pub what: String,
    /// The address, or the last line of a letter's. A payment goes to nobody: its link does.
    pub to: Option<String>,
    pub says: Vec<(String, String)>,
}

impl Content {
    /// From what the table `delivery` keeps. A new kind of content is one more arm here.
    pub fn of(json: &str, sight: Sight) -> Content {
        match delivery::Content::from_json(json) {
            Some(delivery::Content::Message(message)) => Content::message(message, sight),
            Some(delivery::Content::Payment(payment)) => Content::payment(payment, sight),
            Some(delivery::Content::Push(push)) => Content::push(push, sight),
            // It was stopped before anything was composed.
            None if json == "null" => Content::nothing("a message that was never composed"),
            None => Content::nothing("something that this version cannot read"),
        }
    }

    /// `moved_home by email to b•••@e•••.com`
    pub fn said(&self) -> String {
        let to = self.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
        format!("{}{to}", self.what)
    }

    fn nothing(what: &str) -> Content {
        Content { what: what.to_owned(), to: None, says: Vec::new() }
    }

    fn message(message: Message, sight: Sight) -> Content {
        let way = match message.channel {
            Channel::Email => "email",
            Channel::Sms => "text message",
            Channel::Letter => "letter",
        };
        let line = |(name, value): &(String, String)| {
            let of_address = name == "postcode" || name.starts_with("address_line_");
            of_address.then(|| value.clone())
        };
        let to = message.to.or_else(|| message.fields.iter().rev().find_map(line));
        let says = message.fields.into_iter().map(|(name, value)| (name, sight.address(&value)));
        Content {
            what: format!("{} by {way}", message.template),
            to: to.map(|to| sight.address(&to)),
            says: says.collect(),
        }
    }

    /// It goes to a system, and to no person.
    fn push(push: Push, sight: Sight) -> Content {
        let says = values(&push, sight);
        Content { what: format!("{} of resident {}", push.event, push.key), to: None, says }
    }

    /// Its link is never shown: whoever has it can open the payment.
    fn payment(payment: Payment, sight: Sight) -> Content {
        let says = vec![
            ("reference".to_owned(), sight.key(&payment.reference)),
            ("description".to_owned(), sight.text(&payment.description)),
        ];
        let what = format!("payment of {}", sight.pence(payment.amount_pence));
        Content { what, to: None, says }
    }
}

/// Every value of a body by its path, `person/name`, as the sight allows. XML is one value.
fn values(push: &Push, sight: Sight) -> Vec<(String, String)> {
    let mut found = Vec::new();
    match serde_json::from_str(&push.body) {
        Ok(body) if push.form == Form::Json => walk(&body, String::new(), &mut found),
        _ => found.push(("body".to_owned(), push.body.clone())),
    }
    found.into_iter().map(|(path, value)| (path, sight.text(&value))).collect()
}

fn walk(value: &Value, path: String, found: &mut Vec<(String, String)>) {
    let below = |name: &str| match path.is_empty() {
        true => name.to_owned(),
        false => format!("{path}/{name}"),
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(name, value)| walk(value, below(name), found));
        }
        Value::Array(items) => {
            let numbered = items.iter().enumerate();
            numbered.for_each(|(at, value)| walk(value, below(&(at + 1).to_string()), found));
        }
        Value::String(text) => found.push((path, text.clone())),
        other => found.push((path, other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(content: delivery::Content, sight: Sight) -> Content {
        Content::of(&content.json(), sight)
    }

    #[test]
    fn a_message_says_its_way_its_address_and_its_values() {
        let fields = [("first_name", "Arden"), ("address_line_1", "Arden Testberry")];
        let fields = fields.into_iter().chain([("postcode", "HS1 9ZZ")]);
        let mut message = Message {
            channel: Channel::Letter,
            template: "moved_home".to_owned(),
            to: None,
            fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        };
        let letter = delivery::Content::Message(message.clone());
        assert_eq!(seen(letter.clone(), Sight::Masked).said(), "moved_home by letter to H•••Z");
        assert_eq!(seen(letter.clone(), Sight::Shown).said(), "moved_home by letter to HS1 9ZZ");
        assert_eq!(seen(letter, Sight::Masked).says[0].1, "A•••n");
        (message.channel, message.to) = (Channel::Email, Some("arden@example.com".to_owned()));
        let email = seen(delivery::Content::Message(message), Sight::Masked);
        assert_eq!(email.said(), "moved_home by email to a•••@e•••.com");
    }

    #[test]
    fn a_payment_never_shows_its_link() {
        let payment = delivery::Content::Payment(Payment {
            amount_pence: 14_500,
            reference: "9900000042".to_owned(),
            description: "Council Tax arrears".to_owned(),
            link: "https://pay.example.com/p/opensesame".to_owned(),
            account_id: None,
        });
        assert_eq!(seen(payment.clone(), Sight::Masked).said(), "payment of £1••.••");
        assert_eq!(seen(payment.clone(), Sight::Shown).said(), "payment of £145.00");
        for sight in [Sight::Masked, Sight::Shown] {
            let seen = seen(payment.clone(), sight);
            assert!(!format!("{seen:?}").contains("opensesame"), "{seen:?}");
        }
    }

    #[test]
    fn a_push_shows_its_values_by_their_paths() {
        let push = Push {
            event: "resident.changed".to_owned(),
            key: 7,
            version: 3,
            composed_ms: 0,
            form: Form::Json,
            body: r#"{"person":{"family":"Testberry"},"owes":[14500,null]}"#.to_owned(),
        };
        let json = seen(delivery::Content::Push(push.clone()), Sight::Shown);
        assert_eq!(json.said(), "resident.changed of resident 7");
        let says = |path: &str, value: &str| (path.to_owned(), value.to_owned());
        let all =
            [says("person/family", "Testberry"), says("owes/1", "14500"), says("owes/2", "null")];
        assert_eq!(json.says, all);
        let xml = Push { form: Form::Xml, body: "<a>Testberry</a>".to_owned(), ..push };
        let masked = seen(delivery::Content::Push(xml), Sight::Masked);
        assert!(!format!("{masked:?}").contains("Testberry"), "{masked:?}");
    }

    #[test]
    fn what_is_no_content_is_said_to_be_none() {
        let said = |json: &str| Content::of(json, Sight::Shown).said();
        assert_eq!(said("null"), "a message that was never composed");
        assert_eq!(said("{\"parcel\":1}"), "something that this version cannot read");
    }
}
