//! When it cannot be asked: an error in a 200, a sign-in page in a 200 (bad input B13); a session that ends,
//! a password that changes, a certificate that runs out in mid-run (fault F35). What is wrong is said; what
//! is to be asked waits; and nobody locks the account out by trying.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use viaduct::connector::channel::{ConnectorError, Source};
use viaduct::connector::civica_openrevenues::OpenRevenues;
use viaduct::connector::civica_openrevenues::fault::Fault;
use viaduct::connector::civica_openrevenues::settings::CivicaSettings;
use viaduct::sandbox::civica_openrevenues::PASSWORD;
use viaduct::sandbox::civica_openrevenues::state::SignedOut;

use super::{Bench, NOON_MS, Stage};
use crate::faults::proxy::{Direction, Flow, Proxy};
use crate::support::hub::{On, on_both};

on_both! {
    b13_what_is_no_data_is_never_no_records => super::no_data,
    f35_a_password_that_changes_stops_the_run_and_is_not_tried_on => super::password,
    f22_f23_a_slow_or_silent_system_has_its_time_and_is_asked_again => super::slow_or_silent,
    a_system_that_is_down_is_asked_again_from_the_same_place => super::down,
    replies_that_are_mixed_up_hold_the_poll => super::mixed,
}

async fn no_data(on: On) {
    let stage = Stage::open(on, 5).await;
    stage.list_everybody();
    stage.bench.sandbox.behave(|behaviour| behaviour.calls_max = Some(2));
    for (how, said) in [
        (SignedOut::Html, "a page for people came in place of data"),
        (SignedOut::SoapFault, "a SOAP fault came in place of data"),
        (SignedOut::LoggedInFalse, "it says that we are signed out"),
        (SignedOut::Another, "another document came than was asked for"),
        (SignedOut::Nothing, "an empty answer came"),
    ] {
        stage.bench.sandbox.behave(|behaviour| behaviour.signed_out = how);
        let error = stage.try_poll("ingest-openrevenues").await.err().unwrap_or_default();
        assert!(error.contains(said), "{how:?}: {error}");
    }
    // An error of its own, whoever is asked about, is the system's.
    stage.bench.sandbox.behave(|behaviour| {
        behaviour.calls_max = None;
        behaviour.errs_at = None;
    });
    assert_eq!(stage.accounts().await.len(), 0);
    let left = stage.batches().await;
    // The last is abandoned when the next begins.
    assert!(left.iter().all(|batch| batch[0] != "closed" && batch[2] == "-"), "{left:?}");
    stage.poll("ingest-openrevenues").await;
    assert_eq!(stage.accounts().await.len(), 5);
}

async fn password(on: On) {
    let mut stage = Stage::open(on, 5).await;
    stage.list_everybody();
    // It is changed there while we run: what we have is refused, from the third call of a session on.
    stage.bench.sandbox.behave(|behaviour| {
        behaviour.password = "another".to_owned();
        behaviour.locks_after = 3;
    });
    let error = stage.try_poll("ingest-openrevenues").await.err().unwrap_or_default();
    assert!(
        error.contains("civica.sign_in") && error.contains("26 Nov 2026, 12:00 GMT"),
        "{error}"
    );
    assert!(!error.contains(PASSWORD), "{error}");
    assert_eq!(stage.bench.sandbox.counts().refused, 2);
    // Nobody tries on, whichever run: the alert says the same.
    for _ in 0..5 {
        stage.bench.later(60_000);
        let again = stage.try_poll("ingest-openrevenues").await.err().unwrap_or_default();
        assert_eq!(again, error);
    }
    assert_eq!(stage.bench.sandbox.counts().refused, 2, "and the account is not locked");
    assert_eq!(stage.accounts().await.len(), 0);
    // The new one is used as soon as it is set, by the same process.
    for (name, value) in &mut stage.hub.more {
        if name == "OPENREVENUES_PASSWORD" {
            *value = "another".to_owned();
        }
    }
    stage.set_variables();
    stage.poll("ingest-openrevenues").await;
    assert_eq!(stage.accounts().await.len(), 5);
}

