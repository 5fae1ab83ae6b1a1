//! What people decide about who is who: two residents are one, or one is two. It outranks the weights, lasts, and
//! can be undone; each act takes its turn among the chunks that are resolved.

use serde_json::json;

use super::error::JobError;
use super::matches;
use crate::record::schema;
use crate::resolution::compare::compare;
use crate::resolution::policy::Policy;
use crate::resolution::profile::{self, Profile};
use crate::resolution::survivorship::{Word, survive};
use crate::resolution::weigh::Weights;
use crate::store::audit::Entry;
use crate::store::database::{Database, Transaction};
use crate::store::identity::{self, Act, Row};
use crate::store::ids::Ids;
use crate::store::matching::{self, PairRow};
use crate::store::residents::{self, PartyRow, read_facts};

/// More parties than a person is ever likely to have.
const PARTIES_MAX: usize = 200;
const SAME: i64 = 1;
const DIFFERENT: i64 = 2;

/// Who decides, when and why.
#[derive(Clone, Copy)]
pub struct By<'a> {
    pub actor: &'a str,
    pub why: &'a str,
    pub now_ms: i64,
}

/// What came of an act.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The act's number, the resident that stays, the other, and what was sent on the view that was wrong:
    /// delivery, resident, destination, state.
    Done { act: i64, resident: i64, other: i64, sent: Vec<(i64, i64, String, String)> },
    /// It cannot be done, and why.
    Not(String),
}

/// Two residents are one person: the second goes into the first.
pub async fn merge(
    database: &Database,
    policy: &Policy,
    (keep, gone): (i64, i64),
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    let rows = identity::rows(&mut transaction, &[keep, gone]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[keep, gone]).await?;
    if let Some(why) = cannot_merge(&rows, &parties, keep, gone) {
        transaction.commit().await?;
        return Ok(Outcome::Not(why));
    }
    let before = snapshot(&rows, &parties);
    let (kept, moved): (Vec<&PartyRow>, Vec<&PartyRow>) =
        parties.iter().partition(|party| party.resident_id == keep);
    say(&mut transaction, &kept, &moved, SAME).await?;
    let moves: Vec<(i64, i64)> = moved.iter().map(|party| (party.id, keep)).collect();
    matching::move_parties(&mut transaction, &moves).await?;
    let all: Vec<&PartyRow> = parties.iter().collect();
    let mut put = Vec::new();
    for row in rows {
        put.push(match row.id == keep {
            true => best(row, &all, policy, by.now_ms)?,
            false => Row {
                merged_into: Some(keep),
                version: row.version + 1,
                updated_ms: by.now_ms,
                ..row
            },
        });
    }
    identity::put_rows(&mut transaction, &put).await?;
    matching::redirect(&mut transaction, &[(gone, keep)], by.now_ms).await?;
    let done = Doing { kind: "merge", keep, other: gone, before, turn, parties: &parties };
    done.put_down(transaction, &put, by).await
}

/// Takes an act back: both residents are as they were, and are known to be two.
pub async fn unmerge(
    database: &Database,
    policy: &Policy,
    id: i64,
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    let act = identity::act(&mut transaction, id).await?;
    let Some(act) = act.filter(|act| act.kind == "merge" && act.undone_ms.is_none()) else {
        transaction.commit().await?;
        return Ok(Outcome::Not(format!("there is no merge {id} that still stands")));
    };
    let corrupt = || JobError::Broken(format!("act {id} cannot be read"));
    let before: Snapshot = serde_json::from_str(&act.before).map_err(|_| corrupt())?;
    let rows = identity::rows(&mut transaction, &[act.resident_id, act.other_id]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[act.resident_id]).await?;
    let was_other = |party: &&PartyRow| before.parties.contains(&(party.id, act.other_id));
    let (others, kept): (Vec<&PartyRow>, Vec<&PartyRow>) = parties.iter().partition(was_other);
    let moves: Vec<(i64, i64)> = others.iter().map(|party| (party.id, act.other_id)).collect();
    say(&mut transaction, &kept, &others, DIFFERENT).await?;
    matching::move_parties(&mut transaction, &moves).await?;
    let untouched = rows.iter().any(|row| row.id == act.resident_id && row.version == act.version)
        && parties.len() == before.parties.len();
    let put = match untouched {
        true => before.rows,
        // Something was said since: what each says now is put together anew.
        false => {
            let mut put = Vec::new();
            for row in rows {
                let own = if row.id == act.resident_id { &kept } else { &others };
                put.push(best(Row { merged_into: None, ..row }, own, policy, by.now_ms)?);
            }
            put
        }
    };
    identity::put_rows(&mut transaction, &put).await?;
    identity::undo(&mut transaction, id, by.now_ms).await?;
    let before = act.before.clone();
    let (keep, other) = (act.resident_id, act.other_id);
    let done = Doing { kind: "unmerge", keep, other, before, turn, parties: &parties };
    done.put_down(transaction, &put, by).await
}

