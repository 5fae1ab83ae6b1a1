//! A comparison in words: what agrees, what speaks against it, and how much each weighs. No value is in it.

use super::compare::{Clash, Levels, clash};
use super::place::Nearness;
use super::weigh::{FIELDS, Weights, probability};

/// What one field says.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub field: &'static str,
    pub words: &'static str,
    pub bits: f32,
}

/// A comparison as a person reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    pub said: Vec<Said>,
    /// What one of the two lacks, so that it says nothing: of what tells people apart best.
    pub missing: Vec<&'static str>,
    /// Why they cannot be one, if something says so.
    pub clash: Option<&'static str>,
    pub bits: f32,
    pub probability: f32,
}

/// In which of the three bands a pair falls by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Band {
    Linked,
    Review,
    Separate,
}

impl Band {
    pub fn word(self) -> &'static str {
        match self {
            Band::Linked => "linked",
            Band::Review => "review",
            Band::Separate => "separate",
        }
    }
}

/// Says how two parties agree.
pub fn explain(levels: &Levels, weights: &Weights) -> Explained {
    let (start, parts) = weights.parts(levels);
    let mut said = vec![Said { field: "place", words: place(levels.place), bits: start }];
    let mut missing = Vec::new();
    for (at, ((field, _), bits)) in FIELDS.iter().zip(parts).enumerate() {
        let level = levels.indices()[at];
        if level == 0 {
            missing.extend(TELLING.iter().find(|(name, _)| name == field).map(|(_, words)| *words));
            continue;
        }
        let words = words(field, level);
        // What is said of two fields at once is said once.
        match said.iter_mut().find(|said| said.words == words) {
            Some(said) => said.bits += bits,
            None => said.push(Said { field, words, bits }),
        }
    }
    let bits = weights.score(levels).bits;
    let clash = clash(levels).map(clashes);
    Explained { said, missing, clash, bits, probability: probability(bits) }
}

/// What tells people apart best.
const TELLING: [(&str, &str); 5] = [
    ("given", "given name"),
    ("born", "day of birth"),
    ("nino", "National Insurance number"),
    ("email", "mail address"),
    ("phone", "telephone"),
];

/// The band of a pair, others left aside.
pub fn band(levels: &Levels, weights: &Weights) -> Band {
    let bits = weights.score(levels).bits;
    match clash(levels) {
        None if bits >= weights.link_bits() => Band::Linked,
        _ if super::grow::is_kept(bits, levels, weights) => Band::Review,
        _ => Band::Separate,
    }
}

/// Said of two in one home.
pub const SAME_ADDRESS: &str = "the address is the same";

fn place(place: Nearness) -> &'static str {
    match place {
        Nearness::Home => SAME_ADDRESS,
        Nearness::Postcode => "the postcode is the same, and one record has no more of its address",
        Nearness::Neighbour => "the postcode is the same, the address is another",
        Nearness::Elsewhere => "the addresses are different",
        Nearness::Unknown => "one record has no address",
    }
}

fn clashes(clash: Clash) -> &'static str {
    match clash {
        Clash::Together => "one record lists both, as two people",
        Clash::Born => "they were born on different days",
        Clash::Nino => "they have different National Insurance numbers",
        Clash::Given => "their given names differ",
        Clash::Initial => "the initial does not fit the given name",
        Clash::Sex => "only initials agree, and the sex differs",
    }
}

/// Said of both names at once.
pub const SWAPPED: &str = "given name and family name are swapped";

/// The words of a level, in the order of the file of weights.
fn words(field: &str, level: usize) -> &'static str {
    let all: &[&'static str] = match field {
        "given" => &[
            "the given name is the same",
            "the given name is a short form, or another spelling",
            "one goes by what is the other's second name",
            "the given names differ slightly, as by a typing error",
            "the initial fits the given name",
            "both records give an initial alone, the same one",
            SWAPPED,
            "the initial fits a second name",
            "the initial does not fit",
            "the given names differ",
            "the given name is the same, but more than 25 records have this whole name",
        ],
        "family" => &[
            "the family name is the same",
            "the family name is another spelling",
            "the family names differ slightly, as by a typing error",
            "one part of a double family name agrees",
            SWAPPED,
            "the family names differ",
        ],
        "middle" => &["the second initial agrees", "", "the second initials differ"],
        "born" => &[
            "the day of birth is the same",
            "the day of birth agrees as far as it is known",
            "the day of birth differs in the day, the month or the year alone, or day and month are swapped",
            "the days of birth differ",
        ],
        "sex" => &[
            "the recorded sex is the same",
            "the sex seems the same, as guessed from a given name",
            "the sex seems to differ, as guessed from a given name",
            "the recorded sex differs",
        ],
        "nino" => &[
            "the National Insurance number is the same",
            "the National Insurance numbers differ slightly, as by a typing error",
            "the National Insurance numbers differ",
        ],
        "email" => &["the mail address is the same", "", "the mail addresses differ"],
        "phone" => &["a telephone number is the same", "", "the telephone numbers differ"],
        "moved" => {
            &["one record ends at its address on the day on which the other begins at another"]
        }
        _ => &["a rule of the council's own says that they are one"],
    };
    all.get(level - 1).copied().unwrap_or_default()
}

