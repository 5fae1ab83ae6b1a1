//! Runs the target that VIADUCT_FUZZ names, within the memory that every parser must do with.

#![no_main]

use std::alloc::System;
use std::sync::LazyLock;

use cap::Cap;
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

fuzz_target!(|bytes: &[u8]| TARGET(bytes));
