//! A delivery in a line or two: what, to whom, where it stands, and what comes next.

use serde::Serialize;

use super::when;
use crate::app::eye::Eye;
use crate::record::delivery::{self, Channel, Message, Payment, State};
use crate::record::moment::Moment;
use crate::store::deliveries::Delivery;

/// What a list says of one delivery.
#[derive(Debug, Serialize)]
pub struct Line {
    pub delivery: i64,
    pub reference: String,
    pub state: String,
    pub since: Moment,
    /// `moved_home by email`
    pub what: String,
    /// Masked, or shown.
    pub to: Option<String>,
    pub destination: String,
    pub resident: i64,
    pub batch: i64,
    pub code: Option<String>,
    pub cause: Option<String>,
    pub next: String,
}

/// What a delivery holds.
pub enum Content {
    Message(Message),
    Payment(Payment),
    /// It was stopped before anything was composed.
    Nothing,
    /// Written by a program that we are not.
    Unreadable,
}

impl Content {
    pub fn of(row: &Delivery) -> Content {
        if row.message == "null" {
            return Content::Nothing;
        }
        match delivery::Content::from_json(&row.message) {
            Some(delivery::Content::Message(message)) => Content::Message(message),
            Some(delivery::Content::Payment(payment)) => Content::Payment(payment),
            None => Content::Unreadable,
        }
    }

    /// What it is, without a value of anybody.
    fn what(&self, mapping: &str) -> String {
        match self {
            Content::Message(message) => {
                let way = match message.channel {
                    Channel::Email => "email",
                    Channel::Sms => "text message",
                    Channel::Letter => "letter",
                };
                format!("{} by {way}", message.template)
            }
            Content::Payment(_) => format!("payment asked for by {mapping}"),
            Content::Nothing => format!("a message of {mapping} that was never composed"),
            Content::Unreadable => "something that this version cannot read".to_owned(),
        }
    }

    fn to(&self, eye: Eye) -> Option<String> {
        match self {
            Content::Message(message) => message.to.as_deref().map(|to| eye.address(to)),
            Content::Payment(_) | Content::Nothing | Content::Unreadable => None,
        }
    }
}

impl Line {
    pub fn of(row: &Delivery, eye: Eye, now_ms: i64) -> Line {
        let content = Content::of(row);
        Line {
            delivery: row.id,
            reference: row.reference.clone(),
            state: row.state.clone(),
            since: Moment(row.since_ms),
            what: content.what(&row.mapping),
            to: content.to(eye),
            destination: row.destination.clone(),
            resident: row.resident_id,
            batch: row.batch_id,
            code: row.cause_code.clone(),
            cause: row.cause.clone(),
            next: next(row, now_ms),
        }
    }

    /// Two lines, or three where something stopped it.
    pub fn text(&self) -> String {
        let to = self.to.as_ref().map(|to| format!(" to {to}")).unwrap_or_default();
        let mut text = format!(
            "{}  {} since {}\n    {}{to}, for resident {}, from batch {}\n",
            self.delivery, self.state, self.since, self.what, self.resident, self.batch
        );
        if let Some(because) = self.because() {
            text.push_str(&format!("    {because}\n"));
        }
        text
    }

    /// `suppressed.hold: a hold is in force`
    pub fn because(&self) -> Option<String> {
        match (&self.code, &self.cause) {
            (Some(code), Some(cause)) => Some(format!("{code}: {cause}")),
            (Some(one), None) | (None, Some(one)) => Some(one.clone()),
            (None, None) => None,
        }
    }

    /// What became of it, in one sentence.
    pub fn became(&self) -> String {
        let because = self.because().map(|because| format!(" ({because})")).unwrap_or_default();
        format!("{} since {}{because}", self.state, self.since)
    }
}

/// What happens next, and when.
fn next(row: &Delivery, now_ms: i64) -> String {
    let when = when(row.next_ms, now_ms);
    match State::from_word(&row.state) {
        Some(State::Offered) => "it is made when its payer opens the link".to_owned(),
        Some(State::Waiting) => {
            let job = format!("the job that delivers to {}", row.destination);
            match row.next_ms <= now_ms {
                true => format!("it is sent when {job} runs next"),
                false => format!("it is sent by {job}, not before {}", Moment(row.next_ms)),
            }
        }
        Some(State::Sending) => "it is being sent; if that stops, the platform is asked".to_owned(),
        Some(State::Accepted) => format!("the platform is asked {when} what became of it"),
        Some(State::Unknown) => {
            format!("the platform is asked {when}, by our reference, whether it has it")
        }
        Some(State::Delivered) => "nothing: it is done".to_owned(),
        Some(State::Held) => "nothing by itself: a person decides".to_owned(),
        None => format!("it is looked at again {when}"),
    }
}
