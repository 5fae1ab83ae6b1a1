//! Verint CRM as a source and as one that is searched: the emulator on loopback, the shipped definitions, the
//! hub a real one on both databases. Its quirks by their numbers.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use viaduct::connector::channel::ConnectorError;
use viaduct::connector::definition::Surroundings;
use viaduct::connector::kinds::KINDS;
use viaduct::connector::verint::client::{Body, Questions};
use viaduct::connector::verint::event;
use viaduct::connector::verint::search::{Evidence, Wanted, search};
use viaduct::connector::verint::settings::VerintSettings;
use viaduct::definition::reader::File;
use viaduct::record::value::uprn::Uprn;
use viaduct::sandbox::serving::Running;
use viaduct::sandbox::verint::{PASSWORD, USER, VerintSandbox, events, seed};

use crate::faults::proxy::{Direction, Flow, Proxy};
use crate::sandbox::bench::client;
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    cases_that_changed_are_read_and_nothing_else => super::cases,
    a_list_as_long_as_it_may_be_is_asked_for_in_halves => super::halves,
    one_that_was_listed_and_is_gone_is_a_row_that_is_held => super::gone,
    one_that_is_answered_with_a_fault_stops_no_other => super::sick,
    one_that_is_listed_without_a_number_is_a_row_that_is_held => super::numberless,
    quirk_18_a_token_comes_in_the_header_and_is_fetched_anew_when_it_ends => super::tokens,
    people_come_with_all_they_ever_had_and_the_mapping_chooses => super::people,
    b13_a_fault_in_a_200_is_a_fault => super::faults_in_200,
    f22_a_slow_crm_has_its_time_and_no_more => super::slow,
    f23_a_crm_that_falls_silent_brings_nothing_and_is_asked_again => super::silent,
    f24_a_page_in_place_of_a_case_brings_nothing => super::pages,
}

/// The CRM, with a clock that is behind by as much as a test says.
pub struct Crm {
    pub running: Running,
    behind_ms: Arc<AtomicI64>,
}

pub const HOUR_MS: i64 = 3_600_000;

impl Crm {
    pub async fn open() -> Crm {
        let behind_ms = Arc::new(AtomicI64::new(0));
        let hands = Arc::clone(&behind_ms);
        let clock = move || chrono::Utc::now().timestamp_millis() - hands.load(Ordering::SeqCst);
        let sandbox = VerintSandbox::new(Arc::new(clock));
        Crm { running: sandbox.serve(0).await.expect("a free port"), behind_ms }
    }

    /// What the definitions' variables are, at this address.
    pub fn variables(url: &str) -> Vec<(String, String)> {
        [
            ("VERINT_URL", url),
            ("VERINT_HOST", url.trim_start_matches("http://")),
            ("VERINT_USER", USER),
            ("VERINT_PASSWORD", PASSWORD),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .to_vec()
    }

    pub async fn put(&self, path: &str, body: Value) {
        let url = format!("{}/sandbox/{path}", self.running.url);
        let answer = client().put(url).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 204, "{path}");
    }

    pub async fn get(&self, path: &str) -> Value {
        let url = format!("{}/sandbox/{path}", self.running.url);
        let answer = client().get(url).send().await.expect("an answer");
        serde_json::from_str(&answer.text().await.expect("a body")).expect("JSON")
    }

    pub async fn ledger(&self) -> Value {
        self.get("ledger").await
    }

    /// What was written, in its order.
    pub async fn did(&self) -> Vec<String> {
        let ledger = self.ledger().await;
        let all = ledger["done"].as_array().expect("a list");
        all.iter().map(|one| one["did"].as_str().expect("a word").to_owned()).collect()
    }

