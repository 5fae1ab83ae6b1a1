//! What `kind = "file_drop"` can be told, and how it is read from a definition.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use super::one_file::OneFile;
use super::{DropFolder, Local, folder};
use crate::connector::channel::{ConnectorError, Extract, Source};
use crate::connector::definition::{HeldAt, Kind, Limits, Settings, Surroundings};
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
use crate::definition::reader::Spanned;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;

pub const KIND: Kind = Kind {
    name: "file_drop",
    doc: "A folder into which a system drops its extracts: each file is read once, when it has \
          stopped growing, and moved when it is safely stored.",
    read: |settings, limits| Some(Arc::new(FileDropSettings::read(settings, limits)?)),
};

/// The settings of a drop folder.
#[derive(Debug, Clone)]
pub struct FileDropSettings {
    /// Where files are dropped; `${NAME}` is taken from the environment when it is opened.
    pub directory: Spanned<String>,
    pub rules: Rules,
}

/// What is done with the files of a folder, wherever it is.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Which files, as in a shell: `ctax-*.xml`.
    pub pattern: String,
    /// Subfolder for files that were read.
    pub processed: String,
    /// Subfolder for files that wait for a person.
    pub held: String,
    /// For how long neither size nor time may change before a file is read.
    pub settle_ms: u64,
    /// `full` or `delta`.
    pub extract: Extract,
    /// How an older record is told from a newer.
    pub version: Option<Version>,
    pub layout: Layout,
}

const DIRECTORY: Key = key(
    "directory",
    "The folder that files are dropped into. `${NAME}` is taken from the environment.",
)
.example("directory = \"${REVENUES_DROP}\"");
const PATTERN: Key =
    key("pattern", "Which files, as in a shell: `*` and `?`. Others are left where they are.")
        .example("pattern = \"ctax-*.xml\"");
const PROCESSED: Key =
    key("processed", "Where a file goes when it is safely stored, in that folder.");
const HELD: Key = key("held", "Where a file goes that waits for a person, in that folder.");
const SETTLE: Key = key(
    "settle_ms",
    "For how long, in milliseconds, neither a file's size nor its time may change before it is read.",
);
const EXTRACT: Key = key("extract", "Whether a file holds everything, or only what changed.")
    .needed("write `extract = \"full\"` if a record that is absent is gone, or `\"delta\"`");

impl FileDropSettings {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>, limits: &Limits) -> Option<FileDropSettings> {
        let directory = settings.need_text(DIRECTORY);
        let rules = Rules::read(settings, limits, 1_000);
        Some(FileDropSettings { directory: directory?, rules: rules? })
    }
}

impl Rules {
    /// Reads them; a file settles in so many milliseconds where nothing is said.
    pub fn read(settings: &Table<'_>, limits: &Limits, usual_ms: i64) -> Option<Rules> {
        let pattern = settings.need_text(PATTERN);
        let processed = settings.text_or(PROCESSED, "processed");
        let held = settings.text_or(HELD, "held");
        let settle = settings.whole_or(SETTLE, 0..=600_000, usual_ms);
        let extracts = [
            word("full", "A record that is absent is gone at its source.", Extract::Full),
            word("delta", "A record that is absent says nothing.", Extract::Delta),
        ];
        let extract = settings.choice(EXTRACT, &extracts);
        let version = Version::read(settings);
        if version.is_some() && extract.as_ref().is_some_and(|said| said.value == Extract::Full) {
            let what = "a full extract says what is so now, whatever its records' versions";
            let help = Some("take `version` out, or write `extract = \"delta\"`".to_owned());
            settings.error(settings.at_value("version"), what, "not looked at", help);
        }
        let layout = Layout::read(settings, limits.record_bytes_max as usize);
        Some(Rules {
            pattern: pattern?.value,
            processed: processed.trim_end_matches('/').to_owned(),
            held: held.trim_end_matches('/').to_owned(),
            settle_ms: settle as u64,
            extract: extract?.value,
            version,
            layout: layout?,
        })
    }
}

impl Settings for FileDropSettings {
    fn layout(&self) -> Option<&Layout> {
        Some(&self.rules.layout)
    }

    fn source(&self, around: &Surroundings) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = around
            .expand(&self.directory.value)
            .and_then(|directory| Local::open(FilePath::new(&directory)))
            .and_then(|local| DropFolder::open(local, &self.rules));
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn file(&self, path: &FilePath) -> Option<Result<Arc<dyn Source>, ConnectorError>> {
        let opened = OneFile::open(&self.rules, path);
        Some(opened.map(|source| Arc::new(source) as Arc<dyn Source>))
    }

    fn extract(&self) -> Option<Extract> {
        Some(self.rules.extract)
    }

    fn held_at(&self, around: &Surroundings, mark: &str) -> Option<HeldAt> {
        let folder = PathBuf::from(around.expand(&self.directory.value).ok()?);
        let held = folder.join(&self.rules.held);
        let name = folder::moved_name(&held, mark);
        Some(HeldAt { folder, held, name })
    }
}
