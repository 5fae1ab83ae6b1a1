//! Admission: every record that is cut is compared with what was known, on the thread that cuts.
//!
//! What is unchanged ends here. What is new or changed is packed and handed on in portions.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use super::cards::{self, Cards};
use super::{Watch, is_gone};
use crate::connector::channel::Source;
use crate::connector::format::encoding::{Encoding, not_text};
use crate::connector::format::{Raw, RecordSink, Stopped};
use crate::job::error::JobError;
use crate::job::packing::{self, Packer};
use crate::record::document::Document;
use crate::record::personal::unprinted;
use crate::store::source_records::KnownKey;

/// A portion is handed on when it has so many bytes, however few records that is.
const PORTION_BYTES_MAX: usize = 8 << 20;

/// The longest key that a record may have: databases look records up by it.
const KEY_BYTES_MAX: usize = 1_000;

/// A record that is to be staged.
pub struct Entry {
    pub key: String,
    pub key_digest: i64,
    pub digest: i64,
    /// The source key it is known under, if it is.
    pub known: Option<i64>,
    /// Why it can only be kept and held: code and cause.
    pub fault: Option<(&'static str, String)>,
    /// Where its source says which is the newer: what it says.
    pub version: Option<i128>,
    pub payload: Vec<u8>,
}

/// Some records to be staged together.
pub struct Portion {
    /// A dictionary just made; this portion and the next ones are packed with it.
    pub dictionary: Option<Vec<u8>>,
    pub entries: Vec<Entry>,
}

/// What was counted when the cutting ended.
#[derive(Debug, Default)]
pub struct Tally {
    pub rows: i64,
    pub unchanged: i64,
    /// Rows that nobody knows the key of: each may be a record that seems absent.
    pub nameless: i64,
    /// Rows in which a card number was masked.
    pub with_cards: i64,
    /// Known records that were there before.
    pub present: i64,
    /// Of those, the ones that did not come.
    pub absent: Vec<i64>,
}

/// Where the tally is found when the sink has been dropped.
#[derive(Clone, Default)]
pub struct TallyHandle(Arc<Mutex<Option<Tally>>>);

impl TallyHandle {
    /// The tally; there is one once the sink is gone.
    pub fn take(&self) -> Result<Tally, JobError> {
        let mut held = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        held.take().ok_or_else(|| JobError::Broken("the reading left no tally".to_owned()))
    }
}

/// Takes records from the format.
pub struct Admission {
    known: Known,
    /// Digests of keys met for the first time, to notice one that comes twice.
    met: HashSet<u64, BuildHasherDefault<Unhashed>>,
    seed: u64,
    /// The code of a record that is not UTF-8.
    encoding_code: &'static str,
    said: Encoding,
    packer: Option<Packer>,
    /// Records waiting for a dictionary to be trained on them.
    samples: Vec<Vec<u8>>,
    sample_bytes: usize,
    dictionary: Option<Vec<u8>>,
    entries: Vec<Entry>,
    portion_bytes: usize,
    chunk: usize,
    records_max: i64,
    sender: mpsc::Sender<Portion>,
    alone: Vec<u8>,
    cards: Cards,
    source: Arc<dyn Source>,
    document: Document,
    rows: i64,
    unchanged: i64,
    nameless: i64,
    with_cards: i64,
    tally: TallyHandle,
    watch: Arc<Watch>,
}

impl Admission {
    /// With what is known of the source, and its dictionary if it has one.
    pub fn new(
        known: Vec<KnownKey>,
        seed: u64,
        source: Arc<dyn Source>,
        dictionary: Option<Vec<u8>>,
        (chunk, records_max): (usize, i64),
        sender: mpsc::Sender<Portion>,
        watch: Arc<Watch>,
    ) -> Result<Admission, JobError> {
        let packer = dictionary.map(|bytes| Packer::new(Some(&bytes))).transpose()?;
        Ok(Admission {
            known: Known::new(known),
            met: HashSet::default(),
            seed,
            encoding_code: source.format().encoding_code(),
            said: source.format().said(),
            packer,
            samples: Vec::new(),
            sample_bytes: 0,
            dictionary: None,
            entries: Vec::new(),
            portion_bytes: 0,
            chunk,
            records_max,
            sender,
            alone: Vec::new(),
            cards: Cards::new(Arc::clone(&source)),
            source,
            document: Document::default(),
            rows: 0,
            unchanged: 0,
            nameless: 0,
            with_cards: 0,
            tally: TallyHandle::default(),
            watch,
        })
    }

