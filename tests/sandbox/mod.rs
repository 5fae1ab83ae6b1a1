//! The emulators answer as the platforms do.

pub mod bench;
mod notify_limits_and_faults;
mod notify_messages;
mod notify_observed;
mod notify_receipts;
mod notify_requests;
mod notify_tokens;
pub mod pay_bench;
mod pay_requests;
mod pay_states;
mod python_client;
mod receiver;
mod requests;
