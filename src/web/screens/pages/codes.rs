//! P16: what each system's codes mean, which came that no list has, and codes that are added until their file has
//! them: one person asks, what it would do is looked at, another says yes.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::number;
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

/// What rows are held by that have a code that no list has.
const UNKNOWN: &str = "code_unknown";

#[derive(Deserialize)]
struct All {
    lists: Vec<List>,
    held: i64,
    looked: i64,
    additions: Vec<Addition>,
}

#[derive(Deserialize)]
struct List {
    list: String,
    mappings: Vec<String>,
    means: Vec<String>,
    codes: Vec<Code>,
    unknown: Vec<Unknown>,
}

#[derive(Deserialize)]
struct Code {
    code: String,
    value: String,
    from: Option<String>,
    to: Option<String>,
}

#[derive(Deserialize)]
struct Unknown {
    code: String,
    rows: i64,
}

#[derive(Deserialize)]
struct Addition {
    id: i64,
    list: String,
    code: String,
    value: String,
    state: String,
    line: String,
    file: String,
    asked_by: String,
    why: String,
    asked: At,
    decided_by: Option<String>,
    decided_why: Option<String>,
    decided: Option<At>,
    impact: Option<Impact>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Impact {
    failed: bool,
    waited: Option<i64>,
    released: i64,
    stay: i64,
    changes: Vec<Counted>,
    messages: Vec<Message>,
}

#[derive(Deserialize)]
struct Counted {
    subject: String,
    kind: String,
    count: i64,
}

#[derive(Deserialize)]
struct Message {
    destination: String,
    mapping: String,
    outcome: String,
    count: i64,
}

impl List {
    /// Whether somebody asked for that code, or it counts.
    fn is_asked(&self, code: &str, additions: &[Addition]) -> bool {
        additions.iter().any(|one| {
            one.list == self.list
                && one.code == code
                && ["asked for", "counts"].contains(&one.state.as_str())
        })
    }
}

#[derive(Template)]
#[template(path = "pages/codes.html")]
struct ListPage {
    frame: Frame,
    all: All,
    may_draft: bool,
    may_look: bool,
}

pub async fn list(visit: &Visit) -> Answer {
    let all: All = visit.ask(Verb::Codes, "", "").await?;
    page(&ListPage {
        frame: Frame { help: "codes", ..visit.frame("Code lists") },
        all,
        may_draft: visit.may(Right::Draft),
        may_look: visit.may(Right::Look),
    })
}

#[derive(Deserialize)]
struct Asked {
    id: i64,
}

pub async fn ask(visit: &Visit) -> Answer {
    let words = json!({
        "list": visit.form.one("list"), "code": visit.form.one("code"),
        "value": visit.form.one("value"), "reason": visit.reason()?,
    });
    let asked: Asked = visit.act(Verb::AskCode, "", words).await?;
    Ok(Reply::GoTo(format!("/codes/{}?done=code-asked", asked.id)))
}

#[derive(Template)]
#[template(path = "pages/code.html")]
struct OnePage {
    frame: Frame,
    one: Addition,
    held: i64,
    may_decide: bool,
    may_act: bool,
    is_own: bool,
}

#[derive(Deserialize)]
struct Held {
    rows: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    code: String,
    count: i64,
}

pub async fn show(visit: &Visit) -> Answer {
    let one: Addition = visit.ask(Verb::Code, &number(visit)?.to_string(), "").await?;
    let held = match visit.may(Right::Look) {
        true => {
            let held: Held = visit.ask(Verb::Held, "", "").await?;
            held.rows.iter().filter(|group| group.code == UNKNOWN).map(|group| group.count).sum()
        }
        false => 0,
    };
    let goes_on = one.impact.is_none() || (one.state == "counts" && held > 0);
    let frame = visit.live_frame(&format!("Code {} of {}", one.code, one.list), goes_on);
    page(&OnePage {
        frame: Frame { help: "codes", ..frame },
        held,
        may_decide: visit.may(Right::Approve),
        may_act: visit.may(Right::Act),
        is_own: visit.who()?.actor().to_string() == one.asked_by,
        one,
    })
}

pub async fn decide(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let approve = match visit.form.one("decision") {
        "approve" => true,
        "refuse" => false,
        _ => return Err(Trouble::Words("Choose whether the code counts".to_owned())),
    };
    let words = json!({ "approve": approve, "reason": visit.reason()? });
    let _: Value = visit.act(Verb::DecideCode, &id, words).await?;
    let done = if approve { "code-counts" } else { "code-refused" };
    Ok(Reply::GoTo(format!("/codes/{id}?done={done}")))
}

/// Everything that waits under an unknown code is read again, with what the lists say now.
pub async fn replay(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::Replay, "", json!({ "code": UNKNOWN })).await?;
    Ok(Reply::GoTo(format!("/codes/{}?done=reading", number(visit)?)))
}
