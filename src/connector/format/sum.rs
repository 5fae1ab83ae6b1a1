//! Amounts that an extract declares of its records, added up to the penny.

use super::{FormatError, Total};
use crate::record::value::pence::{Pence, PenceFormat};

/// The code of a sum that cannot be made, since a record's amount is written otherwise.
pub const UNREADABLE: &str = "file.total";

/// Amounts added up over the records.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sum {
    pence: Pence,
    /// The first record whose amount cannot be read, and how many there are.
    unread: Option<(u64, u64)>,
}

/// An amount as it stands; a blank is nothing. `None` where it cannot be read.
pub fn amount(text: &str, format: PenceFormat) -> Option<Pence> {
    match text.trim() {
        "" => Some(Pence::ZERO),
        text => Pence::parse(text, format).ok(),
    }
}

impl Sum {
    /// Adds what the record of that number says; what cannot be read, or cannot be added any more, is
    /// remembered.
    pub fn add(&mut self, amount: Option<Pence>, record: u64) {
        match amount.and_then(|amount| self.pence.checked_add(amount)) {
            Some(sum) => self.pence = sum,
            None => {
                let (first, many) = self.unread.unwrap_or((record, 0));
                self.unread = Some((first, many + 1));
            }
        }
    }

    /// What was declared beside what was added up. Where an amount could not be read they cannot be
    /// compared, and the extract is refused. `one` is what the format calls a record.
    pub fn total(
        &self,
        of: &str,
        one: &str,
        declared: Option<Pence>,
    ) -> Result<Total, FormatError> {
        let Some((first, many)) = self.unread else {
            let declared = declared.map(Pence::value);
            return Ok(Total {
                name: format!("pence in `{of}`"),
                declared,
                counted: self.pence.value(),
            });
        };
        let have = if many == 1 { format!("{one} has") } else { format!("{one}s have") };
        let cause = format!(
            "{many} {have} in `{of}` what cannot be read as an amount, so that the total cannot be checked"
        );
        Err(FormatError { code: UNREADABLE, cause, place: format!("{one} {first}") })
    }
}
