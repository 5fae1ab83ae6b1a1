//! A system that has a list: asked by JSON or by SOAP, it says all of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::json;
use viaduct::sandbox::serving::Running;

/// A record: its key, what it owes in pounds, and the second in which that changed.
pub type Record = (&'static str, u32, u32);

pub const USUAL: [Record; 3] = [("T001", 10, 1), ("T002", 20, 2), ("T003", 30, 5)];
/// An older word about the third.
pub const OLDER: [Record; 3] = [("T001", 10, 1), ("T002", 20, 2), ("T003", 99, 3)];

pub fn at(second: u32) -> String {
    format!("2020-11-26T09:00:{second:02}Z")
}

type Shared = Arc<Mutex<Vec<Record>>>;

pub struct Lists {
    pub running: Running,
    records: Shared,
}

impl Lists {
    pub async fn open() -> Lists {
        let records = Arc::new(Mutex::new(USUAL.to_vec()));
        let router = Router::new()
            .route("/list", get(list))
            .route("/soap", post(soap))
            .with_state(Arc::clone(&records));
        Lists { running: Running::start(router, 0).await.expect("a free port"), records }
    }

    pub fn say(&self, records: &[Record]) {
        *self.records.lock().unwrap() = records.to_vec();
    }
}

async fn list(State(records): State<Shared>) -> Response {
    json_of(&records.lock().unwrap()).into_response()
}

/// The list, as a document of JSON.
pub fn json_of(records: &[Record]) -> String {
    let one = |(key, owes, second): &Record| {
        json!({ "ref": key, "owes": format!("{owes}.00"), "changed_at": at(*second),
                "surname": "Testberry" })
    };
    json!({ "items": records.iter().map(one).collect::<Vec<_>>() }).to_string()
}

async fn soap(State(records): State<Shared>) -> Response {
    let one = |(key, owes, second): &Record| {
        format!(
            "<row><ref>{key}</ref><owes>{owes}.00</owes><changed_at>{}</changed_at>\
             <surname>Testberry</surname></row>",
            at(*second)
        )
    };
    let rows: String = records.lock().unwrap().iter().map(one).collect();
    let text = format!(
        "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body><m:ListResponse \
         xmlns:m=\"urn:list\">{rows}</m:ListResponse></s:Body></s:Envelope>"
    );
    ([(header::CONTENT_TYPE, "text/xml; charset=utf-8")], text).into_response()
}
