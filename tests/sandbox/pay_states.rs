//! What becomes of a payment: by its payer, by its service, and by time alone.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use viaduct::sandbox::govuk_pay::control::webhook;
use viaduct::sandbox::govuk_pay::webhooks::signature;
use viaduct::sandbox::serving::Running;

use crate::sandbox::pay_bench::{PayBench, order};

fn id(payment: &Value) -> &str {
    payment["payment_id"].as_str().expect("an id")
}

async fn state(bench: &PayBench, payment: &Value) -> String {
    let (_, now) = bench.get(&format!("/v1/payments/{}", id(payment))).await;
    let state = &now["state"];
    let word = |name: &str| state[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", word("status"), state["finished"], word("code"))
}

#[tokio::test]
async fn a_new_payment_is_told_whole() {
    let bench = PayBench::open().await;
    let payment = bench.pay(&json!({"metadata": {"ledger": "CT"}})).await;
    assert_eq!(id(&payment).len(), 26);
    assert_eq!(payment["state"], json!({"status": "created", "finished": false}));
    assert_eq!(
        payment["refund_summary"],
        json!({"status": "pending", "amount_available": 14_500, "amount_submitted": 0})
    );
    assert_eq!(payment["settlement_summary"], json!({}));
    assert_eq!(payment["created_date"], "2026-11-22T12:00:00.000Z");
    assert!(payment.get("email").is_none() && payment.get("card_details").is_none());
    let links = payment["_links"].as_object().unwrap();
    let names: Vec<&str> = links.keys().map(String::as_str).collect();
    assert_eq!(names, ["self", "events", "refunds", "cancel", "next_url", "next_url_post"]);
}

#[tokio::test]
async fn a_payer_decides() {
    let bench = PayBench::open().await;
    for (does, wanted) in [
        ("start", "started false -"),
        ("submit", "submitted false -"),
        ("success", "success true -"),
        ("decline", "failed true P0010"),
        ("error", "error true P0050"),
        ("cancel", "failed true P0030"),
        ("abandon", "created false -"),
    ] {
        let payment = bench.pay(&json!({})).await;
        bench.payer(&payment, does).await;
        assert_eq!(state(&bench, &payment).await, wanted, "{does}");
    }
}

#[tokio::test]
async fn a_link_works_once_and_every_reading_makes_another() {
    let bench = PayBench::open().await;
    let payment = bench.pay(&json!({})).await;
    let next = |payment: &Value| payment["_links"]["next_url"]["href"].as_str().unwrap().to_owned();
    let first = next(&payment);
    let (_, again) = bench.get(&format!("/v1/payments/{}", id(&payment))).await;
    assert_ne!(first, next(&again));
    let opened = bench.client.get(&first).send().await.unwrap();
    assert_eq!(opened.status(), 303);
    assert_eq!(state(&bench, &payment).await, "started false -");
    assert_eq!(bench.client.get(&first).send().await.unwrap().status(), 400);
    let page = opened.headers()["location"].to_str().unwrap().to_owned();
    let page = bench.url(&page);
    let text = bench.client.get(&page).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("£145.00"), "{text}");
    let form = bench.client.post(&page).header("Content-Type", "application/x-www-form-urlencoded");
    let paid = form.body("does=success").send().await.unwrap();
    assert_eq!(paid.status(), 303);
    assert_eq!(paid.headers()["location"], "https://service.example.com/paid");
    assert_eq!(state(&bench, &payment).await, "success true -");
    let (_, done) = bench.get(&format!("/v1/payments/{}", id(&payment))).await;
    assert!(done["_links"].get("next_url").is_none() && done["_links"].get("cancel").is_none());
    assert_eq!(done["settlement_summary"]["captured_date"], "2026-11-22");
    assert_eq!(done["card_details"]["last_digits_card_number"], "1111");
    // The other form of the link.
    let other = bench.pay(&json!({})).await;
    let token = other["_links"]["next_url_post"]["params"]["chargeTokenId"].as_str().unwrap();
    let form = bench
        .client
        .post(bench.url("/secure"))
        .header("Content-Type", "application/x-www-form-urlencoded");
    assert_eq!(form.body(format!("chargeTokenId={token}")).send().await.unwrap().status(), 303);
}

