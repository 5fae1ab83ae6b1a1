//! Deliver: what is waiting for a destination leaves through the gate, once.
//!
//! The intent is written before anything is sent. A send without an answer is asked after, by our
//! reference, and goes again only where the platform knows of no such thing a while after we gave
//! up. One run at a time holds a destination's lease, and only the holder sends or asks; whatever
//! the holder before had in its hands is asked after first. A run that is dropped at any point, or
//! killed, leaves nothing that the next one does not find.
//!
//! Two messages to one person may leave in either order; nothing here reads what a message says.

pub mod judgement;
mod outcome;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use serde::Serialize;

use super::definition::Retry;
use super::error::JobError;
use super::fail_point;
use super::ingest::Bench;
use crate::connector::channel::{ConnectorError, Destination, Inquiry, Question};
use crate::connector::definition::Patience;
use crate::record::delivery::{Content, State};
use crate::store::database::StoreError;
use crate::store::leases::{self, Lease, Taking, Wanted};
use crate::store::sending::{self, PendingRow, Postponed, Settled};
use crate::suppression::policy::Policy;

/// Questions to a platform under way at once.
const QUESTIONS_AT_ONCE: usize = 8;
/// Questions put before the next look at what is waiting.
const QUESTIONS: i64 = 64;
/// A run never looks again sooner than this.
const SHORTEST_MS: i64 = 1_000;

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
    /// A holder of the destination's lease who is known to be dead: its lease is taken although it is
    /// not over. Nobody else's is, whoever took over meanwhile.
    pub dead_holder: Option<String>,
    /// Deliveries claimed at once.
    pub batch: i64,
    /// How long a sender that is silent keeps the destination. Renewed while we send.
    pub lease_ms: i64,
    pub retry: Retry,
    /// How long is waited for what.
    pub patience: Patience,
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
            dead_holder: None,
            batch: 200,
            lease_ms: 30_000,
            retry: Retry { attempts: 8, ..Retry::default() },
            patience: Patience::default(),
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
    /// Somebody else sends to this destination now, and nothing was done.
    pub busy: bool,
}

/// Runs the job once: asks about what nobody knows, sends what is due, follows what was accepted.
/// When there is nothing left to do but wait, it waits no longer than `patience_ms`.
pub async fn deliver(job: &Deliver, bench: &Bench, patience_ms: i64) -> Result<Report, JobError> {
    let Some(lease) = take_lease(job, bench, patience_ms).await? else {
        return Ok(Report { busy: true, ..Report::default() });
    };
    let report = Report::default();
    let mut run = Run { job, bench, lease, shut_until_ms: 0, shut_times: 0, report };
    let done = run.go(patience_ms).await;
    let released = leases::release(&bench.database, &run.lease).await;
    done?;
    released?;
    Ok(run.report)
}

/// The right to send to the destination; None where somebody else keeps it for too long.
async fn take_lease(
    job: &Deliver,
    bench: &Bench,
    patience_ms: i64,
) -> Result<Option<Lease>, JobError> {
    let name = format!("deliver:{}", job.destination_name);
    let deadline_ms = bench.clock.now_ms().saturating_add(patience_ms);
    loop {
        let now_ms = bench.clock.now_ms();
        let wanted = Wanted {
            name: &name,
            holder: &job.holder,
            now_ms,
            until_ms: now_ms + job.lease_ms,
            from: job.dead_holder.as_deref(),
        };
        match leases::take(&bench.database, wanted).await? {
            Taking::Ours(lease) => return Ok(Some(lease)),
            Taking::Theirs { .. } if now_ms >= deadline_ms => return Ok(None),
            Taking::Theirs { until_ms, .. } => {
                // They may end before their time, so we look again sooner.
                let wait_ms = until_ms.min(deadline_ms) - now_ms;
                bench.clock.pause(wait_ms.clamp(1, SHORTEST_MS)).await;
            }
        }
    }
}

struct Run<'a> {
    job: &'a Deliver,
    bench: &'a Bench,
    lease: Lease,
    /// Nothing is claimed until then: the platform turned us away, or nobody was there.
    shut_until_ms: i64,
    /// How many times, one after another.
    shut_times: u32,
    report: Report,
}

