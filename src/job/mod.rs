//! The verbs: ingest, resolve, deliver.

pub mod bell;
pub mod bulk;
pub mod clock;
pub mod definition;
pub mod deliver;
pub mod disposition;
pub mod error;
pub mod fail_point;
pub mod holds;
pub mod identity;
pub mod ingest;
pub mod lease;
pub mod matches;
pub mod packing;
pub mod replay;
pub mod resolve;
pub mod standing;
