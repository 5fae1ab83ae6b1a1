//! What the platform refuses, and in which words.

use serde_json::{Value, json};
use viaduct::sandbox::govuk_pay::COUNCIL_KEY;

use crate::sandbox::pay_bench::{PayBench, order};

fn told(body: &Value) -> String {
    let text = |name: &str| body[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} [{}]", text("code"), text("description"), text("field"))
}

#[tokio::test]
async fn a_payment_is_refused_by_its_first_fault() {
    let bench = PayBench::open().await;
    let long = "x".repeat(256);
    let many: Value =
        (0..16).map(|n| (format!("k{n}"), json!("v"))).collect::<serde_json::Map<_, _>>().into();
    let id = "a".repeat(26);
    for (differences, status, wanted) in [
        (json!({"amount": null}), 400, "P0101 Missing mandatory attribute: amount [amount]"),
        (
            json!({"amount": 1.5}),
            400,
            "P0102 Invalid attribute value: amount. Must be a valid numeric format [amount]",
        ),
        (
            json!({"amount": "5"}),
            400,
            "P0102 Invalid attribute value: amount. Must be a valid numeric format [amount]",
        ),
        (
            json!({"amount": 0}),
            422,
            "P0102 Invalid attribute value: amount. Must be greater than or equal to 1 [amount]",
        ),
        (
            json!({"amount": 10_000_001}),
            422,
            "P0102 Invalid attribute value: amount. Must be less than or equal to 10000000 [amount]",
        ),
        (
            json!({"reference": null}),
            400,
            "P0101 Missing mandatory attribute: reference [reference]",
        ),
        (
            json!({"reference": "  "}),
            400,
            "P0101 Missing mandatory attribute: reference [reference]",
        ),
        (
            json!({"reference": 7}),
            400,
            "P0102 Invalid attribute value: reference. Must be a valid string format [reference]",
        ),
        (
            json!({"reference": "a<b"}),
            400,
            "P0102 Invalid attribute value: reference. Must be a valid string format [reference]",
        ),
        (
            json!({"reference": long}),
            422,
            "P0102 Invalid attribute value: reference. Must be less than or equal to 255 characters length [reference]",
        ),
        (
            json!({"description": null}),
            400,
            "P0101 Missing mandatory attribute: description [description]",
        ),
        (
            json!({"return_url": null}),
            400,
            "P0101 Missing mandatory attribute: return_url [return_url]",
        ),
        (
            json!({"return_url": "paid"}),
            400,
            "P0102 Invalid attribute value: return_url. Must be a valid URL format [return_url]",
        ),
        (
            json!({"language": "fr"}),
            422,
            "P0102 Invalid attribute value: language. Must be \"en\" or \"cy\" [language]",
        ),
        (
            json!({"email": "x".repeat(255)}),
            422,
            "P0102 Invalid attribute value: email. Must be less than or equal to 254 characters length [email]",
        ),
        (
            json!({"metadata": []}),
            422,
            "P0102 Invalid attribute value: metadata. Must be an object of JSON key-value pairs [metadata]",
        ),
        (
            json!({"metadata": {"a": [1]}}),
            422,
            "P0102 Invalid attribute value: metadata. Values must be of type String, Boolean or Number [metadata]",
        ),
        (
            json!({"metadata": {"": null}}),
            422,
            "P0102 Invalid attribute value: metadata. Must not have null values. Keys must be between 1 and 30 characters long [metadata]",
        ),
        (
            json!({"metadata": {"a": "x".repeat(101)}}),
            422,
            "P0102 Invalid attribute value: metadata. Values must be no greater than 100 characters long [metadata]",
        ),
        (
            json!({"metadata": many}),
            422,
            "P0102 Invalid attribute value: metadata. Cannot have more than 15 key-value pairs [metadata]",
        ),
        (
            json!({"delayed_capture": "yes"}),
            400,
            "P0102 Invalid attribute value: delayed_capture. Must be true or false [delayed_capture]",
        ),
        (
            json!({"authorisation_mode": "post"}),
            422,
            "P0102 Invalid attribute value: authorisation_mode. Must be one of web, agreement, moto_api [authorisation_mode]",
        ),
        (
            json!({"agreement_id": id}),
            400,
            "P0104 Unexpected attribute: agreement_id [agreement_id]",
        ),
        (
            json!({"authorisation_mode": "agreement", "agreement_id": id}),
            400,
            "P0104 Unexpected attribute: return_url [return_url]",
        ),
        (
            json!({"authorisation_mode": "agreement", "return_url": null}),
            400,
            "P0101 Missing mandatory attribute: agreement_id [agreement_id]",
        ),
        (
            json!({"authorisation_mode": "agreement", "return_url": null, "agreement_id": id, "email": "a@example.com"}),
            400,
            "P0104 Unexpected attribute: email [email]",
        ),
        (
            json!({"authorisation_mode": "agreement", "return_url": null, "agreement_id": id}),
            400,
            "P0103 Invalid attribute value: agreement_id. Agreement ID does not exist [agreement_id]",
        ),
        (
            json!({"set_up_agreement": id}),
            400,
            "P0103 Invalid attribute value: set_up_agreement. Agreement ID does not exist [set_up_agreement]",
        ),
        (
            json!({"agreement_payment_type": "recurring"}),
            400,
            "P0104 Unexpected attribute: agreement_payment_type [agreement_payment_type]",
        ),
    ] {
        let (found, body) = bench.post("/v1/payments", &order(&differences)).await;
        assert_eq!((found, told(&body).as_str()), (status, wanted), "{differences}");
        bench.later_ms(100);
    }
    for differences in [
        json!({}),
        json!({"unknown": {"any": "thing"}}),
        json!({"language": "cy", "email": "a@example.com", "metadata": {"a": "", "b": 1, "c": true}}),
        json!({"return_url": "http://localhost/paid", "delayed_capture": true}),
        json!({"authorisation_mode": "moto_api", "return_url": null}),
    ] {
        bench.pay(&differences).await;
    }
}

