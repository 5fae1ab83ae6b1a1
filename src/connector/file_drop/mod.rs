//! A folder into which a system drops its extracts: settled files only, read once, then moved.
//!
//! A file is one entry of the folder itself, and a regular file. What was read is moved to
//! `processed`, what is held to `held`. What is none of these is left alone, counted, and never
//! opened.

pub mod folder;
pub mod one_file;
pub mod reading;
pub mod settings;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_trait::async_trait;
use globset::{Glob, GlobMatcher};

use self::folder::{Entry, Folder, Seen};
use self::reading::{stopped, unavailable};
use self::settings::Rules;
use super::channel::{ConnectorError, Extract, Ignored, Origin, ReadEnd, Source, Taken};
use super::format::layout::Layout;
use super::format::version::Version;
use super::format::{Format, RecordSink};

/// A folder that files are dropped into, wherever it is.
#[async_trait]
pub trait Place: Send + Sync + 'static {
    /// What people call it.
    fn words(&self) -> String;

    /// Everything that is in it, in no order.
    async fn entries(&self) -> Result<Vec<Entry>, ConnectorError>;

    /// A regular file of that name, as it is now.
    async fn file(&self, name: &str) -> Result<Option<Seen>, ConnectorError>;

    /// Opens a file for reading, or a copy of it, and says which it is.
    async fn open(&self, name: &str) -> Result<(File, Seen), ConnectorError>;

    /// Moves a file to a folder in this one, made where there is none. One of the same name that is there
    /// already is kept beside it; a file that is not there any more, or not this one, is left as it is.
    async fn give(&self, file: &Seen, way: &Path) -> Result<(), ConnectorError>;
}

/// A folder of this machine.
pub struct Local {
    directory: PathBuf,
    folder: Folder,
}

impl Local {
    /// Opens the folder that the settings name; its place is known by now.
    pub fn open(directory: &Path) -> Result<Local, ConnectorError> {
        let directory = directory.to_path_buf();
        let folder = Folder::open(&directory).map_err(|error| {
            let place = directory.display();
            unavailable(format!("{place} is not a folder: make it, or mend `directory` ({error})"))
        })?;
        Ok(Local { directory, folder })
    }
}

#[async_trait]
impl Place for Local {
    fn words(&self) -> String {
        self.directory.display().to_string()
    }

    async fn entries(&self) -> Result<Vec<Entry>, ConnectorError> {
        let unreadable = |error| unavailable(format!("{} cannot be read: {error}", self.words()));
        self.folder.entries().map_err(unreadable)
    }

    async fn file(&self, name: &str) -> Result<Option<Seen>, ConnectorError> {
        let unseen = |error| unavailable(format!("{name} cannot be looked at: {error}"));
        self.folder.file(name).map_err(unseen)
    }

    async fn open(&self, name: &str) -> Result<(File, Seen), ConnectorError> {
        let gone = |error| unavailable(format!("{name} cannot be opened any more: {error}"));
        self.folder.read(name).map_err(gone)
    }

    async fn give(&self, file: &Seen, way: &Path) -> Result<(), ConnectorError> {
        let unmoved = |error: std::io::Error| {
            let place = self.directory.join(way);
            unavailable(format!("files cannot be moved to {}: {error}", place.display()))
        };
        let to = self.folder.below(&self.directory, way).map_err(unmoved)?;
        self.folder.give(file, &to).map_err(unmoved)
    }
}

/// A drop folder, open.
pub struct DropFolder<P> {
    place: P,
    pattern: GlobMatcher,
    processed: PathBuf,
    held: PathBuf,
    settle: Duration,
    extract: Extract,
    version: Option<Version>,
    layout: Layout,
}

impl<P: Place> DropFolder<P> {
    pub fn open(place: P, rules: &Rules) -> Result<DropFolder<P>, ConnectorError> {
        let pattern = Glob::new(&rules.pattern)
            .map_err(|error| unavailable(format!("`pattern` cannot be read: {error}")))?;
        Ok(DropFolder {
            place,
            pattern: pattern.compile_matcher(),
            processed: PathBuf::from(&rules.processed),
            held: PathBuf::from(&rules.held),
            settle: Duration::from_millis(rules.settle_ms),
            extract: rules.extract,
            version: rules.version.clone(),
            layout: rules.layout.clone(),
        })
    }

    /// Files that fit the pattern, the oldest first.
    async fn files(&self) -> Result<Vec<Seen>, ConnectorError> {
        let entries = self.place.entries().await?;
        let mut found: Vec<Seen> =
            entries.into_iter().filter_map(|entry| self.judge(entry).ok()).collect();
        found.sort_by(|one, other| {
            (one.modified_ns, &one.name).cmp(&(other.modified_ns, &other.name))
        });
        Ok(found)
    }

