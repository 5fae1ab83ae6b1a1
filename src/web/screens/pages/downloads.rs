//! P2, P4 and P31 as files: a list with its filter is made into CSV in the background, in the name of whoever asked and
//! with what they may see, and kept for them alone for a day.

use std::sync::Arc;

use askama::Template;
use serde_json::Value;

use super::{number, query};
use crate::access::right::Right;
use crate::record::moment::Moment;
use crate::store::downloads::{self, Download, FAILED, MAKING, READY, Wish};
use crate::store::ids::Ids;
use crate::web::api::call::Caller;
use crate::web::api::problem::Problem;
use crate::web::api::routes::Verb;
use crate::web::screens::service::Screens;
use crate::web::screens::table::{Table, instant};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, asked_of, page};
use crate::web::screens::words::{self, At};

/// They are kept so long.
pub const KEPT_MS: i64 = 24 * 3_600_000;
/// One in the making for so long was given up by whoever made it.
const MAKING_MS: i64 = 10 * 60_000;
/// A file has no more rows.
const ROWS_MAX: i64 = 100_000;
/// Rows that are asked for at a time.
const PAGE: &str = "1000";

/// What may be made into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    WorkOrders,
    Messages,
    Causes,
    Audit,
}

impl What {
    const ALL: [What; 4] = [What::WorkOrders, What::Messages, What::Causes, What::Audit];

    fn word(self) -> &'static str {
        match self {
            What::WorkOrders => "work-orders",
            What::Messages => "messages",
            What::Causes => "causes",
            What::Audit => "audit",
        }
    }

    fn right(self) -> Right {
        match self {
            What::Audit => Right::Audit,
            _ => Right::Look,
        }
    }

    fn verb(self) -> Verb {
        match self {
            What::WorkOrders => Verb::WorkOrders,
            What::Messages => Verb::Deliveries,
            What::Causes => Verb::Held,
            What::Audit => Verb::Audit,
        }
    }

    /// What a list of it may be filtered by.
    fn filters(self) -> &'static [&'static str] {
        match self {
            What::WorkOrders => {
                &["state", "source", "batch", "code", "from", "until", "older_than", "order"]
            }
            What::Messages => &[
                "state",
                "destination",
                "code",
                "batch",
                "source",
                "from",
                "until",
                "older_than",
                "order",
            ],
            What::Causes | What::Audit => &[],
        }
    }

    fn head(self) -> &'static [&'static str] {
        match self {
            What::WorkOrders => &[
                "work order",
                "source",
                "key",
                "state",
                "code",
                "what is the matter",
                "batch",
                "file",
                "received (UTC)",
                "received (London)",
            ],
            What::Messages => &[
                "message",
                "reference",
                "state",
                "since (UTC)",
                "since (London)",
                "what",
                "to",
                "system",
                "resident",
                "batch",
                "code",
                "cause",
                "what happens next",
            ],
            What::Causes => &[
                "held",
                "code",
                "job or system",
                "field",
                "how many",
                "oldest (UTC)",
                "oldest (London)",
                "newest (UTC)",
                "newest (London)",
                "what is the matter",
                "what to do",
            ],
            What::Audit => {
                &["line", "at (UTC)", "at (London)", "who", "did", "to", "why", "details", "digest"]
            }
        }
    }
}

#[derive(Template)]
#[template(path = "pages/downloads.html")]
struct ListPage {
    frame: Frame,
    list: Vec<Line>,
    most: i64,
}

struct Line {
    id: i64,
    name: String,
    state: String,
    /// It can be fetched.
    ready: bool,
    rows: i64,
    cut: bool,
    made: At,
}

pub async fn list(visit: &Visit) -> Answer {
    let (database, who) = (visit.screens.hub.database(), visit.who()?);
    let after_ms = visit.now_ms - KEPT_MS;
    let found = downloads::of_person(database, who.session.staff_id, after_ms).await?;
    let list: Vec<Line> = found.into_iter().map(|one| line(one, visit.now_ms)).collect();
    let goes_on = list.iter().any(|one| one.state == MAKING);
    let frame = Frame { help: "downloads", ..visit.live_frame("Your downloads", goes_on) };
    page(&ListPage { frame, list, most: ROWS_MAX })
}

