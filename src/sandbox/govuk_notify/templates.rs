//! Templates as callers see them, and trying one out without sending. The preview's HTML is plain
//! paragraphs: the platform's own page is not imitated.

use serde_json::{Map, Value, json};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::read::first_of_each;
use crate::sandbox::govuk_notify::schema;
use crate::sandbox::govuk_notify::send::{Call, nothing_missing, read_json};
use crate::sandbox::govuk_notify::service::{Channel, Template};
use crate::sandbox::govuk_notify::text::{self, TextMessage, Values};
use crate::sandbox::govuk_notify::uuid;

/// When every template was made, as far as the sandbox says.
const MADE_AT: &str = "2026-04-01T09:00:00.000000Z";
const MADE_BY: &str = "officer@bramble.example.com";

/// `GET /v2/template/{id}` and `/version/{version}`
pub fn one(call: &Call<'_>, id: &str, version: Option<u32>) -> Result<Value, Refusal> {
    let template = find(call, id)?;
    // Version nought is no version at all, and gives the newest.
    let template = match version.filter(|&version| version != 0) {
        None => template.clone(),
        Some(version) => template.at_version(version).ok_or_else(Refusal::not_found)?,
    };
    Ok(show(&template))
}

/// `GET /v2/templates`
pub fn all(call: &Call<'_>, query: Vec<(String, String)>) -> Result<Value, Refusal> {
    let given = first_of_each(query);
    let filters = schema::TEMPLATES.check(&given, call.now())?;
    let wanted = filters.get("type").and_then(Value::as_str);
    let mut templates: Vec<&Template> = call
        .service
        .templates
        .iter()
        .filter(|template| !template.archived)
        .filter(|template| wanted.is_none_or(|word| word == template.channel.word()))
        .collect();
    templates.sort_by_key(|template| (&template.name, template.channel.word()));
    let shown: Vec<Value> = templates.into_iter().map(show).collect();
    Ok(json!({"templates": shown}))
}

/// `POST /v2/template/{id}/preview`
pub fn preview(call: &Call<'_>, id: &str, body: &[u8]) -> Result<Value, Refusal> {
    let mut form = if body.is_empty() { json!({}) } else { read_json(body)? };
    match form.as_object_mut() {
        Some(form) => form.insert("id".to_owned(), Value::String(id.to_owned())),
        None => return Err(Refusal::internal("TypeError")),
    };
    let form = schema::PREVIEW.check(&form, call.now())?;
    let template = find(call, id)?;
    let given = form.get("personalisation").and_then(Value::as_object);
    let values = given.map(Values::of).unwrap_or_default();
    nothing_missing(template, &values)?;
    let subject = template.subject.as_deref().unwrap_or_default();
    let (subject, body, html) = match template.channel {
        Channel::Sms => (None, TextMessage::write(&template.body, &values, None).sent, None),
        Channel::Email => {
            let body = text::body(&template.body, &values);
            (Some(text::subject(subject, &values, false)), body, Some(html(template, &values)))
        }
        Channel::Letter => {
            let body = text::body(&template.body, &values);
            (Some(text::subject(subject, &values, true)), body, None)
        }
    };
    Ok(json!({
        "id": template.id,
        "type": template.channel.word(),
        "version": template.version,
        "body": body,
        "html": html,
        "subject": subject,
        "postage": template.postage,
    }))
}

fn find<'service>(call: &Call<'service>, id: &str) -> Result<&'service Template, Refusal> {
    let id = uuid::read(id).ok_or_else(|| Refusal::invalid("id is not a valid UUID"))?;
    call.service.template(&id).ok_or_else(Refusal::not_found)
}

fn show(template: &Template) -> Value {
    let names = template.placeholders().into_iter();
    let required: Map<String, Value> =
        names.map(|name| (name, json!({"required": true}))).collect();
    let changed = template.version > 1;
    json!({
        "id": template.id,
        "type": template.channel.word(),
        "created_at": MADE_AT,
        "updated_at": changed.then_some(MADE_AT),
        "created_by": MADE_BY,
        "version": template.version,
        "body": template.body,
        "subject": template.subject,
        "name": template.name,
        "personalisation": required,
        "postage": template.postage,
        "letter_contact_block": template.letter_contact_block,
    })
}

fn html(template: &Template, values: &Values) -> String {
    let safe = text::fill(&template.body, values, text::Lists::Bullets, true);
    safe.trim()
        .split("\n\n")
        .map(|paragraph| format!("<p>{}</p>", paragraph.replace('\n', "<br>")))
        .collect()
}
