//! Records side by side: what each says, how two of them agree and what that weighs, and what would follow if they
//! were one person.

use serde::Serialize;
use serde_json::{Value, json};

use crate::app::context::{AppError, Context};
use crate::app::resident::policy;
use crate::app::sight::Sight;
use crate::record::facts::Facts;
use crate::record::moment::Moment;
use crate::record::schema::{self, Field, FieldId};
use crate::resolution::compare::{Levels, compare};
use crate::resolution::explain::{Explained, SAME_ADDRESS, SWAPPED, Said, band, explain};
use crate::resolution::profile::{self, Profile};
use crate::resolution::weigh::Weights;
use crate::store::database::{Database, StoreError};
use crate::store::desk::{self, Version};
use crate::store::holds;
use crate::store::matching::{self, PairRow};
use crate::store::people::{self, Party};
use crate::store::residents::read_facts;

/// Records that stand side by side.
const SIDES_MAX: usize = 4;
/// What left is listed so far.
const LEFT_MAX: i64 = 50;

/// How two residents stand, in a word that another state has not.
pub struct Stands {
    /// Those of the first and the second party.
    pub residents: [i64; 2],
    versions: Vec<Version>,
}

impl Stands {
    /// `10007.3.0.2.10006-20011.1.0.1.20010`: the residents, the versions of their rows, the last that somebody decided
    /// of them, how many records each has, and the last of these. One that joins may change no value that shows, and
    /// what is said would be said of it, too.
    pub fn word(&self) -> String {
        let word = |one: &Version| {
            let Version { id, version, acted, acted_as_other, parties, last_party } = one;
            format!("{id}.{version}.{}.{parties}.{last_party}", acted.max(acted_as_other))
        };
        self.versions.iter().map(word).collect::<Vec<_>>().join("-")
    }
}

/// `10007-20011`: two parties, the lower number first.
pub fn parties_of(id: &str) -> Result<(i64, i64), AppError> {
    let two = id.split_once('-').and_then(|(one, other)| {
        let (one, other): (i64, i64) = (one.parse().ok()?, other.parse().ok()?);
        (one != other).then_some((one.min(other), one.max(other)))
    });
    two.ok_or_else(|| {
        AppError::NotThere("a match is named by its two records: 10007-20011".to_owned())
    })
}

async fn both(database: &Database, (one, other): (i64, i64)) -> Result<[Party; 2], AppError> {
    let found = people::parties_by_id(database, &[one, other]).await?;
    match <[Party; 2]>::try_from(found) {
        Ok(both) => Ok(both),
        Err(_) => Err(AppError::NotThere("there are no two records of these numbers".to_owned())),
    }
}

/// How the residents of two parties stand.
pub async fn stands(database: &Database, parties: (i64, i64)) -> Result<Stands, AppError> {
    stands_of(database, &both(database, parties).await?).await
}

async fn stands_of(database: &Database, both: &[Party; 2]) -> Result<Stands, AppError> {
    let residents = [both[0].resident_id, both[1].resident_id];
    let mut ids = residents.to_vec();
    ids.sort_unstable();
    ids.dedup();
    let versions = desk::versions(database, &ids).await?;
    Ok(Stands { residents, versions })
}

/// One record.
#[derive(Serialize)]
struct Side {
    party: i64,
    resident: i64,
    source: String,
    reference: String,
    role: String,
    record: i64,
    file: Option<String>,
    batch: Option<i64>,
    at: Moment,
    ended: Option<Moment>,
    gone: Option<Moment>,
}

/// One field, and what each record says of it.
#[derive(Serialize)]
struct Row {
    field: &'static str,
    /// same, close, different, missing: of the first two
    agreement: &'static str,
    values: Vec<Option<String>>,
}

/// The comparison whole.
pub async fn compared(context: &Context, id: &str, sight: Sight) -> Result<Value, AppError> {
    let database = &context.database;
    let parties = parties_of(id)?;
    let both = both(database, parties).await?;
    let stands = stands_of(database, &both).await?;
    let policy = policy(&context.definitions, database).await?.unwrap_or_default();
    let weights = policy.weights.as_ref().unwrap_or(Weights::shipped());
    let kept = desk::pair(database, parties).await?;
    let levels = match kept.as_ref().and_then(|pair| Levels::unpacked(pair.levels)) {
        Some(levels) => levels,
        None => levels_of(database, parties).await?,
    };
    let explained = explain(&levels, weights);
    let aside = match &kept {
        Some(pair) => desk::set_aside(database, pair).await?,
        None => None,
    };
    let [one, other] = stands.residents;
    let ids = if one == other { vec![one] } else { vec![one, other] };
    let all = people::parties_of(database, &ids).await?;
    let many = all.len();
    let mut sides: Vec<Party> = both.into();
    let besides = all.into_iter().filter(|party| party.id != parties.0 && party.id != parties.1);
    sides.extend(besides.take(SIDES_MAX - 2));
    let facts: Vec<Facts> = sides
        .iter()
        .map(|party| read_facts(&party.facts, schema::PARTY, "party", party.id))
        .collect::<Result<_, StoreError>>()?;
    let stood = stands.word();
    let (keep, gone) = (one.min(other), one.max(other));
    Ok(json!({
        "match": format!("{}-{}", parties.0, parties.1),
        "stands": stand(kept.as_ref(), one == other, aside.is_some()), "stood": stood,
        "aside": aside.map(|(by, why, at_ms)| json!({ "by": by, "why": why, "at": Moment(at_ms) })),
        "sides": sides.iter().map(|party| side(party, sight)).collect::<Vec<Side>>(),
        "besides": many.saturating_sub(SIDES_MAX),
        "fields": rows(&facts, &explained, sight),
        "said": said(&explained), "never": explained.clash,
        "bits": explained.bits, "probability": explained.probability,
        "weights": weights.version, "alone": band(&levels, weights).word(),
        "effect": effect(database, (keep, gone), many).await?,
    }))
}

