//! A system that is asked by HTTP: page by page, for what changed since it was asked last. The system is a
//! real server on loopback, the hub a real one on both databases.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use viaduct::connector::definition::Surroundings;

use crate::faults::proxy::{Direction, Flow, Proxy};
use crate::support::hub::{On, TestHub, on_both};

on_both! {
    pages_are_followed_and_only_what_changed_is_asked_for => super::followed,
    each_way_of_paging_brings_the_same => super::each_way,
    an_answer_that_breaks_off_brings_nothing_and_is_asked_for_again => super::broken,
    who_is_not_let_in_fetches_a_token_once_more => super::tokens,
    a_system_that_has_far_fewer_than_before_is_believed_when_a_person_says_so => super::shorter,
    told_to_wait_it_says_until_when => super::told_to_wait,
    a_moment_that_is_yet_to_come_hides_nothing => super::yet_to_come,
    an_empty_page_without_a_word_is_no_end => super::empty,
    f22_a_slow_system_has_its_time_and_no_more => super::slow,
    f23_a_system_that_falls_silent_or_breaks_off_is_asked_again => super::silent,
    f24_garbage_is_held_or_told_and_never_nothing => super::garbage,
    f35_a_sign_in_that_is_refused_is_tried_twice_and_no_more => super::sign_ins,
    f36_a_name_that_is_not_found_changes_or_is_slow => super::names,
    what_is_held_for_the_same_again_is_held_once => super::held_once,
    f33_a_record_that_goes_meanwhile_has_no_other_passed_over => super::moving,
    f33_records_of_one_moment_are_neither_missed_nor_doubled => super::ties,
}

/// How long an answer that comes may take, on a busy machine too.
const PATIENT: &str = "timeout_ms = 20_000";
/// And one that never comes.
const SHORT: &str = "timeout_ms = 400";

