//! Everything the sandbox remembers: accepted messages, received texts, what limits have been used,
//! which faults are armed, and the ledger that tests count. One lock guards it all; nothing waits
//! while holding it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::sandbox::faults::Faults;
use crate::sandbox::govuk_notify::limits::Limits;
use crate::sandbox::govuk_notify::message::{Message, Timings, moment};
use crate::sandbox::govuk_notify::receipts::Courier;
use crate::sandbox::govuk_notify::service::{KeyKind, Service};
use crate::sandbox::serving::Clock;

/// Messages are forgotten after a week.
const RETENTION_US: i64 = 7 * 86_400 * 1_000_000;

/// What every request can reach.
pub struct Shared {
    pub services: Vec<Arc<Service>>,
    pub timings: Timings,
    clock: Clock,
    memory: Mutex<Memory>,
}

#[derive(Default)]
pub struct Memory {
    pub limits: Limits,
    pub faults: Faults,
    pub received: Vec<ReceivedText>,
    pub courier: Courier,
    messages: Vec<Message>,
    by_id: HashMap<String, usize>,
    by_reference: HashMap<String, Vec<usize>>,
    ledger: Vec<Value>,
    ledger_file: Option<File>,
    last_us: i64,
}

/// A text that a resident sent in.
#[derive(Clone, Debug)]
pub struct ReceivedText {
    pub id: String,
    pub service_id: String,
    pub user_number: String,
    pub notify_number: String,
    pub content: String,
    pub created_us: i64,
}

impl Shared {
    pub fn new(services: Vec<Service>, clock: Clock) -> Self {
        Self {
            services: services.into_iter().map(Arc::new).collect(),
            timings: Timings::default(),
            clock,
            memory: Mutex::default(),
        }
    }

    pub fn with_timings(self, timings: Timings) -> Self {
        Self { timings, ..self }
    }

    pub fn now_ms(&self) -> i64 {
        (self.clock)()
    }

    pub fn now_us(&self) -> i64 {
        self.now_ms() * 1_000
    }

    /// A request that panicked left whole messages behind, or none: the memory is still good.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// An instant no other message has.
    pub fn fresh_instant(&mut self, now_us: i64) -> i64 {
        self.last_us = now_us.max(self.last_us + 1);
        self.last_us
    }

    /// Writes every entry to `file` as well, from now on.
    pub fn keep_ledger_in(&mut self, file: File) {
        self.ledger_file = Some(file);
    }

    /// Remembers a message. It is in the ledger's file before the caller hears of it.
    pub fn accept(&mut self, message: Message, sent_text: &str) -> std::io::Result<()> {
        self.note(&message, sent_text, false)?;
        let index = self.messages.len();
        self.by_id.insert(message.id.clone(), index);
        if let Some(reference) = &message.reference {
            self.by_reference.entry(reference.clone()).or_default().push(index);
        }
        self.messages.push(message);
        Ok(())
    }

    /// Notes a message to a recipient that only pretends: answered, but never stored.
    pub fn pretend(&mut self, message: &Message, sent_text: &str) -> std::io::Result<()> {
        self.note(message, sent_text, true)
    }

    /// A message of the service, whichever key made it.
    pub fn find(&self, service: &Service, id: &str, now_us: i64) -> Option<&Message> {
        self.by_id
            .get(id)
            .and_then(|&index| self.messages.get(index))
            .filter(|message| message.service_id == service.id && is_kept(message, now_us))
    }

    /// The messages made with a kind of key, newest first.
    pub fn list<'memory>(
        &'memory self,
        service: &'memory Service,
        key: KeyKind,
        reference: Option<&str>,
        now_us: i64,
    ) -> impl Iterator<Item = &'memory Message> {
        let chosen: Box<dyn Iterator<Item = &Message>> = match reference {
            Some(reference) => {
                let indices = self.by_reference.get(reference).map_or(&[][..], Vec::as_slice);
                Box::new(indices.iter().rev().filter_map(|&index| self.messages.get(index)))
            }
            None => Box::new(self.messages.iter().rev()),
        };
        chosen.filter(move |message| {
            message.service_id == service.id && message.key == key && is_kept(message, now_us)
        })
    }

    pub fn ledger(&self) -> &[Value] {
        &self.ledger
    }

    /// Forgets every message and what was used of the limits. Armed faults stay armed; the ledger's
    /// file is kept.
    pub fn reset(&mut self) {
        self.messages.clear();
        self.by_id.clear();
        self.by_reference.clear();
        self.ledger.clear();
        self.received.clear();
        self.limits = Limits::default();
        self.courier = Courier::default();
    }

    fn note(&mut self, message: &Message, sent_text: &str, simulated: bool) -> std::io::Result<()> {
        let entry = json!({
            "id": message.id,
            "service_id": message.service_id,
            "key_type": message.key,
            "type": message.channel.word(),
            "reference": message.reference,
            "recipient": message.to,
            "template_id": message.template_id,
            "template_version": message.template_version,
            "subject": message.subject,
            "body": sent_text,
            "postage": message.letter.as_ref().map(|letter| &letter.postage),
            "created_at": moment(message.created_us),
            "simulated": simulated,
        });
        if let Some(file) = &mut self.ledger_file {
            file.write_all(format!("{entry}\n").as_bytes())?;
            file.flush()?;
        }
        self.ledger.push(entry);
        Ok(())
    }
}

fn is_kept(message: &Message, now_us: i64) -> bool {
    now_us - message.created_us < RETENTION_US
}
