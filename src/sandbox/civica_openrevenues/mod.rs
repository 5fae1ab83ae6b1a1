//! Civica OpenRevenues, as far as a caller can tell: a portal switched to XML that answers everything with a
//! 200. A session is a cursor: it remembers the person and the account that were looked at last, and most
//! operations answer for those, whoever asks.
//!
//! It differs where a test needs it to: `/sandbox/…` turns faults on, lets sessions run out, has one word
//! stand for every session, and counts. Its residents are those of the invented council.

mod benefits;
mod control;
mod pages;
mod routes;
pub mod state;
mod tax;

use std::io;
use std::sync::Arc;

use axum::Router;

use self::state::{Behaviour, Counts, Shared};
use super::council::Council;
use super::serving::{Clock, Running};

/// The invented service account. Its password opens nothing but the sandbox.
pub const USER: &str = "viaduct";
pub const PASSWORD: &str = "sandbox-openrevenues";

/// The emulator. Cloning gives another handle on the same one.
#[derive(Clone)]
pub struct CivicaSandbox(Arc<Shared>);

impl CivicaSandbox {
    /// A system of that council, on this clock (milliseconds of Unix time).
    pub fn new(council: Council, clock: Clock) -> CivicaSandbox {
        CivicaSandbox(Arc::new(Shared::new(council, clock)))
    }

    /// Changes how it behaves.
    pub fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.0.memory().behaviour);
    }

    /// Every session is over at once, as after a restart.
    pub fn forget_sessions(&self) {
        self.0.memory().sessions.clear();
    }

    /// What it was asked so far.
    pub fn counts(&self) -> Counts {
        self.0.memory().counts.clone()
    }

    /// The references of everybody liable, each with the account: what an extract would hold.
    pub fn people(&self) -> Vec<(String, String)> {
        self.0.people()
    }

    /// Somebody who is known and has no account.
    pub fn accountless(&self) -> String {
        self.0.accountless()
    }

    /// The name of whoever has that reference, and the accounts that are theirs.
    pub fn resident(&self, person: &str) -> Option<(String, Vec<String>)> {
        self.0.resident(person)
    }

    pub fn router(&self) -> Router {
        routes::router(Arc::clone(&self.0))
    }

    /// Serves it on loopback until dropped. It is asked at `/openrevenues`.
    pub async fn serve(&self, port: u16) -> io::Result<Running> {
        Running::start(self.router(), port).await
    }
}