    /// A call as somebody else would make it; status and body.
    pub async fn call(&self, action: &str, text: &str) -> (u16, String) {
        let answer = client()
            .post(format!("{}/lagan/services/FL", self.running.url))
            .header("soapaction", format!("\"{action}\""))
            .header("content-type", "text/xml")
            .body(text.to_owned())
            .send()
            .await
            .expect("an answer");
        (answer.status().as_u16(), answer.text().await.expect("a body"))
    }

    pub fn settings(&self, more: &str) -> VerintSettings {
        let url = &self.running.url;
        let host = url.trim_start_matches("http://");
        let text = format!(
            "[settings]\nurl = \"{url}/lagan/services/FL\"\nlogin_url = \"{url}/lagan/services/FLAuth\"\n\
             allow = [\"{host}\"]\nuser = \"{USER}\"\npassword = \"secret:P\"\nrequests_per_second = 10_000\n{more}"
        );
        let file = File::parse("connectors/verint.toml", text);
        let table = file.root().table("settings").expect("the table is there");
        let found = VerintSettings::read(&table, &Default::default());
        table.finish();
        assert!(!file.has_errors(), "{:?}", file.into_diagnostics());
        found.expect("settings")
    }

    pub fn around(&self) -> Surroundings {
        let now = || chrono::Utc::now().timestamp_millis();
        Surroundings {
            variable: Arc::new(|_| Some(PASSWORD.to_owned())),
            now: Arc::new(now),
            ..crate::jobs::push_hub::around(Arc::new(AtomicI64::new(0)))
        }
    }

    pub fn questions(&self) -> Questions {
        let caller = self.settings("").open(&self.around()).expect("it opens");
        Questions::new(Arc::new(caller))
    }
}

/// A hub with the shipped definitions, and the CRM behind a proxy.
pub struct Stage {
    pub hub: TestHub,
    pub crm: Crm,
    proxy: Proxy,
}

impl Stage {
    pub async fn open(on: On) -> Stage {
        let crm = Crm::open().await;
        let (proxy, url) = Proxy::before(&crm.running.url).await;
        let mut hub = TestHub::open(on).await;
        for file in ["connectors/verint.toml", "connectors/verint_people.toml"] {
            let more =
                "since_start = \"2020-01-01\"\nrequests_per_second = 10_000\ntimeout_ms = 2_000";
            hub.edit(file, "since_start = \"2026-04-01\"", more);
        }
        hub.more = Crm::variables(&url);
        hub.reload().await;
        hub.context.around = viaduct::app::context::surroundings(hub.variables());
        Stage { hub, crm, proxy }
    }

    async fn cases(&self) -> Vec<String> {
        let sql = "SELECT k.key || ' ' || a.facts FROM account a JOIN source_key k ON k.id = a.id \
                   JOIN source s ON s.id = k.source_id WHERE s.name = 'verint' ORDER BY k.key";
        self.hub.rows(sql).await.into_iter().map(|mut row| row.remove(0)).collect()
    }

    async fn outcome(&self) -> String {
        match self.hub.try_run("ingest-verint").await {
            Err(error) => error,
            Ok(report) => report.json()["batches"][0]["cause_code"].to_string(),
        }
    }
}

async fn cases(on: On) {
    let stage = Stage::open(on).await;
    let report = stage.hub.run("ingest-verint").await;
    assert_eq!(report["batches"][0]["rows_in"], 3, "{report}");
    let cases = stage.cases().await;
    assert!(cases[0].starts_with(seed::CASE_ARDEN) && cases[0].contains("open"), "{cases:?}");
    assert!(cases[2].contains("closed"), "{cases:?}");
    // Somebody works on one of them.
    stage.crm.put(&format!("cases/{}", seed::CASE_ARDEN), json!({ "status": "Closed" })).await;
    let before = stage.crm.ledger().await["calls"].as_u64().unwrap();
    let report = stage.hub.run("ingest-verint").await;
    assert_eq!(
        (&report["batches"][0]["rows_in"], &report["batches"][0]["published"]),
        (&1.into(), &1.into())
    );
    let after = stage.crm.ledger().await["calls"].as_u64().unwrap();
    assert_eq!(after - before, 2, "a search and a case");
    assert!(stage.cases().await[0].contains("closed"));
    assert_eq!(stage.crm.did().await, Vec::<String>::new(), "nothing was written");
}

