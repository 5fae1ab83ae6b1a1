//! How a system is called by HTTP, whichever kind calls it: where it may be, and who we say that we are.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use tokio::sync::Mutex;

use super::address::{AddressFault, Allowed, Place, Reach};
use super::answering::{self, Doing};
use super::channel::ConnectorError;
use super::definition::{Now, Surroundings};
use super::http::{Answer, Certificates, HttpClient, HttpFault, HttpLimits, Request, Text};
use crate::definition::reader::Spanned;
use crate::definition::secret::SecretReference;
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;

const ALLOW_REMEDY: &str = "write it like `orders.internal:8443` or `10.1.2.3:443`";

/// Who we say that we are.
#[derive(Debug, Clone)]
pub enum Auth {
    Bearer(Spanned<SecretReference>),
    Basic {
        user: String,
        password: Spanned<SecretReference>,
    },
    Header {
        name: String,
        secret: Spanned<SecretReference>,
    },
    /// OAuth 2.0 client credentials.
    Token {
        url: Spanned<String>,
        client: String,
        secret: Spanned<SecretReference>,
        scope: Option<String>,
    },
}

pub const ALLOW: Key = key(
    "allow",
    "Hosts and ports that may be called, and then no others: a system in a private network is reached \
     only where it is named here, and so is one without encryption. This machine, and one beside it, is \
     named by its number.",
)
.example("allow = [\"orders.internal:8443\"]");
pub const AUTHORITY: Key = key(
    "authority",
    "Where the certificate is kept, as PEM, of whoever signs for this system: then nobody else is believed. \
     Where nothing is said, those that this machine believes.",
)
.example("authority = \"secret:HOUSING_AUTHORITY\"");
const CERTIFICATE: Key = key(
    "client_certificate",
    "Where our certificate and its key are kept, as PEM, for a system that asks for one (mTLS).",
)
.example("client_certificate = \"secret:HOUSING_CERTIFICATE\"");
const AUTH: Key = key(
    "auth",
    "Who we say that we are: `bearer`; `user` and `password`; `header` and `secret`; or `token_url`, `client` \
     and `secret` where tokens are fetched (OAuth 2.0 client credentials).",
);
const BEARER: Key =
    key("bearer", "Where the token is kept.").example("bearer = \"secret:ORDERS_TOKEN\"");
const USER: Key = key("user", "The name.").example("user = \"viaduct\"");
const PASSWORD: Key =
    key("password", "Where the password is kept.").example("password = \"secret:ORDERS_PASSWORD\"");
const HEADER: Key = key("header", "The name of a header.").example("header = \"X-Api-Key\"");
const SECRET: Key = key("secret", "Where that header's value, or the client's secret, is kept.")
    .example("secret = \"secret:ORDERS_KEY\"");
const TOKEN_URL: Key = key("token_url", "Where tokens are fetched.")
    .example("token_url = \"https://login.example.com/oauth2/token\"");
const CLIENT: Key =
    key("client", "The name by which tokens are fetched.").example("client = \"viaduct\"");
const SCOPE: Key =
    key("scope", "What the tokens are to be good for.").example("scope = \"residents.read\"");
/// Reads who we are, where the settings say it.
pub fn auth(settings: &Table<'_>) -> Option<Auth> {
    settings.table(AUTH).and_then(read_auth)
}

fn read_auth(table: Table<'_>) -> Option<Auth> {
    let (bearer, user) = (table.secret(BEARER), table.text(USER));
    let (password, header) = (table.secret(PASSWORD), table.text(HEADER));
    let secret = table.secret(SECRET);
    let (url, client, scope) = (table.text(TOKEN_URL), table.text(CLIENT), table.text(SCOPE));
    let scope = scope.map(|scope| scope.value);
    let fetched = url.is_some() || client.is_some() || scope.is_some();
    let auth = match (bearer, user, password, header, secret) {
        (None, None, None, None, Some(secret)) if fetched => match (url, client) {
            (Some(url), Some(client)) => {
                Some(Auth::Token { url, client: client.value, secret, scope })
            }
            _ => unsaid(&table),
        },
        _ if fetched => unsaid(&table),
        (Some(token), None, None, None, None) => Some(Auth::Bearer(token)),
        (None, Some(user), Some(password), None, None) => {
            Some(Auth::Basic { user: user.value, password })
        }
        (None, None, None, Some(name), Some(secret)) => {
            let token = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if name.value.is_empty() || !name.value.bytes().all(token) {
                let what = format!("`{}` is not the name of a header", name.value);
                table.error(name.at, what, "letters, digits and `-`", None);
            }
            Some(Auth::Header { name: name.value.to_ascii_lowercase(), secret })
        }
        _ => unsaid(&table),
    };
    table.finish();
    auth
}

/// A secret in clear was refused already, and is not a slip of another kind.
fn unsaid(table: &Table<'_>) -> Option<Auth> {
    let help = "write `bearer`; or `user` and `password`; or `header` and `secret`; or `token_url`, \
                `client` and `secret`";
    let what = "this does not say who we are";
    table.error(table.at(), what, "one of the four", Some(help.to_owned()));
    None
}

