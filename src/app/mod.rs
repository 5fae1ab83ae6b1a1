//! Wiring: reads the definitions, opens what they name, and runs the verbs. Decides nothing.

pub mod clock;
pub mod quick;
