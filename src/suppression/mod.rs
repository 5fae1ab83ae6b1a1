//! What may leave: holds, death, consent. Pure.

pub mod gate;
