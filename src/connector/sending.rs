//! Several sends under way at once, until the platform shuts its door.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;

use super::channel::{ConnectorError, Receipt};
use crate::record::delivery::{Channel, Delivery};
use crate::suppression::gate::Cleared;

/// Enough to keep under a platform's limit busy, few enough to stop soon.
pub const AT_ONCE: usize = 8;

/// So many in a row without an answer, and the rest is not tried.
const FAILURES_MAX: usize = 5;

/// As many as are usually sent at once. More are to a receiver that was fast of late: where it is no more, those beyond
/// so many are begun only so long after the batch was judged, and a stop need not wait for them.
pub const USUAL: usize = 200;
const MORE_FOR: Duration = Duration::from_secs(2);

/// Whether a receiver that keeps keys for so long still has that of the first attempt of which nobody knows whether
/// it took effect.
pub fn is_remembered(delivery: &Delivery, kept_ms: i64, now_ms: i64) -> Result<(), ConnectorError> {
    match delivery.unanswered_since_ms {
        Some(since_ms) if now_ms >= since_ms.saturating_add(kept_ms) => {
            let cause = "an earlier attempt, of which nobody knows what became of it, is older than the receiver \
                         keeps its keys";
            Err(ConnectorError::Forgotten { cause: cause.to_owned() })
        }
        _ => Ok(()),
    }
}

/// Sends each, with one outcome for each in the same order. When the platform shuts the door on one,
/// or on several after another without saying so, those not yet sent are not tried; nor are those beyond the usual
/// number whose turn does not come soon.
pub async fn each<'d, Sent>(
    deliveries: &'d [Cleared<Delivery>],
    at_once: usize,
    send: impl Fn(&'d Delivery) -> Sent + Sync,
) -> Vec<Result<Receipt, ConnectorError>>
where
    Sent: Future<Output = Result<Receipt, ConnectorError>> + Send,
{
    let door = Mutex::new(Door::default());
    let (door, send) = (&door, &send);
    let begun = Instant::now();
    let look = move || door.lock().unwrap_or_else(PoisonError::into_inner);
    // By number: a stream that maps over borrowed items cannot be sent between threads.
    let sends = stream::iter(0..deliveries.len()).map(|at| async move {
        let delivery = deliveries[at].get();
        let channel = delivery.content.channel();
        let shut = look().shut_to(channel);
        if let Some(error) = shut {
            return (at, Err(error));
        }
        if at >= USUAL && begun.elapsed() > MORE_FOR {
            let cause = "those before it took so long that it goes with the next".to_owned();
            return (at, Err(ConnectorError::Untried { cause, after_ms: None }));
        }
        let sent = send(delivery).await;
        look().learn(channel, &sent);
        (at, sent)
    });
    // One that hangs keeps its own place, and nobody else's.
    let mut sent: Vec<(usize, _)> = sends.buffer_unordered(at_once.max(1)).collect().await;
    sent.sort_unstable_by_key(|(at, _)| *at);
    sent.into_iter().map(|(_, sent)| sent).collect()
}

/// What the sends so far say of those to come.
#[derive(Default)]
struct Door {
    /// What those are told that are not tried.
    shut: Option<ConnectorError>,
    /// Channels of which the day has had its number.
    full: Vec<(Channel, ConnectorError)>,
    failures: usize,
}

impl Door {
    fn shut_to(&self, channel: Option<Channel>) -> Option<ConnectorError> {
        let full = || self.full.iter().find(|(full, _)| Some(*full) == channel);
        self.shut.clone().or_else(|| full().map(|(_, error)| error.clone()))
    }

    fn learn<T>(&mut self, channel: Option<Channel>, sent: &Result<T, ConnectorError>) {
        let shut = match sent {
            Ok(_) | Err(ConnectorError::Refused { .. }) => {
                self.failures = 0;
                return;
            }
            Err(error @ ConnectorError::Full { .. }) => {
                self.full.extend(channel.map(|channel| (channel, error.clone())));
                return;
            }
            // It says nothing of the others.
            Err(ConnectorError::Forgotten { .. }) => return,
            // The key is wrong for all of them.
            Err(error @ ConnectorError::Unauthorised { .. }) => error.clone(),
            Err(error) => {
                self.failures += 1;
                let told_ms = match error {
                    ConnectorError::Unavailable { retry_after_ms, .. } => *retry_after_ms,
                    _ => None,
                };
                let after_ms = told_ms.filter(|ms| *ms > 0);
                if after_ms.is_none() && self.failures < FAILURES_MAX {
                    return;
                }
                ConnectorError::Untried { cause: error.to_string(), after_ms }
            }
        };
        self.shut = Some(shut);
    }
}