/// These parties are another person than the rest of their resident.
pub async fn split(
    database: &Database,
    policy: &Policy,
    (resident, parties_out): (i64, &[i64]),
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    let rows = identity::rows(&mut transaction, &[resident]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[resident]).await?;
    let (out, kept): (Vec<&PartyRow>, Vec<&PartyRow>) =
        parties.iter().partition(|party| parties_out.contains(&party.id));
    if out.len() != parties_out.len() || kept.is_empty() || out.is_empty() {
        transaction.commit().await?;
        let all: Vec<String> = parties.iter().map(|party| party.id.to_string()).collect();
        return Ok(Outcome::Not(format!(
            "resident {resident} has the parties {}: name some of them, and not all",
            all.join(", ")
        )));
    }
    let new = Ids::within(&mut transaction, 1).await?.take();
    let before = snapshot(&rows, &parties);
    say(&mut transaction, &kept, &out, DIFFERENT).await?;
    let moves: Vec<(i64, i64)> = out.iter().map(|party| (party.id, new)).collect();
    matching::move_parties(&mut transaction, &moves).await?;
    let mut put = Vec::new();
    for row in rows {
        let empty =
            Row { id: new, version: 0, created_ms: by.now_ms, merged_into: None, ..row.clone() };
        put.push(best(row, &kept, policy, by.now_ms)?);
        put.push(best(empty, &out, policy, by.now_ms)?);
    }
    identity::put_rows(&mut transaction, &put).await?;
    let done = Doing { kind: "split", keep: resident, other: new, before, turn, parties: &parties };
    done.put_down(transaction, &put, by).await
}

/// Two residents are two people: nobody is asked again, and no weight makes them one.
pub async fn tell_apart(
    database: &Database,
    (one, other): (i64, i64),
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    let rows = identity::rows(&mut transaction, &[one, other]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[one, other]).await?;
    if let Some(why) = cannot_merge(&rows, &parties, one, other) {
        transaction.commit().await?;
        return Ok(Outcome::Not(why));
    }
    let before = snapshot(&rows, &parties);
    let (ones, others): (Vec<&PartyRow>, Vec<&PartyRow>) =
        parties.iter().partition(|party| party.resident_id == one);
    say(&mut transaction, &ones, &others, DIFFERENT).await?;
    let done = Doing { kind: "apart", keep: one, other, before, turn, parties: &parties };
    done.put_down(transaction, &rows, by).await
}

fn cannot_merge(rows: &[Row], parties: &[PartyRow], keep: i64, gone: i64) -> Option<String> {
    if keep == gone {
        return Some("they are one already".to_owned());
    }
    for id in [keep, gone] {
        match rows.iter().find(|row| row.id == id) {
            None => return Some(format!("there is no resident {id}")),
            Some(Row { merged_into: Some(into), .. }) => {
                return Some(format!("resident {id} became {into}"));
            }
            Some(_) => {}
        }
    }
    (parties.len() > PARTIES_MAX)
        .then(|| format!("they have {} parties together: more than {PARTIES_MAX}", parties.len()))
}

/// How it stood: rows, and each party with its resident.
#[derive(serde::Serialize, serde::Deserialize)]
struct Snapshot {
    rows: Vec<Row>,
    parties: Vec<(i64, i64)>,
}

