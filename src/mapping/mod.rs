//! The message translator: source record → fragment, change event → message.

pub mod definition;
pub mod inbound;
pub mod outbound;
