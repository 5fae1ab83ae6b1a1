//! Questions to the platform: what became of what nobody answered, of what was accepted, and of what may
//! turn up after all.

use futures_util::StreamExt;
use futures_util::stream;

use super::{Learnt, Run, outcome};
use crate::connector::channel::{ConnectorError, Inquiry, Question};
use crate::job::error::JobError;
use crate::record::delivery::{Content, State};
use crate::store::database::StoreError;
use crate::store::rechecks::{self, Seen};
use crate::store::sending::{self, PendingRow};

/// Questions to a platform under way at once.
const QUESTIONS_AT_ONCE: usize = 8;
/// Questions put before the next look at what is waiting.
const QUESTIONS: i64 = 64;

impl Run<'_> {
    /// Asks what became of sends that nobody answered.
    pub(super) async fn ask(&mut self) -> Result<i64, JobError> {
        let rows = self.pending(State::Unknown).await?;
        self.report.asked += rows.len() as u64;
        self.inquire(rows, outcome::of_inquiry).await
    }

    /// Looks for what an attempt that was given up may have left on the platform all the same.
    pub(super) async fn watch(&mut self) -> Result<i64, JobError> {
        let rows = self.pending(State::Offered).await?;
        self.inquire(rows, outcome::of_watch).await
    }

    async fn inquire(&mut self, rows: Vec<PendingRow>, means: Means) -> Result<i64, JobError> {
        let destination = &self.job.destination;
        let about = self.questions(&rows);
        // Collected first: a stream that maps over borrowed items cannot be sent between threads.
        let questions: Vec<_> = about.iter().map(|about| destination.inquire(about)).collect();
        let questions = stream::iter(questions).buffered(QUESTIONS_AT_ONCE).collect::<Vec<_>>();
        let answers = self.while_leased(questions).await?;
        let now_ms = self.now_ms();
        self.told(answers.iter().map(|answer| answer.as_ref().err()), now_ms);
        let mut learnt = Learnt::default();
        for (row, answer) in rows.iter().zip(answers) {
            learnt.add(means(self.job, row, answer, now_ms));
        }
        self.write(learnt).await?;
        Ok(rows.len() as i64)
    }

    /// Reads what became of what was accepted.
    pub(super) async fn follow(&mut self) -> Result<i64, JobError> {
        let rows = self.pending(State::Accepted).await?;
        let destination = &self.job.destination;
        let about = self.questions(&rows);
        let questions: Vec<_> = about.iter().map(|about| destination.status(about)).collect();
        let questions = stream::iter(questions).buffered(QUESTIONS_AT_ONCE).collect::<Vec<_>>();
        let answers = self.while_leased(questions).await?;
        let now_ms = self.now_ms();
        self.told(answers.iter().map(|answer| answer.as_ref().err()), now_ms);
        let mut learnt = Learnt::default();
        for (row, answer) in rows.iter().zip(answers) {
            learnt.add(outcome::of_status(self.job, row, answer, now_ms));
        }
        self.write(learnt).await?;
        Ok(rows.len() as i64)
    }

    /// Looks once more at payments that were made, where their platform gave a hint that something happened.
    pub(super) async fn look_once_more(&mut self) -> Result<i64, JobError> {
        let now_ms = self.now_ms();
        if self.job.bell.must_end() || self.door.questions_from_ms(now_ms).is_some() {
            return Ok(0);
        }
        let (database, name) = (&self.bench.database, &self.job.destination_name);
        let rows = rechecks::due(database, name, now_ms, QUESTIONS).await?;
        let destination = &self.job.destination;
        let about = self.questions(&rows);
        let questions: Vec<_> = about.iter().map(|about| destination.status(about)).collect();
        let questions = stream::iter(questions).buffered(QUESTIONS_AT_ONCE).collect::<Vec<_>>();
        let answers = self.while_leased(questions).await?;
        let now_ms = self.now_ms();
        self.told(answers.iter().map(|answer| answer.as_ref().err()), now_ms);
        let (mut seen, mut learnt) = (Vec::with_capacity(rows.len()), Learnt::default());
        for (row, answer) in rows.iter().zip(answers) {
            match outcome::of_recheck(self.job, answer, now_ms) {
                Ok(found) => seen.push((row.id, found)),
                Err(halt) => learnt.halt = Some(halt),
            }
        }
        self.report.held +=
            seen.iter().filter(|(_, seen)| matches!(seen, Seen::Held { .. })).count() as u64;
        rechecks::write(&self.bench.database, &seen, now_ms).await?;
        self.write(learnt).await?;
        Ok(rows.len() as i64)
    }

    /// Told to come back later, nobody knocks before.
    fn told<'e>(&mut self, errors: impl Iterator<Item = Option<&'e ConnectorError>>, now_ms: i64) {
        let told = errors.flatten().filter_map(|error| match error {
            ConnectorError::Unavailable { retry_after_ms, .. } => *retry_after_ms,
            _ => None,
        });
        if let Some(after_ms) = told.max() {
            self.door.told(after_ms, now_ms);
        }
    }

    fn questions(&self, rows: &[PendingRow]) -> Vec<Question> {
        let now_ms = self.now_ms();
        let question = |row: &PendingRow| Question {
            reference: row.reference.clone(),
            content: Content::from_json(&row.message),
            platform_id: row.platform_id.clone(),
            first_intent_ms: row.first_intent_ms,
            intent_ms: row.intent_ms,
            in_doubt: outcome::is_in_doubt(row.doubt_until_ms, now_ms),
        };
        rows.iter().map(question).collect()
    }

    async fn pending(&self, state: State) -> Result<Vec<PendingRow>, StoreError> {
        if self.job.bell.must_end() || self.door.questions_from_ms(self.now_ms()).is_some() {
            return Ok(Vec::new());
        }
        let name = &self.job.destination_name;
        sending::pending(&self.bench.database, name, state, self.now_ms(), QUESTIONS).await
    }
}

/// What the answer to a question means.
type Means =
    fn(&super::Deliver, &PendingRow, Result<Inquiry, ConnectorError>, i64) -> outcome::Next;
