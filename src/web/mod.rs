//! What residents meet of the hub: the pages behind the links in their messages. It tells nobody who is
//! asked to pay, and keeps nothing of its own.

pub mod page;
pub mod pay;
pub mod server;
