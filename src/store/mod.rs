//! The only room that knows SQL.

pub mod batches;
pub mod columns;
pub mod database;
pub mod dead_letters;
pub mod deliveries;
pub mod history;
pub mod ids;
pub mod leases;
pub mod outbox;
pub mod people;
pub mod queue;
pub mod residents;
pub mod sending;
pub mod source_records;
pub mod standing;
