//! Civica OpenRevenues: council tax and benefits, asked as its own portal asks it.
//!
//! It tells nobody what changed and who there is. A list says about whom it is asked; a poll looks some of
//! them up, and the next poll goes on behind them. Each lookup has a session of its own (`session`), and
//! makes records of our own composition (`composing`), whose bytes are the same where the facts are: what
//! changed is found by comparing.
//!
//! A poll is all or nothing, as every poll is: where the system cannot be asked, or mixes people up, nothing
//! of it is used, and the next poll asks about the same people.

pub mod budget;
mod calls;
mod composing;
pub mod fault;
mod ledger;
pub mod lookup;
pub mod operations;
pub mod people;
pub mod reply;
pub mod session;
pub mod settings;
mod sign_in;
mod writing;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::StreamExt;
use futures_util::stream;

use self::budget::Budget;
use self::calls::Caller;
use self::lookup::{Composed, Found, Lookup};
use self::people::{People, Unit};
use self::session::Sessions;
use self::settings::CivicaSettings;
use self::sign_in::SignIn;
use crate::connector::answering::unavailable;
use crate::connector::channel::{
    Asked, ConnectorError, Extract, Ignored, Origin, ReadEnd, Source, Taken,
};
use crate::connector::content::ContentDigest;
use crate::connector::definition::Surroundings;
use crate::connector::format::{Format, Raw, RecordSink, Stopped};
use crate::record::moment::Moment;

/// So many lookups must fail, and no other succeed, before it is the system that fails.
const FAILURES_ALONE: usize = 3;

/// An OpenRevenues, open.
pub struct OpenRevenues {
    settings: CivicaSettings,
    directory: PathBuf,
    caller: Arc<Caller>,
    sessions: Arc<Sessions>,
    /// Rows of the list from which nobody could be asked about, when it was last read.
    unreadable: Mutex<u64>,
    /// What is to be remembered when the poll is stored.
    looked: Mutex<Vec<(u64, u64)>>,
}

impl OpenRevenues {
    /// Opens the system that the settings name. Nobody signs in before there is something to ask.
    pub fn open(
        settings: CivicaSettings,
        around: &Surroundings,
    ) -> Result<OpenRevenues, ConnectorError> {
        let directory = PathBuf::from(around.expand(&settings.people.directory.value)?);
        let caller = Arc::new(Caller::open(&settings, around)?);
        let sign_in = SignIn::new(&settings, around, Arc::clone(&caller))?;
        // A secret that is not there is told now, and not at night.
        around.secret(&settings.password.value)?;
        let format = Arc::clone(&settings.layout.format);
        let sessions = Sessions::new(Arc::clone(&caller), format, sign_in, settings.sessions);
        Ok(OpenRevenues {
            settings,
            directory,
            caller,
            sessions,
            unreadable: Mutex::default(),
            looked: Mutex::default(),
        })
    }

    /// Its sessions, for whoever looks something up by hand.
    pub fn sessions(&self) -> &Arc<Sessions> {
        &self.sessions
    }

    fn budget(&self) -> Budget {
        let today = Moment(self.caller.now_ms()).day();
        budget::on(today, self.settings.usual, &self.settings.periods)
    }

    /// The newest list of people.
    async fn people(&self) -> Result<People, ConnectorError> {
        let (settings, directory) = (self.settings.people.clone(), self.directory.clone());
        let work = tokio::task::spawn_blocking(move || people::read(&settings, &directory));
        let broken =
            |_| unavailable("the reading of the list of people broke off".to_owned(), None);
        let people = work.await.map_err(broken)??;
        *held(&self.unreadable) = people.unreadable;
        Ok(people)
    }

    fn lookup(&self, budget: Budget) -> Lookup {
        let known = budget.reduced.then(|| held(&self.settings.memory.looked).clone());
        Lookup {
            sessions: Arc::clone(&self.sessions),
            module: self.settings.module,
            parts: self.settings.parts,
            today: Moment(self.caller.now_ms()).day(),
            known,
        }
    }

