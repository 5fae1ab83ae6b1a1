//! Deliver: what is waiting for a destination leaves through the gate, once.
//!
//! The intent is written before anything is sent. A send without an answer is asked after, by our
//! reference, and goes again only where the platform knows of no such thing a while after we gave
//! up. One run at a time holds a destination's lease, and only the holder sends or asks; whatever
//! the holder before had in its hands is asked after first. A run that is dropped at any point, or
//! killed, leaves nothing that the next one does not find.
//!
//! While a batch is on its way, the next is claimed and judged, and what became of the one before is
//! written. `deliver` ends when nothing is due; `attend` goes on until it is told to end, and is woken
//! when there is something to send.

mod door;
mod drain;
pub mod judgement;
mod outcome;
mod questions;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::futures::Notified;

use self::door::{Door, Opening};
use super::bell::Bell;
use super::definition::Retry;
use super::error::JobError;
use super::fail_point::{self, Safeguard};
use super::holds;
use super::ingest::Bench;
use super::lease;
use crate::connector::channel::{ConnectorError, Destination};
use crate::connector::conduct::Conduct;
use crate::connector::definition::Patience;
use crate::record::delivery::State;
use crate::store::database::StoreError;
use crate::store::destinations::{self, DestinationRow};
use crate::store::due;
use crate::store::intents::Intent;
use crate::store::leases::{self, Lease, Taking, Wanted};
use crate::store::outbox::NEVER_MS;
use crate::store::sending::{self, Postponed, Settled};
use crate::suppression::policy::Policy;

/// A run never looks again sooner than this.
const SHORTEST_MS: i64 = 1_000;
/// Long enough for a busy machine, and short enough that a dead node's work is taken up in half a minute.
const LEASE_MS: i64 = 20_000;
/// No wait ends later than this: somebody may have changed what we do not look at.
const AGES_MS: i64 = i64::MAX / 2;

/// How a deliver job goes about it; filled by `app` from the definitions.
pub struct Deliver {
    pub job: String,
    /// The name of the connector.
    pub destination_name: String,
    pub destination: Arc<dyn Destination>,
    /// Begins the code of what failed at the platform: `notify` gives `notify.permanent-failure`.
    pub platform: String,
    /// Who we are among the nodes, machine and process: no two alive have the same.
    pub holder: String,
    /// Whether this hub serves real residents.
    pub production: bool,
    /// What the gate judges by.
    pub policy: Arc<Policy>,
    /// Whether a holder of the destination's lease is known to be dead: its lease is taken although it
    /// is not over. Nobody else's is, whoever took over meanwhile.
    pub is_gone: fn(&str) -> bool,
    /// Deliveries claimed at once, at most.
    pub batch: i64,
    /// How long a sender that is silent keeps the destination. Renewed while we send.
    pub lease_ms: i64,
    pub retry: Retry,
    /// How long is waited for what.
    pub patience: Patience,
    /// How fast, how much a day, when not at all.
    pub conduct: Conduct,
    /// What wakes it, and tells it to end.
    pub bell: Arc<Bell>,
    /// How soon a run that waits sees what somebody else has set going: a payer may be waiting too.
    pub notice_ms: i64,
}

impl Deliver {
    /// With the usual patience.
    pub fn new(
        destination_name: &str,
        platform: &str,
        destination: Arc<dyn Destination>,
    ) -> Deliver {
        Deliver {
            job: format!("deliver-{destination_name}"),
            destination_name: destination_name.to_owned(),
            destination,
            platform: platform.to_owned(),
            holder: "viaduct".to_owned(),
            production: true,
            policy: Arc::default(),
            is_gone: |_| false,
            batch: 1_000,
            lease_ms: fail_point::lease_ms(LEASE_MS),
            retry: Retry { attempts: 8, ..Retry::default() },
            patience: Patience::default(),
            conduct: Conduct::default(),
            bell: Arc::default(),
            notice_ms: 500,
        }
    }
}