    /// Where the tally will be.
    pub fn tally(&self) -> TallyHandle {
        self.tally.clone()
    }

    /// The digest of a record: of its bytes, of what it leans on, and of the mapping that reads it.
    fn digest(&self, raw: Raw<'_>) -> u64 {
        let context = if raw.context.is_empty() { 0 } else { xxh3_64(raw.context) };
        // Zero stands for "gone": no record has it.
        xxh3_64_with_seed(raw.bytes, self.seed ^ context).max(1)
    }

    fn put(&mut self, mut entry: Entry, raw: Raw<'_>) -> Result<(), Stopped> {
        self.alone.clear();
        raw.write_alone(&mut self.alone);
        if entry.fault.is_none() && std::str::from_utf8(&self.alone).is_err() {
            entry.fault = Some((self.encoding_code, not_text(self.said, &self.alone)));
        }
        let card = match entry.fault {
            None => self.cards.mask(&mut self.alone, &entry.key),
            Some(_) => self.cards.mask_unreadable(&mut self.alone),
        };
        if let Some(cause) = card {
            self.with_cards += 1;
            // A digest of the whole would tell the number to whoever tries them all.
            entry.digest = 0;
            entry.fault = Some((cards::CODE, cause));
        }
        entry.version = self.version();
        match &mut self.packer {
            Some(packer) => {
                entry.payload = packer.pack(&self.alone).map_err(|_| Stopped)?;
                self.portion_bytes += entry.payload.len();
                self.entries.push(entry);
                if self.entries.len() >= self.chunk || self.portion_bytes >= PORTION_BYTES_MAX {
                    self.send()?;
                }
            }
            None => {
                self.sample_bytes += self.alone.len();
                self.samples.push(self.alone.clone());
                self.entries.push(entry);
                if packing::enough_samples(self.sample_bytes) {
                    self.train()?;
                }
            }
        }
        Ok(())
    }

    /// What the record in hand says of its version, where its source has any.
    fn version(&mut self) -> Option<i128> {
        let version = self.source.version()?;
        let text = std::str::from_utf8(&self.alone).ok()?;
        self.source.format().read(text, &mut self.document).ok()?;
        version.of(&self.document)
    }

    /// Makes the dictionary from what has come so far, and packs that.
    fn train(&mut self) -> Result<(), Stopped> {
        self.dictionary = packing::train(&self.samples);
        let mut packer = Packer::new(self.dictionary.as_deref()).map_err(|_| Stopped)?;
        for (entry, sample) in self.entries.iter_mut().zip(self.samples.drain(..)) {
            entry.payload = packer.pack(&sample).map_err(|_| Stopped)?;
        }
        self.samples = Vec::new();
        self.packer = Some(packer);
        self.send()
    }

    fn send(&mut self) -> Result<(), Stopped> {
        let entries = std::mem::take(&mut self.entries);
        self.portion_bytes = 0;
        let portion = Portion { dictionary: self.dictionary.take(), entries };
        self.sender.blocking_send(portion).map_err(|_| Stopped)
    }

    /// A row that is kept, and held for why; with its key, and what that is known under, as far as it
    /// has one.
    fn hold(
        &mut self,
        (key, known): (&str, Option<i64>),
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.count()?;
        // A row without a key is found again in its file by nothing else.
        let cause = format!("{cause}; it is record {} of the extract", self.rows);
        let entry = Entry {
            key: key.to_owned(),
            key_digest: 0,
            digest: 0,
            known,
            fault: Some((code, cause)),
            version: None,
            payload: Vec::new(),
        };
        self.put(entry, raw)
    }

    /// Notes that a key came: where it is known, and whether it came before.
    fn meet(&mut self, key_digest: u64) -> (Option<usize>, bool) {
        let found = self.known.find(key_digest);
        let twice = match found {
            Some(place) => self.known.mark_seen(place),
            None => !self.met.insert(key_digest),
        };
        (found, twice)
    }

