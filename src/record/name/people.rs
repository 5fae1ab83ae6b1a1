//! Who is who among the words of a field: each person's share, and whose family name is whose. It
//! is handed words that name people; executors, firms and nobody are told apart before.

use crate::record::value::spelling::title_case;

use super::token::{Token, Word, words};
use super::{NamedParty, Note, PartyKind, alias, vocabulary};

/// The people in a field. One without any family name is left out.
pub(super) fn people(tokens: &[Token]) -> Vec<NamedParty> {
    let listed = is_list_with_commas(tokens);
    let ends = |token: &Token| *token == Token::And || (listed && *token == Token::Comma);
    let mut shares: Vec<Share> =
        tokens.split(ends).filter(|part| !part.is_empty()).map(share).collect();
    lend_family_names(&mut shares);
    shares.into_iter().map(finish).filter(|party| !party.family.is_empty()).collect()
}

/// One person's share of the field, before family names are lent.
#[derive(Default)]
struct Share {
    title: String,
    /// Given by a comma, or by standing before the title.
    family: Vec<Word>,
    names: Vec<Word>,
    deceased: bool,
    titled: bool,
    notes: Vec<Note>,
}

impl Share {
    fn note(&mut self, note: Note) {
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }
}

/// `MR A TESTBERRY, MRS B FAKELEY`: each piece between commas is titled and has a name to itself.
/// `MR A TESTBERRY & FAKELEY, MRS B` is none: there the comma is behind a family name.
fn is_list_with_commas(tokens: &[Token]) -> bool {
    let titled_name = |piece: &[Token]| {
        let titled = piece.first().and_then(Token::word).is_some_and(|word| word.title().is_some());
        titled && words(piece).filter(|word| word.title().is_none()).count() >= 2
    };
    tokens.contains(&Token::Comma)
        && tokens
            .split(|token| *token == Token::And)
            .filter(|part| part.contains(&Token::Comma))
            .all(|part| part.split(|token| *token == Token::Comma).all(titled_name))
}

fn share(tokens: &[Token]) -> Share {
    let mut share = Share::default();
    let mut titles: Vec<&str> = Vec::new();
    let comma = tokens.iter().position(|token| *token == Token::Comma);
    let count = words(tokens).count();
    for (at, token) in tokens.iter().enumerate() {
        if let Token::Note(note) = token {
            share.note(*note);
        }
        let Token::Word(word) = token else { continue };
        let before_comma = comma.is_some_and(|comma| at < comma);
        // `LORD,MR A`: the only word before a comma is a name whatever else it could be.
        let alone = before_comma && comma == Some(1);
        if vocabulary::is_deceased(&word.plain) && count > 1 {
            share.deceased = true;
        } else if let Some(title) = word.title().filter(|_| !alone && !is_a_name(&titles, word)) {
            if comma.is_none() && titles.is_empty() && at + 1 < tokens.len() {
                // `FAKELEY MR B`: what stands before the title is the family name.
                share.family.append(&mut share.names);
            }
            titles.push(title);
        } else if at > 1 && is_former(tokens, at) && !share.names.is_empty() {
            // `MRS A TESTBERRY NEE FAKELEY`: what follows is no name of hers any more.
            share.note(Note::Former);
            break;
        } else if at > 1 && is_behind(tokens, at) && is_named(&share, comma.is_some(), word) {
            if word.plain != "ESQ" {
                share.note(Note::Letters);
            }
        } else if word.plain != "OF" {
            let place = if before_comma { &mut share.family } else { &mut share.names };
            place.push(word.clone());
        }
    }
    if comma.is_none() && is_title_last(tokens, &share) {
        // `FAKELEY BEN MR`: a title behind the name says that the order was turned.
        let given = share.names.split_off(1);
        share.family = std::mem::replace(&mut share.names, given);
    }
    titles.retain(|title| !title.is_empty());
    share.titled = !titles.is_empty();
    share.title = titles.join(" ");
    if share.names.is_empty() && share.family.is_empty() {
        return share;
    }
    if comma.is_some() && share.family.is_empty() {
        share.family = family_at_the_end(&mut share.names);
    }
    share
}

/// `MR JOHN MAJOR`: behind a plain title such a word is a name.
fn is_a_name(titles: &[&str], word: &Word) -> bool {
    const PLAIN: [&str; 6] = ["Mr", "Mrs", "Ms", "Miss", "Mx", "Master"];
    titles.iter().any(|title| PLAIN.contains(title)) && vocabulary::is_name_too(&word.plain)
}

/// Whether the only title stands behind two names or more.
fn is_title_last(tokens: &[Token], share: &Share) -> bool {
    let titled = |word: &Word| word.title().is_some_and(|title| !title.is_empty());
    let mut titles = words(tokens).filter(|word| titled(word));
    let last = words(tokens).filter(|word| !vocabulary::is_deceased(&word.plain)).last();
    let only = titles.next().filter(|_| titles.next().is_none());
    share.family.is_empty()
        && share.names.len() > 1
        && !vocabulary::is_particle(&share.names[0].plain)
        && turned(&share.names)
        && only.zip(last).is_some_and(|(only, last)| only == last)
}

/// Whether a share has a name without this word: what looks like letters behind a name may be its
/// initials. Of two letters that is likelier than of more.
fn is_named(share: &Share, surname_first: bool, word: &Word) -> bool {
    let least = if word.plain.len() == 2 { 2 } else { 1 };
    match surname_first {
        true => !share.names.is_empty(),
        false => share.names.len() + share.family.len() >= least,
    }
}

