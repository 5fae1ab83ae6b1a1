//! Civica Pay, as far as a caller can tell: baskets that are made by JSON and paid by whoever has their token,
//! codes in place of statuses, and a service beside it that says by SOAP what was paid. One reference may own
//! many baskets; a payer who was declined is given another at once, and an early one may be paid late.
//!
//! It differs where a test needs it to: `/sandbox/…` plays the payer, loses answers and lists what was made.
//! No money moves.

mod baskets;
mod control;
mod notifying;
mod query;
mod routes;
pub mod state;

use std::io;
use std::sync::Arc;

use axum::Router;

use self::state::Shared;
use super::serving::Running;

/// The invented council's number and password. They open nothing but the sandbox.
pub const CUSTOMER: &str = "EXAMPLE01";
pub const PASSWORD: &str = "sandbox-civica-pay";
/// The item that can be paid for.
pub const CATALOGUE: &str = "00000099";

/// The emulator. Cloning gives another handle on the same one.
#[derive(Clone, Default)]
pub struct CivicaPaySandbox(Arc<Shared>);

impl CivicaPaySandbox {
    pub fn new() -> CivicaPaySandbox {
        CivicaPaySandbox::default()
    }

    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.0))
    }

    /// What a payer does with a basket; false where there is no such basket.
    pub fn payer(&self, basket: &str, does: state::Does) -> bool {
        self.0.memory().payer(basket, does)
    }

    /// Makes a basket as a caller would; gives its reference.
    pub fn order(&self, transaction: &str, amount: &str, account: &str, notify: &str) -> String {
        self.0.memory().make(transaction, amount, account, notify).reference
    }

    /// Every basket: its reference, the caller's, and the amount as it came.
    pub fn baskets(&self) -> Vec<(String, String, String)> {
        let memory = self.0.memory();
        let baskets = memory.baskets.iter();
        baskets
            .map(|one| (one.reference.clone(), one.transaction.clone(), one.amount.clone()))
            .collect()
    }

    /// Serves it on loopback until dropped.
    pub async fn serve(&self, port: u16) -> io::Result<Running> {
        Running::start(self.router(), port).await
    }
}
