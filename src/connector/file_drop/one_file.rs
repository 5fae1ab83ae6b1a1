//! One file that somebody names, read as the drop folder's files are: for a preview of it. It is
//! left where it is, whatever becomes of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use async_trait::async_trait;

use super::reading::{self, unavailable};
use super::{on_a_thread, settings::Rules};
use crate::connector::channel::{ConnectorError, Extract, Origin, ReadEnd, Source, Taken};
use crate::connector::format::layout::Layout;
use crate::connector::format::version::Version;
use crate::connector::format::{Format, RecordSink};

/// A file in place of a folder.
pub struct OneFile {
    path: PathBuf,
    origin: Origin,
    extract: Extract,
    version: Option<Version>,
    layout: Layout,
}

impl OneFile {
    /// With the settings of the folder that it would be dropped into.
    pub fn open(settings: &Rules, path: &Path) -> Result<OneFile, ConnectorError> {
        let place = path.display();
        let about = std::fs::metadata(path)
            .map_err(|error| unavailable(format!("{place} cannot be opened: {error}")))?;
        if !about.is_file() {
            return Err(unavailable(format!("{place} is not a file")));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let modified = about.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        // No file of the folder has such a mark: this one is read, whether or not one like it was.
        let modified_ns = modified.unwrap_or_default().as_nanos();
        let mark = format!("given|{name}|{}|{modified_ns}", about.len());
        Ok(OneFile {
            path: path.to_path_buf(),
            origin: Origin { name, mark, bytes: about.len(), asked: None },
            extract: settings.extract,
            version: settings.version.clone(),
            layout: settings.layout.clone(),
        })
    }
}

#[async_trait]
impl Source for OneFile {
    async fn look(&self, _: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        Ok(vec![self.origin.clone()])
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let (path, name, layout) = (self.path.clone(), origin.name.clone(), self.layout.clone());
        on_a_thread(sink, move |sink| {
            let file = File::open(&path)
                .map_err(|error| unavailable(format!("{name} cannot be opened: {error}")))?;
            reading::read(file, &name, &layout, sink)
        })
        .await
    }

    async fn acknowledge(&self, _: &Origin, _: Taken) -> Result<(), ConnectorError> {
        Ok(())
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
}
