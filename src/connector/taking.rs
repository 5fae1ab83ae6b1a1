//! Records of a system that is asked, as they come in, page by page: counted, and looked at for how far they go.

use std::collections::HashSet;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64;

use crate::connector::format::layout::{CutEnd, Layout};
use crate::connector::format::version::Version;
use crate::connector::format::{CutError, Raw, RecordSink, Stopped, key_of};
use crate::record::document::Document;

/// A sink for several pages.
pub struct Taking {
    sink: Box<dyn RecordSink>,
    layout: Layout,
    version: Option<Version>,
    now_ms: i64,
    /// Records of the page that came last, and of all pages.
    pub of_page: usize,
    pub all: usize,
    pub last_key: String,
    /// Records of that page whose key came on a page before.
    pub again: usize,
    /// Digests of the keys of the pages before, and of this one's.
    keys: HashSet<u64>,
    keys_of_page: Vec<u64>,
    keys_before: Vec<u64>,
    /// The key that this page must begin with, where pages overlap.
    expected: Option<String>,
    overlap: Overlap,
    newest: Option<(i128, String)>,
    alone: Vec<u8>,
    document: Document,
}

impl Taking {
    /// `version` says how far it came, where that is asked for; it is `now_ms` (UTC milliseconds).
    pub fn new(
        sink: Box<dyn RecordSink>,
        layout: Layout,
        version: Option<Version>,
        now_ms: i64,
    ) -> Taking {
        Taking {
            sink,
            layout,
            version,
            now_ms,
            of_page: 0,
            all: 0,
            last_key: String::new(),
            again: 0,
            keys: HashSet::new(),
            keys_of_page: Vec::new(),
            keys_before: Vec::new(),
            expected: None,
            overlap: Overlap::None,
            newest: None,
            alone: Vec::new(),
            document: Document::default(),
        }
    }

