//! Files that come as zip archives: one file in each, and what is refused before it is unpacked.

use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use viaduct::app::context::surroundings;
use viaduct::connector::channel::{ConnectorError, Source};
use viaduct::connector::definition;
use viaduct::connector::format::{FormatError, Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;

/// One entry of an archive, as far as it may be odd.
#[derive(Clone)]
pub struct Entry {
    pub name: Vec<u8>,
    pub content: Vec<u8>,
    pub flags: u16,
    pub method: u16,
    /// In place of how much it is.
    pub said: Option<u32>,
    pub mode: u32,
    /// In place of the name, before the data.
    pub other_name: Option<Vec<u8>>,
}

pub fn entry(name: &str, content: &[u8]) -> Entry {
    Entry {
        name: name.as_bytes().to_vec(),
        content: content.to_vec(),
        flags: 0,
        method: 8,
        said: None,
        mode: 0o100_644,
        other_name: None,
    }
}

pub fn archive(entries: &[Entry]) -> Vec<u8> {
    let (mut out, mut list) = (Vec::new(), Vec::new());
    for entry in entries {
        let packed = match entry.method {
            8 => {
                let mut packing = DeflateEncoder::new(Vec::new(), Compression::best());
                packing.write_all(&entry.content).unwrap();
                packing.finish().unwrap()
            }
            _ => entry.content.clone(),
        };
        let mut crc = Crc::new();
        crc.update(&entry.content);
        let at = u32::try_from(out.len()).unwrap();
        let unpacked = entry.said.unwrap_or(u32::try_from(entry.content.len()).unwrap());
        let sizes = |name: &[u8]| {
            let mut about = Vec::new();
            about.extend(entry.flags.to_le_bytes());
            about.extend(entry.method.to_le_bytes());
            about.extend([0; 4]);
            about.extend(crc.sum().to_le_bytes());
            about.extend(u32::try_from(packed.len()).unwrap().to_le_bytes());
            about.extend(unpacked.to_le_bytes());
            about.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
            about.extend([0; 2]);
            about
        };
        let before = entry.other_name.as_ref().unwrap_or(&entry.name);
        out.extend(b"PK\x03\x04\x14\x00");
        out.extend(sizes(before));
        out.extend(before);
        out.extend(&packed);
        // Made by Unix, so that its rights are there.
        list.extend(b"PK\x01\x02\x14\x03\x14\x00");
        list.extend(sizes(&entry.name));
        list.extend([0; 6]);
        list.extend((entry.mode << 16).to_le_bytes());
        list.extend(at.to_le_bytes());
        list.extend(&entry.name);
    }
    let (count, at) =
        (u16::try_from(entries.len()).unwrap_or(u16::MAX), u32::try_from(out.len()).unwrap());
    let size = u32::try_from(list.len()).unwrap();
    out.extend(list);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(size.to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0; 2]);
    out
}

struct Keys(Arc<Mutex<Vec<String>>>);

impl RecordSink for Keys {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.lock().unwrap().push(key.to_owned());
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.0.lock().unwrap().push(format!("!{code}"));
        Ok(())
    }
}

fn open(directory: &Path) -> Arc<dyn Source> {
    let text = format!(
        "kind = \"file_drop\"\nsystem = \"revenues\"\n[settings]\ndirectory = \"{}\"\npattern = \"*\"\n\
         settle_ms = 0\nformat = \"csv\"\nkey = \"ref\"\nextract = \"full\"\n",
        directory.display()
    );
    let file = File::parse("connectors/drop.toml", text);
    let definition = definition::read(&file, "drop", KINDS).unwrap();
    definition.settings.source(&surroundings(HashMap::new())).unwrap().unwrap()
}

/// The keys of what is in a file, or the code of why it is refused.
async fn read(name: &str, content: &[u8]) -> Result<Vec<String>, &'static str> {
    taken(name, content).await.map_err(|fault| fault.code)
}

