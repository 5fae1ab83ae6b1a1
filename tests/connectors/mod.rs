//! Connectors against the systems they speak to, or the sandboxes that stand for them.

pub mod civica;
mod civica_pay;
mod file_drop;
mod file_drop_batches;
mod formats;
mod govuk_notify;
pub mod govuk_pay;
mod http_poll;
mod http_push;
mod tls;
