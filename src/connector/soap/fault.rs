//! What a system says when it refuses, and what that means. Its own words may name anybody: they are told
//! only as far as they are plain words and nothing that was sent.

use std::collections::HashSet;

use crate::record::document::{Document, NodeId};
use crate::record::personal::unprinted;

/// A fault of either version, as texts at the ways to them.
pub struct Fault {
    /// The ways are of local names from the fault: `detail/FWTException/ErrorCode`.
    texts: Vec<(String, String)>,
}

/// What a fault means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// It was looked at and refused.
    Refused,
    /// Nothing happened; later it may.
    Unavailable,
    /// It does not let us in.
    Unauthorised,
    /// There is no such thing.
    NotFound,
    /// It happened before.
    Done,
    /// It may have happened, or not.
    Unknown,
}

/// Which faults mean what. Of several rules the first that fits counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The way to the text that decides; None looks at every text of the fault.
    pub at: Option<String>,
    /// The whole text is one of these, whatever its case.
    pub says: Vec<String>,
    /// Or it holds one of these.
    pub holds: Vec<String>,
    pub means: Means,
}

impl Rule {
    fn fits(&self, fault: &Fault) -> bool {
        let is_at = |way: &str| {
            self.at.as_deref().is_none_or(|at| at.trim_matches('/').eq_ignore_ascii_case(way))
        };
        fault.texts.iter().filter(|(way, _)| is_at(way)).any(|(_, text)| self.fits_text(text))
    }

    fn fits_text(&self, text: &str) -> bool {
        let text = text.to_lowercase();
        let same = |said: &String| said.to_lowercase() == text;
        let held = |part: &String| text.contains(&part.to_lowercase());
        self.says.iter().any(same) || self.holds.iter().any(held)
    }
}

/// How much of what it says is told.
const WORDS_MAX: usize = 24;
/// A number with fewer digits is a code and not somebody's.
const DIGITS_MAX: usize = 4;
const HIDDEN: &str = "•••";
/// Words that sentences of faults begin with, and nobody's names.
const PLAIN: &[&str] = &[
    "A",
    "Access",
    "Account",
    "An",
    "Authentication",
    "Bad",
    "Cannot",
    "Case",
    "Client",
    "Could",
    "Error",
    "Exception",
    "Failed",
    "FWTException",
    "Field",
    "Individual",
    "Internal",
    "Invalid",
    "Missing",
    "No",
    "Not",
    "Object",
    "Permission",
    "Property",
    "Record",
    "Reference",
    "Request",
    "Required",
    "Security",
    "Sender",
    "Server",
    "Receiver",
    "Service",
    "Session",
    "System",
    "The",
    "This",
    "Timeout",
    "Token",
    "Unable",
    "Unknown",
    "User",
    "Validation",
    "Value",
];

impl Fault {
    /// Reads it from the element of that name.
    pub fn read(document: &Document, fault: NodeId) -> Fault {
        let mut texts = Vec::new();
        collect(document, fault, "", &mut texts);
        Fault { texts }
    }

    /// One that is not written as a fault: an element of an answer that tells of one.
    pub fn of_text(way: &str, text: &str) -> Fault {
        Fault { texts: vec![(way.to_owned(), text.to_owned())] }
    }

    /// The text at a way from the fault.
    pub fn text(&self, way: &str) -> Option<&str> {
        self.texts.iter().find(|(known, _)| known == way).map(|(_, text)| text.as_str())
    }

    /// What it means by these rules; none where none fits.
    pub fn means(&self, rules: &[Rule]) -> Option<Means> {
        rules.iter().find(|rule| rule.fits(self)).map(|rule| rule.means)
    }

    /// Its own words, without what was `sent` and whatever else may be about a person.
    pub fn words(&self, sent: &str) -> String {
        let sent = words_of(sent);
        let mut told: Vec<String> = Vec::new();
        for (_, text) in &self.texts {
            let said = masked(text, &sent);
            if !said.is_empty() && !told.contains(&said) {
                told.push(said);
            }
        }
        match told.is_empty() {
            true => "it gives no reason".to_owned(),
            false => told.join("; "),
        }
    }
}

fn collect(document: &Document, node: NodeId, way: &str, texts: &mut Vec<(String, String)>) {
    let text = document.text(node).trim();
    if !text.is_empty() && !way.is_empty() {
        texts.push((way.to_owned(), text.to_owned()));
    }
    let below: Vec<NodeId> =
        document.children(node).filter(|child| !document.is_attribute(*child)).collect();
    for child in below {
        let name = document.name(child);
        let way = if way.is_empty() { name.to_owned() } else { format!("{way}/{name}") };
        collect(document, child, &way, texts);
    }
}

