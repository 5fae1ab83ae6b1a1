//! P1: how the service stands. What needs somebody comes first; then a line for each system that is read and for
//! each that is told; then the last day in small charts, and what people changed in it.

use askama::Template;
use serde::Deserialize;

use super::in_path;
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::chart::{Chart, Traffic};
use crate::web::screens::visit::{Answer, Frame, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct Service {
    needs: Vec<Need>,
    sources: Vec<Source>,
    destinations: Vec<Destination>,
    changed: Vec<Changed>,
    counted_to: i64,
    traffic: Traffic,
}

#[derive(Deserialize)]
struct Need {
    what: String,
    page: String,
    which: String,
}

impl Need {
    fn href(&self) -> String {
        match self.page.as_str() {
            "batch" => format!("/batches/{}", self.which),
            "destination" => format!("/destinations/{}", in_path(&self.which)),
            "bulk" => format!("/bulk/{}", self.which),
            "unknown" => "/unknown".to_owned(),
            "source" => format!("/batches?job={}", in_path(&self.which)),
            _ => "/causes".to_owned(),
        }
    }
}

#[derive(Deserialize)]
struct Source {
    job: String,
    source: String,
    state: String,
    last_success: Option<At>,
    expected: Option<At>,
    next: Option<At>,
    waiting: i64,
    held: i64,
}

#[derive(Deserialize)]
struct Destination {
    destination: String,
    state: String,
    why: Option<String>,
    by: Option<String>,
    waiting: i64,
    unknown: i64,
    held: i64,
    oldest: Option<At>,
}

#[derive(Deserialize)]
struct Changed {
    at: At,
    by: String,
    what: String,
    to: String,
}

#[derive(Template)]
#[template(path = "pages/health.html")]
struct Page {
    frame: Frame,
    service: Service,
    charts: Vec<Chart>,
    may_look: bool,
}

#[derive(Template)]
#[template(path = "pages/nothing_yet.html")]
struct NothingYet {
    frame: Frame,
}

pub async fn show(visit: &Visit) -> Answer {
    if !visit.may(Right::Health) {
        return page(&NothingYet { frame: visit.frame("Start") });
    }
    let service: Service = visit.ask(Verb::Service, "", "").await?;
    let frame = Frame { help: "health", ..visit.live_frame("Service health", true) };
    let charts = service.traffic.charts(frame.now);
    page(&Page { frame, service, charts, may_look: visit.may(Right::Look) })
}
