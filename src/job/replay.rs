//! Replay: records that are stored are read again, with the mapping and the code lists as they are
//! now.
//!
//! They are staged once more as a batch of its own and released in one commit; from there on all is
//! as for an extract, a stop included. What is not the last word of its source any more is not
//! read: its letter is settled by that.

use std::collections::HashSet;

use xxhash_rust::xxh3::xxh3_64;

use super::error::JobError;
use super::fail_point;
use super::ingest::{self, Bench, Ingest, cards};
use super::matches::Matches;
use super::packing::Unpacker;
use crate::connector::format::key_of;
use crate::record::batch::Counts;
use crate::record::document::Document;
use crate::store::batches::{self, BatchRow, Content, Opening};
use crate::store::dead_letters::{self, SettledAs};
use crate::store::replays::{self, Again, HeldRow, Letters, Named};
use crate::store::source_records::{self, Change};

/// What is read again.
#[derive(Debug, Clone)]
pub struct Wanted {
    pub rows: Rows,
    /// Whether changes are told to anybody.
    pub sends: bool,
}

/// Which rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rows {
    /// Held ones that came by the job, in batches that told people, or in those that did not.
    Held { letters: Letters, of_sending: bool },
    /// Every record that the job's source has now.
    Everything,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Replayed {
    /// Batches that a stop had left undone, and the replay's own.
    pub batches: Vec<BatchRow>,
    /// Held rows in whose place a newer record stands.
    pub superseded: i64,
    /// Held rows whose source has them no more.
    pub gone: i64,
    /// Held rows that cannot be read again: letter, and why.
    pub left: Vec<(i64, Why)>,
}

/// Why a held row cannot be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// It is no record yet, or no key is found in it.
    Keyless,
    /// Its source says another thing under the same key.
    KnownKey,
    /// It was kept and could not be read, and what it says is still no sound record.
    Unread,
}

impl Why {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Why::Keyless => {
                "no record and no key can be found in them yet: mend the connector, or ask the \
                 system's owner for a good extract"
            }
            Why::KnownKey => {
                "their key is known with other content: which of them is right, the next extract \
                 must say"
            }
            Why::Unread => {
                "what was kept of them is no sound record: once they are mended at their source, the \
                 next extract brings them"
            }
        }
    }
}

/// Reads what is wanted again, and first makes good what a stop left undone.
pub async fn replay(
    job: &Ingest,
    bench: &mut Bench,
    wanted: &Wanted,
) -> Result<Replayed, JobError> {
    bench.ids.reserve(&bench.database, 2).await?;
    let id = bench.ids.take();
    let source_id = batches::source_id(&bench.database, &job.source_name, id).await?;
    let mut matches = Matches::new();
    let mut replayed = Replayed::default();
    ingest::take_up(job, bench, source_id, &mut matches, &mut replayed.batches).await?;
    let mut staging = Staging::new(job, wanted, source_id, bench.ids.take());
    match &wanted.rows {
        Rows::Held { letters, of_sending } => {
            staging.held(bench, letters, Some(*of_sending)).await?;
        }
        Rows::Everything => {
            staging.everything(bench).await?;
            let nameless = Letters { nameless: true, ..Letters::default() };
            staging.held(bench, &nameless, None).await?;
        }
    }
    staging.release(bench).await?;
    if staging.counts.rows_in > 0 {
        fail_point::pass("replay.released");
        ingest::finish(job, bench, &mut matches, staging.batch_id, &mut replayed.batches).await?;
    }
    matches.flush(&bench.database).await?;
    replayed.superseded = staging.superseded.len() as i64;
    replayed.gone = staging.gone.len() as i64;
    replayed.left = staging.left;
    Ok(replayed)
}

/// A replay's batch while its rows are gathered. Nobody sees it before it is released.
struct Staging<'j> {
    job: &'j Ingest,
    wanted: &'j Wanted,
    source_id: i64,
    batch_id: i64,
    /// The batch is opened for its first row: a replay of nothing is none.
    is_open: bool,
    counts: Counts,
    last_record: i64,
    superseded: Vec<i64>,
    gone: Vec<i64>,
    left: Vec<(i64, Why)>,
    /// Letters of rows that were held without a key, and the keys they have now.
    named: Vec<(i64, i64)>,
    keys: HashSet<String>,
    unpacker: Option<Unpacker>,
}