    /// Looks up those whose turn it is, and gives what they have to the sink.
    async fn poll(
        &self,
        origin: &Origin,
        mut sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let after = origin.asked.as_ref().and_then(|asked| asked.after.as_deref());
        let budget = self.budget();
        let units = match self.people().await {
            Ok(people) => turn(&people, after, budget.people),
            Err(error) => return (sink, Err(error)),
        };
        let (lookup, last) = (self.lookup(budget), units.last().map(|unit| unit.name().to_owned()));
        held(&self.looked).clear();
        let (mut digest, mut sound, mut failed) = (ContentDigest::new(), 0, 0);
        let looking = &lookup;
        let look = |unit: Unit| async move { looking.of(&unit).await };
        let mut finding = stream::iter(units).map(look).buffered(self.settings.sessions);
        while let Some(found) = finding.next().await {
            let found = match found {
                Ok(found) => found,
                Err(fault) => return (sink, Err(fault.of_poll())),
            };
            found.records.iter().for_each(|record| digest.update(record.text.as_bytes()));
            held(&self.looked).extend(&found.summaries);
            sound += found.records.iter().filter(|record| record.fault.is_none()).count();
            failed += found.records.iter().filter(|record| record.fault.is_some()).count();
            let longest = self.settings.record_bytes_max;
            let (back, given) = give(sink, found, longest).await;
            sink = back;
            if given.is_err() {
                return (sink, Err(stopped()));
            }
        }
        // It is one person's until it is everybody's.
        if sound == 0 && failed >= FAILURES_ALONE {
            let cause = "it answered with an error of its own, whoever was asked about".to_owned();
            return (sink, Err(unavailable(cause, None)));
        }
        let end = ReadEnd {
            content_digest: digest.finish(),
            encoding: "utf-8".to_owned(),
            cursor: last,
            ..ReadEnd::default()
        };
        (sink, Ok(end))
    }
}

/// Those whose turn it is.
fn turn(people: &People, after: Option<&str>, most: usize) -> Vec<Unit> {
    budget::window(&people.units, Unit::name, after, most).into_iter().cloned().collect()
}

/// Gives records to a sink, where it may block.
async fn give(
    mut sink: Box<dyn RecordSink>,
    found: Found,
    longest: usize,
) -> (Box<dyn RecordSink>, Result<(), Stopped>) {
    let work = tokio::task::spawn_blocking(move || {
        let mut given = Ok(());
        for record in &found.records {
            given = given.and_then(|()| take(&mut *sink, record, longest));
        }
        (sink, given)
    });
    match work.await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

fn take(sink: &mut dyn RecordSink, record: &Composed, longest: usize) -> Result<(), Stopped> {
    let raw = Raw { bytes: record.text.as_bytes(), context: b"", context_at: 0 };
    match record.fault {
        _ if record.text.len() > longest => {
            let cause = format!("the record is longer than {longest} bytes");
            sink.unsound(&record.key, "xml.size", cause, raw)
        }
        Some((code, cause)) => sink.unsound(&record.key, code, cause.to_owned(), raw),
        None => sink.record(&record.key, raw),
    }
}

/// Says that nothing more comes, where it may block.
async fn finished(
    mut sink: Box<dyn RecordSink>,
    end: Result<ReadEnd, ConnectorError>,
) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
    let work = tokio::task::spawn_blocking(move || {
        let end = match (end, sink.finish()) {
            (Ok(_), Err(Stopped)) => Err(stopped()),
            (end, _) => end,
        };
        (sink, end)
    });
    match work.await {
        Ok(done) => done,
        Err(broken) => std::panic::resume_unwind(broken.into_panic()),
    }
}

fn stopped() -> ConnectorError {
    unavailable("whoever took the records stopped".to_owned(), None)
}

/// What is behind a lock. Whoever held it and broke off left nothing half done.
fn held<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

#[async_trait]
impl Source for OpenRevenues {
    async fn look(&self, cursor: Option<&str>) -> Result<Vec<Origin>, ConnectorError> {
        let budget = self.budget();
        if budget.people == 0 {
            return Ok(Vec::new());
        }
        let people = self.people().await?;
        let some = budget.people.min(people.units.len());
        // Who they are is nobody's business who reads the name of a batch.
        let name = format!("{some} of the {} on the list", people.units.len());
        let mark = format!("asked|{}|{name}", self.caller.now_ms());
        let after = cursor.map(str::to_owned);
        Ok(vec![Origin { name, mark, bytes: 0, asked: Some(Asked { after }) }])
    }

    async fn ignored(&self) -> Result<Vec<Ignored>, ConnectorError> {
        let count = *held(&self.unreadable);
        let what = "row of the list of people from which nobody can be asked about";
        Ok(if count == 0 { Vec::new() } else { vec![Ignored { what, count }] })
    }

    async fn read(
        &self,
        origin: &Origin,
        sink: Box<dyn RecordSink>,
    ) -> (Box<dyn RecordSink>, Result<ReadEnd, ConnectorError>) {
        let (sink, end) = self.poll(origin, sink).await;
        finished(sink, end).await
    }

    /// What was stored need not be asked again whole where less is asked.
    async fn acknowledge(&self, _: &Origin, taken: Taken) -> Result<(), ConnectorError> {
        let looked = std::mem::take(&mut *held(&self.looked));
        if taken == Taken::Processed {
            held(&self.settings.memory.looked).extend(looked);
        }
        Ok(())
    }

    fn format(&self) -> &dyn Format {
        &*self.settings.layout.format
    }

    fn extract(&self) -> Extract {
        Extract::Delta
    }

    fn not_cards(&self) -> &[String] {
        &self.settings.layout.not_cards
    }
}
