//! One call after another to a system that speaks SOAP, as whom we are: the envelope, its header, and a
//! token that is fetched by a call of its own and used until it ends or is refused.

use std::time::Duration;

use tokio::sync::Mutex;

use super::answer::{Outcome, Troubles};
use super::envelope::Version;
use super::fragment::Fragment;
use super::security::UsernameToken;
use crate::connector::address::Place;
use crate::connector::answering::{self, Doing};
use crate::connector::calling::{self, Auth, Holding, Login, Tls};
use crate::connector::channel::ConnectorError;
use crate::connector::definition::{Now, Surroundings};
use crate::connector::http::{HttpClient, HttpLimits, Request, Text};
use crate::connector::pace::Pace;
use crate::definition::reader::Spanned;

/// Where a system is, how patient we are, and who we are by HTTP.
#[derive(Debug, Clone)]
pub struct Line {
    pub url: Spanned<String>,
    pub allow: Vec<Spanned<String>>,
    pub auth: Option<Auth>,
    pub tls: Tls,
    pub timeout_ms: u64,
    pub answer_bytes_max: usize,
    pub requests_per_second: u32,
}

/// How we say who we are, in the header of an envelope.
pub enum Identity {
    Nobody,
    /// Blocks that go with every call, and a name and password if there are.
    Always {
        blocks: String,
        user: Option<UsernameToken>,
    },
    /// A token that is fetched; `user` goes with that call alone.
    Fetched(Box<Tokens>),
}

/// Tokens that a call of its own gives, in its reply's header.
pub struct Tokens {
    pub url: String,
    pub action: String,
    pub body: String,
    pub user: Option<UsernameToken>,
    /// The way to it from the reply's header.
    pub at: String,
    /// The block that carries it: `{token}`.
    pub shown: Fragment,
    pub lasts_ms: i64,
    pub kept: Mutex<Holding<Kept>>,
}

/// A token, and until when it is used (UTC milliseconds).
pub struct Kept {
    token: String,
    until_ms: i64,
}

/// One call.
#[derive(Clone, Copy)]
pub struct Call<'c> {
    pub doing: Doing,
    pub action: &'c str,
    /// What stands in the envelope's body, as XML.
    pub body: &'c str,
    /// The element that its reply has there; any, where nothing is said.
    pub reply: Option<&'c str>,
    /// Its reply is cut into records: bytes that its encoding does not have hold the row that has them.
    pub torn: bool,
}

/// A system, open.
pub struct Caller {
    http: HttpClient,
    url: String,
    version: Version,
    login: Login,
    identity: Identity,
    troubles: Troubles,
    pace: Pace,
    clock: Now,
}

impl Caller {
    /// Opens it. Addresses are judged here, and again at each connection.
    pub fn open(
        line: &Line,
        version: Version,
        identity: Identity,
        troubles: Troubles,
        around: &Surroundings,
    ) -> Result<Caller, ConnectorError> {
        let url = around.expand(&line.url.value)?;
        let place = |url: &str| Place::of(url).map_err(|fault| answering::forbidden(&fault));
        let mut places = vec![place(&url)?];
        if let Identity::Fetched(tokens) = &identity {
            places.push(place(&tokens.url)?);
        }
        places.extend(calling::token_place(line.auth.as_ref(), around)?);
        let limits = HttpLimits {
            timeout: Duration::from_millis(line.timeout_ms),
            body_bytes_max: line.answer_bytes_max,
            ..HttpLimits::default()
        };
        let http = calling::client(limits, places, &line.allow, &line.tls, around)?;
        let login = Login::open(line.auth.as_ref(), around, &http)?;
        let per_second = f64::from(line.requests_per_second);
        let (pace, clock) = (Pace::new(per_second, per_second), around.now.clone());
        Ok(Caller { http, url, version, login, identity, troubles, pace, clock })
    }

