//! Who is calling. A caller signs a token with a key's secret; the platform looks for the key that
//! fits. The order of the checks decides which of a dozen refusals is given. Permissions come later
//! and elsewhere.

use axum::http::{HeaderMap, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::hmac;
use serde_json::{Map, Value};

use crate::sandbox::govuk_notify::answer::Refusal;
use crate::sandbox::govuk_notify::service::{Key, KeyKind, Service};
use crate::sandbox::govuk_notify::uuid;

/// How far a caller's clock may be off.
const CLOCK_LEEWAY_S: i64 = 30;

const NOT_A_TOKEN: &str = "Invalid token: make sure your API token matches the example at \
    https://docs.notifications.service.gov.uk/rest-api.html#authorisation-header";
const CLOCK: &str = "Error: Your system clock must be accurate to within 30 seconds";

/// Finds the service and the kind of key a request was signed with.
pub fn identify<'services, S: AsRef<Service>>(
    headers: &HeaderMap,
    services: &'services [S],
    now_s: i64,
) -> Result<(&'services S, KeyKind), Refusal> {
    let token = Token::read(bearer(headers)?).ok_or_else(|| forbidden(NOT_A_TOKEN))?;
    let issuer = token.claims.get("iss");
    let issuer = issuer.ok_or_else(|| forbidden("Invalid token: iss field not provided"))?;
    let id = issuer.as_str().and_then(uuid::read);
    let id = id.ok_or_else(|| forbidden("Invalid token: service id is not the right data type"))?;
    let found = services.iter().find(|service| service.as_ref().id == id);
    let found = found.ok_or_else(|| forbidden("Invalid token: service not found"))?;
    let service = found.as_ref();
    if service.keys.is_empty() {
        return Err(forbidden("Invalid token: service has no API keys"));
    }
    if service.archived {
        return Err(forbidden("Invalid token: service is archived"));
    }
    for key in &service.keys {
        match token.fits(key, now_s) {
            Fit::AnotherKey => {}
            Fit::Refused(message) => return Err(forbidden(message)),
            Fit::Yes if key.revoked => return Err(forbidden("Invalid token: API key revoked")),
            Fit::Yes => return Ok((found, key.kind)),
        }
    }
    Err(forbidden("Invalid token: API key not found"))
}

fn bearer(headers: &HeaderMap) -> Result<&str, Refusal> {
    let unauthorised = |message| Refusal::auth(StatusCode::UNAUTHORIZED, message);
    let header = headers.get(header::AUTHORIZATION).filter(|value| !value.is_empty());
    let header = header
        .ok_or_else(|| unauthorised("Unauthorized: authentication token must be provided"))?;
    header
        .to_str()
        .ok()
        .and_then(|value| value.split_at_checked("Bearer ".len()))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("Bearer "))
        .map(|(_, token)| token)
        .ok_or_else(|| unauthorised("Unauthorized: authentication bearer scheme must be used"))
}

struct Token<'text> {
    signed: &'text str,
    signature: Vec<u8>,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

enum Fit {
    Yes,
    /// The token was not made with this key, as far as can be told.
    AnotherKey,
    Refused(&'static str),
}

impl<'text> Token<'text> {
    fn read(text: &'text str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        Some(Self {
            signed,
            signature: decode(signature)?,
            header: object(header)?,
            claims: object(claims)?,
        })
    }

    fn fits(&self, key: &Key, now_s: i64) -> Fit {
        if self.header.get("alg").and_then(Value::as_str) != Some("HS256") {
            return Fit::Refused("Invalid token: algorithm used is not HS256");
        }
        let secret = hmac::Key::new(hmac::HMAC_SHA256, key.secret.as_bytes());
        if hmac::verify(&secret, self.signed.as_bytes(), &self.signature).is_err() {
            return Fit::AnotherKey;
        }
        self.fits_in_time(now_s)
    }

    /// The standard claims, then the platform's own demand for a recent `iat`.
    fn fits_in_time(&self, now_s: i64) -> Fit {
        let issued_at = self.claims.get("iat");
        let issued_at_s = issued_at.map(seconds);
        if issued_at_s.is_some_and(|issued| issued.is_none_or(|at| at > now_s + CLOCK_LEEWAY_S)) {
            return Fit::Refused(CLOCK);
        }
        match self.claims.get("nbf").map(seconds) {
            Some(None) => return Fit::AnotherKey,
            Some(Some(from)) if from > now_s + CLOCK_LEEWAY_S => return Fit::Refused(CLOCK),
            _ => {}
        }
        match self.claims.get("exp").map(seconds) {
            Some(None) => return Fit::AnotherKey,
            Some(Some(until)) if until <= now_s - CLOCK_LEEWAY_S => {
                return Fit::Refused(NOT_A_TOKEN);
            }
            _ => {}
        }
        let wrong_type =
            |claim: &str| self.claims.get(claim).is_some_and(|value| !value.is_string());
        let addressed = self.claims.get("aud").is_some_and(|value| !value.is_null() && value != "");
        if addressed || wrong_type("sub") || wrong_type("jti") {
            return Fit::Refused(NOT_A_TOKEN);
        }
        match issued_at_s.flatten() {
            None => Fit::AnotherKey,
            Some(at) if now_s > at + CLOCK_LEEWAY_S => Fit::Refused(CLOCK),
            Some(_) => Fit::Yes,
        }
    }
}

fn forbidden(message: &str) -> Refusal {
    Refusal::auth(StatusCode::FORBIDDEN, message)
}

fn object(part: &str) -> Option<Map<String, Value>> {
    match serde_json::from_slice(&decode(part)?).ok()? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

fn decode(part: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()
}

/// A moment in whole seconds. A number written as text counts; anything else does not.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a moment beyond i64 saturates, and is refused"
)]
fn seconds(value: &Value) -> Option<i64> {
    match value {
        Value::Number(number) => {
            number.as_i64().or_else(|| number.as_f64().map(|float| float as i64))
        }
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(flag) => Some(i64::from(*flag)),
        _ => None,
    }
}
