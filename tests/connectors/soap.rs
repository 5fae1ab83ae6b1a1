//! Systems that speak SOAP, asked and told: real servers on loopback, and the hub a real one on both
//! databases. What is no answer is never taken for "nothing".

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use viaduct::connector::channel::{ConnectorError, Destination, Inquiry, Question, Receipt};
use viaduct::connector::definition;
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;
use viaduct::record::delivery::{Content, Form};

use crate::connectors::http_push::push;
use crate::faults::proxy::{Direction, Flow, Proxy};
use crate::jobs::push_hub::around;
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    pages_are_followed_and_only_what_changed_is_asked_for => super::followed,
    a_fresh_token_that_is_refused_is_not_fetched_again => super::tokens,
    b13_what_is_no_answer_is_the_error_that_it_is => super::no_answer,
    f22_a_byte_a_second_has_its_time_and_no_more => super::dripping,
    f23_half_open_or_broken_off_it_is_asked_again => super::half_open,
    a_byte_that_the_encoding_lacks_holds_one_row => super::torn,
}

/// How long an answer that comes may take, on a busy machine too.
const PATIENT: &str = "timeout_ms = 20_000";
/// And one that never comes.
const SHORT: &str = "timeout_ms = 400";

const ENVELOPE: &str = "http://schemas.xmlsoap.org/soap/envelope/";

pub fn envelope(header: &str, body: &str) -> String {
    format!(
        "<s:Envelope xmlns:s=\"{ENVELOPE}\"><s:Header>{header}</s:Header><s:Body>{body}</s:Body></s:Envelope>"
    )
}

pub fn fault(code: &str, text: &str) -> String {
    let inside = format!(
        "<s:Fault><faultcode>{code}</faultcode><faultstring>{text}</faultstring></s:Fault>"
    );
    envelope("", &inside)
}

/// What a system has, and how it behaves.
#[derive(Default)]
pub struct Rents {
    /// By reference: what it owes, and when that changed (seconds).
    tenancies: BTreeMap<String, (u32, u32)>,
    /// Every question: since, and where it starts.
    asked: Vec<(String, usize)>,
    logins: u32,
    /// Tokens up to this number are not good any more.
    stale: u32,
    /// What the page that starts there is answered with, in place of itself.
    instead: Option<(usize, u16, Vec<u8>)>,
}

type Shared = Arc<Mutex<Rents>>;

fn at(second: u32) -> String {
    format!("2020-11-26T09:00:{second:02}Z")
}

/// The text between two marks; enough for what these tests send.
fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(from)?;
    rest.split_once(to).map(|(inside, _)| inside)
}

async fn login(State(rents): State<Shared>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(headers["soapaction"], "\"urn:login#Verify\"");
    assert!(body.contains("<soap:Body></soap:Body>"), "{body}");
    let password = between(&body, "PasswordText\">", "<");
    if between(&body, "<wsse:Username>", "<") != Some("svc") || password != Some("s3&lt;ret") {
        return (StatusCode::INTERNAL_SERVER_ERROR, fault("s:Client", "no")).into_response();
    }
    let mut rents = rents.lock().unwrap();
    rents.logins += 1;
    let header = format!(
        "<w:Security xmlns:w=\"urn:w\"><w:BinarySecurityToken>t{}</w:BinarySecurityToken></w:Security>",
        rents.logins
    );
    envelope(&header, "").into_response()
}

async fn changes(State(rents): State<Shared>, headers: HeaderMap, body: String) -> Response {
    assert_eq!(headers["soapaction"], "\"urn:rents#GetChanges\"");
    assert_eq!(headers["content-type"], "text/xml; charset=utf-8");
    assert!(!body.contains("Username"), "a name and password go with the login alone");
    assert_eq!(between(&body, "<Office>", "<"), Some("North &amp; &quot;West&quot;"));
    let mut rents = rents.lock().unwrap();
    let token = between(&body, "BinarySecurityToken>t", "<").and_then(|text| text.parse().ok());
    if token.is_none_or(|number: u32| number <= rents.stale) {
        let said = fault("s:Client", "the token is not good");
        return (StatusCode::INTERNAL_SERVER_ERROR, said).into_response();
    }
    let since = between(&body, "<Since>", "<").unwrap().to_owned();
    let start: usize = between(&body, "<Start>", "<").unwrap().parse().unwrap();
    let count: usize = between(&body, "<Count>", "<").unwrap().parse().unwrap();
    rents.asked.push((since.clone(), start));
    if let Some((_, status, said)) = rents.instead.as_ref().filter(|(at, ..)| *at == start) {
        return (StatusCode::from_u16(*status).unwrap(), said.clone()).into_response();
    }
    page(&rents, &since, start, count).into_response()
}