/// What a system has, and how it behaves.
#[derive(Default)]
struct Housing {
    /// By reference: what it owes, and when that changed (seconds).
    tenancies: BTreeMap<String, (u32, u32)>,
    /// Every question but those for tokens: its parameters.
    asked: Vec<BTreeMap<String, String>>,
    tokens: u32,
    /// Nobody is given a token: how often somebody tried.
    refuses: Option<u32>,
    /// Tokens up to this number are not good any more.
    stale: u32,
    /// What becomes of the page of that number, from 0.
    fault: Option<(usize, Fault)>,
    /// After so many questions that tenancy is not there any more.
    goes: Option<(usize, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Status(u16),
    /// The first half of the page, and then nothing.
    Half,
    Html,
    /// Nothing at all, and 200.
    Empty,
    /// Bytes that are no text.
    Bytes,
    /// What says by itself that it went wrong, and 200.
    Error,
    /// The page, and 500.
    Good500,
    /// The page before, once more.
    Again,
    /// The next page is said to be elsewhere.
    Elsewhere,
}

type Shared = Arc<Mutex<Housing>>;

/// Stands for a moment that is far ahead.
const AHEAD: u32 = 99;

fn at(second: u32) -> String {
    if second == AHEAD {
        return "2999-01-01T00:00:00Z".to_owned();
    }
    format!("2020-11-26T09:00:{second:02}Z")
}

async fn token(State(housing): State<Shared>, headers: HeaderMap, body: String) -> Response {
    let basic = headers.get("authorization").and_then(|value| value.to_str().ok());
    if let Some(tried) = &mut housing.lock().unwrap().refuses {
        *tried += 1;
        return StatusCode::UNAUTHORIZED.into_response();
    }
    // viaduct:s3cret
    assert_eq!(basic, Some("Basic dmlhZHVjdDpzM2NyZXQ="));
    assert_eq!(body, "grant_type=client_credentials");
    let mut housing = housing.lock().unwrap();
    housing.tokens += 1;
    let token = format!("t{}", housing.tokens);
    Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": 3600 }))
        .into_response()
}

async fn tenancies(
    State(housing): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
    request: Request,
) -> Response {
    let mut housing = housing.lock().unwrap();
    let shown = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let number = shown.and_then(|value| value.strip_prefix("Bearer t")?.parse::<u32>().ok());
    if number.is_none_or(|number| number <= housing.stale) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    housing.asked.push(query.clone());
    let say = |name: &str| query.get(name).map(String::as_str);
    let since = say("since").map_or(0, |text| {
        let moment = chrono::DateTime::parse_from_rfc3339(text).expect("a moment");
        let day = chrono::DateTime::parse_from_rfc3339(&at(0)).expect("a moment");
        u32::try_from((moment - day).num_seconds().max(0)).unwrap()
    });
    let fitting: Vec<(&String, &(u32, u32))> =
        housing.tenancies.iter().filter(|(_, (_, changed))| *changed >= since).collect();
    let whole = |name: &str| say(name).map(|text| text.parse::<usize>().unwrap());
    let from = match (whole("page"), whole("offset"), say("after"), whole("cursor")) {
        (Some(page), ..) => (page - 1) * 3,
        (_, Some(offset), ..) => offset,
        (_, _, Some(after), _) => fitting.iter().filter(|(key, _)| key.as_str() <= after).count(),
        (.., Some(cursor)) => cursor * 3,
        _ => 0,
    };
    let page = from / 3;
    let wrong = housing.fault.filter(|(number, _)| *number == page).map(|(_, fault)| fault);
    let shown = if wrong == Some(Fault::Again) { from - 3 } else { from };
    let items: Vec<Value> = fitting
        .iter()
        .skip(shown)
        .take(3)
        .map(|(key, (owes, changed))| {
            json!({ "ref": key, "owes": format!("{owes}.00"), "changed_at": at(*changed),
                    "forename": "Arden", "surname": "Testberry" })
        })
        .collect();
    let is_last = from + 3 >= fitting.len();
    let next = format!("/tenancies?status=all&cursor={}", page + 1);
    let next = match wrong {
        Some(Fault::Elsewhere) => format!("http://192.0.2.7{next}"),
        _ => next,
    };
    let meta = match is_last && wrong.is_none() {
        true => json!({ "cursor": null, "next": null }),
        false => json!({ "cursor": page + 1, "next": next }),
    };
    let body = json!({ "items": items, "meta": meta }).to_string();
    let asked = housing.asked.len();
    if let Some((_, key)) = housing.goes.take_if(|(questions, _)| *questions == asked) {
        housing.tenancies.remove(&key);
    }
    match wrong {
        Some(Fault::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Fault::Half) => body[..body.len() / 2].to_owned().into_response(),
        Some(Fault::Empty) => StatusCode::OK.into_response(),
        Some(Fault::Bytes) => vec![0x1f, 0x8b, 8, 0, 0xff, 0xfe, 0x80].into_response(),
        Some(Fault::Error) => Json(json!({ "error": "no such office" })).into_response(),
        Some(Fault::Good500) => (StatusCode::INTERNAL_SERVER_ERROR, body).into_response(),
        Some(Fault::Html) => "<html><body>Please sign in</body></html>".into_response(),
        _ if is_last => body.into_response(),
        _ => ([("link", format!("<{next}>; rel=\"next\""))], body).into_response(),
    }
}

struct Stage {
    hub: TestHub,
    housing: Shared,
    proxy: Proxy,
}

impl Stage {
    async fn open(on: On) -> Stage {
        let housing = Shared::default();
        let router = Router::new()
            .route("/token", post(token))
            .route("/tenancies", get(tenancies))
            .with_state(Arc::clone(&housing));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::to(listener.local_addr().unwrap()).await;
        let host = proxy.address.to_string();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let mut hub = TestHub::open_with(on, Path::new("tests/connectors/polled")).await;
        hub.more = vec![
            ("HOUSING_URL".to_owned(), format!("http://{host}")),
            ("HOUSING_HOST".to_owned(), host),
            ("HOUSING_SECRET".to_owned(), "s3cret".to_owned()),
        ];
        hub.context.around = viaduct::app::context::surroundings(hub.variables());
        Stage { hub, housing, proxy }
    }

    fn put(&self, number: u32, owes: u32, changed: u32) {
        self.housing.lock().unwrap().tenancies.insert(format!("T{number:03}"), (owes, changed));
    }

