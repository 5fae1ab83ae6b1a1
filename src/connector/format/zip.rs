//! Gives what is in a zip archive, after the archive's own list was held to its limits: what would unpack to far
//! too much, lead elsewhere or need a password is refused before anything of it is unpacked.
//!
//! It knows what extracts come in: the one file in an archive, or the parts of a workbook by name; packed by deflate
//! or not at all. Nothing is ever written.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;

use super::gzip::{BUFFER, RATIO_FROM, RATIO_MAX, SPREADSHEET, is_of_the_machine, refuse};

/// An archive with more entries is none of one extract.
const ENTRIES_MAX: usize = 1_000;
/// The list of entries is read whole, so that it has a limit, bytes.
const LIST_BYTES_MAX: u32 = 1 << 20;
/// The end of an archive, with the longest remark there can be, bytes.
const END_BYTES: usize = 22;
const REMARK_BYTES_MAX: usize = 65_535;
/// What stands for "more than fits here".
const ELSEWHERE_16: u16 = u16::MAX;
const ELSEWHERE_32: u32 = u32::MAX;
/// A link, in the rights of an entry that a Unix system made.
const LINK: u32 = 0o120_000;
const KIND_OF_FILE: u32 = 0o170_000;

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    name: Vec<u8>,
    method: u16,
    crc: u32,
    packed: u32,
    unpacked: u32,
    at: u32,
}

/// Whether a file of that name is an archive by its name.
pub fn is_named(name: &str) -> bool {
    name.len() >= 4 && name.as_bytes()[name.len() - 4..].eq_ignore_ascii_case(b".zip")
}

/// An archive whose list was held to its limits.
pub struct Archive {
    entries: Vec<Entry>,
    /// Where the list begins, behind everything that is listed.
    list_at: u64,
}

impl Archive {
    /// Reads the list and judges it. All that is in it may unpack to so many bytes.
    pub fn open<R: Read + Seek>(input: &mut R, bytes_max: u64) -> io::Result<Archive> {
        let (entries, list_at) = list(input)?;
        judge(&entries, bytes_max)?;
        Ok(Archive { entries, list_at })
    }

    /// The entry of that name, whichever its case; none where there is none. It may unpack to so many bytes.
    pub fn part<R: Read + Seek>(
        &self,
        input: R,
        name: &str,
        bytes_max: u64,
    ) -> io::Result<Option<Inside<R>>> {
        let Some(entry) =
            self.entries.iter().find(|entry| entry.name.eq_ignore_ascii_case(name.as_bytes()))
        else {
            return Ok(None);
        };
        if u64::from(entry.unpacked) > bytes_max {
            let cause = format!("`{name}` in it unpacks to more than {bytes_max} bytes");
            return Err(refuse("archive.limit", cause, 0));
        }
        self.unpack(input, entry).map(Some)
    }

    fn unpack<R: Read + Seek>(&self, mut input: R, entry: &Entry) -> io::Result<Inside<R>> {
        let data_at = data_at(&mut input, entry)?;
        if data_at + u64::from(entry.packed) > self.list_at {
            return Err(damaged("an entry reaches into the list", data_at));
        }
        input.seek(SeekFrom::Start(data_at))?;
        let taken = input.take(u64::from(entry.packed));
        let data = match entry.method {
            0 => Data::Stored(taken),
            _ => Data::Deflated(Box::new(DeflateDecoder::new(BufReader::with_capacity(
                BUFFER, taken,
            )))),
        };
        Ok(Inside {
            data,
            crc: Crc::new(),
            expected: entry.crc,
            bytes: 0,
            unpacked: u64::from(entry.unpacked),
            head: Vec::new(),
        })
    }
}

/// A file in an archive, as far as it is read.
pub struct Inside<R: Read> {
    data: Data<R>,
    crc: Crc,
    expected: u32,
    bytes: u64,
    unpacked: u64,
    /// The first bytes, which say whether it is packed once more.
    head: Vec<u8>,
}

enum Data<R: Read> {
    Stored(Take<R>),
    Deflated(Box<DeflateDecoder<BufReader<Take<R>>>>),
}

impl<R: Read + Seek> Inside<R> {
    /// Looks at the list, and finds the one file that there is. What it unpacks to may have so many bytes.
    pub fn open(mut input: R, bytes_max: u64) -> io::Result<Inside<R>> {
        let (entries, list_at) = list(&mut input)?;
        expect_an_extract(&entries)?;
        judge(&entries, bytes_max)?;
        let archive = Archive { entries, list_at };
        let is_file =
            |entry: &&Entry| !entry.name.ends_with(b"/") && !entry.name.starts_with(b"__MACOSX/");
        let files: Vec<&Entry> = archive.entries.iter().filter(is_file).collect();
        match files.as_slice() {
            [entry] => archive.unpack(input, entry),
            [] => Err(refuse("file.empty", "there is no file in the archive".to_owned(), 0)),
            several => {
                let cause =
                    format!("there are {} files in the archive: one is expected", several.len());
                Err(refuse("archive.limit", cause, 0))
            }
        }
    }
}

