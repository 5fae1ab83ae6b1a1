//! P10: what is done when, with the next ten runs of each job and days on which the clocks change.

use askama::Template;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::access::right::Right;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Reply, Visit, page};
use crate::web::screens::words::{self, At};

#[derive(Deserialize)]
struct Job {
    job: String,
    action: String,
    connector: String,
    next_runs: Vec<At>,
    bank_holidays: Vec<Holiday>,
    bank_holidays_to: i32,
    paused: Option<Pause>,
    /// Runs to come that are passed over.
    skipped: Vec<At>,
    /// And those that were.
    missed: Vec<Missed>,
}

#[derive(Deserialize)]
struct Holiday {
    at: At,
    day: String,
}

#[derive(Deserialize)]
struct Pause {
    by: String,
    reason: String,
    since: At,
}

#[derive(Deserialize)]
struct Missed {
    at: At,
    why: String,
}

#[derive(Template)]
#[template(path = "pages/jobs.html")]
struct ListPage {
    frame: Frame,
    jobs: Vec<Job>,
    may_act: bool,
}

impl Job {
    fn does(&self) -> &'static str {
        if self.action == "ingest" { "reads from" } else { "sends to" }
    }

    /// The first run that is not passed over.
    fn next(&self) -> Option<&At> {
        self.next_runs.iter().find(|at| !self.is_skipped(at))
    }

    /// The bank holiday that a run is on.
    fn holiday(&self, at: &At) -> Option<&str> {
        let found = self.bank_holidays.iter().find(|one| one.at == *at);
        found.map(|one| one.day.as_str())
    }

    /// Whether it has runs of which nobody here knows whether they are on one.
    fn runs_out(&self) -> bool {
        self.next_runs.iter().any(|at| words::year(at) > self.bank_holidays_to)
    }

    fn is_skipped(&self, at: &At) -> bool {
        self.skipped.contains(at)
    }
}

pub async fn list(visit: &Visit) -> Answer {
    let jobs = visit.ask(Verb::Jobs, "", "").await?;
    let frame = Frame { help: "jobs", ..visit.frame("Schedules") };
    page(&ListPage { frame, jobs, may_act: visit.may(Right::Act) })
}

/// Has a schedule stand still, go on, or leave its next run out.
pub async fn turn(visit: &Visit, verb: Verb, done: &str) -> Answer {
    let _: Value = visit.act(verb, &visit.id, json!({ "reason": visit.reason()? })).await?;
    Ok(Reply::GoTo(format!("/jobs?done={done}")))
}

pub async fn run(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::RunJob, &visit.id, json!({})).await?;
    Ok(Reply::GoTo("/jobs?done=run".to_owned()))
}
