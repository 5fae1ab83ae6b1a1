//! Unpacks what comes as gzip, one member or many, and stops before a small file becomes a large one.
//!
//! It knows one way of packing. An archive is told by its first bytes and refused, unless its name says that it
//! is one (`zip`), and so is a file that is not what its name says.

use std::io::{self, BufRead, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;

use super::FormatError;

/// What a file may unpack to where nothing else is said, bytes.
pub const UNPACKED_BYTES_MAX: u64 = 10_000_000_000;
/// So many times its own size a file may unpack to.
pub(super) const RATIO_MAX: u64 = 100;
/// Up to here the ratio says nothing: a few repeated lines pack very well. Bytes.
pub(super) const RATIO_FROM: u64 = 10_000_000;
pub(super) const BUFFER: usize = 64 << 10;

/// What a definition says of its files' packing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Whatever the first bytes say.
    #[default]
    Detect,
    None,
    Gzip,
}

impl Compression {
    pub const ALL: [Self; 3] = [Self::Detect, Self::None, Self::Gzip];

    /// The word in `compression = "…"`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Detect => "detect",
            Self::None => "none",
            Self::Gzip => "gzip",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|compression| compression.word() == word)
    }
}

/// Gives what is in a file, unpacked where it is packed.
pub enum Unpacked<R: Read> {
    Plain(Limited<R>),
    Gzip(Box<Gunzip<R>>),
}

/// So much of a file's beginning is looked at, bytes.
const HEAD_BYTES: u64 = 64;
pub const SPREADSHEET: &str = "it is a spreadsheet or a document, and the connector's `format` is another. Open it, and \
     save the sheet that is meant as CSV; or, where workbooks (.xlsx) are what comes, write `format = \"xlsx\"`";
/// How files of office programs before 2007 begin.
pub(super) const OLE: [u8; 8] = [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
/// What the first thing inside a spreadsheet or a document is called.
const OF_OFFICE: [&[u8]; 6] =
    [b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"word/", b"mimetype"];

/// What a file is that is neither plain nor gzip; none where it is.
fn packed_otherwise(head: &[u8]) -> Option<&'static str> {
    if head.starts_with(&OLE) {
        return Some(SPREADSHEET);
    }
    if !head.starts_with(b"PK\x03\x04") && !head.starts_with(b"PK\x05\x06") {
        return None;
    }
    // Behind 30 bytes stands the name of the first thing inside.
    let first = head.get(30..).unwrap_or_default();
    match OF_OFFICE.iter().any(|name| first.starts_with(name)) {
        true => Some(SPREADSHEET),
        false => Some(
            "it is a zip archive: ask for the file inside it, or for one whose name ends with .zip",
        ),
    }
}

/// A file from its beginning: the bytes that were looked at, and the rest.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

impl<R: Read> Unpacked<R> {
    /// Looks at the first bytes, and unpacks where the definition lets it. `name` is the file's: one
    /// that ends in `.gz` is not read as anything else.
    pub fn open(mut input: R, said: Compression, name: &str, bytes_max: u64) -> io::Result<Self> {
        let mut head = Vec::new();
        if said != Compression::None {
            input.by_ref().take(HEAD_BYTES).read_to_end(&mut head)?;
        }
        let whole = Cursor::new(head.clone()).chain(input);
        let plain = |whole| Unpacked::Plain(Limited { whole, bytes: 0, bytes_max });
        if said == Compression::None {
            return Ok(plain(whole));
        }
        let named =
            name.len() >= 3 && name.as_bytes()[name.len() - 3..].eq_ignore_ascii_case(b".gz");
        if head.starts_with(&[0x1F, 0x8B]) {
            let counted = Counted { input: BufReader::with_capacity(BUFFER, whole), bytes: 0 };
            let inside = MultiGzDecoder::new(counted);
            return Ok(Unpacked::Gzip(Box::new(Gunzip { inside, bytes: 0, bytes_max })));
        }
        if let Some(cause) = packed_otherwise(&head) {
            return Err(refuse("file.type", cause.to_owned(), 0));
        }
        // Nothing at all is not a wrong type: whoever reads it says that it is empty.
        if (named || said == Compression::Gzip) && !head.is_empty() {
            return Err(refuse("file.type", "it is not gzip, as it should be".to_owned(), 0));
        }
        Ok(plain(whole))
    }
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Unpacked::Plain(input) => input.read(into),
            Unpacked::Gzip(gunzip) => gunzip.read(into),
        }
    }
}