async fn taken(name: &str, content: &[u8]) -> Result<Vec<String>, FormatError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    let source = open(folder.path());
    let origin = source.look(None).await.unwrap().remove(0);
    let keys = Arc::new(Mutex::new(Vec::new()));
    let (_, end) = source.read(&origin, Box::new(Keys(Arc::clone(&keys)))).await;
    match end {
        Ok(end) => {
            assert_eq!(end.content_digest.len(), 64);
            Ok(keys.lock().unwrap().clone())
        }
        Err(ConnectorError::Malformed(fault)) => Err(fault),
        Err(other) => panic!("{name}: {other}"),
    }
}

const CSV: &[u8] = b"ref,name\n1,Testberry\n2,Fakeley\n";

#[tokio::test]
async fn the_one_file_in_an_archive_is_read() {
    let good = Ok(vec!["1".to_owned(), "2".to_owned()]);
    let csv = entry("claims.csv", CSV);
    let stored = Entry { method: 0, ..csv.clone() };
    let described = Entry { flags: 1 << 3, ..csv.clone() };
    let folder = Entry { method: 0, mode: 0o040_755, ..entry("out/", b"") };
    let of_a_mac = entry("__MACOSX/._claims.csv", b"x");
    for entries in [
        vec![csv.clone()],
        vec![stored],
        vec![described],
        vec![folder, entry("out/claims.csv", CSV)],
        vec![csv.clone(), of_a_mac],
    ] {
        assert_eq!(read("claims.ZIP", &archive(&entries)).await, good);
    }
    let long: String = (1..=100_000).map(|number| format!("{number},Testberry\n")).collect();
    let long = archive(&[entry("claims.csv", format!("ref,name\n{long}").as_bytes())]);
    assert_eq!(read("claims.zip", &long).await.unwrap().len(), 100_000);
    // Cut off, or changed on the way: nothing of it is taken.
    for cut in [long.len() - 1, long.len() / 2, 10] {
        assert_eq!(read("claims.zip", &long[..cut]).await, Err("archive.damaged"), "{cut}");
    }
    let mut changed = archive(&[Entry { method: 0, ..csv.clone() }]);
    let at = changed.windows(9).position(|some| some == b"Testberry").unwrap();
    changed[at] = b'B';
    assert_eq!(read("claims.zip", &changed).await, Err("archive.damaged"));
    assert_eq!(read("claims.zip", &archive(&[])).await, Err("file.empty"));
}

#[tokio::test]
async fn b33_what_unpacks_to_far_too_much_is_refused_before_it_is_unpacked() {
    let begun = Instant::now();
    let nothing = vec![b'0'; 60_000_000];
    let bomb = archive(&[entry("claims.csv", &nothing)]);
    assert!(bomb.len() < 100_000);
    let two = [entry("a.csv", CSV), entry("b.csv", CSV)];
    let many: Vec<Entry> =
        (0..100_000).map(|number| entry(&format!("{number}.csv"), b"x")).collect();
    let inner = archive(&[entry("claims.zip", &bomb)]);
    for (why, content) in [
        ("ratio", bomb.clone()),
        ("several files", archive(&two)),
        ("100,000 entries", archive(&many)),
        ("zip in zip", archive(&[entry("claims.zip", &bomb)])),
        ("zip in zip in zip", archive(&[entry("claims.zip", &inner)])),
        (
            "zip in zip by another name",
            archive(&[Entry { method: 0, ..entry("claims.csv", &bomb) }]),
        ),
        (
            "gzip in zip",
            archive(&[Entry { method: 0, ..entry("claims.csv", &[0x1F, 0x8B, 8, 0, 0]) }]),
        ),
        ("4 GB", archive(&[Entry { said: Some(u32::MAX - 1), ..entry("claims.csv", CSV) }])),
    ] {
        assert_eq!(read("claims.zip", &content).await, Err("archive.limit"), "{why}");
    }
    // One that says less than it is.
    let lies = archive(&[Entry { said: Some(10), ..entry("claims.csv", &nothing) }]);
    assert_eq!(read("claims.zip", &lies).await, Err("archive.damaged"));
    assert!(begun.elapsed().as_secs() < 120);
}

