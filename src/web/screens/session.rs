//! Sessions: the cookie and what it leads to, and for how long. What stands in a cookie is 256 random bits; kept
//! is their digest.

use axum::http::{HeaderMap, HeaderValue, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use subtle::ConstantTimeEq;

use crate::access::actor::Actor;
use crate::access::right::Roles;
use crate::record::moment::Moment;
use crate::store::sessions::{Alive, SessionRow};
use crate::web::api::call::{Caller, Within};

/// A session ends when its person did nothing for so long.
pub const IDLE_MS: i64 = 30 * 60_000;
/// A break-glass account is open for so long, and no longer.
pub const GLASS_MS: i64 = 60 * 60_000;
/// And in any case.
pub const WHOLE_MS: i64 = 12 * 3_600_000;
/// That somebody is there is written so often at most.
pub const SEEN_EACH_MS: i64 = 60_000;
/// What is shown unmasked is masked again after so long.
pub const SHOWN_MS: i64 = 15 * 60_000;

const TOKEN_BYTES: usize = 32;
/// Behind https; on this machine's own loopback, where a browser may have no https, the plain name.
const COOKIE_SECURE: &str = "__Host-viaduct";
const COOKIE_PLAIN: &str = "viaduct";
/// The same for a browser that is sent to the provider: who comes back is who went.
const WAY_SECURE: &str = "__Host-viaduct-way";
const WAY_PLAIN: &str = "viaduct-way";
/// It comes back within so long.
pub const WAY_MS: i64 = 10 * 60_000;

/// Which sessions are alive at a moment.
#[derive(Debug, Clone, Copy)]
pub struct Window {
    now_ms: i64,
}

impl Window {
    pub fn at(now_ms: i64) -> Window {
        Window { now_ms }
    }

    /// Begun after that, seen after that, and not at their end now.
    pub fn after(self) -> Alive {
        (self.now_ms - WHOLE_MS, self.now_ms - IDLE_MS, self.now_ms)
    }
}

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Who {
    pub session: SessionRow,
    pub roles: Roles,
    pub sources: Option<Vec<String>>,
}

impl Who {
    pub fn of(session: SessionRow) -> Who {
        let roles = Roles::from_words(&session.roles);
        let sources: Vec<String> =
            session.sources.split(',').filter(|one| !one.is_empty()).map(str::to_owned).collect();
        let sources = if sources.is_empty() { None } else { Some(sources) };
        Who { session, roles, sources }
    }

    pub fn name(&self) -> &str {
        &self.session.name
    }

    pub fn actor(&self) -> Actor {
        if self.is_glass() {
            return Actor::break_glass(&self.session.name);
        }
        Actor::staff(&self.session.name)
    }

    /// What they are, in words.
    pub fn titles(&self, now_ms: i64) -> String {
        match self.session.until_ms {
            Some(until_ms) => format!("break-glass, until {}", Moment(until_ms).time_said(now_ms)),
            None => self.roles.titles(),
        }
    }

    /// Whether they are here by a break-glass account.
    pub fn is_glass(&self) -> bool {
        self.session.alert_id.is_some()
    }

    /// As the hub is asked in their name.
    pub fn caller(&self) -> Caller {
        let within = Within { bulk_max: self.roles.bulk_max(), sources: self.sources.clone() };
        Caller { actor: self.actor(), scopes: self.roles.scopes(), key: None, within }
    }

    /// Whether a form is one of this session's. How long it takes tells nothing.
    pub fn sent(&self, token: &str) -> bool {
        is_same(&self.session.token, token)
    }
}

/// Whether two texts are the same. How long it takes tells nothing.
pub fn is_same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

/// Bytes that nobody guesses.
pub fn fresh_bytes<const MANY: usize>() -> Result<[u8; MANY], String> {
    let mut bytes = [0; MANY];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map_err(|_| "the machine has no randomness to give".to_owned())?;
    Ok(bytes)
}

/// Text that nobody guesses.
pub fn fresh_token() -> Result<String, String> {
    Ok(URL_SAFE_NO_PAD.encode(fresh_bytes::<TOKEN_BYTES>()?))
}

/// What is kept of one.
pub fn digest_of(token: &str) -> String {
    digest(&SHA256, token.as_bytes()).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the browser shows, if it shows anything.
pub fn shown(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    cookie_of(headers, name(is_secure))
}

/// What a browser shows that comes back from the provider.
pub fn way(headers: &HeaderMap, is_secure: bool) -> Option<String> {
    cookie_of(headers, way_name(is_secure))
}

fn cookie_of(headers: &HeaderMap, wanted: &str) -> Option<String> {
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs =
        cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let found = pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value.to_owned());
    found.filter(|value| value.len() < 100)
}

/// The header that gives a browser a session, or takes it away.
pub fn cookie(token: Option<&str>, is_secure: bool) -> HeaderValue {
    // Without an age: it ends with the browser, and here long before.
    written(name(is_secure), token, is_secure)
}

/// The header that a browser takes along to the provider, or that takes it away.
pub fn way_cookie(token: Option<&str>, is_secure: bool) -> HeaderValue {
    written(way_name(is_secure), token, is_secure)
}

fn written(name: &str, token: Option<&str>, is_secure: bool) -> HeaderValue {
    let secure = if is_secure { "; Secure" } else { "" };
    let text = match token {
        Some(token) => format!("{name}={token}; Path=/; HttpOnly; SameSite=Lax{secure}"),
        None => format!("{name}=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0{secure}"),
    };
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn name(is_secure: bool) -> &'static str {
    if is_secure { COOKIE_SECURE } else { COOKIE_PLAIN }
}

fn way_name(is_secure: bool) -> &'static str {
    if is_secure { WAY_SECURE } else { WAY_PLAIN }
}
