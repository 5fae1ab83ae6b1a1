//! The only room that knows SQL.

pub mod audit;
pub mod batches;
pub mod bulk;
pub mod columns;
pub mod copy;
pub mod database;
pub mod dead_letters;
pub mod decisions;
pub mod deliveries;
pub mod held;
pub mod history;
pub mod hold_matching;
pub mod holds;
pub mod ids;
pub mod leases;
pub mod offers;
pub mod outbox;
pub mod people;
pub mod queue;
pub mod replays;
pub mod residents;
pub mod sending;
pub mod since;
pub mod source_records;
pub mod standing;
pub mod unknowns;