fn page(rents: &Rents, since: &str, start: usize, count: usize) -> String {
    let tenancies: String = (rents.tenancies.iter())
        .filter(|(_, (_, changed))| at(*changed).as_str() >= since)
        .skip(start - 1)
        .take(count)
        .map(|(key, (owes, changed))| {
            format!(
                "<Tenancy><Ref>{key}</Ref><Owes>{owes}.00</Owes><ChangedAt>{}</ChangedAt>\
                 <Forename>Arden</Forename><Surname>Testberry</Surname></Tenancy>",
                at(*changed)
            )
        })
        .collect();
    envelope(
        "",
        &format!("<m:GetChangesResponse xmlns:m=\"urn:rents\">{tenancies}</m:GetChangesResponse>"),
    )
}

pub struct Stage {
    pub hub: TestHub,
    rents: Shared,
    proxy: Proxy,
}

impl Stage {
    pub async fn open(on: On) -> Stage {
        let rents = Shared::default();
        let router = Router::new()
            .route("/services/Login", post(login))
            .route("/services/Rents", post(changes))
            .with_state(Arc::clone(&rents));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap()).await;
        tokio::spawn(async move { axum::serve(listener, router).await });
        let host = proxy.address.to_string();
        let mut hub = TestHub::open_with(on, Path::new("tests/connectors/soap_polled")).await;
        hub.more = [
            ("RENTS_URL", format!("http://{host}")),
            ("RENTS_HOST", host),
            ("RENTS_USER", "svc".to_owned()),
            ("RENTS_PASSWORD", "s3<ret".to_owned()),
            ("RENTS_OFFICE", "North & \"West\"".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        hub.context.around = viaduct::app::context::surroundings(hub.variables());
        let stage = Stage { hub, rents, proxy };
        for number in 1..=7 {
            stage.put(number, number, number);
        }
        stage
    }

    pub fn put(&self, number: u32, owes: u32, changed: u32) {
        self.rents.lock().unwrap().tenancies.insert(format!("T{number:03}"), (owes, changed));
    }

    /// Changes how long an answer is waited for.
    async fn wait(&mut self, from: &str, to: &str) {
        self.hub.edit("connectors/rents.toml", from, to);
        self.hub.reload().await;
    }

    pub fn instead(&self, instead: Option<(usize, u16, Vec<u8>)>) {
        self.rents.lock().unwrap().instead = instead;
    }

    fn asked(&self) -> Vec<(String, usize)> {
        std::mem::take(&mut self.rents.lock().unwrap().asked)
    }

    pub async fn known(&self) -> Vec<Vec<String>> {
        let sql = "SELECT k.key, a.facts FROM account a JOIN source_key k ON k.id = a.id \
                   WHERE k.gone_ms IS NULL ORDER BY k.key";
        self.hub.rows(sql).await
    }

    /// State and cursor of each batch, as they came.
    async fn batches(&self) -> Vec<Vec<String>> {
        self.hub.rows("SELECT state, COALESCE(cursor, '-') FROM batch ORDER BY id").await
    }

    /// What a run came to: an error, or the code of the batch that it made.
    pub async fn outcome(&self) -> String {
        match self.hub.try_run("ingest-rents").await {
            Err(error) => error,
            Ok(report) => report.json()["batches"][0]["cause_code"].to_string(),
        }
    }
}

async fn followed(on: On) {
    let stage = Stage::open(on).await;
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.known().await.len(), 7);
    let first = "2020-01-01T00:00:00Z".to_owned();
    // Each page begins with the last record of the one before.
    let wanted = [1, 3, 5, 7].map(|start| (first.clone(), start));
    assert_eq!(stage.asked(), wanted);
    stage.put(2, 20, 9);
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.asked()[0].0, at(5), "since the newest that came, and a little before");
    assert!(stage.known().await[1][1].contains("2000"));
    let reached: Vec<String> =
        stage.batches().await.into_iter().map(|mut one| one.remove(1)).collect();
    assert_eq!(reached, [at(7), at(9)]);
    assert_eq!(stage.rents.lock().unwrap().logins, 2, "one token for each run of the job");
}