fn line(one: Download, now_ms: i64) -> Line {
    let given_up = one.state == MAKING && one.made_ms < now_ms - MAKING_MS;
    Line {
        id: one.id,
        name: one.name,
        ready: one.state == READY,
        state: if given_up { FAILED.to_owned() } else { one.state },
        rows: one.row_count,
        cut: one.is_cut,
        made: At(one.made_ms),
    }
}

/// Begins one. Its first page is asked for before: what is not understood or not allowed is told at once.
pub async fn make(visit: &Visit) -> Answer {
    let word = visit.form.one("what");
    let what = What::ALL.into_iter().find(|what| what.word() == word);
    let what = what.ok_or_else(|| Trouble::Words("There is no such list".to_owned()))?;
    if !visit.may(what.right()) {
        let says = "Your role does not let you see that list.";
        return Err(Trouble::NotAllowed(says.to_owned()));
    }
    let pairs: Vec<(&str, &str)> =
        what.filters().iter().map(|name| (*name, visit.form.one(name))).collect();
    let filter = query(&pairs);
    let first = [&pairs[..], &[("most", "1")]].concat();
    let first = if what == What::Causes { String::new() } else { query(&first) };
    visit.ask::<Value>(what.verb(), "", &first).await?;
    let (database, who) = (visit.screens.hub.database(), visit.who()?);
    let mut numbers = Ids::new();
    numbers.reserve(database, 1).await?;
    let made = Made {
        screens: Arc::clone(&visit.screens),
        what,
        id: numbers.take(),
        staff_id: who.session.staff_id,
        caller: who.caller(),
        filter,
        name: name_of(what, &pairs, visit.now_ms),
    };
    let since_ms = visit.now_ms - MAKING_MS;
    if !downloads::begin(database, &made.wish(), (visit.now_ms, since_ms)).await? {
        let says = "Another download of yours is being made. Wait until it is ready.";
        return Err(Trouble::Stands(says.to_owned()));
    }
    tokio::spawn(async move {
        if let Err(problem) = made.make().await {
            tracing::error!(cause = ?problem.kind, "a download could not be made");
            let failed = downloads::fail(made.screens.hub.database(), made.id).await;
            if let Err(error) = failed {
                tracing::error!(%error, "nor could that be written down");
            }
        }
    });
    Ok(Reply::GoTo("/downloads?done=making".to_owned()))
}

/// `work-orders-held-revenues-2026-11-27.csv`
fn name_of(what: What, pairs: &[(&str, &str)], now_ms: i64) -> String {
    let mut name = what.word().to_owned();
    for (_, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        name.push('-');
        name.push_str(value);
    }
    format!("{name}-{}.csv", Moment(now_ms).day())
}

/// One in the making.
struct Made {
    screens: Arc<Screens>,
    what: What,
    id: i64,
    staff_id: i64,
    caller: Caller,
    filter: String,
    name: String,
}

impl Made {
    fn wish(&self) -> Wish<'_> {
        Wish {
            id: self.id,
            staff_id: self.staff_id,
            actor: self.caller.actor.as_str(),
            what: self.what.word(),
            filter: &self.filter,
            name: &self.name,
        }
    }

    async fn make(&self) -> Result<(), Problem> {
        let mut table = Table::new(self.what.head());
        let mut after = String::new();
        let mut is_cut = false;
        loop {
            let asked = self.asked(&after);
            let hub = &*self.screens.hub;
            let json = asked_of(hub, self.caller.clone(), self.what.verb(), &asked).await?;
            let next = rows(self.what, &json, &mut table);
            match next {
                Some(next) if table.rows < ROWS_MAX && next != after => after = next,
                Some(_) => {
                    is_cut = true;
                    break;
                }
                None => break,
            }
        }
        let (database, now_ms) = (self.screens.hub.database(), self.screens.hub.clock().now_ms());
        let (many, text) = (table.rows, table.text());
        downloads::finish(database, &self.wish(), (text, many, is_cut), now_ms).await?;
        Ok(())
    }

    fn asked(&self, after: &str) -> String {
        let name = if self.what == What::Audit { "before" } else { "after" };
        match self.what {
            What::Causes => String::new(),
            _ => {
                let page = query(&[(name, after), ("most", PAGE)]);
                if self.filter.is_empty() { page } else { format!("{}&{page}", self.filter) }
            }
        }
    }
}

