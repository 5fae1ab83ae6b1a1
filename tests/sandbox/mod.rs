//! The emulators answer as the platforms do.

pub mod bench;
mod notify_observed;
mod notify_receipts;
mod notify_rules;
mod python_client;