    /// Changes how long an answer is waited for.
    async fn wait(&mut self, from: &str, to: &str) {
        self.hub.edit("connectors/housing.toml", from, to);
        self.hub.reload().await;
    }

    fn fail(&self, fault: Option<(usize, Fault)>) {
        self.housing.lock().unwrap().fault = fault;
    }

    /// The questions since that was asked last.
    fn asked(&self) -> Vec<BTreeMap<String, String>> {
        std::mem::take(&mut self.housing.lock().unwrap().asked)
    }

    /// What the hub knows: reference and balance.
    async fn known(&self) -> Vec<Vec<String>> {
        let sql =
            "SELECT k.key, a.facts FROM account a JOIN source_key k ON k.id = a.id ORDER BY k.key";
        self.hub.rows(sql).await
    }

    async fn batches(&self) -> Vec<Vec<String>> {
        let sql =
            "SELECT state, CAST(rows_in AS TEXT), COALESCE(cursor, '-') FROM batch ORDER BY id";
        self.hub.rows(sql).await
    }
}

async fn followed(on: On) {
    let stage = Stage::open(on).await;
    for number in 1..=7 {
        stage.put(number, number, number);
    }
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 7);
    let asked = stage.asked();
    let pages: Vec<&str> = asked.iter().map(|query| query["page"].as_str()).collect();
    assert_eq!(pages, ["1", "2", "3"]);
    assert!(asked.iter().all(|query| query["status"] == "all" && !query.contains_key("since")));
    // Nothing changed: nothing is left behind, and it is asked for what came since, and a little more.
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.asked()[0]["since"], at(5));
    // Two change in one moment, one of which is seen late.
    stage.put(2, 20, 9);
    stage.hub.run("ingest-housing").await;
    stage.put(3, 30, 9);
    stage.hub.run("ingest-housing").await;
    let known = stage.known().await;
    assert!(known[1][1].contains("2000") && known[2][1].contains("3000"), "{known:?}");
    let batches = stage.batches().await;
    let closed = |batch: &Vec<String>| batch[0] == "closed";
    assert!(batches.iter().all(closed), "{batches:?}");
    assert_eq!((&batches[0][1], &batches[0][2]), (&"7".to_owned(), &at(7)));
    let reached: Vec<&str> = batches[1..].iter().map(|batch| batch[2].as_str()).collect();
    assert!(reached.contains(&at(9).as_str()), "{batches:?}");
    assert!(stage.asked().iter().any(|query| query.get("since") == Some(&at(7))));
}

async fn each_way(on: On) {
    let mut seen = Vec::new();
    for paging in [
        "paging = \"page\"\npage_size = 3\nlast_page = \"short\"",
        "paging = \"page\"\npage_size = 500",
        "paging = \"offset\"\npage_size = 500",
        "paging = \"keyset\"\nsize_parameter = \"limit\"\npage_size = 500",
        "paging = \"cursor\"\ncursor_at = \"/meta/cursor\"",
        "paging = \"link\"",
        "paging = \"link\"\nnext_at = \"/meta/next\"",
    ] {
        let mut stage = Stage::open(on).await;
        let written = "paging = \"page\"\npage_size = 3\nlast_page = \"short\"";
        stage.hub.edit("connectors/housing.toml", written, paging);
        stage.hub.reload().await;
        // A full last page, and one more that is empty where nobody says that it was the last.
        for number in 1..=6 {
            stage.put(number, number, number);
        }
        stage.hub.run("ingest-housing").await;
        seen.push(stage.known().await);
        // Where pages overlap by a record, two more.
        assert!((2..=5).contains(&stage.asked().len()), "{paging}");
    }
    assert_eq!(seen[0].len(), 6);
    assert!(seen.iter().all(|known| *known == seen[0]));
}

