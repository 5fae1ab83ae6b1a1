//! `viaduct status`: how the service stands, at one look. Each source and each destination in a line; what needs
//! somebody; what people changed in the last day.

use chrono::NaiveTime;
use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::bulk::approval;
use super::context::{AppError, Context};
use super::hold::urgent::Urgent;
use super::{destinations, held, traffic};
use crate::access::actor::Actor;
use crate::connector::conduct::Conduct;
use crate::job::definition::{Action, JobDefinition};
use crate::record::delivery::Channel;
use crate::record::free_text;
use crate::record::moment::{Moment, span};
use crate::store::audit;
use crate::store::batches::{self, BatchRow};
use crate::store::bulk as stored_bulk;
use crate::store::cause_desk;
use crate::store::deliveries::{self, Filter};
use crate::store::destinations::{self as stored, DestinationRow};
use crate::store::held as stored_held;
use crate::store::outbox;
use crate::store::received::Received;
use crate::store::seen::{self, Seen};
use crate::store::work_orders::{self, Filter as Rows, Stage};

/// Counts stop here.
pub const COUNTED_MAX: i64 = 10_000;
const DAY_MS: i64 = 24 * 3_600_000;
/// What is told of what people changed.
const CHANGES_MAX: usize = 20;
/// What people do to the service, and not to one thing.
const CHANGES: [&str; 18] = [
    "drained",
    "paused",
    "resumed",
    "probed",
    "begun",
    "approved",
    "accepted",
    "refused",
    "run",
    "added",
    "roles",
    "replayed",
    "skipped",
    "asked for a code",
    "approved a code",
    "refused a code",
    "silenced",
    "assigned",
];
/// Causes that are told by themselves.
const CAUSES_MAX: usize = 10;
/// For how long nobody is reminded of an alert that somebody has seen.
const SEEN_MS: i64 = DAY_MS;
/// States that a destination's line has.
pub const OPEN_STATES: [&str; 5] = ["waiting", "accepted", "unknown", "held", "offered"];

/// What of it is asked for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wanted {
    /// This system that is told, and nothing else
    pub destination: Option<String>,
}

/// What was asked for of it: one destination, or everything.
pub async fn asked(context: &Context, wanted: &Wanted) -> Result<(Value, String), AppError> {
    let Some(name) = &wanted.destination else { return now(context).await };
    if !destinations::names(context).contains(&name.as_str()) {
        return Err(AppError::NotThere("no job sends to a system of that name".to_owned()));
    }
    let mut needs = Vec::new();
    let one = destination(context, name, &mut needs).await?;
    let json = json!({
        "at": Moment(context.clock.now_ms()), "needs": needs, "sources": [],
        "acknowledged": [], "destinations": [one], "changed": [], "counted_to": COUNTED_MAX,
        "traffic": traffic::of(context, name).await?,
    });
    let text = text(&json);
    Ok((json, text))
}

/// Everything of it.
pub async fn now(context: &Context) -> Result<(Value, String), AppError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let mut needs = Vec::new();
    let mut sources = Vec::new();
    let mut changed = Vec::new();
    for job in context.jobs(Action::Ingest) {
        sources.push(source(context, job, (&mut needs, &mut changed)).await?);
    }
    let mut told = Vec::new();
    for name in destinations::names(context) {
        told.push(destination(context, name, &mut needs).await?);
    }
    let urgent = Urgent::now(context).await?;
    if !urgent.is_empty() {
        let what =
            "A hold stops nothing for anybody: it names a person or a debt that is not known";
        needs.insert(0, need(("urgent", ""), what, "causes", "hold.no_match"));
    }
    for batch in held::waiting_batches(context).await? {
        let what = format!("{} was held whole: {}", batch.origin, held::words(&batch.code).0);
        let id = batch.id.to_string();
        needs.push(need(("batch", &id), &what, "batch", &id));
    }
    for bulk in stored_bulk::asked(database, now_ms - approval::GOOD_MS).await? {
        let what = format!(
            "{} asks for somebody else's word for bulk action {}, of {} things: “{}”",
            Actor::bare(&bulk.actor),
            bulk.id,
            bulk.items,
            bulk.reason
        );
        needs.push(need(("approval", ""), &what, "bulk", &bulk.id.to_string()));
    }
    causes(context, &mut needs).await?;
    let since = (now_ms - DAY_MS, CHANGES_MAX as i64);
    for line in audit::of_actions(database, &CHANGES, since).await? {
        changed.push((
            line.at_ms,
            json!({
                "at": Moment(line.at_ms), "by": line.actor, "what": line.action, "to": line.target,
            }),
        ));
    }
    changed.sort_by_key(|(at_ms, _)| std::cmp::Reverse(*at_ms));
    changed.truncate(CHANGES_MAX);
    let changed: Vec<Value> = changed.into_iter().map(|(_, one)| one).collect();
    let (needs, acknowledged) = apart(context, needs).await?;
    let json = json!({
        "at": Moment(now_ms), "needs": needs, "acknowledged": acknowledged, "sources": sources,
        "destinations": told,
        "changed": changed, "counted_to": COUNTED_MAX,
        "traffic": traffic::of_all(context).await?,
    });
    let text = text(&json);
    Ok((json, text))
}

