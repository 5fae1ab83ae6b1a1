//! GOV.UK Pay, as far as a service can tell: the same checks, states that move with the clock, links that
//! work once, a search that lags, refunds with their guard, signed webhooks. It differs where a test needs
//! it to: `/sandbox/…` plays the payer, moves the clock, loses answers and lists what was accepted. No
//! money moves.

pub mod calls;
pub mod check;
pub mod control;
pub mod limits;
pub mod payer;
pub mod payment;
pub mod problem;
pub mod routes;
pub mod search;
pub mod state;
pub mod webhooks;

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use self::state::{Account, Shared};
use crate::sandbox::serving::{Clock, Running};

/// The key of the invented council's test account. It opens nothing but the sandbox.
pub const COUNCIL_KEY: &str = "api_test_sandboxofexamplembc0000000000000000";

/// Signs what the council's account tells.
pub const WEBHOOK_SECRET: &str = "sandbox-pay-webhooks";

/// How often a served sandbox looks for webhooks that are due.
const COURIER_ROUND: Duration = Duration::from_millis(50);

/// The emulator. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct PaySandbox {
    shared: Arc<Shared>,
}

impl PaySandbox {
    /// A sandbox for these accounts, on this clock (milliseconds of Unix time).
    pub fn new(accounts: Vec<Account>, clock: Clock) -> Self {
        Self { shared: Arc::new(Shared::new(accounts, clock)) }
    }

    /// The invented council's test account. What happens to its payments is told to that address, if there is one,
    /// signed with `WEBHOOK_SECRET`.
    pub fn council(clock: Clock, told_to: Option<&str>) -> Self {
        let webhook = |url: &str| control::webhook(url, WEBHOOK_SECRET);
        let account = Account {
            api_key: COUNCIL_KEY.to_owned(),
            live: false,
            webhooks: told_to.into_iter().map(webhook).collect(),
        };
        Self::new(vec![account], clock)
    }

    /// Appends every accepted payment to a file as well, one JSON object a line, before the caller hears
    /// of it.
    pub fn with_ledger(self, path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        self.shared.memory().keep_ledger_in(file);
        Ok(self)
    }

    /// Appends every request of a service to a file, one JSON object a line, as it came and before it is
    /// looked at: so that it can be held against the platform's own contract.
    pub fn with_requests(self, path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        self.shared.memory().keep_requests_in(file);
        Ok(self)
    }

    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.shared))
    }

    /// Tells the webhooks that are due, and has told them when it returns. A served sandbox does this by itself.
    pub async fn deliver_webhooks(&self) {
        webhooks::deliver(&self.shared).await;
    }

    /// Serves it on loopback until dropped, webhooks included.
    pub async fn serve(&self, port: u16) -> io::Result<Running> {
        let shared = Arc::clone(&self.shared);
        let running = Running::start(self.router(), port).await?;
        Ok(running.alongside(async move {
            loop {
                webhooks::deliver(&shared).await;
                tokio::time::sleep(COURIER_ROUND).await;
            }
        }))
    }
}
