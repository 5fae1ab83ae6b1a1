//! What people decide about who is who: two residents are one, or one is two. It outranks the weights, lasts, and
//! can be undone; each act takes its turn among the chunks that are resolved.

pub(in crate::job) mod parting;

use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use self::parting::{Now, Wrong, alone, correct, tell};
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
use crate::store::hold_matching;
use crate::store::identity::{self, Act, Row};
use crate::store::ids::Ids;
use crate::store::matching::{self, Led, PairRow};
use crate::store::residents::{self, PartyRow, read_facts};
use crate::store::{outbox, parting as parted};

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
    /// delivery, resident, destination, state. What is queued to be told anew waits for a person.
    Done {
        act: i64,
        resident: i64,
        other: i64,
        sent: Vec<(i64, i64, String, String)>,
        queued: Vec<i64>,
    },
    /// It cannot be done, and why.
    Not(String),
}

impl Outcome {
    fn with(self, wrong: Wrong) -> Outcome {
        match self {
            Outcome::Done { act, resident, other, .. } => {
                let Wrong { sent, queued } = wrong;
                Outcome::Done { act, resident, other, sent, queued }
            }
            Outcome::Not(why) => Outcome::Not(why),
        }
    }
}

/// Two residents are one person: the second goes into the first.
pub async fn merge(
    database: &Database,
    policy: &Policy,
    (keep, gone): (i64, i64),
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mark = outbox::hub_mark(database).await?;
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    alone(&mut transaction).await?;
    let rows = identity::rows(&mut transaction, &[keep, gone]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[keep, gone]).await?;
    if let Some(why) = cannot_merge(&rows, &parties, keep, gone) {
        // Nothing was done: the turn was not taken.
        return Ok(Outcome::Not(why));
    }
    let (kept, moved): (Vec<&PartyRow>, Vec<&PartyRow>) =
        parties.iter().partition(|party| party.resident_id == keep);
    say(&mut transaction, &kept, &moved, SAME).await?;
    let moves: Vec<(i64, i64)> = moved.iter().map(|party| (party.id, keep)).collect();
    matching::move_parties(&mut transaction, &moves).await?;
    let all: Vec<&PartyRow> = parties.iter().collect();
    let mut put = Vec::new();
    for row in rows.iter().cloned() {
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
    let led = matching::redirect(&mut transaction, &[(gone, keep)], by.now_ms).await?;
    // A debt that a hold names may be of an account of the other.
    hold_matching::of_resident(&mut transaction, keep, by.now_ms).await?;
    let named: Vec<(i64, i64)> = parties.iter().map(|party| (party.source_key_id, keep)).collect();
    let now = Now {
        mark: &mark,
        meant: [keep, gone],
        residents: &[keep],
        named: &named,
        since: 0,
        now_ms: by.now_ms,
    };
    let wrong = correct(&mut transaction, &now).await?;
    tell(&mut transaction, &changed(&rows, &put), by.now_ms).await?;
    let before = snapshot_with(&rows, &parties, led, &wrong.queued);
    let done = Doing { kind: "merge", keep, other: gone, before, turn, parties: &parties };
    Ok(done.put_down(transaction, &put, by).await?.with(wrong))
}

/// Takes an act back: both residents are as they were, and are known to be two. What came since goes with whom it
/// agrees with most.
pub async fn unmerge(
    database: &Database,
    policy: &Policy,
    id: i64,
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mark = outbox::hub_mark(database).await?;
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    alone(&mut transaction).await?;
    let act = identity::act(&mut transaction, id).await?;
    let Some(act) = act.filter(|act| act.kind == "merge" && act.undone_ms.is_none()) else {
        return Ok(Outcome::Not(format!("there is no merge {id} that still stands")));
    };
    let corrupt = || JobError::Broken(format!("act {id} cannot be read"));
    let before: Snapshot = serde_json::from_str(&act.before).map_err(|_| corrupt())?;
    let (keep, other) = (act.resident_id, act.other_id);
    // Whoever came by a later one would be torn between the two.
    if let Some(later) = identity::later_merge(&mut transaction, keep, id).await? {
        return Ok(Outcome::Not(format!(
            "resident {keep} took somebody in since: take {later} back first"
        )));
    }
    let rows = identity::rows(&mut transaction, &[keep, other]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[keep]).await?;
    let theirs = sides(&mut transaction, &parties, &before, other).await?;
    let (others, kept): (Vec<&PartyRow>, Vec<&PartyRow>) =
        parties.iter().partition(|party| theirs.contains(&party.id));
    if let Some(why) = cannot_part(&rows, &kept, &others, keep, other) {
        return Ok(Outcome::Not(why));
    }
    let moves: Vec<(i64, i64)> = others.iter().map(|party| (party.id, other)).collect();
    say(&mut transaction, &kept, &others, DIFFERENT).await?;
    matching::move_parties(&mut transaction, &moves).await?;
    let led = &before.led;
    // Whoever makes deliveries gives higher numbers than an act that was done before.
    let told = parted::was_told(&mut transaction, keep, id).await?;
    parted::lead_back(&mut transaction, led, keep, other).await?;
    parted::drop_corrections(&mut transaction, &before.queued, by.now_ms).await?;
    let untouched = !told
        && before.said == said(&parties)
        && rows.iter().any(|row| row.id == keep && row.version == act.version);
    let put = match untouched {
        true => before.rows,
        // Something was said or told since: what each says now is put together anew, and is newer than that.
        false => {
            let mut put = Vec::new();
            for row in rows.iter().cloned() {
                let own = if row.id == keep { &kept } else { &others };
                put.push(best(Row { merged_into: None, ..row }, own, policy, by.now_ms)?);
            }
            put
        }
    };
    identity::put_rows(&mut transaction, &put).await?;
    identity::undo(&mut transaction, id, by.now_ms).await?;
    let view = View { mark: &mark, since: id };
    let wrong = part(&mut transaction, (keep, &kept), (other, &others), view, by.now_ms).await?;
    tell(&mut transaction, &changed(&rows, &put), by.now_ms).await?;
    let before = act.before.clone();
    let done = Doing { kind: "unmerge", keep, other, before, turn, parties: &parties };
    Ok(done.put_down(transaction, &put, by).await?.with(wrong))
}

/// These parties are another person than the rest of their resident.
pub async fn split(
    database: &Database,
    policy: &Policy,
    (resident, parties_out): (i64, &[i64]),
    by: By<'_>,
) -> Result<Outcome, JobError> {
    let mark = outbox::hub_mark(database).await?;
    let mut transaction = database.begin_durable().await?;
    let turn = matching::turn(&mut transaction).await?;
    alone(&mut transaction).await?;
    let rows = identity::rows(&mut transaction, &[resident]).await?;
    let parties = residents::parties_of_residents(&mut transaction, &[resident]).await?;
    let (out, kept): (Vec<&PartyRow>, Vec<&PartyRow>) =
        parties.iter().partition(|party| parties_out.contains(&party.id));
    let named = parties_out.iter().all(|party| out.iter().any(|one| one.id == *party));
    if !named || kept.is_empty() || out.is_empty() {
        let all: Vec<String> = parties.iter().map(|party| party.id.to_string()).collect();
        return Ok(Outcome::Not(format!(
            "resident {resident} has the parties {}: name some of them, and not all",
            all.join(", ")
        )));
    }
    let new = Ids::within(&mut transaction, 1).await?.take();
    let before = snapshot(&rows, &parties);
    say(&mut transaction, &kept, &out, DIFFERENT).await?;
    // What is put aside together is one person: it does not fall apart when one of them says something new.
    for two in out.windows(2) {
        say(&mut transaction, &two[..1], &two[1..], SAME).await?;
    }
    let moves: Vec<(i64, i64)> = out.iter().map(|party| (party.id, new)).collect();
    matching::move_parties(&mut transaction, &moves).await?;
    let mut put = Vec::new();
    for row in rows.iter().cloned() {
        let empty =
            Row { id: new, version: 0, created_ms: by.now_ms, merged_into: None, ..row.clone() };
        put.push(best(row, &kept, policy, by.now_ms)?);
        put.push(best(empty, &out, policy, by.now_ms)?);
    }
    identity::put_rows(&mut transaction, &put).await?;
    let view = View { mark: &mark, since: 0 };
    let wrong = part(&mut transaction, (resident, &kept), (new, &out), view, by.now_ms).await?;
    tell(&mut transaction, &changed(&rows, &put), by.now_ms).await?;
    let done = Doing { kind: "split", keep: resident, other: new, before, turn, parties: &parties };
    Ok(done.put_down(transaction, &put, by).await?.with(wrong))
}

/// What begins our references, and the number behind which two were taken for one.
struct View<'v> {
    mark: &'v str,
    since: i64,
}

