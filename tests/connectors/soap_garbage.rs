//! F24, by a thousand seeds: whatever comes in place of an answer, it is classed, never taken for "nothing",
//! and nobody is gone for it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use viaduct::connector::channel::{ConnectorError, Source};
use viaduct::connector::definition;
use viaduct::connector::format::{Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;

use super::soap::{Stage, envelope, fault};
use crate::jobs::push_hub::around;
use crate::support::hub::{On, on_both};

on_both! {
    f24_garbage_of_every_kind_makes_nobody_go => super::kept,
}

const SEEDS: u64 = 1_000;

/// The splitmix64 sequence.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % most as u64).unwrap()
    }
}

fn good() -> String {
    let tenancy = "<Tenancy><Ref>T001</Ref><Owes>1.00</Owes></Tenancy>";
    envelope(
        "",
        &format!("<m:GetChangesResponse xmlns:m=\"urn:rents\">{tenancy}</m:GetChangesResponse>"),
    )
}

/// Something that is no answer, and the status that it comes with.
fn garbage(seed: u64) -> (u16, Vec<u8>) {
    let mut dice = Dice(seed);
    let good = good();
    let bytes = |dice: &mut Dice, most| -> Vec<u8> {
        (0..dice.below(most)).map(|_| u8::try_from(dice.below(256)).unwrap()).collect()
    };
    match dice.below(10) {
        0 => (200, bytes(&mut dice, 400)),
        1 => (200, format!("<!DOCTYPE html><html><p>{}</p></html>", dice.below(99)).into_bytes()),
        2 => (200, b"<html xmlns=\"http://www.w3.org/1999/xhtml\"><body/></html>".to_vec()),
        // Broken off anywhere, but not at its end.
        3 => (200, good.as_bytes()[..dice.below(good.len() - 1)].to_vec()),
        4 => {
            let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
            packed.extend(bytes(&mut dice, 60));
            (200, packed)
        }
        // It says that it is of another encoding than it is.
        5 => (200, format!("<?xml version=\"1.0\" encoding=\"utf-16\"?>{good}").into_bytes()),
        6 => (200, fault("s:Server", "something went wrong").into_bytes()),
        7 => (500 + u16::try_from(dice.below(5)).unwrap(), good.into_bytes()),
        8 => (200, envelope("", ["", "<Other/>", "text"][dice.below(3)]).into_bytes()),
        _ => (200, b"{\"tenancies\": []}".to_vec()),
    }
}

struct Counting(Arc<Mutex<usize>>);

impl RecordSink for Counting {
    fn record(&mut self, _: &str, _: Raw<'_>) -> Result<(), Stopped> {
        *self.0.lock().unwrap() += 1;
        Ok(())
    }

    fn unreadable(&mut self, _: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        Ok(())
    }
}

type Said = Arc<Mutex<(u16, Vec<u8>)>>;

async fn answer(State(said): State<Said>) -> Response {
    let (status, body) = said.lock().unwrap().clone();
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

async fn source() -> (Arc<dyn Source>, Said) {
    let said: Said = Arc::new(Mutex::new((200, Vec::new())));
    let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&said));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move { axum::serve(listener, router).await });
    let text = format!(
        "kind = \"soap_poll\"\nsystem = \"rents\"\n[settings]\nurl = \"http://{host}/\"\nallow = [\"{host}\"]\n\
         body = '<m:Get xmlns:m=\"urn:m\"/>'\nreply = \"GetChangesResponse\"\nformat = \"xml\"\n\
         record = \"/Envelope/Body/GetChangesResponse/Tenancy\"\nkey = \"Ref\"\nextract = \"full\"\n\
         paging = \"none\"\nrequests_per_second = 10_000\n"
    );
    let file = File::parse("connectors/rents.toml", text);
    let connector = definition::read(&file, "rents", KINDS).expect("a connector");
    assert!(!file.has_errors(), "{:?}", file.into_diagnostics());
    let around = around(Arc::new(std::sync::atomic::AtomicI64::new(0)));
    (connector.settings.source(&around).expect("it is asked").expect("it opens"), said)
}

#[tokio::test(flavor = "multi_thread")]
async fn f24_a_thousand_seeds_of_garbage_are_classed_and_never_nothing() {
    let (source, said) = source().await;
    let origin = source.look(None).await.expect("a question").remove(0);
    let mut classes = std::collections::BTreeMap::<&str, usize>::new();
    for seed in 0..SEEDS {
        let answer = garbage(seed);
        *said.lock().unwrap() = answer.clone();
        let count = Arc::new(Mutex::new(0));
        let (_, end) = source.read(&origin, Box::new(Counting(Arc::clone(&count)))).await;
        let class = match end {
            Err(ConnectorError::Malformed(_)) => "malformed",
            Err(ConnectorError::Refused { .. }) => "refused",
            Err(ConnectorError::Unavailable { .. }) => "unavailable",
            other => panic!("seed {seed}, {}: {other:?}", String::from_utf8_lossy(&answer.1)),
        };
        *classes.entry(class).or_default() += 1;
        assert_eq!(*count.lock().unwrap(), 0, "seed {seed}");
    }
    assert!(classes.len() == 3 && classes.values().all(|many| *many > 50), "{classes:?}");
    *said.lock().unwrap() = (200, good().into_bytes());
    let (_, end) = source.read(&origin, Box::new(Counting(Arc::default()))).await;
    assert!(end.is_ok(), "{end:?}");
}

async fn kept(on: On) {
    let mut stage = Stage::open(on).await;
    stage.hub.edit(
        "connectors/rents.toml",
        "extract  = \"delta\"\nversion    = \"ChangedAt\"\nversion_as = \"time\"\n\
         since_start   = \"2020-01-01T00:00:00Z\"\nsince_overlap = \"2s\"",
        "extract  = \"full\"",
    );
    stage.hub.edit("connectors/rents.toml", "<Since>{since}</Since>", "<Since>2020</Since>");
    stage.hub.reload().await;
    stage.hub.run("ingest-rents").await;
    assert_eq!(stage.known().await.len(), 7);
    for seed in 0..20 {
        let (status, body) = garbage(seed);
        stage.instead(Some((1, status, body)));
        let outcome = stage.outcome().await;
        assert_ne!(outcome, "null", "seed {seed} is told of");
        assert_eq!(stage.known().await.len(), 7, "seed {seed}: {outcome}");
    }
}
