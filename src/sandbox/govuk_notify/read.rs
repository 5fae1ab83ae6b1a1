//! Reading back: a message by its id, lists of messages, a letter's document, received texts. A
//! list shows only what the same kind of key made; reading by id shows all.

use axum::http::Uri;
use serde_json::{Map, Value, json};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::message::{Message, Status, moment};
use crate::sandbox::govuk_notify::schema;
use crate::sandbox::govuk_notify::send::Call;
use crate::sandbox::govuk_notify::service::Channel;
use crate::sandbox::govuk_notify::uuid;

const PAGE_MESSAGES: usize = 250;

/// `GET /v2/notifications/{id}`
pub fn one(call: &Call<'_>, id: &str) -> Result<Value, Refusal> {
    let id = checked_id(id)?;
    let memory = call.shared.memory();
    let message = memory.find(call.service, &id, call.now_us).ok_or_else(Refusal::not_found)?;
    Ok(message.show(call.now_us, call.shared.timings, &call.root))
}

/// `GET /v2/notifications/{id}/pdf`
pub fn pdf(call: &Call<'_>, id: &str) -> Result<Vec<u8>, Refusal> {
    let id = checked_id(id)?;
    let memory = call.shared.memory();
    let message = memory.find(call.service, &id, call.now_us).ok_or_else(Refusal::not_found)?;
    let not_a_letter = || Refusal::bad_request("Notification is not a letter");
    let letter = message.letter.as_ref().ok_or_else(not_a_letter)?;
    match message.status(call.now_us, call.shared.timings) {
        Status::VirusScanFailed => Err(Refusal::bad_request("File did not pass the virus scan")),
        Status::PendingVirusCheck | Status::Created => Err(Refusal::pdf_not_ready()),
        _ => Ok(letter.pdf.clone()),
    }
}

/// `GET /v2/notifications`
pub fn list(call: &Call<'_>, query: Vec<(String, String)>) -> Result<Value, Refusal> {
    // Every parameter may be repeated, and only these three are read once.
    let mut given: Map<String, Value> = Map::new();
    for (name, value) in query {
        if matches!(name.as_str(), "older_than" | "reference" | "include_jobs") {
            given.entry(name).or_insert(Value::String(value));
        } else if let Value::Array(values) =
            given.entry(name).or_insert_with(|| Value::Array(Vec::new()))
        {
            values.push(Value::String(value));
        }
    }
    let given = Value::Object(given);
    let filters = schema::LIST.check(&given, call.now())?;
    let words = |name: &str| -> Vec<&str> {
        let values = filters.get(name).and_then(Value::as_array);
        values.into_iter().flatten().filter_map(Value::as_str).collect()
    };
    let (statuses, channels) = (words("status"), words("template_type"));
    let memory = call.shared.memory();
    let before_us = match filters.get("older_than").and_then(Value::as_str).and_then(uuid::read) {
        None => i64::MAX,
        Some(id) => memory
            .find(call.service, &id, call.now_us)
            .map_or(i64::MIN, |message| message.created_us),
    };
    let wanted = |message: &&Message| {
        let status = message.status(call.now_us, call.shared.timings);
        message.created_us < before_us
            && (statuses.is_empty() || statuses.iter().any(|filter| status.answers(filter)))
            && (channels.is_empty() || channels.contains(&message.channel.word()))
    };
    let reference = filters.get("reference").and_then(Value::as_str);
    let page: Vec<&Message> = memory
        .list(call.service, call.key, reference, call.now_us)
        .filter(wanted)
        .take(PAGE_MESSAGES)
        .collect();
    let shown: Vec<Value> = page
        .iter()
        .map(|message| message.show(call.now_us, call.shared.timings, &call.root))
        .collect();
    let last = page.last().map(|message| message.id.as_str());
    let links = links(call, "v2/notifications", filters, last);
    Ok(json!({"notifications": shown, "links": links}))
}

/// `GET /v2/received-text-messages`
pub fn received(call: &Call<'_>, query: Vec<(String, String)>) -> Result<Value, Refusal> {
    let given = first_of_each(query);
    let filters = schema::RECEIVED.check(&given, call.now())?;
    let memory = call.shared.memory();
    let mine = || memory.received.iter().rev().filter(|text| text.service_id == call.service.id);
    let before_us = match filters.get("older_than").and_then(Value::as_str).and_then(uuid::read) {
        None => i64::MAX,
        Some(id) => mine().find(|text| text.id == id).map_or(i64::MIN, |text| text.created_us),
    };
    let page: Vec<_> =
        mine().filter(|text| text.created_us < before_us).take(PAGE_MESSAGES).collect();
    let shown: Vec<Value> = page
        .iter()
        .map(|text| {
            json!({
                "id": text.id,
                "created_at": moment(text.created_us),
                "service_id": text.service_id,
                "notify_number": text.notify_number,
                "user_number": text.user_number,
                "content": text.content,
            })
        })
        .collect();
    let last = page.last().map(|text| text.id.as_str());
    // Here the link to the current page forgets what was asked, unlike a list's.
    let links = links(call, "v2/received-text-messages", &Map::new(), last);
    Ok(json!({"received_text_messages": shown, "links": links}))
}

/// A query's parameters, each once.
pub fn first_of_each(query: Vec<(String, String)>) -> Value {
    let mut given = Map::new();
    for (name, value) in query {
        given.entry(name).or_insert(Value::String(value));
    }
    Value::Object(given)
}

/// Whether reading by this path is reading one thing of a channel, for routes that share a path
/// with sending.
pub fn channel_of(word: &str) -> Option<Channel> {
    [Channel::Email, Channel::Sms, Channel::Letter]
        .into_iter()
        .find(|channel| channel.word() == word)
}

fn checked_id(id: &str) -> Result<String, Refusal> {
    uuid::read(id).ok_or_else(|| Refusal::invalid("notification_id is not a valid UUID"))
}

/// Every page that holds something has a next one, the last included: a caller stops at an empty
/// page.
fn links(call: &Call<'_>, path: &str, asked: &Map<String, Value>, last: Option<&str>) -> Value {
    let address = |older_than: Option<&str>| {
        let mut pairs: Vec<(&str, &str)> = Vec::new();
        for (name, value) in asked.iter().filter(|(name, _)| *name != "older_than") {
            match value {
                Value::Array(values) => {
                    pairs.extend(
                        values.iter().filter_map(Value::as_str).map(|word| (name.as_str(), word)),
                    );
                }
                value => pairs.extend(value.as_str().map(|word| (name.as_str(), word))),
            }
        }
        pairs.extend(older_than.map(|id| ("older_than", id)));
        let query: Vec<String> =
            pairs.iter().map(|(name, word)| format!("{name}={}", escape(word))).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}{path}{mark}{}", call.root, query.join("&"))
    };
    let mut links = json!({"current": address(asked.get("older_than").and_then(Value::as_str))});
    if let (Some(links), Some(last)) = (links.as_object_mut(), last) {
        links.insert("next".to_owned(), Value::String(address(Some(last))));
    }
    links
}

fn escape(word: &str) -> String {
    word.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

/// The parameters of a request's address.
pub fn query_of(uri: &Uri) -> Vec<(String, String)> {
    axum::extract::Query::<Vec<(String, String)>>::try_from_uri(uri)
        .map(|query| query.0)
        .unwrap_or_default()
}
