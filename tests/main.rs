//! The one integration binary: each suite is a module.

mod architecture;
mod connectors;
mod definitions;
mod jobs;
mod sandbox;
mod support;