/// What a run did. A delivery is counted in each state that it came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Intents written.
    pub claimed: u64,
    /// Questions put after a silence.
    pub asked: u64,
    pub accepted: u64,
    pub delivered: u64,
    /// To be sent again, or later.
    pub waiting: u64,
    pub unknown: u64,
    pub held: u64,
    /// Payments that are to be made again when their payers come back.
    pub offered: u64,
    /// When something is due next, if anything is (UTC milliseconds).
    pub next_ms: Option<i64>,
    /// Never sent, since a newer one was.
    pub replaced: u64,
    /// Somebody else sends to this destination now, and nothing was done.
    pub busy: bool,
}

/// Runs the job once: asks about what nobody knows, sends what is due, follows what was accepted.
/// When there is nothing left to do but wait, it waits no longer than `patience_ms`.
pub async fn deliver(job: &Deliver, bench: &Bench, patience_ms: i64) -> Result<Report, JobError> {
    let Some(lease) = take_lease(job, bench, patience_ms).await? else {
        return Ok(Report { busy: true, ..Report::default() });
    };
    let mut run = Run::open(job, bench, lease).await?;
    // Whoever runs it by hand has mended what halted it, or wants to see whether they have.
    run.door.retry();
    run.until_the_end(Some(patience_ms)).await
}

/// Sends whatever is due, whenever it is, until the bell says that it is over. `is_first` where this
/// process begins: what halted the destination may be mended by now.
pub async fn attend(job: &Deliver, bench: &Bench, is_first: bool) -> Result<Report, JobError> {
    let Some(lease) = take_lease(job, bench, AGES_MS).await? else {
        return Ok(Report::default());
    };
    let mut run = Run::open(job, bench, lease).await?;
    if is_first {
        run.door.retry();
    }
    run.until_the_end(None).await
}

/// The right to send to the destination; None where somebody else keeps it for too long, or it is over.
async fn take_lease(
    job: &Deliver,
    bench: &Bench,
    patience_ms: i64,
) -> Result<Option<Lease>, JobError> {
    let name = format!("deliver:{}", job.destination_name);
    let deadline_ms = bench.clock.now_ms().saturating_add(patience_ms);
    let mut dead: Option<String> = None;
    loop {
        let now_ms = bench.clock.now_ms();
        let wanted = Wanted {
            name: &name,
            holder: &job.holder,
            now_ms,
            until_ms: now_ms + job.lease_ms,
            from: dead.as_deref(),
        };
        match leases::take(&bench.database, wanted).await? {
            Taking::Ours(lease) => return Ok(Some(lease)),
            Taking::Theirs { holder, .. } if dead.is_none() && (job.is_gone)(&holder) => {
                dead = Some(holder);
            }
            Taking::Theirs { .. } if now_ms >= deadline_ms || job.bell.must_end() => {
                return Ok(None);
            }
            Taking::Theirs { until_ms, .. } => {
                // They may end before their time, so we look again sooner.
                let wait_ms = (until_ms.min(deadline_ms) - now_ms).clamp(1, SHORTEST_MS);
                dead = None;
                tokio::select! {
                    () = bench.clock.pause(wait_ms) => {}
                    () = job.bell.ended() => {}
                }
            }
        }
    }
}

/// What ended a wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Woken {
    Due,
    Rung,
}

struct Run<'a> {
    job: &'a Deliver,
    bench: &'a Bench,
    lease: Lease,
    /// Until when the lease is known to be ours (UTC milliseconds).
    kept_until_ms: AtomicI64,
    door: Door,
    /// Batches claimed so far.
    claims: i64,
    report: Report,
}

