//! What the pages behind payment links need of the hub: the deliver jobs, the systems, and a secret that
//! nobody can guess.

use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::{SecureRandom, SystemRandom};

use super::context::{AppError, Context};
use super::run;
use crate::connector::channel::Destination;
use crate::job::clock::Clock;
use crate::job::definition::Action;
use crate::record::payment_link::LinkKey;
use crate::store::database::Database;
use crate::web::pay::Desk;

const SECRET_BYTES: usize = 32;

#[async_trait]
impl Desk for Context {
    fn database(&self) -> &Database {
        &self.database
    }

    fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    fn key(&self) -> &LinkKey {
        &self.link_key
    }

    fn destination(&self, name: &str) -> Option<Arc<dyn Destination>> {
        let definition = self.catalogue.connectors.get(name)?;
        let opened = self.destination(definition);
        opened
            .inspect_err(
                |error| tracing::error!(%error, "a system that takes payments cannot be opened"),
            )
            .ok()
    }

    async fn deliver(&self, destination: &str) {
        if let Err(error) = deliver(self, destination).await {
            tracing::error!(%error, "a payment could not be brought on its way");
        }
    }
}

async fn deliver(context: &Context, destination: &str) -> Result<(), AppError> {
    let mut jobs = context.jobs(Action::Deliver);
    let job = jobs.find(|job| job.connector.value == destination).ok_or_else(|| {
        AppError::NotThere(format!("no job delivers to `{destination}`: add one in `jobs/`"))
    })?;
    if context.bell.is_attended(destination) {
        context.bell.ring();
        return Ok(());
    }
    run::deliver_now(context, context.deliver(job)?, 0).await.map(|_| ())
}

/// Whether any system of the definitions takes payments, so that links to it are opened here.
pub fn are_served(context: &Context) -> bool {
    let mut connectors = context.catalogue.connectors.values();
    connectors.any(|known| known.settings.payment_links().is_some())
}

/// A secret for a hub that has none yet.
pub fn fresh_secret() -> Result<String, AppError> {
    let mut bytes = [0_u8; SECRET_BYTES];
    SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| AppError::NotThere("the machine has no randomness to give".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}