/// What was to be sent goes with whom it is of; what was composed of both is held, and what left is corrected.
async fn part(
    transaction: &mut Transaction,
    (keep, kept): (i64, &[&PartyRow]),
    (other, others): (i64, &[&PartyRow]),
    view: View<'_>,
    now_ms: i64,
) -> Result<Wrong, JobError> {
    let named = |parties: &[&PartyRow], resident: i64| -> Vec<(i64, i64)> {
        let live = parties.iter().filter(|party| party.ended_ms.is_none());
        live.map(|party| (party.source_key_id, resident)).collect()
    };
    let on = |parties: &[&PartyRow], account: i64| {
        parties.iter().any(|party| party.source_key_id == account)
    };
    let mut theirs: Vec<i64> = others
        .iter()
        .map(|party| party.source_key_id)
        .filter(|account| !on(kept, *account))
        .collect();
    theirs.sort_unstable();
    theirs.dedup();
    let (both, View { mark, since }) = ([keep, other], view);
    parted::move_open(transaction, &theirs, keep, other, since).await?;
    parted::hold_waiting(transaction, &both, since, now_ms).await?;
    let named: Vec<(i64, i64)> =
        named(kept, keep).into_iter().chain(named(others, other)).collect();
    let residents = &both;
    let now = Now { mark, meant: both, residents, named: &named, since, now_ms };
    correct(transaction, &now).await
}

