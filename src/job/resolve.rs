//! Resolve: what staged records mean for accounts and residents, and for everyone who must hear of
//! it.
//!
//! Chunk by chunk, each in one transaction: records are translated before any lock is taken, then
//! what is known is fetched, settled and written with a few statements. The batch's watermark moves
//! in the same transaction, so that a stop repeats a chunk whole or not at all.

mod finish;
mod settle;
pub(super) mod telling;
mod translate;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use settle::{Draft, Parted, Settling};
use telling::Telling;
use translate::{Ahead, Translator, next_chunk};

use super::error::JobError;
use super::fail_point;
use super::holds::{Doing, feed};
use super::identity::parting::{Now, correct_by_weights};
use super::ingest::Bench;
use super::matches::{Matches, Unlinked};
use super::packing::Unpacker;
use crate::connector::channel::Source;
use crate::mapping::inbound::{Inbound, Translation};
use crate::mapping::outbound::{Heard, Outbound, Subject};
use crate::record::cause;
use crate::record::fragment::{FieldIssue, Fragment};
use crate::record::payment_link::Links;
use crate::resolution::policy::Policy;
use crate::store::again;
use crate::store::batches::{self, BatchRow, Progress};
use crate::store::crashes::{self, Care};
use crate::store::database::cells;
use crate::store::dead_letters::{self, DeadLetter, SettledAs};
use crate::store::hold_feed;
use crate::store::hold_matching;
use crate::store::holds;
use crate::store::ids::Ids;
use crate::store::matching;
use crate::store::outbox;
use crate::store::parting;
use crate::store::residents;
use crate::store::source_records;
use crate::suppression::policy as suppression;

/// What records are read and settled with; filled by `app` from the definitions.
#[derive(Debug)]
pub struct Rules {
    pub inbound: Inbound,
    pub outbound: Vec<Outbound>,
    pub policy: Policy,
    /// What the council knows of holds.
    pub suppression: Arc<suppression::Policy>,
    /// By which source records come.
    pub source_name: String,
    /// How the links to payments are written.
    pub links: Links,
    /// Records in a chunk.
    pub chunk: usize,
}

/// The code of the note that holds stay whose records are gone.
const HOLDS_GONE: &str = "hold.gone";
/// The code of the note that keys were not used to link anybody.
const KEYS_UNUSED: &str = "match.keys_unused";

/// A staged record and what became of it.
pub struct Translated {
    pub row_id: i64,
    pub source_key_id: i64,
    pub is_new: bool,
    pub is_returned: bool,
    pub translation: Translation,
}

/// Resolves what a released batch still has to resolve, and closes it. What kills whoever reads it is
/// held after some deaths, and the rest goes on.
pub async fn resolve(
    batch: &BatchRow,
    rules: &Arc<Rules>,
    source: &Arc<dyn Source>,
    bench: &mut Bench,
    matches: &mut Matches,
) -> Result<(), JobError> {
    // One chunk is written while the next is read.
    let care = crashes::begin(&bench.database, batch, 2 * rules.chunk as i64).await?;
    let done = resolve_with(care, batch, rules, source, bench, matches).await;
    // Whatever came of it, we live.
    crashes::end(&bench.database, batch.id).await?;
    done
}

