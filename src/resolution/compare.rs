//! How two parties agree, field by field, in few levels. A field that one of them lacks says nothing.

use super::block::{self, Key, Kind};
use super::place::{Nearness, nearness};
use super::profile::{Birth, Profile, Sex};
use crate::record::name::alias;

/// How two given names stand to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Given {
    #[default]
    Missing,
    Equal,
    /// A short form, or another spelling.
    Alias,
    /// One goes by what is the other's second name.
    Second,
    /// A slip of the hand.
    Near,
    /// An initial of one begins the other's name.
    Initial,
    /// Both have initials alone, the same.
    Initials,
    /// Given and family name stand in each other's place.
    Swapped,
    /// An initial of one begins a second name of the other.
    SecondInitial,
    InitialClash,
    Differs,
    /// Equal, and so is the family name: a name in full that many in the town bear.
    Common,
}

/// How two family names stand to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Family {
    #[default]
    Missing,
    Equal,
    Alias,
    Near,
    /// One part of a double name.
    Part,
    Swapped,
    Differs,
}

/// How two days of birth stand to each other.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Born {
    #[default]
    Missing,
    Equal,
    /// As far as both are known.
    Partly,
    /// Day and month changed about, or one part of three differs.
    Near,
    Differs,
}

/// How two parties' sexes stand to each other; a given name only lets one guess.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Sexes {
    #[default]
    Missing,
    Equal,
    Likely,
    Unlikely,
    Differs,
}

/// How two values of a kind stand to each other of which each person has one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Own {
    #[default]
    Missing,
    Equal,
    Near,
    Differs,
}

/// How two parties agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Levels {
    pub place: Nearness,
    pub given: Given,
    pub family: Family,
    pub middle: Own,
    pub born: Born,
    pub sex: Sexes,
    pub nino: Own,
    pub email: Own,
    pub phone: Own,
    /// One home's last day is the other's first.
    pub moved: bool,
    /// A rule of the council says that they are one.
    pub rule: bool,
    /// Both are parties of one record.
    pub together: bool,
}

/// Compares two parties. Contacts in `crowded` are everybody's, and say nothing; of a home and
/// of a name in it less is believed.
pub fn compare(one: &Profile, other: &Profile, crowded: &dyn Fn(&Key) -> bool) -> Levels {
    let (mut given, mut family) = (given(one, other), family(one, other));
    if matches!(given, Given::Differs | Given::InitialClash | Given::Second)
        && family == Family::Differs
        && swapped(one, other)
    {
        (given, family) = (Given::Swapped, Family::Swapped);
    }
    let is_common =
        || block::name(one).is_some_and(|key| block::name(other) == Some(key) && crowded(&key));
    if given == Given::Equal && family == Family::Equal && is_common() {
        given = Given::Common;
    }
    let mut sex = sex(one, other);
    let born = born(one.birth, other.birth);
    // What is guessed of a name says nothing against that same name.
    if matches!(given, Given::Equal | Given::Common) && sex == Sexes::Unlikely {
        sex = Sexes::Missing;
    }
    // Farid and Farida: a brother and a sister, unless something else says that it is a slip.
    let nino = nino(&one.nino, &other.nino);
    if given == Given::Near
        && her_given(one.main_given(), other.main_given())
        && sex != Sexes::Equal
        && born != Born::Equal
        && nino != Own::Equal
    {
        given = Given::Differs;
    }
    let mut place = nearness(&one.home, &other.home);
    // A hostel, or all the flats of a house by one number: whoever is there is a neighbour.
    if place == Nearness::Home && block::home(one, other).is_some_and(|key| crowded(&key)) {
        place = Nearness::Neighbour;
    }
    Levels {
        place,
        given,
        family,
        middle: middle(one, other, given),
        born,
        sex,
        nino,
        email: match (one.email, other.email) {
            (0, _) | (_, 0) => Own::Missing,
            (one, other) if one != other => Own::Differs,
            (one, _) if crowded(&block::numbered(Kind::Email, one)) => Own::Missing,
            _ => Own::Equal,
        },
        phone: phone(one, other, crowded),
        moved: moved(one, other, place),
        rule: one.rules.iter().any(|rule| {
            other.rules.contains(rule) && !crowded(&Key { kind: Kind::Rule, digest: *rule })
        }),
        together: one.account == other.account,
    }
}

fn sex(one: &Profile, other: &Profile) -> Sexes {
    let guessed = one.sex_guessed || other.sex_guessed;
    match (one.sex, other.sex) {
        (Sex::Unknown, _) | (_, Sex::Unknown) => Sexes::Missing,
        (one, other) if one == other => {
            if guessed {
                Sexes::Likely
            } else {
                Sexes::Equal
            }
        }
        _ if guessed => Sexes::Unlikely,
        _ => Sexes::Differs,
    }
}

