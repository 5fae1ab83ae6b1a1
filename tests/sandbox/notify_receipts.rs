//! Delivery receipts: told once, told again to an address that is broken, never again to one that
//! says no.

use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use axum::{Json, Router};
use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::council::{EMAIL_CONTACT_CHANGED, SMS_CONTACT_CHANGED};
use viaduct::sandbox::govuk_notify::service::{Callback, KeyKind, Permission, Service};
use viaduct::sandbox::serving::Running;

use crate::sandbox::bench::Bench;

/// An address that answers what it is told to, and remembers what it heard.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<(String, Value)>>>,
    answers: Arc<Mutex<Vec<u16>>>,
}

impl Listener {
    async fn start(answers: &[u16]) -> (Self, Running) {
        let listener = Self::default();
        listener.answers.lock().expect("whole").extend(answers.iter().rev());
        let router = Router::new().route("/receipts", post(hear)).with_state(listener.clone());
        (listener, Running::start(router, 0).await.expect("a free port"))
    }

    fn heard(&self) -> Vec<(String, Value)> {
        self.heard.lock().expect("whole").clone()
    }
}

async fn hear(
    State(listener): State<Listener>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> StatusCode {
    let token = headers["authorization"].to_str().expect("text").to_owned();
    listener.heard.lock().expect("whole").push((token, body));
    let answer = listener.answers.lock().expect("whole").pop().unwrap_or(204);
    StatusCode::from_u16(answer).expect("a status")
}

async fn bench(running: &Running) -> Bench {
    let mut service = Service::council();
    service.permissions.push(Permission::InternationalSms);
    service.receipts = Some(Callback {
        url: format!("{}/receipts", running.url),
        bearer_token: "a-token-we-chose".to_owned(),
    });
    Bench::with_receipts_on_request(service).await
}

async fn send(bench: &Bench, channel: &str, to: &str) -> String {
    let (field, template) = match channel {
        "email" => ("email_address", EMAIL_CONTACT_CHANGED),
        _ => ("phone_number", SMS_CONTACT_CHANGED),
    };
    let body = json!({
        field: to,
        "template_id": template,
        "personalisation": {"first_name": "Pat", "account": "1"},
        "reference": "r-1",
    });
    let path = format!("/v2/notifications/{channel}");
    let (status, answer) = bench.post_as(KeyKind::Test, &path, &body).await;
    assert_eq!(status, 201, "{answer}");
    answer["id"].as_str().expect("an id").to_owned()
}

#[tokio::test]
async fn a_receipt_tells_the_fate_when_it_is_known_and_not_before() {
    let (listener, running) = Listener::start(&[]).await;
    let bench = bench(&running).await;
    let id = send(&bench, "email", " Perm-fail@example.com").await;
    let failing = send(&bench, "sms", "07700900002").await;
    send(&bench, "sms", "+1 202 555 0100").await;
    send(&bench, "email", "simulate-delivered@notifications.service.gov.uk").await;
    bench.sandbox.deliver_receipts().await;
    assert!(listener.heard().is_empty());

    bench.later_ms(1_000);
    bench.sandbox.deliver_receipts().await;
    bench.sandbox.deliver_receipts().await;
    let heard = listener.heard();
    assert_eq!(heard.len(), 2, "{heard:?}");
    let (token, receipt) = &heard[0];
    assert_eq!(token, "Bearer a-token-we-chose");
    assert_eq!(receipt["id"], id.as_str());
    assert_eq!(receipt["reference"], "r-1");
    assert_eq!(receipt["to"], "Perm-fail@example.com");
    assert_eq!(receipt["status"], "delivered");
    assert_eq!(receipt["created_at"], "2026-11-22T12:00:00.000000Z");
    assert_eq!(receipt["completed_at"], "2026-11-22T12:00:00.500000Z");
    assert_eq!(receipt["notification_type"], "email");
    assert_eq!(receipt["template_version"], 1);
    assert_eq!(heard[1].1["id"], failing.as_str());
    assert_eq!(heard[1].1["status"], "permanent-failure");
}

#[tokio::test]
async fn a_broken_address_is_told_again_five_times_and_one_that_says_no_never() {
    for (answers, told) in
        [(&[503; 9][..], 6), (&[429, 204], 2), (&[404, 204], 1), (&[500, 401, 204], 2)]
    {
        let (listener, running) = Listener::start(answers).await;
        let bench = bench(&running).await;
        send(&bench, "email", "pat@example.com").await;
        bench.later_ms(1_000);
        bench.sandbox.deliver_receipts().await;
        for _ in 0..9 {
            bench.later_ms(299_999);
            let before = listener.heard().len();
            bench.sandbox.deliver_receipts().await;
            assert_eq!(listener.heard().len(), before, "told too soon");
            bench.later_ms(1);
            bench.sandbox.deliver_receipts().await;
        }
        assert_eq!(listener.heard().len(), told, "{answers:?}");
    }
}

#[tokio::test]
async fn a_served_sandbox_tells_receipts_by_itself() {
    let (listener, running) = Listener::start(&[]).await;
    let mut service = Service::council();
    service.receipts =
        Some(Callback { url: format!("{}/receipts", running.url), bearer_token: "t".to_owned() });
    let bench = Bench::of(service).await;
    send(&bench, "email", "pat@example.com").await;
    bench.later_ms(1_000);
    let told = async {
        while listener.heard().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), told).await.expect("a receipt");
}
