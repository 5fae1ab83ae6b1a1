//! Verint CRM (once Lagan, and Kana): its cases and people, by its SOAP service.
//!
//! As a source it is asked which cases changed, and then for each of them. As a destination it is told what
//! a mapping says: a note on a case, an address that was agreed, a case, its end. It is searched for people
//! too, and that writes nothing: whom a change is about is what the CRM's own record said, and never what a
//! search found likely.

pub mod client;
pub mod event;
pub mod events;
pub mod order;
pub mod party;
pub mod search;
pub mod settings;
mod source;
mod telling;
mod writing;