/// The entries that the archive's end lists, and where the list begins.
fn list<R: Read + Seek>(input: &mut R) -> io::Result<(Vec<Entry>, u64)> {
    let mut head = Vec::new();
    input.seek(SeekFrom::Start(0))?;
    input.by_ref().take(2).read_to_end(&mut head)?;
    match head.as_slice() {
        b"PK" => {}
        [] => return Err(refuse("file.empty", "the file is empty".to_owned(), 0)),
        _ => return Err(refuse("file.type", "it is not zip, as it should be".to_owned(), 0)),
    }
    let length = input.seek(SeekFrom::End(0))?;
    let tail = length.min((END_BYTES + REMARK_BYTES_MAX) as u64);
    input.seek(SeekFrom::Start(length - tail))?;
    let mut end = Vec::new();
    input.by_ref().take(tail).read_to_end(&mut end)?;
    let found = (0..end.len().saturating_sub(END_BYTES - 1)).rev().find(|at| {
        let remark = end
            .get(at + 20..at + 22)
            .map_or(0, |bytes| usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        end[*at..].starts_with(b"PK\x05\x06") && at + END_BYTES + remark == end.len()
    });
    let at = found.ok_or_else(|| damaged("it has no end", length))?;
    let end_at = length - tail + at as u64;
    let mut fields = Fields(&end[at + 4..]);
    let disks = (fields.two()?, fields.two()?);
    let (here, count, size, offset) =
        (fields.two()?, fields.two()?, fields.four()?, fields.four()?);
    if disks != (0, 0) || here != count {
        return Err(refuse("file.type", "it is one of several parts of an archive".to_owned(), 0));
    }
    let is_large = count == ELSEWHERE_16 || size == ELSEWHERE_32 || offset == ELSEWHERE_32;
    if is_large || usize::from(count) > ENTRIES_MAX || size > LIST_BYTES_MAX {
        let cause = format!("the archive has more than {ENTRIES_MAX} entries, or more than 4 GB");
        return Err(refuse("archive.limit", cause, 0));
    }
    if u64::from(offset) + u64::from(size) != end_at {
        return Err(damaged("its list is not where its end says", end_at));
    }
    input.seek(SeekFrom::Start(u64::from(offset)))?;
    let mut listed = vec![0; size as usize];
    input.read_exact(&mut listed)?;
    let mut fields = Fields(&listed);
    let mut entries = Vec::new();
    for _ in 0..count {
        entries.push(entry(&mut fields)?);
    }
    Ok((entries, u64::from(offset)))
}

/// One entry of the list. What cannot be read, or may not be, is refused.
fn entry(fields: &mut Fields<'_>) -> io::Result<Entry> {
    if fields.four()? != u32::from_le_bytes(*b"PK\x01\x02") {
        return Err(damaged("its list is broken", 0));
    }
    let (made_by, _, flags, method) = (fields.two()?, fields.two()?, fields.two()?, fields.two()?);
    let _time = fields.four()?;
    let (crc, packed, unpacked) = (fields.four()?, fields.four()?, fields.four()?);
    let (name, extra, remark) = (fields.two()?, fields.two()?, fields.two()?);
    let (_disk, _inner, outer) = (fields.two()?, fields.two()?, fields.four()?);
    let at = fields.four()?;
    let name = fields.take(usize::from(name))?.to_vec();
    fields.take(usize::from(extra))?;
    fields.take(usize::from(remark))?;
    const ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
    if flags & ENCRYPTED != 0 || method == 99 {
        let cause =
            "the archive is encrypted: ask for it without, by a way that is encrypted itself";
        return Err(refuse("file.type", cause.to_owned(), 0));
    }
    if ![0, 8].contains(&method) {
        let cause = format!("it is packed in a way that is not read ({method}): ask for deflate");
        return Err(refuse("file.type", cause, 0));
    }
    if [packed, unpacked, at].contains(&ELSEWHERE_32) {
        return Err(refuse("archive.limit", "an entry has more than 4 GB".to_owned(), 0));
    }
    // The upper byte says which system made it.
    let is_link = made_by >> 8 == 3 && (outer >> 16) & KIND_OF_FILE == LINK;
    const UTF8: u16 = 1 << 11;
    let is_known = name.is_ascii() || (flags & UTF8 != 0 && std::str::from_utf8(&name).is_ok());
    let wrong = match () {
        () if is_link => "a link",
        () if !is_known => "a name in an encoding that is not UTF-8",
        () if leads_out(&name) => "a name that leads elsewhere",
        () => return Ok(Entry { name, method, crc, packed, unpacked, at }),
    };
    Err(refuse("archive.path", format!("the archive has {wrong} in it"), 0))
}

/// Whether a name is no plain way below the archive's root.
fn leads_out(name: &[u8]) -> bool {
    let parts = || name.split(|byte| *byte == b'/');
    name.is_empty()
        || name.iter().any(|byte| byte.is_ascii_control() || *byte == b'\\')
        || name.starts_with(b"/")
        || name.get(1) == Some(&b':')
        || parts().any(|part| part == b".." || part == b".")
        || name.windows(2).any(|two| two == b"//")
}

/// Refuses what is read otherwise than as an archive with an extract in it, or not at all.
fn expect_an_extract(entries: &[Entry]) -> io::Result<()> {
    for entry in entries {
        let name = entry.name.to_ascii_lowercase();
        if name == b"[content_types].xml" || name == b"mimetype" {
            return Err(refuse("file.type", SPREADSHEET.to_owned(), 0));
        }
        if [b".zip".as_slice(), b".gz", b".7z", b".rar"].iter().any(|end| name.ends_with(end)) {
            return Err(refuse("archive.limit", "an archive is in the archive".to_owned(), 0));
        }
    }
    Ok(())
}

/// Holds the whole list to its limits, before anything is unpacked.
fn judge(entries: &[Entry], bytes_max: u64) -> io::Result<()> {
    let mut met = HashSet::new();
    let mut all = 0_u64;
    for entry in entries {
        let name = entry.name.to_ascii_lowercase();
        let (packed, unpacked) = (u64::from(entry.packed), u64::from(entry.unpacked));
        all += unpacked;
        if all > bytes_max {
            let cause = format!("the archive unpacks to more than {bytes_max} bytes");
            return Err(refuse("archive.limit", cause, 0));
        }
        if unpacked > RATIO_FROM && unpacked / packed.max(1) >= RATIO_MAX {
            let cause = format!("the archive unpacks to more than {RATIO_MAX} times its size");
            return Err(refuse("archive.limit", cause, 0));
        }
        if !met.insert(name) {
            return Err(refuse(
                "archive.path",
                "two entries of the archive have one name".to_owned(),
                0,
            ));
        }
    }
    Ok(())
}

/// Where an entry's own bytes begin. Its head says the same name as the list, or one of them is a trap.
fn data_at<R: Read + Seek>(input: &mut R, entry: &Entry) -> io::Result<u64> {
    input.seek(SeekFrom::Start(u64::from(entry.at)))?;
    let mut head = [0; 30];
    input.read_exact(&mut head).map_err(|_| damaged("an entry is not where the list says", 0))?;
    if !head.starts_with(b"PK\x03\x04") {
        return Err(damaged("an entry is not where the list says", u64::from(entry.at)));
    }
    let two = |at: usize| u16::from_le_bytes([head[at], head[at + 1]]);
    let mut name = vec![0; usize::from(two(26))];
    input.read_exact(&mut name).map_err(|_| damaged("an entry is cut short", 0))?;
    if name != entry.name {
        let cause = "an entry of the archive has two names";
        return Err(refuse("archive.path", cause.to_owned(), 0));
    }
    Ok(u64::from(entry.at) + 30 + name.len() as u64 + u64::from(two(28)))
}

impl<R: Read> Read for Inside<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.data {
            Data::Stored(data) => data.read(into),
            Data::Deflated(data) => data.read(into),
        };
        let read = match read {
            Ok(read) => read,
            Err(error) if is_of_the_machine(&error) => return Err(error),
            Err(_) => return Err(damaged("what is in it cannot be unpacked", self.bytes)),
        };
        if self.head.len() < 4 {
            self.head.extend(into[..read].iter().take(4 - self.head.len()));
            if self.head.starts_with(&[0x1F, 0x8B]) || self.head.starts_with(b"PK\x03\x04") {
                return Err(refuse("archive.limit", "an archive is in the archive".to_owned(), 0));
            }
        }
        self.bytes += read as u64;
        self.crc.update(&into[..read]);
        // The list said how much it is, and was believed for the limits.
        let is_over = self.bytes > self.unpacked;
        let is_short = read == 0 && !into.is_empty() && self.bytes < self.unpacked;
        let is_other = read == 0 && !into.is_empty() && self.crc.sum() != self.expected;
        match is_over || is_short || is_other {
            true => Err(damaged("what is in it is not what its list says", self.bytes)),
            false => Ok(read),
        }
    }
}

fn damaged(cause: &str, at: u64) -> io::Error {
    refuse("archive.damaged", format!("the archive is damaged: {cause}"), at)
}

/// Numbers and names one after another, the lower byte first.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, length: usize) -> io::Result<&'a [u8]> {
        let (taken, rest) =
            self.0.split_at_checked(length).ok_or_else(|| damaged("its list is cut short", 0))?;
        self.0 = rest;
        Ok(taken)
    }

    fn two(&mut self) -> io::Result<u16> {
        self.take(2).map(|bytes| u16::from_le_bytes([bytes[0], bytes[1]]))
    }

    fn four(&mut self) -> io::Result<u32> {
        self.take(4).map(|bytes| u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }
}
