//! `viaduct replay`: held rows, or all that a source has, are read again with the definitions as
//! they are now. It is an ingest, and waits for its turn as one.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::held::Group;
use super::holder;
use super::report::RunReport;
use crate::access::actor::Actor;
use crate::definition::suggest;
use crate::job::definition::{Action, JobDefinition};
use crate::job::replay::{Replayed, Rows, Wanted, Why, replay};
use crate::record::cause;
use crate::record::moment::Moment;
use crate::store::audit::{self, Entry};
use crate::store::held;
use crate::store::replays::{self, Letters};
use crate::store::since;

/// How many numbers one call takes.
const IDS_MAX: usize = 1_000;

/// What is to be read again.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Chosen {
    pub code: Option<String>,
    pub job: Option<String>,
    pub ids: Vec<i64>,
    /// Every record that this job's source has.
    pub everything_of: Option<String>,
    /// Nobody is told of what changes.
    pub quiet: bool,
}

impl Chosen {
    /// In words, for a heading.
    pub fn words(&self) -> String {
        match &self.everything_of {
            Some(job) => format!("replay of everything of {job}"),
            None => "replay of held rows".to_owned(),
        }
    }

    /// What it is done to, for the audit log.
    fn target(&self) -> String {
        match (&self.everything_of, &self.code, &self.job) {
            (Some(job), ..) | (None, None, Some(job)) => format!("job {job}"),
            (None, Some(code), _) => format!("code {code}"),
            (None, None, None) => "held rows".to_owned(),
        }
    }

    /// Everything, or some of what is held.
    fn must_agree(&self) -> Result<(), AppError> {
        let some = self.code.is_some() || self.job.is_some() || !self.ids.is_empty();
        match self.everything_of.is_some() && some {
            true => Err(AppError::Asked(
                "`everything_of` is everything: leave out `code`, `job` and `ids`".to_owned(),
            )),
            false => Ok(()),
        }
    }
}

/// What came of it.
pub struct Done {
    pub run: RunReport,
    superseded: i64,
    gone: i64,
    left: Vec<(i64, Why)>,
    /// What was read again and is held again, by what is the matter.
    held: Vec<Group>,
    /// Jobs whose rows wait and that are not defined any more.
    jobless: Vec<(String, i64)>,
}

/// Reads what was chosen again.
pub async fn run(context: &Context, chosen: &Chosen, actor: &Actor) -> Result<Done, AppError> {
    ask(context, chosen, (actor, None)).await?;
    work(context, chosen).await
}

/// Sees that it can be read again, and puts down who asked for it. Gives the jobs whose rows those are, and
/// how many of them are held. An error where those are more than whoever asks may have done at once.
pub async fn ask(
    context: &Context,
    chosen: &Chosen,
    (actor, most): (&Actor, Option<i64>),
) -> Result<Vec<(String, i64)>, AppError> {
    let mut jobs: Vec<(String, i64)> = Vec::new();
    for (job, _, many) in wanted(context, chosen).await? {
        match jobs.iter_mut().find(|(known, _)| *known == job) {
            Some((_, before)) => *before += many,
            None => jobs.push((job, many)),
        }
    }
    let many: i64 = jobs.iter().map(|(_, many)| many).sum();
    if let Some(most) = most.filter(|most| many > *most) {
        return Err(AppError::Stands(format!(
            "that is {many} rows, and your role does at most {most} at once: ask a support lead"
        )));
    }
    if !jobs.is_empty() {
        let asked = Entry {
            actor: actor.as_str(),
            action: "replayed",
            target: chosen.target(),
            reason: None,
            details: Some(json!({ "jobs": jobs, "quiet": chosen.quiet }).to_string()),
        };
        audit::write_alone(&context.database, &asked, context.clock.now_ms()).await?;
    }
    Ok(jobs)
}

