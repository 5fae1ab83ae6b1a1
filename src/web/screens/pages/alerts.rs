//! P35: what those who look after people and after information have to know of: each use of a break-glass account, and
//! what was done under it, until somebody who is another has written what they think of it.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::number;
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Alarm, Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

/// So many stand on a first page.
const FIRST_MAX: usize = 10;

#[derive(Deserialize)]
struct All {
    alerts: Vec<Alert>,
}

#[derive(Deserialize)]
struct Alert {
    alert: i64,
    kind: String,
    account: String,
    person: String,
    reason: String,
    from: String,
    at: At,
    until: Option<At>,
    /// open, not reviewed, reviewed
    state: String,
    says: String,
    reviewed: Option<At>,
    reviewed_by: Option<String>,
    review: Option<String>,
    #[serde(default)]
    done: Vec<Done>,
    /// More was done than is listed.
    #[serde(default)]
    more: bool,
}

#[derive(Deserialize)]
struct Done {
    at: At,
    action: String,
    target: String,
    reason: Option<String>,
}

#[derive(Template)]
#[template(path = "pages/alerts.html")]
struct ListPage {
    frame: Frame,
    list: Vec<Alert>,
}

#[derive(Template)]
#[template(path = "pages/alert.html")]
struct OnePage {
    frame: Frame,
    one: Alert,
    may_review: bool,
}

pub async fn list(visit: &Visit) -> Answer {
    let all: All = visit.ask(Verb::Alerts, "", "").await?;
    let frame = Frame { help: "alerts", ..visit.frame("Alerts") };
    page(&ListPage { frame, list: all.alerts })
}

pub async fn show(visit: &Visit) -> Answer {
    let one: Alert = visit.ask(Verb::Alert, &number(visit)?.to_string(), "").await?;
    let frame = Frame { help: "alerts", ..visit.frame(&format!("Alert {}", one.alert)) };
    let waits = one.state == "not reviewed";
    page(&OnePage { frame, one, may_review: waits && visit.may(Right::Review) })
}

pub async fn review(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let words = visit.form.one("reason");
    if words.is_empty() {
        return Err(Trouble::Words("Enter what you think of it".to_owned()));
    }
    let _: Value = visit.act(Verb::ReviewAlert, &id, json!({ "reason": words })).await?;
    Ok(Reply::GoTo(format!("/alerts/{id}?done=reviewed")))
}

/// Those that wait for a review, for a first page.
pub async fn waiting(visit: &Visit) -> Result<Vec<Alarm>, Trouble> {
    #[derive(Deserialize)]
    struct Waiting {
        alerts: Vec<Alarm>,
    }
    let all: Waiting = visit.ask(Verb::Alerts, "", "").await?;
    let waiting = all.alerts.into_iter().filter(|one| one.state != "reviewed");
    Ok(waiting.take(FIRST_MAX).collect())
}
