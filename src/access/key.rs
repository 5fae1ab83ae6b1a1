//! API keys: `hub_<environment>_<id>_<43 characters>_<check>`. The beginning lets secret scanners find one
//! that leaked, the number finds its row, the middle is the secret, and the end tells a slip of the pen
//! from a key that we do not know. Kept is a digest alone: of 256 random bits a slow one adds nothing.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use subtle::ConstantTimeEq;

/// Bytes of the secret, and the characters that they are written with.
pub const SECRET_BYTES: usize = 32;
const SECRET_CHARS: usize = 43;
const CHECK_CHARS: usize = 6;
const NAME_CHARS_MAX: usize = 40;
const ENVIRONMENT_CHARS_MAX: usize = 12;
/// Longer than any key is.
const KEY_CHARS_MAX: usize = 120;

/// A key as somebody shows it. It never prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Key {
    id: i64,
    text: String,
}

/// Why something is no key at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoKey {
    /// It is not written as one.
    Shape,
    /// A character of it is another one than it was.
    Check,
}

impl Key {
    /// A key of that number and secret.
    pub fn make(environment: &str, id: i64, secret: &[u8; SECRET_BYTES]) -> Key {
        let before = format!("hub_{environment}_{id}_{}", URL_SAFE_NO_PAD.encode(secret));
        let check = check_of(&before);
        Key { id, text: format!("{before}_{check}") }
    }

    /// Reads what was shown.
    pub fn read(text: &str) -> Result<Key, NoKey> {
        if text.len() > KEY_CHARS_MAX || !text.is_ascii() {
            return Err(NoKey::Shape);
        }
        // The secret may hold the mark that parts are set apart with: its length says where it ends.
        let mut parts = text.splitn(4, '_');
        let (Some("hub"), Some(named), Some(id), Some(rest)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NoKey::Shape);
        };
        let number = |id: &str| id.bytes().all(|byte| byte.is_ascii_digit());
        let id = Some(id).filter(|id| number(id)).and_then(|id| id.parse().ok());
        let id: i64 = id.ok_or(NoKey::Shape)?;
        let (secret, check) = rest.split_at_checked(SECRET_CHARS).ok_or(NoKey::Shape)?;
        let check = check.strip_prefix('_').ok_or(NoKey::Shape)?;
        if environment(named).is_err() || URL_SAFE_NO_PAD.decode(secret).is_err() {
            return Err(NoKey::Shape);
        }
        let before = &text[..text.len() - check.len() - 1];
        if check != check_of(before) {
            return Err(NoKey::Check);
        }
        Ok(Key { id, text: text.to_owned() })
    }

    /// The number by which it is found.
    pub fn id(&self) -> i64 {
        self.id
    }

    /// What is kept of it.
    pub fn digest(&self) -> String {
        hexadecimal(digest(&SHA256, self.text.as_bytes()).as_ref())
    }

    /// Whether it is the key of that digest. How long it takes tells nothing of where they differ.
    pub fn is_of(&self, kept: &str) -> bool {
        self.digest().as_bytes().ct_eq(kept.as_bytes()).into()
    }

    /// The key itself, for whoever it was made for. It is told once.
    pub fn expose(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({}, …)", self.id)
    }
}

/// A key's name: it stands in the audit log, and is told from a number by its first letter.
pub fn name(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    match letters && begins && text.len() <= NAME_CHARS_MAX {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "a name is small letters, digits and `-`, begins with a letter, and has at most \
             {NAME_CHARS_MAX} characters"
        )),
    }
}

/// Where a key is for: `live`, `test`. It stands in the key, so that one is not taken for the other.
pub fn environment(text: &str) -> Result<String, String> {
    let letters = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    match letters && (1..=ENVIRONMENT_CHARS_MAX).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err(format!(
            "an environment is small letters and digits, such as `live`, and has at most \
             {ENVIRONMENT_CHARS_MAX} characters"
        )),
    }
}

fn check_of(before: &str) -> String {
    let mut check = hexadecimal(digest(&SHA256, before.as_bytes()).as_ref());
    check.truncate(CHECK_CHARS);
    check
}

fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Secrets whose text holds the marks between parts.
    fn keys() -> Vec<Key> {
        let secrets = [[0; SECRET_BYTES], [0xff; SECRET_BYTES], [0xfb; SECRET_BYTES]];
        secrets.iter().map(|secret| Key::make("live", 10_007, secret)).collect()
    }

    #[test]
    fn a_key_is_written_as_it_is_read() {
        for key in keys() {
            let parts: Vec<&str> = key.expose().splitn(4, '_').collect();
            assert_eq!(parts[..3], ["hub", "live", "10007"]);
            assert_eq!(parts[3].len(), SECRET_CHARS + 1 + CHECK_CHARS);
            assert_eq!(Key::read(key.expose()), Ok(key.clone()));
            assert!(key.is_of(&key.digest()) && !key.is_of("") && !key.is_of(&"0".repeat(64)));
            assert_eq!(format!("{key:?}"), "Key(10007, …)");
        }
        assert!(keys()[1].expose().contains("____"), "the mark stands in a secret");
    }

    #[test]
    fn every_character_counts() {
        for key in keys() {
            for place in 0..key.expose().len() {
                let mut other = key.expose().to_owned().into_bytes();
                other[place] = if other[place] == b'1' { b'2' } else { b'1' };
                let other = String::from_utf8(other).expect("it is ASCII");
                assert!(Key::read(&other).is_err(), "{other}");
            }
            let mut slip = key.expose().to_owned();
            let last = slip.pop().expect("a character");
            slip.push(if last == '0' { '1' } else { '0' });
            assert_eq!(Key::read(&slip), Err(NoKey::Check));
        }
    }

    #[test]
    fn what_is_no_key_is_told_so() {
        let secret = "A".repeat(43);
        for wrong in [
            String::new(),
            "hub".to_owned(),
            "hub_live_1".to_owned(),
            format!("hub_live_1_{secret}"),
            format!("hub_live_-1_{secret}_000000"),
            format!("hub_live_x_{secret}_000000"),
            format!("hub_LIVE_1_{secret}_000000"),
            format!("hub__1_{secret}_000000"),
            format!("pat_live_1_{secret}_000000"),
            format!("hub_live_99999999999999999999_{secret}_000000"),
            format!("hub_live_1_{}_000000", "é".repeat(21)),
            format!("hub_live_1_{}_000000", "A".repeat(9_000)),
        ] {
            assert_eq!(Key::read(&wrong), Err(NoKey::Shape), "{wrong}");
        }
    }

    #[test]
    fn a_name_is_never_taken_for_a_number() {
        for good in ["crm", "night-report-2"] {
            assert_eq!(name(good).as_deref(), Ok(good));
        }
        for bad in ["", "7", "2nd", "CRM", "a b", "a_b", "é", &"a".repeat(41)] {
            assert!(name(bad).is_err(), "{bad}");
        }
        assert!(environment("live").is_ok() && environment("Live").is_err());
    }
}
