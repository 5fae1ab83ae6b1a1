//! GOV.UK Notify, as far as a caller can tell: the same checks in the same order, the same texts,
//! statuses that move with the clock, limits, receipts. It differs where a test needs it to:
//! `/sandbox/faults` loses answers, `/sandbox/ledger` counts what was accepted. It sends nothing to
//! anybody.

pub mod address;
pub mod answer;
pub mod auth;
pub mod charset;
pub mod control;
pub mod council;
pub mod country;
pub mod email;
pub mod files;
pub mod letters;
pub mod limits;
pub mod message;
pub mod numbering;
pub mod phone;
pub mod post;
pub mod pytext;
pub mod rates;
pub mod read;
pub mod receipts;
pub mod recipient;
pub mod routes;
pub mod sanitise;
pub mod schema;
pub mod send;
pub mod sender;
pub mod service;
pub mod state;
pub mod templates;
pub mod text;
pub mod typography;
pub mod uuid;
pub mod whitespace;

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;

use crate::sandbox::govuk_notify::message::Timings;
use crate::sandbox::govuk_notify::service::Service;
use crate::sandbox::govuk_notify::state::Shared;
use crate::sandbox::serving::{Clock, Running};

/// How often a served sandbox looks for receipts that are due.
const COURIER_ROUND: Duration = Duration::from_millis(50);

/// The emulator. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct NotifySandbox {
    shared: Arc<Shared>,
}

impl NotifySandbox {
    /// A sandbox for these services, on this clock (milliseconds of Unix time).
    pub fn new(services: Vec<Service>, clock: Clock) -> Self {
        Self { shared: Arc::new(Shared::new(services, clock)) }
    }

    /// The same with other timings. To be called before anything is served.
    #[must_use]
    pub fn with_timings(self, timings: Timings) -> Self {
        match Arc::try_unwrap(self.shared) {
            Ok(shared) => Self { shared: Arc::new(shared.with_timings(timings)) },
            Err(shared) => Self { shared },
        }
    }

    /// Appends every accepted message to a file as well, one JSON object a line, before the caller
    /// hears of it.
    pub fn with_ledger(self, path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        self.shared.memory().keep_ledger_in(file);
        Ok(self)
    }

    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.shared))
    }

    /// Tells the receipts that are due. A served sandbox does this by itself.
    pub async fn deliver_receipts(&self) {
        receipts::deliver(&self.shared).await;
    }

    /// Serves it on loopback until dropped, receipts included.
    pub async fn serve(&self, port: u16) -> io::Result<Running> {
        let shared = Arc::clone(&self.shared);
        let running = Running::start(self.router(), port).await?;
        Ok(running.alongside(async move {
            loop {
                receipts::deliver(&shared).await;
                tokio::time::sleep(COURIER_ROUND).await;
            }
        }))
    }
}
