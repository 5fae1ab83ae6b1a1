//! What the person at the keyboard may see: values masked, or shown because they asked. Either way
//! nothing that a record holds can move the cursor or begin a line of its own.

use clap::Args;

use super::logging::line::printable;
use crate::record::facts::{Difference, Facts, Value};
use crate::record::masking;
use crate::record::schema::{self, Field, FieldId};
use crate::record::value::pence::Pence;

/// Masked unless it was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Masked,
    Shown,
}

/// Whether a command shows values in place of their masks, and why.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct Unmasked {
    /// Show values in place of their masks, which takes a reason
    #[arg(long, requires = "reason")]
    pub show: bool,
    /// Why they are shown: it stands in the audit log, with your name
    #[arg(long, value_name = "WHY", requires = "show")]
    pub reason: Option<String>,
}

impl Unmasked {
    /// By the word of a call, whose reason is its own.
    pub fn of(show: bool) -> Unmasked {
        Unmasked { show, reason: None }
    }

    pub fn sight(&self) -> Sight {
        Sight::of(self.show)
    }
}

impl Sight {
    /// By the option of a command.
    pub fn of(show: bool) -> Sight {
        if show { Sight::Shown } else { Sight::Masked }
    }

    /// A field's value.
    pub fn value(self, field: &Field, value: &Value) -> String {
        printable(&match self {
            Sight::Masked => masking::mask(field, value),
            Sight::Shown => masking::show(field, value),
        })
    }

    /// A record's key.
    pub fn key(self, key: &str) -> String {
        self.seen(key, masking::mask_key)
    }

    /// Any text of which no more is known.
    pub fn text(self, text: &str) -> String {
        self.seen(text, masking::mask_text)
    }

    /// Where a message goes, or a value in it.
    pub fn address(self, text: &str) -> String {
        self.seen(text, masking::mask_address)
    }

    /// A sum of money.
    pub fn pence(self, pence: i64) -> String {
        match self {
            Sight::Masked => masking::mask_pence(pence),
            Sight::Shown => Pence::new(pence).said(),
        }
    }

    fn seen(self, text: &str, mask: fn(&str) -> String) -> String {
        match self {
            Sight::Masked => printable(&mask(text)),
            Sight::Shown => printable(text),
        }
    }

    /// A field of a table, if it has a value.
    pub fn field(self, table: &'static [Field], facts: &Facts, id: FieldId) -> Option<String> {
        Some(self.value(&table[id as usize], facts.get(id)?))
    }

    /// A party's name, as far as it has one.
    pub fn name(self, facts: &Facts) -> String {
        let part = |name: &str| self.field(schema::PARTY, facts, schema::party_id(name)?);
        let parts: Vec<String> =
            ["name.given", "name.family"].into_iter().filter_map(part).collect();
        parts.join(" ")
    }

    /// What was and what is: neither where no more is known than that it changed.
    pub fn sides(
        self,
        table: &'static [Field],
        difference: &Difference,
    ) -> (Option<String>, Option<String>) {
        let field = table.iter().find(|field| field.name == difference.field);
        let side = |value: &Option<Value>| Some(self.value(field?, value.as_ref()?));
        (side(&difference.was), side(&difference.is))
    }

    /// `address.line1 1•••d → 2•••t`
    pub fn difference(self, table: &'static [Field], difference: &Difference) -> String {
        let field = difference.field;
        let said = |side: Option<String>| side.unwrap_or_else(|| "nothing".to_owned());
        match self.sides(table, difference) {
            // Of a list, and of who is named, no more is kept than that it is another one.
            (None, None) if field == "parties" => "who is named on it".to_owned(),
            (None, None) => field.to_owned(),
            (was, is) => format!("{field} {} → {}", said(was), said(is)),
        }
    }

    /// The line that says which of both it is.
    pub fn note(self) -> &'static str {
        match self {
            Sight::Masked => "Values are masked; --show shows them, with --reason WHY.",
            Sight::Shown => "Values are shown; what is on this screen is personal data.",
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
        let name = "Test\u{1b}[2Jberry\nNAME";
        let value = Value::Text(name.to_owned());
        assert_eq!(Sight::Masked.value(field, &value), "T•••E");
        let shown = "Test\\u001b[2Jberry\\nNAME";
        assert_eq!(Sight::Shown.value(field, &value), shown);
        for say in [Sight::key, Sight::text, Sight::address] {
            assert_eq!(say(Sight::Shown, name), shown);
            assert!(say(Sight::Masked, name).contains("•••"));
        }
    }

    #[test]
    fn a_difference_is_said_in_one_phrase() {
        let text = |text: &str| Some(Value::Text(text.to_owned()));
        for (field, was, is, wanted) in [
            ("name.family", text("Testberry"), text("Bramble"), "name.family T•••y → B•••e"),
            ("nino", None, text("QQ123456A"), "nino nothing → •••56A"),
        ] {
            let difference = Difference { field, was, is };
            assert_eq!(Sight::Masked.difference(schema::PARTY, &difference), wanted);
        }
        let parties = Difference { field: "parties", was: None, is: None };
        assert_eq!(Sight::Masked.difference(schema::ACCOUNT, &parties), "who is named on it");
    }
}
