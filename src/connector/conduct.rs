//! How a system that is told is treated, whatever its kind: how fast, how much a day, when not at all,
//! and what is made of its failures.

use super::window::{SHAPE, Window};
use crate::definition::shape::{Key, key};
use crate::definition::table::Table;
use crate::record::delivery::Channel;

/// The table that it is read from.
pub const SENDING: Key =
    key("sending", "For a system that is told: how fast, how much a day, when not at all.");

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conduct {
    /// Of all nodes together.
    pub per_minute: Option<u32>,
    /// This part of the pace is kept for what is urgent.
    pub urgent_percent: u8,
    /// So many failures one after another open the circuit.
    pub failures: u32,
    /// How long nothing is sent then; each time twice as long.
    pub probe_ms: i64,
    pub probe_longest_ms: i64,
    pub per_day: PerDay,
    pub maintenance: Vec<Window>,
}

/// How many of each channel on a day, from midnight to midnight UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PerDay {
    pub email: Option<u32>,
    pub sms: Option<u32>,
    pub letter: Option<u32>,
}

impl PerDay {
    pub fn of(&self, channel: Channel) -> Option<u32> {
        match channel {
            Channel::Email => self.email,
            Channel::Sms => self.sms,
            Channel::Letter => self.letter,
        }
    }
}

impl Default for Conduct {
    fn default() -> Conduct {
        Conduct {
            per_minute: None,
            urgent_percent: 20,
            failures: 5,
            probe_ms: 15_000,
            probe_longest_ms: 300_000,
            per_day: PerDay::default(),
            maintenance: Vec::new(),
        }
    }
}

/// Reads the table; also how it is described.
pub fn read(table: &Table<'_>) -> Conduct {
    let usual = Conduct::default();
    let many = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let doc = "So many leave in a minute, of all nodes together. Where nothing is said, as fast as it goes.";
    let per_minute = table.whole(key("per_minute", doc), 1..=10_000_000);
    let doc = "This many of a hundred are kept for what is urgent.";
    let urgent = table.whole_or(key("urgent_percent", doc), 0..=90, 20);
    let doc = "So many failures one after another, and nothing is sent for a while; then one at a time, \
               until one gets through.";
    let failures = table.whole_or(key("failures", doc), 1..=10, i64::from(usual.failures));
    let doc = "How long nothing is sent after failures. Each time twice as long as before.";
    let probe_ms = table.duration_or(key("pause", doc), "15s").max(1_000);
    let doc = "No such pause is longer.";
    let probe_longest_ms = table.duration_or(key("pause_longest", doc), "5m").max(probe_ms);
    let doc = "How many of each channel leave on a day, which begins at midnight UTC. What is left waits for \
               the next.";
    let per_day = table.table(key("per_day", doc)).map(|table| {
        let most = |name, doc| table.whole(key(name, doc), 0..=100_000_000);
        let per_day = PerDay {
            email: most("email", "E-mails.").map(|number| many(number.value)),
            sms: most("sms", "Text messages.").map(|number| many(number.value)),
            letter: most("letter", "Letters.").map(|number| many(number.value)),
        };
        table.finish();
        per_day
    });
    let doc = "When the system is not to be called at all, by London's clock.";
    let windows = key("maintenance", doc).example("maintenance = [\"Sun 02:00-06:00\"]");
    let mut maintenance = Vec::new();
    for written in table.texts(windows).unwrap_or_default() {
        match Window::parse(&written.value) {
            Some(window) => maintenance.push(window),
            None => {
                let what = format!("`{}` is no stretch of time", written.value);
                table.error(written.at, what, "cannot be kept", Some(SHAPE.to_owned()));
            }
        }
    }
    Conduct {
        per_minute: per_minute.map(|number| many(number.value)),
        urgent_percent: u8::try_from(urgent).unwrap_or(usual.urgent_percent),
        failures: many(failures),
        probe_ms,
        probe_longest_ms,
        per_day: per_day.unwrap_or_default(),
        maintenance,
    }
}