impl Run<'_> {
    async fn go(&mut self, patience_ms: i64) -> Result<(), JobError> {
        self.recover().await?;
        let mut deadline_ms = None;
        loop {
            let asked = self.ask().await?;
            let claimed = self.send().await?;
            if claimed == self.job.batch {
                continue;
            }
            let followed = self.follow().await? + self.watch().await?;
            let now_ms = self.now_ms();
            // What is due and yet was not done is not ours to do: it is looked at again later.
            let idle = asked + claimed + followed == 0;
            let not_before_ms = if idle { now_ms + SHORTEST_MS } else { now_ms };
            self.report.next_ms = self.next_ms(not_before_ms).await?;
            if self.report.next_ms.is_some_and(|next_ms| next_ms <= now_ms) {
                continue;
            }
            let deadline_ms = *deadline_ms.get_or_insert(now_ms.saturating_add(patience_ms));
            if !self.wait(not_before_ms, deadline_ms).await? {
                return Ok(());
            }
        }
    }

    /// Waits until something is due, and holds on to the lease meanwhile. Says whether it comes in
    /// time.
    async fn wait(&mut self, not_before_ms: i64, deadline_ms: i64) -> Result<bool, JobError> {
        let beat_ms = (self.job.lease_ms / 3).max(1);
        let mut renew_ms = self.now_ms();
        while let Some(next_ms) = self.report.next_ms {
            let now_ms = self.now_ms();
            if next_ms <= now_ms {
                return Ok(true);
            }
            if next_ms > deadline_ms {
                return Ok(false);
            }
            let wait_ms = (next_ms - now_ms).min(beat_ms).min(self.job.notice_ms);
            self.bench.clock.pause(wait_ms.max(1)).await;
            if self.now_ms() >= renew_ms {
                leases::keep(&self.bench.database, &self.lease, self.until_ms()).await?;
                renew_ms = self.now_ms() + beat_ms / 2;
            }
            self.report.next_ms = self.next_ms(not_before_ms).await?;
        }
        Ok(false)
    }

    /// What the sender before us left in mid-air.
    async fn recover(&mut self) -> Result<(), JobError> {
        let (now_ms, until_ms) = (self.now_ms(), self.until_ms());
        let (database, name) = (&self.bench.database, &self.job.destination_name);
        let found = sending::recover(database, &self.lease, name, now_ms, until_ms).await?;
        fail_point::pass("deliver.recovered");
        self.report.unknown += found;
        Ok(())
    }

    /// Asks what became of sends that nobody answered.
    async fn ask(&mut self) -> Result<i64, JobError> {
        let rows = self.pending(State::Unknown).await?;
        let answers = self.inquire(&rows).await?;
        self.report.asked += rows.len() as u64;
        let now_ms = self.now_ms();
        let mut learnt = Learnt::default();
        for (row, answer) in rows.iter().zip(answers) {
            learnt.add(outcome::of_inquiry(self.job, row, answer, now_ms));
        }
        self.write(learnt).await?;
        Ok(rows.len() as i64)
    }

    /// Reads what became of what was accepted.
    async fn follow(&mut self) -> Result<i64, JobError> {
        let rows = self.pending(State::Accepted).await?;
        let destination = &self.job.destination;
        let about = self.questions(&rows);
        let questions: Vec<_> = about.iter().map(|about| destination.status(about)).collect();
        let questions = stream::iter(questions).buffered(QUESTIONS_AT_ONCE).collect::<Vec<_>>();
        let answers = self.while_leased(questions).await?;
        let now_ms = self.now_ms();
        let mut learnt = Learnt::default();
        for (row, answer) in rows.iter().zip(answers) {
            learnt.add(outcome::of_status(self.job, row, answer, now_ms));
        }
        self.write(learnt).await?;
        Ok(rows.len() as i64)
    }

    /// Looks for what an attempt that was given up may have left on the platform all the same.
    async fn watch(&mut self) -> Result<i64, JobError> {
        let rows = self.pending(State::Offered).await?;
        let answers = self.inquire(&rows).await?;
        let now_ms = self.now_ms();
        let mut learnt = Learnt::default();
        for (row, answer) in rows.iter().zip(answers) {
            learnt.add(outcome::of_watch(self.job, row, answer, now_ms));
        }
        self.write(learnt).await?;
        Ok(rows.len() as i64)
    }

    async fn inquire(
        &self,
        rows: &[PendingRow],
    ) -> Result<Vec<Result<Inquiry, ConnectorError>>, StoreError> {
        let destination = &self.job.destination;
        let about = self.questions(rows);
        // Collected first: a stream that maps over borrowed items cannot be sent between threads.
        let questions: Vec<_> = about.iter().map(|about| destination.inquire(about)).collect();
        let questions = stream::iter(questions).buffered(QUESTIONS_AT_ONCE).collect::<Vec<_>>();
        self.while_leased(questions).await
    }

    fn questions(&self, rows: &[PendingRow]) -> Vec<Question> {
        let now_ms = self.now_ms();
        let question = |row: &PendingRow| Question {
            reference: row.reference.clone(),
            content: Content::from_json(&row.message),
            platform_id: row.platform_id.clone(),
            first_intent_ms: row.first_intent_ms,
            in_doubt: outcome::is_in_doubt(row.doubt_until_ms, now_ms),
        };
        rows.iter().map(question).collect()
    }

    /// Claims some, shows them to the gate, and sends those that it lets through.
    async fn send(&mut self) -> Result<i64, JobError> {
        let now_ms = self.now_ms();
        if now_ms < self.shut_until_ms {
            return Ok(0);
        }
        let (database, name) = (&self.bench.database, &self.job.destination_name);
        let (until_ms, most) = (self.until_ms(), self.job.batch);
        fail_point::pass("deliver.before_intent");
        let claimed = sending::claim(database, &self.lease, name, now_ms, until_ms, most).await?;
        if claimed.is_empty() {
            return Ok(0);
        }
        fail_point::pass("deliver.intent");
        let count = claimed.len() as i64;
        self.report.claimed += claimed.len() as u64;
        let (cleared, settled) = judgement::judge(self.job, self.bench, claimed).await?;
        let mut learnt = Learnt { settled, ..Learnt::default() };
        fail_point::pass("deliver.before_send");
        let mut results = match cleared.is_empty() {
            true => Vec::new(),
            false => self.while_leased(self.job.destination.deliver(&cleared)).await?,
        }
        .into_iter();
        fail_point::pass("deliver.sent");
        let now_ms = self.now_ms();
        for cleared in &cleared {
            let silence = || ConnectorError::Unknown { cause: "no outcome was given".to_owned() };
            let result = results.next().unwrap_or_else(|| Err(silence()));
            self.mind_the_door(&result, now_ms);
            learnt.add(outcome::of_send(self.job, cleared.get(), result, now_ms));
        }
        self.write(learnt).await?;
        Ok(count)
    }

    /// Where the platform turns one away, it would turn away the next too: nothing more is claimed
    /// for a while.
    fn mind_the_door<T>(&mut self, result: &Result<T, ConnectorError>, now_ms: i64) {
        match result {
            Ok(_) => self.shut_times = 0,
            Err(ConnectorError::Unavailable { retry_after_ms, .. }) => {
                if self.shut_until_ms <= now_ms {
                    self.shut_times += 1;
                }
                let retry = &self.job.retry;
                let wait_ms = retry.wait_ms(self.shut_times).unwrap_or(retry.longest_ms);
                let wait_ms = retry_after_ms.unwrap_or(wait_ms).max(SHORTEST_MS);
                self.shut_until_ms = self.shut_until_ms.max(now_ms + wait_ms);
            }
            Err(_) => {}
        }
    }

    async fn pending(&self, state: State) -> Result<Vec<PendingRow>, StoreError> {
        let name = &self.job.destination_name;
        sending::pending(&self.bench.database, name, state, self.now_ms(), QUESTIONS).await
    }

    /// Writes what was learnt, all of it, before a closed door stops the job.
    async fn write(&mut self, learnt: Learnt) -> Result<(), JobError> {
        let database = &self.bench.database;
        if !learnt.settled.is_empty() {
            fail_point::pass("deliver.before_outcome");
            let changed = sending::settle(database, &learnt.settled, self.now_ms()).await?;
            for one in learnt.settled.iter().filter(|one| changed.contains(&one.id)) {
                self.report.count(one.state);
            }
            fail_point::pass("deliver.outcome");
        }
        if !learnt.postponed.is_empty() {
            sending::postpone(database, &learnt.postponed).await?;
        }
        learnt.halt.map_or(Ok(()), |error| Err(JobError::Connector(error)))
    }

    /// When something is due next: a question not before that time, a send at once, unless the door is
    /// shut.
    async fn next_ms(&self, not_before_ms: i64) -> Result<Option<i64>, StoreError> {
        let due = sending::next_due(&self.bench.database, &self.job.destination_name).await?;
        let waiting_ms = due.waiting_ms.map(|ms| ms.max(self.shut_until_ms));
        let asked = [due.unknown_ms, due.accepted_ms, due.offered_ms].into_iter().flatten();
        Ok(asked.map(|ms| ms.max(not_before_ms)).chain(waiting_ms).min())
    }

    /// Does what takes its time while the lease is renewed beside it. Where somebody else has taken
    /// the lease, the work is dropped on the spot: what was not sent yet is not sent.
    async fn while_leased<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        let beat = Duration::from_millis((self.job.lease_ms / 3).max(1).unsigned_abs());
        let mut kept_until_ms = self.until_ms();
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                // A process that was stopped and goes on learns first whether it may.
                biased;
                () = tokio::time::sleep(beat) => {
                    let until_ms = self.until_ms();
                    match leases::keep(&self.bench.database, &self.lease, until_ms).await {
                        Ok(()) => kept_until_ms = until_ms,
                        Err(StoreError::Unavailable(_)) if self.now_ms() < kept_until_ms => {}
                        Err(error) => return Err(error),
                    }
                }
                done = &mut work => return Ok(done),
            }
        }
    }

    fn now_ms(&self) -> i64 {
        self.bench.clock.now_ms()
    }

    fn until_ms(&self) -> i64 {
        self.now_ms() + self.job.lease_ms
    }
}

impl Report {
    fn count(&mut self, state: State) {
        match state {
            State::Waiting => self.waiting += 1,
            State::Accepted => self.accepted += 1,
            State::Delivered => self.delivered += 1,
            State::Unknown => self.unknown += 1,
            State::Held => self.held += 1,
            State::Offered => self.offered += 1,
            // Nothing is settled as being sent, and dismissed by nobody but a person.
            State::Sending | State::Dismissed => {}
        }
    }
}

/// What some sends or questions came to.
#[derive(Debug, Default)]
struct Learnt {
    settled: Vec<Settled>,
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
