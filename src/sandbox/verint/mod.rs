//! Verint CRM, as far as a hub can tell: one SOAP action for all, told apart by the root of the body; a token
//! in the reply's header, that ends after a while or after so many calls; faults as `FWTException`; people
//! with all the addresses they ever had; a UPRN that sometimes is the CRM's own number of a property;
//! documents that are lost when they come beside each other. It differs where a rehearsal needs it to:
//! `/sandbox/…` arms faults, plays another user, posts events, and lists what was written.

pub mod calls;
pub mod control;
pub mod events;
pub mod routes;
pub mod seed;
pub mod state;
pub mod write;
pub mod xml;

use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::Arc;

use axum::Router;

use self::state::Shared;
use crate::sandbox::council::household::Household;
use crate::sandbox::serving::{Clock, Running};

/// Who calls the invented council's CRM. It opens nothing but the sandbox.
pub const USER: &str = "svc.viaduct";
pub const PASSWORD: &str = "not-a-real-password";

/// The emulator. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct VerintSandbox {
    shared: Arc<Shared>,
}

impl VerintSandbox {
    /// The invented council's CRM, on this clock (milliseconds of Unix time).
    pub fn new(clock: Clock) -> VerintSandbox {
        VerintSandbox { shared: Arc::new(Shared::council(clock)) }
    }

    /// Has these residents of the invented council as well, each with a case that is open.
    pub fn with_enquiries(self, homes: &[Household]) -> VerintSandbox {
        let at = self.shared.now();
        {
            let mut memory = self.shared.memory();
            for (person, case) in homes.iter().filter_map(|home| seed::enquiry(home, &at)) {
                memory.individuals.extend([person]);
                memory.cases.extend([case]);
            }
        }
        self
    }

    /// Appends everything that is written to a file as well, one JSON object a line, before the caller hears
    /// of it.
    pub fn with_ledger(self, path: &Path) -> io::Result<VerintSandbox> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        self.shared.memory().keep_ledger_in(file);
        Ok(self)
    }

    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.shared))
    }

    /// Serves it on loopback until dropped.
    pub async fn serve(&self, port: u16) -> io::Result<Running> {
        Running::start(self.router(), port).await
    }
}
