//! Faithful emulators of platforms and legacy systems, for tests, demonstrations and an
//! integrator's own bench. They answer by the systems' rules, never from recordings, and know
//! nothing of the hub but record.

pub mod academy;
pub mod browser;
pub mod civica_openrevenues;
pub mod civica_pay;
pub mod council;
pub mod faults;
pub mod govuk_notify;
pub mod govuk_pay;
pub mod posting;
pub mod receiver;
pub mod serving;
pub mod verint;
