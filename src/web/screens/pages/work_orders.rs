//! P2 and P3: work orders in lists, found by any of their keys, and the story of one.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::causes::Note;
use super::filtering::{Days, Ways, owned, way};
use super::views::Views;
use super::{number, query};
use crate::access::right::Right;
use crate::store::sessions;
use crate::web::api::routes::Verb;
use crate::web::screens::labels;
use crate::web::screens::session::{SHOWN_MS, fresh_token};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

/// How many a page has, and what else may be asked for.
const SIZES: [i64; 3] = [20, 50, 100];
const SIZE: i64 = 50;

#[derive(Deserialize)]
struct List {
    counts: Counts,
    counted_to: i64,
    work_orders: Vec<Line>,
    after: Option<String>,
    before: Option<String>,
    looked_to: Option<At>,
}

/// None where there are too many batches to count through.
#[derive(Deserialize)]
struct Counts {
    all: Option<i64>,
    waiting: Option<i64>,
    held: Option<i64>,
}

#[derive(Deserialize)]
pub struct Line {
    work_order: i64,
    source: String,
    key: Option<String>,
    state: String,
    code: Option<String>,
    means: Option<String>,
    batch: i64,
    file: String,
    received: At,
}

/// A state to choose from.
struct Tab {
    words: &'static str,
    many: Option<i64>,
    href: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "pages/work_orders.html")]
struct ListPage {
    frame: Frame,
    tabs: Vec<Tab>,
    list: List,
    state: String,
    source: String,
    batch: String,
    code: String,
    days: Days,
    /// And whether it is that.
    sizes: [(i64, bool); 3],
    ways: Ways,
    /// Every word that the list is cut by, for those forms that take it along.
    pairs: Vec<(String, String)>,
    views: Views,
}

pub async fn list(visit: &Visit) -> Answer {
    let words = &visit.query;
    let (state, source, batch) = (words.one("state"), words.one("source"), words.one("batch"));
    let (code, after, before) = (words.one("code"), words.one("after"), words.one("before"));
    let days = Days::of(visit);
    let size: i64 = words.one("size").parse().unwrap_or(SIZE);
    let size =
        SIZES.into_iter().min_by_key(|one| (one - size.clamp(0, 1_000)).abs()).unwrap_or(SIZE);
    let said = size.to_string();
    let pairs = [("state", state), ("source", source), ("batch", batch), ("code", code)];
    let pairs = [&pairs[..], &days.pairs()].concat();
    let place = [("after", after), ("before", before), ("most", said.as_str())];
    let asked = query(&[&pairs[..], &place].concat());
    let list: List = visit.ask(Verb::WorkOrders, "", &asked).await?;
    let shown_size = if size == SIZE { "" } else { said.as_str() };
    let with_size = [&pairs[..], &[("size", shown_size)]].concat();
    let tab = |words, word: &'static str, many| {
        let of = [("state", word), ("source", source), ("batch", batch)];
        let here = state == word || (word == "held" && state.is_empty() && !code.is_empty());
        let here = here && (code.is_empty() || !word.is_empty());
        Tab { words, many, href: way("/work-orders", &[&of[..], &days.pairs()].concat()), here }
    };
    let tabs = vec![
        tab("All", "", list.counts.all),
        tab("Waiting", "waiting", list.counts.waiting),
        tab("Held", "held", list.counts.held),
    ];
    let places = (list.after.clone(), list.before.clone());
    page(&ListPage {
        frame: Frame { help: "work-orders", ..visit.frame("Work orders") },
        tabs,
        ways: Ways::of(visit, &with_size, places, &days),
        list,
        state: state.to_owned(),
        source: source.to_owned(),
        batch: batch.to_owned(),
        code: code.to_owned(),
        views: Views::of(visit, "work-orders", &owned(&pairs)).await?,
        pairs: owned(&pairs),
        days: Days::of(visit),
        sizes: SIZES.map(|one| (one, one == size)),
    })
}

#[derive(Deserialize)]
struct Leads {
    work_orders: Vec<Line>,
    delivery: Option<i64>,
    batch: Option<i64>,
}

#[derive(Template)]
#[template(path = "pages/found.html")]
struct FoundPage {
    frame: Frame,
    lines: Vec<Line>,
    nothing: bool,
}

