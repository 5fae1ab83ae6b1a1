//! What the system knows and remembers: its residents, its sessions, and how it is to behave.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;

use super::{PASSWORD, USER};
use crate::sandbox::council::Council;
use crate::sandbox::council::household::{Adult, Household};
use crate::sandbox::faults::Faults;
use crate::sandbox::serving::Clock;

/// How long a session lives that nobody uses, in milliseconds.
const IDLE_MS: i64 = 20 * 60_000;
/// Household slots of a person's number.
const SLOTS: u64 = 4;

/// How it behaves. `/sandbox/behaviour` takes any part of it.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Behaviour {
    pub user: String,
    pub password: String,
    /// After so many refused sign-ins in a row the account is locked, and refuses the right one too.
    pub locks_after: u32,
    /// A session is over after so many calls.
    pub calls_max: Option<u32>,
    /// A session is over when nobody used it for so long (milliseconds).
    pub idle_ms: i64,
    /// What comes where a session is over.
    pub signed_out: SignedOut,
    /// One word stands for every session: whoever signs in is given it. The fault that must not happen.
    pub mixes_sessions: bool,
    /// Asked about this account or claim, or this person's accounts, it answers with an error inside.
    pub errs_at: Option<String>,
    /// The night whose data it has.
    pub night: u32,
    /// Everything stands in an element of this name more.
    pub wrapper: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            locks_after: 3,
            calls_max: None,
            idle_ms: IDLE_MS,
            signed_out: SignedOut::LoggedInFalse,
            mixes_sessions: false,
            errs_at: None,
            night: 1,
            wrapper: None,
        }
    }
}

/// What stands in for data where nobody is signed in. All of it comes with a 200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignedOut {
    /// The page's furniture, which says so.
    LoggedInFalse,
    /// The page on which people sign in.
    Html,
    /// Another document than was asked for.
    Another,
    SoapFault,
    Nothing,
}

/// How often what was asked.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// By operation.
    pub calls: BTreeMap<String, u32>,
    pub sign_ins: u32,
    pub refused: u32,
}

/// A session: who and what was looked at last.
#[derive(Clone, Debug, Default)]
pub struct Cursor {
    pub person: Option<String>,
    pub account: Option<String>,
    pub claim: Option<String>,
    pub calls: u32,
    pub last_ms: i64,
}

#[derive(Default)]
pub struct Memory {
    pub behaviour: Behaviour,
    pub sessions: HashMap<String, Cursor>,
    pub made: u32,
    pub refused_in_a_row: u32,
    pub counts: Counts,
    pub faults: Faults,
}

pub struct Shared {
    memory: Mutex<Memory>,
    pub council: Council,
    clock: Clock,
}

impl Shared {
    pub fn new(council: Council, clock: Clock) -> Shared {
        Shared { memory: Mutex::default(), council, clock }
    }

    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    fn night(&self) -> u32 {
        self.memory().behaviour.night
    }

    pub fn people(&self) -> Vec<(String, String)> {
        let night = self.night();
        let all =
            (0..self.council.households_on(night)).filter_map(|n| self.council.household(n, night));
        all.flat_map(|home| {
            let account = home.reference.clone();
            let pair = move |adult: &Adult| (person_reference(adult.id), account.clone());
            home.liable.iter().map(pair).collect::<Vec<_>>()
        })
        .collect()
    }

    pub fn accountless(&self) -> String {
        let home = self.council.household(0, 1);
        home.map_or_else(String::new, |home| person_reference(home.other.id))
    }

    pub fn resident(&self, person: &str) -> Option<(String, Vec<String>)> {
        let (home, slot) = find(&self.council, person, self.night())?;
        let adult = home.adult(slot)?;
        let accounts =
            if slot < home.liable.len() { vec![home.reference.clone()] } else { Vec::new() };
        Some((adult.surname.clone(), accounts))
    }
}

/// The number by which the system knows a person.
pub fn person_reference(id: u64) -> String {
    format!("99{id:07}")
}

/// The household that a person belongs to, and who of it they are.
pub fn find(council: &Council, person: &str, night: u32) -> Option<(Household, usize)> {
    let id: u64 = person.strip_prefix("99").filter(|rest| rest.len() == 7)?.parse().ok()?;
    let (index, slot) = (id.checked_sub(1)? / SLOTS, (id - 1) % SLOTS);
    let index = u32::try_from(index).ok().filter(|index| *index < council.households_on(night))?;
    let home = council.household(index, night)?;
    let slot = usize::try_from(slot).ok()?;
    home.adult(slot).is_some().then_some((home, slot))
}

impl Household {
    /// Who has that place in it: the liable first, and the other adult at the last.
    pub fn adult(&self, slot: usize) -> Option<&Adult> {
        match slot {
            3 => Some(&self.other),
            slot => self.liable.get(slot),
        }
    }
}
