//! Making a resident's words harmless in an e-mail: web addresses removed, Markdown shown as
//! written. The platform does this only for the values a caller names.

/// The value with its addresses gone and its Markdown escaped.
pub fn sanitise(value: &str) -> String {
    escape_markdown(&defuse_addresses(value))
}

fn escape_markdown(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        if "`*_()\\{}[]<>#+-.!|".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn defuse_addresses(text: &str) -> String {
    let mut defused = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(first) = rest.chars().next() {
        let length = address_length(before, rest);
        let (taken, left) = rest.split_at(length.unwrap_or(first.len_utf8()));
        if length.is_none() {
            defused.push_str(taken);
        } else if taken.chars().all(|found| found.is_ascii_alphanumeric() || ".-".contains(found)) {
            // Words run together round a full stop look like an address and probably are not one.
            defused.push_str(&taken.replace('.', ". "));
        }
        before = taken.chars().next_back();
        rest = left;
    }
    defused
}

/// The length of the address that starts here, if one does.
fn address_length(before: Option<char>, text: &str) -> Option<usize> {
    let first = text.chars().next()?;
    let at_edge = is_word(first) != before.is_some_and(is_word);
    if !at_edge || matches!(before, Some('@' | '.')) {
        return None;
    }
    let scheme = ["https://", "http://"].into_iter().find(|scheme| {
        text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    });
    let start = scheme.map_or(0, str::len);
    let host_end = host_length(&text[start..])? + start;
    let path = &text[host_end..];
    let path_length = if path.starts_with(['/', '?', '#']) {
        path.find(|found: char| found == '<' || found.is_whitespace()).unwrap_or(path.len())
    } else {
        0
    };
    Some(host_end + path_length)
}

/// Labels and full stops, ending with letters that could be a top-level domain; the longest such
/// reading.
fn host_length(text: &str) -> Option<usize> {
    let mut longest = None;
    let mut label_start = 0;
    for (at, character) in text.char_indices() {
        if character == '.' {
            if at == label_start {
                break;
            }
            label_start = at + 1;
            let letters =
                text[label_start..].chars().take_while(char::is_ascii_alphabetic).take(63).count();
            let after = text[label_start + letters..].chars().next();
            if letters >= 2 && !after.is_some_and(|found| is_word(found) || found == '@') {
                longest = Some(label_start + letters);
            }
        } else if !is_word(character) && character != '-' {
            break;
        }
    }
    longest
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_go_and_markdown_shows() {
        for (value, harmless) in [
            ("Ann [x](https://evil.example)", "Ann \\[x\\]\\(\\)"),
            ("Ann", "Ann"),
            ("see evil.example/path?x=1 now", "see  now"),
            ("Hello.World", "Hello\\. World"),
            ("a@mail.example", "a@mail\\.example"),
            ("1.5 and 2", "1\\.5 and 2"),
            ("# *Big*", "\\# \\*Big\\*"),
        ] {
            assert_eq!(sanitise(value), harmless, "{value}");
        }
    }
}
