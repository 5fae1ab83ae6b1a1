//! The API: the commands' words over HTTP, and their very JSON. It finds out who calls, what they ask for
//! and whether they may; what is done then is the commands' own code, which `app` has.

pub mod call;
pub mod door;
pub mod keyring;
pub mod limits;
pub mod problem;
pub mod routes;
pub mod service;

use async_trait::async_trait;

use self::call::{Answer, Call};
use self::problem::Problem;
use crate::connector::open_id::Provider;
use crate::job::clock::Clock;
use crate::store::database::Database;

/// What the API needs of the hub; `app` has it.
#[async_trait]
pub trait Hub: Send + Sync {
    fn database(&self) -> &Database;

    fn clock(&self) -> &dyn Clock;

    /// The council's own sign-in, where there is one.
    fn provider(&self) -> Option<&Provider> {
        None
    }

    /// Whether people sign in with a password here beside it.
    fn local_accounts(&self) -> bool {
        true
    }

    /// Does what is asked for. The caller was let in, and may ask for it.
    async fn answer(&self, call: Call) -> Result<Answer, Problem>;
}
