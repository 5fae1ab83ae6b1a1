//! `viaduct causes`: who sees to a cause, what they wrote, and until when nobody is reminded of it; how many came on
//! which day, and where it is mended.

use std::collections::HashMap;

use clap::{Args, Subcommand};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::days::time;
use super::held::{Group, at_source};
use crate::access::actor::Actor;
use crate::access::right::{Right, Roles};
use crate::job::definition::Action;
use crate::record::moment::Moment;
use crate::record::{cause, free_text};
use crate::store::cause_desk::{self, By, Desk, Note};
use crate::store::database::Database;
use crate::store::ids::Ids;
use crate::store::{held as stored, staff};

const NOTE_CHARS_MAX: usize = 1_000;
const REASON_CHARS_MAX: usize = 500;
/// What is shown of what was written.
const NOTES_MAX: i64 = 50;
/// Nobody is left without a reminder for longer.
const SILENT_DAYS_MAX: i64 = 92;
const DAY_MS: i64 = 24 * 3_600_000;
/// Today, and the seven days before.
pub const DAYS: usize = 8;
/// Words of what is done to a code list.
const UNKNOWN_CODE: &str = "code_unknown";

/// Who is to see to it.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Assign {
    /// The name that they sign in by; nobody where it is left out
    #[arg(long, value_name = "NAME")]
    pub to: Option<String>,
    /// Why: it stands in the audit log, with your name
    #[arg(long)]
    pub reason: String,
}

/// Until when nobody is to be reminded.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Silence {
    /// The day in London, 2026-11-30, on whose morning it counts again; at once where it is left out
    #[arg(long, value_name = "DAY")]
    pub until: Option<String>,
    /// Why: it stands in the audit log, with your name
    #[arg(long)]
    pub reason: String,
}

/// What is to be written.
#[derive(Debug, Clone, Args, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Write {
    /// Nothing about a resident; what looks like an address or a number of theirs is masked
    #[arg(long)]
    pub text: String,
}

/// What may be done about one.
#[derive(Debug, Clone, Subcommand)]
pub enum What {
    /// Say who sees to it
    Assign {
        code: String,
        #[command(flatten)]
        asked: Assign,
    },
    /// Have nobody reminded of it until a day: it stays in the list, and counts again by itself
    Silence {
        code: String,
        #[command(flatten)]
        asked: Silence,
    },
    /// Write something to it
    Note {
        code: String,
        #[command(flatten)]
        asked: Write,
    },
}

/// Does what the command asks for. Whoever has the machine gives causes to others as a lead does.
pub async fn answer(
    context: &Context,
    what: What,
    actor: &Actor,
) -> Result<(Value, String), AppError> {
    let json = match what {
        What::Assign { code, asked } => assign(context, &code, &asked, (actor, true)).await?,
        What::Silence { code, asked } => silence(context, &code, &asked, actor).await?,
        What::Note { code, asked } => note(context, &code, &asked, actor).await?,
    };
    let text = format!("{json:#}\n");
    Ok((json, text))
}

/// Says who sees to it. To take what nobody has, and to give up what one has, takes no lead.
pub async fn assign(
    context: &Context,
    code: &str,
    asked: &Assign,
    (actor, is_lead): (&Actor, bool),
) -> Result<Value, AppError> {
    is_cause(context, code).await?;
    let (database, reason) = (&context.database, why(&asked.reason)?);
    let before = cause_desk::of(database, code).await?.and_then(|desk| desk.owner);
    let to = asked.to.as_deref().map(str::trim).filter(|to| !to.is_empty());
    let is_own = |name: &str| actor.is_person_of(name);
    let is_among_themselves = before.as_deref().is_none_or(is_own) && to.is_none_or(is_own);
    if !is_lead && !is_among_themselves {
        let what = match &before {
            Some(before) if !is_own(before) => {
                format!("{before} has it: a support lead gives it to another")
            }
            _ => "a support lead gives it to another: take it yourself, or ask them".to_owned(),
        };
        return Err(AppError::Stands(what));
    }
    if let Some(name) = to {
        let row = staff::of_name(database, name).await?;
        let may = row.is_some_and(|row| {
            row.disabled_ms.is_none() && Roles::from_words(&row.roles).may(Right::Look)
        });
        if !may {
            let what = "nobody of that name signs in here and may look at what is held: `to`";
            return Err(AppError::Asked(what.to_owned()));
        }
    }
    let by = By { actor: actor.as_str(), reason: &reason, now_ms: context.clock.now_ms() };
    match cause_desk::assign(database, (code, to, before.as_deref()), by).await? {
        true => about(context, code).await,
        false => Err(AppError::Stands("somebody has taken it meanwhile".to_owned())),
    }
}