impl<'j> Staging<'j> {
    fn new(job: &'j Ingest, wanted: &'j Wanted, source_id: i64, batch_id: i64) -> Self {
        Staging {
            job,
            wanted,
            source_id,
            batch_id,
            is_open: false,
            counts: Counts::default(),
            last_record: batch_id,
            superseded: Vec::new(),
            gone: Vec::new(),
            left: Vec::new(),
            named: Vec::new(),
            keys: HashSet::new(),
            unpacker: None,
        }
    }

    async fn everything(&mut self, bench: &mut Bench) -> Result<(), JobError> {
        let (mut after, most) = (0, self.job.chunk as i64);
        loop {
            let rows = replays::present_rows(&bench.database, self.source_id, after, most).await?;
            let Some((last, ..)) = rows.last() else { return Ok(()) };
            after = *last;
            bench.ids.reserve(&bench.database, rows.len()).await?;
            let again = rows.into_iter().map(|(record_id, change, held)| Again {
                id: bench.ids.take(),
                record_id,
                change: change_of(change, held),
            });
            let again = again.collect();
            self.stage(bench, again, Vec::new()).await?;
        }
    }

    async fn held(
        &mut self,
        bench: &mut Bench,
        letters: &Letters,
        of_sending: Option<bool>,
    ) -> Result<(), JobError> {
        let (mut after, most) = (0, self.job.chunk as i64);
        loop {
            let name = &self.job.job;
            let rows = replays::held_rows(&bench.database, letters, name, of_sending, after, most);
            let rows = rows.await?;
            let Some(last) = rows.last() else { return Ok(()) };
            after = last.letter_id;
            bench.ids.reserve(&bench.database, 2 * rows.len()).await?;
            let (mut again, mut named) = (Vec::new(), Vec::new());
            for row in rows {
                match row.newest {
                    None => named.extend(self.name(bench, &row).await?),
                    Some(_) if row.gone => self.gone.push(row.letter_id),
                    Some(newest) if newest > row.record_id => self.superseded.push(row.letter_id),
                    // An older good record of its key stands, and it never took its place.
                    Some(newest) if newest < row.record_id => {
                        self.left.push((row.letter_id, Why::Unread));
                    }
                    Some(_) => again.push(Again {
                        id: bench.ids.take(),
                        record_id: row.record_id,
                        change: change_of(row.change, true),
                    }),
                }
            }
            self.stage(bench, again, named).await?;
        }
    }

    /// The key of a row that was held without one, if it can be found by now and is nobody's yet.
    /// Of two rows with one key, or of a row whose key is known, none can be told to be the right
    /// one.
    async fn name(&mut self, bench: &mut Bench, row: &HeldRow) -> Result<Option<Named>, JobError> {
        let (key, is_sound) = self.key_of(bench, row.record_id).await?;
        let why = match &key {
            None => Some(Why::Keyless),
            // Of a card number the digits are gone: what is left is not what the source said.
            Some(_) if !is_sound || row.code == cards::CODE => Some(Why::Unread),
            Some(key) if self.keys.contains(key) => Some(Why::KnownKey),
            Some(key) if replays::is_known(&bench.database, self.source_id, key).await? => {
                Some(Why::KnownKey)
            }
            Some(_) => None,
        };
        if let Some(why) = why {
            self.left.push((row.letter_id, why));
            return Ok(None);
        }
        let key = key.unwrap_or_default();
        self.keys.insert(key.clone());
        let source_key_id = bench.ids.take();
        self.named.push((row.letter_id, source_key_id));
        let key_digest = xxh3_64(key.as_bytes()) as i64;
        let (id, record_id) = (bench.ids.take(), row.record_id);
        Ok(Some(Named { id, record_id, source_key_id, key, key_digest }))
    }

