//! A person as the CRM has them: names, addresses, telephones and e-mails are lists with their history, one
//! of each preferred. What two of them have in common is asked as people would: a date is a date, however it
//! is written, and an e-mail is the same whatever its case.

use chrono::NaiveDate;

use crate::connector::soap::envelope::{text_at, way};
use crate::record::document::{Document, NodeId};
use crate::record::personal::unprinted;
use crate::record::value::email::Email;
use crate::record::value::phone::Phone;
use crate::record::value::postcode::Postcode;
use crate::record::value::uprn::Uprn;

/// A person.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Individual {
    pub id: String,
    pub names: Vec<Name>,
    pub postals: Vec<Postal>,
    pub phones: Vec<Contact>,
    pub emails: Vec<Contact>,
    pub born: Option<NaiveDate>,
}

#[derive(Clone, Default, PartialEq, Eq)]
pub struct Name {
    pub given: String,
    pub family: String,
}

/// An address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Postal {
    pub id: String,
    pub number: String,
    /// By their places; one may be empty.
    pub lines: Vec<String>,
    pub postcode: String,
    /// Sometimes the CRM's own number of the property.
    pub uprn: String,
    pub preferred: bool,
}

/// A telephone number or an e-mail address.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Contact {
    pub id: String,
    pub value: String,
    pub preferred: bool,
}

impl Individual {
    /// Reads it; None where it does not say who it is.
    pub fn read(document: &Document, node: NodeId) -> Option<Individual> {
        let text =
            |node, names: &str| text_at(document, node, names).unwrap_or_default().to_owned();
        let each = |names: &str| document.find_all(node, &way(names));
        let preferred = |node| is_yes(&text(node, "Preferred"));
        let contacts = |list: &str, id: &str, value: &str| -> Vec<Contact> {
            let read = |node| Contact {
                id: text(node, id),
                value: text(node, value),
                preferred: preferred(node),
            };
            each(list).into_iter().map(read).collect()
        };
        let postal = |node| Postal {
            id: text(node, "AddressID"),
            number: text(node, "AddressNumber"),
            lines: (document.find_all(node, &way("AddressLine")).into_iter())
                .map(|line| document.text(line).trim().to_owned())
                .collect(),
            postcode: text(node, "Postcode"),
            uprn: text(node, "UPRN"),
            preferred: preferred(node),
        };
        let name = |node| Name { given: text(node, "Forename"), family: text(node, "Surname") };
        Some(Individual {
            id: text_at(document, node, "BriefDetails/ObjectID/ObjectReference")?.to_owned(),
            names: each("Name").into_iter().map(name).collect(),
            postals: each("ContactPostals").into_iter().map(postal).collect(),
            phones: contacts("ContactPhones", "PhoneID", "Number"),
            emails: contacts("ContactEmails", "EmailID", "EmailAddress"),
            born: text_at(document, node, "DateOfBirth").and_then(date),
        })
    }
}

impl Postal {
    pub fn has_uprn(&self, wanted: Uprn) -> bool {
        Uprn::parse(&self.uprn).is_ok_and(|found| found == wanted)
    }

    /// The same house, by number or first line and postcode.
    pub fn is_at(&self, number: &str, postcode: &str) -> bool {
        let house = |text: &str| text.trim().to_lowercase();
        let is_house = house(&self.number) == house(number)
            || self.number.is_empty() && self.lines.iter().any(|line| house(line) == house(number));
        !number.trim().is_empty() && is_house && same_postcode(&self.postcode, postcode)
    }
}

fn is_yes(text: &str) -> bool {
    text.eq_ignore_ascii_case("true") || text == "1"
}

/// A day, of a date or of a moment: `1984-02-29`, `1984-02-29T00:00:00`, `1984-02-29+01:00`.
pub fn date(text: &str) -> Option<NaiveDate> {
    let day = text.trim().get(..10)?;
    NaiveDate::parse_from_str(day, "%Y-%m-%d").ok()
}

/// E-mail addresses are one whatever their case.
pub fn same_email(one: &str, two: &str) -> bool {
    match (Email::parse(one), Email::parse(two)) {
        (Ok(one), Ok(two)) => one.folded().eq_ignore_ascii_case(two.folded()),
        _ => !one.trim().is_empty() && one.trim().eq_ignore_ascii_case(two.trim()),
    }
}

/// Telephone numbers are one however they are written.
pub fn same_phone(one: &str, two: &str) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(char::is_ascii_digit).collect() };
    match (Phone::parse(one), Phone::parse(two)) {
        (Ok(one), Ok(two)) => one.as_str() == two.as_str(),
        _ => !digits(one).is_empty() && digits(one) == digits(two),
    }
}

pub fn same_postcode(one: &str, two: &str) -> bool {
    match (Postcode::parse(one), Postcode::parse(two)) {
        (Ok(one), Ok(two)) => one == two,
        _ => false,
    }
}

unprinted!(Individual, Name, Postal, Contact);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirk_20_dates_are_compared_as_dates_and_not_as_instants() {
        let day = date("1984-02-29");
        assert!(day.is_some());
        for same in
            ["1984-02-29T00:00:00", "1984-02-29T23:00:00Z", "1984-02-29+01:00", " 1984-02-29 "]
        {
            assert_eq!(date(same), day, "{same}");
        }
        assert_ne!(date("1984-02-28T23:00:00Z"), day);
        assert_eq!((date(""), date("29/02/1984"), date("1985-02-29")), (None, None, None));
    }

    #[test]
    fn quirk_22_an_email_is_the_same_whatever_its_case() {
        assert!(same_email("Arden@Example.com", "arden@example.com "));
        assert!(!same_email("arden@example.com", "brook@example.com"));
        assert!(!same_email("", ""));
    }

    #[test]
    fn a_telephone_number_is_the_same_however_it_is_written() {
        assert!(same_phone("0161 496-0123", "+441614960123"));
        assert!(same_phone("(07700) 900123", "07700900123"));
        assert!(!same_phone("07700 900123", "07700 900124"));
        assert!(!same_phone("unknown", "none"));
    }

    #[test]
    fn a_house_is_known_by_its_number_or_its_first_line() {
        let postal = Postal {
            number: "12".to_owned(),
            postcode: "sk991aa".to_owned(),
            uprn: "100099900001 ".to_owned(),
            ..Postal::default()
        };
        assert!(postal.is_at(" 12", "SK99 1AA") && !postal.is_at("", "SK99 1AA"));
        assert!(!postal.is_at("13", "SK99 1AA") && !postal.is_at("12", "SK99 1AB"));
        assert!(postal.has_uprn(Uprn::parse("100099900001").expect("a UPRN")));
    }
}
