//! Reading staged records ahead of those that are written: unpacked, read and translated, with no lock held. A record
//! that killed whoever read it is read with care.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Rules, Translated};
use crate::connector::channel::Source;
use crate::job::error::JobError;
use crate::job::fail_point;
use crate::job::packing::Unpacker;
use crate::mapping::inbound::Translation;
use crate::record::document::Document;
use crate::record::fragment::FieldIssue;
use crate::store::batches::BatchRow;
use crate::store::crashes;
use crate::store::database::Database;
use crate::store::source_records::{self, StagedRow};

/// Which records are read next.
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub after: i64,
    pub most: i64,
    /// One at a time, each marked first.
    pub is_careful: bool,
}

pub(super) type Reading = tokio::task::JoinHandle<Result<(Vec<Translated>, Translator), JobError>>;

/// Reads the next records and translates them, while others are written.
pub(super) fn next_chunk(
    database: &Database,
    batch: &BatchRow,
    ahead: Ahead,
    translator: &mut Option<Translator>,
) -> Result<Reading, JobError> {
    let mut translator = translator
        .take()
        .ok_or_else(|| JobError::Broken("the translator is still at work".to_owned()))?;
    let database = database.clone();
    let (batch_id, last) = (batch.id, batch.last_record);
    Ok(tokio::spawn(async move {
        let Ahead { after, most, is_careful } = ahead;
        let rows =
            source_records::staged(&database, batch_id, after, last, most, CHUNK_BYTES_MAX).await?;
        translator.bytes = 0;
        if is_careful {
            return carefully(&database, batch_id, rows, translator).await;
        }
        let work = move || translator.translate(rows).map(|chunk| (chunk, translator));
        let done = tokio::task::spawn_blocking(work).await;
        done?
    }))
}

/// Reads one at a time, each marked first.
async fn carefully(
    database: &Database,
    batch_id: i64,
    rows: Vec<StagedRow>,
    mut translator: Translator,
) -> Result<(Vec<Translated>, Translator), JobError> {
    let mut chunk = Vec::with_capacity(rows.len());
    for row in rows {
        crashes::reading(database, batch_id, row.id).await?;
        let work = move || translator.translate(vec![row]).map(|read| (read, translator));
        let (read, back) = tokio::task::spawn_blocking(work).await??;
        translator = back;
        if read.is_empty() {
            break;
        }
        chunk.extend(read);
    }
    if let Some(last) = chunk.last() {
        crashes::writing(database, batch_id, chunk.len() as i64, last.row_id).await?;
    }
    Ok((chunk, translator))
}

/// Turns staged rows into what they mean. No I/O.
pub(super) struct Translator {
    rules: Arc<Rules>,
    source: Arc<dyn Source>,
    unpacker: Unpacker,
    document: Document,
    today: chrono::NaiveDate,
    /// The record that is not to be read.
    deadly: Option<i64>,
    /// What the chunk in hand says so far.
    bytes: usize,
}

/// A chunk ends where it says so much, bytes, however few records it has: memory stays flat where
/// records are as large as they may be.
const CHUNK_BYTES_MAX: usize = 8 << 20;

impl Translator {
    pub fn new(
        rules: &Arc<Rules>,
        source: &Arc<dyn Source>,
        unpacker: Unpacker,
        today: chrono::NaiveDate,
        deadly: Option<i64>,
    ) -> Translator {
        Translator {
            rules: Arc::clone(rules),
            source: Arc::clone(source),
            unpacker,
            document: Document::default(),
            today,
            deadly,
            bytes: 0,
        }
    }

    /// Rows that do not fit into the chunk are left out at its end: they come with the next.
    fn translate(&mut self, rows: Vec<StagedRow>) -> Result<Vec<Translated>, JobError> {
        let mut chunk = Vec::with_capacity(rows.len());
        for row in rows {
            if self.bytes > CHUNK_BYTES_MAX {
                break;
            }
            let translation = match self.deadly == Some(row.id) {
                true => unreadable(CRASHED),
                false => {
                    let record = self.unpacker.unpack(row.dictionary_id, &row.payload)?;
                    self.bytes += record.as_ref().map_or(0, String::len);
                    self.read(record)
                }
            };
            if let Translation::Published(fragment) = &translation {
                self.bytes += fragment.bytes();
            }
            chunk.push(Translated {
                row_id: row.id,
                source_key_id: row.source_key_id,
                is_new: row.is_new(),
                is_returned: row.is_returned(),
                translation,
            });
        }
        Ok(chunk)
    }

    /// What a record means. One at which we fail ourselves is held by itself, too.
    fn read(&mut self, record: Option<String>) -> Translation {
        let Some(record) = record else {
            return unreadable(self.source.format().encoding_code());
        };
        fail_point::die_of(&record);
        let reading =
            AssertUnwindSafe(|| match self.source.format().read(&record, &mut self.document) {
                Err(fault) => unreadable(fault.code),
                Ok(()) => self.rules.inbound.translate(&self.document, self.today),
            });
        catch_unwind(reading).unwrap_or_else(|_| {
            self.document = Document::default();
            unreadable(CRASHED)
        })
    }
}

/// The code of a record at which its reader failed or died.
const CRASHED: &str = "record.crashed";

fn unreadable(code: &str) -> Translation {
    Translation::Held(vec![FieldIssue { field: "record".to_owned(), code: code.to_owned() }])
}