async fn down(on: On) {
    let stage = Stage::open(on, 6).await;
    stage.list_everybody();
    for (orders, said) in [
        (serde_json::json!({"kind": "status", "status": 500}), "it answered 500"),
        (serde_json::json!({"kind": "status", "status": 404}), "civica.404"),
        (serde_json::json!({"kind": "status", "status": 401}), "civica.door"),
        (serde_json::json!({"kind": "status", "status": 302}), "redirects"),
        (serde_json::json!({"kind": "lost_answer"}), "no whole answer"),
    ] {
        let mut order = orders.clone();
        order["on"] = "read".into();
        // In the middle: the ledger.
        order["path"] = "ctxtrn".into();
        arm(&stage, serde_json::json!({"next": [order]})).await;
        let error = stage.try_poll("ingest-openrevenues").await.err().unwrap_or_default();
        assert!(
            error.contains(said) || said == "no whole answer" && !error.is_empty(),
            "{said}: {error}"
        );
        assert_eq!(stage.accounts().await.len(), 0, "{said}");
    }
    stage.poll("ingest-openrevenues").await;
    assert_eq!(stage.accounts().await.len(), 6);
}

async fn slow_or_silent(on: On) {
    let mut stage = Stage::open(on, 6).await;
    stage.list_everybody();
    let (proxy, url) = Proxy::before(&stage.bench.running.url).await;
    for (name, value) in &mut stage.hub.more {
        match name.as_str() {
            "OPENREVENUES_URL" => *value = format!("{url}/openrevenues"),
            "OPENREVENUES_HOST" => *value = url.trim_start_matches("http://").to_owned(),
            _ => {}
        }
    }
    let fast = "requests_per_second = 10_000";
    stage.hub.edit("connectors/openrevenues.toml", fast, &format!("{fast}\ntimeout_ms = 400"));
    stage.reload().await;
    for flow in [
        Flow::Drip(Duration::from_secs(1)),
        Flow::Silent,
        Flow::CloseAfterHeaders,
        Flow::ResetInBody(40),
        Flow::ResetAfter(400),
    ] {
        proxy.set(Direction::ToClient, flow);
        let error = stage.try_poll("ingest-openrevenues").await.err().unwrap_or_default();
        assert!(error.contains("is not available"), "{flow:?}: {error}");
        assert_eq!(stage.accounts().await.len(), 0, "{flow:?}");
        proxy.both(Flow::Open);
        proxy.cut();
    }
    // What comes may take as long as it does on a busy machine.
    stage.hub.edit("connectors/openrevenues.toml", "timeout_ms = 400", "timeout_ms = 20_000");
    stage.reload().await;
    stage.poll("ingest-openrevenues").await;
    assert_eq!(stage.accounts().await.len(), 6);
}

async fn arm(stage: &Stage, orders: serde_json::Value) {
    let url = format!("{}/sandbox/faults", stage.bench.running.url);
    let _ = rustls::crypto::ring::default_provider().install_default();
    let answer = reqwest::Client::new().put(url).json(&orders).send().await.unwrap();
    assert!(answer.status().is_success());
}

async fn mixed(on: On) {
    let stage = Stage::open(on, 40).await;
    stage.list_everybody();
    stage.bench.sandbox.behave(|behaviour| behaviour.mixes_sessions = true);
    let report = stage.poll("ingest-openrevenues").await;
    assert_eq!(report["batches"][0]["state"], "held", "{report}");
    assert_eq!(report["batches"][0]["cause_code"], "civica.mixed", "{report}");
    assert_eq!(stage.accounts().await.len(), 0);
    stage.bench.sandbox.behave(|behaviour| behaviour.mixes_sessions = false);
    stage.bench.sandbox.forget_sessions();
    stage.poll("ingest-openrevenues").await;
    assert_eq!(stage.accounts().await.len(), 40, "the same people were asked about again");
}

/// A client whose password can be changed, and how often it was refused.
struct Signing {
    bench: Bench,
    password: Arc<Mutex<String>>,
    settings: CivicaSettings,
}

impl Signing {
    async fn new() -> Signing {
        let bench = Bench::of(5).await;
        let settings = bench.settings("module = \"council_tax\"");
        let password = Arc::new(Mutex::new("wrong".to_owned()));
        Signing { bench, password, settings }
    }

    /// A run, which opens the connector anew.
    async fn run(&self) -> Result<(), ConnectorError> {
        let open =
            OpenRevenues::open(self.settings.clone(), &self.bench.around(&self.password)).unwrap();
        let pinned = open.sessions().pin("990000001").await;
        pinned.map(|pinned| pinned.expect("they are known").give_back()).map_err(Fault::of_poll)
    }

    fn refused(&self) -> u32 {
        self.bench.sandbox.counts().refused
    }
}

