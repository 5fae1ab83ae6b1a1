//! An invented council, Example MBC, and the extracts that its three back offices write every night.
//!
//! Every byte follows from a seed, a size and the number of the night, so that a demonstration can
//! be repeated and a test can know the truth. Rows are made one at a time: memory does not grow
//! with the council. It knows nothing of the hub, and nobody in it is real.

mod account;
mod benefits;
mod chance;
mod crm;
pub mod household;
mod people;
mod revenues;

use std::io::{self, Write};

use chrono::{Days, NaiveDate};

/// Account references have seven digits behind `99`; this leaves room for years of new accounts.
const ACCOUNTS_MAX: u32 = 9_000_000;

/// A council of so many council tax accounts on its first night.
#[derive(Debug, Clone, Copy)]
pub struct Council {
    seed: u64,
    accounts: u32,
}

/// What a night's extract really holds, against the night before. A row counts once: `changed` are
/// neither new nor closed. On the first night every row is new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Truth {
    /// Rows in this extract; the rows of the night before, plus the new, less the dropped.
    pub rows: u64,
    pub new: u64,
    pub changed: u64,
    /// Still there, and said to be closed since last night.
    pub closed: u64,
    /// There last night and simply absent now.
    pub dropped: u64,
}

impl Council {
    pub fn new(seed: u64, accounts: u32) -> Self {
        Self { seed, accounts: accounts.min(ACCOUNTS_MAX) }
    }

    /// The revenues system: every council tax account, as XML. Nights count from 1.
    pub fn revenues_xml(&self, night: u32, out: &mut dyn Write) -> io::Result<Truth> {
        revenues::write(self, night.max(1), out)
    }

    /// The benefits system: every claim, as CSV. About one account in five has one; most claimants
    /// are people that revenues knows too, and a few rows are wrong in ways that must be held.
    pub fn benefits_csv(&self, night: u32, out: &mut dyn Write) -> io::Result<Truth> {
        benefits::write(self, night.max(1), out)
    }

    /// The CRM: everybody who once rang or wrote, as a document of JSON.
    pub fn crm_json(&self, night: u32, out: &mut dyn Write) -> io::Result<Truth> {
        crm::write(self, night.max(1), out)
    }

    /// The accounts there have ever been, that night.
    fn accounts_on(&self, night: u32) -> u32 {
        self.accounts + self.new_each_night() * (night - 1)
    }

    /// Two in a thousand, and at least five so that every night has some.
    fn new_each_night(&self) -> u32 {
        if self.accounts == 0 { 0 } else { (self.accounts / 500).max(5) }
    }

    /// The first night that had this account.
    fn born_on(&self, account: u32) -> u32 {
        match account.checked_sub(self.accounts) {
            None => 1,
            Some(later) => 2 + later / self.new_each_night().max(1),
        }
    }
}

/// The day whose end an extract describes.
fn run_date(night: u32) -> NaiveDate {
    let first = NaiveDate::from_ymd_opt(2026, 11, 1).expect("a day of the calendar");
    first + Days::new(u64::from(night - 1))
}

/// What the night did to one row, for the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tonight {
    Nothing,
    New,
    Changed,
    Closed,
}

impl Truth {
    fn count(&mut self, tonight: Tonight) {
        self.rows += 1;
        match tonight {
            Tonight::Nothing => {}
            Tonight::New => self.new += 1,
            Tonight::Changed => self.changed += 1,
            Tonight::Closed => self.closed += 1,
        }
    }
}

#[cfg(test)]
mod tests;