async fn resolve_with(
    care: Care,
    batch: &BatchRow,
    rules: &Arc<Rules>,
    source: &Arc<dyn Source>,
    bench: &mut Bench,
    matches: &mut Matches,
) -> Result<(), JobError> {
    let dictionaries = source_records::dictionaries(&bench.database, batch.source_id).await?;
    let (unpacker, today) = (Unpacker::new(&dictionaries)?, bench.clock.today());
    let mut translator = Some(Translator::new(rules, source, unpacker, today, care.deadly));
    matches.ready(&bench.database, (batch.last_record - batch.resolved_to) / 2).await?;
    let mut mark = outbox::hub_mark(&bench.database).await?;
    mark.push('-');
    let mut at = batch.resolved_to;
    let mut unlinked = Unlinked::default();
    let after = |at: i64| Ahead {
        after: at,
        most: if at < care.small_to { care.small } else { rules.chunk as i64 },
        is_careful: at < care.careful_to,
    };
    let mut ahead = next_chunk(&bench.database, batch, after(at), &mut translator)?;
    loop {
        let (chunk, back) = ahead.await??;
        translator = Some(back);
        let Some(last) = chunk.last().map(|record| record.row_id) else { break };
        let many = chunk.len() as u64;
        if at < care.careful_to {
            // Nothing else is in hand: a death here is one of these records'.
            unlinked.add(settle_chunk(batch, rules, bench, matches, &mark, chunk).await?);
            ahead = next_chunk(&bench.database, batch, after(last), &mut translator)?;
        } else {
            // The next chunk is translated while this one is written.
            ahead = next_chunk(&bench.database, batch, after(last), &mut translator)?;
            unlinked.add(settle_chunk(batch, rules, bench, matches, &mark, chunk).await?);
        }
        bench.watch.records_resolved.fetch_add(many, Ordering::Relaxed);
        at = last;
        if matches.is_full() {
            matches.flush(&bench.database).await?;
        }
    }
    if let Some(cause) = unlinked.note() {
        tracing::warn!(batch.id = batch.id, code = KEYS_UNUSED, cause, "keys lead nowhere");
        batches::note(&bench.database, batch.id, KEYS_UNUSED, &cause).await?;
    }
    close(batch, rules, bench, &mark).await
}

async fn settle_chunk(
    batch: &BatchRow,
    rules: &Arc<Rules>,
    bench: &mut Bench,
    matches: &mut Matches,
    mark: &str,
    chunk: Vec<Translated>,
) -> Result<Unlinked, JobError> {
    let now_ms = bench.clock.now_ms();
    let parties: usize = chunk.iter().map(Translated::parties).sum();
    // Each record: an event, a letter; each party: itself, a resident, its event; each may be told
    // of each event, and asked to pay as well.
    let listeners = if batch.sends { rules.outbound.len() * 2 } else { 0 };
    let wanted = chunk.len() * 3 + parties * 3 + (chunk.len() + 2 * parties) * 4 * listeners;
    bench.ids.reserve(&bench.database, wanted + 64).await?;

    let resolved_to = chunk.last().map_or(batch.resolved_to, |record| record.row_id);
    let weights = rules.policy.weights.as_ref();
    let mut transaction = bench.database.begin().await?;
    // Before anything is read: whoever says who is who at this moment goes before us, or behind.
    Matches::begin(&mut transaction, weights.is_some()).await?;
    again::behind(&mut transaction, &mut bench.ids, wanted + 64).await?;
    let mut settling = Settling::open(batch, rules, mark, now_ms, &mut transaction, &chunk).await?;
    let mut progress = Progress { resolved_to, ..Progress::default() };
    let (mut letters, mut named, mut holds) = (Vec::new(), Vec::new(), Vec::new());
    // What was held under a key before is settled by what became of its newer record.
    let mut read_again = Vec::new();
    for record in chunk {
        let (row_id, key) = (record.row_id, record.source_key_id);
        if matches!(record.translation, Translation::Published(_)) {
            fail_point::die_writing(row_id);
        }
        if let Some(settled) = record.settles(batch) {
            read_again.push((key, settled));
        }
        match record.translation {
            Translation::Published(Fragment { hold: Some(hold), .. }) => {
                progress.published += 1;
                holds.push((key, *hold));
            }
            Translation::Published(fragment) => {
                progress.published += 1;
                named.push(key);
                let about = settle::About {
                    record_id: row_id,
                    source_key_id: key,
                    is_new: record.is_new,
                    is_returned: record.is_returned,
                };
                settling.settle(about, fragment, &mut bench.ids)?;
            }
            Translation::Filtered(_) => progress.filtered += 1,
            Translation::Held(issues) => {
                progress.held += 1;
                letters.push(letter(batch, row_id, key, &issues, bench.ids.take(), now_ms));
            }
            Translation::Failed(FieldIssue { field, code }) => {
                return Err(JobError::Stopped { field, code });
            }
        }
    }
    let arrivals = settling.arrivals();
    let decided =
        matches.decide(&mut transaction, arrivals, weights, &mut bench.ids, wanted).await?;
    let mut unlinked = decided.unlinked;
    let moved = settling.place(&mut transaction, decided).await?;
    let touched = settling.touched();
    bench.ids.reserve_in(&mut transaction, wanted + touched * (1 + 2 * listeners) + 64).await?;
    named.extend(moved);
    let draft = settling.finish(&mut bench.ids)?;
    progress.residents_created = draft.residents_created;
    progress.residents_changed = draft.residents_changed;
    progress.changes = draft.changes;
    unlinked.junk += draft.junk;
    write(&mut transaction, draft, (mark, &mut bench.ids), now_ms).await?;
    // A chunk of holds names nobody else, and keeps nobody waiting.
    if !named.is_empty() {
        hold_matching::of_records(&mut transaction, &distinct(named.into_iter()), now_ms).await?;
    }
    if !holds.is_empty() {
        let doing = Doing {
            policy: &rules.suppression,
            actor: feed::ACTOR,
            door: &rules.source_name,
            now_ms,
        };
        feed::take(&mut transaction, doing, &holds, &mut bench.ids).await?;
    }
    let since = dead_letters::settle(&mut transaction, &read_again, now_ms).await?;
    for letter in &mut letters {
        letter.since_ms = since.get(&letter.source_key_id).copied().unwrap_or(now_ms);
    }
    dead_letters::put(&mut transaction, letters).await?;
    batches::advance(&mut transaction, batch, progress).await?;
    fail_point::pass("resolve.before_commit");
    transaction.commit().await?;
    fail_point::pass("resolve.committed");
    Ok(unlinked)
}

