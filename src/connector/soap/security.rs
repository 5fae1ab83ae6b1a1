//! Who we say that we are in an envelope's header: WS-Security's UsernameToken, its password as a text or
//! as a digest (OASIS UsernameToken Profile 1.0), or a token that is fetched by a call of its own.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, SecondsFormat};
use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
use ring::rand::{SecureRandom, SystemRandom};

use crate::connector::answering;
use crate::connector::channel::ConnectorError;
use crate::connector::format::xml::write::escaped;
use crate::definition::secret::Secret;

/// The namespace of WS-Security 1.0.
pub const WSSE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd";
const WSU: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd";
const PROFILE: &str =
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0";

/// How the password goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Digest,
}

/// A name and a password, as a header says them.
#[derive(Clone)]
pub struct UsernameToken {
    pub user: String,
    pub password: Secret,
    pub form: Form,
}

impl UsernameToken {
    /// The header at that moment (UTC milliseconds). Each digest has a nonce of its own.
    pub fn header(&self, now_ms: i64) -> Result<String, ConnectorError> {
        let mut nonce = [0_u8; 16];
        if self.form == Form::Digest && SystemRandom::new().fill(&mut nonce).is_err() {
            let cause = "the operating system has no randomness to give".to_owned();
            return Err(answering::unavailable(cause, None));
        }
        self.with(now_ms, &nonce).ok_or_else(|| ConnectorError::Unauthorised {
            code: "soap.key",
            cause: "the name or the password has a character that XML cannot say".to_owned(),
        })
    }

    fn with(&self, now_ms: i64, nonce: &[u8]) -> Option<String> {
        let user = escaped(&self.user)?;
        let said = match self.form {
            Form::Text => format!(
                "<wsse:Password Type=\"{PROFILE}#PasswordText\">{}</wsse:Password>",
                escaped(self.password.expose())?
            ),
            Form::Digest => {
                let created = DateTime::from_timestamp_millis(now_ms).unwrap_or_default();
                let created = created.to_rfc3339_opts(SecondsFormat::Millis, true);
                let digest = digest(nonce, &created, self.password.expose());
                let nonce = STANDARD.encode(nonce);
                format!(
                    "<wsse:Password Type=\"{PROFILE}#PasswordDigest\">{digest}</wsse:Password>\
                     <wsse:Nonce EncodingType=\"http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0#Base64Binary\">{nonce}</wsse:Nonce>\
                     <wsu:Created xmlns:wsu=\"{WSU}\">{created}</wsu:Created>"
                )
            }
        };
        Some(format!(
            "<wsse:Security xmlns:wsse=\"{WSSE}\"><wsse:UsernameToken>\
             <wsse:Username>{user}</wsse:Username>{said}</wsse:UsernameToken></wsse:Security>"
        ))
    }
}

/// SHA-1 of nonce, moment and password: old, and what the profile says.
fn digest(nonce: &[u8], created: &str, password: &str) -> String {
    let mut context = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    context.update(nonce);
    context.update(created.as_bytes());
    context.update(password.as_bytes());
    STANDARD.encode(context.finish().as_ref())
}

/// The header that carries a token which was fetched, as WS-Security has it.
pub fn binary_token() -> String {
    format!(
        "<wsse:Security xmlns:wsse=\"{WSSE}\"><wsse:BinarySecurityToken>{{token}}\
         </wsse:BinarySecurityToken></wsse:Security>"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(form: Form) -> UsernameToken {
        UsernameToken { user: "svc & co".to_owned(), password: Secret::new("s3<ret"), form }
    }

    #[test]
    fn a_password_goes_as_a_text_or_as_a_digest() {
        let text = token(Form::Text).header(0).expect("a header");
        assert!(text.contains("<wsse:Username>svc &amp; co</wsse:Username>"), "{text}");
        assert!(text.contains("#PasswordText\">s3&lt;ret</wsse:Password>"), "{text}");
        let digest = token(Form::Digest).header(0).expect("a header");
        assert!(!digest.contains("s3"), "{digest}");
        assert!(digest.contains(">1970-01-01T00:00:00.000Z</wsu:Created>"), "{digest}");
        assert_ne!(digest, token(Form::Digest).header(0).expect("a header"), "a nonce of its own");
    }

    #[test]
    fn a_digest_is_what_the_profile_says() {
        // sha1(b"0123456789abcdef" + b"1970-01-01T00:00:00.000Z" + b"s3<ret"), by Python's hashlib.
        let found = super::digest(b"0123456789abcdef", "1970-01-01T00:00:00.000Z", "s3<ret");
        assert_eq!(found, "9GH8TuaMHCEqqceq/qdEK5s0Cmw=");
    }
}
