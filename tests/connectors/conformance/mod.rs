//! The same bad days for every kind of connector there is. The registry says which kinds there are; a kind without a
//! system to be tried against fails here, and so does one that leaves a case out without saying why it cannot
//! be.

mod asked;
mod files;
mod front;
mod lists;
mod told;

use std::collections::BTreeSet;

use viaduct::connector::kinds::KINDS;

/// What goes wrong with systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Case {
    /// The same once more.
    Duplicate,
    /// What is older comes after what is newer.
    OutOfOrder,
    /// It breaks off in the middle.
    Half,
    /// It does not let us in.
    Refused,
    /// It says: not so fast.
    TooMany,
    /// It hears us and does not answer.
    Silent,
    /// It says more than anybody should have to hear.
    Oversized,
    /// It is not written in the letters that it should be.
    WrongEncoding,
    /// Its clock goes otherwise than ours.
    ClockSkew,
    /// It says something else than it used to.
    Drift,
}

pub const CASES: [Case; 10] = [
    Case::Duplicate,
    Case::OutOfOrder,
    Case::Half,
    Case::Refused,
    Case::TooMany,
    Case::Silent,
    Case::Oversized,
    Case::WrongEncoding,
    Case::ClockSkew,
    Case::Drift,
];

#[test]
fn every_kind_that_there_is_is_tried() {
    let tried: BTreeSet<&str> = asked::KINDS_ASKED.into_iter().chain(told::KINDS_TOLD).collect();
    let there: BTreeSet<&str> = KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(there, tried);
}
