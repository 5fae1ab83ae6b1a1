//! What the suites share. Nothing here knows what is being tested.

pub mod hub;
pub mod mariadb;
pub mod postgres;