/// What is wrong with an address as it is written. One that the environment fills in is judged when it
/// is known.
pub fn judge(
    settings: &Table<'_>,
    url: &Spanned<String>,
    allow: &[Spanned<String>],
    place: impl Fn(&str) -> Result<Place, AddressFault>,
) {
    let mut lines = Vec::new();
    for line in allow.iter().filter(|line| !line.value.contains("${")) {
        match Allowed::parse(&line.value) {
            Some(allowed) => lines.push(allowed),
            None => {
                let what = format!("`{}` is no host and port", line.value);
                settings.error(line.at, what, "not understood", Some(ALLOW_REMEDY.to_owned()));
                return;
            }
        }
    }
    if url.value.contains("${") || lines.len() < allow.len() {
        return;
    }
    let reach = Reach { allow: lines, own: Vec::new() };
    let judged = place(&url.value).and_then(|place| reach.judge(&place).map(|()| place));
    match judged {
        Ok(place) if place.is_plain() => {
            let what = "what is said goes without encryption";
            let help = "use https, if the system has it".to_owned();
            settings.file().warn(url.at, what, "whoever listens reads it", Some(help));
        }
        Ok(_) => {}
        Err(fault) => {
            let help = Some(fault.remedy().to_owned());
            settings.error(url.at, fault.to_string(), fault.code(), help);
        }
    }
}

/// Where the certificates are kept that a connection needs.
#[derive(Debug, Clone, Default)]
pub struct Tls {
    authority: Option<Spanned<SecretReference>>,
    own: Option<Spanned<SecretReference>>,
}

/// Reads where certificates are kept, if the settings say so.
pub fn tls(settings: &Table<'_>) -> Tls {
    Tls { authority: settings.secret(AUTHORITY), own: settings.secret(CERTIFICATE) }
}

/// A client for these places alone; the environment fills in what they need.
pub fn client(
    limits: HttpLimits,
    places: Vec<Place>,
    allow: &[Spanned<String>],
    tls: &Tls,
    around: &Surroundings,
) -> Result<HttpClient, ConnectorError> {
    let fetched = |reference: &Option<Spanned<SecretReference>>| {
        reference.as_ref().map(|reference| around.secret(&reference.value)).transpose()
    };
    let certificates =
        Certificates { authority: fetched(&tls.authority)?, own: fetched(&tls.own)? };
    let reach = reach(allow, around)?;
    let opened = HttpClient::open_to(limits, places, reach, around.lookup.clone(), &certificates);
    answering::arrived(Doing::Asking, opened)
}

/// Which hosts may be called, when the environment has filled them in.
pub fn reach(allow: &[Spanned<String>], around: &Surroundings) -> Result<Reach, ConnectorError> {
    let mut allowed = Vec::new();
    for line in allow {
        let line = around.expand(&line.value)?;
        let wrong = AddressFault::Form {
            what: "a line of `allow` is no host and port",
            remedy: ALLOW_REMEDY,
        };
        allowed.push(Allowed::parse(&line).ok_or_else(|| answering::forbidden(&wrong))?);
    }
    Ok(Reach { allow: allowed, own: around.listening.clone() })
}

/// The address that tokens are fetched from, where they are.
pub fn token_place(
    auth: Option<&Auth>,
    around: &Surroundings,
) -> Result<Option<Place>, ConnectorError> {
    let Some(Auth::Token { url, .. }) = auth else { return Ok(None) };
    let place = Place::of(&around.expand(&url.value)?);
    place.map(Some).map_err(|fault| answering::forbidden(&fault))
}

/// Who we are, as a header that goes with each call.
pub enum Login {
    Nobody,
    Always(String, String),
    Token(Box<Tokens>),
}

/// Tokens that are fetched, and used for a while (RFC 6749, section 4.4).
pub struct Tokens {
    http: HttpClient,
    url: String,
    login: String,
    body: String,
    now: Now,
    kept: Mutex<Holding<Kept>>,
}

/// What is known where tokens are fetched: one that is good, or that we are not let in. Those who wait for one
/// that is refused do not try again each for themselves: an account is locked by that.
pub struct Holding<K> {
    pub kept: Option<K>,
    refused: Option<(i64, ConnectorError)>,
}

/// For so long a refusal is believed, by whoever else wants a token (milliseconds).
const REFUSED_MS: i64 = 60_000;

impl<K> Default for Holding<K> {
    fn default() -> Holding<K> {
        Holding { kept: None, refused: None }
    }
}

impl<K> Holding<K> {
    /// An error where somebody was refused a moment ago.
    pub fn may_try(&self, now_ms: i64) -> Result<(), ConnectorError> {
        match &self.refused {
            Some((at_ms, error)) if now_ms < at_ms.saturating_add(REFUSED_MS) => Err(error.clone()),
            _ => Ok(()),
        }
    }

    /// What came of trying.
    pub fn tried(
        &mut self,
        now_ms: i64,
        fetched: Result<K, ConnectorError>,
    ) -> Result<&K, ConnectorError> {
        match fetched {
            Ok(kept) => {
                self.refused = None;
                Ok(self.kept.insert(kept))
            }
            Err(error) => {
                let is_refusal = matches!(error, ConnectorError::Unauthorised { .. });
                self.refused = is_refusal.then(|| (now_ms, error.clone()));
                Err(error)
            }
        }
    }
}

