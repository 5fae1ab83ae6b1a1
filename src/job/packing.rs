//! Records compressed for keeping, with a dictionary trained on their source's own first records.
//!
//! Extracts are templated: with a dictionary a record shrinks to an eighth, and writing it costs less
//! than writing it plain (`docs/decisions/0004`). A record cannot be read without its dictionary.

use std::collections::HashMap;

use zstd::bulk::{Compressor, Decompressor};

use super::error::JobError;

/// How much of a source is looked at before its dictionary is made, bytes.
const SAMPLES: usize = 1 << 20;
const DICTIONARY: usize = 16 << 10;
const LEVEL: i32 = 1;
/// What one record may unpack to, bytes.
const RECORD_MAX: usize = 64 << 20;

/// Packs the records of one source.
pub struct Packer {
    compressor: Compressor<'static>,
}

impl Packer {
    /// With the source's dictionary, or without one.
    pub fn new(dictionary: Option<&[u8]>) -> Result<Packer, JobError> {
        let made = match dictionary {
            Some(bytes) => Compressor::with_dictionary(LEVEL, bytes),
            None => Compressor::new(LEVEL),
        };
        made.map(|compressor| Packer { compressor }).map_err(broken)
    }

    /// One record, packed.
    pub fn pack(&mut self, record: &[u8]) -> Result<Vec<u8>, JobError> {
        self.compressor.compress(record).map_err(broken)
    }
}

/// Whether so many bytes are enough to train on.
pub fn enough_samples(bytes: usize) -> bool {
    bytes >= SAMPLES
}

/// Makes a dictionary from records; none where there are too few to be worth one.
pub fn train(samples: &[Vec<u8>]) -> Option<Vec<u8>> {
    (samples.len() >= 16).then(|| zstd::dict::from_samples(samples, DICTIONARY).ok()).flatten()
}

/// Unpacks records of one source, whichever of its dictionaries they were packed with.
pub struct Unpacker {
    by_dictionary: HashMap<i64, Decompressor<'static>>,
}

impl Unpacker {
    /// With every dictionary of the source.
    pub fn new(dictionaries: &[(i64, Vec<u8>)]) -> Result<Unpacker, JobError> {
        let mut by_dictionary = HashMap::from([(0, Decompressor::new().map_err(broken)?)]);
        for (id, bytes) in dictionaries {
            by_dictionary.insert(*id, Decompressor::with_dictionary(bytes).map_err(broken)?);
        }
        Ok(Unpacker { by_dictionary })
    }

    /// One record as text; bytes that are not UTF-8 are an error of the record, told by `None`.
    pub fn unpack(&mut self, dictionary: i64, packed: &[u8]) -> Result<Option<String>, JobError> {
        let decompressor = self.by_dictionary.get_mut(&dictionary).ok_or_else(|| {
            JobError::Broken(format!("dictionary {dictionary} of a record is missing"))
        })?;
        let size = zstd::zstd_safe::get_frame_content_size(packed).ok().flatten();
        let size = size.map_or(RECORD_MAX, |size| (size as usize).min(RECORD_MAX));
        let bytes = decompressor.decompress(packed, size).map_err(broken)?;
        Ok(String::from_utf8(bytes).ok())
    }
}

fn broken(error: std::io::Error) -> JobError {
    JobError::Broken(format!("packing a record: {error}"))
}
