//! Who of the CRM somebody may be: candidates with what speaks for and against each. It asks, and has no
//! means to write. Nothing that it finds is a decision: a person confirms, or a rule that needs more than a
//! name and a shared telephone.

use chrono::NaiveDate;

use super::client::{Body, Brief, INDIVIDUAL, Questions};
use super::party::{Individual, Postal, same_email, same_phone};
use crate::connector::channel::ConnectorError;
use crate::record::personal::unprinted;
use crate::record::value::uprn::Uprn;

/// So many of a list are looked at: each costs a question.
const CANDIDATES_MAX: usize = 30;
/// What a name and one thing in common come to is not enough: a household shares a telephone.
pub const SURE_AT: i32 = 3;
const OTHER_BIRTHDAY: i32 = -10;

/// What is known of somebody.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub given: String,
    pub family: String,
    pub born: Option<NaiveDate>,
    pub email: Option<String>,
    pub phone: Option<String>,
    pub other_phone: Option<String>,
    pub uprn: Option<Uprn>,
    /// Number or name of the house, and postcode.
    pub house: Option<String>,
    pub postcode: Option<String>,
}

/// What speaks for somebody, or against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    Email,
    Phone,
    OtherPhone,
    Uprn,
    Address,
    BirthDate,
    /// Another day than ours.
    OtherBirthDate,
}

impl Evidence {
    fn points(self) -> i32 {
        match self {
            Evidence::OtherBirthDate => OTHER_BIRTHDAY,
            _ => 1,
        }
    }
}

/// Somebody who may be the one.
#[derive(Clone, PartialEq, Eq)]
pub struct Candidate {
    pub individual: Individual,
    pub evidence: Vec<Evidence>,
}

impl Candidate {
    pub fn score(&self) -> i32 {
        self.evidence.iter().map(|one| one.points()).sum()
    }

    /// Whether it is worth a person's confirmation. Even then nothing is written for it.
    pub fn is_likely(&self) -> bool {
        self.score() >= SURE_AT
    }
}

/// Looks for somebody, best first: with everything that is known, then with less and less, until somebody
/// likely is found. Without both names nobody is looked for: everybody would be found.
pub async fn search(crm: &Questions, wanted: &Wanted) -> Result<Vec<Candidate>, ConnectorError> {
    let mut found: Vec<Candidate> = Vec::new();
    if wanted.given.trim().is_empty() || wanted.family.trim().is_empty() {
        return Ok(found);
    }
    for step in Step::ALL {
        let Some(question) = step.question(wanted)? else { continue };
        for brief in crm.people(question).await?.into_iter().take(CANDIDATES_MAX) {
            if is_known(&found, &brief) || brief.kind != INDIVIDUAL {
                continue;
            }
            // One that is gone since it was listed is nobody.
            let Some((individual, _)) = crm.individual(&brief.id).await? else { continue };
            let evidence = evidence(crm, &individual, wanted).await?;
            found.push(Candidate { individual, evidence });
        }
        if found.len() >= CANDIDATES_MAX || found.iter().any(Candidate::is_likely) {
            break;
        }
    }
    found.sort_by_key(|candidate| std::cmp::Reverse(candidate.score()));
    Ok(found)
}

fn is_known(found: &[Candidate], brief: &Brief) -> bool {
    found.iter().any(|candidate| candidate.individual.id == brief.id)
}

/// Which of the things that are known are asked with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Everything,
    Email,
    Phone,
    House,
    Name,
}

impl Step {
    const ALL: [Step; 5] = [Step::Everything, Step::Email, Step::Phone, Step::House, Step::Name];

    /// None where what it asks with is not known.
    fn question(self, wanted: &Wanted) -> Result<Option<Body>, ConnectorError> {
        let with = |step: Step, value: &Option<String>| {
            value.clone().filter(|_| self == step || self == Step::Everything)
        };
        let email = with(Step::Email, &wanted.email);
        let phone = with(Step::Phone, &wanted.phone);
        let (house, postcode) =
            (with(Step::House, &wanted.house), with(Step::House, &wanted.postcode));
        let born = wanted.born.filter(|_| self == Step::Everything).map(|day| day.to_string());
        let known = match self {
            Step::Everything | Step::Name => true,
            Step::Email => email.is_some(),
            Step::Phone => phone.is_some(),
            Step::House => house.is_some() && postcode.is_some(),
        };
        if !known {
            return Ok(None);
        }
        let body = Body::default()
            .leaf("SearchType", Some("individual"))?
            .leaf("SearchMatch", Some("equals_ignore_case"))?
            .leaf("Name", Some(wanted.family.trim()))?
            .leaf("Forename", Some(wanted.given.trim()))?
            .leaf("DateOfBirth", born.as_deref())?
            .leaf("Postcode", postcode.as_deref())?
            .leaf("AddressNumber", house.as_deref())?
            .leaf("PhoneNumber", phone.as_deref())?
            .leaf("EmailAddress", email.as_deref())?;
        Ok(Some(body))
    }
}

