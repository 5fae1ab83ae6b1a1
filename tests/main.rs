//! The one integration binary: each suite is a module.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails, and says where")]
#![expect(
    clippy::disallowed_methods,
    reason = "tests use the machine's clock and clients of their own"
)]

mod api;
mod architecture;
mod bad_inputs;
mod bulk;
mod connectors;
mod contracts;
mod crash;
mod definitions;
mod documents;
mod faults;
mod fuzz;
mod holds;
mod inbound;
mod init;
mod jobs;
mod residents;
mod sandbox;
mod screens;
mod secrecy;
mod serve;
mod support;
mod walk;
mod web;
