//! The doors: channel adapters, one folder for each protocol.

pub mod channel;
pub mod definition;
pub mod file_drop;
pub mod format;
pub mod govuk_notify;
pub mod http;
pub mod kinds;
pub mod stand_in;
