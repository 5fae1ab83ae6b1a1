//! Wiring: reads the definitions, opens what they name, and runs the verbs. Decides nothing.

pub mod clock;
pub mod command;
pub mod context;
pub mod demo;
pub mod holder;
pub mod init;
pub mod report;
pub mod run;
pub mod sandbox;
pub mod scheduler;
pub mod serve;
pub mod worker;
