//! Viaduct: the hub under a council's finance service. The floors are drawn in `docs/architecture.md`.

pub mod access;
pub mod app;
pub mod catalogue;
pub mod connector;
pub mod definition;
pub mod job;
pub mod mapping;
pub mod record;
pub mod resolution;
pub mod sandbox;
pub mod store;
pub mod suppression;
pub mod web;
