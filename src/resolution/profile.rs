//! A party in the form in which it is compared: names folded and cut into words, its home, and what it has of its
//! own. It is kept beside the party, packed, so that a comparison asks for no more than this.

use std::fmt;

use xxhash_rust::xxh3::xxh3_64;

use super::place::{self, Place};
use crate::record::name::alias::{self, Groups};
use crate::record::value::spelling::fold_name;

/// What a party says of itself, as text. Nothing where it says nothing.
#[derive(Clone, Copy, Default)]
pub struct Said<'a> {
    pub title: Option<&'a str>,
    pub given: Option<&'a str>,
    pub middle: Option<&'a str>,
    pub family: Option<&'a str>,
    pub sex: Option<&'a str>,
    /// `YYYY-MM-DD`, or its first part.
    pub birth: Option<&'a str>,
    pub nino: Option<&'a str>,
    pub email: Option<&'a str>,
    pub phones: [Option<&'a str>; 2],
    pub uprn: Option<&'a str>,
    pub lines: [Option<&'a str>; 4],
    pub postcode: Option<&'a str>,
    /// The days from and to which it lived there, `YYYY-MM-DD`.
    pub from: Option<&'a str>,
    pub to: Option<&'a str>,
}

/// Female or male as titles and systems say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Sex {
    #[default]
    Unknown,
    Female,
    Male,
}

/// A day of birth, of which month and day may be missing (0).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Birth {
    pub year: u16,
    pub month: u8,
    pub day: u8,
}

/// A party as it is compared.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// What the same party is called in any database: ties are broken by it, whoever came first.
    pub tag: u64,
    /// The record that names it: its other parties are other people.
    pub account: i64,
    /// Given names in order, folded.
    pub given: Box<str>,
    pub family: Box<str>,
    pub given_groups: Groups,
    pub family_groups: Groups,
    /// As a title or a system says it, else as the given name lets one guess.
    pub sex: Sex,
    pub sex_guessed: bool,
    pub birth: Birth,
    /// Nine letters, or zeros.
    pub nino: [u8; 9],
    /// 0 where there is none.
    pub email: u64,
    pub phones: [u64; 2],
    pub home: Place,
    /// Days, as numbers of year, month and day; 0 where unknown.
    pub from: u32,
    pub to: u32,
    /// What the council's own rules make of it: who shares one is the same person, unless something says otherwise.
    pub rules: Vec<i64>,
}

/// More words than this are no name.
const WORDS_MAX: usize = 5;
/// A longer word is cut, letters.
const WORD_MAX: usize = 24;

/// Words in front of a family name that come and go: Al Masri is Masri.
const PARTICLES: [&str; 21] = [
    "al", "el", "ul", "ud", "de", "da", "di", "du", "del", "la", "le", "van", "von", "der", "den",
    "bin", "ibn", "bint", "dos", "ter", "ten",
];

/// Beginnings that belong to the word behind them: O Brien is OBrien.
const JOINED: [&str; 3] = ["o", "mc", "mac"];

impl Profile {
    /// The comparable form of what a party says.
    pub fn new(tag: u64, account: i64, said: &Said<'_>) -> Profile {
        let given = given(&[said.given, said.middle]);
        let family = family(said.family.unwrap_or_default());
        let main = given.split(' ').next().unwrap_or_default();
        let lines: Vec<&str> = said.lines.iter().flatten().copied().collect();
        let stated = sex(said);
        let guessed = stated == Sex::Unknown;
        let (given_groups, family_groups) = (alias::given(main), family_groups(&family));
        Profile {
            tag,
            account,
            given_groups,
            family_groups,
            sex: if guessed { guess(&given) } else { stated },
            sex_guessed: guessed,
            birth: said.birth.map(birth).unwrap_or_default(),
            nino: said.nino.map(nino).unwrap_or_default(),
            email: said.email.map_or(0, mail),
            phones: said.phones.map(|phone| phone.map_or(0, number)),
            home: place::place(said.uprn, &lines, said.postcode),
            from: said.from.map_or(0, day_number),
            to: said.to.map_or(0, day_number),
            rules: Vec::new(),
            given: given.into(),
            family: family.into(),
        }
    }

    /// Given names, the first one first.
    pub fn given_words(&self) -> impl Iterator<Item = &str> {
        self.given.split(' ').filter(|word| !word.is_empty())
    }

    /// The first given name, or its initial; empty where there is none.
    pub fn main_given(&self) -> &str {
        self.given.split(' ').next().unwrap_or_default()
    }

    /// Whether it has enough of a name to be compared.
    pub fn is_comparable(&self) -> bool {
        !self.family.is_empty()
            || !self.rules.is_empty()
            || (!self.given.is_empty() && (self.nino[0] != 0 || self.birth.day != 0))
    }
}

/// Masked, because it names a person.
impl fmt::Debug for Profile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Profile({:x} …)", self.tag)
    }
}

