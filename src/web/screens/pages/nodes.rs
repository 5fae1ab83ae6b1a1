//! P11: who works here, what each has in hand by lease and until when, and when the work of one that died comes back.

use askama::Template;
use serde::Deserialize;

use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct All {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    machine: String,
    process: String,
    state: String,
    says: String,
    version: Option<String>,
    address: Option<String>,
    since: Option<At>,
    heard: Option<At>,
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
}

pub async fn show(visit: &Visit) -> Answer {
    let all = visit.ask(Verb::Nodes, "", "").await?;
    let frame = Frame { help: "nodes", ..visit.live_frame("Nodes", true) };
    page(&Page { frame, all, may_look: visit.may(Right::Look) })
}
