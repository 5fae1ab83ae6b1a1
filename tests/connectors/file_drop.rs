//! The drop folder by itself: which of its entries are read, and what happens when they change under
//! the reader's hands.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

use tempfile::TempDir;
use viaduct::app::context::surroundings;
use viaduct::connector::channel::{ConnectorError, Ignored, Origin, ReadEnd, Source, Taken};
use viaduct::connector::definition;
use viaduct::connector::format::{Raw, RecordSink, Stopped};
use viaduct::connector::kinds::KINDS;
use viaduct::definition::reader::File;

/// Opens a drop folder as a definition does.
fn open(directory: &Path, pattern: &str, more: &str) -> Arc<dyn Source> {
    let text = format!(
        "kind = \"file_drop\"\nsystem = \"revenues\"\n[settings]\ndirectory = \"{}\"\n\
         pattern = \"{pattern}\"\nsettle_ms = 0\nformat = \"xml\"\nrecord = \"/E/A\"\nkey = \"@ref\"\n\
         extract = \"full\"\n{more}",
        directory.display()
    );
    let file = File::parse("connectors/drop.toml", text);
    let read = definition::read(&file, "drop", KINDS);
    let faults: Vec<String> = file.into_diagnostics().into_iter().map(|fault| fault.what).collect();
    let definition = read.unwrap_or_else(|| panic!("{faults:?}"));
    definition.settings.source(&surroundings(HashMap::new())).unwrap().unwrap()
}

/// Keeps keys, and does something to the folder when the first record comes.
struct Sink {
    keys: Arc<Mutex<Vec<String>>>,
    first: Option<Box<dyn FnOnce() + Send>>,
}

impl RecordSink for Sink {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        self.keys.lock().unwrap().push(key.to_owned());
        if let Some(first) = self.first.take() {
            first();
        }
        Ok(())
    }

    fn unreadable(&mut self, code: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        self.record(&format!("!{code}"), Raw { bytes: b"", context: b"", context_at: 0 })
    }
}

type Read = (Vec<String>, Result<ReadEnd, ConnectorError>);

async fn read(source: &Arc<dyn Source>, origin: &Origin) -> Read {
    read_and(source, origin, || {}).await
}

async fn read_and(
    source: &Arc<dyn Source>,
    origin: &Origin,
    first: impl FnOnce() + Send + 'static,
) -> Read {
    let keys = Arc::new(Mutex::new(Vec::new()));
    let sink = Sink { keys: Arc::clone(&keys), first: Some(Box::new(first)) };
    let (sink, end) = source.read(origin, Box::new(sink)).await;
    drop(sink);
    let keys = keys.lock().unwrap().clone();
    (keys, end)
}

fn extract(many: usize) -> String {
    let records: String = (1..=many).map(|number| format!("<A ref='{number}'/>")).collect();
    format!("<E>{records}</E>")
}

