//! Where somebody lives, so that two ways of writing one home are equal: `Flat 3, Ash Court, 12 High Rd` is
//! `FLAT 3 ASH COURT`, `12 HIGH ROAD`.
//!
//! A home is known by its UPRN; else by its postcode with flat and number, or name where there is no number; and
//! where the postcode is missing or mistyped, by its street instead.

use xxhash_rust::xxh3::xxh3_64;

use crate::record::value::spelling::fold_name;

/// A home in comparable form; 0 where a part is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Place {
    pub uprn: u64,
    /// Postcode, flat and number.
    pub unit: u64,
    /// Street, flat and number.
    pub street: u64,
    /// Up to eight letters and digits.
    pub postcode: u64,
}

/// How two homes stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Nearness {
    /// One property.
    Home,
    /// One postcode; of one of them no more is known.
    Postcode,
    /// One postcode, another home.
    Neighbour,
    Elsewhere,
    /// Of one of them nothing is known.
    Unknown,
}

const FLATS: [&str; 9] =
    ["flat", "apartment", "apt", "unit", "room", "flt", "bedsit", "studio", "suite"];

/// Kinds of street, and their short forms.
const STREETS: [(&str, &str); 62] = [
    ("road", "road"),
    ("rd", "road"),
    ("street", "street"),
    ("st", "street"),
    ("str", "street"),
    ("avenue", "avenue"),
    ("ave", "avenue"),
    ("av", "avenue"),
    ("close", "close"),
    ("cl", "close"),
    ("clo", "close"),
    ("drive", "drive"),
    ("dr", "drive"),
    ("drv", "drive"),
    ("lane", "lane"),
    ("ln", "lane"),
    ("la", "lane"),
    ("crescent", "crescent"),
    ("cres", "crescent"),
    ("cr", "crescent"),
    ("crs", "crescent"),
    ("gardens", "gardens"),
    ("gdns", "gardens"),
    ("gdn", "gardens"),
    ("gds", "gardens"),
    ("terrace", "terrace"),
    ("tce", "terrace"),
    ("terr", "terrace"),
    ("ter", "terrace"),
    ("way", "way"),
    ("wy", "way"),
    ("place", "place"),
    ("pl", "place"),
    ("plc", "place"),
    ("court", "court"),
    ("ct", "court"),
    ("crt", "court"),
    ("square", "square"),
    ("sq", "square"),
    ("grove", "grove"),
    ("gr", "grove"),
    ("grv", "grove"),
    ("park", "park"),
    ("pk", "park"),
    ("hill", "hill"),
    ("row", "row"),
    ("mews", "mews"),
    ("walk", "walk"),
    ("wk", "walk"),
    ("rise", "rise"),
    ("view", "view"),
    ("green", "green"),
    ("grn", "green"),
    ("parade", "parade"),
    ("pde", "parade"),
    ("boulevard", "boulevard"),
    ("blvd", "boulevard"),
    ("highway", "highway"),
    ("hwy", "highway"),
    ("circuit", "circuit"),
    ("circle", "circle"),
    ("cir", "circle"),
];

fn street_kind(word: &str) -> Option<&'static str> {
    STREETS.iter().find(|(written, _)| *written == word).map(|(_, kind)| *kind)
}

/// What the words of an address say.
#[derive(Default)]
struct Words {
    flat: String,
    number: String,
    /// The building or house, where it has a name.
    name: String,
    street: String,
}

/// Reads a home from its lines, in their order; a line may hold several parts with commas between.
pub fn place(uprn: Option<&str>, lines: &[&str], postcode: Option<&str>) -> Place {
    let uprn = uprn.map_or(0, |uprn| {
        let digits = uprn.trim().trim_start_matches('0');
        digits.parse().unwrap_or_default()
    });
    let postcode = postcode.map_or(0, packed);
    let words = read(lines);
    let door = if words.number.is_empty() { &words.name } else { &words.number };
    let mut place = Place { uprn, postcode, ..Place::default() };
    if door.is_empty() && words.flat.is_empty() {
        return place;
    }
    if postcode != 0 {
        place.unit = digest(&[&postcode.to_string(), &words.flat, door]);
    }
    if !words.street.is_empty() {
        place.street = digest(&[&words.street, &words.flat, door]);
    }
    place
}

fn digest(parts: &[&str]) -> u64 {
    xxh3_64(parts.join("\u{1f}").as_bytes()).max(1)
}

/// A postcode of any country, as a number: letters and digits, at most eight.
fn packed(text: &str) -> u64 {
    let letters = text.bytes().filter(u8::is_ascii_alphanumeric).take(8);
    letters.fold(0, |packed, letter| packed << 8 | u64::from(letter.to_ascii_uppercase()))
}