    /// Makes a call. Where a token is not taken any more, once more with another: who is not let in has
    /// done nothing. A question that a fault answers is put once more too where its token was not fresh:
    /// few systems say in their fault that it was the token.
    pub async fn call(&self, call: Call<'_>) -> Result<Outcome, ConnectorError> {
        let tokens = match &self.identity {
            Identity::Nobody => return self.once(&self.url, call, "").await,
            Identity::Always { blocks, user } => {
                let user = user.as_ref().map(|user| user.header((self.clock)())).transpose()?;
                let header = format!("{blocks}{}", user.unwrap_or_default());
                return self.once(&self.url, call, &header).await;
            }
            Identity::Fetched(tokens) => tokens,
        };
        let (token, is_fresh) = self.token(tokens, None).await?;
        let found = self.with(tokens, call, &token).await;
        let again = match &found {
            Err(ConnectorError::Unauthorised { .. }) => true,
            Err(ConnectorError::Refused { code, .. }) => {
                call.doing == Doing::Asking && code == "soap.fault"
            }
            _ => false,
        };
        if is_fresh || !again {
            return found;
        }
        let (other, _) = self.token(tokens, Some(&token)).await?;
        self.with(tokens, call, &other).await
    }

    async fn with(
        &self,
        tokens: &Tokens,
        call: Call<'_>,
        token: &str,
    ) -> Result<Outcome, ConnectorError> {
        let header = tokens.shown.filled(call.doing, &[("token", token)])?;
        self.once(&self.url, call, &header).await
    }

    /// The token that is kept, unless it is about to end or was `refused`; else another, which is fresh.
    /// Whoever comes while one is fetched waits for that one.
    async fn token(
        &self,
        tokens: &Tokens,
        refused: Option<&str>,
    ) -> Result<(String, bool), ConnectorError> {
        let mut holding = tokens.kept.lock().await;
        let now_ms = (self.clock)();
        if let Some(kept) = &holding.kept
            && now_ms < kept.until_ms
            && refused != Some(kept.token.as_str())
        {
            return Ok((kept.token.clone(), false));
        }
        holding.may_try(now_ms)?;
        let fetched = self.fetched(tokens, now_ms).await;
        holding.tried(now_ms, fetched).map(|kept| (kept.token.clone(), true))
    }

    async fn fetched(&self, tokens: &Tokens, now_ms: i64) -> Result<Kept, ConnectorError> {
        let header = match &tokens.user {
            Some(user) => user.header(now_ms)?,
            None => String::new(),
        };
        let call = Call {
            doing: Doing::Asking,
            action: &tokens.action,
            body: &tokens.body,
            reply: None,
            torn: false,
        };
        let reply = match self.once(&tokens.url, call, &header).await {
            Ok(outcome) => outcome.reply(),
            Err(error) => Err(error),
        };
        let reply = reply.map_err(|error| match error {
            // Whatever it says against our name, nobody is let in.
            ConnectorError::Refused { cause, .. } => shut_out(&cause),
            other => other,
        })?;
        let Some(token) = reply.header_text(&tokens.at) else {
            let cause = format!("where tokens are fetched, no `{}` is in the header", tokens.at);
            return Err(answering::unavailable(cause, None));
        };
        Ok(Kept { token: token.to_owned(), until_ms: now_ms + tokens.lasts_ms })
    }

    async fn once(
        &self,
        url: &str,
        call: Call<'_>,
        header: &str,
    ) -> Result<Outcome, ConnectorError> {
        let body = self.version.wrap(header, call.body);
        let content_type = self.version.content_type(call.action);
        let action = format!("\"{}\"", call.action);
        let headers = [("soapaction", action.as_str())];
        let headers = match self.version {
            Version::V11 => headers.as_slice(),
            Version::V12 => &[],
        };
        self.pace.take().await;
        let text = Text { content_type: &content_type, body: &body };
        let request = Request { url, headers, text: Some(text), ..Request::default() };
        let answered = self.login.call(&self.http, request).await?;
        self.troubles.judge(&call, answered, (self.clock)())
    }

    /// UTC milliseconds.
    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }
}

fn shut_out(cause: &str) -> ConnectorError {
    let cause = format!("where tokens are fetched: {cause}");
    ConnectorError::Unauthorised { code: "login.token", cause }
}
