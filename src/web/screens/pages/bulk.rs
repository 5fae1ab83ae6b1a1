//! P5 and P6: a set of held things is fixed and looked at, somebody says yes or no, and the work is watched.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{number, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At, grouped};

/// Named things that one form may choose.
const CHOSEN_MAX: usize = 1_000;
const LISTED: &str = "100";

#[derive(Deserialize)]
struct Bulk {
    bulk: i64,
    action: String,
    chosen: String,
    by: String,
    reason: String,
    state: String,
    items: i64,
    begun: At,
    ended: Option<At>,
    #[serde(default)]
    counts: BTreeMap<String, i64>,
    #[serde(default)]
    list: Vec<Item>,
    #[serde(default)]
    dry_run: Option<DryRun>,
    #[serde(default)]
    destinations: BTreeMap<String, i64>,
    #[serde(default)]
    after: Option<i64>,
    #[serde(default)]
    payments: i64,
    #[serde(default)]
    approved_by: Option<String>,
    #[serde(default)]
    approved_reason: Option<String>,
    /// It takes the word of two people.
    #[serde(default)]
    takes_two: bool,
}

#[derive(Deserialize)]
struct DryRun {
    would: BTreeMap<String, i64>,
    left: Vec<Why>,
    otherwise: Vec<Why>,
}

#[derive(Deserialize)]
struct Why {
    why: String,
    count: i64,
}

#[derive(Deserialize)]
struct Item {
    delivery: i64,
    outcome: Option<String>,
    why: Option<String>,
    made: Option<i64>,
}

impl Bulk {
    /// What is done, as a sentence begins with it.
    fn does(&self) -> &'static str {
        match self.action.as_str() {
            "release" => "Send again",
            "dismiss" => "Never send",
            "remake" => "Make anew",
            _ => "Tell once more",
        }
    }

    /// The question that is asked before.
    fn question(&self) -> String {
        let of = if self.payments == self.items { "payment" } else { "message" };
        let many = match self.items {
            1 => format!("1 {of}"),
            many => format!("{} {of}s", grouped(many)),
        };
        match self.action.as_str() {
            "release" => format!("Send {many} again?"),
            "dismiss" => format!("Never send {many}?"),
            "remake" => format!("Make {many} anew?"),
            _ => format!("Tell {many} once more?"),
        }
    }

    fn open(&self) -> i64 {
        self.counts.get("open").copied().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "pages/bulk_list.html")]
struct ListPage {
    frame: Frame,
    list: Vec<Bulk>,
}

#[derive(Template)]
#[template(path = "pages/bulk_confirm.html")]
struct ConfirmPage {
    frame: Frame,
    bulk: Bulk,
    run: DryRun,
    acts: i64,
    leaves_council: bool,
    /// More than this role may: somebody else has to say yes.
    too_many: Option<i64>,
    may_act: bool,
    /// Somebody means it, and somebody else has to agree.
    asked: bool,
    /// Whoever looks is who asked for it.
    is_mine: bool,
    may_decide: bool,
}

#[derive(Template)]
#[template(path = "pages/bulk.html")]
struct OnePage {
    frame: Frame,
    bulk: Bulk,
    may_act: bool,
    next: Option<String>,
}

pub async fn list(visit: &Visit) -> Answer {
    let list: Vec<Bulk> = visit.ask(Verb::BulkActions, "", "").await?;
    page(&ListPage { frame: Frame { help: "bulk", ..visit.frame("Bulk actions") }, list })
}

/// The set is fixed now, and looked at before anything is done.
pub async fn propose(visit: &Visit) -> Answer {
    let form = &visit.form;
    let ids = form.all("id");
    if ids.len() > CHOSEN_MAX {
        return Err(Trouble::Words("Choose 1,000 at most, or everything of a cause".to_owned()));
    }
    let ids: Result<Vec<i64>, _> = ids.iter().map(|id| id.parse()).collect();
    let ids = ids.map_err(|_| Trouble::Words("What was chosen is not a number".to_owned()))?;
    if ids.is_empty() && form.some("code").is_none() {
        return Err(Trouble::Words("Choose at least one".to_owned()));
    }
    let mut asked = json!({ "action": form.one("action"), "ids": ids });
    for name in ["code", "destination", "mapping"] {
        if let Some(value) = form.some(name) {
            asked[name] = json!(value);
        }
    }
    let bulk: Bulk = visit.act(Verb::Propose, "", asked).await?;
    Ok(Reply::GoTo(format!("/bulk/{}", bulk.bulk)))
}

pub async fn show(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let after = visit.query.one("after");
    let asked =
        query(&[("most", LISTED), ("after", after), ("outcome", visit.query.one("outcome"))]);
    let mut bulk: Bulk = visit.ask(Verb::BulkAction, &id, &asked).await?;
    let may_act = visit.may(Right::Act);
    if ["proposed", "asked"].contains(&bulk.state.as_str()) {
        bulk = visit.ask(Verb::Proposed, &id, "").await?;
        let run = bulk.dry_run.take().ok_or(Trouble::Broken)?;
        let acts = run.would.values().sum();
        let most = visit.who()?.roles.bulk_max();
        let frame = visit.frame(&bulk.question());
        return page(&ConfirmPage {
            frame: Frame { help: "bulk", ..frame },
            leaves_council: bulk.action != "dismiss" && acts > 0,
            too_many: most.filter(|most| !bulk.takes_two && bulk.items > *most),
            asked: bulk.state == "asked",
            is_mine: visit.who()?.actor().is_person_of(&bulk.by),
            may_decide: visit.may(Right::Decide),
            bulk,
            run,
            acts,
            may_act,
        });
    }
    let frame = visit.live_frame(&format!("Bulk action {id}"), bulk.state == "running");
    let next = bulk.after.map(|after| {
        format!(
            "/bulk/{id}?{}",
            query(&[("after", &after.to_string()), ("outcome", visit.query.one("outcome"))])
        )
    });
    page(&OnePage { frame: Frame { help: "bulk", ..frame }, bulk, may_act, next })
}

pub async fn confirm(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let bulk: Bulk = visit.act(Verb::Confirm, &id, json!({ "reason": visit.reason()? })).await?;
    let done = if bulk.state == "asked" { "asked" } else { "begun" };
    Ok(Reply::GoTo(format!("/bulk/{id}?done={done}")))
}

/// The second person's yes.
pub async fn approve(visit: &Visit) -> Answer {
    second(visit, Verb::Approve, "begun").await
}

/// Or no.
pub async fn refuse(visit: &Visit) -> Answer {
    second(visit, Verb::Refuse, "turned-down").await
}

async fn second(visit: &Visit, verb: Verb, done: &str) -> Answer {
    let id = number(visit)?.to_string();
    let _: Value = visit.act(verb, &id, json!({ "reason": visit.reason()? })).await?;
    Ok(Reply::GoTo(format!("/bulk/{id}?done={done}")))
}

pub async fn leave(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let _: Value = visit.act(Verb::Drop, &id, json!({})).await?;
    Ok(Reply::GoTo("/causes?done=dropped".to_owned()))
}

pub async fn pause(visit: &Visit) -> Answer {
    turned(visit, Verb::Pause, "paused").await
}

pub async fn resume(visit: &Visit) -> Answer {
    turned(visit, Verb::Resume, "resumed").await
}

async fn turned(visit: &Visit, verb: Verb, done: &str) -> Answer {
    let id = number(visit)?.to_string();
    let _: Value = visit.act(verb, &id, json!({})).await?;
    Ok(Reply::GoTo(format!("/bulk/{id}?done={done}")))
}
