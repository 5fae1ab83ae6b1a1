//! Everything the sandbox remembers, behind one lock.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use super::seed;
use crate::record::moment::Moment;
use crate::sandbox::faults::Faults;
use crate::sandbox::serving::Clock;

/// A person, with all that the CRM ever knew.
#[derive(Clone, Debug, Default)]
pub struct Individual {
    pub id: String,
    pub title: String,
    pub given: Vec<String>,
    pub family: String,
    pub born: Option<String>,
    pub nino: Option<String>,
    pub postals: Vec<Postal>,
    pub phones: Vec<Contact>,
    pub emails: Vec<Contact>,
    pub modified: String,
}

#[derive(Clone, Debug, Default)]
pub struct Postal {
    pub id: String,
    pub number: String,
    /// Four, by their places.
    pub lines: [String; 4],
    pub postcode: String,
    /// As it was typed in: padded, or the number of a property.
    pub uprn: String,
    pub city: String,
    pub preferred: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Contact {
    pub id: String,
    pub value: String,
    pub preferred: bool,
}

#[derive(Clone, Debug, Default)]
pub struct Property {
    pub uprn: String,
    pub number: String,
    pub line: String,
    pub city: String,
    pub postcode: String,
}

/// A case. Moments are as the CRM writes them, by London's clock.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub person: Option<String>,
    pub status: String,
    pub title: String,
    pub description: String,
    pub queue: Option<String>,
    pub classification: [String; 3],
    pub event_code: Option<String>,
    pub form: Vec<(String, String)>,
    pub opened: String,
    pub closed: Option<String>,
    pub modified: String,
    pub notes: Vec<Note>,
}

#[derive(Clone, Debug, Default)]
pub struct Note {
    pub text: String,
    pub documents: Vec<String>,
}

/// How the sandbox behaves where the CRM leaves it open.
#[derive(Clone, Debug)]
pub struct Behaviour {
    /// A token is good for so many calls,
    pub token_calls: u32,
    /// and for so long.
    pub token_ms: i64,
    /// Faults come with the status 200, as some proxies make of them.
    pub faults_as_200: bool,
    /// So many case updates, from now on, are written over by somebody else at the same moment.
    pub written_over: u32,
    /// Where it is told that a case was closed; nowhere.
    pub events_to: Option<String>,
    /// How long a document takes to be kept; one that comes in that time is lost.
    pub document_ms: u64,
    /// The case that is listed without its number; none.
    pub unnumbered: Option<String>,
}

impl Default for Behaviour {
    fn default() -> Behaviour {
        Behaviour {
            token_calls: 1_000,
            token_ms: 20 * 60_000,
            faults_as_200: false,
            written_over: 0,
            events_to: None,
            document_ms: 5,
            unnumbered: None,
        }
    }
}

pub struct Shared {
    clock: Clock,
    moved_ms: AtomicI64,
    /// Documents that are being kept at this moment.
    pub documents_under_way: AtomicUsize,
    memory: Mutex<Memory>,
}

#[derive(Default)]
pub struct Memory {
    pub behaviour: Behaviour,
    pub faults: Faults,
    pub individuals: BTreeMap<String, Individual>,
    pub properties: BTreeMap<String, Property>,
    pub cases: BTreeMap<String, Case>,
    /// Cases that are listed and cannot be read any more.
    pub gone: BTreeMap<String, Case>,
    pub interactions: BTreeMap<String, String>,
    pub documents: BTreeMap<String, String>,
    /// Each token: calls so far, and when it was made (UTC milliseconds).
    tokens: HashMap<String, (u32, i64)>,
    made: u64,
    pub calls: u64,
    pub logins: u64,
    /// Sign-ins that were refused.
    pub refused: u64,
    ledger: Vec<Value>,
    file: Option<File>,
}

impl Shared {
    pub fn council(clock: Clock) -> Shared {
        let now_ms = clock();
        Shared {
            clock,
            moved_ms: AtomicI64::new(0),
            documents_under_way: AtomicUsize::new(0),
            memory: Mutex::new(seed::council(Moment(now_ms - 3_600_000))),
        }
    }

    pub fn now_ms(&self) -> i64 {
        (self.clock)() + self.moved_ms.load(Ordering::Acquire)
    }

    /// Now, as the CRM writes it.
    pub fn now(&self) -> String {
        Moment(self.now_ms()).wall_said()
    }

    /// Moves the sandbox's clock on.
    pub fn move_on(&self, ms: i64) {
        self.moved_ms.fetch_add(ms.max(0), Ordering::AcqRel);
    }

    /// The memory. A request that panicked left whole things behind, or none: it is still good.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    pub fn keep_ledger_in(&mut self, file: File) {
        self.file = Some(file);
    }

    /// Writes down what was written. It is in the ledger's file before the caller hears of it.
    pub fn note(&mut self, did: &str, about: &str, now_ms: i64, what: Value) {
        let entry = json!({ "did": did, "about": about, "at_ms": now_ms, "what": what });
        if let Some(file) = &mut self.file {
            // A line that is missing shows where the file is read.
            let _ = file.write_all(format!("{entry}\n").as_bytes());
        }
        self.ledger.push(entry);
    }

    pub fn ledger(&self) -> &[Value] {
        &self.ledger
    }

    /// A number that nothing else has.
    pub fn number(&mut self, first: u64) -> String {
        self.made += 1;
        (first + self.made).to_string()
    }

    pub fn new_token(&mut self, now_ms: i64) -> String {
        self.logins += 1;
        let token = format!("U2FuZGJveA=={}", self.logins);
        self.tokens.insert(token.clone(), (0, now_ms));
        token
    }

    /// Whether a token lets somebody in; each call wears it.
    pub fn lets_in(&mut self, token: &str, now_ms: i64) -> bool {
        let (most, lasts_ms) = (self.behaviour.token_calls, self.behaviour.token_ms);
        let Some((calls, made_ms)) = self.tokens.get_mut(token) else { return false };
        *calls += 1;
        *calls <= most && now_ms < *made_ms + lasts_ms
    }

    /// No token lets anybody in any more.
    pub fn forget_tokens(&mut self) {
        self.tokens.clear();
    }
}