fn given(one: &Profile, other: &Profile) -> Given {
    let (a, b) = (one.main_given(), other.main_given());
    if a.is_empty() || b.is_empty() {
        return Given::Missing;
    }
    let initial = |word: &str| word.chars().nth(1).is_none();
    let first = |word: &str| word.bytes().next().unwrap_or_default();
    match (initial(a), initial(b)) {
        (true, true) if a == b => return Given::Initials,
        (true, true) => return Given::InitialClash,
        (true, false) => return by_initial(first(a), other),
        (false, true) => return by_initial(first(b), one),
        (false, false) => {}
    }
    if a == b {
        return Given::Equal;
    }
    if alias::share(&one.given_groups, &other.given_groups) {
        return Given::Alias;
    }
    let second = |word: &str, of: &Profile| {
        let groups = alias::given(word);
        of.given_words().skip(1).any(|name| {
            name == word || (name.len() > 1 && alias::share(&groups, &alias::given(name)))
        })
    };
    if second(a, other) || second(b, one) {
        return Given::Second;
    }
    let whole = |profile: &Profile| profile.given.replace(' ', "");
    let (whole_a, whole_b) = (whole(one), whole(other));
    if whole_a == whole_b || whole_a == b || whole_b == a {
        return Given::Equal;
    }
    // Two names that are both somebody's are no slip: Tess and Bess, Paul and Paula.
    let two = alias::is_given(a) && alias::is_given(b);
    if !two && near(a, b) { Given::Near } else { Given::Differs }
}

fn by_initial(initial: u8, full: &Profile) -> Given {
    let begins = |word: &str| word.bytes().next() == Some(initial);
    if begins(full.main_given()) || alias::initial_fits(&full.given_groups, initial) {
        Given::Initial
    } else if full.given_words().skip(1).any(begins) {
        Given::SecondInitial
    } else {
        Given::InitialClash
    }
}

/// Whether two words are one with a slip of the hand in it. Of short words every letter counts.
fn near(a: &str, b: &str) -> bool {
    let (short, long) = (a.len().min(b.len()), a.len().max(b.len()));
    // What was cut short is the longer name.
    if short >= 4 && (a.starts_with(b) || b.starts_with(a)) {
        return true;
    }
    if short < 3 || long - short > 2 {
        return false;
    }
    let distance = strsim::osa_distance(a, b);
    match short {
        3 => distance <= 1 && a.as_bytes()[0] == b.as_bytes()[0] && long == 4,
        4..=6 => distance <= 1,
        _ => distance <= 2,
    }
}

fn family(one: &Profile, other: &Profile) -> Family {
    let (a, b) = (&*one.family, &*other.family);
    if a.is_empty() || b.is_empty() {
        return Family::Missing;
    }
    if a == b {
        return Family::Equal;
    }
    if alias::share(&one.family_groups, &other.family_groups) || her_form(a, b) || her_form(b, a) {
        return Family::Alias;
    }
    let two = a.contains(' ') || b.contains(' ');
    if two {
        if a.replace(' ', "") == b.replace(' ', "") {
            return Family::Equal;
        }
        let shares = |word: &str| {
            b.split(' ').any(|part| {
                let long = word.len().min(part.len()) > 4;
                part.len() > 2 && (part == word || (long && near(part, word)))
            })
        };
        return if a.split(' ').any(shares) { Family::Part } else { Family::Differs };
    }
    if near(a, b) { Family::Near } else { Family::Differs }
}

/// Whether one given name is the other as a woman bears it: Farid and Farida.
fn her_given(a: &str, b: &str) -> bool {
    let (his, hers) = if a.len() < b.len() { (a, b) } else { (b, a) };
    hers.strip_prefix(his) == Some("a")
}

/// Kowalska and Kowalski.
fn her_form(her: &str, his: &str) -> bool {
    let stems = her.strip_suffix("ka").zip(his.strip_suffix("ki"));
    stems.is_some_and(|(her, his)| her == his && her.len() > 2)
}

fn swapped(one: &Profile, other: &Profile) -> bool {
    let whole = |text: &str| text.replace(' ', "");
    let crossed = |a: &Profile, b: &Profile| {
        let (given, family) = (whole(&a.given), whole(&b.family));
        let initial = a.main_given().len() == 1 && family.starts_with(a.main_given());
        given.len() > 1 && (given == family || near(&given, &family)) || initial
    };
    // Two initials that cross are an accident.
    if one.main_given().len() == 1
        && other.main_given().len() == 1
        && one.family.len() > 1
        && other.family.len() > 1
    {
        return false;
    }
    crossed(one, other) && crossed(other, one)
        || !one.family.is_empty()
            && !other.family.is_empty()
            && one.given_words().any(|word| word.len() > 1 && word == &*other.family)
            && other.given_words().any(|word| word.len() > 1 && word == &*one.family)
}

