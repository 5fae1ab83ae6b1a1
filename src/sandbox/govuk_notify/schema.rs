//! The shapes of requests. Every problem is reported, in the order the platform reports them:
//! property by property, then what is missing, then what should not be there. What a value means is
//! checked later.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeDelta};
use serde_json::{Map, Value};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::phone::PhoneNumber;
use crate::sandbox::govuk_notify::{email, pytext, uuid};

const REFERENCE_CHARACTERS_MAX: usize = 1_000;
const SCHEDULE_AHEAD_MAX: TimeDelta = TimeDelta::hours(24);

/// What a request may and must hold.
pub struct Shape {
    properties: &'static [(&'static str, Property)],
    required: &'static [&'static str],
    closed: bool,
}

#[derive(Clone, Copy)]
enum Property {
    Uuid,
    Text,
    Reference,
    Phone,
    Email,
    Object,
    Moment,
    HttpsUrl,
    ListOrNull,
    Postage,
    OneOf(&'static [&'static str]),
    EachOf(&'static [&'static str]),
    FileFlag(&'static str),
    FileName,
    Retention,
}

pub const SMS: Shape = Shape {
    properties: &[
        ("reference", Property::Reference),
        ("phone_number", Property::Phone),
        ("template_id", Property::Uuid),
        ("personalisation", Property::Object),
        ("scheduled_for", Property::Moment),
        ("sms_sender_id", Property::Uuid),
    ],
    required: &["phone_number", "template_id"],
    closed: true,
};

pub const EMAIL: Shape = Shape {
    properties: &[
        ("reference", Property::Reference),
        ("email_address", Property::Email),
        ("template_id", Property::Uuid),
        ("personalisation", Property::Object),
        ("scheduled_for", Property::Moment),
        ("email_reply_to_id", Property::Uuid),
        ("one_click_unsubscribe_url", Property::HttpsUrl),
        ("sanitise_content_for", Property::ListOrNull),
    ],
    required: &["email_address", "template_id"],
    closed: true,
};

pub const LETTER: Shape = Shape {
    properties: &[
        ("reference", Property::Reference),
        ("template_id", Property::Uuid),
        ("personalisation", Property::Object),
    ],
    required: &["template_id", "personalisation"],
    closed: true,
};

pub const PRECOMPILED: Shape = Shape {
    properties: &[
        ("reference", Property::Text),
        ("content", Property::Text),
        ("postage", Property::Postage),
    ],
    required: &["reference", "content"],
    closed: true,
};

pub const PREVIEW: Shape = Shape {
    properties: &[("id", Property::Uuid), ("personalisation", Property::Object)],
    required: &["id"],
    closed: false,
};

pub const LIST: Shape = Shape {
    properties: &[
        ("reference", Property::Text),
        ("status", Property::EachOf(&STATUSES)),
        ("template_type", Property::EachOf(&["sms", "email", "letter"])),
        ("include_jobs", Property::OneOf(&["true", "True"])),
        ("older_than", Property::Uuid),
    ],
    required: &[],
    closed: true,
};

pub const TEMPLATES: Shape = Shape {
    properties: &[("type", Property::OneOf(&["sms", "email", "letter"]))],
    required: &[],
    closed: true,
};

pub const RECEIVED: Shape =
    Shape { properties: &[("older_than", Property::Uuid)], required: &[], closed: true };

pub const FILE: Shape = Shape {
    properties: &[
        ("file", Property::Text),
        ("is_csv", Property::FileFlag("is_csv")),
        ("confirm_email_before_download", Property::FileFlag("confirm_email_before_download")),
        ("retention_period", Property::Retention),
        ("filename", Property::FileName),
    ],
    required: &[],
    closed: true,
};

/// Every status a list can be asked for.
const STATUSES: [&str; 16] = [
    "cancelled",
    "created",
    "sending",
    "sent",
    "delivered",
    "pending",
    "failed",
    "technical-failure",
    "temporary-failure",
    "permanent-failure",
    "pending-virus-check",
    "validation-failed",
    "virus-scan-failed",
    "returned-letter",
    "accepted",
    "received",
];

impl Shape {
    /// The request's properties, or everything that is wrong with it.
    pub fn check<'body>(
        &self,
        body: &'body Value,
        now: DateTime<chrono::Utc>,
    ) -> Result<&'body Map<String, Value>, Refusal> {
        let Value::Object(given) = body else {
            return Err(Refusal::invalid(wrong_type(body, "object")));
        };
        let mut problems = Vec::new();
        for (name, property) in self.properties {
            if let Some(value) = given.get(*name) {
                property.check(name, value, now, &mut problems);
            }
        }
        for name in self.required.iter().filter(|name| !given.contains_key(**name)) {
            problems.push(format!("{name} is a required property"));
        }
        let mut unexpected: Vec<&str> = given
            .keys()
            .map(String::as_str)
            .filter(|key| self.closed && !self.properties.iter().any(|(name, _)| name == key))
            .collect();
        if !unexpected.is_empty() {
            unexpected.sort_unstable();
            let verb = if unexpected.len() == 1 { "was" } else { "were" };
            let names: Vec<String> = unexpected
                .iter()
                .map(|name| without_quotes(&pytext::quoted(&Value::from(*name))))
                .collect();
            let names = names.join(", ");
            problems
                .push(format!("Additional properties are not allowed ({names} {verb} unexpected)"));
        }
        if problems.is_empty() { Ok(given) } else { Err(Refusal::all_invalid(unique(problems))) }
    }
}