fn words(texts: &[Option<&str>]) -> Vec<String> {
    let mut words = Vec::new();
    for text in texts.iter().flatten() {
        for word in fold_name(text).split(' ').filter(|word| !word.is_empty()) {
            let cut: String = word.chars().take(WORD_MAX).collect();
            if words.len() < WORDS_MAX {
                words.push(cut);
            }
        }
    }
    words
}

/// Given names; what is written in one as `JK` are two initials.
fn given(texts: &[Option<&str>]) -> String {
    let all = words(texts);
    // `Mst Fatima` is none: there the name stands behind it.
    let [word] = all.as_slice() else { return all.join(" ") };
    let is_consonant = |letter: u8| letter.is_ascii_lowercase() && !b"aeiouy".contains(&letter);
    let initials = matches!(word.len(), 2 | 3)
        && word.bytes().all(is_consonant)
        && word != "ng"
        && !alias::is_given(word);
    match initials {
        true => word.chars().map(String::from).collect::<Vec<_>>().join(" "),
        false => word.clone(),
    }
}

/// A family name's words, without what comes and goes in front of them.
fn family(text: &str) -> String {
    let all = words(&[Some(text)]);
    let mut kept: Vec<String> = Vec::with_capacity(all.len());
    let mut held: Option<&str> = None;
    for (at, word) in all.iter().enumerate() {
        let last = at + 1 == all.len();
        if !last && JOINED.contains(&word.as_str()) {
            held = Some(word);
        } else if last || !PARTICLES.contains(&word.as_str()) {
            kept.push(format!("{}{word}", held.take().unwrap_or_default()));
        }
    }
    kept.join(" ")
}

/// The groups of a family name of one word; a woman's Kowalska is Kowalski.
fn family_groups(family: &str) -> Groups {
    alias::family(family)
}

fn sex(said: &Said<'_>) -> Sex {
    let word = |text: &str| fold_name(text).split(' ').next().unwrap_or_default().to_owned();
    let stated = said.sex.map(word);
    match stated.as_deref() {
        Some("f" | "female" | "woman" | "girl") => return Sex::Female,
        Some("m" | "male" | "man" | "boy") => return Sex::Male,
        _ => {}
    }
    let title = said.title.map(word);
    match title.as_deref() {
        Some("mrs" | "miss" | "ms" | "lady" | "dame" | "sister" | "baroness" | "madam") => {
            Sex::Female
        }
        Some("mr" | "master" | "sir" | "lord" | "fr") => Sex::Male,
        _ => Sex::Unknown,
    }
}

fn guess(given: &str) -> Sex {
    match alias::sex_of(given.split(' ').next().unwrap_or_default()) {
        Some('f') => Sex::Female,
        Some(_) => Sex::Male,
        None => Sex::Unknown,
    }
}

fn birth(text: &str) -> Birth {
    let mut parts = text.trim().split('-').map(|part| part.parse::<u16>().unwrap_or_default());
    let mut next = || parts.next().unwrap_or_default();
    let (year, month, day) = (next(), next() as u8, next() as u8);
    let told = year > 1850 && !matches!((year, month, day), (1900 | 1901 | 1753, 1, 1));
    if told { Birth { year, month, day } } else { Birth::default() }
}

fn nino(text: &str) -> [u8; 9] {
    let mut letters = [0; 9];
    let bytes =
        text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_uppercase());
    let many = bytes.zip(&mut letters).map(|(byte, place)| *place = byte).count();
    if many >= 8 { letters } else { [0; 9] }
}

/// A mail address as a number; nothing for one that says there is none.
fn mail(text: &str) -> u64 {
    const NOBODY: [&str; 14] = [
        "none",
        "noemail",
        "no",
        "na",
        "null",
        "unknown",
        "test",
        "noreply",
        "donotreply",
        "nomail",
        "noaddress",
        "notprovided",
        "info",
        "admin",
    ];
    let text = text.trim().to_lowercase();
    let Some((local, host)) = text.split_once('@') else { return 0 };
    let bare: String = local.chars().filter(|letter| letter.is_alphanumeric()).collect();
    let empty = bare.is_empty() || host.is_empty() || NOBODY.contains(&bare.as_str());
    if empty { 0 } else { xxh3_64(text.as_bytes()).max(1) }
}

/// A telephone number as a number, its country's code and zeros gone.
fn number(text: &str) -> u64 {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let national =
        digits.strip_prefix("0044").or_else(|| digits.strip_prefix("44")).unwrap_or(&digits);
    let national = national.trim_start_matches('0');
    let all_one = national.bytes().all(|byte| Some(byte) == national.bytes().next());
    if (6..=15).contains(&national.len()) && !all_one {
        national.parse().unwrap_or_default()
    } else {
        0
    }
}

fn day_number(text: &str) -> u32 {
    let digits: String = text.chars().take(10).filter(char::is_ascii_digit).collect();
    let number = if digits.len() == 8 { digits.parse().unwrap_or_default() } else { 0 };
    // "Until further notice" is no day.
    if number >= 20_900_000 { 0 } else { number }
}

