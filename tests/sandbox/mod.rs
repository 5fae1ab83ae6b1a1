//! The emulators answer as the platforms do.

mod bench;
mod notify_observed;
mod notify_receipts;
mod notify_rules;
mod python_client;
