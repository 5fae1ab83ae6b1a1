//! An API key, and the token made from it for each attempt. A token is good for half a minute
//! either way, so none is ever kept.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::json;

use crate::definition::secret::Secret;

const ID_CHARACTERS: usize = 36;

/// A key as the platform shows it once: its name, the service's identifier, and the secret.
#[derive(Clone)]
pub struct ApiKey {
    service_id: String,
    secret: hmac::Key,
}

/// What was given is no key. It says nothing of what was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "it is not a GOV.UK Notify key: one ends with two identifiers of 36 characters, joined by a \
        hyphen"
)]
pub struct NotAKey;

impl ApiKey {
    /// The name may hold hyphens, so the key is read from its end.
    pub fn parse(key: &Secret) -> Result<Self, NotAKey> {
        let text = key.expose().trim();
        let secret_at = text.len().checked_sub(ID_CHARACTERS).ok_or(NotAKey)?;
        let service_at = secret_at.checked_sub(ID_CHARACTERS + 1).ok_or(NotAKey)?;
        let secret = text.get(secret_at..).ok_or(NotAKey)?;
        let service_id = text.get(service_at..secret_at - 1).ok_or(NotAKey)?;
        if !is_identifier(secret) || !is_identifier(service_id) {
            return Err(NotAKey);
        }
        Ok(Self {
            service_id: service_id.to_owned(),
            secret: hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()),
        })
    }

    pub fn token(&self, now_s: i64) -> String {
        let encode = |text: String| URL_SAFE_NO_PAD.encode(text);
        let header = encode(json!({"typ": "JWT", "alg": "HS256"}).to_string());
        let claims = encode(json!({"iss": self.service_id, "iat": now_s}).to_string());
        let signed = format!("{header}.{claims}");
        let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&self.secret, signed.as_bytes()));
        format!("{signed}.{signature}")
    }
}

fn is_identifier(text: &str) -> bool {
    text.len() == ID_CHARACTERS
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "c0ffee00-0000-4000-8000-000000000001";
    const SECRET: &str = "5ec2e700-0000-4000-8000-000000000001";

    #[test]
    fn a_key_is_read_from_its_end() {
        for name in ["hub", "a-name-with-hyphens", ""] {
            let key = ApiKey::parse(&Secret::new(format!("{name}-{SERVICE}-{SECRET}")));
            assert_eq!(key.map(|key| key.service_id).as_deref(), Ok(SERVICE), "{name}");
        }
        for wrong in
            ["", "x", SECRET, &format!("{SERVICE}{SECRET}"), &format!("é-{SERVICE}-{SECRET}é")]
        {
            assert!(ApiKey::parse(&Secret::new(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_token_has_three_parts_and_changes_with_time() {
        let key = ApiKey::parse(&Secret::new(format!("hub-{SERVICE}-{SECRET}"))).expect("a key");
        assert_eq!(key.token(1).split('.').count(), 3);
        assert_ne!(key.token(1), key.token(2));
    }
}
