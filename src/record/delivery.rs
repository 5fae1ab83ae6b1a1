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

/// Where a delivery stands. The whole machine is drawn in `docs/architecture.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
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
}

impl State {
    pub const ALL: [State; 6] = [
        State::Waiting,
        State::Sending,
        State::Accepted,
        State::Delivered,
        State::Unknown,
        State::Held,
    ];

    /// The state of that word.
    pub fn from_word(word: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.word() == word)
    }

    /// The word in tables, screens and counts.
    pub fn word(self) -> &'static str {
        match self {
            State::Waiting => "waiting",
            State::Sending => "sending",
            State::Accepted => "accepted",
            State::Delivered => "delivered",
            State::Unknown => "unknown",
            State::Held => "held",
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
    /// Our name for it at the platform: unique, and without personal data.
    pub reference: String,
    pub message: Message,
    pub attempts: i64,
    /// What keeps a late writer out.
    pub fence: i64,
}