async fn halves(on: On) {
    let stage = Stage::open(on).await;
    stage.hub.edit(
        "connectors/verint.toml",
        "timeout_ms = 2_000",
        "timeout_ms = 2_000\nresults_limit = 4",
    );
    let mut stage = stage;
    stage.hub.reload().await;
    for number in 1..=9 {
        stage.crm.behind_ms.store(number * 3 * HOUR_MS, Ordering::SeqCst);
        stage.crm.put(&format!("cases/10100999010{number}"), json!({ "title": "Enquiry" })).await;
    }
    stage.hub.run("ingest-verint").await;
    assert_eq!(stage.cases().await.len(), 12);
    // As many in one second as a list may have: nobody knows whether that is all.
    stage.crm.behind_ms.store(60_000, Ordering::SeqCst);
    for number in 1..=5 {
        stage.crm.put(&format!("cases/10100999020{number}"), json!({ "title": "Enquiry" })).await;
    }
    let outcome = stage.outcome().await;
    // They may fall on two seconds; then they are found.
    let found = stage.cases().await.len();
    assert!(outcome.contains("raise `results_limit`") || found == 17, "{outcome} {found}");
}

async fn gone(on: On) {
    let stage = Stage::open(on).await;
    let url = format!("{}/sandbox/cases/{}", stage.crm.running.url, seed::CASE_CASEY);
    assert_eq!(client().delete(url).send().await.expect("an answer").status().as_u16(), 204);
    let report = stage.hub.run("ingest-verint").await;
    let batch = &report["batches"][0];
    assert_eq!((&batch["rows_in"], &batch["held"]), (&3.into(), &1.into()), "{report}");
    assert_eq!(stage.hub.text("SELECT code FROM dead_letter").await, "verint.gone");
}

/// A question is put once more with a fresh token: two faults are one sick case. Of many it is the CRM that is sick.
async fn sick(on: On) {
    let stage = Stage::open(on).await;
    let faults = async |times: u32| {
        let fault = json!({
            "kind": "status", "error": "SYSTEM_ERROR", "on": "read",
            "path": "FWTCaseFullDetailsRequest", "times": times,
        });
        stage.crm.put("faults", json!({ "next": [fault] })).await;
    };
    let touch = async |title: &str| {
        for case in [seed::CASE_ARDEN, seed::CASE_CASEY, seed::CASE_CLOSED] {
            stage.crm.put(&format!("cases/{case}"), json!({ "title": title })).await;
        }
    };
    stage.hub.run("ingest-verint").await;
    touch("Another").await;
    faults(20).await;
    assert!(stage.outcome().await.contains("SYSTEM_ERROR"));
    faults(2).await;
    let report = stage.hub.run("ingest-verint").await;
    let batch = &report["batches"][0];
    assert_eq!((&batch["rows_in"], &batch["held"]), (&3.into(), &1.into()), "{report}");
    let held = stage.hub.rows("SELECT code, cause FROM dead_letter").await;
    assert!(held[0][0] == "verint.refused" && held[0][1].contains("SYSTEM_ERROR"), "{held:?}");
    assert_eq!(stage.cases().await.len(), 3);
    // It comes when it changes next, and what was held is settled.
    stage.crm.put("faults", json!({})).await;
    touch("And another").await;
    stage.hub.run("ingest-verint").await;
    let open = "SELECT CAST(COUNT(*) AS TEXT) FROM dead_letter WHERE settled_ms IS NULL";
    assert_eq!(stage.hub.text(open).await, "0");
}

