//! All definitions together: loaded, and checked against each other.

pub mod cases;
pub mod check;
pub mod load;
pub mod reference;
pub mod sample;
pub mod stray;
pub mod trial;
