//! The small corrections the platform makes to subject lines: curly quotes, dashes between words,
//! no space before a comma. Bodies come back through the API as written, so this is for subjects
//! alone.

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
    let emails =
        EMAIL.replace_all(&curly, |found: &regex::Captures<'_>| found[0].replace(['‘', '’'], "'"));
    DASH.replace_all(&emails, " – ").into_owned()
}

/// Which way a quote curls depends on its neighbours only; the second of two that touch always
/// opens.
fn curl_quotes(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = |index: usize| characters.get(index).copied();
    let mut curled = String::with_capacity(text.len());
    let mut closed_at = None;
    for (index, &character) in characters.iter().enumerate() {
        if !matches!(character, '\'' | '"') {
            curled.push(character);
            continue;
        }
        let before = index.checked_sub(1).and_then(at);
        let around =
            Around { before, after: at(index + 1), second: at(index + 2), third: at(index + 3) };
        let touches = index > 0
            && closed_at == Some(index - 1)
            && before == Some(character)
            && !at(index + 1).is_some_and(char::is_whitespace);
        let opens =
            touches || around.starts_words_in_two_quotes(character) || around.opens(character);
        if !opens {
            closed_at = Some(index);
        }
        curled.push(match (character, opens) {
            ('\'', true) => '‘',
            ('\'', false) => '’',
            (_, true) => '“',
            (_, false) => '”',
        });
    }
    curled
}

struct Around {
    before: Option<char>,
    after: Option<char>,
    second: Option<char>,
    third: Option<char>,
}

impl Around {
    fn opens(&self, quote: char) -> bool {
        let ends = self.after.is_some_and(char::is_whitespace);
        let Some(before) = self.before else {
            // A double quote before bare punctuation closes nothing, but is drawn as if it did.
            let bare = self.after.is_some_and(|found| found.is_ascii_punctuation() && found != '&');
            return quote == '\'' || !(ends || bare);
        };
        if before.is_whitespace() && self.after.is_some_and(is_word) {
            return true;
        }
        if quote == '"' {
            return !ends && !may_close(before);
        }
        // A digit after an apostrophe reads as a quotation, unless it names a decade ('80s).
        let digit = |found: Option<char>| found.is_some_and(|found| found.is_ascii_digit());
        let decade = is_word(before) && digit(self.second) && self.third == Some('s');
        !may_close(before) || (digit(self.after) && !decade)
    }

    /// Two quotes of different kinds before a word are both opening ones.
    fn starts_words_in_two_quotes(&self, quote: char) -> bool {
        let other = if quote == '"' { '\'' } else { '"' };
        let first = self.after == Some(other) && self.second.is_some_and(is_word);
        first || (self.before == Some(other) && self.after.is_some_and(is_word))
    }
}

fn may_close(before: char) -> bool {
    !matches!(before, ' ' | '\t' | '\r' | '\n' | '[' | '{' | '(' | '-')
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