/// And it counts: a list of four with one such is as long as it may be, and there is more behind it.
async fn numberless(on: On) {
    let mut stage = Stage::open(on).await;
    let limit = "timeout_ms = 2_000\nresults_limit = 4";
    stage.hub.edit("connectors/verint.toml", "timeout_ms = 2_000", limit);
    stage.hub.reload().await;
    for (hours, case) in [(5, "cases/101009990200"), (8, "cases/101009990201")] {
        stage.crm.behind_ms.store(hours * HOUR_MS, Ordering::SeqCst);
        stage.crm.put(case, json!({ "title": "Enquiry of Testberry & Co" })).await;
    }
    stage.crm.behind_ms.store(0, Ordering::SeqCst);
    stage.crm.put("behaviour", json!({ "unnumbered": seed::CASE_ARDEN })).await;
    let report = stage.hub.run("ingest-verint").await;
    let batch = &report["batches"][0];
    assert_eq!((&batch["rows_in"], &batch["held"]), (&5.into(), &1.into()), "{report}");
    assert_eq!(stage.hub.text("SELECT code FROM dead_letter").await, "verint.no_number");
    assert_eq!(stage.cases().await.len(), 4);
}

async fn tokens(on: On) {
    let stage = Stage::open(on).await;
    stage.crm.put("behaviour", json!({ "token_calls": 2 })).await;
    stage.hub.run("ingest-verint").await;
    assert_eq!(stage.cases().await.len(), 3);
    assert_eq!(stage.crm.ledger().await["logins"], 2, "four calls, two with each");
    // One that is good for no call is not asked for again and again.
    stage.crm.put("behaviour", json!({ "token_calls": 0 })).await;
    let outcome = stage.outcome().await;
    assert!(outcome.contains("does not let us in (soap.key)"), "{outcome}");
    let logins = stage.crm.ledger().await["logins"].as_u64().unwrap();
    assert!(logins <= 4, "{logins}");
}

async fn people(on: On) {
    let stage = Stage::open(on).await;
    stage.hub.run("ingest-verint").await;
    let report = stage.hub.run("ingest-verint-people").await;
    assert_eq!(report["batches"][0]["rows_in"], 3, "{report}");
    let facts = stage.hub.rows("SELECT facts FROM resident ORDER BY id").await;
    assert_eq!(facts.len(), 3, "case and person of one number are one resident: {facts:?}");
    let arden = facts.iter().find(|row| row[0].contains("1984-02-29")).expect("she is there");
    let arden: Value = serde_json::from_str(&arden[0]).unwrap();
    for (field, value) in [
        ("name.given", "Arden"),
        ("contact.email", "Arden@Example.com"),
        ("contact.phone", "+441614960123"),
        ("address.uprn", "100099900001"),
        ("link.crm_person", seed::ARDEN),
        ("link.crm_case", seed::CASE_ARDEN),
    ] {
        assert_eq!(arden[field].to_string().trim_matches('"'), value, "{field}: {arden}");
    }
    // Her record is kept as it came, with the address before.
    let casey = facts.iter().find(|row| row[0].contains("Fakeley")).expect("they are there");
    assert!(!casey[0].contains(seed::PROPERTY_PRETEND_STREET), "quirk 23: {casey:?}");
}