impl Translated {
    /// How a letter that is open under its key is settled by it. A key that is new has none, unless
    /// a row that was held without one is read again.
    fn settles(&self, batch: &BatchRow) -> Option<SettledAs> {
        if self.is_new && !batch.is_replay() {
            return None;
        }
        Some(match self.translation {
            Translation::Published(_) => SettledAs::Published,
            Translation::Filtered(_) => SettledAs::Filtered,
            Translation::Held(_) | Translation::Failed(_) => SettledAs::Superseded,
        })
    }

    fn parties(&self) -> usize {
        match &self.translation {
            Translation::Published(fragment) => fragment.parties.len(),
            _ => 0,
        }
    }
}

/// One statement for each table.
async fn write(
    transaction: &mut crate::store::database::Transaction,
    draft: Draft,
    (mark, ids): (&str, &mut Ids),
    now_ms: i64,
) -> Result<(), JobError> {
    transaction.insert(residents::ACCOUNTS, draft.accounts).await?;
    transaction.insert(residents::ACCOUNTS_AGAIN, draft.accounts_again).await?;
    transaction.insert(residents::PARTIES, draft.parties).await?;
    transaction.insert(residents::PARTIES_AGAIN, draft.parties_again).await?;
    transaction.insert(residents::RESIDENTS, draft.residents).await?;
    transaction.insert(residents::RESIDENTS_AGAIN, draft.residents_again).await?;
    transaction.insert(residents::EVENTS, draft.events).await?;
    matching::move_parties(transaction, &draft.moved).await?;
    // What this chunk tells is of those whom it made of them: it is written behind.
    for parted in &draft.parted {
        part(transaction, parted, (mark, ids), now_ms).await?;
    }
    matching::redirect(transaction, &draft.merged, now_ms).await?;
    draft.deliveries.write(transaction).await?;
    holds::judge_accounts_again(transaction, &draft.let_go, now_ms).await?;
    Ok(())
}

/// Where weights take a resident apart, as where a person does: what was composed of both is held, what is of those who
/// left goes with them, and what systems were told is queued to be told anew.
async fn part(
    transaction: &mut crate::store::database::Transaction,
    parted: &Parted,
    (mark, ids): (&str, &mut Ids),
    now_ms: i64,
) -> Result<(), JobError> {
    let Parted { was, stays, left, named } = parted;
    parting::hold_waiting(transaction, &[*was], 0, now_ms).await?;
    for (account, is) in left {
        parting::move_open(transaction, &[*account], *was, *is, 0).await?;
    }
    let residents = distinct(named.iter().map(|(_, resident)| *resident).chain([*stays]));
    let now = Now {
        mark: mark.strip_suffix('-').unwrap_or(mark),
        meant: [*was, *was],
        residents: &residents,
        named,
        since: 0,
        now_ms,
    };
    correct_by_weights(transaction, &now, ids).await
}

