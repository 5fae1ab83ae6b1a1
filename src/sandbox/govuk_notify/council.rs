//! The invented council's service, used when no definition file is given: every identifier is
//! fixed, so that a definition or a test can name it. Nobody and nothing in it is real.

use crate::sandbox::govuk_notify::service::{
    Channel, Key, KeyKind, Permission, ReplyTo, Service, SmsSender, Template,
};

pub const SERVICE_ID: &str = "c0ffee00-0000-4000-8000-000000000001";
pub const LIVE_SECRET: &str = "5ec2e700-0000-4000-8000-000000000001";
pub const TEAM_SECRET: &str = "5ec2e700-0000-4000-8000-000000000002";
pub const TEST_SECRET: &str = "5ec2e700-0000-4000-8000-000000000003";

pub const EMAIL_MOVED_HOME: &str = "11111111-1111-4111-8111-111111111101";
pub const EMAIL_PAYMENT_RECEIVED: &str = "11111111-1111-4111-8111-111111111102";
pub const EMAIL_CONTACT_CHANGED: &str = "11111111-1111-4111-8111-111111111103";
pub const EMAIL_ARREARS: &str = "11111111-1111-4111-8111-111111111104";
pub const SMS_MOVED_HOME: &str = "11111111-1111-4111-8111-111111111201";
pub const SMS_PAYMENT_RECEIVED: &str = "11111111-1111-4111-8111-111111111202";
pub const SMS_CONTACT_CHANGED: &str = "11111111-1111-4111-8111-111111111203";
pub const SMS_ARREARS: &str = "11111111-1111-4111-8111-111111111204";
pub const LETTER_MOVED_HOME: &str = "11111111-1111-4111-8111-111111111301";

impl Service {
    /// Example MBC, live, with every permission of an ordinary council.
    pub fn council() -> Self {
        Self {
            id: SERVICE_ID.to_owned(),
            name: "Example MBC".to_owned(),
            live: true,
            archived: false,
            permissions: vec![Permission::Email, Permission::Sms, Permission::Letter],
            keys: vec![
                key("hub-live", LIVE_SECRET, KeyKind::Live),
                key("hub-team", TEAM_SECRET, KeyKind::Team),
                key("hub-test", TEST_SECRET, KeyKind::Test),
            ],
            templates: templates(),
            sms_senders: vec![SmsSender {
                id: "5e9de700-0000-4000-8000-000000000001".to_owned(),
                sender: "07700900500".to_owned(),
            }],
            reply_to: vec![ReplyTo {
                id: "4e917000-0000-4000-8000-000000000001".to_owned(),
                email_address: "council.tax@bramble.example.com".to_owned(),
            }],
            from_email: "example.mbc@notify.example.com".to_owned(),
            team: vec!["officer@bramble.example.com".to_owned(), "07700900400".to_owned()],
            guests: vec!["guest@example.com".to_owned()],
            sms_prefix: false,
            contact_link: None,
            receipts: None,
            rate_limit: 3_000,
            daily_limits: None,
            international_rates: std::collections::BTreeMap::new(),
        }
    }
}

fn templates() -> Vec<Template> {
    let moved = "Dear ((first_name)),\n\nYour council tax account now shows your address at \
                 ((postcode)).\n\nIf you have not moved, tell us.";
    let paid = "Dear ((first_name)),\n\nWe have received your payment. Your balance is \
                ((balance)).";
    let contact = "Dear ((first_name)),\n\nYour contact details have changed.\n\nIf this was \
                   not you, tell us.";
    let arrears = "Dear ((first_name)),\n\n((amount)) of your Council Tax is overdue. Pay by card: \
                   ((link))\n\nIf you cannot pay, tell us.";
    let sms = |id, name, body| template(id, name, Channel::Sms, None, body);
    vec![
        email(EMAIL_MOVED_HOME, "moved_home", "Your new address", moved),
        email(EMAIL_PAYMENT_RECEIVED, "payment_received", "Payment received", paid),
        email(EMAIL_CONTACT_CHANGED, "contact_changed", "Your contact details", contact),
        sms(
            SMS_MOVED_HOME,
            "moved_home",
            "((first_name)), your council tax account now shows ((postcode)). Not moved? Tell us.",
        ),
        sms(
            SMS_PAYMENT_RECEIVED,
            "payment_received",
            "((first_name)), we have received your payment. Your balance is ((balance)).",
        ),
        sms(
            SMS_CONTACT_CHANGED,
            "contact_changed",
            "((first_name)), your contact details have changed. Not you? Tell us.",
        ),
        Template {
            letter_contact_block: Some("Example MBC\n1 High Street\nBramble".to_owned()),
            postage: Some("second".to_owned()),
            ..template(
                LETTER_MOVED_HOME,
                "moved_home_letter",
                Channel::Letter,
                Some("Your council tax account"),
                moved,
            )
        },
        email(EMAIL_ARREARS, "arrears_reminder", "Your Council Tax", arrears),
        sms(
            SMS_ARREARS,
            "arrears_reminder",
            "((first_name)), ((amount)) of Council Tax is overdue. Pay: ((link))",
        ),
    ]
}

fn email(id: &str, name: &str, subject: &str, body: &str) -> Template {
    template(id, name, Channel::Email, Some(subject), body)
}

fn template(id: &str, name: &str, channel: Channel, subject: Option<&str>, body: &str) -> Template {
    Template {
        id: id.to_owned(),
        name: name.to_owned(),
        channel,
        version: 1,
        subject: subject.map(str::to_owned),
        body: body.to_owned(),
        letter_contact_block: None,
        postage: None,
        archived: false,
        history: Vec::new(),
    }
}

fn key(name: &str, secret: &str, kind: KeyKind) -> Key {
    Key { name: name.to_owned(), secret: secret.to_owned(), kind, revoked: false }
}
