//! The invented population: who lives where. Both systems of the council know the same people.
//!
//! Every name is made up from parts that no family bears, every number is from a range kept for
//! examples: National Insurance QQ, Ofcom's drama numbers, example.com, postcode district SK99.

use chrono::{Days, NaiveDate};

use super::chance::Chance;

/// Who of a household: up to three who may be liable, and one other adult.
pub(super) const OTHER_ADULT: u64 = 3;
const SLOTS: u64 = 4;

/// The UPRNs of our invented places; beyond these the end of the number range serves.
const UPRN_FIRST: u64 = 100_099_900_000;
const UPRN_COUNT: u64 = 100_000;
const UPRN_OVERFLOW: u64 = 999_000_000_000;

const HOMES_PER_STREET: u64 = 30;

const TITLES: [&str; 7] = ["Mr", "Mrs", "Ms", "Miss", "Dr", "Mx", ""];

const FORENAMES: [&str; 60] = [
    "Abel",
    "Adaeze",
    "Aisling",
    "Anwen",
    "Arden",
    "Bailey",
    "Blessing",
    "Brónagh",
    "Bryn",
    "Callum",
    "Cerys",
    "Chidi",
    "Ciarán",
    "Dagmara",
    "Devon",
    "Eilidh",
    "Elif",
    "Emrys",
    "Farah",
    "Fergus",
    "Freya",
    "Gethin",
    "Grzegorz",
    "Gurpreet",
    "Hana",
    "Harper",
    "Idris",
    "Imogen",
    "Isla",
    "Jules",
    "Kerensa",
    "Kwame",
    "Lowri",
    "Małgorzata",
    "Marek",
    "Morag",
    "Ngozi",
    "Niamh",
    "Nikhil",
    "Oona",
    "Padma",
    "Quinn",
    "Rhys",
    "Robin",
    "Ruairí",
    "Samira",
    "Seren",
    "Siobhán",
    "Tamsin",
    "Tariq",
    "Théo",
    "Uzma",
    "Vikram",
    "Wren",
    "Xanthe",
    "Yasmin",
    "Yusuf",
    "Zainab",
    "Zoë",
    "Mary Ann",
];

const NAME_STARTS: [&str; 24] = [
    "Test",
    "Fake",
    "Sample",
    "Mock",
    "Feign",
    "Figment",
    "Notion",
    "Pretend",
    "Bramble",
    "Sham",
    "Dummy",
    "Proxy",
    "Phantom",
    "Madeup",
    "Trial",
    "Specimen",
    "Guise",
    "Fable",
    "Fancy",
    "Maybe",
    "Nowhere",
    "Draft",
    "Likely",
    "Placehold",
];
const NAME_ENDS: [&str; 20] = [
    "berry", "ley", "ford", "ton", "wick", "holm", "by", "thorpe", "worth", "well", "stead",
    "combe", "bourne", "field", "ridge", "shaw", "mere", "croft", "brook", "er",
];
const ODD_NAMES: [&str; 8] = [
    "O'Sampleton",
    "Ångström-Test",
    "Bramble-Sample",
    "van der Bramble",
    "D'Fakeley",
    "Fakeley-&-Co",
    "Testböck",
    "St.John-Mockley",
];

const STREET_NAMES: [&str; 32] = [
    "Fiction",
    "Pretend",
    "Nowhere",
    "Imaginary",
    "Storybook",
    "Invention",
    "Bishop's",
    "Canal",
    "Chapel",
    "Drovers",
    "Foundry",
    "Fox & Hounds",
    "Gasworks",
    "Hawthorn",
    "Jubilee",
    "Kiln",
    "King's",
    "Larkfield",
    "Lock",
    "Market",
    "Mill",
    "Minster",
    "Nursery",
    "Orchard",
    "Paddock",
    "Quarry",
    "Rectory",
    "Sawmill",
    "Station",
    "Tannery",
    "Weir",
    "Windmill",
];
const STREET_KINDS: [&str; 10] =
    ["Road", "Street", "Lane", "Close", "Avenue", "Way", "Terrace", "Court", "Crescent", "Gardens"];
const TOWNS: [&str; 6] =
    ["Sampleham", "Mockbridge", "Little Pretending", "Testwick St Mary", "Upper Feign", "Faketon"];

/// The letters that end a postcode.
const UNIT_LETTERS: &[u8; 20] = b"ABDEFGHJLNPQRSTUWXYZ";

/// One invented person.
pub(super) struct Person {
    pub id: u64,
    pub title: &'static str,
    pub forename: &'static str,
    pub surname: String,
    pub born: NaiveDate,
    pub nino: String,
    pub email: String,
    pub mobile: String,
    pub landline: String,
}

/// One invented home.
pub(super) struct Home {
    pub uprn: u64,
    pub line_1: String,
    pub line_2: &'static str,
    pub town: &'static str,
    pub postcode: String,
}

