//! Civica Pay against its sandbox, by a hub with one resident who is asked to pay, on both databases: what
//! was paid is asked for and never believed from a browser, and one reference may own many baskets. By the
//! numbers of the sheet of quirks; 26, 28, 30 and 31 are tested beside their code as well.

use std::sync::{Arc, Mutex};

use serde_json::json;
use viaduct::connector::channel::{ConnectorError, Question};
use viaduct::connector::civica_pay::settings::CivicaPaySettings;
use viaduct::connector::definition::{Settings, Surroundings};
use viaduct::definition::reader::File;
use viaduct::job::deliver::Deliver;
use viaduct::sandbox::civica_pay::state::Does;
use viaduct::sandbox::civica_pay::{CATALOGUE, CUSTOMER, CivicaPaySandbox, PASSWORD};
use viaduct::sandbox::serving::Running;
use viaduct::store::inbox::{self, Hinted, NewPost};
use viaduct::web::page::Page;
use viaduct::web::pay::Answer;

use crate::jobs::pay_hub::{MINUTE_MS, PayHub};

/// A hub whose payments are Civica Pay's.
struct Stage {
    hub: PayHub,
    sandbox: CivicaPaySandbox,
    running: Running,
}

fn settings(running: &Running, more: &str) -> CivicaPaySettings {
    let url = &running.url;
    let host = url.trim_start_matches("http://");
    let catalogue =
        if more.contains("catalogue_id") { "" } else { "catalogue_id = \"CATALOGUE\"\n" };
    let text = format!(
        "[settings]\nbase_url = \"{url}\"\nquery_url = \"{url}/QueryAuthRequests/Service1.asmx\"\n\
         allow = [\"{host}\"]\ncustomer_id = \"{CUSTOMER}\"\napi_password = \"secret:PASSWORD\"\n\
         links = \"https://pay.example.com\"\ncalls_per_second = 1_000\n{}{more}\n",
        catalogue.replace("CATALOGUE", CATALOGUE)
    );
    let file = File::parse("connectors/pay.toml", text);
    let table = file.root().table("settings").unwrap();
    let settings = CivicaPaySettings::read(&table);
    table.finish();
    settings.unwrap_or_else(|| panic!("{:?}", file.into_diagnostics()))
}

impl Stage {
    async fn both(more: &str) -> Vec<Stage> {
        let mut stages = Vec::new();
        for mut hub in PayHub::both().await {
            let sandbox = CivicaPaySandbox::new();
            let running = sandbox.serve(0).await.unwrap();
            let settings = settings(&running, more);
            let clock = Arc::clone(&hub.bench.clock);
            let around = Surroundings {
                variable: Arc::new(|name| (name == "PASSWORD").then(|| PASSWORD.to_owned())),
                now: Arc::new(move || clock.now_ms()),
                lookup: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
                listening: Vec::new(),
                inbox: None,
            };
            let destination = settings.destination(&around).unwrap().unwrap();
            hub.job = Deliver::new("pay", "civica_pay", destination);
            hub.job.patience = settings.patience();
            hub.job.notice_ms = i64::MAX;
            stages.push(Stage { hub, sandbox, running });
        }
        stages
    }

    /// Opens the link, which must lead to the platform's page; gives the basket.
    async fn opened(&self, id: i64) -> String {
        match self.hub.visit(id).await {
            Answer::GoTo(url) => basket_of(&url),
            other => panic!("{other:?}"),
        }
    }

    /// The baskets of a delivery.
    fn baskets(&self, id: i64) -> Vec<String> {
        let reference = format!("r-{id}");
        let all = self.sandbox.baskets().into_iter();
        all.filter(|(_, own, _)| *own == reference).map(|(basket, ..)| basket).collect()
    }

    async fn later(&self) {
        self.hub.later(20 * MINUTE_MS).await;
        self.hub.run().await;
    }

    async fn put(&self, path: &str, body: serde_json::Value) {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{}/sandbox/{path}", self.running.url);
        let answer = reqwest::Client::new().put(url).json(&body).send().await.unwrap();
        assert!(answer.status().is_success());
    }
}