impl Property {
    fn check(
        self,
        name: &str,
        value: &Value,
        now: DateTime<chrono::Utc>,
        problems: &mut Vec<String>,
    ) {
        let text = value.as_str();
        let fault = match self {
            Self::Uuid => text.and_then(uuid::read).is_none().then(|| {
                "is not a valid \
                UUID"
                    .to_owned()
            }),
            Self::Text => text.is_none().then(|| wrong_type(value, "string")),
            Self::Reference => reference_fault(value),
            Self::Phone => text.map_or_else(|| Some(wrong_type(value, "string")), phone_fault),
            Self::Email => match text {
                None => Some(wrong_type(value, "string")),
                Some(text) => {
                    email::read(text).is_none().then(|| "Not a valid email address".to_owned())
                }
            },
            Self::Object => (!value.is_object()).then(|| wrong_type(value, "object")),
            Self::Moment => moment_fault(value, now),
            Self::HttpsUrl => (!text.is_some_and(|text| text.starts_with("https")))
                .then(|| "is not a valid https url".to_owned()),
            Self::ListOrNull => {
                (!value.is_array() && !value.is_null()).then(|| wrong_type(value, "array, null"))
            }
            Self::Postage => match text {
                None => Some(wrong_type(value, "string")),
                Some("first" | "second" | "economy") => None,
                Some(_) => Some("invalid. It must be either first, second or economy.".to_owned()),
            },
            Self::OneOf(words) => choice_fault(value, words),
            Self::EachOf(words) => {
                let items = value.as_array().map_or(&[][..], Vec::as_slice);
                let faults = items.iter().filter_map(|item| choice_fault(item, words));
                problems.extend(faults.map(|fault| format!("{name} {fault}")));
                None
            }
            Self::FileFlag(flag) => (!value.is_null() && !value.is_boolean()).then(|| {
                let value = without_quotes(&pytext::text(value));
                format!("Unsupported value for {flag}: {value}. Use a boolean true or false value.")
            }),
            Self::FileName => (!value.is_null() && !text.is_some_and(|text| text.contains('.')))
                .then(|| {
                    "`filename` must end with a file extension. For example, \
                        filename.csv"
                        .to_owned()
                }),
            Self::Retention => (!value.is_null() && !text.is_some_and(is_retention)).then(|| {
                let value = without_quotes(&pytext::text(value));
                format!(
                    "Unsupported value for retention_period: {value}. Supported periods are from \
                        1 to 78 weeks."
                )
            }),
        };
        problems.extend(fault.map(|fault| format!("{name} {fault}")));
    }
}

fn reference_fault(value: &Value) -> Option<String> {
    match value.as_str() {
        None => Some(wrong_type(value, "string")),
        Some(text) if text.chars().count() > REFERENCE_CHARACTERS_MAX => {
            Some(format!("{} is too long", without_quotes(&pytext::quoted(value))))
        }
        Some(_) => None,
    }
}

/// Only what no permission could allow: a landline or a foreign number may be another service's
/// business.
fn phone_fault(text: &str) -> Option<String> {
    let permitted = PhoneNumber::read(text).and_then(|number| number.permitted(true, true));
    permitted.err().map(|fault| fault.message().to_owned())
}

fn moment_fault(value: &Value, now: DateTime<chrono::Utc>) -> Option<String> {
    let text = match value {
        Value::Null => return None,
        Value::String(text) => text,
        _ => return Some(wrong_type(value, "string, null")),
    };
    // The platform reads the clock face and ignores the zone.
    let Some(moment) = clock_face(text) else {
        return Some(
            "datetime format is invalid. It must be a valid ISO8601 date time format, \
             https://en.wikipedia.org/wiki/ISO_8601"
                .to_owned(),
        );
    };
    let now = now.naive_utc();
    if moment < now {
        Some("datetime can not be in the past".to_owned())
    } else if moment > now + SCHEDULE_AHEAD_MAX {
        Some("datetime can only be 24 hours in the future".to_owned())
    } else {
        None
    }
}

fn clock_face(text: &str) -> Option<NaiveDateTime> {
    let zoned = DateTime::parse_from_rfc3339(text).map(|moment| moment.naive_local());
    zoned.ok().or_else(|| {
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
            .or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))
    })
}

fn is_retention(text: &str) -> bool {
    let period = text.trim().to_lowercase();
    let weeks = period.strip_suffix(" weeks").or_else(|| period.strip_suffix(" week"));
    weeks.and_then(|weeks| weeks.parse::<u32>().ok()).is_some_and(|weeks| (1..=78).contains(&weeks))
}

fn choice_fault(value: &Value, words: &[&str]) -> Option<String> {
    let chosen = value.as_str().is_some_and(|text| words.contains(&text));
    (!chosen).then(|| {
        let value = without_quotes(&pytext::quoted(value));
        format!("{value} is not one of [{}]", words.join(", "))
    })
}

fn wrong_type(value: &Value, wanted: &str) -> String {
    format!("{} is not of type {wanted}", without_quotes(&pytext::quoted(value)))
}

/// The platform drops every single quote from its texts, the caller's included.
fn without_quotes(text: &str) -> String {
    text.replace('\'', "")
}

fn unique(problems: Vec<String>) -> Vec<String> {
    let mut seen = Vec::with_capacity(problems.len());
    for problem in problems {
        if !seen.contains(&problem) {
            seen.push(problem);
        }
    }
    seen
}
