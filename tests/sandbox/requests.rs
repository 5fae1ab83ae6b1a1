//! Requests that the invented council's service accepts, for tests to change.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::council::{
    EMAIL_CONTACT_CHANGED, LETTER_MOVED_HOME, SMS_CONTACT_CHANGED,
};
use viaduct::sandbox::govuk_notify::service::{Channel, Service, Template};

pub const EMAIL: &str = "/v2/notifications/email";
pub const SMS: &str = "/v2/notifications/sms";
pub const LETTER: &str = "/v2/notifications/letter";

pub fn email(to: &str) -> Value {
    json!({
        "email_address": to,
        "template_id": EMAIL_CONTACT_CHANGED,
        "personalisation": {"first_name": "Pat", "account": "7000000042"},
    })
}

pub fn sms(to: &str) -> Value {
    json!({
        "phone_number": to,
        "template_id": SMS_CONTACT_CHANGED,
        "personalisation": {"first_name": "Pat", "account": "7000000042"},
    })
}

pub fn letter(lines: &[&str]) -> Value {
    let mut given = json!({"first_name": "Pat", "account": "7000000042", "postcode": "unused"});
    for (index, line) in lines.iter().enumerate() {
        given[format!("address_line_{}", index + 1)] = json!(line);
    }
    given["address_line_7"] = json!("");
    json!({"template_id": LETTER_MOVED_HOME, "personalisation": given})
}

pub fn with(mut body: Value, name: &str, value: Value) -> Value {
    body[name] = value;
    body
}

pub fn free_text(channel: Channel, subject: Option<&str>, body: &str) -> Service {
    let mut service = Service::council();
    let template = service.templates.iter().find(|template| template.channel == channel);
    let template = template.expect("one of each").clone();
    service.templates =
        vec![Template { subject: subject.map(str::to_owned), body: body.to_owned(), ..template }];
    service
}