/// What was typed is not repeated anywhere: where it leads has an address of its own.
pub async fn find(visit: &Visit) -> Answer {
    let key = visit.form.one("key");
    if key.is_empty() || key.len() > 300 {
        return Err(Trouble::Words(
            "Enter a number, a reference, or what a system calls the account or person".to_owned(),
        ));
    }
    let leads: Leads = visit.act(Verb::Find, "", json!({ "key": key })).await?;
    let to = match (&leads.work_orders[..], leads.delivery, leads.batch) {
        ([], Some(delivery), _) => format!("/deliveries/{delivery}"),
        ([], None, Some(batch)) => format!("/batches/{batch}"),
        ([one], None, None) => format!("/work-orders/{}", one.work_order),
        (some, _, _) => {
            let ids: Vec<i64> = some.iter().map(|line| line.work_order).collect();
            let token = fresh_token().map_err(|_| Trouble::Broken)?;
            let session = &visit.who()?.session.digest;
            let database = visit.screens.hub.database();
            sessions::keep_search(database, (&token, session, "work orders"), &ids, visit.now_ms)
                .await?;
            format!("/found/{token}")
        }
    };
    Ok(Reply::GoTo(to))
}

/// What a search found, in an address that says nothing of it.
pub async fn found(visit: &Visit) -> Answer {
    let session = &visit.who()?.session.digest;
    let kept =
        sessions::search(visit.screens.hub.database(), (&visit.id, session, "work orders")).await?;
    let ids = kept.ok_or_else(|| {
        Trouble::NotThere("This search is not one of your session’s. Search again.".to_owned())
    })?;
    let mut lines = Vec::new();
    for id in ids.iter().take(50) {
        let leads: Leads = visit.act(Verb::Find, "", json!({ "key": id.to_string() })).await?;
        lines.extend(leads.work_orders.into_iter().filter(|line| line.work_order == *id));
    }
    let frame = Frame { help: "work-orders", ..visit.frame("What was found") };
    page(&FoundPage { frame, nothing: lines.is_empty(), lines })
}

#[derive(Deserialize)]
struct Story {
    work_order: i64,
    source: String,
    key: Option<String>,
    state: String,
    batch: i64,
    file: String,
    job: String,
    received: At,
    finished: Option<At>,
    came_as: String,
    mapping_version: Option<i64>,
    newest: Option<i64>,
    is_newest: bool,
    held: Option<i64>,
    residents: Vec<i64>,
    letters: Vec<Letter>,
    changes: Vec<Change>,
    deliveries: Vec<Sent>,
    notes: Vec<Note>,
    part: Option<Part>,
}

/// What is shown of it beside its story.
#[derive(Deserialize)]
struct Part {
    unreadable: Option<String>,
    reads: Option<String>,
    groups: Vec<Group>,
    left_out: i64,
    mapping: Option<String>,
    mapping_version: Option<i64>,
}

#[derive(Deserialize)]
struct Group {
    what: String,
    fields: Vec<Says>,
}

#[derive(Deserialize)]
struct Says {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct Letter {
    code: String,
    field: Option<String>,
    cause: String,
    means: String,
    remedy: String,
    since: At,
    settled: Option<At>,
    settled_as: Option<String>,
}

#[derive(Deserialize)]
struct Change {
    at: At,
    what: String,
}

#[derive(Deserialize)]
struct Sent {
    delivery: i64,
    state: String,
    what: String,
    to: Option<String>,
    destination: String,
    made: At,
    cause: Option<String>,
    next: String,
    says: Vec<(String, String)>,
}

/// What is the matter with a held one, field by field.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Explained {
    would_now_be: String,
    faults: Vec<Fault>,
    replay: Option<String>,
}

#[derive(Deserialize)]
struct Fault {
    field: String,
    means: String,
    path: Option<String>,
    found: Option<String>,
    code_list: Option<String>,
}

/// What can be seen of one, by the word in its address.
const PARTS: [(&str, &str); 4] = [
    ("", "Its story"),
    ("came-in", "Came in"),
    ("understood", "As understood"),
    ("went-out", "Went out"),
];

