//! The doors: channel adapters, one folder for each protocol.

pub mod address;
pub mod answering;
pub mod calling;
pub mod channel;
pub mod civica_openrevenues;
pub mod civica_pay;
pub mod conduct;
pub mod content;
pub mod definition;
pub mod file_drop;
pub mod format;
pub mod govuk_notify;
pub mod govuk_pay;
pub mod http;
pub mod http_poll;
pub mod http_push;
pub mod kinds;
pub mod null;
pub mod pace;
pub mod sending;
pub mod stand_in;
pub mod window;
