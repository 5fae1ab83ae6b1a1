//! Signatures as Standard Webhooks has them: HMAC-SHA-256 over the id, the time and the very bytes of the
//! body. While a secret is changed, both sign.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::definition::secret::Secret;

const PREFIX: &str = "whsec_";
/// No more signatures of one call are looked at.
const SIGNATURES_MAX: usize = 8;
/// As the standard bounds them, bytes.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A secret that a receiver knows too.
pub struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads `whsec_` and base64.
    pub fn parse(secret: &Secret) -> Result<SigningKey, &'static str> {
        let text = secret.expose().strip_prefix(PREFIX);
        let text = text.ok_or("a signing secret begins with `whsec_`")?;
        let bytes = STANDARD.decode(text).map_err(|_| "behind `whsec_` stands no base64")?;
        match SECRET_BYTES.contains(&bytes.len()) {
            true => Ok(SigningKey(hmac::Key::new(hmac::HMAC_SHA256, &bytes))),
            false => Err("a signing secret has 24 to 64 bytes"),
        }
    }
}

/// The header's value: a signature by each key, newest first. None where there is no key.
pub fn header(keys: &[SigningKey], id: &str, seconds: &str, body: &str) -> Option<String> {
    if keys.is_empty() {
        return None;
    }
    let signed = format!("{id}.{seconds}.{body}");
    let sign =
        |key: &SigningKey| format!("v1,{}", STANDARD.encode(hmac::sign(&key.0, signed.as_bytes())));
    let signatures: Vec<String> = keys.iter().map(sign).collect();
    Some(signatures.join(" "))
}

/// Whether one of those signatures is by one of our keys, over the very bytes of the body.
pub fn verify(keys: &[SigningKey], id: &str, seconds: &str, body: &[u8], shown: &str) -> bool {
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body].concat();
    let signatures = shown.split(' ').filter_map(|one| one.strip_prefix("v1,"));
    let signatures = signatures.take(SIGNATURES_MAX).filter_map(|one| STANDARD.decode(one).ok());
    let is_ours = |bytes: &Vec<u8>| {
        keys.iter().filter(|key| hmac::verify(&key.0, &signed, bytes).is_ok()).count() > 0
    };
    signatures.filter(is_ours).count() > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Result<SigningKey, &'static str> {
        SigningKey::parse(&Secret::new(text))
    }

    #[test]
    fn the_standards_own_example_is_signed_as_it_says() {
        let key = key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let signed =
            header(&[key], "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "{\"test\": 2432232314}");
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn what_is_signed_is_believed_and_nothing_else() {
        let keys = [key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret")];
        let right = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let (id, time, body) =
            ("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", b"{\"test\": 2432232314}".as_slice());
        assert!(verify(&keys, id, time, body, right));
        assert!(verify(&keys, id, time, body, &format!("v1a,AAAA v1,AAAA {right}")));
        let upper = right.to_uppercase();
        for (id, time, body, shown) in [
            ("msg_p5jXN8AQM9LWM0D4loKWxJel", time, body, right),
            (id, "1614265331", body, right),
            (id, time, b"{\"test\": 2432232315}".as_slice(), right),
            (id, time, body, upper.as_str()),
            (id, time, body, &right[..right.len() - 4]),
            (id, time, body, &right[3..]),
            (id, time, body, ""),
        ] {
            assert!(!verify(&keys, id, time, body, shown), "{id} {time} {shown}");
        }
        assert!(!verify(&[], id, time, body, right));
    }

    #[test]
    fn while_a_secret_is_changed_both_sign() {
        let old = || key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("a secret");
        let new = key("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX").expect("a secret");
        let alone = header(&[old()], "a", "1", "{}").expect("a signature");
        let both = header(&[new, old()], "a", "1", "{}").expect("signatures");
        assert_eq!(both.split(' ').count(), 2);
        assert!(both.ends_with(&alone));
        assert_eq!(header(&[], "a", "1", "{}"), None);
    }

    #[test]
    fn what_is_no_secret_is_refused_without_being_shown() {
        for text in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?!", "whsec_AAAA"] {
            let told = key(text).err().expect(text);
            assert!(!told.contains("MfKQ") && !told.contains("AAAA"), "{told}");
        }
    }
}