/// Writes the rows of one page, and says where the next begins.
fn rows(what: What, json: &Value, table: &mut Table) -> Option<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    match what {
        What::WorkOrders => {
            for one in list(&json["work_orders"]) {
                let [utc, local] = when(&one["received"]);
                let of = |name: &str| text(&one[name]);
                table.row([
                    of("work_order"),
                    of("source"),
                    of("key"),
                    of("state"),
                    of("code"),
                    of("means"),
                    of("batch"),
                    of("file"),
                    utc,
                    local,
                ]);
            }
        }
        What::Messages => {
            for one in list(&json["deliveries"]) {
                let [utc, local] = when(&one["since"]);
                let of = |name: &str| text(&one[name]);
                table.row([
                    of("delivery"),
                    of("reference"),
                    of("state"),
                    utc,
                    local,
                    of("what"),
                    of("to"),
                    of("destination"),
                    of("resident"),
                    of("batch"),
                    of("code"),
                    of("cause"),
                    of("next"),
                ]);
            }
        }
        What::Causes => {
            for (held, name) in [("rows", "rows"), ("messages", "messages")] {
                for one in list(&json[name]) {
                    let ([utc, local], [utc_last, local_last]) =
                        (when(&one["oldest"]), when(&one["newest"]));
                    let of = |name: &str| text(&one[name]);
                    table.row([
                        held.to_owned(),
                        of("code"),
                        of("job"),
                        of("field"),
                        of("count"),
                        utc,
                        local,
                        utc_last,
                        local_last,
                        of("means"),
                        of("remedy"),
                    ]);
                }
            }
            for one in list(&json["batches"]) {
                let [utc, local] = when(&one["since"]);
                let of = |name: &str| text(&one[name]);
                table.row([
                    "file".to_owned(),
                    of("code"),
                    of("origin"),
                    String::new(),
                    "1".to_owned(),
                    utc.clone(),
                    local.clone(),
                    utc,
                    local,
                    of("means"),
                    of("remedy"),
                ]);
            }
            return None;
        }
        What::Audit => {
            let lines = list(json);
            for one in &lines {
                let [utc, local] = when(&one["at"]);
                let of = |name: &str| text(&one[name]);
                table.row([
                    of("line"),
                    utc,
                    local,
                    of("actor"),
                    of("action"),
                    of("target"),
                    of("reason"),
                    of("details"),
                    of("digest"),
                ]);
            }
            let last = lines.last().map(|line| text(&line["line"]));
            return last.filter(|line| line != "1");
        }
    }
    Some(text(&json["after"])).filter(|after| !after.is_empty())
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn when(value: &Value) -> [String; 2] {
    match value.as_str().and_then(Moment::parse) {
        Some(at) => instant(at.0),
        None => [String::new(), String::new()],
    }
}

/// Gives the file to whoever had it made.
pub async fn fetch(visit: &Visit) -> Answer {
    let (database, who) = (visit.screens.hub.database(), visit.who()?);
    let actor = who.actor();
    let whose = (number(visit)?, who.session.staff_id, actor.as_str());
    let times = (visit.now_ms, visit.now_ms - KEPT_MS);
    let found = downloads::fetch(database, whose, times).await?;
    let (name, content) = found.ok_or_else(|| {
        let says = "There is no such download of yours, or its day is over. Make it once more.";
        Trouble::NotThere(says.to_owned())
    })?;
    Ok(Reply::File(name, content))
}
