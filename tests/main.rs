//! The one integration binary: each suite is a module.

mod architecture;
mod connectors;
mod crash;
mod definitions;
mod jobs;
mod sandbox;
mod support;
mod walk;
