//! The only room that knows SQL.

pub mod batches;
pub mod columns;
pub mod database;
pub mod dead_letters;
pub mod ids;
pub mod outbox;
pub mod residents;
pub mod source_records;
