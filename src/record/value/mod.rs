//! UK values, parsed once at the door and valid ever after: numbers, codes, money, days, contacts.
//!
//! Each type keeps a normalised form beside what a caller needs to ask of it. Nothing here guesses:
//! text of an undeclared shape is an error with a code, and the mapping decides what that means.
//! The original text is not kept; the source record keeps it. These run for every field of every
//! record that changed, so they scan bytes once and allocate only where a value has no fixed size.

mod ascii;
pub mod bank;
pub mod date;
pub mod email;
pub mod nhs;
pub mod nino;
pub mod pence;
pub mod phone;
pub mod postcode;
pub mod spelling;
pub mod uprn;

use super::cause;

/// Why a text is not the value it was declared to be. It never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{}", self.means())]
pub struct ValueError {
    /// The word that mappings, held records and counters use.
    pub code: &'static str,
}

impl ValueError {
    const fn new(code: &'static str) -> Self {
        Self { code }
    }

    /// What is wrong, for a person who can see the value beside it.
    pub fn means(self) -> &'static str {
        cause::find(self.code).map_or("the value is not of the declared kind", |cause| cause.means)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_is_wrong() {
        let error = ValueError::new("uprn_wrong_shape");
        assert!(error.to_string().contains("twelve digits"));
    }
}
