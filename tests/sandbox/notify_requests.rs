//! What a request may hold, in which order it is checked, and how a message is written from it.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::council::{EMAIL_MOVED_HOME, SERVICE_ID};
use viaduct::sandbox::govuk_notify::service::{Channel, Permission, Service, Wording};

use crate::sandbox::bench::{Bench, error};
use crate::sandbox::requests::{EMAIL, LETTER, SMS, email, free_text, sms, with};

#[tokio::test]
async fn every_problem_of_a_request_is_listed() {
    let bench = Bench::council().await;
    let long = "é".repeat(1_001);
    let too_long = format!("reference {long} is too long");
    let no_unsubscribe = "one_click_unsubscribe_url is not a valid https url";
    let format = "scheduled_for datetime format is invalid. It must be a valid ISO8601 date time \
        format, \
                  https://en.wikipedia.org/wiki/ISO_8601";
    let cases: Vec<(&str, Value, Vec<&str>)> = vec![
        (
            SMS,
            json!({}),
            vec!["phone_number is a required property", "template_id is a required property"],
        ),
        (
            SMS,
            json!([]),
            vec!["phone_number is a required property", "template_id is a required property"],
        ),
        (SMS, json!([1]), vec!["[1] is not of type object"]),
        (LETTER, json!("x"), vec!["x is not of type object"]),
        (
            SMS,
            json!({
                "phone_number": 7,
                "template_id": null,
                "b": 1,
                "a": 2,
                "personalisation": ["it's"],
            }),
            vec![
                "phone_number 7 is not of type string",
                "template_id is not a valid UUID",
                "personalisation [\"its\"] is not of type object",
                "Additional properties are not allowed (a, b were unexpected)",
            ],
        ),
        (EMAIL, with(email("pat@example.com"), "reference", json!(long)), vec![&too_long]),
        (
            EMAIL,
            with(email("pat@example.com"), "reference", json!(null)),
            vec!["reference None is not of type string"],
        ),
        (
            EMAIL,
            with(email("nobody"), "template_id", json!("7")),
            vec!["email_address Not a valid email address", "template_id is not a valid UUID"],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "one_click_unsubscribe_url", json!(5)),
            vec![no_unsubscribe],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "sanitise_content_for", json!("x")),
            vec!["sanitise_content_for x is not of type array, null"],
        ),
        (EMAIL, with(email("pat@example.com"), "scheduled_for", json!("soon")), vec![format]),
        (
            EMAIL,
            with(email("pat@example.com"), "scheduled_for", json!("2026-11-22T11:00:00Z")),
            vec!["scheduled_for datetime can not be in the past"],
        ),
        (
            EMAIL,
            with(email("pat@example.com"), "scheduled_for", json!("2026-11-24 12:00")),
            vec!["scheduled_for datetime can only be 24 hours in the future"],
        ),
        (
            LETTER,
            json!({"content": 5, "postage": "third"}),
            vec![
                "content 5 is not of type string",
                "postage invalid. It must be either first, second or economy.",
                "reference is a required property",
            ],
        ),
    ];
    for (path, body, messages) in cases {
        let (status, answer) = bench.post(path, &body).await;
        let errors = answer["errors"].as_array().expect("errors");
        let got: Vec<&str> = errors.iter().filter_map(|error| error["message"].as_str()).collect();
        assert_eq!((status, got), (400, messages), "{path}");
        assert!(errors.iter().all(|error| error["error"] == "ValidationError"));
    }
    let tomorrow = with(email("pat@example.com"), "scheduled_for", json!("2026-11-23T11:59:00"));
    let (status, answer) = bench.post(EMAIL, &tomorrow).await;
    assert_eq!((status, &answer["scheduled_for"]), (201, &Value::Null));
}

#[tokio::test]
async fn addresses_that_nobody_answers_at() {
    let bench = Bench::council().await;
    for path in ["/", "/v2/nope", "/v2/template/x/version/y", "/v2/notifications/"] {
        let (status, body) = bench.get(path).await;
        assert_eq!((status, &body["result"]), (404, &json!("error")), "{path}");
    }
    let request = bench.client.delete(bench.url("/v2/notifications")).send().await;
    assert_eq!(request.expect("an answer").status(), 405);
    let (status, body) = bench.post("/v2/notifications/fax", &json!({})).await;
    assert_eq!((status, error(&body).1), (500, "Internal server error"));
}

#[tokio::test]
async fn checks_are_made_in_order() {
    let mut service = Service::council();
    service.permissions.retain(|permission| *permission != Permission::Sms);
    let bench = Bench::of(service).await;
    // Schema before permission, permission before template, template before recipient.
    let (_, body) =
        bench.post(SMS, &json!({"phone_number": "x", "template_id": EMAIL_MOVED_HOME})).await;
    assert_eq!(error(&body).0, "ValidationError");
    let (_, body) =
        bench.post(SMS, &with(sms("07700900123"), "template_id", json!(SERVICE_ID))).await;
    assert_eq!(error(&body).1, "Service is not allowed to send text messages");
    let bench = Bench::council().await;
    let (_, body) = bench.post(SMS, &with(sms("+33612345678"), "personalisation", json!({}))).await;
    assert_eq!(error(&body).1, "Missing personalisation: first_name");
    let sender = with(sms("+33612345678"), "sms_sender_id", json!(SERVICE_ID));
    let (_, body) = bench.post(SMS, &sender).await;
    assert!(error(&body).1.starts_with("sms_sender_id c0ffee00"));
}