/// More than is read at once, so that the first record comes before the last byte was read.
fn long_extract() -> String {
    extract(100_000)
}

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in files {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

fn names(origins: &[Origin]) -> Vec<&str> {
    origins.iter().map(|origin| origin.name.as_str()).collect()
}

fn is_to_be_tried_again(end: &Result<ReadEnd, ConnectorError>) -> bool {
    matches!(end, Err(ConnectorError::Unavailable { .. }))
}

#[tokio::test]
async fn b56_strange_names_are_names_and_nothing_leaves_the_folder() {
    let long = format!("{}.xml", "x".repeat(251));
    let odd =
        ["%2e%2e.xml", "a\\..\\b.xml", "-rf.xml", "CON.xml", "trailing. .xml", "é £.xml", &long];
    let outside = folder(&[("outside.xml", &extract(1))]);
    let directory = outside.path().join("drop");
    fs::create_dir(&directory).unwrap();
    for name in odd {
        fs::write(directory.join(name), extract(1)).unwrap();
    }
    let source = open(&directory, "*.xml", "");
    let origins = source.look(None).await.unwrap();
    assert_eq!(origins.len(), odd.len());
    for origin in &origins {
        let (keys, end) = read(&source, origin).await;
        assert_eq!((keys.len(), end.is_ok()), (1, true), "{}", origin.name);
        source.acknowledge(origin, Taken::Processed).await.unwrap();
    }
    assert!(source.look(None).await.unwrap().is_empty());
    // A name as long as a name can be, twice: the second is kept beside the first.
    fs::write(directory.join(&long), extract(2)).unwrap();
    let origins = source.look(None).await.unwrap();
    source.acknowledge(&origins[0], Taken::Processed).await.unwrap();
    let moved = fs::read_dir(directory.join("processed")).unwrap().count();
    assert_eq!((moved, source.look(None).await.unwrap().len()), (odd.len() + 1, 0));
    // A name that is a way is not an entry, whoever says it.
    for name in ["../outside.xml", "processed/CON.xml", ".", "..", ""] {
        let mark = format!("{name}|0|0");
        let origin = Origin { name: name.to_owned(), mark, bytes: 0, asked: None };
        let (keys, end) = read(&source, &origin).await;
        assert!(keys.is_empty() && is_to_be_tried_again(&end), "{name}");
        source.acknowledge(&origin, Taken::Held).await.unwrap();
    }
    assert!(outside.path().join("outside.xml").exists());
}

#[tokio::test]
async fn b56_what_is_no_regular_file_is_left_alone_and_counted() {
    let outside = folder(&[("secret.xml", &extract(1))]);
    let drop = folder(&[("ctax-1.xml", &extract(1)), (".ctax-2.xml", ""), ("notes.txt", "")]);
    let at = |name: &str| drop.path().join(name);
    symlink(outside.path().join("secret.xml"), at("ctax-link.xml")).unwrap();
    symlink(outside.path(), at("ctax-way.xml")).unwrap();
    symlink(at("nowhere"), at("ctax-broken.xml")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, at("ctax-pipe.xml"), rustix::fs::Mode::RUSR).unwrap();
    let _socket = UnixListener::bind(at("ctax-socket.xml")).unwrap();
    fs::create_dir(at("ctax-folder.xml")).unwrap();
    fs::create_dir(at("processed")).unwrap();
    fs::create_dir(at("held")).unwrap();
    fs::write(at("ctax-\n1.xml"), extract(1)).unwrap();
    let source = open(drop.path(), "ctax-*.xml", "");
    assert_eq!(names(&source.look(None).await.unwrap()), ["ctax-1.xml"]);
    let counted: Vec<(&str, u64)> =
        source.ignored().await.unwrap().iter().map(|one| (one.what, one.count)).collect();
    let wanted = [
        ("file that does not fit the pattern", 1),
        ("folder", 1),
        ("hidden file", 1),
        ("link", 3),
        ("name that is not text", 1),
        ("pipe", 1),
        ("socket", 1),
    ];
    assert_eq!(counted, wanted);
    let devices = open(Path::new("/dev"), "null", "");
    assert!(devices.look(None).await.unwrap().is_empty());
    let device = |one: &Ignored| one.what == "device" && one.count > 0;
    assert!(devices.ignored().await.unwrap().iter().any(device));
}

#[tokio::test]
async fn b56_a_file_that_becomes_something_else_before_it_is_read_is_not_read() {
    let outside = folder(&[("secret.xml", &extract(1))]);
    let secret = outside.path().join("secret.xml");
    let drop = folder(&[("ctax-1.xml", &extract(1))]);
    let file = drop.path().join("ctax-1.xml");
    let source = open(drop.path(), "ctax-*.xml", "");
    let origins = source.look(None).await.unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&secret, &file).unwrap();
    let (keys, end) = read(&source, &origins[0]).await;
    assert!(keys.is_empty() && is_to_be_tried_again(&end), "{end:?}");
    source.acknowledge(&origins[0], Taken::Processed).await.unwrap();
    assert!(file.is_symlink() && secret.exists(), "a link was moved");
    // A pipe with nobody at its other end does not stop the reader either.
    fs::remove_file(&file).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RUSR).unwrap();
    let (keys, end) = read(&source, &origins[0]).await;
    assert!(keys.is_empty() && is_to_be_tried_again(&end), "{end:?}");
}

