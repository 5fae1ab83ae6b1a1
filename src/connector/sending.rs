//! Several sends under way at once, until the platform shuts its door.

use std::sync::{Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream;

use super::channel::{ConnectorError, Receipt};
use crate::record::delivery::Delivery;
use crate::suppression::gate::Cleared;

/// Enough to keep under a platform's limit busy, few enough to stop soon.
pub const AT_ONCE: usize = 8;

/// Sends each, so many at once, with one outcome for each in the same order. When the platform shuts the door on one,
/// those not yet sent are not tried: they are told the same, which is true of them too.
pub async fn each<'d, Sent>(
    deliveries: &'d [Cleared<Delivery>],
    at_once: usize,
    send: impl Fn(&'d Delivery) -> Sent + Sync,
) -> Vec<Result<Receipt, ConnectorError>>
where
    Sent: Future<Output = Result<Receipt, ConnectorError>> + Send,
{
    let shut: Mutex<Option<ConnectorError>> = Mutex::new(None);
    let (shut, send) = (&shut, &send);
    // Collected first: a stream that maps over borrowed items cannot be sent between threads.
    let sends: Vec<_> = deliveries
        .iter()
        .map(|cleared| async move {
            let earlier = shut.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if let Some(error) = earlier {
                return Err(error);
            }
            let sent = send(cleared.get()).await;
            if let Err(error) = &sent
                && shuts_the_door(error)
            {
                *shut.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.clone());
            }
            sent
        })
        .collect();
    stream::iter(sends).buffered(at_once.max(1)).collect().await
}

/// Whether the others would fare no better: the key is wrong, we are too fast, or nobody is there.
fn shuts_the_door(error: &ConnectorError) -> bool {
    matches!(error, ConnectorError::Unauthorised { .. } | ConnectorError::Unavailable { .. })
}
