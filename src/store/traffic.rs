//! What left for each destination, by stretches of five minutes, counted in the commit that writes the outcomes; and
//! how long the oldest that was due had waited. Two days of it are kept, for pictures: no decision is made by it.

use super::database::{Database, StoreError, Transaction, cells};
use super::sending::Settled;
use crate::record::delivery::State;

/// A stretch.
pub const SLOT_MS: i64 = 300_000;
pub const HOUR_MS: i64 = 3_600_000;
/// Hours that a picture has.
pub const HOURS: i64 = 24;
/// Longer than a picture goes back.
const KEPT_MS: i64 = 48 * HOUR_MS;

/// What became of some that were in a sender's hands, or that a platform was asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Taken by the system.
    pub sent: i64,
    /// Tries that came to nothing: made again, or asked after.
    pub failed: i64,
    /// Set aside for a person.
    pub held: i64,
}

impl Tally {
    /// Of those that were still ours to settle.
    pub fn of<'a>(settled: impl Iterator<Item = &'a Settled>) -> Tally {
        let mut tally = Tally::default();
        for one in settled {
            match one.state {
                State::Accepted => tally.sent += 1,
                // What was accepted before was counted then.
                State::Delivered if one.was_claimed => tally.sent += 1,
                State::Held => tally.held += 1,
                State::Unknown => tally.failed += 1,
                State::Waiting | State::Offered if one.was_claimed && !one.give_back => {
                    tally.failed += 1;
                }
                _ => {}
            }
        }
        tally
    }

    fn is_nothing(self) -> bool {
        self == Tally::default()
    }
}

const ADD: &str = "INSERT INTO traffic (slot_ms, destination, sent, failed, held, oldest_ms) \
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (slot_ms, destination) DO UPDATE SET \
    sent = traffic.sent + excluded.sent, failed = traffic.failed + excluded.failed, \
    held = traffic.held + excluded.held, \
    oldest_ms = CASE WHEN excluded.oldest_ms > traffic.oldest_ms THEN excluded.oldest_ms ELSE traffic.oldest_ms END";

/// The stretch that an instant lies in.
fn slot_of(now_ms: i64) -> i64 {
    now_ms.div_euclid(SLOT_MS) * SLOT_MS
}

/// Counts them. Part of the transaction that settles them.
pub async fn count(
    transaction: &mut Transaction,
    destination: &str,
    tally: Tally,
    now_ms: i64,
) -> Result<(), StoreError> {
    if tally.is_nothing() {
        return Ok(());
    }
    let Tally { sent, failed, held } = tally;
    let cells = cells![slot_of(now_ms), destination.to_owned(), sent, failed, held, 0_i64];
    transaction.execute(ADD, cells).await?;
    Ok(())
}

/// Puts down how long the oldest has waited at each destination where something waits, and forgets what is older
/// than is kept.
pub async fn waited(
    database: &Database,
    waits: &[(String, i64)],
    now_ms: i64,
) -> Result<(), StoreError> {
    let mut transaction = database.begin().await?;
    for (destination, wait_ms) in waits {
        let cells = cells![slot_of(now_ms), destination.clone(), 0_i64, 0_i64, 0_i64, *wait_ms];
        transaction.execute(ADD, cells).await?;
    }
    let sql = "DELETE FROM traffic WHERE slot_ms < $1";
    transaction.execute(sql, cells![now_ms - KEPT_MS]).await?;
    transaction.commit().await
}

/// An hour of it, that many hours before the one that ends now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct Hour {
    pub ago: i64,
    pub sent: i64,
    pub failed: i64,
    pub held: i64,
    pub oldest_ms: i64,
}

/// The last day by hours, of one destination or all together; hours in which nothing was are left out. Each ends with
/// the stretch that goes on now: what it reads is bounded by the stretches of a day.
pub async fn day(
    database: &Database,
    destination: Option<&str>,
    now_ms: i64,
) -> Result<Vec<Hour>, StoreError> {
    let last = slot_of(now_ms);
    let mut cells = cells![last, HOUR_MS, last - HOURS * HOUR_MS];
    let mut only = "";
    if let Some(destination) = destination {
        cells.push(destination.to_owned().into());
        only = " AND destination = $4";
    }
    let sql = format!(
        "SELECT ($1 - slot_ms) / $2 AS ago, CAST(SUM(sent) AS BIGINT) AS sent, \
         CAST(SUM(failed) AS BIGINT) AS failed, CAST(SUM(held) AS BIGINT) AS held, \
         MAX(oldest_ms) AS oldest_ms FROM traffic \
         WHERE slot_ms > $3 AND slot_ms <= $1{only} GROUP BY 1 ORDER BY 1"
    );
    database.fetch(&sql, cells).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(state: State, was_claimed: bool, give_back: bool) -> Settled {
        Settled {
            id: 1,
            intents: 1,
            intent_ms: 0,
            fence: 1,
            was_claimed,
            state,
            next_ms: 0,
            give_back,
            platform_id: None,
            platform_status: None,
            code: None,
            cause: None,
            doubt_until_ms: None,
        }
    }

    #[test]
    fn each_is_counted_once_when_it_leaves() {
        let all = [
            settled(State::Accepted, true, false),
            // Its final word, of one that was accepted.
            settled(State::Delivered, false, false),
            settled(State::Delivered, true, false),
            settled(State::Waiting, true, false),
            // Put off by the gate, or given back: nothing was tried.
            settled(State::Waiting, true, true),
            settled(State::Unknown, true, false),
            settled(State::Held, true, true),
            settled(State::Replaced, true, true),
        ];
        assert_eq!(Tally::of(all.iter()), Tally { sent: 2, failed: 2, held: 1 });
    }
}