async fn tokens(on: On) {
    let stage = Stage::open(on).await;
    stage.rents.lock().unwrap().stale = 1;
    // The first token that is fetched is refused at once: it is fresh, and so it is not fetched again.
    assert!(stage.outcome().await.contains("does not let us in"), "{:?}", stage.batches().await);
    assert_eq!(stage.rents.lock().unwrap().logins, 1);
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.known().await.len(), 7);
}

async fn no_answer(on: On) {
    let mut stage = Stage::open(on).await;
    // All of it, so that what does not come would be gone.
    stage.hub.edit(
        "connectors/rents.toml",
        "extract  = \"delta\"\nversion    = \"ChangedAt\"\nversion_as = \"time\"\n\
         since_start   = \"2020-01-01T00:00:00Z\"\nsince_overlap = \"2s\"",
        "extract  = \"full\"",
    );
    stage.hub.edit("connectors/rents.toml", "<Since>{since}</Since>", "<Since>2020</Since>");
    stage.hub.reload().await;
    stage.hub.run("ingest-rents").await;
    let html = "<!DOCTYPE html><html><title>Sign in</title></html>".to_owned();
    let error = "<m:GetChangesResponse xmlns:m=\"urn:rents\"><Error>no such office</Error></m:GetChangesResponse>";
    let whole = envelope("", "<m:GetChangesResponse xmlns:m=\"urn:rents\"/>");
    for (status, said, expected) in [
        (
            200,
            fault("s:Server", "no such office"),
            "the system refused (soap.fault): s Server; no such office",
        ),
        (
            500,
            fault("s:Server", "no such office"),
            "the system refused (soap.fault): s Server; no such office",
        ),
        (200, fault("s:Busy", "try later"), "the system is not available: s ••• try later"),
        (200, envelope("", error), "the system refused (soap.fault): no such office"),
        (200, html.clone(), "soap.envelope"),
        (200, "<html><body>Please sign in</body></html>".to_owned(), "soap.envelope"),
        (200, String::new(), "soap.envelope"),
        (200, envelope("", ""), "soap.reply"),
        (200, envelope("", "<m:Other xmlns:m=\"urn:rents\"/>"), "soap.reply"),
        (500, whole, "it answered 500"),
        (503, html.clone(), "it asks us to slow down"),
        (404, html, "soap.404"),
    ] {
        for start in [1, 3] {
            stage.instead(Some((start, status, said.clone().into_bytes())));
            let found = stage.outcome().await;
            let found = found.replace("Busy", "•••").replace("•••; try", "••• try");
            assert!(found.contains(expected), "{start} {status} {said}: {found}");
            assert_eq!(stage.known().await.len(), 7, "nobody is gone for {said}");
        }
    }
    // With no envelope in the way, an empty list is one.
    stage.instead(None);
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.known().await.len(), 7);
}

async fn dripping(on: On) {
    let mut stage = Stage::open(on).await;
    stage.wait(PATIENT, SHORT).await;
    stage.proxy.set(Direction::ToClient, Flow::Drip(Duration::from_secs(1)));
    let found = stage.outcome().await;
    assert!(found.contains("it took too long"), "{found}");
    assert_eq!(stage.known().await.len(), 0);
    stage.proxy.both(Flow::Open);
    stage.wait(SHORT, PATIENT).await;
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.known().await.len(), 7);
}