/// In one word how a pair stands.
fn stand(pair: Option<&PairRow>, is_one: bool, is_aside: bool) -> &'static str {
    match (pair.map_or(0, |pair| pair.verdict), is_one, is_aside) {
        (_, true, _) => "one",
        (2, _, _) => "different",
        (_, _, true) => "aside",
        _ if pair.is_some() => "waiting",
        _ => "unasked",
    }
}

/// How two agree of which no pair is kept: they share nothing that would have brought them together.
async fn levels_of(database: &Database, (one, other): (i64, i64)) -> Result<Levels, AppError> {
    let mut transaction = database.begin().await?;
    let rows = matching::profiles(&mut transaction, &[one, other]).await?;
    transaction.commit().await?;
    let of = |id: i64| -> Profile {
        let row = rows.iter().find(|row| row.id == id);
        let read = row.and_then(|row| profile::unpack(row.source_key_id, row.profile.as_deref()?));
        read.unwrap_or_default()
    };
    Ok(compare(&of(one), &of(other), &|_| false))
}

fn side(party: &Party, sight: Sight) -> Side {
    Side {
        party: party.id,
        resident: party.resident_id,
        source: party.source.clone(),
        reference: sight.key(&party.reference),
        role: party.role.clone(),
        record: party.record_id,
        file: party.origin.clone(),
        batch: party.batch_id,
        at: Moment(party.at_ms),
        ended: party.ended_ms.map(Moment),
        gone: party.gone_ms.map(Moment),
    }
}

/// What the weights make of it, the weightiest first.
fn said(explained: &Explained) -> Vec<Value> {
    let mut said = explained.said.clone();
    said.sort_by(|one, other| other.bits.abs().total_cmp(&one.bits.abs()));
    let told = said
        .iter()
        .map(|said| json!({ "field": said.field, "says": said.words, "bits": said.bits }));
    told.collect()
}

/// The fields of which any of them says something, in the order of the record.
fn rows(facts: &[Facts], explained: &Explained, sight: Sight) -> Vec<Row> {
    let of = |(at, field): (usize, &'static Field)| {
        let id = at as FieldId;
        if facts.iter().all(|facts| facts.get(id).is_none()) {
            return None;
        }
        let values = facts.iter().map(|facts| facts.get(id).map(|value| sight.value(field, value)));
        let agreement = match (facts[0].get(id), facts[1].get(id)) {
            (Some(one), Some(other)) if one == other => "same",
            (Some(_), Some(_)) if is_close(field, explained) => "close",
            (Some(_), Some(_)) => "different",
            _ => "missing",
        };
        Some(Row { field: field.name, agreement, values: values.collect() })
    };
    schema::PARTY.iter().enumerate().filter_map(of).collect()
}

/// Whether the weights see one thing in two values that are written otherwise.
fn is_close(field: &Field, explained: &Explained) -> bool {
    let compared = match field.name {
        "name.given" => "given",
        "name.middle" => "middle",
        "name.family" => "family",
        "birth_date" | "birth_year" => "born",
        "nino" => "nino",
        "contact.email" => "email",
        "contact.phone" | "contact.mobile" | "contact.as_given" => "phone",
        "address.line1" | "address.line2" | "address.line3" => {
            let home = |said: &&Said| said.field == "place";
            let home = explained.said.iter().find(home);
            return home.is_some_and(|said| said.words == SAME_ADDRESS);
        }
        _ => return false,
    };
    let about =
        |said: &&Said| said.field == compared || (compared == "family" && said.words == SWAPPED);
    explained.said.iter().find(about).is_some_and(|said| said.bits > 0.0)
}

/// What follows if they are one.
async fn effect(
    database: &Database,
    (keep, gone): (i64, i64),
    parties: usize,
) -> Result<Value, AppError> {
    let left = desk::left(database, &[keep, gone], (i64::MIN, LEFT_MAX + 1)).await?;
    let mut held = Vec::new();
    for id in [keep, gone] {
        held.extend(holds::of_resident(database, id).await?.into_iter().map(|hold| hold.id));
    }
    held.sort_unstable();
    held.dedup();
    Ok(json!({
        "keep": keep, "gone": gone, "parties": parties, "left": left.len(),
        "left_most": LEFT_MAX, "holds": held,
    }))
}
