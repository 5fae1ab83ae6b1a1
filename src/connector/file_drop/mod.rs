//! A folder into which a system drops its extracts: settled files only, read once, then moved.
//!
//! Names come from outside and are never used as paths: a file is one entry of the folder itself, and
//! a regular file. What was read is moved to `processed`, what is held to `held`.

pub mod reading;
pub mod settings;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use globset::{Glob, GlobMatcher};

use self::reading::{Layers, stopped};
use self::settings::FileDropSettings;
use super::channel::{ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use super::format::{Format, RecordSink};

/// A drop folder, open.
pub struct FileDrop {
    directory: PathBuf,
    pattern: GlobMatcher,
    processed: PathBuf,
    held: PathBuf,
    settle: Duration,
    extract: Extract,
    layers: Layers,
    format: Box<dyn Format>,
}

impl FileDrop {
    /// Opens the folder that the settings name; its place is known by now.
    pub fn open(settings: &FileDropSettings, directory: &Path) -> Result<FileDrop, ConnectorError> {
        let directory = directory.to_path_buf();
        if !directory.is_dir() {
            let cause =
                format!("{} is not a folder: make it, or mend `directory`", directory.display());
            return Err(ConnectorError::Unavailable { cause, retry_after_ms: None });
        }
        let pattern =
            Glob::new(&settings.pattern).map_err(|error| ConnectorError::Unavailable {
                cause: format!("`pattern` cannot be read: {error}"),
                retry_after_ms: None,
            })?;
        Ok(FileDrop {
            pattern: pattern.compile_matcher(),
            processed: directory.join(&settings.processed),
            held: directory.join(&settings.held),
            directory,
            settle: Duration::from_millis(settings.settle_ms),
            extract: settings.extract,
            layers: Layers {
                encoding: settings.encoding,
                compression: settings.compression,
                unpacked_bytes_max: settings.unpacked_bytes_max,
            },
            format: settings.format.open(),
        })
    }

    /// Regular files of the folder that fit the pattern, the oldest first.
    fn files(&self) -> Result<Vec<Seen>, ConnectorError> {
        let mut found = Vec::new();
        let entries = fs::read_dir(&self.directory).map_err(|error| self.unreadable(&error))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.unreadable(&error))?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.starts_with('.') || !self.pattern.is_match(name) {
                continue;
            }
            // Not followed: a link, a pipe or a folder is never an extract.
            let Ok(about) = entry.path().symlink_metadata() else { continue };
            if about.is_file() {
                let modified = about.modified().unwrap_or(UNIX_EPOCH);
                found.push(Seen { name: name.to_owned(), bytes: about.len(), modified });
            }
        }
        found.sort_by(|one, other| (one.modified, &one.name).cmp(&(other.modified, &other.name)));
        Ok(found)
    }

    fn unreadable(&self, error: &std::io::Error) -> ConnectorError {
        let cause = format!("{} cannot be read: {error}", self.directory.display());
        ConnectorError::Unavailable { cause, retry_after_ms: None }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    name: String,
    bytes: u64,
    modified: SystemTime,
}

impl Seen {
    fn origin(&self) -> Origin {
        let modified = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        Origin {
            name: self.name.clone(),
            mark: format!("{}|{}|{modified}", self.name, self.bytes),
            bytes: self.bytes,
        }
    }
}

#[async_trait]
impl Source for FileDrop {
    /// A file is settled when neither its size nor its time changed over the settling time. One that is
    /// still growing is left for the next look.
    async fn look(&self) -> Result<Vec<Origin>, ConnectorError> {
        let before = self.files()?;
        if before.is_empty() {
            return Ok(Vec::new());
        }
        tokio::time::sleep(self.settle).await;
        let after = self.files()?;
        Ok(after.iter().filter(|file| before.contains(file)).map(Seen::origin).collect())
    }

    async fn read(
        &self,
        origin: &Origin,
        mut sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let path = self.directory.join(&origin.name);
        let (format, layers) = (self.format.share(), self.layers);
        let name = origin.name.clone();
        let work = tokio::task::spawn_blocking(move || {
            let end = fs::File::open(&path)
                .map_err(|error| reading::unavailable(format!("{name} cannot be opened: {error}")))
                .and_then(|file| reading::read(file, &name, layers, &*format, &mut *sink));
            let finished = sink.finish();
            let end = match (end, finished) {
                (Ok(_), Err(_)) => Err(stopped()),
                (end, _) => end,
            };
            (sink, end)
        });
        match work.await {
            Ok(done) => done,
            Err(panic) => {
                let cause = format!("the reading of the file broke: {panic}");
                let nothing: Box<dyn RecordSink> = Box::new(Nothing);
                (nothing, Err(ConnectorError::Unavailable { cause, retry_after_ms: None }))
            }
        }
    }

    /// Moves the file where it belongs. One of the same name that is there already is kept beside it.
    async fn acknowledge(&self, origin: &Origin, taken: Taken) -> Result<(), ConnectorError> {
        let folder = match taken {
            Taken::Processed => &self.processed,
            Taken::Held => &self.held,
        };
        fs::create_dir_all(folder).map_err(|error| self.unreadable(&error))?;
        let from = self.directory.join(&origin.name);
        let to = free_name(folder, &origin.name);
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(self.unreadable(&error))
            }
            _ => Ok(()),
        }
    }

    fn format(&self) -> &dyn Format {
        &*self.format
    }

    fn extract(&self) -> Extract {
        self.extract
    }
}

fn free_name(folder: &Path, name: &str) -> PathBuf {
    let plain = folder.join(name);
    let numbered = (2..).map(|number| folder.join(format!("{name}.{number}")));
    std::iter::once(plain.clone()).chain(numbered).find(|path| !path.exists()).unwrap_or(plain)
}

/// Takes nothing: stands in for a sink that was lost.
struct Nothing;

impl RecordSink for Nothing {
    fn record(&mut self, _: &str, _: super::format::Raw<'_>) -> Result<(), super::format::Stopped> {
        Err(super::format::Stopped)
    }

    fn unreadable(
        &mut self,
        _: &'static str,
        _: String,
        _: super::format::Raw<'_>,
    ) -> Result<(), super::format::Stopped> {
        Err(super::format::Stopped)
    }
}
