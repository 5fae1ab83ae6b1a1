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
    for (at, ((field, _), bits)) in FIELDS.iter().zip(parts).enumerate() {
        let level = levels.indices()[at];
        if level > 0 {
            said.push(Said { field, words: words(field, level), bits });
        }
    }
    let bits = weights.score(levels).bits;
    Explained { said, clash: clash(levels).map(clashes), bits, probability: probability(bits) }
}

/// The band of a pair, others left aside.
pub fn band(levels: &Levels, weights: &Weights) -> Band {
    let bits = weights.score(levels).bits;
    match clash(levels) {
        Some(_) if super::grow::is_kept(bits, levels, weights) => Band::Review,
        Some(_) => Band::Separate,
        None if bits >= weights.link_bits() => Band::Linked,
        None if bits >= weights.review_bits() => Band::Review,
        None => Band::Separate,
    }
}

fn place(place: Nearness) -> &'static str {
    match place {
        Nearness::Home => "they live in one property",
        Nearness::Postcode => "they share a postcode, and of one no more is known",
        Nearness::Neighbour => "they share a postcode, in two homes",
        Nearness::Elsewhere => "they live in two places",
        Nearness::Unknown => "of one no home is known",
    }
}

fn clashes(clash: Clash) -> &'static str {
    match clash {
        Clash::Together => "one record names both, and so two people",
        Clash::Born => "they were born on different days",
        Clash::Nino => "they have different National Insurance numbers",
        Clash::Given => "their given names differ",
        Clash::Initial => "the initial does not fit the given name",
        Clash::Sex => "only initials agree, and one is a woman, the other a man",
    }
}

/// The words of a level, in the order of the file of weights.
fn words(field: &str, level: usize) -> &'static str {
    let all: &[&'static str] = match field {
        "given" => &[
            "the given name is the same",
            "the given name is a short form, or another spelling",
            "one goes by what is the other's second name",
            "the given name differs by a slip of the hand",
            "the initial fits the given name",
            "both have an initial alone, the same",
            "given and family name stand in each other's place",
            "the initial fits a second name",
            "the initial does not fit",
            "the given names differ",
        ],
        "family" => &[
            "the family name is the same",
            "the family name is another spelling",
            "the family name differs by a slip of the hand",
            "one part of a double family name agrees",
            "given and family name stand in each other's place",
            "the family names differ",
        ],
        "middle" => &["the second initial agrees", "", "the second initials differ"],
        "born" => &[
            "the day of birth is the same",
            "the day of birth agrees as far as it is known",
            "the day of birth differs in one part, or day and month are changed about",
            "the days of birth differ",
        ],
        "sex" => &[
            "both are of one sex",
            "both are of one sex, as the given name lets one guess",
            "they seem to be of two sexes, as the given name lets one guess",
            "one is a woman, the other a man",
        ],
        "nino" => &[
            "the National Insurance number is the same",
            "the National Insurance number differs by a slip of the hand",
            "the National Insurance numbers differ",
        ],
        "email" => &["the mail address is the same", "", "the mail addresses differ"],
        "phone" => &["a telephone number is the same", "", "the telephone numbers differ"],
        "moved" => &["one left on the day on which the other moved in elsewhere"],
        _ => &["a rule of the council says that they are one"],
    };
    all.get(level - 1).copied().unwrap_or_default()
}

impl Explained {
    /// Lines of text: the weightiest first. With `verdict` covered, a steward can still tell.
    pub fn lines(&self) -> Vec<String> {
        let mut said: Vec<&Said> = self.said.iter().collect();
        said.sort_by(|one, other| other.bits.abs().total_cmp(&one.bits.abs()));
        let line = |said: &Said| format!("{:+5.1}  {}", said.bits, said.words);
        let mut lines: Vec<String> = said.into_iter().map(line).collect();
        lines.extend(self.clash.map(|clash| format!(" never  {clash}")));
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
