//! The drain: batches on their way, three at a time. While one is being sent, the next is claimed, and
//! what became of the one before is written. The gate judges a batch when its turn has come to be sent,
//! and not when it is claimed: what is learnt in between counts.
//!
//! What a dead sender had in its hands goes apart from the rest, one by one: so the one that kills
//! whoever sends it is found, and nobody else pays for it.

use std::time::{Duration, Instant};

use super::door::Opening;
use super::{Learnt, Run, judgement, outcome};
use crate::connector::channel::{ConnectorError, Receipt};
use crate::job::error::JobError;
use crate::job::fail_point;
use crate::record::delivery::Delivery;
use crate::store::database::StoreError;
use crate::store::intents::Intent;
use crate::store::sending::{self, Claim, Claimed, ClaimedRow, Place, Settled};
use crate::suppression::gate::Cleared;

/// After so many batches questions have their turn.
const BATCHES: usize = 32;
/// Each so many batches are claimed from the front: what waited for one before it has its turn then. So is each that
/// follows one which took longer than this: nobody waits for seven of those.
const FROM_THE_FRONT: usize = 8;
const QUICK: Duration = Duration::from_millis(500);
const CAP_CODE: &str = "delivery.daily_cap";

/// Some that were judged, and how those stand that are not sent.
#[derive(Default)]
struct Batch {
    intent: Option<Intent>,
    intent_ms: i64,
    cleared: Vec<Cleared<Delivery>>,
    settled: Vec<Settled>,
}

type Results = Vec<Result<Receipt, ConnectorError>>;

/// What a batch came to, and how long it took.
type Sent = (Results, Duration);

