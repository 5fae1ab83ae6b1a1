//! What somebody knows of a resident they look for, brought into the form that records have, and
//! whether a party's facts agree with it.
//!
//! A person on the telephone spells a name, has one of two numbers, and knows a postcode in any case.
//! What is given must agree all; which of the words agrees with what is told, so that two parties of
//! one resident may agree between them.

use super::facts::Facts;
use super::personal::Personal;
use super::schema;
use super::value::email::Email;
use super::value::nino::Nino;
use super::value::phone::Phone;
use super::value::postcode::Postcode;
use super::value::spelling::fold_name;

/// What was given, as it was typed.
#[derive(Debug, Clone, Default)]
pub struct Given {
    pub reference: Option<Personal<String>>,
    pub nino: Option<Personal<String>>,
    pub email: Option<Personal<String>>,
    pub phone: Option<Personal<String>>,
    pub name: Option<Personal<String>>,
    pub postcode: Option<Personal<String>>,
}

/// What is looked for, normalised. Every wish has a bit of its own.
#[derive(Debug)]
pub struct Search {
    /// Spellings of one reference, the likeliest first.
    pub references: Vec<Personal<String>>,
    nino: Option<Nino>,
    email: Option<Email>,
    phone: Option<Phone>,
    /// Folded words.
    name: Vec<Personal<String>>,
    postcode: Option<Postcode>,
}

const NINO: u8 = 1;
const EMAIL: u8 = 2;
const PHONE: u8 = 4;
const NAME: u8 = 8;
const POSTCODE: u8 = 16;

impl Search {
    /// Normalises what was given. The error names the option and what it should be, never the value.
    pub fn new(given: &Given) -> Result<Search, String> {
        let name: Vec<Personal<String>> = given.name.as_ref().map_or_else(Vec::new, |name| {
            fold_name(name.expose()).split(' ').map(|word| word.to_owned().into()).collect()
        });
        if given.name.is_some() && name.iter().all(|word| word.expose().is_empty()) {
            return Err("--name: there is no letter in it".to_owned());
        }
        let search = Search {
            references: given.reference.as_ref().map_or_else(Vec::new, spellings),
            nino: read("--nino", &given.nino, Nino::parse)?,
            email: read("--email", &given.email, Email::parse)?,
            phone: read("--phone", &given.phone, Phone::parse)?,
            name,
            postcode: read("--postcode", &given.postcode, Postcode::parse)?,
        };
        if given.reference.is_some() && search.references.is_empty() {
            return Err("--reference: it is empty".to_owned());
        }
        if search.references.is_empty() && search.wanted() == 0 {
            let some = "--reference, --nino, --email, --phone, --name, --postcode";
            return Err(format!("say what you know of the resident: one or more of {some}"));
        }
        Ok(search)
    }

    /// The bits of everything that is asked beside the reference.
    pub fn wanted(&self) -> u8 {
        let bit = |asked: bool, bit: u8| if asked { bit } else { 0 };
        bit(self.nino.is_some(), NINO)
            | bit(self.email.is_some(), EMAIL)
            | bit(self.phone.is_some(), PHONE)
            | bit(!self.name.is_empty(), NAME)
            | bit(self.postcode.is_some(), POSTCODE)
    }

    /// The bits that one party's facts, as they are stored, agree with.
    pub fn agrees(&self, json: &str) -> u8 {
        // Reading a party is the cost of a search, and most have nothing of what is looked for.
        let has = |text: &str| json.contains(text);
        let possible = self.nino.as_ref().is_some_and(|nino| has(nino.stem()))
            || self.phone.as_ref().is_some_and(|phone| has(phone.as_str()))
            || self.postcode.as_ref().is_some_and(|postcode| has(postcode.as_str()))
            || self.email.is_some() && has("contact.email")
            || !self.name.is_empty();
        if !possible {
            return 0;
        }
        Facts::from_json(json, schema::PARTY).map_or(0, |facts| self.agrees_with(&facts))
    }

