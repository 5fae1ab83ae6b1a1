//! The keys by which a party finds those it is worth comparing with. Two that share none are never compared.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::profile::Profile;

/// Kinds of key. The number is part of the digest: never change one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    Nino = 1,
    Email,
    Phone,
    Uprn,
    Unit,
    Street,
    BirthName,
    FamilyPostcode,
    Move,
    /// A rule of the council's own.
    Rule,
    /// A name in full: it leads to nobody, and is counted alone.
    Name,
}

impl Kind {
    /// A key that more parties share is nobody's: it leads to no one, and what it costs stays bounded. Of a mail box
    /// or a telephone fewer people are one household; a switchboard is shared by many.
    pub fn most(self) -> usize {
        match self {
            Kind::Email | Kind::Phone => 8,
            Kind::Rule => 100,
            Kind::Name => 25,
            _ => 60,
        }
    }

    /// Whether who shares such a key is compared. A name in full is borne by people all over a town: how many bear it
    /// says how much it tells.
    pub fn leads(self) -> bool {
        self != Kind::Name
    }

    /// Its words, for a person.
    pub fn words(self) -> &'static str {
        match self {
            Kind::Nino => "National Insurance number",
            Kind::Email => "mail address",
            Kind::Phone => "telephone number",
            Kind::Uprn | Kind::Unit | Kind::Street => "home",
            Kind::BirthName => "day of birth and name",
            Kind::FamilyPostcode => "family name and postcode",
            Kind::Move => "family name and day of a move",
            Kind::Rule => "rule of the council",
            Kind::Name => "name in full",
        }
    }
}

/// A key: its kind, and what parties are found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    pub kind: Kind,
    pub digest: i64,
}

fn digest(kind: Kind, parts: &[&[u8]]) -> i64 {
    xxh3_64_with_seed(&parts.join(&0x1f), kind as u64) as i64
}

/// The key under which whoever has this mail address, telephone number or home is found.
pub fn numbered(kind: Kind, number: u64) -> Key {
    Key { kind, digest: digest(kind, &[&number.to_le_bytes()]) }
}

/// The key of the home that two have in common, by what tells it best.
pub fn home(one: &Profile, other: &Profile) -> Option<Key> {
    let (one, other) = (&one.home, &other.home);
    let shared =
        |kind: Kind, one: u64, other: u64| (one != 0 && one == other).then(|| numbered(kind, one));
    shared(Kind::Uprn, one.uprn, other.uprn)
        .or_else(|| shared(Kind::Unit, one.unit, other.unit))
        .or_else(|| shared(Kind::Street, one.street, other.street))
}

/// The key of a name in full; nothing where there are initials alone.
pub fn name(profile: &Profile) -> Option<Key> {
    let (given, family) = (profile.main_given(), &*profile.family);
    let kind = Kind::Name;
    let is_full = given.len() > 1 && family.len() > 1;
    is_full.then(|| Key { kind, digest: digest(kind, &[given.as_bytes(), family.as_bytes()]) })
}

/// The keys of a party, each once.
pub fn keys(profile: &Profile) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::with_capacity(12);
    if !profile.is_comparable() {
        return keys;
    }
    for rule in &profile.rules {
        keys.push(Key { kind: Kind::Rule, digest: *rule });
    }
    let mut add = |kind: Kind, parts: &[&[u8]]| {
        let key = Key { kind, digest: digest(kind, parts) };
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    let numbered = [
        (Kind::Email, profile.email),
        (Kind::Phone, profile.phones[0]),
        (Kind::Phone, profile.phones[1]),
        (Kind::Uprn, profile.home.uprn),
        (Kind::Unit, profile.home.unit),
        (Kind::Street, profile.home.street),
    ];
    for (kind, number) in numbered {
        if number != 0 {
            add(kind, &[&number.to_le_bytes()]);
        }
    }
    if profile.nino[0] != 0 {
        add(Kind::Nino, &[&profile.nino[..8]]);
    }
    let start = |text: &str, letters: usize| -> String {
        text.chars().filter(|l| *l != ' ').take(letters).collect()
    };
    let (given, family) = (start(&profile.given, 2), start(&profile.family, 2));
    let birth = profile.birth;
    if birth.day != 0 {
        let born =
            [birth.year.to_le_bytes()[0], birth.year.to_le_bytes()[1], birth.month, birth.day];
        for name in [&given, &family] {
            if name.len() == 2 {
                add(Kind::BirthName, &[&born, name.as_bytes()]);
            }
        }
    }
    if profile.family.len() > 2 {
        let family = start(&profile.family, 4);
        if profile.home.postcode != 0 {
            let postcode = profile.home.postcode.to_le_bytes();
            add(Kind::FamilyPostcode, &[&postcode, family.as_bytes()]);
        }
        for day in [profile.from, profile.to] {
            if day != 0 {
                add(Kind::Move, &[&day.to_le_bytes(), family.as_bytes()]);
            }
        }
    }
    keys.extend(name(profile));
    keys
}
