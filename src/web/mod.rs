//! What is met of the hub over HTTP: the pages behind the links in residents' messages, which tell nobody
//! who is asked to pay; and the API for the council's own programs.

pub mod api;
pub mod body;
pub mod health;
pub mod inbound;
pub mod page;
pub mod pay;
pub mod request;
pub mod screens;
pub mod server;