    /// The key that can be found in what was kept, and whether that is a sound record by now.
    async fn key_of(
        &mut self,
        bench: &Bench,
        record_id: i64,
    ) -> Result<(Option<String>, bool), JobError> {
        if self.unpacker.is_none() {
            let all = source_records::dictionaries(&bench.database, self.source_id).await?;
            self.unpacker = Some(Unpacker::new(&all)?);
        }
        let found = replays::payload(&bench.database, record_id).await?;
        let (Some(unpacker), Some((dictionary, payload))) = (&mut self.unpacker, found) else {
            return Ok((None, false));
        };
        let Some(text) = unpacker.unpack(dictionary, &payload)? else { return Ok((None, false)) };
        let mut document = Document::default();
        let format = self.job.source.format();
        Ok(match format.read(&text, &mut document) {
            Ok(()) => (key_of(format, &document), format.sound(&text).is_ok()),
            Err(_) => (None, false),
        })
    }

    async fn stage(
        &mut self,
        bench: &mut Bench,
        again: Vec<Again>,
        named: Vec<Named>,
    ) -> Result<(), JobError> {
        let ids = again.iter().map(|one| one.id).chain(named.iter().map(|one| one.id));
        let Some(last) = ids.max() else { return Ok(()) };
        self.open(bench).await?;
        self.last_record = last;
        self.counts.rows_in += (again.len() + named.len()) as i64;
        self.counts.records_changed += again.len() as i64;
        self.counts.records_new += named.len() as i64;
        let mut transaction = bench.database.begin().await?;
        replays::stage(&mut transaction, self.batch_id, &again).await?;
        for one in &named {
            replays::stage_named(&mut transaction, self.batch_id, one).await?;
        }
        fail_point::pass("replay.before_stage");
        transaction.commit().await?;
        fail_point::pass("replay.staged");
        Ok(())
    }

    async fn open(&mut self, bench: &Bench) -> Result<(), JobError> {
        if self.is_open {
            return Ok(());
        }
        self.is_open = true;
        let opening = Opening {
            id: self.batch_id,
            source_id: self.source_id,
            job: &self.job.job,
            origin: &origin(&self.wanted.rows),
            origin_mark: &batches::replay_mark(self.batch_id),
            mapping: &self.job.rules.inbound.name,
            mapping_version: self.job.rules.inbound.version,
            sends: self.wanted.sends,
            now_ms: bench.clock.now_ms(),
        };
        Ok(batches::open(&bench.database, opening).await?)
    }

    /// The one durable commit: the rows are there, and letters that need no reading are settled.
    async fn release(&self, bench: &mut Bench) -> Result<(), JobError> {
        let now_ms = bench.clock.now_ms();
        let mut transaction = bench.database.begin_durable().await?;
        for (letters, how) in
            [(&self.superseded, SettledAs::Superseded), (&self.gone, SettledAs::Gone)]
        {
            dead_letters::settle_letters(&mut transaction, letters, how, now_ms).await?;
        }
        for (letter_id, source_key_id) in &self.named {
            dead_letters::name(&mut transaction, *letter_id, *source_key_id).await?;
        }
        if self.is_open {
            source_records::release(&mut transaction, self.batch_id, self.source_id).await?;
            let content = Content { digest: None, encoding: None, note: None, cursor: None };
            let (id, counts, last) = (self.batch_id, &self.counts, self.last_record);
            batches::release(&mut transaction, id, content, counts, last, now_ms).await?;
        }
        // What it changes gets numbers above all that were told before it was released.
        let ids = bench.ids.newest(&mut transaction, 1).await?;
        fail_point::pass("replay.before_release");
        transaction.commit().await?;
        bench.ids = ids;
        Ok(())
    }
}

/// A record that came back and was held is still to be told of as one that came back; any other one
/// that is read again is a change of what is known.
fn change_of(change: i64, held: bool) -> i64 {
    match held && change == Change::Returned.number() {
        true => change,
        false => Change::Changed.number(),
    }
}

/// What people call it, in place of a file's name.
fn origin(rows: &Rows) -> String {
    match rows {
        Rows::Everything => "replay of everything".to_owned(),
        Rows::Held { letters: Letters { ids, .. }, .. } if !ids.is_empty() => {
            format!("replay of {} held", if ids.len() == 1 { "one row" } else { "some rows" })
        }
        Rows::Held { letters: Letters { code: Some(code), .. }, .. } => {
            format!("replay of {code}")
        }
        Rows::Held { .. } => "replay of held rows".to_owned(),
    }
}