/// What somebody has in common with the one who is looked for. A field that either does not know says
/// nothing.
async fn evidence(
    crm: &Questions,
    individual: &Individual,
    wanted: &Wanted,
) -> Result<Vec<Evidence>, ConnectorError> {
    let mut found = plain_evidence(individual, wanted);
    if let Some(uprn) = wanted.uprn
        && lives_at(crm, &individual.postals, uprn).await?.is_some()
    {
        found.push(Evidence::Uprn);
    }
    Ok(found)
}

fn plain_evidence(individual: &Individual, wanted: &Wanted) -> Vec<Evidence> {
    let has_phone = |number: &Option<String>| {
        let number = number.as_deref().unwrap_or_default();
        individual.phones.iter().any(|one| same_phone(&one.value, number))
    };
    let email = wanted.email.as_deref().unwrap_or_default();
    let (house, postcode) = (
        wanted.house.as_deref().unwrap_or_default(),
        wanted.postcode.as_deref().unwrap_or_default(),
    );
    let birth = individual.born.zip(wanted.born);
    let all = [
        (individual.emails.iter().any(|one| same_email(&one.value, email)), Evidence::Email),
        (has_phone(&wanted.phone), Evidence::Phone),
        (has_phone(&wanted.other_phone), Evidence::OtherPhone),
        (individual.postals.iter().any(|one| one.is_at(house, postcode)), Evidence::Address),
        (birth.is_some_and(|(theirs, ours)| theirs == ours), Evidence::BirthDate),
        (birth.is_some_and(|(theirs, ours)| theirs != ours), Evidence::OtherBirthDate),
    ];
    all.into_iter().filter(|(holds, _)| *holds).map(|(_, evidence)| evidence).collect()
}

/// The address that is of that property. What is called a UPRN is sometimes the CRM's own number of it, and
/// may look like one: then the property is asked which it is.
pub async fn lives_at<'p>(
    crm: &Questions,
    postals: &'p [Postal],
    uprn: Uprn,
) -> Result<Option<&'p Postal>, ConnectorError> {
    if let Some(found) = postals.iter().find(|postal| postal.has_uprn(uprn)) {
        return Ok(Some(found));
    }
    for postal in postals.iter().filter(|postal| !postal.uprn.is_empty()).take(CANDIDATES_MAX) {
        let property = crm.property(&postal.uprn).await?;
        if property.is_some_and(|property| property.uprn == Some(uprn)) {
            return Ok(Some(postal));
        }
    }
    Ok(None)
}

unprinted!(Wanted, Candidate);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::verint::party::Contact;

    fn day(text: &str) -> Option<NaiveDate> {
        text.parse().ok()
    }

    fn arden() -> Individual {
        let contact = |value: &str| Contact { value: value.to_owned(), ..Contact::default() };
        Individual {
            id: "1".to_owned(),
            phones: vec![contact("0161 496 0123")],
            emails: vec![contact("Arden@Example.com")],
            postals: vec![Postal {
                number: "12".to_owned(),
                postcode: "SK99 1AA".to_owned(),
                ..Postal::default()
            }],
            born: day("1984-02-29"),
            ..Individual::default()
        }
    }

    fn scored(wanted: &Wanted) -> i32 {
        let evidence = plain_evidence(&arden(), wanted);
        Candidate { individual: arden(), evidence }.score()
    }

    #[test]
    fn quirk_20_another_birthday_outweighs_everything_and_a_missing_one_says_nothing() {
        let same = Wanted {
            email: Some("arden@example.com".to_owned()),
            phone: Some("01614960123".to_owned()),
            house: Some("12".to_owned()),
            postcode: Some("sk99 1aa".to_owned()),
            born: day("1984-02-29"),
            ..Wanted::default()
        };
        assert_eq!(scored(&same), 4);
        assert_eq!(scored(&Wanted { born: None, ..same.clone() }), 3);
        assert_eq!(scored(&Wanted { born: day("1984-02-28"), ..same }), 3 - 10);
        assert_eq!(scored(&Wanted::default()), 0);
    }

    #[test]
    fn quirk_21_a_shared_telephone_is_not_enough() {
        let shared = Wanted { phone: Some("0161 496-0123".to_owned()), ..Wanted::default() };
        let evidence = plain_evidence(&arden(), &shared);
        let candidate = Candidate { individual: arden(), evidence };
        assert_eq!((candidate.score(), candidate.is_likely()), (1, false));
    }
}
