//! XML: records cut out of a stream in bounded memory, and one record read into a `Document`.
//!
//! Two passes on purpose. The cut looks at every byte of every night's extract, so it only finds
//! where tags begin and end and that they match; an unchanged record is never parsed. What changed
//! is parsed by quick-xml. Nothing a DTD declares is ever used: a DOCTYPE is refused.

mod cut;
pub mod fault;
pub mod parse;
mod settings;
mod token;
pub mod write;

use std::io::Read;

use super::encoding::Encoding;
use super::sum::{Sum, amount};
use super::{CutError, Format, FormatError, RecordSink, Total};
use crate::record::document::{Document, Only, Path};
use crate::record::value::pence::{Pence, PenceFormat};

/// How an XML extract is laid out.
#[derive(Debug, Clone)]
pub struct XmlFormat {
    /// From the root to the record, e.g. `/c:CouncilTaxExtract/c:Account`.
    pub record: Path,
    /// From the record to its key.
    pub key: Path,
    /// From the root to the number of records that the extract declares.
    pub count: Option<Path>,
    /// Amounts that the extract declares, in pence.
    pub sums: Vec<XmlSum>,
    /// Prefixes that paths use.
    pub namespaces: Vec<(String, String)>,
    /// What their text is said to be written in.
    pub said: Encoding,
    pub record_bytes_max: usize,
}

/// An amount that an extract declares of its records. Where there is one, every record is parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct XmlSum {
    /// From the root to the declared sum.
    pub declared: Path,
    /// From the record to what is added up; all of them, where there are several.
    pub of: Path,
    pub format: PenceFormat,
    /// How the declared sum is written.
    pub declared_format: PenceFormat,
}

impl Format for XmlFormat {
    fn cut(&self, input: &mut dyn Read, sink: &mut dyn RecordSink) -> Result<Vec<Total>, CutError> {
        let end = cut::cut(self, input, sink)?;
        // Parsed though nothing be declared in it: it is part of what must be XML.
        let mut around = Document::default();
        if !end.around.trim().is_empty() {
            let place = || "outside the records".to_owned();
            parse::parse(&end.around, &mut around)
                .map_err(|fault| FormatError { place: place(), ..fault })?;
        }
        let mut totals = Vec::new();
        if let Some(path) = &self.count {
            let declared = find_from_root(&around, path)?.and_then(|text| text.trim().parse().ok());
            totals.push(Total {
                name: "records".to_owned(),
                declared,
                counted: end.records as i64,
            });
        }
        for (of, sum) in self.sums.iter().zip(&end.sums) {
            totals.push(of.total(&around, sum)?);
        }
        Ok(totals)
    }

    fn content_types(&self) -> &'static [&'static str] {
        &["xml"]
    }

    fn read(&self, record: &str, into: &mut Document) -> Result<(), FormatError> {
        parse::parse(record, into)
    }

    fn key(&self) -> Vec<Path> {
        vec![self.key.clone()]
    }

    fn said(&self) -> Encoding {
        self.said
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

impl XmlSum {
    /// What people call it.
    fn name(&self) -> &str {
        self.of.steps.last().map_or("the record", |step| step.name.as_str())
    }

    /// What one record adds; nothing where an amount cannot be read.
    fn amount(&self, record: &Document) -> Option<Pence> {
        let mut sum = Pence::ZERO;
        for node in record.find_all(record.root()?, &self.of) {
            sum = sum.checked_add(amount(record.text(node), self.format)?)?;
        }
        Some(sum)
    }

    fn total(&self, around: &Document, sum: &Sum) -> Result<Total, FormatError> {
        let declared = find_from_root(around, &self.declared)?;
        let declared = declared.and_then(|text| Pence::parse(text, self.declared_format).ok());
        sum.total(self.name(), "record", declared)
    }
}

/// The text at a path whose first step is the root itself.
fn find_from_root<'d>(document: &'d Document, path: &Path) -> Result<Option<&'d str>, FormatError> {
    let Some((root, (first, rest))) = document.root().zip(path.steps.split_first()) else {
        return Ok(None);
    };
    let fits = document.name(root) == first.name
        && first.space.as_deref().is_none_or(|space| document.space(root) == space);
    let rest = Path { up: 0, steps: rest.to_vec() };
    match document.find_only(root, &rest) {
        Only::One(node) if fits => Ok(Some(document.text(node))),
        Only::Several if fits => {
            let cause = "what the extract declares of itself stands in it twice".to_owned();
            let place = "outside the records".to_owned();
            Err(FormatError { code: "xml.duplicate", cause, place })
        }
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests;
