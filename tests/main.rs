//! The one integration binary: each suite is a module.

mod architecture;
mod support;