impl Story {
    /// Whether the mapping is another by now than the one that its batch was read with.
    fn is_other_mapping(&self) -> bool {
        let now = self.part.as_ref().and_then(|part| part.mapping_version);
        now.is_some() && self.mapping_version.is_some() && now != self.mapping_version
    }
}

#[derive(Template)]
#[template(path = "pages/work_order.html")]
struct StoryPage {
    frame: Frame,
    story: Story,
    /// The parts there are: their words, their way, and whether it is this one.
    tabs: Vec<(&'static str, String, bool)>,
    part: &'static str,
    explained: Explained,
    may_show: bool,
    may_act: bool,
    may_open: bool,
    shown_until: Option<At>,
}

pub async fn show(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let target = format!("work order {id}");
    let asked_for = visit.query.one("part");
    let part = PARTS.into_iter().find(|(word, _)| *word == asked_for).map_or("", |(word, _)| word);
    // What went out stands in the story.
    let asked = query(&[("part", if part == "went-out" { "" } else { part })]);
    let (story, until): (Story, _) = visit.look(Verb::WorkOrder, (&id, &asked), &target).await?;
    let bound = visit.who()?.sources.is_some();
    let explained = match story.held.filter(|_| !bound) {
        Some(held) => visit.look(Verb::HeldOne, (&held.to_string(), ""), &target).await?.0,
        None => Explained::default(),
    };
    let goes_on = ["waiting", "reading"].contains(&story.state.as_str());
    let frame = visit.live_frame(&format!("Work order {id}"), goes_on);
    let way = |word: &str| {
        format!("/work-orders/{id}?{}", query(&[("part", word)])).trim_end_matches('?').to_owned()
    };
    page(&StoryPage {
        frame: Frame { help: "work-orders", ..frame },
        tabs: PARTS.into_iter().map(|(word, says)| (says, way(word), word == part)).collect(),
        part,
        story,
        explained,
        may_show: visit.may(Right::Show),
        may_act: visit.may(Right::Act),
        may_open: visit.may(Right::Records),
        shown_until: until.map(At),
    })
}

/// Values are shown for a while, for a reason.
pub async fn unmask(visit: &Visit) -> Answer {
    shown(visit, &format!("work order {}", number(visit)?), &back(visit)).await
}

pub async fn mask(visit: &Visit) -> Answer {
    hidden(visit, &format!("work order {}", number(visit)?), &back(visit)).await
}

/// The part that the form stood on.
fn back(visit: &Visit) -> String {
    let asked_for = visit.form.one("part");
    let part = PARTS.into_iter().find(|(word, _)| *word == asked_for).map_or("", |(word, _)| word);
    format!("/work-orders/{}?{}", visit.id, query(&[("part", part)]))
        .trim_end_matches('?')
        .to_owned()
}

/// The same for any record.
pub async fn shown(visit: &Visit, target: &str, way: &str) -> Answer {
    let (reason, until_ms) = (visit.reason()?, visit.now_ms + SHOWN_MS);
    let database = visit.screens.hub.database();
    sessions::show(database, &visit.who()?.session.digest, target, (reason, until_ms)).await?;
    Ok(Reply::GoTo(done(way, "shown")))
}

pub async fn hidden(visit: &Visit, target: &str, way: &str) -> Answer {
    let database = visit.screens.hub.database();
    sessions::hide(database, &visit.who()?.session.digest, target).await?;
    Ok(Reply::GoTo(done(way, "masked")))
}

fn done(way: &str, word: &str) -> String {
    format!("{way}{}done={word}", if way.contains('?') { '&' } else { '?' })
}

/// Writes something to one.
pub async fn note(visit: &Visit) -> Answer {
    let (id, body) = (number(visit)?, json!({ "text": visit.form.one("text") }));
    let _: Value = visit.act(Verb::NoteWorkOrder, &id.to_string(), body).await?;
    Ok(Reply::GoTo(format!("/work-orders/{id}?done=noted")))
}

/// A held row is read again, with the definitions as they are now.
pub async fn read_again(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::Replay, "", json!({ "ids": [number(visit)?] })).await?;
    let order: i64 = visit.form.one("work_order").parse().unwrap_or_default();
    Ok(Reply::GoTo(format!("/work-orders/{order}?done=reading")))
}
