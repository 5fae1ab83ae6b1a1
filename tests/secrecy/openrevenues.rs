//! A system whose every address holds the password or a session, asked by the real program, which logs all
//! that it can: whatever goes wrong, neither is said, and nobody's name or number.

use std::process::Command;

use viaduct::sandbox::civica_openrevenues::PASSWORD;
use viaduct::sandbox::civica_openrevenues::state::SignedOut;

use crate::connectors::civica::Stage;
use crate::support::hub::{On, on_both};

on_both! {
    no_address_of_openrevenues_is_ever_said => super::nothing_is_said,
}

const WRONG: &str = "zqsecret-that-ran-out";

async fn nothing_is_said(on: On) {
    let stage = Stage::open(on, 12).await;
    stage.list_everybody();
    let sandbox = stage.bench.sandbox.clone();
    let mut said = String::new();
    let mut run = |words: &[&str], own: &[(&str, &str)]| {
        let done = Command::new(env!("CARGO_BIN_EXE_viaduct"))
            .args(["--database", &stage.hub.url, "--definitions"])
            .arg(&stage.hub.definitions)
            .args(words)
            .envs(stage.hub.variables())
            .envs(own.iter().copied())
            .env("VIADUCT_LOG", "trace")
            .env("VIADUCT_LOG_FORMAT", if on == On::Sqlite { "text" } else { "json" })
            .output()
            .unwrap();
        for bytes in [&done.stdout, &done.stderr] {
            said.push_str(&String::from_utf8_lossy(bytes));
        }
        done.status.code()
    };
    let ingest = ["run", "ingest-openrevenues"];
    // Refused, twice; not there at all; over in mid-run, in every way; mixed up; an error inside; and good.
    assert_ne!(run(&ingest, &[("OPENREVENUES_PASSWORD", WRONG)]), Some(0));
    assert_ne!(
        run(
            &ingest,
            &[
                ("OPENREVENUES_URL", "http://127.0.0.1:9/openrevenues"),
                ("OPENREVENUES_HOST", "127.0.0.1:9",)
            ]
        ),
        Some(0)
    );
    sandbox.behave(|behaviour| behaviour.calls_max = Some(3));
    for how in [SignedOut::LoggedInFalse, SignedOut::Html, SignedOut::SoapFault] {
        sandbox.behave(|behaviour| behaviour.signed_out = how);
        assert_ne!(run(&ingest, &[]), Some(0));
    }
    sandbox.behave(|behaviour| {
        behaviour.calls_max = None;
        behaviour.mixes_sessions = true;
    });
    run(&ingest, &[]);
    sandbox.behave(|behaviour| {
        behaviour.mixes_sessions = false;
        behaviour.errs_at = Some("990000003".to_owned());
    });
    sandbox.forget_sessions();
    run(&ingest, &[]);
    run(&["run", "ingest-openrevenues-benefits"], &[]);
    for words in [&["batches"][..], &["held"], &["batches", "--json"]] {
        run(words, &[]);
    }
    assert!(said.contains("TRACE") && said.contains("civica.sign_in"), "nothing was logged");
    let said = said.to_lowercase();
    let mut never = vec![PASSWORD.to_owned(), WRONG.to_owned(), "EX0SESSION".to_owned()];
    never.extend(["personref=", "password=", "sessionid="].map(str::to_owned));
    for (person, account) in sandbox.people() {
        let (surname, _) = sandbox.resident(&person).unwrap();
        never.extend([person, account, surname]);
    }
    let found: Vec<&String> =
        never.iter().filter(|never| said.contains(&never.to_lowercase())).collect();
    assert!(found.is_empty(), "{found:?} in {} bytes", said.len());
}
