//! Everything the sandbox remembers, behind one lock, and what time alone does to it.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, SecondsFormat, Utc};
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value, json};

use super::check::Mode;
use super::limits::Limits;
use super::payment::{Card, Payment, Reason, Stage};
use super::webhooks::Courier;
use crate::sandbox::faults::Faults;
use crate::sandbox::serving::Clock;

/// An account of a service with the platform.
#[derive(Clone, Debug)]
pub struct Account {
    /// The key that its hub calls with.
    pub api_key: String,
    /// A live account wants https.
    pub live: bool,
    pub webhooks: Vec<Webhook>,
}

#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: String,
    pub secret: String,
}

/// How the sandbox behaves where the platform leaves it open.
#[derive(Clone, Copy, Debug)]
pub struct Behaviour {
    /// For how long a search knows nothing of what happened, milliseconds.
    pub search_lag_ms: i64,
    /// How long a payment by agreement takes to succeed or fail, milliseconds.
    pub agreement_ms: i64,
    /// Every webhook comes twice.
    pub webhooks_twice: bool,
    /// Webhooks of one moment come in the wrong order.
    pub webhooks_out_of_order: bool,
}

impl Default for Behaviour {
    fn default() -> Self {
        Behaviour {
            search_lag_ms: 1_000,
            agreement_ms: 1_000,
            webhooks_twice: false,
            webhooks_out_of_order: false,
        }
    }
}

/// A payer's standing permission.
#[derive(Clone, Debug)]
pub struct Agreement {
    pub id: String,
    pub account: usize,
    pub reference: String,
    pub description: String,
    pub user: Option<String>,
    pub status: &'static str,
    pub created_ms: i64,
    pub cancelled_ms: Option<i64>,
    pub card: Option<(Card, i64)>,
}

/// A payment that was asked for under a key, so that asking again is not asking twice.
#[derive(Clone, Debug)]
pub struct Promise {
    pub body: Map<String, Value>,
    pub payment: String,
    pub at_ms: i64,
}

pub struct Shared {
    pub accounts: Vec<Account>,
    clock: Clock,
    /// Milliseconds that a test has moved the clock on.
    moved_ms: AtomicI64,
    /// Held by whoever tells webhooks.
    pub telling: tokio::sync::Mutex<()>,
    memory: Mutex<Memory>,
}

#[derive(Default)]
pub struct Memory {
    pub behaviour: Behaviour,
    pub faults: Faults,
    pub limits: Limits,
    pub courier: Courier,
    pub payments: Vec<Payment>,
    by_id: HashMap<String, usize>,
    pub agreements: Vec<Agreement>,
    pub promises: HashMap<(usize, String), Promise>,
    ledger: Option<File>,
    requests: Option<File>,
}

impl Shared {
    pub fn new(accounts: Vec<Account>, clock: Clock) -> Self {
        Shared {
            accounts,
            clock,
            moved_ms: AtomicI64::new(0),
            telling: tokio::sync::Mutex::default(),
            memory: Mutex::default(),
        }
    }

    pub fn now_ms(&self) -> i64 {
        (self.clock)() + self.moved_ms.load(Ordering::Acquire)
    }

    /// Moves the sandbox's clock on.
    pub fn move_on(&self, ms: i64) {
        self.moved_ms.fetch_add(ms.max(0), Ordering::AcqRel);
    }

    /// The memory, with everything done that time alone does. A request that panicked left whole
    /// payments behind, or none: it is still good.
    pub fn memory(&self) -> MutexGuard<'_, Memory> {
        let mut memory = self.memory.lock().unwrap_or_else(PoisonError::into_inner);
        memory.let_time_pass(self.now_ms(), &self.accounts);
        memory
    }
}

impl Memory {
    /// Writes every payment to `file` as well, from now on.
    pub fn keep_ledger_in(&mut self, file: File) {
        self.ledger = Some(file);
    }

    /// Writes every request to `file`, from now on.
    pub fn keep_requests_in(&mut self, file: File) {
        self.requests = Some(file);
    }

    /// Writes down a request, where somebody wants to know. Its key is not written.
    pub fn note(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) {
        let Some(file) = &mut self.requests else { return };
        let headers: Map<String, Value> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let entry = json!({ "method": method, "path": path, "headers": headers, "body": body });
        // A line that is missing shows where the file is read.
        let _ = file.write_all(format!("{entry}\n").as_bytes());
    }

    /// Remembers a payment. It is in the ledger's file before the caller hears of it.
    pub fn accept(&mut self, payment: Payment) -> std::io::Result<()> {
        if let Some(file) = &mut self.ledger {
            let entry = json!({
                "payment_id": payment.id,
                "reference": payment.order.reference,
                "amount": payment.order.amount,
                "metadata": payment.order.metadata,
                "created_date": moment(payment.created_ms),
            });
            file.write_all(format!("{entry}\n").as_bytes())?;
            file.flush()?;
        }
        self.by_id.insert(payment.id.clone(), self.payments.len());
        self.payments.push(payment);
        Ok(())
    }