/// The parties that go with the resident that comes back: those that were of it, and of those that came since whoever
/// agrees with one of them more than with the others.
async fn sides(
    transaction: &mut Transaction,
    parties: &[PartyRow],
    before: &Snapshot,
    other: i64,
) -> Result<Vec<i64>, JobError> {
    let was = |party: i64| before.parties.iter().find(|(known, _)| *known == party);
    let mut side: Vec<(i64, Option<bool>)> = parties
        .iter()
        .map(|party| (party.id, was(party.id).map(|(_, resident)| *resident == other)))
        .collect();
    let new: Vec<i64> =
        side.iter().filter(|(_, known)| known.is_none()).map(|(party, _)| *party).collect();
    let mut pairs = matching::pairs(transaction, &new).await?;
    pairs.retain(|pair| pair.verdict != DIFFERENT);
    // The surest first; who came by way of another goes with them.
    pairs.sort_unstable_by_key(|pair| (-pair.bits, pair.one, pair.other));
    let of = |side: &[(i64, Option<bool>)], party: i64| {
        side.iter().find(|(known, _)| *known == party).and_then(|(_, with)| *with)
    };
    while let Some((party, with)) = pairs.iter().find_map(|pair| {
        let open = of(&side, pair.one).is_none();
        of(&side, pair.other).filter(|_| open).map(|with| (pair.one, with))
    }) {
        side.iter_mut().filter(|(known, _)| *known == party).for_each(|one| one.1 = Some(with));
    }
    Ok(side.into_iter().filter(|(_, with)| *with == Some(true)).map(|(party, _)| party).collect())
}

/// Each row as it was, where it was there, and as it is.
fn changed<'r>(was: &'r [Row], is: &'r [Row]) -> Vec<(Option<&'r Row>, &'r Row)> {
    is.iter().map(|row| (was.iter().find(|old| old.id == row.id), row)).collect()
}

fn cannot_part(
    rows: &[Row],
    kept: &[&PartyRow],
    others: &[&PartyRow],
    keep: i64,
    other: i64,
) -> Option<String> {
    if let Some(Row { merged_into: Some(into), .. }) = rows.iter().find(|row| row.id == keep) {
        return Some(format!(
            "resident {keep} became {into} since: take that back first, or split {into}"
        ));
    }
    (kept.is_empty() || others.is_empty()).then(|| {
        format!(
            "nobody would be left: the parties of {keep} and of {other} are not together any more"
        )
    })
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
        // Without its turn: others would look for news, and there is none.
        drop(transaction);
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

/// How it stood: rows, each party with its resident, what they said between them, and what was led on.
#[derive(serde::Serialize, serde::Deserialize)]
struct Snapshot {
    rows: Vec<Row>,
    parties: Vec<(i64, i64)>,
    #[serde(default)]
    said: u64,
    #[serde(default)]
    led: Led,
    /// What a person is to approve because of it.
    #[serde(default)]
    queued: Vec<i64>,
}

fn snapshot(rows: &[Row], parties: &[PartyRow]) -> String {
    snapshot_with(rows, parties, Led::default(), &[])
}

fn snapshot_with(rows: &[Row], all: &[PartyRow], led: Led, queued: &[i64]) -> String {
    let parties = all.iter().map(|party| (party.id, party.resident_id)).collect();
    let (rows, said, queued) = (rows.to_vec(), said(all), queued.to_vec());
    json!(Snapshot { rows, parties, said, led, queued }).to_string()
}

/// A digest of everything that these parties say, whoever they are taken for.
fn said(parties: &[PartyRow]) -> u64 {
    let mut parties: Vec<&PartyRow> = parties.iter().collect();
    parties.sort_unstable_by_key(|party| party.id);
    let line = |party: &&PartyRow| {
        let PartyRow { id, role, record_id, ended_ms, facts, .. } = party;
        format!("{id} {role} {record_id} {ended_ms:?} {facts}\n")
    };
    xxh3_64(parties.iter().map(line).collect::<String>().as_bytes())
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
    // A person said it: none of them waits.
    Ok(matching::put_pairs(transaction, &pairs, |_| false).await?)
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
        let id = Ids::within(&mut transaction, 1).await?.take();
        let version = put.iter().find(|row| row.id == keep).map_or(0, |row| row.version);
        let act = Act {
            id,
            kind: kind.to_owned(),
            resident_id: keep,
            other_id: other,
            before,
            version,
            at_ms: by.now_ms,
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
        let (sent, queued) = (Vec::new(), Vec::new());
        Ok(Outcome::Done { act: id, resident: keep, other, sent, queued })
    }
}
