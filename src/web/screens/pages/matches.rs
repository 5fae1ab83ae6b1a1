//! P20 and P21: pairs that may be one person, and two records side by side. Nothing is decided by a list: a person
//! looks at both, says what they are and how they know.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::work_orders::{hidden, shown};
use super::{in_path, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::labels;
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

const SIZE: &str = "50";

#[derive(Deserialize)]
struct List {
    counts: Counts,
    counted_to: i64,
    matches: Vec<Line>,
    after: Option<String>,
}

#[derive(Deserialize)]
struct Counts {
    waiting: i64,
    aside: i64,
}

#[derive(Deserialize)]
struct Line {
    r#match: String,
    residents: [i64; 2],
    sources: [String; 2],
    probability: f64,
    at: At,
    taken_by: Option<String>,
    aside_by: Option<String>,
    aside_why: Option<String>,
    aside: Option<At>,
}

#[derive(Template)]
#[template(path = "pages/matches.html")]
struct ListPage {
    frame: Frame,
    list: List,
    source: String,
    band: String,
    aside: bool,
    /// Without the filters: those that wait, and those that nobody could tell.
    ways: [String; 2],
    next: Option<String>,
    first: Option<String>,
}

pub async fn list(visit: &Visit) -> Answer {
    let words = &visit.query;
    let (source, band, after) = (words.one("source"), words.one("band"), words.one("after"));
    let aside = if words.one("aside") == "true" { "true" } else { "" };
    let pairs = [("source", source), ("band", band), ("aside", aside)];
    let asked = query(&[&pairs[..], &[("after", after), ("most", SIZE)]].concat());
    let list: List = visit.ask(Verb::Matches, "", &asked).await?;
    let way = |pairs: &[(&str, &str)]| {
        format!("/matches?{}", query(pairs)).trim_end_matches('?').to_owned()
    };
    page(&ListPage {
        frame: Frame { help: "matches", ..visit.frame("Possible matches") },
        next: list.after.as_deref().map(|after| way(&[&pairs[..], &[("after", after)]].concat())),
        first: (!after.is_empty()).then(|| way(&pairs)),
        ways: ["", "true"]
            .map(|aside| way(&[("source", source), ("band", band), ("aside", aside)])),
        list,
        source: source.to_owned(),
        band: band.to_owned(),
        aside: !aside.is_empty(),
    })
}

#[derive(Deserialize)]
struct Taken {
    r#match: Option<String>,
}

/// The next that nobody else has, and the way to it.
async fn next(visit: &Visit, done: &str) -> Answer {
    let asked = json!({ "source": visit.form.one("source"), "band": visit.form.one("band") });
    let taken: Taken = visit.act(Verb::TakeMatch, "", asked).await?;
    let kept = query(&[("source", visit.form.one("source")), ("band", visit.form.one("band"))]);
    let and = |path: String, done: &str| {
        let all = [query(&[("done", done)]), kept.clone()];
        let all: Vec<String> = all.into_iter().filter(|part| !part.is_empty()).collect();
        format!("{path}?{}", all.join("&")).trim_end_matches('?').to_owned()
    };
    Ok(Reply::GoTo(match taken.r#match {
        Some(id) => and(format!("/matches/{id}"), done),
        None if done.is_empty() => and("/matches".to_owned(), "none-left"),
        None => and("/matches".to_owned(), done),
    }))
}

pub async fn take(visit: &Visit) -> Answer {
    next(visit, "").await
}

#[derive(Deserialize)]
struct Compared {
    r#match: String,
    stands: String,
    stood: String,
    aside: Option<Aside>,
    sides: Vec<Side>,
    besides: i64,
    fields: Vec<Row>,
    said: Vec<Weighed>,
    never: Option<String>,
    bits: f64,
    probability: f64,
    weights: i64,
    /// What the weights would have done with these two, were there nobody else.
    alone: String,
    effect: Effect,
}

#[derive(Deserialize)]
struct Aside {
    by: String,
    why: String,
    at: At,
}

#[derive(Deserialize)]
struct Side {
    resident: i64,
    source: String,
    reference: String,
    role: String,
    record: i64,
    file: Option<String>,
    at: At,
    ended: Option<At>,
    gone: Option<At>,
}

#[derive(Deserialize)]
struct Row {
    field: String,
    agreement: String,
    values: Vec<Option<String>>,
}

#[derive(Deserialize)]
struct Weighed {
    says: String,
    bits: f64,
}

#[derive(Deserialize)]
struct Effect {
    keep: i64,
    gone: i64,
    parties: i64,
    left: i64,
    left_most: i64,
    holds: Vec<i64>,
}

#[derive(Template)]
#[template(path = "pages/match.html")]
struct OnePage {
    frame: Frame,
    one: Compared,
    may_look: bool,
    shown_until: Option<At>,
    source: String,
    band: String,
}

pub async fn show(visit: &Visit) -> Answer {
    let target = format!("match {}", visit.id);
    let (one, until): (Compared, _) = visit.look(Verb::Match, (&visit.id, ""), &target).await?;
    page(&OnePage {
        frame: Frame { help: "matches", ..visit.frame("Compare two records") },
        one,
        may_look: visit.may(Right::Look),
        shown_until: until.map(At),
        source: visit.query.one("source").to_owned(),
        band: visit.query.one("band").to_owned(),
    })
}

pub async fn say(visit: &Visit) -> Answer {
    let decision = visit.form.one("decision");
    if !["same", "different", "unsure"].contains(&decision) {
        return Err(Trouble::Words("Choose whether they are the same person".to_owned()));
    }
    let said = json!({
        "decision": decision, "reason": visit.reason()?, "stood": visit.form.some("stood"),
    });
    let _: Value = visit.act(Verb::SayOfMatch, &visit.id, said).await?;
    match visit.form.one("then") {
        "next" => next(visit, decision).await,
        _ => Ok(Reply::GoTo(format!("/matches/{}?done={decision}", in_path(&visit.id)))),
    }
}

pub async fn unmask(visit: &Visit) -> Answer {
    let (target, way) = named(visit)?;
    shown(visit, &target, &way).await
}

pub async fn mask(visit: &Visit) -> Answer {
    let (target, way) = named(visit)?;
    hidden(visit, &target, &way).await
}

/// A match is two numbers, and nothing else stands in a way of ours.
fn named(visit: &Visit) -> Result<(String, String), Trouble> {
    let is_one = visit.id.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    match is_one {
        true => Ok((format!("match {}", visit.id), format!("/matches/{}", visit.id))),
        false => Err(Trouble::NotThere("There is no such match.".to_owned())),
    }
}
