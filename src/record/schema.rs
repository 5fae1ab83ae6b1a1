//! The fields that an account, a party and a resident have, with their types and data classes.
//!
//! This table is the one definition of the common record: checks of mappings, JSON Schema and the
//! reference page are made from it. A resident has the fields of a party: it is the best of them.

use std::collections::HashMap;
use std::sync::OnceLock;

/// What a field holds once it is parsed. Money is whole pence, dates are calendar days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    Date,
    Pence,
    Whole,
    Decimal,
    Flag,
    Nino,
    Uprn,
    Postcode,
    Phone,
    Email,
}

impl Kind {
    /// The word a definition and the reference page use for it.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Date => "date",
            Kind::Pence => "pence",
            Kind::Whole => "whole",
            Kind::Decimal => "decimal",
            Kind::Flag => "flag",
            Kind::Nino => "nino",
            Kind::Uprn => "uprn",
            Kind::Postcode => "postcode",
            Kind::Phone => "phone",
            Kind::Email => "email",
        }
    }
}

/// How carefully a value is to be handled, from the least to the most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Says nothing about a person by itself.
    Plain,
    /// Names, birth and death, numbers that identify.
    Identity,
    /// Where and how to reach somebody.
    Contact,
    /// What is owed, paid or awarded.
    Money,
    /// Sort codes and account numbers: shown as the last four, never searched.
    Bank,
}

impl Class {
    /// The word the reference page uses for it.
    pub fn word(self) -> &'static str {
        match self {
            Class::Plain => "plain",
            Class::Identity => "identity",
            Class::Contact => "contact",
            Class::Money => "money",
            Class::Bank => "bank",
        }
    }
}

/// One field of the common record.
#[derive(Debug)]
pub struct Field {
    /// Dotted name; the part before the first dot is the group that change events speak of.
    pub name: &'static str,
    pub kind: Kind,
    pub class: Class,
    /// One sentence for the reference page and for editors.
    pub doc: &'static str,
    /// The words that it may hold, where they are few and others act on them; none where it may hold
    /// anything of its kind.
    pub words: &'static [&'static str],
}

impl Field {
    /// The group that change events name: `address` for `address.postcode`.
    pub fn group(&self) -> &'static str {
        self.name.split('.').next().unwrap_or(self.name)
    }
}

/// A repeating part of an account.
#[derive(Debug)]
pub struct List {
    pub name: &'static str,
    pub doc: &'static str,
    pub fields: &'static [Field],
}

const fn field(name: &'static str, kind: Kind, class: Class, doc: &'static str) -> Field {
    Field { name, kind, class, doc, words: &[] }
}

