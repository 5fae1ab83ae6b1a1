//! Sending: from a request's body to an accepted message, through the platform's checks in the
//! platform's order. What becomes of the message afterwards is `message.rs`.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::message::{Course, Message, Status};
use crate::sandbox::govuk_notify::recipient::{self, Recipient};
use crate::sandbox::govuk_notify::schema;
use crate::sandbox::govuk_notify::service::{Channel, KeyKind, Service, Template};
use crate::sandbox::govuk_notify::state::{Memory, Shared};
use crate::sandbox::govuk_notify::text::{self, TextMessage, Values};
use crate::sandbox::govuk_notify::{files, letters, pytext, sanitise, sender, uuid, whitespace};

const TEXT_CHARACTERS_MAX: usize = 918;
const EMAIL_BYTES_MAX: usize = 2_000_000;

/// A JSON object.
pub type Fields = Map<String, Value>;

/// A request of a known caller.
pub struct Call<'request> {
    pub shared: &'request Shared,
    pub service: &'request Service,
    pub key: KeyKind,
    /// The address the caller used, with a slash at the end.
    pub root: String,
    pub now_us: i64,
}

impl Call<'_> {
    pub fn now(&self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.now_us).unwrap_or_default()
    }

    fn now_ms(&self) -> i64 {
        self.now_us.div_euclid(1_000)
    }
}

/// Accepts a message, or says why not.
pub fn send(call: &Call<'_>, channel: Channel, body: &[u8]) -> Result<Value, Refusal> {
    let mut memory = call.shared.memory();
    memory.limits.take(call.service, call.key, call.now_ms())?;
    memory.limits.check_day(call.service, call.key, channel, call.now_ms())?;

    let body = read_json(body)?;
    match channel {
        Channel::Letter if body.get("content").is_some() => {
            letters::precompiled(call, &mut memory, &body)
        }
        Channel::Letter => letters::letter(call, &mut memory, &body),
        Channel::Email => email(call, &mut memory, &body),
        Channel::Sms => sms(call, &mut memory, &body),
    }
}

/// A body that is empty in any way counts as an empty object.
pub fn read_json(body: &[u8]) -> Result<Value, Refusal> {
    let value: Value = serde_json::from_slice(body)
        .map_err(|_| Refusal::bad_request("Invalid JSON supplied in POST data"))?;
    Ok(if pytext::is_something(&value) { value } else { json!({}) })
}

fn sms(call: &Call<'_>, memory: &mut Memory, body: &Value) -> Result<Value, Refusal> {
    let form = schema::SMS.check(body, call.now())?;
    permitted(call.service, Channel::Sms)?;
    let given = personalisation(form);
    let template = chosen_template(call, Channel::Sms, form, &Values::of(&given))?;
    let values = Values::of(&given);
    // What the API shows has no prefix; what is sent has, and is billed with it.
    let shown = TextMessage::write(&template.body, &values, None);
    if shown.length() == 0 {
        return Err(Refusal::bad_request("Your message is empty."));
    }
    files::only_by_email(&given)?;
    let from = sender::of_texts(call.service, form)?;
    let recipient = recipient::phone(call, memory, text_of(form, "phone_number"))?;
    if shown.length() > TEXT_CHARACTERS_MAX {
        return Err(Refusal::bad_request(format!(
            "Your message is too long. Text messages cannot be longer than {TEXT_CHARACTERS_MAX} \
                characters. \
             Your message is {} characters long.",
            shown.length()
        )));
    }
    let prefix = call.service.sms_prefix.then_some(call.service.name.as_str());
    let sent = TextMessage::write(&template.body, &values, prefix);
    let message = Message {
        body: shown.sent.clone(),
        subject: None,
        sms: Some(recipient.cost(sent.fragments())),
        course: recipient.course(),
        ..blank(call, memory, Channel::Sms, form, template, &recipient.written())
    };
    let mut answer = accepted(call, &message);
    answer.insert("content".to_owned(), json!({"body": shown.sent, "from_number": from}));
    file(call, memory, message, &sent.sent, &recipient)?;
    Ok(Value::Object(answer))
}

fn email(call: &Call<'_>, memory: &mut Memory, body: &Value) -> Result<Value, Refusal> {
    let form = schema::EMAIL.check(body, call.now())?;
    permitted(call.service, Channel::Email)?;
    let written = personalisation(form);
    let (mut given, sanitised) = sanitised(&written, form.get("sanitise_content_for"))?;
    let template = chosen_template(call, Channel::Email, form, &Values::of(&given))?;
    not_empty(template, &Values::of(&given))?;
    sender::of_replies(call.service, form)?;
    let recipient = recipient::email(call, text_of(form, "email_address"))?;
    files::replace_with_links(call, &mut given)?;
    let values = Values::of(&given);
    let body = text::body(&template.body, &values);
    if body.len() > EMAIL_BYTES_MAX {
        return Err(Refusal::bad_request(format!(
            "Your message is too long. Emails cannot be longer than {EMAIL_BYTES_MAX} bytes. Your \
                message is {} \
             bytes.",
            body.len()
        )));
    }
    let subject = text::subject(template.subject.as_deref().unwrap_or_default(), &values, false);
    let unsubscribe_url = form.get("one_click_unsubscribe_url").and_then(Value::as_str);
    let message = Message {
        subject: Some(subject.clone()),
        body: body.clone(),
        course: recipient.course(),
        unsubscribe_url: unsubscribe_url.map(str::to_owned),
        ..blank(call, memory, Channel::Email, form, template, &recipient.written())
    };
    let mut answer = accepted(call, &message);
    let content = json!({
        "subject": subject,
        "body": body,
        "from_email": call.service.from_email,
        "one_click_unsubscribe_url": unsubscribe_url,
    });
    answer.insert("content".to_owned(), content);
    answer.insert("sanitised_content".to_owned(), Value::Object(sanitised));
    file(call, memory, message, &body, &recipient)?;
    Ok(Value::Object(answer))
}