    fn agrees_with(&self, facts: &Facts) -> u8 {
        let text = |name: &str| facts.text(schema::party_id(name)?);
        let any = |names: &[&str], agrees: &dyn Fn(&str) -> bool| {
            names.iter().any(|name| text(name).is_some_and(agrees))
        };
        let mut bits = 0;
        if let Some(nino) = &self.nino {
            // The suffix tells nobody from anybody.
            let same =
                |text: &str| Nino::parse(text).is_ok_and(|known| known.stem() == nino.stem());
            bits |= if any(&["nino"], &same) { NINO } else { 0 };
        }
        if let Some(email) = &self.email {
            let same = |text: &str| Email::parse(text).is_ok_and(|known| known == *email);
            bits |= if any(&["contact.email"], &same) { EMAIL } else { 0 };
        }
        if let Some(phone) = &self.phone {
            let same = |text: &str| text == phone.as_str();
            bits |= if any(&["contact.phone", "contact.mobile"], &same) { PHONE } else { 0 };
        }
        if let Some(postcode) = &self.postcode {
            let same = |text: &str| text == postcode.as_str();
            let places = ["address.postcode", "correspondence.postcode"];
            bits |= if any(&places, &same) { POSTCODE } else { 0 };
        }
        if !self.name.is_empty() {
            let given = [text("name.given"), text("name.middle")].into_iter().flatten();
            let given: Vec<String> = given.map(fold_name).collect();
            let family = text("name.family").map(fold_name).unwrap_or_default();
            bits |= if self.is_name(&given.join(" "), &family) { NAME } else { 0 };
        }
        bits
    }

    /// Whether every word that was asked for is one of the name's. An initial stands for a given name,
    /// on either side: systems know `A Testberry`, and callers say `Arden`. A family name is whole.
    fn is_name(&self, given: &str, family: &str) -> bool {
        let is_initial = |word: &str| word.chars().count() == 1;
        let stands_for = |asked: &str, known: &str| {
            asked == known
                || (is_initial(asked) || is_initial(known))
                    && asked.chars().next() == known.chars().next()
        };
        let given: Vec<&str> = given.split(' ').filter(|word| !word.is_empty()).collect();
        let words: Vec<&str> = family.split(' ').collect();
        // `O'Dummy` is one word, and is written and said as two as well.
        let pairs: Vec<String> = words.windows(2).map(|pair| pair.concat()).collect();
        let in_family =
            |word: &str| words.contains(&word) || pairs.iter().any(|pair| pair.as_str() == word);
        let asked = joined(self.name.iter().map(|word| word.expose().as_str()), &in_family);
        // Alone, an initial would find half the town.
        let names_family = asked.iter().any(|word| in_family(word));
        let is_given = |word: &str| match names_family {
            true => given.iter().any(|known| stands_for(word, known)),
            false => given.contains(&word),
        };
        asked.iter().all(|word| in_family(word) || is_given(word))
    }
}

/// Two words that were asked for are one where the family's name has them as one.
fn joined<'w>(
    words: impl Iterator<Item = &'w str>,
    in_family: &impl Fn(&str) -> bool,
) -> Vec<String> {
    let mut joined: Vec<String> = Vec::new();
    for word in words {
        match joined.last_mut() {
            Some(last) if !in_family(last) && in_family(&format!("{last}{word}")) => {
                last.push_str(word);
            }
            _ => joined.push(word.to_owned()),
        }
    }
    joined
}

/// As it is, without the blanks inside, and both in capitals.
fn spellings(reference: &Personal<String>) -> Vec<Personal<String>> {
    let plain = reference.expose().trim().to_owned();
    let close: String = plain.split_whitespace().collect();
    let mut all: Vec<String> = Vec::new();
    for spelling in [plain.to_uppercase(), close.to_uppercase(), plain, close] {
        if !spelling.is_empty() && !all.contains(&spelling) {
            all.push(spelling);
        }
    }
    all.into_iter().map(Personal::new).collect()
}

