//! One name field, as old systems keep it, taken apart into the parties it names.
//!
//! `FAKELEY,MR B & MRS C` is two people, `EXORS OF BRAMBLE DECD` is an estate, `THE OCCUPIER` is
//! nobody. Where a field can be read two ways the plainer one wins and nothing is made up: in
//! `MR & MRS J FAKELEY` both are Fakeley, and J, by custom, is he. People's names are printed in
//! title case; the names of organisations, and of nobody, stay as they were written. This never
//! fails: matching, and the stewards behind it, decide what a poor name is worth.

pub mod alias;
mod people;
mod remark;
mod token;
mod vocabulary;

use std::fmt;

use people::people;
use remark::marked;
use token::{Token, Word, tokens, words};

/// No real field names more; a longer list is someone's essay.
const PARTIES_MAX: usize = 8;
/// A longer field, in bytes, names nobody: each of its parties could lean on all the rest of it.
const FIELD_MAX: usize = 2_000;

/// One of the parties that a field names. Unknown parts are empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct NamedParty {
    pub kind: PartyKind,
    pub title: String,
    pub given: String,
    pub middle: String,
    /// For an organisation or a placeholder, all that was written.
    pub family: String,
    /// The field says that this person has died.
    pub deceased: bool,
    /// What stood with the name and is no part of it.
    pub notes: Vec<Note>,
}

/// What makes a name less than sound, and was left out of it: somebody should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Note {
    /// Letters behind the name, such as `OBE`.
    Letters,
    /// Words in brackets, such as `(STUDENT)`.
    Remark,
    /// An earlier name, such as `(NEE FAKELEY)`.
    Former,
    /// The name fills its columns: more of it may have been cut off. Whoever knows the columns says so.
    Cut,
}

impl Note {
    /// The code of the issue.
    pub fn code(self) -> &'static str {
        match self {
            Note::Letters => "name_letters",
            Note::Remark => "name_remark",
            Note::Former => "name_former",
            Note::Cut => "name_cut",
        }
    }
}

/// What kind of party a name stands for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PartyKind {
    #[default]
    Person,
    /// Executors or representatives of someone who has died: the name is of the dead.
    Estate,
    Organisation,
    /// Words that name nobody; never to be matched.
    Placeholder,
}

/// Masked, because it names a person.
impl fmt::Debug for NamedParty {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "NamedParty({:?} …)", self.kind)
    }
}

/// The parties in a field, in its order. An empty field has none.
pub fn parse_names(text: &str) -> Vec<NamedParty> {
    if text.trim().len() > FIELD_MAX {
        return vec![whole(PartyKind::Placeholder, text)];
    }
    let all = tokens(text);
    if all.is_empty() {
        let marks_only = text.chars().any(|letter| !letter.is_whitespace());
        return if marks_only { vec![whole(PartyKind::Placeholder, text)] } else { Vec::new() };
    }
    if is_organisation(&all) {
        return vec![whole(PartyKind::Organisation, text)];
    }
    // Where everything stands in brackets, it is the name.
    let without_remarks = tokens(&marked(text));
    let mut tokens = if words(&without_remarks).next().is_some() { without_remarks } else { all };
    let mut living = take_living(&mut tokens);
    let estate = take_executors(&mut tokens);
    if names_nobody(&tokens) {
        return vec![whole(PartyKind::Placeholder, text)];
    }
    let mut parties = people(&tokens);
    if parties.is_empty() {
        return vec![whole(PartyKind::Placeholder, text)];
    }
    for party in &mut parties {
        if estate {
            party.kind = PartyKind::Estate;
            party.deceased = true;
        }
    }
    living.append(&mut parties);
    living.truncate(PARTIES_MAX);
    living
}