/// Has nobody reminded of it until a day, or again from now on.
pub async fn silence(
    context: &Context,
    code: &str,
    asked: &Silence,
    actor: &Actor,
) -> Result<Value, AppError> {
    is_cause(context, code).await?;
    let (now_ms, reason) = (context.clock.now_ms(), why(&asked.reason)?);
    let until = asked.until.as_deref().filter(|until| !until.trim().is_empty());
    let until_ms = time("until", until, Moment::parse)?;
    if let Some(until_ms) = until_ms
        && !(now_ms..=now_ms + SILENT_DAYS_MAX * DAY_MS).contains(&until_ms)
    {
        let what = format!("`until` is a day from tomorrow on, within {SILENT_DAYS_MAX} days");
        return Err(AppError::Asked(what));
    }
    let by = By { actor: actor.as_str(), reason: &reason, now_ms };
    cause_desk::silence(&context.database, code, until_ms, by).await?;
    about(context, code).await
}

/// Writes something to it.
pub async fn note(
    context: &Context,
    code: &str,
    asked: &Write,
    actor: &Actor,
) -> Result<Value, AppError> {
    is_cause(context, code).await?;
    write(context, format!("cause {code}"), asked, actor).await?;
    about(context, code).await
}

/// Writes something to anything.
pub async fn write(
    context: &Context,
    target: String,
    asked: &Write,
    actor: &Actor,
) -> Result<(), AppError> {
    let text = free_text::masked(&asked.text);
    if text.is_empty() || text.chars().count() > NOTE_CHARS_MAX {
        let what = format!("a note has 1 to {NOTE_CHARS_MAX} characters: `text`");
        return Err(AppError::Asked(what));
    }
    let mut ids = Ids::new();
    ids.reserve(&context.database, 1).await?;
    let note = Note {
        id: ids.take(),
        target,
        text,
        written_by: actor.to_string(),
        at_ms: context.clock.now_ms(),
    };
    Ok(cause_desk::note(&context.database, &note).await?)
}

/// What was written to anything, the newest first.
pub async fn written(database: &Database, target: &str) -> Result<Vec<Value>, AppError> {
    let notes = cause_desk::notes(database, target, NOTES_MAX).await?;
    let said =
        |note: &Note| json!({ "at": Moment(note.at_ms), "by": note.written_by, "text": note.text });
    Ok(notes.iter().map(said).collect())
}

fn why(reason: &str) -> Result<String, AppError> {
    let reason = free_text::masked(reason);
    match reason.chars().count() {
        1..=REASON_CHARS_MAX => Ok(reason),
        _ => Err(AppError::Asked("say why, in at most 500 characters: `reason`".to_owned())),
    }
}

async fn is_cause(context: &Context, code: &str) -> Result<(), AppError> {
    let is_open = || async {
        let open = stored::open_codes(&context.database).await?;
        Ok::<bool, AppError>(open.iter().any(|one| one.code == code))
    };
    match cause::find(code).is_some() || is_open().await? {
        true => Ok(()),
        false => Err(AppError::NotThere(format!("there is no code `{code}`"))),
    }
}

/// What was arranged about one, with what was written.
pub async fn about(context: &Context, code: &str) -> Result<Value, AppError> {
    let desk = cause_desk::of(&context.database, code).await?.unwrap_or_default();
    let mut json = desk_json(&desk, context.clock.now_ms());
    json["notes"] = json!(written(&context.database, &format!("cause {code}")).await?);
    json["code"] = json!(code);
    Ok(json)
}

