//! Connectors against the systems they speak to, or the sandboxes that stand for them.

mod govuk_notify;