/// A row held for what its fields say.
fn letter(
    batch: &BatchRow,
    record: i64,
    key: i64,
    issues: &[FieldIssue],
    id: i64,
    since_ms: i64,
) -> DeadLetter {
    let first = issues.first();
    let say = |FieldIssue { field, code }: &FieldIssue| match cause::find(code) {
        Some(cause) => format!("{field}: {code} ({})", cause.means),
        None => format!("{field}: {code}"),
    };
    let said: Vec<String> = issues.iter().map(say).collect();
    DeadLetter {
        id,
        batch_id: batch.id,
        record_id: record,
        source_key_id: key,
        stage: "map",
        code: first.map_or("record", |issue| issue.code.as_str()).to_owned(),
        field: first.map(|issue| issue.field.clone()),
        cause: said.join("; "),
        since_ms,
    }
}

/// The last step: what is gone is told, and the batch's account must balance.
async fn close(
    batch: &BatchRow,
    rules: &Arc<Rules>,
    bench: &mut Bench,
    mark: &str,
) -> Result<(), JobError> {
    let now_ms = bench.clock.now_ms();
    let gone = source_records::gone_in(&bench.database, batch.id).await?;
    let heard = Heard { subject: Subject::Account, kind: "gone", differences: &[] };
    let told: Vec<&Outbound> =
        rules.outbound.iter().filter(|mapping| batch.sends && mapping.hears(heard)).collect();
    let mut transaction = bench.database.begin().await?;
    if !gone.is_empty() {
        // Before anybody is read: whoever says who is who goes before us, or behind. Then in the order of every chunk,
        // so that nobody waits for somebody who waits for them.
        Matches::begin(&mut transaction, false).await?;
        again::behind(&mut transaction, &mut bench.ids, gone.len().min(500)).await?;
    }
    // That a hold's record is gone changes nothing, and no account.
    let changed: &[(i64, i64)] = if rules.inbound.is_of_holds() { &[] } else { &gone };
    for some in changed.chunks(500) {
        bench.ids.reserve_in(&mut transaction, some.len()).await?;
        let mut events = Vec::with_capacity(some.len() * 8);
        for (key, record_id) in some {
            let none: Option<String> = None;
            let id = bench.ids.take();
            events.extend(cells![id, batch.id, *record_id, "account", *key, "gone", none, now_ms]);
        }
        transaction.insert(residents::EVENTS, events).await?;
    }
    if !told.is_empty() {
        let telling = Telling { batch_id: batch.id, mark, now_ms, links: &rules.links };
        telling::tell_of_gone(telling, &mut transaction, &told, &gone, bench).await?;
    }
    batches::close(&mut transaction, batch.id, gone.len() as i64, now_ms).await?;
    fail_point::pass("resolve.before_close");
    transaction.commit().await?;
    fail_point::pass("resolve.closed");
    if rules.inbound.is_of_holds() {
        note_gone(batch, bench, now_ms).await?;
    }
    Ok(())
}

/// Holds whose records do not come any more stay, and a person is told.
async fn note_gone(batch: &BatchRow, bench: &Bench, now_ms: i64) -> Result<(), JobError> {
    let many = hold_feed::of_gone(&bench.database, batch.source_id, now_ms).await?;
    if many > 0 {
        let cause =
            format!("{many} holds are in force whose records do not come any more: they stay");
        tracing::warn!(batch.id = batch.id, code = HOLDS_GONE, cause, "holds stay");
        batches::note(&bench.database, batch.id, HOLDS_GONE, &cause).await?;
    }
    Ok(())
}

/// The distinct values of many, for one question to the store.
fn distinct(values: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut values: Vec<i64> = values.collect();
    values.sort_unstable();
    values.dedup();
    values
}

/// Rows by a number of theirs.
fn grouped<T>(rows: Vec<T>, by: impl Fn(&T) -> i64) -> HashMap<i64, Vec<T>> {
    let mut groups: HashMap<i64, Vec<T>> = HashMap::new();
    for row in rows {
        groups.entry(by(&row)).or_default().push(row);
    }
    groups
}
