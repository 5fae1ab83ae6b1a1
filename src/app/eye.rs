//! What the person at the keyboard may see: values masked, or shown because they asked. Either way
//! nothing that a record holds can move the cursor or begin a line of its own.

use super::logging::line::printable;
use crate::record::facts::{Difference, Facts, Value};
use crate::record::masking::{mask, mask_address, mask_text, show};
use crate::record::schema::{self, Field, FieldId};

/// Masked unless it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Eye {
    pub shows: bool,
}

impl Eye {
    /// A field's value.
    pub fn value(self, field: &Field, value: &Value) -> String {
        printable(&if self.shows { show(field, value) } else { mask(field, value) })
    }

    /// A record's key, or any text of which no more is known.
    pub fn text(self, text: &str) -> String {
        printable(&if self.shows { text.to_owned() } else { mask_text(text) })
    }

    /// Where a message goes, or a value in it.
    pub fn address(self, text: &str) -> String {
        printable(&if self.shows { text.to_owned() } else { mask_address(text) })
    }

    /// A field of a table, if it has a value.
    pub fn field(self, table: &'static [Field], facts: &Facts, id: FieldId) -> Option<String> {
        Some(self.value(&table[id as usize], facts.get(id)?))
    }

    /// `address.line1 1•••d → 2•••t`
    pub fn difference(self, table: &'static [Field], difference: &Difference) -> String {
        let field = table.iter().find(|field| field.name == difference.field);
        let said = |value: &Option<Value>| match (field, value) {
            (Some(field), Some(value)) => self.value(field, value),
            _ => "nothing".to_owned(),
        };
        match (&difference.was, &difference.is) {
            // Of a list, and of who is named, no more is kept than that it is another one.
            (None, None) if difference.field == "parties" => "who is named on it".to_owned(),
            (None, None) => difference.field.to_owned(),
            (was, is) => format!("{} {} → {}", difference.field, said(was), said(is)),
        }
    }

    /// The line that says which of both it is.
    pub fn note(self) -> &'static str {
        match self.shows {
            true => "Values are shown; what is on this screen is personal data.",
            false => "Values are masked; --show shows them.",
        }
    }
}

/// The table of a change's subject.
pub fn table_of(subject: &str) -> &'static [Field] {
    if subject == "account" { schema::ACCOUNT } else { schema::PARTY }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_masked_and_stays_on_its_line() {
        let field = schema::party_field("name.family").unwrap();
        let value = Value::Text("Test\u{1b}[2Jberry\nNAME".to_owned());
        assert_eq!(Eye { shows: false }.value(field, &value), "T•••E");
        assert_eq!(Eye { shows: true }.value(field, &value), "Test\\u001b[2Jberry\\nNAME");
    }

    #[test]
    fn a_difference_is_said_in_one_phrase() {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        let eye = Eye { shows: false };
        for (field, was, is, wanted) in [
            ("name.family", text("Testberry"), text("Bramble"), "name.family T•••y → B•••e"),
            ("nino", None, text("QQ123456A"), "nino nothing → •••56A"),
        ] {
            assert_eq!(eye.difference(schema::PARTY, &Difference { field, was, is }), wanted);
        }
        let parties = Difference { field: "parties", was: None, is: None };
        assert_eq!(eye.difference(schema::ACCOUNT, &parties), "who is named on it");
    }
}
