//! P9: the systems that are told, and one of them: what waits, what stops it, its pace, its last day, a person's pause,
//! and one message that is tried when a person says so.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{in_path, query};
use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::chart::{Chart, Traffic};
use crate::web::screens::visit::{Answer, Frame, Reply, Trouble, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct Service {
    destinations: Vec<Stands>,
    counted_to: i64,
    traffic: Traffic,
}

#[derive(Deserialize)]
struct Stands {
    destination: String,
    state: String,
    why: Option<String>,
    by: Option<String>,
    since: Option<At>,
    waiting: i64,
    accepted: i64,
    offered: i64,
    unknown: i64,
    held: i64,
    oldest: Option<At>,
    pace: Pace,
}

/// How fast it is sent to, as its connector says, and what today has had.
#[derive(Deserialize)]
struct Pace {
    per_minute: Option<i64>,
    urgent_percent: i64,
    /// Of the channels of which a day has a number.
    per_day: Vec<Capped>,
    day_ends: At,
    maintenance: Vec<String>,
    failures: i64,
    failures_max: i64,
    /// Where it is left alone.
    tried_next: Option<At>,
    /// It is sent to all the time, and not by a schedule.
    attended: bool,
}

#[derive(Deserialize)]
struct Capped {
    what: String,
    most: i64,
    today: i64,
}

#[derive(Template)]
#[template(path = "pages/destinations.html")]
struct ListPage {
    frame: Frame,
    service: Service,
}

#[derive(Template)]
#[template(path = "pages/destination.html")]
struct OnePage {
    frame: Frame,
    one: Stands,
    charts: Vec<Chart>,
    counted_to: i64,
    may_act: bool,
}

pub async fn list(visit: &Visit) -> Answer {
    let service = visit.ask(Verb::Service, "", "").await?;
    let frame = Frame { help: "destinations", ..visit.live_frame("Systems that are told", true) };
    page(&ListPage { frame, service })
}

pub async fn show(visit: &Visit) -> Answer {
    let asked = query(&[("destination", &visit.id)]);
    let service: Service = visit.ask(Verb::Service, "", &asked).await?;
    let one = service.destinations.into_iter().next().ok_or(Trouble::Broken)?;
    let frame = Frame { help: "destinations", ..visit.live_frame(&one.destination, true) };
    let (charts, counted_to) = (service.traffic.charts(frame.now), service.counted_to);
    page(&OnePage { frame, one, charts, counted_to, may_act: visit.may(Right::Act) })
}

pub async fn pause(visit: &Visit) -> Answer {
    turned(visit, Verb::PauseDestination, "paused").await
}

pub async fn resume(visit: &Visit) -> Answer {
    turned(visit, Verb::ResumeDestination, "resumed").await
}

pub async fn probe(visit: &Visit) -> Answer {
    turned(visit, Verb::ProbeDestination, "probed").await
}

async fn turned(visit: &Visit, verb: Verb, done: &str) -> Answer {
    let _: Value = visit.act(verb, &visit.id, json!({ "reason": visit.reason()? })).await?;
    Ok(Reply::GoTo(format!("/destinations/{}?done={done}", in_path(&visit.id))))
}