pub fn permitted(service: &Service, channel: Channel) -> Result<(), Refusal> {
    if service.may(channel.permission()) {
        return Ok(());
    }
    let what = channel.plural();
    Err(Refusal::bad_request(format!("Service is not allowed to send {what}")))
}

pub fn chosen_template<'service>(
    call: &Call<'service>,
    channel: Channel,
    form: &Fields,
    values: &Values,
) -> Result<&'service Template, Refusal> {
    let template = uuid::read(text_of(form, "template_id"))
        .and_then(|id| call.service.template(&id))
        .ok_or_else(|| Refusal::bad_request("Template not found"))?;
    if template.channel != channel {
        let (is, wanted) = (template.channel.word(), channel.word());
        return Err(Refusal::bad_request(format!(
            "{is} template is not suitable for {wanted} notification"
        )));
    }
    if template.archived {
        return Err(Refusal::bad_request("Template has been deleted"));
    }
    nothing_missing(template, values)?;
    Ok(template)
}

/// Refuses when a placeholder has no value.
pub fn nothing_missing(template: &Template, values: &Values) -> Result<(), Refusal> {
    let missing = values.missing(&template.placeholders());
    if missing.is_empty() {
        return Ok(());
    }
    Err(Refusal::bad_request(format!("Missing personalisation: {}", missing.join(", "))))
}

/// A body that is nothing but placeholders may come to nothing.
pub fn not_empty(template: &Template, values: &Values) -> Result<(), Refusal> {
    let may_vanish = template.body.starts_with("((") && template.body.ends_with("))");
    if template.body.is_empty() || (may_vanish && text::body(&template.body, values).is_empty()) {
        return Err(Refusal::bad_request("Your message is empty."));
    }
    Ok(())
}

/// The values with those named made harmless, and what that changed.
fn sanitised(given: &Fields, named: Option<&Value>) -> Result<(Fields, Fields), Refusal> {
    let named = named.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mut keys = Vec::with_capacity(named.len());
    for name in named {
        keys.push(text::key(name.as_str().ok_or_else(|| Refusal::internal("TypeError"))?));
    }
    let mut safe = given.clone();
    let mut changed = Map::new();
    for (name, value) in safe.iter_mut().filter(|(name, _)| keys.contains(&text::key(name))) {
        // The platform fails on a value that is not text, and so does the sandbox.
        let written = value.as_str().ok_or_else(|| Refusal::internal("TypeError"))?.to_owned();
        let harmless = sanitise::sanitise(&written);
        if harmless != written {
            changed.insert(name.clone(), json!({"unsanitised": written, "sanitised": harmless}));
        }
        *value = Value::String(harmless);
    }
    Ok((safe, changed))
}

pub fn personalisation(form: &Fields) -> Fields {
    form.get("personalisation").and_then(Value::as_object).cloned().unwrap_or_default()
}

pub fn text_of<'form>(form: &'form Fields, name: &str) -> &'form str {
    form.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// What every message has, before its channel adds the rest.
pub fn blank(
    call: &Call<'_>,
    memory: &mut Memory,
    channel: Channel,
    form: &Fields,
    template: &Template,
    to: &str,
) -> Message {
    Message {
        id: uuid::random(),
        service_id: call.service.id.clone(),
        key: call.key,
        channel,
        reference: form.get("reference").and_then(Value::as_str).map(str::to_owned),
        to: whitespace::strip(to),
        template_id: template.id.clone(),
        template_version: template.version,
        subject: None,
        body: String::new(),
        created_us: memory.fresh_instant(call.now_us),
        course: Course::Ordinary(Status::Delivered),
        unsubscribe_url: None,
        sms: None,
        letter: None,
    }
}

pub fn accepted(call: &Call<'_>, message: &Message) -> Fields {
    Map::from_iter([
        ("id".to_owned(), json!(message.id)),
        ("reference".to_owned(), json!(message.reference)),
        ("uri".to_owned(), json!(format!("{}v2/notifications/{}", call.root, message.id))),
        ("template".to_owned(), message.template(&call.root)),
        ("scheduled_for".to_owned(), Value::Null),
    ])
}

/// Stores the message, unless its recipient only pretends.
pub fn file(
    call: &Call<'_>,
    memory: &mut Memory,
    message: Message,
    sent: &str,
    recipient: &Recipient,
) -> Result<(), Refusal> {
    let written = if recipient.is_simulated() {
        memory.pretend(&message, sent)
    } else {
        let abroad = recipient.is_abroad();
        memory.limits.count(call.service, call.key, message.channel, abroad, call.now_ms());
        let due_us = message.receipt_due_us(call.shared.timings);
        if let (Some(due_us), Some(_)) = (due_us, &call.service.receipts) {
            memory.courier.expect(&message.service_id, &message.id, due_us);
        }
        memory.accept(message, sent)
    };
    written.map_err(|error| {
        tracing::error!(%error, "the sandbox could not write its ledger; the message was refused");
        Refusal::internal("OSError")
    })
}