fn basket_of(url: &str) -> String {
    let (_, rest) = url.split_once("basketreference=").unwrap_or_else(|| panic!("{url}"));
    assert!(url.contains("/estore/default/Remote/Fetch?") && url.contains("baskettoken="), "{url}");
    rest.split('&').next().unwrap().to_owned()
}

#[tokio::test]
async fn quirk_26_and_31_a_refusal_comes_with_a_200_and_in_any_shape() {
    for stage in Stage::both("catalogue_id = \"00000000\"").await {
        for id in 1..=5 {
            stage.hub.offer(id, id).await;
            assert_eq!(stage.hub.shown(id).await, Page::NotOnline, "{id}");
            let (state, code, cause, _) = stage.hub.row(id).await;
            assert_eq!((state.as_str(), code.as_deref()), ("held", Some("civica_pay.00001")));
            let cause = cause.unwrap_or_default();
            assert!(!cause.contains("Catalogue") && cause.contains("does not accept"), "{cause}");
        }
        assert!(stage.sandbox.baskets().is_empty());
    }
}

#[tokio::test]
async fn quirk_27_what_a_browser_brings_back_marks_nothing_paid() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        let basket = stage.opened(1).await;
        // The payer comes back, or anybody does, with `?responseCode=00000`: the link is the same link.
        assert_eq!(stage.opened(1).await, basket);
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "accepted");
        // While it is being decided nobody is sent to pay again.
        assert!(stage.sandbox.payer(&basket, Does::Pending));
        assert_eq!(stage.hub.shown(1).await, Page::BeingTaken);
        assert!(stage.sandbox.payer(&basket, Does::Success));
        assert!(matches!(stage.hub.shown(1).await, Page::Paid(_)));
        assert_eq!(stage.hub.state(1).await, "delivered");
    }
}

#[tokio::test]
async fn quirk_28_an_early_basket_that_is_paid_late_counts() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        let first = stage.opened(1).await;
        // Declined: the payer tries the same one again.
        assert!(stage.sandbox.payer(&first, Does::Decline));
        assert_eq!(stage.opened(1).await, first);
        // Nobody pays in its time: it is offered again, and the next to come has another.
        for _ in 0..8 {
            stage.later().await;
        }
        assert_eq!(stage.hub.state(1).await, "offered");
        let second = stage.opened(1).await;
        assert_ne!(second, first);
        // And then the first is paid.
        assert!(stage.sandbox.payer(&first, Does::Success));
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
        assert!(matches!(stage.hub.shown(1).await, Page::Paid(_)));
    }
}

#[tokio::test]
async fn quirk_28_each_basket_has_a_time_of_its_own() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        stage.opened(1).await;
        for _ in 0..8 {
            stage.later().await;
        }
        assert_eq!(stage.hub.state(1).await, "offered");
        let second = stage.opened(1).await;
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "accepted", "its payer is still at it");
        assert!(stage.sandbox.payer(&second, Does::Success));
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
    }
}

#[tokio::test]
async fn quirk_28_one_that_was_paid_while_it_was_offered_again_is_not_made_anew() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        let first = stage.opened(1).await;
        for _ in 0..8 {
            stage.later().await;
        }
        assert_eq!(stage.hub.state(1).await, "offered");
        assert!(stage.sandbox.payer(&first, Does::Success));
        assert!(matches!(stage.hub.shown(1).await, Page::Paid(_)));
        assert_eq!(stage.baskets(1), [first]);
    }
}

#[tokio::test]
async fn quirk_28_two_baskets_that_were_paid_are_held_for_a_person() {
    for tells in [true, false] {
        for stage in Stage::both("").await {
            stage.put("behaviour", json!({ "tells_baskets": tells })).await;
            stage.hub.offer(1, 1).await;
            let first = stage.opened(1).await;
            for _ in 0..8 {
                stage.later().await;
            }
            let second = stage.opened(1).await;
            for basket in [&first, &second] {
                assert!(stage.sandbox.payer(basket, Does::Success));
            }
            stage.later().await;
            let (state, code, cause, _) = stage.hub.row(1).await;
            assert_eq!(state, "held");
            assert_eq!(code.as_deref(), Some("civica_pay.paid_twice"));
            let cause = cause.unwrap_or_default();
            assert_eq!(cause.contains(&first) && cause.contains(&second), tells, "{cause}");
        }
    }
}

