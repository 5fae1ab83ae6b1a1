//! How any definition file is read, and how its faults are told.

pub mod reader;