async fn half_open(on: On) {
    let mut stage = Stage::open(on).await;
    stage.wait(PATIENT, SHORT).await;
    for flow in [Flow::Silent, Flow::CloseAfterHeaders, Flow::ResetInBody(40), Flow::ResetAfter(10)]
    {
        stage.proxy.set(Direction::ToClient, flow);
        let found = stage.outcome().await;
        assert!(found.contains("is not available"), "{flow:?}: {found}");
        assert_eq!(stage.known().await.len(), 0, "{flow:?}");
        stage.proxy.both(Flow::Open);
        stage.proxy.cut();
    }
    assert!(stage.batches().await.iter().all(|batch| batch[0] != "closed" && batch[1] == "-"));
    stage.wait(SHORT, PATIENT).await;
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.known().await.len(), 7);
}

async fn torn(on: On) {
    let stage = Stage::open(on).await;
    let text = page(&stage.rents.lock().unwrap(), "2020", 1, 3);
    let mut bytes = text.into_bytes();
    let at = bytes.windows(5).position(|part| part == b"Arden").unwrap();
    bytes[at] = 0xe9;
    stage.instead(Some((1, 200, bytes)));
    let report = stage.hub.run("ingest-rents").await;
    assert_eq!(
        (&report["batches"][0]["held"], &report["batches"][0]["published"]),
        (&1.into(), &6.into())
    );
}

/// A system that is told.
#[derive(Default)]
pub struct Told {
    taken: Vec<String>,
    answers: Vec<(u16, String, bool)>,
    headers: Vec<String>,
}

async fn tell(State(told): State<Arc<Mutex<Told>>>, headers: HeaderMap, body: String) -> Response {
    let mut told = told.lock().unwrap();
    told.headers.push(format!("{:?}", headers.get("content-type").unwrap()));
    if let Some(reference) = between(&body, "<Ref>", "<") {
        let known = told.taken.iter().any(|one| one.contains(&format!("<Id>{reference}</Id>")));
        let found = if known { "<Entry><Id>E7</Id></Entry>" } else { "" };
        let said = format!("<m:FindResponse xmlns:m=\"urn:m\">{found}</m:FindResponse>");
        return envelope("", &said).into_response();
    }
    assert!(is_digest_good(&body), "{body}");
    let answer = (!told.answers.is_empty()).then(|| told.answers.remove(0));
    let (status, said, happens) = answer.unwrap_or_else(|| {
        let said = "<m:PutResponse xmlns:m=\"urn:m\"><Number>E7</Number></m:PutResponse>";
        (200, envelope("", said), true)
    });
    if happens {
        told.taken.push(between(&body, "<soap:Body>", "</soap:Body>").unwrap().to_owned());
    }
    (StatusCode::from_u16(status).unwrap(), said).into_response()
}