async fn broken(on: On) {
    let mut stage = Stage::open(on).await;
    let (page, link) = (
        "paging = \"page\"\npage_size = 3\nlast_page = \"short\"",
        "paging = \"link\"\nnext_at = \"/meta/next\"",
    );
    stage.hub.edit("connectors/housing.toml", page, link);
    stage.hub.reload().await;
    for number in 1..=7 {
        stage.put(number, number, number);
    }
    for (fault, said) in [
        (Fault::Status(500), "it answered 500"),
        (Fault::Status(404), "poll.404"),
        (Fault::Status(302), "redirects"),
        (Fault::Again, "page 2 has what pages before it had"),
        (Fault::Elsewhere, "another host"),
    ] {
        stage.fail(Some((1, fault)));
        let error = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
        assert!(error.contains(said), "{said}: {error}");
        assert_eq!(stage.known().await.len(), 0, "{said}");
    }
    // What cannot be read is held, whole, and taken for nothing.
    for fault in [Fault::Half, Fault::Html] {
        stage.fail(Some((1, fault)));
        stage.hub.run("ingest-housing").await;
        assert_eq!(stage.known().await.len(), 0);
    }
    let batches = stage.batches().await;
    let held = batches.iter().filter(|batch| batch[0] == "held").count();
    assert_eq!(held, 2, "{batches:?}");
    assert!(
        batches.iter().all(|batch| batch[2] == "-"),
        "nobody knows how far it came: {batches:?}"
    );
    stage.fail(None);
    stage.asked();
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 7);
    assert!(!stage.asked()[0].contains_key("since"), "it is asked from the same place");
}

async fn tokens(on: On) {
    let stage = Stage::open(on).await;
    stage.put(1, 1, 1);
    stage.hub.run("ingest-housing").await;
    stage.hub.run("ingest-housing").await;
    let before = stage.housing.lock().unwrap().tokens;
    stage.housing.lock().unwrap().stale = before;
    stage.put(2, 2, 2);
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 2);
}

async fn shorter(on: On) {
    let mut stage = Stage::open(on).await;
    let delta = "extract = \"delta\"\nversion    = \"changed_at\"\nversion_as = \"time\"\n\
                 since_parameter = \"since\"\nsince_overlap   = \"2s\"";
    stage.hub.edit("connectors/housing.toml", delta, "extract = \"full\"");
    stage.hub.reload().await;
    for number in 1..=10 {
        stage.put(number, number, number);
    }
    stage.hub.run("ingest-housing").await;
    // The same again is taken again, and changes nothing.
    let report = stage.hub.run("ingest-housing").await;
    assert_eq!(report["batches"][0]["unchanged"], 10, "{report}");
    stage.housing.lock().unwrap().tenancies.retain(|key, _| key.as_str() < "T005");
    let report = stage.hub.run("ingest-housing").await;
    assert_eq!(report["batches"][0]["cause_code"], "extract.short", "{report}");
    let id = report["batches"][0]["batch"].as_i64().unwrap();
    let sql = "SELECT k.key FROM source_key k WHERE k.gone_ms IS NULL ORDER BY k.key";
    let present = async |stage: &Stage| stage.hub.rows(sql).await.len();
    assert_eq!(present(&stage).await, 10, "nobody is gone for it");
    accept(&stage, id);
    stage.hub.run("ingest-housing").await;
    assert_eq!(present(&stage).await, 4);
    // An answer without any record is held, whatever was accepted.
    stage.housing.lock().unwrap().tenancies.clear();
    let report = stage.hub.run("ingest-housing").await;
    assert_eq!(report["batches"][0]["cause_code"], "file.empty", "{report}");
    assert_eq!(present(&stage).await, 4);
}

fn accept(stage: &Stage, batch: i64) {
    let done = std::process::Command::new(env!("CARGO_BIN_EXE_viaduct"))
        .args(["--database", &stage.hub.url, "--definitions"])
        .arg(&stage.hub.definitions)
        .args([
            "batches",
            "accept",
            &batch.to_string(),
            "--reason",
            "they moved to another landlord",
        ])
        .envs(stage.hub.variables())
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

async fn told_to_wait(on: On) {
    let stage = Stage::open(on).await;
    stage.put(1, 1, 1);
    stage.fail(Some((0, Fault::Status(429))));
    let error = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
    assert!(error.contains("it asks us to slow down"), "{error}");
    // Nothing there is no fault, and no news.
    stage.fail(Some((0, Fault::Status(204))));
    stage.hub.run("ingest-housing").await;
    let left: Vec<Vec<String>> = stage.batches().await;
    assert!(left.iter().all(|batch| batch[0] == "abandoned"), "{left:?}");
    stage.fail(None);
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 1);
}

