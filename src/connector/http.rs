//! The one place where an HTTP client is made: TLS, time-outs, a limit on what is read, no
//! redirects and no retries.
//!
//! It tells apart what a caller must know: the other side was never reached, or it was and did not
//! answer. What an answer means is the adapter's business.
//!
//! A client that may only call certain places looks every name up by itself, has each number judged,
//! and connects to those numbers and no others.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Certificate, Identity, Url};
use serde_json::Value;

use super::address::{AddressFault, Lookup, Place, Reach};
use crate::definition::secret::Secret;
use crate::record::moment::Moment;
use crate::record::personal::unprinted;

/// A client for one system.
#[derive(Clone)]
pub struct HttpClient {
    client: reqwest::Client,
    body_bytes_max: usize,
    /// The address that was called last: most systems are called at one, many times.
    last: Arc<Mutex<Option<(String, Url)>>>,
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

/// Whom a client believes, and who it says it is, where that is not as everywhere: certificates as PEM.
#[derive(Clone, Default)]
pub struct Certificates {
    /// Whoever these signed, and nobody else.
    pub authority: Option<Secret>,
    /// Ours, with its key.
    pub own: Option<Secret>,
}

/// One request. Its address may be logged without the query; its query and its body never.
#[derive(Clone, Copy, Default)]
pub struct Request<'a> {
    pub url: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    /// Beside those that every request has.
    pub headers: &'a [(&'a str, &'a str)],
    pub bearer: Option<&'a str>,
    /// A body makes it a POST.
    pub json: Option<&'a Value>,
    /// A body that is written already, in place of `json`.
    pub text: Option<Text<'a>>,
    /// A PUT in place of a POST.
    pub put: bool,
}

/// A body, byte for byte as it goes.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    pub content_type: &'a str,
    pub body: &'a str,
}

/// A whole answer.
#[derive(Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
    /// When we may come back, as it was written: seconds, or a date.
    pub retry_after: Option<String>,
    /// Where more of it is, as it was written (RFC 8288).
    pub link: Option<String>,
    /// The host that we are sent on to. The rest of such an address may say anything.
    pub sent_on_to: Option<String>,
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
    /// Nothing was sent: it is not to be called.
    #[error(transparent)]
    Forbidden(AddressFault),
    /// Nothing can be sent: what stands there is no certificate.
    #[error("{0} cannot be read as PEM")]
    Certificate(&'static str),
}

impl HttpClient {
    pub fn open(limits: HttpLimits) -> Result<Self, HttpFault> {
        Self::build(limits, Ok)
    }

    /// A client for these places alone. It goes by no proxy, which would look names up in our stead.
    pub fn open_to(
        limits: HttpLimits,
        places: Vec<Place>,
        reach: Reach,
        lookup: Lookup,
        certificates: &Certificates,
    ) -> Result<Self, HttpFault> {
        for place in &places {
            reach.judge(place).map_err(HttpFault::Forbidden)?;
        }
        // Where nothing is encrypted nobody is believed, and the hundreds of certificates of this machine are not read.
        let is_plain = !places.is_empty() && places.iter().all(Place::is_plain);
        let resolver = Arc::new(Judging { places, reach, lookup });
        Self::build(limits, |building| {
            let mut building = building.no_proxy().dns_resolver(resolver);
            if is_plain {
                building = building.tls_certs_only([]);
            }
            if let Some(pem) = &certificates.authority {
                let fault = |_| HttpFault::Certificate("the authority's certificate");
                let signed =
                    Certificate::from_pem_bundle(pem.expose().as_bytes()).map_err(fault)?;
                if signed.is_empty() {
                    return Err(HttpFault::Certificate("the authority's certificate"));
                }
                building = building.tls_certs_only(signed);
            }
            if let Some(pem) = &certificates.own {
                let fault = |_| HttpFault::Certificate("our own certificate, or its key,");
                let own = Identity::from_pem(pem.expose().as_bytes()).map_err(fault)?;
                building = building.identity(own);
            }
            Ok(building)
        })
    }