/// As a receiver judges a digest: nonce, moment and the password that it knows.
fn is_digest_good(body: &str) -> bool {
    let nonce = between(body, "Base64Binary\">", "<").and_then(|text| STANDARD.decode(text).ok());
    let created = between(body, "oasis-200401-wss-wssecurity-utility-1.0.xsd\">", "<").unwrap();
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(&nonce.unwrap());
    context.update(created.as_bytes());
    context.update(b"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let wanted = STANDARD.encode(context.finish().as_ref());
    between(body, "PasswordDigest\">", "<") == Some(wanted.as_str())
}

pub async fn receiver() -> (Arc<Mutex<Told>>, String) {
    let told = Arc::new(Mutex::new(Told::default()));
    let router = Router::new().route("/", post(tell)).with_state(Arc::clone(&told));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    (told, host)
}

pub fn open(host: &str) -> Arc<dyn Destination> {
    let text = format!(
        "kind = \"soap_push\"\nsystem = \"orders\"\n[settings]\nurl = \"http://{host}/\"\nallow = [\"{host}\"]\n\
         soap = \"1.2\"\naction = \"urn:put\"\nreply = \"PutResponse\"\nreceipt = \"Number\"\n\
         security = {{ user = \"svc\", password = \"secret:P\", form = \"digest\" }}\n\
         faults = [{{ says = [\"BUSY\"], means = \"unavailable\" }}, {{ says = [\"TWICE\"], means = \"done\" }}]\n\
         idempotency = \"ask\"\nask_body = '<m:Find xmlns:m=\"urn:m\"><Ref>{{reference}}</Ref></m:Find>'\n\
         ask_reply = \"FindResponse\"\nfound_at = \"Entry/Id\"\n"
    );
    let file = File::parse("connectors/orders.toml", text);
    let connector = definition::read(&file, "orders", KINDS).expect("a connector");
    assert!(!file.has_errors(), "{:?}", file.into_diagnostics());
    let hands = Arc::new(std::sync::atomic::AtomicI64::new(1_795_694_400_000));
    connector.settings.destination(&around(hands)).expect("it is told").expect("it opens")
}

async fn told_to(
    system: &dyn Destination,
    reference: &str,
    body: &str,
) -> Result<Receipt, ConnectorError> {
    system.deliver(&[push(reference, Form::Xml, body)]).await.remove(0)
}

fn question(reference: &str) -> Question {
    Question {
        reference: reference.to_owned(),
        content: None::<Content>,
        platform_id: None,
        first_intent_ms: 0,
        intent_ms: 0,
        in_doubt: false,
    }
}

#[tokio::test]
async fn a_push_goes_in_an_envelope_with_a_digest_and_each_answer_is_a_decision() {
    let (told, host) = receiver().await;
    let system = open(&host);
    let body = "<?xml version=\"1.0\"?>\n<m:Put xmlns:m=\"urn:m\"><Id>r-1</Id><Name>O&#39;Sampleton</Name></m:Put>";
    let taken = told_to(&*system, "r-1", body).await.expect("it is taken");
    assert_eq!(taken.platform_id, "E7");
    assert_eq!(told.lock().unwrap().taken[0], body.split_once('\n').unwrap().1);
    assert!(told.lock().unwrap().headers[0].contains("action=\\\"urn:put\\\""));
    let said = |text: &str| envelope("", text);
    for (status, answer, happens, expected) in [
        (
            500,
            fault("s:Server", "no person Testberry"),
            false,
            "refused soap.fault: s Server; no person •••",
        ),
        (200, fault("s:Server", "BUSY"), false, "later"),
        (200, fault("s:Server", "TWICE"), true, "taken r-2"),
        (200, said("<m:Other xmlns:m=\"urn:m\"/>"), true, "unknown"),
        (200, "<html>ok</html>".to_owned(), true, "unknown"),
        (500, said("<m:PutResponse xmlns:m=\"urn:m\"/>"), true, "unknown"),
        (502, String::new(), false, "unknown"),
        (403, String::new(), false, "halt soap.key"),
    ] {
        told.lock().unwrap().answers = vec![(status, answer.clone(), happens)];
        let body = "<m:Put xmlns:m=\"urn:m\"><Id>r-2</Id><Name>Testberry</Name></m:Put>";
        let found = match told_to(&*system, "r-2", body).await {
            Ok(receipt) => format!("taken {}", receipt.platform_id),
            Err(ConnectorError::Refused { code, cause }) => format!("refused {code}: {cause}"),
            Err(ConnectorError::Unavailable { .. }) => "later".to_owned(),
            Err(ConnectorError::Unknown { .. }) => "unknown".to_owned(),
            Err(ConnectorError::Unauthorised { code, .. }) => format!("halt {code}"),
            Err(other) => other.to_string(),
        };
        assert_eq!(found, expected, "{status} {answer}");
    }
}

#[tokio::test]
async fn a_lost_answer_is_found_out_by_our_reference() {
    let (told, host) = receiver().await;
    let system = open(&host);
    for (reference, happens) in [("r-1", true), ("r-2", false)] {
        told.lock().unwrap().answers = vec![(502, String::new(), happens)];
        let body = format!("<m:Put xmlns:m=\"urn:m\"><Id>{reference}</Id></m:Put>");
        let found = told_to(&*system, reference, &body).await;
        assert!(matches!(found, Err(ConnectorError::Unknown { .. })), "{found:?}");
        let asked = system.inquire(&question(reference)).await.expect("an answer");
        assert_eq!(matches!(asked, Inquiry::Happened(_)), happens, "{asked:?}");
        assert_eq!(matches!(asked, Inquiry::NotFound), !happens, "{asked:?}");
    }
    let json = system.deliver(&[push("r-3", Form::Json, "{}")]).await.remove(0);
    assert!(matches!(json, Err(ConnectorError::Refused { ref code, .. }) if code == "push.body"));
}
