//! A delivery: one external effect to be made, and where it stands.

use serde::{Deserialize, Serialize};

/// How a message reaches a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Email,
    Sms,
    Letter,
}

/// What is to be sent: a template, to whom, and the values it names.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    pub channel: Channel,
    pub template: String,
    /// An e-mail address or telephone number; a letter's address is among its fields.
    pub to: Option<String>,
    pub fields: Vec<(String, String)>,
}

impl std::fmt::Debug for Message {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Message {{ {:?} {} }}", self.channel, self.template)
    }
}

/// A message that went to somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Contact {
    pub channel: Channel,
    /// It asked for money.
    pub collection: bool,
    /// UTC milliseconds.
    pub at_ms: i64,
}

/// A payment that somebody is asked for.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    pub amount_pence: i64,
    /// What the payer and the income system know it by; not unique.
    pub reference: String,
    pub description: String,
    /// Our own link to it. The platform's die with their first use.
    pub link: String,
    /// Whose balance it is for: a newer request for the same account takes its place.
    pub account_id: Option<i64>,
}

impl Payment {
    pub const AMOUNT_MAX_PENCE: i64 = 10_000_000;
    const TEXT_CHARACTERS_MAX: usize = 255;

    /// Whether a text may stand in a payment: the platform refuses markup, and its firewall quotes.
    pub fn takes(text: &str) -> bool {
        let refused = ['<', '>', '|', '`', '"', '\\'];
        !text.trim().is_empty()
            && text.chars().count() <= Payment::TEXT_CHARACTERS_MAX
            && !text.contains(refused)
            && !text.chars().any(char::is_control)
    }
}

impl std::fmt::Debug for Payment {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Payment { … }")
    }
}

/// What another system is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Push {
    /// Which change: `account.arrears_changed`.
    pub event: String,
    /// Whom it is about: our number for the resident.
    pub key: i64,
    /// The resident's version, which only grows: by it an older word is told from a newer.
    pub version: i64,
    pub composed_ms: i64,
    pub form: Form,
    /// As it goes, byte for byte, however often it is sent.
    pub body: String,
}

impl Push {
    pub const BODY_BYTES_MAX: usize = 65_536;
}

impl std::fmt::Debug for Push {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "Push {{ {} {:?} … }}", self.event, self.form)
    }
}

/// What a body is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Json,
    Xml,
}

impl Form {
    pub fn content_type(self) -> &'static str {
        match self {
            Form::Json => "application/json",
            Form::Xml => "application/xml; charset=utf-8",
        }
    }
}

/// What a delivery brings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Content {
    Message(Message),
    Payment(Payment),
    Push(Push),
}

impl Content {
    /// As it is written in the table `delivery_message`.
    pub fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned())
    }

    /// As it was written; none where another program wrote it. Each kind has fields that no other has.
    pub fn from_json(json: &str) -> Option<Content> {
        let message = || serde_json::from_str(json).map(Content::Message);
        let payment = || serde_json::from_str(json).map(Content::Payment);
        let push = serde_json::from_str(json).map(Content::Push);
        push.or_else(|_| message()).or_else(|_| payment()).ok()
    }

    /// By what a message goes to a person.
    pub fn channel(&self) -> Option<Channel> {
        match self {
            Content::Message(message) => Some(message.channel),
            Content::Payment(_) | Content::Push(_) => None,
        }
    }

    pub fn payment(&self) -> Option<&Payment> {
        match self {
            Content::Payment(payment) => Some(payment),
            Content::Message(_) | Content::Push(_) => None,
        }
    }

    pub fn push(&self) -> Option<&Push> {
        match self {
            Content::Push(push) => Some(push),
            Content::Message(_) | Content::Payment(_) => None,
        }
    }
}

/// Where a delivery stands. The whole machine is drawn in `docs/architecture.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// A payment that is made when its payer opens the link, and not before.
    Offered,
    /// To be sent, now or at a later time.
    Waiting,
    /// The intent is written; it is being sent.
    Sending,
    /// The platform took it and will say what became of it.
    Accepted,
    /// The platform says that it arrived, or says no more than that it was sent.
    Delivered,
    /// Sent, and no answer came: it is asked after, by our reference, before anything else.
    Unknown,
    /// Refused for good, or withheld: a person decides.
    Held,
    /// A person decided that it is never sent.
    Dismissed,
    /// Never sent: a newer one of the same mapping and subject says what is so now.
    Replaced,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Offered,
        State::Waiting,
        State::Sending,
        State::Accepted,
        State::Delivered,
        State::Unknown,
        State::Held,
        State::Dismissed,
        State::Replaced,
    ];

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether nothing goes on from here.
    pub fn is_settled(self) -> bool {
        matches!(self, State::Delivered | State::Dismissed | State::Replaced)
    }

    /// The word in tables, screens and counts.
    pub fn word(self) -> &'static str {
        match self {
            State::Offered => "offered",
            State::Waiting => "waiting",
            State::Sending => "sending",
            State::Accepted => "accepted",
            State::Delivered => "delivered",
            State::Unknown => "unknown",
            State::Held => "held",
            State::Dismissed => "dismissed",
            State::Replaced => "replaced",
        }
    }
}

/// One external effect, as it is claimed for sending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    pub id: i64,
    pub resident_id: i64,
    pub purpose: String,
    pub needs_consent: bool,
    /// It asks for money.
    pub collection: bool,
    /// Whose change it tells of, where that is an account's.
    pub account_id: Option<i64>,
    /// Our name for it at the platform: unique, and without personal data.
    pub reference: String,
    pub content: Content,
    pub attempts: i64,
    /// Which intent this is, from 1; each is written before it is acted on.
    pub intent: i64,
    /// What keeps a late writer out.
    pub fence: i64,
    /// Until then something may turn up on the platform that an earlier intent left there unnoticed.
    pub doubt_until_ms: Option<i64>,
    /// When the first attempt was made of which nobody knows whether it took effect, since a person last said so.
    pub unanswered_since_ms: Option<i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_delivery_brings_is_read_as_it_was_written() {
        let fields = vec![("name".to_owned(), "Pat \"\\ Testberry".to_owned())];
        let message =
            Message { channel: Channel::Letter, template: "t".to_owned(), to: None, fields };
        let told = Message { to: Some("pat@example.com".to_owned()), ..message.clone() };
        let payment = Payment {
            amount_pence: 1,
            reference: "r".to_owned(),
            description: "d".to_owned(),
            link: "l".to_owned(),
            account_id: None,
        };
        let owed = Payment { account_id: Some(4), ..payment.clone() };
        let push = Push {
            event: "account.arrears_changed".to_owned(),
            key: 1,
            version: 2,
            composed_ms: 3,
            form: Form::Xml,
            body: "<a b=\"c\"/>".to_owned(),
        };
        let messages = [message, told].map(Content::Message);
        let payments = [payment, owed].map(Content::Payment);
        for content in messages.into_iter().chain(payments).chain([Content::Push(push)]) {
            assert_eq!(Content::from_json(&content.json()), Some(content));
        }
        for other in
            ["", "null", "{}", "[]", "{\"event\":\"a\",\"key\":1}", "{\"channel\":\"pigeon\"}"]
        {
            assert_eq!(Content::from_json(other), None, "{other}");
        }
    }
}
