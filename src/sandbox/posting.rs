//! How a platform tells its caller something, and how an invented payer calls: one plain request, written
//! by hand. The house has one home
//! for its HTTP client, and this is not it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const STATUS_LINE_BYTES_MAX: u64 = 64;
const PAGE_BYTES_MAX: u64 = 1 << 20;

/// Posts JSON to an address that begins with `http://`. The status that answered, or nothing when none
/// came in time.
pub async fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    timeout: Duration,
) -> Option<u16> {
    post_as(url, "application/json", headers, body, timeout).await
}

/// The same, of whatever kind the body is.
pub async fn post_as(
    url: &str,
    kind: &str,
    headers: &[(&str, &str)],
    body: &str,
    timeout: Duration,
) -> Option<u16> {
    match tokio::time::timeout(timeout, send(url, kind, headers, body)).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the caller could not be told");
            None
        }
        Err(_) => None,
    }
}

/// An answer, as far as a payer looks at it.
#[derive(Clone, Debug)]
pub struct Answered {
    pub status: u16,
    /// Where it sends us, if it does.
    pub location: Option<String>,
    pub body: String,
}

/// Gets a page, or posts a form.
pub async fn exchange(url: &str, form: Option<String>) -> io::Result<Answered> {
    let (mut stream, host, path) = connect(url).await?;
    let body = form.as_deref().unwrap_or_default();
    let request = format!(
        "{} /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        if form.is_some() { "POST" } else { "GET" },
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(PAGE_BYTES_MAX).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| invalid("no headers"))?;
    let named = |line: &str| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("location").then(|| value.trim().to_owned())
    };
    let location = head.lines().find_map(named);
    Ok(Answered { status: status_of(head)?, location, body: body.to_owned() })
}

async fn connect(url: &str) -> io::Result<(TcpStream, &str, &str)> {
    let address = url.strip_prefix("http://").ok_or_else(|| invalid("not http"))?;
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    Ok((TcpStream::connect(authority).await?, host, path))
}

fn status_of(head: &str) -> io::Result<u16> {
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| invalid("no status line"))
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, what.to_owned())
}

async fn send(url: &str, kind: &str, headers: &[(&str, &str)], body: &str) -> io::Result<u16> {
    let (mut stream, host, path) = connect(url).await?;
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {kind}\r\n{headers}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(STATUS_LINE_BYTES_MAX).read_to_end(&mut answer).await?;
    status_of(&String::from_utf8_lossy(&answer))
}
