//! What a delivery holds, as a person may see it: one rendering for every command that lists or tells
//! deliveries.

use serde::Serialize;

use super::sight::Sight;
use crate::record::delivery::{self, Channel, Message, Payment};

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
    fn what_is_no_content_is_said_to_be_none() {
        let said = |json: &str| Content::of(json, Sight::Shown).said();
        assert_eq!(said("null"), "a message that was never composed");
        assert_eq!(said("{\"parcel\":1}"), "something that this version cannot read");
    }
}
