//! Which postal addresses can be printed: three to seven lines, ending in a UK postcode, a BFPO
//! number or, for those allowed to post abroad, a country. The lines are read from a letter's
//! personalisation; nothing is looked up.

use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use crate::sandbox::govuk_notify::country::Zone;
use crate::sandbox::govuk_notify::{pytext, whitespace};

const LINES_MIN: usize = 3;
const LINES_MAX: usize = 7;
const FORBIDDEN_STARTS: [char; 13] =
    ['@', '(', ')', '=', '[', ']', '"', '\\', '/', ',', '<', '>', '~'];

/// An address as it will be read by the sorting machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    lines: Vec<String>,
    zone: Zone,
    bfpo: bool,
    postcode: Option<String>,
}

impl Address {
    /// The address in a letter's personalisation. Only these exact names are read.
    pub fn of(personalisation: &Map<String, Value>) -> Self {
        let last = if personalisation.contains_key("address_line_7") {
            "address_line_7"
        } else {
            "postcode"
        };
        let text: Vec<String> = (1..=6)
            .map(|line| format!("address_line_{line}"))
            .chain([last.to_owned()])
            .map(|name| personalisation.get(&name).filter(|value| pytext::is_something(value)))
            .map(|value| value.map_or_else(String::new, pytext::text))
            .collect();
        Self::read(&text.join("\n"))
    }

    /// Nothing if the address can be printed, else what is wrong with it. The checks' order is the
    /// platform's.
    pub fn fault(&self, may_go_abroad: bool) -> Option<&'static str> {
        let has_letter_or_digit =
            |line: &String| line.chars().any(|found| found.is_ascii_alphanumeric());
        if self.lines.len() < LINES_MIN {
            Some("Address must be at least 3 lines")
        } else if self.lines.len() > LINES_MAX {
            Some("Address must be no more than 7 lines")
        } else if !self.lines.iter().take(2).all(has_letter_or_digit) {
            Some(
                "The first 2 lines of the address must both include at least one alphanumeric \
                 character",
            )
        } else if self.bfpo && self.is_abroad() {
            Some("The last line of a BFPO address must not be a country.")
        } else if !self.ends_well(may_go_abroad) {
            Some(if may_go_abroad {
                "Last line of address must be a real UK postcode or another country"
            } else {
                "Must be a real UK postcode"
            })
        } else if self.lines.iter().any(|line| line.starts_with(FORBIDDEN_STARTS)) {
            Some(
                "Address lines must not start with any of the following characters: \
                 @ ( ) = [ ] ” \\ / , < >",
            )
        } else if self.is_nowhere() {
            Some("Must be a real address")
        } else {
            None
        }
    }

    /// The dearer postage of a letter abroad; a UK letter's is its template's.
    pub fn postage(&self) -> Option<&'static str> {
        match self.zone {
            Zone::UnitedKingdom => None,
            Zone::Europe => Some("europe"),
            Zone::RestOfWorld => Some("rest-of-world"),
        }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    fn read(text: &str) -> Self {
        let mut lines: Vec<String> = whitespace::lines(text)
            .into_iter()
            .map(whitespace::normalise_line)
            .map(|line| line.trim_end_matches([' ', ',']).to_owned())
            .filter(|line| !line.is_empty())
            .map(|line| whitespace::close_up_punctuation(&line))
            .collect();
        let bfpo = lines.iter().find_map(|line| bfpo_number(line)?.parse::<u64>().ok());
        if bfpo.is_some() {
            lines.retain(|line| !is_bfpo(line));
        }
        let country =
            lines.last().cloned().and_then(|last| Zone::of(&last).map(|zone| (last, zone)));
        if country.is_some() {
            lines.truncate(lines.len() - trailing_uk_names(&lines).max(1));
        }
        let zone = country.as_ref().map_or(Zone::UnitedKingdom, |&(_, zone)| zone);
        let postcode = match zone {
            Zone::UnitedKingdom => lines.last().and_then(|last| postcode(last)),
            Zone::Europe | Zone::RestOfWorld => None,
        };
        if postcode.is_some() {
            lines.pop();
        }
        lines.extend(postcode.clone());
        lines.extend(bfpo.map(|number| format!("BFPO {number}")));
        if let Some((name, Zone::Europe | Zone::RestOfWorld)) = country {
            lines.push(name);
        }
        Self { lines, zone, bfpo: bfpo.is_some(), postcode }
    }

    fn is_abroad(&self) -> bool {
        self.zone != Zone::UnitedKingdom
    }

    fn ends_well(&self, may_go_abroad: bool) -> bool {
        self.postcode.is_some() || self.bfpo || (may_go_abroad && self.is_abroad())
    }

    fn is_nowhere(&self) -> bool {
        let whole = self.lines.join("\n").to_lowercase();
        self.lines.iter().any(|line| line.eq_ignore_ascii_case("nfa"))
            || whole.contains("no fixed abode")
            || whole.contains("no fixed address")
    }
}

