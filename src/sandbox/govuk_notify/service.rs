//! A service as its owners set it up on the platform: keys, templates, senders, permissions and
//! limits. Read from the sandbox's own definition file, or the invented council's. Nothing here
//! changes while the sandbox runs.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::sandbox::govuk_notify::text;

/// One service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub id: String,
    pub name: String,
    /// A service that is not live is in trial mode: it may write only to its own people.
    #[serde(default = "yes")]
    pub live: bool,
    #[serde(default)]
    pub archived: bool,
    pub permissions: Vec<Permission>,
    pub keys: Vec<Key>,
    #[serde(default)]
    pub templates: Vec<Template>,
    #[serde(default)]
    pub sms_senders: Vec<SmsSender>,
    #[serde(default)]
    pub reply_to: Vec<ReplyTo>,
    pub from_email: String,
    /// E-mail addresses and numbers of the people who run the service.
    #[serde(default)]
    pub team: Vec<String>,
    /// Up to five others whom a team key may write to.
    #[serde(default)]
    pub guests: Vec<String>,
    /// Whether texts start with the service's name.
    #[serde(default)]
    pub sms_prefix: bool,
    /// Whether files can be sent by e-mail: the platform asks for contact details first.
    #[serde(default)]
    pub contact_link: Option<String>,
    /// Where delivery receipts go.
    #[serde(default)]
    pub receipts: Option<Callback>,
    #[serde(default = "requests_per_minute")]
    pub rate_limit: u32,
    #[serde(default)]
    pub daily_limits: Option<DailyLimits>,
    /// What a text abroad costs, by calling code; added to what the sandbox knows.
    #[serde(default)]
    pub international_rates: BTreeMap<String, InternationalRate>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    Email,
    Sms,
    Letter,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Permission {
    Email,
    Sms,
    Letter,
    InternationalSms,
    InternationalLetters,
    SmsToUkLandlines,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyKind {
    Live,
    Team,
    Test,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub name: String,
    pub secret: String,
    pub kind: KeyKind,
    #[serde(default)]
    pub revoked: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Template {
    pub id: String,
    pub name: String,
    #[serde(rename = "type")]
    pub channel: Channel,
    #[serde(default = "one")]
    pub version: u32,
    #[serde(default)]
    pub subject: Option<String>,
    pub body: String,
    #[serde(default)]
    pub letter_contact_block: Option<String>,
    #[serde(default)]
    pub postage: Option<String>,
    #[serde(default)]
    pub archived: bool,
    /// Earlier wordings, for those who ask for one by version.
    #[serde(default)]
    pub history: Vec<Wording>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wording {
    pub version: u32,
    #[serde(default)]
    pub subject: Option<String>,
    pub body: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SmsSender {
    pub id: String,
    pub sender: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReplyTo {
    pub id: String,
    pub email_address: String,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Plain `http`: the sandbox speaks to this machine only.
    pub url: String,
    pub bearer_token: String,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DailyLimits {
    pub email: u32,
    pub sms: u32,
    pub international_sms: u32,
    pub letter: u32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternationalRate {
    pub multiplier: f64,
    /// Whether carriers there say that a text arrived. Where they do not, it stays `sent`.
    pub receipts: bool,
}

impl Service {
    /// The services of a definition file: a JSON list, with the names used here.
    pub fn read_all(json: &str) -> Result<Vec<Self>, serde_json::Error> {
        serde_json::from_str(json)
    }

    pub fn may(&self, permission: Permission) -> bool {
        self.permissions.contains(&permission)
    }

    pub fn template(&self, id: &str) -> Option<&Template> {
        self.templates.iter().find(|template| template.id == id)
    }

    /// The limits of the day: those set for the service, or the platform's for live and trial
    /// services.
    pub fn limits(&self, key: KeyKind) -> DailyLimits {
        match self.daily_limits {
            Some(limits) if self.live || key != KeyKind::Test => limits,
            None if !self.live && key != KeyKind::Test => DailyLimits::TRIAL,
            _ => DailyLimits::LIVE,
        }
    }
}

impl DailyLimits {
    pub const LIVE: Self =
        Self { email: 250_000, sms: 250_000, international_sms: 100, letter: 20_000 };
    pub const TRIAL: Self = Self { email: 50, sms: 50, international_sms: 50, letter: 50 };
}

impl Channel {
    /// The word on the wire.
    pub fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
            Self::Letter => "letter",
        }
    }

    /// The words in the refusal of a service that may not use it.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Email => "emails",
            Self::Sms => "text messages",
            Self::Letter => "letters",
        }
    }

    pub fn permission(self) -> Permission {
        match self {
            Self::Email => Permission::Email,
            Self::Sms => Permission::Sms,
            Self::Letter => Permission::Letter,
        }
    }
}

impl Template {
    /// The names to be filled in: a letter's contact block first, then the subject, then the body.
    pub fn placeholders(&self) -> Vec<String> {
        let contact = self.letter_contact_block.as_deref();
        text::placeholders(
            [contact, self.subject.as_deref(), Some(&self.body)].into_iter().flatten(),
        )
    }

    /// The template as it was at a version.
    pub fn at_version(&self, version: u32) -> Option<Self> {
        if version == self.version {
            return Some(self.clone());
        }
        let wording = self.history.iter().find(|wording| wording.version == version)?;
        Some(Self {
            version,
            subject: wording.subject.clone(),
            body: wording.body.clone(),
            ..self.clone()
        })
    }
}

fn yes() -> bool {
    true
}

fn one() -> u32 {
    1
}

fn requests_per_minute() -> u32 {
    3_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_is_read_from_a_definition() {
        let read = Service::read_all(
            r#"[{
                "id": "c0ffee00-0000-4000-8000-000000000009",
                "name": "Bramble",
                "permissions": ["email", "international_sms"],
                "from_email": "bramble@notify.example.com",
                "keys": [{"name": "k", "secret": "s", "kind": "test"}],
                "templates": [
                    {"id": "t", "name": "n", "type": "email", "subject": "((a))", "body": "((b))"}
                ],
                "international_rates": {"49": {"multiplier": 5.0, "receipts": true}}
            }]"#,
        );
        let services = read.expect("a list of services");
        assert!(services[0].live && services[0].may(Permission::InternationalSms));
        assert_eq!(services[0].templates[0].placeholders(), ["a", "b"]);
        assert!(Service::read_all(r#"[{"idd": 1}]"#).is_err());
    }

    #[test]
    fn a_trial_service_has_small_limits_except_for_tests() {
        let trial = Service { live: false, ..Service::council() };
        assert_eq!(trial.limits(KeyKind::Live).sms, 50);
        assert_eq!(trial.limits(KeyKind::Test).sms, 250_000);
    }
}