/// A system's clock, or a hand, may put a change years ahead: what comes after it is asked for all the same.
async fn yet_to_come(on: On) {
    let stage = Stage::open(on).await;
    stage.put(1, 1, 1);
    stage.put(2, 2, AHEAD);
    stage.hub.run("ingest-housing").await;
    stage.put(3, 3, 3);
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 3);
    let reached: Vec<String> =
        stage.batches().await.into_iter().map(|mut one| one.remove(2)).collect();
    assert_eq!(reached, [at(1), at(3)]);
}

async fn empty(on: On) {
    let stage = Stage::open(on).await;
    for number in 1..=7 {
        stage.put(number, number, number);
    }
    stage.fail(Some((1, Fault::Empty)));
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 0, "three of seven are not all");
    assert_eq!(stage.batches().await[0][0], "held");
    stage.fail(None);
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 7);
}

/// One of the first page is deleted before the second is asked for, and another moves up into its place.
async fn moving(on: On) {
    let written = "paging = \"page\"\npage_size = 3\nlast_page = \"short\"";
    for (paging, is_seen) in [
        ("paging = \"offset\"\npage_size = 3", true),
        ("paging = \"offset\"\npage_size = 3\nlast_page = \"short\"", true),
        ("paging = \"page\"\npage_size = 3\nlook_back = true", true),
        ("paging = \"keyset\"\npage_size = 3", true),
        // The control: whoever only counts pages does not see it.
        ("paging = \"page\"\npage_size = 3", false),
    ] {
        let mut stage = Stage::open(on).await;
        stage.hub.edit("connectors/housing.toml", written, paging);
        let delta = "extract = \"delta\"\nversion    = \"changed_at\"\nversion_as = \"time\"\n\
                     since_parameter = \"since\"\nsince_overlap   = \"2s\"";
        stage.hub.edit("connectors/housing.toml", delta, "extract = \"full\"");
        stage.hub.reload().await;
        for number in 1..=10 {
            stage.put(number, number, number);
        }
        stage.hub.run("ingest-housing").await;
        stage.asked();
        stage.housing.lock().unwrap().goes = Some((1, "T002".to_owned()));
        let told = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
        let gone = "SELECT key FROM source_key WHERE gone_ms IS NOT NULL ORDER BY key";
        if !is_seen {
            assert_eq!(stage.hub.rows(gone).await, [["T004"]], "it is there, and was passed over");
            continue;
        }
        if !paging.contains("keyset") {
            assert!(told.contains("records moved from page to page"), "{paging}: {told}");
        }
        assert!(stage.hub.rows(gone).await.is_empty(), "{paging}");
        stage.hub.run("ingest-housing").await;
        assert_eq!(stage.hub.rows(gone).await, [["T002"]], "{paging}");
    }
}

/// Many change in one second, over several pages, and one more in that second after it was asked.
async fn ties(on: On) {
    let stage = Stage::open(on).await;
    for number in 1..=8 {
        stage.put(number, number, 5);
    }
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 8);
    stage.put(9, 9, 5);
    // The system's clock is behind: what changes now is written as a second before.
    stage.put(10, 10, 4);
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 10);
    let records = "SELECT CAST(COUNT(*) AS TEXT) FROM source_record";
    assert_eq!(stage.hub.text(records).await, "10", "each came once");
}

