//! The canonical data model: what every room speaks of. No I/O, no clock, no configuration.

pub mod batch;
pub mod document;
pub mod fragment;
pub mod facts;
pub mod schema;
