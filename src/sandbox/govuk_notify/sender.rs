//! Whom a message comes from: the number of a text, the address replies go to. A letter's sender is
//! on its template.

use serde_json::{Map, Value};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::phone::PhoneNumber;
use crate::sandbox::govuk_notify::service::Service;
use crate::sandbox::govuk_notify::uuid;

/// The number or name a text comes from: the one asked for, or the service's first.
pub fn of_texts(service: &Service, form: &Map<String, Value>) -> Result<Option<String>, Refusal> {
    let sender = match asked_for(form, "sms_sender_id") {
        None => service.sms_senders.first(),
        Some(id) => {
            let found = service
                .sms_senders
                .iter()
                .find(|sender| uuid::read(id).is_some_and(|id| id == sender.id));
            Some(found.ok_or_else(|| unknown("sms_sender_id", id, service))?)
        }
    };
    Ok(sender.map(|found| {
        PhoneNumber::read(&found.sender)
            .map_or_else(|_| found.sender.clone(), |number| number.normalised())
    }))
}

/// Refuses a reply address that is not the service's.
pub fn of_replies(service: &Service, form: &Map<String, Value>) -> Result<(), Refusal> {
    let Some(id) = asked_for(form, "email_reply_to_id") else {
        return Ok(());
    };
    let known =
        uuid::read(id).is_some_and(|id| service.reply_to.iter().any(|found| found.id == id));
    if known { Ok(()) } else { Err(unknown("email_reply_to_id", id, service)) }
}

fn asked_for<'form>(form: &'form Map<String, Value>, name: &str) -> Option<&'form str> {
    form.get(name).and_then(Value::as_str)
}

fn unknown(name: &str, id: &str, service: &Service) -> Refusal {
    let service = &service.id;
    Refusal::bad_request(format!("{name} {id} does not exist in database for service id {service}"))
}