/// A text that is one of few words.
const fn worded(name: &'static str, words: &'static [&'static str], doc: &'static str) -> Field {
    Field { name, kind: Kind::Text, class: Class::Plain, doc, words }
}

/// Facts of an account: council tax, a benefit claim, a rent account. Stated once, whoever is liable.
pub static ACCOUNT: &[Field] = &[
    field(
        "reference",
        Kind::Text,
        Class::Identity,
        "The account's own number, as its system and whoever pays it know it.",
    ),
    worded(
        "status",
        &["open", "closed", "suspended"],
        "Where the account stands: open, closed, suspended.",
    ),
    field("opened", Kind::Date, Class::Plain, "The day the account began."),
    field("closed", Kind::Date, Class::Plain, "The day the account ended."),
    field(
        "year",
        Kind::Whole,
        Class::Plain,
        "The calendar year in which the financial year starts.",
    ),
    field(
        "stage",
        Kind::Text,
        Class::Money,
        "Where the account stands in recovery: billed, reminder …",
    ),
    field(
        "hold",
        Kind::Text,
        Class::Money,
        "Why the source system has put collection on hold, if it has.",
    ),
    field(
        "balance",
        Kind::Pence,
        Class::Money,
        "Still to pay for the year; negative when in credit.",
    ),
    field("charge", Kind::Pence, Class::Money, "Charged for the year before reductions."),
    field(
        "reductions",
        Kind::Pence,
        Class::Money,
        "Taken off the charge: discounts, exemptions, support.",
    ),
    field("paid", Kind::Pence, Class::Money, "Paid towards the year so far."),
    field("arrears", Kind::Pence, Class::Money, "Owed from earlier years."),
    field("award.housing_benefit", Kind::Pence, Class::Money, "Housing benefit a week."),
    field("award.council_tax_support", Kind::Pence, Class::Money, "Council tax support a week."),
    field(
        "payment.method",
        Kind::Text,
        Class::Plain,
        "How the account is paid: direct_debit, card, cash …",
    ),
    field(
        "payment.day",
        Kind::Whole,
        Class::Plain,
        "The day of the month on which instalments fall due.",
    ),
    field("payment.sort_code", Kind::Text, Class::Bank, "Sort code of the account that pays."),
    field("payment.account_number", Kind::Text, Class::Bank, "Number of the account that pays."),
    field("payment.mandate", Kind::Text, Class::Bank, "Reference of the Direct Debit instruction."),
    field("property.uprn", Kind::Uprn, Class::Contact, "Unique property reference number."),
    field("property.reference", Kind::Text, Class::Plain, "The valuation or property reference."),
    field("property.band", Kind::Text, Class::Plain, "Council tax band, A to I."),
    field("property.line1", Kind::Text, Class::Contact, "First line of the property's address."),
    field("property.line2", Kind::Text, Class::Contact, "Second line of the property's address."),
    field("property.town", Kind::Text, Class::Contact, "Town of the property."),
    field("property.county", Kind::Text, Class::Contact, "County of the property."),
    field("property.postcode", Kind::Postcode, Class::Contact, "Postcode of the property."),
    field(
        "link.council_tax",
        Kind::Text,
        Class::Identity,
        "The council tax account that a claim belongs to.",
    ),
];

/// Repeating facts of an account.
pub static LISTS: &[List] = &[
    List {
        name: "instalments",
        doc: "What is to be paid, and when.",
        fields: &[
            field("number", Kind::Whole, Class::Plain, "Its place in the plan, from 1."),
            field("due", Kind::Date, Class::Money, "The day it falls due."),
            field("amount", Kind::Pence, Class::Money, "What falls due."),
            field("paid", Kind::Pence, Class::Money, "What has been paid of it."),
        ],
    },
    List {
        name: "discounts",
        doc: "Discounts, exemptions and support in force.",
        fields: &[
            field("code", Kind::Text, Class::Money, "Which discount."),
            field("percent", Kind::Whole, Class::Money, "How much of the charge it takes off."),
            field("from", Kind::Date, Class::Money, "The day from which it applies."),
        ],
    },
];

/// Facts of one person (or estate, or organisation) as one record names them; and of a resident.
pub static PARTY: &[Field] = &[
    worded(
        "kind",
        &["person", "estate", "organisation", "placeholder"],
        "person, estate, organisation or placeholder.",
    ),
    field("name.title", Kind::Text, Class::Identity, "Title as given."),
    field(
        "name.given",
        Kind::Text,
        Class::Identity,
        "Given name, or initials where no more is known.",
    ),
    field("name.middle", Kind::Text, Class::Identity, "Other given names."),
    field(
        "name.family",
        Kind::Text,
        Class::Identity,
        "Family name; the whole name of an organisation.",
    ),
    worded("sex", &["female", "male"], "Female or male, where the source system says so."),
    field("birth_date", Kind::Date, Class::Identity, "Date of birth."),
    field(
        "birth_year",
        Kind::Whole,
        Class::Identity,
        "Year of birth, where no more of the day is known.",
    ),
    field(
        "death_date",
        Kind::Date,
        Class::Identity,
        "Date of death. Nothing is sent to the person after it.",
    ),
    field("deceased", Kind::Flag, Class::Identity, "Known to have died, with or without a date."),
    field("nino", Kind::Nino, Class::Identity, "National Insurance number."),
    field(
        "reference",
        Kind::Text,
        Class::Identity,
        "The number by which the source system knows the person.",
    ),
    field("contact.email", Kind::Email, Class::Contact, "E-mail address."),
    field("contact.phone", Kind::Phone, Class::Contact, "Telephone number, E.164."),
    field("contact.mobile", Kind::Phone, Class::Contact, "Mobile number, E.164."),
    field(
        "contact.as_given",
        Kind::Text,
        Class::Contact,
        "A telephone number as it was given, in use or not: people are told apart by it, and nothing is sent to it.",
    ),
    field(
        "consent.contact",
        Kind::Flag,
        Class::Contact,
        "Whether the person agreed to be contacted about services.",
    ),
    field(
        "address.uprn",
        Kind::Uprn,
        Class::Contact,
        "Unique property reference number of the home.",
    ),
    field("address.line1", Kind::Text, Class::Contact, "First line of the home address."),
    field("address.line2", Kind::Text, Class::Contact, "Second line."),
    field("address.line3", Kind::Text, Class::Contact, "Third line."),
    field("address.town", Kind::Text, Class::Contact, "Town."),
    field("address.county", Kind::Text, Class::Contact, "County."),
    field("address.postcode", Kind::Postcode, Class::Contact, "Postcode."),
    field("address.from", Kind::Date, Class::Contact, "The day from which the address holds."),
    field("address.to", Kind::Date, Class::Contact, "The day until which the address held."),
    field(
        "correspondence.line1",
        Kind::Text,
        Class::Contact,
        "First line of the address for letters.",
    ),
    field(
        "correspondence.line2",
        Kind::Text,
        Class::Contact,
        "Second line of the address for letters.",
    ),
    field("correspondence.town", Kind::Text, Class::Contact, "Town of the address for letters."),
    field(
        "correspondence.postcode",
        Kind::Postcode,
        Class::Contact,
        "Postcode of the address for letters.",
    ),
    field(
        "link.crm_person",
        Kind::Text,
        Class::Identity,
        "The number by which the CRM knows the person, from the CRM's own record: what is written back is \
         written under it, and never under one that a search found.",
    ),
    field(
        "link.crm_case",
        Kind::Text,
        Class::Identity,
        "The case that the CRM has open for the person.",
    ),
];

/// What one record says of a hold: collection stops for a person. The person is named in one of four ways.
pub static HOLD: &[Field] = &[
    field(
        "kind",
        Kind::Text,
        Class::Plain,
        "Which kind of hold: one of `mappings/suppression.toml` or the usual ones, such as breathing_space.",
    ),
    field(
        "reference",
        Kind::Text,
        Class::Identity,
        "What whoever registered it knows it by: said again, it is the same hold.",
    ),
    field("nino", Kind::Nino, Class::Identity, "The person's National Insurance number."),
    field("birth_date", Kind::Date, Class::Identity, "With it, the person's date of birth."),
    field(
        "source",
        Kind::Text,
        Class::Plain,
        "Or the system whose record names the person: its connector's name.",
    ),
    field("key", Kind::Text, Class::Identity, "And the record's key in that system."),
    field(
        "party",
        Kind::Text,
        Class::Identity,
        "The party's key on that record, where it names several people.",
    ),
    field(
        "account",
        Kind::Text,
        Class::Identity,
        "Or the account for which everybody who is liable is protected, by its reference.",
    ),
    field("resident", Kind::Whole, Class::Plain, "Or the resident, by our number."),
    field(
        "from",
        Kind::Date,
        Class::Plain,
        "The first day; the day on which the record came where nothing is said.",
    ),
    field("until", Kind::Date, Class::Plain, "The last day."),
    field(
        "lifted",
        Kind::Flag,
        Class::Plain,
        "It is over at its source, and so it is lifted here; a kind that goes on does so from then.",
    ),
    field("reason", Kind::Text, Class::Identity, "Why, for whoever reads it later."),
];

/// The roles a party can have on an account (fact sheet: liable, payer, claimant …).
pub static ROLES: &[(&str, &str)] = &[
    ("liable", "Owes the charge; jointly with every other liable party."),
    ("payer", "Pays it, whoever owes it."),
    ("claimant", "Claims a benefit."),
    ("partner", "The claimant's partner."),
    ("non_dependant", "An adult who lives there and is not part of the claim."),
    ("resident", "Lives there and is not liable."),
    ("landlord", "Receives the rent or the benefit paid for it."),
    ("representative", "Executor or appointee: correspondence only."),
    ("contact", "Known to a CRM."),
];

/// A field's place in [`ACCOUNT`], [`PARTY`] or [`HOLD`]: two bytes instead of a name.
pub type FieldId = u16;

/// The account field of that name.
pub fn account_field(name: &str) -> Option<&'static Field> {
    account_id(name).map(|id| &ACCOUNT[id as usize])
}

