//! A folder that is opened once and held: whatever is put in its place later, what is listed, opened and
//! moved is in this one.
//!
//! Names come from outside. Each is one entry of the folder and never a path, and no link is followed.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags, RenameFlags, Stat};
use rustix::io::Errno;

/// The longest name that a folder holds, bytes.
const NAME_MAX: usize = 255;

/// An open folder.
#[derive(Debug)]
pub struct Folder(OwnedFd);

/// A regular file as it was seen: another one under its name is another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub name: String,
    pub bytes: u64,
    pub modified_ns: u128,
    identity: (u64, u64),
}

impl Seen {
    fn of(name: &str, about: &Stat) -> Seen {
        // A time before 1970 is as good as none.
        let seconds = u128::try_from(i128::from(about.st_mtime)).unwrap_or_default();
        let nanoseconds = u128::from(about.st_mtime_nsec);
        let modified_ns = if seconds == 0 { 0 } else { seconds * 1_000_000_000 + nanoseconds };
        Seen {
            name: name.to_owned(),
            bytes: about.st_size.unsigned_abs(),
            modified_ns,
            identity: (about.st_dev, about.st_ino),
        }
    }

    /// A file on another machine, which tells whole seconds and no identity.
    pub fn elsewhere(name: &str, bytes: u64, modified_s: u64) -> Seen {
        let modified_ns = u128::from(modified_s) * 1_000_000_000;
        Seen { name: name.to_owned(), bytes, modified_ns, identity: (0, 0) }
    }

    /// Name, size and time: what tells one drop from the next.
    pub fn mark(&self) -> String {
        format!("{}|{}|{}", self.name, self.bytes, self.modified_ns)
    }
}

/// An entry of a folder.
#[derive(Debug, PartialEq, Eq)]
pub enum Entry {
    File(Seen),
    /// Not a regular file, or no name that could be told to anybody: what it is in a word or two.
    Other {
        name: Option<String>,
        what: &'static str,
    },
}

