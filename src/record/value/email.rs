//! E-mail addresses, by the rules GOV.UK Notify sends by. Whether a mailbox exists is not asked.

use std::fmt;
use std::hash::{Hash, Hasher};

use super::ValueError;

const WRONG_SHAPE: ValueError = ValueError::new("email_wrong_shape");
const ADDRESS_BYTES_MAX: usize = 320;
const DOMAIN_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// An address to write to. Two are equal when they reach the same mailbox: case does not count.
#[derive(Clone)]
pub struct Email {
    written: String,
    /// Lower case with the domain in its ASCII form; absent when that is how it was written.
    folded: Option<String>,
}

impl Email {
    /// Reads one address; blanks and invisible characters around it are dropped.
    pub fn parse(text: &str) -> Result<Self, ValueError> {
        let text = text.trim_matches(|letter: char| letter.is_whitespace() || is_invisible(letter));
        if text.len() > ADDRESS_BYTES_MAX {
            return Err(WRONG_SHAPE);
        }
        let (local, domain) = text.split_once('@').ok_or(WRONG_SHAPE)?;
        if local.is_empty() || !local.bytes().all(is_local) || text.contains("..") {
            return Err(WRONG_SHAPE);
        }
        let folded = if domain.is_ascii() {
            check_domain(domain)?;
            let lower = text.bytes().any(|byte| byte.is_ascii_uppercase());
            lower.then(|| text.to_ascii_lowercase())
        } else {
            let domain = idna::domain_to_ascii(domain).map_err(|_| WRONG_SHAPE)?;
            check_domain(&domain)?;
            Some(format!("{}@{domain}", local.to_ascii_lowercase()))
        };
        Ok(Self { written: text.to_owned(), folded })
    }

    /// As the person gave it, trimmed: what to show.
    pub fn as_str(&self) -> &str {
        &self.written
    }

    /// Lower case, domain in ASCII: what to match by, and what to send to.
    pub fn folded(&self) -> &str {
        self.folded.as_deref().unwrap_or(&self.written)
    }

    /// A domain kept for examples: never push it to a live platform.
    pub fn is_test_range(&self) -> bool {
        let domain = self.folded().rsplit_once('@').map_or("", |(_, domain)| domain);
        let mut labels = domain.rsplit('.');
        let (top, second) = (labels.next().unwrap_or_default(), labels.next().unwrap_or_default());
        matches!(top, "example" | "test" | "invalid" | "localhost")
            || (second == "example" && matches!(top, "com" | "org" | "net"))
    }
}

impl PartialEq for Email {
    fn eq(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }
}

impl Eq for Email {}

impl Hash for Email {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded().hash(state);
    }
}

/// Masked, because it names a person: `as_str` is the deliberate way to see it.
impl fmt::Debug for Email {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Email(…)")
    }
}

fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{180e}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&byte)
}

/// Two labels or more, each of letters, digits and inner hyphens; the last of letters only, unless
/// it stands for other letters (`xn--…`).
fn check_domain(domain: &str) -> Result<(), ValueError> {
    let mut labels = 0;
    let mut last = "";
    for label in domain.split('.') {
        let bytes = label.as_bytes();
        let shaped = !bytes.is_empty()
            && bytes.len() <= LABEL_BYTES_MAX
            && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
            && bytes.first() != Some(&b'-')
            && bytes.last() != Some(&b'-');
        if !shaped {
            return Err(WRONG_SHAPE);
        }
        labels += 1;
        last = label;
    }
    let plain = last.len() >= 2 && last.bytes().all(|byte| byte.is_ascii_alphabetic());
    let encoded = last.len() > 4 && last.as_bytes()[..4].eq_ignore_ascii_case(b"xn--");
    let fits = labels >= 2 && domain.len() <= DOMAIN_BYTES_MAX && (plain || encoded);
    if fits { Ok(()) } else { Err(WRONG_SHAPE) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{any, proptest};

    #[test]
    fn b46_addresses_are_those_that_can_be_sent_to() {
        let table = [
            ("arden.testberry@example.com", Some("arden.testberry@example.com")),
            ("  Arden.Testberry@Example.COM\r\n", Some("arden.testberry@example.com")),
            ("\u{200b}a@example.com\u{feff}", Some("a@example.com")),
            ("o'sampleton+tax@sub.example.co.uk", Some("o'sampleton+tax@sub.example.co.uk")),
            (".a.@example.com", Some(".a.@example.com")),
            ("a@bücher.example.com", Some("a@xn--bcher-kva.example.com")),
            ("a@example.xn--vermgensberatung-pwb", Some("a@example.xn--vermgensberatung-pwb")),
            ("a@b-c.example.com", Some("a@b-c.example.com")),
            ("ä@example.com", None),
            ("a@@example.com", None),
            ("a@b@example.com", None),
            ("a@example", None),
            ("a@example.c", None),
            ("a@example.c0m", None),
            ("a@.example.com", None),
            ("a@example.com.", None),
            ("a..b@example.com", None),
            ("a@example..com", None),
            ("a@exam_ple.com", None),
            ("a@-example.com", None),
            ("a@[192.0.2.1]", None),
            ("a@192.0.2.1", None),
            ("\"a b\"@example.com", None),
            ("a b@example.com", None),
            ("a@example.com; b@example.com", None),
            ("Arden <a@example.com>", None),
            ("a@example.com\nBcc: b@example.com", None),
            ("a\r\nBcc: b@example.com", None),
            ("@example.com", None),
            ("a@", None),
            ("none", None),
            ("", None),
        ];
        for (text, wanted) in table {
            let found = Email::parse(text).ok();
            assert_eq!(found.as_ref().map(Email::folded), wanted, "{text:?}");
        }
        let long = format!("{}@example.com", "a".repeat(400));
        assert_eq!(Email::parse(&long).unwrap_err().code, "email_wrong_shape");
    }

    #[test]
    fn case_does_not_count_and_examples_are_flagged() {
        let typed = Email::parse(" Arden@Example.com").unwrap();
        assert_eq!(typed.as_str(), "Arden@Example.com");
        assert_eq!(typed, Email::parse("arden@example.com").unwrap());
        assert_eq!(format!("{typed:?}"), "Email(…)");
        for (text, invented) in [
            ("a@example.com", true),
            ("a@mail.example.org", true),
            ("a@council.test", true),
            ("a@notexample.com", false),
            ("a@example.co.uk", false),
        ] {
            assert_eq!(Email::parse(text).unwrap().is_test_range(), invented, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = Email::parse(&text);
            let _ = Email::parse(&format!("a@{text}.com"));
        }
    }
}
