//! Links to payments, as they stand in messages: our own address, and a token that names a delivery and
//! that nobody can guess. Nothing about a token is kept; it holds no personal data.

use std::collections::HashMap;
use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;

/// Bytes of the number, and of the seal behind it: short enough for a text message.
const ID_BYTES: usize = 8;
const SEAL_BYTES: usize = 16;

/// What links are sealed with. It never prints.
#[derive(Clone)]
pub struct LinkKey(hmac::Key);

impl LinkKey {
    /// From the secret that is kept with the hub.
    pub fn new(secret: &str) -> LinkKey {
        LinkKey(hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()))
    }

    /// The token of a delivery.
    pub fn token(&self, delivery_id: i64) -> String {
        let id = delivery_id.to_be_bytes();
        let mut bytes = id.to_vec();
        bytes.extend_from_slice(&self.seal(&id));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The delivery that a token names, if we made the token.
    pub fn read(&self, token: &str) -> Option<i64> {
        let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
        if bytes.len() != ID_BYTES + SEAL_BYTES {
            return None;
        }
        let (id, seal) = bytes.split_first_chunk::<ID_BYTES>()?;
        // Seals of seals are compared, in constant time: how long it takes tells nothing of the seal.
        let ours = hmac::sign(&self.0, &self.seal(id));
        hmac::verify(&self.0, seal, ours.as_ref()).ok()?;
        Some(i64::from_be_bytes(*id))
    }

    fn seal(&self, id: &[u8; ID_BYTES]) -> [u8; SEAL_BYTES] {
        let signed = hmac::sign(&self.0, &[b"pay:".as_slice(), id].concat());
        let mut seal = [0; SEAL_BYTES];
        for (to, from) in seal.iter_mut().zip(signed.as_ref()) {
            *to = *from;
        }
        seal
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("LinkKey(…)")
    }
}

/// How links are written: the key, and under which address each destination's are opened.
#[derive(Clone, Debug)]
pub struct Links {
    pub key: LinkKey,
    pub addresses: HashMap<String, String>,
}

impl Links {
    /// The link to a payment; none where the destination has no address for links.
    pub fn link(&self, destination: &str, delivery_id: i64) -> Option<String> {
        let address = self.addresses.get(destination)?.trim_end_matches('/');
        Some(format!("{address}/pay/{}", self.key.token(delivery_id)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_names_its_delivery_and_cannot_be_guessed() {
        let key = LinkKey::new("a secret of the tests");
        for id in [1, 42, i64::MAX] {
            let token = key.token(id);
            assert_eq!(token.len(), 32);
            assert_eq!(key.read(&token), Some(id));
            assert_eq!(LinkKey::new("another").read(&token), None);
            // Every character counts.
            for place in 0..token.len() {
                let mut other = token.clone().into_bytes();
                other[place] = if other[place] == b'A' { b'B' } else { b'A' };
                let other = String::from_utf8(other).expect("it is ASCII");
                assert_eq!(key.read(&other), None, "{other}");
            }
        }
        for wrong in ["", "x", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "é"] {
            assert_eq!(key.read(wrong), None, "{wrong}");
        }
        assert!(!format!("{key:?}").contains("secret"));
    }

    #[test]
    fn a_link_begins_with_the_address_of_its_destination() {
        let addresses = HashMap::from([("pay".to_owned(), "https://pay.example.com/".to_owned())]);
        let links = Links { key: LinkKey::new("k"), addresses };
        let link = links.link("pay", 7).expect("an address");
        assert!(link.starts_with("https://pay.example.com/pay/A"), "{link}");
        assert_eq!(links.link("notify", 7), None);
    }
}