/// One thing that needs somebody. `since` tells it from the same at another time; where it is empty, nobody can say that
/// they have seen it and leave it at that.
fn need((kind, since): (&str, &str), what: &str, page: &str, which: &str) -> Value {
    let alert = (!since.is_empty()).then(|| format!("{kind}|{which}|{since}"));
    json!({ "kind": kind, "what": what, "page": page, "which": which, "alert": alert })
}

/// What is held, cause by cause, but for those of which nobody is to be reminded.
async fn causes(context: &Context, needs: &mut Vec<Value>) -> Result<(), AppError> {
    let desks = cause_desk::all(&context.database).await?;
    let now_ms = context.clock.now_ms();
    let mut open = stored_held::open_codes(&context.database).await?;
    // What is urgent, or of which nobody knows what became, is told by itself.
    open.retain(|one| !one.code.starts_with("hold.no_") && one.code != "delivery.unknown");
    let desk = |code: &str| desks.iter().find(|desk| desk.code == code);
    open.retain(|one| {
        let until_ms = desk(&one.code).and_then(|desk| desk.silent_until_ms);
        until_ms.is_none_or(|until_ms| until_ms <= now_ms)
    });
    for one in open.iter().take(CAUSES_MAX) {
        let counted = |many: i64, one: &str, more: &str| match many {
            0 => None,
            many if many > stored_held::OPEN_MAX => {
                Some(format!("more than {} {more}", stored_held::OPEN_MAX))
            }
            many => Some(said(many, one, more)),
        };
        let many = [counted(one.rows, "row", "rows"), counted(one.messages, "message", "messages")];
        let many = many.into_iter().flatten().collect::<Vec<_>>().join(" and ");
        let (means, _) = held::words(&one.code);
        let owner = desk(&one.code).and_then(|desk| desk.owner.as_deref());
        let owner = owner.map_or("nobody has it yet".to_owned(), |owner| format!("{owner} has it"));
        let wait = if one.rows + one.messages == 1 { "waits" } else { "wait" };
        let what = format!("{many} {wait}: {means} ({owner})");
        needs.push(need(("cause", ""), &what, "cause", &one.code));
    }
    if open.len() > CAUSES_MAX {
        let what = format!(
            "{} wait too",
            said((open.len() - CAUSES_MAX) as i64, "other cause", "other causes")
        );
        needs.push(need(("cause", ""), &what, "causes", ""));
    }
    Ok(())
}

/// What needs somebody, and what somebody has seen.
async fn apart(context: &Context, needs: Vec<Value>) -> Result<(Vec<Value>, Vec<Value>), AppError> {
    let seen = seen::seen(&context.database, context.clock.now_ms()).await?;
    let (mut left, mut acknowledged) = (Vec::new(), Vec::new());
    for mut need in needs {
        match seen.iter().find(|one| need["alert"] == json!(one.alert)) {
            Some(one) => {
                need["by"] = json!(one.seen_by);
                need["why"] = json!(one.why);
                need["until"] = json!(Moment(one.until_ms));
                acknowledged.push(need);
            }
            None => left.push(need),
        }
    }
    Ok((left, acknowledged))
}

/// An alert that somebody has seen.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Acknowledge {
    /// As `needs` of the service's answer names it, under `alert`
    #[arg(value_name = "ALERT")]
    alert: String,
    /// Why that is enough for now: it stands in the audit log, with your name
    #[arg(long)]
    reason: String,
}

/// What may be done about it.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Say that somebody has seen an alert: for a day nobody is reminded of it, unless it comes anew
    Acknowledge(Acknowledge),
}

/// Does what the command asks for.
pub async fn command(
    context: &Context,
    what: Option<What>,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let Some(What::Acknowledge(asked)) = what else { return now(context).await };
    let json = acknowledge(context, &asked, actor).await?;
    let text = format!("{}\n", json["what"].as_str().unwrap_or_default());
    Ok((json, text))
}

