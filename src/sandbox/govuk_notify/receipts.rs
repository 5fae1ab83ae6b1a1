//! Delivery receipts: told to the service's own address when a message's fate is known, and told
//! again every five minutes if that address is broken, five times at most. An address that answers
//! "no" (a 4xx other than 429) is not asked twice: that receipt is lost, as it is on the platform.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::sandbox::govuk_notify::service::Callback;
use crate::sandbox::govuk_notify::state::Shared;

const RETRY_AFTER_US: i64 = 300 * 1_000_000;
const RETRIES_MAX: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(5);
const STATUS_LINE_BYTES_MAX: u64 = 64;

/// Receipts on their way, in the order they fall due.
#[derive(Debug, Default)]
pub struct Courier {
    waiting: BTreeMap<(i64, String), Parcel>,
    told: Vec<Value>,
}

#[derive(Clone, Debug)]
struct Parcel {
    service_id: String,
    attempts: u32,
}

impl Courier {
    pub fn expect(&mut self, service_id: &str, message_id: &str, due_us: i64) {
        let parcel = Parcel { service_id: service_id.to_owned(), attempts: 0 };
        self.waiting.insert((due_us, message_id.to_owned()), parcel);
    }

    /// Every attempt so far: message, attempt, and the status that answered (nothing when none
    /// did).
    pub fn told(&self) -> &[Value] {
        &self.told
    }

    fn due(&mut self, now_us: i64) -> Vec<(String, Parcel)> {
        let mut due = Vec::new();
        while let Some(entry) = self.waiting.first_entry() {
            if entry.key().0 > now_us {
                break;
            }
            let ((_, message_id), parcel) = entry.remove_entry();
            due.push((message_id, parcel));
        }
        due
    }

    fn settle(&mut self, message_id: String, parcel: Parcel, status: Option<u16>, now_us: i64) {
        let attempts = parcel.attempts + 1;
        self.told.push(json!({"id": message_id, "attempt": attempts, "status": status}));
        let again = status.is_none_or(|status| status >= 500 || status == 429);
        if again && parcel.attempts < RETRIES_MAX {
            let parcel = Parcel { attempts, ..parcel };
            self.waiting.insert((now_us + RETRY_AFTER_US, message_id), parcel);
        }
    }
}

/// Tells every receipt that is due by the sandbox's clock.
pub async fn deliver(shared: &Shared) {
    let now_us = shared.now_us();
    let due = shared.memory().courier.due(now_us);
    for (message_id, parcel) in due {
        let Some(service) = shared.services.iter().find(|found| found.id == parcel.service_id)
        else {
            continue;
        };
        let receipt = shared
            .memory()
            .find(service, &message_id, now_us)
            .map(|message| message.receipt(now_us, shared.timings));
        if let (Some(receipt), Some(callback)) = (receipt, &service.receipts) {
            let status = tell(callback, &receipt).await;
            shared.memory().courier.settle(message_id, parcel, status, now_us);
        }
    }
}

/// The status that answered, or nothing when none came in time.
async fn tell(callback: &Callback, receipt: &Value) -> Option<u16> {
    match tokio::time::timeout(TIMEOUT, post(callback, &receipt.to_string())).await {
        Ok(Ok(status)) => Some(status),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a delivery receipt could not be told");
            None
        }
        Err(_) => None,
    }
}

/// One plain request, written by hand: the house has one home for its HTTP client, and this is not
/// it.
async fn post(callback: &Callback, body: &str) -> std::io::Result<u16> {
    let invalid =
        |what: &str| std::io::Error::new(std::io::ErrorKind::InvalidInput, what.to_owned());
    let address = callback.url.strip_prefix("http://").ok_or_else(|| invalid("not http"))?;
    let (host, path) = address.split_once('/').unwrap_or((address, ""));
    let authority = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
    let mut stream = TcpStream::connect(authority).await?;
    let request = format!(
        "POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n\
         Authorization: Bearer {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        callback.bearer_token,
        body.len()
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(STATUS_LINE_BYTES_MAX).read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
    status.ok_or_else(|| invalid("no status line"))
}