/// A file that is as it is: one that never ends, since somebody still writes it, is given up.
pub struct Limited<R> {
    whole: Whole<R>,
    bytes: u64,
    bytes_max: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.whole.read(into)?;
        self.bytes += read as u64;
        if self.bytes > self.bytes_max {
            let cause = format!("the file has more than {} bytes", self.bytes_max);
            return Err(refuse("file.size", cause, self.bytes));
        }
        Ok(read)
    }
}

/// Unpacks, and counts what goes in and what comes out.
pub struct Gunzip<R: Read> {
    inside: MultiGzDecoder<Counted<BufReader<Whole<R>>>>,
    bytes: u64,
    bytes_max: u64,
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = match self.inside.read(into) {
            Ok(read) => read,
            Err(error) if is_of_the_machine(&error) => return Err(error),
            Err(error) => {
                let cause = match error.kind() {
                    io::ErrorKind::UnexpectedEof => "the file is cut short".to_owned(),
                    _ => format!("the file is damaged: {error}"),
                };
                return Err(refuse("archive.damaged", cause, self.bytes));
            }
        };
        self.bytes += read as u64;
        if self.bytes > self.bytes_max {
            let cause = format!("the file unpacks to more than {} bytes", self.bytes_max);
            return Err(refuse("archive.limit", cause, self.bytes));
        }
        let packed = self.inside.get_ref().bytes.max(1);
        if self.bytes > RATIO_FROM && self.bytes / packed >= RATIO_MAX {
            let cause = format!("the file unpacks to more than {RATIO_MAX} times its size");
            return Err(refuse("archive.limit", cause, self.bytes));
        }
        Ok(read)
    }
}

/// The disk failed, and not the archive.
pub(super) fn is_of_the_machine(error: &io::Error) -> bool {
    error.raw_os_error().is_some() || error.kind() == io::ErrorKind::Interrupted
}

struct Counted<R> {
    input: R,
    bytes: u64,
}

/// Only asked for, never used: the decoder takes from the buffer.
impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(into)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes += amount as u64;
        self.input.consume(amount);
    }
}

