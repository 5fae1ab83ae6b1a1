//! P2 and P3 for what goes out: messages, payments and pushes in lists, and the story of one.

use std::collections::BTreeMap;

use askama::Template;
use serde::Deserialize;

use super::filtering::{Days, Ways, owned, way};
use super::views::Views;
use super::work_orders::{hidden, shown};
use super::{number, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Visit, page};
use crate::web::screens::words::{self, At, many, state as said};

const SIZE: &str = "50";
/// Counts stop here.
const COUNTED_MAX: i64 = 10_000;
/// In the order in which somebody looks for them. Those that are settled are not counted: there are too many.
const STATES: [&str; 9] = [
    "held",
    "unknown",
    "waiting",
    "sending",
    "accepted",
    "offered",
    "delivered",
    "dismissed",
    "replaced",
];

#[derive(Deserialize)]
struct List {
    counts: BTreeMap<String, i64>,
    deliveries: Vec<Line>,
    after: Option<i64>,
    before: Option<i64>,
    looked_to: Option<At>,
}

#[derive(Deserialize)]
pub struct Line {
    pub delivery: i64,
    pub reference: String,
    pub state: String,
    pub since: At,
    pub what: String,
    pub to: Option<String>,
    pub destination: String,
    pub code: Option<String>,
    pub cause: Option<String>,
    pub next: String,
}

struct Tab {
    words: String,
    many: Option<String>,
    href: String,
    here: bool,
}

#[derive(Template)]
#[template(path = "pages/deliveries.html")]
struct ListPage {
    frame: Frame,
    tabs: Vec<Tab>,
    lines: Vec<Line>,
    state: String,
    destination: String,
    code: String,
    batch: String,
    source: String,
    days: Days,
    ways: Ways,
    looked_to: Option<At>,
    /// Every word that the list is cut by, for those forms that take it along.
    pairs: Vec<(String, String)>,
    views: Views,
    may_act: bool,
}

impl ListPage {
    /// What there is to choose from, and how it is said.
    fn states(&self) -> Vec<(&'static str, String)> {
        let all = std::iter::once(("", "in any state".to_owned()));
        all.chain(STATES.map(|word| (word, said(word).0.to_lowercase()))).collect()
    }
}

pub async fn list(visit: &Visit) -> Answer {
    let words = &visit.query;
    let (state, destination, code) =
        (words.one("state"), words.one("destination"), words.one("code"));
    let (batch, after, before) = (words.one("batch"), words.one("after"), words.one("before"));
    let (source, days) = (words.one("source"), Days::of(visit));
    let counted = COUNTED_MAX.to_string();
    let pairs = [
        ("state", state),
        ("source", source),
        ("destination", destination),
        ("code", code),
        ("batch", batch),
    ];
    let pairs = [&pairs[..], &days.pairs()].concat();
    let place = [("after", after), ("before", before), ("most", SIZE), ("counted_to", &counted)];
    let asked = query(&[&pairs[..], &place].concat());
    let list: List = visit.ask(Verb::Deliveries, "", &asked).await?;
    let tab = |word: &str| Tab {
        words: if word.is_empty() { "All".to_owned() } else { said(word).0 },
        many: list.counts.get(word).map(|many_of| many(many_of, COUNTED_MAX)),
        href: {
            let of = [("state", word), ("source", source), ("destination", destination)];
            way("/deliveries", &[&of[..], &[("batch", batch)], &days.pairs()].concat())
        },
        here: state == word,
    };
    let tabs = std::iter::once("").chain(STATES).map(tab).collect();
    let place = |place: Option<i64>| place.map(|place| place.to_string());
    let places = (place(list.after), place(list.before));
    page(&ListPage {
        frame: Frame { help: "messages", ..visit.frame("Messages, payments and pushes") },
        tabs,
        ways: Ways::of(visit, &pairs, places, &days),
        lines: list.deliveries,
        looked_to: list.looked_to,
        state: state.to_owned(),
        destination: destination.to_owned(),
        code: code.to_owned(),
        batch: batch.to_owned(),
        source: source.to_owned(),
        views: Views::of(visit, "messages", &owned(&pairs)).await?,
        pairs: owned(&pairs),
        days: Days::of(visit),
        may_act: visit.may(Right::Act),
    })
}

#[derive(Deserialize)]
struct Story {
    #[serde(flatten)]
    line: Line,
    says: Vec<(String, String)>,
    resident: i64,
    batch: i64,
    purpose: String,
    made: At,
    mapping: String,
    mapping_version: i64,
    why: Option<Because>,
    attempts: Vec<Tried>,
    decisions: Vec<Decision>,
    platform_id: Option<String>,
    platform_says: Option<String>,
    means: Option<String>,
    remedy: String,
    release: Option<String>,
    again_of: Option<i64>,
    again_as: Vec<i64>,
}

#[derive(Deserialize)]
struct Because {
    what: String,
    record: Option<i64>,
    source: Option<String>,
    file: Option<String>,
}

#[derive(Deserialize)]
struct Tried {
    attempt: i64,
    intent: At,
    took: Option<String>,
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

#[derive(Template)]
#[template(path = "pages/delivery.html")]
struct StoryPage {
    frame: Frame,
    story: Story,
    may_show: bool,
    may_act: bool,
    may_decide: bool,
    may_open: bool,
    /// release or remake, where it may be sent again.
    again: Option<&'static str>,
    remakes: bool,
    is_doubtful: bool,
    shown_until: Option<At>,
}

pub async fn show(visit: &Visit) -> Answer {
    let id = number(visit)?.to_string();
    let (story, until): (Story, _) =
        visit.look(Verb::Delivery, (&id, ""), &format!("delivery {id}")).await?;
    let again = story
        .release
        .as_deref()
        .map(|command| if command.contains(" remake ") { "remake" } else { "release" });
    let is_doubtful = story.line.state == "unknown"
        || (story.line.state == "held" && story.line.code.as_deref() == Some("delivery.unknown"));
    let goes_on =
        ["waiting", "sending", "accepted", "unknown"].contains(&story.line.state.as_str());
    let frame = visit.live_frame(&format!("Message {id}"), goes_on);
    page(&StoryPage {
        frame: Frame { help: "messages", ..frame },
        story,
        may_show: visit.may(Right::Show),
        may_act: visit.may(Right::Act),
        may_decide: visit.may(Right::Decide),
        may_open: visit.may(Right::Records),
        remakes: again == Some("remake"),
        again,
        is_doubtful,
        shown_until: until.map(At),
    })
}

pub async fn unmask(visit: &Visit) -> Answer {
    shown(visit, &format!("delivery {}", number(visit)?), &format!("/deliveries/{}", visit.id))
        .await
}

pub async fn mask(visit: &Visit) -> Answer {
    hidden(visit, &format!("delivery {}", number(visit)?), &format!("/deliveries/{}", visit.id))
        .await
}
