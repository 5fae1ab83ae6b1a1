//! Connectors against the systems they speak to, or the sandboxes that stand for them.

pub mod civica;
mod civica_pay;
mod conformance;
mod file_drop;
mod file_drop_batches;
mod formats;
mod govuk_notify;
pub mod govuk_pay;
mod http_poll;
pub mod http_push;
mod newcomer;
pub mod sftp_drop;
mod sheets;
pub mod soap;
mod soap_garbage;
pub mod sql;
mod tls;
pub mod verint;
mod verint_told;
mod zipped;