struct Kept {
    header: String,
    /// When the next is fetched, well before this one ends (UTC milliseconds).
    until_ms: i64,
}

/// A token whose end nobody says is believed so long.
const TOKEN_S: i64 = 300;

impl Login {
    /// With the secrets fetched. Tokens are fetched with that client.
    pub fn open(
        auth: Option<&Auth>,
        around: &Surroundings,
        http: &HttpClient,
    ) -> Result<Login, ConnectorError> {
        let authorization = |value: String| Login::Always("authorization".to_owned(), value);
        let basic = |user: &str, password: &str| {
            format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
        };
        Ok(match auth {
            None => Login::Nobody,
            Some(Auth::Bearer(token)) => {
                authorization(format!("Bearer {}", around.secret(&token.value)?.expose()))
            }
            Some(Auth::Basic { user, password }) => {
                authorization(basic(user, around.secret(&password.value)?.expose()))
            }
            Some(Auth::Header { name, secret }) => {
                let value = around.secret(&secret.value)?;
                Login::Always(name.clone(), value.expose().to_owned())
            }
            Some(Auth::Token { url, client, secret, scope }) => {
                let mut body = form_urlencoded::Serializer::new(String::new());
                body.append_pair("grant_type", "client_credentials");
                if let Some(scope) = scope {
                    body.append_pair("scope", scope);
                }
                let encoded = |text: &str| {
                    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>()
                };
                let secret = around.secret(&secret.value)?;
                Login::Token(Box::new(Tokens {
                    http: http.clone(),
                    url: around.expand(&url.value)?,
                    login: basic(&encoded(client), &encoded(secret.expose())),
                    body: body.finish(),
                    now: around.now.clone(),
                    kept: Mutex::default(),
                }))
            }
        })
    }

    /// Makes a request as whom we are. Where a token is not taken any more, once more with another: who is
    /// not let in has done nothing. An error says that nothing was sent, for want of a token.
    pub async fn call(
        &self,
        http: &HttpClient,
        request: Request<'_>,
    ) -> Result<Result<Answer, HttpFault>, ConnectorError> {
        let with = async |name: &str, value: &str| {
            let headers = [request.headers, &[(name, value)]].concat();
            http.call(Request { headers: &headers, ..request }).await
        };
        match self {
            Login::Nobody => Ok(http.call(request).await),
            Login::Always(name, value) => Ok(with(name, value).await),
            Login::Token(tokens) => {
                let shown = tokens.header(None).await?;
                let answered = with("authorization", &shown).await;
                if !answered.as_ref().is_ok_and(|answer| answer.status == 401) {
                    return Ok(answered);
                }
                let other = tokens.header(Some(&shown)).await?;
                Ok(with("authorization", &other).await)
            }
        }
    }
}

impl Tokens {
    /// The one that is kept, unless it is about to end or was `refused`; else another. Whoever comes while
    /// one is fetched waits for that one.
    async fn header(&self, refused: Option<&str>) -> Result<String, ConnectorError> {
        let mut holding = self.kept.lock().await;
        let now_ms = (self.now)();
        if let Some(kept) = &holding.kept
            && now_ms < kept.until_ms
            && refused != Some(kept.header.as_str())
        {
            return Ok(kept.header.clone());
        }
        holding.may_try(now_ms)?;
        let fetched = self.fetched(now_ms).await;
        holding.tried(now_ms, fetched).map(|kept| kept.header.clone())
    }

    async fn fetched(&self, now_ms: i64) -> Result<Kept, ConnectorError> {
        let request = Request {
            url: &self.url,
            headers: &[("authorization", &self.login), ("accept", "application/json")],
            text: Some(Text {
                content_type: "application/x-www-form-urlencoded",
                body: &self.body,
            }),
            ..Request::default()
        };
        let answer = answering::arrived(Doing::Asking, self.http.call(request).await)?;
        match answer.status {
            200 => {}
            400 | 401 | 403 => {
                let cause = format!("where tokens are fetched, {} was answered", answer.status);
                return Err(ConnectorError::Unauthorised { code: "login.token", cause });
            }
            429 | 503 => return Err(answering::slow_down(&answer, now_ms)),
            status => {
                let cause = format!("where tokens are fetched, {status} was answered");
                return Err(answering::unavailable(cause, None));
            }
        }
        let said = answering::json(Doing::Asking, &answer)?;
        let Some(token) = said["access_token"].as_str().filter(|token| !token.is_empty()) else {
            let cause = "where tokens are fetched, the answer holds none".to_owned();
            return Err(answering::unavailable(cause, None));
        };
        let header = format!("Bearer {token}");
        // Its last quarter is left unused: a clock may be off, and a call takes its time.
        let lives_s = said["expires_in"].as_i64().unwrap_or(TOKEN_S).clamp(0, 86_400);
        Ok(Kept { header, until_ms: now_ms + lives_s * 750 })
    }
}
