//! What could not be done, as RFC 9457 has it: a kind that programs know, and for people the place and the
//! remedy. Nothing of what was asked is repeated but the names of fields.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// What programs tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The body cannot be read at all.
    Unreadable,
    /// No key, or none that opens the door.
    NoKey,
    /// The key does not allow it.
    NotAllowed,
    /// It did not come from a program of the council's: another page's, or for another host.
    NotOurs,
    NotThere,
    NotSo,
    /// The body did not come in time.
    Late,
    /// It stands otherwise than it would have to.
    Stands,
    TooLarge,
    NotJson,
    /// The body is of another kind than is read here.
    NotSuch,
    /// A word of it is not understood.
    Words,
    TooOften,
    Broken,
    /// Not now.
    Unavailable,
}

impl Kind {
    fn says(self) -> (u16, &'static str, &'static str) {
        match self {
            Kind::Unreadable => (400, "unreadable", "The body cannot be read"),
            Kind::NoKey => (401, "no-key", "A key is needed"),
            Kind::NotAllowed => (403, "not-allowed", "The key does not allow this"),
            Kind::NotOurs => (403, "not-ours", "Not from here"),
            Kind::NotThere => (404, "not-there", "There is no such thing"),
            Kind::NotSo => (405, "method", "Not by this method"),
            Kind::Late => (408, "late", "The body did not come in time"),
            Kind::Stands => (409, "stands", "It stands otherwise"),
            Kind::TooLarge => (413, "too-large", "The body is too large"),
            Kind::NotJson => (415, "not-json", "The body is not JSON"),
            Kind::NotSuch => (415, "not-such", "The body is of another kind"),
            Kind::Words => (422, "words", "Not asked for as it must be"),
            Kind::TooOften => (429, "too-often", "Too many calls"),
            Kind::Broken => (500, "broken", "Something of ours broke"),
            Kind::Unavailable => (503, "unavailable", "Not now"),
        }
    }

    pub fn status(self) -> u16 {
        self.says().0
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub kind: Kind,
    pub detail: String,
    /// After how many seconds it is worth asking again.
    pub again_s: Option<u32>,
    /// The methods there are, where it was not one of them.
    pub allow: Option<String>,
}

impl Problem {
    pub fn new(kind: Kind, detail: impl Into<String>) -> Problem {
        Problem { kind, detail: detail.into(), again_s: None, allow: None }
    }

    pub fn again(self, seconds: u32) -> Problem {
        Problem { again_s: Some(seconds), ..self }
    }

    /// As it is answered; `request` is what a person quotes to find it in the log.
    pub fn response(&self, request: &str) -> Response {
        let (status, word, title) = self.kind.says();
        let body = json!({
            "type": format!("urn:viaduct:problem:{word}"),
            "title": title,
            "status": status,
            "detail": self.detail,
            "request": request,
        });
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let json = HeaderValue::from_static("application/problem+json");
        let mut response =
            (status, [(header::CONTENT_TYPE, json)], body.to_string()).into_response();
        let headers = response.headers_mut();
        if let Some(seconds) = self.again_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.kind == Kind::NoKey {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(allow) = self.allow.as_deref().and_then(|methods| methods.parse().ok()) {
            headers.insert(header::ALLOW, allow);
        }
        response
    }
}