impl Person {
    pub fn new(seed: u64, household: u32, slot: u64) -> Self {
        let id = u64::from(household) * SLOTS + slot + 1;
        let mut chance = Chance::of(seed, "person", &[id]);
        let own_name = slot == OTHER_ADULT || (slot > 0 && chance.one_in(3));
        let surname = surname(seed, household, if own_name { slot } else { 0 });
        let forename = chance.pick(&FORENAMES);
        Self {
            id,
            title: chance.pick(&TITLES),
            forename,
            born: birth_date(&mut chance),
            nino: nino(id),
            email: format!("resident{id}@example.com"),
            mobile: mobile(chance.below(1_000)),
            landline: format!("01632 960{:03}", chance.below(1_000)),
            surname,
        }
    }
}

impl Home {
    /// Thirty neighbours share a street and a postcode, as they do outside.
    pub fn new(seed: u64, place: u64) -> Self {
        let (street, place_in_street) = (place / HOMES_PER_STREET, place % HOMES_PER_STREET);
        let mut chance = Chance::of(seed, "street", &[street]);
        let town = chance.pick(&TOWNS);
        let name = format!("{} {}", chance.pick(&STREET_NAMES), chance.pick(&STREET_KINDS));
        let flats = chance.one_in(6);
        let mut chance = Chance::of(seed, "home", &[place]);
        let line_1 = if flats {
            format!("Flat {}, {} {name}", place_in_street % 6 + 1, place_in_street / 6 * 2 + 1)
        } else if chance.one_in(150) {
            format!("\"The Old Forge\", {} {name}", place_in_street + 1)
        } else {
            format!("{} {name}", place_in_street + 1)
        };
        let line_2 = if chance.one_in(10) { "Testbury Park" } else { "" };
        let letter = |place: u64| {
            let at = usize::try_from(place % 20).unwrap_or(0);
            char::from(UNIT_LETTERS[at])
        };
        let sector = street / 400 % 10;
        let postcode = format!("SK99 {sector}{}{}", letter(street / 20), letter(street));
        Self { uprn: uprn(place), line_1, line_2, town, postcode }
    }
}

/// One of Ofcom's thousand mobiles for drama.
pub(super) fn mobile(last: u64) -> String {
    format!("07700 900{:03}", last % 1_000)
}

/// A street and number to write to, other than home.
pub(super) fn elsewhere(chance: &mut Chance) -> String {
    let (name, kind) = (chance.pick(&STREET_NAMES), chance.pick(&STREET_KINDS));
    format!("{} {name} {kind}", chance.below(150) + 1)
}

fn surname(seed: u64, household: u32, slot: u64) -> String {
    let mut chance = Chance::of(seed, "surname", &[u64::from(household), slot]);
    if chance.one_in(40) {
        return chance.pick(&ODD_NAMES).to_owned();
    }
    format!("{}{}", chance.pick(&NAME_STARTS), chance.pick(&NAME_ENDS))
}

fn birth_date(chance: &mut Chance) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(1932, 1, 1).expect("a day of the calendar");
    first + Days::new(chance.below(27_500))
}

/// Everybody's own: 7,919 has no factor in common with a million, so no six digits come twice.
fn nino(id: u64) -> String {
    let suffix = char::from(b"ABCD"[usize::try_from(id / 1_000_000 % 4).unwrap_or(0)]);
    format!("QQ{:06}{suffix}", id * 7_919 % 1_000_000)
}

fn uprn(place: u64) -> u64 {
    if place < UPRN_COUNT { UPRN_FIRST + place } else { UPRN_OVERFLOW + place }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::record::value::email::Email;
    use crate::record::value::nino::Nino;
    use crate::record::value::phone::Phone;
    use crate::record::value::postcode::Postcode;
    use crate::record::value::uprn::Uprn;

    #[test]
    fn everybody_is_well_formed_invented_and_one_of_a_kind() {
        let mut ninos = HashSet::new();
        for household in 0..500 {
            for slot in 0..SLOTS {
                let person = Person::new(7, household, slot);
                assert!(Nino::parse(&person.nino).unwrap().is_test_range());
                assert!(Email::parse(&person.email).unwrap().is_test_range());
                assert!(Phone::parse(&person.mobile).unwrap().is_test_range());
                assert!(Phone::parse(&person.landline).unwrap().is_test_range());
                assert!(ninos.insert(person.nino));
            }
        }
    }

    #[test]
    fn homes_are_places_of_their_own_in_an_invented_district() {
        let mut places = HashSet::new();
        for place in (0..2_000).chain(99_990..100_010) {
            let home = Home::new(7, place);
            assert!(Postcode::parse(&home.postcode).unwrap().is_test_range());
            let uprn = Uprn::parse(&home.uprn.to_string()).unwrap();
            assert!(uprn.is_test_range() && places.insert(uprn));
        }
    }
}
