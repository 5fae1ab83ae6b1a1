//! A folder on another machine into which a system drops its extracts, reached by SFTP. What is done with its
//! files is what is done with those of a drop folder here (`file_drop`): settled files only, each read once,
//! then moved.
//!
//! A file is fetched whole before it is read, into a file of our own that has no name: what is read is what
//! was seen, and nothing of it is left.

mod session;
pub mod settings;

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use russh_sftp::client::SftpSession;
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::client::fs::Metadata;
use russh_sftp::protocol::{FileType, StatusCode};
use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use self::session::{Connected, Login};
use self::settings::SftpDropSettings;
use crate::connector::answering::unavailable;
use crate::connector::channel::ConnectorError;
use crate::connector::definition::Surroundings;
use crate::connector::file_drop::folder::{Entry, Seen, is_a_name, numbered};
use crate::connector::file_drop::{DropFolder, Place};
use crate::connector::format::FormatError;
use crate::connector::reaching::Way;

/// So much of a file is asked for at once, bytes.
const PIECE: usize = 256 << 10;
/// So many files of one name are kept beside each other.
const NUMBERS_MAX: u32 = 10_000;
/// A folder with more entries is none that files are fetched from.
const ENTRIES_MAX: usize = 100_000;

/// A folder on another machine.
pub struct Remote {
    way: Way,
    login: Login,
    directory: String,
    /// How long one file, or one question, may take.
    timeout: Duration,
    bytes_max: u64,
    /// The connection is kept from one question to the next; none where it broke.
    kept: Mutex<Option<Connected>>,
}

/// Opens the folder that the settings name. Nobody is connected to before it is looked at.
pub fn open(
    settings: &SftpDropSettings,
    around: &Surroundings,
) -> Result<DropFolder<Remote>, ConnectorError> {
    let login = Login::open(settings, around)?;
    let remote = Remote {
        way: settings.way(around)?,
        login,
        directory: around.expand(&settings.directory.value)?.trim_end_matches('/').to_owned(),
        timeout: Duration::from_millis(settings.timeout_ms),
        bytes_max: settings.rules.layout.unpacked_bytes_max,
        kept: Mutex::new(None),
    };
    DropFolder::open(remote, &settings.rules)
}

/// What was to be done, for whoever reads that it failed.
#[derive(Clone, Copy)]
enum Doing {
    Looking,
    Fetching,
    Moving,
}

impl Remote {
    fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.directory)
    }

    fn fault(&self, doing: Doing, error: &SftpError) -> ConnectorError {
        let place = &self.directory;
        let what = match doing {
            Doing::Looking => format!("the folder {place} cannot be looked at"),
            Doing::Fetching => format!("a file of the folder {place} cannot be fetched"),
            Doing::Moving => format!("files of the folder {place} cannot be moved"),
        };
        match error {
            SftpError::Status(status) if status.status_code == StatusCode::PermissionDenied => {
                let cause = format!("{what}: our account may not");
                ConnectorError::Unauthorised { code: "sftp.rights", cause }
            }
            SftpError::Status(status) => {
                unavailable(format!("{what}: {}", status.status_code), None)
            }
            SftpError::Timeout => unavailable(format!("{what}: no answer came"), None),
            _ => unavailable(format!("{what}: the connection broke"), None),
        }
    }

    /// Does something over the connection that is kept, or a new one. Where it fails, the next does it over
    /// another.
    async fn with<T>(
        &self,
        doing: Doing,
        work: impl AsyncFnOnce(&SftpSession) -> Result<T, Fault>,
    ) -> Result<T, ConnectorError> {
        let until = Instant::now() + self.timeout;
        let late = |_| unavailable("it took longer than `timeout`".to_owned(), None);
        let mut kept = self.kept.lock().await;
        let connected = match kept.take() {
            Some(connected) if !connected.is_closed() => connected,
            _ => timeout_at(until, self.login.connect(&self.way)).await.map_err(late)??,
        };
        match timeout_at(until, work(&connected.sftp)).await.map_err(late)? {
            Ok(done) => {
                *kept = Some(connected);
                Ok(done)
            }
            Err(Fault::Sftp(error)) => Err(self.fault(doing, &error)),
            Err(Fault::Other(error)) => Err(error),
        }
    }
}

/// Why something was not done.
enum Fault {
    Sftp(SftpError),
    Other(ConnectorError),
}

impl From<SftpError> for Fault {
    fn from(error: SftpError) -> Fault {
        Fault::Sftp(error)
    }
}

impl From<std::io::Error> for Fault {
    fn from(error: std::io::Error) -> Fault {
        let cause = format!("what is fetched cannot be kept or read: {}", error.kind());
        Fault::Other(unavailable(cause, None))
    }
}