impl Run<'_> {
    /// Sends what is due, until there is no more of it or others have to have their turn. Gives how
    /// many were claimed.
    pub(super) async fn drain(&mut self) -> Result<i64, JobError> {
        let mut count = Box::pin(self.drain_suspects()).await?;
        let mut batches: usize = 0;
        let (mut ready, mut learnt) = (Claimed::default(), Learnt::default());
        let mut took = Duration::ZERO;
        loop {
            let is_idle = ready.rows.is_empty() && learnt.settled.is_empty();
            let goes_on = !is_idle && took < QUICK && !batches.is_multiple_of(FROM_THE_FRONT);
            let after = ready.reached.filter(|_| goes_on).unwrap_or(sending::FRONT);
            // The first goes alone, and shows whether the platform is there.
            let alone = batches == 1 && !ready.rows.is_empty();
            let batch = Box::pin(self.judge(std::mem::take(&mut ready))).await?;
            let is_busy = !batch.cleared.is_empty();
            let mut claim =
                (batches < BATCHES && !alone).then(|| self.wanted(is_busy, after)).flatten();
            if claim.is_none() && batches == 0 && is_idle {
                // A person may have let it go on.
                self.look_at_the_door().await?;
                claim = self.wanted(is_busy, after);
            }
            let (next, sent, written) = {
                let this = &*self;
                // Boxed, each batch: what they hold between their steps is large, and stacks are not.
                let stages = futures_util::future::join3(
                    Box::pin(this.claim(claim, batches == 0)),
                    Box::pin(this.send(&batch)),
                    Box::pin(this.settle(&learnt)),
                );
                this.while_leased(stages).await?
            };
            self.report.count(&written?);
            took = sent.1;
            learnt = self.learn(batch, sent);
            ready = match next {
                Ok(next) => next,
                Err(error) => {
                    Box::pin(self.write(learnt)).await?;
                    return Err(error.into());
                }
            };
            count += ready.rows.len() as i64;
            batches += usize::from(claim.is_some());
            if ready.paused_ms.is_some() {
                self.door.pause(ready.paused_ms);
            }
            self.took(&ready.rows).await?;
            if learnt.halt.is_some() {
                // What was claimed beside it is given back.
                let back = Box::pin(self.judge(ready)).await?;
                learnt.settled.extend(back.settled);
                learnt.ended.extend(back.intent);
                Box::pin(self.write(learnt)).await?;
                return Ok(count);
            }
            // What was just written may let others go: only a look with nothing in hand is the last.
            if is_idle && ready.rows.is_empty() {
                return Ok(count);
            }
        }
    }

    /// So many were claimed.
    async fn took(&mut self, rows: &[ClaimedRow]) -> Result<(), StoreError> {
        self.report.claimed += rows.len() as u64;
        self.door.took(rows.len() as i64);
        self.keep_the_door().await
    }

    /// Sends what a sender died with in hand, each alone.
    async fn drain_suspects(&mut self) -> Result<i64, JobError> {
        let mut count = 0;
        while self.is_due(true).await? {
            let Some(claim) = self.wanted(false, sending::FRONT) else { break };
            let claim = Claim { suspects: true, urgent: 0, most: claim.most.min(1), ..claim };
            let claimed = self.claim(Some(claim), false).await?;
            if claimed.rows.is_empty() {
                break;
            }
            count += claimed.rows.len() as i64;
            self.took(&claimed.rows).await?;
            let batch = self.judge(claimed).await?;
            let sent = self.while_leased(self.send(&batch)).await?;
            let learnt = self.learn(batch, sent);
            Box::pin(self.write(learnt)).await?;
        }
        Ok(count)
    }

    /// What may be claimed now, if anything.
    fn wanted(&mut self, is_busy: bool, after: Place) -> Option<Claim> {
        let now_ms = self.now_ms();
        if self.job.bell.must_end() {
            return None;
        }
        match self.door.opening(now_ms, self.job.batch, is_busy) {
            Opening::Now { urgent, all } if urgent > 0 => {
                let until_ms = self.until_ms();
                self.claims += 1;
                let number = self.claims;
                Some(Claim { number, now_ms, until_ms, urgent, most: all, suspects: false, after })
            }
            _ => None,
        }
    }

    /// Claims a batch.
    async fn claim(&self, claim: Option<Claim>, looks_first: bool) -> Result<Claimed, StoreError> {
        let Some(claim) = claim else { return Ok(Claimed::default()) };
        // A look costs nothing; a claim is a commit that waits for the disk.
        if looks_first && !self.is_due(claim.suspects).await? {
            return Ok(Claimed::default());
        }
        fail_point::pass("deliver.before_intent");
        let (database, name) = (&self.bench.database, &self.job.destination_name);
        let claimed = sending::claim(database, &self.lease, name, claim).await?;
        self.kept(claim.until_ms);
        if claimed.intent.is_some() {
            fail_point::pass("deliver.intent");
        }
        Ok(claimed)
    }

    /// Shows a batch to the gate, and counts it against the day's number. What is too many for today
    /// waits for tomorrow; and where the door was shut meanwhile, or it is over, all is given back.
    async fn judge(&mut self, claimed: Claimed) -> Result<Batch, JobError> {
        let Claimed { rows, intent, .. } = claimed;
        let Some(first) = rows.first() else { return Ok(Batch::default()) };
        let intent_ms = first.since_ms;
        let (cleared, settled) = judgement::judge(self.job, self.bench, rows).await?;
        let mut batch = Batch { intent, intent_ms, cleared, settled };
        self.admit(&mut batch);
        self.keep_the_door().await?;
        Ok(batch)
    }

    fn admit(&mut self, batch: &mut Batch) {
        let (now_ms, intent_ms) = (self.now_ms(), batch.intent_ms);
        let back_ms = match self.door.shut_until_ms(now_ms) {
            Some(until_ms) => Some(until_ms),
            None => self.job.bell.must_end().then_some(now_ms),
        };
        let kept = std::mem::take(&mut batch.cleared);
        for cleared in kept {
            let delivery = cleared.get();
            if let Some(until_ms) = back_ms {
                // It is due as before: the door has its own time.
                let back = outcome::given_back(delivery, intent_ms, now_ms.min(until_ms), now_ms);
                batch.settled.push(back);
                continue;
            }
            match delivery.content.channel().and_then(|channel| self.door.admit(channel, now_ms)) {
                Some(until_ms) => {
                    let back = outcome::given_back(delivery, intent_ms, until_ms, now_ms);
                    let cause = "the day has had its number by this channel".to_owned();
                    let code = Some(CAP_CODE.to_owned());
                    batch.settled.push(Settled { code, cause: Some(cause), ..back });
                }
                None => batch.cleared.push(cleared),
            }
        }
    }

    async fn send(&self, batch: &Batch) -> Sent {
        if batch.cleared.is_empty() {
            return Sent::default();
        }
        let begun = Instant::now();
        fail_point::pass("deliver.before_send");
        for cleared in &batch.cleared {
            fail_point::die_of(&cleared.get().reference);
        }
        let results = self.job.destination.deliver(&batch.cleared).await;
        fail_point::pass("deliver.sent");
        (results, begun.elapsed())
    }

    /// What a batch came to, and what that says of the destination.
    fn learn(&mut self, batch: Batch, (results, took): Sent) -> Learnt {
        let now_ms = self.now_ms();
        let silence = || ConnectorError::Unknown { cause: "no outcome was given".to_owned() };
        let given = results.into_iter().map(Some).chain(std::iter::repeat_with(|| None));
        let results: Results = (given.take(batch.cleared.len()))
            .map(|given| given.unwrap_or_else(|| Err(silence())))
            .collect();
        let left = |result: &&Result<_, _>| {
            matches!(
                result,
                Ok(_) | Err(ConnectorError::Refused { .. } | ConnectorError::Unknown { .. })
            )
        };
        self.door.left(results.iter().filter(left).count() as i64, took.as_millis() as i64);
        let said = results.iter().map(|result| result.as_ref().map(|_| ()));
        let before = self.door.circuit().to_owned();
        self.door.learn(said, now_ms);
        let (circuit, job) = (self.door.circuit(), &self.job.job);
        if circuit != before {
            let cause = self.door.cause();
            tracing::warn!(job, circuit, cause, "the circuit of a destination changed");
        }
        let mut learnt = Learnt {
            settled: batch.settled,
            ended: batch.intent.into_iter().collect(),
            ..Learnt::default()
        };
        for (cleared, result) in batch.cleared.iter().zip(results) {
            let delivery = cleared.get();
            if let (Err(ConnectorError::Full { after_ms, .. }), Some(channel)) =
                (&result, delivery.content.channel())
            {
                self.door.is_full(channel, (batch.intent_ms, *after_ms), now_ms);
            }
            learnt.add(outcome::of_send(self.job, delivery, batch.intent_ms, result, now_ms));
        }
        learnt
    }
}