#[tokio::test]
async fn b56_a_folder_swapped_for_a_link_while_reading_leads_nowhere_else() {
    let outside = folder(&[("ctax-1.xml", &extract(1))]);
    let around = tempfile::tempdir().unwrap();
    let (here, moved) = (around.path().join("drop"), around.path().join("moved"));
    fs::create_dir(&here).unwrap();
    fs::write(here.join("ctax-1.xml"), long_extract()).unwrap();
    let source = open(&here, "ctax-*.xml", "");
    let origins = source.look(None).await.unwrap();
    let swap = {
        let (here, moved, outside) = (here.clone(), moved.clone(), outside.path().to_owned());
        move || {
            fs::rename(&here, &moved).unwrap();
            symlink(&outside, &here).unwrap();
        }
    };
    let (keys, end) = read_and(&source, &origins[0], swap).await;
    assert_eq!((keys.len(), end.is_ok()), (100_000, true));
    source.acknowledge(&origins[0], Taken::Processed).await.unwrap();
    assert!(moved.join("processed/ctax-1.xml").exists());
    assert!(!outside.path().join("processed").exists());
    assert!(outside.path().join("ctax-1.xml").exists());
}

#[tokio::test]
async fn b56_a_link_in_place_of_the_processed_folder_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    let drop = folder(&[("ctax-1.xml", &extract(1))]);
    symlink(outside.path(), drop.path().join("processed")).unwrap();
    let source = open(drop.path(), "ctax-*.xml", "");
    let origins = source.look(None).await.unwrap();
    let told = source.acknowledge(&origins[0], Taken::Processed).await;
    assert!(matches!(told, Err(ConnectorError::Unavailable { .. })), "{told:?}");
    assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    assert!(drop.path().join("ctax-1.xml").exists());
    // Where its owner wrote a way out of the folder, that is where files go.
    let more = format!("processed = \"{}\"\n", outside.path().join("a/b").display());
    let source = open(drop.path(), "ctax-*.xml", &more);
    source.acknowledge(&origins[0], Taken::Processed).await.unwrap();
    assert!(outside.path().join("a/b/ctax-1.xml").exists());
}

#[tokio::test]
async fn b32_a_file_that_grows_or_goes_while_it_is_read_is_read_again() {
    let drop = folder(&[("ctax-1.xml", &long_extract())]);
    let file = drop.path().join("ctax-1.xml");
    let source = open(drop.path(), "ctax-*.xml", "");
    type Change = fn(&Path);
    let changes: [Change; 4] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::write(file, extract(1)).unwrap(),
        |file| {
            use std::io::Write;
            let mut file = fs::OpenOptions::new().append(true).open(file).unwrap();
            file.write_all(b"<!-- more -->").unwrap();
        },
        |file| {
            let other = file.with_extension("part");
            fs::write(&other, long_extract()).unwrap();
            fs::rename(other, file).unwrap();
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        fs::write(&file, long_extract()).unwrap();
        let origins = source.look(None).await.unwrap();
        let path = file.clone();
        let (_, end) = read_and(&source, &origins[0], move || change(&path)).await;
        assert!(is_to_be_tried_again(&end), "change {number}: {end:?}");
    }
    fs::write(&file, long_extract()).unwrap();
    let origins = source.look(None).await.unwrap();
    let (keys, end) = read(&source, &origins[0]).await;
    assert_eq!((keys.len(), end.is_ok()), (100_000, true));
    // What came under its name after it was read was not read, and is not moved away.
    fs::write(&file, extract(3)).unwrap();
    source.acknowledge(&origins[0], Taken::Processed).await.unwrap();
    assert_eq!(names(&source.look(None).await.unwrap()), ["ctax-1.xml"]);
}

#[tokio::test]
async fn b32_a_file_that_is_gone_before_it_is_read_is_waited_for() {
    let drop = folder(&[("ctax-1.xml", &extract(1))]);
    let source = open(drop.path(), "ctax-*.xml", "");
    let origins = source.look(None).await.unwrap();
    fs::remove_file(drop.path().join("ctax-1.xml")).unwrap();
    let (_, end) = read(&source, &origins[0]).await;
    assert!(is_to_be_tried_again(&end), "{end:?}");
    assert!(source.look(None).await.unwrap().is_empty());
}
