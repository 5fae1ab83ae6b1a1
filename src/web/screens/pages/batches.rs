//! P7: every file, call or replay that was read, one of them whole, and a person's word on one that is held.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{number, query};
use crate::access::right::Right;
use crate::job::ingest::DOUBTS;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

const LISTED: &str = "50";
/// Messages of a batch that are counted.
const COUNTED_MAX: i64 = 10_000;

#[derive(Deserialize)]
struct Line {
    batch: i64,
    job: String,
    origin: String,
    state: String,
    cause_code: Option<String>,
    started: At,
    rows_in: i64,
    published: i64,
    unchanged: i64,
    held: i64,
    filtered: i64,
}

#[derive(Template)]
#[template(path = "pages/batches.html")]
struct ListPage {
    frame: Frame,
    lines: Vec<Line>,
    job: String,
}

pub async fn list(visit: &Visit) -> Answer {
    let job = visit.query.one("job");
    let lines: Vec<Line> =
        visit.ask(Verb::Batches, "", &query(&[("job", job), ("most", LISTED)])).await?;
    let frame = Frame { help: "batches", ..visit.frame("Files") };
    page(&ListPage { frame, lines, job: job.to_owned() })
}

#[derive(Deserialize)]
struct Batch {
    batch: i64,
    job: String,
    origin: String,
    state: String,
    cause_code: Option<String>,
    cause: Option<String>,
    encoding: Option<String>,
    started: At,
    rows_in: i64,
    published: i64,
    unchanged: i64,
    held: i64,
    filtered: i64,
    records: Records,
    residents_created: i64,
    residents_changed: i64,
    changes: i64,
    deliveries: BTreeMap<String, i64>,
    decision: Option<Decision>,
}

impl Batch {
    /// Whether it made more messages than were counted.
    fn has_more(&self) -> bool {
        self.deliveries.values().sum::<i64>() >= COUNTED_MAX
    }
}

#[derive(Deserialize)]
struct Records {
    new: i64,
    changed: i64,
    unchanged: i64,
    gone: i64,
}

#[derive(Deserialize)]
struct Decision {
    decided: String,
    by: String,
    reason: String,
    at: At,
}

/// What is said of one that is held whole.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Explained {
    means: String,
    remedy: String,
    lies: String,
}

#[derive(Template)]
#[template(path = "pages/batch.html")]
struct OnePage {
    frame: Frame,
    batch: Batch,
    explained: Explained,
    may_decide: bool,
    may_accept: bool,
    adds_up: bool,
}

#[derive(Template)]
#[template(path = "pages/batch_decide.html")]
struct AskPage {
    frame: Frame,
    batch: Batch,
    explained: Explained,
    may_accept: bool,
}

async fn read(visit: &Visit) -> Result<(Batch, Explained), Trouble> {
    let id = number(visit)?.to_string();
    let batch: Batch = visit.ask(Verb::Batch, &id, &format!("counted_to={COUNTED_MAX}")).await?;
    let explained = match batch.state == "held" {
        true => visit.ask(Verb::HeldOne, &id, "").await?,
        false => Explained::default(),
    };
    Ok((batch, explained))
}

pub async fn show(visit: &Visit) -> Answer {
    let (batch, explained) = read(visit).await?;
    let goes_on = ["reading", "released"].contains(&batch.state.as_str());
    let frame = visit.live_frame(&format!("File {}", batch.batch), goes_on);
    let sum = batch.published + batch.unchanged + batch.held + batch.filtered;
    page(&OnePage {
        frame: Frame { help: "batches", ..frame },
        may_decide: visit.may(Right::Decide) && batch.state == "held" && batch.decision.is_none(),
        may_accept: may_accept(&batch),
        adds_up: sum == batch.rows_in,
        batch,
        explained,
    })
}

fn may_accept(batch: &Batch) -> bool {
    batch.cause_code.as_deref().is_some_and(|code| DOUBTS.contains(&code))
}

/// The question, with what follows from each answer.
pub async fn ask(visit: &Visit) -> Answer {
    let (batch, explained) = read(visit).await?;
    if batch.state != "held" || batch.decision.is_some() {
        return Err(Trouble::Stands("This file does not wait for a decision any more.".to_owned()));
    }
    let frame = Frame { help: "batches", ..visit.frame("Accept or refuse a file") };
    page(&AskPage { frame, may_accept: may_accept(&batch), batch, explained })
}

pub async fn decide(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let (verb, done) = match visit.form.one("decision") {
        "accept" => (Verb::AcceptBatch, "accepted"),
        "refuse" => (Verb::RefuseBatch, "refused"),
        _ => {
            return Err(Trouble::Words(
                "Choose whether to accept the file or to refuse it".to_owned(),
            ));
        }
    };
    let _: Value = visit.act(verb, &id, json!({ "reason": visit.reason()? })).await?;
    Ok(Reply::GoTo(format!("/batches/{id}?done={done}")))
}
