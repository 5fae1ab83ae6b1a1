//! Card numbers are masked before a record is kept. A record that holds one is set aside: what it
//! says is not published, and the number is in no table, log or backup of ours.
//!
//! Only what is new or changed comes here, and most of it is let pass after a look at its bytes.

use std::sync::Arc;

use crate::connector::channel::Source;
use crate::record::card::{self, Scanner};
use crate::record::document::{Document, NodeId};

/// The code under which such a record is held.
pub const CODE: &str = "card.data";

/// Looks through the records of one source.
pub struct Cards {
    source: Arc<dyn Source>,
    scanner: Scanner,
    document: Document,
}

impl Cards {
    pub fn new(source: Arc<dyn Source>) -> Cards {
        Cards { source, scanner: Scanner::default(), document: Document::default() }
    }

    /// Masks card numbers in a record that stands alone. Gives why it is held, if one was there.
    pub fn mask(&mut self, record: &mut [u8], key: &str) -> Option<String> {
        if !self.source.format().values_touch() && !self.scanner.may_hold(record) {
            return None;
        }
        let Some(fields) = self.masked_values(record, key) else {
            return self.mask_unreadable(record);
        };
        let where_it_stands = match fields.as_slice() {
            [] => return None,
            [one] => format!("in `{one}`"),
            [first, .., last] => format!("across `{first}` to `{last}`"),
        };
        Some(format!(
            "what looks like a card number stands {where_it_stands}: its digits were masked before \
             anything was kept; have it taken out at its source"
        ))
    }

    /// The same for what could not be read as a record.
    pub fn mask_unreadable(&mut self, record: &mut [u8]) -> Option<String> {
        let cause = "what looks like a card number stands in a row that cannot be read: its digits were \
                     masked before anything was kept; have it taken out at its source";
        self.scanner.mask(record).then(|| cause.to_owned())
    }

    /// The names of the fields in which the first number stood; none where the record cannot be read.
    fn masked_values(&mut self, record: &mut [u8], key: &str) -> Option<Vec<String>> {
        let found = self.find(record, key)?;
        let text = |(node, at): &(NodeId, std::ops::Range<usize>)| {
            self.document.text(*node).as_bytes()[at.clone()].to_vec()
        };
        let Some(first) = found.first() else { return Some(Vec::new()) };
        let fields = first.parts.iter().map(|(node, _)| self.document.name(*node).to_owned());
        let fields = fields.collect();
        let texts: Vec<Vec<u8>> = found.iter().flat_map(|found| &found.parts).map(text).collect();
        for text in &texts {
            card::mask_everywhere(record, text);
        }
        // A number that is written otherwise than it is read, or with another across it, is still there.
        match self.find(record, key) {
            Some(left) if left.is_empty() => {}
            _ => card::mask_digits(record),
        }
        Some(fields)
    }

    fn find(&mut self, record: &[u8], key: &str) -> Option<Vec<card::Found>> {
        let text = std::str::from_utf8(record).ok()?;
        self.source.format().read(text, &mut self.document).ok()?;
        let document = &self.document;
        let let_off = self.source.not_cards();
        // What identifies the record was chosen by the council, and may have a card's length.
        let is_let_off = |node| {
            let (name, text) = (document.name(node), document.text(node).trim());
            key.split('/').chain([key]).any(|part| part == text)
                || let_off.iter().any(|known| known.eq_ignore_ascii_case(name))
        };
        Some(self.scanner.find(document, &is_let_off))
    }
}
