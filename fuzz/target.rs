//! Runs the target that VIADUCT_FUZZ names, within the memory that every parser must do with.

#![no_main]

use std::alloc::System;
use std::sync::LazyLock;
use std::time::Duration;

use cap::Cap;
use cpu_time::ThreadTime;
use libfuzzer_sys::fuzz_target;

mod entries;

use entries::{ALL, Entry};

/// What may be allocated at any moment, bytes. Whoever asks for more ends the run.
const MEMORY_MAX: usize = 256 << 20;

#[global_allocator]
static MEMORY: Cap<System> = Cap::new(System, MEMORY_MAX);

static TARGET: LazyLock<Entry> = LazyLock::new(|| {
    let wanted = std::env::var("VIADUCT_FUZZ").unwrap_or_default();
    match ALL.iter().find(|(name, _)| *name == wanted) {
        Some((_, entry)) => *entry,
        None => panic!("VIADUCT_FUZZ names no target: `{wanted}`"),
    }
});

/// How much of a processor's time one input may take. A clock on the wall would count what others do
/// on the same machine.
const TIME_MAX: Duration = Duration::from_secs(5);

fuzz_target!(|bytes: &[u8]| {
    let entry = *TARGET;
    let began = ThreadTime::now();
    entry(bytes);
    let took = began.elapsed();
    assert!(took < TIME_MAX, "it took {took:?}");
});
