//! The platform's own Python client, unchanged, against the sandbox.

use std::process::Command;

use serde_json::Value;
use viaduct::sandbox::govuk_notify::council;

use crate::sandbox::bench::Bench;

#[tokio::test(flavor = "multi_thread")]
async fn the_official_client_sends_and_reads_through_the_sandbox() {
    let root = env!("CARGO_MANIFEST_DIR");
    let made = Command::new("sh").arg(format!("{root}/scripts/python.sh")).status();
    assert!(made.expect("a shell").success(), "scripts/python.sh could not make .venv");

    // The client reads the machine's clock, so the sandbox must too.
    let bench = Bench::on_the_wall_clock().await;
    let url = bench.running.url.clone();
    let script = format!("{root}/tests/sandbox/python_client.py");
    let ran = tokio::task::spawn_blocking(move || {
        Command::new(format!("{root}/.venv/bin/python"))
            .arg(script)
            .args([url, format!("hub-test-{}-{}", council::SERVICE_ID, council::TEST_SECRET)])
            .args([council::EMAIL_MOVED_HOME, council::SMS_MOVED_HOME, council::LETTER_MOVED_HOME])
            .env_remove("HTTP_PROXY")
            .env_remove("http_proxy")
            .output()
    });
    let ran = ran.await.expect("the thread ends").expect("python runs");
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{errors}");

    let said: Value = serde_json::from_slice(&ran.stdout).expect("JSON");
    assert_eq!(said["types"], serde_json::json!(["letter", "sms", "email"]));
    assert_eq!(said["email_reference"], "py-email");
    assert_eq!(said["sms_body"].as_str().map(|body| body.starts_with("Pat, ")), Some(true));
    assert_eq!(said["pdf"], true);
    assert_eq!(said["unknown_template"], serde_json::json!([400, "BadRequestError"]));
    assert_eq!(said["templates"], 9);
    assert_eq!(bench.ledger().await.len(), 3);
}