#[tokio::test]
async fn quirk_29_nobody_calls_back_and_it_is_found_all_the_same() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        let basket = stage.opened(1).await;
        assert!(stage.sandbox.payer(&basket, Does::Success));
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
    }
}

#[tokio::test]
async fn quirk_30_an_amount_goes_as_a_text_and_is_read_however_it_is_written() {
    for stage in Stage::both("cost_code = \"CT01\"").await {
        for id in [1, 2] {
            stage.hub.offer(id, id).await;
        }
        let (first, second) = (stage.opened(1).await, stage.opened(2).await);
        assert!(stage.sandbox.baskets().iter().all(|(_, _, amount)| amount == "145.00"));
        // It tells `145.0` of the one, and another amount of the other.
        assert!(stage.sandbox.payer(&first, Does::Success));
        assert!(stage.sandbox.payer(&second, Does::OtherAmount));
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
        let (state, code, ..) = stage.hub.row(2).await;
        assert_eq!((state.as_str(), code.as_deref()), ("held", Some("civica_pay.other_amount")));
    }
}

/// As a door puts it down when the platform calls: that something happened, and not what.
async fn hinted(stage: &Stage, id: i64, name: &str) {
    let post = NewPost {
        source: "basket_events".to_owned(),
        sender: "signed".to_owned(),
        key: None,
        name: name.to_owned(),
        digest: Vec::new(),
        body: None,
        key_digests: Vec::new(),
        told: "[]".to_owned(),
        hint: Some(Hinted {
            destination: "pay".to_owned(),
            by_reference: true,
            names: vec![format!("r-{id}")],
        }),
    };
    let database = &stage.hub.bench.database;
    inbox::keep(database, vec![post], stage.hub.now_ms()).await.unwrap();
}

#[tokio::test]
async fn quirk_28_a_second_basket_that_is_paid_after_the_first_was_taken_is_noticed() {
    for stage in Stage::both("notify_url = \"https://pay.example.com/in/basket_events\"").await {
        for id in 1..=3 {
            stage.hub.offer(id, id).await;
        }
        let first = stage.opened(1).await;
        for _ in 0..8 {
            stage.later().await;
        }
        let second = stage.opened(1).await;
        let (once, back) = (stage.opened(2).await, stage.opened(3).await);
        for basket in [&second, &once, &back] {
            assert!(stage.sandbox.payer(basket, Does::Success));
        }
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
        // The old one is paid all the same; and what was paid for another is taken back.
        assert!(stage.sandbox.payer(&first, Does::Success));
        assert!(stage.sandbox.payer(&back, Does::TakenBack));
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered", "nobody looks at it by themselves");
        for id in 1..=3 {
            hinted(&stage, id, &format!("n-{id}")).await;
        }
        // Where nobody says what was paid, it stays what it is, and is looked at again.
        let fault = json!({ "kind": "status", "status": 500, "path": "Query", "times": 3 });
        stage.put("faults", json!({ "next": [fault] })).await;
        stage.hub.run().await;
        for id in 1..=3 {
            assert_eq!(stage.hub.state(id).await, "delivered", "{id}");
        }
        stage.later().await;
        let (state, code, cause, _) = stage.hub.row(1).await;
        assert_eq!((state.as_str(), code.as_deref()), ("held", Some("civica_pay.paid_twice")));
        assert!(cause.unwrap_or_default().contains("more than once"));
        assert_eq!(stage.hub.state(2).await, "delivered", "of one that stands nothing comes");
        let (state, code, cause, _) = stage.hub.row(3).await;
        assert_eq!((state.as_str(), code.as_deref()), ("held", Some("delivery.taken_back")));
        assert!(cause.unwrap_or_default().contains("declined"));
        assert_eq!(
            stage.hub.shown(3).await,
            Page::NotOnline,
            "nobody is sent to pay again by itself"
        );
        // The platform may call before its own query says so: it is looked at a second time.
        hinted(&stage, 2, "n-4").await;
        stage.hub.run().await;
        assert_eq!(stage.hub.state(2).await, "delivered");
        assert!(stage.sandbox.payer(&once, Does::TakenBack));
        stage.later().await;
        assert_eq!(stage.hub.row(2).await.1.as_deref(), Some("delivery.taken_back"));
        // It was looked at, and is not looked at for ever.
        let left: Vec<(Option<i64>,)> = stage
            .hub
            .bench
            .database
            .fetch("SELECT recheck_ms FROM delivery ORDER BY id", vec![])
            .await
            .unwrap();
        assert!(left.iter().all(|(ms,)| ms.is_none()), "{left:?}");
    }
}