fn snapshot(rows: &[Row], parties: &[PartyRow]) -> String {
    let parties = parties.iter().map(|party| (party.id, party.resident_id)).collect();
    json!(Snapshot { rows: rows.to_vec(), parties }).to_string()
}

/// Writes of each pair across what a person said.
async fn say(
    transaction: &mut Transaction,
    ones: &[&PartyRow],
    others: &[&PartyRow],
    verdict: i64,
) -> Result<(), JobError> {
    let ids: Vec<i64> = ones.iter().chain(others).map(|party| party.id).collect();
    let rows = matching::profiles(transaction, &ids).await?;
    let profile = |id: i64| -> Profile {
        let row = rows.iter().find(|row| row.id == id);
        let read = row.and_then(|row| profile::unpack(row.source_key_id, row.profile.as_deref()?));
        read.unwrap_or_default()
    };
    let weights = Weights::shipped();
    let mut pairs = Vec::with_capacity(ones.len() * others.len());
    for one in ones {
        for other in others {
            let levels = compare(&profile(one.id), &profile(other.id), &|_| false);
            pairs.push(PairRow {
                one: one.id.min(other.id),
                other: one.id.max(other.id),
                bits: (weights.score(&levels).bits * 1_000.0).round() as i64,
                levels: levels.packed(),
                weights: weights.version,
                verdict,
            });
        }
    }
    Ok(matching::put_pairs(transaction, &pairs).await?)
}

/// The row with the best of what these parties say.
fn best(row: Row, parties: &[&PartyRow], policy: &Policy, now_ms: i64) -> Result<Row, JobError> {
    let facts = parties
        .iter()
        .map(|party| read_facts(&party.facts, schema::PARTY, "party", party.id))
        .collect::<Result<Vec<_>, _>>()?;
    let words: Vec<Word<'_>> = parties
        .iter()
        .zip(&facts)
        .map(|(party, facts)| Word {
            party_id: party.id,
            source_id: party.source_id,
            record_id: party.record_id,
            ended: party.ended_ms.is_some(),
            facts,
        })
        .collect();
    let (facts, provenance) = survive(&words, policy);
    let provenance = provenance.map(|from| {
        let map: serde_json::Map<_, _> =
            from.into_iter().map(|(unit, party)| (unit, party.into())).collect();
        serde_json::Value::Object(map).to_string()
    });
    let (version, facts) = (row.version + 1, facts.to_json(schema::PARTY));
    Ok(Row { version, updated_ms: now_ms, facts, provenance, ..row })
}

/// An act that is done, to be put down.
struct Doing<'d> {
    kind: &'static str,
    keep: i64,
    other: i64,
    before: String,
    turn: i64,
    parties: &'d [PartyRow],
}

impl Doing<'_> {
    async fn put_down(
        self,
        mut transaction: Transaction,
        put: &[Row],
        by: By<'_>,
    ) -> Result<Outcome, JobError> {
        let Doing { kind, keep, other, before, turn, parties } = self;
        let sent = identity::pushed(&mut transaction, &[keep, other]).await?;
        let id = Ids::within(&mut transaction, 1).await?.take();
        let version = put.iter().find(|row| row.id == keep).map_or(0, |row| row.version);
        let act = Act {
            id,
            kind: kind.to_owned(),
            resident_id: keep,
            other_id: other,
            before,
            version,
            undone_ms: None,
        };
        let entry = Entry {
            actor: by.actor,
            action: match kind {
                "merge" => "merged",
                "split" => "split",
                "apart" => "told apart",
                _ => "unmerged",
            },
            target: format!("resident {keep}"),
            reason: Some(by.why),
            details: Some(json!({ "act": id, "other": other }).to_string()),
        };
        identity::put_act(&mut transaction, &act, &entry, by.now_ms).await?;
        let ids: Vec<i64> = parties.iter().map(|party| party.id).collect();
        let news = matches::pack(&ids).unwrap_or_default();
        matching::put_news(&mut transaction, turn, news).await?;
        transaction.commit().await?;
        Ok(Outcome::Done { act: id, resident: keep, other, sent })
    }
}