async fn faults_in_200(on: On) {
    let stage = Stage::open(on).await;
    stage.crm.put("behaviour", json!({ "faults_as_200": true, "token_calls": 2 })).await;
    stage.hub.run("ingest-verint").await;
    assert_eq!(stage.cases().await.len(), 3, "a token that ended, said in a 200");
    stage.crm.put("behaviour", json!({ "token_calls": 100 })).await;
    for root in ["FWTCaseSearch", "FWTCaseFullDetailsRequest"] {
        stage.crm.put(&format!("cases/{}", seed::CASE_ARDEN), json!({ "title": root })).await;
        let fault = json!({ "kind": "status", "error": "SYSTEM_ERROR", "on": "read", "path": root, "times": 2 });
        stage.crm.put("faults", json!({ "next": [fault] })).await;
        let outcome = stage.outcome().await;
        assert!(outcome.contains("SYSTEM_ERROR"), "{root}: {outcome}");
        stage.crm.put("faults", json!({})).await;
    }
    // That something was not found is no empty list.
    let fault = json!({ "kind": "status", "error": "NOT_FOUND", "on": "read", "path": "FWTCaseSearch", "times": 2 });
    stage.crm.put("faults", json!({ "next": [fault] })).await;
    let outcome = stage.outcome().await;
    assert!(outcome.contains("soap.not_found"), "{outcome}");
    assert_eq!(stage.cases().await.len(), 3);
    stage.crm.put("faults", json!({})).await;
    let report = stage.hub.run("ingest-verint").await;
    assert_eq!(report["batches"][0]["rows_in"], 1, "it is asked from the same place: {report}");
}

async fn slow(on: On) {
    let mut stage = Stage::open(on).await;
    stage.hub.edit("connectors/verint.toml", "timeout_ms = 2_000", "timeout_ms = 300");
    stage.hub.reload().await;
    stage.proxy.set(Direction::ToClient, Flow::Drip(Duration::from_secs(1)));
    assert!(stage.outcome().await.contains("it took too long"));
    assert_eq!(stage.cases().await.len(), 0);
}

async fn silent(on: On) {
    let mut stage = Stage::open(on).await;
    stage.hub.edit("connectors/verint.toml", "timeout_ms = 2_000", "timeout_ms = 300");
    stage.hub.reload().await;
    for flow in [Flow::Silent, Flow::CloseAfterHeaders, Flow::ResetInBody(60)] {
        stage.proxy.set(Direction::ToClient, flow);
        let outcome = stage.outcome().await;
        assert!(outcome.contains("is not available"), "{flow:?}: {outcome}");
        assert_eq!(stage.cases().await.len(), 0);
        stage.proxy.both(Flow::Open);
        stage.proxy.cut();
    }
    // What comes may take as long as it does on a busy machine.
    stage.hub.edit("connectors/verint.toml", "timeout_ms = 300", "timeout_ms = 20_000");
    stage.hub.reload().await;
    stage.hub.run("ingest-verint").await;
    assert_eq!(stage.cases().await.len(), 3);
}

async fn pages(on: On) {
    let stage = Stage::open(on).await;
    for (status, path, expected) in [
        (200, "FWTCaseSearch", "soap.envelope"),
        (200, "FWTCaseFullDetailsRequest", "soap.envelope"),
        (500, "FWTCaseFullDetailsRequest", "it answered 500"),
        (404, "FWTCaseSearch", "soap.404"),
    ] {
        let fault = json!({ "kind": "status", "status": status, "on": "read", "path": path });
        stage.crm.put("faults", json!({ "next": [fault] })).await;
        let outcome = stage.outcome().await;
        assert!(outcome.contains(expected), "{status} {path}: {outcome}");
        assert_eq!(stage.cases().await.len(), 0);
    }
    stage.hub.run("ingest-verint").await;
    assert_eq!(stage.cases().await.len(), 3);
}

const ACTION: &str = "http://www.lagan.com/wsdl/FLService";

fn raw(token: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Header><w:Security xmlns:w=\"urn:w\">\
         <w:BinarySecurityToken>{token}</w:BinarySecurityToken></w:Security></s:Header><s:Body>{body}</s:Body>\
         </s:Envelope>"
    )
}

