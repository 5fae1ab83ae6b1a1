//! Tokens by which a council's own provider says who somebody is (OpenID Connect's ID token, RFC 7519): signed by a
//! key that the provider publishes, by an algorithm that we chose and the token did not, and for us, now and this
//! once. Why one is refused is for the log alone; whoever shows it is told nothing of it.
//!
//! The signatures are ring's, which is here for TLS. Libraries for such tokens bring a second cryptography: an RSA in
//! Rust whose advisory is open (RUSTSEC-2023-0071), or AWS's in C.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    self, ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
};
use serde_json::Value;

/// Clocks may be apart by so much.
pub const SKEW_MS: i64 = 120_000;
/// A longer one is no token of a person.
const TOKEN_BYTES_MAX: usize = 64 * 1_024;
/// Names and numbers of people are no longer.
const NAME_CHARS_MAX: usize = 255;
const KEYS_MAX: usize = 100;

/// How a token may be signed. There is none without a signature, and none that whoever knows our public side could
/// make.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Ps256,
    Es256,
}

impl Algorithm {
    pub const ALL: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es256];

    pub fn word(self) -> &'static str {
        match self {
            Algorithm::Rs256 => "RS256",
            Algorithm::Ps256 => "PS256",
            Algorithm::Es256 => "ES256",
        }
    }
}

/// A key that the provider publishes (RFC 7517).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    id: Option<String>,
    /// Where the key says for which alone it is.
    algorithm: Option<String>,
    numbers: Numbers,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Numbers {
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// Of P-256, as one uncompressed point.
    Curve(Vec<u8>),
}

/// The keys of a published set that sign something we could take; others are left out.
pub fn keys(set: &Value) -> Vec<PublicKey> {
    let all = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().take(KEYS_MAX).filter_map(key).collect()
}

fn key(one: &Value) -> Option<PublicKey> {
    let part = |name: &str| URL_SAFE_NO_PAD.decode(one[name].as_str()?.trim_end_matches('=')).ok();
    if one["use"].as_str().is_some_and(|meant| meant != "sig") {
        return None;
    }
    let numbers = match one["kty"].as_str()? {
        "RSA" => Numbers::Rsa { modulus: part("n")?, exponent: part("e")? },
        "EC" if one["crv"] == "P-256" => {
            let (x, y) = (part("x")?, part("y")?);
            if (x.len(), y.len()) != (32, 32) {
                return None;
            }
            Numbers::Curve([&[4], &*x, &*y].concat())
        }
        _ => return None,
    };
    let text = |name: &str| one[name].as_str().map(str::to_owned);
    Some(PublicKey { id: text("kid"), algorithm: text("alg"), numbers })
}

impl PublicKey {
    fn is_for(&self, algorithm: Algorithm) -> bool {
        let named = self.algorithm.as_deref().is_none_or(|named| named == algorithm.word());
        let fits = matches!(
            (&self.numbers, algorithm),
            (Numbers::Rsa { .. }, Algorithm::Rs256 | Algorithm::Ps256)
                | (Numbers::Curve(_), Algorithm::Es256)
        );
        named && fits
    }

    fn has_signed(&self, algorithm: Algorithm, signed: &[u8], by: &[u8]) -> bool {
        match (&self.numbers, algorithm) {
            (Numbers::Rsa { modulus: n, exponent: e }, Algorithm::Rs256) => {
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, signed, by).is_ok()
            }
            (Numbers::Rsa { modulus: n, exponent: e }, Algorithm::Ps256) => {
                let key = signature::RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PSS_2048_8192_SHA256, signed, by).is_ok()
            }
            (Numbers::Curve(point), Algorithm::Es256) => {
                let key = signature::UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
                key.verify(signed, by).is_ok()
            }
            _ => false,
        }
    }
}

/// What a token has to say.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    pub issuer: &'e str,
    /// We, as the provider knows us.
    pub audience: &'e str,
    /// The council, where the provider serves many.
    pub tenant: Option<&'e str>,
    /// What we made up for this one sign-in.
    pub nonce: &'e str,
    pub algorithms: &'e [Algorithm],
    /// The claim that is the person's number, and never changes.
    pub person: &'e str,
    /// The claim that says how they proved who they are, and the words of it of which one is needed.
    pub proof: (&'e str, &'e [String]),
    /// UTC milliseconds.
    pub now_ms: i64,
}

/// Whom it is about.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The council's number, or the issuer where there is none.
    pub tenant: String,
    /// Theirs in it.
    pub person: String,
    /// As they are called there: a name to show, and never who they are.
    pub called: String,
    pub roles: Vec<String>,
}

crate::record::personal::unprinted!(Identity);

/// Why it is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// By a key that we have not: the provider may have a new one.
    NoSuchKey,
    Because(&'static str),
}

