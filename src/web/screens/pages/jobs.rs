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
}

pub async fn list(visit: &Visit) -> Answer {
    let jobs = visit.ask(Verb::Jobs, "", "").await?;
    let frame = Frame { help: "jobs", ..visit.frame("Schedules") };
    page(&ListPage { frame, jobs, may_act: visit.may(Right::Act) })
}

pub async fn run(visit: &Visit) -> Answer {
    let _: Value = visit.act(Verb::RunJob, &visit.id, json!({})).await?;
    Ok(Reply::GoTo("/jobs?done=run".to_owned()))
}