/// `MR B FAKELEY & EXORS OF MRS C FAKELEY`: takes out who stands in front, where that is a titled person.
fn take_living(tokens: &mut Vec<Token>) -> Vec<NamedParty> {
    let word = |at: usize| tokens.get(at).and_then(Token::word);
    let executor = |at: usize| word(at).is_some_and(|word| vocabulary::is_executor(&word.plain));
    let the = |at: usize| word(at).is_some_and(|word| word.plain == "THE");
    let split = (1..tokens.len())
        .find(|at| tokens[at - 1] == Token::And && (executor(*at) || the(*at) && executor(at + 1)));
    let Some(split) = split else { return Vec::new() };
    let before = &tokens[..split - 1];
    let titled = words(before).any(|word| word.title().is_some_and(|title| !title.is_empty()));
    let acting = words(before).any(|word| vocabulary::is_executor(&word.plain));
    let named = words(before).filter(|word| word.title().is_none()).count() >= 2;
    if !titled || acting || !named {
        return Vec::new();
    }
    let living = people(before);
    tokens.drain(..split);
    living
}

fn whole(kind: PartyKind, text: &str) -> NamedParty {
    let marks = |letter: char| letter.is_whitespace() || "&*./\\,".contains(letter);
    let bare = text.trim().trim_start_matches(marks);
    let family = if bare.is_empty() { text.trim() } else { bare };
    let family = family.split_whitespace().collect::<Vec<_>>().join(" ");
    NamedParty { kind, family, ..NamedParty::default() }
}

fn is_organisation(tokens: &[Token]) -> bool {
    let any = |test: fn(&str) -> bool| words(tokens).any(|word| test(&word.plain));
    if any(vocabulary::is_body) {
        return true;
    }
    let personal = words(tokens).any(|word| {
        word.title().is_some_and(|title| !title.is_empty())
            || vocabulary::is_executor(&word.plain)
            || vocabulary::is_deceased(&word.plain)
    });
    if personal {
        return false;
    }
    let comma = tokens.contains(&Token::Comma);
    // Without a title or a surname first, an `&` joins partners in trade: never a couple.
    any(vocabulary::is_firm)
        || (!comma && (any(vocabulary::is_trade) || tokens.contains(&Token::And)))
}

/// Takes out the words that say "executors of", and whoever acts for them before those words.
fn take_executors(tokens: &mut Vec<Token>) -> bool {
    let is_executor =
        |token: &Token| token.word().is_some_and(|word| vocabulary::is_executor(&word.plain));
    let Some(first) = tokens.iter().position(is_executor) else {
        return false;
    };
    let mut after = first + 1;
    while tokens.get(after).is_some_and(|token| is_executor(token) || is_joint(token)) {
        after += 1;
    }
    let follows = tokens[after..].iter().any(|token| token.word().is_some());
    let before = &tokens[..first];
    let surname_first = before.contains(&Token::Comma);
    // `SOLICITORS EXORS OF BRAMBLE`: the firm is not the estate. `BRAMBLE,EXORS OF MR J`: it is.
    let from = if follows && !surname_first { 0 } else { first };
    tokens.drain(from..after);
    true
}

/// The small words around "executors".
fn is_joint(token: &Token) -> bool {
    match token {
        Token::Word(word) => matches!(word.plain.as_str(), "OF" | "FOR" | "TO" | "THE" | "ESTATE"),
        Token::And => true,
        Token::Comma | Token::Note(_) => false,
    }
}

fn names_nobody(tokens: &[Token]) -> bool {
    let named = |word: &Word| word.plain.chars().any(char::is_alphabetic);
    if !words(tokens).any(named) {
        return true;
    }
    let mut said = false;
    let nobody = |word: &Word| {
        word.written
            .split(['/', '-'])
            .all(|part| vocabulary::is_nobody(part.to_uppercase().as_str()))
            || vocabulary::is_nobody(&word.plain)
    };
    for word in words(tokens) {
        let empty = nobody(word);
        said |= empty || word.title().is_some();
        if !empty && !vocabulary::is_filler(&word.plain) {
            return false;
        }
    }
    let other = words(tokens).any(|word| word.plain == "OTHER");
    let initial = words(tokens).any(|word| word.title().is_none() && word.is_initials());
    // `A N OTHER` is nobody; `MR N` is somebody whose name was cut short.
    (said && (!initial || words(tokens).any(nobody))) || other
}

#[cfg(test)]
mod tests;