#[tokio::test]
async fn texts_are_filled_in_and_tidied() {
    let bench = Bench::of(free_text(
        Channel::Sms,
        None,
        "((Name)): ((x??shown)) ((y??hidden)) ((list)) — ((n)) , ((b))",
    ))
    .await;
    let template = Service::council().templates[3].id.clone();
    let given = json!({
        "NAME": "Łucja “B”", "x": true, "y": "no", "list": ["a", 2, null, ""],
        "n": 1e16, "b": false,
    });
    let body = json!({
        "phone_number": "07700900123",
        "template_id": template,
        "personalisation": given,
    });
    let (status, answer) = bench.post(SMS, &body).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["content"]["body"], "Lucja \"B\": shown a and 2 - 1e+16, False");
    assert_eq!(answer["content"]["from_number"], "447700900500");
    assert_eq!(
        answer["template"]["uri"],
        format!("{}/services/{SERVICE_ID}/templates/{template}", bench.running.url)
    );

    let empty = free_text(Channel::Sms, None, "((a))");
    let bench = Bench::of(empty).await;
    let body = json!({
        "phone_number": "07700900123",
        "template_id": template,
        "personalisation": {"a": " "},
    });
    assert_eq!(error(&bench.post(SMS, &body).await.1).1, "Your message is empty.");
    let file = with(body, "personalisation", json!({"a": {"file": "eA=="}}));
    assert_eq!(error(&bench.post(SMS, &file).await.1).1, "Can only send a file by email");
}

#[tokio::test]
async fn a_prefix_is_sent_and_billed_and_not_shown() {
    let mut service = free_text(Channel::Sms, None, "((x))");
    service.sms_prefix = true;
    let template = service.templates[0].id.clone();
    let bench = Bench::of(service).await;
    let body = json!({
        "phone_number": "07700900123",
        "template_id": template,
        "personalisation": {"x": "x".repeat(160)},
    });
    let (_, answer) = bench.post(SMS, &body).await;
    assert_eq!(answer["content"]["body"], "x".repeat(160));
    assert!(
        bench.ledger().await[0]["body"]
            .as_str()
            .is_some_and(|body| body.starts_with("Example MBC: x"))
    );
    bench.later_ms(1_000);
    let (_, message) =
        bench.get(&format!("/v2/notifications/{}", answer["id"].as_str().expect("id"))).await;
    assert_eq!(message["cost_details"]["billable_sms_fragments"], 2);
    assert_eq!(message["cost_in_pounds"], 0.048);
}

#[tokio::test]
async fn subjects_are_tidied_and_residents_words_made_harmless() {
    let service =
        free_text(Channel::Email, Some("It's ((name)) - \"ok\""), "Dear ((name)),\n\n((note))");
    let template = service.templates[0].id.clone();
    let bench = Bench::of(service).await;
    let mut body = json!({
        "email_address": "Pat@Example.com",
        "template_id": template,
        "personalisation": {"name": "O'Bramble", "note": "# See www.evil.example/x now"},
        "sanitise_content_for": ["NOTE", "name", "absent"],
    });
    let (status, answer) = bench.post(EMAIL, &body).await;
    assert_eq!(status, 201, "{answer}");
    assert_eq!(answer["content"]["subject"], "It’s O’Bramble – “ok”");
    assert_eq!(answer["content"]["body"], "Dear O'Bramble,\n\n\\# See  now");
    let note = json!({"unsanitised": "# See www.evil.example/x now", "sanitised": "\\# See  now"});
    assert_eq!(answer["sanitised_content"], json!({"note": note}));
    body["personalisation"]["name"] = json!(5);
    assert_eq!(bench.post(EMAIL, &body).await.0, 500);
}

#[tokio::test]
async fn templates_can_be_read_listed_and_tried() {
    let mut service = Service::council();
    service.templates[0].version = 3;
    service.templates[0].history =
        vec![Wording { version: 2, subject: Some("Old".to_owned()), body: "((old))".to_owned() }];
    service.templates[1].archived = true;
    let bench = Bench::of(service).await;
    let path = format!("/v2/template/{EMAIL_MOVED_HOME}");
    let (_, newest) = bench.get(&path).await;
    assert_eq!(newest["version"], 3);
    let names: Vec<&String> =
        newest["personalisation"].as_object().expect("names").keys().collect();
    assert_eq!(names, ["first_name", "postcode"]);
    assert_eq!(
        bench.get(&format!("{path}/version/2")).await.1["personalisation"],
        json!({"old": {"required": true}})
    );
    assert_eq!(bench.get(&format!("{path}/version/0")).await.1["version"], 3);
    assert_eq!(bench.get(&format!("{path}/version/1")).await.0, 404);
    let (_, all) = bench.get("/v2/templates").await;
    assert_eq!(all["templates"].as_array().map(Vec::len), Some(8));
    let (_, letters) = bench.get("/v2/templates?type=letter").await;
    assert_eq!(
        letters["templates"][0]["letter_contact_block"],
        "Example MBC\n1 High Street\nBramble"
    );
    let (status, answer) =
        bench.post(&format!("{path}/preview"), &json!({"personalisation": {}})).await;
    assert_eq!((status, error(&answer).1), (400, "Missing personalisation: first_name, postcode"));
    let archived =
        with(email("pat@example.com"), "template_id", json!(Service::council().templates[1].id));
    assert_eq!(error(&bench.post(EMAIL, &archived).await.1).1, "Template has been deleted");
}
