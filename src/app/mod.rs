//! Wiring: reads the definitions, opens what they name, and runs the verbs. Decides nothing.

pub mod arguments;
pub mod clock;
pub mod command;
pub mod content;
pub mod context;
pub mod deliveries;
pub mod demo;
pub mod foretold;
pub mod held;
pub mod held_show;
pub mod holder;
pub mod init;
pub mod links;
pub mod logging;
pub mod panics;
pub mod payers;
pub mod preview;
pub mod replay;
pub mod report;
pub mod resident;
pub mod run;
pub mod sandbox;
pub mod scheduler;
pub mod serve;
pub mod sight;
pub mod worker;
