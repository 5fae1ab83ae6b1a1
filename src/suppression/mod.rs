//! What may leave: holds, death, consent, quiet hours, contact caps. Pure.

pub mod definition;
pub mod gate;
pub mod policy;