#[tokio::test]
async fn time_ends_what_nobody_ends() {
    let bench = PayBench::open().await;
    let web = bench.pay(&json!({})).await;
    let delayed = bench.pay(&json!({"delayed_capture": true})).await;
    bench.payer(&delayed, "success").await;
    assert_eq!(state(&bench, &delayed).await, "capturable false -");
    bench.later_ms(5_400_000 - 400);
    assert_eq!(state(&bench, &web).await, "created false -");
    bench.later_ms(400);
    assert_eq!(state(&bench, &web).await, "failed true P0020");
    assert_eq!(state(&bench, &delayed).await, "capturable false -");
    bench.later_ms(432_000_000);
    assert_eq!(state(&bench, &delayed).await, "failed true P0020");
    let (_, events) = bench.get(&format!("/v1/payments/{}/events", id(&delayed))).await;
    let words: Vec<&str> = events["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["state"]["status"].as_str().unwrap())
        .collect();
    assert_eq!(words, ["created", "started", "submitted", "capturable", "failed"]);
}

#[tokio::test]
async fn a_service_cancels_and_captures() {
    let bench = PayBench::open().await;
    let payment = bench.pay(&json!({})).await;
    let path = |payment: &Value, call: &str| format!("/v1/payments/{}/{call}", id(payment));
    assert_eq!(bench.post(&path(&payment, "capture"), &json!({})).await.0, 409);
    assert_eq!(bench.post(&path(&payment, "cancel"), &json!({})).await.0, 204);
    assert_eq!(state(&bench, &payment).await, "cancelled true P0040");
    let (status, body) = bench.post(&path(&payment, "cancel"), &json!({})).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("P0501")));
    let delayed = bench.pay(&json!({"delayed_capture": true})).await;
    bench.payer(&delayed, "success").await;
    assert_eq!(bench.post(&path(&delayed, "capture"), &json!({})).await.0, 204);
    assert_eq!(state(&bench, &delayed).await, "success true -");
}

#[tokio::test]
async fn a_refund_is_guarded() {
    let bench = PayBench::open().await;
    let payment = bench.pay(&json!({})).await;
    let path = format!("/v1/payments/{}/refunds", id(&payment));
    let refund = |amount: Value, available: Value| {
        let body = match available {
            Value::Null => json!({"amount": amount}),
            available => json!({"amount": amount, "refund_amount_available": available}),
        };
        let (bench, path) = (&bench, path.clone());
        async move {
            let (status, body) = bench.post(&path, &body).await;
            (status, body["code"].as_str().unwrap_or("-").to_owned())
        }
    };
    let said = |status, code: &str| (status, code.to_owned());
    assert_eq!(refund(json!(100), json!(14_500)).await, said(400, "P0603"));
    bench.payer(&payment, "success").await;
    assert_eq!(refund(json!(100), json!(14_000)).await, said(412, "P0604"));
    assert_eq!(refund(json!("100"), json!(14_500)).await, said(400, "P0602"));
    assert_eq!(refund(json!(0), json!(14_500)).await, said(422, "P0602"));
    assert_eq!(refund(Value::Null, json!(14_500)).await, said(400, "P0601"));
    assert_eq!(refund(json!(4_500), json!(14_500)).await, said(202, "-"));
    assert_eq!(refund(json!(4_500), json!(14_500)).await, said(412, "P0604"));
    // Left out, the guard guards nothing.
    assert_eq!(refund(json!(10_000), Value::Null).await, said(202, "-"));
    assert_eq!(refund(json!(1), json!(1)).await, said(400, "P0603"));
    let (_, now) = bench.get(&format!("/v1/payments/{}", id(&payment))).await;
    assert_eq!(
        now["refund_summary"],
        json!({"status": "full", "amount_available": 0, "amount_submitted": 14_500})
    );
    let (_, all) = bench.get(&path).await;
    let refunds = all["_embedded"]["refunds"].as_array().unwrap();
    assert_eq!(refunds.len(), 2);
    let one = refunds[0]["refund_id"].as_str().unwrap();
    let (status, found) = bench.get(&format!("{path}/{one}")).await;
    assert_eq!((status, &found["status"]), (200, &json!("success")));
    bench.later_ms(2_000);
    assert_eq!(bench.get("/v1/refunds").await.1["total"], 2);
}

