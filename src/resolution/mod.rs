//! Who is who, and which value wins: match and merge. Pure.

pub mod definition;
pub mod junk;
pub mod matching;
pub mod pairing;
pub mod policy;
pub mod survivorship;
