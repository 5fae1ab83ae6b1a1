//! Which e-mail addresses the platform accepts: stricter than the standard, so that a typing
//! mistake is caught before it bounces. Nothing is looked up.

use std::sync::LazyLock;

use regex::Regex;

use crate::sandbox::govuk_notify::whitespace;

const ADDRESS_CHARACTERS_MAX: usize = 320;
const DOMAIN_CHARACTERS_MAX: usize = 253;
const LABEL_CHARACTERS_MAX: usize = 63;

/// The address as it will be used, or nothing if it is not one.
pub fn read(raw: &str) -> Option<String> {
    let address = whitespace::strip(raw);
    let (local, domain) = address.split_once('@')?;
    let acceptable = !local.is_empty()
        && local.chars().all(is_local)
        && address.chars().count() <= ADDRESS_CHARACTERS_MAX
        && !address.contains("..")
        && is_domain(domain);
    acceptable.then_some(address)
}

/// The form in which two addresses are compared and a message is sent.
pub fn normalised(address: &str) -> String {
    whitespace::strip(&address.to_lowercase())
}

fn is_local(character: char) -> bool {
    character.is_ascii_alphanumeric() || ".!#$%&'*+/=?^_`{|}~-".contains(character)
}

fn is_domain(domain: &str) -> bool {
    if domain.starts_with('.') || domain.contains('@') || domain.contains(char::is_whitespace) {
        return false;
    }
    let ascii = if domain.is_ascii() {
        domain.to_owned()
    } else {
        match idna::domain_to_ascii(domain) {
            Ok(ascii) => ascii,
            Err(_) => return false,
        }
    };
    let labels: Vec<&str> = ascii.split('.').collect();
    ascii.len() <= DOMAIN_CHARACTERS_MAX
        && labels.len() >= 2
        && labels.iter().all(|label| is_label(label))
        && labels.last().is_some_and(|last| is_top_label(last))
}

fn is_label(label: &str) -> bool {
    // Letters and digits, with one or two hyphens at a time inside.
    static LABEL: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("^(xn|[a-zA-Z0-9]+)(-?-[a-zA-Z0-9]+)*$").expect("a constant pattern")
    });
    label.len() <= LABEL_CHARACTERS_MAX && LABEL.is_match(label)
}

fn is_top_label(label: &str) -> bool {
    static TOP: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new("(?i)^([a-z]{2,63}|xn--([a-z0-9]+-)*[a-z0-9]+)$").expect("a constant pattern")
    });
    TOP.is_match(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_accepted_or_not() {
        for accepted in [
            "a@example.com",
            " a@example.com ",
            "A.B+c@Example.COM",
            "o'brien@example.com",
            ".a@example.com",
            "a.@example.com",
            "a@bücher.de",
            "a\u{200b}@example.com",
            "a@a--b.example",
            "a@1.example.xn--p1ai",
        ] {
            assert!(read(accepted).is_some(), "{accepted}");
        }
        for refused in [
            "",
            "a",
            "@example.com",
            "a@",
            "a@example",
            "a@.example.com",
            "a@example.com.",
            "a..b@example.com",
            "a@example..com",
            "a@-x.com",
            "a@x-.com",
            "a@x_y.com",
            "a@a---b.com",
            "a@exa mple.com",
            "\"a\"@example.com",
            "é@example.com",
            "a@b@example.com",
            "a,b@example.com",
            "a;b@example.com",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a@example.c",
        ] {
            assert!(read(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn an_address_is_at_most_320_characters() {
        let of = |length: usize| format!("{}@example.com", "a".repeat(length - 12));
        assert!(read(&of(320)).is_some());
        assert!(read(&of(321)).is_none());
    }
}
