//! Signing in with the council's own accounts (OpenID Connect's code flow, with PKCE): where the browser is sent, what
//! the provider is asked when it comes back, and whether what it says of somebody is good. Every provider that keeps
//! to the standard is spoken to alike; Entra ID is the one in mind.

pub mod settings;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use self::settings::ProviderRules;
use super::address::{Place, with_query};
use super::answering::{self, Doing};
use super::calling;
use super::channel::ConnectorError;
use super::definition::Surroundings;
use super::http::{Answer, HttpClient, HttpLimits, Request, Text};
use crate::access::right::Roles;
use crate::access::token::{self, Expected, Identity, PublicKey, Refusal};
use crate::definition::secret::Secret;

/// Where people come back to, below our own address.
pub const BACK: &str = "/sign-in/back";

/// Somebody waits before their browser.
const LIMITS: HttpLimits = HttpLimits {
    connect_timeout: Duration::from_secs(3),
    timeout: Duration::from_secs(8),
    body_bytes_max: 512 * 1_024,
};
/// What a provider says of itself is read again after so long.
const GOOD_MS: i64 = 24 * 3_600_000;
/// And where a token names a key that is not known, so often at most.
const AGAIN_MS: i64 = 60_000;

/// The provider, as it is asked.
pub struct Provider {
    rules: ProviderRules,
    issuer: String,
    tenant: Option<String>,
    client: String,
    secret: Secret,
    address: String,
    around: Surroundings,
    known: Mutex<Option<Arc<Known>>>,
}

/// What it says of itself.
struct Known {
    authorise: String,
    token: String,
    /// It wants our secret in a header and not in the form.
    by_header: bool,
    http: HttpClient,
    keys: Vec<PublicKey>,
    read_ms: i64,
}

/// What belongs to one sign-in: the provider gives the first two back, and is shown the third at the end.
#[derive(Debug, Clone, Copy)]
pub struct Marks<'m> {
    pub state: &'m str,
    pub nonce: &'m str,
    pub verifier: &'m str,
}