/// Says that somebody has seen an alert that there is.
pub async fn acknowledge(
    context: &Context,
    asked: &Acknowledge,
    actor: &Actor,
) -> Result<Value, AppError> {
    let why = free_text::masked(&asked.reason);
    if why.is_empty() || why.chars().count() > 500 {
        let what = "say why that is enough for now, in at most 500 characters: `reason`";
        return Err(AppError::Asked(what.to_owned()));
    }
    let (json, _) = now(context).await?;
    let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
    let known = [list("needs"), list("acknowledged")].concat();
    let need =
        known.into_iter().find(|need| need["alert"] == json!(asked.alert)).ok_or_else(|| {
            let what =
                "there is no such alert now: `viaduct status --json` names those that there are";
            AppError::NotThere(what.to_owned())
        })?;
    let now_ms = context.clock.now_ms();
    let seen = Seen {
        alert: asked.alert.clone(),
        seen_by: actor.to_string(),
        why,
        at_ms: now_ms,
        until_ms: now_ms + SEEN_MS,
    };
    seen::acknowledge(&context.database, &seen).await?;
    Ok(need)
}

async fn source(
    context: &Context,
    job: &JobDefinition,
    (needs, changed): (&mut Vec<Value>, &mut Vec<(i64, Value)>),
) -> Result<Value, AppError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let newest = batches::newest(database, Some(&job.name), 20).await?;
    for (batch, before) in newest.iter().zip(newest.iter().skip(1)) {
        if batch.mapping_version != before.mapping_version && batch.started_ms > now_ms - DAY_MS {
            changed.push((
                batch.started_ms,
                json!({
                    "at": Moment(batch.started_ms), "by": "hub",
                    "what": "read for the first time with another version of its mapping",
                    "to": format!("job {}", job.name),
                }),
            ));
        }
    }
    let good = newest.iter().find(|batch| ["closed", "released"].contains(&batch.state.as_str()));
    let last = newest.first();
    let source = &job.connector.value;
    let rows = |stage| {
        let received = Received { sources: Some(vec![source.clone()]), ..Received::default() };
        Rows { stage: Some(stage), received, ..Rows::default() }
    };
    let waiting = work_orders::count(database, &rows(Stage::Waiting), COUNTED_MAX + 1).await?.many;
    let held = work_orders::count(database, &rows(Stage::Held), COUNTED_MAX + 1).await?;
    // Where so many batches have held rows that not all were looked into, it is not said that all is well.
    let (held, may_hold) = (held.many, held.many > 0 || held.is_cut);
    let due = expected(job, now_ms);
    let late = due.is_some_and(|due_ms| {
        due_ms <= now_ms
            && good.is_none_or(|batch| batch.started_ms < Moment::at(Moment(due_ms).day(), 0).0)
    });
    if late && let Some(due_ms) = due {
        let what = format!("{} is late: it was expected by {}", job.name, Moment(due_ms));
        needs.push(need(("late", &due_ms.to_string()), &what, "source", &job.name));
    }
    let state = match last {
        None => "nothing read yet",
        Some(_) if late => "late",
        Some(batch) if batch.state == "held" => "held whole",
        Some(batch) if ["reading", "released"].contains(&batch.state.as_str()) => "running",
        Some(_) if may_hold => "rows held",
        Some(_) => "well",
    };
    let next = job
        .schedule
        .as_ref()
        .and_then(|schedule| schedule.next_after(now_ms, 1).into_iter().next());
    Ok(json!({
        "job": job.name, "source": source, "state": state,
        "last_success": good.map(|batch| Moment(batch.started_ms)),
        "last_batch": last.map(|batch| batch.id),
        "last_rows": good.map(|batch: &BatchRow| batch.rows_in),
        "expected": due.map(Moment), "late": late, "next": next.map(Moment),
        "waiting": waiting, "held": held,
    }))
}

/// By when today's is expected, in London's time of day.
fn expected(job: &JobDefinition, now_ms: i64) -> Option<i64> {
    let by: NaiveTime = job.expect?.by?;
    let midnight = NaiveTime::MIN;
    let minute = u32::try_from((by - midnight).num_minutes()).ok()?;
    Some(Moment::at(Moment(now_ms).day(), minute).0)
}