#[tokio::test]
async fn an_agreement_lets_a_service_collect_and_its_key_works_once() {
    let bench = PayBench::open().await;
    let (status, agreement) = bench
        .post("/v1/agreements", &json!({"reference": "CT", "description": "Council Tax by card"}))
        .await;
    assert_eq!((status, &agreement["status"]), (201, &json!("created")));
    let agreement = agreement["agreement_id"].as_str().unwrap().to_owned();
    let collects =
        json!({"authorisation_mode": "agreement", "return_url": null, "agreement_id": agreement});
    let (status, body) = bench.post("/v1/payments", &order(&collects)).await;
    assert_eq!(
        (status, body["description"].as_str().unwrap_or("").contains("must be active")),
        (400, true)
    );
    let first = bench.pay(&json!({"set_up_agreement": agreement})).await;
    bench.payer(&first, "success").await;
    let (_, now) = bench.get(&format!("/v1/agreements/{agreement}")).await;
    assert_eq!(
        (&now["status"], &now["payment_instrument"]["type"]),
        (&json!("active"), &json!("card"))
    );
    let collect = |key: &str, differences: Value| {
        let mut all = collects.clone();
        all.as_object_mut().unwrap().extend(differences.as_object().unwrap().clone());
        let request = bench
            .client
            .post(bench.url("/v1/payments"))
            .bearer_auth(viaduct::sandbox::govuk_pay::COUNCIL_KEY)
            .header("Idempotency-Key", key)
            .json(&order(&all));
        bench.send(request)
    };
    let (status, made) = collect("op-1", json!({})).await;
    assert_eq!((status, made["state"]["status"].as_str()), (201, Some("started")));
    let (status, same) = collect("op-1", json!({})).await;
    assert_eq!((status, &same["payment_id"]), (200, &made["payment_id"]));
    let (status, body) = collect("op-1", json!({"amount": 1})).await;
    assert_eq!((status, body["code"].as_str()), (409, Some("P0191")));
    let (status, body) = collect("op 1", json!({})).await;
    assert_eq!((status, body["header"].as_str()), (422, Some("Idempotency-Key")));
    bench.later_ms(2_000);
    assert_eq!(state(&bench, &made).await, "success true -");
    bench.later_ms(86_400_000);
    assert_eq!(collect("op-1", json!({})).await.0, 201);
    assert_eq!(bench.post(&format!("/v1/agreements/{agreement}/cancel"), &json!({})).await.0, 204);
    let (status, body) =
        bench.post(&format!("/v1/agreements/{agreement}/cancel"), &json!({})).await;
    assert_eq!((status, body["code"].as_str()), (400, Some("P2501")));
}

#[tokio::test]
async fn a_key_means_nothing_for_a_payment_on_a_page() {
    let bench = PayBench::open().await;
    let create = || {
        let request = bench
            .client
            .post(bench.url("/v1/payments"))
            .bearer_auth(viaduct::sandbox::govuk_pay::COUNCIL_KEY)
            .header("Idempotency-Key", "op-1")
            .json(&order(&json!({})));
        bench.send(request)
    };
    let (first, second) = (create().await.1, create().await.1);
    assert_ne!(first["payment_id"], second["payment_id"]);
}

