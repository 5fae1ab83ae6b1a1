//! The people, properties and cases of the invented council's CRM. Nobody in it is real.
//!
//! They are such that what goes wrong with real ones can be rehearsed: a household that shares a telephone,
//! two of one name with different birthdays, a UPRN with a blank behind it, and one that is the CRM's own
//! number of a property.

use super::state::{Case, Contact, Individual, Memory, Postal, Property};
use crate::record::moment::Moment;
use crate::sandbox::council::household::Household;

pub const ARDEN: &str = "101000009001";
pub const BROOK: &str = "101000009002";
/// Another Arden Testberry, who was born on another day.
pub const ARDEN_THE_ELDER: &str = "101000009003";
/// Whose address has a property's number in place of its UPRN.
pub const CASEY: &str = "101000009004";

/// The properties, by the CRM's own numbers.
pub const PROPERTY_FICTION_ROAD: &str = "101000005001";
pub const PROPERTY_PRETEND_STREET: &str = "101000005002";

pub const CASE_ARDEN: &str = "101009990001";
pub const CASE_CASEY: &str = "101009990002";
pub const CASE_CLOSED: &str = "101009990003";

/// The enquiry of somebody whom the council knows from its accounts: the person, the case, and their numbers. The
/// case is open: they ask whether what they pay has come.
pub fn enquiry(home: &Household, at: &str) -> Option<((String, Individual), (String, Case))> {
    let adult = home.liable.first()?;
    let (id, case) = (format!("1010001{:05}", home.index), format!("1010991{:05}", home.index));
    let only = |number: &str, value: &str| Contact {
        id: number.to_owned(),
        value: value.to_owned(),
        preferred: true,
    };
    let individual = Individual {
        id: id.clone(),
        title: adult.title.to_owned(),
        given: vec![adult.forename.to_owned()],
        family: adult.surname.clone(),
        born: Some(adult.born.to_string()),
        nino: Some(adult.nino.clone()),
        postals: vec![Postal {
            id: "1".to_owned(),
            lines: [home.line_1.as_str(), home.line_2, "", home.town].map(str::to_owned),
            postcode: home.postcode.clone(),
            city: home.town.to_owned(),
            preferred: true,
            ..Postal::default()
        }],
        phones: vec![only("2", &adult.mobile)],
        emails: vec![only("3", &adult.email)],
        modified: at.to_owned(),
    };
    let enquiry = Case {
        person: Some(id.clone()),
        status: "Open".to_owned(),
        title: "Council tax payment enquiry".to_owned(),
        description: "Resident asks whether a payment has come".to_owned(),
        classification: ["Revenues", "Council Tax", "Payment"].map(str::to_owned),
        opened: at.to_owned(),
        modified: at.to_owned(),
        ..Case::default()
    };
    Some(((id, individual), (case, enquiry)))
}

pub fn council(now: Moment) -> Memory {
    let mut memory = Memory::default();
    let at = now.wall_said();
    for individual in individuals(&at) {
        memory.individuals.insert(individual.id.clone(), individual);
    }
    for (id, uprn, number, line, postcode) in [
        (PROPERTY_FICTION_ROAD, "100099900001", "12", "Fiction Road", "SK99 1AA"),
        (PROPERTY_PRETEND_STREET, "100099900002", "9", "Pretend Street", "SK99 1AB"),
        ("101000005003", "100099900003", "3", "Nowhere Lane", "SK99 1AD"),
    ] {
        let property = Property {
            // Padded, as the gazetteer's import left it.
            uprn: format!("{uprn} "),
            number: number.to_owned(),
            line: line.to_owned(),
            city: "Sampleham".to_owned(),
            postcode: postcode.to_owned(),
        };
        memory.properties.insert(id.to_owned(), property);
    }
    for (id, person, status, title) in [
        (CASE_ARDEN, ARDEN, "Open", "Council tax payment enquiry"),
        (CASE_CASEY, CASEY, "Open", "Council tax band"),
        (CASE_CLOSED, BROOK, "Closed", "Single occupier discount"),
    ] {
        let case = Case {
            person: Some(person.to_owned()),
            status: status.to_owned(),
            title: title.to_owned(),
            description: "Resident asks for a payment arrangement".to_owned(),
            classification: ["Revenues", "Council Tax", "Payment arrangement"].map(str::to_owned),
            opened: at.clone(),
            closed: (status == "Closed").then(|| at.clone()),
            modified: at.clone(),
            ..Case::default()
        };
        memory.cases.insert(id.to_owned(), case);
    }
    memory
}

fn individuals(at: &str) -> Vec<Individual> {
    let postal =
        |id: &str, number: &str, road: &str, postcode: &str, uprn: &str, preferred| Postal {
            id: id.to_owned(),
            number: number.to_owned(),
            lines: [road, "", "", "Sampleham"].map(str::to_owned),
            postcode: postcode.to_owned(),
            uprn: uprn.to_owned(),
            city: "Sampleham".to_owned(),
            preferred,
        };
    let contact = |id: &str, value: &str, preferred| Contact {
        id: id.to_owned(),
        value: value.to_owned(),
        preferred,
    };
    let person =
        |id: &str, title: &str, given: &[&str], family: &str, born: Option<&str>| Individual {
            id: id.to_owned(),
            title: title.to_owned(),
            given: given.iter().map(|name| (*name).to_owned()).collect(),
            family: family.to_owned(),
            born: born.map(str::to_owned),
            modified: at.to_owned(),
            ..Individual::default()
        };
    let home = |id: &str| postal(id, "12", "Fiction Road", "SK99 1AA", "100099900001 ", true);
    let shared = |id: &str| contact(id, "0161 496-0123", true);
    vec![
        Individual {
            nino: Some("QQ123456A".to_owned()),
            postals: vec![
                postal("6", "9", "Pretend Street", "SK99 1AB", PROPERTY_PRETEND_STREET, false),
                home("7"),
            ],
            phones: vec![shared("8"), contact("11", "07700 900123", false)],
            emails: vec![
                contact("9", "Arden@Example.com", true),
                contact("10", "arden.old@example.com", false),
            ],
            ..person(ARDEN, "Ms", &["Arden", "Juniper"], "Testberry", Some("1984-02-29"))
        },
        Individual {
            postals: vec![home("7")],
            phones: vec![shared("8")],
            ..person(BROOK, "Mr", &["Brook"], "Testberry", Some("1982-07-01"))
        },
        Individual {
            postals: vec![home("7")],
            phones: vec![shared("8")],
            ..person(ARDEN_THE_ELDER, "Mr", &["Arden"], "Testberry", Some("1955-01-31"))
        },
        Individual {
            postals: vec![postal(
                "7",
                "9",
                "Pretend Street",
                "SK99 1AB",
                PROPERTY_PRETEND_STREET,
                true,
            )],
            emails: vec![contact("9", "casey@example.com", true)],
            ..person(CASEY, "Mx", &["Casey"], "Fakeley", None)
        },
        person("101000009005", "", &["Siân"], "O'Sampleton", None),
    ]
}
