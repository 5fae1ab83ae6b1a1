//! A message that was accepted, and what has become of it. Its status is a function of when it was
//! made and the instant of asking: no timers run, so a test can read the future by moving its
//! clock.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::{Map, Value, json};

use crate::sandbox::govuk_notify::post;
use crate::sandbox::govuk_notify::service::{Channel, KeyKind};

/// The price of one fragment to a UK number, in pounds.
const SMS_RATE: f64 = 0.024;

/// How long things take after a message is accepted.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    pub sending_ms: i64,
    pub final_ms: i64,
}

impl Default for Timings {
    /// As seen on a running copy of the platform.
    fn default() -> Self {
        Self { sending_ms: 150, final_ms: 500 }
    }
}

/// An accepted message.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: String,
    pub service_id: String,
    pub key: KeyKind,
    pub channel: Channel,
    pub reference: Option<String>,
    /// As the caller wrote it, less what nobody sees.
    pub to: String,
    pub template_id: String,
    pub template_version: u32,
    pub subject: Option<String>,
    /// As the API gives it back.
    pub body: String,
    /// Microseconds of Unix time; no two messages share one, since paging is by it.
    pub created_us: i64,
    pub course: Course,
    pub unsubscribe_url: Option<String>,
    pub sms: Option<SmsCost>,
    pub letter: Option<LetterParts>,
}

/// What a text costs.
#[derive(Clone, Copy, Debug)]
pub struct SmsCost {
    pub fragments: u32,
    pub multiplier: f64,
}

/// What only a letter has.
#[derive(Clone, Debug)]
pub struct LetterParts {
    pub lines: [Value; 7],
    pub postage: String,
    pub sheets: u32,
    pub pdf: Vec<u8>,
}

/// How a message will fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Course {
    /// An e-mail or a text to the UK.
    Ordinary(Status),
    /// A text abroad is `sent` at once, and more only where carriers report.
    Abroad(Option<Status>),
    Letter,
    /// A letter made with a test key is never printed, so it starts further along.
    TestLetter,
    Precompiled(Status),
}

/// The platform's own statuses; a letter's are shown by other words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Created,
    Sending,
    Sent,
    Delivered,
    PermanentFailure,
    TemporaryFailure,
    PendingVirusCheck,
    ValidationFailed,
    VirusScanFailed,
}

impl Status {
    pub fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::PermanentFailure => "permanent-failure",
            Self::TemporaryFailure => "temporary-failure",
            Self::PendingVirusCheck => "pending-virus-check",
            Self::ValidationFailed => "validation-failed",
            Self::VirusScanFailed => "virus-scan-failed",
        }
    }

    fn word_for_letter(self) -> &'static str {
        match self {
            Self::Created | Self::Sending => "accepted",
            Self::Delivered => "received",
            other => other.word(),
        }
    }

    /// Whether a list asked for `filter` holds messages in this status.
    pub fn answers(self, filter: &str) -> bool {
        match filter {
            "failed" => matches!(
                self,
                Self::TemporaryFailure
                    | Self::PermanentFailure
                    | Self::ValidationFailed
                    | Self::VirusScanFailed
            ),
            "accepted" => matches!(self, Self::Created | Self::Sending),
            "received" => self == Self::Delivered,
            word => self.word() == word,
        }
    }
}

impl Message {
    /// Where the message stands.
    pub fn status(&self, now_us: i64, timings: Timings) -> Status {
        let age_ms = (now_us - self.created_us).div_euclid(1_000);
        let sending = age_ms >= timings.sending_ms;
        let ended = age_ms >= timings.final_ms;
        match self.course {
            Course::Ordinary(end) if ended => end,
            Course::Abroad(Some(end)) if ended => end,
            Course::Abroad(_) if sending => Status::Sent,
            Course::Letter | Course::TestLetter if ended => Status::Delivered,
            Course::Ordinary(_) | Course::Letter if sending => Status::Sending,
            Course::TestLetter => Status::Sending,
            Course::Precompiled(end) if ended => end,
            Course::Precompiled(end) if sending && end != Status::Delivered => end,
            Course::Precompiled(_) if sending => Status::Created,
            Course::Precompiled(_) => Status::PendingVirusCheck,
            Course::Ordinary(_) | Course::Abroad(_) | Course::Letter => Status::Created,
        }
    }

    /// When a receipt falls due, if the platform sends one: not for letters, nor where carriers are
    /// silent.
    pub fn receipt_due_us(&self, timings: Timings) -> Option<i64> {
        match self.course {
            Course::Ordinary(_) | Course::Abroad(Some(_)) => {
                Some(self.created_us + timings.final_ms * 1_000)
            }
            Course::Abroad(None) | Course::Letter | Course::TestLetter | Course::Precompiled(_) => {
                None
            }
        }
    }