/// Looks at a token: whom it is about, if it is good.
pub fn verify(
    token: &str,
    keys: &[PublicKey],
    expected: &Expected<'_>,
) -> Result<Identity, Refusal> {
    let because = |what| Err(Refusal::Because(what));
    if token.len() > TOKEN_BYTES_MAX {
        return because("it is too long");
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [head, claims, by] = parts[..] else { return because("it has not three parts") };
    let read = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
    let json = |part: &str| serde_json::from_slice::<Value>(&read(part)?).ok();
    let (Some(head_read), Some(by)) = (json(head), read(by)) else {
        return because("it cannot be read");
    };
    let named = head_read["alg"].as_str().unwrap_or_default();
    let algorithm = expected.algorithms.iter().find(|known| known.word() == named).copied();
    let Some(algorithm) = algorithm else {
        return because("it is signed in a way that is not on our list");
    };
    if head_read.get("crit").is_some() {
        return because("its head asks for something that we do not know");
    }
    let id = head_read["kid"].as_str();
    let mut fitting = keys.iter().filter(|key| {
        key.is_for(algorithm) && (id.is_none() || key.id.is_none() || key.id.as_deref() == id)
    });
    let mut any = false;
    let signed = format!("{head}.{claims}");
    let good = fitting.any(|key| {
        any = true;
        key.has_signed(algorithm, signed.as_bytes(), &by)
    });
    if !any {
        return Err(Refusal::NoSuchKey);
    }
    if !good {
        return because("its signature is not the provider's");
    }
    let Some(claims) = json(claims) else { return because("what it says cannot be read") };
    said(&claims, expected).map_err(Refusal::Because)
}

/// What it says, which is the provider's own word by now.
fn said(claims: &Value, expected: &Expected<'_>) -> Result<Identity, &'static str> {
    let text = |name: &str| claims[name].as_str();
    if text("iss") != Some(expected.issuer) {
        return Err("another issuer wrote it");
    }
    let audience = texts(&claims["aud"]);
    if !audience.contains(&expected.audience) {
        return Err("it is for another program");
    }
    let party = text("azp");
    if party.is_some_and(|party| party != expected.audience)
        || (audience.len() > 1 && party.is_none())
    {
        return Err("it was given to another program");
    }
    // Seconds; a number with a fraction is allowed, and anything else is none.
    let instant_ms = |name: &str| claims[name].as_f64().map(|seconds| (seconds * 1_000.0) as i64);
    let now_ms = expected.now_ms;
    match instant_ms("exp") {
        Some(until_ms) if until_ms > now_ms - SKEW_MS => {}
        Some(_) => return Err("its time is over"),
        None => return Err("it does not say until when it is good"),
    }
    match instant_ms("iat") {
        Some(made_ms) if made_ms <= now_ms + SKEW_MS => {}
        _ => return Err("it does not say when it was made, or that is still to come"),
    }
    if !claims["nbf"].is_null() && instant_ms("nbf").is_none_or(|ms| ms > now_ms + SKEW_MS) {
        return Err("it is not good yet");
    }
    if expected.nonce.is_empty() || text("nonce") != Some(expected.nonce) {
        return Err("it is of another sign-in");
    }
    if expected.tenant.is_some_and(|own| text("tid") != Some(own)) {
        return Err("it is of another tenant");
    }
    let (proof, needed) = expected.proof;
    let shown = texts(&claims[proof]);
    if !needed.iter().any(|word| shown.contains(&word.as_str())) {
        return Err("it does not say that they proved by more than a password who they are");
    }
    let person = text(expected.person).unwrap_or_default();
    if person.is_empty() || person.chars().count() > NAME_CHARS_MAX {
        return Err("it does not say who they are");
    }
    let called = text("preferred_username").or(text("name")).unwrap_or_default();
    Ok(Identity {
        tenant: expected.tenant.unwrap_or(expected.issuer).to_owned(),
        person: person.to_owned(),
        called: called.chars().take(NAME_CHARS_MAX).collect(),
        roles: texts(&claims["roles"]).into_iter().map(str::to_owned).collect(),
    })
}

/// One text, or those of a list.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::String(one) => vec![one],
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use ring::rand::SystemRandom;
    use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
    use serde_json::json;

    use super::*;

    const NOW_S: i64 = 1_800_000_000;

    fn pair() -> (EcdsaKeyPair, Vec<PublicKey>) {
        let random = SystemRandom::new();
        let kept = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, kept.as_ref(), &random)
                .unwrap();
        let point = pair.public_key().as_ref();
        let written = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let set = json!({ "keys": [
            { "kty": "EC", "crv": "P-256", "kid": "enc", "use": "enc",
              "x": written(&point[1..33]), "y": written(&point[33..]) },
            { "kty": "EC", "crv": "P-256", "kid": "one", "use": "sig",
              "x": written(&point[1..33]), "y": written(&point[33..]) },
            { "kty": "oct", "k": "c2VjcmV0" },
        ] });
        (pair, keys(&set))
    }

    fn signed(pair: &EcdsaKeyPair, head: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let text = format!("{}.{}", part(head), part(claims));
        let by = pair.sign(&SystemRandom::new(), text.as_bytes()).unwrap();
        format!("{text}.{}", URL_SAFE_NO_PAD.encode(by))
    }

    fn claims() -> Value {
        json!({
            "iss": "https://login.example/t1", "aud": "viaduct", "tid": "t1", "nonce": "n-1",
            "exp": NOW_S + 3_600, "iat": NOW_S, "nbf": NOW_S, "amr": ["pwd", "mfa"], "oid": "o-7",
            "preferred_username": "kim.bramble@example.gov.uk", "roles": ["Support"],
        })
    }

    fn look(token: &str, keys: &[PublicKey]) -> Result<Identity, Refusal> {
        let expected = Expected {
            issuer: "https://login.example/t1",
            audience: "viaduct",
            tenant: Some("t1"),
            nonce: "n-1",
            algorithms: &[Algorithm::Es256],
            person: "oid",
            proof: ("amr", &["mfa".to_owned()]),
            now_ms: NOW_S * 1_000,
        };
        verify(token, keys, &expected)
    }

    #[test]
    fn b67_a_token_says_who_it_is_about_or_is_refused() {
        let (pair, keys) = pair();
        assert_eq!(keys.len(), 1, "only what signs is a key");
        let head = json!({ "alg": "ES256", "kid": "one" });
        let good = look(&signed(&pair, &head, &claims()), &keys).ok().unwrap();
        assert_eq!((good.tenant.as_str(), good.person.as_str()), ("t1", "o-7"));
        assert_eq!(good.roles, ["Support"]);
        let faults: [(&str, Value, &str); 17] = [
            ("iss", json!("https://login.example/t2"), "another issuer"),
            ("aud", json!("another"), "another program"),
            ("aud", json!(["viaduct", "another"]), "given to another program"),
            ("azp", json!("another"), "given to another program"),
            ("tid", json!("t2"), "another tenant"),
            ("tid", Value::Null, "another tenant"),
            ("exp", json!(NOW_S - 120), "its time is over"),
            ("exp", json!("2099-01-01"), "until when"),
            ("exp", Value::Null, "until when"),
            ("iat", json!(NOW_S + 121), "still to come"),
            ("nbf", json!(NOW_S + 121), "not good yet"),
            ("nbf", json!("soon"), "not good yet"),
            ("nonce", json!("n-0"), "another sign-in"),
            ("nonce", Value::Null, "another sign-in"),
            ("amr", json!(["pwd"]), "more than a password"),
            ("amr", Value::Null, "more than a password"),
            ("oid", json!(""), "who they are"),
        ];
        for (name, value, says) in faults {
            let mut claims = claims();
            claims[name] = value.clone();
            let refused = look(&signed(&pair, &head, &claims), &keys);
            let Err(Refusal::Because(why)) = refused else {
                panic!("{name} {value}: it was taken");
            };
            assert!(why.contains(says), "{name} {value}: {why}");
        }
        // Two minutes of skew, and no more.
        let mut late = claims();
        late["exp"] = json!(NOW_S - 119);
        assert!(look(&signed(&pair, &head, &late), &keys).is_ok());
    }

    #[test]
    fn b67_how_it_is_signed_is_ours_to_say() {
        let (pair, keys) = pair();
        let (other, _) = self::pair();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let none = format!("{}.{}.", part(&json!({ "alg": "none" })), part(&claims()));
        let listed = Err(Refusal::Because("it is signed in a way that is not on our list"));
        assert_eq!(look(&none, &keys).map(|_| ()), listed);
        // With what everybody knows as the secret.
        let head = json!({ "alg": "HS256", "kid": "one" });
        let text = format!("{}.{}", part(&head), part(&claims()));
        let public = pair.public_key().as_ref();
        let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, public);
        let by = ring::hmac::sign(&key, text.as_bytes());
        let forged = format!("{text}.{}", URL_SAFE_NO_PAD.encode(by.as_ref()));
        assert_eq!(look(&forged, &keys).map(|_| ()), listed);
        // A way that we know, and did not list.
        let head = json!({ "alg": "RS256", "kid": "one" });
        assert_eq!(look(&signed(&pair, &head, &claims()), &keys).map(|_| ()), listed);
        let head = json!({ "alg": "ES256", "kid": "one" });
        let theirs = look(&signed(&other, &head, &claims()), &keys).map(|_| ());
        assert_eq!(theirs, Err(Refusal::Because("its signature is not the provider's")));
        let newer = json!({ "alg": "ES256", "kid": "two" });
        let newer = look(&signed(&pair, &newer, &claims()), &keys).map(|_| ());
        assert_eq!(newer, Err(Refusal::NoSuchKey));
        let odd = json!({ "alg": "ES256", "kid": "one", "crit": ["exp"] });
        assert!(look(&signed(&pair, &odd, &claims()), &keys).is_err());
        // What was signed says something else by now.
        let token = signed(&pair, &head, &claims());
        let mut parts: Vec<&str> = token.split('.').collect();
        let mut more = claims();
        more["roles"] = json!(["Administrator"]);
        let more = part(&more);
        parts[1] = &more;
        assert!(look(&parts.join("."), &keys).is_err());
        for odd in ["", "..", "a.b", "a.b.c.d", "e30.e30.", &"x".repeat(70_000)] {
            assert!(look(odd, &keys).is_err(), "{odd:.20}");
        }
    }
}