    /// Counts a row. What is remembered of each adds up, so that there is a most.
    fn count(&mut self) -> Result<(), Stopped> {
        self.rows += 1;
        if self.rows > self.records_max {
            return Err(Stopped);
        }
        if self.rows % 256 == 0 {
            self.watch.records_read.fetch_add(256, Ordering::Relaxed);
        }
        Ok(())
    }
}

impl RecordSink for Admission {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        if key.is_empty() {
            let cause = "the record has no key".to_owned();
            return self.unreadable("record.no_key", cause, raw);
        }
        if !is_key(key) {
            let cause = format!("the key is longer than {KEY_BYTES_MAX} bytes, or no text");
            return self.unreadable("record.bad_key", cause, raw);
        }
        let key_digest = xxh3_64(key.as_bytes());
        let digest = self.digest(raw);
        let (found, twice) = self.meet(key_digest);
        // Of two with versions the newer is told from the older.
        if twice && self.source.version().is_none() {
            let cause = "another record of this extract has the same key".to_owned();
            return self.hold((key, None), "record.duplicate_key", cause, raw);
        }
        self.count()?;
        if let Some(place) = found
            && self.known.digest(place) == digest as i64
        {
            self.unchanged += 1;
            return Ok(());
        }
        let entry = Entry {
            key: key.to_owned(),
            key_digest: key_digest as i64,
            digest: digest as i64,
            known: found.map(|place| self.known.id(place)),
            fault: None,
            version: None,
            payload: Vec::new(),
        };
        self.put(entry, raw)
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.nameless += 1;
        self.hold(("", None), code, cause, raw)
    }

    /// The bad part of it may belong to another record, which then seems absent: it counts as a row
    /// that nobody knows the key of.
    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        if !is_key(key) {
            return self.unreadable(code, cause, raw);
        }
        self.nameless += 1;
        let known = match self.meet(xxh3_64(key.as_bytes())) {
            (Some(place), false) => Some(self.known.id(place)),
            _ => None,
        };
        self.hold((key, known), code, cause, raw)
    }

    /// The last portion and the tally.
    fn finish(&mut self) -> Result<(), Stopped> {
        match self.packer {
            None if !self.entries.is_empty() => self.train()?,
            _ if !self.entries.is_empty() => self.send()?,
            _ => {}
        }
        let (present, absent) = self.known.absent();
        let tally = Tally {
            rows: self.rows,
            unchanged: self.unchanged,
            nameless: self.nameless,
            with_cards: self.with_cards,
            present,
            absent,
        };
        let mut held = self.tally.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *held = Some(tally);
        Ok(())
    }
}

/// Whether a record can be looked up by it.
fn is_key(key: &str) -> bool {
    !key.is_empty() && key.len() <= KEY_BYTES_MAX && !key.contains('\0')
}

/// Known keys in the order of their digests, with a first guess by the digest's leading bits.
struct Known {
    keys: Vec<KnownKey>,
    seen: Vec<u64>,
    /// Where the keys begin whose digest has these leading sixteen bits.
    starts: Vec<u32>,
}

impl Known {
    fn new(keys: Vec<KnownKey>) -> Known {
        let mut starts = vec![0u32; (1 << 16) + 1];
        for key in &keys {
            starts[(key.key_digest as u64 >> 48) as usize + 1] += 1;
        }
        for place in 1..starts.len() {
            starts[place] += starts[place - 1];
        }
        let seen = vec![0; keys.len().div_ceil(64)];
        Known { keys, seen, starts }
    }

    fn find(&self, key_digest: u64) -> Option<usize> {
        let lead = (key_digest >> 48) as usize;
        let (from, to) = (self.starts[lead] as usize, self.starts[lead + 1] as usize);
        let some = &self.keys[from..to];
        let found = some.binary_search_by_key(&key_digest, |key| key.key_digest as u64);
        found.ok().map(|place| from + place)
    }

    /// Marks a key as met; true when it was met before.
    fn mark_seen(&mut self, place: usize) -> bool {
        let (word, bit) = (place / 64, 1u64 << (place % 64));
        let before = self.seen[word] & bit != 0;
        self.seen[word] |= bit;
        before
    }

    fn digest(&self, place: usize) -> i64 {
        self.keys[place].digest
    }

    fn id(&self, place: usize) -> i64 {
        self.keys[place].id
    }

    /// How many were there before, and which of those were not met.
    fn absent(&self) -> (i64, Vec<i64>) {
        let there = || self.keys.iter().enumerate().filter(|(_, key)| !is_gone(key));
        let met = |place: usize| self.seen[place / 64] & (1 << (place % 64)) != 0;
        let mut absent: Vec<i64> =
            there().filter(|(place, _)| !met(*place)).map(|(_, key)| key.id).collect();
        absent.sort_unstable();
        (there().count() as i64, absent)
    }
}

/// Digests are hashed already.
#[derive(Default)]
struct Unhashed(u64);

impl Hasher for Unhashed {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, digest: u64) {
        self.0 = digest;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

unprinted!(Entry, Portion);
