//! What each level of agreement weighs, in bits: one bit makes it twice as likely that two parties are one person.
//!
//! The same agreement weighs differently in one home, where a whole family is called so, and elsewhere. Weights stand
//! in a file of their own with a version, the shipped one or a council's; a field that one side lacks weighs nothing.

use std::sync::LazyLock;

use super::compare::{Born, Clash, Family, Given, Levels, Own, Sexes, clash};
use super::place::Nearness;

const SHIPPED: &str = include_str!("weights.toml");

/// Where a pair stands, as the file names it; in the order of [`Nearness`].
pub const PLACES: [&str; 5] = ["home", "postcode", "neighbour", "elsewhere", "unknown"];
const GIVEN: [&str; 12] = [
    "missing",
    "equal",
    "alias",
    "second",
    "near",
    "initial",
    "initials",
    "swapped",
    "second_initial",
    "initial_clash",
    "differs",
    "common",
];
const FAMILY: [&str; 7] = ["missing", "equal", "alias", "near", "part", "swapped", "differs"];
const BORN: [&str; 5] = ["missing", "equal", "partly", "near", "differs"];
const OWN: [&str; 4] = ["missing", "equal", "near", "differs"];

/// The fields that are weighed, with the words of their levels.
pub const FIELDS: [(&str, &[&str]); 10] = [
    ("given", &GIVEN),
    ("family", &FAMILY),
    ("middle", &OWN),
    ("born", &BORN),
    ("sex", &["missing", "equal", "likely", "unlikely", "differs"]),
    ("nino", &OWN),
    ("email", &OWN),
    ("phone", &OWN),
    ("moved", &["missing", "equal"]),
    ("rule", &["missing", "equal"]),
];

const LEVELS_MAX: usize = 12;
/// The form of the file: its places, fields and levels. It grows when one of them is another.
const FORM: i64 = 2;

/// What agreement weighs.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    pub version: i64,
    /// From this probability on two parties are linked, or a person is asked.
    pub link: f32,
    pub review: f32,
    places: [PlaceWeights; 5],
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct PlaceWeights {
    start: f32,
    fields: [[f32; LEVELS_MAX]; 10],
}

/// A pair's score, and what it consists of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Score {
    pub bits: f32,
    pub clash: Option<Clash>,
}

/// The shipped weights, read once.
static SHIPPED_WEIGHTS: LazyLock<Weights> =
    LazyLock::new(|| Weights::read(SHIPPED).expect("the shipped weights are tested"));

impl Weights {
    /// The weights that come with the program.
    pub fn shipped() -> &'static Weights {
        &SHIPPED_WEIGHTS
    }

    /// Reads a file of weights; the error says what is wrong with it.
    pub fn read(text: &str) -> Result<Weights, String> {
        let table: toml::Table = text.parse().map_err(|error| format!("{error}"))?;
        match table.get("form").and_then(toml::Value::as_integer) {
            Some(FORM) => {}
            Some(form) => {
                return Err(format!(
                    "it is of form {form}, and this program reads form {FORM}: have it made anew \
                     (`viaduct match train`), or take it away"
                ));
            }
            None => return Err(format!("`form` is missing: `form = {FORM}`")),
        }
        let number = |table: &toml::Table, name: &str| -> Result<f32, String> {
            let value = table.get(name).ok_or_else(|| format!("`{name}` is missing"))?;
            let float = value.as_float().or(value.as_integer().map(|whole| whole as f64));
            float.map(|float| float as f32).ok_or_else(|| format!("`{name}` must be a number"))
        };
        let version = table.get("version").and_then(toml::Value::as_integer);
        let mut weights = Weights {
            version: version.ok_or("`version` is missing: a whole number")?,
            link: number(&table, "link")?,
            review: number(&table, "review")?,
            places: Default::default(),
        };
        for (place, name) in weights.places.iter_mut().zip(PLACES) {
            let table = table.get(name).and_then(toml::Value::as_table);
            let table = table.ok_or_else(|| format!("the table `[{name}]` is missing"))?;
            place.start = number(table, "start")?;
            for (field, (name_of_field, levels)) in place.fields.iter_mut().zip(FIELDS) {
                let Some(table) = table.get(name_of_field).and_then(toml::Value::as_table) else {
                    continue;
                };
                for (level, bits) in table {
                    let at = levels.iter().position(|known| known == level).filter(|at| *at > 0);
                    let at = at.ok_or_else(|| {
                        format!("`{name}.{name_of_field}.{level}` is not known here")
                    })?;
                    if bits.as_float().is_none() && bits.as_integer().is_none() {
                        return Err(format!("`{name}.{name_of_field}.{level}` must be a number"));
                    }
                    field[at] = number(table, level)?;
                }
            }
        }
        Ok(weights)
    }

    /// As [`Weights::read`] reads it, behind a line that says where it is from.
    pub fn to_toml(&self, from: &str) -> String {
        let head = if from.is_empty() { String::new() } else { format!("# {from}\n") };
        let mut text = format!(
            "{head}form = {FORM}\nversion = {}\nlink = {:?}\nreview = {:?}\n",
            self.version, self.link, self.review
        );
        for (place, name) in self.places.iter().zip(PLACES) {
            text.push_str(&format!("\n[{name}]\nstart = {:?}\n", place.start));
            for (field, (name, levels)) in place.fields.iter().zip(FIELDS) {
                let said = levels.iter().zip(field).filter(|(_, bits)| **bits != 0.0);
                let said: Vec<String> =
                    said.map(|(level, bits)| format!("{level} = {bits:?}")).collect();
                if !said.is_empty() {
                    text.push_str(&format!("{name} = {{ {} }}\n", said.join(", ")));
                }
            }
        }
        text
    }

    /// What a level weighs at a place, by their numbers.
    pub fn get(&self, place: usize, field: usize, level: usize) -> f32 {
        self.places[place].fields[field][level]
    }

    pub fn set(&mut self, place: usize, field: usize, level: usize, bits: f32) {
        self.places[place].fields[field][level] = bits;
    }

    pub fn set_start(&mut self, place: usize, bits: f32) {
        self.places[place].start = bits;
    }

    /// How much speaks for one person.
    pub fn score(&self, levels: &Levels) -> Score {
        let place = &self.places[levels.place as usize];
        let at = levels.indices();
        let bits =
            place.start + place.fields.iter().zip(at).map(|(field, at)| field[at]).sum::<f32>();
        Score { bits, clash: clash(levels) }
    }

    /// What each field adds; what the place alone says comes first.
    pub fn parts(&self, levels: &Levels) -> (f32, [f32; 10]) {
        let place = &self.places[levels.place as usize];
        let mut parts = [0.0; 10];
        for (part, (field, at)) in parts.iter_mut().zip(place.fields.iter().zip(levels.indices())) {
            *part = field[at];
        }
        (place.start, parts)
    }

    /// From how many bits on a pair is linked, or shown to a person.
    pub fn link_bits(&self) -> f32 {
        bits(self.link)
    }

    pub fn review_bits(&self) -> f32 {
        bits(self.review)
    }
}

