//! How much is too much, and the faults the sandbox can be made to show.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_notify::service::{DailyLimits, KeyKind, Permission, Service};

use crate::sandbox::bench::{Bench, error};
use crate::sandbox::requests::{EMAIL, LETTER, SMS, email, sms, with};

#[tokio::test]
async fn limits_by_the_minute_and_by_the_day() {
    let mut service = Service::council();
    service.rate_limit = 6;
    service.permissions.push(Permission::InternationalSms);
    service.daily_limits = Some(DailyLimits { email: 4, sms: 9, international_sms: 1, letter: 0 });
    let bench = Bench::of(service).await;
    for _ in 0..3 {
        assert_eq!(bench.post(EMAIL, &email("pat@example.com")).await.0, 201);
    }
    let (status, answer) = bench.post(EMAIL, &json!("refused before it is read")).await;
    let message = "Exceeded rate limit for key type LIVE of 6 requests per 60 seconds";
    assert_eq!((status, error(&answer)), (429, ("RateLimitError", message)));
    assert_eq!(bench.post_as(KeyKind::Test, EMAIL, &email("pat@example.com")).await.0, 201);
    bench.later_ms(10_000);
    assert_eq!(bench.post(EMAIL, &email("pat@example.com")).await.0, 201);
    bench.later_ms(60_000);
    let (status, answer) = bench.post(EMAIL, &email("pat@example.com")).await;
    let message = "Exceeded send limits (email: 4) for today";
    assert_eq!((status, error(&answer)), (429, ("TooManyRequestsError", message)));
    assert_eq!(bench.post(SMS, &sms("+33612345678")).await.0, 201);
    let (_, answer) = bench.post(SMS, &sms("+33612345678")).await;
    assert_eq!(error(&answer).1, "Exceeded send limits (international_sms: 1) for today");
    bench.later_ms(60_000);
    let (_, answer) = bench.post(LETTER, &json!({})).await;
    assert_eq!(error(&answer).1, "Exceeded send limits (letter: 0) for today");
    bench.later_ms(12 * 3_600_000);
    assert_eq!(bench.post(EMAIL, &email("pat@example.com")).await.0, 201);
}

#[tokio::test]
async fn a_lost_answer_is_an_accepted_message_and_a_lost_request_is_none() {
    let bench = Bench::council().await;
    bench
        .arm(&json!({"next": [
            {"kind": "lost_answer", "times": 2},
            {"kind": "lost_before"},
            {"kind": "status", "status": 503},
            {"kind": "status", "status": 429, "error": "TooManyRequestsError"},
        ]}))
        .await;
    let send = async |reference: &str| {
        let body = with(email("pat@example.com"), "reference", json!(reference));
        let request = bench.client.post(bench.url(EMAIL)).bearer_auth(bench.token(KeyKind::Live));
        request.body(body.to_string()).send().await.map(|response| response.status().as_u16())
    };
    assert!(send("a").await.is_err());
    let (_, list) = bench.get("/v2/notifications?reference=a").await;
    assert_eq!(list["notifications"].as_array().map(Vec::len), Some(1), "asking works meanwhile");
    assert!(send("b").await.is_err());
    assert!(send("c").await.is_err());
    assert_eq!(send("d").await.expect("an answer"), 503);
    assert_eq!(send("e").await.expect("an answer"), 429);
    assert_eq!(send("f").await.expect("an answer"), 201);
    let ledger = bench.ledger().await;
    let references: Vec<&str> =
        ledger.iter().filter_map(|entry| entry["reference"].as_str()).collect();
    assert_eq!(references, ["a", "b", "f"]);

    let request = bench.client.delete(bench.url("/sandbox/ledger"));
    assert_eq!(request.send().await.expect("an answer").status(), 204);
    assert!(bench.ledger().await.is_empty());
}

#[tokio::test]
async fn the_ledger_is_on_disk_before_the_caller_hears() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("ledger.jsonl");
    let bench = Bench::council().await;
    let _same = bench.sandbox.clone().with_ledger(&path).expect("a file");
    for _ in 0..3 {
        bench.post(EMAIL, &email("pat@example.com")).await;
    }
    let lines = std::fs::read_to_string(&path).expect("the ledger");
    let entries: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(entries, bench.ledger().await);
    assert_eq!(entries.len(), 3);
}