#[tokio::test]
async fn f35_a_refused_password_is_tried_twice_and_then_once_an_hour() {
    let signing = Signing::new().await;
    signing.bench.sandbox.behave(|behaviour| behaviour.locks_after = 100);
    for _ in 0..4 {
        let error = signing.run().await.unwrap_err();
        assert!(matches!(error, ConnectorError::Unauthorised { code: "civica.sign_in", .. }));
    }
    assert_eq!(signing.refused(), 2);
    signing.bench.later(3_600_000 - 1);
    signing.run().await.unwrap_err();
    assert_eq!(signing.refused(), 2);
    signing.bench.later(1);
    for _ in 0..3 {
        let error = signing.run().await.unwrap_err().to_string();
        assert!(error.contains("3 times since Thu 26 Nov 2026, 12:00 GMT"), "{error}");
    }
    assert_eq!(signing.refused(), 3);
    // Somebody set it right, an hour has not passed, and it goes at once.
    *signing.password.lock().unwrap() = PASSWORD.to_owned();
    signing.run().await.unwrap();
    // Another that is wrong has its own two tries.
    signing.bench.sandbox.forget_sessions();
    *signing.password.lock().unwrap() = "wrong again".to_owned();
    signing.run().await.unwrap_err();
    assert_eq!(signing.refused(), 5);
}

#[tokio::test]
async fn f35_a_session_that_ends_when_the_password_changed_tries_no_further() {
    let bench = Bench::of(5).await;
    let open = bench.open("sessions = 4");
    open.sessions().pin("990000001").await.unwrap().unwrap().give_back();
    bench.sandbox.behave(|behaviour| behaviour.password = "another".to_owned());
    bench.sandbox.forget_sessions();
    // Many at once: each of them would sign in.
    let mut running = Vec::new();
    for number in 0..5u32 {
        let sessions = Arc::clone(open.sessions());
        let person = format!("99{:07}", number * 4 + 1);
        running.push(tokio::spawn(async move {
            sessions.pin(&person).await.map(|_| ()).map_err(Fault::of_poll)
        }));
    }
    for one in running {
        let error = one.await.unwrap().unwrap_err();
        assert!(matches!(error, ConnectorError::Unauthorised { .. }), "{error:?}");
    }
    assert_eq!(bench.sandbox.counts().refused, 2);
}

#[tokio::test]
async fn a_list_that_cannot_be_read_is_told() {
    let bench = Bench::of(5).await;
    let folder = tempfile::tempdir().unwrap();
    let mut settings = bench.settings("module = \"council_tax\"");
    settings.people.directory.value = folder.path().display().to_string();
    let password = Arc::new(Mutex::new(PASSWORD.to_owned()));
    let open = OpenRevenues::open(settings, &bench.around(&password)).unwrap();
    let said = async || open.look(None).await.unwrap_err().to_string();
    assert!(said().await.contains("there is no list of people"), "{}", said().await);
    let list = folder.path().join("people.csv");
    std::fs::write(&list, "person_ref\n").unwrap();
    assert!(said().await.contains("file.empty"), "{}", said().await);
    std::fs::write(&list, "person\n990000001\n").unwrap();
    assert!(said().await.contains("csv.header"), "{}", said().await);
    std::fs::write(&list, "person_ref\n990000001\n\" \"\n990000005\n990000001\n").unwrap();
    assert_eq!(open.look(None).await.unwrap()[0].name, "2 of the 2 on the list");
    assert_eq!(open.ignored().await.unwrap()[0].count, 1);
    assert!(NOON_MS > 0 && bench.sandbox.counts().sign_ins == 0, "nobody signed in for it");
}

/// A server whose certificate ran out: the day is said, nobody signs in, and what is to be asked waits.
#[tokio::test]
async fn f35_a_certificate_that_ran_out_is_told_with_its_day() {
    let (port, authority) = super::super::tls::ran_out().await;
    let bench = Bench::of(1).await;
    let mut settings = bench.settings("module = \"council_tax\"\nauthority = \"secret:AUTHORITY\"");
    settings.url.value = format!("https://127.0.0.1:{port}/openrevenues");
    settings.allow[0].value = format!("127.0.0.1:{port}");
    let password = Arc::new(Mutex::new(PASSWORD.to_owned()));
    let mut around = bench.around(&password);
    let before = Arc::clone(&around.variable);
    around.variable = Arc::new(move |name| match name {
        "AUTHORITY" => Some(authority.clone()),
        other => before(other),
    });
    let open = OpenRevenues::open(settings, &around).unwrap();
    for _ in 0..3 {
        let error = open.sessions().pin("990000001").await.err().map(Fault::of_poll);
        match error {
            Some(ConnectorError::Unavailable { cause, .. }) => {
                assert_eq!(cause, "its certificate ran out on Sun 1 Mar 2026, 00:00 GMT");
            }
            other => panic!("{other:?}"),
        }
    }
}
