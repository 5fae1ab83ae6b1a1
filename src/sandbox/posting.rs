//! How a platform tells its caller something: one plain request, written by hand. The house has one home
//! for its HTTP client, and this is not it.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const STATUS_LINE_BYTES_MAX: u64 = 64;

/// Posts JSON to an address that begins with `http://`. The status that answered, or nothing when none
/// came in time.
pub async fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: &str,
    timeout: Duration,
) -> Option<u16> {
    match tokio::time::timeout(timeout, send(url, headers, body)).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(error)) => {
            tracing::debug!(%error, "the caller could not be told");
            None
        }
        Err(_) => None,
    }
}

async fn send(url: &str, headers: &[(&str, &str)], body: &str) -> io::Result<u16> {
    let invalid = |what: &str| io::Error::new(io::ErrorKind::InvalidInput, what.to_owned());
    let address = url.strip_prefix("http://").ok_or_else(|| invalid("not http"))?;
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(authority).await?;
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n{headers}\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(STATUS_LINE_BYTES_MAX).read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| invalid("no status line"))
}
