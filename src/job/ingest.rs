//! Ingest: what a source gives is compared, staged, accounted for and released; then it is
//! resolved.
//!
//! One read. An unchanged record costs a digest and a comparison. Nothing is seen by anyone until
//! the whole extract has been read and its totals agree; one durable commit then releases the
//! batch, and only after it is the file acknowledged.

mod admission;
pub(super) mod cards;
mod ending;
mod staging;
mod versions;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use admission::{Admission, Portion, Tally};
use ending::{abandon, end_batch, held_before};
use staging::Stager;
use tokio::sync::mpsc;
use versions::Newest;

use super::clock::Clock;
use super::error::JobError;
use super::fail_point::{self, Safeguard};
use super::matches::Matches;
use super::resolve::{self, Rules};
use crate::connector::channel::{ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use crate::record::batch::Counts;
use crate::store::batches::{self, BatchRow, Content, Opening};
use crate::store::database::Database;
use crate::store::dead_letters;
use crate::store::decisions::{self, Decision};
use crate::store::ids::Ids;
use crate::store::source_records::{self, KnownKey};

/// How an ingest job goes about it; filled by `app` from the definitions.
pub struct Ingest {
    pub job: String,
    /// The name of the connector, and so of the source.
    pub source_name: String,
    pub source: Arc<dyn Source>,
    pub rules: Arc<Rules>,
    /// Whether a source's first load may send.
    pub first_load_sends: bool,
    /// A full extract with fewer than this many of a hundred known records is held whole.
    pub keep_percent: i64,
    /// Records in a chunk.
    pub chunk: usize,
    /// An extract with more records than this is held whole.
    pub records_max: i64,
}

/// How far a run is, for whoever watches.
#[derive(Debug, Default)]
pub struct Watch {
    pub bytes_total: AtomicU64,
    pub records_read: AtomicU64,
    pub records_staged: AtomicU64,
    pub records_resolved: AtomicU64,
}

/// Everything a job works with.
pub struct Bench {
    pub database: Database,
    pub clock: Arc<dyn Clock>,
    pub ids: Ids,
    pub watch: Arc<Watch>,
}

/// A full extract lacks too many of the known records.
const SHORT: &str = "extract.short";
/// A file is read as what its definition says, and looks as if it were UTF-8.
const LOOKS_UTF8: &str = "file.looks_utf8";
/// An earlier file's content, after others.
const AS_BEFORE: &str = "file.as_before";
/// What a person may accept all the same.
pub const DOUBTS: [&str; 3] = [SHORT, LOOKS_UTF8, AS_BEFORE];
const ACCEPTED: &str = "extract.accepted";

/// Runs the job once: what a stop left undone, then everything that is there. Gives the batches it
/// ended, in order.
pub async fn ingest(job: &Ingest, bench: &mut Bench) -> Result<Vec<BatchRow>, JobError> {
    bench.ids.reserve(&bench.database, 1).await?;
    let id = bench.ids.take();
    let source_id = batches::source_id(&bench.database, &job.source_name, id).await?;
    let mut matches = Matches::new();
    let mut ended = Vec::new();
    take_up(job, bench, source_id, &mut matches, &mut ended).await?;
    let cursor = batches::cursor(&bench.database, source_id).await?;
    for origin in job.source.look(cursor.as_deref()).await? {
        if known_already(job, bench, source_id, &origin).await? {
            continue;
        }
        if let Some(batch_id) = take_in(job, bench, source_id, &origin).await? {
            finish(job, bench, &mut matches, batch_id, &mut ended).await?;
        }
    }
    matches.flush(&bench.database).await?;
    Ok(ended)
}

/// What a stop left undone: what was released is resolved, what was being read goes.
pub(super) async fn take_up(
    job: &Ingest,
    bench: &mut Bench,
    source_id: i64,
    matches: &mut Matches,
    ended: &mut Vec<BatchRow>,
) -> Result<(), JobError> {
    for batch in batches::unfinished(&bench.database, source_id).await? {
        if batch.state == "released" {
            finish(job, bench, matches, batch.id, ended).await?;
        } else {
            abandon(bench, &batch).await?;
        }
    }
    Ok(())
}

/// Resolves a batch if it was released, and notes how it stands.
pub(super) async fn finish(
    job: &Ingest,
    bench: &mut Bench,
    matches: &mut Matches,
    batch_id: i64,
    ended: &mut Vec<BatchRow>,
) -> Result<(), JobError> {
    let missing = || JobError::Broken(format!("batch {batch_id} is not there any more"));
    let batch = batches::get(&bench.database, batch_id).await?.ok_or_else(missing)?;
    if batch.state == "released" {
        resolve::resolve(&batch, &job.rules, &job.source, bench, matches).await?;
    }
    ended.push(batches::get(&bench.database, batch_id).await?.ok_or_else(missing)?);
    Ok(())
}

/// A stop between release and acknowledgement: it is only put where it belongs. What was held whole
/// and stands there is read again: somebody mended what was wrong and put it back.
async fn known_already(
    job: &Ingest,
    bench: &Bench,
    source_id: i64,
    origin: &Origin,
) -> Result<bool, JobError> {
    match batches::of_origin(&bench.database, source_id, &origin.mark).await? {
        // Somebody else is at it, or was: its records are nowhere yet.
        Some(batch) if batch.state == "reading" => Ok(true),
        Some(batch) if batch.state != "held" => {
            job.source.acknowledge(origin, Taken::Processed).await?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Reads one origin to its end and decides: released, held or a duplicate. None where a system that was
/// asked had nothing new to tell.
async fn take_in(
    job: &Ingest,
    bench: &mut Bench,
    source_id: i64,
    origin: &Origin,
) -> Result<Option<i64>, JobError> {
    bench.ids.reserve(&bench.database, 1).await?;
    let batch_id = bench.ids.take();
    let first_load = !batches::any_accepted(&bench.database, source_id).await?;
    let opening = Opening {
        id: batch_id,
        source_id,
        job: &job.job,
        origin: &origin.name,
        origin_mark: &origin.mark,
        mapping: &job.rules.inbound.name,
        mapping_version: job.rules.inbound.version,
        sends: !first_load || job.first_load_sends,
        now_ms: bench.clock.now_ms(),
    };
    batches::open(&bench.database, opening.clone()).await?;
    bench.watch.bytes_total.fetch_add(origin.bytes, Ordering::Relaxed);
    let read = Reading::run(job, bench, source_id, batch_id, origin).await;
    if Safeguard::StoredFirst.is_off() {
        job.source.acknowledge(origin, Taken::Processed).await?;
    }
    let (mut reading, end) = read?;
    let is_silent = reading.counts.rows_in == 0 && job.source.extract() == Extract::Delta;
    // How far it came is kept, though nothing came.
    let says_nothing = |end: &ReadEnd| end.totals.is_empty() && end.cursor.is_none();
    if origin.asked.is_some() && is_silent && end.as_ref().is_ok_and(says_nothing) {
        batches::forget(&bench.database, batch_id).await?;
        job.source.acknowledge(origin, Taken::Processed).await?;
        return Ok(None);
    }
    let (mut said, mut as_before) = (ReadEnd::default(), None);
    let mut verdict = match end {
        _ if reading.counts.rows_in > job.records_max => {
            let most = job.records_max;
            let cause = format!(
                "the extract has more than {most} records: is it one? Then raise `records_max`"
            );
            Err(("file.records".to_owned(), cause))
        }
        Err(ConnectorError::Malformed(fault)) => Err((fault.code.to_owned(), fault.to_string())),
        Err(other) => return Err(other.into()),
        // It was asked now: what it says is so now, whatever it said before.
        Ok(end) if origin.asked.is_some() => {
            said = end;
            reading.judge(job, &said)
        }
        Ok(end) => match batches::of_content(&bench.database, source_id, &end.content_digest)
            .await?
        {
            // Under its own name, or with nothing in between, it says nothing new.
            Some(first)
                if first.origin == origin.name
                    || batches::last_accepted(&bench.database, source_id).await?
                        == Some(first.id) =>
            {
                let cause = format!("the same content as batch {} ({})", first.id, first.origin);
                reading.counts.unchanged = reading.counts.rows_in;
                end_batch(bench, &reading, "duplicate", "file.duplicate", &cause, &end).await?;
                job.source.acknowledge(origin, Taken::Processed).await?;
                return Ok(Some(batch_id));
            }
            before => {
                as_before = before.map(|first| {
                    let cause = format!(
                        "the same content as batch {} ({}), and others came between: it is so \
                         again, or an old file was sent once more",
                        first.id, first.origin
                    );
                    (AS_BEFORE, cause)
                });
                said = end;
                reading.judge(job, &said)
            }
        },
    };
    let accepted = match (&verdict, reading.doubt(job, &said).or(as_before)) {
        (Ok(()), Some((code, cause))) => {
            let digest = &said.content_digest;
            match decisions::acceptance(&bench.database, source_id, digest).await? {
                Some(decision) => Some((ACCEPTED, accepted(&cause, &decision))),
                None => {
                    verdict = Err((code.to_owned(), cause));
                    None
                }
            }
        }
        _ => None,
    };
    match verdict {
        Ok(()) => {
            let note = match accepted {
                Some(note) => Some(note),
                None => reading.note(bench, source_id, origin).await?,
            };
            if let Some((code, cause)) = &note {
                match *code {
                    cards::CODE => {
                        tracing::error!(batch.id = batch_id, code, cause, "card numbers")
                    }
                    _ => tracing::warn!(batch.id = batch_id, code, cause, "a batch needs a look"),
                }
            }
            let note = note.as_ref().map(|(code, cause)| (*code, cause.as_str()));
            let full = job.source.extract() == Extract::Full;
            reading.release(bench, source_id, full, &said, note).await?;
            fail_point::pass("ingest.released");
            job.source.acknowledge(origin, Taken::Processed).await?;
            fail_point::pass("ingest.acknowledged");
        }
        Err((code, cause)) => {
            if let Some(before) =
                held_before(bench, &opening, origin, (&code, &cause), &said).await?
            {
                job.source.acknowledge(origin, Taken::Held).await?;
                return Ok(Some(before));
            }
            reading.counts.held = reading.counts.rows_in;
            end_batch(bench, &reading, "held", &code, &cause, &said).await?;
            job.source.acknowledge(origin, Taken::Held).await?;
        }
    }
    Ok(Some(batch_id))
}

fn accepted(cause: &str, decision: &Decision) -> String {
    let Decision { decided_by, decided_why, .. } = decision;
    format!("{cause}; {decided_by} accepted it: {decided_why}")
}

/// What a reading brought, before anybody else sees it.
struct Reading {
    batch_id: i64,
    counts: Counts,
    /// Known records that the extract does not hold.
    absent: Vec<i64>,
    /// Rows whose key nobody knows.
    nameless: i64,
    /// Rows that are held because a card number stands in them.
    with_cards: i64,
    /// How many records the source had before.
    present: i64,
    /// Keys whose bytes changed and whose meaning did not: their digests are brought up to date.
    restated: Vec<(i64, i64)>,
    last_record: i64,
}

impl Reading {
    async fn run(
        job: &Ingest,
        bench: &mut Bench,
        source_id: i64,
        batch_id: i64,
        origin: &Origin,
    ) -> Result<(Reading, Result<ReadEnd, ConnectorError>), JobError> {
        let database = bench.database.clone();
        let known = source_records::known(&database, source_id).await?;
        let dictionary = source_records::dictionary_of(&database, source_id).await?;
        let mut stager = Stager {
            job,
            batch_id,
            source_id,
            dictionary_id: dictionary.as_ref().map_or(0, |(id, _)| *id),
            unpacker: None,
            reading: Reading {
                batch_id,
                counts: Counts::default(),
                absent: Vec::new(),
                nameless: 0,
                with_cards: 0,
                present: 0,
                restated: Vec::new(),
                last_record: batch_id,
            },
            newest: Newest::default(),
        };
        let (sender, mut portions) = mpsc::channel::<Portion>(2);
        let seed = job.rules.inbound.version as u64;
        let bytes = dictionary.map(|(_, bytes)| bytes);
        let watch = Arc::clone(&bench.watch);
        let source = Arc::clone(&job.source);
        let most = (job.chunk, job.records_max);
        let admission = Admission::new(known, seed, source, bytes, most, sender, watch)?;
        let tally = admission.tally();
        let source = Arc::clone(&job.source);
        let origin = origin.clone();
        let cutting = tokio::spawn(async move {
            let (sink, end) = source.read(&origin, Box::new(admission)).await;
            drop(sink);
            end
        });
        while let Some(portion) = portions.recv().await {
            stager.stage(bench, portion).await?;
        }
        let end = cutting.await?;
        let mut reading = stager.reading;
        let tally = tally.take()?;
        reading.add(&tally, job.source.extract());
        Ok((reading, end))
    }

    fn add(&mut self, tally: &Tally, extract: Extract) {
        self.counts.rows_in = tally.rows;
        self.counts.unchanged += tally.unchanged;
        self.counts.records_unchanged = self.counts.unchanged;
        self.present = tally.present;
        self.nameless = tally.nameless;
        self.with_cards = tally.with_cards;
        if extract == Extract::Full {
            self.absent.clone_from(&tally.absent);
            self.counts.records_gone = self.gone().len() as i64;
        }
    }

    /// What is gone at the source. A row that could not be read may be any of the absent ones: then
    /// nobody is.
    fn gone(&self) -> &[i64] {
        if self.nameless > 0 { &[] } else { &self.absent }
    }

    /// What a person should look at, though the extract is taken.
    async fn note(
        &self,
        bench: &Bench,
        source_id: i64,
        origin: &Origin,
    ) -> Result<Option<(&'static str, String)>, JobError> {
        if self.with_cards > 0 {
            let cause = format!(
                "{} rows hold what looks like a card number: they are held with their digits masked; the \
                 file itself still has them",
                self.with_cards
            );
            return Ok(Some((cards::CODE, cause)));
        }
        if self.nameless > 0 && !self.absent.is_empty() {
            let cause = format!(
                "{} known records are absent and {} rows cannot be read: none is marked gone",
                self.absent.len(),
                self.nameless
            );
            return Ok(Some(("extract.gone_unsure", cause)));
        }
        if origin.asked.is_some() {
            return Ok(None);
        }
        // It may be an older extract that was dropped once more.
        let before = batches::of_name(&bench.database, source_id, &origin.name).await?;
        Ok(before.map(|before| {
            let cause = format!(
                "the name was taken before with other content, in batch {}: see that this is the \
                 newer",
                before.id
            );
            ("file.new_version", cause)
        }))
    }

    /// Whether the extract can be what it says it is.
    fn judge(&self, job: &Ingest, end: &ReadEnd) -> Result<(), (String, String)> {
        if let Some(total) = end.totals.iter().find(|total| !total.agrees()) {
            let declared = total.declared.map_or("nothing".to_owned(), |count| count.to_string());
            let cause = format!(
                "the extract declares {declared} {} and holds {}",
                total.name, total.counted
            );
            return Err(("file.total".to_owned(), cause));
        }
        if self.counts.rows_in == 0 && job.source.extract() == Extract::Full {
            return Err(("file.empty".to_owned(), "the extract holds no records".to_owned()));
        }
        Ok(())
    }

    /// Why the extract may not be what it should be: a person can know, and may accept it.
    fn doubt(&self, job: &Ingest, end: &ReadEnd) -> Option<(&'static str, String)> {
        if end.looks_utf8 {
            let cause = format!(
                "the file was read as {}, as its connector says, and looks like UTF-8: if it is, every \
                 accented letter was read as two",
                end.encoding
            );
            return Some((LOOKS_UTF8, cause));
        }
        let there = self.present - self.absent.len() as i64;
        (there * 100 < self.present * job.keep_percent).then(|| {
            let cause = format!(
                "only {there} of {} known records are in this full extract; under {} % it is held",
                self.present, job.keep_percent
            );
            (SHORT, cause)
        })
    }

    /// The one durable commit that makes the batch everybody's.
    async fn release(
        &self,
        bench: &mut Bench,
        source_id: i64,
        full: bool,
        end: &ReadEnd,
        note: Option<(&'static str, &str)>,
    ) -> Result<(), JobError> {
        let now_ms = bench.clock.now_ms();
        let mut transaction = bench.database.begin_durable().await?;
        source_records::release(&mut transaction, self.batch_id, source_id).await?;
        if full {
            let batch_id = self.batch_id;
            dead_letters::supersede_unread(&mut transaction, source_id, batch_id, now_ms).await?;
        }
        source_records::restate(&mut transaction, &self.restated).await?;
        source_records::mark_gone(&mut transaction, self.batch_id, self.gone(), now_ms).await?;
        let content = Content {
            digest: Some(&end.content_digest),
            encoding: Some(end.encoding.as_str()).filter(|encoding| !encoding.is_empty()),
            note,
            cursor: end.cursor.as_deref(),
        };
        batches::release(
            &mut transaction,
            self.batch_id,
            content,
            &self.counts,
            self.last_record,
            now_ms,
        )
        .await?;
        // What it changes gets numbers above all that were told before it was released.
        let ids = bench.ids.newest(&mut transaction, 1).await?;
        fail_point::pass("ingest.before_release");
        transaction.commit().await?;
        bench.ids = ids;
        Ok(())
    }
}

/// The keys that a source is known to have, for a fast look.
fn is_gone(known: &KnownKey) -> bool {
    known.digest == 0
}
