//! Faults, by the numbers that the operations sheet gives them, and what must hold whatever happens: no row
//! that we took is lost, an effect happens once or a person is asked, per resident in its order, and every
//! batch adds up.
//!
//! The short form runs with the other tests. `scripts/faults` runs the long form and writes its report.
//! `VIADUCT_FAULTS_SEED` draws other plans. What needs a fail point (`job/fail_point.rs`) is there in debug
//! builds alone: `places`, and the controls, in which a safeguard is off and the checkers must find harm.

#[cfg(debug_assertions)]
mod controls;
mod disk;
mod events;
mod frozen;
mod kills;
mod load;
mod lost;
mod node;
mod partition;
#[cfg(debug_assertions)]
mod places;
mod poison;
pub mod proxy;
mod restarts;
mod server;
mod silent;
mod slow_database;
mod slow_receiver;
mod stage;
mod starts;
mod stops;

/// How much is done: as much as a change can wait for, or as much as the sheet asks for.
pub fn scaled(short: u32, long: u32) -> u32 {
    if is_long() { long } else { short }
}

pub fn is_long() -> bool {
    std::env::var("VIADUCT_FAULTS").is_ok_and(|form| form == "long")
}

/// A line of the report, `F1 Sqlite: what was done: what came of it`: printed, and appended to the file that `VIADUCT_FAULTS_REPORT` names.
pub fn report(line: &str) {
    use std::io::Write;
    println!("{line}");
    if let Some(path) = std::env::var_os("VIADUCT_FAULTS_REPORT") {
        let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
        writeln!(file.unwrap(), "{line}").unwrap();
    }
}