/// Does what was asked for.
pub async fn work(context: &Context, chosen: &Chosen) -> Result<Done, AppError> {
    let held = holder::Held::take(context, "ingest").await?;
    let done = all(context, chosen).await;
    held.release().await?;
    done
}

/// The same without the lease, for a database that nobody else works on.
pub async fn all(context: &Context, chosen: &Chosen) -> Result<Done, AppError> {
    let since = since::next_number(&context.database).await?;
    let (mut replayed, mut jobless) = (Replayed::default(), Vec::new());
    for (name, wanted, many) in wanted(context, chosen).await? {
        let Some(job) = ingest_job(context, &name) else {
            jobless.push((name, many));
            continue;
        };
        let ready = context.ingest_stored(job).await?;
        let one = replay(&ready, &mut context.bench(), &wanted).await?;
        replayed.batches.extend(one.batches);
        replayed.superseded += one.superseded;
        replayed.gone += one.gone;
        replayed.left.extend(one.left);
    }
    let held = Group::merged(held::row_groups(&context.database, None, since).await?);
    let Replayed { batches, superseded, gone, left } = replayed;
    let run = RunReport::of(&context.database, batches, Vec::new()).await?;
    Ok(Done { run, superseded, gone, left, held, jobless })
}

fn ingest_job<'c>(context: &'c Context, name: &str) -> Option<&'c JobDefinition> {
    context.catalogue.jobs.get(name).filter(|job| job.action == Action::Ingest)
}

/// The jobs that have something to read again, what, and how many held rows that is.
async fn wanted(
    context: &Context,
    chosen: &Chosen,
) -> Result<Vec<(String, Wanted, i64)>, AppError> {
    chosen.must_agree()?;
    for name in chosen.everything_of.iter().chain(&chosen.job) {
        let job = context.job(name)?;
        if job.action != Action::Ingest {
            let what = format!("`{name}` is not an ingest job: it has no records to read again");
            return Err(AppError::Asked(what));
        }
    }
    if let Some(job) = &chosen.everything_of {
        let wanted = Wanted { rows: Rows::Everything, sends: !chosen.quiet };
        return Ok(vec![(job.clone(), wanted, 0)]);
    }
    must_be_held(context, &chosen.ids).await?;
    let letters = Letters { code: chosen.code.clone(), ids: chosen.ids.clone(), nameless: false };
    let jobs = replays::jobs_of(&context.database, &letters, chosen.job.as_deref()).await?;
    if let Some(code) = chosen.code.as_deref().filter(|_| jobs.is_empty())
        && let Some(error) = no_rows_of(context, code).await?
    {
        return Err(error);
    }
    // What came with a first load that told nobody tells nobody now.
    let each = jobs.into_iter().map(|(job, of_sending, many)| {
        let rows = Rows::Held { letters: letters.clone(), of_sending };
        (job, Wanted { rows, sends: of_sending && !chosen.quiet }, many)
    });
    Ok(each.collect())
}