    pub fn payment(&self, account: usize, id: &str) -> Option<&Payment> {
        let payment = &self.payments[*self.by_id.get(id)?];
        (payment.account == account).then_some(payment)
    }

    pub fn payment_mut(&mut self, account: usize, id: &str) -> Option<&mut Payment> {
        let payment = &mut self.payments[*self.by_id.get(id)?];
        (payment.account == account).then_some(payment)
    }

    /// A payment of any account, for the payer and for tests.
    pub fn any_payment(&self, id: &str) -> Option<&Payment> {
        self.by_id.get(id).map(|place| &self.payments[*place])
    }

    /// Moves a payment on, and tells those who listen.
    pub fn enter(&mut self, id: &str, stage: Stage, now_ms: i64, accounts: &[Account]) {
        let Some(place) = self.by_id.get(id).copied() else { return };
        let payment = &mut self.payments[place];
        if payment.stage() == stage {
            return;
        }
        payment.stages.push((stage, now_ms));
        if stage == Stage::Success {
            payment.captured_ms = Some(now_ms);
        }
        if stage.is_finished() {
            payment.tokens.clear();
        }
        let payment = payment.clone();
        self.of_agreement(&payment, stage, now_ms);
        let events: &[&str] = match stage {
            Stage::Success => &["card_payment_succeeded", "card_payment_captured"],
            Stage::Failed(Reason::Expired) => &["card_payment_expired"],
            Stage::Failed(_) | Stage::Cancelled | Stage::Error => &["card_payment_failed"],
            _ => &[],
        };
        for event in events {
            self.tell(&payment, event, now_ms, accounts);
        }
    }

    /// Puts a webhook on its way to everybody who listens.
    pub fn tell(&mut self, payment: &Payment, event: &str, now_ms: i64, accounts: &[Account]) {
        let resource = payment.json("sandbox", payment.stage());
        for webhook in &accounts[payment.account].webhooks {
            let body = json!({
                "webhook_message_id": identifier(),
                "created_date": moment(now_ms),
                "resource_id": payment.id,
                "api_version": 1,
                "resource_type": "payment",
                "event_type": event,
                "resource": resource,
            });
            self.courier.expect(webhook.clone(), body.to_string(), now_ms, self.behaviour);
        }
    }

    /// What a payment's end means for the agreement that it belongs to.
    fn of_agreement(&mut self, payment: &Payment, stage: Stage, now_ms: i64) {
        let order = &payment.order;
        let Some(id) = order.set_up_agreement.as_ref().or(order.agreement_id.as_ref()) else {
            return;
        };
        let Some(agreement) = self.agreements.iter_mut().find(|one| one.id == *id) else { return };
        match stage {
            Stage::Success if order.set_up_agreement.is_some() => {
                agreement.status = "active";
                agreement.cancelled_ms = None;
                agreement.card = payment.card.map(|card| (card, now_ms));
            }
            Stage::Failed(Reason::Rejected { can_retry: Some(false) }) => {
                agreement.status = "inactive"
            }
            _ => {}
        }
    }

    fn let_time_pass(&mut self, now_ms: i64, accounts: &[Account]) {
        let agreement_ms = self.behaviour.agreement_ms;
        let mut due: Vec<(String, Stage, i64)> = Vec::new();
        for payment in self.payments.iter().filter(|payment| !payment.stage().is_finished()) {
            if let Some((at_ms, stage)) = payment.ends()
                && at_ms <= now_ms
            {
                due.push((payment.id.clone(), stage, at_ms));
            }
            let at_ms = payment.created_ms + agreement_ms;
            if payment.order.mode == Mode::Agreement && at_ms <= now_ms {
                due.push((payment.id.clone(), self.fate_of(payment), at_ms));
            }
        }
        for (id, stage, at_ms) in due {
            self.enter(&id, stage, at_ms, accounts);
        }
    }

    /// What becomes of a payment by agreement: the card that was saved decides.
    fn fate_of(&self, payment: &Payment) -> Stage {
        let id = payment.order.agreement_id.as_deref();
        let agreement = self.agreements.iter().find(|one| Some(one.id.as_str()) == id);
        let declines =
            agreement.and_then(|one| one.card).is_some_and(|(card, _)| card.last == "5100");
        match declines {
            true => Stage::Failed(Reason::Rejected { can_retry: Some(true) }),
            false => Stage::Success,
        }
    }
}

/// An identifier as the platform makes them: 26 characters of base 32.
pub fn identifier() -> String {
    let mut bytes = [0_u8; 26];
    SystemRandom::new().fill(&mut bytes).expect("the operating system has randomness to give");
    bytes
        .iter()
        .map(|byte| char::from(b"0123456789abcdefghijklmnopqrstuv"[usize::from(byte % 32)]))
        .collect()
}

/// `2026-11-01T09:30:00.000Z`
pub fn moment(ms: i64) -> String {
    let instant = DateTime::<Utc>::from_timestamp_millis(ms).unwrap_or_default();
    instant.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// `2026-11-01`
pub fn day(ms: i64) -> String {
    moment(ms)[..10].to_owned()
}
