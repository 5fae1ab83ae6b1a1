//! Versions: where a source says which of two records with one key is the newer, what comes late does not
//! take the place of what is known, and what comes several times counts once.

use std::collections::HashMap;

use super::admission::Entry;
use super::staging::Before;
use crate::record::batch::Counts;
use crate::store::source_records::{Change, Staged};

/// It does not say its version, in the words of its definition.
const NO_VERSION: &str = "record.no_version";
/// Another one of its version says something else.
const SAME_VERSION: &str = "record.same_version";

/// The newest record of each key that an extract has brought so far.
#[derive(Default)]
pub struct Newest(HashMap<i64, Latest>);

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Latest {
    pub record_id: i64,
    pub source_key_id: i64,
    pub change: Change,
    version: i128,
    digest: i64,
}

/// How a record stands to what is known of its key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Age {
    Newest,
    Older,
    /// The very same came in this extract before.
    Again,
    /// It cannot be told: code and cause.
    Unsure(&'static str, String),
}

impl Newest {
    /// How old an entry is, and the newest of its key in this extract.
    pub fn age(&self, entry: &Entry, before: Before) -> (Option<Latest>, Age) {
        let latest = self.0.get(&entry.key_digest).copied();
        let Some(version) = entry.version else {
            let cause =
                "the record does not say its version, by which it would be told from others";
            return (latest, Age::Unsure(NO_VERSION, cause.to_owned()));
        };
        let (known, is_same) = match latest {
            Some(latest) => (Some(latest.version), latest.digest == entry.digest),
            None => (before.version, before.says_the_same),
        };
        let age = match known {
            Some(known) if version < known => Age::Older,
            Some(known) if version > known => Age::Newest,
            // What is known already is read again where its mapping is another by now.
            Some(_) if is_same && latest.is_none() => Age::Newest,
            Some(_) if is_same => Age::Again,
            Some(_) => {
                let cause =
                    "another record of its key has the same version and says something else";
                Age::Unsure(SAME_VERSION, cause.to_owned())
            }
            None => Age::Newest,
        };
        (latest, age)
    }

    /// Notes what was staged of an entry that said so: key, version and digest.
    pub fn note(&mut self, said: (i64, Option<i128>, i64), row: &Staged) {
        let (key_digest, Some(version), digest) = said else { return };
        if matches!(row.change, Change::New | Change::Changed | Change::Returned) {
            let Staged { id: record_id, source_key_id, change, .. } = *row;
            self.0.insert(key_digest, Latest { record_id, source_key_id, change, version, digest });
        }
    }
}

/// What was counted as new or changed is older, and so was left out.
pub fn outdate(counts: &mut Counts, change: Change) {
    match change {
        Change::New => counts.records_new -= 1,
        _ => counts.records_changed -= 1,
    }
    counts.filtered += 1;
}