fn read(lines: &[&str]) -> Words {
    let mut words = Words::default();
    let parts = lines.iter().flat_map(|line| line.split([',', '\n', ';']));
    for part in parts {
        let folded = fold_name(part);
        let mut tokens: Vec<&str> = folded.split(' ').filter(|word| !word.is_empty()).collect();
        if let Some(at) = tokens.iter().position(|word| FLATS.contains(word)) {
            // `FLAT 3`, and `GROUND FLOOR FLAT`.
            if at + 1 < tokens.len() {
                words.flat = tokens[at + 1].to_owned();
                tokens.drain(at..=at + 1);
            } else {
                words.flat = tokens[..at].join(" ");
                tokens.clear();
            }
        }
        if tokens.is_empty() {
            continue;
        }
        let numbered = |word: &&str| word.starts_with(|letter: char| letter.is_ascii_digit());
        let at = tokens.iter().position(numbered);
        if words.number.is_empty()
            && words.street.is_empty()
            && let Some(at) = at
        {
            if words.name.is_empty() {
                words.name = tokens[..at].join(" ");
            }
            words.number = tokens[at].to_owned();
            words.street = street(&tokens[at + 1..]);
        } else if words.street.is_empty() && !(words.name.is_empty() && words.number.is_empty()) {
            words.street = street(&tokens);
        } else if words.name.is_empty() && words.number.is_empty() {
            words.name = tokens.join(" ");
        }
    }
    words
}

/// The words of a street up to its kind, the kind in full.
fn street(tokens: &[&str]) -> String {
    let kind = tokens.iter().skip(1).position(|word| street_kind(word).is_some());
    match kind.map(|at| at + 1) {
        Some(at) => {
            let kind = street_kind(tokens[at]).unwrap_or_default();
            format!("{} {kind}", tokens[..at].join(" "))
        }
        None => tokens.join(" "),
    }
}

/// How two homes stand to each other.
pub fn nearness(one: &Place, other: &Place) -> Nearness {
    let known = |place: &Place| place.uprn != 0 || place.postcode != 0 || place.street != 0;
    if !known(one) || !known(other) {
        return Nearness::Unknown;
    }
    let both = |part: fn(&Place) -> u64| {
        let (one, other) = (part(one), part(other));
        (one != 0 && other != 0).then_some(one == other)
    };
    let (uprn, unit) = (both(|place| place.uprn), both(|place| place.unit));
    let (street, postcode) = (both(|place| place.street), both(|place| place.postcode));
    match (uprn, unit, street, postcode) {
        (Some(true), ..) => Nearness::Home,
        (Some(false), .., Some(true)) => Nearness::Neighbour,
        (Some(false), ..) => Nearness::Elsewhere,
        (None, Some(true), ..) => Nearness::Home,
        // One letter of the postcode, or all of it, is missing.
        (.., Some(true), None) => Nearness::Home,
        (.., Some(true), Some(false)) if slip(one.postcode, other.postcode) => Nearness::Home,
        (_, Some(false), _, Some(true)) => Nearness::Neighbour,
        (.., Some(true)) => Nearness::Postcode,
        (None, None, None, None) => Nearness::Unknown,
        _ => Nearness::Elsewhere,
    }
}

/// Whether two postcodes are one with a slip of the hand in it.
fn slip(one: u64, other: u64) -> bool {
    let letters = |packed: u64| {
        let bytes = packed.to_be_bytes();
        bytes.into_iter().filter(|byte| *byte != 0).map(char::from).collect::<String>()
    };
    strsim::osa_distance(&letters(one), &letters(other)) <= 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_home_is_one_however_it_is_written() {
        let home = |lines: &[&str], postcode: &str| {
            place(None, lines, Some(postcode).filter(|code| !code.is_empty()))
        };
        let flat = home(&["FLAT 3", "ASH COURT", "12 HIGH ROAD", "EXAMPLETON"], "SK99 1AA");
        for (lines, postcode, wanted) in [
            (&["Flat 3, Ash Court, 12 High Rd"][..], "sk991aa", Nearness::Home),
            (&["FLAT 3 ASH COURT", "12 HIGH ROAD"], "SK99 1AA", Nearness::Home),
            (&["Flat 3", "12 High Rd", "Exampleton"], "", Nearness::Home),
            (&["Flat 3, 12 High Road"], "SK99 1AB", Nearness::Home),
            (&["Flat 4, 12 High Road"], "SK99 1AA", Nearness::Neighbour),
            (&[], "SK99 1AA", Nearness::Postcode),
            (&["Flat 3, 12 High Road"], "LS1 4DY", Nearness::Elsewhere),
            (&[], "", Nearness::Unknown),
        ] {
            assert_eq!(nearness(&flat, &home(lines, postcode)), wanted, "{lines:?} {postcode}");
        }
        let named = home(&["ROSE COTTAGE", "HIGH STREET"], "SK99 1AA");
        assert_eq!(nearness(&named, &home(&["Rose Cottage, High St"], "")), Nearness::Home);
        let abroad = home(&["123 N Main St Apt 4", "Springfield"], "27601");
        assert_eq!(
            nearness(&abroad, &home(&["Apt 4, 123 N Main Street"], "27601")),
            Nearness::Home
        );
    }

    #[test]
    fn a_property_number_outranks_what_is_written() {
        let one = place(Some("000099900001"), &["1 Old Road"], Some("SK99 1AA"));
        let other = place(Some("99900001"), &["The Lodge"], None);
        assert_eq!(nearness(&one, &other), Nearness::Home);
        let next = place(Some("99900002"), &["1 Old Road"], Some("SK99 1AA"));
        assert_eq!(nearness(&one, &next), Nearness::Neighbour);
    }
}