fn read<T>(
    option: &str,
    given: &Option<Personal<String>>,
    parse: impl Fn(&str) -> Result<T, super::value::ValueError>,
) -> Result<Option<T>, String> {
    let read = |text: &Personal<String>| {
        parse(text.expose()).map_err(|error| format!("{option}: {error}"))
    };
    given.as_ref().map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::facts::Value;

    fn facts(values: &[(&str, &str)]) -> String {
        let mut facts = Facts::default();
        for (name, value) in values {
            facts.set(schema::party_id(name).unwrap(), Value::Text((*value).to_owned()));
        }
        facts.to_json(schema::PARTY)
    }

    fn arden() -> String {
        facts(&[
            ("name.given", "Arden"),
            ("name.middle", "Élise"),
            ("name.family", "O'Sampleton-Bramble"),
            ("nino", "QQ123456A"),
            ("contact.email", "Arden.Sampleton@example.com"),
            ("contact.phone", "+442079460123"),
            ("contact.mobile", "+447700900123"),
            ("address.postcode", "SK99 1AA"),
        ])
    }

    fn search(option: &str, value: &str) -> Result<Search, String> {
        let mut given = Given::default();
        let place = match option {
            "reference" => &mut given.reference,
            "nino" => &mut given.nino,
            "email" => &mut given.email,
            "phone" => &mut given.phone,
            "name" => &mut given.name,
            _ => &mut given.postcode,
        };
        *place = Some(Personal::new(value.to_owned()));
        Search::new(&given)
    }

    #[test]
    fn what_is_known_is_brought_into_the_form_of_the_record() {
        for (option, value, agrees) in [
            ("nino", "qq 12 34 56 a", true),
            ("nino", "QQ123456", true),
            ("nino", "QQ123456B", true),
            ("nino", "QQ123457A", false),
            ("email", " ARDEN.sampleton@EXAMPLE.com ", true),
            ("email", "sampleton@example.com", false),
            ("phone", "07700 900123", true),
            ("phone", "+44 (0)20 7946 0123", true),
            ("phone", "07700 900124", false),
            ("postcode", "sk991aa", true),
            ("postcode", "SK99 1AB", false),
            ("name", "ARDEN O’SAMPLETON", true),
            ("name", "a osampleton bramble", true),
            ("name", "Bramble", true),
            ("name", "O Sampleton", true),
            ("name", "arden o sampleton bramble", true),
            ("name", "O Bramble", false),
            ("name", "arden o", false),
            ("name", "elise bramble", true),
            ("name", "e bramble", true),
            ("name", "Arden", true),
            ("name", "A", false),
            ("name", "Arden Testberry", false),
            ("name", "Bram", false),
        ] {
            let search = search(option, value).unwrap();
            assert_eq!(search.agrees(&arden()) == search.wanted(), agrees, "{option} {value}");
        }
        let apart = facts(&[("name.given", "Zoë"), ("name.family", "O Dummy")]);
        for (name, agrees) in [("O'Dummy", true), ("zoe o dummy", true), ("odummy", true)] {
            assert_eq!(search("name", name).unwrap().agrees(&apart) != 0, agrees, "{name}");
        }
        let initial = facts(&[("name.given", "A"), ("name.family", "Testberry")]);
        assert_ne!(search("name", "Arden Testberry").unwrap().agrees(&initial), 0);
        assert_eq!(search("name", "Blake Testberry").unwrap().agrees(&initial), 0);
    }

    #[test]
    fn what_cannot_be_a_value_is_said_without_it() {
        for (option, value, wanted) in [
            ("nino", "DX-MARKER", "--nino: it is not a National Insurance number: two letters"),
            ("email", "DX-MARKER", "--email: it is not an e-mail address"),
            ("phone", "DX-MARKER", "--phone: it is not a telephone number"),
            ("postcode", "DX-MARKER", "--postcode: it does not have the shape"),
            ("name", " -- ", "--name: there is no letter in it"),
            ("reference", "  ", "--reference: it is empty"),
        ] {
            let error = search(option, value).unwrap_err();
            assert!(error.starts_with(wanted) && !error.contains("MARKER"), "{error}");
        }
        assert!(Search::new(&Given::default()).unwrap_err().contains("--postcode"));
        let spelt = search("reference", " ab 12").unwrap().references;
        let spelt: Vec<&str> = spelt.iter().map(|one| one.expose().as_str()).collect();
        assert_eq!(spelt, ["AB 12", "AB12", "ab 12", "ab12"]);
    }
}
