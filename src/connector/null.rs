//! A destination for rehearsals: it takes everything and tells nobody. What it took is *rehearsed*, in
//! those words, so that nobody can believe that a resident was told.
//!
//! It may be told to take its time, and to let some go wrong: the same ones each time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::channel::{ConnectorError, Destination, Inquiry, Question, Receipt, Standing, Status};
use super::definition::{Brings, Kind, Settings, Surroundings};
use super::sending;
use crate::definition::shape::{Key, key, word};
use crate::definition::table::Table;
use crate::record::delivery::Delivery;
use crate::suppression::gate::Cleared;

pub const KIND: Kind = Kind {
    name: "null",
    doc: "For rehearsals: takes messages and pushes, tells nobody, and calls them rehearsed.",
    read: |settings, _| Some(Arc::new(Null::read(settings))),
};

const REHEARSED: &str = "rehearsed";

const TAKES: Key = key("takes_ms", "How long each takes, in milliseconds.");
const FAIL_PERCENT: Key = key("fail_percent", "How many of a hundred go wrong.");
const FAIL_WITH: Key = key("fail_with", "How they go wrong.");
const SEED: Key = key("seed", "Which of them go wrong: for another seed, others.");

/// What goes wrong with those that go wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Refused,
    Unavailable,
    Unanswered,
}

/// The settings are all there is to it.
#[derive(Debug, Clone)]
pub struct Null {
    takes: Duration,
    fail_percent: u64,
    fail_with: Fault,
    seed: u64,
}

impl Null {
    /// Reads `[settings]`; faults are told to the file.
    pub fn read(settings: &Table<'_>) -> Null {
        let takes_ms = settings.whole_or(TAKES, 0..=60_000, 0);
        let fail_percent = settings.whole_or(FAIL_PERCENT, 0..=100, 0);
        let fail_with = settings.choice_or(
            FAIL_WITH,
            word("refused", "They are held, as by a platform that refuses them.", Fault::Refused),
            &[
                word("unavailable", "They are tried again later.", Fault::Unavailable),
                word("unanswered", "No answer comes; asked, it has them.", Fault::Unanswered),
            ],
        );
        let seed = settings.whole_or(SEED, 0..=i64::MAX, 0);
        Null {
            takes: Duration::from_millis(takes_ms.unsigned_abs()),
            fail_percent: fail_percent.unsigned_abs(),
            fail_with,
            seed: seed.unsigned_abs(),
        }
    }

    fn take(&self, delivery: &Delivery) -> Result<Receipt, ConnectorError> {
        // Each attempt is a throw of its own, or what goes wrong once would go wrong for ever.
        let seed = self.seed.wrapping_add(delivery.intent.unsigned_abs());
        let thrown = xxh3_64_with_seed(delivery.reference.as_bytes(), seed) % 100;
        if thrown >= self.fail_percent {
            return Ok(rehearsed(&delivery.reference));
        }
        let cause = "a rehearsal of what may go wrong".to_owned();
        Err(match self.fail_with {
            Fault::Refused => ConnectorError::Refused { code: "null.refused".to_owned(), cause },
            Fault::Unavailable => ConnectorError::Unavailable { cause, retry_after_ms: None },
            Fault::Unanswered => ConnectorError::Unknown { cause },
        })
    }
}

#[async_trait]
impl Destination for Null {
    async fn deliver(
        &self,
        deliveries: &[Cleared<Delivery>],
    ) -> Vec<Result<Receipt, ConnectorError>> {
        if self.takes.is_zero() {
            return deliveries.iter().map(|cleared| self.take(cleared.get())).collect();
        }
        sending::each(deliveries, sending::AT_ONCE, |delivery| async move {
            tokio::time::sleep(self.takes).await;
            self.take(delivery)
        })
        .await
    }

    async fn inquire(&self, question: &Question) -> Result<Inquiry, ConnectorError> {
        Ok(Inquiry::Happened(rehearsed(&question.reference)))
    }

    async fn status(&self, question: &Question) -> Result<Receipt, ConnectorError> {
        Ok(rehearsed(&question.reference))
    }
}

fn rehearsed(reference: &str) -> Receipt {
    let status = Status { word: REHEARSED.to_owned(), stands: Standing::Delivered };
    Receipt { platform_id: reference.to_owned(), status }
}

impl Settings for Null {
    fn takes(&self, what: Brings) -> bool {
        what != Brings::Payment
    }

    /// Nobody is told, so nobody of a range for tests is told either.
    fn allows_test_ranges(&self) -> bool {
        true
    }

    fn destination(
        &self,
        _around: &Surroundings,
    ) -> Option<Result<Arc<dyn Destination>, ConnectorError>> {
        Some(Ok(Arc::new(self.clone())))
    }
}
