//! Who is one resident with whom, and whose value wins: names, homes and numbers compared level by level, weighed,
//! and clusters grown from the pairs. Pure: what is known comes in, what was decided goes out.

pub mod block;
pub mod compare;
pub mod definition;
pub mod evaluate;
pub mod explain;
pub mod grow;
pub mod junk;
pub mod matching;
pub mod pairing;
pub mod party;
pub mod place;
pub mod policy;
pub mod profile;
pub mod relation;
pub mod survivorship;
pub mod train;
pub mod weigh;

#[cfg(test)]
mod tests;