/// Letters behind a name, with no more of the name behind them.
fn is_behind(tokens: &[Token], at: usize) -> bool {
    let ends = |word: &Word| {
        vocabulary::is_behind(&word.plain)
            || vocabulary::is_deceased(&word.plain)
            || word.title().is_some()
    };
    tokens[at].word().is_some_and(|word| vocabulary::is_behind(&word.plain))
        && words(&tokens[at..]).all(ends)
}

/// `NEE`, with a name behind it.
fn is_former(tokens: &[Token], at: usize) -> bool {
    tokens[at].word().is_some_and(|word| vocabulary::is_former(&word.plain))
        && words(&tokens[at + 1..]).next().is_some()
}

/// Gives a family name to each share: its own, or that of the one it leans on.
fn lend_family_names(shares: &mut [Share]) {
    // Surname first: those behind lean on the first.
    let mut lent: Option<Vec<Word>> = None;
    let surname_first = shares.first().is_some_and(|share| !share.family.is_empty());
    if surname_first {
        for share in shares.iter_mut() {
            if share.family.is_empty() && has_own_behind(share) {
                share.family = family_at_the_end(&mut share.names);
            }
            match (&lent, share.family.is_empty()) {
                (Some(family), true) => share.family.clone_from(family),
                _ => lent = Some(share.family.clone()),
            }
        }
        return;
    }
    lend_given_names(shares);
    // Natural order: those in front lean on the last.
    let Some((last, front)) = shares.split_last_mut() else {
        return;
    };
    if last.family.is_empty() {
        last.family = family_at_the_end(&mut last.names);
    }
    let last_in_initials = last.names.iter().all(Word::is_initials);
    let last_has_given = !last.names.is_empty();
    for share in front {
        if !share.family.is_empty() {
            continue;
        }
        let own = match share.names.as_slice() {
            [] => false,
            names if names.iter().all(Word::is_initials) => false,
            // `MR BEN & MRS C FAKELEY`.
            [only] if is_given(only) && last_has_given => false,
            // `MR BRAMBLE & MRS C FAKELEY` has its own; `MR BEN & MRS CARA FAKELEY` leans.
            [_] => share.titled && last_in_initials || !last_has_given,
            _ => true,
        };
        share.family = if own { family_at_the_end(&mut share.names) } else { last.family.clone() };
    }
}

/// Whether names in a row begin with the family name: behind it stand initials, or what is known as a given name
/// while the first is not.
fn turned(names: &[Word]) -> bool {
    let [first, .., last] = names else { return false };
    !first.is_initials() && (last.is_initials() || is_given(last) && !is_given(first))
}

fn is_given(word: &Word) -> bool {
    alias::is_given(&word.plain.to_lowercase())
}

/// `MR & MRS J FAKELEY`: by custom the name is his, unless it is known as a woman's.
fn lend_given_names(shares: &mut [Share]) {
    let [first, second] = shares else { return };
    let titled_only = first.titled && first.names.is_empty() && first.family.is_empty();
    let couple = first.title == "Mr" && matches!(second.title.as_str(), "Mrs" | "Ms" | "Miss");
    let [names @ .., _] = second.names.as_slice() else { return };
    let Some(name) = names.first().filter(|_| titled_only && couple && second.family.is_empty())
    else {
        return;
    };
    if !name.is_initials() && alias::sex_of(&name.plain.to_lowercase()) == Some('f') {
        return;
    }
    let last = family_at_the_end(&mut second.names);
    first.names = std::mem::replace(&mut second.names, last);
}

/// `FAKELEY,MR B & MRS C BRAMBLE`: an initial, or a given name, with a longer word behind it that is none.
fn has_own_behind(share: &Share) -> bool {
    let [first, .., last] = share.names.as_slice() else { return false };
    share.titled
        && !last.is_initials()
        && !is_given(last)
        && (first.is_initials() || is_given(first))
}

/// Takes the family name off names in natural order, with the particles before it. Initials behind
/// a longer word mean that the order was turned: `TESTBERRY A J`.
fn family_at_the_end(names: &mut Vec<Word>) -> Vec<Word> {
    let Some(long) = names.iter().rposition(|word| !word.is_initials()) else {
        let last = names.len().saturating_sub(1);
        return names.split_off(last);
    };
    if long + 1 < names.len() {
        let initials = names.split_off(long + 1);
        return std::mem::replace(names, initials);
    }
    let mut start = long;
    while start > 0 && vocabulary::is_particle(&names[start - 1].plain) {
        if start == 1 && vocabulary::is_also_given(&names[0].plain) {
            break;
        }
        start -= 1;
    }
    names.split_off(start)
}

fn finish(share: Share) -> NamedParty {
    let mut names = share.names.iter();
    let given = names.next().map(|word| title_case(&word.written)).unwrap_or_default();
    NamedParty {
        kind: PartyKind::Person,
        title: share.title,
        given,
        middle: joined(names),
        family: joined(share.family.iter()),
        deceased: share.deceased,
        notes: share.notes,
    }
}

fn joined<'w>(words: impl Iterator<Item = &'w Word>) -> String {
    title_case(&words.map(|word| word.written.as_str()).collect::<Vec<_>>().join(" "))
}