impl Explained {
    /// Lines of text: the weightiest first, their sum, and what was not there to compare. With the band covered, a
    /// steward can still name it.
    pub fn lines(&self) -> Vec<String> {
        let mut said: Vec<&Said> = self.said.iter().collect();
        said.sort_by(|one, other| other.bits.abs().total_cmp(&one.bits.abs()));
        let line = |said: &Said| match said.bits.abs() < 0.05 {
            true => format!("    –  {}", said.words),
            false => format!("{:+5.1}  {}", said.bits, said.words),
        };
        let mut lines: Vec<String> = said.into_iter().map(line).collect();
        lines.push(format!("{:+5.1}  in all", self.bits));
        lines.extend(
            self.clash.map(|clash| format!("       kept apart, whatever the sum: {clash}")),
        );
        if !self.missing.is_empty() {
            lines.push(format!("       nothing to compare: {}", self.missing.join(", ")));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resolution::compare::{Given, Own, compare};
    use crate::resolution::profile::{Profile, Said as Text};

    #[test]
    fn every_level_that_is_weighed_has_its_words() {
        for (field, levels) in FIELDS {
            for (level, word) in levels.iter().enumerate().skip(1) {
                let kept = !(*word == "near" && ["middle", "email", "phone"].contains(&field));
                assert_eq!(!words(field, level).is_empty(), kept, "{field} {level}");
            }
        }
    }

    #[test]
    fn the_fifty_explanations_of_the_page_are_what_is_said() {
        let page = include_str!("../../docs/matching.md");
        let (_, page) = page.split_once("## Fifty explanations").expect("the chapter");
        let (told, bands) = page.split_once("The bands: ").expect("the bands");
        let bands: Vec<&str> = bands
            .trim()
            .trim_end_matches('.')
            .split(", ")
            .filter_map(|one| one.split(' ').nth(1))
            .collect();
        let blocks: Vec<&str> = told
            .split("```text\n")
            .skip(1)
            .filter_map(|block| block.split("\n```").next())
            .collect();
        assert_eq!((blocks.len(), bands.len()), (50, 50));
        for (block, wanted) in blocks.iter().zip(bands) {
            let levels = levels_of(block);
            assert_eq!(explain(&levels, Weights::shipped()).lines().join("\n"), *block);
            assert_eq!(band(&levels, Weights::shipped()).word(), wanted, "{block}");
        }
    }

    /// The levels that an explanation tells of.
    fn levels_of(block: &str) -> Levels {
        let told =
            |line: &str| line.trim_start().split_once("  ").map(|(_, words)| words.to_owned());
        let told: Vec<String> = block.lines().filter_map(told).collect();
        let has = |words: &str| told.iter().any(|told| told == words);
        let places = [Nearness::Home, Nearness::Postcode, Nearness::Neighbour, Nearness::Elsewhere];
        let found = places.into_iter().find(|one| has(place(*one))).unwrap_or(Nearness::Unknown);
        let together = block.contains(clashes(Clash::Together));
        let mut packed = found as i64 | i64::from(together) << 3;
        for (at, (field, levels)) in FIELDS.iter().enumerate() {
            let level = (1..levels.len()).find(|level| has(words(field, *level)));
            packed |= (level.unwrap_or_default() as i64) << (4 + 4 * at);
        }
        Levels::unpacked(packed).expect("levels")
    }

    #[test]
    fn a_comparison_is_told_with_its_weights_and_without_values() {
        let said = Text {
            title: Some("Mrs"),
            given: Some("Cara"),
            family: Some("Fakeley"),
            lines: [Some("1 Old Road"), None, None, None],
            postcode: Some("SK99 1AA"),
            ..Text::default()
        };
        let other = Text { given: Some("C"), ..said };
        let (one, other) = (Profile::new(1, 1, &said), Profile::new(2, 2, &other));
        let levels = compare(&one, &other, &|_| false);
        assert_eq!((levels.given, levels.nino), (Given::Initial, Own::Missing));
        let explained = explain(&levels, Weights::shipped());
        let lines = explained.lines().join("\n");
        assert!(lines.contains("the initial fits the given name"), "{lines}");
        assert!(!lines.to_lowercase().contains("fakeley"), "{lines}");
        assert_eq!(band(&levels, Weights::shipped()), Band::Linked);
    }
}