/// Why somebody was not let in. For the log: whoever tries is told nothing of it.
#[derive(Debug, thiserror::Error)]
pub enum NotIn {
    #[error(transparent)]
    Provider(#[from] ConnectorError),
    #[error("the token was refused: {0}")]
    Token(&'static str),
    #[error("the provider takes that code for none, or not any more")]
    Code,
    #[error("none of their app roles is one of ours")]
    NoRole(Box<Identity>),
}

impl Provider {
    /// Fills in what the environment has.
    pub fn open(rules: &ProviderRules, around: &Surroundings) -> Result<Provider, ConnectorError> {
        let tenant = rules.tenant.as_deref().map(|tenant| around.expand(tenant)).transpose()?;
        Ok(Provider {
            issuer: around.expand(&rules.issuer.value)?,
            tenant,
            client: around.expand(&rules.client)?,
            secret: around.secret(&rules.secret)?,
            address: around.expand(&rules.address)?.trim_end_matches('/').to_owned(),
            rules: rules.clone(),
            around: around.clone(),
            known: Mutex::default(),
        })
    }

    /// What the link says.
    pub fn called(&self) -> &str {
        &self.rules.called
    }

    /// Where a browser is sent.
    pub async fn way(&self, marks: Marks<'_>, now_ms: i64) -> Result<String, ConnectorError> {
        let known = self.known(now_ms, GOOD_MS).await?;
        let challenge = URL_SAFE_NO_PAD.encode(digest(&SHA256, marks.verifier.as_bytes()));
        let back = self.back();
        let mut asked = vec![
            ("response_type", "code"),
            ("response_mode", "query"),
            ("client_id", &self.client),
            ("redirect_uri", &back),
            ("scope", "openid profile"),
            ("state", marks.state),
            ("nonce", marks.nonce),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let (claim, words) = &self.rules.proof;
        let all = words.join(" ");
        let wanted = json!({ "id_token": { "acrs": { "essential": true, "values": words } } });
        let wanted = wanted.to_string();
        match claim.as_str() {
            "acr" => asked.push(("acr_values", &all)),
            "acrs" => asked.push(("claims", &wanted)),
            _ => {}
        }
        Ok(with_query(&known.authorise, &asked))
    }

    /// Who came back with that code, and what they are here.
    pub async fn who(
        &self,
        code: &str,
        marks: Marks<'_>,
        now_ms: i64,
    ) -> Result<(Identity, Roles), NotIn> {
        let known = self.known(now_ms, GOOD_MS).await?;
        let token = self.redeemed(&known, code, marks).await?;
        let looked = token::verify(&token, &known.keys, &self.expected(marks.nonce, now_ms));
        let looked = match looked {
            // Keys are changed without notice.
            Err(Refusal::NoSuchKey) => {
                let known = self.known(now_ms, AGAIN_MS).await?;
                token::verify(&token, &known.keys, &self.expected(marks.nonce, now_ms))
            }
            looked => looked,
        };
        let identity = looked.map_err(|refusal| match refusal {
            Refusal::NoSuchKey => NotIn::Token("it is signed by a key that the provider has not"),
            Refusal::Because(why) => NotIn::Token(why),
        })?;
        let has = |words: &[String]| words.iter().any(|word| identity.roles.contains(word));
        let roles = self.rules.roles.iter().filter(|(_, words)| has(words));
        let roles: Vec<_> = roles.map(|(role, _)| *role).collect();
        match roles.is_empty() {
            true => Err(NotIn::NoRole(Box::new(identity))),
            false => Ok((identity, Roles::new(roles))),
        }
    }

    /// Whether an answer that says who wrote it (RFC 9207) was written by ours.
    pub fn is_issuer(&self, said: &str) -> bool {
        said == self.issuer
    }

    fn back(&self) -> String {
        format!("{}{BACK}", self.address)
    }

    fn expected<'e>(&'e self, nonce: &'e str, now_ms: i64) -> Expected<'e> {
        Expected {
            issuer: &self.issuer,
            audience: &self.client,
            tenant: self.tenant.as_deref(),
            nonce,
            algorithms: &self.rules.algorithms,
            person: &self.rules.person,
            proof: (&self.rules.proof.0, &self.rules.proof.1),
            now_ms,
        }
    }

    /// Gives the code for a token: with our secret, and with what only whoever began it has.
    async fn redeemed(&self, known: &Known, code: &str, marks: Marks<'_>) -> Result<String, NotIn> {
        let (body, shown) = self.redeeming(known, code, marks);
        let headers = [("authorization", shown.as_str()), ("accept", "application/json")];
        let skipped = usize::from(shown.is_empty());
        let content_type = "application/x-www-form-urlencoded";
        let request = Request {
            url: &known.token,
            headers: &headers[skipped..],
            text: Some(Text { content_type, body: &body }),
            ..Request::default()
        };
        let answer = answering::arrived(Doing::Asking, known.http.call(request).await)?;
        match answer.status {
            200 => {}
            400 if error_of(&answer) == "invalid_grant" => return Err(NotIn::Code),
            _ => return Err(turned_away(&answer).into()),
        }
        let said = answering::json(Doing::Asking, &answer)?;
        match said["id_token"].as_str() {
            Some(token) => Ok(token.to_owned()),
            None => Err(NotIn::Token("there is none in the provider's answer")),
        }
    }

    /// The form that asks for it, and the header where our secret goes in one.
    fn redeeming(&self, known: &Known, code: &str, marks: Marks<'_>) -> (String, String) {
        let back = self.back();
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "authorization_code")
            .append_pair("code", code)
            .append_pair("redirect_uri", &back)
            .append_pair("client_id", &self.client)
            .append_pair("code_verifier", marks.verifier);
        if !known.by_header {
            form.append_pair("client_secret", self.secret.expose());
            return (form.finish(), String::new());
        }
        let part =
            |text: &str| -> String { form_urlencoded::byte_serialize(text.as_bytes()).collect() };
        let pair = format!("{}:{}", part(&self.client), part(self.secret.expose()));
        (form.finish(), format!("Basic {}", STANDARD.encode(pair)))
    }

    /// What the provider says of itself, read no longer ago than that.
    async fn known(&self, now_ms: i64, good_ms: i64) -> Result<Arc<Known>, ConnectorError> {
        let mut kept = self.known.lock().await;
        if let Some(known) = kept.as_ref().filter(|known| now_ms - known.read_ms < good_ms) {
            return Ok(Arc::clone(known));
        }
        let read = Arc::new(self.read(now_ms).await?);
        *kept = Some(Arc::clone(&read));
        Ok(read)
    }

    async fn read(&self, now_ms: i64) -> Result<Known, ConnectorError> {
        let url = format!("{}/.well-known/openid-configuration", self.issuer.trim_end_matches('/'));
        let said = fetched(&self.http(&[&url])?, &url).await?;
        if said["issuer"].as_str() != Some(&self.issuer) {
            return Err(odd("it says that it is another issuer than `issuer` of sign_in.toml"));
        }
        let address = |name: &str| {
            let found = said[name].as_str().filter(|address| Place::of(address).is_ok());
            found.map(str::to_owned).ok_or_else(|| odd("it does not say where people sign in"))
        };
        let (authorise, token) = (address("authorization_endpoint")?, address("token_endpoint")?);
        let keys_url = address("jwks_uri")?;
        let http = self.http(&[&token, &keys_url])?;
        // The browser goes there, not we; it is held to the same: https, or named.
        self.http(&[&authorise])?;
        let keys = token::keys(&fetched(&http, &keys_url).await?);
        if keys.is_empty() {
            return Err(odd("it publishes no key that we could take"));
        }
        let ways = said["token_endpoint_auth_methods_supported"].as_array();
        let has = |word: &str| ways.is_some_and(|ways| ways.iter().any(|way| way == word));
        let by_header = has("client_secret_basic") && !has("client_secret_post");
        Ok(Known { authorise, token, by_header, http, keys, read_ms: now_ms })
    }

    fn http(&self, urls: &[&str]) -> Result<HttpClient, ConnectorError> {
        let places: Result<Vec<Place>, _> = urls.iter().map(|url| Place::of(url)).collect();
        let places = places.map_err(|fault| answering::forbidden(&fault))?;
        calling::client(LIMITS, places, &self.rules.allow, &self.rules.tls, &self.around)
    }
}

async fn fetched(http: &HttpClient, url: &str) -> Result<Value, ConnectorError> {
    let request = Request { url, ..Request::default() };
    let answer = answering::arrived(Doing::Asking, http.call(request).await)?;
    match answer.status {
        200 => answering::json(Doing::Asking, &answer),
        _ => Err(turned_away(&answer)),
    }
}

fn odd(what: &str) -> ConnectorError {
    answering::unavailable(what.to_owned(), None)
}

fn turned_away(answer: &Answer) -> ConnectorError {
    let said = match error_of(answer) {
        said if said.is_empty() => String::new(),
        said => format!(" and `{said}`"),
    };
    odd(&format!("it answered {}{said}", answer.status))
}

/// The word that the standard has for what is the matter; nothing else of an answer is told.
fn error_of(answer: &Answer) -> String {
    let said: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let word = said.and_then(|said| said["error"].as_str().map(str::to_owned)).unwrap_or_default();
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    if word.len() < 60 && word.chars().all(plain) { word } else { String::new() }
}
