//! GOV.UK Pay's own contract, held against what our client asks and what our sandbox answers.

mod prism;

use std::collections::BTreeSet;

use serde_json::Value;

use self::prism::{Prism, Violation};
use crate::connectors::govuk_pay;
use crate::sandbox::bench::client;
use crate::sandbox::pay_bench::PayBench;

/// Every call of the client, as its own tests make them.
async fn every_call(bench: &PayBench) {
    govuk_pay::create_read_and_cancel(bench).await;
    govuk_pay::capture(bench).await;
    govuk_pay::refunds(bench).await;
    govuk_pay::agreements(bench).await;
    govuk_pay::search(bench).await;
    govuk_pay::deliver_and_ask(bench).await;
}

/// What the contract is known to be wrong about: tests/contracts/README.md.
fn is_known(violation: &Violation) -> bool {
    let Violation { place, says } = violation;
    let agreement = place == "request.body" && says.contains("'return_url'");
    let no_body = place == "request" && says.starts_with("No supported content types, but request");
    let params = place.starts_with("response.body") && place.contains(".params.");
    let status =
        place == "response" && says.starts_with("Unable to match the returned status code");
    agreement || no_body || params || status
}

fn unknown(violations: Vec<Violation>) -> Vec<Violation> {
    violations.into_iter().filter(|one| !is_known(one)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_request_of_the_client_and_of_the_demonstration_is_legal() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let requests = folder.path().join("requests.jsonl");
    every_call(&PayBench::recording(&requests).await).await;
    let demo = folder.path().join("demo");
    let played = tokio::process::Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["demo", "--json", "--folder"])
        .arg(&demo)
        .args(["--definitions", env!("CARGO_MANIFEST_DIR")])
        .output()
        .await
        .expect("the program");
    let said = String::from_utf8_lossy(&played.stderr).into_owned();
    assert!(played.status.success(), "{said}");
    let mut lines = lines_of(&requests);
    let of_client = lines.len();
    lines.extend(lines_of(&demo.join("pay-requests.jsonl")));
    assert!(of_client > 12 && lines.len() > of_client + 2, "{of_client} {}", lines.len());

    let prism = Prism::mock().await;
    let http = client();
    let mut refused = Vec::new();
    for line in &lines {
        let request: Value = serde_json::from_str(line).expect("a line of JSON");
        let url = format!("{}{}", prism.url, request["path"].as_str().expect("a path"));
        let mut asked = match request["method"].as_str() {
            Some("POST") => http.post(url).json(&request["body"]),
            _ => http.get(url),
        };
        if let Some(key) = request["headers"]["Idempotency-Key"].as_str() {
            asked = asked.header("Idempotency-Key", key);
        }
        let answer = asked.bearer_auth("api_test_key").send().await.expect("an answer");
        // What the mock makes up as an answer is its own business.
        let ours = prism::violations(&answer).into_iter();
        let ours = ours.filter(|one| one.place.starts_with("request")).collect();
        refused.extend(unknown(ours).into_iter().map(|one| format!("{line}: {one:?}")));
    }
    assert_eq!(refused, Vec::<String>::new());
    // And it would be seen.
    let wrong = http.post(format!("{}/v1/payments", prism.url)).bearer_auth("api_test_key");
    let wrong = wrong.json(&serde_json::json!({ "amount": "145.00" })).send().await;
    let found = unknown(prism::violations(&wrong.expect("an answer")));
    assert!(found.len() >= 2, "{found:?}");
}

/// Distinct requests of a recording.
fn lines_of(path: &std::path::Path) -> BTreeSet<String> {
    let text = std::fs::read_to_string(path).expect("a recording");
    text.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sandbox_answers_as_the_contract_says() {
    let mut bench = PayBench::open().await;
    let (prism, seen) = Prism::before(&bench.running.url).await;
    bench.before = Some(prism.url.clone());
    every_call(&bench).await;
    let seen = seen.lock().expect("nobody panicked").clone();
    assert!(seen.calls > 30, "{}", seen.calls);
    let faults = unknown(seen.violations);
    assert!(faults.is_empty(), "{faults:?}");
}