/// How likely a score makes it that two are one.
pub fn probability(bits: f32) -> f32 {
    1.0 / (1.0 + (-bits).exp2())
}

fn bits(probability: f32) -> f32 {
    (probability / (1.0 - probability)).log2()
}

impl Levels {
    /// The level of each of [`FIELDS`].
    pub fn indices(&self) -> [usize; 10] {
        [
            self.given as usize,
            self.family as usize,
            self.middle as usize,
            self.born as usize,
            self.sex as usize,
            self.nino as usize,
            self.email as usize,
            self.phone as usize,
            usize::from(self.moved),
            usize::from(self.rule),
        ]
    }

    /// All of it in one number, to be kept.
    pub fn packed(&self) -> i64 {
        let mut packed = self.place as i64 | i64::from(self.together) << 3;
        for (field, at) in self.indices().into_iter().enumerate() {
            packed |= (at as i64) << (4 + 4 * field);
        }
        packed
    }

    /// Reads what [`Levels::packed`] gave; nothing where it is not that.
    pub fn unpacked(packed: i64) -> Option<Levels> {
        let at = |field: usize| (packed >> (4 + 4 * field) & 15) as usize;
        Some(Levels {
            place: *[
                Nearness::Home,
                Nearness::Postcode,
                Nearness::Neighbour,
                Nearness::Elsewhere,
                Nearness::Unknown,
            ]
            .get((packed & 7) as usize)?,
            given: *GIVENS.get(at(0))?,
            family: *FAMILIES.get(at(1))?,
            middle: *OWNS.get(at(2))?,
            born: *BORNS.get(at(3))?,
            sex: *SEXES.get(at(4))?,
            nino: *OWNS.get(at(5))?,
            email: *OWNS.get(at(6))?,
            phone: *OWNS.get(at(7))?,
            moved: at(8) != 0,
            rule: at(9) != 0,
            together: packed >> 3 & 1 != 0,
        })
    }
}

const GIVENS: [Given; 12] = [
    Given::Missing,
    Given::Equal,
    Given::Alias,
    Given::Second,
    Given::Near,
    Given::Initial,
    Given::Initials,
    Given::Swapped,
    Given::SecondInitial,
    Given::InitialClash,
    Given::Differs,
    Given::Common,
];
const FAMILIES: [Family; 7] = [
    Family::Missing,
    Family::Equal,
    Family::Alias,
    Family::Near,
    Family::Part,
    Family::Swapped,
    Family::Differs,
];
const BORNS: [Born; 5] = [Born::Missing, Born::Equal, Born::Partly, Born::Near, Born::Differs];
const SEXES: [Sexes; 5] =
    [Sexes::Missing, Sexes::Equal, Sexes::Likely, Sexes::Unlikely, Sexes::Differs];
const OWNS: [Own; 4] = [Own::Missing, Own::Equal, Own::Near, Own::Differs];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_weights_are_read_and_faults_are_named() {
        let weights = Weights::shipped();
        assert!(weights.version >= 1 && weights.link > weights.review);
        for (from, to, wanted) in [
            ("version = ", "vers = ", "`version` is missing: a whole number"),
            ("form = ", "shape = ", "`form` is missing: `form = 2`"),
            (
                "form = 2",
                "form = 1",
                "it is of form 1, and this program reads form 2: have it made anew (`viaduct match train`), or take \
                 it away",
            ),
            ("[elsewhere]", "[nowhere]", "the table `[elsewhere]` is missing"),
            ("alias = ", "alais = ", "`home.given.alais` is not known here"),
        ] {
            assert_eq!(Weights::read(&SHIPPED.replacen(from, to, 1)), Err(wanted.to_owned()));
        }
    }

    #[test]
    fn levels_come_back_from_one_number() {
        let levels = Levels {
            place: Nearness::Neighbour,
            given: Given::SecondInitial,
            family: Family::Part,
            middle: Own::Differs,
            born: Born::Near,
            sex: Sexes::Likely,
            nino: Own::Near,
            email: Own::Equal,
            phone: Own::Differs,
            moved: true,
            rule: true,
            together: true,
        };
        assert_eq!(Levels::unpacked(levels.packed()), Some(levels));
        assert_eq!(Levels::unpacked(7), None);
    }
}
