//! How two people stand to each other, as their records say it: partners, parent and child, one household. It is read
//! off the parties whenever it is asked for: so it can be no older than they are, and follows whoever is merged or
//! parted without a word.

use super::compare::{Born, Family, Given, Sexes, compare};
use super::place::Nearness;
use super::profile::Profile;

/// What one person is to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    Partner,
    Parent,
    Child,
    Household,
}

/// How it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// A claim names one as claimant, and the other as partner.
    Claim,
    /// A claim names one as claimant, and the other, a generation apart and of the same family name, as living there.
    NonDependant,
    /// One home, one name, and a generation between them.
    Namesakes,
    /// One record names both.
    Record,
    /// One home.
    Home,
}

impl Relation {
    pub fn word(self) -> &'static str {
        match self {
            Relation::Partner => "partner",
            Relation::Parent => "parent",
            Relation::Child => "child",
            Relation::Household => "household",
        }
    }
}

impl Because {
    pub fn words(self) -> &'static str {
        match self {
            Because::Claim => "a claim names them as claimant and partner",
            Because::NonDependant => {
                "a claim names one of them as living with the other; one family name, and a generation apart"
            }
            Because::Namesakes => "one home, one name, and a generation apart",
            Because::Record => "one record names both",
            Because::Home => "they live in one property",
        }
    }
}

/// A party as far as it tells of others.
#[derive(Clone, Copy)]
pub struct Named<'n> {
    pub profile: &'n Profile,
    pub role: &'n str,
    /// Its record names it still.
    pub live: bool,
}

/// Whoever is named on a record with others, and lives with them.
const LIVES_THERE: [&str; 5] = ["liable", "claimant", "partner", "non_dependant", "resident"];

/// Years between a parent and a child, from and to.
const GENERATION: std::ops::RangeInclusive<u16> = 15..=60;

/// What `other` is to `me`, as these two parties say; nothing where they say nothing.
pub fn relation(me: Named<'_>, other: Named<'_>) -> Option<(Relation, Because)> {
    if !me.live || !other.live {
        return None;
    }
    let levels = compare(me.profile, other.profile, &|_| false);
    let roles = |one: &str, two: &str| {
        (me.role == one && other.role == two) || (me.role == two && other.role == one)
    };
    let family = matches!(levels.family, Family::Equal | Family::Alias);
    let generation = levels.born == Born::Differs
        && GENERATION.contains(&me.profile.birth.year.abs_diff(other.profile.birth.year));
    let older = match other.profile.birth.year < me.profile.birth.year {
        true => Relation::Parent,
        false => Relation::Child,
    };
    if levels.together {
        if roles("claimant", "partner") {
            return Some((Relation::Partner, Because::Claim));
        }
        if roles("claimant", "non_dependant") && family && generation {
            return Some((older, Because::NonDependant));
        }
        let lives = |role: &str| LIVES_THERE.contains(&role);
        return (lives(me.role) && lives(other.role))
            .then_some((Relation::Household, Because::Record));
    }
    if levels.place != Nearness::Home || !overlap(me.profile, other.profile) {
        return None;
    }
    let one_name = family
        && generation
        && matches!(levels.given, Given::Equal | Given::Alias)
        && levels.sex != Sexes::Differs;
    Some(match one_name {
        true => (older, Because::Namesakes),
        false => (Relation::Household, Because::Home),
    })
}

/// Whether both lived there at one time, as far as that is known.
fn overlap(one: &Profile, other: &Profile) -> bool {
    let left =
        |one: &Profile, other: &Profile| one.to != 0 && other.from != 0 && one.to <= other.from;
    !left(one, other) && !left(other, one)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolution::profile::Said;

    fn party<'a>(account: i64, given: &'a str, family: &'a str, born: &'a str) -> Profile {
        let said = Said {
            given: Some(given),
            family: Some(family),
            birth: Some(born).filter(|born| !born.is_empty()),
            lines: [Some("1 Old Road"), None, None, None],
            postcode: Some("SK99 1AA"),
            ..Said::default()
        };
        Profile::new(1, account, &said)
    }

    fn between(one: (&Profile, &str), other: (&Profile, &str)) -> Option<(Relation, Because)> {
        let named = |(profile, role)| Named { profile, role, live: true };
        relation(named(one), named(other))
    }

    #[test]
    fn who_somebody_is_to_another_is_read_off_their_records() {
        let claimant = party(7, "Cara", "Fakeley", "1960-01-02");
        let partner = party(7, "Robin", "Bramble", "1940-01-02");
        let grown = party(7, "Drew", "Fakeley", "1990-03-04");
        let namesake = party(8, "Cara", "Fakeley", "1930-05-06");
        let lodger = party(9, "Kim", "Sample", "1930-05-06");
        for (one, other, wanted) in [
            (
                (&claimant, "claimant"),
                (&partner, "partner"),
                Some((Relation::Partner, Because::Claim)),
            ),
            (
                (&claimant, "claimant"),
                (&grown, "non_dependant"),
                Some((Relation::Child, Because::NonDependant)),
            ),
            (
                (&grown, "non_dependant"),
                (&claimant, "claimant"),
                Some((Relation::Parent, Because::NonDependant)),
            ),
            (
                (&partner, "partner"),
                (&grown, "non_dependant"),
                Some((Relation::Household, Because::Record)),
            ),
            (
                (&claimant, "claimant"),
                (&namesake, "liable"),
                Some((Relation::Parent, Because::Namesakes)),
            ),
            (
                (&namesake, "liable"),
                (&claimant, "claimant"),
                Some((Relation::Child, Because::Namesakes)),
            ),
            (
                (&claimant, "claimant"),
                (&lodger, "contact"),
                Some((Relation::Household, Because::Home)),
            ),
            // Who is paid the rent lives elsewhere.
            ((&claimant, "claimant"), (&partner, "landlord"), None),
        ] {
            assert_eq!(between(one, other), wanted, "{} {}", one.1, other.1);
        }
        let gone = Named { profile: &lodger, role: "contact", live: false };
        let me = Named { profile: &claimant, role: "claimant", live: true };
        assert_eq!(relation(me, gone), None, "whoever is not named any more lives elsewhere");
    }

    #[test]
    fn whoever_left_before_the_others_came_is_no_household() {
        let mut before = party(7, "Cara", "Fakeley", "");
        let mut after = party(8, "Kim", "Sample", "");
        (before.to, after.from) = (20_240_301, 20_240_301);
        assert_eq!(between((&before, "liable"), (&after, "liable")), None);
        after.from = 20_240_101;
        let household = Some((Relation::Household, Because::Home));
        assert_eq!(between((&before, "liable"), (&after, "liable")), household);
    }
}
