//! The small corrections the platform makes to subject lines: curly quotes, dashes between words, no space before a
//! comma. Bodies come back through the API as written, so this is for subjects alone.

use std::sync::LazyLock;

use regex::Regex;

use crate::sandbox::govuk_notify::whitespace;

pub fn improve(text: &str) -> String {
    static DASH: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r"\s+[-–—]{1,3}\s+").expect("a constant pattern"));
    static EMAIL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"[a-zA-Z0-9.!#$%&'’‘*+/=?^_`{|}~\-]+@[^@\s]+").expect("a constant pattern")
    });
    let curly = curl_quotes(&whitespace::close_up_punctuation(text));
    let emails = EMAIL.replace_all(&curly, |found: &regex::Captures<'_>| {
        found[0].replace(['‘', '’'], "'")
    });
    DASH.replace_all(&emails, " – ").into_owned()
}

/// Which way a quote curls depends on its neighbours only.
fn curl_quotes(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let mut curled = String::with_capacity(text.len());
    for (index, &character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).and_then(at);
        let after = at(index + 1);
        curled.push(match character {
            '\'' if opens_single(before, after, at(index + 2)) => '‘',
            '\'' => '’',
            '"' if opens_double(before, after) => '“',
            '"' => '”',
            other => other,
        });
    }
    curled
}

fn opens_single(before: Option<char>, after: Option<char>, second: Option<char>) -> bool {
    let Some(before) = before.filter(|&before| may_close(before)) else {
        return !closes_at_start(after);
    };
    // A digit after an apostrophe reads as a quotation, unless it names a decade ('80s).
    let decade = before.is_alphanumeric() && second.is_some_and(|found| found.is_ascii_digit());
    after.is_some_and(|found| found.is_ascii_digit()) && !decade
}

fn opens_double(before: Option<char>, after: Option<char>) -> bool {
    if after.is_some_and(char::is_whitespace) {
        return false;
    }
    !before.is_some_and(|before| may_close(before) || before == '\'')
        || (before == Some('\'') && after.is_some_and(is_word))
}

fn may_close(before: char) -> bool {
    !matches!(before, ' ' | '\t' | '\r' | '\n' | '[' | '{' | '(' | '-')
}

/// A quote that starts the text and stands before bare punctuation closes nothing, but is drawn as if it did.
fn closes_at_start(after: Option<char>) -> bool {
    after.is_some_and(|found| found.is_ascii_punctuation() && !matches!(found, '"' | '\'' | '&'))
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_tidied() {
        for (text, improved) in [
            ("Account R1", "Account R1"),
            ("It's the \"right\" one", "It’s the “right” one"),
            ("the residents' 'own' words", "the residents’ ‘own’ words"),
            ("one - two -- three", "one – two – three"),
            ("well-known , but", "well-known, but"),
            ("ask o'brien@example.com", "ask o'brien@example.com"),
        ] {
            assert_eq!(improve(text), improved);
        }
    }
}
