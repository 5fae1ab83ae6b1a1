//! P22: "why did you write to me?", answered by one page: each message with what changed, who said so, the rule that
//! made it, what held it and what let it go.

use askama::Template;
use serde::Deserialize;

use super::number;
use super::residents::{ask_purpose, purpose, target};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct WhyWritten {
    letters: Vec<Letter>,
    holds: Vec<Held>,
    earlier: bool,
}

#[derive(Deserialize)]
struct Letter {
    delivery: i64,
    reference: String,
    state: String,
    since: At,
    what: String,
    to: Option<String>,
    says: Vec<(String, String)>,
    destination: String,
    cause: Option<String>,
    next: String,
    purpose: String,
    made: At,
    mapping: String,
    mapping_version: i64,
    batch: i64,
    means: Option<String>,
    why: Option<Because>,
    attempts: Vec<Tried>,
    decisions: Vec<Decision>,
    let_out: Option<At>,
    holds: Vec<i64>,
}

#[derive(Deserialize)]
struct Because {
    what: String,
    source: Option<String>,
    file: Option<String>,
    batch: Option<i64>,
    record: Option<i64>,
    mapping: Option<String>,
    mapping_version: Option<i64>,
}

#[derive(Deserialize)]
struct Tried {
    intent: At,
    outcome: Option<String>,
    cause: Option<String>,
}

#[derive(Deserialize)]
struct Decision {
    at: At,
    by: String,
    what: String,
    reason: String,
}

#[derive(Deserialize)]
struct Held {
    hold: i64,
    kind: String,
    reason: String,
    from: At,
    until: Option<At>,
    lifted: Option<At>,
    lift_reason: Option<String>,
    over: bool,
}

impl Letter {
    /// What held it, as far as a hold did.
    fn held_by<'h>(&self, holds: &'h [Held]) -> Vec<&'h Held> {
        holds.iter().filter(|hold| self.holds.contains(&hold.hold)).collect()
    }
}

#[derive(Template)]
#[template(path = "pages/resident_why.html")]
struct WhyPage {
    frame: Frame,
    id: i64,
    why: WhyWritten,
    may_look: bool,
    shown_until: Option<At>,
}

pub async fn why(visit: &Visit) -> Answer {
    let id = number(visit)?;
    let (explained, purpose) = purpose(visit, id).await?;
    if explained.resident != id {
        return Ok(Reply::GoTo(format!("/residents/{}/why?done=moved-on", explained.resident)));
    }
    if purpose.is_none() {
        return ask_purpose(visit, id, true);
    }
    let (why, until): (WhyWritten, _) =
        visit.look(Verb::Why, (&id.to_string(), ""), &target(id)).await?;
    let title = format!("Why we wrote to resident {id}");
    page(&WhyPage {
        frame: Frame { help: "residents", ..visit.frame(&title) },
        id,
        why,
        may_look: visit.may(Right::Look),
        shown_until: until.map(At),
    })
}
