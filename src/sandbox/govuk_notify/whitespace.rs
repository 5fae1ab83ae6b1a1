//! The platform's own idea of white space: some characters have no width and vanish, some have and
//! become a space. Shared by the rules for texts, addresses, e-mail addresses and phone numbers, so
//! that they agree.

/// Characters nobody sees: removed.
pub const ZERO_WIDTH: &[char] = &[
    '\u{180e}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{2060}', '\u{feff}', '\u{2028}', '\u{2029}',
];

/// Spaces in disguise.
pub const FULL_WIDTH: &[char] = &['\u{a0}', '\u{202f}'];

/// The six ASCII ones.
pub const ASCII: &[char] = &[' ', '\t', '\n', '\r', '\u{b}', '\u{c}'];

pub fn is_space(character: char) -> bool {
    ASCII.contains(&character) || is_obscure(character)
}

/// Removes what nobody sees anywhere, and ordinary white space at the ends.
pub fn strip(text: &str) -> String {
    let visible: String = text.chars().filter(|&character| !is_obscure(character)).collect();
    visible.trim_matches(ASCII).to_owned()
}

/// Removes every kind of white space.
pub fn remove_all(text: &str) -> String {
    text.chars().filter(|&character| !is_space(character)).collect()
}

/// One line: trimmed, and every run of white space a single space.
pub fn normalise_line(line: &str) -> String {
    let spaced: String = line
        .chars()
        .filter(|character| !ZERO_WIDTH.contains(character))
        .map(|character| if FULL_WIDTH.contains(&character) { ' ' } else { character })
        .collect();
    spaced.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The lines of a text, broken wherever Unicode allows a line to end.
pub fn lines(text: &str) -> Vec<&str> {
    let mut lines = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(is_line_end) {
        lines.push(&rest[..at]);
        let end = if rest[at..].starts_with("\r\n") {
            2
        } else {
            rest[at..].chars().next().map_or(1, char::len_utf8)
        };
        rest = &rest[at + end..];
    }
    if !rest.is_empty() {
        lines.push(rest);
    }
    lines
}

/// A comma or full stop moves up to the word before it.
pub fn close_up_punctuation(text: &str) -> String {
    let mut closed = String::with_capacity(text.len());
    let mut gap = String::new();
    for character in text.chars() {
        if matches!(character, ' ' | '\t') {
            gap.push(character);
            continue;
        }
        if !matches!(character, ',' | '.') {
            closed.push_str(&gap);
        }
        gap.clear();
        closed.push(character);
    }
    closed.push_str(&gap);
    closed
}

/// Looks like nothing, or like a space it is not.
pub fn is_obscure(character: char) -> bool {
    ZERO_WIDTH.contains(&character) || FULL_WIDTH.contains(&character)
}

fn is_blank(character: char) -> bool {
    // The information separators count as blank on the platform, though Unicode says otherwise.
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

fn is_line_end(character: char) -> bool {
    matches!(
        character,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_is_normalised_as_the_platform_does() {
        assert_eq!(strip(" a\u{200b}@\u{a0}b \n"), "a@b");
        assert_eq!(remove_all(" S W\u{a0}1\t"), "SW1");
        assert_eq!(normalise_line("  a\u{a0} \t b\u{200b}c "), "a bc");
        assert_eq!(lines("a\r\nb\u{2028}c\n\nd\n"), ["a", "b", "c", "", "d"]);
        assert_eq!(close_up_punctuation("a , b . c  ,d ;"), "a, b. c,d ;");
    }
}
