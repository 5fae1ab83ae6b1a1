//! The canonical data model: what every room speaks of. No I/O, no clock, no configuration.

pub mod document;
pub mod facts;
pub mod schema;
