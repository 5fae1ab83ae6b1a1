//! How any definition file is read, and how its faults are told.

pub mod describe;
pub mod diagnostic;
pub mod reader;
pub mod schedule;
pub mod secret;
pub mod shape;
pub mod suggest;
pub mod syntax;
pub mod table;
