//! The words of a name field, with what separates them. It knows spellings, not people.

use crate::record::value::spelling::fold_name;

use super::{Note, vocabulary};

/// What stands in a field in place of a remark: no field has these characters of nobody's.
pub(super) const REMARK: char = '\u{E000}';
pub(super) const FORMER: char = '\u{E001}';

/// One piece of a name field.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    Comma,
    /// `&`, `AND`, `+`.
    And,
    /// Something stood here that is no part of a name.
    Note(Note),
}

/// A word as written, and in the plain capitals that word lists are kept in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub written: String,
    pub plain: String,
}

impl Word {
    pub fn title(&self) -> Option<&'static str> {
        vocabulary::title(&self.plain)
    }

    /// One letter, or two without a vowel (`BJ`); `NG` is a family name.
    pub fn is_initials(&self) -> bool {
        match self.plain.chars().count() {
            1 => true,
            2 => self.plain != "NG" && !self.plain.contains(['A', 'E', 'I', 'O', 'U', 'Y']),
            _ => false,
        }
    }
}

impl Token {
    pub fn word(&self) -> Option<&Word> {
        match self {
            Token::Word(word) => Some(word),
            Token::Comma | Token::And | Token::Note(_) => None,
        }
    }
}

pub(super) fn words(tokens: &[Token]) -> impl Iterator<Item = &Word> {
    tokens.iter().filter_map(Token::word)
}

/// Cuts a field into words. Marks in front (`&`, `*`, `.`, `/`, `\`), which systems use to sort or
/// flag a name, and brackets go; a care-of address and all behind it goes too.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let text = text.trim_start_matches(|letter: char| {
        letter.is_whitespace() || matches!(letter, '&' | '*' | '.' | '/' | '\\' | ',')
    });
    let strokes = has_title(text);
    let mut tokens = Vec::new();
    let is_gap = |letter: char| letter.is_whitespace() || matches!(letter, '(' | ')' | '"' | '*');
    for chunk in text.split(is_gap).filter(|chunk| !chunk.is_empty()) {
        if chunk.eq_ignore_ascii_case("c/o") {
            break;
        }
        // `O.B.E.`: letters behind a name, and no three initials. Two may be either.
        let whole = plain(chunk);
        if whole.len() > 2 && chunk.contains('.') && vocabulary::is_behind(&whole) {
            tokens.push(Token::Word(Word { written: chunk.to_owned(), plain: whole }));
            continue;
        }
        let mut left = chunk;
        while let Some(at) = left.find([',', '&', '+', ';']) {
            let (word, rest) = left.split_at(at);
            push_people(word, strokes, &mut tokens);
            tokens.push(if rest.starts_with([',', ';']) { Token::Comma } else { Token::And });
            left = &rest[1..];
        }
        push_people(left, strokes, &mut tokens);
    }
    let mut tokens = join_split_words(tokens);
    while matches!(tokens.last(), Some(Token::Comma | Token::And)) {
        tokens.pop();
    }
    tokens
}

/// Whether a word of the field is somebody's title.
fn has_title(text: &str) -> bool {
    let marks = |letter: char| !letter.is_alphabetic();
    text.split(marks).any(|word| {
        (2..=10).contains(&word.len())
            && vocabulary::title(&plain(word)).is_some_and(|title| !title.is_empty())
    })
}

/// `MR J FAKELEY/MRS K BRAMBLE`: in a field of people a stroke between words is an `&`; in `S/O` it is none.
fn push_people(chunk: &str, strokes: bool, tokens: &mut Vec<Token>) {
    if let Some((before, after)) = chunk.split_once('/').filter(|_| strokes) {
        let (short, long) = (before.chars().count().min(after.chars().count()), chunk.len());
        if short > 0 && long > 3 {
            push_words(before, tokens);
            tokens.push(Token::And);
            return push_people(after, strokes, tokens);
        }
    }
    push_words(chunk, tokens);
}

/// The parts of a word that hides several: `A.J.`, `MR.B`, `MR/MRS`. Others keep their marks.
fn push_words(chunk: &str, tokens: &mut Vec<Token>) {
    let marks = ['.', '-', '/', ':'];
    let mut chunk = chunk.trim_matches(marks);
    while let Some((before, after)) = chunk.split_once('.') {
        let before_plain = plain(before);
        if before_plain.chars().count() != 1 && vocabulary::title(&before_plain).is_none() {
            break;
        }
        push_words(before, tokens);
        chunk = after.trim_matches(marks);
    }
    if chunk.is_empty() {
        return;
    }
    let note = [(REMARK, Note::Remark), (FORMER, Note::Former)].into_iter();
    if let Some((_, note)) = note.into_iter().find(|(mark, _)| chunk.contains(*mark)) {
        return tokens.push(Token::Note(note));
    }
    if let Some((before, after)) = chunk.split_once('/')
        && vocabulary::title(&plain(before)).is_some()
        && vocabulary::title(&plain(after)).is_some()
    {
        push_words(before, tokens);
        tokens.push(Token::And);
        push_words(after, tokens);
        return;
    }
    let plain = plain(chunk);
    match plain.as_str() {
        "" => {}
        "AND" => tokens.push(Token::And),
        _ => tokens.push(Token::Word(Word { written: chunk.to_owned(), plain })),
    }
}

/// `PERS REPS` and `PERSONAL REPRESENTATIVES` become one word, as do the few others that are two.
fn join_split_words(tokens: Vec<Token>) -> Vec<Token> {
    let mut joined = Vec::with_capacity(tokens.len());
    let mut tokens = tokens.into_iter().peekable();
    while let Some(token) = tokens.next() {
        let one = match (token.word(), tokens.peek().and_then(Token::word)) {
            (Some(first), Some(second)) => pair(&first.plain, &second.plain),
            _ => None,
        };
        joined.push(match one {
            None => token,
            Some(one) => {
                tokens.next();
                Token::Word(Word { written: one.to_owned(), plain: one.to_owned() })
            }
        });
    }
    joined
}

fn pair(first: &str, second: &str) -> Option<&'static str> {
    let personal = matches!(first, "PERS" | "PERSONAL" | "PER" | "P" | "LEGAL");
    let representatives = matches!(second, "REP" | "REPS" | "REPRESENTATIVE" | "REPRESENTATIVES");
    match (first, second) {
        _ if personal && representatives => Some("PERSREPS"),
        ("REPS" | "PR" | "PRS" | "ESTATE" | "EST", "OF") => Some("PERSREPS"),
        ("NOT", "KNOWN") => Some("NOTKNOWN"),
        _ => None,
    }
}

/// Letters and digits in capitals, accents and marks gone.
fn plain(text: &str) -> String {
    let mut folded = fold_name(text);
    folded.retain(char::is_alphanumeric);
    folded.to_uppercase()
}