async fn destination(
    context: &Context,
    name: &str,
    needs: &mut Vec<Value>,
) -> Result<Value, AppError> {
    let (database, now_ms) = (&context.database, context.clock.now_ms());
    let row = stored::get(database, name).await?.unwrap_or_else(|| DestinationRow::fresh(name));
    let filter = Filter { destination: Some(name.to_owned()), ..Filter::default() };
    let counts = deliveries::counts_to(database, &filter, &OPEN_STATES, COUNTED_MAX + 1).await?;
    let many =
        |state: &str| counts.iter().find(|(one, _)| one == state).map_or(0, |(_, many)| *many);
    let oldest = outbox::oldest_waiting(database, name, now_ms).await?;
    let state = match (row.paused_ms, row.circuit.as_str()) {
        (Some(_), _) => "paused",
        (None, "closed") => "well",
        (None, "open") => "left alone",
        (None, _) => "stopped",
    };
    if state == "stopped" {
        let what = format!("{name} does not let us in: nothing is sent to it until that is mended");
        let since = row.opened_ms.unwrap_or_default().to_string();
        needs.push(need(("destination", &since), &what, "destination", name));
    }
    if many("unknown") > 0 {
        let what = format!(
            "Nobody knows whether {} to {name} took effect",
            said(many("unknown"), "message", "messages")
        );
        // Another one that nobody knows makes it another alert.
        let newest = deliveries::newest_unknown(database, name, COUNTED_MAX).await?;
        needs.push(need(("unknown", &newest.to_string()), &what, "unknown", name));
    }
    Ok(json!({
        "destination": name, "state": state,
        "why": row.paused_why.clone().or(row.cause.clone()), "by": row.paused_by,
        "since": row.paused_ms.or(row.opened_ms).map(Moment),
        "waiting": many("waiting"), "unknown": many("unknown"), "held": many("held"),
        "accepted": many("accepted"), "offered": many("offered"),
        "oldest": oldest.map(Moment),
        "pace": pace(context, &row),
    }))
}

/// How fast, how much a day and when not at all, as the connector says; what today has had; when one is tried where it
/// is left alone.
fn pace(context: &Context, row: &DestinationRow) -> Value {
    let usual = Conduct::default();
    let connector = context.catalogue.connectors.get(&row.name);
    let conduct = connector.map_or(&usual, |connector| &connector.conduct);
    let day = context.clock.now_ms().div_euclid(DAY_MS);
    let channels = [
        ("emails", Channel::Email, row.emails),
        ("text messages", Channel::Sms, row.texts),
        ("letters", Channel::Letter, row.letters),
    ];
    let capped = channels.into_iter().filter_map(|(what, channel, had)| {
        let most = conduct.per_day.of(channel)?;
        let had = if row.day == day { had.min(i64::from(most)) } else { 0 };
        Some(json!({ "what": what, "most": most, "today": had }))
    });
    let windows = conduct.maintenance.iter().map(ToString::to_string);
    json!({
        "per_minute": conduct.per_minute, "urgent_percent": conduct.urgent_percent,
        "per_day": capped.collect::<Vec<Value>>(), "day_ends": Moment((day + 1) * DAY_MS),
        "maintenance": windows.collect::<Vec<String>>(),
        "failures": row.failures, "failures_max": conduct.failures,
        "tried_next": (row.circuit == "open").then_some(Moment(row.probe_ms)),
        "attended": destinations::is_attended(context, &row.name),
    })
}

fn said(many: i64, one: &str, more: &str) -> String {
    format!("{many} {}", if many == 1 { one } else { more })
}

fn text(json: &Value) -> String {
    let list = |name: &str| json[name].as_array().cloned().unwrap_or_default();
    let word = |of: &Value, name: &str| of[name].as_str().unwrap_or("-").to_owned();
    let mut text = String::new();
    for need in list("needs") {
        text.push_str(&format!("! {}\n", word(&need, "what")));
    }
    if text.is_empty() {
        text.push_str("Nothing needs a person now.\n");
    }
    for need in list("acknowledged") {
        let (what, by, why) = (word(&need, "what"), word(&need, "by"), word(&need, "why"));
        text.push_str(&format!("- {what}: {by} has seen it: {why}\n"));
    }
    text.push('\n');
    for source in list("sources") {
        text.push_str(&format!(
            "{:<24} {:<12} {} waiting, {} held\n",
            word(&source, "job"),
            word(&source, "state"),
            source["waiting"],
            source["held"]
        ));
    }
    for one in list("destinations") {
        let oldest = one["oldest"].as_str().and_then(Moment::parse).map(|at| at.0);
        let now = json["at"].as_str().and_then(Moment::parse).map_or(0, |at| at.0);
        let oldest =
            oldest.map(|at| format!(", the oldest for {}", span(now - at))).unwrap_or_default();
        text.push_str(&format!(
            "{:<24} {:<12} {} waiting{oldest}, {} unknown, {} held\n",
            word(&one, "destination"),
            word(&one, "state"),
            one["waiting"],
            one["unknown"],
            one["held"]
        ));
    }
    text.push('\n');
    for what in ["came_in", "left", "stopped", "waited"] {
        if let Some(says) = json["traffic"]["says"][what].as_str() {
            text.push_str(&format!("{says}\n"));
        }
    }
    text
}
