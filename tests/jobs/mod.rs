//! The verbs, on both databases, against the sandboxes that stand for the platforms. The clock is the
//! test's own.

mod deliver;
mod deliver_conduct;
mod deliver_crash;
mod deliver_once;
mod deliver_order;
mod hub;
pub mod pay_hub;
mod pay_once;
mod push;
pub mod push_hub;
mod races;
mod suppression;
