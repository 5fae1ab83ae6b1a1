//! A zip archive as a drop folder opens it: what it gives is within its limits, however it lies.

use std::io::{Cursor, Read};

use viaduct::connector::format::zip::Inside;

const UNPACKED_BYTES_MAX: u64 = 100_000;

pub fn archives(bytes: &[u8]) {
    let Ok(inside) = Inside::open(Cursor::new(bytes), UNPACKED_BYTES_MAX) else { return };
    let mut given = Vec::new();
    let read = inside.take(2 * UNPACKED_BYTES_MAX).read_to_end(&mut given);
    let within = given.len() as u64 <= UNPACKED_BYTES_MAX;
    assert!(within, "{} bytes came out: {read:?}", given.len());
}
