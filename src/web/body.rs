//! A body as it comes in: bounded in length and time, whichever door it comes by.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, header};

use super::api::problem::{Kind, Problem};

/// For how long a body is waited for.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// What kind of content a body says that it is, without its parameters.
pub fn kind(headers: &HeaderMap) -> &str {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

/// How long it says that it is, in bytes.
pub fn said(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH).and_then(|said| said.to_str().ok()?.parse().ok())
}

/// The whole of it; one that has more than so many bytes is too large, in those words.
pub async fn whole(
    headers: &HeaderMap,
    body: Body,
    most: usize,
    words: &str,
) -> Result<Vec<u8>, Problem> {
    let large = || Problem::new(Kind::TooLarge, words);
    if said(headers).is_some_and(|said| said > most) {
        return Err(large());
    }
    let late = || Problem::new(Kind::Late, "the body did not come within 30 seconds");
    match tokio::time::timeout(PATIENCE, to_bytes(body, most)).await.map_err(|_| late())? {
        Ok(bytes) => Ok(bytes.to_vec()),
        // It was longer than it said, or broke off: then nobody reads this.
        Err(_) => Err(large()),
    }
}