#[tokio::test]
async fn quirk_29_whom_the_platform_tells_stands_in_the_basket_where_it_is_said() {
    for (more, notify) in [
        ("", ""),
        (
            "notify_url = \"https://pay.example.com/in/basket_events\"",
            "https://pay.example.com/in/basket_events",
        ),
    ] {
        for stage in Stage::both(more).await {
            stage.hub.offer(1, 1).await;
            stage.opened(1).await;
            let url = format!("{}/sandbox/ledger", stage.running.url);
            let ledger = reqwest::get(url).await.unwrap().text().await.unwrap();
            let ledger: serde_json::Value = serde_json::from_str(&ledger).unwrap();
            assert_eq!(ledger["baskets"][0]["notify"], notify, "{ledger}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_lost_leaves_a_basket_that_nobody_can_open() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        stage.put("faults", json!({ "next": [{ "kind": "lost_answer" }] })).await;
        // Whoever waits is told to come again, and then has one of their own.
        assert_eq!(stage.hub.shown(1).await, Page::Unavailable);
        let basket = stage.opened(1).await;
        let baskets = stage.baskets(1);
        assert_eq!(baskets.len(), 2);
        assert_eq!(baskets[1], basket);
        assert!(stage.sandbox.payer(&basket, Does::Success));
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
    }
}

#[tokio::test]
async fn where_nobody_says_what_was_paid_nothing_is_made_of_it() {
    for stage in Stage::both("").await {
        stage.hub.offer(1, 1).await;
        let basket = stage.opened(1).await;
        assert!(stage.sandbox.payer(&basket, Does::Success));
        for status in [500, 404, 302] {
            let fault = json!({ "kind": "status", "status": status, "path": "Query" });
            stage.put("faults", json!({ "next": [fault] })).await;
            stage.later().await;
            assert_eq!(stage.hub.state(1).await, "accepted", "{status}");
        }
        stage.later().await;
        assert_eq!(stage.hub.state(1).await, "delivered");
    }
}

/// No address, answer or password in an error.
#[tokio::test]
async fn an_error_says_nothing_of_what_was_sent() {
    let sandbox = CivicaPaySandbox::new();
    let running = sandbox.serve(0).await.unwrap();
    let password = Arc::new(Mutex::new("zqsecret".to_owned()));
    let held = Arc::clone(&password);
    let around = Surroundings {
        variable: Arc::new(move |_| Some(held.lock().unwrap().clone())),
        now: Arc::new(|| 0),
        lookup: Arc::new(|_| Box::pin(async { Ok(Vec::new()) })),
        listening: Vec::new(),
        inbox: None,
    };
    let destination = settings(&running, "").destination(&around).unwrap().unwrap();
    let error = destination.payer_page("EX00000001/r-1").await.unwrap_err();
    assert!(matches!(&error, ConnectorError::Refused { code, .. } if code == "civica_pay.00004"));
    assert!(!format!("{error} {error:?}").contains("zqsecret"));
    let question = Question {
        reference: "r-1".to_owned(),
        content: None,
        platform_id: None,
        first_intent_ms: 0,
        intent_ms: 0,
        in_doubt: false,
    };
    drop(running);
    let error = destination.status(&question).await.unwrap_err().to_string();
    assert!(!error.contains("127.0.0.1") && !error.contains("zqsecret"), "{error}");
}
