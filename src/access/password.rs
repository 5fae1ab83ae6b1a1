//! Passwords of people who sign in here and not with the council's own provider: what one must be, and how it
//! is kept. Argon2id with 19 MiB and two passes, which is some 30 ms of one core for each look.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

pub const CHARS_MIN: usize = 15;
/// Longer ones are no stronger, and cost whoever looks at them.
pub const CHARS_MAX: usize = 200;
pub const SALT_BYTES: usize = 16;
const MEMORY_KIB: u32 = 19 * 1_024;
const PASSES: u32 = 2;
/// A password has so many different characters.
const DIFFERENT_MIN: usize = 6;

/// Beginnings that are guessed first, and words that everybody takes to make a password long enough. What is
/// left of one without them has to be long enough by itself.
const COMMON: [&str; 34] = [
    "password",
    "passphrase",
    "welcome",
    "letmein",
    "qwertyuiop",
    "qwerty",
    "asdfghjkl",
    "zxcvbnm",
    "1234567890",
    "0987654321",
    "123456789",
    "12345678",
    "abcdefgh",
    "iloveyou",
    "administrator",
    "admin",
    "council",
    "viaduct",
    "changeme",
    "secret",
    "football",
    "liverpool",
    "arsenal",
    "chelsea",
    "sunshine",
    "princess",
    "dragon",
    "monkey",
    "summer",
    "winter",
    "spring",
    "autumn",
    "monday",
    "january",
];
/// What must be left of it.
const UNCOMMON_MIN: usize = 8;

/// Says what is the matter with a password, for a person of that name.
pub fn fault(password: &str, name: &str) -> Option<&'static str> {
    let many = password.chars().count();
    if many < CHARS_MIN {
        return Some(
            "Password must be 15 characters or more. Three or four words that do not belong together are easy to remember",
        );
    }
    if many > CHARS_MAX {
        return Some("Password must be 200 characters or fewer");
    }
    let mut left = password.to_lowercase();
    let mut different: Vec<char> = left.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_MIN {
        return Some("Password must have more different characters");
    }
    for word in
        COMMON.iter().copied().chain(name.split(['.', '-', '@']).filter(|part| part.len() > 2))
    {
        left = left.replace(&word.to_lowercase(), "");
    }
    match left.chars().count() < UNCOMMON_MIN {
        true => Some(
            "Password must be harder to guess: it is mostly a word that many people take, or your name",
        ),
        false => None,
    }
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// As it is kept: `$argon2id$v=19$…`.
pub fn hash(password: &str, salt: &[u8; SALT_BYTES]) -> Result<String, String> {
    let hash: Result<PasswordHash, _> = hasher().hash_password_with_salt(password.as_bytes(), salt);
    hash.map(|hash| hash.to_string()).map_err(|error| format!("a password cannot be kept: {error}"))
}

/// Whether it is that one. Where nothing is kept, it takes as long and is not.
pub fn is_of(password: &str, kept: Option<&str>) -> bool {
    let found = kept.and_then(|kept| PasswordHash::new(kept).ok());
    match found {
        Some(hash) => hasher().verify_password(password.as_bytes(), &hash).is_ok(),
        None => {
            let _ = hash(password, &[0; SALT_BYTES]);
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let kept = hash("correct horse battery", &[7; SALT_BYTES]).unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_of("correct horse battery", Some(&kept)));
        assert!(!is_of("correct horse batterz", Some(&kept)));
        assert!(!is_of("correct horse battery", None));
        assert!(!is_of("correct horse battery", Some("nothing that was written here")));
        let other = hash("correct horse battery", &[8; SALT_BYTES]).unwrap();
        assert_ne!(kept, other);
    }

    #[test]
    fn what_is_guessed_first_is_no_password() {
        for bad in [
            "short",
            "fourteen chars",
            "aaaaaaaaaaaaaaaaaaaaaaaa",
            "abababababababababab",
            "Password1234567890",
            "passwordpassword1",
            "Welcome123456789!",
            "kim.testberry2026",
            &"long ".repeat(60),
        ] {
            assert!(fault(bad, "kim.testberry").is_some(), "{bad}");
        }
        for good in ["correct horse battery", "pylon teacup marigold", "Ŵyth o gloch y bore"] {
            assert_eq!(fault(good, "kim.testberry"), None, "{good}");
        }
    }
}