#[tokio::test]
async fn the_firewall_and_the_door_come_first() {
    let bench = PayBench::open().await;
    let at = |path: &str| bench.client.post(bench.url(path));
    let whole = order(&json!({})).to_string();
    let json =
        |request: reqwest::RequestBuilder| request.header("Content-Type", "application/json");
    for (request, status, code) in [
        (at("/v1/payments").bearer_auth(COUNCIL_KEY).body(whole.clone()), 400, "P0920"),
        (json(at("/v1/payments")).bearer_auth(COUNCIL_KEY), 400, "P0920"),
        (
            json(at("/v1/payments"))
                .bearer_auth(COUNCIL_KEY)
                .header("Accept", "text/html")
                .body(whole.clone()),
            400,
            "P0920",
        ),
        (
            at("/v1/payments")
                .bearer_auth(COUNCIL_KEY)
                .json(&order(&json!({"description": "a`b"}))),
            400,
            "P0920",
        ),
        (json(at("/v1/payments")).bearer_auth(COUNCIL_KEY).body("{"), 400, "P0197"),
        (json(at("/v1/payments")).bearer_auth(COUNCIL_KEY).body("[]"), 400, "P0197"),
        (json(at("/v1/payments/none/cancel")).bearer_auth(COUNCIL_KEY), 400, "P0920"),
        (json(at("/v1/payments/none/cancel")).bearer_auth(COUNCIL_KEY).body("{}"), 404, "P0500"),
        (json(at("/v1/payments/none/capture")).bearer_auth(COUNCIL_KEY).body("{}"), 404, "P1000"),
    ] {
        let (found, body) = bench.send(request).await;
        assert_eq!((found, body["code"].as_str().unwrap_or("-")), (status, code), "{body}");
    }
    for key in [None, Some("api_test_of_somebody_else")] {
        let mut request = at("/v1/payments").json(&order(&json!({})));
        if let Some(key) = key {
            request = request.bearer_auth(key);
        }
        let (status, body) = bench.send(request).await;
        assert_eq!(status, 401);
        assert!(!body.is_object(), "its body is none of the usual objects: {body}");
    }
    let live = PayBench::with(true, Vec::new()).await;
    let (status, body) = live
        .post("/v1/payments", &order(&json!({"return_url": "http://service.example.com/"})))
        .await;
    assert_eq!((status, body["code"].as_str()), (422, Some("P0920")));
}

#[tokio::test]
async fn so_many_calls_in_a_second_and_no_more() {
    let bench = PayBench::open().await;
    let all = order(&json!({}));
    for _ in 0..15 {
        assert_eq!(bench.post("/v1/payments", &all).await.0, 201);
    }
    let (status, body) = bench.post("/v1/payments", &all).await;
    assert_eq!((status, body["code"].as_str()), (429, Some("P0900")));
    // Other posts are counted apart, and the next second begins anew.
    assert_eq!(bench.post("/v1/payments/none/cancel", &json!({})).await.0, 404);
    bench.later_ms(1_000);
    assert_eq!(bench.post("/v1/payments", &all).await.0, 201);
}
