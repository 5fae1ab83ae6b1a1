//! The OpenAPI document, held by a program that tries every route with whatever the document allows, and with
//! what it does not: no answer is a fault of ours, and none is one that the document does not have.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use viaduct::access::scope::{Allowed, Scope};
use viaduct::app::clock::MachineClock;
use viaduct::job::clock::Clock;

use super::Served;
use crate::support::hub::{On, TestHub};

/// Each look moves it on: nobody's store of calls is ever empty.
struct Hasty(AtomicI64);

impl Clock for Hasty {
    fn now_ms(&self) -> i64 {
        self.0.fetch_add(100, Ordering::Relaxed)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_in_the_document_and_none_is_a_fault() {
    for on in [On::Sqlite, On::Postgres] {
        let hub = TestHub::open_with(on, std::path::Path::new("tests/inbound/hub")).await;
        let clock = Arc::new(Hasty(AtomicI64::new(MachineClock.now_ms())));
        let served = Served::with_clock(hub, clock, &[]).await;
        let scopes = Scope::ALL.into_iter().map(Allowed::Scope);
        let pushes = ["housing", "lines"].map(|name| Allowed::Push(name.to_owned()));
        let key = served.key_with("tries", scopes.chain(pushes).collect(), &[]).await;
        let root = env!("CARGO_MANIFEST_DIR");
        let made = Command::new("sh").arg(format!("{root}/scripts/python.sh")).status();
        assert!(made.expect("a shell").success(), "scripts/python.sh could not make .venv");
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new(format!("{root}/.venv/bin/st"));
        command
            .current_dir(folder.path())
            .env("NO_PROXY", "127.0.0.1")
            .args(["run", &format!("{}/api/v1/openapi.json", served.url)])
            .args(["--url", &served.url, "--header", &format!("Authorization: Bearer {key}")])
            .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"])
            .args(["--max-examples", "10", "--generation-deterministic"])
            .args(["--request-timeout", "40", "--no-color"]);
        let ran = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
        let ran = ran.expect("schemathesis runs");
        let said = String::from_utf8_lossy(&ran.stdout);
        assert!(ran.status.success(), "{on:?}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        assert!(said.contains("Tested: 91"), "{said}");
    }
}
