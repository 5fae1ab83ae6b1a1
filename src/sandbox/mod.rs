//! Faithful emulators of platforms and legacy systems. They know nothing of the hub but record.

pub mod council;
