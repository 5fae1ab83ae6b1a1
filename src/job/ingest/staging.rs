//! Staging: portions go into the store as they come, and what only looks changed is left out.

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use super::admission::{Entry, Portion};
use super::versions::{self, Age, Newest};
use super::{Bench, Ingest, Reading};
use crate::job::error::JobError;
use crate::job::fail_point::{self, Safeguard};
use crate::job::packing::Unpacker;
use crate::record::document::Document;
use crate::store::database::Transaction;
use crate::store::dead_letters::{self, DeadLetter};
use crate::store::source_records::{self, Change, LastRecord, Staged};

/// Puts portions into the store as they come.
pub(super) struct Stager<'j> {
    pub(super) job: &'j Ingest,
    pub(super) batch_id: i64,
    pub(super) source_id: i64,
    pub(super) dictionary_id: i64,
    pub(super) unpacker: Option<Unpacker>,
    pub(super) reading: Reading,
    pub(super) newest: Newest,
}

impl Stager<'_> {
    pub(super) async fn stage(
        &mut self,
        bench: &mut Bench,
        portion: Portion,
    ) -> Result<(), JobError> {
        let many = portion.entries.len();
        bench.ids.reserve(&bench.database, 3 * many + 1).await?;
        let mut transaction = bench.database.begin().await?;
        if let Some(bytes) = portion.dictionary {
            self.dictionary_id = bench.ids.take();
            let id = self.dictionary_id;
            source_records::keep_dictionary(&mut transaction, id, self.source_id, bytes).await?;
        }
        let before = self.drop_restated(&mut transaction, bench, &portion.entries).await?;
        let (mut staged, mut letters) = (Vec::with_capacity(many), Vec::new());
        let mut outdated = Vec::new();
        for (mut entry, before) in portion.entries.into_iter().zip(before) {
            let Some(change) = self.change(&mut entry, before, &mut outdated) else { continue };
            let said = (entry.key_digest, entry.version, entry.digest);
            let row = self.entry(bench, entry, change, &mut letters);
            self.newest.note(said, &row);
            staged.push(row);
        }
        if let Some(last) = staged.last() {
            self.reading.last_record = last.id;
        }
        bench.watch.records_staged.fetch_add(staged.len() as u64, Ordering::Relaxed);
        let dictionary = self.dictionary_id;
        source_records::stage(&mut transaction, self.batch_id, dictionary, staged).await?;
        source_records::outdate(&mut transaction, &outdated).await?;
        dead_letters::put(&mut transaction, letters).await?;
        fail_point::pass("ingest.before_stage");
        transaction.commit().await?;
        fail_point::pass("ingest.staged");
        Ok(())
    }

    /// How an entry stands to what was known of its key; None where it says nothing new. `outdated` are
    /// those of this extract whose place it takes.
    fn change(
        &mut self,
        entry: &mut Entry,
        before: Before,
        outdated: &mut Vec<i64>,
    ) -> Option<Change> {
        let change = match (entry.known, &entry.fault, before.meaning) {
            (_, Some(_), _) => return Some(Change::Unreadable),
            (_, None, Meaning::Same) => return None,
            (Some(_), None, Meaning::Returned) => Change::Returned,
            (Some(_), None, Meaning::Other) => Change::Changed,
            (None, None, _) => Change::New,
        };
        if self.job.source.version().is_none() || Safeguard::Versions.is_off() {
            return Some(change);
        }
        let (latest, age) = self.newest.age(entry, before);
        // A key that is new may come several times in one extract.
        entry.known = latest.map(|latest| latest.source_key_id).or(entry.known);
        match (age, latest) {
            (Age::Again, _) => {
                self.reading.counts.unchanged += 1;
                None
            }
            (Age::Unsure(code, cause), _) => {
                entry.fault = Some((code, cause));
                Some(Change::Unreadable)
            }
            (Age::Older, _) => Some(Change::Older),
            (Age::Newest, None) => Some(change),
            (Age::Newest, Some(latest)) => {
                versions::outdate(&mut self.reading.counts, latest.change);
                outdated.push(latest.record_id);
                Some(latest.change)
            }
        }
    }

    fn entry(
        &mut self,
        bench: &mut Bench,
        entry: Entry,
        change: Change,
        letters: &mut Vec<DeadLetter>,
    ) -> Staged {
        let id = bench.ids.take();
        let counts = &mut self.reading.counts;
        let source_key_id = match (change, entry.known) {
            (Change::Unreadable, _) => 0,
            (_, Some(known)) => known,
            (_, None) => bench.ids.take(),
        };
        match change {
            Change::Unreadable => counts.held += 1,
            Change::New => counts.records_new += 1,
            Change::Changed | Change::Returned => counts.records_changed += 1,
            Change::Older => counts.filtered += 1,
        }
        if let Some((code, cause)) = entry.fault {
            letters.push(DeadLetter {
                id: bench.ids.take(),
                batch_id: self.batch_id,
                record_id: id,
                // What is known under its key settles it when it is published again.
                source_key_id: entry.known.unwrap_or_default(),
                stage: "receive",
                code: code.to_owned(),
                field: None,
                cause,
                since_ms: bench.clock.now_ms(),
            });
        }
        Staged {
            id,
            source_key_id,
            change,
            key: entry.key,
            key_digest: entry.key_digest,
            digest: entry.digest,
            payload: entry.payload,
        }
    }

    /// Tells for each entry how it stands to what its key said last: bytes may differ where nothing else
    /// does.
    async fn drop_restated(
        &mut self,
        transaction: &mut Transaction,
        bench: &Bench,
        entries: &[Entry],
    ) -> Result<Vec<Before>, JobError> {
        let mut stands: Vec<Before> = entries.iter().map(|_| Before::default()).collect();
        let known = |entry: &Entry| entry.known.filter(|_| entry.fault.is_none());
        if !entries.iter().any(|entry| known(entry).is_some()) {
            return Ok(stands);
        }
        if self.unpacker.is_none() {
            let all = source_records::dictionaries(&bench.database, self.source_id).await?;
            self.unpacker = Some(Unpacker::new(&all)?);
        }
        let Some(unpacker) = &mut self.unpacker else { return Ok(stands) };
        let mapping = self.job.rules.inbound.version;
        let (mut before, mut now) = (Document::default(), Document::default());
        let mut last: HashMap<i64, LastRecord> = HashMap::new();
        for (place, entry) in entries.iter().enumerate() {
            if place % COMPARED_AT_ONCE == 0 {
                let some = &entries[place..entries.len().min(place + COMPARED_AT_ONCE)];
                let keys: Vec<i64> = some.iter().filter_map(known).collect();
                let some = source_records::last_of(transaction, &keys, mapping).await?;
                last = some.into_iter().map(|last| (last.source_key_id, last)).collect();
            }
            let Some(last) = known(entry).and_then(|known| last.get(&known)) else { continue };
            if last.gone {
                stands[place].meaning = Meaning::Returned;
                continue;
            }
            let version = self.job.source.version();
            if !last.same_mapping && version.is_none() {
                continue;
            }
            let texts = (
                unpacker.unpack(last.dictionary_id, &last.payload)?,
                unpacker.unpack(self.dictionary_id, &entry.payload)?,
            );
            let format = self.job.source.format();
            let (Some(old), Some(new)) = texts else { continue };
            if format.read(&old, &mut before).is_err() {
                continue;
            }
            let stand = &mut stands[place];
            stand.version = version.and_then(|version| version.of(&before));
            stand.says_the_same =
                format.read(&new, &mut now).is_ok() && before.says_the_same_as(&now);
            if stand.says_the_same && last.same_mapping {
                stand.meaning = Meaning::Same;
                self.reading.counts.unchanged += 1;
                self.reading.restated.push((last.source_key_id, entry.digest));
            }
        }
        Ok(stands)
    }
}

/// So many records are compared with what they said before at once: each may be as large as one may be.
const COMPARED_AT_ONCE: usize = 64;

/// How an entry stands to what its key said last.
#[derive(Clone, Copy, Default)]
pub(super) struct Before {
    meaning: Meaning,
    /// What that said of its version.
    pub(super) version: Option<i128>,
    /// Whichever mapping it was read with.
    pub(super) says_the_same: bool,
}

/// What an entry with other bytes says.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Meaning {
    #[default]
    Other,
    Same,
    /// It was gone, and is there again.
    Returned,
}