    /// A file that is to be read, or what it is instead; nothing where that is as it should be.
    fn judge(&self, entry: Entry) -> Result<Seen, Option<&'static str>> {
        match entry {
            Entry::File(file) if file.name.starts_with('.') => Err(Some("hidden file")),
            Entry::File(file) if !self.pattern.is_match(&file.name) => {
                Err(Some("file that does not fit the pattern"))
            }
            Entry::File(file) => Ok(file),
            Entry::Other { name: Some(name), what: "folder" } if self.is_ours(&name) => Err(None),
            Entry::Other { what, .. } => Err(Some(what)),
        }
    }

    /// Whether files are moved to a folder of that name.
    fn is_ours(&self, name: &str) -> bool {
        let first =
            |way: &Path| way.components().next().is_some_and(|part| part.as_os_str() == name);
        first(&self.processed) || first(&self.held)
    }

    /// Reads the file that was seen, and no other: not one that took its place, and not one that grew
    /// or went away while it was read. Such a file is read again when it is there and settled.
    async fn read_unchanged(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let name = origin.name.clone();
        let changed = |when: &str| {
            unavailable(format!(
                "{name} was changed or taken away {when}: it is read when it is there"
            ))
        };
        let opened = match self.place.open(&name).await {
            Ok((_, seen)) if seen.mark() != origin.mark => Err(changed("before it was read")),
            opened => opened,
        };
        let (file, opened) = match opened {
            Ok(opened) => opened,
            Err(error) => return on_a_thread(sink, move |_| Err(error)).await,
        };
        let (layout, of) = (self.layout.clone(), name.clone());
        let (sink, end) =
            on_a_thread(sink, move |sink| reading::read(file, &of, &layout, sink)).await;
        match self.place.file(&name).await {
            Ok(Some(now)) if now == opened => (sink, end),
            Ok(_) => (sink, Err(changed("while it was read"))),
            Err(error) => (sink, Err(error)),
        }
    }
}

fn origin(file: &Seen) -> Origin {
    Origin { name: file.name.clone(), mark: file.mark(), bytes: file.bytes, asked: None }
}

#[async_trait]
impl<P: Place> Source for DropFolder<P> {
    /// A file is settled when neither its size nor its time changed over the settling time. One
    /// that is still growing is left for the next look.
    async fn look(&self, _: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let before = self.files().await?;
        if before.is_empty() {
            return Ok(Vec::new());
        }
        tokio::time::sleep(self.settle).await;
        let after = self.files().await?;
        Ok(after.iter().filter(|file| before.contains(file)).map(origin).collect())
    }

    async fn ignored(&self) -> Result<Vec<Ignored>, ConnectorError> {
        let mut ignored: Vec<Ignored> = Vec::new();
        let entries = self.place.entries().await?;
        for what in entries.into_iter().filter_map(|entry| self.judge(entry).err()?) {
            match ignored.iter_mut().find(|known| known.what == what) {
                Some(known) => known.count += 1,
                None => ignored.push(Ignored { what, count: 1 }),
            }
        }
        ignored.sort_by_key(|ignored| ignored.what);
        Ok(ignored)
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        self.read_unchanged(origin, sink).await
    }

    /// Moves the file where it belongs. One that was dropped under its name in the meantime was not
    /// read, and stays.
    async fn acknowledge(&self, origin: &Origin, taken: Taken) -> Result<(), ConnectorError> {
        let way = match taken {
            Taken::Processed => &self.processed,
            Taken::Held => &self.held,
        };
        match self.place.file(&origin.name).await? {
            Some(file) if file.mark() == origin.mark => self.place.give(&file, way).await,
            _ => Ok(()),
        }
    }

    fn format(&self) -> &dyn Format {
        &*self.layout.format
    }

    fn extract(&self) -> Extract {
        self.extract
    }

    fn version(&self) -> Option<&Version> {
        self.version.as_ref()
    }

    fn not_cards(&self) -> &[String] {
        &self.layout.not_cards
    }
}

/// Reads where it may block, and ends the sink. The sink comes back in any case.
async fn on_a_thread(
    mut sink: Box<dyn RecordSink>,
    read: impl FnOnce(&mut dyn RecordSink) -> Result<ReadEnd, ConnectorError> + Send + 'static,
) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
    let work = tokio::task::spawn_blocking(move || {
        let end = read(&mut *sink);
        let finished = sink.finish();
        let end = match (end, finished) {
            (Ok(_), Err(_)) => Err(stopped()),
            (end, _) => end,
        };
        (sink, end)
    });
    match work.await {
        Ok(done) => done,
        // Its own text may quote what it broke on.
        Err(_) => {
            let cause = "the reading of the file broke off: this is a fault of Viaduct's";
            let nothing: Box<dyn RecordSink> = Box::new(Nothing);
            (nothing, Err(unavailable(cause.to_owned())))
        }
    }
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
