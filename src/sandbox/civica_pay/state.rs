//! Baskets, what their payers did, and what goes wrong.

use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use crate::sandbox::faults::Faults;

/// What a payer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Does {
    Success,
    /// Declined: the page gives the payer another basket under the same reference.
    Decline,
    /// Is at it, and nothing is decided.
    Pending,
    TimedOut,
    /// Pays, and the platform tells another amount.
    OtherAmount,
    /// What was paid is declined after all.
    TakenBack,
}

/// A basket with one thing in it.
#[derive(Clone, Debug)]
pub struct Basket {
    pub reference: String,
    pub token: String,
    /// The caller's reference, which several baskets may share.
    pub transaction: String,
    /// As it came: a text.
    pub amount: String,
    pub account: String,
    /// Whom the platform tells what happened; nobody where it is empty.
    pub notify: String,
}

/// An attempt to pay one.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub basket: String,
    pub transaction: String,
    pub status: &'static str,
    pub amount: String,
}

#[derive(Default)]
pub struct Memory {
    pub baskets: Vec<Basket>,
    pub attempts: Vec<Attempt>,
    pub refusals: usize,
    pub faults: Faults,
    /// The query says which basket an attempt was of; real ones may not.
    pub tells_baskets: bool,
}

#[derive(Default)]
pub struct Shared(Mutex<Memory>);

impl Shared {
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Makes a basket.
    pub fn make(&mut self, transaction: &str, amount: &str, account: &str, notify: &str) -> Basket {
        let number = self.baskets.len() + 1;
        let basket = Basket {
            reference: format!("EX{number:08}"),
            token: format!("0f0e0d0c-0000-4000-8000-{number:012x}"),
            transaction: transaction.to_owned(),
            amount: amount.to_owned(),
            account: account.to_owned(),
            notify: notify.to_owned(),
        };
        self.baskets.push(basket.clone());
        basket
    }

    /// A payer does something with a basket.
    pub fn payer(&mut self, reference: &str, does: Does) -> bool {
        let Some(basket) = self.baskets.iter().find(|one| one.reference == reference).cloned()
        else {
            return false;
        };
        // The platform writes amounts as it likes.
        let short = basket.amount.strip_suffix('0').unwrap_or(&basket.amount).to_owned();
        let (status, amount) = match does {
            Does::Success => ("A", short),
            Does::Decline => ("D", basket.amount.clone()),
            Does::Pending => ("P", basket.amount.clone()),
            Does::TimedOut => ("T", basket.amount.clone()),
            Does::OtherAmount => ("A", "1.00".to_owned()),
            Does::TakenBack => ("D", basket.amount.clone()),
        };
        if does == Does::TakenBack {
            self.attempts.retain(|one| one.basket != reference);
        }
        // What was pending is decided now.
        self.attempts.retain(|one| one.basket != reference || one.status != "P");
        let transaction = basket.transaction.clone();
        self.attempts.push(Attempt { basket: basket.reference, transaction, status, amount });
        if does == Does::Decline {
            self.make(&basket.transaction, &basket.amount, &basket.account, &basket.notify);
        }
        true
    }
}
