//! P11: who works here, what each has in hand by lease and until when, and when the work of one that died comes back.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct All {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    node: String,
    machine: String,
    process: String,
    state: String,
    says: String,
    version: Option<String>,
    address: Option<String>,
    since: Option<At>,
    heard: Option<At>,
    drain: Option<Drain>,
    destinations: Vec<Sends>,
    reads: Option<Reads>,
    bulk: Vec<Acts>,
    schedules: Vec<Fires>,
}

impl Node {
    fn has_nothing(&self) -> bool {
        self.destinations.is_empty() && self.reads.is_none() && self.bulk.is_empty()
    }
}

#[derive(Deserialize)]
struct Drain {
    by: String,
    why: String,
    since: At,
}

#[derive(Deserialize)]
struct Sends {
    destination: String,
    fence: i64,
    until: At,
}

#[derive(Deserialize)]
struct Reads {
    fence: i64,
    until: At,
    batches: Vec<Batch>,
}

#[derive(Deserialize)]
struct Batch {
    batch: i64,
    job: String,
    origin: String,
}

#[derive(Deserialize)]
struct Acts {
    bulk: i64,
    action: String,
    items: i64,
    until: At,
}

#[derive(Deserialize)]
struct Fires {
    job: String,
    slot: At,
}

#[derive(Template)]
#[template(path = "pages/nodes.html")]
struct Page {
    frame: Frame,
    all: All,
    may_look: bool,
    may_act: bool,
}

pub async fn show(visit: &Visit) -> Answer {
    let all = visit.ask(Verb::Nodes, "", "").await?;
    let frame = Frame { help: "nodes", ..visit.live_frame("Nodes", true) };
    let (may_look, may_act) = (visit.may(Right::Look), visit.may(Right::Act));
    page(&Page { frame, all, may_look, may_act })
}

/// Has one take nothing new, or something again.
pub async fn turn(visit: &Visit, verb: Verb, done: &str) -> Answer {
    let _: Value = visit.act(verb, &visit.id, json!({ "reason": visit.reason()? })).await?;
    Ok(Reply::GoTo(format!("/nodes?done={done}")))
}
