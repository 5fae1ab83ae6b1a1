//! P1: how the service stands. What needs somebody comes first; then a line for each system that is read and for
//! each that is told; then the last day in small charts, and what people changed in it.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::in_path;
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::chart::{Chart, Traffic};
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct Service {
    needs: Vec<Need>,
    acknowledged: Vec<Need>,
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
    alert: Option<String>,
    by: Option<String>,
    why: Option<String>,
    until: Option<At>,
}

impl Service {
    fn can_acknowledge(&self) -> bool {
        self.needs.iter().any(|need| need.alert.is_some())
    }
}

impl Need {
    fn href(&self) -> String {
        match self.page.as_str() {
            "batch" => format!("/batches/{}", self.which),
            "destination" => format!("/destinations/{}", in_path(&self.which)),
            "cause" => format!("/causes/{}", in_path(&self.which)),
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
    may_act: bool,
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
    let (may_look, may_act) = (visit.may(Right::Look), visit.may(Right::Act));
    page(&Page { frame, service, charts, may_look, may_act })
}

/// Somebody has seen an alert.
pub async fn acknowledge(visit: &Visit) -> Answer {
    let body = json!({ "alert": visit.form.one("alert"), "reason": visit.reason()? });
    let _: Value = visit.act(Verb::Acknowledge, "", body).await?;
    Ok(Reply::GoTo("/?done=acknowledged".to_owned()))
}
