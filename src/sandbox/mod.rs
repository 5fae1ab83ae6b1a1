//! Faithful emulators of the platforms the hub talks to, for tests, demonstrations and an integrator's own bench.
//! They answer by the platforms' rules, never from recordings, and know nothing of the hub.

pub mod govuk_notify;
pub mod serving;
