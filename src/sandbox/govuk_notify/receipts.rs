//! Delivery receipts: told to the service's own address when a message's fate is known, and told
//! again every five minutes if that address is broken, five times at most. An address that answers
//! "no" (a 4xx other than 429) is not asked twice: that receipt is lost, as it is on the platform.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::sandbox::govuk_notify::service::Callback;
use crate::sandbox::govuk_notify::state::Shared;
use crate::sandbox::posting;

const RETRY_AFTER_US: i64 = 300 * 1_000_000;
const RETRIES_MAX: u32 = 5;
const TIMEOUT: Duration = Duration::from_secs(5);

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
    let bearer = format!("Bearer {}", callback.bearer_token);
    let headers = [("Authorization", bearer.as_str())];
    posting::post(&callback.url, &headers, &receipt.to_string(), TIMEOUT).await
}