#[tokio::test]
async fn quirk_17_one_action_for_all_and_nothing_below_the_root_in_a_namespace() {
    let crm = Crm::open().await;
    let crm_questions = crm.questions();
    // Ours is understood, with the same action whatever is asked for.
    assert!(crm_questions.case(seed::CASE_ARDEN).await.expect("an answer").is_some());
    assert!(crm_questions.individual(seed::ARDEN).await.expect("an answer").is_some());
    let types = "http://www.lagan.com/wsdl/FLTypes";
    let (token, bare) = (
        "U2FuZGJveA==1",
        format!(
            "<f:FLIndividualID xmlns:f=\"{types}\"><ObjectReference>{}</ObjectReference></f:FLIndividualID>",
            seed::ARDEN
        ),
    );
    assert_eq!(crm.call(ACTION, &raw(token, &bare)).await.0, 200);
    let qualified = bare.replace("ObjectReference>", "f:ObjectReference>");
    let (status, said) = crm.call(ACTION, &raw(token, &qualified)).await;
    assert!(status == 500 && said.contains("INVALID_REQUEST"), "{said}");
    let (status, said) = crm.call("http://www.lagan.com/wsdl/Retrieve", &raw(token, &bare)).await;
    assert!(status == 500 && said.contains("INVALID_REQUEST"), "{said}");
}

#[tokio::test]
async fn quirk_19_a_person_who_is_read_and_one_who_is_made_have_one_root() {
    let crm = Crm::open().await;
    let types = "http://www.lagan.com/wsdl/FLTypes";
    let crm_questions = crm.questions();
    let (found, reply) =
        crm_questions.individual(seed::ARDEN).await.expect("an answer").expect("her");
    assert_eq!((reply.name(), found.id.as_str()), ("FWTIndividual", seed::ARDEN));
    // The same root without a number makes somebody; with one it is refused.
    let new = format!(
        "<f:FWTIndividual xmlns:f=\"{types}\"><Name><Forename>Robin</Forename><Surname>Bramble</Surname></Name>\
         </f:FWTIndividual>"
    );
    let (status, said) = crm.call(ACTION, &raw("U2FuZGJveA==1", &new)).await;
    assert!(status == 200 && said.contains("FLNewIndividualID"), "{said}");
    let known = new.replace("<Name>", "<BriefDetails/><Name>");
    assert_eq!(crm.call(ACTION, &raw("U2FuZGJveA==1", &known)).await.0, 500);
    assert_eq!(crm.did().await, ["individual.create"]);
    // A reply without a number is nobody whom we asked for.
    let nobody = crm_questions.individual("101000000000").await.expect("an answer");
    assert!(nobody.is_none());
}

fn arden() -> Wanted {
    Wanted {
        given: "Arden".to_owned(),
        family: "TESTBERRY".to_owned(),
        born: "1984-02-29".parse().ok(),
        email: Some("arden@example.com".to_owned()),
        phone: Some("+441614960123".to_owned()),
        uprn: Uprn::parse("100099900001").ok(),
        ..Wanted::default()
    }
}

#[tokio::test]
async fn quirk_20_to_22_a_search_tells_who_it_may_be_and_why_and_writes_nothing() {
    let crm = Crm::open().await;
    let found = search(&crm.questions(), &arden()).await.expect("an answer");
    let best = &found[0];
    assert_eq!(best.individual.id, seed::ARDEN);
    let evidence = [Evidence::Email, Evidence::Phone, Evidence::BirthDate, Evidence::Uprn];
    assert_eq!((best.evidence.as_slice(), best.is_likely()), (evidence.as_slice(), true));
    // Her father, of one name and at one address: another birthday outweighs all.
    let elder = Wanted { born: "1955-01-31".parse().ok(), email: None, ..arden() };
    let found = search(&crm.questions(), &elder).await.expect("an answer");
    let of = |id: &str| found.iter().find(|one| one.individual.id == id).map(|one| one.score());
    assert_eq!((of(seed::ARDEN_THE_ELDER), of(seed::ARDEN)), (Some(3), Some(2 - 10)));
    // A name and a shared telephone are likely nobody.
    let shared = Wanted { born: None, email: None, uprn: None, ..arden() };
    let found = search(&crm.questions(), &shared).await.expect("an answer");
    assert!(
        found.len() == 2 && found.iter().all(|one| one.score() == 1 && !one.is_likely()),
        "{}",
        found.len()
    );
    let nameless = Wanted { given: String::new(), ..arden() };
    assert!(search(&crm.questions(), &nameless).await.expect("an answer").is_empty());
    assert_eq!(crm.did().await, Vec::<String>::new(), "quirk 21: a match writes nothing");
}