#[tokio::test]
async fn a_search_lags_and_comes_in_pages() {
    let bench = PayBench::open().await;
    for number in 0..5 {
        bench.pay(&json!({"reference": format!("Ref-{}", number % 2)})).await;
    }
    assert_eq!(bench.get("/v1/payments").await.1["total"], 0);
    bench.later_ms(1_000);
    let (_, found) = bench.get("/v1/payments?reference=REF-0").await;
    assert_eq!(found["total"], 3);
    assert!(found["results"][0]["_links"].get("next_url").is_none());
    let (_, page) = bench.get("/v1/payments?display_size=2&page=2").await;
    assert_eq!((&page["total"], &page["count"], &page["page"]), (&json!(5), &json!(2), &json!(2)));
    let links: Vec<&String> = page["_links"].as_object().unwrap().keys().collect();
    assert_eq!(links, ["self", "first_page", "last_page", "prev_page", "next_page"]);
    let (status, body) = bench.get("/v1/payments?page=4&display_size=2").await;
    assert_eq!((status, body["code"].as_str()), (404, Some("P0402")));
    let (status, body) =
        bench.get("/v1/payments?page=0&from_date=yesterday&state=capturable").await;
    assert_eq!((status, body["code"].as_str()), (422, Some("P0401")));
    assert_eq!(
        body["description"],
        "Invalid parameters: state, from_date, page. See Public API documentation for the correct data formats"
    );
    let windows = "/v1/payments?from_date=2026-11-22T12:00:00Z&to_date=2026-11-22T12:00:00Z";
    assert_eq!(bench.get(windows).await.1["total"], 0);
    assert_eq!(bench.get("/v1/agreements?colour=red").await.1["code"], "P2401");
    assert_eq!(bench.get("/v1/disputes").await.1["total"], 0);
    // What happened a moment ago is not found yet either.
    let (_, all) = bench.get("/v1/payments").await;
    bench.payer(&all["results"][0], "success").await;
    assert_eq!(bench.get("/v1/payments?state=success").await.1["total"], 0);
    bench.later_ms(1_000);
    assert_eq!(bench.get("/v1/payments?state=success").await.1["total"], 1);
}

#[tokio::test]
async fn answers_are_lost_on_request() {
    let bench = PayBench::open().await;
    let lost = |kind: &str| json!({"next": [{"kind": kind, "path": "/v1/payments"}]});
    for (kind, kept) in [("lost_answer", 1), ("lost_before", 1)] {
        bench.control("/sandbox/faults", &lost(kind)).await;
        let request = bench
            .client
            .post(bench.url("/v1/payments"))
            .bearer_auth(viaduct::sandbox::govuk_pay::COUNCIL_KEY)
            .json(&order(&json!({})));
        assert!(request.send().await.is_err());
        let (_, ledger) = bench.get("/sandbox/ledger").await;
        assert_eq!(ledger["count"], kept, "{kind}");
    }
    bench.control("/sandbox/faults", &json!({"next": [{"kind": "status", "status": 500}]})).await;
    let (status, body) = bench.post("/v1/payments", &order(&json!({}))).await;
    assert_eq!((status, body["code"].as_str()), (500, Some("P0198")));
}

type Heard = Arc<Mutex<Vec<(String, String)>>>;

async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: String) -> StatusCode {
    let mut heard = heard.lock().unwrap();
    heard.push((headers["pay-signature"].to_str().unwrap().to_owned(), body));
    // The first is refused, so that it comes again.
    if heard.len() == 1 { StatusCode::INTERNAL_SERVER_ERROR } else { StatusCode::OK }
}

#[tokio::test]
async fn webhooks_are_signed_and_come_again_until_somebody_takes_them() {
    let heard = Heard::default();
    let router = Router::new().route("/pay", post(hear)).with_state(Arc::clone(&heard));
    let listener = Running::start(router, 0).await.unwrap();
    let to = webhook(&format!("{}/pay", listener.url), "webhook_test_secret");
    let bench = PayBench::with(false, vec![to]).await;
    let payment = bench.pay(&json!({})).await;
    bench.payer(&payment, "success").await;
    bench.sandbox.deliver_webhooks().await;
    bench.sandbox.deliver_webhooks().await;
    assert_eq!(heard.lock().unwrap().len(), 2);
    bench.later_ms(60_000);
    bench.sandbox.deliver_webhooks().await;
    let all = heard.lock().unwrap().clone();
    let kinds: Vec<String> = all
        .iter()
        .map(|(signed, body)| {
            assert_eq!(*signed, signature("webhook_test_secret", body.as_bytes()));
            let body: Value = serde_json::from_str(body).unwrap();
            assert!(body["resource"].get("_links").is_none());
            assert_eq!(body["resource_id"], payment["payment_id"]);
            body["event_type"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(
        kinds,
        ["card_payment_succeeded", "card_payment_captured", "card_payment_succeeded"]
    );
    let expiring = bench.pay(&json!({})).await;
    bench.later_ms(5_400_000);
    bench.get(&format!("/v1/payments/{}", id(&expiring))).await;
    bench.sandbox.deliver_webhooks().await;
    let last = heard.lock().unwrap().last().unwrap().1.clone();
    assert!(last.contains("card_payment_expired"), "{last}");
}
