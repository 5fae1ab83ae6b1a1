//! The 198 requests that a running copy of the platform once answered: the sandbox gives the same
//! answers, by rule.

use serde_json::{Map, Value};
use viaduct::sandbox::govuk_notify::service::{
    Channel, Key, KeyKind, Permission, Service, SmsSender, Template,
};

use crate::sandbox::bench::Bench;

const OBSERVED: &str = include_str!("../fixtures/govuk_notify/observed.json");
const SERVICE: &str = "d6aa2c68-0000-4000-8000-000000000001";
const TEMPLATES: [(&str, &str, Channel); 3] = [
    ("EMAIL_T", "e3a11000-0000-4000-8000-000000000001", Channel::Email),
    ("SMS_T", "535e0000-0000-4000-8000-000000000001", Channel::Sms),
    ("LETTER_T", "1e77e400-0000-4000-8000-000000000001", Channel::Letter),
];

#[tokio::test]
async fn every_observed_request_is_answered_as_it_was() {
    let observed: Value = serde_json::from_str(OBSERVED).expect("the vectors");
    let cases = observed["cases"].as_array().expect("cases");
    assert_eq!(cases.len(), 198);
    let mut differences = Vec::new();
    let mut compared = 0;
    for permissions in ["email,sms,letter", ALL, "email"] {
        let bench = Bench::of(service(permissions, &observed["templates"])).await;
        for case in cases.iter().filter(|case| case["permissions"] == permissions) {
            differences.extend(compare(&bench, case).await);
            compared += 1;
        }
    }
    assert_eq!(compared, cases.len());
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

const ALL: &str = "email,sms,letter,international_sms,international_letters,sms_to_uk_landlines";

async fn compare(bench: &Bench, case: &Value) -> Option<String> {
    let request = &case["request"];
    let path = named(request["path"].as_str().expect("a path"));
    let (status, answer) = if request["method"] == "POST" {
        let body = match request["raw_body"].as_str() {
            Some(raw) => raw.to_owned(),
            None => expand(&request["body"]).to_string(),
        };
        bench.post_raw(KeyKind::Test, &path, body).await
    } else {
        bench.get_as(KeyKind::Test, &path).await
    };
    let wanted = expand(&case["response"]);
    let describe = |what: &str, wanted: &Value, got: &Value| {
        let text = format!(
            "{}: {what}\n  request {request}\n  wanted {wanted}\n  got {got}",
            case["name"]
        );
        text.chars().take(900).collect::<String>()
    };
    if case["status"] != status || !holds(&wanted, &answer) {
        return Some(describe("answer", &wanted, &answer));
    }
    let later = case.get("later")?;
    bench.later_ms(1_000);
    let id = answer["id"].as_str().expect("an id");
    let (_, message) = bench.get_as(KeyKind::Test, &format!("/v2/notifications/{id}")).await;
    (!holds(later, &message)).then(|| describe("later", later, &message))
}

/// Whether everything observed is in the answer; errors must be exactly those.
fn holds(wanted: &Value, got: &Value) -> bool {
    match (wanted, got) {
        (Value::Object(wanted), Value::Object(got)) => wanted.iter().all(|(name, wanted)| {
            let got = got.get(name).unwrap_or(&Value::Null);
            match name.as_str() {
                "errors" => wanted == got || is_too_long(wanted, got),
                "html" => wanted.is_null() == got.is_null(),
                "cost_details" => wanted == got,
                _ => holds(wanted, got),
            }
        }),
        (Value::Array(wanted), Value::Array(got)) => wanted == got,
        (wanted, got) => wanted == got,
    }
}

/// The vectors leave a thousand characters out of one message.
fn is_too_long(wanted: &Value, got: &Value) -> bool {
    let text = |errors: &Value| errors[0]["message"].as_str().unwrap_or_default().to_owned();
    text(wanted).contains("<value>")
        && text(got) == text(wanted).replace("<value>", &"r".repeat(1001))
}

/// Puts in the identifiers, and the long texts that the vectors write as `x x2000001`.
fn expand(value: &Value) -> Value {
    match value {
        Value::String(text) => {
            let repeated = text.split_once(" x").and_then(|(unit, times)| {
                Some(unit.repeat(times.parse().ok().filter(|times| *times > 900)?))
            });
            Value::String(repeated.unwrap_or_else(|| named(text)))
        }
        Value::Array(items) => Value::Array(items.iter().map(expand).collect()),
        Value::Object(fields) => {
            let fields = fields.iter().map(|(name, value)| (name.clone(), expand(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn named(text: &str) -> String {
    TEMPLATES.iter().fold(text.replace("{service_id}", SERVICE), |text, (name, id, _)| {
        text.replace(&format!("{{{name}}}"), id)
    })
}

fn service(permissions: &str, templates: &Value) -> Service {
    let permissions = permissions.split(',').map(|word| {
        serde_json::from_value::<Permission>(Value::String(word.to_owned())).expect("a permission")
    });
    let templates = TEMPLATES.iter().map(|(name, id, channel)| Template {
        id: (*id).to_owned(),
        name: (*name).to_owned(),
        channel: *channel,
        version: 2,
        subject: templates[name]["subject"].as_str().map(str::to_owned),
        body: templates[name]["content"].as_str().expect("a body").to_owned(),
        letter_contact_block: None,
        postage: (*channel == Channel::Letter).then(|| "second".to_owned()),
        archived: false,
        history: Vec::new(),
    });
    Service {
        id: SERVICE.to_owned(),
        name: "Functional tests".to_owned(),
        permissions: permissions.collect(),
        keys: vec![Key {
            name: "test".to_owned(),
            secret: "5ec2e700-0000-4000-8000-0000000000aa".to_owned(),
            kind: KeyKind::Test,
            revoked: false,
        }],
        templates: templates.collect(),
        sms_senders: vec![SmsSender {
            id: "5e9de700-0000-4000-8000-0000000000aa".to_owned(),
            sender: "447700900500".to_owned(),
        }],
        reply_to: Vec::new(),
        from_email: "functional.tests@notify.tools".to_owned(),
        ..Service::council()
    }
}