/// The party field of that name.
pub fn party_field(name: &str) -> Option<&'static Field> {
    party_id(name).map(|id| &PARTY[id as usize])
}

/// The list of that name.
pub fn list(name: &str) -> Option<&'static List> {
    LISTS.iter().find(|list| list.name == name)
}

/// The place of an account field.
pub fn account_id(name: &str) -> Option<FieldId> {
    static INDEX: OnceLock<HashMap<&'static str, FieldId>> = OnceLock::new();
    INDEX.get_or_init(|| index(ACCOUNT)).get(name).copied()
}

/// The place of a party field.
pub fn party_id(name: &str) -> Option<FieldId> {
    static INDEX: OnceLock<HashMap<&'static str, FieldId>> = OnceLock::new();
    INDEX.get_or_init(|| index(PARTY)).get(name).copied()
}

/// The place of a field of a hold.
pub fn hold_id(name: &str) -> Option<FieldId> {
    static INDEX: OnceLock<HashMap<&'static str, FieldId>> = OnceLock::new();
    INDEX.get_or_init(|| index(HOLD)).get(name).copied()
}

fn index(fields: &'static [Field]) -> HashMap<&'static str, FieldId> {
    fields.iter().enumerate().map(|(id, field)| (field.name, id as FieldId)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_at_its_own_place() {
        for (id, field) in ACCOUNT.iter().enumerate() {
            assert_eq!(account_id(field.name), Some(id as FieldId), "{}", field.name);
        }
        for (id, field) in PARTY.iter().enumerate() {
            assert_eq!(party_id(field.name), Some(id as FieldId), "{}", field.name);
        }
    }

    #[test]
    fn a_group_is_the_part_before_the_dot() {
        assert_eq!(party_field("address.postcode").map(Field::group), Some("address"));
        assert_eq!(account_field("balance").map(Field::group), Some("balance"));
    }
}
