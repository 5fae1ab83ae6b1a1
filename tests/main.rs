//! The one integration binary: each suite is a module.

mod connectors;
mod definitions;
mod sandbox;
