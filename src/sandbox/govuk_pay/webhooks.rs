//! Webhooks: each event told to those who listen, signed, and told again while nobody says yes. A message
//! is what it was when it was made, however late it comes.

use std::time::Duration;

use ring::hmac;
use serde_json::{Value, json};

use super::state::{Behaviour, Shared, Webhook};
use crate::sandbox::posting;

/// How long after each failed attempt the next one is made.
const AGAIN_MS: [i64; 5] = [60_000, 300_000, 3_600_000, 86_400_000, 172_800_000];
const TIMEOUT: Duration = Duration::from_secs(3);

#[derive(Debug, Default)]
pub struct Courier {
    waiting: Vec<Parcel>,
    told: Vec<Value>,
}

#[derive(Clone, Debug)]
struct Parcel {
    to: Webhook,
    body: String,
    due_ms: i64,
    attempts: usize,
}

impl Courier {
    pub fn expect(&mut self, to: Webhook, body: String, due_ms: i64, behaviour: Behaviour) {
        let parcel = Parcel { to, body, due_ms, attempts: 0 };
        if behaviour.webhooks_twice {
            self.waiting.push(parcel.clone());
        }
        match behaviour.webhooks_out_of_order {
            true => self.waiting.insert(0, parcel),
            false => self.waiting.push(parcel),
        }
    }

    /// Every attempt so far, and the status that answered.
    pub fn told(&self) -> &[Value] {
        &self.told
    }

    fn due(&mut self, now_ms: i64) -> Vec<Parcel> {
        let (due, later) = self.waiting.drain(..).partition(|parcel| parcel.due_ms <= now_ms);
        self.waiting = later;
        due
    }

    fn settle(&mut self, parcel: Parcel, status: Option<u16>, now_ms: i64) {
        let attempts = parcel.attempts + 1;
        self.told.push(json!({
            "url": parcel.to.url,
            "attempt": attempts,
            "status": status,
            "body": serde_json::from_str::<Value>(&parcel.body).unwrap_or_default(),
        }));
        if status.is_some_and(|status| (200..300).contains(&status)) {
            return;
        }
        if let Some(wait_ms) = AGAIN_MS.get(parcel.attempts) {
            self.waiting.push(Parcel { attempts, due_ms: now_ms + wait_ms, ..parcel });
        }
    }
}

/// `HMAC-SHA256` of the body as it is sent, in small hexadecimal.
pub fn signature(secret: &str, body: &[u8]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    hmac::sign(&key, body).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Tells everything that is due by the sandbox's clock. One does it at a time: whoever waits for it finds that
/// what was due is told.
pub async fn deliver(shared: &Shared) {
    let _alone = shared.telling.lock().await;
    let now_ms = shared.now_ms();
    let due = shared.memory().courier.due(now_ms);
    for parcel in due {
        let signed = signature(&parcel.to.secret, parcel.body.as_bytes());
        let headers = [("Pay-Signature", signed.as_str())];
        let status = posting::post(&parcel.to.url, &headers, &parcel.body, TIMEOUT).await;
        shared.memory().courier.settle(parcel, status, now_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_signed_byte_for_byte() {
        // RFC 4231, test case 2.
        let signed = signature("Jefe", b"what do ya want for nothing?");
        assert_eq!(signed, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
