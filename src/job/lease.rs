//! A lease that is given back, although the database is away for a moment: whoever comes next, ourselves
//! before all, does not wait for a time to pass that nobody uses.

use super::clock::Clock;
use crate::store::database::{Database, StoreError};
use crate::store::leases::{self, Lease};

/// How soon a database that was away is tried again.
pub const DATABASE_AWAY_MS: i64 = 200;

/// Gives it back. A database that is away is waited for as long as the lease may last: then it is over by
/// itself.
pub async fn give_back(
    database: &Database,
    clock: &dyn Clock,
    lease: &Lease,
    lease_ms: i64,
) -> Result<(), StoreError> {
    let over_ms = clock.now_ms() + lease_ms;
    loop {
        match leases::release(database, lease).await {
            Err(StoreError::Unavailable(_)) if clock.now_ms() < over_ms => {
                clock.pause(DATABASE_AWAY_MS).await;
            }
            done => return done,
        }
    }
}