/// The postcode as printed, with its space, if the line is one and nothing else.
fn postcode(line: &str) -> Option<String> {
    static POSTCODE: LazyLock<Regex> = LazyLock::new(|| {
        let areas = AREAS.split_whitespace().collect::<Vec<_>>().join("|");
        Regex::new(&format!("^(?:{areas})[0-9][0-9A-Z]?[0-9][A-BD-HJLNP-UW-Z]{{2}}$"))
            .expect("a constant pattern")
    });
    let bare = whitespace::remove_all(line).to_uppercase();
    POSTCODE.is_match(&bare).then(|| {
        let (outward, inward) = bare.split_at(bare.len() - 3);
        format!("{outward} {inward}")
    })
}

fn bfpo_number(line: &str) -> Option<&str> {
    BFPO.captures(line)?.get(1).map(|number| number.as_str())
}

fn is_bfpo(line: &str) -> bool {
    BFPO.is_match(line)
}

/// How many lines name the UK or a part of it, read from the end until another country is met.
fn trailing_uk_names(lines: &[String]) -> usize {
    lines
        .iter()
        .rev()
        .filter_map(|line| Zone::of(line))
        .take_while(|zone| *zone == Zone::UnitedKingdom)
        .count()
}

static BFPO: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"(?i)^\s*bfpo\s*(?:c/o)?(?:\s*([0-9]+))?\s*$").expect("a constant pattern")
});

/// The letters a UK postcode may start with.
const AREAS: &str = "\
    AB AL B BA BB BD BF BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN \
    DT DY E EC EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA \
    LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG \
    SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE";

#[cfg(test)]
mod tests {
    use super::*;

    const POSTCODE: &str = "Must be a real UK postcode";

    #[test]
    fn addresses_within_the_uk() {
        for (text, fault) in [
            ("Ms Testberry\n1 High Street\nSW1A 1AA", None),
            ("Ms T ,\n1 St ,\nsw1a1aa", None),
            ("Ms T\n1 St\nSW1A 1AA\nEngland\nUnited Kingdom", None),
            ("Ms T\n1 St\nBFPO 12", None),
            ("Ms T\n1 St\nBFPO c/o 12\nBF1 0AX", None),
            ("Ms T\n1 St\nGIR 0AA", Some(POSTCODE)),
            ("Ms T\n1 St\nTown SW1A 1AA", Some(POSTCODE)),
            ("Ms T\n1 St\nZZ1 1AA", Some(POSTCODE)),
            ("Ms T\n1 St\nSW1A 1CA", Some(POSTCODE)),
            ("Ms T\n1 St\nFrance", Some(POSTCODE)),
            ("Ms T\nSW1A 1AA", Some("Address must be at least 3 lines")),
            ("Ms T\n1 St\nJersey", Some("Address must be at least 3 lines")),
            ("", Some("Address must be at least 3 lines")),
            ("a\nb\nc\nd\ne\nf\ng\nSW1A 1AA", Some("Address must be no more than 7 lines")),
            ("NFA\n1 St\nSW1A 1AA", Some("Must be a real address")),
            ("Ms T\nof no fixed ADDRESS\nSW1A 1AA", Some("Must be a real address")),
            (
                "Ms T\nBFPO 12\nFrance\n",
                Some("The last line of a BFPO address must not be a country."),
            ),
        ] {
            assert_eq!(Address::read(text).fault(false), fault, "{text}");
        }
    }

    #[test]
    fn addresses_abroad() {
        let france = Address::read("M. Fakeley\n1 Rue\n75001 Paris\nFrance");
        assert_eq!((france.fault(true), france.postage()), (None, Some("europe")));
        let kenya = Address::read("M. Fakeley\n1 Rd\nNairobi\nKENYA");
        assert_eq!((kenya.fault(true), kenya.postage()), (None, Some("rest-of-world")));
        let nowhere = Address::read("Ms T\n1 St\nAtlantis");
        assert!(nowhere.fault(true).is_some_and(|fault| fault.starts_with("Last line")));
    }
}