impl Folder {
    /// Opens a folder that its owner named; here alone a link is followed.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Folder(fs::open(path, flags, Mode::empty())?))
    }

    /// Everything that is in it, in no order.
    pub fn entries(&self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in Dir::read_from(&self.0)? {
            let entry = entry?;
            let bytes = entry.file_name().to_bytes();
            if matches!(bytes, b"." | b"..") {
                continue;
            }
            let name = std::str::from_utf8(bytes).ok();
            let Some(name) = name.filter(|name| !name.chars().any(char::is_control)) else {
                entries.push(Entry::Other { name: None, what: "name that is not text" });
                continue;
            };
            // One that was taken away in between was not there.
            if let Some(entry) = self.entry(name)? {
                entries.push(entry);
            }
        }
        Ok(entries)
    }

    /// One entry; none where it is not there.
    fn entry(&self, name: &str) -> io::Result<Option<Entry>> {
        let about = match fs::statat(&self.0, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            about => about?,
        };
        let what = match FileType::from_raw_mode(about.st_mode) {
            FileType::RegularFile => return Ok(Some(Entry::File(Seen::of(name, &about)))),
            FileType::Symlink => "link",
            FileType::Directory => "folder",
            FileType::Fifo => "pipe",
            FileType::Socket => "socket",
            FileType::CharacterDevice | FileType::BlockDevice => "device",
            FileType::Unknown => "thing of an unknown kind",
        };
        Ok(Some(Entry::Other { name: Some(name.to_owned()), what }))
    }

    /// A regular file of that name, as it is now.
    pub fn file(&self, name: &str) -> io::Result<Option<Seen>> {
        if !is_a_name(name) {
            return Ok(None);
        }
        Ok(match self.entry(name)? {
            Some(Entry::File(seen)) => Some(seen),
            _ => None,
        })
    }

    /// Opens a file for reading: neither a link nor a pipe is opened in its place.
    pub fn read(&self, name: &str) -> io::Result<(File, Seen)> {
        if !is_a_name(name) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(fs::openat(&self.0, name, flags, Mode::empty())?);
        let about = fs::fstat(&file)?;
        match FileType::from_raw_mode(about.st_mode) {
            FileType::RegularFile => Ok((file, Seen::of(name, &about))),
            _ => Err(io::Error::other("it is not a regular file")),
        }
    }

    /// A folder in this one, made where there is none. A way that its owner wrote and that leads out of
    /// this one is followed; a link that somebody put there is not.
    pub fn below(&self, from: &Path, way: &Path) -> io::Result<Folder> {
        let inside =
            way.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !inside {
            let path = from.join(way);
            std::fs::create_dir_all(&path)?;
            return Folder::open(&path);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut folder = Folder(fs::openat(&self.0, ".", flags, Mode::empty())?);
        for part in way.components() {
            let Component::Normal(name) = part else { continue };
            match fs::mkdirat(&folder.0, name, Mode::from_raw_mode(0o777)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(error) => return Err(error.into()),
            }
            folder = Folder(fs::openat(&folder.0, name, flags, Mode::empty())?);
        }
        Ok(folder)
    }

    /// Moves a file to another folder. One of the same name that is there already is kept beside it.
    /// One that is not there any more, or not this one, is left as it is.
    pub fn give(&self, file: &Seen, to: &Folder) -> io::Result<()> {
        let mut number = 1;
        loop {
            let name = numbered(&file.name, number);
            match fs::statat(&to.0, name.as_str(), AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => {}
                Ok(_) => {
                    number += 1;
                    continue;
                }
                Err(error) => return Err(error.into()),
            }
            if self.file(&file.name)?.is_none_or(|now| now != *file) {
                return Ok(());
            }
            let (from, name) = (file.name.as_str(), name.as_str());
            let moved = match fs::renameat_with(&self.0, from, &to.0, name, RenameFlags::NOREPLACE)
            {
                // A share on another machine may not know how to leave what is there alone; it was
                // looked for a moment ago.
                Err(Errno::INVAL | Errno::NOSYS) => fs::renameat(&self.0, from, &to.0, name),
                moved => moved,
            };
            match moved {
                Err(Errno::EXIST) => number += 1,
                Ok(()) | Err(Errno::NOENT) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// What the file of that mark is called in a folder that it was moved to: its size and its time went
/// with it, and its name is its own or a numbered one.
pub fn moved_name(folder: &Path, mark: &str) -> Option<String> {
    let (name, about) = mark.split_at(mark.rmatch_indices('|').nth(1)?.0);
    let is_it = |seen: &Seen| {
        let number = seen.name.rsplit_once('.').and_then(|(_, number)| number.parse().ok());
        let named = seen.name == name || number.is_some_and(|n| seen.name == numbered(name, n));
        named && seen.mark().strip_prefix(&seen.name) == Some(about)
    };
    let entries = Folder::open(folder).and_then(|folder| folder.entries()).ok()?;
    entries.into_iter().find_map(|entry| match entry {
        Entry::File(seen) if is_it(&seen) => Some(seen.name),
        _ => None,
    })
}

/// Whether this is one entry of a folder, and neither a way nor the folder itself.
pub fn is_a_name(name: &str) -> bool {
    let mut parts = Path::new(name).components();
    let first = parts.next();
    matches!(first, Some(Component::Normal(part)) if part == OsStr::from_bytes(name.as_bytes()))
        && parts.next().is_none()
}

/// `ctax.xml`, `ctax.xml.2`, `ctax.xml.3` …, cut so that it is still a name.
pub fn numbered(name: &str, number: u32) -> String {
    if number == 1 {
        return name.to_owned();
    }
    let suffix = format!(".{number}");
    let mut end = name.len().min(NAME_MAX - suffix.len());
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{suffix}", &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_entry_of_the_folder_is_a_name() {
        for (name, is) in [
            ("ctax.xml", true),
            ("-rf", true),
            ("a\\..\\b", true),
            ("%2e%2e", true),
            ("x ", true),
            ("", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a/", false),
            ("./a", false),
            ("/etc/passwd", false),
            ("../a", false),
        ] {
            assert_eq!(is_a_name(name), is, "{name}");
        }
    }

    #[test]
    fn a_numbered_name_is_never_too_long() {
        assert_eq!(numbered("a.xml", 1), "a.xml");
        assert_eq!(numbered("a.xml", 2), "a.xml.2");
        let long = "é".repeat(127);
        let name = numbered(&long, 12);
        assert!(name.len() <= NAME_MAX && name.ends_with("é.12"), "{name}");
    }
}