/// What an entry is. Links are not followed.
fn entry(name: String, about: &Metadata) -> Entry {
    let is_text = !name.chars().any(char::is_control) && is_a_name(&name);
    if !is_text {
        return Entry::Other { name: None, what: "name that is not text" };
    }
    let what = match about.file_type() {
        FileType::File => return Entry::File(seen(&name, about)),
        FileType::Dir => "folder",
        FileType::Symlink => "link",
        FileType::Other => "thing of an unknown kind",
    };
    Entry::Other { name: Some(name), what }
}

fn seen(name: &str, about: &Metadata) -> Seen {
    Seen::elsewhere(name, about.len(), u64::from(about.mtime.unwrap_or(0)))
}

fn is_nothing(error: &SftpError) -> bool {
    matches!(error, SftpError::Status(status) if status.status_code == StatusCode::NoSuchFile)
}

async fn found(sftp: &SftpSession, path: String, name: &str) -> Result<Option<Seen>, SftpError> {
    match sftp.symlink_metadata(path).await {
        Ok(about) if about.file_type() == FileType::File => Ok(Some(seen(name, &about))),
        Ok(_) => Ok(None),
        Err(error) if is_nothing(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

#[async_trait]
impl Place for Remote {
    fn words(&self) -> String {
        self.directory.clone()
    }

    async fn entries(&self) -> Result<Vec<Entry>, ConnectorError> {
        let directory = self.directory.clone();
        self.with(Doing::Looking, async move |sftp| {
            let listed = sftp.read_dir(directory).await?;
            let entries =
                listed.take(ENTRIES_MAX + 1).map(|one| entry(one.file_name(), &one.metadata()));
            let entries: Vec<Entry> = entries.collect();
            if entries.len() > ENTRIES_MAX {
                let cause = format!("the folder has more than {ENTRIES_MAX} entries");
                return Err(Fault::Other(unavailable(cause, None)));
            }
            Ok(entries)
        })
        .await
    }

    async fn file(&self, name: &str) -> Result<Option<Seen>, ConnectorError> {
        if !is_a_name(name) {
            return Ok(None);
        }
        let (path, name) = (self.path(name), name.to_owned());
        self.with(Doing::Looking, async move |sftp| Ok(found(sftp, path, &name).await?)).await
    }

    async fn open(&self, name: &str) -> Result<(File, Seen), ConnectorError> {
        let (path, name, most) = (self.path(name), name.to_owned(), self.bytes_max);
        self.with(Doing::Fetching, async move |sftp| {
            let gone = || {
                let cause = format!("{name} cannot be opened any more: it is not there");
                Fault::Other(unavailable(cause, None))
            };
            let before = found(sftp, path.clone(), &name).await?.ok_or_else(gone)?;
            let mut from = sftp.open(path).await?;
            let mut to = nameless()?;
            let (mut piece, mut bytes) = (vec![0; PIECE], 0_u64);
            loop {
                let read = from.read(&mut piece).await.map_err(SftpError::from)?;
                if read == 0 {
                    break;
                }
                bytes += read as u64;
                if bytes > most {
                    let cause = format!("the file has more than {most} bytes");
                    let place = "before it was read".to_owned();
                    let fault = FormatError { code: "file.size", cause, place };
                    return Err(Fault::Other(ConnectorError::Malformed(fault)));
                }
                to.write_all(&piece[..read])?;
            }
            to.seek(SeekFrom::Start(0))?;
            Ok((to, before))
        })
        .await
    }

    async fn give(&self, file: &Seen, way: &Path) -> Result<(), ConnectorError> {
        let way = way.display().to_string();
        let (directory, file) = (self.directory.clone(), file.clone());
        self.with(Doing::Moving, async move |sftp| {
            let mut folder = if way.starts_with('/') { String::new() } else { directory.clone() };
            for part in way.split('/').filter(|part| !part.is_empty()) {
                folder = format!("{folder}/{part}");
                if !sftp.try_exists(folder.clone()).await? {
                    sftp.create_dir(folder.clone()).await?;
                }
            }
            let from = format!("{directory}/{}", file.name);
            for number in 1..=NUMBERS_MAX {
                let to = format!("{folder}/{}", numbered(&file.name, number));
                if sftp.try_exists(to.clone()).await? {
                    continue;
                }
                // Another may have been dropped under its name.
                if found(sftp, from.clone(), &file.name).await?.is_none_or(|now| now != file) {
                    return Ok(());
                }
                sftp.rename(from, to).await?;
                return Ok(());
            }
            let cause = format!("{folder} has {NUMBERS_MAX} files of that name");
            Err(Fault::Other(unavailable(cause, None)))
        })
        .await
    }
}

/// A file of our own without a name: it is gone when it is closed.
fn nameless() -> std::io::Result<File> {
    use std::hash::{BuildHasher, Hasher, RandomState};
    use std::os::unix::fs::OpenOptionsExt;
    let name = format!("viaduct-{:016x}", RandomState::new().build_hasher().finish());
    let path = std::env::temp_dir().join(name);
    let mut options = File::options();
    let file = options.read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}
