//! The canonical data model: what every room speaks of. No I/O, no clock, no configuration.

pub mod batch;
pub mod card;
pub mod cause;
pub mod delivery;
pub mod document;
pub mod facts;
pub mod fragment;
pub mod free_text;
pub mod hold;
pub mod holiday;
pub mod masking;
pub mod moment;
pub mod name;
pub mod payment_link;
pub mod personal;
pub mod reference;
pub mod schema;
pub mod search;
pub mod value;
