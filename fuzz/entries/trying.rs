//! What every format promises, tried on one extract: it does not matter in which pieces it is read, a
//! record reads the same each time, and what reads it finds the key that the cut found.

use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use viaduct::connector::format::layout::Layout;
use viaduct::connector::format::{CutError, Format, FormatError, Raw, RecordSink, Stopped, Total};
use viaduct::definition::reader::File;
use viaduct::record::document::{Document, Only, Path, Step};

use super::input::Drip;

/// A layout from the lines of `[settings]`, which must be right; each is read once.
pub fn layout(settings: &str, record_bytes_max: usize) -> Layout {
    thread_local! {
        static KNOWN: RefCell<HashMap<(String, usize), Layout>> = RefCell::default();
    }
    KNOWN.with_borrow_mut(|known| {
        let read = || {
            let file = File::parse("connectors/fuzzed.toml", settings.to_owned());
            let root = file.root();
            let layout = Layout::read(&root, record_bytes_max);
            root.finish();
            let faults = file.into_diagnostics();
            assert!(faults.is_empty(), "{settings}: {faults:?}");
            layout.expect("a layout without faults is read")
        };
        known.entry((settings.to_owned(), record_bytes_max)).or_insert_with(read).clone()
    })
}

/// What the cut of an extract gave.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub rows: Vec<Row>,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Row {
    pub key: String,
    /// Why it is held, if it is.
    pub code: Option<&'static str>,
    pub bytes: Vec<u8>,
    /// Of the record as it stands alone.
    digest: u64,
}

impl Seen {
    fn take(&mut self, key: &str, code: Option<&'static str>, raw: Raw<'_>) {
        let mut alone = DefaultHasher::new();
        (raw.context, raw.context_at).hash(&mut alone);
        let (key, bytes) = (key.to_owned(), raw.bytes.to_vec());
        self.rows.push(Row { key, code, bytes, digest: alone.finish() });
    }
}

impl RecordSink for Seen {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        self.take(key, None, raw);
        Ok(())
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        assert!(!cause.is_empty() && cause.len() < 1_000, "{code}: {} bytes", cause.len());
        self.take("", Some(code), raw);
        Ok(())
    }
}

/// How a cut ended: what was declared and counted, or the code of the refusal.
pub type End = Result<Vec<Total>, &'static str>;

pub fn end_of<T>(end: Result<T, CutError>) -> Result<T, &'static str> {
    match end {
        Ok(ended) => Ok(ended),
        Err(CutError::Format(FormatError { code, cause, place })) => {
            assert!(!cause.is_empty() && cause.len() + place.len() < 2_000, "{code}");
            Err(code)
        }
        Err(other) => panic!("nothing of the machine failed: {other:?}"),
    }
}

/// Says what a record's key is by the record as it was read.
type KeyOf<'f> = &'f (dyn Fn(&Document) -> Option<String> + Sync);

/// Cuts an extract at once and in portions, and reads each record that it finds.
pub fn cut(format: &dyn Format, bytes: &[u8], portions: [usize; 3], key: KeyOf<'_>) -> (Seen, End) {
    let mut reading = Reading {
        format,
        key,
        seen: Seen::default(),
        document: Document::default(),
        alone: vec![],
    };
    let end = end_of(format.cut(&mut Drip::whole(bytes), &mut reading));
    let seen = reading.seen;
    let mut dripped = Seen::default();
    let dripped_end = end_of(format.cut(&mut Drip::new(bytes, portions), &mut dripped));
    assert_eq!(end, dripped_end, "it matters in which pieces it is read");
    assert!(seen == dripped, "it matters in which pieces it is read");
    (seen, end)
}

/// Reads what is cut.
struct Reading<'f> {
    format: &'f dyn Format,
    key: KeyOf<'f>,
    seen: Seen,
    /// Used again from record to record, as the jobs do.
    document: Document,
    alone: Vec<u8>,
}

impl RecordSink for Reading<'_> {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        self.alone.clear();
        raw.write_alone(&mut self.alone);
        if let Ok(text) = std::str::from_utf8(&self.alone)
            && read(self.format, text, &mut self.document).is_ok()
            && let Some(found) = (self.key)(&self.document)
        {
            assert_eq!(key, found, "the cut found another key than the reader");
        }
        self.seen.record(key, raw)
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.alone.clear();
        raw.write_alone(&mut self.alone);
        if let Ok(text) = std::str::from_utf8(&self.alone) {
            let _ = read(self.format, text, &mut self.document);
        }
        self.seen.unreadable(code, cause, raw)
    }
}

/// Reads a record twice, into a document that was used and into a new one.
pub fn read(format: &dyn Format, text: &str, document: &mut Document) -> Result<(), FormatError> {
    let read = format.read(text, document);
    let mut other = Document::default();
    assert_eq!(read, format.read(text, &mut other), "a record is read as another one was");
    if let Err(fault) = &read {
        assert!(!fault.cause.is_empty() && fault.cause.len() < 1_000, "{}", fault.code);
    } else {
        assert!(document.says_the_same_as(&other), "a record does not say the same as itself");
    }
    read
}

/// A path without namespaces: `k`, `o/k`, `@k`.
pub fn path(text: &str) -> Path {
    let step = |part: &str| match part.strip_prefix('@') {
        Some(name) => Step::new(None, name.to_owned(), true),
        None => Step::new(None, part.to_owned(), false),
    };
    Path { up: 0, steps: text.split('/').map(step).collect() }
}

/// The parts of a key, as a record says them; nothing where one of them stands in it twice.
pub fn key_of(document: &Document, paths: &[Path]) -> Option<String> {
    let mut parts = Vec::new();
    for path in paths {
        parts.push(match document.find_only(document.root()?, path) {
            Only::Nothing => "",
            Only::One(node) => document.text(node).trim(),
            Only::Several => return None,
        });
    }
    Some(parts.join("/"))
}

/// Every byte is a record's, or between two of them and as `between` says: no row vanished. Not asked
/// where a record was let go for its length.
pub fn nothing_vanished(seen: &Seen, text: &[u8], between: &dyn Fn(&[u8]) -> bool) {
    let mut end = text.len();
    for row in seen.rows.iter().rev() {
        if row.bytes.is_empty() {
            return;
        }
        let found = find_last(&text[..end], &row.bytes);
        let at = found.expect("a record's bytes stand in the extract, in its order");
        let gap = &text[at + row.bytes.len()..end];
        assert!(between(gap), "lost: {:?}", String::from_utf8_lossy(gap));
        end = at;
    }
}

fn find_last(text: &[u8], wanted: &[u8]) -> Option<usize> {
    (0..=text.len().checked_sub(wanted.len())?).rev().find(|at| text[*at..].starts_with(wanted))
}
