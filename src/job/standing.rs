//! The standing of residents, as the gate asks for it: what the store knows now, as far as the
//! council's policy makes a difference of it.

use std::collections::HashMap;

use crate::store::database::{Database, StoreError};
use crate::store::standing::{self, About, Known, Wanted};
use crate::suppression::gate::Standing;
use crate::suppression::policy::{DAY_MS, Joint, Policy};

/// How those stand whom these deliveries are for. Whoever is not among them is not known.
pub async fn of(
    database: &Database,
    about: &[About],
    policy: &Policy,
    production: bool,
    now_ms: i64,
) -> Result<HashMap<i64, Standing>, StoreError> {
    let since_ms = |days: u32| now_ms - i64::from(days) * DAY_MS;
    let wanted = Wanted {
        joint: policy.joint == Joint::HoldForAll,
        account_facts: policy.asks_of_accounts(),
        contacts_since_ms: policy.counted_days().map(since_ms),
    };
    let known = standing::of(database, about, wanted, now_ms).await?;
    let stands = |(id, known): (i64, Known)| {
        let Known { facts, holds, joint, accounts_on_hold, accounts, contacts, in_hand } = known;
        let standing = Standing {
            resident: facts,
            holds,
            joint,
            accounts_on_hold,
            accounts,
            contacts,
            in_hand,
            production,
            now_ms,
        };
        (id, standing)
    };
    Ok(known.into_iter().map(stands).collect())
}