/// A poll is made again each hour: what stands as it stood is the batch that is held already, until somebody decides
/// about it or it stands otherwise.
async fn held_once(on: On) {
    let mut stage = Stage::open(on).await;
    let delta = "extract = \"delta\"\nversion    = \"changed_at\"\nversion_as = \"time\"\n\
                 since_parameter = \"since\"\nsince_overlap   = \"2s\"";
    stage.hub.edit("connectors/housing.toml", delta, "extract = \"full\"");
    stage.hub.reload().await;
    for number in 1..=10 {
        stage.put(number, number, number);
    }
    stage.hub.run("ingest-housing").await;
    stage.housing.lock().unwrap().tenancies.retain(|key, _| key.as_str() < "T005");
    let first = stage.hub.run("ingest-housing").await;
    let held = first["batches"][0]["batch"].as_i64().unwrap();
    for owes in [1, 1, 100] {
        // Something of it is different: as many are missing as before.
        stage.put(1, owes, 1);
        let again = stage.hub.run("ingest-housing").await;
        assert_eq!(again["batches"][0]["batch"], held, "{again}");
        assert_eq!(again["batches"][0]["cause_code"], "extract.short", "{again}");
    }
    assert_eq!(stage.batches().await.len(), 2, "{:?}", stage.batches().await);
    // Whoever accepts it accepts what came last, and no other.
    accept(&stage, held);
    stage.put(1, 200, 1);
    let other = stage.hub.run("ingest-housing").await;
    assert_ne!(other["batches"][0]["batch"], held, "that is not what was accepted: {other}");
    stage.put(1, 100, 1);
    let taken = stage.hub.run("ingest-housing").await;
    assert_eq!(taken["batches"][0]["state"], "closed", "{taken}");
    // Fewer again: it says something else, and is held by itself.
    stage.housing.lock().unwrap().tenancies.retain(|key, _| key.as_str() < "T003");
    stage.hub.run("ingest-housing").await;
    stage.hub.run("ingest-housing").await;
    stage.fail(Some((0, Fault::Html)));
    stage.hub.run("ingest-housing").await;
    stage.hub.run("ingest-housing").await;
    let states: Vec<String> =
        stage.batches().await.into_iter().map(|mut one| one.remove(0)).collect();
    assert_eq!(states, ["closed", "held", "held", "closed", "held", "held"]);
}

/// What a name leads to is looked up anew at each connection, and judged each time.
async fn names(on: On) {
    let mut stage = Stage::open(on).await;
    stage.put(1, 1, 1);
    let variables = stage.hub.variables();
    let host = variables["HOUSING_HOST"].clone();
    let named = host.replace("127.0.0.1", "housing.internal");
    stage.hub.edit(
        "connectors/housing.toml",
        "[\"${HOUSING_HOST}\"]",
        &format!("[\"{named}\", \"{host}\"]"),
    );
    stage.hub.edit(
        "connectors/housing.toml",
        "requests_per_second",
        &format!("{PATIENT}\nrequests_per_second"),
    );
    stage.hub.more[0].1 = format!("http://{named}");
    stage.hub.reload().await;
    let leads: Arc<Mutex<&'static str>> = Arc::new(Mutex::new("nowhere"));
    let now = Arc::clone(&leads);
    stage.hub.context.around = Surroundings {
        lookup: Arc::new(move |_| {
            let found = *now.lock().unwrap();
            Box::pin(async move {
                match found {
                    "nowhere" => Err(std::io::Error::from(std::io::ErrorKind::NotFound)),
                    "slow" => std::future::pending().await,
                    number => Ok(vec![number.parse().unwrap()]),
                }
            })
        }),
        ..viaduct::app::context::surroundings(stage.hub.variables())
    };
    for (to, said) in [
        ("nowhere", "its name is not found"),
        ("slow", "it took too long"),
        ("169.254.169.254", "url.address"),
        ("10.0.0.1", ""),
    ] {
        *leads.lock().unwrap() = to;
        // Of these nothing may ever be heard.
        let is_silent = ["slow", "10.0.0.1"].contains(&to);
        if is_silent {
            stage.wait(PATIENT, SHORT).await;
        }
        let error = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
        assert!(!error.is_empty() && error.contains(said), "{to}: {error}");
        assert!(stage.asked().is_empty() && stage.known().await.is_empty(), "{to}");
        if is_silent {
            stage.wait(SHORT, PATIENT).await;
        }
    }
    *leads.lock().unwrap() = "127.0.0.1";
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 1);
    // It led here a moment ago, and leads elsewhere now.
    stage.put(2, 2, 2);
    *leads.lock().unwrap() = "169.254.169.254";
    let error = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
    assert!(error.contains("url.address"), "{error}");
    assert_eq!(stage.known().await.len(), 1);
    *leads.lock().unwrap() = "127.0.0.1";
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 2);
}

