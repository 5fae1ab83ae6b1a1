//! Threads that are kept for one kind of work. What answers HTTP has one: a night of mapping keeps nobody waiting at
//! the door, and calls that are kept together are not handed from thread to thread (a sixth of what taking one in
//! costs: benches/inbound). So have those who send: a connection and who waits for its answer wake each other without
//! crossing threads (a tenth of what a push costs: benches/deliveries).

use tokio::runtime::{Builder, Handle, Runtime};

use super::command::STACK_BYTES;
use super::context::AppError;

/// A thread, and what is begun on it. It ends when this is dropped, and what runs on it then is broken off.
pub struct OwnThread(Option<Runtime>);

impl OwnThread {
    pub fn open(name: &str) -> Result<OwnThread, AppError> {
        let mut building = Builder::new_multi_thread();
        building.worker_threads(1).thread_name(name).thread_stack_size(STACK_BYTES);
        let what = || format!("no thread `{name}` can be begun");
        let built = building.enable_all().build();
        Ok(OwnThread(Some(built.map_err(|error| AppError::Io { what: what(), error })?)))
    }

    pub fn handle(&self) -> Handle {
        self.0.as_ref().map_or_else(Handle::current, |runtime| runtime.handle().clone())
    }
}

impl Drop for OwnThread {
    fn drop(&mut self) {
        // Nobody waits for it where nothing may block.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
