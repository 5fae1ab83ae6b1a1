//! A folder into which a system drops its extracts: settled files only, read once, then moved.
//!
//! A file is one entry of the folder itself, and a regular file. What was read is moved to
//! `processed`, what is held to `held`. What is none of these is left alone, counted, and never
//! opened.

pub mod folder;
mod one_file;
pub mod reading;
pub mod settings;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use globset::{Glob, GlobMatcher};

use self::folder::{Entry, Folder, Seen};
use self::reading::{stopped, unavailable};
use self::settings::FileDropSettings;
use super::channel::{ConnectorError, Extract, Ignored, Origin, ReadEnd, Source, Taken};
use super::format::layout::Layout;
use super::format::version::Version;
use super::format::{Format, RecordSink};

/// A drop folder, open.
pub struct FileDrop {
    directory: PathBuf,
    folder: Arc<Folder>,
    pattern: GlobMatcher,
    processed: PathBuf,
    held: PathBuf,
    settle: Duration,
    extract: Extract,
    version: Option<Version>,
    layout: Layout,
}

impl FileDrop {
    /// Opens the folder that the settings name; its place is known by now.
    pub fn open(settings: &FileDropSettings, directory: &Path) -> Result<FileDrop, ConnectorError> {
        let directory = directory.to_path_buf();
        let folder = Folder::open(&directory).map_err(|error| {
            let place = directory.display();
            unavailable(format!("{place} is not a folder: make it, or mend `directory` ({error})"))
        })?;
        let pattern = Glob::new(&settings.pattern)
            .map_err(|error| unavailable(format!("`pattern` cannot be read: {error}")))?;
        Ok(FileDrop {
            pattern: pattern.compile_matcher(),
            processed: PathBuf::from(&settings.processed),
            held: PathBuf::from(&settings.held),
            directory,
            folder: Arc::new(folder),
            settle: Duration::from_millis(settings.settle_ms),
            extract: settings.extract,
            version: settings.version.clone(),
            layout: settings.layout.clone(),
        })
    }

    /// Files that fit the pattern, the oldest first.
    fn files(&self) -> Result<Vec<Seen>, ConnectorError> {
        let mut found: Vec<Seen> =
            self.entries()?.into_iter().filter_map(|entry| self.judge(entry).ok()).collect();
        found.sort_by(|one, other| {
            (one.modified_ns, &one.name).cmp(&(other.modified_ns, &other.name))
        });
        Ok(found)
    }

    fn entries(&self) -> Result<Vec<Entry>, ConnectorError> {
        self.folder.entries().map_err(|error| self.unreadable(&error))
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

    fn unreadable(&self, error: &std::io::Error) -> ConnectorError {
        unavailable(format!("{} cannot be read: {error}", self.directory.display()))
    }
}

fn origin(file: &Seen) -> Origin {
    Origin { name: file.name.clone(), mark: file.mark(), bytes: file.bytes, asked: None }
}

#[async_trait]
impl Source for FileDrop {
    /// A file is settled when neither its size nor its time changed over the settling time. One
    /// that is still growing is left for the next look.
    async fn look(&self, _: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let before = self.files()?;
        if before.is_empty() {
            return Ok(Vec::new());
        }
        tokio::time::sleep(self.settle).await;
        let after = self.files()?;
        Ok(after.iter().filter(|file| before.contains(file)).map(origin).collect())
    }

    async fn ignored(&self) -> Result<Vec<Ignored>, ConnectorError> {
        let mut ignored: Vec<Ignored> = Vec::new();
        for what in self.entries()?.into_iter().filter_map(|entry| self.judge(entry).err()?) {
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
        let folder = Arc::clone(&self.folder);
        let (layout, origin) = (self.layout.clone(), origin.clone());
        on_a_thread(sink, move |sink| read_unchanged(&folder, &origin, &layout, sink)).await
    }

    /// Moves the file where it belongs. One that was dropped under its name in the meantime was not
    /// read, and stays.
    async fn acknowledge(&self, origin: &Origin, taken: Taken) -> Result<(), ConnectorError> {
        let way = match taken {
            Taken::Processed => &self.processed,
            Taken::Held => &self.held,
        };
        let unmoved = |error: std::io::Error| {
            let place = self.directory.join(way);
            unavailable(format!("files cannot be moved to {}: {error}", place.display()))
        };
        let to = self.folder.below(&self.directory, way).map_err(unmoved)?;
        match self.folder.file(&origin.name).map_err(unmoved)? {
            Some(file) if file.mark() == origin.mark => {
                self.folder.give(&file, &to).map_err(unmoved)
            }
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

/// Reads the file that was seen, and no other: not one that took its place, and not one that grew
/// or went away while it was read. Such a file is read again when it is there and settled.
fn read_unchanged(
    folder: &Folder,
    origin: &Origin,
    layout: &Layout,
    sink: &mut dyn RecordSink,
) -> Result<ReadEnd, ConnectorError> {
    let name = &origin.name;
    let (file, opened) = folder
        .read(name)
        .map_err(|error| unavailable(format!("{name} cannot be opened any more: {error}")))?;
    let changed = |when: &str| {
        unavailable(format!("{name} was changed or taken away {when}: it is read when it is there"))
    };
    if opened.mark() != origin.mark {
        return Err(changed("before it was read"));
    }
    let end = reading::read(file, name, layout, sink);
    match folder.file(name) {
        Ok(Some(now)) if now == opened => end,
        Ok(_) => Err(changed("while it was read")),
        Err(error) => Err(unavailable(format!("{name} cannot be looked at: {error}"))),
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