    /// The message as reading it answers. `root` is the address the caller used.
    pub fn show(&self, now_us: i64, timings: Timings, root: &str) -> Value {
        let status = self.status(now_us, timings);
        let is = |channel| (self.channel == channel).then_some(self.to.as_str());
        let line =
            |index: usize| self.letter.as_ref().map_or(&Value::Null, |found| &found.lines[index]);
        let mut shown = json!({
            "id": self.id,
            "reference": self.reference,
            "email_address": is(Channel::Email),
            "phone_number": is(Channel::Sms),
            "line_1": line(0),
            "line_2": line(1),
            "line_3": line(2),
            "line_4": line(3),
            "line_5": line(4),
            "line_6": line(5),
            "postcode": line(6),
            "type": self.channel.word(),
            "status": self.word(status),
            "template": self.template(root),
            "subject": self.subject,
            "body": self.body,
            "created_at": moment(self.created_us),
            "created_by_name": null,
            "sent_at": self.sent_at(status, timings).map(moment),
            "completed_at": self.completed_at(status, timings).map(moment),
            "scheduled_for": null,
            "postage": self.letter.as_ref().map(|letter| &letter.postage),
            "one_click_unsubscribe_url": self.unsubscribe_url,
        });
        if let Some(shown) = shown.as_object_mut() {
            shown.extend(self.cost(status));
            if let Some(letter) = &self.letter {
                let expected = post::latest_delivery(self.created_us, &letter.postage);
                shown.insert(
                    "estimated_delivery".to_owned(),
                    expected.map_or(Value::Null, Value::from),
                );
            }
        }
        shown
    }

    /// The body of a delivery receipt.
    pub fn receipt(&self, now_us: i64, timings: Timings) -> Value {
        let status = self.status(now_us, timings);
        json!({
            "id": self.id,
            "reference": self.reference,
            "to": self.to,
            "status": status.word(),
            "created_at": moment(self.created_us),
            "completed_at": self.completed_at(status, timings).map(moment),
            "sent_at": self.sent_at(status, timings).map(moment),
            "notification_type": self.channel.word(),
            "template_id": self.template_id,
            "template_version": self.template_version,
        })
    }

    pub fn template(&self, root: &str) -> Value {
        json!({
            "id": self.template_id,
            "version": self.template_version,
            "uri": format!("{root}services/{}/templates/{}", self.service_id, self.template_id),
        })
    }

    fn word(&self, status: Status) -> &'static str {
        match self.channel {
            Channel::Letter => status.word_for_letter(),
            Channel::Email | Channel::Sms => status.word(),
        }
    }

    fn sent_at(&self, status: Status, timings: Timings) -> Option<i64> {
        let sent = !matches!(
            status,
            Status::Created
                | Status::PendingVirusCheck
                | Status::ValidationFailed
                | Status::VirusScanFailed
        );
        sent.then_some(self.created_us + timings.sending_ms * 1_000)
    }

    fn completed_at(&self, status: Status, timings: Timings) -> Option<i64> {
        let after_ms = match status {
            Status::Created | Status::Sending | Status::PendingVirusCheck => return None,
            // The platform forgets to say when a virus was found.
            Status::VirusScanFailed => return None,
            Status::Sent | Status::ValidationFailed => timings.sending_ms,
            Status::Delivered | Status::PermanentFailure | Status::TemporaryFailure => {
                timings.final_ms
            }
        };
        Some(self.created_us + after_ms * 1_000)
    }

    fn cost(&self, status: Status) -> Map<String, Value> {
        let unknown = (false, Value::Null, json!({}));
        let (ready, pounds, details) = match (&self.sms, &self.letter) {
            (Some(_), _) if status == Status::Created => unknown,
            (Some(cost), _) => (
                true,
                json!(f64::from(cost.fragments) * cost.multiplier * SMS_RATE),
                json!({
                    "billable_sms_fragments": cost.fragments,
                    "international_rate_multiplier": cost.multiplier,
                    "sms_rate": SMS_RATE,
                }),
            ),
            (None, Some(_)) if matches!(status, Status::Created | Status::PendingVirusCheck) => {
                unknown
            }
            (None, Some(letter)) => {
                let unsent = matches!(status, Status::ValidationFailed | Status::VirusScanFailed);
                let sheets = if unsent { 0 } else { letter.sheets };
                let details =
                    json!({"billable_sheets_of_paper": sheets, "postage": letter.postage});
                (true, json!(post::price_pounds(sheets, &letter.postage)), details)
            }
            (None, None) => (true, json!(0.0), json!({})),
        };
        Map::from_iter([
            ("is_cost_data_ready".to_owned(), json!(ready)),
            ("cost_in_pounds".to_owned(), pounds),
            ("cost_details".to_owned(), details),
        ])
    }
}

/// An instant as the platform writes it.
pub fn moment(us: i64) -> String {
    DateTime::<Utc>::from_timestamp_micros(us)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Micros, true)
}
