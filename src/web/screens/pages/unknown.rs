//! P8: what was sent without an answer. Nobody here knows whether it happened: the platform is asked by itself
//! where it can be, and where it cannot, a person looks and says.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::deliveries::Line;
use super::{number, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words;

const LISTED: &str = "50";

#[derive(Deserialize)]
struct List {
    deliveries: Vec<Line>,
    after: Option<i64>,
}

#[derive(Template)]
#[template(path = "pages/unknown.html")]
struct ListPage {
    frame: Frame,
    /// Those that a person has to decide.
    asked: Vec<Line>,
    /// Those that are still being asked after.
    asking: Vec<Line>,
    more: bool,
    may_decide: bool,
}

pub async fn list(visit: &Visit) -> Answer {
    let destination = visit.query.one("destination");
    let of = |pairs: &[(&str, &str)]| {
        query(
            &[pairs, &[("destination", destination), ("most", LISTED), ("counted_to", "1")]]
                .concat(),
        )
    };
    let asked: List = visit
        .ask(Verb::Deliveries, "", &of(&[("state", "held"), ("code", "delivery.unknown")]))
        .await?;
    let asking: List = visit.ask(Verb::Deliveries, "", &of(&[("state", "unknown")])).await?;
    let frame = Frame { help: "unknown", ..visit.live_frame("Unknown outcomes", true) };
    page(&ListPage {
        frame,
        more: asked.after.is_some() || asking.after.is_some(),
        asked: asked.deliveries,
        asking: asking.deliveries,
        may_decide: visit.may(Right::Decide),
    })
}

#[derive(Template)]
#[template(path = "pages/unknown_decide.html")]
struct AskPage {
    frame: Frame,
    line: Line,
}

pub async fn ask(visit: &Visit) -> Answer {
    let line: Line = visit.ask(Verb::Delivery, &number(visit)?.to_string(), "").await?;
    let doubtful = line.state == "unknown" || line.code.as_deref() == Some("delivery.unknown");
    if !doubtful {
        return Err(Trouble::Stands("What became of this message is known by now.".to_owned()));
    }
    page(&AskPage {
        frame: Frame { help: "unknown", ..visit.frame("Say what became of it") },
        line,
    })
}

pub async fn decide(visit: &Visit) -> Answer {
    let (id, reason) = (number(visit)?.to_string(), visit.reason()?);
    let (word, done) = match visit.form.one("decision") {
        "happened" => ("happened", "happened"),
        "again" => ("send_again", "again"),
        _ => return Err(Trouble::Words("Choose whether it happened".to_owned())),
    };
    let mut asked = json!({ "reason": reason });
    asked[word] = json!(true);
    if let Some(name) = visit.form.some("platform_id").filter(|_| word == "happened") {
        asked["platform_id"] = json!(name);
    }
    let _: Value = visit.act(Verb::Decide, &id, asked).await?;
    Ok(Reply::GoTo(format!("/deliveries/{id}?done={done}")))
}