/// No row waits under the code: which one was meant, or what is done instead.
async fn no_rows_of(context: &Context, code: &str) -> Result<Option<AppError>, AppError> {
    let database = &context.database;
    let waits = held::row_groups(database, None, 0).await?;
    if waits.iter().any(|group| group.code == code) {
        return Ok(Some(AppError::NotThere(format!("no row of that job is held under `{code}`"))));
    }
    if !held::delivery_groups(database, Some(code)).await?.is_empty() {
        return Ok(Some(AppError::NotThere(format!(
            "`{code}` is a code of messages, and only rows are read again. Once what stopped them is \
             mended: `viaduct deliveries release --code {code}`"
        ))));
    }
    if let Some(file) = held::batches(database).await?.iter().find(|batch| batch.code == code) {
        return Ok(Some(AppError::NotThere(format!(
            "`{code}` is a code of whole files, and only rows are read again: `viaduct held show {}` \
             says how the file is put back",
            file.id
        ))));
    }
    // A code that exists, and under which nothing waits any more: it was read again before.
    if cause::find(code).is_some_and(|cause| cause.code == code) {
        return Ok(None);
    }
    let mut codes: Vec<&str> = waits.iter().map(|group| group.code.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    let near = suggest::nearest(code, &codes).map(|near| format!("; did you mean `{near}`?"));
    let there = match codes.is_empty() {
        true => "no row waits".to_owned(),
        false => format!("rows wait under {}", codes.join(", ")),
    };
    let near = near.unwrap_or_default();
    Ok(Some(AppError::NotThere(format!("no held row has the code `{code}`{near} ({there})"))))
}

async fn must_be_held(context: &Context, ids: &[i64]) -> Result<(), AppError> {
    if ids.len() > IDS_MAX {
        let what = format!("at most {IDS_MAX} rows can be named: use --code or --job");
        return Err(AppError::Asked(what));
    }
    for id in ids {
        let Some(letter) = held::letter(&context.database, *id).await? else {
            let what = format!("there is no held row {id}: `viaduct held` lists what there is");
            return Err(AppError::NotThere(what));
        };
        if let Some(at_ms) = letter.settled_ms {
            let how = letter.settled_as.unwrap_or_else(|| "settled".to_owned());
            return Err(AppError::Stands(format!(
                "row {id} waits no more: it was {how} on {}{}",
                Moment(at_ms),
                waiting_now(context, letter.source_key_id).await?
            )));
        }
    }
    Ok(())
}

/// The row that waits now under the key of one that does not any more, if there is one.
async fn waiting_now(context: &Context, source_key_id: i64) -> Result<String, AppError> {
    if source_key_id == 0 {
        return Ok(String::new());
    }
    let story = held::story(&context.database, source_key_id).await?;
    let open = story.iter().rfind(|letter| letter.settled_ms.is_none());
    Ok(open.map_or(String::new(), |open| format!("; its record waits as row {}", open.id)))
}

impl Done {
    /// Whether a person is needed still: something that was to be released waits.
    pub fn any_left(&self) -> bool {
        !(self.held.is_empty() && self.left.is_empty() && self.jobless.is_empty())
            || self.run.any_held_whole()
    }

    /// For machines.
    pub fn json(&self) -> Value {
        let left: Vec<Value> =
            self.left.iter().map(|(id, why)| json!({ "row": id, "why": why.words() })).collect();
        let jobless: Vec<Value> =
            self.jobless.iter().map(|(job, rows)| json!({ "job": job, "rows": rows })).collect();
        let mut json = self.run.json();
        json["superseded"] = json!(self.superseded);
        json["gone"] = json!(self.gone);
        json["left"] = json!(left);
        json["held_again"] = json!(self.held.iter().map(Group::json).collect::<Vec<_>>());
        json["jobs_not_there"] = json!(jobless);
        json
    }

    /// For people.
    pub fn text(&self) -> String {
        let mut text = match self.run.is_empty() {
            true => "Nothing was read again.\n".to_owned(),
            false => self.run.text(),
        };
        if !self.held.is_empty() {
            text.push_str("Read again and held again\n");
            text.extend(self.held.iter().map(|group| group.text("  ")));
        }
        let mut tell = |many: i64, what: &str| {
            if many > 0 {
                text.push_str(&format!("{many} held rows {what}.\n"));
            }
        };
        tell(self.superseded, "were settled: a newer record of theirs is there");
        tell(self.gone, "were settled: their source has them no more");
        for why in [Why::Keyless, Why::KnownKey, Why::Unread] {
            let rows = self.left.iter().filter(|(_, reason)| *reason == why).count();
            tell(rows as i64, &format!("wait as before: {}", why.words()));
        }
        for (job, rows) in &self.jobless {
            let what = format!("wait as before: there is no ingest job `{job}` any more");
            tell(*rows, &what);
        }
        text
    }
}
