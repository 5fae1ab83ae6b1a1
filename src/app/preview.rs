//! `viaduct preview` and `replay --preview`: the very run, on a copy of the database that is thrown
//! away. Nothing is taken from the source, nothing is sent, and nothing of it is kept.
//!
//! The copy is of one moment. The hub's own work goes on meanwhile: neither its leases nor its
//! writer are needed, and what it does after that moment is not in the preview.

use std::path::Path;
use std::sync::Arc;

use super::context::{AppError, Context};
use super::foretold::Foretold;
use super::replay::{self, Chosen};
use super::report::RunReport;
use super::sight::Sight;
use crate::connector::stand_in::Untouched;
use crate::job::definition::JobDefinition;
use crate::job::ingest::ingest;
use crate::store::code_additions;
use crate::store::copy::Copy;
use crate::store::since;

/// How much is listed, and how it is shown.
#[derive(Debug, Clone, Copy)]
pub struct Listing {
    /// Of each kind of thing.
    pub most: usize,
    pub sight: Sight,
}

/// What a job would do with what its source has now, or with one file in its place.
pub async fn of_job(
    context: &Context,
    job: &JobDefinition,
    file: Option<&Path>,
    listing: Listing,
) -> Result<Foretold, AppError> {
    on_a_copy(context, async |there: &Context| {
        let mut ready = match file {
            Some(file) => there.ingest_file(job, file).await?,
            None => there.ingest(job).await?,
        };
        ready.source = Arc::new(Untouched(ready.source));
        let before = since::before(&there.database).await?;
        let done = ingest(&ready, &mut there.bench()).await?;
        let ignored = match file {
            Some(_) => Vec::new(),
            None => ready.source.ignored().await?,
        };
        let run = RunReport::of(&there.database, done, ignored).await?;
        Foretold::of(there, &job.name, run, before, listing).await
    })
    .await
}

/// What a replay would do.
pub async fn of_replay(
    context: &Context,
    chosen: &Chosen,
    listing: Listing,
) -> Result<Foretold, AppError> {
    on_a_copy(context, async |there: &Context| {
        let before = since::before(&there.database).await?;
        let done = replay::all(there, chosen).await?;
        Foretold::of(there, &chosen.words(), done.run, before, listing).await
    })
    .await
}

/// What a replay would do if a code counted that waits for somebody to say so.
pub async fn of_addition(
    context: &Context,
    addition: i64,
    chosen: &Chosen,
    listing: Listing,
) -> Result<Foretold, AppError> {
    on_a_copy(context, async |there: &Context| {
        code_additions::suppose(&there.database, addition).await?;
        let before = since::before(&there.database).await?;
        let done = replay::all(there, chosen).await?;
        Foretold::of(there, &chosen.words(), done.run, before, listing).await
    })
    .await
}

/// Does something on a copy, and removes the copy whatever came of it; Ctrl-C removes it too.
async fn on_a_copy<T>(
    context: &Context,
    work: impl AsyncFnOnce(&Context) -> Result<T, AppError>,
) -> Result<T, AppError> {
    let copy = Copy::make(&context.database).await?;
    let there = context.on(copy.database.clone());
    let done = tokio::select! {
        done = work(&there) => done,
        _ = tokio::signal::ctrl_c() => {
            Err(AppError::NotThere("the preview was stopped; nothing of it is kept".to_owned()))
        }
    };
    copy.remove().await?;
    done
}
