//! P4: what is held, in groups by what is the matter, with what to do; and one cause with what it holds.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{in_path, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
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
    owner: Option<String>,
    silent_until: Option<At>,
    days: Vec<i64>,
    mended_at: Option<Mended>,
}

/// The page on which it is put right.
#[derive(Deserialize)]
pub struct Mended {
    page: String,
    which: String,
}

impl Mended {
    pub fn href(&self) -> String {
        match self.page.as_str() {
            "codes" => "/codes".to_owned(),
            "mapping" => format!("/mappings/{}", in_path(&self.which)),
            _ => format!("/connectors/{}", in_path(&self.which)),
        }
    }

    pub fn says(&self) -> String {
        match self.page.as_str() {
            "codes" => "the code lists".to_owned(),
            "mapping" => format!("the mapping {}", self.which),
            _ => format!("the connector {}", self.which),
        }
    }
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
    desk: Desk,
}

/// What people arranged about it.
#[derive(Deserialize)]
struct Desk {
    owner: Option<String>,
    given_by: Option<String>,
    owned: Option<At>,
    silent_until: Option<At>,
    silenced_by: Option<String>,
    silent_why: Option<String>,
    notes: Vec<Note>,
    days: Days,
    mended_at: Vec<Mended>,
}

#[derive(Deserialize)]
struct Days {
    rows: Vec<i64>,
    messages: Vec<i64>,
}

#[derive(Deserialize)]
pub struct Note {
    pub at: At,
    pub by: String,
    pub text: String,
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
    may_give: bool,
    is_mine: bool,
    me: String,
}

pub async fn show(visit: &Visit) -> Answer {
    let asked = query(&[("code", &visit.id), ("most", LISTED)]);
    let cause: Cause = visit.ask(Verb::Held, "", &asked).await?;
    let frame =
        Frame { help: "causes", ..visit.live_frame(&format!("Cause {}", cause.code), true) };
    let me = visit.who()?.name().to_owned();
    page(&OnePage {
        frame,
        is_mine: cause.desk.owner.as_deref() == Some(&me),
        cause,
        may_act: visit.may(Right::Act),
        may_give: visit.may(Right::Decide),
        me,
    })
}

/// Somebody sees to it, or nobody.
pub async fn assign(visit: &Visit) -> Answer {
    let body = json!({ "to": visit.form.some("to"), "reason": visit.reason()? });
    let _: Value = visit.act(Verb::AssignCause, &visit.id, body).await?;
    Ok(Reply::GoTo(back(visit, "assigned")))
}

/// Nobody is reminded of it until a day.
pub async fn silence(visit: &Visit) -> Answer {
    let until = visit.form.some("until");
    if until.is_none() && visit.form.one("again") != "yes" {
        let says = "Enter the day until which nobody is to be reminded";
        return Err(Trouble::Words(says.to_owned()));
    }
    let body = json!({ "until": until, "reason": visit.reason()? });
    let _: Value = visit.act(Verb::SilenceCause, &visit.id, body).await?;
    Ok(Reply::GoTo(back(visit, if until.is_some() { "silenced" } else { "unsilenced" })))
}

pub async fn note(visit: &Visit) -> Answer {
    let body = json!({ "text": visit.form.one("text") });
    let _: Value = visit.act(Verb::NoteCause, &visit.id, body).await?;
    Ok(Reply::GoTo(back(visit, "noted")))
}

fn back(visit: &Visit, done: &str) -> String {
    format!("/causes/{}?done={done}", in_path(&visit.id))
}

/// All rows of a cause are read again, with the definitions as they are now.
pub async fn replay(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::Replay, "", json!({ "code": visit.id })).await?;
    Ok(Reply::GoTo(format!("/causes/{}?done=reading", in_path(&visit.id))))
}
