//! The one place where an HTTP client is made: TLS, time-outs, a limit on what is read, no
//! redirects and no retries.
//!
//! It tells apart what a caller must know: the other side was never reached, or it was and did not
//! answer. What an answer means is the adapter's business.

use std::error::Error;
use std::sync::Once;
use std::time::Duration;

use crate::record::personal::unprinted;
use serde_json::Value;

/// A client for one system.
#[derive(Clone, Debug)]
pub struct HttpClient {
    client: reqwest::Client,
    body_bytes_max: usize,
}

/// How patient a client is, and how much it reads.
#[derive(Clone, Copy, Debug)]
pub struct HttpLimits {
    pub connect_timeout: Duration,
    /// From the first byte sent to the last byte read.
    pub timeout: Duration,
    pub body_bytes_max: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            timeout: Duration::from_secs(30),
            body_bytes_max: 4 * 1024 * 1024,
        }
    }
}

/// One request. Its address may be logged; its body never.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    pub url: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    /// Beside those that every request has.
    pub headers: &'a [(&'a str, &'a str)],
    pub bearer: Option<&'a str>,
    /// A body makes it a POST.
    pub json: Option<&'a Value>,
}

/// A whole answer.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

/// Why there is no answer. The text names no address and holds nothing of the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HttpFault {
    /// Nothing was sent.
    #[error("the system could not be reached: {0}")]
    NotReached(String),
    /// It was sent, or may have been, and no whole answer came.
    #[error("no whole answer came: {0}")]
    NoAnswer(String),
}

impl HttpClient {
    pub fn open(limits: HttpLimits) -> Result<Self, HttpFault> {
        install_tls();
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes clients")]
        let client = reqwest::Client::builder()
            .connect_timeout(limits.connect_timeout)
            .timeout(limits.timeout)
            .redirect(reqwest::redirect::Policy::none())
            // A second attempt is a decision, and not this file's.
            .retry(reqwest::retry::never())
            .user_agent(concat!("viaduct/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| HttpFault::NotReached(describe(&error)))?;
        Ok(Self { client, body_bytes_max: limits.body_bytes_max })
    }

    /// Makes the request once.
    pub async fn call(&self, request: Request<'_>) -> Result<Answer, HttpFault> {
        let mut building = match request.json {
            Some(body) => self.client.post(request.url).json(body),
            None => self.client.get(request.url),
        };
        if let Some(token) = request.bearer {
            building = building.bearer_auth(token);
        }
        for (name, value) in request.headers {
            building = building.header(*name, *value);
        }
        if !request.query.is_empty() {
            building = building.query(request.query);
        }
        let response = building.send().await.map_err(|error| fault(&error))?;
        let status = response.status().as_u16();
        Ok(Answer { status, body: self.read(response).await? })
    }

    /// The body, unless it is longer than the limit: what a system may send must not fill our
    /// memory.
    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, HttpFault> {
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| fault(&error))? {
            if body.len() + chunk.len() > self.body_bytes_max {
                let most = self.body_bytes_max;
                return Err(HttpFault::NoAnswer(format!("the answer is longer than {most} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }
}

fn fault(error: &reqwest::Error) -> HttpFault {
    if error.is_connect() || error.is_builder() {
        HttpFault::NotReached(describe(error))
    } else {
        HttpFault::NoAnswer(describe(error))
    }
}

/// The innermost cause in words. The outer ones repeat the address.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "it took too long".to_owned();
    }
    let mut cause: &dyn Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if error.source().is_none() {
        "the request could not be made".to_owned()
    } else {
        cause.to_string()
    }
}

/// One TLS library for the whole program; whoever comes first installs it.
fn install_tls() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        if rustls::crypto::ring::default_provider().install_default().is_err() {
            tracing::debug!("a TLS library was installed before ours, and is used");
        }
    });
}

unprinted!(Request<'_>, Answer);
