//! The one integration binary: each suite is a module.

mod architecture;
mod connectors;
mod definitions;
mod sandbox;
mod support;
mod walk;