/// The second names' initials, where the first names agree.
fn middle(one: &Profile, other: &Profile, given: Given) -> Own {
    if matches!(given, Given::Second | Given::SecondInitial | Given::Swapped | Given::Missing) {
        return Own::Missing;
    }
    let second =
        |profile: &Profile| profile.given_words().nth(1).and_then(|word| word.bytes().next());
    match (second(one), second(other)) {
        (Some(one), Some(other)) if one == other => Own::Equal,
        (Some(_), Some(_)) => Own::Differs,
        _ => Own::Missing,
    }
}

fn born(one: Birth, other: Birth) -> Born {
    if one.year == 0 || other.year == 0 {
        return Born::Missing;
    }
    // The first of January is what a system writes that was told the year alone.
    let year_only = |birth: Birth| birth.month == 0 || (birth.month == 1 && birth.day == 1);
    if one == other {
        return if one.day == 0 || year_only(one) { Born::Partly } else { Born::Equal };
    }
    if year_only(one) || year_only(other) {
        return if one.year == other.year { Born::Partly } else { near_years(one, other) };
    }
    if one.day == 0 || other.day == 0 {
        let agree = one.year == other.year && one.month == other.month;
        return if agree { Born::Partly } else { Born::Differs };
    }
    let same = [one.year == other.year, one.month == other.month, one.day == other.day];
    let turned = one.year == other.year && one.month == other.day && one.day == other.month;
    // A father and his son may share the day, and no slip of the hand tells them from one person.
    let apart = one.year.abs_diff(other.year) >= GENERATION_YEARS;
    if turned || (same.iter().filter(|same| **same).count() == 2 && !apart) {
        Born::Near
    } else {
        Born::Differs
    }
}

/// So many years lie between a parent and a child, at least.
const GENERATION_YEARS: u16 = 15;

/// Of two days of which one is known by its year alone.
fn near_years(one: Birth, other: Birth) -> Born {
    // Whether a year stands for a day is a guess; that the years differ is not.
    if one.year.abs_diff(other.year) <= 1 { Born::Near } else { Born::Differs }
}

fn nino(one: &[u8; 9], other: &[u8; 9]) -> Own {
    if one[0] == 0 || other[0] == 0 {
        return Own::Missing;
    }
    // The letter behind the number is often left out.
    if one[..8] == other[..8] {
        return Own::Equal;
    }
    let text = |nino: &[u8; 9]| nino[..8].iter().map(|byte| char::from(*byte)).collect::<String>();
    if strsim::osa_distance(&text(one), &text(other)) <= 1 { Own::Near } else { Own::Differs }
}

fn phone(one: &Profile, other: &Profile, crowded: &dyn Fn(&Key) -> bool) -> Own {
    let known = |profile: &Profile| profile.phones.iter().any(|phone| *phone != 0);
    if !known(one) || !known(other) {
        return Own::Missing;
    }
    let shared = one.phones.iter().filter(|phone| **phone != 0 && other.phones.contains(phone));
    let mut any = false;
    for phone in shared {
        if !crowded(&block::numbered(Kind::Phone, *phone)) {
            return Own::Equal;
        }
        any = true;
    }
    if any { Own::Missing } else { Own::Differs }
}

/// Whether one left a home on the day on which the other came to another.
fn moved(one: &Profile, other: &Profile, place: Nearness) -> bool {
    let apart = !matches!(place, Nearness::Home | Nearness::Unknown);
    apart && (one.to != 0 && one.to == other.from || other.to != 0 && other.to == one.from)
}

/// What says that two parties are two people, whatever else agrees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clash {
    /// One record names both.
    Together,
    Born,
    Nino,
    Given,
    Initial,
    Sex,
}

/// Why two parties cannot be one person, if something says so.
pub fn clash(levels: &Levels) -> Option<Clash> {
    let by_initial = matches!(
        levels.given,
        Given::Initial | Given::Initials | Given::SecondInitial | Given::Missing
    );
    if levels.together {
        Some(Clash::Together)
    } else if levels.born == Born::Differs {
        Some(Clash::Born)
    } else if levels.nino == Own::Differs {
        Some(Clash::Nino)
    } else if levels.given == Given::Differs {
        Some(Clash::Given)
    } else if levels.given == Given::InitialClash {
        Some(Clash::Initial)
    } else if levels.sex == Sexes::Differs && by_initial {
        Some(Clash::Sex)
    } else {
        None
    }
}