#[tokio::test]
async fn quirk_23_a_uprn_that_is_the_crms_own_number_is_looked_up() {
    let crm = Crm::open().await;
    let wanted = Wanted {
        given: "Casey".to_owned(),
        family: "Fakeley".to_owned(),
        uprn: Uprn::parse("100099900002").ok(),
        ..Wanted::default()
    };
    let found = search(&crm.questions(), &wanted).await.expect("an answer");
    assert_eq!(found[0].evidence, [Evidence::Uprn]);
    let property =
        crm.questions().property(seed::PROPERTY_PRETEND_STREET).await.expect("an answer");
    assert_eq!(property.and_then(|one| one.uprn), Uprn::parse("100099900002").ok());
}

#[tokio::test]
async fn quirk_24_documents_that_are_sent_beside_each_other_are_lost() {
    let crm = Crm::open().await;
    crm.put("behaviour", json!({ "document_ms": 150 })).await;
    crm.questions().case(seed::CASE_ARDEN).await.expect("an answer");
    let types = "http://www.lagan.com/wsdl/FLTypes";
    let one =
        format!("<f:FWTDocument xmlns:f=\"{types}\"><Document>YQ==</Document></f:FWTDocument>");
    let text = raw("U2FuZGJveA==1", &one);
    let all = futures_util::future::join_all((0..3).map(|_| crm.call(ACTION, &text))).await;
    assert!(all.iter().all(|(status, _)| *status == 200), "nobody hears of it");
    assert!(crm.ledger().await["documents"].as_u64().unwrap() < 3);
}

#[tokio::test]
async fn an_event_that_the_crm_posts_is_one_that_we_read() {
    let crm = Crm::open().await;
    let said = Arc::new(std::sync::Mutex::new(Vec::new()));
    let heard = Arc::clone(&said);
    let router = axum::Router::new().route(
        "/",
        axum::routing::post(move |body: String| {
            heard.lock().unwrap().push(body);
            async { axum::http::StatusCode::ACCEPTED }
        }),
    );
    let listener = Running::start(router, 0).await.expect("a free port");
    let url = format!("{}/sandbox/cases/{}/event", crm.running.url, seed::CASE_CLOSED);
    let order = json!({ "url": format!("{}/", listener.url) });
    let answer = client().post(url).json(&order).send().await.expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), "{\"answered\":202}");
    let posted = said.lock().unwrap().remove(0);
    let read = event::read(posted.as_bytes()).expect("an event");
    assert_eq!((read.happened, read.case.as_str()), (event::Happened::Closed, seed::CASE_CLOSED));
    assert_eq!(read.about.as_deref(), Some(seed::BROOK));
    // What the emulator writes of any text is read again.
    let odd = viaduct::sandbox::verint::state::Case {
        title: "</case:title> & \"O'Sampleton\"".to_owned(),
        classification: ["a".to_owned(), String::new(), "b".to_owned()],
        ..Default::default()
    };
    let read = event::read(events::closed("7", &odd).as_bytes()).expect("an event");
    assert_eq!(read.title.map(|title| title.into_exposed()), Some(odd.title));
}

#[tokio::test]
async fn a_value_that_xml_cannot_say_is_refused_before_anybody_is_called() {
    let told = Body::default().leaf("Name", Some("Test\u{1}berry"));
    let Err(ConnectorError::Refused { code, cause }) = told else { panic!("it is refused") };
    assert!(code == "verint.value" && !cause.contains("Test"), "{cause}");
    assert!(KINDS.iter().any(|kind| kind.name == "verint"));
}