/// Whichever run asks, a secret that was refused twice is not tried again for an hour, and a new one is at once.
async fn sign_ins(on: On) {
    let mut stage = Stage::open(on).await;
    stage.put(1, 1, 1);
    stage.housing.lock().unwrap().refuses = Some(0);
    let tried = |stage: &Stage| stage.housing.lock().unwrap().refuses;
    let mut told = String::new();
    for _ in 0..6 {
        told = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
        assert!(told.contains("login.token") && !told.contains("s3cret"), "{told}");
    }
    assert_eq!(tried(&stage), Some(2), "the account is not locked");
    assert!(told.contains("refused our sign-in 2 times since"), "{told}");
    for (secret, left) in [("another", Some(3)), ("s3cret", None)] {
        stage.hub.more[2].1 = secret.to_owned();
        stage.hub.context.around = viaduct::app::context::surroundings(stage.hub.variables());
        if left.is_none() {
            stage.housing.lock().unwrap().refuses = None;
            stage.hub.run("ingest-housing").await;
        } else {
            stage.hub.try_run("ingest-housing").await.err().expect("it is refused too");
        }
        assert_eq!(tried(&stage), left);
    }
    assert_eq!(stage.known().await.len(), 1);
}

async fn with_timeout(on: On) -> Stage {
    let mut stage = Stage::open(on).await;
    for number in 1..=7 {
        stage.put(number, number, number);
    }
    let delta = "extract = \"delta\"\nversion    = \"changed_at\"\nversion_as = \"time\"\n\
                 since_parameter = \"since\"\nsince_overlap   = \"2s\"";
    stage.wait(delta, &format!("extract = \"full\"\n{PATIENT}")).await;
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 7);
    stage
}

async fn gone(stage: &Stage) -> usize {
    stage.hub.rows("SELECT key FROM source_key WHERE gone_ms IS NOT NULL").await.len()
}

async fn slow(on: On) {
    let mut stage = with_timeout(on).await;
    stage.wait(PATIENT, SHORT).await;
    stage.proxy.set(Direction::ToClient, Flow::Drip(Duration::from_secs(1)));
    let told = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
    assert!(told.contains("it took too long"), "{told}");
    assert_eq!(gone(&stage).await, 0);
    stage.proxy.both(Flow::Open);
    stage.wait(SHORT, PATIENT).await;
    stage.hub.run("ingest-housing").await;
}

async fn silent(on: On) {
    let mut stage = with_timeout(on).await;
    stage.wait(PATIENT, SHORT).await;
    for flow in [Flow::Silent, Flow::CloseAfterHeaders, Flow::ResetInBody(40), Flow::ResetAfter(10)]
    {
        stage.proxy.set(Direction::ToClient, flow);
        let told = stage.hub.try_run("ingest-housing").await.err().unwrap_or_default();
        assert!(told.contains("is not available"), "{flow:?}: {told}");
        assert_eq!(gone(&stage).await, 0, "{flow:?}");
        stage.proxy.both(Flow::Open);
        stage.proxy.cut();
    }
    stage.wait(SHORT, PATIENT).await;
    stage.put(8, 8, 8);
    stage.hub.run("ingest-housing").await;
    assert_eq!(stage.known().await.len(), 8);
}

async fn garbage(on: On) {
    let stage = with_timeout(on).await;
    for page in [0, 1] {
        for fault in [
            Fault::Half,
            Fault::Html,
            Fault::Empty,
            Fault::Bytes,
            Fault::Error,
            Fault::Good500,
            Fault::Status(500),
        ] {
            stage.fail(Some((page, fault)));
            let report = match stage.hub.try_run("ingest-housing").await {
                Ok(report) => report.json()["batches"][0]["state"].to_string(),
                Err(error) => error,
            };
            assert!(report.contains("held") || report.contains("is not available"), "{report}");
            assert_eq!((gone(&stage).await, stage.known().await.len()), (0, 7));
        }
    }
    stage.fail(None);
    stage.hub.run("ingest-housing").await;
}
