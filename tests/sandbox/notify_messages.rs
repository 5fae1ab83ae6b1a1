//! What becomes of an accepted message, and how it is read back.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::service::{KeyKind, Permission, Service};

use crate::sandbox::bench::{Bench, error};
use crate::sandbox::requests::{EMAIL, LETTER, SMS, email, letter, sms, with};

#[tokio::test]
async fn statuses_follow_the_clock() {
    let mut service = Service::council();
    service.permissions.extend([Permission::InternationalSms, Permission::SmsToUkLandlines]);
    let bench = Bench::of(service).await;
    for (path, body, key, seen) in [
        (EMAIL, email("pat@example.com"), KeyKind::Live, ["created", "sending", "delivered"]),
        (
            EMAIL,
            email("temp-fail@simulator.notify"),
            KeyKind::Test,
            ["created", "sending", "temporary-failure"],
        ),
        (
            EMAIL,
            email("temp-fail@simulator.notify"),
            KeyKind::Live,
            ["created", "sending", "delivered"],
        ),
        (SMS, sms("07700900002"), KeyKind::Test, ["created", "sending", "permanent-failure"]),
        (SMS, sms("07700 900002"), KeyKind::Test, ["created", "sending", "delivered"]),
        (SMS, sms("+1 202 555 0100"), KeyKind::Test, ["created", "sent", "sent"]),
        (SMS, sms("+33 6 12 34 56 78"), KeyKind::Test, ["created", "sent", "delivered"]),
        (SMS, sms("07781 900000"), KeyKind::Test, ["created", "sent", "delivered"]),
        (SMS, sms("020 7946 0000"), KeyKind::Live, ["created", "sending", "delivered"]),
        (
            LETTER,
            letter(&["Pat", "1 St", "SW1A 1AA"]),
            KeyKind::Test,
            ["accepted", "accepted", "received"],
        ),
        (
            LETTER,
            letter(&["Pat", "1 St", "SW1A 1AA"]),
            KeyKind::Live,
            ["accepted", "accepted", "received"],
        ),
        (
            LETTER,
            json!({"reference": "p", "content": "JVBERi0xLjQ="}),
            KeyKind::Test,
            ["pending-virus-check", "accepted", "received"],
        ),
        (
            LETTER,
            json!({"reference": "p", "content": "bm90IGEgcGRm"}),
            KeyKind::Live,
            ["pending-virus-check", "validation-failed", "validation-failed"],
        ),
    ] {
        let (status, answer) = bench.post_as(key, path, &body).await;
        assert_eq!(status, 201, "{body} {answer}");
        let address = format!("/v2/notifications/{}", answer["id"].as_str().expect("an id"));
        for (step_ms, word) in [0, 200, 400].into_iter().zip(seen) {
            bench.later_ms(step_ms);
            let (_, message) = bench.get_as(KeyKind::Team, &address).await;
            assert_eq!(message["status"], word, "{body}");
            let ended = ["delivered", "sent", "received"].contains(&word)
                || word.ends_with("-failure")
                || word.ends_with("-failed");
            assert_eq!(message["completed_at"].is_string(), ended, "{message}");
        }
    }
}

#[tokio::test]
async fn simulated_recipients_leave_nothing_behind() {
    let bench = Bench::council().await;
    for (path, body) in [
        (SMS, sms("+44 7700 900111")),
        (EMAIL, email("Simulate-Delivered-2@notifications.service.gov.uk")),
    ] {
        let (status, answer) = bench.post(path, &body).await;
        assert_eq!(status, 201);
        let address = format!("/v2/notifications/{}", answer["id"].as_str().expect("an id"));
        assert_eq!(bench.get(&address).await.0, 404);
    }
    assert!(bench.ledger().await.iter().all(|entry| entry["simulated"] == true));
}

#[tokio::test]
async fn a_list_shows_what_the_same_kind_of_key_made() {
    let bench = Bench::council().await;
    let mut ids = Vec::new();
    for (key, to) in [
        (KeyKind::Live, "pat@example.com"),
        (KeyKind::Team, "guest@example.com"),
        (KeyKind::Test, "pat@example.com"),
    ] {
        let body = with(email(to), "reference", json!("same"));
        let (_, answer) = bench.post_as(key, EMAIL, &body).await;
        ids.push(answer["id"].as_str().expect("an id").to_owned());
    }
    for (key, id) in [KeyKind::Live, KeyKind::Team, KeyKind::Test].into_iter().zip(&ids) {
        let (_, list) = bench.get_as(key, "/v2/notifications?reference=same").await;
        let found = list["notifications"].as_array().expect("a list");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["id"], id.as_str());
        assert_eq!(bench.get_as(key, &format!("/v2/notifications/{}", ids[0])).await.0, 200);
    }
}

