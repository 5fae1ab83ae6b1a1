//! P31: who did or saw what, when and why; and whether the log is as it was written.

use askama::Template;
use serde::Deserialize;
use serde_json::Value;

use super::query;
use crate::web::api::routes::Verb;
use crate::web::screens::visit::{Answer, Frame, Visit, page};
use crate::web::screens::words::{self, At};

const LISTED: i64 = 50;

#[derive(Deserialize)]
struct Line {
    line: i64,
    at: At,
    actor: String,
    action: String,
    target: String,
    reason: Option<String>,
    details: Option<Value>,
}

#[derive(Template)]
#[template(path = "pages/audit.html")]
struct ListPage {
    frame: Frame,
    lines: Vec<Line>,
    next: Option<String>,
    previous: Option<String>,
    is_first: bool,
}

#[derive(Deserialize)]
struct Verdict {
    whole: bool,
    #[serde(default)]
    lines: i64,
    #[serde(default)]
    line: i64,
    #[serde(default)]
    what: String,
}

#[derive(Template)]
#[template(path = "pages/audit_verify.html")]
struct VerdictPage {
    frame: Frame,
    verdict: Verdict,
}

pub async fn list(visit: &Visit) -> Answer {
    let (before, most) = (visit.query.one("before"), LISTED.to_string());
    let lines: Vec<Line> =
        visit.ask(Verb::Audit, "", &query(&[("before", before), ("most", &most)])).await?;
    let full = lines.len() as i64 == LISTED;
    let next = lines
        .last()
        .filter(|line| full && line.line > 1)
        .map(|line| format!("/audit?before={}", line.line));
    let newest: Vec<Line> = match before.is_empty() {
        true => Vec::new(),
        false => visit.ask(Verb::Audit, "", &query(&[("most", "1")])).await?,
    };
    let is_below = |line: &&Line| newest.first().is_some_and(|newest| newest.line > line.line);
    // Lines are numbered without a gap.
    let newer = lines.first().filter(is_below);
    let previous = newer.map(|line| format!("/audit?before={}", line.line + LISTED + 1));
    let frame = Frame { help: "audit", ..visit.frame("Audit") };
    page(&ListPage { frame, lines, next, is_first: previous.is_none(), previous })
}

pub async fn verify(visit: &Visit) -> Answer {
    let verdict = visit.ask(Verb::VerifyAudit, "", "").await?;
    page(&VerdictPage {
        frame: Frame { help: "audit", ..visit.frame("Is the audit log whole?") },
        verdict,
    })
}
