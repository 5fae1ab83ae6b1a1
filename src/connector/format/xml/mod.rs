//! XML: records cut out of a stream in bounded memory, and one record read into a `Document`.
//!
//! Two passes on purpose. The cut looks at every byte of every night's extract, so it only finds
//! where tags begin and end and that they match; an unchanged record is never parsed. What changed is
//! parsed by quick-xml. Nothing a DTD declares is ever used: a DOCTYPE is refused.

mod cut;
mod parse;

use std::io::Read;

use super::{CutError, Format, FormatError, RecordSink, Total};
use crate::record::document::{Document, Path, Step};

/// How an XML extract is laid out.
#[derive(Debug, Clone)]
pub struct XmlFormat {
    /// From the root to the record, e.g. `/c:CouncilTaxExtract/c:Account`.
    pub record: Path,
    /// From the record to its key.
    pub key: Path,
    /// From the root to the number of records that the extract declares.
    pub count: Option<Path>,
    /// Prefixes that paths use.
    pub namespaces: Vec<(String, String)>,
    pub record_bytes_max: usize,
}

impl Format for XmlFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        let end = cut::cut(self, input, sink)?;
        let Some(path) = &self.count else { return Ok(Vec::new()) };
        let mut around = Document::default();
        parse::parse(&end.around, &mut around)?;
        let declared = find_from_root(&around, path).and_then(|text| text.trim().parse().ok());
        Ok(vec![Total { name: "records".to_owned(), declared, counted: end.records as i64 }])
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        parse::parse(record, into)
    }

    fn share(&self) -> Box<dyn Format> {
        Box::new(self.clone())
    }

    fn encoding_code(&self) -> &'static str {
        "xml.encoding"
    }

    fn declared_encoding(&self, head: &str) -> Option<String> {
        let declaration = head.trim_start().strip_prefix("<?xml")?;
        let declaration = declaration.split_once("?>").map_or(declaration, |(inside, _)| inside);
        let (before, behind) = declaration.split_once("encoding")?;
        let quote = |text: &str| text.chars().next().filter(|letter| matches!(letter, '"' | '\''));
        let value = behind.trim_start().strip_prefix('=')?.trim_start();
        let mark = quote(value).filter(|_| before.ends_with(char::is_whitespace))?;
        value[1..].split_once(mark).map(|(label, _)| label.trim().to_owned())
    }

    fn namespace(&self, prefix: &str) -> Option<&str> {
        let known = self.namespaces.iter().find(|(known, _)| known == prefix);
        known.map(|(_, uri)| uri.as_str())
    }
}

/// The text at a path whose first step is the root itself.
fn find_from_root<'d>(document: &'d Document, path: &Path) -> Option<&'d str> {
    let root = document.root()?;
    let (first, rest) = path.steps.split_first()?;
    let fits = document.name(root) == first.name
        && first.space.as_deref().is_none_or(|space| document.space(root) == space);
    let rest = Path { up: 0, steps: rest.to_vec() };
    document.find(root, &rest).filter(|_| fits).map(|node| document.text(node))
}

/// The key's attribute, where the key is an attribute of the record itself.
fn key_attribute(key: &Path) -> Option<&Step> {
    match key.steps.as_slice() {
        [step] if step.attribute && key.up == 0 => Some(step),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