pub(super) fn refuse(code: &'static str, cause: String, at: u64) -> io::Error {
    let place = match at {
        0 => "at its beginning".to_owned(),
        at => format!("after {at} bytes"),
    };
    io::Error::other(FormatError { code, cause, place })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression as Level;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::connector::format::CutError;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut packer = GzEncoder::new(Vec::new(), Level::default());
        packer.write_all(text).unwrap();
        packer.finish().unwrap()
    }

    fn unpack(bytes: &[u8], said: Compression, name: &str) -> Result<Vec<u8>, String> {
        unpack_within(bytes, said, name, UNPACKED_BYTES_MAX)
    }

    fn unpack_within(
        bytes: &[u8],
        said: Compression,
        name: &str,
        most: u64,
    ) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        let done = Unpacked::open(bytes, said, name, most)
            .and_then(|mut unpacked| unpacked.read_to_end(&mut out));
        match done.map_err(CutError::from) {
            Ok(_) => Ok(out),
            Err(CutError::Format(fault)) => Err(fault.code.to_owned()),
            Err(other) => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn one_member_or_many_or_none_comes_out_whole() {
        let two = [gzip(b"ref\n1\n"), gzip(b""), gzip(b"2\n")].concat();
        for (bytes, said, name, wanted) in [
            (gzip(b"ref"), Compression::Detect, "a.csv.gz", b"ref".to_vec()),
            (gzip(b"ref"), Compression::Detect, "a.csv", b"ref".to_vec()),
            (gzip(b"ref"), Compression::Gzip, "a.csv", b"ref".to_vec()),
            (two, Compression::Detect, "a.GZ", b"ref\n1\n2\n".to_vec()),
            (b"ref".to_vec(), Compression::Detect, "a.csv", b"ref".to_vec()),
            (gzip(b"ref"), Compression::None, "a.csv.gz", gzip(b"ref")),
            (Vec::new(), Compression::Gzip, "a.csv.gz", Vec::new()),
            (gzip(b""), Compression::Gzip, "a.csv.gz", Vec::new()),
        ] {
            assert_eq!(unpack(&bytes, said, name), Ok(wanted), "{said:?} {name}");
        }
    }

    #[test]
    fn an_archive_cut_short_or_damaged_anywhere_is_refused() {
        let whole = gzip(&b"ref,name\n1,Testberry\n".repeat(20));
        for end in 2..whole.len() {
            let told = unpack(&whole[..end], Compression::Detect, "a.gz");
            assert_eq!(told, Err("archive.damaged".to_owned()), "cut at {end}");
        }
        let mut damaged = whole.clone();
        let checksum = damaged.len() - 6;
        damaged[checksum] ^= 1;
        for bytes in [damaged, [&whole[..], b"junk"].concat()] {
            let told = unpack(&bytes, Compression::Detect, "a.gz");
            assert_eq!(told, Err("archive.damaged".to_owned()));
        }
    }

    #[test]
    fn what_unpacks_to_too_much_is_refused_before_it_is() {
        let bomb = gzip(&vec![b'a'; 60_000_000]);
        let mut unpacked =
            Unpacked::open(&bomb[..], Compression::Detect, "a", UNPACKED_BYTES_MAX).unwrap();
        let error = std::io::copy(&mut unpacked, &mut std::io::sink()).unwrap_err();
        let CutError::Format(fault) = CutError::from(error) else { panic!("not a refusal") };
        assert_eq!(fault.code, "archive.limit");
        let Unpacked::Gzip(gunzip) = unpacked else { panic!("not gzip") };
        assert!(gunzip.bytes < RATIO_FROM + 1_000_000, "{} bytes", gunzip.bytes);
        // A little that packs well is no bomb.
        assert!(unpack(&gzip(&vec![b'a'; 9_000_000]), Compression::Detect, "a").is_ok());
        let told = unpack_within(&gzip(&[b'a'; 2_000]), Compression::Detect, "a", 1_999);
        assert_eq!(told, Err("archive.limit".to_owned()));
    }

    #[test]
    fn b22_a_file_that_never_ends_is_given_up() {
        for said in [Compression::Detect, Compression::None] {
            let mut endless =
                Unpacked::open(io::repeat(b'['), said, "a.json", 3_000_000).expect("it is plain");
            let error = io::copy(&mut endless, &mut io::sink()).expect_err("it has no end");
            let CutError::Format(fault) = CutError::from(error) else { panic!("not a refusal") };
            assert_eq!(fault.code, "file.size");
        }
    }

    #[test]
    fn b35_a_file_that_is_not_what_it_should_be_is_refused() {
        for (bytes, said, name) in [
            (b"ref\n".as_slice(), Compression::Detect, "a.csv.gz"),
            (b"ref\n", Compression::Gzip, "a.csv"),
            (b"PK\x03\x04xlsx", Compression::Detect, "a.csv"),
            (b"PK\x05\x06", Compression::Gzip, "a.csv"),
            (&OLE, Compression::Detect, "a.csv"),
        ] {
            assert_eq!(unpack(bytes, said, name), Err("file.type".to_owned()), "{name}");
        }
    }
}
