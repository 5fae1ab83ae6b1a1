//! The stewards' queue: pairs that wait for a person, taken one after another, and what is said of each.

pub mod acts;
pub mod compare;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Value, json};

use super::context::{AppError, Context};
use super::resident::{self, Asked};
use crate::access::actor::Actor;
use crate::record::moment::Moment;
use crate::record::personal::Personal;
use crate::resolution::weigh::probability;
use crate::store::database::Database;
use crate::store::desk::{self, Waiting};

/// How many pairs are listed at most.
pub const MOST_MAX: i64 = 200;
/// Counts stop here.
const COUNTED_MAX: i64 = 1_000;
/// Somebody has a pair for so long: then it may be given to another.
const TAKEN_MS: i64 = 15 * 60_000;

fn most() -> u32 {
    50
}

/// Which pairs are listed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    #[serde(default = "most")]
    pub most: u32,
    /// Where one of the two is of that source
    #[serde(default)]
    source: String,
    /// How sure the weights are: `high` (90 % and more), `middle`, `low` (below 75 %)
    #[serde(default)]
    band: String,
    /// Those that nobody could tell, in place of those that wait
    #[serde(default)]
    aside: bool,
    /// Go on after this one: what the page before gave as `after`
    after: Option<String>,
}

/// Of which pairs the next is taken.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Next {
    #[serde(default)]
    source: String,
    #[serde(default)]
    band: String,
}

/// What somebody says of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// They are one person
    Same,
    /// They are two
    Different,
    /// Nobody can tell from this
    Unsure,
}

/// What is said of a pair, and what it is known by.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Said {
    decision: Word,
    reason: String,
    /// How it stood when it was looked at, as the comparison gave it: if it stands otherwise now, nothing is done
    stood: Option<String>,
}

/// From and below, in thousandths of a bit.
fn bits(band: &str) -> Result<(i64, i64), AppError> {
    let at = |chance: f32| ((chance / (1.0 - chance)).log2() * 1_000.0).round() as i64;
    let (middle, high) = (at(0.75), at(0.9));
    match band {
        "" => Ok((i64::MIN, i64::MAX)),
        "high" => Ok((high, i64::MAX)),
        "middle" => Ok((middle, high)),
        "low" => Ok((i64::MIN, middle)),
        _ => Err(AppError::Asked("`band` is `high`, `middle` or `low`".to_owned())),
    }
}

fn asked(source: &str, band: &str) -> Result<desk::Wanted, AppError> {
    Ok(desk::Wanted { source: source.to_owned(), bits: bits(band)?, ..desk::Wanted::default() })
}

/// A page of them, and how many there are as far as they are counted.
pub async fn list(database: &Database, wanted: &Wanted, now_ms: i64) -> Result<Value, AppError> {
    let mut of = asked(&wanted.source, &wanted.band)?;
    let waiting = desk::waiting(database, &of, COUNTED_MAX + 1).await?.len();
    let aside = desk::Wanted { aside: true, ..of.clone() };
    let set_aside = desk::waiting(database, &aside, COUNTED_MAX + 1).await?.len();
    of.aside = wanted.aside;
    if let Some(after) = &wanted.after {
        let parts: Vec<i64> = after.split('.').filter_map(|part| part.parse().ok()).collect();
        let [bits, one, other] = parts[..] else {
            let what = "`after` is what the page before gave".to_owned();
            return Err(AppError::Asked(what));
        };
        of.after = (bits, one, other);
    }
    let rows = desk::waiting(database, &of, i64::from(wanted.most) + 1).await?;
    let more = rows.len() > wanted.most as usize;
    let rows = &rows[..rows.len().min(wanted.most as usize)];
    let last = rows.last().filter(|_| more).map(|row| &row.pair);
    Ok(json!({
        "counts": { "waiting": waiting, "aside": set_aside }, "counted_to": COUNTED_MAX,
        "matches": rows.iter().map(|row| line(row, now_ms)).collect::<Vec<Value>>(),
        "after": last.map(|pair| format!("{}.{}.{}", pair.bits, pair.one, pair.other)),
    }))
}

fn line(row: &Waiting, now_ms: i64) -> Value {
    let taken = row.taken_until_ms.is_some_and(|until_ms| until_ms > now_ms);
    json!({
        "match": format!("{}-{}", row.pair.one, row.pair.other),
        "residents": [row.resident, row.other_resident], "sources": [row.source, row.other_source],
        "probability": probability(row.pair.bits as f32 / 1_000.0), "at": Moment(row.at_ms),
        "taken_by": row.taken_by.as_ref().filter(|_| taken),
        "aside_by": row.aside_by, "aside_why": row.aside_why, "aside": row.aside_ms.map(Moment),
    })
}

/// Gives somebody the surest pair that nobody else has before them; nothing where there is none.
pub async fn take(
    database: &Database,
    next: &Next,
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    let who = actor.to_string();
    let mut of = asked(&next.source, &next.band)?;
    of.free_for = Some((who.clone(), now_ms));
    for row in desk::waiting(database, &of, MOST_MAX).await? {
        let pair = (row.pair.one, row.pair.other);
        if desk::take(database, pair, &who, (now_ms, now_ms + TAKEN_MS)).await? {
            return Ok(json!({ "match": format!("{}-{}", pair.0, pair.1) }));
        }
    }
    Ok(json!({ "match": null }))
}

/// Does what somebody says of a pair.
pub async fn say(
    context: &Context,
    id: &str,
    said: Said,
    actor: &Actor,
    now_ms: i64,
) -> Result<Value, AppError> {
    let Said { decision, reason, stood } = said;
    if reason.trim().is_empty() {
        return Err(AppError::Asked("say what it is known by: `reason`".to_owned()));
    }
    let database = &context.database;
    let parties = compare::parties_of(id)?;
    let stands = compare::stands(database, parties).await?;
    if stood.is_some_and(|stood| stood != stands.word()) {
        let what = "one of the two records changed since it was looked at: look again";
        return Err(AppError::Stands(what.to_owned()));
    }
    let [one, other] = stands.residents;
    let (keep, gone) = (one.min(other), one.max(other));
    let who = actor.to_string();
    let asked = match decision {
        Word::Unsure => {
            let pair = desk::pair(database, parties).await?;
            let pair = pair.filter(|pair| pair.verdict == 0 && one != other).ok_or_else(|| {
                AppError::Stands("this pair does not wait for anybody any more".to_owned())
            })?;
            desk::put_aside(database, &pair, (&who, &reason), now_ms).await?;
            return Ok(json!({ "match": id, "decision": "unsure" }));
        }
        _ if one == other => {
            let what = format!("they are one already, resident {one}: split it, or undo the merge");
            return Err(AppError::Stands(what));
        }
        Word::Same => Asked::Merge { id: keep, other: gone, why: Personal::new(reason) },
        Word::Different => Asked::Apart { id: keep, other: gone, why: Personal::new(reason) },
    };
    Ok(resident::decide(database, &context.definitions, asked, &who).await?.0)
}