fn desk_json(desk: &Desk, now_ms: i64) -> Value {
    let is_silent = desk.silent_until_ms.is_some_and(|until_ms| until_ms > now_ms);
    let silent = |text: &Option<String>| text.clone().filter(|_| is_silent);
    json!({
        "owner": desk.owner, "given_by": desk.owner.as_ref().and(desk.given_by.as_ref()),
        "owned": desk.owner.as_ref().and(desk.owned_ms).map(Moment),
        "silent_until": desk.silent_until_ms.filter(|_| is_silent).map(Moment),
        "silenced_by": silent(&desk.silenced_by), "silent_why": silent(&desk.silent_why),
    })
}

/// What stands beside the groups of what is held.
pub struct Desks {
    desks: HashMap<String, Desk>,
    days: HashMap<(bool, String), [i64; DAYS]>,
    now_ms: i64,
}

impl Desks {
    /// Of all causes, or of one.
    pub async fn now(context: &Context, code: Option<&str>) -> Result<Desks, AppError> {
        let (database, now_ms) = (&context.database, context.clock.now_ms());
        let desks = cause_desk::all(database).await?;
        let desks = desks.into_iter().map(|desk| (desk.code.clone(), desk)).collect();
        let begins = begins(now_ms);
        let mut days: HashMap<(bool, String), [i64; DAYS]> = HashMap::new();
        for is_rows in [true, false] {
            for (code, day, many) in stored::by_days(database, is_rows, code, &begins).await? {
                let of_it = days.entry((is_rows, code)).or_default();
                if let Some(place) = usize::try_from(day).ok().and_then(|day| of_it.get_mut(day)) {
                    *place += many;
                }
            }
        }
        Ok(Desks { desks, days, now_ms })
    }

    pub fn is_silent(&self, code: &str) -> bool {
        let until_ms = self.desks.get(code).and_then(|desk| desk.silent_until_ms);
        until_ms.is_some_and(|until_ms| until_ms > self.now_ms)
    }

    /// A group with who has it, how many of its code came today and on the days before, and where it is mended.
    pub fn beside(&self, context: &Context, group: &Group, is_rows: bool) -> Value {
        let mut json = group.json();
        let usual = Desk::default();
        let desk = desk_json(self.desks.get(&group.code).unwrap_or(&usual), self.now_ms);
        for name in ["owner", "silent_until", "silent_why"] {
            json[name] = desk[name].clone();
        }
        json["days"] = self.days(&group.code, is_rows);
        json["mended_at"] = mended_at(context, group, is_rows);
        json
    }

    /// How many that wait came today, yesterday, and on each day before.
    pub fn days(&self, code: &str, is_rows: bool) -> Value {
        json!(self.days.get(&(is_rows, code.to_owned())).copied().unwrap_or_default())
    }
}

/// When today began in London, yesterday, and each day before.
fn begins(now_ms: i64) -> Vec<i64> {
    let mut day = Moment(now_ms).day();
    let mut begins = Vec::new();
    for _ in 0..DAYS {
        begins.push(Moment::at(day, 0).0);
        day = day.pred_opt().unwrap_or(day);
    }
    begins
}

/// The page on which it can be put right, where that is known by its code.
pub fn mended_at(context: &Context, group: &Group, is_rows: bool) -> Value {
    let at = |page: &str, which: &str| json!({ "page": page, "which": which });
    if !is_rows {
        return match group.code.starts_with("suppressed.") {
            true => Value::Null,
            false => at("connector", &group.job),
        };
    }
    let job = context.jobs(Action::Ingest).find(|job| job.name == group.job);
    match job {
        _ if group.code == UNKNOWN_CODE => at("codes", ""),
        Some(job) if at_source(&group.code) => at("connector", &job.connector.value),
        Some(job) if group.stage == "map" => match &job.mapping {
            Some(mapping) => at("mapping", &mapping.value),
            None => Value::Null,
        },
        _ => Value::Null,
    }
}