    fn build(
        limits: HttpLimits,
        with: impl FnOnce(reqwest::ClientBuilder) -> Result<reqwest::ClientBuilder, HttpFault>,
    ) -> Result<Self, HttpFault> {
        install_tls();
        #[expect(clippy::disallowed_methods, reason = "this is the one place that makes clients")]
        let building = reqwest::Client::builder()
            .connect_timeout(limits.connect_timeout)
            .timeout(limits.timeout)
            .redirect(reqwest::redirect::Policy::none())
            // A second attempt is a decision, and not this file's.
            .retry(reqwest::retry::never())
            .user_agent(concat!("viaduct/", env!("CARGO_PKG_VERSION")));
        let client =
            with(building)?.build().map_err(|error| HttpFault::NotReached(describe(&error)))?;
        Ok(Self { client, body_bytes_max: limits.body_bytes_max, last: Arc::default() })
    }

    /// Makes the request once.
    pub async fn call(&self, request: Request<'_>) -> Result<Answer, HttpFault> {
        let url = self.address(request.url)?;
        let with_body = |url| match request.put {
            true => self.client.put(url),
            false => self.client.post(url),
        };
        let mut building = match (request.json, request.text) {
            (Some(body), _) => with_body(url).json(body),
            (None, Some(Text { content_type, body })) => {
                with_body(url).header("content-type", content_type).body(body.to_owned())
            }
            (None, None) => self.client.get(url),
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
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.map(str::to_owned)
        };
        let retry_after = header("retry-after");
        let link = header("link");
        let sent_on_to = header("location").and_then(|to| {
            let target = response.url().join(&to).ok()?;
            target.host_str().map(str::to_owned)
        });
        Ok(Answer { status, body: self.read(response).await?, retry_after, link, sent_on_to })
    }

    fn address(&self, text: &str) -> Result<Url, HttpFault> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((same, url)) = &*last
            && same == text
        {
            return Ok(url.clone());
        }
        let url = Url::parse(text).map_err(|error| HttpFault::NotReached(error.to_string()))?;
        Ok(last.insert((text.to_owned(), url)).1.clone())
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

/// Looks a name up, and gives only numbers that were all judged to be good.
struct Judging {
    places: Vec<Place>,
    reach: Reach,
    lookup: Lookup,
}

impl Resolve for Judging {
    fn resolve(&self, name: Name) -> Resolving {
        let places = self.places.iter().filter(|place| place.name() == Some(name.as_str()));
        let places: Vec<Place> = places.cloned().collect();
        let (reach, found) = (self.reach.clone(), (self.lookup)(name.as_str().to_owned()));
        Box::pin(async move {
            // What a resolver says of itself helps nobody: "uncategorized error".
            let numbers = found.await.map_err(|_| NameNotFound)?;
            for place in &places {
                for number in &numbers {
                    reach.judge_number(place, *number)?;
                }
            }
            // No place has that name: it is none that we were told to call.
            let numbers = if places.is_empty() { Vec::new() } else { numbers };
            let numbers = numbers.into_iter().map(|number| SocketAddr::new(number, 0));
            Ok(Box::new(numbers) as Addrs)
        })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("its name is not found")]
struct NameNotFound;

fn fault(error: &reqwest::Error) -> HttpFault {
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(one) = cause {
        if let Some(fault) = one.downcast_ref::<AddressFault>() {
            return HttpFault::Forbidden(fault.clone());
        }
        cause = one.source();
    }
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
    let mut cause: &(dyn Error + 'static) = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    if let Some(said) = certificate(cause) {
        return said;
    }
    if error.source().is_none() {
        "the request could not be made".to_owned()
    } else {
        cause.to_string()
    }
}

/// What is said of a certificate that ran out, with the day: whoever reads it renews one.
fn certificate(cause: &(dyn Error + 'static)) -> Option<String> {
    use rustls::{AlertDescription, CertificateError, Error};
    // An error of input and output hides what it holds, and may hold another of its kind.
    let mut cause = cause;
    while let Some(inside) = cause.downcast_ref::<std::io::Error>().and_then(|held| held.get_ref())
    {
        cause = inside;
    }
    match cause.downcast_ref::<Error>()? {
        Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. }) => {
            let at_ms = i64::try_from(not_after.as_secs()).ok()?.checked_mul(1_000)?;
            Some(format!("its certificate ran out on {}", Moment(at_ms)))
        }
        Error::AlertReceived(AlertDescription::CertificateExpired) => {
            Some("it says that our own certificate ran out".to_owned())
        }
        _ => None,
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

unprinted!(HttpClient, Request<'_>, Answer, Certificates);
