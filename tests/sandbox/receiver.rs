//! Systems that are told by HTTP, as far as a hub can tell: each kind keeps its own promise, and what was
//! done is on disk before the caller hears of it.

use std::fs;
use std::sync::Arc;

use serde_json::{Value, json};
use viaduct::sandbox::receiver::Receiver;

use super::bench::client;

#[tokio::test]
async fn each_kind_does_what_it_says_and_writes_it_down() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("ledger.jsonl");
    let receiver = Receiver::new(Arc::new(|| 0)).with_ledger(&path).expect("a file");
    let running = receiver.serve(0).await.expect("a free port");
    let tell = async |system: &str, key: &str, body: &str| {
        let request = client().post(format!("{}/{system}", running.url)).body(body.to_owned());
        let request = request.header("idempotency-key", key).header("webhook-id", key);
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    };
    let ask = async |reference: &str| {
        let url = format!("{}/asked/{reference}", running.url);
        client().get(url).send().await.expect("an answer").status().as_u16()
    };
    let written = || -> Vec<Value> {
        let text = fs::read_to_string(&path).expect("a ledger");
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };

    let first = tell("keyed", "\"a-1\"", "{}").await;
    assert_eq!(first, (201, "{\"id\":1}".to_owned()));
    assert_eq!(tell("keyed", "\"a-1\"", "{}").await, (200, "{\"id\":1}".to_owned()));
    assert_eq!(tell("keyed", "a-1", "{\"other\":1}").await.0, 422);
    assert_eq!(written().len(), 1);

    assert_eq!(ask("b-1").await, 404);
    for _ in 0..2 {
        assert_eq!(tell("asked", "b-1", "{}").await.0, 201);
        assert_eq!(tell("plain", "b-1", "{}").await.0, 201);
    }
    assert_eq!(ask("b-1").await, 200);
    assert_eq!(ask("a-1").await, 404, "another system has that one");
    let ledger = written();
    assert_eq!(ledger.len(), 5, "two of the kinds do what comes twice twice");
    assert_eq!((&ledger[0]["system"], &ledger[0]["key"]), (&json!("keyed"), &json!("a-1")));

    let nothing = client().get(format!("{}/keyed", running.url)).send().await.expect("an answer");
    assert_eq!(nothing.status().as_u16(), 405);
}
