//! P23: what people decided about who is who, what left since, and a merge's undoing, which calls nothing back.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{number, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct List {
    acts: Vec<Act>,
    after: Option<i64>,
}

#[derive(Deserialize)]
struct Act {
    act: i64,
    kind: String,
    resident: i64,
    other: i64,
    by: String,
    why: String,
    at: At,
    undone: Option<At>,
    can_undo: bool,
}

impl Act {
    fn said(&self) -> &'static str {
        match self.kind.as_str() {
            "merge" => "Merged",
            "split" => "Split",
            "apart" => "Told apart",
            _ => "Undone",
        }
    }
}

#[derive(Template)]
#[template(path = "pages/merges.html")]
struct ListPage {
    frame: Frame,
    list: List,
    resident: String,
    next: Option<String>,
    first: Option<String>,
}

pub async fn list(visit: &Visit) -> Answer {
    let (resident, before) = (visit.query.one("resident"), visit.query.one("before"));
    let asked = query(&[("resident", resident), ("before", before), ("most", "50")]);
    let list: List = visit.ask(Verb::Acts, "", &asked).await?;
    let way = |before: &str| {
        let pairs = query(&[("resident", resident), ("before", before)]);
        format!("/merges?{pairs}").trim_end_matches('?').to_owned()
    };
    page(&ListPage {
        frame: Frame { help: "merges", ..visit.frame("Merge history") },
        next: list.after.map(|act| way(&act.to_string())),
        first: (!before.is_empty()).then(|| way("")),
        list,
        resident: resident.to_owned(),
    })
}

#[derive(Deserialize)]
struct One {
    #[serde(flatten)]
    act: Act,
    left: Vec<Left>,
    left_ever: i64,
    more: bool,
}

#[derive(Deserialize)]
struct Left {
    delivery: i64,
    resident: i64,
    destination: String,
    state: String,
}

#[derive(Template)]
#[template(path = "pages/merge.html")]
struct OnePage {
    frame: Frame,
    one: One,
    may_look: bool,
}

pub async fn show(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let one: One = visit.ask(Verb::Act, &id, "").await?;
    let frame = Frame { help: "merges", ..visit.frame(&format!("Decision {id}")) };
    page(&OnePage { frame, one, may_look: visit.may(Right::Look) })
}

pub async fn undo(visit: &Visit) -> Answer {
    let (id, reason) = (number(visit)?.to_string(), visit.reason()?);
    let _: Value = visit.act(Verb::Unmerge, &id, json!({ "reason": reason })).await?;
    Ok(Reply::GoTo(format!("/merges/{id}?done=undone")))
}