fn is_letter(letter: char) -> bool {
    letter.is_alphanumeric() || "'@._-".contains(letter)
}

/// The words of what was sent, in lower case: values among them, and names of elements, which say nothing.
fn words_of(sent: &str) -> HashSet<String> {
    let mut inside_tag = false;
    let mut text = String::with_capacity(sent.len());
    for letter in sent.chars() {
        match letter {
            '<' => inside_tag = true,
            '>' => {
                inside_tag = false;
                text.push(' ');
            }
            letter if !inside_tag => text.push(letter),
            _ => {}
        }
    }
    let words = text.split(|letter: char| !is_letter(letter));
    words.filter(|word| word.chars().count() > 2).map(str::to_lowercase).collect()
}

fn masked(text: &str, sent: &HashSet<String>) -> String {
    let mut told: Vec<&str> = Vec::new();
    let words: Vec<&str> =
        text.split(|letter: char| !is_letter(letter)).filter(|word| !word.is_empty()).collect();
    for word in words.iter().take(WORDS_MAX) {
        let bare = word.trim_matches(|letter: char| !letter.is_alphanumeric());
        let is_known = sent.contains(&bare.to_lowercase()) || sent.contains(&word.to_lowercase());
        let plain = bare.chars().all(|letter| letter.is_ascii_lowercase());
        let number = bare.len() <= DIGITS_MAX && bare.bytes().all(|byte| byte.is_ascii_digit());
        let shown = !is_known && (plain || number || is_name_of_a_fault(bare));
        let word = if shown { bare } else { HIDDEN };
        let is_more_of_it = word == HIDDEN && told.last() == Some(&HIDDEN);
        if !word.is_empty() && !is_more_of_it {
            told.push(word);
        }
    }
    told.join(" ")
}

/// A word of a fault's own: one that sentences begin with, or `NOT_FOUND`, which nobody is called.
fn is_name_of_a_fault(word: &str) -> bool {
    let shouted =
        word.contains('_') && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let parts = || word.split('.');
    shouted || parts().all(|part| PLAIN.contains(&part))
}

unprinted!(Fault);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connector::soap::envelope::{self, Brought, Version};

    fn fault(inside: &str) -> Fault {
        let text = Version::V11.wrap("", &format!("<s:Fault xmlns:s=\"urn:s\">{inside}</s:Fault>"));
        match envelope::read(text.into_bytes(), false) {
            Ok(Brought::Fault(fault)) => fault,
            other => panic!("{other:?}"),
        }
    }

    const FWT: &str = "<faultcode>s:Server</faultcode><faultstring>FWTException</faultstring><detail>\
                       <f:FWTException xmlns:f=\"urn:f\"><ErrorMessage>Object not found</ErrorMessage>\
                       <ErrorCode>1201</ErrorCode><Name>NOT_FOUND</Name></f:FWTException></detail>";

    #[test]
    fn the_first_rule_that_fits_says_what_it_means() {
        let rule = |at: Option<&str>, says: &[&str], holds: &[&str], means| Rule {
            at: at.map(str::to_owned),
            says: says.iter().map(|one| (*one).to_owned()).collect(),
            holds: holds.iter().map(|one| (*one).to_owned()).collect(),
            means,
        };
        let found = fault(FWT);
        assert_eq!(found.text("detail/FWTException/ErrorCode"), Some("1201"));
        let code = rule(Some("detail/FWTException/ErrorCode"), &["1201"], &[], Means::NotFound);
        let words = rule(None, &[], &["NOT FOUND"], Means::Done);
        let other = rule(Some("faultcode"), &["1201"], &[], Means::Unavailable);
        assert_eq!(
            found.means(&[other.clone(), code.clone(), words.clone()]),
            Some(Means::NotFound)
        );
        assert_eq!(found.means(&[words, code]), Some(Means::Done));
        assert_eq!(found.means(&[other]), None);
    }

    #[test]
    fn its_words_are_told_without_anybodys() {
        let sent = "<f:Find xmlns:f=\"urn:f\"><Name>testberry</Name><Ref>990</Ref></f:Find>";
        for (inside, expected) in [
            (FWT, "s Server; FWTException; Object not found; 1201; NOT_FOUND"),
            ("<faultstring>no person testberry with 990</faultstring>", "no person ••• with •••"),
            ("<faultstring>Arden Testberry lives at SK99 1AA</faultstring>", "••• lives at •••"),
            (
                "<faultstring>QQ123456A or a.b@example.com or 07700900123</faultstring>",
                "••• or ••• or •••",
            ),
            ("<x/>", "it gives no reason"),
        ] {
            let told = fault(inside).words(sent);
            assert_eq!(told, expected, "{inside}");
        }
    }
}