    /// Cuts one page, where it may block.
    pub async fn cut(
        mut self,
        name: String,
        body: Arc<Vec<u8>>,
    ) -> (Taking, Result<CutEnd, CutError>) {
        self.begin();
        let work = tokio::task::spawn_blocking(move || {
            let layout = self.layout.clone();
            let end = layout.cut(&mut &body[..], &name, &mut self);
            (self, end)
        });
        match work.await {
            Ok(done) => done,
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }

    /// A record that came whole and of which a part is too much to keep: it is held by itself.
    pub async fn hold(
        mut self,
        record: Vec<u8>,
        code: &'static str,
        cause: String,
    ) -> (Taking, Result<(), CutError>) {
        let work = tokio::task::spawn_blocking(move || {
            let text = String::from_utf8_lossy(&record);
            let format = Arc::clone(&self.layout.format);
            let read = format.read(&text, &mut self.document);
            let key = read.ok().and_then(|()| key_of(&*format, &self.document)).unwrap_or_default();
            let raw = Raw { bytes: &record, context: b"", context_at: 0 };
            let held = self.unsound(&key, code, cause, raw);
            (self, held.map_err(CutError::from))
        });
        match work.await {
            Ok(done) => done,
            Err(broken) => std::panic::resume_unwind(broken.into_panic()),
        }
    }

    /// A page begins; it may have no records.
    pub fn begin(&mut self) {
        (self.of_page, self.again) = (0, 0);
        self.keys.extend(&self.keys_of_page);
        self.keys_before = std::mem::take(&mut self.keys_of_page);
        self.overlap = Overlap::None;
    }

    /// The next page is asked to begin with that record, which came already.
    pub fn expect(&mut self, key: Option<String>) {
        self.expected = key;
    }

    /// Whether the page began with the record that it was asked to begin with, if with any.
    pub fn overlap(&self) -> Result<bool, Moved> {
        match (self.overlap, &self.expected) {
            (Overlap::Other, _) | (Overlap::None, Some(_)) => Err(Moved),
            (overlap, _) => Ok(overlap == Overlap::Met),
        }
    }

    /// Digests of the keys of the page before, in their order.
    pub fn keys_before(&self) -> &[u64] {
        &self.keys_before
    }

    /// Whether it is the record that came already. The first of a page says.
    fn is_met(&mut self, key: &str) -> bool {
        let Some(expected) = self.expected.take() else { return false };
        self.overlap = if expected == key { Overlap::Met } else { Overlap::Other };
        self.overlap == Overlap::Met
    }

    /// The greatest version that came, where it is beyond that one.
    pub fn newest(&self, after: Option<&str>) -> Option<String> {
        let (newest, text) = self.newest.as_ref()?;
        let known = after.and_then(|after| self.version.as_ref()?.read_text(after));
        (known.is_none_or(|known| *newest > known)).then(|| text.clone())
    }

    pub fn into_sink(self) -> Box<dyn RecordSink> {
        self.sink
    }

    fn count(&mut self, key: &str) {
        self.of_page += 1;
        self.all += 1;
        self.last_key.clear();
        self.last_key.push_str(key);
        if !key.is_empty() {
            let digest = xxh3_64(key.as_bytes());
            self.again += usize::from(self.keys.contains(&digest));
            self.keys_of_page.push(digest);
        }
    }

    /// A record that does not say its version says nothing of how far it came.
    fn look_at(&mut self, raw: Raw<'_>) {
        let Some(version) = &self.version else { return };
        self.alone.clear();
        raw.write_alone(&mut self.alone);
        let Ok(text) = std::str::from_utf8(&self.alone) else { return };
        if self.layout.format.read(text, &mut self.document).is_err() {
            return;
        }
        let Some(text) = version.text_of(&self.document) else { return };
        // A moment that is yet to come is somebody's slip: behind it everything would be passed over.
        if let Some(found) = version.read_text(text)
            && version.of_moment(self.now_ms).is_none_or(|now| found <= now)
            && self.newest.as_ref().is_none_or(|(newest, _)| found > *newest)
        {
            self.newest = Some((found, text.to_owned()));
        }
    }
}

/// What a page began with that was asked to begin with a record that came already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Overlap {
    None,
    Met,
    Other,
}

/// A page began with another record than it should: something moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved;

/// Digests of the keys of a page that is looked at once more. It may block, and nothing of it is given on.
pub async fn keys_of(layout: Layout, body: Vec<u8>) -> Result<Vec<u64>, CutError> {
    let work = tokio::task::spawn_blocking(move || {
        let mut keys = Keys(Vec::new());
        let end = match body.is_empty() {
            true => Ok(()),
            false => layout.cut(&mut &body[..], "a page, once more", &mut keys).map(|_| ()),
        };
        end.map(|()| keys.0)
    });
    match work.await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

struct Keys(Vec<u64>);

impl Keys {
    fn push(&mut self, key: &str) -> Result<(), Stopped> {
        if !key.is_empty() {
            self.0.push(xxh3_64(key.as_bytes()));
        }
        Ok(())
    }
}

impl RecordSink for Keys {
    fn record(&mut self, key: &str, _: Raw<'_>) -> Result<(), Stopped> {
        self.push(key)
    }

    fn unreadable(&mut self, _: &'static str, _: String, _: Raw<'_>) -> Result<(), Stopped> {
        Ok(())
    }

    fn unsound(
        &mut self,
        key: &str,
        _: &'static str,
        _: String,
        _: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.push(key)
    }
}

impl RecordSink for Taking {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        if self.is_met(key) {
            return Ok(());
        }
        self.count(key);
        self.look_at(raw);
        self.sink.record(key, raw)
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.is_met("");
        self.count("");
        self.sink.unreadable(code, cause, raw)
    }

    fn unsound(
        &mut self,
        key: &str,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        if self.is_met(key) {
            return Ok(());
        }
        self.count(key);
        self.sink.unsound(key, code, cause, raw)
    }
}
