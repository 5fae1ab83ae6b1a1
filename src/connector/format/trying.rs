//! What the formats' tests have in common: a layout as a definition says it, and what it makes of bytes.

use std::fmt::Write as _;
use std::io::Read;

use super::layout::Layout;
use super::{CutError, Raw, RecordSink, Stopped};
use crate::definition::reader::File;
use crate::record::document::{Document, NodeId};

/// A layout from the lines of `[settings]`; a fault in them is a failed test.
pub fn layout(settings: &str) -> Layout {
    match faults(settings) {
        Ok(layout) => layout,
        Err(faults) => panic!("{faults:#?}"),
    }
}

/// A layout, or what is wrong with its settings.
pub fn faults(settings: &str) -> Result<Layout, Vec<String>> {
    let file = File::parse("connectors/tried.toml", settings.to_owned());
    let root = file.root();
    let layout = Layout::read(&root, 100_000);
    root.finish();
    let faults: Vec<String> = file.into_diagnostics().into_iter().map(|fault| fault.what).collect();
    layout.filter(|_| faults.is_empty()).ok_or(faults)
}

/// What the cut of a file gave: each record's key, or `!code` of one that is held, and its bytes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub rows: Vec<(String, String)>,
    /// `records 3 = 3`: declared and counted.
    pub totals: Vec<String>,
    /// The causes of what is held.
    pub causes: Vec<String>,
}

impl Seen {
    pub fn keys(&self) -> Vec<&str> {
        self.rows.iter().map(|(key, _)| key.as_str()).collect()
    }
}

impl RecordSink for Seen {
    fn record(&mut self, key: &str, raw: Raw<'_>) -> Result<(), Stopped> {
        self.rows.push((key.to_owned(), String::from_utf8_lossy(raw.bytes).into_owned()));
        Ok(())
    }

    fn unreadable(
        &mut self,
        code: &'static str,
        cause: String,
        raw: Raw<'_>,
    ) -> Result<(), Stopped> {
        self.causes.push(cause);
        self.record(&format!("!{code}"), raw)
    }
}

struct Drip<'a>(&'a [u8], usize);

impl Read for Drip<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = self.0.len().min(self.1).min(into.len());
        into[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

/// Cuts a file, at once and in pieces: it must not matter. A refusal is `code (place)`.
pub fn cut(layout: &Layout, bytes: impl AsRef<[u8]>) -> Result<Seen, String> {
    let bytes = bytes.as_ref();
    let portions: &[usize] = if bytes.len() > 100_000 { &[1 << 20] } else { &[1 << 20, 1, 7] };
    let mut results = portions.iter().map(|portion| {
        let mut seen = Seen::default();
        match layout.cut(&mut Drip(bytes, *portion), "tried.txt", &mut seen) {
            Ok(end) => {
                let line = |total: &super::Total| {
                    let declared = total.declared.map_or("?".to_owned(), |sum| sum.to_string());
                    format!("{} {declared} = {}", total.name, total.counted)
                };
                seen.totals = end.totals.iter().map(line).collect();
                Ok(seen)
            }
            Err(CutError::Format(fault)) => Err(format!("{} ({})", fault.code, fault.place)),
            Err(other) => Err(format!("{other:?}")),
        }
    });
    let first = results.next().expect("there is one portion at least");
    for other in results {
        assert_eq!(first, other, "it matters how it is read");
    }
    first
}

/// A record as `path = text` lines, or the code that it is refused with.
pub fn read(layout: &Layout, record: &str) -> Result<String, &'static str> {
    let mut document = Document::default();
    layout.format.read(record, &mut document).map_err(|fault| fault.code)?;
    let mut out = String::new();
    if let Some(root) = document.root() {
        write(&document, root, "", &mut out);
    }
    Ok(out)
}

fn write(document: &Document, node: NodeId, above: &str, out: &mut String) {
    for child in document.children(node) {
        let mark = if document.is_attribute(child) { "@" } else { "" };
        let path = format!("{above}{mark}{}", document.name(child));
        let _ = match document.children(child).next() {
            None => writeln!(out, "{path} = {}", document.text(child)),
            Some(_) => writeln!(out, "{path}"),
        };
        write(document, child, &format!("{path}/"), out);
    }
}