#[tokio::test]
async fn a_list_is_paged_newest_first_and_always_offers_a_next_page() {
    let bench = Bench::council().await;
    for number in 0..260 {
        let body = with(email("pat@example.com"), "reference", json!(format!("r {number}&")));
        assert_eq!(bench.post(EMAIL, &body).await.0, 201);
    }
    let mut path = "/v2/notifications?template_type=email&status=created".to_owned();
    let mut references = Vec::new();
    let mut pages = Vec::new();
    loop {
        let (_, page) = bench.get(&path).await;
        let found = page["notifications"].as_array().expect("a list");
        pages.push(found.len());
        references.extend(found.iter().map(|one| one["reference"].clone()));
        let Some(next) = page["links"]["next"].as_str() else {
            break;
        };
        assert!(next.contains("template_type=email&status=created&older_than="), "{next}");
        path = next.strip_prefix(&bench.running.url).expect("our own address").to_owned();
    }
    assert_eq!(pages, [250, 10, 0]);
    assert_eq!(references[0], "r 259&");
    assert_eq!(references[259], "r 0&");
    let (_, one) = bench.get("/v2/notifications?reference=r%207%26").await;
    assert_eq!(one["notifications"].as_array().map(Vec::len), Some(1));
    assert!(one["links"]["next"].as_str().is_some_and(|next| next.contains("reference=r%207%26")));

    bench.later_ms(1_000);
    for (query, count) in [
        ("status=created", 0),
        ("status=delivered&status=failed", 250),
        ("status=received", 250),
        ("template_type=sms", 0),
        ("older_than=00000000-0000-4000-8000-000000000000", 0),
        ("include_jobs=true", 250),
    ] {
        let (_, page) = bench.get(&format!("/v2/notifications?{query}")).await;
        assert_eq!(page["notifications"].as_array().map(Vec::len), Some(count), "{query}");
    }
    bench.later_ms(7 * 86_400_000);
    let (_, page) = bench.get("/v2/notifications").await;
    assert_eq!(page["notifications"], json!([]));
}

#[tokio::test]
async fn letters_cost_by_paper_and_show_their_address() {
    let mut service = Service::council();
    service.permissions.push(Permission::InternationalLetters);
    let bench = Bench::of(service).await;
    let mut body = letter(&["Pat Testberry", "1 Rue X", "75001 Paris", "France"]);
    body["personalisation"]["postcode"] = json!("FR");
    body["reference"] = json!("l-1");
    let (status, answer) = bench.post(LETTER, &body).await;
    assert_eq!(status, 201, "{answer}");
    let address = format!("/v2/notifications/{}", answer["id"].as_str().expect("an id"));
    let (_, message) = bench.get(&address).await;
    assert_eq!(
        (&message["is_cost_data_ready"], &message["cost_in_pounds"]),
        (&json!(false), &Value::Null)
    );
    let pdf = format!("{address}/pdf");
    assert_eq!(error(&bench.get(&pdf).await.1).0, "PDFNotReadyError");
    bench.later_ms(1_000);
    let (_, message) = bench.get(&address).await;
    assert_eq!(message["line_3"], "75001 Paris");
    assert_eq!(message["postage"], "europe");
    assert_eq!(
        message["cost_details"],
        json!({"billable_sheets_of_paper": 1, "postage": "europe"})
    );
    assert_eq!(message["cost_in_pounds"], 1.8);
    assert!(
        message["estimated_delivery"].as_str().is_some_and(|at| at.ends_with("T16:00:00.000000Z"))
    );
    let request = bench.client.get(bench.url(&pdf)).bearer_auth(bench.token(KeyKind::Live));
    let response = request.send().await.expect("an answer");
    assert_eq!(response.headers()["content-type"], "application/pdf");
    assert!(response.bytes().await.expect("a body").starts_with(b"%PDF-"));

    let (_, sent) = bench.post(EMAIL, &email("pat@example.com")).await;
    let path = format!("/v2/notifications/{}/pdf", sent["id"].as_str().expect("an id"));
    assert_eq!(error(&bench.get(&path).await.1).1, "Notification is not a letter");
    let bad = json!({"reference": "p", "content": "abc"});
    let message = "Cannot decode letter content (invalid base64 encoding)";
    assert_eq!(error(&bench.post(LETTER, &bad).await.1).1, message);
    let good = json!({"reference": "p", "content": "JVBERi0xLjQ=", "postage": "economy"});
    let (status, answer) = bench.post(LETTER, &good).await;
    assert_eq!(
        (status, &answer["postage"], answer.as_object().map(|fields| fields.len())),
        (201, &json!("economy"), Some(3))
    );
}

#[tokio::test]
async fn received_texts_are_listed() {
    let bench = Bench::council().await;
    for content in ["one", "two"] {
        let text = json!({
            "user_number": "447700900123",
            "notify_number": "07700900500",
            "content": content,
        });
        let request = bench.client.post(bench.url("/sandbox/received-text-messages")).json(&text);
        assert_eq!(request.send().await.expect("an answer").status(), 201);
    }
    let (_, page) = bench.get("/v2/received-text-messages").await;
    assert_eq!(page["received_text_messages"][0]["content"], "two");
    let next =
        page["links"]["next"].as_str().and_then(|next| next.strip_prefix(&bench.running.url));
    let (_, page) = bench.get(next.expect("a next page")).await;
    assert_eq!(
        page,
        json!({
            "received_text_messages": [],
            "links": {"current": bench.url("/v2/received-text-messages")},
        })
    );
}
