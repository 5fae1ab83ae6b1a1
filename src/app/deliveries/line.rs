//! A delivery in a line or two: what, to whom, where it stands, and what comes next.

use serde::Serialize;

use super::when;
use crate::app::content::Content;
use crate::app::sight::Sight;
use crate::record::delivery::State;
use crate::record::moment::Moment;
use crate::store::deliveries::Delivery;

/// What a list says of one delivery.
#[derive(Debug, Serialize)]
pub struct Line {
    pub delivery: i64,
    pub reference: String,
    pub state: String,
    pub since: Moment,
    #[serde(flatten)]
    pub content: Content,
    pub destination: String,
    pub resident: i64,
    pub batch: i64,
    pub code: Option<String>,
    pub cause: Option<String>,
    pub next: String,
}

impl Line {
    pub fn of(row: &Delivery, sight: Sight, now_ms: i64) -> Line {
        Line {
            delivery: row.id,
            reference: row.reference.clone(),
            state: row.state.clone(),
            since: Moment(row.since_ms),
            content: Content::of(&row.message, sight),
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
        let mut text = format!(
            "{}  {} since {}\n    {}, for resident {}, from batch {}\n",
            self.delivery,
            self.state,
            self.since,
            self.content.said(),
            self.resident,
            self.batch
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
        Some(State::Replaced) => "nothing: a newer one says what is so now".to_owned(),
        Some(State::Held) => "nothing by itself: a person decides".to_owned(),
        Some(State::Dismissed) => "nothing: it is never sent".to_owned(),
        None => format!("it is looked at again {when}"),
    }
}
