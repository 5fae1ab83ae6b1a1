//! P4: what is held, in groups by what is the matter, with what to do; and one cause with what it holds.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{in_path, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{self, At};

/// Items of a cause that are listed.
const LISTED: &str = "100";

#[derive(Deserialize)]
struct Held {
    urgent: Vec<Value>,
    rows: Vec<Group>,
    batches: Vec<File>,
    messages: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    code: String,
    job: String,
    field: Option<String>,
    count: i64,
    oldest: At,
    newest: At,
    means: String,
    remedy: String,
}

#[derive(Deserialize)]
struct File {
    batch: i64,
    origin: String,
    code: String,
    since: At,
    means: String,
    remedy: String,
}

#[derive(Template)]
#[template(path = "pages/causes.html")]
struct ListPage {
    frame: Frame,
    held: Held,
    nothing: bool,
}

pub async fn list(visit: &Visit) -> Answer {
    let held: Held = visit.ask(Verb::Held, "", "").await?;
    let nothing = held.rows.is_empty()
        && held.batches.is_empty()
        && held.messages.is_empty()
        && held.urgent.is_empty();
    page(&ListPage {
        frame: Frame { help: "causes", ..visit.live_frame("Causes", true) },
        held,
        nothing,
    })
}

#[derive(Deserialize)]
struct Cause {
    code: String,
    means: String,
    remedy: String,
    rows: Rows,
    batches: Vec<File>,
    messages: Messages,
}

#[derive(Deserialize)]
struct Rows {
    count: i64,
    list: Vec<Row>,
}

#[derive(Deserialize)]
struct Row {
    row: i64,
    source: String,
    key: String,
    origin: String,
    cause: String,
    since: At,
}

#[derive(Deserialize)]
struct Messages {
    count: i64,
    list: Vec<Message>,
}

#[derive(Deserialize)]
struct Message {
    delivery: i64,
    destination: String,
    what: String,
    cause: Option<String>,
    since: At,
}

#[derive(Template)]
#[template(path = "pages/cause.html")]
struct OnePage {
    frame: Frame,
    cause: Cause,
    may_act: bool,
}

pub async fn show(visit: &Visit) -> Answer {
    let asked = query(&[("code", &visit.id), ("most", LISTED)]);
    let cause: Cause = visit.ask(Verb::Held, "", &asked).await?;
    let frame =
        Frame { help: "causes", ..visit.live_frame(&format!("Cause {}", cause.code), true) };
    page(&OnePage { frame, cause, may_act: visit.may(Right::Act) })
}

/// All rows of a cause are read again, with the definitions as they are now.
pub async fn replay(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::Replay, "", json!({ "code": visit.id })).await?;
    Ok(Reply::GoTo(format!("/causes/{}?done=reading", in_path(&visit.id))))
}