#[tokio::test]
async fn b34_names_that_lead_elsewhere_are_refused() {
    for name in
        ["../../x", "/etc/x", "C:\\x", "C:x", "a/../x", "a\\x", "./x", "a//x", "", "x\ny.csv"]
    {
        let content = archive(&[entry(name, CSV)]);
        assert_eq!(read("claims.zip", &content).await, Err("archive.path"), "{name:?}");
    }
    let link = Entry { mode: 0o120_777, ..entry("claims.csv", b"/etc/passwd") };
    let latin = Entry { name: b"cl\xe9.csv".to_vec(), ..entry("", CSV) };
    let not_utf8 = Entry { flags: 1 << 11, ..latin.clone() };
    let other = Entry { other_name: Some(b"claimz.csv".to_vec()), ..entry("claims.csv", CSV) };
    for (why, entries) in [
        ("link", vec![link]),
        ("another encoding", vec![latin]),
        ("no UTF-8", vec![not_utf8]),
        ("two of one name", vec![entry("claims.csv", CSV), entry("CLAIMS.csv", CSV)]),
        ("two names of one", vec![other]),
    ] {
        assert_eq!(read("claims.zip", &archive(&entries)).await, Err("archive.path"), "{why}");
    }
}

#[tokio::test]
async fn b35_what_is_no_plain_archive_is_refused_as_what_it_is() {
    let encrypted = archive(&[Entry { flags: 1, ..entry("claims.csv", CSV) }]);
    let odd = archive(&[Entry { method: 14, ..entry("claims.csv", CSV) }]);
    let xlsx = archive(&[entry("[Content_Types].xml", b"<x/>"), entry("xl/workbook.xml", b"<x/>")]);
    for (why, name, content) in [
        ("encrypted", "claims.zip", encrypted.as_slice()),
        ("packed otherwise", "claims.zip", &odd),
        ("xlsx as csv", "claims.csv", &xlsx),
        ("xlsx as zip", "claims.zip", &xlsx),
        ("zip as csv", "claims.csv", &archive(&[entry("claims.csv", CSV)])),
        ("csv as zip", "claims.zip", CSV),
        ("csv as gzip", "claims.csv.gz", CSV),
    ] {
        assert_eq!(read(name, content).await, Err("file.type"), "{why}");
    }
}

/// A spreadsheet has formulas, links to other files, dates that are numbers, merged cells and a million empty rows:
/// where its connector says another format, nothing of it is guessed. It is refused as what it is, with what is to be
/// done, whatever it is called.
#[tokio::test]
async fn b36_a_spreadsheet_is_refused_as_one_and_says_what_to_do() {
    let sheet = b"<worksheet><sheetData><row r=\"1048576\"><c t=\"str\"><f>WEBSERVICE(\"http://192.0.2.7/\")</f></c>\
                  </row></sheetData></worksheet>";
    let xlsx = archive(&[
        entry("[Content_Types].xml", b"<Types/>"),
        entry("xl/worksheets/sheet1.xml", sheet),
        entry("xl/externalLinks/externalLink1.xml", b"<externalLink/>"),
    ]);
    // Some programs put another part first.
    let other =
        archive(&[entry("xl/workbook.xml", sheet), entry("[Content_Types].xml", b"<Types/>")]);
    let ods = archive(&[
        Entry { method: 0, ..entry("mimetype", b"application/vnd.oasis.opendocument.spreadsheet") },
        entry("content.xml", b"<office:document-content/>"),
    ]);
    let mut old = vec![0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1];
    old.resize(8_192, 0);
    for (why, content) in
        [("xlsx", &xlsx), ("xlsx, otherwise", &other), ("ods", &ods), ("xls", &old)]
    {
        for name in ["claims.csv", "claims.zip"] {
            if why == "xls" && name == "claims.zip" {
                continue;
            }
            let told = taken(name, content).await.unwrap_err().to_string();
            assert!(
                told.contains("file.type")
                    && told.contains("save the sheet")
                    && told.contains("`format = \"xlsx\"`"),
                "{why} {name}: {told}"
            );
            assert!(!told.contains("192.0.2.7"), "{why} {name}: {told}");
        }
    }
}
