//! What a caller shows for being who it says: a key of ours, a signature over the very bytes, a word that
//! both know, or the network that it calls from. What is compared is compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ipnet::IpNet;
use ring::hmac;
use subtle::ConstantTimeEq;

use crate::connector::receiving::Call;
use crate::connector::signature::{self, SigningKey};
use crate::definition::secret::Secret;

/// A signature's time may be so far from ours, as Standard Webhooks advises.
const TOLERANCE_MS: i64 = 300_000;

/// What is asked of a caller.
pub enum Proof {
    /// A key of the API that may push to this connector: whoever lets calls in looks at it.
    Key,
    /// As Standard Webhooks has it: over id, time and body.
    StandardWebhooks(Vec<SigningKey>),
    /// HMAC-SHA-256 over the body, in a header.
    Hmac { header: String, prefix: String, form: Form, keys: Vec<hmac::Key> },
    /// `Authorization: Bearer …`
    Bearer(Vec<Secret>),
    /// Nothing but where the call comes from.
    Network(Vec<IpNet>),
}

/// How a signature is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Hexadecimal,
    Base64,
}

/// Why a caller is not believed. All of them are told alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotProved {
    /// It shows nothing.
    Nothing,
    /// What it shows is not right.
    Wrong,
    /// It is right, and too old or yet to come.
    Time,
    /// It calls from elsewhere.
    Elsewhere,
}

impl NotProved {
    /// For the log.
    pub fn word(self) -> &'static str {
        match self {
            NotProved::Nothing => "no signature",
            NotProved::Wrong => "a wrong signature",
            NotProved::Time => "a signature of another time",
            NotProved::Elsewhere => "another network",
        }
    }
}

impl Proof {
    /// Looks at what a caller shows; gives the call's name, where the proof covers one.
    pub fn check(&self, call: &Call<'_>) -> Result<Option<String>, NotProved> {
        let header = |name: &str| (call.header)(name).ok_or(NotProved::Nothing);
        let right = |is_right: bool| is_right.then_some(None).ok_or(NotProved::Wrong);
        match self {
            Proof::Key => Ok(None),
            Proof::StandardWebhooks(keys) => {
                let (id, time) = (header("webhook-id")?, header("webhook-timestamp")?);
                let shown = header("webhook-signature")?;
                if !signature::verify(keys, &id, &time, call.body, &shown) {
                    return Err(NotProved::Wrong);
                }
                let then_ms = time.parse::<i64>().ok().and_then(|time| time.checked_mul(1_000));
                let then_ms = then_ms.ok_or(NotProved::Wrong)?;
                match call.now_ms.saturating_sub(then_ms).abs() <= TOLERANCE_MS {
                    true => Ok(Some(id)),
                    false => Err(NotProved::Time),
                }
            }
            Proof::Hmac { header: name, prefix, form, keys } => {
                let shown = header(name)?;
                let shown = shown.strip_prefix(prefix.as_str()).ok_or(NotProved::Wrong)?;
                let bytes = match form {
                    Form::Hexadecimal => unhex(shown),
                    Form::Base64 => STANDARD.decode(shown).ok(),
                };
                let bytes = bytes.ok_or(NotProved::Wrong)?;
                let is_of = |key| hmac::verify(key, call.body, &bytes).is_ok();
                right(keys.iter().filter(|key| is_of(key)).count() > 0)
            }
            Proof::Bearer(secrets) => {
                let shown = header("authorization")?;
                let (scheme, shown) = shown.split_once(' ').ok_or(NotProved::Wrong)?;
                let is_it = |secret: &&Secret| {
                    bool::from(secret.expose().as_bytes().ct_eq(shown.trim().as_bytes()))
                };
                let found = secrets.iter().filter(is_it).count() > 0;
                right(scheme.eq_ignore_ascii_case("bearer") && found)
            }
            Proof::Network(networks) => {
                match networks.iter().any(|network| network.contains(&call.peer)) {
                    true => Ok(None),
                    false => Err(NotProved::Elsewhere),
                }
            }
        }
    }
}

/// Lower-case hexadecimal, as those who sign write it.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let pairs = text.as_bytes().chunks(2);
    pairs.map(|pair| Some(digit(*pair.first()?)? << 4 | digit(*pair.get(1)?)?)).collect()
}