/// Letters of a profile's text and its numbers, as a row keeps them.
pub fn pack(profile: &Profile) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(96 + profile.given.len() + profile.family.len());
    bytes.push(1);
    bytes.push(
        match profile.sex {
            Sex::Unknown => 0,
            Sex::Female => 1,
            Sex::Male => 2,
        } + if profile.sex_guessed { 4 } else { 0 },
    );
    bytes.extend(profile.birth.year.to_le_bytes());
    bytes.extend([profile.birth.month, profile.birth.day]);
    bytes.extend(profile.nino);
    let Place { uprn, unit, street, postcode } = profile.home;
    let [phone, other] = profile.phones;
    for number in [profile.tag, profile.email, phone, other, uprn, unit, street, postcode] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(profile.from.to_le_bytes());
    bytes.extend(profile.to.to_le_bytes());
    bytes.push(profile.rules.len() as u8);
    profile.rules.iter().for_each(|rule| bytes.extend(rule.to_le_bytes()));
    bytes.push(profile.given.len() as u8);
    bytes.extend(profile.given.as_bytes());
    bytes.extend(profile.family.as_bytes());
    bytes
}

/// Reads what [`pack`] wrote; nothing where it is not that.
pub fn unpack(account: i64, bytes: &[u8]) -> Option<Profile> {
    let mut left = bytes;
    fn take<'a, const N: usize>(left: &mut &'a [u8]) -> Option<&'a [u8; N]> {
        let (taken, rest) = left.split_first_chunk::<N>()?;
        *left = rest;
        Some(taken)
    }
    let [version, sex] = *take::<2>(&mut left)?;
    if version != 1 {
        return None;
    }
    let sex_guessed = sex & 4 != 0;
    let sex = [Sex::Unknown, Sex::Female, Sex::Male].get(sex as usize & 3).copied()?;
    let year = u16::from_le_bytes(*take(&mut left)?);
    let [month, day] = *take(&mut left)?;
    let nino = *take(&mut left)?;
    let mut numbers = [0; 8];
    for number in &mut numbers {
        *number = u64::from_le_bytes(*take(&mut left)?);
    }
    let [tag, email, phone, other, uprn, unit, street, postcode] = numbers;
    let from = u32::from_le_bytes(*take(&mut left)?);
    let to = u32::from_le_bytes(*take(&mut left)?);
    let [many] = *take(&mut left)?;
    let rules =
        (0..many).map(|_| Some(i64::from_le_bytes(*take(&mut left)?))).collect::<Option<_>>()?;
    let [length] = *take(&mut left)?;
    let (given, family) = left.split_at_checked(length as usize)?;
    let (given, family) = (std::str::from_utf8(given).ok()?, std::str::from_utf8(family).ok()?);
    let main = given.split(' ').next().unwrap_or_default();
    Some(Profile {
        tag,
        account,
        given_groups: alias::given(main),
        family_groups: family_groups(family),
        given: given.into(),
        family: family.into(),
        sex,
        sex_guessed,
        birth: Birth { year, month, day },
        nino,
        email,
        phones: [phone, other],
        home: Place { uprn, unit, street, postcode },
        from,
        to,
        rules,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_cut_into_words_and_small_words_go() {
        for (family, wanted) in [
            ("O'BRIEN", "obrien"),
            ("O Brien", "obrien"),
            ("Mc Donald", "mcdonald"),
            ("Al-Masri", "masri"),
            ("El Masri", "masri"),
            ("van der Berg", "berg"),
            ("Bramble-Sample", "bramble sample"),
            ("Ángström Test", "angstrom test"),
            ("Al", "al"),
            ("", ""),
        ] {
            let said = Said { family: Some(family), ..Said::default() };
            assert_eq!(&*Profile::new(1, 1, &said).family, wanted, "{family}");
        }
    }

    #[test]
    fn what_says_nothing_is_nothing() {
        let said = Said {
            birth: Some("1900-01-01"),
            email: Some("none@none.example"),
            phones: [Some("0000000000"), Some("n/a")],
            nino: Some("TN"),
            to: Some("2099-12-31"),
            ..Said::default()
        };
        assert_eq!(
            Profile::new(7, 3, &said),
            Profile { tag: 7, account: 3, sex_guessed: true, ..Profile::default() }
        );
    }

    #[test]
    fn a_profile_comes_back_as_it_was() {
        let said = Said {
            title: Some("Mrs"),
            given: Some("Cara Jane"),
            family: Some("Fakeley"),
            birth: Some("1980-02"),
            nino: Some("QQ123456A"),
            email: Some("Cara@example.com"),
            phones: [Some("+447700900001"), Some("01632 960001")],
            uprn: Some("100099900001"),
            lines: [Some("1 Old Road"), None, None, None],
            postcode: Some("SK99 1AA"),
            from: Some("2020-01-02"),
            ..Said::default()
        };
        let mut profile = Profile::new(7, 3, &said);
        profile.rules = vec![-5, 9];
        assert_eq!((profile.sex, profile.birth.month, profile.birth.day), (Sex::Female, 2, 0));
        assert_eq!(unpack(3, &pack(&profile)), Some(profile));
        assert_eq!(unpack(3, b"\x01\x02"), None);
    }
}
