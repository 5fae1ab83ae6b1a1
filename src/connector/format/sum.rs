//! Amounts that an extract declares of its records, added up to the penny.

use super::{FormatError, Total};
use crate::record::value::pence::{Pence, PenceFormat};

/// The code of a total that cannot be checked, since what should be added up cannot be read.
pub const UNSURE: &str = "file.total_unsure";

/// How many of the records that cannot be added up are named; the rest are counted.
const NAMED_MAX: usize = 3;

/// Amounts added up over the records.
#[derive(Debug, Clone, Default)]
pub struct Sum {
    pence: Pence,
    /// The first records that cannot be added up, and what is the matter with each.
    unread: Vec<(u64, String)>,
    /// How many there are.
    unread_many: usize,
}

/// An amount as it stands; a blank is nothing. `None` where it cannot be read.
pub fn amount(text: &str, format: PenceFormat) -> Option<Pence> {
    match text.trim() {
        "" => Some(Pence::ZERO),
        text => Pence::parse(text, format).ok(),
    }
}

impl Sum {
    /// Adds what the record of that number says in `of`; what cannot be read, or cannot be added any
    /// more, is remembered.
    pub fn add(&mut self, of: &str, amount: Option<Pence>, record: u64) {
        match amount.and_then(|amount| self.pence.checked_add(amount)) {
            Some(sum) => self.pence = sum,
            None => {
                self.miss(
                    record,
                    &format!("the record has in `{of}` what cannot be read as an amount"),
                );
            }
        }
    }

    /// Remembers a record that is bad itself, in the words that it is held with: what it adds cannot
    /// be known.
    pub fn miss(&mut self, record: u64, cause: &str) {
        self.unread_many += 1;
        if self.unread.len() < NAMED_MAX {
            self.unread.push((record, cause.to_owned()));
        }
    }

    /// What was declared beside what was added up. Where a record could not be added they cannot be
    /// compared, and the extract is refused. `one` is what the format calls a record.
    pub fn total(
        &self,
        of: &str,
        one: &str,
        declared: Option<Pence>,
    ) -> Result<Total, FormatError> {
        let Some((first, _)) = self.unread.first() else {
            let declared = declared.map(Pence::value);
            return Ok(Total {
                name: format!("pence in `{of}`"),
                declared,
                counted: self.pence.value(),
            });
        };
        let named = self.unread.iter().map(|(number, cause)| said(one, *number, cause));
        let mut named: Vec<String> = named.collect();
        let more = self.unread_many - named.len();
        if more > 0 {
            named.push(format!("and {more} more {one}{}", if more == 1 { "" } else { "s" }));
        }
        let cause = format!("{}, so that the total cannot be checked", named.join("; "));
        Err(FormatError { code: UNSURE, cause, place: format!("{one} {first}") })
    }
}

/// `the line has 191 columns` of line 22 is `line 22 has 191 columns`.
fn said(one: &str, number: u64, cause: &str) -> String {
    let itself = ["the line ", "the row ", "the record "];
    match itself.iter().find_map(|itself| cause.strip_prefix(itself)) {
        Some(rest) => format!("{one} {number} {rest}"),
        None => format!("{one} {number}: {cause}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_added_up_is_named_in_its_own_words_and_the_rest_is_counted() {
        let mut sum = Sum::default();
        sum.add("due", Some(Pence::ZERO), 21);
        sum.miss(22, "the line has 191 columns, not 200");
        let told = |sum: &Sum| sum.total("due", "line", None).unwrap_err().to_string();
        assert_eq!(
            told(&sum),
            "file.total_unsure: line 22 has 191 columns, not 200, so that the total cannot be \
             checked (line 22)"
        );
        sum.add("due", None, 23);
        sum.miss(30, "there are bytes that the encoding does not have");
        sum.miss(31, "the line has 1 columns, not 200");
        assert_eq!(
            told(&sum),
            "file.total_unsure: line 22 has 191 columns, not 200; line 23 has in `due` what cannot \
             be read as an amount; line 30: there are bytes that the encoding does not have; and 1 \
             more line, so that the total cannot be checked (line 22)"
        );
    }
}