impl<'a> Run<'a> {
    async fn open(job: &'a Deliver, bench: &'a Bench, lease: Lease) -> Result<Run<'a>, JobError> {
        let row = destinations::get(&bench.database, &job.destination_name).await?;
        let row = row.unwrap_or_else(|| DestinationRow::fresh(&job.destination_name));
        let door = Door::new(job.conduct.clone(), row);
        Ok(Run {
            job,
            bench,
            lease,
            // Taking up what the sender before us left renews it.
            kept_until_ms: AtomicI64::new(0),
            door,
            claims: 0,
            report: Report::default(),
        })
    }

    async fn until_the_end(mut self, patience_ms: Option<i64>) -> Result<Report, JobError> {
        let done = Box::pin(self.go(patience_ms)).await;
        let (database, clock) = (&self.bench.database, &*self.bench.clock);
        let released = lease::give_back(database, clock, &self.lease, self.job.lease_ms).await;
        done?;
        released?;
        Ok(self.report)
    }

    /// Without patience it goes on until it is over.
    async fn go(&mut self, patience_ms: Option<i64>) -> Result<(), JobError> {
        self.recover().await?;
        holds::catch_up(&self.bench.database, self.now_ms()).await?;
        let mut deadline_ms = None;
        let mut is_rung = false;
        loop {
            // Whoever rings from here on is heard.
            let mut rung = std::pin::pin!(self.job.bell.rung());
            rung.as_mut().enable();
            // Who was woken by the bell has something to send.
            let mut asked = if is_rung { 0 } else { self.ask().await? };
            let claimed = Box::pin(self.drain()).await?;
            if std::mem::take(&mut is_rung) {
                asked = self.ask().await?;
            }
            let followed =
                self.follow().await? + self.watch().await? + self.look_once_more().await?;
            if self.job.bell.must_end() {
                return Ok(());
            }
            if claimed > 0 {
                continue;
            }
            let now_ms = self.now_ms();
            // What is due and yet was not done is not ours to do: it is looked at again later.
            let idle = asked + followed == 0;
            let not_before_ms = if idle { now_ms + SHORTEST_MS } else { now_ms };
            self.report.next_ms = self.next_ms(not_before_ms).await?;
            if self.report.next_ms.is_some_and(|next_ms| next_ms <= now_ms) {
                continue;
            }
            let deadline_ms = patience_ms
                .map(|patience_ms| *deadline_ms.get_or_insert(now_ms.saturating_add(patience_ms)));
            match self.wait(not_before_ms, deadline_ms, rung).await? {
                Some(woken) => is_rung = woken == Woken::Rung,
                None => return Ok(()),
            }
        }
    }

    /// Waits until something is due, and holds on to the lease meanwhile. None where nothing comes in time.
    async fn wait(
        &mut self,
        not_before_ms: i64,
        deadline_ms: Option<i64>,
        mut rung: Pin<&mut Notified<'_>>,
    ) -> Result<Option<Woken>, JobError> {
        let beat_ms = (self.job.lease_ms / 3).max(1);
        let mut renew_ms = self.now_ms();
        loop {
            let now_ms = self.now_ms();
            let next_ms = match (self.report.next_ms, deadline_ms) {
                (Some(next_ms), _) if next_ms <= now_ms => return Ok(Some(Woken::Due)),
                (None, Some(_)) => return Ok(None),
                (Some(next_ms), Some(deadline_ms)) if next_ms > deadline_ms => return Ok(None),
                (next_ms, _) => next_ms.unwrap_or(AGES_MS),
            };
            let wait_ms = (next_ms - now_ms).min(beat_ms).min(self.job.notice_ms);
            tokio::select! {
                () = self.bench.clock.pause(wait_ms.max(1)) => {}
                () = rung.as_mut() => return Ok(Some(Woken::Rung)),
                () = self.job.bell.ended() => return Ok(None),
            }
            if self.now_ms() >= renew_ms {
                let until_ms = self.until_ms();
                leases::keep(&self.bench.database, &self.lease, until_ms).await?;
                self.kept(until_ms);
                renew_ms = self.now_ms() + beat_ms / 2;
                self.look_at_the_door().await?;
                if deadline_ms.is_none() {
                    holds::catch_up(&self.bench.database, self.now_ms()).await?;
                }
            }
            // No bell is heard from another process on SQLite.
            if self.is_open() && (self.is_due(false).await? || self.is_due(true).await?) {
                return Ok(Some(Woken::Due));
            }
            self.report.next_ms = self.next_ms(not_before_ms).await?;
        }
    }

    /// What the sender before us left in mid-air.
    async fn recover(&mut self) -> Result<(), JobError> {
        let (now_ms, until_ms) = (self.now_ms(), self.until_ms());
        let (database, name) = (&self.bench.database, &self.job.destination_name);
        let found = sending::recover(database, &self.lease, name, now_ms, until_ms).await?;
        self.kept(until_ms);
        fail_point::pass("deliver.recovered");
        self.report.unknown += found.unknown;
        self.report.held += found.held;
        Ok(())
    }

    /// How the destination stands by now: a person may have paused it, or let it go on.
    async fn look_at_the_door(&mut self) -> Result<(), StoreError> {
        let row = destinations::get(&self.bench.database, &self.job.destination_name).await?;
        if let Some(row) = row {
            self.door.renew(row);
        }
        Ok(())
    }

    /// Writes how the destination stands, if that changed.
    async fn keep_the_door(&mut self) -> Result<(), StoreError> {
        match self.door.changed() {
            Some(row) => destinations::save(&self.bench.database, &self.lease, row).await,
            None => Ok(()),
        }
    }

    fn is_open(&mut self) -> bool {
        let now_ms = self.now_ms();
        match self.door.opening(now_ms, self.job.batch, false) {
            Opening::Now { all, .. } => all > 0,
            Opening::Shut { .. } => false,
        }
    }

    async fn is_due(&self, suspects: bool) -> Result<bool, StoreError> {
        let name = &self.job.destination_name;
        sending::is_due(&self.bench.database, name, self.now_ms(), suspects).await
    }

    /// Writes what was learnt, all of it, before a closed door stops the job.
    async fn write(&mut self, learnt: Learnt) -> Result<(), JobError> {
        let written = self.settle(&learnt);
        let changed = self.while_leased(written).await??;
        self.report.count(&changed);
        if !learnt.postponed.is_empty() {
            sending::postpone(&self.bench.database, &learnt.postponed).await?;
        }
        if let Some(ConnectorError::Unauthorised { code, cause }) = &learnt.halt {
            self.door.halt(code, cause.clone(), self.now_ms());
        }
        self.keep_the_door().await?;
        learnt.halt.map_or(Ok(()), |error| Err(JobError::Connector(error)))
    }

    /// Writes how deliveries stand; a database that is away is waited for, as long as the lease is ours.
    /// Gives the states of those that were still ours to settle.
    async fn settle(&self, learnt: &Learnt) -> Result<Vec<State>, StoreError> {
        let Learnt { settled, ended, .. } = learnt;
        if settled.is_empty() && ended.is_empty() {
            return Ok(Vec::new());
        }
        fail_point::pass("deliver.before_outcome");
        let (database, name) = (&self.bench.database, &self.job.destination_name);
        let changed = loop {
            match sending::settle(database, name, (settled, ended), self.now_ms()).await {
                Err(StoreError::Unavailable(_)) => {
                    self.bench.clock.pause(lease::DATABASE_AWAY_MS).await
                }
                done => break done?,
            }
        };
        fail_point::pass("deliver.outcome");
        let ours = settled.iter().filter(|one| changed.contains(&one.id));
        Ok(ours.map(|one| one.state).collect())
    }

    /// When something is due next: a question not before that time, a send at once, unless the door is
    /// shut.
    async fn next_ms(&mut self, not_before_ms: i64) -> Result<Option<i64>, StoreError> {
        let now_ms = self.now_ms();
        let opening = self.door.opening(now_ms, self.job.batch, false);
        let (shut_ms, after_ms) = match opening {
            Opening::Shut { until_ms } => (until_ms, i64::MIN),
            Opening::Now { all: 0, .. } => {
                (self.door.ordinary_from_ms(now_ms).unwrap_or(now_ms), i64::MIN)
            }
            // What is due and was not claimed waits for another, which comes due by itself.
            Opening::Now { .. } => (now_ms, now_ms),
        };
        let name = &self.job.destination_name;
        let due = due::next_due(&self.bench.database, name, after_ms).await?;
        let waiting_ms = due.waiting_ms.map(|ms| ms.max(shut_ms)).filter(|ms| *ms < NEVER_MS);
        let from_ms = self.door.questions_from_ms(now_ms).unwrap_or(not_before_ms);
        let asked = [due.unknown_ms, due.accepted_ms, due.offered_ms, due.recheck_ms];
        let asked = asked.into_iter().flatten();
        let asked = asked.map(|ms| ms.max(not_before_ms).max(from_ms));
        Ok(asked.chain(waiting_ms).filter(|ms| *ms < NEVER_MS).min())
    }

    /// Does what takes its time while the lease is renewed beside it. Where somebody else has taken the
    /// lease, or may have, the work is dropped on the spot: what was not sent yet is not sent. So it is
    /// where nobody answers whether it is still ours: when its time is over, we have stopped.
    async fn while_leased<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        let beat = Duration::from_millis((self.job.lease_ms / 3).max(1).unsigned_abs());
        let mut failed = None;
        let mut work = std::pin::pin!(work);
        loop {
            // A process that was stopped and goes on learns first whether it may.
            let left = self.lease_left();
            if left.is_zero() {
                let what = format!("the lease {} was over before it was renewed", self.lease.name);
                return Err(failed.unwrap_or(StoreError::Conflict(what)));
            }
            tokio::select! {
                biased;
                () = tokio::time::sleep(beat.min(left)) => {}
                done = &mut work => return Ok(done),
            }
            let until_ms = self.until_ms();
            let kept = tokio::select! {
                biased;
                () = tokio::time::sleep(self.lease_left()) => continue,
                kept = leases::keep(&self.bench.database, &self.lease, until_ms) => kept,
                // It goes on meanwhile: the renewal may wait for a transaction of its own.
                done = &mut work => return Ok(done),
            };
            match kept {
                Ok(()) => self.kept(until_ms),
                Err(error @ StoreError::Unavailable(_)) => failed = Some(error),
                Err(_) if Safeguard::Lease.is_off() => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The lease was renewed.
    fn kept(&self, until_ms: i64) {
        self.kept_until_ms.fetch_max(until_ms, Ordering::Relaxed);
    }

    fn lease_left(&self) -> Duration {
        if Safeguard::Lease.is_off() {
            return Duration::from_millis(self.job.lease_ms.unsigned_abs());
        }
        let left_ms = self.kept_until_ms.load(Ordering::Relaxed) - self.now_ms();
        Duration::from_millis(u64::try_from(left_ms).unwrap_or(0))
    }

    fn now_ms(&self) -> i64 {
        self.bench.clock.now_ms()
    }

    fn until_ms(&self) -> i64 {
        self.now_ms() + self.job.lease_ms
    }
}

impl Report {
    fn count(&mut self, states: &[State]) {
        for state in states {
            match state {
                State::Waiting => self.waiting += 1,
                State::Accepted => self.accepted += 1,
                State::Delivered => self.delivered += 1,
                State::Unknown => self.unknown += 1,
                State::Held => self.held += 1,
                State::Offered => self.offered += 1,
                State::Replaced => self.replaced += 1,
                // Nothing is settled as being sent, and dismissed by nobody but a person.
                State::Sending | State::Dismissed => {}
            }
        }
    }
}

/// What some sends or questions came to.
#[derive(Debug, Default)]
struct Learnt {
    settled: Vec<Settled>,
    /// The intents of what they say everything of.
    ended: Vec<Intent>,
    postponed: Vec<Postponed>,
    /// The platform does not let us in.
    halt: Option<ConnectorError>,
}

impl Learnt {
    fn add(&mut self, next: outcome::Next) {
        match next {
            outcome::Next::Settled(settled) => self.settled.push(settled),
            outcome::Next::Postponed(postponed) => self.postponed.push(postponed),
            outcome::Next::Halted(settled, error) => {
                self.settled.extend(settled);
                self.halt = Some(error);
            }
        }
    }
}
