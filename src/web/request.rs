//! A request's number: it stands on the answer, in what a problem says, and in every line that the log has of the
//! request, so that whoever is told the number finds what happened. And how long it took.

use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// One request, from its beginning.
#[derive(Debug, Clone)]
pub struct Numbered {
    /// `9f2c…`: says nothing of when or by whom.
    pub id: String,
    begun: Instant,
}

impl Numbered {
    pub fn begin() -> Numbered {
        let begun = Instant::now();
        Numbered { id: format!("{:016x}", RandomState::new().hash_one(begun)), begun }
    }

    /// The answer, with the number on it.
    pub fn on(&self, mut response: Response) -> Response {
        if let Ok(id) = HeaderValue::from_str(&self.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }

    pub fn took_ms(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
